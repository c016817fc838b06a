"""What becomes of containers that fail, are killed, or are meddled with."""

import os
import signal
import socket
import subprocess
import sys
from contextlib import suppress

import docker
import pytest

from lockgate.core.application import Health, Resources, Stop
from lockgate.core.errors import Fenced
from lockgate.core.inventory import Condition
from lockgate.drivers.launch import boot_id
from lockgate.drivers.targets.docker import DockerTarget, berths
from lockgate.testing import sample_app
from lockgate.testing.contracts.target import FENCE, KEY, NEWER, identities, made_ready, prepared
from lockgate.testing.docker_ground import DockerGround
from lockgate.testing.waiting import wait_until
from tests.drivers.targets.docker.seeing import ask, container_of, containers, in_condition, programs, the_only

pytestmark = pytest.mark.real


def test_a_successor_finds_ready_ones_ready_and_makes_no_container(
    ground: DockerGround, target: DockerTarget, api: docker.APIClient
) -> None:
    spec = ground.good("1")
    ready = made_ready(ground, target, spec, 2)
    before = {one["Id"] for one in containers(api, target)}
    successor = ground.target()
    assert successor.observe(KEY).ready(spec.revision) == ready
    successor.ensure(KEY, spec, 2, NEWER)
    assert {one["Id"] for one in containers(api, successor)} == before
    assert len(before) == 2


# --- it does not become ready ---


def test_one_that_ends_has_failed_with_its_code_and_last_lines_and_is_not_started_again(
    ground: DockerGround, target: DockerTarget, api: docker.APIClient
) -> None:
    prepared(ground, target, ground.broken("1"))
    target.ensure(KEY, ground.broken("1"), 1, FENCE)
    failed = in_condition(target, Condition.FAILED)
    assert failed.because == (
        "It ended with exit code 7. It was not ready yet. Its last lines:\nsample: told to end with 7"
    )
    described = container_of(api, failed)
    assert (described["RestartCount"], described["HostConfig"]["RestartPolicy"]["Name"]) == (0, "no")
    assert ground.target().observe(KEY).instances[0].because == failed.because


def test_one_that_never_listens_has_failed_when_its_time_is_over(ground: DockerGround, target: DockerTarget) -> None:
    target.ensure(KEY, ground.sample("--start-delay", "1000", health=Health("/health", start_within=0.5)), 1, FENCE)
    failed = in_condition(target, Condition.FAILED)
    assert failed.because.startswith("It was not ready within 0.5 s. Nothing listens on 127.0.0.1:")
    assert failed.because.endswith("Its last lines:\n(it wrote nothing)")


def test_one_that_needs_more_memory_than_it_may_has_failed_and_says_how_much(
    ground: DockerGround, target: DockerTarget
) -> None:
    target.ensure(KEY, ground.sample("--eat", "300", resources=Resources(memory_bytes=64 << 20)), 1, FENCE)
    failed = in_condition(target, Condition.FAILED)
    assert failed.because.startswith("It ended because it used more than its 64 MiB of memory. It was not ready yet.")


def test_a_program_that_is_not_in_the_image_has_failed_and_is_named(ground: DockerGround, target: DockerTarget) -> None:
    container = ground.sample().container
    spec = ground.sample(container=type(container)(entrypoint=("/nonesuch",)))
    target.ensure(KEY, spec, 1, FENCE)
    failed = in_condition(target, Condition.FAILED)
    assert "/nonesuch" in failed.because
    assert "No such file or directory" in failed.because


def test_an_answer_by_somebody_else_is_never_taken_for_ready(ground: DockerGround, target: DockerTarget) -> None:
    spec = ground.sample(command=("--port", "1", "--start-delay", "1000", "--stands-for", "{port}"))
    target.ensure(KEY, spec, 1, FENCE)
    host, port = the_only(target).endpoint.split(":")
    words = [sys.executable, "-I", "-S", sample_app.__file__]
    with subprocess.Popen([*words, "--host", host, "--port", port], stdout=subprocess.DEVNULL) as stranger:
        try:
            told = wait_until(lambda: i if "another program" in (i := the_only(target)).because else None)
            assert told.condition is Condition.STARTING
            assert f"(process {stranger.pid})" in told.because
        finally:
            stranger.kill()


