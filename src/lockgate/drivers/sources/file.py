"""``file:``: one file as it is, such as a database, a configuration or a static program.

Its tree holds a read-only copy under the file's own name, because programs look at names (datasette calls a database
after its file). A copy, not a second name of the blob: a program that runs as root writes to read-only files, and must
not be able to damage what other releases share.
"""

import shutil
from collections.abc import Collection
from pathlib import Path, PurePosixPath

from lockgate.core.artifact import Artifact, ArtifactKind, Reference, Tree
from lockgate.core.errors import Invalid, Problem
from lockgate.core.ids import Digest, short
from lockgate.drivers.depot import Depot
from lockgate.drivers.downloads import for_people
from lockgate.drivers.fixed import place_of
from lockgate.drivers.trees import Site, tree_name

_LONGEST = 255
"""Bytes of a file name on Linux."""


class FileSource:
    """Single files by path, ``file:``, ``http:`` or ``https:`` URL, with or without ``#sha256=...``."""

    kind = ArtifactKind.FILE

    def __init__(self, depot: Depot) -> None:
        self._depot = depot

    def resolve(self, reference: Reference, folder: Path) -> Artifact:
        """Raises :class:`ArtifactMissing`, :class:`ArtifactMistyped` (a folder), :class:`ArtifactAltered`,
        :class:`Unavailable`, :class:`StorageFull`."""
        place = place_of(reference, folder)
        name = _one_name(place.file_name, reference)
        if place.digest is not None and self._depot.blobs.claim(place.digest):
            digest = place.digest
        else:
            with self._depot.blobs.incoming() as new:
                place.fetch(new)
                digest = new.keep()
        return Artifact(self.kind, name, short(digest), digest, for_people(reference))

    def materialise(self, artifact: Artifact) -> Tree:
        """The root is the file itself. Raises :class:`ArtifactMissing`, :class:`ArtifactAltered`,
        :class:`StorageFull`."""

        name = _one_name(artifact.name, artifact.reference)

        def build(site: Site) -> None:
            site.root.mkdir()
            self._depot.blobs.use([artifact.digest])
            target = site.root / name
            with self._depot.blobs.open(artifact.digest, verify=True) as file, target.open("xb") as copy:
                shutil.copyfileobj(file, copy, 1 << 20)
            target.chmod(0o555)  # a blob has no mode; a program must run, and data does not mind

        root = PurePosixPath(self._depot.trees.make(tree_name(artifact), artifact.digest, build))
        return Tree(root / name, (root,))

    def latest(self, reference: Reference, folder: Path) -> Reference:
        """What the place holds now, as ``place#sha256=...``. Raises as :meth:`resolve`."""
        place = place_of(reference, folder)
        return reference if place.digest else place.fixed(self.resolve(reference, folder).digest)

    def blobs_of(self, artifact: Artifact) -> Collection[Digest]:
        return {artifact.digest}


def _one_name(name: str, reference: Reference | str) -> str:
    if name in {"", ".", ".."} or "/" in name or "\x00" in name or len(name.encode()) > _LONGEST:
        because = f"{reference} does not name a file: {name!r} cannot be a file's name."
        raise Invalid([Problem("request", None, "artifact", because, "Give the path or URL of one file.")])
    return name
