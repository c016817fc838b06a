"""Judge: window by window, what speaks against a canary and what for it.

One alpha for the whole rollout: the e-values of all metrics are averaged by their shares, and the canary goes back when
the average reaches ``1/alpha``. The objective and the arrivals of requests are guards with an alpha of their own.
It is promoted early when every metric that is asked has been shown to be good. Valid at every look.
"""

import math
from collections.abc import Mapping, Sequence

from lockgate.analysis import arrivals, gauges, latency, objective, sentences
from lockgate.analysis.cases import FEWEST_ERRORS, FEWEST_WINDOWS, Case, Questions
from lockgate.analysis.counts import Counts, GoodTest, WorseTest
from lockgate.analysis.dispersion import Dispersion, learnt
from lockgate.analysis.gauges import Drift
from lockgate.analysis.state import State
from lockgate.core.canary import Criteria, Metric, MetricKind
from lockgate.core.traffic import ALL
from lockgate.core.window import Advice, Judgement, Minute, Ratio, Side, Term, Window

LEAST = 1e-12
"""An alpha or beta of 0 is taken for this."""
SUSPECTED = 0.99
"""Of the threshold: as far as evidence is shown that may not decide."""
ROUNDING = 1e-12
"""What is less is no evidence."""


def begin(criteria: Criteria, past: Sequence[Minute], share: float, sticky: bool = False) -> State:
    """Before the first window. ``past``: the traffic before, of the release that ran, in any order. ``share``: of the
    instances that will be the canary's. ``sticky``: users who met the canary meet it again."""
    given = criteria.dispersion
    scatter = learnt(past, share) if given is None else Dispersion(max(1.0, given), 1)
    by_kind = {kind: [one.name for one in criteria.metrics if one.kind is kind] for kind in MetricKind}
    levels = {name: _levels(past, name) for name in by_kind[MetricKind.GAUGE]}
    return State(
        dispersion=scatter,
        sticky=sticky,
        latency=latency.begin(past) if criteria.latency else None,
        counters={name: Case() for name in by_kind[MetricKind.COUNTER]},
        gauges={name: Drift(gauges.usual(levels[name], share)) for name in levels},
    )


def weigh(criteria: Criteria, state: State, window: Window) -> State:
    """The state after another window. One that is excluded, in which a side was given nothing, or in which nothing
    happened leaves it as it was."""
    mine, theirs = window.canary, window.baseline
    if window.excluded or not 0 < window.weight < ALL or not (_anything(mine) or _anything(theirs)):
        return state
    return State(
        dispersion=state.dispersion,
        sticky=state.sticky,
        windows=state.windows + 1,
        errors=_counting(criteria, state).add(
            state.errors, Counts(mine.requests, mine.errors, theirs.requests, theirs.errors)
        ),
        latency=latency.add(criteria, state.latency, mine, theirs) if state.latency else None,
        counters={metric.name: _counter(criteria, state, metric, window) for metric in _of(criteria, state.counters)},
        gauges={
            metric.name: _gauge(state.gauges[metric.name], metric, window) for metric in _of(criteria, state.gauges)
        },
        objective=_objective(criteria, state, mine),
        seen=state.seen + mine.requests,
        failed=state.failed + mine.errors,
        failing=state.failing + (mine.errors > 0),
        other=state.other + theirs.requests,
        arrivals=arrivals.add(state.arrivals, window.weight, window.weight / ALL, mine.requests, theirs.requests),
    )


def judge(criteria: Criteria, state: State) -> Judgement:
    """What the state says, at any time."""
    terms = _terms(criteria, state)
    threshold = -math.log(max(criteria.alpha, LEAST))
    against = _together(criteria, state, terms, threshold)
    asked = [term.good for term in terms if term.good is not None]
    good, needed = min(asked, default=0.0), -math.log(max(criteria.beta, LEAST))
    trusted = state.dispersion.trusted
    compared = state.errors.canary > 0 and state.errors.baseline > 0
    if _guarded(criteria, state) or against >= threshold:
        advice = Advice.ROLL_BACK
    elif trusted and compared and 0 < needed <= good and not state.arrivals.failed:
        advice = Advice.PROMOTE
    else:
        advice = Advice.GO_ON
    because = sentences.verdict(criteria, state, advice, terms, against >= threshold)
    return Judgement(advice, because, against, threshold, good, needed, terms, trusted)


def _terms(criteria: Criteria, state: State) -> tuple[Term, ...]:
    asking = _counting(criteria, state)
    found = [Term("errors", asking.against(state.errors), asking.for_it(state.errors), sentences.errors(state))]
    if state.latency:
        against, good = latency.against(criteria, state.latency), latency.for_it(criteria, state.latency)
        found.append(Term("latency", against, good, sentences.latency(criteria, state.latency)))
    for name, case in state.counters.items():
        found.append(Term(name, asking.against(case), asking.for_it(case), sentences.counter(name, case)))
    for name, drift in state.gauges.items():
        found.append(Term(name, drift.log_evidence, None, sentences.gauge(name, drift)))
    if criteria.objective is not None:
        against = objective.log_evidence(state.objective)
        found.append(Term("objective", against, None, sentences.objective(criteria.objective, state)))
    found.append(Term("sample ratio", state.arrivals.log_evidence, None, sentences.arrivals(state)))
    return tuple(found)


