"""Histograms of durations, as far as they are compared: which bounds say something, and how many are above each."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from lockgate.analysis.counts import Counts

RAREST, COMMONEST = 0.0005, 0.97
"""Shares of the baseline's requests above a bound, between which the bound says something."""
WANTED = (0.5, 0.25, 0.1, 0.05, 0.02, 0.01, 0.003, 0.001)
"""Shares above a bound that are looked for, if there are more bounds than these."""


@dataclass(frozen=True, slots=True)
class Histogram:
    """Requests of one side: finite upper bound in milliseconds -> requests above it. Infinity is not stored."""

    requests: int = 0
    above: Mapping[float, int] | None = None

    def plus(self, other: "Histogram") -> "Histogram":
        """Both together, at the bounds that both have (one without any requests may have none)."""
        if not (self.requests and other.requests):
            return self if self.requests else other
        mine, theirs = self.above or {}, other.above or {}
        common = {bound: mine[bound] + theirs[bound] for bound in mine if bound in theirs}
        return Histogram(self.requests + other.requests, common)

    def counts(self, baseline: "Histogram", bound: float) -> Counts | None:
        """As the canary, against ``baseline``: requests above the bound; None if one of them has no such bound."""
        mine, theirs = self.above or {}, baseline.above or {}
        if bound not in mine or bound not in theirs:
            return None
        return Counts(self.requests, mine[bound], baseline.requests, theirs[bound])


def histogram(at_most: Mapping[float, int]) -> Histogram:
    """From upper bound -> requests at or below it, the largest bound having them all (as in
    :class:`lockgate.core.window.Side`)."""
    whole = at_most[max(at_most)] if at_most else 0
    return Histogram(whole, {bound: whole - count for bound, count in at_most.items() if math.isfinite(bound)})


def usable_bounds(usual: Histogram) -> tuple[float, ...]:
    """Bounds that neither nearly all nor hardly any requests were above, as many as are wanted at most, ascending."""
    above = {bound: count / usual.requests for bound, count in (usual.above or {}).items()} if usual.requests else {}
    useful = {bound: share for bound, share in above.items() if RAREST <= share <= COMMONEST}
    if len(useful) <= len(WANTED):
        return tuple(sorted(useful))
    return nearest(useful, WANTED)


def nearest(shares: Mapping[float, float], wanted: Iterable[float]) -> tuple[float, ...]:
    """For each wanted share the bound that comes nearest (by ratio), each once, ascending."""
    if not shares:
        return ()
    found = {min(shares, key=lambda bound: (abs(math.log(shares[bound] / one)), bound)) for one in wanted}
    return tuple(sorted(found))
