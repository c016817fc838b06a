"""Simulated rollouts with fixed seeds: false alarms stay below alpha with a look at every window, whatever the traffic
does; bad canaries are found with about as many errors as was planned. Tolerance 1 where the bound is tested: with any
other there are next to none.
"""

import math
from collections.abc import Callable, Iterator
from random import Random
from statistics import median

import pytest

from lockgate.analysis.cases import Case, Questions
from lockgate.analysis.counts import Counts, GoodTest, WorseTest, errors_needed
from lockgate.analysis.dispersion import learnt
from lockgate.analysis.judge import begin, judge, weigh
from lockgate.core.canary import Criteria
from lockgate.core.window import Advice, Window
from tests.analysis.traffic import binomial, bursts, lognormal_latency, past_of, window

ALPHA, BETA = 0.01, 0.05
HOUR = 720
"""Windows of 5 s."""
CELLS = [
    (share, weight, rate)
    for share in (0.001, 0.01)
    for weight in (0.01, 0.05, 0.1, 0.5)
    for rate in (100, 1000, 10_000)
]

Traffic = Callable[[Random], Iterator[Counts]]


def steady(share: float, weight: float, rate: int, ratio: float = 1.0, windows: int = HOUR) -> Traffic:
    mine, theirs = round(5 * rate * weight), round(5 * rate * (1 - weight))

    def made(random: Random) -> Iterator[Counts]:
        for _ in range(windows):
            failed = binomial(random, mine, min(1.0, ratio * share))
            yield Counts(mine, failed, theirs, binomial(random, theirs, share))

    return made


def until(test: WorseTest, traffic: Traffic, seed: int) -> Case | None:
    """The case at the first look that takes the canary back; None: none does."""
    asked, case, limit = Questions(test, None), Case(), -math.log(ALPHA)
    for counts in traffic(Random(seed)):
        case = asked.add(case, counts)
        if asked.against(case) >= limit:
            return case
    return None


def alarms(test: WorseTest, traffic: Traffic, runs: int) -> int:
    return sum(until(test, traffic, seed) is not None for seed in range(runs))


def test_as_good_a_canary_is_hardly_ever_taken_back_in_an_hour_of_looks() -> None:
    found = {cell: alarms(WorseTest(tolerance=1.0), steady(*cell), 20) for cell in CELLS}

    assert len(found) == 24
    assert sum(found.values()) <= ALPHA * 20 * len(CELLS), found


def test_a_canary_at_the_edge_of_the_tolerance_is_hardly_ever_taken_back() -> None:
    cells = [(0.01, 0.05, 1000), (0.3, 0.5, 100)]
    found = [alarms(WorseTest(1.25), steady(*cell, ratio=1.25, windows=300), 100) for cell in cells[:1]]
    # Where errors are common it is the odds that may be 1.25 times as high.
    odds = 1.25 * 0.3 / (0.7 + 1.25 * 0.3) / 0.3
    found.append(alarms(WorseTest(1.25), steady(*cells[1], ratio=odds, windows=100), 100))

    assert max(found) <= ALPHA * 100


def diurnal(random: Random) -> Iterator[Counts]:
    """Traffic swings fourfold, errors ninefold; two minutes of ten times as many on both sides."""
    for n in range(HOUR):
        wave = 0.5 + 0.5 * math.sin(n / 60)
        size, share = 1 + 3 * wave, 0.002 * (1 + 8 * wave) * (10 if 300 <= n < 324 else 1)
        mine, theirs = round(60 * size), round(1140 * size)
        yield Counts(mine, binomial(random, mine, share), theirs, binomial(random, theirs, share))


