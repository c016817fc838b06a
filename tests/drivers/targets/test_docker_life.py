"""The Docker target, meddled with: containers that somebody else ends or pauses, and engines that die at any moment."""

import contextlib
import http.client
import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import docker
import pytest

from lockgate.core.application import Container
from lockgate.core.artifact import Artifact, ArtifactKind
from lockgate.core.errors import Fenced, PortTaken, Retryable
from lockgate.core.ids import Digest, digest_of
from lockgate.core.inventory import Condition, Instance
from lockgate.core.secret import SecretSource, SecretStore
from lockgate.drivers import shim
from lockgate.drivers.launch import boot_id
from lockgate.drivers.targets.docker import DockerTarget, berths
from lockgate.testing.contracts.target import FENCE, KEY, NEWER, identities, made_ready, prepared
from lockgate.testing.docker_engine import DockerEngine, ImageRegistry
from lockgate.testing.docker_ground import DockerGround, sample_artifact
from lockgate.testing.images import build, push
from lockgate.testing.waiting import wait_until

pytestmark = pytest.mark.real


@pytest.fixture
def target(ground: DockerGround) -> DockerTarget:
    return ground.target()


@pytest.fixture
def api(docker_engine: DockerEngine) -> Iterator[docker.APIClient]:
    """The engine, as somebody sees it who asks it directly."""
    with contextlib.closing(docker_engine.client()) as client:
        yield client.api


def ask(instance: Instance, path: str) -> str:
    connection = http.client.HTTPConnection(instance.endpoint, timeout=5)
    try:
        connection.request("GET", path)
        return connection.getresponse().read().decode()
    finally:
        connection.close()


def the_only(target: DockerTarget) -> Instance:
    (instance,) = target.observe(KEY).instances
    return instance


def in_condition(target: DockerTarget, condition: Condition) -> Instance:
    return wait_until(lambda: next((i for i in target.observe(KEY).instances if i.condition is condition), None))


def containers(api: docker.APIClient, ground: DockerGround) -> list[dict[str, Any]]:
    """Of the ground's data folder, whatever their state."""
    filters = berths.of_installation(berths.installation(ground.settings.home))
    listed: list[dict[str, Any]] = api.containers(all=True, filters=filters)
    return listed


def container_of(api: docker.APIClient, instance: Instance) -> dict[str, Any]:
    (listed,) = api.containers(all=True, filters={"label": f"lockgate.instance={instance.id}"})
    described: dict[str, Any] = api.inspect_container(listed["Id"])
    return described


# --- meddled with ---


@pytest.mark.parametrize("how", ["removed", "stopped", "killed"])
def test_one_that_somebody_ends_by_hand_is_no_more_and_one_ensure_replaces_it(
    ground: DockerGround, target: DockerTarget, api: docker.APIClient, how: str
) -> None:
    spec = ground.good("1")
    first, second = made_ready(ground, target, spec, 2)
    container = container_of(api, first)["Id"]
    if how == "removed":
        api.remove_container(container, force=True)
    elif how == "stopped":
        api.stop(container)
    else:
        api.kill(container)
    wait_until(lambda: identities(target.observe(KEY).instances) == {second.id})
    target.ensure(KEY, spec, 2, FENCE)
    wait_until(lambda: len(target.observe(KEY).ready(spec.revision)) == 2)
    ready = {i.id: i.slot for i in target.observe(KEY).ready(spec.revision)}
    assert ready.pop(second.id) == second.slot
    assert first.id not in ready
    wait_until(lambda: len(containers(api, ground)) == 2)


def test_one_whose_program_is_killed_from_outside_is_unready_until_it_runs_again(
    ground: DockerGround, target: DockerTarget, api: docker.APIClient
) -> None:
    (instance,) = made_ready(ground, target, ground.sample("--start-delay", "0.3"), 1)
    container = container_of(api, instance)
    os.kill(min(shim.descendants(container["State"]["Pid"])), signal.SIGKILL)
    unready = in_condition(target, Condition.UNREADY)
    assert unready.id == instance.id
    assert unready.because
    back = in_condition(target, Condition.READY)
    assert (back.id, back.endpoint, back.restarts) == (instance.id, instance.endpoint, 1)
    assert container_of(api, back)["Id"] == container["Id"]
    assert ask(back, "/health") == "ok\n"


