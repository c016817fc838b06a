"""Lockgate's e-process of error counts, for many rollouts at once.

The closed form of ``lockgate.analysis.counts.WorseTest``, with what ``lockgate.analysis.judge`` demands before it lets
the counts decide. Not here: the exact conditional form, which the product takes where more than a tenth of the
baseline's requests fail (they do nowhere in this benchmark). A test proves that this is what the product's own code
says on random windows.
"""

import math

import numpy as np
from benchmarks.canarybench.traffic import Floats, Sides
from numpy.typing import NDArray

from lockgate.analysis.cases import FEWEST_ERRORS, FEWEST_WINDOWS
from lockgate.analysis.counts import RATIOS
from lockgate.analysis.dispersion import TRUSTED

BLOCK = 60
"""Looks that are taken together; rollouts that have been decided leave between two blocks."""
LARGEST = 600.0
"""Of a logarithm: nothing that decides is near it."""


def log_evidence(
    sides: Sides,
    tolerance: float,
    factor: Floats,
    known: NDArray[np.bool_] | None = None,
    stop: float = math.inf,
) -> Floats:
    """After each look the logarithm of the e-value: (rollouts, looks). ``factor``: the dispersion of each rollout.
    ``known``: False where nobody knows it, so that a few errors do not decide; None: all are taken for known.
    ``stop``: a rollout that has passed it is not followed further (minus infinity from then on)."""
    ratios = [ratio for ratio in RATIOS if ratio > tolerance]
    runs, looks = sides.shape
    found = np.full((runs, looks), -math.inf)
    carried = np.zeros((len(ratios), runs))
    alive = np.arange(runs)
    for start in range(0, looks, BLOCK):
        part = sides[alive, start : start + BLOCK]
        logs, carried[:, alive] = _mixture(part, ratios, tolerance, factor[alive], carried[:, alive])
        found[alive, start : start + BLOCK] = logs
        alive = alive[logs.max(axis=1) <= stop]
        if not len(alive):
            break
    if known is not None:
        found = _held(found, sides, factor, known)
    return found


def _mixture(
    sides: Sides, ratios: list[float], tolerance: float, factor: Floats, carried: Floats
) -> tuple[Floats, Floats]:
    whole = sides.canary + sides.baseline
    usable = (sides.canary > 0) & (sides.baseline > 0)
    weight = sides.canary / np.maximum(whole, 1)
    errors = sides.canary_errors + sides.baseline_errors
    usual = np.log1p(weight * (tolerance - 1))
    total, after = np.zeros(sides.shape), np.empty_like(carried)
    for index, ratio in enumerate(ratios):
        gain = sides.canary_errors * math.log(ratio / tolerance) + errors * (usual - np.log1p(weight * (ratio - 1)))
        sums = np.cumsum(np.where(usable, gain, 0.0), axis=1) / factor[:, None] + carried[index][:, None]
        after[index] = sums[:, -1]
        total += np.exp(np.minimum(sums, LARGEST))
    with np.errstate(divide="ignore"):
        return np.log(total / len(ratios)), after


def _held(logs: Floats, sides: Sides, factor: Floats, known: NDArray[np.bool_]) -> Floats:
    """Counts that come in bursts decide nothing, and before it is known whether they do, few do not."""
    errors = np.where((sides.canary > 0) & (sides.baseline > 0), sides.canary_errors, 0)
    enough = (np.cumsum(errors, axis=1) >= FEWEST_ERRORS) & (np.cumsum(errors > 0, axis=1) >= FEWEST_WINDOWS)
    decides = (known[:, None] | enough) & (factor <= TRUSTED)[:, None]
    return np.where(decides, logs, np.minimum(logs, 0.0))
