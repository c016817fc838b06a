"""A real server, Envoy and real processes; one installation per test."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.acceptance.sample import one_environment

from lockgate.testing.installation import Installation, free_ports
from lockgate.testing.sites import ProcessSite, Site, container_site


@pytest.fixture
def installation(tmp_path: Path) -> Iterator[Installation]:
    """Running, with one environment ``dev``."""
    port = free_ports(1)[0]
    with Installation(tmp_path, one_environment(port)) as running:
        yield running


@pytest.fixture(params=["process", "docker"])
def site(request: pytest.FixtureRequest) -> Site:
    """Each kind of target in turn."""
    if request.param == "process":
        return ProcessSite()
    return container_site(request.getfixturevalue("docker_engine"), request.getfixturevalue("image_registry"))


@pytest.fixture
def dev(installation: Installation) -> str:
    """Where users reach dev."""
    return installation.client.status().environments[0].listen["*"].join(("http://", ""))
