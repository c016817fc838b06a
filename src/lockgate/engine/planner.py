"""Planner: release + environment + what runs there -> a plan, and the plan in words."""

from collections.abc import Mapping

from lockgate.core import capability
from lockgate.core.application import StrategyKind
from lockgate.core.canary import Stage
from lockgate.core.deployment import Deployment
from lockgate.core.environment import OnFailure
from lockgate.core.errors import CapabilityMissing
from lockgate.core.ids import RevisionId
from lockgate.core.plan import (
    AwaitReady,
    ComponentPlan,
    Drain,
    Ensure,
    Fence,
    Observe,
    Plan,
    Prepare,
    Retire,
    Shift,
    Step,
    Verify,
    Warm,
)
from lockgate.core.traffic import ALL, Footing, RouterCaps, TargetCaps
from lockgate.engine.course import Leg
from lockgate.engine.rollout import Tour

_WEIGHTED = (StrategyKind.ROLLING, StrategyKind.CANARY)


def fence_of(row: Deployment) -> Fence:
    return Fence(row.id, row.generation)


def refuse_unless_able(plan: Plan, target: TargetCaps, router: RouterCaps) -> None:
    """Of an environment in one piece, or of one cell. Raises :class:`CapabilityMissing` when the plan needs something
    that the drivers cannot do."""
    _refuse_artifacts(plan, target)
    for component in plan.components:
        has = capability.stated(target, router)
        capability.refuse_unmet(component.key.component, component.needs, plan.environment, has)
    kind, routed = plan.strategy.kind, any(c.spec.takes_traffic for c in plan.components)
    needs = {
        "hold requests while nothing runs": kind is StrategyKind.RECREATE and routed and not router.hold,
        "share traffic by weight": kind in _WEIGHTED and routed and not router.weights,
        "count what users get": kind is StrategyKind.CANARY and routed and not router.histogram,
        "retire instances one by one": kind is StrategyKind.ROLLING and not target.instances,
    }
    for need, missing in needs.items():
        if missing:
            because = f"Strategy {kind.value} must {need}, which {plan.environment}'s target or router cannot."
            raise CapabilityMissing(because, "Choose another strategy or another target for this environment.")


def _refuse_artifacts(plan: Plan, target: TargetCaps) -> None:
    for component in plan.components:
        kind = component.spec.artifact.kind
        if kind not in target.artifacts:
            runs = ", ".join(sorted(able.value for able in target.artifacts))
            because = (
                f"{component.key.component} is an artifact of kind {kind.value}, which the target {plan.target!r} of "
                f"{plan.environment} cannot run; it runs: {runs}."
            )
            raise CapabilityMissing(because, "Choose another target for this environment, or another artifact.")


def words(step: Step, leg: Leg) -> str:
    """The step as a sentence."""
    name = leg.key.part
    match step:
        case Prepare():
            return f"Prepare {name} {_what(step.revision, leg)}"
        case Ensure():
            return f"Start {_instances(step.count)} of {name} {_what(step.revision, leg)}"
        case AwaitReady():
            return f"Wait until {_instances(step.count)} of {name} {_what(step.revision, leg)} answer"
        case Warm():
            return f"Send the warm-up requests to {name} {_what(step.revision, leg)}"
        case Verify():
            place = "with all the traffic" if step.through_router else "before it gets traffic"
            return f"Check {name} {_what(step.revision, leg)} {place}"
        case Shift():
            return _shift_words(step, leg)
        case Observe():
            return _observing(step, leg)
        case Drain():
            return f"Let requests on {name} {_what(step.revision, leg)} finish" + _keeping(step.keep)
        case Retire():
            return f"Stop {name} {_what(step.revision, leg)}" + _keeping(step.keep)
    return step.kind


def _shift_words(step: Shift, leg: Leg) -> str:
    name = leg.key.part
    if step.hold:
        return f"Hold new requests to {name} while nothing runs"
    if not step.shares:
        return f"Take {name} out of the traffic"
    shared = ((revision, share.weight) for revision, share in step.shares.items() if share.weight)
    parts = (f"{percent(weight)} to {_what(revision, leg)}" for revision, weight in shared)
    return f"Move traffic of {name}: " + ", ".join(parts)


