"""Metrics from a URL that answers with JSON."""

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from lockgate.core.canary import Metric
from lockgate.core.discretion import Mask
from lockgate.core.ids import Instant
from lockgate.core.window import Reading
from lockgate.drivers import readings
from lockgate.drivers.readings import Secrets, Settings


class HttpMetrics:
    """See :class:`lockgate.ports.MetricSource`. Settings: ``url``; ``bad`` and ``all``, or ``value``: where in the JSON
    they are, as ``data.errors`` or ``$.rows[0].count``; ``token``: name of a secret; ``timeout``: seconds."""

    def __init__(self, secrets: Secrets, mask: Mask = str) -> None:
        self._secrets, self._mask = secrets, mask

    def read(self, metric: Metric, labels: Mapping[str, str], at: Instant) -> Reading:
        settings = Settings(metric, labels, self._mask)
        paths = {name: settings.need(name) for name in (("bad", "all") if settings.counts else ("value",))}
        settings.need("url")
        status, body = readings.asked(settings, settings.get("url", lambda label: quote(label, safe="")), self._secrets)
        if status in (204, 404):
            return Reading(at, because=f"The source answers {status}: it knows nothing of it.")
        if status != 200:
            raise settings.invalid("url", f"the source answers {status}: {settings.told(body)}")
        answer = readings.parsed(settings, body)
        found = {name: _at(answer, path) for name, path in paths.items()}
        if settings.counts:
            return readings.counter(at, found["bad"], found["all"])
        return readings.gauge(at, found["value"], paths["value"])


def _at(answer: Any, path: str) -> Any:
    """None where there is nothing."""
    for step in re.findall(r"[^.\[\]]+", path.removeprefix("$")):
        if isinstance(answer, list) and step.isdecimal() and int(step) < len(answer):
            answer = answer[int(step)]
        elif isinstance(answer, dict):
            answer = answer.get(step)
        else:
            return None
    return answer
