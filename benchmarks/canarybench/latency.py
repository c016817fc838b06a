"""Latency: times of requests, of which everybody sees the counts in the default buckets of Prometheus.

Lockgate's judge is the product's own code here, window by window, with its default criteria; Kayenta compares the
series of p50 and of p99, each critical, minute by minute; Argo and Flagger have the p99 and a threshold. Times are
log-normal.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from benchmarks.canarybench import kayenta, thresholds
from benchmarks.canarybench.traffic import WINDOW, Floats, Ints, Random
from scipy.special import ndtr

from lockgate.analysis.judge import begin, judge, weigh
from lockgate.core.canary import Criteria
from lockgate.core.window import Advice, Minute, Ratio, Side, Window

BOUNDS = (5.0, 10.0, 25.0, 50.0, 75.0, 100.0, 250.0, 500.0, 750.0, 1000.0, 2500.0, 5000.0, 7500.0, 10000.0)
"""Milliseconds."""
MEDIAN, SIGMA = 60.0, 0.6
WEIGHT = 0.1
SECONDS = 1800.0
MINUTES = 120
A_MINUTE = round(60.0 / WINDOW)
Row = dict[str, object]


@dataclass(frozen=True)
class Shape:
    """Of the canary's times."""

    name: str
    slower: float = 1.0
    part: float = 1.0
    """Of the requests that are slower."""
    own: float = 0.0
    """Standard deviation of the logarithm of each side's median, from window to window."""
    shared: float = 0.0
    """The same for both sides together."""

    @property
    def good(self) -> bool:
        return self.slower == 1.0


SHAPES = (
    Shape("as before"),
    Shape("+10 %", 1.1),
    Shape("+25 %", 1.25),
    Shape("2x", 2.0),
    Shape("2 % of the requests 4x", 4.0, 0.02),
    Shape("0.5 % of the requests 8x", 8.0, 0.005),
    Shape("as before, noise of 5 % on each side", own=0.05),
    Shape("as before, noise of 20 % on each side", own=0.2),
    Shape("as before, shared noise of 20 %", shared=0.2),
    Shape("2x, noise of 20 % on each side", 2.0, own=0.2),
)


def rows(seed: Sequence[int], runs: int, rates: Sequence[float]) -> Iterator[Row]:
    """``rates``: requests a second of both sides."""
    for place, rate in enumerate(rates):
        for number, shape in enumerate(SHAPES):
            random = np.random.default_rng([*seed, place, number])
            for name, found in _methods(shape, rate, random, runs).items():
                caught = [one for one in found if one is not None]
                minutes = float(np.median([one if one is not None else math.inf for one in found]))
                yield {
                    "study": "latency",
                    "cell": f"{rate:g} rps, weight {100 * WEIGHT:g} %",
                    "shape": shape.name,
                    "method": name,
                    "runs": runs,
                    "rolled_back": len(caught),
                    "minutes": round(minutes, 3) if math.isfinite(minutes) else None,
                }


def _methods(shape: Shape, rate: float, random: Random, runs: int) -> dict[str, list[float | None]]:
    """Minutes until each of them has taken back the canary, in each rollout."""
    windows = round(SECONDS / WINDOW)
    shared = shape.shared * random.standard_normal((runs, windows))
    mine = _drawn(random, rate * WEIGHT, shape, shared)
    theirs = _drawn(random, rate * (1 - WEIGHT), Shape("", own=shape.own), shared)
    before = shape.shared * random.standard_normal((runs, MINUTES * A_MINUTE))
    past = _per_minute(_drawn(random, rate, Shape("", own=shape.own), before))
    canary, baseline = _per_minute(mine), _per_minute(theirs)
    p50, p99 = ((quantile(canary, q), quantile(baseline, q)) for q in (0.5, 0.99))
    argo = thresholds.scores(p99[0] / p99[1], 4) > 1.2
    flagger = thresholds.scores(p99[0], 5) > 500.0
    return {
        "Lockgate, 5 s": [_lockgate(past[run], mine[run], theirs[run]) for run in range(runs)],
        "Kayenta p50 + p99, 1 min": _first(_high(*p50) | _high(*p99), kayenta.LEAST_POINTS),
        "Argo p99 > 1.2x stable, failureLimit 3, 1 min": _first(argo, 1),
        "Flagger p99 < 500 ms, threshold 5, 1 min": _first(flagger, 2),
    }


