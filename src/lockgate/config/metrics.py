"""Metrics from outside Lockgate that decide a canary, as the files write them."""

from collections.abc import Iterator, Mapping
from dataclasses import replace

from lockgate.config.form import Choice, Field, Form, Named
from lockgate.config.scalars import NAME, SECRET_NAME, Text, YesOrNo, duration, number
from lockgate.config.words import COMMAND
from lockgate.core.canary import Metric, MetricKind

OURS = frozenset({"errors", "latency", "objective"})
"""What Lockgate counts itself is called so."""


class _Settings:
    """Builds a metric of one source, still without its name."""

    def __init__(self, source: str) -> None:
        self._source = source

    def __call__(
        self,
        *,
        run: tuple[str, ...] = (),
        higher_is_better: bool = False,
        share: float = 1.0,
        gauge: bool = False,
        **settings: str | float,
    ) -> Metric:
        told = {name: f"{value:g}" if isinstance(value, float) else value for name, value in settings.items()}
        told |= {"run": " ".join(map(_quoted, run))} if run else {}
        kind = MetricKind.GAUGE if gauge or "value" in told else MetricKind.COUNTER
        return Metric("", self._source, kind, told, higher_is_better, share)


def _quoted(word: str) -> str:
    return "'" + word.replace("'", "'\\''") + "'"


_COMMON = (
    Field("higher_is_better", YesOrNo(), "Whether more is better: by default, more is worse."),
    Field("share", number("a part of alpha", "2", 0.01, 100), "Its part of alpha, beside the others' 1."),
    Field("token", SECRET_NAME, "The environment's secret that is sent as a bearer token."),
    Field("timeout", duration("a timeout", 0.1, 60), "When to give up waiting."),
)
_COUNTER = (
    Field("bad", Text(), "Of a counter: the total of bad ones."),
    Field("all", Text(), "Of a counter: the total of all."),
    Field("value", Text(), "Of a gauge: its level."),
)
_URL = Field("url", Text(), "Where it is asked; {revision} and {side} are filled in.", required=True, stand_in="")

METRIC: Choice[Metric] = Choice(
    "a source of metrics",
    {},
    {
        "prometheus": Form(
            "a metric of Prometheus",
            _Settings("prometheus"),
            (
                _URL,
                *_COUNTER,
                Field("delay", duration("a delay", 0, 300), "How long a scrape takes to arrive."),
                Field("instance", Text(), "The label that tells who counted."),
                *_COMMON,
            ),
            hints={"query": "Write `value` for a gauge, `bad` and `all` for a counter."},
            also=lambda metric: _asked(metric),
        ),
        "http": Form(
            "a metric in JSON", _Settings("http"), (_URL, *_COUNTER, *_COMMON), also=lambda metric: _asked(metric)
        ),
        "command": Form(
            "a metric that a command prints",
            _Settings("command"),
            (
                Field("run", COMMAND, "A program that prints JSON.", required=True, stand_in=()),
                Field("gauge", YesOrNo(), "Whether it prints a level, not two totals."),
                *_COMMON,
            ),
        ),
    },
)


def _asked(metric: Metric) -> Iterator[tuple[str, str, str]]:
    settings = metric.settings
    if "value" in settings and {"bad", "all"} & set(settings):
        yield "value", "a gauge has a value, and a counter bad ones of all.", "Write `value`, or `bad` and `all`."
    elif "value" not in settings and not {"bad", "all"} <= set(settings):
        yield "bad", "it says neither a value nor bad ones of all.", "Write `value`, or `bad` and `all`."


METRICS = Named("a metric", NAME, METRIC, example="checkout: {prometheus: {url: ..., bad: ..., all: ...}}")


def named(metrics: Mapping[str, Metric]) -> tuple[Metric, ...]:
    """In the order of the file."""
    return tuple(replace(metric, name=name) for name, metric in metrics.items())
