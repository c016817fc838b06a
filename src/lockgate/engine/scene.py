"""Scene: what a strategy may look at, made from what target and router show and how far the walk has come. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass

from lockgate.core.deployment import Progress
from lockgate.core.ids import Instant, RevisionId
from lockgate.core.inventory import Condition, Instance, Observed
from lockgate.core.traffic import Pool, PoolStatus, RouteStatus, Scene
from lockgate.engine.course import Leg

SETTLE = 0.1
"""Seconds between leaving the rotation and believing that nothing is in flight: the data plane's threads take a new
route a moment after its main thread has acknowledged it."""


@dataclass(frozen=True, slots=True)
class Sight:
    """One look at a key."""

    observed: Observed
    route: RouteStatus | None
    """None where no traffic is taken."""
    seen_at: Instant

    def pool(self, revision: RevisionId) -> PoolStatus | None:
        return self.route.pools.get(revision) if self.route else None

    def in_rotation(self, revision: RevisionId) -> tuple[Instance, ...]:
        """Ready instances that get traffic now, by slot."""
        pool = self.pool(revision)
        if pool is None or not pool.weight:
            return ()
        return tuple(i for i in self.observed.ready(revision) if i.endpoint in pool.endpoints)

    def out_of_rotation(self, revision: RevisionId) -> tuple[Instance, ...]:
        kept = {i.id for i in self.in_rotation(revision)}
        return tuple(i for i in self.observed.of(revision) if i.id not in kept)


def scene_of(leg: Leg, sight: Sight, progress: Progress, now: Instant) -> Scene:
    """The scene of one leg."""
    revisions = set(sight.observed.revisions()) | (set(sight.route.pools) if sight.route else set())
    to = leg.walk.to
    return Scene(
        pools={revision: pool_of(leg, sight, revision, progress, now) for revision in revisions},
        prepared=to in progress.prepared,
        verified_before=to in progress.verified_before,
        verified_after=to in progress.verified_after,
        holding=bool(sight.route and sight.route.holding),
        stage=progress.stage,
        pinned=_pinned(sight, to),
    )


def _pinned(sight: Sight, to: RevisionId | None) -> int:
    if to is None or sight.route is None or sight.route.pinned != to or to not in sight.route.pools:
        return 0
    ready = {instance.endpoint for instance in sight.observed.ready(to)}
    return len(ready.intersection(sight.route.pools[to].endpoints))


def pool_of(leg: Leg, sight: Sight, revision: RevisionId, progress: Progress, now: Instant) -> Pool:
    """One revision's pool as a strategy sees it."""
    instances = sight.observed.of(revision)
    ready = sight.observed.ready(revision)
    status, endpoints = sight.pool(revision), endpoints_of(sight, revision)
    needs_warming = bool(leg.target and leg.target.warm_up and revision == leg.walk.to)
    warmed = [i for i in ready if i.id in progress.warmed] if needs_warming else ready
    return Pool(
        revision=revision,
        started=len(instances),
        ready=len(ready),
        warmed=len(warmed),
        failed=next((i.because or "It failed." for i in instances if i.condition is Condition.FAILED), ""),
        seats=len(endpoints),
        unfit=len(endpoints - {i.endpoint for i in ready}),
        weight=status.weight if status else 0,
        idle=is_idle(leg, sight, revision, progress.draining, now),
    )


def endpoints_of(sight: Sight, revision: RevisionId) -> frozenset[str]:
    """Those in rotation, whether an instance is still behind them or not."""
    status = sight.pool(revision)
    return frozenset(status.endpoints) if status and status.weight else frozenset()


def is_idle(leg: Leg, sight: Sight, revision: RevisionId, draining: Mapping[RevisionId, Instant], now: Instant) -> bool:
    """No request runs on the revision's instances out of rotation, or their time to finish is over."""
    if not leg.walk.routed or not sight.out_of_rotation(revision):
        return True
    since = draining.get(revision)
    if since is None or not now - since >= SETTLE:
        return False
    if now - since >= leg.strategy.drain:
        return True
    return running_requests(sight.pool(revision)) == 0


def running_requests(pool: PoolStatus | None) -> int | None:
    """Requests on instances out of rotation; None: cannot be known."""
    if pool is None:
        return 0
    counts = (pool.leaving,) if pool.weight else (pool.inflight, pool.leaving)
    return None if any(count is None for count in counts) else sum(count or 0 for count in counts)
