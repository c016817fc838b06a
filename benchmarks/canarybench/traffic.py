"""Traffic: what both sides of a canary get, window by window, in many simulated rollouts at once.

Everything is drawn from a generator that the caller seeds, so the same command gives the same figures. A worse release
is the good one with more errors added (common random numbers): what differs between two releases is only their badness.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Random = np.random.Generator

WINDOW = 5.0
"""Seconds of a window; whoever looks less often sees the sum of several."""
HOUR = 3600.0
ALL_FAIL = float("inf")
"""The ratio of a release of which every request fails."""


@dataclass(frozen=True)
class Sides:
    """What both sides got between two looks, each of shape (rollouts, looks)."""

    canary: Ints
    """Requests."""
    canary_errors: Ints
    baseline: Ints
    baseline_errors: Ints

    def __getitem__(self, what: tuple[object, ...]) -> "Sides":
        return Sides(self.canary[what], self.canary_errors[what], self.baseline[what], self.baseline_errors[what])

    @property
    def shape(self) -> tuple[int, ...]:
        return self.canary.shape

    def every(self, seconds: float) -> "Sides":
        """Sums over longer windows."""
        size = round(seconds / WINDOW)
        return self if size == 1 else Sides(*(_sums(one, size) for one in self._each()))

    def without(self, windows: NDArray[np.bool_]) -> "Sides":
        """With nothing in some windows: shape (windows,) or (rollouts, windows)."""
        return Sides(*(np.where(windows, 0, one) for one in self._each()))

    def _each(self) -> tuple[Ints, Ints, Ints, Ints]:
        return self.canary, self.canary_errors, self.baseline, self.baseline_errors


@dataclass(frozen=True)
class Rollouts:
    """Many of one release on one service."""

    sides: Sides
    extra: Ints
    """Canary errors that the release before would not have made; shape (rollouts, windows)."""
    afterwards: float
    """How many more fail in an hour when the release has got all the traffic."""
    dispersion: Floats
    """As Lockgate learns it from the two hours before; shape (rollouts,)."""
    known: NDArray[np.bool_]
    """Whether there was enough to learn it from."""
    warming: int = 0
    """First windows in which the canary's instances are not counted by who knows that they have just become ready."""
    usual: Floats | float = 0.0
    """Share of the canary's requests that would fail anyway, where that varies: (rollouts, windows)."""

    def first(self, runs: int) -> "Rollouts":
        usual = self.usual if isinstance(self.usual, float) else self.usual[:runs]
        return replace(
            self,
            sides=self.sides[(slice(runs),)],
            extra=self.extra[:runs],
            dispersion=self.dispersion[:runs],
            known=self.known[:runs],
            usual=usual,
        )


@dataclass(frozen=True)
class Cell:
    """A steady service and a canary that keeps its weight for an hour."""

    share: float
    """Of the requests that fail: p0."""
    weight: float
    rate: float
    """Requests a second, of both sides."""

    @property
    def name(self) -> str:
        return f"p0={self.share:g} weight={100 * self.weight:g}% rps={self.rate:g}"


CELLS = tuple(
    Cell(share, weight, rate)
    for share in (0.001, 0.01)
    for weight in (0.01, 0.05, 0.1, 0.5)
    for rate in (100.0, 1000.0, 10000.0)
)
RELEASES = (1.5, 2.0, 5.0, 10.0, ALL_FAIL)
"""How many times as many requests of the canary fail."""
RAMP = ((0.01, 300.0), (0.05, 600.0), (0.25, 900.0), (0.5, 1800.0))
"""Weight, seconds: Lockgate's default."""
SERVICES = tuple((share, rate) for share in (0.001, 0.01) for rate in (100.0, 1000.0, 10000.0))
"""p0, requests a second, of the rollouts over the ramp."""


def steady(weight: float, seconds: float = HOUR) -> Floats:
    return np.full(round(seconds / WINDOW), weight)


def ramp(stages: Sequence[tuple[float, float]] = RAMP) -> Floats:
    """The weight in each window."""
    return np.concatenate([steady(weight, seconds) for weight, seconds in stages])


def requests(random: Random, runs: int, rate: float | Floats, weights: Floats) -> tuple[Ints, Ints]:
    """Of canary and baseline, by routing each request by itself."""
    mean = np.broadcast_to(rate * weights * WINDOW, (runs, len(weights)))
    other = np.broadcast_to(rate * (1 - weights) * WINDOW, (runs, len(weights)))
    return random.poisson(mean), random.poisson(other)


def good(random: Random, runs: int, share: float, rate: float, weights: Floats) -> Sides:
    """Both sides fail alike, each request by itself."""
    canary, baseline = requests(random, runs, rate, weights)
    return Sides(canary, random.binomial(canary, share), baseline, random.binomial(baseline, share))


def added(random: Random, canary: Ints, errors: Ints, share: float | Floats, ratio: float) -> Ints:
    """Requests that fail as well when the release fails ``ratio`` times as often as ``share``."""
    share = np.asarray(share)
    bad = np.minimum(1.0, ratio * share)
    return random.binomial(canary - errors, np.broadcast_to((bad - share) / (1 - share), canary.shape))


def worse(rollouts: Rollouts, extra: Ints, afterwards: float) -> Rollouts:
    sides = replace(rollouts.sides, canary_errors=rollouts.sides.canary_errors + extra)
    return replace(rollouts, sides=sides, extra=extra, afterwards=afterwards)


def lost_in_an_hour(share: float, rate: float, ratio: float) -> float:
    """More failed requests in an hour at 100 %."""
    return (min(1.0, ratio * share) - share) * rate * HOUR


def _sums(counts: Ints, size: int) -> Ints:
    runs, windows = counts.shape
    sums: Ints = counts[:, : windows // size * size].reshape(runs, -1, size).sum(axis=2)
    return sums
