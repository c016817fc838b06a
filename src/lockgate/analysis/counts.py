"""Error counts: does the canary fail more than the baseline does at the same time?

A stratified, one-sided e-process for two streams with a tolerance, after Lindon and Malek (arXiv 2011.03567) and
Turner, Ly and Gruenwald (2106.02693). A window: the canary had ``n1`` requests of which ``k`` failed, the baseline
``n0`` and ``j``; ``w = n1/(n1 + n0)``. With ``q(r) = w r/(1 - w + w r)``, for ``r``, against ``p1 <= r0 p0 + delta``::

    log e(r) = k log(q(r)/q(r0)) + j log((1-q(r))/(1-q(r0))) - n1 delta (q(r)/q(r0) - 1)

The expectation of each ``e(r)`` is at most 1 whatever ``p0`` does, so products over windows and mixtures over ratios
are supermartingales, and by Ville's inequality one ever reaches ``1/alpha`` with a chance of at most ``alpha``.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from lockgate.analysis.conditional import log_e

RATIOS = (1.1, 1.2, 1.35, 1.5, 1.75, 2.0, 2.5, 3.0, 4.0, 6.0, 10.0, 20.0, 50.0, 200.0, 1000.0)
"""How much worse a release may be, as far as it is looked for; those above the tolerance, with equal weights."""

BETTER = (0.1, 0.25, 0.4, 0.55, 0.7, 0.8, 0.9, 0.95)
"""The same for showing that it is good, as shares of the ratio that must be ruled out."""

COMMON = 0.1
"""Above this share of the baseline's requests, ratios up to ``SMALL`` are tested by the exact conditional form."""
SMALL = 4.0


@dataclass(frozen=True, slots=True)
class Counts:
    """What both sides got between two moments, with the same edges for both. "Error" is whatever is counted."""

    canary: int
    """Requests."""
    canary_errors: int
    baseline: int
    baseline_errors: int

    @property
    def weight(self) -> float:
        """The canary's share of the requests; 0 without any."""
        whole = self.canary + self.baseline
        return self.canary / whole if whole else 0.0

    @property
    def usable(self) -> bool:
        """Both sides had requests, and no more errors than those (NaN is not)."""
        return (
            self.canary > 0
            and self.baseline > 0
            and 0 <= self.canary_errors <= self.canary < math.inf
            and 0 <= self.baseline_errors <= self.baseline < math.inf
        )


@dataclass(frozen=True, slots=True)
class Evidence:
    """For each ratio of a test the logarithm of its e-value so far, tempered by the dispersion. Starts empty."""

    logs: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class WorseTest:
    """Against ``p1 <= tolerance * p0 + absolute``. ``dispersion``: at least 1, from history; the evidence of each
    window is divided by it, which is exact at 1 and validated by simulation only above."""

    tolerance: float = 1.25
    absolute: float = 0.0
    dispersion: float = 1.0
    ratios: Sequence[float] = RATIOS

    @property
    def looked_for(self) -> tuple[float, ...]:
        return _above(tuple(self.ratios), self.tolerance)

    def add(self, evidence: Evidence, counts: Counts, common: bool = False) -> Evidence:
        """A window more; one in which a side had nothing says nothing. ``common``: errors were common (above
        ``COMMON``) in the windows before, so that the odds are tested (which takes no absolute tolerance)."""
        ratios, common = self.looked_for, common and not self.absolute
        return _added(evidence, counts, ratios, self.tolerance, self.absolute, self.dispersion, common)

    def log_evidence(self, evidence: Evidence) -> float:
        """Of the mixture: roll back as soon as it reaches ``log(1/alpha)``."""
        return log_mean(evidence.logs)

    def likeliest(self, evidence: Evidence) -> float:
        """The ratio that has the most evidence."""
        return max(zip(evidence.logs, self.looked_for, strict=False), default=(0.0, self.tolerance))[1]


