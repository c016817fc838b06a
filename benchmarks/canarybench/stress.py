"""Stress: traffic that breaks the assumptions of one method or another, where we lose too.

A service of 20 instances at 1000 requests a second, 0.5 % of which fail. What is bad about instances (bursts that stick
to one, rates that wander, a bad node) is so in the two hours before as well, from which the dispersion is learnt; the
canary's instances are new ones.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from benchmarks.canarybench import history, traffic
from benchmarks.canarybench.history import INSTANCES, MINUTES, instances_of
from benchmarks.canarybench.traffic import HOUR, WINDOW, Floats, Ints, Random, Rollouts, Sides

SHARE, RATE = 0.005, 1000.0
WINDOWS = round(HOUR / WINDOW)
A_MINUTE = round(60.0 / WINDOW)
MEMORY = 60.0
"""Seconds after which a wandering rate has forgotten two thirds of where it was."""
COLD, COLD_SHARE, WARM_UP = 30.0, 0.05, 60.0
"""Seconds in which a cold canary fails so often, and in which the product does not count it."""


@dataclass(frozen=True)
class Case:
    name: str
    daily: bool = False
    """Traffic swings fourfold and errors ninefold, on both sides."""
    incident: bool = False
    """For two minutes both sides fail ten times as often."""
    moving: bool = False
    """The ramp; weights change in the middle of windows, and at each change both sides' errors triple for 5 s."""
    burst: int = 1
    """Errors come in bursts of a geometric length with this mean, all on one instance."""
    wobble: float = 0.0
    """Coefficient of variation of each instance's rate of errors, which wanders."""
    bias: float = 0.0
    """The same, fixed for an instance's life."""
    cold: bool = False
    resets: int = 0
    """Times in the hour that the canary's counters begin again, which loses a window."""


CASES = (
    Case("steady"),
    Case("diurnal: traffic x4, errors x9, both sides", daily=True),
    Case("diurnal, and a shared incident: 2 min x10", daily=True, incident=True),
    Case("weights change within windows while errors triple", moving=True),
    Case("sticky bursts of 3 errors", burst=3),
    Case("sticky bursts of 10 errors", burst=10),
    Case("sticky bursts of 30 errors", burst=30),
    Case("cold canary: 5 % errors for 30 s", cold=True),
    Case("counters reset 6 times", resets=6),
    Case("AR noise of each instance, cv 30 %", wobble=0.3),
    Case("persistent instance bias, sd 10 %", bias=0.1),
    Case("persistent instance bias, sd 20 %", bias=0.2),
)
WEIGHTS = (0.05, 0.5)

Make = Callable[[Random, int], Rollouts]
Worsen = Callable[[Random, Rollouts, float], Rollouts]


def maker(case: Case, weight: float) -> tuple[Make, Worsen]:
    def make(random: Random, runs: int) -> Rollouts:
        return _moving(random, runs) if case.moving else _made(case, weight, random, runs)

    def worsen(random: Random, good: Rollouts, ratio: float) -> Rollouts:
        if case.burst > 1:
            room = good.sides.canary - good.sides.canary_errors
            extra = np.minimum(room, _bursts(random, good.sides.canary * SHARE * (ratio - 1), case.burst))
        else:
            extra = traffic.added(random, good.sides.canary, good.sides.canary_errors, good.usual, ratio)
        return traffic.worse(good, extra, traffic.lost_in_an_hour(SHARE, RATE, ratio))

    return make, worsen


def _made(case: Case, weight: float, random: Random, runs: int) -> Rollouts:
    old, new = _nature(case, random, runs, MINUTES * A_MINUTE), _nature(case, random, runs, WINDOWS)
    factor, known = history.learnt(*_past(case, random, runs, old), weight)
    busy, often = _both(case, random, runs)
    weights = np.full((runs, WINDOWS), weight)
    canary = random.poisson(busy * weights * RATE * WINDOW)
    baseline = random.poisson(busy * (1 - weights) * RATE * WINDOW)
    mine = SHARE * often * new[:, :, : instances_of(weight)].mean(2)
    left = old[:, -WINDOWS:, instances_of(weight) :] if case.bias else _nature(case, random, runs, WINDOWS)
    theirs = np.minimum(1.0, SHARE * often * left.mean(2))
    usual = np.minimum(1.0, mine)
    if case.cold:
        mine = np.where(np.arange(WINDOWS) < COLD / WINDOW, COLD_SHARE, mine)
    sides = Sides(
        canary,
        _errors(case, random, canary, np.minimum(1.0, mine)),
        baseline,
        _errors(case, random, baseline, theirs),
    )
    if case.resets:
        lost = random.random((runs, WINDOWS)) < case.resets / WINDOWS
        sides = replace(sides, canary=np.where(lost, 0, canary), canary_errors=np.where(lost, 0, sides.canary_errors))
    warming = round(WARM_UP / WINDOW) if case.cold else 0
    return Rollouts(sides, np.zeros_like(canary), 0.0, factor, known, warming, usual)


