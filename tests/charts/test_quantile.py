"""Quantiles are as exact as the buckets, and no more sure than they are."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lockgate.charts.quantile import quantile, together
from lockgate.messages import QuantileView

BUCKETS = {10.0: 50, 100.0: 90, 1000.0: 98, math.inf: 100}


@pytest.mark.parametrize(
    ("share", "found"),
    [
        (0.25, QuantileView(5.0)),
        (0.5, QuantileView(10.0)),
        (0.7, QuantileView(55.0)),
        (0.9, QuantileView(100.0)),
        (0.95, QuantileView(1000.0, "at most")),
        (0.99, QuantileView(1000.0, "more than")),
    ],
)
def test_it_is_linear_within_a_bucket_and_says_where_it_is_not_sure(share: float, found: QuantileView) -> None:
    assert quantile(BUCKETS, share) == found


@pytest.mark.parametrize("buckets", [{}, {10.0: 0, math.inf: 0}, {math.inf: 7}])
def test_nothing_is_said_of_nothing(buckets: dict[float, int]) -> None:
    assert quantile(buckets, 0.5) is None


def test_counts_read_at_different_moments_never_fall() -> None:
    assert quantile({10.0: 5, 20.0: 4, 40.0: 10, math.inf: 10}, 0.75) == QuantileView(40.0, "at most")
    assert quantile({10.0: 5, 20.0: 4, 40.0: 10, 80.0: 10, math.inf: 10}, 0.75) == QuantileView(30.0)


def test_windows_are_summed_bound_by_bound() -> None:
    assert together([{1.0: 2, math.inf: 3}, {1.0: 1, math.inf: 1}, {}]) == {1.0: 3, math.inf: 4}


@given(st.lists(st.integers(0, 1000), min_size=1, max_size=8), st.floats(0.01, 1.0))
def test_it_lies_where_the_counts_say(counts: list[int], share: float) -> None:
    ends = [10.0 * (i + 1) for i in range(len(counts))]
    cumulative = {end: sum(counts[: i + 1]) for i, end in enumerate(ends)} | {math.inf: sum(counts)}
    found = quantile(cumulative, share)
    if found is None:
        assert sum(counts) == 0
        return
    at_or_below = next(n for end, n in cumulative.items() if end >= found.milliseconds)
    assert at_or_below >= share * sum(counts) - 1e-6
    assert 0.0 <= found.milliseconds <= ends[-1]
