"""Quantiles from counts in buckets: as exact as the buckets, and no more sure than they are."""

import math
from collections.abc import Iterable, Mapping

from lockgate.messages import QuantileView

Buckets = Mapping[float, int]
"""Upper bound in milliseconds -> requests at or below it; the largest is infinite and has them all."""


def quantile(buckets: Buckets, share: float) -> QuantileView | None:
    """The latency that ``share`` (0 to 1) of the requests did not exceed; None: no request is counted.

    Linear within a bucket, which begins where the one before ends. The last bucket that ends is so wide that its end is
    all that can be said, and of what lies beyond it, that it does.
    """
    counted = _rising(buckets)
    if not counted or counted[-1][1] <= 0:
        return None
    ends = [bound for bound, _ in counted if math.isfinite(bound)]
    rank = share * counted[-1][1]
    below, before = 0.0, 0
    for bound, count in counted:
        if count >= rank and count > 0:
            break
        below, before = bound, count
    if not math.isfinite(bound):
        return QuantileView(ends[-1], "more than") if ends else None
    if bound == ends[-1]:
        return QuantileView(bound, "at most")
    return QuantileView(below + (bound - below) * max(0.0, rank - before) / (count - before))


def _rising(buckets: Buckets) -> list[tuple[float, int]]:
    """By bound, and never falling: counts of several programs may have been read at slightly different moments."""
    rising, most = [], 0
    for bound, count in sorted(pair for pair in buckets.items() if pair[0] >= 0):
        most = max(most, count)
        rising.append((bound, most))
    return rising


def together(many: Iterable[Buckets]) -> dict[float, int]:
    """The sum of several."""
    summed: dict[float, int] = {}
    for buckets in many:
        for bound, count in buckets.items():
            summed[bound] = summed.get(bound, 0) + count
    return summed
