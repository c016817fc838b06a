"""The four pictures of a canary: evidence, errors, latency, traffic."""

from collections.abc import Callable, Iterator, Mapping
from itertools import groupby, pairwise

from lockgate.charts import figures
from lockgate.charts.figures import digits, duration, finite, milliseconds, percent
from lockgate.charts.picture import Band, Curve, Limit, Mark, Panel, Picture, Place, known, values
from lockgate.charts.series import e_value, whole
from lockgate.charts.ticks import decades, from_zero
from lockgate.messages import AnalysisView, PointView, QuantileView, SideView

LOWEST = -2.0
"""Decimal logarithm below which evidence is not told apart: there is none."""

ABOVE = 2.0
"""Decades above its threshold that evidence is drawn."""

SHORT = {"hold": "holds", "roll-back": "roll back", "promote": "promote"}

SIDES: Mapping[str, Callable[[PointView], SideView]] = {"canary": lambda p: p.canary, "baseline": lambda p: p.baseline}


def evidence(view: AnalysisView) -> Picture:
    """Against and for the canary, each with the threshold where it decides."""
    against, rolled_back = _grown(view, lambda p: p.against), _limit(view, lambda p: p.threshold)
    good, promoted = _grown(view, lambda p: p.good), _limit(view, lambda p: p.needed)
    panels = (
        _evidence("That the canary is worse", "against", against, rolled_back, "roll back"),
        _evidence("That the canary is good", "good", good, promoted, "promote"),
    )
    once = figures.e_value(rolled_back if rolled_back is not None else 2.0)
    about = f"A release as good as before gets to {once} once in {once} rollouts at most."
    return _picture(view, "evidence", "Evidence", about, panels)


def _grown(view: AnalysisView, read: Callable[[PointView], float | None]) -> tuple[Place, ...]:
    """As decimal logarithms. Before the first look nothing spoke for either: the e-value was 1."""
    places = known([(point.seconds, e_value(read(point))) for point in view.series.points])
    return ((0.0, 0.0), *places) if any(value is not None for _, value in places) else ()


def _limit(view: AnalysisView, read: Callable[[PointView], float | None]) -> float | None:
    found = (e_value(read(point)) for point in reversed(view.series.points))
    return next((limit for limit in found if limit is not None), None)


def _evidence(name: str, tone: str, places: tuple[Place, ...], limit: float | None, act: str) -> Panel:
    top = limit if limit is not None else 2.0
    found = [value for _, value in places if value is not None]
    axis = decades([*found, top + 0.3], LOWEST, max(1.0, min(top, 12.0) + ABOVE))
    if not found:
        return Panel(name, axis, (), missing="Not judged yet.")
    curve = Curve("", tone, places, figures.e_value(found[-1]))
    return Panel(name, axis, (curve,), Limit(top, f"{act} at {figures.e_value(top)}") if limit is not None else None)


def errors(view: AnalysisView) -> Picture:
    """Share of the requests that failed, of each release."""
    curves = _both(view, lambda side: side.error_share, lambda side: percent(side.error_share or 0.0))
    axis = from_zero(values(curves), percent, 0.01)
    about = f"Share of each release's own requests, over {duration(view.series.span)} at a time."
    missing = "" if values(curves) else "No requests yet."
    return _picture(view, "errors", "Failed requests", about, (Panel("", axis, curves, missing=missing),))


def latency(view: AnalysisView) -> Picture:
    """The 99th and the 50th percentile, of each release."""
    panels = (
        _latency(view, "99 of 100 requests took no longer than", lambda side: side.p99),
        _latency(view, "Half of the requests took no longer than", lambda side: side.p50),
    )
    about = f"Over {duration(view.series.span)} at a time, as exact as the histogram's buckets."
    return _picture(view, "latency", "Latency", about, panels)


def _latency(view: AnalysisView, name: str, read: Callable[[SideView], QuantileView | None]) -> Panel:
    def value(side: SideView) -> float | None:
        return None if (found := read(side)) is None else found.milliseconds

    def told(side: SideView) -> str:
        return "" if (found := read(side)) is None else figures.latency(found)

    curves = _both(view, value, told)
    axis = from_zero(values(curves), lambda v: milliseconds(v) if v else "0", 1.0)
    return Panel(name, axis, curves, missing="" if values(curves) else "No latency was measured.")


