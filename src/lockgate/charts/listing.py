"""The pictures in numbers: a table for those who do not see them, and for those who want to know exactly."""

from lockgate.charts import figures
from lockgate.charts.figures import digits, duration, finite, percent
from lockgate.charts.series import e_value
from lockgate.messages import AnalysisView, PointView, QuantileView, SideView

NONE = "–"

MOST = 24
"""Rows that a person reads."""

HEADINGS = (
    "After",
    "Canary's share",
    "Evidence: worse",
    "Evidence: good",
    "Failed, canary",
    "Failed, baseline",
    "p50, canary",
    "p50, baseline",
    "p99, canary",
    "p99, baseline",
    "Instances",
)


def listing(view: AnalysisView, most: int = MOST) -> tuple[tuple[str, ...], ...]:
    """Rows below :data:`HEADINGS`: about as many as asked for, at even distances; the last point is among them."""
    points = view.series.points
    every = max(1, -(-len(points) // max(1, most)))
    return tuple(_row(point) for i, point in enumerate(points) if (len(points) - 1 - i) % every == 0)


def _row(point: PointView) -> tuple[str, ...]:
    canary, baseline = point.canary, point.baseline
    return (
        duration(finite(point.seconds) or 0.0),
        f"{digits(point.weight)} %" + (" (not counted)" if point.excluded else ""),
        _evidence(point.against),
        _evidence(point.good),
        _failed(canary),
        _failed(baseline),
        *(_latency(found) for found in (canary.p50, baseline.p50, canary.p99, baseline.p99)),
        f"{canary.instances} and {baseline.instances}",
    )


def _evidence(logarithm: float | None) -> str:
    known = e_value(logarithm)
    return NONE if known is None else figures.e_value(known)


def _failed(side: SideView) -> str:
    share = finite(side.error_share)
    return NONE if share is None else percent(share)


def _latency(found: QuantileView | None) -> str:
    """In words: a reader of screens may be silent about signs."""
    if found is None or finite(found.milliseconds) is None:
        return NONE
    return ("" if found.sure == "about" else f"{found.sure} ") + figures.milliseconds(found.milliseconds)
