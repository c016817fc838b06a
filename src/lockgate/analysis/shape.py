"""The whole histogram at once: the fast channel for a canary that is slower all over, or for a part of its requests.

Between two bounds lies a cell. An alternative makes a share of the requests slower by a factor, so that cell ``b``
becomes ``r_b`` times as frequent as usual. The cells with ``r_b`` above the tolerance ``r0`` are tested together, each
by the closed form of :mod:`lockgate.analysis.counts`; the product is an e-value against "none of these cells is more
than ``r0`` times as frequent as the baseline's". What is usual is fixed beforehand; if it is wrong, only power is lost.
"""

import math
from collections.abc import Sequence
from functools import lru_cache
from itertools import pairwise

from lockgate.analysis.counts import log_mean, slopes
from lockgate.analysis.histogram import Histogram

SLOWER = (1.25, 1.6, 2.5, 5.0)
"""Factors by which requests may be slower."""
PARTS = (1.0, 0.2, 0.05, 0.01)
"""Shares of the requests that may be."""
HIGHEST = 1000.0
"""Times as frequent as usual that a cell is taken to become, at most."""


def usual_cells(usual: Histogram, bounds: Sequence[float]) -> tuple[float, ...]:
    """Share of the requests in each cell: up to the first bound, between two, above the last. Half a request is added
    to each, so that none is impossible."""
    counts = [count + 0.5 for count in _cells(usual, bounds)]
    return tuple(count / math.fsum(counts) for count in counts)


def add(
    logs: tuple[float, ...],
    bounds: tuple[float, ...],
    usual: tuple[float, ...],
    canary: Histogram,
    baseline: Histogram,
    tolerance: float,
    dispersion: float,
) -> tuple[float, ...]:
    """The logarithms of the e-values, one for each alternative, after another window. Both histograms have all the
    bounds and some requests."""
    weight = canary.requests / (canary.requests + baseline.requests)
    cells = list(zip(_cells(canary, bounds), _cells(baseline, bounds), strict=True))
    ratios = alternatives(bounds, usual)
    logs = logs or (0.0,) * len(ratios)

    def gain(alternative: Sequence[float]) -> float:
        total = 0.0
        for (mine, theirs), ratio in zip(cells, alternative, strict=True):
            if ratio > tolerance and (mine or theirs):
                up, down, _ = slopes(weight, ratio, tolerance)
                total += mine * up + theirs * down
        return total / dispersion

    return tuple(log + gain(one) for log, one in zip(logs, ratios, strict=True))


def log_evidence(logs: tuple[float, ...]) -> float:
    """Of the mixture over alternatives."""
    return log_mean(logs)


@lru_cache(maxsize=64)
def alternatives(bounds: tuple[float, ...], usual: tuple[float, ...]) -> tuple[tuple[float, ...], ...]:
    """For each factor and part: how many times as frequent as usual each cell becomes."""
    return tuple(_alternative(bounds, usual, factor, part) for factor in SLOWER for part in PARTS)


def _alternative(bounds: tuple[float, ...], usual: tuple[float, ...], factor: float, part: float) -> tuple[float, ...]:
    below = [_below(bound / factor, bounds, usual) for bound in bounds]
    shifted = [high - low for low, high in zip([0.0, *below], [*below, 1.0], strict=True)]
    return tuple(min(HIGHEST, 1 - part + part * new / old) for new, old in zip(shifted, usual, strict=True))


def _below(duration: float, bounds: tuple[float, ...], usual: tuple[float, ...]) -> float:
    """Share of the requests below it, taken to be evenly spread within a cell on a logarithmic scale."""
    total, start = 0.0, 0.0
    for bound, share in zip(bounds, usual, strict=False):
        if duration <= bound:
            part = math.log(duration / start) / math.log(bound / start) if start else duration / bound
            return total + share * part
        total, start = total + share, bound
    return total


def _cells(histogram: Histogram, bounds: Sequence[float]) -> list[int]:
    above = histogram.above or {}
    counts = [histogram.requests, *(above[bound] for bound in bounds), 0]
    return [more - less for more, less in pairwise(counts)]
