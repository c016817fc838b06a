"""Gauges: a level that has moved is found, one that wanders as it always did is not."""

import math
from random import Random

import pytest

from lockgate.analysis import gauges
from lockgate.analysis.gauges import Drift, Usual
from lockgate.analysis.judge import begin, judge, weigh
from lockgate.core.canary import Criteria, Metric, MetricKind
from lockgate.core.window import Advice, Judgement, Minute, Side, Window


def wandering(random: Random, points: int, rho: float) -> list[float]:
    value, found = random.gauss(0, 1), []
    for _ in range(points):
        found.append(value)
        value = rho * value + math.sqrt(1 - rho**2) * random.gauss(0, 1)
    return found


def highest(random: Random, rho: float, shift: float, points: int = 60) -> float:
    """Evidence that any of the points ends with, after six hours of history."""
    drift, top = Drift(gauges.usual(wandering(random, 360, rho))), 0.0
    for one in wandering(random, points, rho):
        drift = gauges.add(drift, one + shift, 0.0)
        top = max(top, drift.log_evidence)
    return top


@pytest.mark.parametrize("rho", [0.0, 0.5, 0.8, 0.95])
def test_what_wanders_as_it_did_is_left_alone(rho: float) -> None:
    alarms = sum(highest(Random(seed), rho, 0.0) > math.log(100) for seed in range(150))
    assert alarms <= 2


@pytest.mark.parametrize(("rho", "shift"), [(0.0, 3.0), (0.5, 3.0), (0.8, 5.0)])
def test_what_has_moved_is_found(rho: float, shift: float) -> None:
    found = sum(highest(Random(seed), rho, shift) > math.log(100) for seed in range(50))
    assert found >= 48


def test_a_half_that_was_always_worse_is_nothing_about_the_canary() -> None:
    """Whichever half it was: a canary that is level with the others is neither condemned nor excused."""
    random = Random(1)
    for offset in (4.0, -4.0):
        drift = Drift(gauges.usual([offset + one for one in wandering(random, 120, 0.0)]))
        for one in wandering(random, 60, 0.0):
            drift = gauges.add(drift, one, 0.0)
        assert drift.log_evidence < 0


def test_points_are_a_minute_apart_however_often_one_looks() -> None:
    """What history tells of is a minute apart; the same level seen twelve times a minute is not twelve levels."""
    metric = Metric("memory", "prometheus", MetricKind.GAUGE)
    criteria = Criteria(metrics=(metric,), latency=False, window=5.0)
    random = Random(7)
    past = [Minute(60.0 * n, {}, gauges={"memory": one}) for n, one in enumerate(wandering(random, 60, 0.5))]
    state = begin(criteria, past, 0.5)
    for number in range(1, 121):
        sides = Side(requests=10, gauges={"memory": 3.0}), Side(requests=10, gauges={"memory": 0.0})
        state = weigh(criteria, state, Window(number, 5.0 * (number - 1), 5.0 * number, 0, 5000, *sides))
    assert state.gauges["memory"].points == 10


@pytest.mark.parametrize("rho", [0.0, 0.8])
def test_twelve_looks_a_minute_alarm_no_more_than_one(rho: float) -> None:
    metric = Metric("memory", "prometheus", MetricKind.GAUGE)
    criteria = Criteria(metrics=(metric,), latency=False, window=5.0)
    alarms = 0
    for seed in range(60):
        random = Random(seed)
        past = [Minute(60.0 * n, {}, gauges={"memory": one}) for n, one in enumerate(wandering(random, 120, rho))]
        state, top = begin(criteria, past, 0.5), 0.0
        for number, one in enumerate(wandering(random, 360, rho ** (1 / 12))):
            sides = Side(requests=10, gauges={"memory": one}), Side(requests=10, gauges={"memory": 0.0})
            state = weigh(criteria, state, Window(number + 1, 5.0 * number, 5.0 * number + 5, 0, 5000, *sides))
            top = max(top, state.gauges["memory"].log_evidence)
        alarms += top > math.log(100)
    assert alarms <= 2


def test_halves_are_the_same_instances_every_time() -> None:
    assert gauges.halves({"b": 2.0, "a": 1.0, "c": 6.0}) == 1.5
    assert gauges.halves({"a": 1.0}) is None


def test_few_instances_scatter_more() -> None:
    history = wandering(Random(2), 100, 0.0)
    half, tenth = gauges.usual(history, 0.5), gauges.usual(history, 0.1)

    assert half and tenth
    assert tenth.deviation == pytest.approx(half.deviation / 0.6)


@pytest.mark.parametrize("history", [[], [0.0] * 100, [1.0] * 29, [math.nan] * 100])
def test_too_little_history_is_none(history: list[float]) -> None:
    assert gauges.usual(history) is None


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_what_is_no_number_says_nothing(bad: float) -> None:
    before = gauges.add(Drift(Usual(1.0, 0.5)), 1.0, 0.0)
    after = gauges.add(before, bad, 0.0)

    assert after.logs == before.logs and after.points == before.points and after.last is None


def rollout(metric: Metric, level: float, history: int) -> Judgement:
    criteria = Criteria(latency=False, dispersion=1.0, metrics=(metric,))
    random = Random(3)
    past = tuple(Minute(60.0 * n, {}, gauges={"memory": random.gauss(0, 1)}) for n in range(history))
    state = begin(criteria, past, 0.5)
    for n in range(1, 31):
        sides = Side(100, 0, gauges={"memory": random.gauss(level, 1)}), Side(100, 0, gauges={"memory": 50.0})
        state = weigh(criteria, state, Window(n, 60.0 * n, 60.0 * n + 60, 0, 5000, *sides))
    return judge(criteria, state)


def test_with_history_a_gauge_takes_the_canary_back() -> None:
    found = rollout(Metric("memory", "command", MetricKind.GAUGE), 60.0, 120)

    assert found.advice is Advice.ROLL_BACK
    assert found.because.startswith("memory: 59.72 on the canary against 50 on what ran before on average, worse in 30")


def test_more_may_be_better() -> None:
    found = rollout(Metric("memory", "command", MetricKind.GAUGE, higher_is_better=True), 60.0, 120)
    assert found.advice is not Advice.ROLL_BACK
    worse = rollout(Metric("memory", "command", MetricKind.GAUGE, higher_is_better=True), 40.0, 120)
    assert worse.advice is Advice.ROLL_BACK


def test_without_history_a_gauge_only_advises() -> None:
    found = rollout(Metric("memory", "command", MetricKind.GAUGE), 60.0, 0)

    assert found.advice is not Advice.ROLL_BACK
    (term,) = (one for one in found.terms if one.metric == "memory")
    assert term.because.endswith(
        "worse in 30 of 30 points; without history of it this is advice only and decides nothing."
    )


def test_a_single_wild_point_decides_nothing() -> None:
    drift = Drift(Usual(1.0, 0.0))
    for level in (0.0, 1000.0, 0.0):
        drift = gauges.add(drift, level, 0.0)
        assert drift.log_evidence < math.log(100)
