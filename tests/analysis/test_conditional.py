"""The exact conditional form: sums over everything that can happen, and counts of a size that overflows otherwise."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lockgate.analysis.conditional import log_e, log_sum
from lockgate.analysis.counts import Counts, Evidence, GoodTest, WorseTest
from tests.analysis.test_counts import binomial


def term(canary: int, baseline: int, errors: int, k: int, odds: float) -> float:
    return math.comb(canary, k) * math.comb(baseline, errors - k) * odds**k


@given(st.integers(0, 40), st.integers(0, 60), st.data())
def test_the_sum_is_that_of_its_terms(canary: int, baseline: int, data: st.DataObject) -> None:
    errors = data.draw(st.integers(0, canary + baseline))
    odds = data.draw(st.floats(0.01, 100))
    terms = [term(canary, baseline, errors, k, odds) for k in range(max(0, errors - baseline), min(errors, canary) + 1)]

    assert log_sum(canary, baseline, errors, odds) == pytest.approx(math.log(math.fsum(terms)), abs=1e-9)


@given(st.integers(1, 25), st.integers(1, 40), st.floats(1.0, 4.0), st.floats(1.0, 30.0), st.data())
def test_given_the_errors_of_both_sides_the_expectation_is_one_on_the_boundary(
    canary: int, baseline: int, against: float, more: float, data: st.DataObject
) -> None:
    errors = data.draw(st.integers(0, canary + baseline))
    ks = range(max(0, errors - baseline), min(errors, canary) + 1)
    weights = [term(canary, baseline, errors, k, against) for k in ks]
    values = [math.exp(next(log_e(canary, k, baseline, errors - k, [against * more], against))) for k in ks]

    expected = math.fsum(a * b for a, b in zip(weights, values, strict=True)) / math.fsum(weights)
    assert expected == pytest.approx(1.0, abs=1e-9)


def expectation(test: WorseTest | GoodTest, n1: int, p1: float, n0: int, p0: float) -> float:
    return sum(
        a * b * math.exp(test.log_evidence(test.add(Evidence(), Counts(n1, k, n0, j), common=True)))
        for k, a in enumerate(binomial(n1, p1))
        for j, b in enumerate(binomial(n0, p0))
    )


def with_odds(p0: float, ratio: float) -> float:
    return ratio * p0 / (1 - p0 + ratio * p0)


@settings(max_examples=40)
@given(st.integers(1, 9), st.integers(1, 12), st.floats(0.05, 0.95), st.floats(1.0, 2.0), st.floats(0.0, 1.0))
def test_odds_within_the_tolerance_are_never_expected_to_look_worse(
    n1: int, n0: int, p0: float, tolerance: float, part: float
) -> None:
    p1 = part * with_odds(p0, tolerance)
    assert expectation(WorseTest(tolerance), n1, p1, n0, p0) <= 1 + 1e-9


@settings(max_examples=40)
@given(st.integers(1, 9), st.integers(1, 12), st.floats(0.05, 0.95), st.floats(1.0, 3.0), st.floats(0.0, 1.0))
def test_odds_that_must_be_ruled_out_are_never_expected_to_look_good(
    n1: int, n0: int, p0: float, out: float, part: float
) -> None:
    bad = with_odds(p0, out)
    p1 = bad + part * (1 - bad)
    assert expectation(GoodTest(out), n1, p1, n0, p0) <= 1 + 1e-9


def test_where_errors_are_common_it_sees_more_than_the_closed_form() -> None:
    counts, test = Counts(1000, 450, 1000, 300), WorseTest(1.25)
    closed = test.log_evidence(test.add(Evidence(), counts))
    exact = test.log_evidence(test.add(Evidence(), counts, common=True))
    assert exact > closed + 5


def test_where_errors_are_rare_both_forms_agree() -> None:
    counts, test = Counts(5000, 12, 95_000, 90), WorseTest(1.25)
    closed = test.add(Evidence(), counts).logs
    exact = test.add(Evidence(), counts, common=True).logs
    assert exact == pytest.approx(closed, abs=0.05)


@pytest.mark.parametrize(
    "counts", [Counts(10**6, 10**6, 10**6, 0), Counts(10**6, 0, 10**6, 10**6), Counts(10**5, 9 * 10**4, 10**7, 10**6)]
)
def test_millions_of_requests_do_not_overflow(counts: Counts) -> None:
    for test in (WorseTest(), GoodTest()):
        assert all(map(math.isfinite, test.add(Evidence(), counts, common=True).logs))
