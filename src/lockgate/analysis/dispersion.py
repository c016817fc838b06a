"""Dispersion: how much more error counts scatter than those of independent requests would.

From traffic before the rollout, split into two sides of the planned sizes, in blocks of several lengths. For a block with
``k`` errors of the small side among ``E`` on both, expected share ``w``: ``X2 = (k - E w)^2 / (E w (1 - w))``, which is 1
on average for independent errors. The factor is the largest upper 95 % bound over the lengths: ``mean(X2) (1 + 1.645
sqrt(2/m))`` over ``m`` blocks, and at least 1. A quasi-likelihood tempering: validated by simulation, not proven.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from lockgate.analysis.counts import Window

TRUSTED = 30.0
"""Above it errors come in such bursts that counting them says nothing."""
FEWEST_BLOCKS = 10
"""Of one length, for it to count."""


@dataclass(frozen=True, slots=True)
class Dispersion:
    """``factor``: at least 1. ``blocks``: how many it rests on; 0: there was nothing to learn it from."""

    factor: float = 1.0
    blocks: int = 0

    @property
    def trusted(self) -> bool:
        """Whether tests on counts may decide."""
        return self.blocks > 0 and self.factor <= TRUSTED


def dispersion(blocks: Mapping[float, Sequence[Window]]) -> Dispersion:
    """``blocks``: length in seconds -> the two sides of the traffic before, block by block."""
    found = [_of_length(windows) for windows in blocks.values()]
    enough = [one for one in found if one.blocks >= FEWEST_BLOCKS]
    if not enough:
        return Dispersion()
    return Dispersion(max(1.0, *(one.factor for one in enough)), max(one.blocks for one in enough))


def _of_length(windows: Sequence[Window]) -> Dispersion:
    scatter = [_scatter(window) for window in windows if window.canary_errors + window.baseline_errors]
    scatter = [one for one in scatter if one is not None]
    if not scatter:
        return Dispersion()
    mean = sum(one for one in scatter if one is not None) / len(scatter)
    return Dispersion(mean * (1 + 1.645 * math.sqrt(2 / len(scatter))), len(scatter))


def _scatter(window: Window) -> float | None:
    """None: one of the sides had nothing."""
    w, errors = window.weight, window.canary_errors + window.baseline_errors
    if not 0 < w < 1:
        return None
    return (window.canary_errors - errors * w) ** 2 / (errors * w * (1 - w))
