"""Made traffic: windows with given counts, and random ones with a fixed seed."""

import math
from collections.abc import Mapping
from random import Random

from lockgate.core.window import Minute, Ratio, Side, Window

BOUNDS = (5.0, 10.0, 25.0, 50.0, 100.0, 250.0, 500.0, 1000.0, 2500.0, math.inf)


def window(
    number: int,
    canary: tuple[int, int],
    baseline: tuple[int, int],
    weight: int = 500,
    excluded: str = "",
    latency: tuple[Mapping[float, int], Mapping[float, int]] | None = None,
    length: float = 5.0,
) -> Window:
    """``canary`` and ``baseline``: errors, of requests."""
    mine, theirs = latency or ({}, {})
    return Window(
        number,
        (number - 1) * length,
        number * length,
        0,
        weight,
        Side(canary[1], canary[0], mine, instances=1),
        Side(baseline[1], baseline[0], theirs, instances=1),
        excluded=excluded,
    )


def poisson(random: Random, mean: float) -> int:
    """By inversion, large means in halves."""
    if mean > 60:
        return (
            round(random.gauss(mean, math.sqrt(mean)))
            if mean > 1000
            else sum(poisson(random, mean / 16) for _ in range(16))
        )
    limit, product, count = math.exp(-mean), random.random(), 0
    while product > limit:
        product *= random.random()
        count += 1
    return count


def binomial(random: Random, n: int, p: float) -> int:
    """Exact for few requests; by Poisson, cut at ``n``, for many with rare errors."""
    if p <= 0 or n == 0:
        return 0
    if p >= 1:
        return n
    if n <= 40 or p > 0.2:
        if n > 400:
            return min(n, max(0, round(random.gauss(n * p, math.sqrt(n * p * (1 - p))))))
        return sum(random.random() < p for _ in range(n))
    return min(n, poisson(random, n * p))


def lognormal_latency(random: Random, n: int, median: float = 60.0, sigma: float = 0.6) -> dict[float, int]:
    """Requests at or below each bound."""
    left, before, total, at_most = n, 0.0, 0, {}
    for bound in BOUNDS:
        below = 0.5 * math.erfc(-math.log(bound / median) / sigma / math.sqrt(2)) if bound < math.inf else 1.0
        part = (below - before) / (1 - before) if before < 1 else 1.0
        drawn = left if bound == math.inf else binomial(random, left, min(1.0, max(0.0, part)))
        total, left, before = total + drawn, left - drawn, below
        at_most[bound] = total
    return at_most


def bursts(random: Random, mean: float, size: int) -> int:
    """Errors that come in bursts of a geometric length, ``size`` on average; ``mean`` of them on average."""
    return sum(geometric(random, size) for _ in range(poisson(random, mean / size)))


def geometric(random: Random, mean: int) -> int:
    return 1 if mean <= 1 else 1 + int(math.log(1 - random.random()) / math.log1p(-1 / mean))


def past_of(
    random: Random, minutes: int, instances: int, rate: float, share: float, burst: int = 1
) -> tuple[Minute, ...]:
    """Minutes before a rollout; ``rate``: requests a second of all instances together."""
    each = round(60 * rate / instances)
    return tuple(
        Minute(
            60.0 * n, {f"i{i}": Ratio(min(each, bursts(random, each * share, burst)), each) for i in range(instances)}
        )
        for n in range(1, minutes + 1)
    )


def timed(random: Random, minutes: int, requests: int, wobble: float = 0.0) -> tuple[Minute, ...]:
    """Minutes with the times of requests, whose median moves by ``wobble`` (of its logarithm)."""
    return tuple(
        Minute(
            60.0 * n,
            {"i0": Ratio(0, requests // 2), "i1": Ratio(0, requests - requests // 2)},
            lognormal_latency(random, requests, 60.0 * math.exp(random.gauss(0.0, wobble))),
        )
        for n in range(1, minutes + 1)
    )
