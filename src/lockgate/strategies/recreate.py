"""Recreate: what runs ends before the new one starts, for what must never run twice (a lock, a single writer).

Requests wait in the router meanwhile; none is refused while the hold lasts. Everything that can fail or take long
without stopping anything (fetching, building) happens before the first request has to wait.
"""

from lockgate.core.plan import Shift, Step
from lockgate.core.traffic import Scene, Walk
from lockgate.core.walk import arrive, leave, mend, prepare, take_down


def next_step(walk: Walk, scene: Scene) -> Step:
    """The step that the scene still needs on the way to ``walk.to``."""
    if walk.to is None:
        return leave(walk, scene)
    others = scene.others(walk.to)
    stands = walk.back and scene.pool(walk.to).ready >= walk.replicas
    if not others or stands:
        return arrive(walk, scene, walk.to)
    return (
        mend(walk, scene)
        or prepare(scene, walk.to, walk.replicas)
        or _make_way(walk, scene)
        or arrive(walk, scene, walk.to)
    )


def _make_way(walk: Walk, scene: Scene) -> Step | None:
    others = scene.others(walk.to)
    if walk.routed and any(pool.weight for pool in others):
        return Shift(hold=True)
    return take_down(walk, scene, {pool.revision: 0 for pool in others})