def test_a_paused_one_is_unready_and_can_be_retired(
    ground: DockerGround, target: DockerTarget, api: docker.APIClient
) -> None:
    first, second = made_ready(ground, target, ground.good("1"), 2)
    for instance in (first, second):
        api.pause(container_of(api, instance)["Id"])
    wait_until(lambda: {i.condition for i in target.observe(KEY).instances} == {Condition.UNREADY})
    assert {i.because for i in target.observe(KEY).instances} == {"Somebody has paused it."}
    api.unpause(container_of(api, first)["Id"])
    in_condition(target, Condition.READY)
    target.retire(KEY, [second.id], FENCE)
    wait_until(lambda: identities(target.observe(KEY).instances) == {first.id})


def test_a_port_that_somebody_listens_on_is_left_alone(make_ground: Any) -> None:
    with socket.socket() as other:
        other.bind(("0.0.0.0", 0))
        other.listen()
        first = other.getsockname()[1]
        ground = make_ground("narrow")
        object.__setattr__(ground.settings, "ports", range(first, first + 1))
        target, spec = ground.target(), ground.good("1")
        prepared(ground, target, spec)
        with pytest.raises(PortTaken, match=f"All 1 ports from {first} to {first} are in use"):
            target.ensure(KEY, spec, 1, FENCE)
    assert target.observe(KEY).instances == ()
    made_ready(ground, target, spec, 1)


# --- control planes beside each other ---


