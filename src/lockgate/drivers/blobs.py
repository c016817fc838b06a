"""Blobs: bytes kept under the name of their own sha256.

``artifacts/blobs/sha256/ab/abcd...``, mode 0444. A blob is streamed into a temporary file of the same file system,
flushed, and renamed into place: it is there whole, or not at all. A blob that nothing needs is removed only when it
has not been stored or used for a while, and under a lock that every store takes: a blob just found present is never
pulled away from under its finder.
"""

import contextlib
import hashlib
import io
import json
import os
import re
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, TypeVar

from lockgate.core.errors import ArtifactAltered, ArtifactMissing
from lockgate.core.ids import Digest, Instant, canonical
from lockgate.drivers.storage import disk, flush_file_system, flush_folder, locked

CHUNK = 1 << 20
K = TypeVar("K")
_HEX = re.compile(r"[0-9a-f]{64}\Z")


class Incoming:
    """A blob being written. What is not kept is removed."""

    def __init__(self, blobs: "Blobs", path: Path, file: BinaryIO) -> None:
        self.path = path
        """Where its bytes are until it is kept."""
        self.size = 0
        self._blobs = blobs
        self._file = file
        self._sha256 = hashlib.sha256()

    def write(self, data: bytes) -> int:
        """Raises :class:`StorageFull`."""
        with disk(self._blobs.root):
            self._file.write(data)
        self._sha256.update(data)
        self.size += len(data)
        return len(data)

    def finish(self) -> Digest:
        """Nothing more will be written; the path can be read. Raises :class:`StorageFull`."""
        if not self._file.closed:
            with disk(self._blobs.root):
                self._file.flush()
                self._file.close()
        return Digest("sha256:" + self._sha256.hexdigest())

    def expect(self, digest: Digest, what: str) -> None:
        """Raises :class:`ArtifactAltered` when the bytes are not those that the digest names."""
        found = self.finish()
        if found != digest:
            raise altered(what, digest, found)

    def keep(self) -> Digest:
        """Puts it into the store for good. Raises :class:`StorageFull`."""
        digest = self.finish()
        with disk(self._blobs.root):
            _flush(self.path)
        self._blobs._adopt(self.path, digest)
        return digest

    def abandon(self) -> None:
        with contextlib.suppress(OSError):
            self._file.close()
        self.path.unlink(missing_ok=True)


