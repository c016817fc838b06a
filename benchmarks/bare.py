"""The bare application that floors are made of: a process started by hand, or a container made by the Engine API."""

import contextlib
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

import docker

from lockgate.testing.docker_engine import DockerEngine, ImageRegistry
from lockgate.testing.sites import PROGRAM, ContainerSite, ProcessSite, Site, container_site


class Bare(Protocol):
    """Starts the sample application as little as it takes."""

    def start(self, options: list[str]) -> object:
        """Returns what :meth:`end` wants."""

    def end(self, started: object) -> None: ...


class BareProcess:
    """Of the same Python."""

    def start(self, options: list[str]) -> object:
        words = [sys.executable, "-I", "-S", str(PROGRAM), *options]
        return subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)

    def end(self, started: object) -> None:
        assert isinstance(started, subprocess.Popen)
        started.kill()
        started.wait()


class BareContainer:
    """Of the same image, on the host's network, with an init."""

    def __init__(self, site: ContainerSite) -> None:
        self._image = site.image
        self._api = docker.APIClient(site.engine.url, version="auto")

    def start(self, options: list[str]) -> object:
        host = self._api.create_host_config(network_mode="host", init=True)
        made = self._api.create_container(self._image, options, host_config=host)
        self._api.start(made["Id"])
        return made["Id"]

    def end(self, started: object) -> None:
        self._api.remove_container(str(started), force=True)


@contextmanager
def grounds(target: str) -> Iterator[tuple[Site, Bare]]:
    """Where to deploy and what to compare with: ``process`` or ``docker`` (an engine and a registry of their own)."""
    if target == "process":
        yield ProcessSite(), BareProcess()
        return
    with contextlib.ExitStack() as stack:
        site = container_site(stack.enter_context(DockerEngine()), stack.enter_context(ImageRegistry()))
        yield site, BareContainer(site)
