"""Arrivals: a canary that gets nothing is noticed, one with pins or a few sticky users is left alone."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lockgate.analysis import arrivals
from lockgate.analysis.arrivals import Arrivals
from lockgate.analysis.judge import begin, judge, weigh
from lockgate.core.canary import Criteria
from lockgate.core.window import Advice, Judgement
from tests.analysis.test_counts import binomial
from tests.analysis.traffic import window

ERRORS = Criteria(latency=False, dispersion=1.0)


def judged(windows: list[tuple[int, int, int]], sticky: bool = False) -> Judgement:
    """``windows``: weight, requests of the canary, of the baseline."""
    state = begin(ERRORS, (), 0.05, sticky)
    for n, (weight, mine, theirs) in enumerate(windows, 1):
        state = weigh(ERRORS, state, window(n, (0, mine), (0, theirs), weight))
    return judge(ERRORS, state)


@given(st.integers(1, 80), st.floats(0.001, 0.99), st.floats(0.0, 1.0))
def test_a_share_that_arrives_is_never_expected_to_look_lost(n: int, share: float, more: float) -> None:
    low = share / arrivals.LOST
    got = low + more * (1 - low)
    expected = sum(
        part * math.exp(arrivals.add(Arrivals(weight=7), 7, share, k, n - k).log_evidence)
        for k, part in enumerate(binomial(n, got))
    )
    assert expected <= 1 + 1e-9


def test_a_canary_that_gets_nothing_where_it_should_has_failed() -> None:
    found = judged([(500, 0, 1000)] * 3)

    assert found.advice is Advice.ROLL_BACK
    assert found.because == (
        "The canary got 0 requests where its weight makes 100, and none of the last 100. "
        "It does not serve what it is given."
    )


def test_a_canary_that_stops_getting_requests_has_failed() -> None:
    found = judged([(500, 50, 950)] * 200 + [(500, 0, 1000)] * 2)

    assert found.advice is Advice.ROLL_BACK
    assert "none of the last 100" in found.because


def test_hardly_any_traffic_is_no_data() -> None:
    found = judged([(100, 0, 40)] * 100)

    assert found.advice is Advice.GO_ON
    assert "the canary had no requests" in found.because


@pytest.mark.parametrize("times", [2, 10, 40])
def test_pins_that_bring_more_than_its_share_never_count_against_it(times: int) -> None:
    assert judged([(100, 10 * times, 990)] * 300).advice is not Advice.ROLL_BACK


@pytest.mark.parametrize("got", [0, 1, 30])
def test_where_users_stick_a_few_of_them_make_any_ratio(got: int) -> None:
    found = judged([(500, got, 1000)] * 100, sticky=True)

    assert found.advice is not Advice.ROLL_BACK


def test_where_users_stick_a_canary_without_requests_is_not_promoted() -> None:
    assert judged([(500, 0, 1000)] * 100, sticky=True).advice is Advice.GO_ON


def test_half_of_its_share_is_no_failure() -> None:
    assert judged([(500, 25, 975)] * 300).advice is not Advice.ROLL_BACK


def test_requests_that_end_long_after_the_weight_was_raised_are_no_failure() -> None:
    slow = [(100, 10, 990)] * 60 + [(500, 10, 990)] * 24 + [(500, 50, 950)] * 60
    state = begin(ERRORS, (), 0.05)
    for n, (weight, mine, theirs) in enumerate(slow, 1):
        state = weigh(ERRORS, state, window(n, (0, mine), (0, theirs), weight))
        assert judge(ERRORS, state).advice is Advice.GO_ON


def test_the_first_window_at_a_new_weight_is_not_counted() -> None:
    assert arrivals.add(Arrivals(), 500, 0.05, 0, 10**6) == Arrivals(weight=500)