def _moving(random: Random, runs: int) -> Rollouts:
    """In halves of windows, so that a change can be in the midst of one."""
    factor, known = history.learnt(*history.drawn(random, runs, SHARE, RATE), traffic.RAMP[0][0])
    weights = np.roll(np.repeat(traffic.ramp(), 2), 1)
    weights[0] = weights[1]
    changes = np.flatnonzero(np.diff(weights)) + 1
    often = np.ones(len(weights))
    for at in changes:
        often[at : at + 2] = 3.0
    share = np.broadcast_to(SHARE * often, (runs, len(weights)))
    canary = random.poisson(np.broadcast_to(RATE * weights * WINDOW / 2, share.shape))
    baseline = random.poisson(np.broadcast_to(RATE * (1 - weights) * WINDOW / 2, share.shape))
    halves = (canary, random.binomial(canary, share), baseline, random.binomial(baseline, share))
    sides = Sides(*(one.reshape(runs, -1, 2).sum(2) for one in halves))
    usual = share.reshape(runs, -1, 2).mean(2)
    return Rollouts(sides, np.zeros_like(sides.canary), 0.0, factor, known, 0, usual)


def _nature(case: Case, random: Random, runs: int, windows: int) -> Floats:
    """How many times as often each instance fails, in each window: (rollouts, windows, instances)."""
    if case.bias:
        fixed = _lognormal(random.standard_normal((runs, 1, INSTANCES)), case.bias)
        return np.broadcast_to(fixed, (runs, windows, INSTANCES))
    if not case.wobble:
        return np.ones((1, windows, INSTANCES))
    kept = math.exp(-WINDOW / MEMORY)
    steps = random.standard_normal((runs, windows, INSTANCES), dtype=np.float32)
    steps[:, 1:] *= math.sqrt(1 - kept**2)
    for window in range(1, windows):
        steps[:, window] += kept * steps[:, window - 1]
    return _lognormal(steps, case.wobble)


def _lognormal(normal: Floats, cv: float) -> Floats:
    """With a mean of 1."""
    sigma = math.sqrt(math.log(1 + cv**2))
    found: Floats = np.exp(sigma * normal - sigma**2 / 2)
    return found


def _past(case: Case, random: Random, runs: int, nature: Floats) -> tuple[Ints, Ints]:
    """Errors and requests of each instance in each minute of the two hours before."""
    requests = random.poisson(RATE * 60.0 / INSTANCES, (runs, MINUTES, INSTANCES))
    often = nature.reshape(len(nature), MINUTES, A_MINUTE, INSTANCES).mean(2)
    return _errors(case, random, requests, np.minimum(1.0, SHARE * often)), requests


def _errors(case: Case, random: Random, requests: Ints, share: Floats) -> Ints:
    if case.burst == 1:
        return random.binomial(requests, np.broadcast_to(share, requests.shape))
    return np.minimum(requests, _bursts(random, requests * share, case.burst))


def _bursts(random: Random, errors: Floats, size: int) -> Ints:
    """So many errors on average, in bursts."""
    count = random.poisson(errors / size)
    more = random.negative_binomial(np.maximum(count, 1), 1 / size)
    return np.where(count > 0, count + more, 0)


def _both(case: Case, random: Random, runs: int) -> tuple[Floats, Floats]:
    """What befalls both sides: traffic and errors, as multiples of the usual, each (rollouts, windows)."""
    at = np.arange(WINDOWS) * WINDOW
    phase = random.uniform(0, 2 * math.pi, (runs, 1))
    swing = np.sin(2 * math.pi * at / HOUR + phase) / 2 if case.daily else np.zeros((runs, WINDOWS))
    often = 9.0**swing
    if case.incident:
        start = random.uniform(0, HOUR - 120.0, (runs, 1))
        often = np.where((at >= start) & (at < start + 120.0), 10 * often, often)
    return 4.0**swing, often