class Blobs:
    """The store of one data folder; safe to use from many threads and processes."""

    def __init__(self, home: Path) -> None:
        self.root = home / "artifacts" / "blobs" / "sha256"
        self.scratch = home / "artifacts" / "tmp"
        self._lock = home / "artifacts" / "blobs.lock"

    @contextmanager
    def incoming(self) -> Iterator[Incoming]:
        """A blob to write and then to ``keep``; without that, nothing is left of it."""
        with disk(self.root):
            self.scratch.mkdir(parents=True, exist_ok=True)
            descriptor, name = tempfile.mkstemp(prefix="blob-", dir=self.scratch)
        new = Incoming(self, Path(name), os.fdopen(descriptor, "wb"))
        try:
            yield new
        finally:
            new.abandon()

    def put_stream(self, chunks: Iterable[bytes]) -> Digest:
        """Raises :class:`StorageFull`."""
        with self.incoming() as new:
            for chunk in chunks:
                new.write(chunk)
            return new.keep()

    def put_bytes(self, data: bytes) -> Digest:
        """Raises :class:`StorageFull`."""
        return self.put_stream([data])

    def put_file(self, path: Path) -> Digest:
        """Copies a file in. Raises :class:`StorageFull`, and :class:`OSError` when it cannot be read."""
        with path.open("rb") as file:
            return self.put_stream(chunks_of(file))

    def put_files(self, paths: Iterable[Path]) -> dict[Path, Digest]:
        """Copies many files in with one flush for all. Raises as :meth:`put_file`."""
        with contextlib.ExitStack() as stack:
            new = {path: stack.enter_context(self.incoming()) for path in paths}
            for path, one in new.items():
                with path.open("rb") as file:
                    for chunk in chunks_of(file):
                        one.write(chunk)
            return self.keep_all(new)

    def keep_all(self, new: Mapping[K, Incoming]) -> dict[K, Digest]:
        """Keeps many with one flush of the file system. Raises :class:`StorageFull`."""
        digests = {name: one.finish() for name, one in new.items()}
        if new:
            with disk(self.root):
                flush_file_system(self.scratch)
        for name, one in new.items():
            self._adopt(one.path, digests[name])
        return digests

    def put_value(self, value: Any) -> Digest:
        """Keeps a value as canonical JSON; its digest is the digest of the value."""
        return self.put_bytes(canonical(value))

    def value(self, digest: Digest) -> Any:
        """Raises :class:`ArtifactMissing` and :class:`ArtifactAltered`."""
        return json.loads(self.read(digest))

    def has(self, digest: Digest) -> bool:
        return self._place(digest).is_file()

    def path(self, digest: Digest) -> Path:
        """Where the blob is. Raises :class:`ArtifactMissing`."""
        place = self._place(digest)
        if not place.is_file():
            raise _missing(digest)
        return place

    def open(self, digest: Digest, *, verify: bool = False) -> io.BufferedReader:
        """The blob to read from its start; with ``verify`` its bytes are first compared with the digest.
        Raises :class:`ArtifactMissing`, :class:`ArtifactAltered`."""
        try:
            file = self._place(digest).open("rb")
        except FileNotFoundError as error:
            raise _missing(digest) from error
        if verify:
            try:
                self._verify(digest, file)
            except BaseException:
                file.close()
                raise
        return file

    def read(self, digest: Digest) -> bytes:
        """All of it, compared with the digest. Raises :class:`ArtifactMissing`, :class:`ArtifactAltered`."""
        with self.open(digest, verify=True) as file:
            return file.read()

    def use(self, digests: Iterable[Digest]) -> None:
        """Says that these are needed now, so that no collection takes them for a while.
        Raises :class:`ArtifactMissing` for the first that is not there."""
        with locked(self._lock, shared=True):
            for digest in digests:
                os.utime(self.path(digest))

    def claim(self, digest: Digest) -> bool:
        """Whether it is there; if so, no collection takes it for a while."""
        with locked(self._lock, shared=True):
            if not self.has(digest):
                return False
            os.utime(self._place(digest))
            return True

    def delete(self, digest: Digest, *, unused_since: Instant | None = None) -> int | None:
        """Removes a blob and tells its size in bytes; None when it is not there, or when it was stored or used after
        ``unused_since``."""
        place = self._place(digest)
        with locked(self._lock):
            try:
                found = place.stat()
            except FileNotFoundError:
                return None
            if unused_since is not None and found.st_mtime > unused_since:
                return None
            place.unlink()
            return found.st_size

    def __iter__(self) -> Iterator[Digest]:
        for place in sorted(self.root.glob("??/*")):
            if _HEX.match(place.name):
                yield Digest("sha256:" + place.name)

    def _place(self, digest: Digest) -> Path:
        name = digest.removeprefix("sha256:")
        if not _HEX.match(name):
            raise ArtifactMissing(f"{digest!r} is not a digest, so no blob has that name.")
        return self.root / name[:2] / name

    def _adopt(self, path: Path, digest: Digest) -> None:
        place = self._place(digest)
        # Also over a blob that is there: whoever reads it goes on reading, and one damaged on the disk is mended.
        with disk(self.root), locked(self._lock, shared=True):
            place.parent.mkdir(parents=True, exist_ok=True)
            path.chmod(0o444)
            path.replace(place)
            flush_folder(place.parent)

    def _verify(self, digest: Digest, file: io.BufferedReader) -> None:
        found = Digest("sha256:" + hashlib.file_digest(file, "sha256").hexdigest())
        if found != digest:
            raise altered(f"The stored blob {self._place(digest)}", digest, found)
        file.seek(0)


def chunks_of(file: BinaryIO) -> Iterator[bytes]:
    """The rest of a file in pieces of at most 1 MiB."""
    while chunk := file.read(CHUNK):
        yield chunk


def altered(what: str, expected: Digest, found: Digest) -> ArtifactAltered:
    """The error for bytes that are not those that a digest names."""
    return ArtifactAltered(
        f"{what} has other bytes than when it was fixed: expected {expected}, found {found}.",
        "Make a new release if the change is meant; otherwise find out who changed it.",
    )


def _missing(digest: Digest) -> ArtifactMissing:
    because = f"The blob {digest} is not in the artifact store; it was collected, or this is another data folder."
    return ArtifactMissing(because, "Make the release again.")


def _flush(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
