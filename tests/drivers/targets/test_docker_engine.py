"""The Docker target and its engine: one that dies and comes back, one that is reached otherwise, published ports."""

import contextlib
import http.client
import os
import socket
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from lockgate.core.application import Container, Health
from lockgate.core.artifact import Artifact
from lockgate.core.errors import ComponentMissing, Unavailable
from lockgate.core.inventory import Condition, Instance
from lockgate.drivers.targets.docker.engine import Engine
from lockgate.testing.contracts.target import FENCE, KEY, identities, made_ready, prepared
from lockgate.testing.docker_engine import DockerEngine, ImageRegistry
from lockgate.testing.docker_ground import DockerGround, sample_artifact
from lockgate.testing.installation import free_ports
from lockgate.testing.waiting import wait_until

pytestmark = pytest.mark.real


@pytest.fixture
def mortal(docker_engine: DockerEngine) -> Iterator[DockerEngine]:
    """An engine of the test's own."""
    with DockerEngine() as engine:
        yield engine


@pytest.fixture
def mortal_ground(tmp_path: Path, mortal: DockerEngine, image_registry: ImageRegistry) -> Iterator[DockerGround]:
    ground = DockerGround(tmp_path / "mortal", mortal, sample_artifact(mortal, image_registry))
    yield ground
    ground.clear()


def ask(instance: Instance, path: str) -> str:
    connection = http.client.HTTPConnection(instance.endpoint, timeout=5)
    try:
        connection.request("GET", path)
        return connection.getresponse().read().decode()
    finally:
        connection.close()


# --- an engine that dies ---


def test_an_engine_that_is_killed_takes_nobody_along_and_is_found_again(
    mortal: DockerEngine, mortal_ground: DockerGround
) -> None:
    target, spec = mortal_ground.target(), mortal_ground.good("1")
    before = made_ready(mortal_ground, target, spec, 2)
    mortal.kill()
    with pytest.raises(Unavailable, match=mortal.url):
        target.observe(KEY)
    with pytest.raises(Unavailable, match=mortal.url):
        target.ensure(KEY, spec, 3, FENCE)
    assert [ask(instance, "/version") for instance in before] == ["1", "1"]
    mortal.start()
    assert target.observe(KEY).ready(spec.revision) == before
    assert identities(before) < identities(made_ready(mortal_ground, target, spec, 3))


def test_an_engine_that_dies_between_making_and_starting_is_not_the_releases_fault(
    mortal: DockerEngine, mortal_ground: DockerGround
) -> None:
    target, spec = mortal_ground.target(), mortal_ground.good("1")
    prepared(mortal_ground, target, spec)
    start = target._launching._fill_and_start

    def die_first(*what: Any) -> None:
        target._launching._fill_and_start = start  # type: ignore[method-assign]
        mortal.kill()
        start(*what)

    target._launching._fill_and_start = die_first  # type: ignore[method-assign]
    target.ensure(KEY, spec, 1, FENCE)
    wait_until(lambda: target._launching._trouble)
    mortal.start()
    assert not any(i.condition is Condition.FAILED for i in target.observe(KEY).instances)
    with pytest.raises(Unavailable, match="does not answer"):
        target.ensure(KEY, spec, 1, FENCE)
    assert len(made_ready(mortal_ground, target, spec, 1)) == 1


def test_an_engine_that_is_frozen_is_told_after_a_few_seconds(
    mortal: DockerEngine, mortal_ground: DockerGround
) -> None:
    target = mortal_ground.target()
    target.observe(KEY)
    assert mortal.process is not None
    mortal.process.send_signal(19)
    try:
        with pytest.raises(Unavailable, match="does not answer"):
            target.observe(KEY)
    finally:
        mortal.process.send_signal(18)
    assert target.observe(KEY).instances == ()


def test_an_engine_that_is_not_there_is_named_with_the_way_to_mend_it(tmp_path: Path) -> None:
    engine = Engine(f"unix://{tmp_path}/nobody.sock")
    with pytest.raises(Unavailable, match=r"nobody\.sock") as told, engine.asked("listing containers") as api:
        api.containers()
    assert "Start it" in told.value.mend


# --- published ports ---


@pytest.fixture
def network(docker_engine: DockerEngine) -> Iterator[str]:
    """A network of the engine's own."""
    name, subnet = f"lockgate-tests-{os.getpid()}", f"10.213.{os.getpid() % 256}.0/24"
    with contextlib.closing(docker_engine.client()) as client:
        made = client.api.create_network(name, driver="bridge", ipam={"Config": [{"Subnet": subnet}]})  # type: ignore[arg-type]
        yield name
        for container in client.containers.list(all=True, filters={"network": name}):
            container.remove(force=True, v=True)
        client.api.remove_network(made["Id"])


@pytest.fixture
def published(network: str, make_ground: Callable[..., DockerGround]) -> DockerGround:
    return make_ground("published", network=network)


def test_on_a_network_of_the_engine_ports_are_published(published: DockerGround) -> None:
    target = published.target()
    one, two = made_ready(published, target, published.good("1"), 2)
    assert ask(one, "/version") == ask(two, "/version") == "1" and one.endpoint != two.endpoint
    assert ask(one, "/env?name=PORT") == one.endpoint.partition(":")[2]
    successor = published.target()
    assert successor.observe(KEY).ready(one.revision) == (one, two)


def test_a_port_of_its_own_is_published_on_an_allotted_one(published: DockerGround) -> None:
    target = published.target()
    spec = published.sample(command=("--host", "0.0.0.0", "--port", "8000"), container=Container(port=8000))
    one, two = made_ready(published, target, spec, 2)
    assert one.endpoint != two.endpoint and not one.endpoint.endswith(":8000")
    assert ask(two, "/version") == "1"


