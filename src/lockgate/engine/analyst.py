"""Analyst: watches what users get of a canary, look by look, and says what follows.

Each look samples the router, makes a window of what both sides got since the last, weighs it and asks the ramp. It may be
killed anywhere: what it knows is the ledger in the row and the windows beside it.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from lockgate.analysis import ramp
from lockgate.analysis.judge import begin, judge, weigh
from lockgate.analysis.ramp import Move, Ruling, Standing
from lockgate.core.canary import Canary
from lockgate.core.deployment import Deployment, Progress
from lockgate.core.ids import Instant, RevisionId
from lockgate.core.plan import Observe
from lockgate.core.traffic import Key, Sample
from lockgate.core.window import Judgement, Minute, Side, Window
from lockgate.engine import ledger as ledgers
from lockgate.engine.course import Leg
from lockgate.engine.ledger import Ledger
from lockgate.engine.outcome import Outcome
from lockgate.engine.scene import Sight
from lockgate.ports import Clock, Router

Past = Callable[[Key], Sequence[Minute]]
"""What is known of a key's traffic before now."""

SLACK = 0.05
"""Seconds by which a look may come too early."""


@dataclass(frozen=True, slots=True)
class Analyst:
    """Knows the router of one environment."""

    router: Router
    clock: Clock
    past: Past = lambda key: ()

    def watch(self, row: Deployment, leg: Leg, step: Observe, sight: Sight) -> Outcome:
        """One look, if it is time for one, and the ruling. Raises what the router raises."""
        canary, now = leg.strategy.canary, self.clock.now()
        assert canary is not None
        known = ledgers.read(row.evidence, leg.key.part)
        if known is None or row.progress.stage_since is None:
            return self._open(row.progress, leg, step, known, now)
        windows: tuple[Window, ...] = ()
        if not 0 <= now - known.edge < canary.criteria.window - SLACK:
            known, window = self._look(known, leg, step, sight, now)
            windows = (window,)
        judgement = judge(canary.criteria, known.state)
        standing = Standing(step.stage, row.progress.stage_since, known.began, known.requests, row.let_through)
        ruling = ramp.rule(canary, standing, judgement, now)
        found = _outcome(row.progress, canary, ruling, judgement, known.edge + canary.criteria.window - now)
        return replace(found, evidence=ledgers.write(known), windows=windows)

    def _open(self, progress: Progress, leg: Leg, step: Observe, known: Ledger | None, now: Instant) -> Outcome:
        """A stage begins: what is counted, is counted from here."""
        canary = leg.strategy.canary
        assert canary is not None
        samples = dict(self.router.sample(leg.key))
        if known is None:
            state = begin(canary.criteria, self.past(leg.key), leg.walk.ramp[step.stage].weight / 10_000)
            known = Ledger(leg.key.part, now, state, state, now)
        known = replace(known, edge=now, samples=samples, requests=0)
        outcome = Outcome(replace(progress, stage_since=now), wait=canary.criteria.window)
        return replace(outcome, evidence=ledgers.write(known), because="The first requests are awaited.")

    def _look(self, known: Ledger, leg: Leg, step: Observe, sight: Sight, now: Instant) -> tuple[Ledger, Window]:
        canary = leg.strategy.canary
        assert canary is not None
        samples = dict(self.router.sample(leg.key))
        window = _window(known, leg, step, sight, samples, now)
        counted = 0 if window.excluded else window.canary.requests
        after = replace(
            known,
            state=weigh(canary.criteria, known.state, window),
            edge=now,
            samples=samples,
            windows=window.number,
            requests=known.requests + counted,
        )
        return after, window


def _outcome(progress: Progress, canary: Canary, ruling: Ruling, judgement: Judgement, wait: float) -> Outcome:
    match ruling.move:
        case Move.BACK:
            return Outcome(progress, failure=ruling.because, blame=judgement.against >= judgement.threshold)
        case Move.NEXT:
            return Outcome(_on_stage(progress, progress.stage + 1), because=ruling.because)
        case Move.ALL:
            return Outcome(_on_stage(progress, len(canary.stages)), because=ruling.because)
    return Outcome(progress, wait=max(wait, SLACK), because=ruling.because, who=ruling.who)


def _on_stage(progress: Progress, stage: int) -> Progress:
    return replace(progress, stage=stage, stage_since=None)


def _window(
    known: Ledger, leg: Leg, step: Observe, sight: Sight, samples: Mapping[RevisionId, Sample], now: Instant
) -> Window:
    canary = leg.strategy.canary
    assert canary is not None and sight.route is not None
    others = [name for name, pool in sight.route.pools.items() if name != step.revision and pool.weight]
    sides = _side([step.revision], known, samples, sight), _side(others, known, samples, sight)
    excluded = _reset(known, samples, [step.revision, *others]) or _young(sight, step, canary, now)
    weight = leg.walk.ramp[step.stage].weight
    return Window(known.windows + 1, known.edge, now, step.stage, weight, *sides, leg.key.part, excluded=excluded)


def _side(revisions: Sequence[RevisionId], known: Ledger, samples: Mapping[RevisionId, Sample], sight: Sight) -> Side:
    pairs = [(known.samples.get(name), samples[name]) for name in revisions if name in samples]
    bounds = {bound for _, after in pairs for bound in after.latency_ms}

    def grown(count: Callable[[Sample], int]) -> int:
        return sum(count(after) - (count(before) if before else 0) for before, after in pairs)

    return Side(
        requests=max(0, grown(lambda sample: sample.requests)),
        errors=max(0, grown(lambda sample: sample.by_class.get("5xx", 0))),
        latency={b: max(0, grown(lambda sample, b=b: sample.latency_ms.get(b, 0))) for b in sorted(bounds)},  # type: ignore[misc]
        instances=sum(len(sight.in_rotation(name)) for name in revisions),
    )


def _reset(known: Ledger, samples: Mapping[RevisionId, Sample], revisions: Sequence[RevisionId]) -> str:
    for name in revisions:
        before, after = known.samples.get(name), samples.get(name)
        if before and (after is None or after.epoch != before.epoch or after.requests < before.requests):
            return "The router's counters have begun again."
    return ""


def _young(sight: Sight, step: Observe, canary: Canary, now: Instant) -> str:
    warm_up = canary.criteria.warm_up
    if any(now - instance.started_at < warm_up for instance in sight.in_rotation(step.revision)):
        return f"An instance of the canary has run for less than {warm_up:g} s."
    return ""
