"""The rivals of canarybench decide as their documentation and published cases say."""

import math

import numpy as np
import pytest
from benchmarks.canarybench import kayenta, thresholds
from benchmarks.canarybench.methods import Argo, Flagger, Kayenta
from benchmarks.canarybench.thresholds import ArgoMetric, FlaggerAnalysis
from benchmarks.canarybench.traffic import Rollouts, Sides
from scipy.stats import mannwhitneyu


def constant(value: float) -> list[float]:
    return [value] * 10


# --- Kayenta ---


def test_kayenta_decides_the_published_case_as_published() -> None:
    """spinnaker/spinnaker#6278."""
    assert not kayenta.classify([100.0] * 7 + [1.0] * 3, constant(1.0)).high
    assert kayenta.classify([100.0] * 8 + [1.0] * 2, constant(1.0)).high


def test_kayentas_interval_and_estimate_are_those_of_its_own_test() -> None:
    """MannWhitneySuite, "returns expected values": the 95 % interval is 6 to 39, the estimate 22.5."""
    x, y = np.array([10.0, 20.0, 30.0, 40.0]), np.array([1.0, 2.0, 3.0, 4.0])
    assert kayenta._crossing(x, y, kayenta.level(0.95)) == pytest.approx(6.0)
    assert kayenta.estimate(x, y) == 22.5


def test_kayentas_statistic_is_that_of_the_rank_test() -> None:
    random = np.random.default_rng(1)
    for _ in range(20):
        x, y = random.poisson(3.0, 12).astype(float), random.poisson(2.0, 17).astype(float)
        found = kayenta.standardised(x, y, 0.0)
        p = mannwhitneyu(x, y, use_continuity=True, method="asymptotic").pvalue
        # Without a difference at all scipy's correction overshoots.
        assert found == 0.0 or 2 * (1 - kayenta.NormalDist().cdf(abs(found))) == pytest.approx(p)


def test_kayenta_passes_identical_tied_and_missing_data() -> None:
    assert not kayenta.classify([1.0, 2.0, 3.0, 4.0, 5.0], [5.0, 4.0, 3.0, 2.0, 1.0]).high
    assert not kayenta.classify([1.0, 1.0, 1.0], [1.0, 1.0]).high
    assert kayenta.classify([], [1.0]).because == "Nodata"


def test_with_fewer_than_five_points_separation_alone_is_enough_for_kayenta() -> None:
    """The interval does not exist, and its end is taken to be the smallest difference."""
    assert kayenta.classify([2.0, 2.1, 2.2], [1.0, 1.1, 1.2]).high
    assert not kayenta.classify([2.0, 2.1, 1.15], [1.0, 1.1, 1.2]).high


def test_kayentas_tolerance_is_of_the_shift_so_a_tiny_one_is_high() -> None:
    few = [1.0 + n * 1e-6 for n in range(10)]
    assert kayenta.classify([one + 1e-3 for one in few], few).high


def test_kayenta_asks_for_the_effect_that_is_configured() -> None:
    few = [1.0 + n * 1e-2 for n in range(10)]
    assert kayenta.classify([one + 0.5 for one in few], few).high
    assert not kayenta.classify([one + 0.5 for one in few], few, allowed_increase=2.0).high


@pytest.mark.parametrize("ratio", [1.0, 1.6, 4.0])
@pytest.mark.parametrize("requests", [60, 6000])
def test_many_judgements_at_once_are_the_same_as_one_by_one(ratio: float, requests: int) -> None:
    random = np.random.default_rng(5)
    y = random.binomial(10 * requests, 0.01, (12, 20)) / (10 * requests)
    x = random.binomial(requests, 0.01 * ratio, (12, 20)) / requests
    looks = range(kayenta.LEAST_POINTS, 21)
    for confidence in (0.9, 0.98):
        many = kayenta.scores(x, y, looks) > kayenta.level(confidence)
        one = [[kayenta.classify(list(x[r, :n]), list(y[r, :n]), confidence).high for n in looks] for r in range(12)]
        assert many.tolist() == one


# --- Argo Rollouts and Flagger ---

ERRORS = [0, 9, 0, 9, 9, 0, 9, 9]
"""Of 100 requests of the canary, minute by minute; more than 5 fail a measurement."""


def rollouts(errors: list[int], requests: int = 100) -> Rollouts:
    """All errors of a minute in its first window."""
    canary = np.zeros((1, 12 * len(errors)), int)
    failed = np.zeros_like(canary)
    canary[0, ::12], failed[0, ::12] = requests, errors
    nothing = np.zeros_like(canary)
    return Rollouts(Sides(canary, failed, canary, nothing), nothing, 0.0, np.ones(1), np.ones(1, bool))


@pytest.mark.parametrize(("limit", "measurement"), [(0, 2), (1, 4), (2, 5), (3, 7), (4, 8), (5, None)])
def test_an_argo_metric_fails_when_more_than_failure_limit_measurements_have(
    limit: int, measurement: int | None
) -> None:
    assert ArgoMetric(limit).rolled_back([errors > 5 for errors in ERRORS]) == measurement

    method = Argo("", limit, 0.05)
    above = method.scores(rollouts(ERRORS))[0] > 0.05
    assert (method.seconds(int(above.argmax())) / 60 if above.any() else None) == measurement


@pytest.mark.parametrize(("threshold", "tick"), [(1, 3), (2, 5), (4, 8), (5, 9), (6, None)])
def test_flagger_counts_failed_checks_and_rolls_back_at_the_next_tick(threshold: int, tick: int | None) -> None:
    assert FlaggerAnalysis(threshold).rolled_back([errors > 5 for errors in ERRORS]) == tick

    method = Flagger("", threshold, 0.05)
    above = method.scores(rollouts(ERRORS))[0] > 0.05
    assert (method.seconds(int(above.argmax())) / 60 if above.any() else None) == tick


def test_no_value_is_a_failed_check_for_flagger_and_none_for_argo() -> None:
    silent = rollouts([0, 0, 0], requests=0)
    assert (Flagger("", 2, 0.01).scores(silent)[0] > 0.01).tolist() == [False, True, True]
    assert not (Argo("", 0, 0.01).scores(silent)[0] > 0.01).any()


def test_the_ratio_to_a_baseline_without_errors_is_infinite_but_nothing_by_nothing_is_nothing() -> None:
    sides = Sides(*(np.array([[n, n]]) for n in (100, 0, 100, 0)))
    assert thresholds.ratios(sides).tolist() == [[0.0, 0.0]]
    failing = Sides(*(np.array([[n]]) for n in (100, 1, 100, 0)))
    assert thresholds.ratios(failing).tolist() == [[math.inf]]


def test_kayenta_judges_from_five_points_on_or_when_it_is_told_to() -> None:
    assert Kayenta().seconds(0) == 300
    assert [Kayenta(at=(20, 40)).seconds(n) for n in (0, 1)] == [1200, 2400]
