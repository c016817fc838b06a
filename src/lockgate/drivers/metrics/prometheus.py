"""Metrics from Prometheus, or what speaks its HTTP API (Thanos, Mimir, VictoriaMetrics): instant queries.

Counters are read raw, not as ``rate()``: windows of ``rate()`` overlap and extrapolate, and neither resets nor new
instances can be told in a sum. Each series belongs to the instance that its label ``instance`` names; the increase of
each between two readings is taken later, and both sides are asked for the same moment.

Source: Prometheus, "HTTP API", ``GET /api/v1/query``.
"""

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from lockgate.core.canary import Metric
from lockgate.core.discretion import Mask
from lockgate.core.ids import Instant
from lockgate.core.window import Ratio, Reading
from lockgate.drivers import readings
from lockgate.drivers.readings import Secrets, Settings

DELAY = 5.0
"""Seconds before the moment asked for: what was scraped until then has arrived."""


class PrometheusMetrics:
    """See :class:`lockgate.ports.MetricSource`. Settings: ``url``; ``bad`` and ``all`` (raw counters, without
    ``rate()`` and ``sum()``) or ``value``; ``instance``: label that tells who counted; ``token``: name of a secret;
    ``delay`` and ``timeout``: seconds."""

    def __init__(self, secrets: Secrets, mask: Mask = str) -> None:
        self._secrets, self._mask = secrets, mask

    def read(self, metric: Metric, labels: Mapping[str, str], at: Instant) -> Reading:
        """Where ``all`` has an instance and ``bad`` has not, none has been bad: series begin with their first event."""
        settings = Settings(metric, labels, self._mask)
        when = at - settings.seconds("delay", DELAY)
        if settings.counts:
            bad, whole = settings.need("bad"), settings.need("all")
            return self._counter(settings, bad, whole, when, at)
        label = settings.get("instance") or "instance"
        return _gauge(self._ask(settings, "value", settings.need("value"), when), label, at)

    def _counter(self, settings: Settings, bad: str, whole: str, when: Instant, at: Instant) -> Reading:
        label = settings.get("instance") or "instance"
        found = _by_instance(self._ask(settings, "all", whole, when), label)
        if not found:
            return Reading(at, because="The query 'all' gives nothing.")
        worse = _by_instance(self._ask(settings, "bad", bad, when), label)
        if unknown := sorted(worse.keys() - found.keys()):
            who = unknown[0] or "one without a name"
            return Reading(at, because=f"The query 'bad' has an instance that 'all' has not: {who}.")
        ratios = {instance: readings.ratio(worse.get(instance, 0.0), count) for instance, count in found.items()}
        if wrong := next((ratio for ratio in ratios.values() if isinstance(ratio, str)), ""):
            return Reading(at, because=wrong)
        return Reading(at, {instance: ratio for instance, ratio in ratios.items() if isinstance(ratio, Ratio)})

    def _ask(self, settings: Settings, name: str, query: str, when: Instant) -> list[tuple[Mapping[str, str], Any]]:
        """Labels and value of each series."""
        url = f"{settings.need('url').rstrip('/')}/api/v1/query?{urlencode({'query': query, 'time': f'{when:.3f}'})}"
        status, body = readings.asked(settings, url, self._secrets)
        if status == 404:
            raise settings.invalid("url", "there is no Prometheus there.", "Write its address without /api/v1.")
        answer = readings.parsed(settings, body)
        if not isinstance(answer, dict) or answer.get("status") != "success":
            told = answer.get("error") if isinstance(answer, dict) else settings.told(body)
            raise settings.invalid(name, f"the query is refused: {told}.", "Try it on Prometheus' own page.")
        return _series(settings, name, answer.get("data") or {})


def _series(settings: Settings, name: str, data: Mapping[str, Any]) -> list[tuple[Mapping[str, str], Any]]:
    match data.get("resultType"):
        case "vector":
            return [(one["metric"], one["value"][1]) for one in data["result"] if "value" in one]
        case "scalar":
            return [({}, data["result"][1])]
    because = f"the query gives a {data.get('resultType')}, and one value at a time is needed."
    raise settings.invalid(name, because, "Leave the [5m] away.")


def _by_instance(series: list[tuple[Mapping[str, str], Any]], label: str) -> dict[str, float | None]:
    """Sums; None where one is no number."""
    found: dict[str, float | None] = {}
    for labels, value in series:
        instance, count = labels.get(label, ""), readings.number(value)
        so_far = found.get(instance, 0.0)
        found[instance] = None if count is None or so_far is None else so_far + count
    return found


def _gauge(series: list[tuple[Mapping[str, str], Any]], label: str, at: Instant) -> Reading:
    """The one value, or the mean over instances."""
    if not series:
        return Reading(at, because="The query 'value' gives nothing.")
    names = [labels.get(label, "") for labels, _ in series]
    if len(series) > 1 and ("" in names or len(set(names)) < len(names)):
        because = f"The query 'value' gives {len(series)} values, and not one for each instance (label {label!r})"
        return Reading(at, because=f"{because}: write avg by ({label}) () round it.")
    if names == [""]:
        return readings.gauge(at, series[0][1], "'value'")
    return readings.of_instances(at, {name: value for name, (_, value) in zip(names, series, strict=True)}, "'value'")
