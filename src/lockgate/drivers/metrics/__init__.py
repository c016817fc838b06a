"""Where metrics come from that Lockgate does not measure itself."""

import os
from collections.abc import Mapping

from lockgate.core.discretion import Mask
from lockgate.drivers.metrics.command import CommandMetrics
from lockgate.drivers.metrics.http import HttpMetrics
from lockgate.drivers.metrics.prometheus import PrometheusMetrics
from lockgate.drivers.readings import Secrets
from lockgate.ports import MetricSource


def sources(secrets: Secrets, mask: Mask) -> Mapping[str, MetricSource]:
    """By the names that a canary's metrics call them. ``mask``: what they tell of answers goes through it."""
    return {
        "prometheus": PrometheusMetrics(secrets, mask),
        "http": HttpMetrics(secrets, mask),
        "command": CommandMetrics(secrets, os.environ.get("PATH", ""), mask),
    }
