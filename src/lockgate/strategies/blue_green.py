"""Blue-green: the whole new pool is raised beside the old one and checked, then all traffic moves at once.

The old pool stays complete until the checks have passed through the router, so the way back is one shift.
Capacity never falls below what was there or the replicas, whichever is less. It costs twice the instances for a while.
"""

from lockgate.core.plan import Step
from lockgate.core.traffic import Scene, Walk
from lockgate.core.walk import arrive, leave


def next_step(walk: Walk, scene: Scene) -> Step:
    """The step that the scene still needs on the way to ``walk.to``."""
    if walk.to is None:
        return leave(walk, scene)
    return arrive(walk, scene, walk.to)
