"""Where acceptance tests and benchmarks deploy the sample application: as processes, or as containers. The tests are
the same; a site says how the definition reads there, what is alive there, and what there is to kill."""

import contextlib
import os
import random
import signal
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import docker
from docker.errors import DockerException

from lockgate.drivers.supervision import Shim, adopt
from lockgate.testing import sample_app
from lockgate.testing.docker_engine import DockerEngine, ImageRegistry
from lockgate.testing.images import push, sample_image
from lockgate.testing.installation import Installation

PROGRAM = Path(sample_app.__file__).resolve()


class Site(Protocol):
    """One kind of target, with the sample application on it."""

    @property
    def name(self) -> str: ...

    @property
    def victims(self) -> tuple[str, ...]:
        """What of an instance may be killed."""

    def target(self) -> str:
        """In environments.yaml."""

    def component(self, options: str) -> str:
        """``artifact`` and ``run`` of the component, with these options for the sample application."""

    def living(self, installation: Installation) -> int:
        """Instances that exist, whatever Lockgate knows of them."""

    def kill_one(self, what: str, installation: Installation, rng: random.Random) -> bool:
        """Kills one of the ``victims``; False: there was none just then."""


def definition(
    site: Site,
    version: str,
    strategy: str = "blue-green",
    *,
    replicas: int = 2,
    options: str = "",
    verify: str = "/version",
) -> str:
    """lockgate.yaml of one version. ``strategy`` is YAML; ``options`` go to the sample app."""
    return f"""
application: sample
components:
  web:
{site.component(f"--host {{host}} --port {{port}} --version {version} {options}")}
    health: /health
    replicas: {replicas}
    stop: {{grace: 2s}}
strategy: {strategy}
verify:
  - http: {{path: {verify}, status: 200}}
"""


def one_environment(site: Site, port: int) -> str:
    """environments.yaml with nothing but dev."""
    return f"environments:\n  dev: {{listen: {port}, target: {site.target()}}}\n"


@dataclass(frozen=True)
class ProcessSite:
    """Processes of this machine."""

    name = "process"
    victims = ("shim", "replica")

    def target(self) -> str:
        return "process"

    def component(self, options: str) -> str:
        return f"    artifact: file:{PROGRAM}\n    run: {sys.executable} -I -S {{artifact}} {options}"

    def living(self, installation: Installation) -> int:
        return len(adopt(installation.data / "instances"))

    def kill_one(self, what: str, installation: Installation, rng: random.Random) -> bool:
        living = adopt(installation.data / "instances")
        return bool(living) and kill_shim_or_program(rng.choice(living), what)


def kill_shim_or_program(found: Shim, what: str) -> bool:
    """``shim``, or else what runs under it."""
    status = found.status()
    return _killed(status.shim_pid if what == "shim" else status.pid)


@dataclass(frozen=True)
class ContainerSite:
    """Containers of an engine of its own, from an image in a registry of its own."""

    engine: DockerEngine
    image: str
    """``registry/name:tag`` of the sample application."""
    name = "docker"
    victims = ("replica", "container")

    def target(self) -> str:
        return f"{{docker: {{engine: '{self.engine.url}'}}}}"

    def component(self, options: str) -> str:
        return f"    artifact: oci:{self.image}\n    run: {options}"

    def living(self, installation: Installation) -> int:
        return len(self._containers(installation))

    def kill_one(self, what: str, installation: Installation, rng: random.Random) -> bool:
        living = self._containers(installation)
        if not living:
            return False
        with self._api() as api, contextlib.suppress(DockerException):
            chosen = rng.choice(living)
            if what == "container":
                # As somebody does who tidies up by hand.
                api.remove_container(chosen, force=True, v=True)
                return True
            return _killed(api.inspect_container(chosen)["State"]["Pid"])
        return False

    def _containers(self, installation: Installation) -> list[str]:
        whose = (installation.data / "installation").read_text().strip()
        with self._api() as api:
            found = api.containers(all=True, filters={"label": f"lockgate.installation={whose}"})
        return [one["Id"] for one in found]

    @contextlib.contextmanager
    def _api(self) -> Iterator[docker.APIClient]:
        with contextlib.closing(docker.APIClient(self.engine.url, version="auto")) as api:
            yield api


def container_site(engine: DockerEngine, registry: ImageRegistry) -> ContainerSite:
    """With the sample application's image made and pushed."""
    image = f"{registry.host}/sample/web:1"
    with contextlib.closing(engine.client()) as client:
        sample_image(client, image, "1")
        push(client, image)
    return ContainerSite(engine, image)


def _killed(pid: int | None) -> bool:
    if not pid:
        return False
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return False
    return True
