"""Analyst: watches what users get of a canary, look by look, and says what follows.

Each look samples the router, cuts a window of what both sides got since the last, weighs it and asks the ramp. It may
be killed anywhere: what it knows is the ledger in the row and the windows beside it.
"""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace

from lockgate.analysis import ramp
from lockgate.analysis.judge import begin, weigh
from lockgate.analysis.ramp import Move, Ruling, Standing
from lockgate.analysis.windows import Look, Totals, cut, together
from lockgate.core.canary import Baseline, Canary, MetricKind
from lockgate.core.deployment import Deployment, Progress
from lockgate.core.errors import Retryable, Terminal, Unavailable
from lockgate.core.ids import Instant, RevisionId
from lockgate.core.plan import Observe
from lockgate.core.traffic import ALL
from lockgate.core.window import Advice, Judgement, Reading, Window
from lockgate.engine import ledger as ledgers
from lockgate.engine.course import Leg
from lockgate.engine.ledger import Ledger
from lockgate.engine.outcome import Outcome
from lockgate.engine.scene import Sight
from lockgate.ports import Clock, MetricSource, Router, Traffic

PAST = 86_400.0
"""Seconds of the traffic before that its scatter is learnt from."""

SLACK = 0.05
"""Seconds by which a look may come too early."""


@dataclass(frozen=True, slots=True)
class Analyst:
    """Knows the router of one environment."""

    router: Router
    traffic: Traffic
    clock: Clock
    sources: Mapping[str, MetricSource] = field(default_factory=dict)

    def watch(self, row: Deployment, leg: Leg, step: Observe, sight: Sight) -> Outcome:
        """One look, if it is time for one, and the ruling. Raises what the router raises."""
        canary, now = canary_of(leg), self.clock.now()
        known = ledgers.read(row.evidence, leg.key.part)
        if known is None or row.progress.stage_since is None:
            return self._open(row, leg, step, sight, known)
        windows: tuple[Window, ...] = ()
        if not 0 <= now - known.look.at < canary.criteria.window - SLACK:
            known, window = self._look(row, known, leg, step, sight)
            windows = (window,)
        judgement = known.judgement(canary.criteria)
        let_through = row.let_through - leg.cells_before * len(canary.stages)
        standing = Standing(step.stage, row.progress.stage_since, known.began, known.requests, let_through)
        ruling = ramp.rule(canary, standing, judgement, now)
        found = _outcome(row.progress, canary, ruling, judgement, known.look.at + canary.criteria.window - now)
        return replace(found, evidence=ledgers.write(known), windows=windows)

    def levels(self, leg: Leg, revision: RevisionId) -> Mapping[str, Mapping[str, float]]:
        """What each gauge of the strategy's canary says of the instances of what runs; nothing of a source that does
        not answer, or that can do nothing with its settings: that is told when a canary is watched."""
        canary = leg.strategy.canary
        gauges = [one for one in canary.criteria.metrics if one.kind is MetricKind.GAUGE] if canary else []
        found: dict[str, Mapping[str, float]] = {}
        for metric in gauges:
            with suppress(Retryable, Terminal):
                labels = _labels(leg, "baseline", [revision])
                found[metric.name] = self.sources[metric.source].read(metric, labels, self.clock.now()).values
        return found

    def _open(self, row: Deployment, leg: Leg, step: Observe, sight: Sight, known: Ledger | None) -> Outcome:
        """A stage begins: what is counted, is counted from here."""
        canary, look = canary_of(leg), self._totals(leg, step, sight)
        if known is None:
            share = leg.walk.ramp[step.stage].weight / ALL
            state = begin(canary.criteria, self.traffic.since(leg.key, look.at - PAST), share, canary.sticky)
            known = ledgers.opened(leg.key.part, state, look, _fresh(row, sight))
        known = replace(known.with_look(look), requests=0)
        outcome = Outcome(replace(row.progress, stage_since=look.at), wait=canary.criteria.window)
        return replace(outcome, evidence=ledgers.write(known), because="The first requests are awaited.")

    def _look(self, row: Deployment, known: Ledger, leg: Leg, step: Observe, sight: Sight) -> tuple[Ledger, Window]:
        criteria, look = canary_of(leg).criteria, self._totals(leg, step, sight)
        known, before = known.with_look(look), known.look
        youth = known.youth(criteria.warm_up)
        if criteria.baseline is Baseline.FRESH:
            youth = youth.without(set(look.baseline.endpoints) - _fresh(row, sight))
        pool = sight.pool(step.revision)
        found = cut(before, look, pool.weight if pool else 0, youth)
        window = Window(
            number=known.windows + 1,
            start=before.at,
            end=look.at,
            stage=step.stage,
            weight=found.weight,
            canary=found.canary,
            baseline=found.baseline,
            component=leg.key.part,
            excluded=found.excluded,
        )
        return known.with_window(window, weigh(criteria, known.state, window)), window

    def _totals(self, leg: Leg, step: Observe, sight: Sight) -> Look:
        assert sight.route is not None
        others = [name for name, pool in sight.route.pools.items() if name != step.revision and pool.weight]
        samples, now = self.router.sample(leg.key), self.clock.now()
        others.sort(key=lambda name: -sight.route.pools[name].weight if sight.route else 0)

        def side(name: str, revisions: Sequence[RevisionId]) -> Totals:
            serving = tuple(i.endpoint for revision in revisions for i in sight.in_rotation(revision))
            readings = self._readings(leg, name, revisions, now)
            return Totals(together(samples, revisions), frozenset(revisions), serving, readings)

        return Look(now, side("canary", [step.revision]), side("baseline", others))

    def _readings(self, leg: Leg, side: str, revisions: Sequence[RevisionId], now: Instant) -> dict[str, Reading]:
        """A source that does not answer has no data; what else it says is told, and holds the look up."""
        labels = _labels(leg, side, revisions)
        found: dict[str, Reading] = {}
        for metric in canary_of(leg).criteria.metrics:
            try:
                found[metric.name] = self.sources[metric.source].read(metric, labels, now)
            except Unavailable as error:
                found[metric.name] = Reading(now, because=str(error))
        return found


def _labels(leg: Leg, side: str, revisions: Sequence[RevisionId]) -> dict[str, str]:
    """What is filled into the settings of metrics."""
    return {
        "application": leg.key.application,
        "environment": leg.key.environment,
        "cell": leg.key.cell,
        "component": leg.key.component,
        "revision": revisions[0] if revisions else "",
        "side": side,
    }


def _fresh(row: Deployment, sight: Sight) -> frozenset[str]:
    """Where instances have been started since the deployment began."""
    began = row.started_at if row.started_at is not None else row.created_at
    return frozenset(i.endpoint for i in sight.observed.instances if i.started_at >= began)


def canary_of(leg: Leg) -> Canary:
    assert leg.strategy.canary is not None, "only a canary is watched"
    return leg.strategy.canary


def _outcome(progress: Progress, canary: Canary, ruling: Ruling, judgement: Judgement, wait: float) -> Outcome:
    match ruling.move:
        case Move.BACK:
            return Outcome(progress, failure=ruling.because, blame=judgement.advice is Advice.ROLL_BACK)
        case Move.NEXT:
            return Outcome(_on_stage(progress, progress.stage + 1), because=ruling.because)
        case Move.ALL:
            return Outcome(_on_stage(progress, len(canary.stages)), because=ruling.because)
    return Outcome(progress, wait=max(wait, SLACK), because=ruling.because, who=ruling.who)


def _on_stage(progress: Progress, stage: int) -> Progress:
    return replace(progress, stage=stage, stage_since=None)
