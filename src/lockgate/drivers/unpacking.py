"""Archives from strangers: tar (plain, gzip, bzip2, xz) and zip, unpacked without trust.

Refused: names that are absolute or contain ``..``; links that lead outside, hard links to what was not unpacked before,
anything written through a link; devices and pipes; more files, bytes or compression than the limits. Sizes are counted
while reading, because headers lie. Not left to ``tarfile``'s own filter: the one in older Pythons can be led outside by
a chain of links (CVE-2025-4517, CVE-2025-4330). Times are not restored: servers make ETags of time and size, and builds
with a fixed time would make two releases look alike.
"""

import bz2
import errno
import gzip
import lzma
import os
import shutil
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path, PurePosixPath
from typing import IO, BinaryIO, cast

from lockgate.core.errors import ArtifactMistyped
from lockgate.drivers.blobs import CHUNK

_OF_THE_ARCHIVE = frozenset({None, errno.ENAMETOOLONG, errno.EILSEQ, errno.ELOOP})
"""None: a decompressor's own complaint."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What an archive may cost."""

    files: int = 100_000
    total: int = 8 << 30
    """Bytes unpacked."""
    ratio: int = 200
    """Bytes unpacked for each byte of the archive, once more than ``ratio_from`` are unpacked."""
    ratio_from: int = 64 << 20


class Sort(StrEnum):
    FILE = "file"
    FOLDER = "folder"
    LINK = "link"
    SAME = "hard link"


@dataclass(frozen=True, slots=True)
class Member:
    """One entry of an archive whose name has been found safe."""

    name: PurePosixPath
    sort: Sort
    executable: bool = False
    target: str = ""
    """Of links: as written for symbolic ones, from the archive's root for hard ones."""
    content: IO[bytes] | None = None


class Meter:
    """Counts what comes out of an archive and stops it at the limits."""

    def __init__(self, limits: Limits, packed: int, what: str) -> None:
        self.limits = limits
        self.what = what
        self._packed = max(packed, 1)
        self._files = 0
        self._bytes = 0

    def anew(self) -> "Meter":
        """The same limits, nothing counted."""
        return Meter(self.limits, self._packed, self.what)

    def file(self) -> None:
        self._files += 1
        if self._files > self.limits.files:
            raise _bomb(self.what, f"more than {self.limits.files} files")

    def end(self) -> None:
        """Raises :class:`ArtifactMistyped` for an archive without anything in it."""
        if self._files == 0:
            raise ArtifactMistyped(f"{self.what} holds no files.", "Look at how it was packed.")

    def bytes(self, count: int) -> None:
        self._bytes += count
        if self._bytes > self.limits.total:
            raise _bomb(self.what, f"more than {self.limits.total} bytes")
        if self._bytes > self.limits.ratio_from and self._bytes > self.limits.ratio * self._packed:
            raise _bomb(self.what, f"more than {self.limits.ratio} bytes for each byte of the archive")


class Unpacking:
    """One pass over an archive: what was seen so far, and where it goes (nowhere when only inspected)."""

    def __init__(self, into: Path | None, what: str) -> None:
        self._into = into
        self._what = what
        self._files: dict[PurePosixPath, int] = {}
        self._folders: set[PurePosixPath] = {PurePosixPath()}
        self._links: set[PurePosixPath] = set()

    def take(self, member: Member, meter: Meter) -> None:
        """Raises :class:`ArtifactMistyped`, :class:`OSError`."""
        meter.file()
        self._open_folder(member.name if member.sort is Sort.FOLDER else member.name.parent)
        if member.sort is Sort.FOLDER:
            return
        taken = member.name in self._links or member.name in self._folders
        if taken or (member.sort is Sort.LINK and member.name in self._files):
            raise self._refused(member.name, "stands for two things in the archive")
        {Sort.FILE: self._file, Sort.LINK: self._link, Sort.SAME: self._same}[member.sort](member, meter)

    def _open_folder(self, name: PurePosixPath) -> None:
        for folder in [*reversed(name.parents), name]:
            if folder in self._folders:
                continue
            if folder in self._links or folder in self._files:
                raise self._refused(name, f"would be written through {str(folder)!r}, which is not a folder")
            self._folders.add(folder)
            if self._into is not None:
                (self._into / folder).mkdir(exist_ok=True)

    def _file(self, member: Member, meter: Meter) -> None:
        target = self._fresh(member.name)
        chunks = _counted(member.content, meter)
        if target is None:
            self._files[member.name] = sum(len(chunk) for chunk in chunks)
            return
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
        with os.fdopen(os.open(target, flags, 0o755 if member.executable else 0o644), "wb") as file:
            self._files[member.name] = sum(file.write(chunk) for chunk in chunks)

    def _link(self, member: Member, meter: Meter) -> None:
        """Only leading ``..`` and no more of them than the link is deep: then no chain of such links leads outside."""
        names = [step for step in member.target.split("/") if step not in {"", "."}]
        ups = names.count("..")
        too_far = ups > len(member.name.parent.parts) or names[:ups] != [".."] * ups
        if not member.target or member.target.startswith("/") or too_far:
            raise self._refused(member.name, f"is a link to {member.target!r}, outside of the archive")
        self._links.add(member.name)
        if self._into is not None:
            (self._into / member.name).symlink_to(member.target)

    def _same(self, member: Member, meter: Meter) -> None:
        other = safe_name(member.target, self._what)
        if other not in self._files:
            raise self._refused(member.name, f"is a hard link to {member.target!r}, which the archive does not hold")
        if other == member.name:
            return
        # A copy, not a second name: each file of a tree is its own. So it costs what the file costs.
        meter.bytes(self._files[other])
        target = self._fresh(member.name)
        self._files[member.name] = self._files[other]
        if target is not None and self._into is not None:
            shutil.copy(self._into / other, target)

    def _fresh(self, name: PurePosixPath) -> Path | None:
        """Where to write it; a file that the archive holds twice is replaced, as tar does."""
        if self._into is None:
            return None
        if name in self._files:
            (self._into / name).unlink()
        return self._into / name

    def _refused(self, name: PurePosixPath, because: str) -> ArtifactMistyped:
        return refused(self._what, f"{str(name)!r} {because}")


