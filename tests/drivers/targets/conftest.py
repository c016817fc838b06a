"""Grounds of real containers for the tests of the Docker target; other targets bring their own."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from lockgate.core.artifact import Artifact
from lockgate.testing.docker_engine import DockerEngine, ImageRegistry
from lockgate.testing.docker_ground import DockerGround, sample_artifact

MakeGround = Callable[..., DockerGround]


@pytest.fixture(scope="session")
def artifact(docker_engine: DockerEngine, image_registry: ImageRegistry) -> Artifact:
    """The sample application's image, in the registry and on the engine."""
    return sample_artifact(docker_engine, image_registry)


@pytest.fixture
def make_ground(tmp_path: Path, docker_engine: DockerEngine, artifact: Artifact) -> Iterator[MakeGround]:
    """Grounds by the name of their data folder."""
    made: list[DockerGround] = []

    def make(name: str = "home", engine: DockerEngine = docker_engine, **settings: Any) -> DockerGround:
        made.append(DockerGround(tmp_path / name, engine, artifact, **settings))
        return made[-1]

    yield make
    for ground in made:
        ground.clear()


@pytest.fixture
def ground(make_ground: MakeGround) -> DockerGround:
    return make_ground()
