"""The stressful traffic of canarybench is what it is called, and so are the times of requests."""

import numpy as np
import pytest
from benchmarks.canarybench import latency, stress
from benchmarks.canarybench.stress import CASES, SHARE, Case
from benchmarks.canarybench.traffic import Rollouts


def made(case: Case, weight: float = 0.5, runs: int = 60) -> Rollouts:
    return stress.maker(case, weight)[0](np.random.default_rng(1), runs)


def share(rollouts: Rollouts) -> float:
    return float(rollouts.sides.canary_errors.sum() / rollouts.sides.canary.sum())


@pytest.mark.parametrize(
    "case", [one for one in CASES if not (one.daily or one.cold or one.moving)], ids=lambda c: c.name
)
def test_both_sides_fail_alike_on_average(case: Case) -> None:
    rollouts = made(case)
    sides = rollouts.sides
    assert share(rollouts) == pytest.approx(SHARE, rel=0.05)
    assert sides.baseline_errors.sum() / sides.baseline.sum() == pytest.approx(SHARE, rel=0.05)


@pytest.mark.parametrize(("burst", "least"), [(1, 1.0), (3, 4.0), (10, 15.0), (30, 40.0)])
def test_bursts_scatter_as_much_as_they_are_long(burst: int, least: float) -> None:
    """A geometric length with mean m makes counts scatter 2m - 1 times as much as independent errors."""
    rollouts = made(Case("", burst=burst))
    counts = rollouts.sides.canary_errors
    assert counts.var() / counts.mean() == pytest.approx(2 * burst - 1, rel=0.15)
    assert np.median(rollouts.dispersion) >= least


@pytest.mark.parametrize("ratio", [2.0, 5.0])
@pytest.mark.parametrize("case", [CASES[0], CASES[5]], ids=lambda c: c.name)
def test_a_worse_release_fails_so_many_times_as_often(case: Case, ratio: float) -> None:
    random = np.random.default_rng(2)
    make, worsen = stress.maker(case, 0.5)
    assert share(worsen(random, make(random, 60), ratio)) == pytest.approx(ratio * SHARE, rel=0.05)


def test_what_befalls_both_sides_swings_as_it_is_told() -> None:
    rollouts = made(Case("", daily=True), runs=400)
    whole = (rollouts.sides.canary + rollouts.sides.baseline).mean(axis=0)
    assert whole.mean() == pytest.approx(5000, rel=0.2)
    one = made(Case("", daily=True), runs=1).usual
    assert isinstance(one, np.ndarray)
    assert one.max() / one.min() == pytest.approx(9.0, rel=0.01)
    incident = made(Case("", incident=True), runs=1).usual
    assert isinstance(incident, np.ndarray)
    assert (incident > 5 * SHARE).sum() == pytest.approx(24, abs=1)


def test_a_cold_canary_fails_for_half_a_minute_and_a_minute_is_left_out() -> None:
    rollouts = made(Case("", cold=True))
    sides = rollouts.sides
    early = sides.canary_errors[:, :6].sum() / sides.canary[:, :6].sum()
    assert early == pytest.approx(stress.COLD_SHARE, rel=0.05)
    assert rollouts.warming == 12
    assert sides.canary_errors[:, 6:].sum() / sides.canary[:, 6:].sum() == pytest.approx(SHARE, rel=0.05)


def test_reset_counters_lose_six_windows_of_the_canary() -> None:
    sides = made(Case("", resets=6)).sides
    assert (sides.canary == 0).sum(axis=1).mean() == pytest.approx(6, abs=1)
    assert (sides.baseline > 0).all()


def test_weights_change_in_the_midst_of_a_window() -> None:
    sides = made(Case("", moving=True)).sides
    shares = (sides.canary.sum(axis=0) / (sides.canary + sides.baseline).sum(axis=0)).round(2)
    assert {0.03, 0.15} <= set(shares[58:182].tolist())
    assert set(shares[200:350].tolist()) == {0.25}


def test_a_wandering_rate_forgets_and_a_bias_stays() -> None:
    random = np.random.default_rng(3)
    wander = stress._nature(Case("", wobble=0.3), random, 200, 60)
    assert wander.mean() == pytest.approx(1.0, abs=0.02)
    assert wander.std() == pytest.approx(0.3, abs=0.02)
    later = np.corrcoef(wander[:, 0].ravel(), wander[:, 12].ravel())[0, 1]
    assert later == pytest.approx(np.exp(-1), abs=0.06)
    fixed = stress._nature(Case("", bias=0.2), random, 200, 60)
    assert (fixed[:, 0] == fixed[:, -1]).all()
    assert fixed[:, 0].std() == pytest.approx(0.2, abs=0.02)


def test_quantiles_are_those_of_prometheus() -> None:
    """Ten requests up to 5 ms, ten from 5 to 10: the median is 5, p75 half-way into the second bucket."""
    counts = np.array([10, 10, *[0] * 13])
    assert latency.quantile(counts, 0.5) == pytest.approx(5.0)
    assert latency.quantile(counts, 0.75) == pytest.approx(7.5)
    above = np.array([*[0] * 14, 4])
    assert latency.quantile(above, 0.5) == 10000.0


def test_times_are_log_normal_and_as_much_slower_as_is_said() -> None:
    random = np.random.default_rng(4)
    nothing = np.zeros((1, 200))
    usual, twice = (
        latency._drawn(random, 1000.0, latency.Shape("", slower), nothing).sum(axis=1) for slower in (1.0, 2.0)
    )
    assert latency.quantile(usual, 0.5)[0] == pytest.approx(60.0, rel=0.05)
    assert latency.quantile(twice, 0.5)[0] == pytest.approx(120.0, rel=0.15)


def test_the_products_judge_sees_the_same_traffic() -> None:
    """A release twice as slow is taken back by it, one that is as before is not."""
    found = {shape.name: latency._methods(shape, 1000.0, np.random.default_rng(5), 1) for shape in latency.SHAPES[:4:3]}
    assert found["2x"]["Lockgate, 5 s"][0] is not None
    assert found["as before"]["Lockgate, 5 s"] == [None]
