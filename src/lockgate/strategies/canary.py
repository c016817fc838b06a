"""Canary: a growing part of the traffic meets the new release, beside the whole old one, for as long as evidence takes.

Each stage has a weight and as many instances as that weight needs. The old pool stays complete until the last stage is
over, so the way back is one shift. Whether a stage is over is not asked here: ``Scene.stage`` says how far it has come.
With nobody else serving there is nothing to compare with, and without a router no traffic to share: then it is raised
beside what runs, in one stride.
"""

from lockgate.core.ids import RevisionId
from lockgate.core.plan import Observe, Shift, Step
from lockgate.core.traffic import ALL, Footing, Pool, Scene, Share, Shares, Walk, even
from lockgate.core.walk import arrive, carried, leave, make_fit, prepare


def next_step(walk: Walk, scene: Scene) -> Step:
    """The step that the scene still needs on the way to ``walk.to``."""
    if walk.to is None:
        return leave(walk, scene)
    if walk.back or not walk.routed or scene.stage >= len(walk.ramp) or _has_most(walk, scene, walk.to):
        return arrive(walk, scene, walk.to)
    return _stage(walk, scene, walk.to, walk.ramp[scene.stage])


def _has_most(walk: Walk, scene: Scene, to: RevisionId) -> bool:
    """Nobody else can serve, or only what another canary had: what runs is not turned into a canary."""
    others = any(pool.weight and pool.ready for pool in scene.others(to))
    return not others or scene.pool(to).weight > max(footing.weight for footing in walk.ramp)


def _stage(walk: Walk, scene: Scene, to: RevisionId, footing: Footing) -> Step:
    new = scene.pool(to)
    # What another deployment has shown to users already is not taken from them.
    weight = footing.weight or new.weight
    return (
        _put(scene, _shares(walk, scene, new.weight, new.seats))
        or prepare(scene, to, footing.instances)
        or make_fit(walk, scene, new, footing.instances)
        or _show_to_testers(walk, scene, new, footing)
        or _put(scene, _shares(walk, scene, weight, max(footing.instances, new.seats)))
        or Observe(to, scene.stage)
    )


def _show_to_testers(walk: Walk, scene: Scene, new: Pool, footing: Footing) -> Step | None:
    """Without any weight it is met by pinned requests alone."""
    if footing.weight or new.weight or scene.pinned >= min(footing.instances, new.ready):
        return None
    return Shift({**_shares(walk, scene, 0, 0), new.revision: Share(0, footing.instances)})


def _put(scene: Scene, wanted: Shares) -> Step | None:
    """The rotation is as wanted, and holds only ready instances. It is never emptied."""
    unfit = any(pool.unfit for pool in scene.pools.values() if pool.weight)
    if not wanted or (wanted == carried(scene) and not scene.holding and not unfit):
        return None
    return Shift(wanted)


def _shares(walk: Walk, scene: Scene, weight: int, seats: int) -> Shares:
    """``weight`` to ready instances of the new revision, up to ``seats`` of them; the rest to the others, in the
    proportion they have it now, on all that are ready."""
    assert walk.to is not None
    new = min(seats, scene.pool(walk.to).ready) if weight else 0
    others = {pool.revision: pool for pool in scene.others(walk.to) if pool.weight and pool.ready}
    left = ALL - weight if new and others else (0 if new else ALL)
    parts = even(left, {name: pool.weight for name, pool in others.items()})
    shares = {name: Share(part, others[name].ready) for name, part in parts.items() if part}
    return {**shares, walk.to: Share(ALL - sum(parts.values()), new)} if new else shares
