"""A ground of real containers: the sample application under the Docker target, on an engine and from a registry."""

import contextlib
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Any

from lockgate.core.application import Health, Resources, Stop
from lockgate.core.artifact import Artifact, ArtifactKind, Tree
from lockgate.core.ids import Digest
from lockgate.core.plan import InstanceSpec
from lockgate.core.secret import SecretSource
from lockgate.drivers.clock import SystemClock
from lockgate.drivers.logins import Login
from lockgate.drivers.safe import reveal
from lockgate.drivers.targets.docker import DockerTarget, Settings
from lockgate.testing.docker_engine import DockerEngine, ImageRegistry
from lockgate.testing.images import push, sample_image
from lockgate.testing.installation import free_ports

PLAIN = ("--host", "{host}", "--port", "{port}")


def sample_artifact(engine: DockerEngine, registry: ImageRegistry, tag: str = "1") -> Artifact:
    """The sample application's image, made and pushed."""
    name = f"{registry.host}/sample/web"
    with contextlib.closing(engine.client()) as client:
        sample_image(client, f"{name}:{tag}", tag)
        digest = push(client, f"{name}:{tag}")
    return Artifact(ArtifactKind.OCI, name, tag, Digest(digest), f"oci:{name}:{tag}")


class DockerGround:
    """See :class:`lockgate.testing.contracts.target.Ground`. Several targets share the folder, as several control
    planes of a machine do."""

    def __init__(self, home: Path, engine: DockerEngine, artifact: Artifact, **settings: Any) -> None:
        first = free_ports(1)[0] % 9_000 + 20_000
        self.engine, self.artifact = engine, artifact
        self.settings = Settings(home, engine.url, ports=range(first, first + 200), keep_logs=3, **settings)
        self.logins: dict[str, Login] = {}
        self._targets: list[DockerTarget] = []

    def target(self) -> DockerTarget:
        self._targets.append(DockerTarget(self.settings, as_file, self.logins.get, self.reveal, SystemClock()))
        return self._targets[-1]

    def reveal(self, source: SecretSource) -> Any:
        return reveal(source)

    def sample(self, *words: str, **changes: Any) -> InstanceSpec:
        """The sample application with these options; ``changes`` go into the spec."""
        health = Health("/health", interval=0.05)
        spec = InstanceSpec(self.artifact, {}, (*PLAIN, *words), {}, health, Resources(), Stop(grace=2.0))
        return replace(spec, **changes)

    def good(self, version: str) -> InstanceSpec:
        return self.sample("--version", version)

    def broken(self, version: str) -> InstanceSpec:
        return self.sample("--version", version, "--exit", "7")

    def silent(self) -> InstanceSpec:
        """It takes no traffic."""
        return self.sample(command=("--port", "1", "--start-delay", "1000"))

    def pass_by(self) -> None:
        """Time passes by itself."""

    def clear(self) -> None:
        """Nothing that was started here goes on."""
        ending = self.target()
        ending.end_all()
        for target in self._targets:
            target.close()


def as_file(artifact: Artifact) -> Tree:
    """A file artifact stands for the file of its name."""
    return Tree(PurePosixPath(artifact.name))
