"""Course: the legs a deployment walks, one for each component, there or back.

Pure. There: components in dependency order, then those that the new release no longer has. Back: the same keys in
the opposite order, each to what the previous plan ran on it.
"""

from dataclasses import dataclass, replace

from lockgate.core.application import Check, HttpCheck, Strategy
from lockgate.core.canary import Baseline
from lockgate.core.plan import ComponentPlan, Plan
from lockgate.core.traffic import Footing, Key, Walk


@dataclass(frozen=True, slots=True)
class Leg:
    """One key's walk."""

    key: Key
    target: ComponentPlan | None
    """What runs on the key at the end; None: nothing."""
    before: ComponentPlan | None
    """What the other plan runs on it, for its address and drain."""
    walk: Walk
    checks: tuple[Check, ...]
    strategy: Strategy
    listen: str
    """``host:port``; empty where nothing takes traffic."""
    cells_before: int = 0
    """How many cells are walked before this one."""

    @property
    def path(self) -> str:
        known = self.target or self.before
        return known.path if known else "/"


def legs_of(plan: Plan, previous: Plan | None, *, back: bool) -> tuple[Leg, ...]:
    """``plan`` is the deployment's own, ``previous`` what held the environment when it started."""
    to, origin = (previous, plan) if back else (plan, previous)
    targets = {c.key: c for c in to.components} if to else {}
    origins = {c.key: c for c in origin.components} if origin else {}
    there = [c.key for c in plan.components]
    there += [c.key for c in (previous.components if previous else ()) if c.key not in there]
    keys = reversed(there) if back else there
    return tuple(leg for key in keys for leg in _legs(key, targets.get(key), origins.get(key), to or plan, back))


def _legs(
    key: Key, target: ComponentPlan | None, before: ComponentPlan | None, plan: Plan, back: bool
) -> tuple[Leg, ...]:
    """Mostly one. A component that took traffic and will not any more is first walked to nothing, so that its last
    requests are drained, and then started anew."""
    if target and before and before.spec.takes_traffic and not target.spec.takes_traffic:
        return _leg(key, None, before, plan, back), _leg(key, target, None, plan, back)
    return (_leg(key, target, before, plan, back),)


def _leg(key: Key, target: ComponentPlan | None, before: ComponentPlan | None, plan: Plan, back: bool) -> Leg:
    strategy = _shared(plan)
    checks = checks_of(plan, target) if target and not back else ()
    routed = any(c.spec.takes_traffic for c in (target, before) if c)
    walk = Walk(
        to=target.revision if target else None,
        replicas=target.replicas if target else 0,
        batch=strategy.batch_of(target.replicas) if target and target.replicas else 1,
        routed=routed,
        checked=bool(checks),
        back=back,
        ramp=_ramp(strategy, target.replicas) if target and not back else (),
        beside=before.revision if before and not back and _is_fresh(strategy) else None,
        kept=before.replicas if before else 0,
    )
    return Leg(key, target, before, walk, checks, strategy, str(plan.listen) if plan.listen and routed else "")


def _shared(plan: Plan) -> Strategy:
    """The canaries of several components share one alpha."""
    canary, parts = plan.strategy.canary, sum(component.spec.takes_traffic for component in plan.components)
    return replace(plan.strategy, canary=canary.shared(parts)) if canary else plan.strategy


def _is_fresh(strategy: Strategy) -> bool:
    return strategy.canary is not None and strategy.canary.criteria.baseline is Baseline.FRESH


def _ramp(strategy: Strategy, replicas: int) -> tuple[Footing, ...]:
    canary = strategy.canary
    if canary is None:
        return ()
    return tuple(Footing(stage.weight, canary.instances_at(stage.weight, replicas)) for stage in canary.stages)


def checks_of(plan: Plan, component: ComponentPlan) -> tuple[Check, ...]:
    """The checks that concern this component: requests whose path it serves, and commands if it serves the root."""
    if not component.spec.takes_traffic:
        return ()
    return tuple(check for check in plan.checks if _concerns(plan, component, check))


def _concerns(plan: Plan, component: ComponentPlan, check: Check) -> bool:
    path = check.path if isinstance(check, HttpCheck) else "/"
    serving = [c for c in plan.components if c.spec.takes_traffic and path.startswith(c.path)]
    return bool(serving) and max(serving, key=lambda c: len(c.path)).key == component.key
