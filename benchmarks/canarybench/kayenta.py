"""Kayenta's judge ``NetflixACAJudge-v1.0`` for one critical metric, higher is worse, from its documented behaviour.

The canary's series ``x`` and the baseline's ``y`` are compared by the Mann-Whitney test with a normal approximation and
corrections for continuity and ties. The metric is High, and the canary fails, when the lower end of the 98 % confidence
interval of the shift lies above a quarter of the estimated shift (Hodges-Lehmann), and the effect size (ratio of the
means) is at least ``allowedIncrease``, 1 by default. Windows without requests are zeros (``nanStrategy: replace``).

:func:`classify` judges one pair of series; :func:`scores` many, at many looks. The ends of the interval are where a
step function crosses a level; they are taken exactly here, which Kayenta finds to 1e-6.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from benchmarks.canarybench.traffic import Floats

CONFIDENCE = 0.98
TOLERANCE = 0.25
"""Of the estimated shift, not of the metric."""
LEAST_POINTS = 5
"""With fewer the interval does not exist at 98 %, and that the series do not overlap is enough."""
FLOOR = 1.0
"""Standard deviations below which nothing is looked for: no threshold is as low."""
CHUNK = 2_000_000
"""Comparisons that are held at once."""


@dataclass(frozen=True)
class Verdict:
    high: bool
    because: str


def level(confidence: float = CONFIDENCE) -> float:
    """Standard deviations that the test asks for."""
    return NormalDist().inv_cdf((1 + confidence) / 2)


def classify(
    canary: Sequence[float], baseline: Sequence[float], confidence: float = CONFIDENCE, allowed_increase: float = 1.0
) -> Verdict:
    """One judgement."""
    if not canary or not baseline:
        return Verdict(False, "Nodata")
    if sorted(canary) == sorted(baseline):
        return Verdict(False, "Pass: the data are identical")
    x, y = np.asarray(canary, float), np.asarray(baseline, float)
    if len(set(canary) | set(baseline)) == 1:
        return Verdict(False, "Pass: all are tied")
    asked = level(confidence)
    lowest = float(x.min() - y.max())
    # Where even the lowest shift that is possible is not far enough out, that shift is taken for the end.
    lower = lowest if standardised(x, y, lowest) <= asked else _crossing(x, y, asked)
    bound = TOLERANCE * abs(estimate(x, y))
    if lower <= bound:
        return Verdict(False, f"Pass: {lower:g} is not above {bound:g}")
    if y.mean() > 0 and x.mean() / y.mean() < allowed_increase:
        return Verdict(False, "Pass: the effect is too small")
    return Verdict(True, "High")


def estimate(x: Floats, y: Floats) -> float:
    """Hodges and Lehmann's shift: the median of all differences."""
    return float(np.median(np.subtract.outer(x, y)))


def standardised(x: Floats, y: Floats, shift: float) -> float:
    """The rank sum of ``x - shift`` among ``y``, in standard deviations from what is usual."""
    above = np.subtract.outer(x, y)
    centred = (above > shift).sum() + 0.5 * (above == shift).sum() - len(x) * len(y) / 2
    _, ties = np.unique(np.concatenate([x - shift, y]), return_counts=True)
    return float((centred - 0.5 * np.sign(centred)) / _deviation(len(x), len(y), float((ties**3 - ties).sum())))


def _crossing(x: Floats, y: Floats, asked: float) -> float:
    """The largest shift up to which the statistic is above ``asked``: one of the differences."""
    shifts = np.unique(np.subtract.outer(x, y))
    low, high = 0, len(shifts) - 1
    while low < high:
        middle = (low + high) // 2
        if standardised(x, y, float((shifts[middle] + shifts[middle + 1]) / 2)) > asked:
            low = middle + 1
        else:
            high = middle
    return float(shifts[low])


def _deviation(n: int, m: int, ties: float) -> float:
    return math.sqrt(max(n * m / 12 * (n + m + 1 - ties / ((n + m) * (n + m - 1))), 1e-12))


# --- many rollouts, many looks ---


def scores(canary: Floats, baseline: Floats, looks: Sequence[int], stop: float = math.inf) -> Floats:
    """For each rollout and look (a number of points, at least ``LEAST_POINTS``) how many standard deviations could have
    been asked for so that it had still been High: shape (rollouts, looks); minus infinity below ``FLOOR``. A rollout
    that has passed ``stop`` is not followed further."""
    found = np.full((len(canary), len(looks)), -math.inf)
    size = max(1, CHUNK // canary.shape[1] ** 2)
    for start in range(0, len(canary), size):
        some = slice(start, start + size)
        found[some] = _some(canary[some], baseline[some], looks, stop)
    return found


def _some(x: Floats, y: Floats, looks: Sequence[int], stop: float) -> Floats:
    found = np.full((len(x), len(looks)), -math.inf)
    promising = _unshifted(x, y, looks) > FLOOR
    alive = np.ones(len(x), bool)
    for column, look in enumerate(looks):
        rows = np.flatnonzero(promising[:, column] & alive)
        if len(rows):
            found[rows, column] = _shifted(x[rows, :look], y[rows, :look])
            alive[rows] = found[rows, column] <= stop
    return found


def _unshifted(x: Floats, y: Floats, looks: Sequence[int]) -> Floats:
    """The statistic just above a shift of nothing, at each look: what :func:`_shifted` gives is not larger."""
    last = np.asarray(looks) - 1
    above = (x[:, :, None] > y[:, None, :]).astype(np.int32).cumsum(1).cumsum(2)
    centred = above[:, last, last] - np.square(looks) / 2
    ties = _cubes(x)[:, last] + _cubes(y)[:, last] - 2 * np.asarray(looks)
    return _standard(centred, np.asarray(looks, float), ties)


def _cubes(x: Floats) -> Floats:
    """For the first 1, 2, 3 ... points the sum of the cubes of how often each value comes."""
    points = x.shape[1]
    equal = (x[:, :, None] == x[:, None, :]).astype(np.int32).cumsum(2)
    within = np.triu(np.ones((points, points), bool))
    cubes: Floats = (equal.astype(float) ** 2 * within).sum(1)
    return cubes


def _shifted(x: Floats, y: Floats) -> Floats:
    """The statistic just above the bound that the interval must be above."""
    points = x.shape[1]
    differences = (x[:, :, None] - y[:, None, :]).reshape(len(x), -1)
    bound = TOLERANCE * np.abs(np.median(differences, axis=1))
    centred = (differences > bound[:, None]).sum(1) - points**2 / 2
    ties = _cubes(x)[:, -1] + _cubes(y)[:, -1] - 2 * points
    found = _standard(centred, float(points), ties)
    return np.where((x.mean(1) >= y.mean(1)) & (found > FLOOR), found, -math.inf)


def _standard(centred: Floats, points: Floats | float, ties: Floats) -> Floats:
    variance = np.square(points) / 12 * (2 * points + 1 - ties / (2 * points * (2 * points - 1)))
    # All points tied: nothing can be said.
    tied = variance <= 1e-9
    found: Floats = (centred - 0.5 * np.sign(centred)) / np.sqrt(np.where(tied, 1.0, variance))
    return np.where(tied, -math.inf, found)
