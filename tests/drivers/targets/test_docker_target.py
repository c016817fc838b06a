"""The Docker target, with real containers: the contract, and what only it promises."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from lockgate.core.artifact import Artifact
from lockgate.drivers.targets.docker import DockerTarget
from lockgate.testing.contracts.target import TargetContract
from lockgate.testing.docker_engine import DockerEngine, ImageRegistry
from lockgate.testing.docker_ground import DockerGround, sample_artifact

pytestmark = pytest.mark.real


@pytest.fixture(scope="module")
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


class TestContract(TargetContract):
    pass