def _drawn(random: Random, rate: float, shape: Shape, shared: Floats) -> Ints:
    """Requests in each bucket: (rollouts, windows, buckets)."""
    medians = MEDIAN * np.exp(shared + shape.own * random.standard_normal(shared.shape))
    slow = buckets(medians * shape.slower)
    shares = slow if shape.part == 1.0 else shape.part * slow + (1 - shape.part) * buckets(medians)
    return random.multinomial(random.poisson(rate * WINDOW, shared.shape), shares)


def buckets(medians: Floats) -> Floats:
    """Shares of the requests in each: the shape of ``medians``, and one more dimension."""
    below = ndtr((np.log(BOUNDS) - np.log(medians)[..., None]) / SIGMA)
    padded = np.concatenate([np.zeros((*medians.shape, 1)), below, np.ones((*medians.shape, 1))], axis=-1)
    shares: Floats = np.diff(padded, axis=-1)
    return shares


def _per_minute(counts: Ints) -> Ints:
    runs, windows, buckets = counts.shape
    sums: Ints = counts.reshape(runs, windows // A_MINUTE, A_MINUTE, buckets).sum(2)
    return sums


def quantile(counts: Ints, share: float) -> Floats:
    """As ``histogram_quantile`` does it: linear within a bucket, and the highest bound above that."""
    sums = np.cumsum(counts, axis=-1)
    wanted = share * sums[..., -1]
    bucket = np.minimum((sums < wanted[..., None]).sum(-1), len(BOUNDS) - 1)
    edges = np.array([0.0, *BOUNDS])
    below = np.take_along_axis(np.concatenate([np.zeros_like(sums[..., :1]), sums], -1), bucket[..., None], -1)[..., 0]
    inside = np.take_along_axis(counts, bucket[..., None], -1)[..., 0]
    part = np.clip((wanted - below) / np.maximum(inside, 1), 0.0, 1.0)
    found: Floats = edges[bucket] + (edges[bucket + 1] - edges[bucket]) * part
    return found


def _high(canary: Floats, baseline: Floats) -> np.ndarray:
    looks = range(kayenta.LEAST_POINTS, canary.shape[1] + 1)
    return kayenta.scores(canary, baseline, looks, kayenta.level()) > kayenta.level()


def _first(above: np.ndarray, minutes: int) -> list[float | None]:
    """``minutes``: at which the first look ends in a rollback."""
    return [float(row.argmax() + minutes) if row.any() else None for row in above]


def _lockgate(past: Ints, mine: Ints, theirs: Ints) -> float | None:
    criteria = Criteria()
    state = begin(criteria, [_minute(number, counts) for number, counts in enumerate(past, 1)], WEIGHT)
    for number in range(len(mine)):
        window = Window(
            number + 1,
            number * WINDOW,
            (number + 1) * WINDOW,
            0,
            round(10000 * WEIGHT),
            Side(int(mine[number].sum()), 0, at_most(mine[number])),
            Side(int(theirs[number].sum()), 0, at_most(theirs[number])),
        )
        state = weigh(criteria, state, window)
        if judge(criteria, state).advice is Advice.ROLL_BACK:
            return (number + 1) * WINDOW / 60
    return None


def _minute(number: int, counts: Ints) -> Minute:
    whole = int(counts.sum())
    return Minute(60.0 * number, {"a": Ratio(0, whole // 2), "b": Ratio(0, whole - whole // 2)}, at_most(counts))


def at_most(counts: Ints) -> dict[float, int]:
    """As in :class:`lockgate.core.window.Side`."""
    return dict(zip((*BOUNDS, math.inf), np.cumsum(counts).tolist(), strict=True))
