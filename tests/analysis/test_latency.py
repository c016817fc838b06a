"""Latency: slower canaries are found, as fast ones left alone, on bounds that were fixed beforehand."""

import math
from dataclasses import replace
from itertools import product
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lockgate.analysis import latency, shape
from lockgate.analysis.histogram import Histogram, histogram, usable_bounds
from lockgate.analysis.judge import begin, judge, weigh
from lockgate.analysis.latency import Latency
from lockgate.core.canary import Criteria
from lockgate.core.window import Advice, Judgement, Minute, Ratio, Side
from tests.analysis.traffic import BOUNDS, lognormal_latency, timed, window

CRITERIA = Criteria(dispersion=1.0)
PAST = timed(Random(1), 60, 3000)
"""An hour, 50 requests a second."""


def side(at_most: dict[float, int]) -> Side:
    return Side(max(at_most.values(), default=0), 0, at_most)


def rollout(past: tuple[Minute, ...], slower: float, windows: int, seed: int = 3, part: float = 1.0) -> Judgement:
    """50 of 500 requests a window to the canary; ``part`` of its requests are ``slower`` times as slow."""
    random, state = Random(seed), begin(CRITERIA, past, 0.1)
    for n in range(1, windows + 1):
        slow = sum(random.random() < part for _ in range(50))
        fast, late = lognormal_latency(random, 50 - slow), lognormal_latency(random, slow, 60 * slower)
        mine = {bound: fast[bound] + late[bound] for bound in BOUNDS}
        state = weigh(
            CRITERIA, state, window(n, (0, 50), (0, 450), 1000, latency=(mine, lognormal_latency(random, 450)))
        )
        if judge(CRITERIA, state).advice is Advice.ROLL_BACK:
            break
    return judge(CRITERIA, state)


def test_twice_as_slow_is_taken_back_and_the_loudest_bound_named() -> None:
    found = rollout(PAST, 2.0, 40)

    assert found.advice is Advice.ROLL_BACK
    assert "of requests took longer than 100 ms on the canary against" in found.because
    assert found.because.endswith("chance of a false alarm under 1 %.")


def test_a_slow_tail_is_taken_back() -> None:
    assert rollout(PAST, 8.0, 200, part=0.03).advice is Advice.ROLL_BACK


@pytest.mark.parametrize("past", [PAST, ()], ids=["with history", "without"])
def test_as_fast_is_left_alone(past: tuple[Minute, ...]) -> None:
    found = [rollout(past, 1.0, 150, seed) for seed in range(4)]

    assert [one.advice for one in found].count(Advice.ROLL_BACK) == 0
    assert all(term.against < 1 for one in found for term in one.terms if term.metric == "latency")


def test_as_fast_is_shown_to_be_good() -> None:
    found = next(term for term in rollout(PAST, 1.0, 300).terms if term.metric == "latency")

    assert found.good is not None and found.good > math.log(20)


def test_without_history_the_first_windows_of_the_baseline_are_learnt_from_and_not_tested() -> None:
    random, state = Random(8), begin(CRITERIA, (), 0.1)
    for n in range(1, latency.FEWEST_BLOCKS + 1):
        assert state.latency is not None and not state.latency.chosen
        worst = dict.fromkeys(BOUNDS, 0) | {math.inf: 50}
        state = weigh(
            CRITERIA, state, window(n, (0, 50), (0, 450), 1000, latency=(worst, lognormal_latency(random, 450)))
        )
        assert judge(CRITERIA, state).against <= 0
    assert state.latency is not None and state.latency.chosen
    assert state.latency.edges == (25.0, 50.0, 100.0, 250.0)
    state = weigh(CRITERIA, state, window(99, (0, 50), (0, 450), 1000, latency=(worst, lognormal_latency(random, 450))))
    assert judge(CRITERIA, state).advice is Advice.ROLL_BACK


def test_what_the_canary_does_while_it_is_learnt_does_not_choose_the_bounds() -> None:
    def chosen(slow: float) -> Latency | None:
        random, state = Random(9), begin(CRITERIA, (), 0.1)
        for n in range(1, latency.FEWEST_BLOCKS + 1):
            baseline = lognormal_latency(random, 450)
            mine = lognormal_latency(Random(n), 50, 60 * slow)
            state = weigh(CRITERIA, state, window(n, (0, 50), (0, 450), 1000, latency=(mine, baseline)))
        return state.latency

    assert chosen(1.0) == chosen(20.0)


def test_little_traffic_is_learnt_from_for_longer_without_a_state_that_grows() -> None:
    state, random = Latency(), Random(2)
    for _ in range(200):
        state = latency.add(CRITERIA, state, Side(), side(lognormal_latency(random, 5)))
        assert len(state.learning) <= latency.FEWEST_BLOCKS
        if state.chosen:
            break
    assert state.chosen and state.bounds


def test_where_nobody_takes_times_nothing_is_tested_and_nothing_asked() -> None:
    untimed = tuple(Minute(60.0 * n, {"a": Ratio(0, 100)}) for n in range(20))
    assert begin(CRITERIA, untimed, 0.1).latency is None
    state = begin(CRITERIA, (), 0.1)
    for n in range(1, latency.UNTIMED + 1):
        (found,) = (term for term in judge(CRITERIA, state).terms if term.metric == "latency")
        assert found.good == 0
        state = weigh(CRITERIA, state, window(n, (0, 50), (0, 450), 1000))
    (found,) = (term for term in judge(CRITERIA, state).terms if term.metric == "latency")
    assert found.good is None and found.against == 0