def _observing(step: Observe, leg: Leg) -> str:
    ramp = leg.walk.ramp
    stage = f"stage {step.stage + 1} of {len(ramp)}"
    name, weight = f"{leg.key.part} {_what(step.revision, leg)}", percent(ramp[step.stage].weight)
    return f"Watch what users get of {name}, at {weight} of the traffic ({stage})"


def percent(weight: int) -> str:
    """Of basis points."""
    return f"{weight * 100 / ALL:.4g} %"


def _instances(count: int) -> str:
    return "1 instance" if count == 1 else f"{count} instances"


def _keeping(keep: int) -> str:
    return f", keeping {keep}" if keep else ""


def _what(revision: RevisionId, leg: Leg) -> str:
    """The version, for people; the revision where two of one version meet."""
    known: Mapping[RevisionId, ComponentPlan] = {c.revision: c for c in (leg.before, leg.target) if c}
    if revision not in known:
        return f"revision {revision}"
    version = known[revision].spec.artifact.version
    same = len(known) == 2 and len({c.spec.artifact.version for c in known.values()}) == 1
    return f"{version} (revision {revision})" if same else version


def plan_words(plan: Plan, previous: Plan | None) -> tuple[str, ...]:
    """What a deployment of this plan would do, cell by cell and component by component."""
    tour = Tour(plan, previous)
    sentences = [_opening(plan, previous), *_rollout_words(tour)]
    for cell in tour.cells:
        for leg in tour.legs(cell):
            sentences += _leg_words(leg, plan.within(cell))
    sentences.append(_closing(plan, previous))
    return tuple(sentences)


def _rollout_words(tour: Tour) -> list[str]:
    if not tour.cellular:
        return []
    rollout = tour.plan.rollout
    names = ", ".join(cell or "what was there before there were cells" for cell in tour.cells)
    pace = "one cell at a time" if rollout.parallel == 1 else f"{rollout.parallel} cells at a time"
    bake = f", {span(rollout.bake)} of doing well before another begins" if rollout.bake else ""
    return [f"Cell by cell: {names}; {pace}{bake}. The first bad one stops the rest."]


def arrival(row: Deployment, *, back: bool) -> str:
    """A cell is at its end."""
    cell = row.progress.cell or "What was there before there were cells"
    if back:
        return f"{cell} is as it should be again."
    if row.progress.baked:
        return f"{cell} has done well, and its checks pass once more."
    return f"{cell} is on {row.release_label}."


def divided(row: Deployment, plan: Plan, mixed: Plan) -> str:
    """Which cells stay with the release, and which have gone back."""
    stays = [n for n in mixed.names if n in plan.names and mixed.within(n).components == plan.within(n).components]
    others = [cell for cell in dict.fromkeys((*plan.names, *mixed.names)) if cell not in stays]
    return f"{row.release_label} stays in {', '.join(stays)}; what ran before runs in {', '.join(others)}"


def _opening(plan: Plan, previous: Plan | None) -> str:
    where = f"{plan.application} in {plan.environment}"
    if previous is None:
        return f"Nothing runs for {where} yet: this is the first deployment."
    if previous.digest == plan.digest:
        return f"Exactly this plan already runs for {where}: nothing will change."
    releases = list(dict.fromkeys(part.release for part in previous.parts()))
    if releases == [plan.release]:
        return f"{where} keeps release {plan.release} and changes its configuration, by {plan.strategy.kind.value}."
    before = " and ".join(releases)
    return f"{where} changes from release {before} to {plan.release}, by {plan.strategy.kind.value}."


def _leg_words(leg: Leg, plan: Plan) -> list[str]:
    name = leg.key.part
    if leg.target is None:
        return [f"{name} is not part of this release: it is taken out of the traffic, drained and stopped."]
    if leg.before and leg.before.revision == leg.target.revision:
        change = "stays as it is"
        if leg.before.replicas != leg.target.replicas:
            change = f"goes from {leg.before.replicas} to {_instances(leg.target.replicas)}"
        return [f"{name} {change}: same artifact, same configuration."]
    return [_change_of(leg), *_tactic(leg, plan)]


