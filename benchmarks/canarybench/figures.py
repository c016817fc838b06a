"""Figures: what the rows of the results say together."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from benchmarks.canarybench.trial import interval

Row = Mapping[str, object]
LEAST = 0.1
"""Failed requests that are taken for none when ratios are formed."""


@dataclass(frozen=True)
class Result:
    """What one method, as shipped or tuned, did in one place."""

    study: str
    cell: str
    method: str
    tuned: bool
    good: tuple[int, int]
    """False alarms, of good releases."""
    bad: Mapping[str, tuple[int, int, float, float | None]]
    """Release -> runs, rolled back, extra failed requests, median minutes."""

    def failed(self, release: str) -> float:
        return max(LEAST, self.bad[release][2])


def results(rows: Iterable[Row], study: str) -> list[Result]:
    return [_result(row) for row in rows if row["study"] == study]


def _result(row: Row) -> Result:
    good, bad = row["good"], row["bad"]
    assert isinstance(good, list)
    assert isinstance(bad, dict)
    return Result(
        str(row["study"]),
        f"{row['cell']} {row.get('weight', '')}".strip(),
        str(row["method"]),
        bool(row["tuned"]),
        (good[1], good[0]),
        {release: tuple(told) for release, told in bad.items()},
    )


def of(all_results: Sequence[Result], method: str, tuned: bool) -> list[Result]:
    return [one for one in all_results if one.method == method and one.tuned == tuned]


def mean(values: Sequence[float]) -> float:
    """The geometric one."""
    return math.exp(math.fsum(math.log(value) for value in values) / len(values))


def failed(some: Sequence[Result], release: str) -> float:
    """Extra failed requests, the geometric mean over places."""
    return mean([one.failed(release) for one in some])


def times(some: Sequence[Result], others: Sequence[Result], releases: Sequence[str]) -> float:
    """How many times as many failed requests the others let through; the geometric mean over places and releases."""
    mine = {one.cell: one for one in some}
    return mean([one.failed(r) / mine[one.cell].failed(r) for one in others for r in releases])


def better(some: Sequence[Result], others: Sequence[Result], releases: Sequence[str]) -> tuple[int, int]:
    """In how many of so many places and releases the others let fewer through."""
    mine = {one.cell: one for one in some}
    pairs = [(one.failed(r), mine[one.cell].failed(r)) for one in others for r in releases]
    return sum(theirs < ours for theirs, ours in pairs), len(pairs)


def caught(some: Sequence[Result], release: str) -> float:
    """Share of the bad releases that were taken back, over all places."""
    return sum(one.bad[release][1] for one in some) / sum(one.bad[release][0] for one in some)


def false_alarms(some: Sequence[Result]) -> str:
    """Over all places, with the exact 95 % interval, and the worst place."""
    events, runs = sum(one.good[0] for one in some), sum(one.good[1] for one in some)
    low, high = interval(events, runs)
    worst = max(one.good[0] / one.good[1] for one in some)
    return f"{percent(events / runs)} ({percent(low)} to {percent(high)}); {percent(worst)}"


def typical(some: Sequence[Result]) -> float:
    """The median over places of the share of false alarms."""
    return median(one.good[0] / one.good[1] for one in some)


def percent(share: float) -> str:
    if 0 < share < 0.0005:
        return f"{100 * share:.2f} %"
    return f"{100 * share:.1f} %" if share < 0.0995 else f"{100 * share:.0f} %"


def number(value: float) -> str:
    """Three digits, without exponents."""
    if value >= 100:
        digits = max(0, len(str(int(value))) - 3)
        return f"{round(value, -digits):,.0f}".replace(",", " ")
    return f"{value:.1f}" if value >= 10 else f"{value:.2g}" if value < 1 else f"{value:.1f}"