def unpack(archive: Path | BinaryIO, into: Path | None, what: str, limits: Limits | None = None) -> None:
    """Unpacks into a new folder, or with None only reads all of it to see whether it is safe.

    ``what`` names it in errors. Raises :class:`ArtifactMistyped` when it is no archive, is damaged, or is refused;
    :class:`OSError`.
    """
    if isinstance(archive, Path):
        with archive.open("rb") as file:
            return unpack(file, into, what, limits)
    if into is not None:
        into.mkdir()
    meter = Meter(limits or Limits(), archive.seek(0, os.SEEK_END), what)
    archive.seek(0)
    unpacking = Unpacking(into, what)
    try:
        for member in _members(archive, meter):
            unpacking.take(member, meter)
        meter.end()
    except (tarfile.TarError, zipfile.BadZipFile, EOFError, zlib.error, lzma.LZMAError, gzip.BadGzipFile) as error:
        raise refused(what, f"it is damaged or cut short ({error})") from error
    except (NotImplementedError, RuntimeError, ValueError) as error:
        raise refused(what, f"it cannot be read ({error})") from error
    except OSError as error:
        if error.errno not in _OF_THE_ARCHIVE:
            raise
        raise refused(what, f"it cannot be unpacked ({error})") from error
    return None


def refused(what: str, because: str) -> ArtifactMistyped:
    """The error for an archive that will not be unpacked."""
    return ArtifactMistyped(f"{what} is not safe to unpack: {because}.", "Nothing of it was kept.")


def safe_name(text: str, what: str) -> PurePosixPath:
    """A name inside the archive. Raises :class:`ArtifactMistyped`."""
    name = PurePosixPath(text)
    if name.is_absolute() or ".." in name.parts or "\x00" in text:
        raise refused(what, f"the name {text!r} leads outside of it")
    return name


def _counted(content: IO[bytes] | None, meter: Meter) -> Iterator[bytes]:
    while content is not None and (chunk := content.read(CHUNK)):
        meter.bytes(len(chunk))
        yield chunk


def _members(archive: BinaryIO, meter: Meter) -> Iterator[Member]:
    head = archive.read(262 + 8)
    archive.seek(0)
    if head.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return _zip_members(archive, meter.what)
    if head.startswith(b"\x1f\x8b"):
        return _tar_members(cast(IO[bytes], gzip.GzipFile(fileobj=archive)), meter)
    if head.startswith(b"BZh"):
        return _tar_members(bz2.BZ2File(archive), meter)
    if head.startswith(b"\xfd7zXZ\x00"):
        return _tar_members(lzma.LZMAFile(archive), meter)
    if head[257:262] == b"ustar":
        return _tar_members(archive, meter)
    because = f"{meter.what} is neither a tar archive (plain, gzip, bzip2, xz) nor a zip archive."
    raise ArtifactMistyped(because, "Pack it as one of these, or use file: for a single file.")


class _Stream:
    """A decompressed stream whose every byte is counted, headers and skipped parts too."""

    def __init__(self, stream: IO[bytes], meter: Meter) -> None:
        self._stream = stream
        self._meter = meter

    def read(self, size: int = -1) -> bytes:
        data = self._stream.read(size)
        self._meter.bytes(len(data))
        return data


def _tar_members(stream: IO[bytes], meter: Meter) -> Iterator[Member]:
    counted = cast(IO[bytes], _Stream(stream, meter.anew()))
    with tarfile.open(fileobj=counted, mode="r|", errorlevel=2) as tar:
        for entry in tar:
            name = safe_name(entry.name, meter.what)
            if not name.parts:
                continue
            sort = _tar_sort(entry, meter.what)
            content = tar.extractfile(entry) if sort is Sort.FILE else None
            yield Member(name, sort, bool(entry.mode & 0o100), entry.linkname, content)


def _tar_sort(entry: tarfile.TarInfo, what: str) -> Sort:
    for sort, found in (
        (Sort.FILE, entry.isreg()),
        (Sort.FOLDER, entry.isdir()),
        (Sort.LINK, entry.issym()),
        (Sort.SAME, entry.islnk()),
    ):
        if found:
            return sort
    raise refused(what, f"{entry.name!r} is a device, a pipe or something else that is not a file")


def _zip_members(archive: BinaryIO, what: str) -> Iterator[Member]:
    with zipfile.ZipFile(archive) as whole:
        for entry in whole.infolist():
            if "\\" in entry.filename:
                raise refused(what, f"the name {entry.filename!r} has backslashes, which mean folders to some")
            name = safe_name(entry.filename, what)
            if not name.parts:
                continue
            mode = entry.external_attr >> 16
            if stat.S_IFMT(mode) not in {0, stat.S_IFREG, stat.S_IFDIR}:
                raise refused(what, f"{entry.filename!r} is a link or a device, which zip archives may not hold here")
            if entry.is_dir():
                yield Member(name, Sort.FOLDER)
                continue
            with whole.open(entry) as content:
                yield Member(name, Sort.FILE, bool(mode & 0o100), content=content)


def _bomb(what: str, because: str) -> ArtifactMistyped:
    return refused(what, f"it unpacks to {because}")