@dataclass(frozen=True, slots=True)
class GoodTest:
    """Against ``p1 >= ruled_out * p0 + absolute``: the same e-process the other way round. Thanks to ``absolute`` much
    traffic without any errors shows something too."""

    ruled_out: float = 2.0
    absolute: float = 0.0
    dispersion: float = 1.0
    shares: Sequence[float] = BETTER

    @property
    def looked_for(self) -> tuple[float, ...]:
        return _parts(tuple(self.shares), self.ruled_out)

    def add(self, evidence: Evidence, counts: Counts, common: bool = False) -> Evidence:
        """As :meth:`WorseTest.add`. Whatever fails ``ruled_out`` times as often and more has odds ``ruled_out`` times
        as high, so the bound holds for both forms."""
        ratios = self.looked_for
        return _added(evidence, counts, ratios, self.ruled_out, self.absolute, self.dispersion, common)

    def log_evidence(self, evidence: Evidence) -> float:
        """Of the mixture: it is shown as soon as it reaches ``log(1/beta)``."""
        return log_mean(evidence.logs)


def log_mean(logs: Sequence[float]) -> float:
    """Logarithm of the mean of e-values that are given as logarithms; 0 of none: nothing was bet."""
    if not logs:
        return 0.0
    highest = max(logs)
    return highest + math.log(math.fsum(math.exp(log - highest) for log in logs) / len(logs))


def slopes(weight: float, ratio: float, against: float) -> tuple[float, float, float]:
    """What a canary error, a baseline error and (times ``absolute``) a canary request change in ``log e(ratio)``."""
    # q(r)/q(r0) and (1-q(r))/(1-q(r0)), without forming q near 0 or 1.
    whole, whole_against = 1 - weight + weight * ratio, 1 - weight + weight * against
    up = ratio / against * whole_against / whole
    return math.log(up), math.log(whole_against / whole), up - 1


def errors_needed(ratio: float, alpha: float = 0.01, tolerance: float = 1.0, ratios: Sequence[float] = RATIOS) -> float:
    """How many errors of the canary it takes, about, to notice that it fails ``ratio`` times as often (above the
    tolerance), whatever the traffic and (small) weight: for planning."""
    growth = math.log(ratio / tolerance) - 1 + tolerance / ratio
    return (math.log(1 / alpha) + math.log(len(ratios))) / growth


@lru_cache
def _above(ratios: tuple[float, ...], tolerance: float) -> tuple[float, ...]:
    return tuple(ratio for ratio in ratios if ratio > tolerance) or (2 * tolerance,)


@lru_cache
def _parts(shares: tuple[float, ...], whole: float) -> tuple[float, ...]:
    return tuple(share * whole for share in shares)


@lru_cache(maxsize=512)
def _slopes(weight: float, ratios: tuple[float, ...], against: float) -> tuple[tuple[float, float, float], ...]:
    return tuple(slopes(weight, ratio, against) for ratio in ratios)


def _added(
    evidence: Evidence,
    counts: Counts,
    ratios: tuple[float, ...],
    against: float,
    absolute: float,
    dispersion: float,
    common: bool,
) -> Evidence:
    logs = evidence.logs or (0.0,) * len(ratios)
    if not counts.usable:
        return Evidence(logs)
    gained = _conditional(counts, ratios, against) if common else _closed(counts, ratios, against, absolute)
    return Evidence(tuple(log + more / dispersion for log, more in zip(logs, gained, strict=True)))


def _closed(counts: Counts, ratios: tuple[float, ...], against: float, absolute: float) -> list[float]:
    k, j, granted = counts.canary_errors, counts.baseline_errors, counts.canary * absolute
    return [k * up + j * down - granted * more for up, down, more in _slopes(counts.weight, ratios, against)]


def _conditional(counts: Counts, ratios: tuple[float, ...], against: float) -> list[float]:
    closed = _closed(counts, ratios, against, 0.0)
    small = [ratio for ratio in ratios if ratio <= SMALL]
    exact = log_e(counts.canary, counts.canary_errors, counts.baseline, counts.baseline_errors, small, against)
    return [next(exact) if ratio <= SMALL else value for ratio, value in zip(ratios, closed, strict=True)]