def traffic(view: AnalysisView) -> Picture:
    """What share of the traffic the canary was given, and how many instances each release had."""
    weights = known([(point.seconds, point.weight) for point in view.series.points])
    last = next((value for _, value in reversed(weights) if value is not None), 0.0)
    given = Curve("canary", "canary", weights, f"{digits(last)} %", steps=True, filled=True)
    counts = _both(view, lambda side: float(side.instances), lambda side: str(side.instances), steps=True)
    panels = (
        Panel("Share of the traffic", from_zero(values((given,)), lambda v: f"{digits(v)} %", 1.0), (given,)),
        Panel("Instances in rotation", from_zero(values(counts), digits, 1.0, whole=True), counts),
    )
    about = "What the canary was given of it, and what each release had to answer with."
    return _picture(view, "traffic", "Traffic and instances", about, panels)


CHARTS: Mapping[str, Callable[[AnalysisView], Picture]] = {
    "evidence": evidence,
    "errors": errors,
    "latency": latency,
    "traffic": traffic,
}
"""Name -> how its picture is made."""


def _both(
    view: AnalysisView, read: Callable[[SideView], float | None], told: Callable[[SideView], str], steps: bool = False
) -> tuple[Curve, ...]:
    return tuple(_one(view, name, side, read, told, steps) for name, side in SIDES.items())


def _one(
    view: AnalysisView,
    name: str,
    side: Callable[[PointView], SideView],
    read: Callable[[SideView], float | None],
    told: Callable[[SideView], str],
    steps: bool,
) -> Curve:
    sides = [(point.seconds, side(point)) for point in view.series.points]
    last = next((one for _, one in reversed(sides) if finite(read(one)) is not None), None)
    places = known([(at, read(one)) for at, one in sides])
    return Curve(name, name, places, told(last) if last else "", steps)


# --- what all of them have in common ---


def _picture(view: AnalysisView, name: str, title: str, about: str, panels: tuple[Panel, ...]) -> Picture:
    points = [point for point in view.series.points if finite(point.seconds) is not None]
    return Picture(
        name=name,
        title=title,
        about=about,
        told=" ".join([_opening(view), *(sentence for panel in panels for sentence in _sentences(panel))]),
        end=whole(view),
        panels=panels,
        stages=tuple(_bands(points, lambda p: p.stage, lambda p: f"{digits(p.weight)} %")),
        excluded=tuple(band for band in _bands(points, lambda p: p.excluded, lambda p: p.excluded) if band.words),
        marks=tuple(_marks(view)),
        empty="" if points else "Nothing has been seen of it yet.",
        note="One look so far." if len(points) == 1 else "",
    )


def _opening(view: AnalysisView) -> str:
    return f"{view.canary or 'The canary'} beside {view.baseline or 'its baseline'}, {duration(whole(view))} long."


def _sentences(panel: Panel) -> Iterator[str]:
    told = [f"{curve.name} {curve.told}".strip() for curve in panel.curves if curve.last]
    if told:
        limit = f"; {panel.limit.words}" if panel.limit else ""
        yield f"{panel.name or 'Now'}: {', '.join(told)}{limit}."
    if panel.missing:
        yield f"{panel.name or 'Now'}: {panel.missing}"


def _bands(
    points: list[PointView], key: Callable[[PointView], object], words: Callable[[PointView], str]
) -> Iterator[Band]:
    begins = [0.0, *(point.seconds for point in points)]
    for _, alike in groupby(zip(begins, points, strict=False), key=lambda one: key(one[1])):
        run = list(alike)
        yield Band(finite(run[0][0]) or 0.0, finite(run[-1][1].seconds) or 0.0, words(run[0][1]))


def _marks(view: AnalysisView) -> Iterator[Mark]:
    for mark in view.series.marks:
        at = finite(mark.seconds)
        if at is not None and mark.kind in SHORT:
            yield Mark(min(max(0.0, at), whole(view)), mark.kind, SHORT[mark.kind], mark.words)


def gaps(places: tuple[Place, ...]) -> list[list[tuple[float, float]]]:
    """The stretches of a curve between places where it has no value."""
    runs: list[list[tuple[float, float]]] = [[]]
    for at, value in places:
        if value is None:
            runs.append([])
        else:
            runs[-1].append((at, value))
    return [run for run in runs if run]


def steps(run: list[tuple[float, float]], begin: float) -> list[tuple[float, float]]:
    """Corners of a line whose values hold since the place before."""
    corners = [(begin, run[0][1]), run[0]]
    for (at, _), (then, value) in pairwise(run):
        corners += [(at, value), (then, value)]
    return corners
