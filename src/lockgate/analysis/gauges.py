"""Gauges and any other series: has the difference between canary and baseline moved?

``D_t`` is the difference at time ``t``, a minute apart. History of the same statistic, between two halves of the old
instances, gives its mean, its standard deviation ``s`` and its autocorrelation ``rho``. The series is whitened as AR(1),
clipped at 3, and a mixture of Gaussian shifts is tested on the innovations. The bound on false alarms is asymptotic:
nothing is proven for a given number of minutes.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

SHIFTS = (0.5, 1.0, 1.5, 2.0, 3.0, 5.0, 8.0)
"""In standard deviations."""
CLIP = 3.0
FEWEST = 30
"""Points of history without which nothing is known of the series."""


@dataclass(frozen=True, slots=True)
class Usual:
    """What history says of the difference. ``deviation`` is more than 0."""

    mean: float
    deviation: float
    autocorrelation: float


@dataclass(frozen=True, slots=True)
class Drift:
    """Evidence so far, and the last difference, which the next is whitened by."""

    logs: tuple[float, ...] = (0.0,) * len(SHIFTS)
    last: float | None = None


@dataclass(frozen=True, slots=True)
class HigherTest:
    """Against a difference as usual, or ``tolerance`` standard deviations above it. A gauge of which more is better is
    given with its sign changed."""

    usual: Usual
    tolerance: float = 0.5

    def add(self, drift: Drift, difference: float) -> Drift:
        """The next point. One that is no number says nothing, and what follows it begins anew."""
        if not math.isfinite(difference):
            return replace(drift, last=None)
        usual = self.usual
        centred = difference - usual.mean - self.tolerance * usual.deviation
        rho, scale = usual.autocorrelation, usual.deviation * math.sqrt(1 - usual.autocorrelation**2)
        if drift.last is None:
            surprise, per_shift = centred / usual.deviation, 1.0
        else:
            surprise, per_shift = (centred - rho * drift.last) / scale, (1 - rho) * usual.deviation / scale
        u = max(-CLIP, min(CLIP, surprise))
        gained = [shift * per_shift * u - (shift * per_shift) ** 2 / 2 for shift in SHIFTS]
        logs = tuple(log + more for log, more in zip(drift.logs, gained, strict=True))
        return Drift(logs, centred)

    def log_evidence(self, drift: Drift) -> float:
        """Of the mixture over shifts."""
        highest = max(drift.logs)
        return highest + math.log(sum(math.exp(log - highest) for log in drift.logs)) - math.log(len(SHIFTS))


def usual(differences: Sequence[float]) -> Usual | None:
    """None: history is too short, or does not move at all."""
    finite = [one for one in differences if math.isfinite(one)]
    if len(finite) < FEWEST:
        return None
    mean = sum(finite) / len(finite)
    centred = [one - mean for one in finite]
    variance = sum(one * one for one in centred) / (len(finite) - 1)
    if variance <= 0:
        return None
    product = sum(one * other for one, other in zip(centred, centred[1:], strict=False))
    rho = product / sum(one * one for one in centred)
    # Short series make it look smaller than it is: Kendall's correction.
    corrected = rho + (1 + 3 * rho) / len(finite)
    return Usual(mean, math.sqrt(variance), max(0.0, min(0.98, corrected)))