def test_windows_without_times_in_between_do_not_end_the_learning() -> None:
    """While instances warm up, a router's times are of nobody in particular."""
    random, state = Random(2), Latency()
    for n in range(200):
        times = lognormal_latency(random, 450) if n % 20 == 0 else {}
        state = latency.add(CRITERIA, state, Side(), Side(450, 0, times))

    assert not state.chosen and len(state.learning) == 10


def test_times_that_jump_about_are_left_out_and_that_is_said() -> None:
    found = begin(CRITERIA, timed(Random(5), 60, 300_000, wobble=0.5), 0.1).latency

    assert found is not None and found.erratic and not found.bounds
    assert "scatter too much" in rollout(timed(Random(5), 60, 300_000, wobble=0.5), 1.0, 2).terms[1].because


def test_evidence_is_divided_by_the_scatter_that_the_two_sides_have() -> None:
    """Of ten instances that are as one, a canary of one instance with a tenth of the traffic has all the scatter, one
    with a hundredth of it about a tenth."""
    ten = tuple(
        replace(m, instances={f"i{i}": Ratio(0, 300) for i in range(10)}) for m in timed(Random(4), 60, 3000, 0.1)
    )
    state = begin(CRITERIA, ten, 0.1).latency
    assert state is not None and state.instances == 10

    def gained(mine: int, instances: int) -> float:
        slow, fast = lognormal_latency(Random(1), mine, 120.0), lognormal_latency(Random(2), 10_000 - mine)
        after = latency.add(CRITERIA, state, replace(side(slow), instances=instances), replace(side(fast), instances=9))
        return max(after.bounds[2].case.worse)

    scatter = state.bounds[2].dispersion
    assert scatter > 5
    for mine, w in ((1000, 0.1), (100, 0.01)):
        part = w * (1 - w) * 10 * (1 + 1 / 9)
        assert gained(mine, 1) * (1 + part * (scatter - 1)) == pytest.approx(gained(mine, 0) * scatter)


def test_a_window_without_one_of_the_bounds_says_nothing_about_it() -> None:
    state = begin(CRITERIA, PAST, 0.1).latency
    assert state is not None
    after = latency.add(CRITERIA, state, side({50.0: 1, math.inf: 50}), side({50.0: 200, math.inf: 450}))

    assert [bound.milliseconds for bound in after.bounds if bound.case.canary] == [50.0]
    assert after.shape == ()


def test_of_many_bounds_those_are_kept_that_tell_most() -> None:
    above = {float(n): round(10_000 * math.exp(-n / 30)) for n in range(1, 300)}
    bounds = usable_bounds(Histogram(10_000, above))

    assert len(bounds) == 8
    assert sorted(above[bound] for bound in bounds) == pytest.approx([10, 30, 100, 200, 500, 1000, 2500, 5000], rel=0.1)


EDGES = (100.0, 200.0)


@settings(max_examples=25, deadline=None)
@given(
    st.tuples(st.floats(0.1, 1), st.floats(0.05, 1), st.floats(0.05, 1)),
    st.floats(1.0, 1.5),
    st.tuples(st.floats(0, 1), st.floats(0, 1)),
    st.integers(1, 5),
    st.integers(1, 5),
)
def test_no_cell_more_frequent_than_tolerated_is_never_expected_to_look_slower(
    cells: tuple[float, float, float], tolerance: float, parts: tuple[float, float], n1: int, n0: int
) -> None:
    """The e-value of the whole histogram, summed over everything that two sides can get."""
    usual = tuple(cell / sum(cells) for cell in cells)
    slow = [min(1.0, tolerance * usual[1] * parts[0]), min(1.0, tolerance * usual[2] * parts[1])]
    if sum(slow) > 1:
        slow = [one / sum(slow) for one in slow if sum(slow)]
    mine = (1 - sum(slow), *slow)

    def outcomes(n: int, shares: tuple[float, ...]) -> list[tuple[float, Histogram]]:
        found = []
        for b, c in product(range(n + 1), repeat=2):
            if b + c <= n:
                ways = math.factorial(n) // (math.factorial(n - b - c) * math.factorial(b) * math.factorial(c))
                chance = ways * max(0.0, shares[0]) ** (n - b - c) * shares[1] ** b * shares[2] ** c
                found.append((chance, Histogram(n, {EDGES[0]: b + c, EDGES[1]: c})))
        return found

    expected = sum(
        a * b * math.exp(shape.log_evidence(shape.add((), EDGES, usual, canary, baseline, tolerance, 1.0)))
        for (a, canary), (b, baseline) in product(outcomes(n1, mine), outcomes(n0, usual))
    )
    assert expected <= 1 + 1e-9


def test_a_histogram_forgets_infinity() -> None:
    assert histogram({10.0: 3, math.inf: 7}) == Histogram(7, {10.0: 4})
    assert histogram({}) == Histogram(0, {})
