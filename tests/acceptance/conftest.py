"""A real server, Envoy and real processes; one installation per test."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.acceptance.sample import one_environment

from lockgate.testing.installation import Installation, free_ports


@pytest.fixture
def installation(tmp_path: Path) -> Iterator[Installation]:
    """Running, with one environment ``dev``."""
    port = free_ports(1)[0]
    with Installation(tmp_path, one_environment(port)) as running:
        yield running


@pytest.fixture
def dev(installation: Installation) -> str:
    """Where users reach dev."""
    return installation.client.status().environments[0].listen["*"].join(("http://", ""))
