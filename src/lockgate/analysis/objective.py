"""Objective: does the canary alone fail more than it may at all?

A one-sample e-process against ``p1 <= limit``: a mixture of likelihood ratios of Bernoulli shares with higher odds. It
needs no baseline, so it also catches what is broken on both sides.
"""

import math
from functools import lru_cache

from lockgate.analysis.counts import log_mean

ALPHA = 0.001
"""Chance of a false alarm of this guard, beside that of the comparison."""
ODDS = (1.1, 1.25, 1.5, 2.0, 3.0, 5.0, 10.0, 30.0, 100.0, 1000.0)
"""How much higher than at the limit the odds of a failure may be, as far as it is looked for."""
LEAST = 1e-9
"""A limit of 0 is taken for this."""


def add(
    logs: tuple[float, ...], requests: int, errors: int, limit: float, dispersion: float = 1.0
) -> tuple[float, ...]:
    """The logarithms of the e-values after another window of the canary; empty at first. ``limit``: below 1."""
    logs = logs or (0.0,) * len(ODDS)
    if not 0 <= errors <= requests:
        return logs
    fine = requests - errors
    gained = ((errors * more + fine * less) / dispersion for more, less in _slopes(min(max(limit, LEAST), 1 - LEAST)))
    return tuple(log + one for log, one in zip(logs, gained, strict=True))


def log_evidence(logs: tuple[float, ...]) -> float:
    """Of the mixture: the limit is passed as soon as it reaches ``log(1/ALPHA)``."""
    return log_mean(logs)


@lru_cache
def _slopes(limit: float) -> tuple[tuple[float, float], ...]:
    """For each of the odds what a failure and a success change in the logarithm."""
    # p = limit odds / (1 - limit + limit odds)
    return tuple((math.log(odds) - math.log1p(limit * (odds - 1)), -math.log1p(limit * (odds - 1))) for odds in ODDS)
