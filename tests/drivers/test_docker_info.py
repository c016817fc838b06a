"""What is told of container engines: real ones, none, and servers that are something else."""

import contextlib
import json
import os
import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from lockgate.core.errors import ComponentMissing
from lockgate.drivers.docker_info import EngineAddress, look_at
from lockgate.drivers.targets.docker.engine import Engine
from lockgate.messages import Usable
from lockgate.testing.docker_engine import DockerEngine
from tests.conftest import require_real

VERSION = {"Version": "27.1", "ApiVersion": "1.46", "MinAPIVersion": "1.24", "Components": [{"Name": "Engine"}]}
INFO = {"Driver": "overlay2", "LiveRestoreEnabled": True, "MemoryLimit": True, "PidsLimit": True, "CpuCfsQuota": True}


def told(url: str, *whose: str, tls: str = "") -> list[Usable]:
    return list(look_at(EngineAddress(url, tls, whose)))


@contextmanager
def answering(version: Mapping[str, Any], info: Mapping[str, Any], status: int = 200) -> Iterator[str]:
    """A server that answers as such an engine would; for engines that cannot be had here."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.end_headers()
            self.wfile.write(json.dumps(version if self.path == "/version" else info).encode())

        def log_message(self, *_: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"tcp://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


# --- real ones ---


@pytest.mark.real
def test_an_engine_is_told_with_its_version_and_storage(docker_engine: DockerEngine) -> None:
    found, *others = told(docker_engine.url, "dev", "prod")
    assert (found.subject, found.usable) == ("Docker of dev, prod", True)
    assert f"at {docker_engine.url}, storage by overlay2" in found.because
    assert "API 1." in found.because
    assert "its containers outlive it" in found.because
    assert not [one for one in others if "live-restore" in one.subject]


@pytest.mark.real
def test_an_engine_whose_containers_end_with_it_is_told() -> None:
    engine = DockerEngine(options=["--live-restore=false"])
    try:
        with engine:
            found = told(engine.url)
    except ComponentMissing as missing:
        require_real(str(missing))
    assert found[0].usable
    assert "outlive" not in found[0].because
    (survival,) = [one for one in found if one.subject == "Docker: live-restore"]
    assert not survival.usable
    assert '"live-restore": true' in survival.mend


@pytest.mark.real
def test_an_engine_that_has_died_is_told(docker_engine: DockerEngine) -> None:
    docker_engine.kill()
    try:
        (found,) = told(docker_engine.url)
    finally:
        docker_engine.start()
    assert (found.usable, found.because) == (False, f"{docker_engine.url} does not answer: Connection refused.")
    assert "nobody listens" in found.mend


# --- none ---


def test_where_there_is_no_engine_only_containers_miss_it(tmp_path: Path) -> None:
    (found,) = told(f"unix://{tmp_path}/nonesuch")
    assert (found.subject, found.usable) == ("Docker", False)
    assert "No such file or directory" in found.because
    assert found.mend.endswith("Only containers need it.")
    (named,) = told(f"unix://{tmp_path}/nonesuch", "prod")
    assert "Only containers" not in named.mend


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
def test_a_socket_that_is_closed_to_this_user_is_told(tmp_path: Path) -> None:
    place = Path("/tmp") / f"lockgate-{os.getpid()}.sock"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(place))
        place.chmod(0o600)
        listener.listen()
        os.seteuid(65534)
        try:
            (found,) = told(f"unix://{place}")
        finally:
            os.seteuid(0)
            place.unlink()
    assert "Permission denied" in found.because
    assert "group docker" in found.mend


def test_the_variable_of_docker_names_the_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", "tcp://127.0.0.1:1")
    assert told("")[0].because.startswith("tcp://127.0.0.1:1 does not answer")
    monkeypatch.setenv("DOCKER_HOST", "nonsense")
    assert told("")[0].because == "nonsense is no address of an engine."


def test_missing_certificates_are_told(tmp_path: Path) -> None:
    (found,) = told("tcp://127.0.0.1:1", tls=str(tmp_path))
    assert found.because == f"The certificates in {tmp_path} cannot be used: No such file or directory."


def test_what_is_no_engine_is_told() -> None:
    with answering({}, {}, status=404) as url:
        assert told(url)[0].because == f"{url} answers 404 to /version, as no container engine does."


# --- others than the one here ---


@pytest.mark.parametrize(
    ("version", "because"),
    [
        ({"ApiVersion": "1.40"}, "Lockgate needs API 1.41"),
    ],
)
def test_an_engine_that_speaks_another_version_is_told(version: dict[str, str], because: str) -> None:
    with answering({**VERSION, **version}, INFO) as url:
        found = told(url)[0]
    assert not found.usable
    assert because in found.because
    assert found.mend


def test_limits_that_an_engine_cannot_set_are_told() -> None:
    rootless = {"SecurityOptions": ["name=seccomp", "name=rootless"], "MemoryLimit": False, "PidsLimit": False}
    with answering(VERSION, {**INFO, **rootless}) as url:
        engine, limits = told(url)
    assert "rootless" in engine.because
    assert limits.because == "It cannot limit memory, processes: that part of `resources` is not applied."
    assert "Delegate=yes" in limits.mend


def test_the_containers_of_podman_outlive_its_service() -> None:
    podman = {**VERSION, "Components": [{"Name": "Podman Engine"}], "ApiVersion": "1.41"}
    with answering(podman, {**INFO, "LiveRestoreEnabled": False}) as url:
        (found,) = told(url)
    assert found.usable
    assert found.because.startswith("Podman 27.1 (API 1.41)")
    assert "its containers outlive it" in found.because


@pytest.mark.parametrize(
    ("oldest", "spoken"), [("1.24", "1.41"), ("1.41", "1.41"), ("1.44", "1.44"), ("1.100", "1.100"), ("", "1.41")]
)
def test_an_engine_that_has_given_up_old_versions_is_spoken_to_in_the_oldest_it_has(oldest: str, spoken: str) -> None:
    with answering({**VERSION, "MinAPIVersion": oldest}, INFO) as url, contextlib.closing(Engine(url)) as engine:
        with engine.asked("its version") as api:
            assert api.api_version == spoken
        with engine.asked("its version again") as api:
            assert api.version(api_version=False)