# --- it was ready ---


def test_a_ready_one_that_is_killed_is_unready_until_the_engine_has_started_it_again(
    ground: DockerGround, target: DockerTarget, api: docker.APIClient
) -> None:
    (instance,) = made_ready(ground, target, ground.sample("--start-delay", "0.3"), 1)
    container = container_of(api, instance)
    os.kill(programs(container)[0], signal.SIGKILL)
    unready = in_condition(target, Condition.UNREADY)
    assert unready.id == instance.id
    assert unready.because
    back = in_condition(target, Condition.READY)
    assert (back.id, back.endpoint, back.restarts) == (instance.id, instance.endpoint, 1)
    assert container_of(api, back)["Id"] == container["Id"]
    assert ask(back, "/health") == "ok\n"


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
    assert wait_until(lambda: identities(target.observe(KEY).instances) == {second.id})
    target.ensure(KEY, spec, 2, FENCE)
    wait_until(lambda: len(target.observe(KEY).ready(spec.revision)) == 2)
    replacement, same = target.observe(KEY).ready(spec.revision)
    assert (replacement.slot, same) == (0, second)
    assert replacement.id != first.id
    wait_until(lambda: len(containers(api, target)) == 2)


def test_one_that_somebody_starts_again_by_hand_is_ready_again(
    ground: DockerGround, target: DockerTarget, api: docker.APIClient
) -> None:
    (instance,) = made_ready(ground, target, ground.good("1"), 1)
    api.restart(container_of(api, instance)["Id"], timeout=1)
    back = in_condition(target, Condition.READY)
    assert ask(back, "/health") == "ok\n"


def test_a_paused_one_is_unready_and_can_be_retired(
    ground: DockerGround, target: DockerTarget, api: docker.APIClient
) -> None:
    first, second = made_ready(ground, target, ground.good("1"), 2)
    for instance in (first, second):
        api.pause(container_of(api, instance)["Id"])
    assert [i.condition for i in target.observe(KEY).instances] == [Condition.UNREADY] * 2
    assert the_because(target) == {"Somebody has paused it."}
    api.unpause(container_of(api, first)["Id"])
    in_condition(target, Condition.READY)
    target.retire(KEY, [second.id], FENCE)
    wait_until(lambda: identities(target.observe(KEY).instances) == {first.id})


def the_because(target: DockerTarget) -> set[str]:
    return {i.because for i in target.observe(KEY).instances}


# --- it is ended ---


def test_one_that_does_not_listen_to_the_signal_is_killed_after_its_grace(
    ground: DockerGround, target: DockerTarget, api: docker.APIClient
) -> None:
    (instance,) = made_ready(ground, target, ground.sample("--ignore-term", stop=Stop(grace=0.2)), 1)
    pids = programs(container_of(api, instance))
    target.retire(KEY, [instance.id], FENCE)
    assert the_only(target).condition is Condition.STOPPING
    wait_until(lambda: not target.observe(KEY).instances)
    assert pids
    assert not [pid for pid in pids if is_alive(pid)]


def is_alive(pid: int) -> bool:
    with suppress(ProcessLookupError):
        os.kill(pid, 0)
        return True
    return False


def test_a_stop_that_was_only_marked_is_seen_through_by_whoever_looks_next(
    ground: DockerGround, target: DockerTarget, api: docker.APIClient
) -> None:
    """The control plane died between the mark and the request to stop."""
    (instance,) = made_ready(ground, target, ground.good("1"), 1)
    name = berths.stopping_name(target._whose, instance.id)
    api.rename(container_of(api, instance)["Id"], name)
    target.close()
    successor = ground.target()
    assert the_only(successor).condition is Condition.STOPPING
    wait_until(lambda: not successor.observe(KEY).instances)
    wait_until(lambda: not containers(api, successor))