def _together(criteria: Criteria, state: State, terms: Sequence[Term], threshold: float) -> float:
    """Logarithm of the average over the metrics by their shares. Those that may not decide (yet) make suspicion, but
    cannot bring it to the threshold."""
    shares = _shares(criteria, state)
    tested = [term for term in terms if shares.get(term.metric, 0.0) > 0]
    decided = {t.metric: t.against if _decides(state, t.metric) else min(0.0, t.against) for t in tested}
    found = _average(shares, decided)
    if found >= threshold:
        return found
    return min(_average(shares, {term.metric: term.against for term in tested}), SUSPECTED * threshold)


def _average(shares: Mapping[str, float], logs: Mapping[str, float]) -> float:
    whole = math.fsum(shares.values())
    parts = [math.log(shares[metric] / whole) + log for metric, log in logs.items()]
    highest = max(parts, default=0.0)
    found = highest + math.log(math.fsum(math.exp(part - highest) for part in parts)) if parts else 0.0
    return found if abs(found) > ROUNDING else 0.0


def _shares(criteria: Criteria, state: State) -> dict[str, float]:
    """Metric -> its part of alpha, of those that are tested; fixed at the beginning."""
    shares = {"errors": 1.0}
    if state.latency:
        shares["latency"] = 1.0
    for metric in criteria.metrics:
        drift = state.gauges.get(metric.name)
        if metric.name in state.counters or (drift and drift.usual):
            shares[metric.name] = metric.share
    return shares


def _decides(state: State, metric: str) -> bool:
    """Counts decide nothing where they come in bursts, and only from a few on while nobody knows whether they do. How
    a counter scatters is never known."""
    if metric == "errors":
        return state.dispersion.trusted and (state.dispersion.known or state.errors.enough)
    if metric in state.counters:
        return state.dispersion.trusted and state.counters[metric].enough
    return True


def _guarded(criteria: Criteria, state: State) -> bool:
    """One of the guards has found a failure."""
    return _passed(criteria, state) or (state.arrivals.failed and not state.sticky)


def _passed(criteria: Criteria, state: State) -> bool:
    """The objective is missed."""
    enough = state.dispersion.known or (state.failed >= FEWEST_ERRORS and state.failing >= FEWEST_WINDOWS)
    found = objective.log_evidence(state.objective) >= -math.log(objective.ALPHA)
    return criteria.objective is not None and enough and found


def _counting(criteria: Criteria, state: State) -> Questions:
    """What is asked of errors and of counters."""
    scatter = state.dispersion.factor
    worse = WorseTest(criteria.tolerance, criteria.absolute, scatter)
    return Questions(worse, GoodTest(criteria.ruled_out, criteria.absolute + criteria.negligible, scatter))


def _counter(criteria: Criteria, state: State, metric: Metric, window: Window) -> Case:
    mine, theirs = window.canary.counts.get(metric.name), window.baseline.counts.get(metric.name)
    case = state.counters[metric.name]
    if mine is None or theirs is None:
        return case
    counts = Counts(mine.whole, _bad(mine, metric), theirs.whole, _bad(theirs, metric))
    return _counting(criteria, state).add(case, counts)


def _bad(ratio: Ratio, metric: Metric) -> int:
    return ratio.whole - ratio.bad if metric.higher_is_better else ratio.bad


def _gauge(drift: Drift, metric: Metric, window: Window) -> Drift:
    mine, theirs = window.canary.gauges.get(metric.name), window.baseline.gauges.get(metric.name)
    if mine is None or theirs is None or not gauges.due(drift, window.end):
        return drift
    return gauges.add(drift, mine, theirs, metric.higher_is_better, at=window.end)


def _objective(criteria: Criteria, state: State, canary: Side) -> tuple[float, ...]:
    if criteria.objective is None:
        return ()
    scatter = state.dispersion.factor
    return objective.add(state.objective, canary.requests, canary.errors, criteria.objective, scatter)


def _levels(past: Sequence[Minute], name: str) -> list[float]:
    ordered = sorted(past, key=lambda minute: minute.at)
    return [minute.gauges[name] for minute in ordered if name in minute.gauges]


def _of(criteria: Criteria, known: Mapping[str, object]) -> list[Metric]:
    return [metric for metric in criteria.metrics if metric.name in known]


def _anything(side: Side) -> bool:
    return bool(side.requests or side.counts or side.gauges)
