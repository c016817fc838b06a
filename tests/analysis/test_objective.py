"""The objective guard: an e-value for any number of requests, and an alarm when too many fail."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lockgate.analysis import objective
from tests.analysis.test_counts import binomial

NEEDED = math.log(1 / objective.ALPHA)


@given(st.integers(1, 60), st.floats(0.0, 0.99), st.floats(0.0, 1.0), st.floats(1.0, 20.0))
def test_within_the_limit_the_expectation_is_never_above_one(n: int, limit: float, part: float, scatter: float) -> None:
    expected = sum(
        share * math.exp(objective.log_evidence(objective.add((), n, k, limit, scatter)))
        for k, share in enumerate(binomial(n, part * limit))
    )
    assert expected <= 1 + 1e-9


def test_beyond_the_limit_it_alarms() -> None:
    logs = objective.add((), 1000, 40, 0.01)
    assert objective.log_evidence(logs) > NEEDED


def test_within_it_evidence_shrinks() -> None:
    assert objective.log_evidence(objective.add((), 1000, 8, 0.01)) < 0


@pytest.mark.parametrize("limit", [0.0, 1e-12, 0.5, 1.0])
@pytest.mark.parametrize(("requests", "errors"), [(10**7, 10**7), (10**7, 0), (0, 0)])
def test_no_limit_and_no_outage_overflows(limit: float, requests: int, errors: int) -> None:
    assert all(map(math.isfinite, objective.add((), requests, errors, limit)))


def test_nonsense_says_nothing() -> None:
    assert objective.add((), 5, 6, 0.01) == (0.0,) * len(objective.ODDS)
