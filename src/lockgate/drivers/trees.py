"""Trees: artifacts made ready to run, each built once at its final place.

``artifacts/trees/<kind>-<12 digits>/root`` is the tree (an environment of Python cannot be moved, so it is never
built elsewhere and renamed); ``complete`` beside it, written last, holds the full digest. A tree without it is half
made and is built anew. A lock on each name lets many threads and processes ask for the same tree: one builds, the
others wait, and an installer orphaned by a crash keeps the lock until it has ended.
"""

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from lockgate.core.artifact import Artifact, ArtifactKind
from lockgate.core.errors import ArtifactAltered
from lockgate.core.ids import Digest, Instant, digest_of, short
from lockgate.drivers.storage import (
    discard,
    disk,
    flush_file_system,
    flush_folder,
    locked,
    locked_now,
    make_read_only,
)

_COMPLETE = "complete"


@dataclass(frozen=True, slots=True)
class Site:
    """Where a tree is being built."""

    root: Path
    """Does not exist yet; its parent does."""
    lock: int
    """Descriptor to hand to every child process that writes to the tree."""


def tree_name(artifact: Artifact) -> str:
    """The folder of an artifact's tree. The tree of a single file holds it under its own name, so that name counts."""
    if artifact.kind is ArtifactKind.FILE:
        return f"{artifact.kind.value}-{short(digest_of([artifact.digest, artifact.name]))}"
    return f"{artifact.kind.value}-{short(artifact.digest)}"


class Trees:
    """The trees of one data folder; safe to use from many threads and processes."""

    def __init__(self, home: Path) -> None:
        self.root = home / "artifacts" / "trees"
        self._locks = home / "artifacts" / "locks"

    def make(self, name: str, digest: Digest, build: Callable[[Site], None]) -> Path:
        """The root of the tree, built now if it is not there whole. ``build`` is called at most once and must make
        ``site.root``; whatever it raises is passed on, and nothing of the tree is left.

        Raises :class:`StorageFull`; :class:`ArtifactAltered` when the place holds another digest's tree.
        """
        with locked(self._lock(name), shared=True):
            if self._is_complete(name, digest):
                return self._use(name)
        with locked(self._lock(name)) as lock:
            if not self._is_complete(name, digest):
                self._build(name, digest, Site(self.root / name / "root", lock), build)
            return self._use(name)

    def remove(self, name: str, *, unused_since: Instant | None = None) -> int | None:
        """Removes a tree and tells how many bytes that freed; None when it is not there, is being made, or was used
        after ``unused_since``."""
        place = self.root / name
        with locked_now(self._lock(name)) as mine:
            if not mine or not place.is_dir():
                return None
            if unused_since is not None and self._last_used(name) > unused_since:
                return None
            freed = self._discard(place)
            self._lock(name).unlink(missing_ok=True)
            return freed

    def __iter__(self) -> Iterator[str]:
        if self.root.is_dir():
            yield from sorted(place.name for place in self.root.iterdir())

    def _lock(self, name: str) -> Path:
        return self._locks / f"{name}.lock"

    def _is_complete(self, name: str, digest: Digest) -> bool:
        try:
            found = (self.root / name / _COMPLETE).read_text()
        except FileNotFoundError:
            return False
        if found.startswith("sha256:") and len(found) == len(digest) and found != digest:
            because = f"{self.root / name} holds {found}, which begins like {digest} but is another artifact."
            raise ArtifactAltered(
                because, "Two artifacts made to look alike are an attack: find out where they came from."
            )
        return found == digest and (self.root / name / "root").exists()

    def _use(self, name: str) -> Path:
        os.utime(self.root / name / _COMPLETE)
        return self.root / name / "root"

    def _last_used(self, name: str) -> Instant:
        marker = self.root / name / _COMPLETE
        try:
            return marker.stat().st_mtime
        except FileNotFoundError:
            return (self.root / name).stat().st_mtime

    def _build(self, name: str, digest: Digest, site: Site, build: Callable[[Site], None]) -> None:
        place = self.root / name
        try:
            with disk(self.root):
                self._discard(place)
                place.mkdir(parents=True)
                build(site)
                make_read_only(site.root)
                flush_file_system(place)
                (place / _COMPLETE).write_text(digest)
                flush_folder(place)
        except BaseException:
            self._discard(place)
            raise

    def _discard(self, place: Path) -> int:
        """The marker first: a tree that is half removed must not look complete."""
        (place / _COMPLETE).unlink(missing_ok=True)
        return discard(place)
