"""Collector: which artifacts are still needed. What runs, what could be gone back to, and the newest releases stay."""

from collections.abc import Callable, Collection
from dataclasses import dataclass

from lockgate.core.artifact import Artifact
from lockgate.core.deployment import ACTIVE, WAITING, Deployment, State
from lockgate.core.ids import ReleaseId
from lockgate.core.release import Release
from lockgate.ports import Selection, Store

KEEP_GOOD = 3
"""Last good deployments of each application and environment whose artifacts stay."""

KEEP_NEWEST = 5
"""Newest releases of each application whose artifacts stay, deployed or not."""

Collect = Callable[[Collection[Artifact]], object]


@dataclass(frozen=True, slots=True)
class Collector:
    """``collect`` removes what is not among those it is given."""

    store: Store
    collect: Collect

    def run(self) -> None:
        """One collection."""
        self.collect(self.kept())

    def kept(self) -> frozenset[Artifact]:
        """Artifacts that must stay."""
        releases = self.store.releases.select("", 10_000)
        wanted = self._newest(releases) | self._deployed()
        found = [r for r in releases if r.id in wanted]
        return frozenset(a for release in found for a in _artifacts(release))

    def _newest(self, releases: tuple[Release, ...]) -> set[ReleaseId]:
        seen: dict[str, list[ReleaseId]] = {}
        for release in releases:
            seen.setdefault(release.name, []).append(release.id)
        return {name for ids in seen.values() for name in ids[:KEEP_NEWEST]}

    def _deployed(self) -> set[ReleaseId]:
        rows = self.store.history.select(Selection(limit=10_000))
        wanted = {row.release for row in rows if row.state in ACTIVE | WAITING or row.holds}
        good: dict[tuple[str, str], list[Deployment]] = {}
        for row in rows:
            if row.state is State.SUCCEEDED:
                good.setdefault((row.application, row.environment), []).append(row)
        return wanted | self._in_cells(rows) | {row.release for found in good.values() for row in found[:KEEP_GOOD]}

    def _in_cells(self, rows: tuple[Deployment, ...]) -> set[ReleaseId]:
        """Of environments whose cells hold different releases, or are walked back to such."""
        plans = {row.previous for row in rows if row.active} | {row.mixed for row in rows if row.active or row.holds}
        return {part.release for digest in plans if digest for part in self.store.releases.plan(digest).parts()}


def _artifacts(release: Release) -> tuple[Artifact, ...]:
    files = (a for found in release.files.values() for a in found.values())
    return (*release.artifacts.values(), *files)
