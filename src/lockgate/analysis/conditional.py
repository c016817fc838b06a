"""The exact conditional form of a comparison of two counts, for where errors are common.

Given how many errors both sides had together, those of the canary follow Fisher's noncentral hypergeometric
distribution, of which the odds ratio is the only parameter. Its likelihood ratio is an e-value against "the odds are at
most (at least) ``against`` times as high" for any share of errors, and loses nothing where the closed form of
:mod:`lockgate.analysis.counts`, made for rare errors, is too careful.
"""

import math
from collections.abc import Callable, Iterator, Sequence

Rise = Callable[[int], float]


def log_e(
    canary: int, canary_errors: int, baseline: int, baseline_errors: int, odds: Sequence[float], against: float
) -> Iterator[float]:
    """For each of ``odds`` the logarithm of the e-value that the odds ratio is that, against ``against``."""
    errors = canary_errors + baseline_errors
    usual = log_sum(canary, baseline, errors, against)
    for one in odds:
        yield canary_errors * math.log(one / against) + usual - log_sum(canary, baseline, errors, one)


def log_sum(canary: int, baseline: int, errors: int, odds: float) -> float:
    """``log sum_k C(canary, k) C(baseline, errors - k) odds^k``, summed from its largest term outwards."""
    low, high = max(0, errors - baseline), min(errors, canary)

    def rise(k: int) -> float:
        """The term of ``k + 1`` by that of ``k``; falls as ``k`` grows."""
        return odds * (canary - k) * (errors - k) / ((k + 1) * (baseline - errors + k + 1))

    mode = _first_fall(rise, low, high)
    largest = _log_choose(canary, mode) + _log_choose(baseline, errors - mode) + mode * math.log(odds)
    return largest + math.log(1.0 + _upwards(rise, mode, high) + _downwards(rise, mode, low))


def _first_fall(rise: Rise, low: int, high: int) -> int:
    while low < high:
        middle = (low + high) // 2
        if rise(middle) > 1:
            low = middle + 1
        else:
            high = middle
    return low


def _upwards(rise: Rise, mode: int, high: int) -> float:
    term, total = 1.0, 0.0
    for k in range(mode, high):
        term *= rise(k)
        total += term
        if term < 1e-18:
            break
    return total


def _downwards(rise: Rise, mode: int, low: int) -> float:
    term, total = 1.0, 0.0
    for k in range(mode - 1, low - 1, -1):
        term /= rise(k)
        total += term
        if term < 1e-18:
            break
    return total


def _log_choose(n: int, k: int) -> float:
    return math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)
