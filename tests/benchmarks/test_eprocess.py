"""The vectorised e-process and dispersion of canarybench are the product's own, on random windows."""

import math

import numpy as np
import pytest
from benchmarks.canarybench import eprocess, history, traffic
from benchmarks.canarybench.methods import Lockgate
from benchmarks.canarybench.traffic import Rollouts, Sides

from lockgate.analysis import dispersion
from lockgate.analysis.counts import Counts, Evidence, WorseTest
from lockgate.analysis.judge import begin, judge, weigh
from lockgate.core.canary import Criteria
from lockgate.core.window import Advice, Minute, Ratio, Side, Window


def random_sides(seed: int, runs: int = 6, windows: int = 150, share: float = 0.01, ratio: float = 1.0) -> Sides:
    """Some windows are empty on one side or on both."""
    random = np.random.default_rng(seed)
    canary = random.poisson(30, (runs, windows)) * random.binomial(1, 0.9, (runs, windows))
    baseline = random.poisson(500, (runs, windows)) * random.binomial(1, 0.95, (runs, windows))
    return Sides(canary, random.binomial(canary, ratio * share), baseline, random.binomial(baseline, share))


def counts(sides: Sides, run: int, window: int) -> Counts:
    each = (sides.canary, sides.canary_errors, sides.baseline, sides.baseline_errors)
    return Counts(*(int(one[run, window]) for one in each))


@pytest.mark.parametrize(
    ("tolerance", "factor", "ratio"), [(1.0, 1.0, 1.0), (1.0, 1.0, 3.0), (1.25, 1.4, 1.0), (1.25, 7.5, 20.0)]
)
def test_the_evidence_is_what_the_product_finds_at_every_look(tolerance: float, factor: float, ratio: float) -> None:
    sides = random_sides(7, ratio=ratio)
    found = eprocess.log_evidence(sides, tolerance, np.full(6, factor))

    test = WorseTest(tolerance, dispersion=factor)
    for run in range(6):
        evidence = Evidence()
        for window in range(150):
            evidence = test.add(evidence, counts(sides, run, window))
            assert found[run, window] == pytest.approx(test.log_evidence(evidence), abs=1e-9)


def test_a_rollout_that_is_decided_is_not_followed_further_and_nothing_else_changes() -> None:
    sides = random_sides(8, ratio=2.0)
    ones = np.ones(6)
    whole, stopped = eprocess.log_evidence(sides, 1.0, ones), eprocess.log_evidence(sides, 1.0, ones, stop=4.0)

    assert np.array_equal((whole > 4.0).argmax(axis=1), (stopped > 4.0).argmax(axis=1))
    kept = np.isfinite(stopped)
    assert np.array_equal(whole[kept], stopped[kept])
    assert not kept.all()


def past(errors: traffic.Ints, requests: traffic.Ints) -> tuple[Minute, ...]:
    return tuple(
        Minute(
            60.0 * (m + 1),
            {f"i{i:02}": Ratio(int(errors[m, i]), int(requests[m, i])) for i in range(history.INSTANCES)},
        )
        for m in range(history.MINUTES)
    )


@pytest.mark.parametrize("weight", [0.01, 0.1, 0.5])
@pytest.mark.parametrize("share", [0.00002, 0.002, 0.3])
def test_the_dispersion_is_what_the_product_learns(weight: float, share: float) -> None:
    random = np.random.default_rng(3)
    errors, requests = history.drawn(random, 3, share, 100.0)
    errors = np.minimum(requests, errors * random.integers(1, 4, errors.shape))  # they come in bursts
    factor, known = history.learnt(errors, requests, weight)

    for run in range(3):
        one = dispersion.learnt(past(errors[run], requests[run]), weight)
        assert known[run] == one.known
        assert factor[run] == pytest.approx(one.factor)


def decided_by_the_product(sides: Sides, run: int, minutes: tuple[Minute, ...], weight: float) -> int | None:
    """At which window (0 is the first) the product's judge would roll back."""
    criteria = Criteria(latency=False)
    state = begin(criteria, minutes, weight)
    for number in range(sides.shape[1]):
        n, k, m, j = (
            int(one[run, number]) for one in (sides.canary, sides.canary_errors, sides.baseline, sides.baseline_errors)
        )
        window = Window(number + 1, 5.0 * number, 5.0 * number + 5, 0, round(10000 * weight), Side(n, k), Side(m, j))
        state = weigh(criteria, state, window)
        if judge(criteria, state).advice is Advice.ROLL_BACK:
            return number
    return None


@pytest.mark.parametrize("share", [0.00001, 0.002])
def test_the_benchmark_decides_when_the_products_judge_does(share: float) -> None:
    """Whether the dispersion is known or not: then few errors decide nothing."""
    random, weight = np.random.default_rng(11), 0.1
    errors, requests = history.drawn(random, 4, share, 200.0)
    factor, known = history.learnt(errors, requests, weight)
    assert known.all() == (share > 0.001)
    sides = traffic.good(random, 4, share, 200.0, traffic.steady(weight, 300.0))
    extra = traffic.added(random, sides.canary, sides.canary_errors, share, 8.0 if share > 0.001 else 1000.0)
    rollouts = traffic.worse(Rollouts(sides, extra, 0.0, factor, known), extra, 0.0)

    method = Lockgate()
    assert method.shipped is not None
    above = method.scores(rollouts) >= method.shipped
    for run in range(4):
        mine = int(above[run].argmax()) if above[run].any() else None
        assert mine == decided_by_the_product(rollouts.sides, run, past(errors[run], requests[run]), weight)
    assert above.any()


def test_a_hundred_per_cent_outage_stays_finite() -> None:
    sides = Sides(*(np.full((1, 5), n) for n in (10**6, 10**6, 10**7, 10)))
    assert math.isfinite(eprocess.log_evidence(sides, 1.25, np.ones(1)).max())
