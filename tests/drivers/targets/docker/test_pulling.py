"""How images come to the engine, and what is said when they do not."""

import contextlib
import re
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import docker
import pytest

from lockgate.core.artifact import Artifact, ArtifactKind
from lockgate.core.errors import ComponentMissing, StorageFull
from lockgate.core.ids import Digest
from lockgate.core.secret import Secret
from lockgate.drivers.logins import Login
from lockgate.drivers.preparation import PAUSE
from lockgate.drivers.targets.docker import DockerTarget
from lockgate.ports import Phase, Polled
from lockgate.testing.contracts.target import FENCE, KEY, made_ready, prepared
from lockgate.testing.docker_engine import DockerEngine, ImageRegistry
from lockgate.testing.docker_ground import DockerGround
from lockgate.testing.images import PYTHON, build, push_as, python_base
from lockgate.testing.installation import free_ports
from lockgate.testing.waiting import wait_until
from tests.conftest import require_real
from tests.drivers.targets.docker.absent import absent_image, is_there
from tests.drivers.targets.docker.seeing import containers

pytestmark = pytest.mark.real


@pytest.fixture
def registry(image_registry: ImageRegistry) -> Iterator[ImageRegistry]:
    """One that may be stopped. It depends on the common one, which says when there is none to be had."""
    with ImageRegistry() as own:
        yield own


def in_phase(target: DockerTarget, ground: DockerGround, artifact: Artifact, phase: Phase) -> Polled:
    spec = ground.sample(artifact=artifact)
    return wait_until(lambda: p if (p := target.prepare(KEY, spec, FENCE)).phase is phase else None)


def sentence(target: DockerTarget, ground: DockerGround, artifact: Artifact, part: str) -> Polled:
    """What preparing says, once that is in it."""
    spec = ground.sample(artifact=artifact)
    return wait_until(lambda: p if re.search(part, (p := target.prepare(KEY, spec, FENCE)).because) else None)


# --- the registry does not have it ---


def test_an_image_that_the_registry_does_not_have_is_told(
    ground: DockerGround, target: DockerTarget, image_registry: ImageRegistry
) -> None:
    missing = replace(ground.artifact, digest=Digest("sha256:" + "0" * 64), version="nonesuch")
    failed = in_phase(target, ground, missing, Phase.FAILED)
    assert failed.because.startswith(f"The registry {image_registry.host} does not give {missing.label()}")
    assert failed.because.endswith("It may have been deleted there.")


def test_an_image_for_another_platform_is_refused(
    ground: DockerGround, target: DockerTarget, docker_engine: DockerEngine, image_registry: ImageRegistry
) -> None:
    image = f"{image_registry.host}/arm/web:1"
    with contextlib.closing(docker_engine.client()) as client:
        build(client, image, python_base(client), {"app": b"#!/bin/sh\n"}, [f'ENTRYPOINT ["{PYTHON}"]'])
        digest = Digest(push_as(client, image, "arm64"))
    artifact = Artifact(ArtifactKind.OCI, image.removesuffix(":1"), "1", digest, f"oci:{image}")
    failed = in_phase(target, ground, artifact, Phase.FAILED)
    assert "arm64" in failed.because
    assert "amd64" in failed.because
    assert "Build it for th" in failed.because


# --- the registry does not answer ---


