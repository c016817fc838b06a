"""Arrivals: does the canary get the requests that it was given?

Only a gross loss is a failure: pins and sticky users bend the ratio, so more than its share never counts against a
canary, and less only when not a fifth of it arrives. An e-process against ``share >= weight / LOST``, which is exact
for routing by request; where users stick to a side (``sticky``) a few of them make any ratio, and it is only told.
"""

import math
from dataclasses import dataclass, replace

from lockgate.analysis.counts import log_mean

ALPHA = 0.001
"""Chance of a false alarm of this guard, beside that of the comparison."""
LOST = 5.0
"""Less than its share by this factor is a failure. No step of the default ramp is larger, so requests that end long
after the weight was raised cannot look like it."""
FEWEST = 50.0
"""Requests must have been expected before their absence says anything."""
SHARES = (0.5, 0.1, 0.01)
"""Of the share that is the limit, as far as it is looked for."""


@dataclass(frozen=True, slots=True)
class Arrivals:
    """What arrived so far. The first window at a new weight is not counted: it may be in the midst of the change."""

    weight: int = 0
    """Basis points, of the last window."""
    seen: int = 0
    """Requests of the canary."""
    expected: float = 0.0
    missed: float = 0.0
    """Requests expected since the canary's last one."""
    logs: tuple[float, ...] = (0.0,) * len(SHARES)

    @property
    def log_evidence(self) -> float:
        return log_mean(self.logs)

    @property
    def none(self) -> bool:
        """It gets nothing although it should."""
        return self.missed > FEWEST

    @property
    def failed(self) -> bool:
        """Nothing, or far too little, arrives."""
        few = self.expected > FEWEST and self.seen * LOST < self.expected
        return self.none or (few and self.log_evidence >= math.log(1 / ALPHA))


def add(arrivals: Arrivals, weight: int, share: float, canary: int, baseline: int) -> Arrivals:
    """A window more. ``share``: of the requests of both sides that the canary was given, between 0 and 1."""
    if weight != arrivals.weight:
        return replace(arrivals, weight=weight, missed=0.0)
    expected = (canary + baseline) * share
    return Arrivals(
        weight,
        arrivals.seen + canary,
        arrivals.expected + expected,
        0.0 if canary else arrivals.missed + expected,
        tuple(
            log + _gain(share / LOST, part, canary, baseline) for log, part in zip(arrivals.logs, SHARES, strict=True)
        ),
    )


def _gain(limit: float, part: float, canary: int, baseline: int) -> float:
    return canary * math.log(part) + baseline * (math.log1p(-limit * part) - math.log1p(-limit))
