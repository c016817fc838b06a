"""Argo Rollouts and Flagger, from their documented behaviour: a measurement is compared with a threshold, and failures
are counted.

Argo: a measurement is Failed when ``failureCondition`` holds, or without one when ``successCondition`` does not; the
metric fails when more than ``failureLimit`` (0 by default) measurements have. They need not follow each other. Flagger:
each interval a check compares the metric with its range, a failed one is counted and never forgotten, no value is a
failed check; the rollout is taken back at the next interval after the count has reached ``analysis.threshold``.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from benchmarks.canarybench.traffic import Floats, Sides

# --- one run, measurement by measurement ---


@dataclass(frozen=True)
class ArgoMetric:
    """``failed``: whether a value fails. ``limit``: failureLimit."""

    limit: int = 0

    def rolled_back(self, failed: Sequence[bool]) -> int | None:
        """After which measurement (1 is the first) the metric has failed."""
        count = 0
        for number, one in enumerate(failed, 1):
            count += one
            if count > self.limit:
                return number
        return None


@dataclass(frozen=True)
class FlaggerAnalysis:
    """``threshold``: failed checks that are one too many."""

    threshold: int = 5

    def rolled_back(self, failed: Sequence[bool]) -> int | None:
        """At which tick (1 is the first check) the canary is taken back: a tick looks at the count, then checks."""
        checks = 0
        for tick, one in enumerate([*failed, False], 1):
            if checks >= self.threshold:
                return tick
            checks += one
        return None


# --- many rollouts ---


def error_shares(sides: Sides, nothing: float = 0.0) -> Floats:
    """Of the canary's requests in each look; ``nothing``: where it had none."""
    return np.where(sides.canary > 0, sides.canary_errors / np.maximum(sides.canary, 1), nothing)


def ratios(sides: Sides) -> Floats:
    """The canary's share of errors by the baseline's, as people write it in PromQL; 0 where both are 0."""
    mine = error_shares(sides)
    theirs = sides.baseline_errors / np.maximum(sides.baseline, 1)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(mine > 0, mine / theirs, 0.0)


def scores(values: Floats, count: int) -> Floats:
    """The ``count``-th largest value so far at each look: above a threshold exactly when ``count`` values were."""
    largest = np.full((len(values), count), -math.inf)
    found = np.empty_like(values)
    for look in range(values.shape[1]):
        value = values[:, look]
        for place in range(count):
            above = np.maximum(largest[:, place], value)
            value = np.minimum(largest[:, place], value)
            largest[:, place] = above
        found[:, look] = largest[:, -1]
    return found
