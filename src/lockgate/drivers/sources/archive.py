"""``archive:``: a tar or zip archive, as a path or a URL, with or without ``#sha256=...``.

The archive itself is the blob, and its sha256 the digest. It is read through once when it is resolved, so that
an unsafe one never gets into a release; it is unpacked as it is, with no folder taken away.
"""

from collections.abc import Collection
from pathlib import Path, PurePosixPath

from lockgate.core.artifact import Artifact, ArtifactKind, Reference, Tree
from lockgate.core.ids import Digest, short
from lockgate.drivers.depot import Depot
from lockgate.drivers.downloads import for_people
from lockgate.drivers.fixed import Place, place_of
from lockgate.drivers.trees import Site, tree_name
from lockgate.drivers.unpacking import Limits, unpack

_ENDINGS = (".tar.gz", ".tar.bz2", ".tar.xz", ".tgz", ".tbz2", ".txz", ".tar", ".zip")


class ArchiveSource:
    """Archives by path, ``file:``, ``http:`` or ``https:`` URL."""

    kind = ArtifactKind.ARCHIVE

    def __init__(self, depot: Depot, limits: Limits | None = None) -> None:
        self._depot = depot
        self._limits = limits or Limits()

    def resolve(self, reference: Reference, folder: Path) -> Artifact:
        """Raises :class:`ArtifactMissing`, :class:`ArtifactAltered` (``#sha256=`` differs),
        :class:`ArtifactMistyped` (no archive, or unsafe), :class:`Unavailable`, :class:`StorageFull`."""
        place = place_of(reference, folder)
        digest = self._kept(place) or self._fetch(place)
        return Artifact(self.kind, _name(place), short(digest), digest, for_people(reference))

    def materialise(self, artifact: Artifact) -> Tree:
        """Raises :class:`ArtifactMissing`, :class:`ArtifactAltered`, :class:`StorageFull`."""

        def build(site: Site) -> None:
            self._depot.blobs.use([artifact.digest])
            with self._depot.blobs.open(artifact.digest, verify=True) as file:
                unpack(file, site.root, artifact.reference, self._limits)

        root = PurePosixPath(self._depot.trees.make(tree_name(artifact), artifact.digest, build))
        programs = root / "bin"
        return Tree(root, (root, programs) if Path(programs).is_dir() else (root,))

    def latest(self, reference: Reference, folder: Path) -> Reference:
        """What the place holds now, as ``place#sha256=...``. Raises as :meth:`resolve`."""
        place = place_of(reference, folder)
        return reference if place.digest else place.fixed(self._fetch(place))

    def blobs_of(self, artifact: Artifact) -> Collection[Digest]:
        return {artifact.digest}

    def _kept(self, place: Place) -> Digest | None:
        """A fixed one that is here needs no network."""
        if place.digest is None or not self._depot.blobs.claim(place.digest):
            return None
        with self._depot.blobs.open(place.digest, verify=True) as file:
            unpack(file, None, place.shown, self._limits)
        return place.digest

    def _fetch(self, place: Place) -> Digest:
        with self._depot.blobs.incoming() as new:
            place.fetch(new)
            new.finish()
            unpack(new.path, None, place.shown, self._limits)
            return new.keep()


def _name(place: Place) -> str:
    ending = next((e for e in _ENDINGS if place.file_name.lower().endswith(e)), "")
    return place.file_name[: len(place.file_name) - len(ending)] or place.file_name
