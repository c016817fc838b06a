"""The application that acceptance tests deploy: the sample app of the test kit, in as many versions as are wanted."""

import sys
from pathlib import Path

import lockgate.testing.sample_app
from lockgate.testing.load import Mix

PROGRAM = Path(lockgate.testing.sample_app.__file__).resolve()


def definition(
    version: str, strategy: str = "blue-green", *, replicas: int = 2, options: str = "", verify: str = "/version"
) -> str:
    """lockgate.yaml of one version. ``strategy`` is YAML; ``options`` go to the sample app."""
    return f"""
application: sample
components:
  web:
    artifact: file:{PROGRAM}
    run: {sys.executable} -I -S {{artifact}} --host {{host}} --port {{port}} --version {version} {options}
    health: /health
    replicas: {replicas}
    stop: {{grace: 2s}}
strategy: {strategy}
verify:
  - http: {{path: {verify}, status: 200}}
"""


def one_environment(port: int) -> str:
    """environments.yaml with nothing but dev."""
    return f"environments:\n  dev: {{listen: {port}}}\n"


STRATEGIES = {
    "recreate": "{recreate: {hold: 30s, drain: 10s}}",
    "rolling": "{rolling: {batch: 1, drain: 10s}}",
    "blue-green": "{blue-green: {drain: 10s}}",
}

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
