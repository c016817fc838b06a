"""Gauges and any other series: has the difference between canary and baseline moved?

``D_t`` is the difference at time ``t``, a minute apart. History of the same statistic, between two halves of the old
instances, gives its standard deviation ``s`` about 0 and its autocorrelation ``rho``. The series is whitened as AR(1),
clipped at 3, and a mixture of Gaussian shifts is tested on the innovations. The bound on false alarms is asymptotic:
nothing is proven for a given number of minutes. Without history a gauge only advises.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from statistics import fmean

from lockgate.analysis.counts import log_mean
from lockgate.core.ids import Instant

SHIFTS = (0.5, 1.0, 1.5, 2.0, 3.0, 5.0, 8.0)
"""In standard deviations."""
CLIP = 3.0
SENSIBLE = 1e100
"""A level beyond it is taken for no number."""
MINUTE = 60.0
"""Seconds between two points."""
FEWEST = 30
"""Points of history without which nothing is known of the series."""


@dataclass(frozen=True, slots=True)
class Usual:
    """What history says of the difference. ``deviation`` is more than 0."""

    deviation: float
    autocorrelation: float


@dataclass(frozen=True, slots=True)
class Drift:
    """Evidence so far, and the last difference, which the next is whitened by."""

    usual: Usual | None = None
    """None: nothing is known, so nothing is tested."""
    logs: tuple[float, ...] = (0.0,) * len(SHIFTS)
    last: float | None = None
    points: int = 0
    above: int = 0
    """Points at which the canary was worse."""
    canary: float = 0.0
    """Sum of its levels."""
    baseline: float = 0.0
    at: Instant | None = None
    """Of the last point."""

    @property
    def log_evidence(self) -> float:
        """Of the mixture over shifts."""
        return log_mean(self.logs)


def due(drift: Drift, at: Instant) -> bool:
    """Whether it is time for another point: history tells of differences a minute apart, and of no others."""
    return drift.at is None or not 0 <= at - drift.at < MINUTE


def add(
    drift: Drift,
    canary: float,
    baseline: float,
    higher_is_better: bool = False,
    tolerance: float = 0.5,
    at: Instant | None = None,
) -> Drift:
    """The next point, tested against a difference as usual or ``tolerance`` standard deviations worse. One that is no
    number says nothing, and what follows it begins anew."""
    drift = replace(drift, at=at)
    if not (abs(canary) < SENSIBLE and abs(baseline) < SENSIBLE):
        return replace(drift, last=None)
    difference = baseline - canary if higher_is_better else canary - baseline
    counted = replace(
        drift,
        points=drift.points + 1,
        above=drift.above + (difference > 0),
        canary=drift.canary + canary,
        baseline=drift.baseline + baseline,
    )
    return _tested(counted, drift.usual, difference, tolerance) if drift.usual else counted


def halves(levels: Mapping[str, float]) -> float | None:
    """The difference between two halves of the instances, which are always the same ones; None: there is but one."""
    names = sorted(levels)
    if len(names) < 2:
        return None
    return fmean(levels[name] for name in names[::2]) - fmean(levels[name] for name in names[1::2])


def usual(differences: Sequence[float], share: float = 0.5) -> Usual | None:
    """From the differences between two halves of the instances; ``share`` of them will be the canary, which scatters
    the more the fewer they are. About 0 and not their mean: which half is the worse one says nothing of the canary.
    None: history is too short, or does not move at all."""
    finite = [one for one in differences if abs(one) < SENSIBLE]
    if len(finite) < FEWEST:
        return None
    squares = math.fsum(one * one for one in finite)
    if squares <= 0:
        return None
    rho = math.fsum(one * other for one, other in pairwise(finite)) / squares
    # Short series make it look smaller than it is: Kendall's correction.
    corrected = rho + (1 + 3 * rho) / len(finite)
    part = min(max(share, 0.01), 0.99)
    fewer = 1 / (4 * part * (1 - part))
    return Usual(math.sqrt(squares / len(finite) * fewer), max(0.0, min(0.98, corrected)))


def _tested(drift: Drift, usual: Usual, difference: float, tolerance: float) -> Drift:
    centred = difference - tolerance * usual.deviation
    rho, scale = usual.autocorrelation, usual.deviation * math.sqrt(1 - usual.autocorrelation**2)
    if drift.last is None:
        surprise, per_shift = centred / usual.deviation, 1.0
    else:
        surprise, per_shift = (centred - rho * drift.last) / scale, (1 - rho) * usual.deviation / scale
    u = max(-CLIP, min(CLIP, surprise))
    gained = [shift * per_shift * u - (shift * per_shift) ** 2 / 2 for shift in SHIFTS]
    return replace(drift, logs=tuple(log + more for log, more in zip(drift.logs, gained, strict=True)), last=centred)