def ramp(random: Random) -> Iterator[Counts]:
    """The weight rises on the way, while errors fall, which mixes up whatever pools the stages."""
    for n in range(HOUR):
        weight, share = ((0.01, 0.02), (0.05, 0.01), (0.25, 0.005), (0.5, 0.002))[min(3, n // 60)]
        mine, theirs = round(2000 * weight), round(2000 * (1 - weight))
        yield Counts(mine, binomial(random, mine, share), theirs, binomial(random, theirs, share))


@pytest.mark.parametrize("traffic", [diurnal, ramp])
def test_what_befalls_both_sides_and_weights_that_change_are_harmless(traffic: Traffic) -> None:
    assert alarms(WorseTest(tolerance=1.0), traffic, 100) <= ALPHA * 100


def test_bursts_are_harmless_with_the_dispersion_of_the_traffic_before_and_not_without() -> None:
    def bursting(random: Random) -> Iterator[Counts]:
        for _ in range(HOUR):
            mine, theirs = bursts(random, 500 * 0.005, 6), bursts(random, 4500 * 0.005, 6)
            yield Counts(500, min(500, mine), 4500, min(4500, theirs))

    def alarm(seed: int) -> bool:
        scatter = learnt(past_of(Random(1000 + seed), 120, 10, 1000.0, 0.005, 6), 0.1)
        assert scatter.trusted
        return until(WorseTest(dispersion=scatter.factor), bursting, seed) is not None

    assert sum(map(alarm, range(30))) <= ALPHA * 30
    assert alarms(WorseTest(), bursting, 30) > 3


@pytest.mark.parametrize(
    ("ratio", "cell"),
    [(2.0, (0.001, 0.05, 10_000)), (2.0, (0.01, 0.01, 1000)), (5.0, (0.001, 0.01, 1000)), (10.0, (0.001, 0.01, 1000))],
)
def test_bad_canaries_are_found_with_about_as_many_errors_as_planned(
    ratio: float, cell: tuple[float, float, int]
) -> None:
    found = [until(WorseTest(tolerance=1.0), steady(*cell, ratio=ratio), seed) for seed in range(41)]
    errors = [case.canary_errors for case in found if case]

    assert len(errors) == len(found)
    in_a_window = cell[0] * cell[1] * cell[2] * 5 * ratio
    assert 0.5 * errors_needed(ratio) < median(errors) < 1.2 * errors_needed(ratio) + in_a_window


@pytest.mark.parametrize("cell", CELLS)
def test_an_outage_is_found_in_the_first_windows(cell: tuple[float, float, int]) -> None:
    case = until(WorseTest(), steady(*cell, ratio=1 / cell[0], windows=3), 1)

    assert case is not None and case.windows <= 2


def test_good_canaries_are_promoted_and_twice_as_bad_ones_hardly_ever() -> None:
    def promoted(ratio: float, seed: int) -> bool:
        asked, case = Questions(WorseTest(), GoodTest(2.0)), Case()
        for counts in steady(0.01, 0.05, 100, ratio)(Random(seed)):
            case = asked.add(case, counts)
            if (asked.for_it(case) or 0.0) >= -math.log(BETA):
                return True
        return False

    assert sum(promoted(1.0, seed) for seed in range(40)) >= 38
    assert sum(promoted(2.0, seed) for seed in range(100)) <= BETA * 100


# Whole rollouts, with everything that is tested


def rollout(random: Random, cold: bool, again: bool) -> Iterator[Window]:
    """As good a canary; ``cold``: it fails at first, while it warms up; ``again``: a counter begins again once."""
    for n in range(1, 241):
        weight = (100, 500, 2500, 5000)[min(3, n // 40)]
        mine = round(500 * weight / 10_000)
        theirs, failing, excluded = 500 - mine, 0.01, ""
        if n <= 12 and cold:
            failing, excluded = 0.5, "instances warm up"
        counted = mine
        if n == 100 and again:
            counted, excluded = 3, "the counters of an instance began again"
        canary, baseline = binomial(random, counted, failing), binomial(random, theirs, 0.01)
        times = lognormal_latency(random, counted), lognormal_latency(random, theirs)
        yield window(n, (canary, counted), (baseline, theirs), weight, excluded, times)


def first(criteria: Criteria, windows: Iterator[Window]) -> Advice:
    state = begin(criteria, (), 0.05)
    for one in windows:
        state = weigh(criteria, state, one)
        if (found := judge(criteria, state).advice) is not Advice.GO_ON:
            return found
    return Advice.GO_ON


def test_whole_rollouts_of_good_canaries_are_not_taken_back() -> None:
    criteria = Criteria(dispersion=1.0, tolerance=1.0, latency_tolerance=1.0, objective=0.02, ruled_out=1.3)
    found = [first(criteria, rollout(Random(seed), cold=seed % 2 == 0, again=True)) for seed in range(12)]

    assert found.count(Advice.ROLL_BACK) == 0


def test_what_is_not_excluded_counts() -> None:
    """The same rollouts with their warm-up: the exclusion is what saves them."""
    windows = (
        Window(one.number, one.start, one.end, one.stage, one.weight, one.canary, one.baseline)
        for one in rollout(Random(1), cold=True, again=False)
    )
    assert first(Criteria(dispersion=1.0), windows) is Advice.ROLL_BACK
