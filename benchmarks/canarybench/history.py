"""History: what the instances of the release before got in the two hours before, and the dispersion learnt from it.

:func:`learnt` is ``lockgate.analysis.dispersion.learnt`` for many services at once; a test proves that they agree.
"""

import numpy as np
from benchmarks.canarybench.traffic import Floats, Ints, Random
from numpy.typing import NDArray

from lockgate.analysis.dispersion import FEWEST_BLOCKS, FEWEST_ERRORS, LENGTHS, SPLITS

INSTANCES = 20
MINUTES = 120


def drawn(random: Random, runs: int, share: float, rate: float) -> tuple[Ints, Ints]:
    """Errors and requests of each instance in each minute, each request by itself: (runs, minutes, instances)."""
    shape = (runs, MINUTES, INSTANCES)
    requests = random.poisson(rate * 60.0 / INSTANCES, shape)
    return random.binomial(requests, share), requests


def instances_of(weight: float) -> int:
    """That are the canary's."""
    return min(max(1, round(weight * INSTANCES)), INSTANCES - 1)


def learnt(errors: Ints, requests: Ints, weight: float) -> tuple[Floats, NDArray[np.bool_]]:
    """The factor for each run, and whether it is known. Minutes are numbered 1, 2, 3 ..."""
    sides = _sides(errors.shape[2], weight)
    factor, known = np.ones(len(errors)), np.zeros(len(errors), bool)
    for length in LENGTHS:
        found, enough = _of(_blocks(errors, length), _blocks(requests, length), sides)
        factor = np.where(enough, np.maximum(factor, found), factor)
        known |= enough
    return factor, known


def _sides(instances: int, weight: float) -> Floats:
    """Which instances are the small side, for each of several splits: (splits, instances)."""
    size = min(max(1, round(weight * instances)), instances - 1)
    # The product orders instances by name; here instance i has the i-th name.
    starts = list(range(0, instances, max(1, instances // SPLITS)))[:SPLITS]
    chosen = np.zeros((len(starts), instances))
    for row, start in enumerate(starts):
        chosen[row, [(start + n) % instances for n in range(size)]] = 1
    return chosen


def _blocks(counts: Ints, length: float) -> Floats:
    size = round(length / 60.0)
    runs, minutes, instances = counts.shape
    blocks: Floats = counts.reshape(runs, minutes // size, size, instances).sum(axis=2).astype(float)
    return blocks


def _of(errors: Floats, requests: Floats, sides: Floats) -> tuple[Floats, NDArray[np.bool_]]:
    mine, small = requests @ sides.T, errors @ sides.T
    whole, bad = requests.sum(2)[:, :, None], errors.sum(2)[:, :, None]
    used = (mine > 0) & (mine < whole) & (bad > 0) & (bad < whole)
    with np.errstate(divide="ignore", invalid="ignore"):
        weight = mine / whole
        variance = bad * weight * (1 - weight) * (whole - bad) / (whole - 1)
        scatter = np.where(used, (small - bad * weight) ** 2 / variance, 0.0)
        expected = np.where(used, bad * np.minimum(weight, 1 - weight), 0.0)
        splits = used.sum(2)
        each, hoped = scatter.sum(2) / splits, expected.sum(2) / splits
        blocks = (splits > 0).sum(1)
        mean = np.where(splits > 0, each, 0.0).sum(1) / blocks
        factor = np.maximum(1.0, mean * (1 + 1.645 * np.sqrt(2 / blocks)))
    enough = (blocks >= FEWEST_BLOCKS) & (np.where(splits > 0, hoped, 0.0).sum(1) >= FEWEST_ERRORS)
    return np.where(enough, factor, 1.0), enough
