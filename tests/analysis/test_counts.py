"""Error counts: the evidence is an e-value exactly where it must be, and grows where it should."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lockgate.analysis.counts import Counts, Evidence, GoodTest, WorseTest, errors_needed

ALPHA, BETA = math.log(100), math.log(20)


def binomial(n: int, p: float) -> list[float]:
    return [math.comb(n, k) * p**k * (1 - p) ** (n - k) for k in range(n + 1)]


def expectation(test: WorseTest | GoodTest, n1: int, p1: float, n0: int, p0: float) -> float:
    """Of the e-value of one window, by summing over everything that can happen."""
    return sum(
        a * b * math.exp(test.log_evidence(test.add(Evidence(), Counts(n1, k, n0, j))))
        for k, a in enumerate(binomial(n1, p1))
        for j, b in enumerate(binomial(n0, p0))
    )


@given(
    st.integers(1, 12),
    st.integers(1, 20),
    st.floats(0.0, 0.7),
    st.floats(1.0, 3.0),
    st.floats(0.0, 0.1),
    st.floats(0.0, 1.0),
)
def test_on_the_hypothesis_the_expectation_is_never_above_one(
    n1: int, n0: int, p0: float, tolerance: float, absolute: float, share: float
) -> None:
    p1 = min(1.0, share * (tolerance * p0 + absolute))
    assert expectation(WorseTest(tolerance, absolute), n1, p1, n0, p0) <= 1 + 1e-9


@given(
    st.integers(1, 12),
    st.integers(1, 20),
    st.floats(1.0, 3.0),
    st.floats(0.0, 0.1),
    st.floats(0.0, 1.0),
    st.floats(0.0, 1.0),
)
def test_what_is_bad_is_never_expected_to_look_good(
    n1: int, n0: int, out: float, granted: float, part: float, more: float
) -> None:
    p0 = part * (1 - granted) / out
    bad = out * p0 + granted
    assert expectation(GoodTest(out, granted), n1, min(1.0, bad + more * (1 - bad)), n0, p0) <= 1 + 1e-9


def evidence_of(test: WorseTest | GoodTest, windows: list[Counts]) -> float:
    evidence = Evidence()
    for window in windows:
        evidence = test.add(evidence, window)
    return test.log_evidence(evidence)


def test_an_outage_is_noticed_in_one_window() -> None:
    assert evidence_of(WorseTest(), [Counts(50, 50, 950, 1)]) > ALPHA


def test_the_same_error_rate_is_no_evidence() -> None:
    assert evidence_of(WorseTest(), [Counts(100, 1, 1900, 19)] * 200) < 0


def test_twice_the_errors_are_noticed_with_about_as_many_as_was_planned() -> None:
    evidence, test, errors = Evidence(), WorseTest(tolerance=1.0), 0
    while test.log_evidence(evidence) < ALPHA:
        evidence = test.add(evidence, Counts(1000, 2, 19_000, 19))
        errors += 2
    assert 0.6 < errors / errors_needed(2.0) < 1.6
    assert test.likeliest(evidence) in (1.75, 2.0, 2.5)


def test_a_ramp_goes_on_with_what_is_known() -> None:
    """Evidence at one weight adds to that at another; nothing is reset."""
    steps = [Counts(100, 3, 9900, 99)] * 3 + [Counts(2500, 75, 7500, 75)]
    whole = evidence_of(WorseTest(), steps)
    assert whole > evidence_of(WorseTest(), steps[:3])
    assert whole > evidence_of(WorseTest(), steps[3:])


@pytest.mark.parametrize("window", [Counts(0, 0, 0, 0), Counts(0, 0, 100, 50), Counts(10, 10, 0, 0)])
def test_a_window_without_one_of_the_sides_says_nothing(window: Counts) -> None:
    assert evidence_of(WorseTest(), [window]) == 0.0
    assert evidence_of(GoodTest(), [window]) == 0.0


def test_a_good_release_is_shown_to_be_good() -> None:
    assert evidence_of(GoodTest(), [Counts(5000, 5, 5000, 5)] * 10) > BETA
    assert evidence_of(GoodTest(), [Counts(5000, 10, 5000, 5)] * 10) < BETA


def test_dispersion_tempers_the_evidence() -> None:
    windows = [Counts(500, 15, 9500, 95)] * 3
    assert 0 < evidence_of(WorseTest(dispersion=3.0), windows) < evidence_of(WorseTest(), windows)


def test_an_absolute_tolerance_forgives_a_few_errors_where_there_are_none() -> None:
    few = [Counts(1000, 3, 99_000, 0)]
    assert evidence_of(WorseTest(), few) > ALPHA
    assert evidence_of(WorseTest(absolute=0.005), few) < ALPHA
