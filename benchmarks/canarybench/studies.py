"""Studies: the cells, the ramp, everybody with the same data, and stress; each a stream of rows for the results.

Thresholds are tuned on rollouts from one seed and judged on those from another.
"""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from benchmarks.canarybench import history, stress, traffic
from benchmarks.canarybench.methods import THREE_RUNS, Method, at_cadence, own_cadence, under_stress
from benchmarks.canarybench.traffic import ALL_FAIL, CELLS, RELEASES, SERVICES, Cell, Random, Rollouts
from benchmarks.canarybench.trial import Outcome, tried, tuned

SEED = 20451
TUNING, TRYING = 1, 2
Row = dict[str, object]


@dataclass(frozen=True)
class Effort:
    """How many rollouts."""

    good: int
    """Of good releases: for tuning, and again for the rate of false alarms."""
    bad: int
    """Of each bad one."""
    dense: int
    """Of good ones where everybody looks every 10 s, which is dear for rank tests."""


FULL = Effort(2000, 500, 800)
QUICK = Effort(300, 100, 150)

Limits = list[tuple[bool, float]]
"""Thresholds, and whether they are tuned."""
Make = Callable[[Random, int], Rollouts]
Worsen = Callable[[Random, Rollouts, float], Rollouts]


def name_of(ratio: float) -> str:
    return "all" if ratio == ALL_FAIL else f"{ratio:g}"


def compared(
    methods: Sequence[Method], make: Make, worsen: Worsen, place: int, effort: Effort, releases: Sequence[float]
) -> Iterator[Row]:
    """Each method as shipped and tuned, on good releases and on bad ones."""
    for_tuning = make(_seeded(place, TUNING), effort.good)
    limits = {one.name: _limits(one, for_tuning) for one in methods}
    del for_tuning
    yield from _judged(methods, limits, make, worsen, place, effort, releases)


def _judged(
    methods: Sequence[Method],
    limits: Mapping[str, Limits],
    make: Make,
    worsen: Worsen,
    place: int,
    effort: Effort,
    releases: Sequence[float],
) -> Iterator[Row]:
    random = _seeded(place, TRYING)
    good = make(random, effort.good)
    found: dict[tuple[str, bool], Row] = {}
    for method in methods:
        for (is_tuned, limit), outcome in _tried(method, good, limits[method.name]):
            found[method.name, is_tuned] = {
                "method": method.name,
                "tuned": is_tuned,
                "threshold": round(limit, 6) if math.isfinite(limit) else None,
                "good": outcome.told(),
                "bad": {},
            }
    few = good.first(effort.bad)
    for ratio in releases:
        bad = worsen(random, few, ratio)
        for method in methods:
            for (is_tuned, _), outcome in _tried(method, bad, limits[method.name]):
                told = found[method.name, is_tuned]["bad"]
                assert isinstance(told, dict)
                told[name_of(ratio)] = outcome.told()
    yield from found.values()


def cells(effort: Effort, chosen: Sequence[Cell] = CELLS) -> Iterator[Row]:
    """A canary that keeps its weight for an hour: everybody once a minute, and each at its own cadence."""
    for cell in chosen:
        methods = [*at_cadence(60.0), THREE_RUNS, *own_cadence()]
        for row in compared(methods, *_of(cell), CELLS.index(cell), effort, RELEASES):
            yield {"study": "cells", "cell": cell.name, **row}


def dense(effort: Effort, chosen: Sequence[Cell] = CELLS) -> Iterator[Row]:
    """The same for twenty minutes with everybody every 10 s."""
    for cell in chosen:
        make, worsen = _of(cell, 1200.0)
        less = Effort(effort.dense, min(effort.bad, effort.dense), effort.dense)
        for row in compared(at_cadence(10.0), make, worsen, 100 + CELLS.index(cell), less, RELEASES):
            yield {"study": "dense", "cell": cell.name, **row}


def ramps(effort: Effort) -> Iterator[Row]:
    """Lockgate's default ramp, 1 % to 50 % in an hour."""
    weights = traffic.ramp()
    for place, (share, rate) in enumerate(SERVICES, 200):
        make, worsen = _on(share, rate, weights)
        methods = [*at_cadence(60.0), THREE_RUNS, *own_cadence()]
        for row in compared(methods, make, worsen, place, effort, RELEASES):
            yield {"study": "ramp", "cell": f"p0={share:g} rps={rate:g}", **row}


def stresses(effort: Effort) -> Iterator[Row]:
    """Everybody as shipped, or with the threshold that suits the steady case."""
    methods = under_stress()
    for weight in stress.WEIGHTS:
        make, _ = stress.maker(stress.CASES[0], weight)
        quiet = make(_seeded(300, TUNING), effort.good)
        limits = {one.name: [(one.shipped is None, _suiting(one, quiet))] for one in methods}
        for place, case in enumerate(stress.CASES, 301):
            if case.moving and weight != stress.WEIGHTS[0]:
                continue
            make, worsen = stress.maker(case, weight)
            for row in _judged(methods, limits, make, worsen, place, effort, (2.0, 5.0)):
                yield {"study": "stress", "cell": case.name, "weight": weight, **row}


def _suiting(method: Method, good: Rollouts) -> float:
    return tuned(method, good) if method.shipped is None else method.shipped


def _of(cell: Cell, seconds: float = traffic.HOUR) -> tuple[Make, Worsen]:
    return _on(cell.share, cell.rate, traffic.steady(cell.weight, seconds))


def _on(share: float, rate: float, weights: traffic.Floats) -> tuple[Make, Worsen]:
    def make(random: Random, runs: int) -> Rollouts:
        factor, known = history.learnt(*history.drawn(random, runs, share, rate), float(weights[0]))
        sides = traffic.good(random, runs, share, rate, weights)
        return Rollouts(sides, np.zeros_like(sides.canary), 0.0, factor, known)

    def worsen(random: Random, good: Rollouts, ratio: float) -> Rollouts:
        extra = traffic.added(random, good.sides.canary, good.sides.canary_errors, share, ratio)
        return traffic.worse(good, extra, traffic.lost_in_an_hour(share, rate, ratio))

    return make, worsen


def _limits(method: Method, good: Rollouts) -> Limits:
    shipped = [] if method.shipped is None else [(False, method.shipped)]
    return [*shipped, (True, tuned(method, good))] if method.tuned else shipped


def _tried(method: Method, rollouts: Rollouts, limits: Limits) -> Iterator[tuple[tuple[bool, float], Outcome]]:
    return zip(limits, tried(method, rollouts, [limit for _, limit in limits]), strict=True)


def _seeded(place: int, what: int) -> Random:
    return np.random.default_rng([SEED, place, what])
