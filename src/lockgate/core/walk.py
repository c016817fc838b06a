"""Walk: the stretches that the ways of all strategies have in common.

Each function looks at the scene and says which step it still needs, or None when that stretch is behind. So a
strategy reads as the way it goes: ``raise_pool(...) or move(...) or ... or settle(...)``. Nothing is remembered from
one look to the next: whatever a lost instance, a crash or another deployment left behind is met where it is.

A pool's *rotation* is the instances it has seats for while it has weight; a pool without weight is out of it.
"""

from collections.abc import Mapping

from lockgate.core.ids import RevisionId
from lockgate.core.plan import AwaitReady, Done, Drain, Ensure, Prepare, Retire, Shift, Step, Verify, Warm
from lockgate.core.traffic import ALL, Pool, Scene, Share, Shares, Walk, even


def arrive(walk: Walk, scene: Scene, to: RevisionId) -> Step:
    """The way in one stride: everything raised beside what runs, all traffic moved, proven, the rest taken down."""
    return (
        raise_pool(walk, scene, to, walk.replicas)
        or move(walk, scene, {to: walk.replicas})
        or prove(walk, scene, to)
        or settle(walk, scene)
    )


def leave(walk: Walk, scene: Scene) -> Step:
    """The way to nothing, after a first deployment that failed: no traffic, then no instances."""
    return move(walk, scene, {}) or settle(walk, scene)


def raise_pool(walk: Walk, scene: Scene, to: RevisionId, count: int) -> Step | None:
    """``count`` instances of ``to`` fit for traffic: there, ready, warm and (the first of them) verified. Meanwhile
    the traffic stays on what is ready. Going back there is no time for warming and no need to verify."""
    new = scene.pool(to)
    if walk.back and new.ready >= count:
        return None
    return mend(walk, scene) or prepare(scene, to, count) or make_fit(walk, scene, new, count)


def make_fit(walk: Walk, scene: Scene, new: Pool, count: int) -> Step | None:
    """``count`` instances that were prepared are there, ready, warm and (the first of them) verified."""
    if new.started < count:
        return Ensure(new.revision, count)
    if new.ready < count:
        return AwaitReady(new.revision, count)
    if walk.routed and not walk.back and new.warmed < count:
        return Warm(new.revision)
    if walk.checked and not walk.back and not scene.verified_before:
        return Verify(new.revision, through_router=False)
    return None


def prepare(scene: Scene, to: RevisionId, count: int) -> Step | None:
    """``to`` can be started, if any instance is still to be started."""
    return None if scene.prepared or scene.pool(to).started >= count else Prepare(to)


def move(walk: Walk, scene: Scene, seats: Mapping[RevisionId, int]) -> Step | None:
    """The traffic is shared in proportion to these seats, on ready instances, and no longer held."""
    wanted = shares(seats)
    unfit = any(pool.unfit for pool in rotation(scene))
    if not walk.routed or (wanted == carried(scene) and not scene.holding and not unfit):
        return None
    return Shift(wanted)


def mend(walk: Walk, scene: Scene) -> Step | None:
    """The rotation holds only ready instances, and as many of them as were promised, as far as pools that have traffic
    can give them. It is never emptied: where nothing is ready, nothing better is known."""
    pools = rotation(scene)
    fit = {pool.revision: min(pool.seats - pool.unfit, pool.ready) for pool in pools}
    seats = fill(fit, walk.replicas, {pool.revision: _fit(walk, scene, pool) for pool in pools})
    sound = all(seats[pool.revision] == pool.seats and not pool.unfit for pool in pools)
    return move(walk, scene, seats) if sum(seats.values()) and not sound else None


def _fit(walk: Walk, scene: Scene, pool: Pool) -> int:
    """Instances that may come into rotation, in a pool that has traffic already."""
    if pool.revision != walk.to or walk.back:
        return pool.ready
    return pool.warmed if scene.verified_before or not walk.checked else 0


def prove(walk: Walk, scene: Scene, to: RevisionId) -> Step | None:
    """The checks pass through the router, with all the traffic on ``to``."""
    needed = walk.routed and walk.checked and not walk.back and not scene.verified_after
    return Verify(to, through_router=True) if needed else None


def settle(walk: Walk, scene: Scene) -> Step:
    """The tail of every walk: whatever is not wanted has finished its requests and is gone."""
    keep = {pool.revision: 0 for pool in scene.others(walk.to)}
    if walk.to is not None:
        keep[walk.to] = walk.replicas
    return take_down(walk, scene, keep) or Done()


def take_down(walk: Walk, scene: Scene, keep: Mapping[RevisionId, int]) -> Step | None:
    """No pool has more instances than it keeps. All drain before the first is retired."""
    surplus = [scene.pool(name) for name in sorted(keep) if scene.pool(name).started > keep[name]]
    for pool in surplus:
        if walk.routed and not pool.idle:
            return Drain(pool.revision, keep[pool.revision])
    for pool in surplus:
        return Retire(pool.revision, keep[pool.revision])
    return None


def rotation(scene: Scene) -> tuple[Pool, ...]:
    """The pools that have traffic."""
    return tuple(pool for pool in scene.pools.values() if pool.weight)


def carried(scene: Scene) -> Shares:
    """How the data plane shares the traffic now."""
    return {pool.revision: Share(pool.weight, pool.seats) for pool in rotation(scene)}


def shares(seats: Mapping[RevisionId, int]) -> Shares:
    """Every seat gets the same part of the traffic; revisions without one get no share."""
    taken = {name: count for name, count in seats.items() if count}
    return {name: Share(weight, taken[name]) for name, weight in even(ALL, taken).items()}


def fill(given: Mapping[RevisionId, int], total: int, limits: Mapping[RevisionId, int]) -> dict[RevisionId, int]:
    """``given``, raised in the order of the names, none above its limit, until it sums to ``total``, or as near as the
    limits let it. Nothing is ever lowered."""
    filled = dict(given)
    for name in sorted(limits):
        missing = total - sum(filled.values())
        filled[name] = filled.get(name, 0) + max(0, min(missing, limits[name] - filled.get(name, 0)))
    return filled