# --- the control plane dies, or wakes up late ---


def test_one_that_was_made_and_never_started_is_replaced(
    ground: DockerGround, target: DockerTarget, api: docker.APIClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its maker was killed between the two."""
    spec = ground.good("1")
    prepared(ground, target, spec)
    monkeypatch.setattr(berths, "myself", lambda: f"{boot_id()}/{ended_process()}-1")
    monkeypatch.setattr(target, "_start", lambda *_: None)
    target.ensure(KEY, spec, 1, FENCE)
    monkeypatch.undo()
    (dead,) = containers(api, target)
    assert dead["State"] == "created"
    successor = ground.target()
    assert successor.observe(KEY).instances == ()
    (ready,) = made_ready(ground, successor, spec, 1)
    assert ready.slot == 0
    assert [one["State"] for one in containers(api, successor)] == ["running"]


def ended_process() -> int:
    with subprocess.Popen(["true"]) as ended:
        return ended.pid


def test_one_that_another_control_plane_is_just_making_is_left_to_it(
    ground: DockerGround, target: DockerTarget, api: docker.APIClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = ground.good("1")
    prepared(ground, target, spec)
    with subprocess.Popen(["sleep", "1000"]) as other:
        started = berths.shim.start_time(other.pid)
        monkeypatch.setattr(berths, "myself", lambda: f"{boot_id()}/{other.pid}-{started}")
        monkeypatch.setattr(target, "_start", lambda *_: None)
        target.ensure(KEY, spec, 1, FENCE)
        monkeypatch.undo()
        successor = ground.target()
        assert the_only(successor).condition is Condition.STARTING
        successor.ensure(KEY, spec, 1, FENCE)
        (being_made,) = containers(api, target)
        assert being_made["State"] == "created"
        other.kill()


def test_a_control_plane_that_wakes_up_late_makes_nothing(
    ground: DockerGround, target: DockerTarget, api: docker.APIClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was frozen right before it asked for the container; meanwhile another has claimed the deployment."""
    spec, successor = ground.good("1"), ground.target()
    prepared(ground, target, spec)
    address = target._address

    def frozen(*words: object) -> object:
        successor.prepare(KEY, spec, NEWER)
        return address(*words)  # type: ignore[arg-type]

    monkeypatch.setattr(target, "_address", frozen)
    with pytest.raises(Fenced, match="by claim 5, but claim 6 is known"):
        target.ensure(KEY, spec, 2, FENCE)
    assert containers(api, target) == []


def test_a_control_plane_that_wakes_up_late_starts_nothing(
    ground: DockerGround, target: DockerTarget, api: docker.APIClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was frozen between making the container and starting it."""
    spec, successor = ground.good("1"), ground.target()
    prepared(ground, target, spec)
    start = target._start

    def frozen(*words: object) -> None:
        successor.prepare(KEY, spec, NEWER)
        start(*words)  # type: ignore[arg-type]

    monkeypatch.setattr(target, "_start", frozen)
    target.ensure(KEY, spec, 1, FENCE)
    wait_until(lambda: not containers(api, target))
    successor.ensure(KEY, spec, 1, NEWER)
    wait_until(lambda: successor.observe(KEY).ready(spec.revision))
    assert len(containers(api, target)) == 1


def test_a_port_that_somebody_listens_on_is_left_alone(ground: DockerGround, target: DockerTarget) -> None:
    first = ground.settings.ports.start
    spec = ground.good("1")
    with socket.socket() as other:
        target._allotment._ports = range(first, first + 2)
        other.bind(("0.0.0.0", first))
        other.listen()
        (ready,) = made_ready(ground, target, spec, 1)
        assert ready.endpoint == f"127.0.0.1:{first + 1}"
        with pytest.raises(Exception, match=f"All 2 ports from {first} to {first + 1} are in use"):
            target.ensure(KEY, spec, 2, FENCE)
    assert identities(target.observe(KEY).instances) == {ready.id}