def test_a_published_port_that_only_the_engine_answers_is_not_ready(published: DockerGround) -> None:
    target = published.target()
    health = Health("", interval=0.05, start_within=1.5)
    spec = published.sample("--start-delay", "1000", health=health)
    prepared(published, target, spec)
    target.ensure(KEY, spec, 1, FENCE)

    def failed() -> str:
        return next((i.because for i in target.observe(KEY).instances if i.condition is Condition.FAILED), "")

    assert "Nothing listens" in wait_until(failed)


def test_a_network_that_the_engine_does_not_have_is_named(make_ground: Callable[..., DockerGround]) -> None:
    ground = make_ground("nowhere", network="nowhere-at-all")
    target, spec = ground.target(), ground.good("1")
    prepared(ground, target, spec)

    def refused() -> bool:
        with pytest.raises(ComponentMissing, match="nowhere-at-all"):
            target.ensure(KEY, spec, 1, FENCE)
            wait_until(lambda: not target.observe(KEY).instances)
            target.ensure(KEY, spec, 1, FENCE)
        return True

    assert refused()
    assert not target.observe(KEY).instances


# --- engines reached otherwise ---


@pytest.fixture
def certificates(tmp_path: Path) -> Path:
    """``ca.pem``, ``cert.pem`` and ``key.pem`` of a client, and ``server.pem`` and ``server-key.pem`` for 127.0.0.1."""
    folder = tmp_path / "tls"
    folder.mkdir()

    def openssl(*words: str) -> None:
        subprocess.run(["openssl", *words], cwd=folder, check=True, capture_output=True)

    curve = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
    usage = ("-addext", "keyUsage=critical,keyCertSign")
    openssl("req", "-x509", *curve, "-keyout", "ca-key.pem", "-out", "ca.pem", "-subj", "/CN=ca", "-days", "2", *usage)
    for name, key, out, extension in (
        ("server", "server-key.pem", "server.pem", "subjectAltName=IP:127.0.0.1\nextendedKeyUsage=serverAuth"),
        ("client", "key.pem", "cert.pem", "extendedKeyUsage=clientAuth"),
    ):
        extra = f"{extension}\nauthorityKeyIdentifier=keyid\nsubjectKeyIdentifier=hash\nkeyUsage=digitalSignature"
        (folder / "ext").write_text(extra)
        openssl("req", *curve, "-keyout", key, "-out", "request", "-subj", f"/CN={name}")
        signed = ("-CA", "ca.pem", "-CAkey", "ca-key.pem", "-CAcreateserial", "-days", "2", "-extfile", "ext")
        openssl("x509", "-req", "-in", "request", "-out", out, *signed)
    return folder


def test_an_engine_behind_tls_is_asked_with_the_certificates_of_the_folder(
    tmp_path: Path, certificates: Path, docker_engine: DockerEngine, image_registry: ImageRegistry
) -> None:
    port = free_ports(1)[0]
    server = (f"--tlscert={certificates}/server.pem", f"--tlskey={certificates}/server-key.pem")
    options = (f"--host=tcp://127.0.0.1:{port}", "--tlsverify", f"--tlscacert={certificates}/ca.pem", *server)
    url = f"tcp://127.0.0.1:{port}"
    with DockerEngine(options=options) as engine:
        artifact = sample_artifact(engine, image_registry)
        ground = RemoteGround(tmp_path / "remote", engine, artifact, url, tls=str(certificates))
        try:
            (instance,) = made_ready(ground, ground.target(), ground.good("1"), 1)
            assert ask(instance, "/version") == "1"
            stranger = Engine(url)
            with pytest.raises(Unavailable, match="certificates"), stranger.asked("listing containers") as api:
                api.containers()
        finally:
            ground.clear()


class RemoteGround(DockerGround):
    """On an engine by another address than its socket."""

    def __init__(self, home: Path, engine: DockerEngine, artifact: Artifact, url: str, **settings: Any) -> None:
        super().__init__(home, engine, artifact, **settings)
        self.settings = replace(self.settings, engine=url)


SSH = """#!/bin/sh
# Stands where ssh does: what follows -- and the host is run here.
while [ "$1" != -- ]; do shift; done
shift 2
exec sh -c "$*"
"""


def test_an_engine_by_ssh_is_asked_through_the_ssh_program(
    tmp_path: Path, docker_engine: DockerEngine, artifact: Artifact, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a server to sign in at: what is run there is run here."""
    program = tmp_path / "bin/ssh"
    program.parent.mkdir()
    program.write_text(SSH)
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:/usr/bin:{os.environ['PATH']}")
    monkeypatch.setenv("DOCKER_HOST", docker_engine.url)
    ground = RemoteGround(tmp_path / "remote", docker_engine, artifact, "ssh://somebody@localhost")
    try:
        (instance,) = made_ready(ground, ground.target(), ground.good("1"), 1)
        assert instance.endpoint.startswith("127.0.0.1:")
        assert ask(instance, "/version") == "1"
    finally:
        ground.clear()


def test_an_engine_by_ssh_that_lets_nobody_in_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = Engine(f"ssh://somebody@localhost:{free_ports(1)[0]}")
    with contextlib.closing(engine), pytest.raises(Unavailable) as told, engine.asked("listing containers") as api:
        api.containers()
    assert "refused" in told.value.mend


def test_where_an_engine_elsewhere_is_reached_is_told_as_a_number() -> None:
    assert Engine("tcp://127.0.0.1:2376").host == Engine("ssh://me@localhost:22").host == "127.0.0.1"
    assert Engine("tcp://nowhere.invalid:2376").host == "nowhere.invalid"
    assert Engine("unix:///var/run/docker.sock").host == "127.0.0.1"
    assert socket.inet_aton(Engine("").host)
