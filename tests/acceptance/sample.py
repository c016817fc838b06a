"""The application that acceptance tests deploy: the sample app of the test kit, in as many versions as are wanted."""

from lockgate.testing import sites
from lockgate.testing.load import Mix
from lockgate.testing.sites import PROGRAM, ProcessSite

__all__ = ["CANARY", "EVERYBODY", "PASSERS_BY", "PROGRAM", "STRATEGIES", "definition", "one_environment"]


def definition(version: str, strategy: str = "blue-green", *, replicas: int = 2, options: str = "") -> str:
    """lockgate.yaml of one version, as processes."""
    return sites.definition(ProcessSite(), version, strategy, replicas=replicas, options=options)


def one_environment(port: int) -> str:
    """environments.yaml with nothing but dev, for processes."""
    return sites.one_environment(ProcessSite(), port)


STRATEGIES = {
    "recreate": "{recreate: {hold: 30s, drain: 10s}}",
    "rolling": "{rolling: {batch: 1, drain: 10s}}",
    "blue-green": "{blue-green: {drain: 10s}}",
}

CANARY = (
    "{canary: {steps: [10%, 50%], min_soak: 0.3s, within: 2s, inconclusive: promote, drain: 10s, "
    "analysis: {window: 1s, warm_up: 0s}}}"
)
"""A canary of a few requests is not decided in its time, and then promoted if nothing speaks against it."""

EVERYBODY = Mix(
    keepalive=4,
    fresh=2,
    post=4,
    slow=2,
    stream=1,
    rate=100.0,
    path="/version",
    post_path="/echo",
    slow_path="/slow?s=1.5",
    stream_path="/sse?s=3",
)
"""Keep-alive, new connections, bodies after a pause, requests of 1.5 s, and one stream of events."""

PASSERS_BY = Mix(keepalive=2, fresh=1, post=2, slow=0, stream=0, rate=30.0, path="/version", post_path="/echo")
"""Enough to notice, little enough to leave the machine to the kills."""
