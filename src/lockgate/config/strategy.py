"""How a change is spread in time, as the files write it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from lockgate.config.form import At, ByShape, Choice, Field, Form, Kind, Schema, Several
from lockgate.config.metrics import METRICS, OURS, named
from lockgate.config.scalars import (
    HEADER_NAME,
    HEADER_VALUE,
    Measure,
    Whole,
    YesOrNo,
    duration,
    number,
    written,
)
from lockgate.core.application import Strategy, StrategyKind
from lockgate.core.canary import DEFAULT_STAGES, Baseline, Canary, Criteria, Inconclusive, Metric, Pin, Stage

MAX_REPLICAS = 1000
SOAK = 600.0
"""Seconds that a step lasts at least where nothing says so."""


class Batch:
    """``2`` or ``25%``: kept as it is written."""

    def read(self, at: At) -> str:
        what = "a number of instances such as 2, or a share of the replicas such as 25%"
        text = written(at, what).text
        count = text.removesuffix("%")
        most = 100 if text.endswith("%") else MAX_REPLICAS
        if not (count.isascii() and count.isdigit() and len(count) < 6 and 1 <= int(count) <= most):
            raise at.expected(what, f"It is 1 to {MAX_REPLICAS}, or 1% to 100%.")
        return text

    def schema(self) -> Schema:
        share = {"type": "string", "pattern": "^[0-9]+%?$"}
        return {"anyOf": [{"type": "integer", "minimum": 1, "maximum": MAX_REPLICAS}, share]}


_DRAIN = Field("drain", duration("a time to drain", 0, 86400), "How long an instance may finish its requests.")
_TACTICS: dict[StrategyKind, tuple[Field, ...]] = {
    StrategyKind.BLUE_GREEN: (_DRAIN,),
    StrategyKind.ROLLING: (Field("batch", Batch(), "Instances replaced at a time: 2, or 25% of them."), _DRAIN),
    StrategyKind.RECREATE: (
        Field("hold", duration("a time to hold", 0, 3600), "How long a request waits while nothing runs."), _DRAIN,
    ),
}  # fmt: skip


def _tactic(kind: StrategyKind) -> Form[Strategy]:
    return Form(f"the strategy {kind.value}", _Settings(kind), _TACTICS[kind])


class _Settings:
    """Builds a strategy of one kind."""

    def __init__(self, kind: StrategyKind) -> None:
        self._kind = kind

    def __call__(self, **settings: object) -> Strategy:
        return Strategy(kind=self._kind, **settings)  # type: ignore[arg-type]  # the form gave each its type


_SHARE = Measure("a share of the traffic", "5%", (("%", Decimal(1)),), 0, 99)
_PART = Measure("a share", "0.1%", (("%", Decimal(1)),), 0, 100)
_CHANCE = Measure("a chance", "1%", (("%", Decimal(1)),), 0.001, 50)
_TIMES = number("how many times as many", "1.25", 1, 1000)


@dataclass(frozen=True, slots=True)
class _Step:
    """A stage as it is written."""

    weight: float
    """Per cent."""
    soak: float | None = None
    hold: bool = False


class _OnlyWeight:
    """``5%``: the short form of a step."""

    def read(self, at: At) -> _Step:
        return _Step(_SHARE.read(at))

    def schema(self) -> Schema:
        return _SHARE.schema()


_SOAK = duration("a time to soak", 0, 30 * 86400)
_STEP: Kind[_Step] = ByShape(
    "a share of the traffic such as 5%, or a table with weight, soak and hold",
    scalar=_OnlyWeight(),
    table=Form(
        "a step",
        _Step,
        (
            Field("weight", _SHARE, "Its share of the traffic.", required=True, stand_in=1.0),
            Field("soak", _SOAK, "How long it lasts at least; otherwise min_soak."),
            Field("hold", YesOrNo(), "Whether it waits for somebody to let it go on."),
        ),
        hints={"pause": "Write `hold: true`, or a `soak`.", "setWeight": "Did you mean 'weight'?"},
    ),
)

_PIN = Form(
    "a pin",
    Pin,
    (
        Field("header", HEADER_NAME, "A header of the request."),
        Field("cookie", HEADER_NAME, "A cookie of the request."),
        Field("value", HEADER_VALUE, "What it must be, exactly.", required=True, stand_in=""),
    ),
    also=lambda pin: _either(pin),
)


def _either(pin: Pin) -> Iterator[tuple[str, str, str]]:
    if bool(pin.header) == bool(pin.cookie):
        yield "header", "a pin looks at one header or at one cookie.", "Write `header` or `cookie`."


class Percent:
    """Read as per cent, kept as a share of 1."""

    def __init__(self, kind: Measure) -> None:
        self._kind = kind

    def read(self, at: At) -> float:
        return float(Decimal(str(self._kind.read(at))) / 100)

    def schema(self) -> Schema:
        return self._kind.schema()


def _criteria(metrics: Mapping[str, Metric] | None = None, **settings: Any) -> Criteria:
    return Criteria(metrics=named(metrics or {}), **settings)


CRITERIA = Form(
    "what decides a canary",
    _criteria,
    (
        Field("alpha", Percent(_CHANCE), "Chance that a good release is taken back, over the whole rollout."),
        Field("beta", Percent(_CHANCE), "Chance that a release twice as bad is promoted early."),
        Field("tolerance", _TIMES, "How many times as many errors are as good."),
        Field("absolute", Percent(_PART), "Share of requests that may fail in addition."),
        Field("ruled_out", _TIMES, "How many times as many errors must be ruled out for early promotion."),
        Field("negligible", Percent(_PART), "Share of requests that may fail in addition and still be shown good."),
        Field("latency", YesOrNo(), "Whether being slower counts, too."),
        Field("latency_tolerance", _TIMES, "How many times as many slow requests are as good."),
        Field("objective", Percent(_PART), "Share of requests that may fail at all."),
        Field("window", duration("a window", 1, 3600), "Time between two looks."),
        Field("warm_up", duration("a time to warm up", 0, 86400), "Time after a start that is not counted."),
        Field("baseline", Choice("what it is compared with", {b.value: b for b in Baseline}),
              "all: every instance of what ran before; fresh: those started together with the canary's."),
        Field("metrics", METRICS, "What else counts, each by its name, from outside Lockgate."),
        Field("dispersion", number("a dispersion", "3", 1, 1000), "How much more errors scatter than by chance."),
    ),
    hints={
        "interval": "Did you mean 'window'?", "threshold": "There is none to tune: see `tolerance` and `objective`.",
        "failureLimit": "There is none: `alpha` bounds false alarms.", "failure_limit": "`alpha` bounds false alarms.",
    },
    also=lambda criteria: _sensible(criteria),
)  # fmt: skip


def _sensible(criteria: Criteria) -> Iterator[tuple[str, str, str]]:
    if ours := sorted(OURS.intersection(metric.name for metric in criteria.metrics)):
        yield "metrics", f"{ours[0]} is what Lockgate counts itself.", "Give the metric another name."
    if criteria.ruled_out <= criteria.tolerance:
        because = f"ruling out {criteria.ruled_out:g} times as many says nothing where {criteria.tolerance:g} are good."
        yield "ruled_out", because, "Make ruled_out greater than tolerance."


def _canary(
    steps: tuple[_Step, ...] = (), min_soak: float | None = None, drain: float | None = None, **settings: Any
) -> Strategy:
    """The strategy as the file writes it."""
    stages = tuple(Stage(round(s.weight * 100), _soak(s.soak, min_soak), s.hold) for s in steps)
    if not steps:
        stages = tuple(replace(stage, soak=_soak(min_soak, stage.soak)) for stage in DEFAULT_STAGES)
    canary = Canary(stages=stages, **settings)
    strategy = Strategy(StrategyKind.CANARY, canary=canary)
    return strategy if drain is None else replace(strategy, drain=drain)


def _soak(written: float | None, otherwise: float | None) -> float:
    return next(soak for soak in (written, otherwise, SOAK) if soak is not None)


def _ramps(strategy: Strategy) -> Iterator[tuple[str, str, str]]:
    canary = strategy.canary
    assert canary is not None
    weights = [stage.weight for stage in canary.stages]
    if weights != sorted(set(weights)):
        yield "steps", "the weights must rise from step to step.", "Write them as steps: [1%, 5%, 25%, 50%]."
    if weights and not weights[0] and not canary.pins:
        yield "steps", "without any share of the traffic nobody meets it.", "Give it `pins`, or a share."
    soaks = sum(stage.soak for stage in canary.stages)
    if canary.within <= soaks:
        because = f"the steps alone last {soaks:g} s, and `within` gives it {canary.within:g} s."
        yield "within", because, "Make `within` longer, or the steps shorter."


_CANARY = Form(
    "the strategy canary",
    _canary,
    (
        Field("steps", Several("steps", _STEP, least=1), "Its shares of the traffic, one after another."),
        Field("min_soak", _SOAK, "How long each step lasts at least, where it does not say so itself."),
        Field("instances", Whole("instances", 1, MAX_REPLICAS), "How many it has; else as many as its share needs."),
        Field("early", YesOrNo(), "Whether it gets all the traffic as soon as it is shown to be good."),
        Field("within", duration("a time", 1, 90 * 86400), "When it must have been decided."),
        Field("inconclusive", Choice("what to do", {i.value: i for i in Inconclusive}), "What becomes of it else."),
        Field("pins", Several("pins", _PIN), "Requests that always reach it: testers' own."),
        Field("sticky", YesOrNo(), "Whether a user who has met it meets it again."),
        Field("analysis", CRITERIA, "What is tested, and how surely.", to="criteria"),
        _DRAIN,
    ),
    hints={
        "weights": "Did you mean 'steps'?", "maxSurge": "A canary has as many instances as its share needs.",
        "duration": "Did you mean 'within'?", "soak": "Did you mean 'min_soak'?",
    },
    also=_ramps,
)  # fmt: skip

STRATEGY: Choice[Strategy] = Choice(
    "a strategy",
    {**{kind.value: Strategy(kind) for kind in _TACTICS}, StrategyKind.CANARY.value: _canary()},
    {**{kind.value: _tactic(kind) for kind in _TACTICS}, StrategyKind.CANARY.value: _CANARY},
    later=frozenset({"rolling-blue-green", "flag"}),
)