def test_a_registry_that_is_down_is_waited_for_with_growing_pauses(
    ground: DockerGround,
    target: DockerTarget,
    docker_engine: DockerEngine,
    registry: ImageRegistry,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    artifact = absent_image(docker_engine, registry)
    registry.stop()
    pull, times = target._images._pull, []

    def noted(wanted: Artifact) -> None:
        times.append(time.monotonic())
        pull(wanted)

    monkeypatch.setattr(target._images, "_pull", noted)
    told = sentence(target, ground, artifact, "refused")
    assert told.phase is Phase.WORKING
    assert told.because.startswith(f"The registry {registry.host} does not give {artifact.label()}")
    assert told.because.endswith("It is tried again.")
    wait_until(lambda: target.prepare(KEY, ground.sample(artifact=artifact), FENCE) and len(times) >= 4)
    pauses = [later - before for before, later in zip(times, times[1:], strict=False)]
    assert all(pause >= PAUSE * 2**number for number, pause in enumerate(pauses))
    registry.start()
    in_phase(target, ground, artifact, Phase.DONE)


def test_an_engine_that_does_not_answer_is_waited_for(tmp_path: Path, artifact: Artifact) -> None:
    gone = DockerEngine(tmp_path / "gone")
    ground = DockerGround(tmp_path / "home", gone, artifact)
    with contextlib.closing(ground.target()) as target:
        told = sentence(target, ground, artifact, "does not answer")
    assert told.phase is Phase.WORKING


# --- the registry wants to know who asks ---

USERS = "lockgate:$2b$04$T4SCgFpmw/OySJCgsn3WCOVK.jOk9a2KFhfNR3dY3WaNUGL8ZHXDS\n"
"""For an htpasswd file, by bcrypt."""
PASSWORD = "correct horse battery staple"


@pytest.fixture
def guarded(docker_engine: DockerEngine, registry: ImageRegistry) -> Artifact:
    """An image in a registry that asks for a password."""
    artifact = absent_image(docker_engine, registry)
    registry.stop()
    registry.users = USERS
    registry.start()
    return artifact


def test_a_registry_that_asks_for_a_password_is_named_with_what_to_do(
    ground: DockerGround, target: DockerTarget, registry: ImageRegistry, guarded: Artifact
) -> None:
    failed = in_phase(target, ground, guarded, Phase.FAILED)
    assert failed.because.endswith(f"Log in: docker login {registry.host}.")


def test_a_wrong_password_is_refused_and_never_told(
    ground: DockerGround, target: DockerTarget, registry: ImageRegistry, guarded: Artifact
) -> None:
    ground.logins[registry.host] = Login("lockgate", Secret("wrong horse"))
    failed = in_phase(target, ground, guarded, Phase.FAILED)
    assert "Log in: docker login" in failed.because
    assert "wrong horse" not in failed.because


def test_the_right_password_opens_it(
    ground: DockerGround, target: DockerTarget, registry: ImageRegistry, guarded: Artifact, docker_engine: DockerEngine
) -> None:
    in_phase(target, ground, guarded, Phase.FAILED)
    ground.logins[registry.host] = Login("lockgate", Secret(PASSWORD))
    in_phase(target, ground, guarded, Phase.DONE)
    made_ready(ground, target, ground.sample(artifact=guarded), 1)
    assert PASSWORD not in docker_engine.log()


# --- how far it is ---


class Narrow:
    """A way to a server that lets little through, until it is opened."""

    def __init__(self, to: int) -> None:
        self.port = free_ports(1)[0]
        self.opened = threading.Event()
        self._to = to
        self._listener = socket.create_server(("127.0.0.1", self.port))
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self.opened.set()
        self._listener.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                near, _ = self._listener.accept()
                far = socket.create_connection(("127.0.0.1", self._to))
                threading.Thread(target=self._pass, args=(near, far, False), daemon=True).start()
                threading.Thread(target=self._pass, args=(far, near, True), daemon=True).start()

    def _pass(self, source: socket.socket, to: socket.socket, slowly: bool) -> None:
        with contextlib.suppress(OSError), source:
            while data := source.recv(65_536):
                to.sendall(data)
                if slowly and len(data) > 4096:
                    self.opened.wait(0.02)
            to.shutdown(socket.SHUT_WR)


def test_a_pull_says_how_far_it_is(tmp_path: Path, docker_engine: DockerEngine, image_registry: ImageRegistry) -> None:
    artifact = absent_image(docker_engine, image_registry)
    with DockerEngine() as empty, contextlib.closing(Narrow(image_registry.port)) as way:
        narrow = replace(artifact, name=f"127.0.0.1:{way.port}/sample/web")
        ground = DockerGround(tmp_path / "home", empty, narrow)
        with contextlib.closing(ground.target()) as target:
            told = sentence(target, ground, narrow, r"is being made ready \(\d+ of \d+ MiB\)\.$")
            assert told.phase is Phase.WORKING
            way.opened.set()
            in_phase(target, ground, narrow, Phase.DONE)


# --- the engine's disk is full ---


@pytest.fixture
def small(image_registry: ImageRegistry) -> Iterator[DockerEngine]:
    """An engine whose data are on a small disk."""
    engine = DockerEngine()
    data = engine.folder / "data"
    data.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=40m", "none", data], check=False).returncode:
        require_real("No disk of our own can be mounted here.")
    try:
        engine.start()
        yield engine
    except ComponentMissing as missing:
        require_real(str(missing))
    finally:
        engine.close()


def test_a_full_disk_of_the_engine_is_told_and_leaves_nothing_half_made(
    tmp_path: Path, small: DockerEngine, docker_engine: DockerEngine, image_registry: ImageRegistry
) -> None:
    artifact = absent_image(docker_engine, image_registry)
    ground = DockerGround(tmp_path / "home", small, artifact)
    spec, data = ground.good("1"), small.folder / "data"
    with contextlib.closing(ground.target()) as target, contextlib.closing(small.client()) as client:
        told = sentence(target, ground, artifact, "Free some space on the engine's disk")
        assert told.phase is Phase.WORKING
        assert not is_there(client.api, artifact)
        subprocess.run(["mount", "-o", "remount,size=400m", data], check=True)
        prepared(ground, target, spec)
        with (data / "rubbish").open("wb") as rubbish, contextlib.suppress(OSError):
            while True:
                rubbish.write(bytes(1 << 20))
                rubbish.flush()
        with pytest.raises(StorageFull, match="The Docker engine's disk is full"):
            target.ensure(KEY, spec, 1, FENCE)
        assert containers(client.api, target) == []
        (data / "rubbish").unlink()
        made_ready(ground, target, spec, 1)
        target.end_all()


def test_what_is_there_is_not_asked_for_again(
    ground: DockerGround, docker_engine: DockerEngine, registry: ImageRegistry, api: docker.APIClient
) -> None:
    artifact = absent_image(docker_engine, registry)
    in_phase(ground.target(), ground, artifact, Phase.DONE)
    registry.stop()
    in_phase(ground.target(), ground, artifact, Phase.DONE)
    assert is_there(api, artifact)
