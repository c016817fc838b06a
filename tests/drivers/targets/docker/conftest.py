"""An engine, a registry, the sample application's image, and a ground to run it on."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

import docker
import pytest

from lockgate.core.artifact import Artifact
from lockgate.drivers.targets.docker import DockerTarget
from lockgate.testing.docker_engine import DockerEngine, ImageRegistry
from lockgate.testing.docker_ground import DockerGround, sample_artifact


@pytest.fixture(scope="session")
def artifact(docker_engine: DockerEngine, image_registry: ImageRegistry) -> Artifact:
    return sample_artifact(docker_engine, image_registry)


@pytest.fixture
def ground(tmp_path: Path, docker_engine: DockerEngine, artifact: Artifact) -> Iterator[DockerGround]:
    made = DockerGround(tmp_path / "home", docker_engine, artifact)
    yield made
    made.clear()


@pytest.fixture
def target(ground: DockerGround) -> DockerTarget:
    return ground.target()


@pytest.fixture
def api(docker_engine: DockerEngine) -> Iterator[docker.APIClient]:
    """The engine, as somebody sees it who asks it directly."""
    with contextlib.closing(docker_engine.client()) as client:
        yield client.api
