"""Images that are in a registry and not on the engine."""

import contextlib
import secrets

import docker
from docker.errors import ImageNotFound

from lockgate.core.artifact import Artifact
from lockgate.testing.docker_engine import DockerEngine, ImageRegistry
from lockgate.testing.docker_ground import sample_artifact


def absent_image(engine: DockerEngine, registry: ImageRegistry) -> Artifact:
    """The sample application, another one each time."""
    artifact = sample_artifact(engine, registry, secrets.token_hex(3))
    with contextlib.closing(engine.client()) as client:
        client.images.remove(f"{artifact.name}:{artifact.version}", force=True)
    return artifact


def reference(artifact: Artifact) -> str:
    return f"{artifact.name}@{artifact.digest}"


def is_there(api: docker.APIClient, artifact: Artifact) -> bool:
    with contextlib.suppress(ImageNotFound):
        api.inspect_image(reference(artifact))
        return True
    return False