def _change_of(leg: Leg) -> str:
    assert leg.target is not None
    to, name = leg.target.spec.artifact, leg.key.part
    if leg.before is None:
        return f"{name}: {_instances(leg.target.replicas)} of {to.label()} ({to.digest[:19]})."
    origin = leg.before.spec.artifact
    if origin.digest == to.digest:
        return f"{name}: {to.label()} stays, {_difference(leg)}."
    return f"{name}: {origin.label()} becomes {to.label()} ({to.digest[:19]})."


def _difference(leg: Leg) -> str:
    """What changes although the artifact does not."""
    assert leg.target is not None and leg.before is not None
    old, new = leg.before.spec, leg.target.spec
    changed = []
    if old.command != new.command:
        changed.append(f"its command changes from '{' '.join(old.command)}' to '{' '.join(new.command)}'")
    if old.files != new.files:
        names = sorted(n for n in {*old.files, *new.files} if old.files.get(n) != new.files.get(n))
        changed.append(f"its files change ({', '.join(names)})")
    if old.env != new.env:
        names = sorted(n for n in {*old.env, *new.env} if old.env.get(n) != new.env.get(n))
        changed.append(f"its environment variables change ({', '.join(names)})")
    return " and ".join(changed) or "its health check, limits or ending change"


def _tactic(leg: Leg, plan: Plan) -> list[str]:
    assert leg.target is not None
    count, checks = _instances(leg.target.replicas), len(leg.checks)
    if not leg.walk.routed:
        return [f"  {count} started, then the old ones stopped; {leg.key.part} takes no traffic."]
    number = "1 check" if checks == 1 else f"{checks} checks"
    checked = f"{number} before it gets traffic and again with all of it" if checks else "no checks are defined"
    tactic = {
        StrategyKind.BLUE_GREEN: f"{count} started beside the old ones, all traffic moved at once, old ones drained",
        StrategyKind.ROLLING: f"{leg.walk.batch} of {count} replaced at a time, traffic following the instances",
        StrategyKind.RECREATE: "old ones drained and stopped first; requests wait meanwhile, up to "
        f"{leg.strategy.hold:g} s, until the new ones are ready",
    }
    if leg.strategy.canary is not None:
        return [*ramp_words(leg), f"  {checked[0].upper()}{checked[1:]}. Traffic arrives at {plan.listen}."]
    return [f"  {tactic[leg.strategy.kind]}; {checked}. Traffic arrives at {plan.listen}."]


def ramp_words(leg: Leg) -> list[str]:
    """The stages of a canary, and what ends it."""
    canary = leg.strategy.canary
    assert canary is not None
    told = [f"  {_stage_words(stage, footing)}" for stage, footing in zip(canary.stages, leg.walk.ramp, strict=True)]
    early = "; all of it as soon as it is shown to be good" if canary.early else ""
    return [*told, f"  then all of it{early}. It is taken back as soon as users fare worse than with what ran before."]


def stage_words(leg: Leg, stage: int) -> str:
    """What a canary that comes to this stage gets."""
    ramp = leg.walk.ramp
    if stage >= len(ramp):
        return f"All traffic goes to {leg.key.part}."
    return f"{leg.key.part} goes on to stage {stage + 1} of {len(ramp)}, at {percent(ramp[stage].weight)}."


def _stage_words(stage: Stage, footing: Footing) -> str:
    held = ", until somebody lets it go on" if stage.hold else ""
    weight = percent(stage.weight)
    return f"{weight} of the traffic on {_instances(footing.instances)}, {span(stage.soak)} or more{held}"


def span(seconds: float) -> str:
    """A length of time for people: ``90 s``, ``10 min``, ``2 h``."""
    if seconds < 120:
        return f"{seconds:g} s"
    return f"{seconds / 60:g} min" if seconds < 7200 else f"{seconds / 3600:g} h"


def _closing(plan: Plan, previous: Plan | None) -> str:
    if plan.rollout.on_failure is OnFailure.BAD:
        return "If it fails in a cell, that cell alone goes back, with any other that is half-way; those done stay."
    if previous is None:
        return "If it fails, what was started is removed."
    before = " and ".join(dict.fromkeys(part.release for part in previous.parts()))
    return f"If it fails, {plan.environment} goes back to release {before} with the configuration it has now."
