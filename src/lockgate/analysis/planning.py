"""Planning: what a ramp can find out, and when, before anybody meets the canary.

Evidence is taken to grow at its expected rate for the given traffic, so the figures are about medians: half of the
canaries are found sooner. The same formulae as in :mod:`lockgate.analysis.counts`, for any weight; with a small one,
and a ratio ``r`` of errors against the tolerance ``r0``, they come to ``(log(1/alpha) + log n)/(log(r/r0) - 1 + r0/r)``
errors of the canary, ``n`` being the ratios that are looked for.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from lockgate.analysis.cases import FEWEST_ERRORS, FEWEST_WINDOWS
from lockgate.analysis.counts import GoodTest, WorseTest, slopes
from lockgate.analysis.dispersion import Dispersion
from lockgate.analysis.sentences import duration, number, percent
from lockgate.core.canary import Criteria, Stage
from lockgate.core.traffic import ALL

RATIOS = (1.5, 2.0, 5.0, 10.0)
"""Times as many errors as before, for which it is told when they would be noticed; and all requests failing."""
DETECTS = 10.0
"""A ramp that does not notice this within its time can hardly detect anything."""
STRONGER, LONGER = (1, 2, 5, 10, 20, 50), (1, 2, 4, 8, 16, 32)
"""Multiples of a ramp's weights and times that are tried for a better one."""
MOST = 5000
"""Basis points that a suggested ramp gives the canary at most."""


@dataclass(frozen=True, slots=True)
class Traffic:
    """What is expected: of what runs now."""

    rate: float
    """Requests a second, of both sides together."""
    errors: float
    """Share of them that fails."""
    dispersion: Dispersion = field(default_factory=lambda: Dispersion(1.0, 1))
    """How errors scatter; without blocks: nobody knows."""


@dataclass(frozen=True, slots=True)
class Detection:
    """When a bad canary would be noticed."""

    ratio: float
    """Times as many errors as before; infinite: every request fails."""
    errors: float | None
    """Of the canary, that count until then; None: not before the rollout must have been decided."""
    seconds: float | None
    """From the beginning of the ramp."""
    stage: int | None
    because: str


@dataclass(frozen=True, slots=True)
class Plan:
    """What a ramp can find out."""

    detections: tuple[Detection, ...]
    promotion: float | None
    """Seconds until a good canary has been shown to be good; None: not before it must have been decided."""
    detects: bool
    """It notices ten times as many errors before its last stage has lasted."""
    suggested: tuple[Stage, ...]
    """A ramp that does, if this one does not and there is one."""
    because: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Stretch:
    """Time at one weight that counts."""

    start: float
    end: float
    weight: float
    stage: int


Rate = Callable[[float], float]
"""Weight -> what is gained in a second."""


def plan(criteria: Criteria, stages: Sequence[Stage], traffic: Traffic, within: float = 7200.0) -> Plan:
    """``within``: seconds after which it must have been decided; the last stage lasts as long as that if need be. Each
    stage is taken to begin with instances that warm up."""
    stretches = _stretches(criteria, stages, within)
    detections = tuple(_detection(criteria, traffic, stretches, ratio) for ratio in (*RATIOS, math.inf))
    promotion = _promotion(criteria, traffic, stretches)
    detects = _detects(criteria, stages, traffic)
    suggested = () if detects else _suggested(criteria, stages, traffic, within)
    because = [*(one.because for one in detections), _promoted(traffic, promotion, within)]
    if not detects:
        because.append(_cannot(stages, traffic, suggested))
    return Plan(detections, promotion, detects, suggested, tuple(because))


def _stretches(criteria: Criteria, stages: Sequence[Stage], within: float) -> list[_Stretch]:
    found, start = [], 0.0
    for index, stage in enumerate(stages):
        last = index == len(stages) - 1
        end = max(start + stage.soak, within) if last else start + stage.soak
        found.append(_Stretch(min(start + criteria.warm_up, end), end, stage.weight / ALL, index))
        start = end
    return found


def _detection(criteria: Criteria, traffic: Traffic, stretches: Sequence[_Stretch], ratio: float) -> Detection:
    failing = 1.0 if math.isinf(ratio) else ratio * traffic.errors
    if not failing or (failing > 1 and not math.isinf(ratio)):
        return Detection(ratio, None, None, None, _meaningless(traffic, ratio))
    seconds = _noticed(criteria, traffic, stretches, failing)
    if seconds is None:
        because = f"{_of_ratio(ratio)} would not be noticed within {duration(stretches[-1].end)}."
        return Detection(ratio, None, None, None, because)
    stage = next(one for one in stretches if seconds <= one.end)
    errors = _gained(stretches, lambda weight: traffic.rate * weight * failing, seconds)
    because = (
        f"{_of_ratio(ratio)} would be noticed after about {number(max(1.0, errors))} failed requests of the canary, "
        f"{duration(seconds)} after it began, in stage {stage.stage + 1} ({100 * stage.weight:g} % of the traffic)."
    )
    return Detection(ratio, errors, seconds, stage.stage, because)


