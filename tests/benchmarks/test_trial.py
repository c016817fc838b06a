"""What a rollout cost, and how a threshold is tuned."""

import math

import numpy as np
import pytest
from benchmarks.canarybench import studies, traffic
from benchmarks.canarybench.methods import Argo, Flagger, Lockgate
from benchmarks.canarybench.traffic import ALL_FAIL, CELLS, Cell, Rollouts, Sides
from benchmarks.canarybench.trial import interval, tried, tuned


def constant(errors: int, minutes: int = 10, runs: int = 1) -> Rollouts:
    """So many extra errors in each window, of 100 requests; 1000 afterwards."""
    shape = (runs, 12 * minutes)
    requests, failed = np.full(shape, 100), np.full(shape, errors)
    return Rollouts(
        Sides(requests, failed, requests, np.zeros(shape, int)), failed, 1000.0, np.ones(runs), np.ones(runs, bool)
    )


def test_there_are_24_cells() -> None:
    assert len(set(CELLS)) == 24


def test_a_caught_release_costs_what_failed_until_then() -> None:
    (outcome,) = tried(Argo("", 0, 0.01), constant(2), [0.01])
    assert (outcome.rolled_back, outcome.failed, outcome.minutes) == (1, 24.0, 1.0)


def test_the_interval_in_which_flagger_acts_is_counted_too() -> None:
    (outcome,) = tried(Flagger("", 5, 0.01), constant(2), [0.01])
    assert (outcome.failed, outcome.minutes) == (2 * 12 * 6, 6.0)


def test_a_missed_release_costs_an_hour_at_all_the_traffic_as_well() -> None:
    (outcome,) = tried(Argo("", 0, 0.05), constant(2), [0.05])
    assert (outcome.rolled_back, outcome.failed, outcome.minutes) == (0, 1240.0, None)


def test_a_tuned_threshold_takes_back_at_most_one_good_release_in_a_hundred() -> None:
    make, _ = studies._of(Cell(0.01, 0.1, 100.0), 600.0)
    good = make(np.random.default_rng(1), 300)
    for method in (Argo("", 2, None), Lockgate(60.0), Flagger("", 5, None)):
        limit = tuned(method, good)
        caught = tried(method, good, [limit])[0].rolled_back
        assert caught <= 3
        assert tried(method, good, [math.nextafter(limit, -math.inf)])[0].rolled_back > 3


def test_a_worse_release_is_the_good_one_with_more_errors() -> None:
    make, worsen = studies._of(Cell(0.01, 0.1, 1000.0), 600.0)
    random = np.random.default_rng(2)
    good = make(random, 50)
    bad = worsen(random, good, 3.0)

    assert np.array_equal(bad.sides.canary, good.sides.canary)
    assert np.array_equal(bad.sides.canary_errors - bad.extra, good.sides.canary_errors)
    assert bad.extra.sum() / good.sides.canary.sum() == pytest.approx(0.02, rel=0.02)
    assert bad.afterwards == pytest.approx(0.02 * 1000 * 3600)
    failing = worsen(random, good, ALL_FAIL)
    assert np.array_equal(failing.sides.canary_errors, good.sides.canary)


def test_the_same_seed_gives_the_same_figures_and_tuning_has_another() -> None:
    effort = studies.Effort(40, 10, 40)
    first, again = (list(studies.cells(effort, CELLS[:1])) for _ in range(2))
    assert first == again
    make, _ = studies._of(CELLS[0])
    tuning, trying = (make(studies._seeded(0, what), 5) for what in (studies.TUNING, studies.TRYING))
    assert not np.array_equal(tuning.sides.baseline_errors, trying.sides.baseline_errors)


def test_the_ramp_is_the_products() -> None:
    from lockgate.core.canary import DEFAULT_STAGES

    assert [(stage.weight / 10000, stage.soak) for stage in DEFAULT_STAGES] == list(traffic.RAMP)


@pytest.mark.parametrize(("events", "runs"), [(0, 100), (3, 300), (100, 100)])
def test_the_interval_is_exact(events: int, runs: int) -> None:
    """Its ends are where so many events, or fewer, or more, would have had a chance of 2.5 %."""
    low, high = interval(events, runs)

    def at_most(k: int, p: float) -> float:
        return math.fsum(math.comb(runs, i) * p**i * (1 - p) ** (runs - i) for i in range(k + 1))

    assert high == 1.0 if events == runs else at_most(events, high) == pytest.approx(0.025)
    assert low == 0.0 if events == 0 else 1 - at_most(events - 1, low) == pytest.approx(0.025)
