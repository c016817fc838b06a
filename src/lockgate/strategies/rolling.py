"""Rolling: a batch of new instances is raised, takes over its part of the traffic, and as many old ones leave.

Seats on ready instances never fall below the replicas once there were so many, and never more than one batch runs
above them. The first batch is verified without traffic; the last old batch stays until the checks have passed through
the router. Going back there is no time for batches; with nobody else serving there is nothing to replace in batches.
"""

from collections.abc import Mapping

from lockgate.core.ids import RevisionId
from lockgate.core.plan import Step
from lockgate.core.traffic import Pool, Scene, Walk, even
from lockgate.core.walk import arrive, fill, leave, mend, move, raise_pool, take_down


def next_step(walk: Walk, scene: Scene) -> Step:
    """The step that the scene still needs on the way to ``walk.to``."""
    if walk.to is None:
        return leave(walk, scene)
    moved = _moved(walk, scene, walk.to)
    serving = [pool for pool in scene.others(walk.to) if pool.weight or not walk.routed]
    if walk.back or not serving or moved >= walk.replicas:
        return arrive(walk, scene, walk.to)
    following = min(walk.replicas, moved + walk.batch)
    return (
        mend(walk, scene)
        or take_down(walk, scene, _kept(walk, scene, moved))
        or raise_pool(walk, scene, walk.to, following)
        or move(walk, scene, {walk.to: following, **_left(walk, serving, walk.replicas - following)})
        or arrive(walk, scene, walk.to)
    )


def _moved(walk: Walk, scene: Scene, to: RevisionId) -> int:
    """Instances of the new revision that have taken over: those in rotation; without a router, those that are ready
    once the first has been verified."""
    new = scene.pool(to)
    if walk.routed:
        return new.seats if new.weight else 0
    return new.ready if scene.verified_before or not walk.checked else 0


def _left(walk: Walk, serving: list[Pool], room: int) -> dict[RevisionId, int]:
    """What the others keep of ``room`` places: ready instances, each pool in proportion to what it has in service."""
    ready = {pool.revision: pool.ready for pool in serving}
    at_work = {pool.revision: min(pool.seats, pool.ready) for pool in serving} if walk.routed else ready
    if sum(at_work.values()) > room:
        return even(room, at_work)
    return fill(at_work, room, ready)


def _kept(walk: Walk, scene: Scene, moved: int) -> Mapping[RevisionId, int]:
    """How many instances the others keep now. What is in rotation stays, and what is not ready stays too while places
    are empty: it may come back."""
    others = scene.others(walk.to)
    room = walk.replicas - moved
    if walk.routed:
        held = {pool.revision: pool.seats if pool.weight else 0 for pool in others}
        serving = {pool.revision: pool.started for pool in others if pool.weight}
        return fill(held, room, serving)
    left = _left(walk, list(others), room) if moved else {pool.revision: pool.started for pool in others}
    return fill(left, room, {pool.revision: pool.started for pool in others})