def _noticed(criteria: Criteria, traffic: Traffic, stretches: Sequence[_Stretch], failing: float) -> float | None:
    """Seconds until the canary is taken back, at the end of a window."""
    test = WorseTest(criteria.tolerance)
    parts = 1.0 + criteria.latency + sum(metric.share for metric in criteria.metrics)
    needed = math.log(len(test.looked_for) * parts / criteria.alpha) * traffic.dispersion.factor
    reached = [
        _reached(stretches, _growth(criteria, traffic, failing, ratio, criteria.tolerance), needed)
        for ratio in test.looked_for
    ]
    seconds = min((one for one in reached if one is not None), default=None)
    if seconds is None or traffic.dispersion.known:
        return _window_end(criteria, stretches, seconds)
    enough = _reached(stretches, lambda weight: traffic.rate * weight * failing, FEWEST_ERRORS)
    windows = _reached(stretches, lambda weight: 1.0, FEWEST_WINDOWS * criteria.window)
    if enough is None or windows is None:
        return None
    return _window_end(criteria, stretches, max(seconds, enough, windows))


def _growth(criteria: Criteria, traffic: Traffic, failing: float, ratio: float, against: float) -> Rate:
    """Of the logarithm of the e-value of a ratio, in a second."""

    def growth(weight: float) -> float:
        up, down, more = slopes(weight, ratio, against)
        mine, theirs = weight * failing, (1 - weight) * traffic.errors
        return traffic.rate * (mine * up + theirs * down - weight * criteria.absolute * more)

    return growth


def _promotion(criteria: Criteria, traffic: Traffic, stretches: Sequence[_Stretch]) -> float | None:
    test = GoodTest(criteria.ruled_out)
    needed = math.log(len(test.looked_for) / criteria.beta) * traffic.dispersion.factor
    granted = replace(criteria, absolute=criteria.absolute + criteria.negligible)
    reached = [
        _reached(stretches, _growth(granted, traffic, traffic.errors, ratio, criteria.ruled_out), needed)
        for ratio in test.looked_for
    ]
    return _window_end(criteria, stretches, min((one for one in reached if one is not None), default=None))


def _reached(stretches: Sequence[_Stretch], rate: Rate, needed: float) -> float | None:
    """Seconds until so much has been gained."""
    total = 0.0
    for stretch in stretches:
        gain = rate(stretch.weight)
        if gain > 0 and total + gain * (stretch.end - stretch.start) >= needed:
            return stretch.start + (needed - total) / gain
        total += gain * (stretch.end - stretch.start)
    return None


def _gained(stretches: Sequence[_Stretch], rate: Rate, until: float) -> float:
    spent = ((one, max(0.0, min(one.end, until) - one.start)) for one in stretches)
    return math.fsum(rate(one.weight) * seconds for one, seconds in spent)


def _window_end(criteria: Criteria, stretches: Sequence[_Stretch], seconds: float | None) -> float | None:
    """Decisions are made at the end of a window."""
    if seconds is None:
        return None
    stretch = next(one for one in stretches if seconds <= one.end + 1e-9)
    windows = math.ceil((seconds - stretch.start) / criteria.window - 1e-9)
    return min(stretch.end, stretch.start + max(1, windows) * criteria.window)


def _detects(criteria: Criteria, stages: Sequence[Stage], traffic: Traffic) -> bool:
    failing = min(1.0, DETECTS * traffic.errors) or 1.0
    return _noticed(criteria, traffic, _stretches(criteria, stages, 0.0), failing) is not None


def _suggested(criteria: Criteria, stages: Sequence[Stage], traffic: Traffic, within: float) -> tuple[Stage, ...]:
    """The least change: rather more traffic than more time."""
    return next((ramp for ramp in _changed(stages, within) if _detects(criteria, ramp, traffic)), ())


def _changed(stages: Sequence[Stage], within: float) -> Iterator[tuple[Stage, ...]]:
    for longer in LONGER:
        for stronger in STRONGER:
            ramp: list[Stage] = []
            for stage in stages:
                weight = max(stage.weight, min(MOST, stage.weight * stronger))
                if not ramp or weight > ramp[-1].weight:
                    ramp.append(replace(stage, weight=weight, soak=stage.soak * longer))
            if math.fsum(stage.soak for stage in ramp) <= within:
                yield tuple(ramp)


def _of_ratio(ratio: float) -> str:
    return "A canary that fails every request" if math.isinf(ratio) else f"{ratio:g} times as many errors"


def _meaningless(traffic: Traffic, ratio: float) -> str:
    if not traffic.errors:
        return f"Nothing fails now, so {ratio:g} times as many errors would be none."
    return f"{percent(traffic.errors)} of the requests fail now, so {ratio:g} times as many are more than all."


def _promoted(traffic: Traffic, seconds: float | None, within: float) -> str:
    if seconds is not None:
        return f"A canary as good as what runs now would be shown to be good after about {duration(seconds)}."
    why = "nothing fails now" if not traffic.errors else "there are too few errors to compare"
    return f"A canary as good as what runs now could not be shown to be good within {duration(within)}: {why}."


def _cannot(stages: Sequence[Stage], traffic: Traffic, suggested: Sequence[Stage]) -> str:
    what = f"{DETECTS:g} times as many errors" if traffic.errors else "a canary that fails every request"
    seen = f"at {traffic.rate:g} requests a second, {percent(traffic.errors)} of which fail"
    cannot = f"This ramp cannot notice {what} in its {duration(sum(stage.soak for stage in stages))}, {seen}."
    if not suggested:
        return f"{cannot} No ramp of its kind can in the time there is: decide by checks and by eye."
    steps = ", ".join(f"{100 * stage.weight / ALL:g} % for {duration(stage.soak)}" for stage in suggested)
    return f"{cannot} This one can: {steps}."