def test_one_that_another_control_plane_is_just_making_is_left_to_it(
    ground: DockerGround, target: DockerTarget, api: docker.APIClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = ground.good("1")
    prepared(ground, target, spec)
    with subprocess.Popen(["sleep", "1000"]) as other:
        target._launching.maker = f"{boot_id()}/{other.pid}-{shim.start_time(other.pid)}-abcdef"
        monkeypatch.setattr(target._launching, "_start", lambda *_: None)
        target.ensure(KEY, spec, 1, FENCE)
        successor = ground.target()
        assert the_only(successor).condition is Condition.STARTING
        successor.ensure(KEY, spec, 1, FENCE)
        (being_made,) = containers(api, ground)
        assert being_made["State"] == "created"
        other.kill()
    wait_until(lambda: not successor.observe(KEY).instances)
    made_ready(ground, successor, spec, 1)


def test_a_control_plane_that_wakes_up_late_makes_nothing(
    ground: DockerGround, target: DockerTarget, api: docker.APIClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was frozen right before it asked for the container; meanwhile another has claimed the deployment."""
    spec, successor = ground.good("1"), ground.target()
    prepared(ground, target, spec)
    address = target._address

    def frozen(*words: Any) -> Any:
        successor.prepare(KEY, spec, NEWER)
        return address(*words)

    monkeypatch.setattr(target, "_address", frozen)
    with pytest.raises(Fenced, match="by claim 5, but claim 6 is known"):
        target.ensure(KEY, spec, 2, FENCE)
    assert containers(api, ground) == []


# --- engines that die ---


@pytest.fixture(scope="module")
def mortal(docker_engine: DockerEngine) -> Iterator[DockerEngine]:
    """An engine of this module's own. It depends on the common one, which says when there is none to be had."""
    with DockerEngine() as engine:
        yield engine


@pytest.fixture
def mortal_ground(tmp_path: Path, mortal: DockerEngine, image_registry: ImageRegistry) -> Iterator[DockerGround]:
    ground = DockerGround(tmp_path / "mortal", mortal, sample_artifact(mortal, image_registry))
    yield ground
    ground.clear()


@pytest.mark.parametrize("moment", [0.0, 0.05, 0.1, 0.2, 0.4])
def test_an_engine_that_dies_while_instances_start_fails_none_of_them(
    mortal: DockerEngine, mortal_ground: DockerGround, moment: float
) -> None:
    """``moment``: seconds after they were asked for. It takes some 0.3 s until they run."""
    ground, target = mortal_ground, mortal_ground.target()
    spec = ground.sample("--start-delay", "0.1")
    prepared(ground, target, spec)
    target.ensure(KEY, spec, 2, FENCE)
    time.sleep(moment)
    mortal.kill()
    mortal.start()

    def seen_through() -> bool:
        seen = target.observe(KEY)
        assert [i.because for i in seen.instances if i.condition is Condition.FAILED] == []
        with contextlib.suppress(Retryable):
            target.ensure(KEY, spec, 2, FENCE)
        return len(seen.ready(spec.revision)) == 2

    assert wait_until(seen_through)
    with contextlib.closing(mortal.client()) as client:
        assert len(containers(client.api, ground)) == 2


def test_one_that_ended_while_the_engine_was_dead_is_started_again(
    mortal: DockerEngine, mortal_ground: DockerGround
) -> None:
    target = mortal_ground.target()
    (instance,) = made_ready(mortal_ground, target, mortal_ground.good("1"), 1)
    mortal.kill()
    with contextlib.suppress(OSError, http.client.HTTPException):
        ask(instance, "/crash")
    mortal.start()
    back = in_condition(target, Condition.READY)
    assert (back.id, back.endpoint) == (instance.id, instance.endpoint)
    assert ask(back, "/health") == "ok\n"


# --- whom only the image knows ---


@pytest.fixture
def named_user(docker_engine: DockerEngine, image_registry: ImageRegistry, artifact: Artifact) -> Artifact:
    """The sample application, run as somebody whom only the image knows by number."""
    image = f"{image_registry.host}/sample/named"
    lines = ["COPY passwd /etc/passwd", "USER app"]
    with contextlib.closing(docker_engine.client()) as client:
        files = {"passwd": b"app:x:1234:1234::/:/bin/false\n"}
        build(client, f"{image}:1", f"{artifact.name}:{artifact.version}", files, lines)
        digest = push(client, f"{image}:1")
    return Artifact(ArtifactKind.OCI, image, "1", Digest(digest), f"oci:{image}:1")


def test_a_user_whom_only_the_image_knows_may_read_what_is_meant_for_it(
    ground: DockerGround, target: DockerTarget, named_user: Artifact, tmp_path: Path
) -> None:
    for name in ("data.txt", "token"):
        (tmp_path / name).write_text("to be read")
        (tmp_path / name).chmod(0o600)
    data = Artifact(ArtifactKind.FILE, str(tmp_path / "data.txt"), "", digest_of("data"), "file:data.txt")
    token = SecretSource(SecretStore.FILE, str(tmp_path / "token"))
    env = {"DATA": "{files.data.txt}", "TOKEN": "{secrets.token}"}
    spec = ground.sample(artifact=named_user, secrets={"token": token}, files={"data.txt": data}, env=env)
    (instance,) = made_ready(ground, target, spec, 1)
    assert "Uid:\t1234" in ask(instance, "/file?path=/proc/self/status")
    assert [ask(instance, f"/file?path={ask(instance, f'/env?name={n}')}") for n in env] == ["to be read"] * 2


@pytest.mark.parametrize("retired", [True, False], ids=["retired", "killed by hand"])
def test_a_secret_goes_with_its_instance(
    ground: DockerGround, target: DockerTarget, api: docker.APIClient, tmp_path: Path, retired: bool
) -> None:
    (tmp_path / "token").write_text("xyzzy")
    spec = ground.sample(
        secrets={"token": SecretSource(SecretStore.FILE, str(tmp_path / "token"))}, container=Container(read_only=True)
    )
    (instance,) = made_ready(ground, target, spec, 1)
    container = container_of(api, instance)
    places = [Path(mount["Source"]) for mount in container["Mounts"]]
    assert [(place / "token").read_text() for place in places] == ["xyzzy"]
    if retired:
        target.retire(KEY, [instance.id], FENCE)
    else:
        api.kill(container["Id"])
    wait_until(lambda: not target.observe(KEY).instances and not containers(api, ground))
    assert not any(place.exists() for place in places)
