"""Latency: are more of the canary's requests slower than a bound than of the baseline's at the same time?

The count of requests above a bucket's upper bound is a count like that of errors, so each bound has an e-process of
:mod:`lockgate.analysis.counts`, with a tolerance of its own; the average of e-processes is one, and needs no correction
for the number of bounds.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from lockgate.analysis.counts import Evidence, Window, WorseTest

RATIOS = (1.35, 1.5, 1.75, 2.0, 2.5, 3.0, 4.0, 6.0, 10.0, 30.0)
RAREST, COMMONEST = 0.0005, 0.97
"""Shares of the baseline's requests above a bound, between which the bound says something."""


@dataclass(frozen=True, slots=True)
class Histogram:
    """Requests of one side in a window: upper bound in milliseconds -> requests at or below it; the largest bound is
    infinite and has them all."""

    at_most: Mapping[float, int]

    @property
    def requests(self) -> int:
        return max(self.at_most.values(), default=0)

    def above(self, bound: float) -> int:
        return self.requests - self.at_most[bound]


@dataclass(frozen=True, slots=True)
class Slower:
    """The bound with the most evidence."""

    bound: float
    """Milliseconds."""
    ratio: float
    """How many times as many requests of the canary are above it, likeliest."""


@dataclass(frozen=True, slots=True)
class SlowerTest:
    """``bounds``: those that are looked at, with the dispersion of each (:func:`usable_bounds`)."""

    bounds: Mapping[float, float]
    tolerance: float = 1.2
    ratios: Sequence[float] = field(default=RATIOS)

    def start(self) -> dict[float, Evidence]:
        return {bound: Evidence() for bound in self.bounds}

    def add(self, evidence: Mapping[float, Evidence], canary: Histogram, baseline: Histogram) -> dict[float, Evidence]:
        """Both of the same window. A bound that one of them lacks has nothing to say in it."""

        def added(bound: float) -> Evidence:
            if bound not in canary.at_most or bound not in baseline.at_most:
                return evidence[bound]
            window = Window(canary.requests, canary.above(bound), baseline.requests, baseline.above(bound))
            return self._test(bound).add(evidence[bound], window)

        return {bound: added(bound) for bound in self.bounds}

    def log_evidence(self, evidence: Mapping[float, Evidence]) -> float:
        """Of the average over bounds and ratios."""
        if not self.bounds:
            return 0.0
        logs = [self._test(bound).log_evidence(evidence[bound]) for bound in self.bounds]
        highest = max(logs)
        return highest + math.log(sum(math.exp(log - highest) for log in logs)) - math.log(len(logs))

    def worst(self, evidence: Mapping[float, Evidence]) -> Slower | None:
        """None without any bound."""
        if not self.bounds:
            return None
        bound = max(self.bounds, key=lambda one: self._test(one).log_evidence(evidence[one]))
        return Slower(bound, self._test(bound).likeliest(evidence[bound]))

    def _test(self, bound: float) -> WorseTest:
        return WorseTest(self.tolerance, 0.0, self.bounds[bound], self.ratios)


def usable_bounds(history: Histogram) -> tuple[float, ...]:
    """Finite bounds that neither nearly all nor hardly any requests of the baseline were above."""
    requests = history.requests
    if not requests:
        return ()
    shares = {bound: history.above(bound) / requests for bound in history.at_most if math.isfinite(bound)}
    return tuple(sorted(bound for bound, share in shares.items() if RAREST <= share <= COMMONEST))
