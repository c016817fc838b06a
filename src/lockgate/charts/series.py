"""Windows and judgements become a series to draw, and the view that the API gives of a canary."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby

from lockgate.charts.figures import finite, percent
from lockgate.charts.quantile import quantile, together
from lockgate.core.canary import Canary
from lockgate.core.window import Advice, Judgement, Side, Term, Window
from lockgate.messages import AnalysisView, MarkView, PointView, SeriesView, SideView, StageView, TermView

POINTS = 240
"""More than so many are not told apart in a picture."""

SPANS = (60.0, 120.0, 300.0, 600.0, 1200.0, 1800.0, 3600.0)
"""Seconds to look back over for shares and latencies: one window alone has too few requests to draw."""

LOOKS_BACK = 1 / 24
"""Part of the rollout that a point looks back over, at least the shortest span."""

Judged = tuple[Window, Judgement | None]


@dataclass(frozen=True, slots=True)
class Rollout:
    """Whose canary it is, for :func:`view_of`."""

    deployment: str
    component: str
    canary: str
    """Label of the release that is tried."""
    baseline: str
    config: str
    """Digest of its criteria."""
    ramp: Canary


def series(
    windows: Sequence[Window], judgements: Sequence[Judgement], marks: Sequence[MarkView] = (), most: int = POINTS
) -> SeriesView:
    """All that is drawn of a rollout.

    ``judgements`` has one for each window, in the same order; windows beyond its end are not judged yet. ``marks`` are
    added to those that follow from the windows: holds, for which nothing there stands. Windows that follow each other
    in one stage become one point, until there are about ``most``.
    """
    if not windows:
        return SeriesView(marks=tuple(marks))
    start = windows[0].start
    judged = [(one, judgements[i] if i < len(judgements) else None) for i, one in enumerate(windows)]
    groups = _grouped(judged, most)
    span = _span(windows[-1].end - start)
    points = tuple(_point(start, group, _back(groups, i, span)) for i, group in enumerate(groups))
    found = (*_stages(start, judged), *marks, *_verdict(start, judged))
    return SeriesView(start, span, points, tuple(sorted(found, key=lambda mark: mark.seconds)))


def _grouped(judged: Sequence[Judged], most: int) -> list[list[Judged]]:
    size = -(-len(judged) // max(1, most))
    groups: list[list[Judged]] = []
    for _, alike in groupby(judged, key=lambda one: (one[0].stage, one[0].weight, one[0].excluded)):
        run = list(alike)
        groups += [run[i : i + size] for i in range(0, len(run), size)]
    return groups


def _span(lasted: float) -> float:
    return next((span for span in SPANS if span >= lasted * LOOKS_BACK), SPANS[-1])


def _back(groups: Sequence[list[Judged]], last: int, span: float) -> list[Window]:
    """The windows of that group, and those before that it looks back over."""
    since = groups[last][-1][0].end - span
    first = last
    while first > 0 and groups[first - 1][0][0].start >= since:
        first -= 1
    return [window for group in groups[first : last + 1] for window, _ in group]


def _point(start: float, group: Sequence[Judged], back: Sequence[Window]) -> PointView:
    window, judgement = group[-1]
    own = [one for one, _ in group]
    return PointView(
        seconds=window.end - start,
        stage=window.stage,
        weight=window.weight / 100,
        canary=_side([one.canary for one in own], [one.canary for one in back]),
        baseline=_side([one.baseline for one in own], [one.baseline for one in back]),
        against=finite(judgement.against) if judgement else None,
        threshold=finite(judgement.threshold) if judgement else None,
        good=finite(judgement.good) if judgement else None,
        needed=finite(judgement.needed) if judgement else None,
        excluded=window.excluded,
    )


def _side(own: Sequence[Side], back: Sequence[Side]) -> SideView:
    requests = sum(side.requests for side in back)
    latency = together(side.latency for side in back)
    return SideView(
        requests=sum(side.requests for side in own),
        errors=sum(side.errors for side in own),
        instances=own[-1].instances,
        error_share=sum(side.errors for side in back) / requests if requests else None,
        p50=quantile(latency, 0.5),
        p99=quantile(latency, 0.99),
    )


def _stages(start: float, judged: Iterable[Judged]) -> Iterable[MarkView]:
    for _, alike in groupby((window for window, _ in judged), key=lambda one: (one.stage, one.weight)):
        first = next(alike)
        words = f"The canary gets {percent(first.weight / 10_000)} of the traffic."
        yield MarkView(first.start - start, "stage", words)


def _verdict(start: float, judged: Sequence[Judged]) -> tuple[MarkView, ...]:
    """Where the evidence began to advise what it advises at the end."""
    known = [(window, judgement) for window, judgement in judged if judgement]
    if not known or known[-1][1].advice is Advice.GO_ON:
        return ()
    advice = known[-1][1].advice
    first = len(known) - 1
    while first > 0 and known[first - 1][1].advice is advice:
        first -= 1
    window, judgement = known[first]
    return (MarkView(window.end - start, advice.value, judgement.because),)


def view_of(
    rollout: Rollout,
    windows: Sequence[Window],
    judgements: Sequence[Judgement],
    following: str = "",
    marks: Sequence[MarkView] = (),
) -> AnalysisView:
    """What the API tells of a canary. ``following``: what comes next and when, as a sentence."""
    last = judgements[-1] if judgements else None
    return AnalysisView(
        deployment=rollout.deployment,
        component=rollout.component,
        canary=rollout.canary,
        baseline=rollout.baseline,
        config=rollout.config,
        advice=(last.advice if last else Advice.GO_ON).value,
        verdict=last.because if last else "Nothing has been judged yet.",
        next=following,
        stage=_stage(rollout.ramp, windows),
        terms=tuple(_term(term) for term in last.terms) if last else (),
        trusted=last.trusted if last else True,
        series=series(windows, judgements, (*marks, *_holds(rollout.ramp, windows))),
    )


def _holds(ramp: Canary, windows: Sequence[Window]) -> Iterable[MarkView]:
    """Where a stage had lasted as long as it should, and a person was waited for."""
    for number, alike in groupby(windows, key=lambda one: one.stage):
        run = list(alike)
        stage = ramp.stages[number] if number < len(ramp.stages) else None
        if stage and stage.hold and run[-1].end > run[0].start + stage.soak:
            begins = run[0].start + stage.soak - windows[0].start
            yield MarkView(begins, "hold", f"Stage {number + 1} holds until somebody lets it go on.")


def _term(term: Term) -> TermView:
    return TermView(term.metric, finite(term.against), finite(term.good), term.because)


def _stage(ramp: Canary, windows: Sequence[Window]) -> StageView | None:
    if not windows:
        return None
    index = windows[-1].stage
    since = next(window.start for window in windows if window.stage == index)
    stage = ramp.stages[min(index, len(ramp.stages) - 1)]
    weight = windows[-1].weight / 100
    return StageView(index + 1, len(ramp.stages), weight, stage.soak, since, stage.hold)


def whole(view: AnalysisView) -> float:
    """Seconds from the start to the last look; 0 if there was none."""
    ends = [end for point in view.series.points if (end := finite(point.seconds)) is not None]
    return max([0.0, *ends])


def e_value(logarithm: float | None) -> float | None:
    """Decimal logarithm of the e-value whose natural one this is."""
    known = finite(logarithm)
    return None if known is None else known / math.log(10)
