"""CPU: what a decision costs, and whether one core keeps up with a thousand canaries.

The product's own code, ``weigh`` and ``judge``, on six metrics: errors, times of requests (a histogram of fifteen
buckets), two counters and two gauges (a level a minute). Not measured here: reading the counters and the database.
"""

import os
import statistics
import time
from collections.abc import Iterator

import numpy as np
from benchmarks.canarybench.latency import MEDIAN, at_most, buckets
from benchmarks.canarybench.traffic import WINDOW, Random

from lockgate.analysis.judge import begin, judge, weigh
from lockgate.core.canary import Criteria, Metric, MetricKind
from lockgate.core.window import Minute, Ratio, Side, Window

CANARIES = 1000
METRICS = tuple(
    Metric(name, "prometheus", kind)
    for name, kind in (
        ("declined", MetricKind.COUNTER),
        ("retries", MetricKind.COUNTER),
        ("cpu", MetricKind.GAUGE),
        ("memory", MetricKind.GAUGE),
    )
)
WEIGHT = 0.1
RATES = (100.0, 1000.0, 10000.0)
"""Requests a second of the service: where more than a tenth of the requests are above a bound, an exact form is summed
term by term, so more traffic costs more."""
Row = dict[str, object]


def rows(seed: int, windows: int) -> Iterator[Row]:
    """``windows``: of one canary that is as good as the baseline, so that every window is judged."""
    for rate in RATES:
        yield _row(np.random.default_rng(seed), rate, windows)


def _row(random: Random, rate: float, windows: int) -> Row:
    criteria = Criteria(metrics=METRICS)
    state = begin(criteria, [_minute(random, rate, number) for number in range(1, 121)], WEIGHT)
    given = [_window(random, rate, number) for number in range(1, windows + 1)]
    weighing, judging = [], []
    for window in given:
        began = time.process_time_ns()
        state = weigh(criteria, state, window)
        weighed = time.process_time_ns()
        judge(criteria, state)
        weighing.append(weighed - began)
        judging.append(time.process_time_ns() - weighed)
    both = sum(weighing) + sum(judging)
    return {
        "study": "cpu",
        "rate": rate,
        "windows": windows,
        "metrics": 2 + len(METRICS),
        "bounds": len(state.latency.bounds) if state.latency else 0,
        "weigh_p50_us": round(statistics.median(weighing) / 1e3, 1),
        "judge_p50_us": round(statistics.median(judging) / 1e3, 1),
        "decision_mean_us": round(both / windows / 1e3, 1),
        "canaries": CANARIES,
        "core_share": round(both / windows / 1e9 * CANARIES / WINDOW, 3),
        "load": round(os.getloadavg()[0], 1),
    }


def _minute(random: Random, rate: float, number: int) -> Minute:
    requests = int(random.poisson(60 * rate))
    instances = {f"i{one}": Ratio(int(random.binomial(requests // 10, 0.005)), requests // 10) for one in range(10)}
    return Minute(60.0 * number, instances, _times(random, requests), {"cpu": _noise(random), "memory": _noise(random)})


def _window(random: Random, rate: float, number: int) -> Window:
    levels = number % round(60.0 / WINDOW) == 0
    canary, baseline = (_side(random, rate * share, levels) for share in (WEIGHT, 1 - WEIGHT))
    start = (number - 1) * WINDOW
    return Window(number, start, start + WINDOW, 0, round(10000 * WEIGHT), canary, baseline)


def _side(random: Random, rate: float, levels: bool) -> Side:
    requests = int(random.poisson(rate * WINDOW))
    counts = {name: Ratio(int(random.binomial(requests, 0.02)), requests) for name in ("declined", "retries")}
    gauges = {name: _noise(random) for name in ("cpu", "memory")} if levels else {}
    return Side(requests, int(random.binomial(requests, 0.005)), _times(random, requests), counts, gauges, 1)


def _times(random: Random, requests: int) -> dict[float, int]:
    return at_most(random.multinomial(requests, buckets(np.array(MEDIAN))))


def _noise(random: Random) -> float:
    return float(random.normal(0.0, 1.0))
