"""Trial: what a method with a threshold makes of many rollouts of one release."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from benchmarks.canarybench.methods import Method
from benchmarks.canarybench.traffic import WINDOW, Floats, Rollouts
from scipy.stats import beta

FALSE_ALARMS = 0.01
"""Of good releases, to which thresholds are tuned."""


@dataclass(frozen=True)
class Outcome:
    runs: int
    rolled_back: int
    failed: float
    """Extra failed requests, on average: until the canary was taken back; when it was not, all that it caused and those
    of an hour at 100 %."""
    minutes: float | None
    """Median time until it was taken back; None: more than half were not."""

    def told(self) -> list[float | int | None]:
        """For a row of the results: runs, rolled back, failed, minutes."""
        minutes = None if self.minutes is None else round(self.minutes, 2)
        return [self.runs, self.rolled_back, round(self.failed, 2), minutes]


def tuned(method: Method, good: Rollouts) -> float:
    """The lowest threshold at which no more than 1 % of these good releases are taken back."""
    highest = np.sort(method.scores(good).max(axis=1))[::-1]
    return float(highest[math.floor(FALSE_ALARMS * len(highest))])


def tried(method: Method, rollouts: Rollouts, limits: Sequence[float]) -> list[Outcome]:
    """The outcome with each of the thresholds."""
    scores = method.scores(rollouts, max(limits))
    return [_outcome(method, rollouts, scores, limit) for limit in limits]


def _outcome(method: Method, rollouts: Rollouts, scores: Floats, limit: float) -> Outcome:
    above = scores > limit
    caught = above.any(axis=1)
    seconds = np.array([method.seconds(look) for look in range(scores.shape[1])])[above.argmax(axis=1)]
    lost = _lost(rollouts, np.where(caught, seconds, math.inf))
    median = float(np.median(np.where(caught, seconds, math.inf)))
    return Outcome(
        len(scores),
        int(caught.sum()),
        float((lost + np.where(caught, 0.0, rollouts.afterwards)).mean()),
        median / 60 if math.isfinite(median) else None,
    )


def _lost(rollouts: Rollouts, until: Floats) -> Floats:
    """Extra failed requests of each rollout."""
    sums = np.cumsum(rollouts.extra, axis=1)
    last = np.minimum(np.where(np.isfinite(until), until / WINDOW, np.inf), sums.shape[1]).astype(int) - 1
    lost: Floats = sums[np.arange(len(sums)), last].astype(float)
    return lost


def interval(events: int, runs: int, confidence: float = 0.95) -> tuple[float, float]:
    """Clopper and Pearson's, exact for a share."""
    tail = (1 - confidence) / 2
    low = float(beta.ppf(tail, events, runs - events + 1)) if events else 0.0
    high = float(beta.ppf(1 - tail, events + 1, runs - events)) if events < runs else 1.0
    return low, high
