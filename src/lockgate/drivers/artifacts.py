"""All sources together: each artifact to the source of its kind, and the collection of what nothing needs."""

import time
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from lockgate.core.artifact import Artifact, ArtifactKind, Reference, Tree
from lockgate.core.errors import ArtifactAltered, ArtifactMissing, CapabilityMissing
from lockgate.core.ids import Digest, Instant
from lockgate.drivers.depot import Depot
from lockgate.drivers.storage import discard
from lockgate.drivers.trees import tree_name
from lockgate.ports import Source

GRACE = 3600.0
"""Seconds. Longer than any resolve or build takes, so that neither loses what it works with."""


class StoredSource(Source, Protocol):
    """A source that can tell what it keeps of an artifact."""

    def blobs_of(self, artifact: Artifact) -> Collection[Digest]:
        """Every blob that is needed to make it ready again. Raises :class:`ArtifactMissing`,
        :class:`ArtifactAltered`."""


Later = Callable[[], StoredSource]


@dataclass(frozen=True, slots=True)
class Collected:
    """What a collection removed."""

    trees: tuple[str, ...]
    blobs: int
    bytes: int


class Artifacts:
    """The sources of one data folder, by kind. ``later``: those that are made when they are first needed, because
    they load a big library that many installations never use."""

    def __init__(
        self, depot: Depot, sources: Iterable[StoredSource], later: Mapping[ArtifactKind, Later] | None = None
    ) -> None:
        self._depot = depot
        self._sources = {source.kind: source for source in sources}
        self._later = later or {}

    def resolve(self, reference: Reference, folder: Path) -> Artifact:
        """See :class:`lockgate.ports.Source`; raises :class:`CapabilityMissing` for a kind without a source."""
        return self._source(reference.kind).resolve(reference, folder)

    def materialise(self, artifact: Artifact) -> Tree:
        """See :class:`lockgate.ports.Source`; raises :class:`CapabilityMissing` for a kind without a source."""
        return self._source(artifact.kind).materialise(artifact)

    def latest(self, reference: Reference, folder: Path) -> Reference:
        """See :class:`lockgate.ports.Source`; raises :class:`CapabilityMissing` for a kind without a source."""
        return self._source(reference.kind).latest(reference, folder)

    def collect(self, keep: Collection[Artifact], grace: float = GRACE, attached: Collection[Digest] = ()) -> Collected:
        """Removes trees and blobs that none of ``keep`` needs and that were neither stored nor used for ``grace``
        seconds, and what crashed processes left behind. ``attached``: blobs that stay, too. Safe beside resolving and
        materialising."""
        before = time.time() - grace
        needed = {*attached, *(digest for artifact in keep for digest in self._needs(artifact))}
        trees, of_trees = self._collect_trees({tree_name(artifact) for artifact in keep}, before)
        gone = [self._depot.blobs.delete(one, unused_since=before) for one in self._depot.blobs if one not in needed]
        blobs = [size for size in gone if size is not None]
        left = self._collect_leftovers(min(before, time.time() - GRACE))
        return Collected(trees, len(blobs), of_trees + sum(blobs) + left)

    def _source(self, kind: ArtifactKind) -> StoredSource:
        if kind not in self._sources and kind in self._later:
            self._sources[kind] = self._later[kind]()
        if kind not in self._sources:
            known = ", ".join(sorted({*self._sources, *self._later}))
            raise CapabilityMissing(f"There is no source for {kind}: artifacts here.", f"Known are {known}.")
        return self._sources[kind]

    def _needs(self, artifact: Artifact) -> Collection[Digest]:
        try:
            return self._source(artifact.kind).blobs_of(artifact)
        except (ArtifactMissing, ArtifactAltered, CapabilityMissing):
            return {artifact.digest}  # it cannot be made again; its tree stays, and that is all that is left of it

    def _collect_trees(self, keep: Collection[str], before: Instant) -> tuple[tuple[str, ...], int]:
        removed = []
        freed = 0
        for name in self._depot.trees:
            size = None if name in keep else self._depot.trees.remove(name, unused_since=before)
            if size is not None:
                removed.append(name)
                freed += size
        return tuple(removed), freed

    def _collect_leftovers(self, before: Instant) -> int:
        folder = self._depot.folder / "tmp"
        old = [one for one in folder.iterdir() if one.lstat().st_mtime <= before] if folder.is_dir() else []
        return sum(discard(one) for one in old)
