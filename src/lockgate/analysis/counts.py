"""Error counts: does the canary fail more than the baseline does at the same time?

A stratified e-process for two Poisson or Bernoulli streams with a tolerance. In each window the canary had ``n1``
requests of which ``k`` failed, the baseline ``n0`` and ``j``; ``w = n1 / (n1 + n0)``. For a ratio ``r`` above the
tolerance ``r0``, with ``q(r) = w r / (1 - w + w r)``::

    log e(r) = k log(q(r)/q(r0)) + j log((1-q(r))/(1-q(r0))) - n1 delta (q(r)/q(r0) - 1)

Under the hypothesis ``p1 <= r0 p0 + delta`` in every window, whatever ``p0`` does, each ``e(r)`` has an expectation of at
most 1, so their product over windows is a supermartingale and so is a mixture over ratios. By Ville's inequality the
chance that the mixture ever reaches ``1/alpha`` is at most ``alpha``: it may be looked at as often as one likes, and the
weight may change on the way. Exact for independent requests; with a dispersion above 1 the evidence is divided by it,
which is an approximation that is validated by simulation only.

The one-sided, time-stratified form of Lindon and Malek (arXiv 2011.03567); with ``r0 = 1`` and rare errors also the
e-variable of Turner, Ly and Gruenwald (arXiv 2106.02693).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

RATIOS = (1.1, 1.2, 1.35, 1.5, 1.75, 2.0, 2.5, 3.0, 4.0, 6.0, 10.0, 20.0, 50.0, 200.0, 1000.0)
"""How much worse a release may be, as far as it is looked for; those above the tolerance, with equal weights."""

BETTER = (0.1, 0.25, 0.4, 0.55, 0.7, 0.8, 0.9, 0.95)
"""The same for showing that it is good, as shares of the ratio that must be ruled out."""


@dataclass(frozen=True, slots=True)
class Window:
    """What both sides got between two moments, with the same edges for both."""

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


@dataclass(frozen=True, slots=True)
class Evidence:
    """For each ratio of a test the logarithm of its e-value so far, before dispersion. Starts empty."""

    logs: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class WorseTest:
    """Against ``p1 <= tolerance * p0 + absolute``. ``dispersion``: at least 1, from history."""

    tolerance: float = 1.25
    absolute: float = 0.0
    dispersion: float = 1.0
    ratios: Sequence[float] = RATIOS

    @property
    def looked_for(self) -> tuple[float, ...]:
        return tuple(ratio for ratio in self.ratios if ratio > self.tolerance)

    def add(self, evidence: Evidence, window: Window) -> Evidence:
        """A window in which one side had nothing says nothing."""
        return _added(evidence, window, self.looked_for, self.tolerance, self.absolute)

    def log_evidence(self, evidence: Evidence) -> float:
        """Of the mixture: roll back as soon as it reaches ``log(1/alpha)``."""
        return _mixture(evidence, len(self.looked_for), self.dispersion)

    def likeliest(self, evidence: Evidence) -> float:
        """The ratio that has the most evidence."""
        found = max(zip(evidence.logs, self.looked_for, strict=True), default=(0.0, self.tolerance))
        return found[1]


@dataclass(frozen=True, slots=True)
class GoodTest:
    """Against ``p1 >= ruled_out * p0``: the same e-process the other way round."""

    ruled_out: float = 2.0
    dispersion: float = 1.0
    shares: Sequence[float] = BETTER

    @property
    def looked_for(self) -> tuple[float, ...]:
        return tuple(share * self.ruled_out for share in self.shares)

    def add(self, evidence: Evidence, window: Window) -> Evidence:
        """A window in which one side had nothing says nothing."""
        return _added(evidence, window, self.looked_for, self.ruled_out, 0.0)

    def log_evidence(self, evidence: Evidence) -> float:
        """Of the mixture: it is shown as soon as it reaches ``log(1/beta)``."""
        return _mixture(evidence, len(self.looked_for), self.dispersion)


def errors_needed(ratio: float, alpha: float = 0.01, ratios: Sequence[float] = RATIOS) -> float:
    """How many errors of the canary it takes, about, to notice that it fails ``ratio`` times as often, whatever the
    traffic and (small) weight: for planning. ``ratio`` above 1."""
    return (math.log(1 / alpha) + math.log(len(ratios))) / (math.log(ratio) - 1 + 1 / ratio)


def _added(evidence: Evidence, window: Window, ratios: Sequence[float], against: float, absolute: float) -> Evidence:
    logs = evidence.logs or (0.0,) * len(ratios)
    if not (window.canary and window.baseline):
        return replace(evidence, logs=logs)
    gained = (_log_e(window, ratio, against, absolute) for ratio in ratios)
    return replace(evidence, logs=tuple(log + more for log, more in zip(logs, gained, strict=True)))


def _log_e(window: Window, ratio: float, against: float, absolute: float) -> float:
    w = window.weight
    # q(r)/q(r0) and (1-q(r))/(1-q(r0)), without forming q near 0 or 1.
    whole, whole_against = 1 - w + w * ratio, 1 - w + w * against
    up = ratio / against * whole_against / whole
    down = whole_against / whole
    compensated = window.canary * absolute * (up - 1)
    return window.canary_errors * math.log(up) + window.baseline_errors * math.log(down) - compensated


def _mixture(evidence: Evidence, count: int, dispersion: float) -> float:
    """Log of the mean of the e-values, each tempered by the dispersion."""
    if not evidence.logs:
        return 0.0
    tempered = [log / dispersion for log in evidence.logs]
    highest = max(tempered)
    return highest + math.log(sum(math.exp(log - highest) for log in tempered)) - math.log(count)
