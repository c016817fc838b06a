"""The exact conditional form of a comparison of two counts, for where errors are common.

Given how many errors both sides had together, those of the canary follow Fisher's noncentral hypergeometric
distribution, of which the odds ratio is the only parameter. Its likelihood ratio is an e-value against "the odds are at
most (at least) ``against`` times as high" for any share of errors, and loses nothing where the closed form of
:mod:`lockgate.analysis.counts`, made for rare errors, is too careful.
"""

import math
from collections.abc import Iterator, Sequence

NOTHING = 1e-17
"""A term that is less of the largest one adds nothing that a float can hold, nor do those behind it together."""


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
    low, high, rest = max(0, errors - baseline), min(errors, canary), baseline - errors
    mode = _mode(canary, errors, rest, odds, low, high)
    largest = _log_choose(canary, mode) + _log_choose(baseline, errors - mode) + mode * math.log(odds)
    sides = _upwards(canary, errors, rest, odds, mode, high) + _downwards(canary, errors, rest, odds, mode, low)
    return largest + math.log(1.0 + sides)


# The term of k + 1 is odds (canary - k) (errors - k) / ((k + 1) (rest + k + 1)) times that of k, which falls as k
# grows. It is written out in each loop: there are hundreds of terms, and a call for each would cost more than they do.


def _mode(canary: int, errors: int, rest: int, odds: float, low: int, high: int) -> int:
    """Where the largest term is."""
    while low < high:
        k = (low + high) // 2
        if odds * (canary - k) * (errors - k) > (k + 1) * (rest + k + 1):
            low = k + 1
        else:
            high = k
    return low


def _upwards(canary: int, errors: int, rest: int, odds: float, mode: int, high: int) -> float:
    term, total = 1.0, 0.0
    for k in range(mode, high):
        term *= odds * ((canary - k) * (errors - k)) / ((k + 1) * (rest + k + 1))
        total += term
        if term < NOTHING:
            break
    return total


def _downwards(canary: int, errors: int, rest: int, odds: float, mode: int, low: int) -> float:
    term, total = 1.0, 0.0
    for k in range(mode - 1, low - 1, -1):
        term *= ((k + 1) * (rest + k + 1)) / (odds * ((canary - k) * (errors - k)))
        total += term
        if term < NOTHING:
            break
    return total


def _log_choose(n: int, k: int) -> float:
    return math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)
