"""The process target, with real processes: the contract, and what only it promises."""

import errno
import http.client
import json
import os
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import textwrap
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import NoReturn

import pytest

from lockgate.core.application import Health, Resources, Stop
from lockgate.core.artifact import Artifact, ArtifactKind, Tree
from lockgate.core.errors import (
    ArtifactMissing,
    ComponentMissing,
    Invalid,
    NotFound,
    PortTaken,
    PreparationFailed,
    Unavailable,
)
from lockgate.core.ids import Generation, InstanceId, digest_of
from lockgate.core.inventory import Condition, Instance
from lockgate.core.plan import Fence, InstanceSpec
from lockgate.core.secret import SecretSource, SecretStore
from lockgate.drivers import supervision
from lockgate.drivers.clock import SystemClock
from lockgate.drivers.supervision import Shim, alive
from lockgate.drivers.targets.process import ProcessTarget, readiness, removal
from lockgate.ports import Phase
from lockgate.testing import sample_app
from lockgate.testing.contracts.target import FENCE, KEY, TargetContract, identities, made_ready, prepared
from lockgate.testing.grounds import ProcessGround, end_all
from lockgate.testing.waiting import wait_until


@pytest.fixture
def ground(tmp_path: Path) -> Iterator[ProcessGround]:
    made = ProcessGround(tmp_path / "home")
    yield made
    made.clear()


@pytest.fixture
def target(ground: ProcessGround) -> ProcessTarget:
    return ground.target()


class TestProcessTarget(TargetContract):
    """See the contract."""


def ask(instance: Instance, path: str) -> str:
    connection = http.client.HTTPConnection(instance.endpoint, timeout=5)
    try:
        connection.request("GET", path)
        return connection.getresponse().read().decode()
    finally:
        connection.close()


def the_only(target: ProcessTarget) -> Instance:
    (instance,) = target.observe(KEY).instances
    return instance


def in_condition(target: ProcessTarget, condition: Condition) -> Instance:
    return wait_until(lambda: next((i for i in target.observe(KEY).instances if i.condition is condition), None))


def shim_of(ground: ProcessGround, instance: Instance) -> Shim:
    shims = supervision.programs(ground.settings.home)
    return next(s for s in shims if s.program().labels["instance"] == instance.id)


# --- what an instance finds ---


def test_an_instance_serves_and_finds_what_it_was_promised(ground: ProcessGround, target: ProcessTarget) -> None:
    env = {"COLOUR": "blue", "DATA": "{files.data.txt}", "PLACE": "{work}"}
    data = Artifact(ArtifactKind.FILE, "data.txt", "", digest_of("data"), "file:data.txt")
    spec = ground.sample("--version", "9", env=env, files={"data.txt": data})
    (instance,) = made_ready(ground, target, spec, 1)
    assert ask(instance, "/version") == "9"
    assert ask(instance, "/env?name=COLOUR") == "blue"
    assert ask(instance, "/env?name=LOCKGATE_REVISION") == spec.revision
    assert instance.endpoint.endswith(":" + ask(instance, "/env?name=PORT"))
    place = Path(ask(instance, "/env?name=PLACE"))
    assert Path(ask(instance, "/env?name=DATA")) == place / "data.txt"
    assert (place / "data.txt").read_text().startswith('"""A small web application')


# --- secrets ---


def kept(tmp_path: Path, text: str) -> dict[str, SecretSource]:
    (tmp_path / "kept").write_text(text)
    return {"key": SecretSource(SecretStore.FILE, str(tmp_path / "kept"))}


def printing(ground: ProcessGround, what: str, then: str, secrets: dict[str, SecretSource]) -> InstanceSpec:
    """A program that prints this and then does that."""
    return ground.sample(command=("sh", "-c", f"{what}; {then}"), env={"KEY": "{secrets.key}"}, secrets=secrets)


def test_a_secret_lies_in_a_file_of_the_instances_own(
    ground: ProcessGround, target: ProcessTarget, tmp_path: Path
) -> None:
    spec = ground.sample(env={"KEY": "{secrets.key}"}, secrets=kept(tmp_path, "hunter2\n"))
    (instance,) = made_ready(ground, target, spec, 1)
    file = Path(ask(instance, "/env?name=KEY"))
    assert file.read_text() == "hunter2"
    assert stat.S_IMODE(file.stat().st_mode) == 0o400
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    program = json.loads((file.parents[1] / "program.json").read_text())
    assert "hunter2" not in json.dumps(program)
    target.retire(KEY, [instance.id], FENCE)
    wait_until(lambda: not target.observe(KEY).instances)
    wait_until(lambda: not list(ground.settings.home.rglob("key")))
    assert not file.exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may run programs as another user")
def test_a_secret_belongs_to_the_user_of_the_instance(ground: ProcessGround, tmp_path: Path) -> None:
    # Outside of pytest's folder, which nobody else may enter.
    with tempfile.TemporaryDirectory() as home:
        Path(home).chmod(0o755)
        ground.settings = replace(ground.settings, home=Path(home), user="nobody")
        target = ground.target()
        target.ensure(KEY, printing(ground, "cat $KEY | tr h H", "sleep 1000", kept(tmp_path, "hunter2")), 1, FENCE)
        wait_until(lambda: target.logs(KEY, the_only(target).id, 0, 100).text == "Hunter2")
        file = next(Path(home).rglob("secrets/key"))
        assert (file.owner(), stat.S_IMODE(file.stat().st_mode)) == ("nobody", 0o400)
        ground.clear()


def test_secrets_in_the_output_are_not_told(ground: ProcessGround, target: ProcessTarget, tmp_path: Path) -> None:
    spec = printing(ground, 'echo "with $(cat $KEY)!"', "sleep 1000", kept(tmp_path, "hunter2"))
    target.ensure(KEY, spec, 1, FENCE)
    instance = wait_until(lambda: next(iter(target.observe(KEY).instances), None))
    wait_until(lambda: target.logs(KEY, instance.id, 0, 100).text == "with ***!\n")
    # The place where it was kept may change; another control plane knows the instance's own.
    (tmp_path / "kept").write_text("another")
    again = ground.target()
    assert again.logs(KEY, instance.id, 0, 100).text == "with ***!\n"
    first = again.logs(KEY, instance.id, 0, 8)
    assert first.text + again.logs(KEY, instance.id, first.next, 100).text == "with ***!\n"


def test_secrets_in_the_log_of_an_ended_instance_are_not_told(
    ground: ProcessGround, target: ProcessTarget, tmp_path: Path
) -> None:
    spec = printing(ground, 'echo "with $(cat $KEY)!"', "sleep 1000", kept(tmp_path, "hunter2"))
    target.ensure(KEY, spec, 1, FENCE)
    instance = wait_until(lambda: next(iter(target.observe(KEY).instances), None))
    read = wait_until(lambda: (chunk := target.logs(KEY, instance.id, 0, 100)).text and chunk)
    target.retire(KEY, [instance.id], FENCE)
    wait_until(lambda: not target.observe(KEY).instances)
    wait_until(lambda: (ground.settings.home / "retired" / instance.id / "log.0").exists())
    assert target.logs(KEY, instance.id, 0, 100) == read
    wait_until(lambda: not list((ground.settings.home / "removed").iterdir()))
    files = [file for file in ground.settings.home.rglob("*") if file.is_file()]
    assert [file for file in files if b"hunter2" in file.read_bytes()] == []


def test_secrets_in_the_last_words_of_a_failed_instance_are_not_told(
    ground: ProcessGround, target: ProcessTarget, tmp_path: Path
) -> None:
    target.ensure(KEY, printing(ground, 'echo "bad $(cat $KEY)"', "exit 7", kept(tmp_path, "hunter2")), 1, FENCE)
    because = in_condition(target, Condition.FAILED).because
    assert "bad ***" in because
    assert "hunter2" not in because


def test_the_programs_of_the_artifact_are_found_first(ground: ProcessGround, tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "sleep").write_text("#!/bin/sh\necho mine\nexec /bin/sleep 1000\n")
    (tmp_path / "bin" / "sleep").chmod(0o755)
    tree = Tree(PurePosixPath(tmp_path), (PurePosixPath(tmp_path / "bin"),))
    target = ProcessTarget(ground.settings, lambda _: tree, SystemClock())
    target.ensure(KEY, ground.sample(command=("sleep", "1000")), 1, FENCE)
    wait_until(lambda: target.logs(KEY, the_only(target).id, 0, 100).text == "mine\n")
    target.close()


@pytest.mark.parametrize(
    ("changes", "error", "sentence"),
    [
        ({"command": ("cat", "{files.nonesuch}", "{port}")}, Invalid, "not one of the component's files"),
        ({"command": ("cat", "{secrets.nonesuch}")}, Invalid, "not one of the component's secrets"),
        (
            {"secrets": {"key": SecretSource(SecretStore.VARIABLE, "LOCKGATE_TESTS_NONESUCH")}},
            ComponentMissing,
            "environment variable LOCKGATE_TESTS_NONESUCH is not there",
        ),
        ({"stop": Stop(signal="NONESUCH")}, Invalid, "no signal 'NONESUCH'"),
        (
            {"files": {"../out": Artifact(ArtifactKind.FILE, "x", "", digest_of("x"), "file:x")}},
            PreparationFailed,
            "leads out of the working folder",
        ),
    ],
)
def test_a_spec_that_cannot_be_run_is_refused_and_leaves_nothing(
    ground: ProcessGround, target: ProcessTarget, changes: dict[str, object], error: type[Exception], sentence: str
) -> None:
    with pytest.raises(error, match=sentence):
        target.ensure(KEY, ground.sample(**changes), 2, FENCE)
    assert target.observe(KEY).instances == ()
    home = ground.settings.home
    assert [list((home / name).iterdir()) for name in ("instances", "making")] == [[], []]


def test_a_full_disk_is_told_and_leaves_nothing(
    ground: ProcessGround, target: ProcessTarget, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("lockgate.drivers.launch._write_record", full)
    with pytest.raises(Exception, match=r"disk of .* is full"):
        target.ensure(KEY, ground.good("1"), 1, FENCE)
    monkeypatch.undo()
    assert target.observe(KEY).instances == ()
    made_ready(ground, target, ground.good("1"), 1)


# --- ports ---


def test_a_port_that_somebody_listens_on_is_left_alone(tmp_path: Path) -> None:
    first = 30_000 + os.getpid() % 900 * 3
    ground = ProcessGround(tmp_path, range(first, first + 3))
    target = ground.target()
    try:
        with socket.socket() as other:
            other.bind(("0.0.0.0", first))
            other.listen()
            ready = made_ready(ground, target, ground.good("1"), 2)
            assert {i.endpoint for i in ready} == {f"127.0.0.1:{first + 1}", f"127.0.0.1:{first + 2}"}
            with pytest.raises(PortTaken, match=f"All 3 ports from {first} to {first + 2} are in use"):
                target.ensure(KEY, ground.good("1"), 3, FENCE)
        assert identities(target.observe(KEY).instances) == identities(ready)
    finally:
        ground.clear()


def test_a_port_given_back_is_used_again_in_the_end(tmp_path: Path) -> None:
    """Although connections to it linger in the kernel for a minute."""
    first = 30_000 + os.getpid() % 900 * 3
    ground = ProcessGround(tmp_path, range(first, first + 1))
    target = ground.target()
    try:
        for version in "123":
            (instance,) = made_ready(ground, target, ground.good(version), 1)
            assert ask(instance, "/version") == version
            target.retire(KEY, [instance.id], FENCE)
            wait_until(lambda: not target.observe(KEY).instances)
    finally:
        ground.clear()


def test_an_answer_by_somebody_else_is_never_taken_for_ready(ground: ProcessGround, target: ProcessTarget) -> None:
    spec = ground.sample(command=("sleep", "1000", "{port}"))
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


# --- readiness ---


def test_one_that_answers_badly_is_not_ready_and_says_so(ground: ProcessGround, target: ProcessTarget) -> None:
    target.ensure(KEY, ground.sample("--health", "503"), 1, FENCE)
    wait_until(lambda: "GET /health on 127.0.0.1:" in the_only(target).because)
    assert the_only(target).because.endswith("answered 503.")
    assert the_only(target).condition is Condition.STARTING


def test_one_that_is_too_late_has_failed(ground: ProcessGround, target: ProcessTarget) -> None:
    health = Health("/health", start_within=0.1)
    target.ensure(KEY, ground.sample("--start-delay", "1000", health=health), 1, FENCE)
    failed = in_condition(target, Condition.FAILED)
    assert failed.because.startswith("It was not ready within 0.1 s. Nothing listens on 127.0.0.1:")


def test_one_that_ends_before_it_is_ready_shows_its_last_lines(ground: ProcessGround, target: ProcessTarget) -> None:
    target.ensure(KEY, ground.broken("1"), 1, FENCE)
    failed = in_condition(target, Condition.FAILED)
    assert "with exit code 7. It was not ready yet. Its last lines:\nsample: told to end with 7" in failed.because
    assert failed.restarts


def test_a_port_that_accepts_is_enough_without_a_path(ground: ProcessGround, target: ProcessTarget) -> None:
    made_ready(ground, target, ground.sample("--health", "503", health=Health()), 1)


def test_a_ready_one_that_crashes_is_unready_until_it_serves_again(
    ground: ProcessGround, target: ProcessTarget
) -> None:
    (instance,) = made_ready(ground, target, ground.good("1"), 1)
    pid = int(ask(instance, "/pid"))
    os.kill(pid, signal.SIGKILL)
    unready = in_condition(target, Condition.UNREADY)
    assert unready.id == instance.id
    back = wait_until(lambda: i if (i := the_only(target)).condition is Condition.READY else None)
    assert (back.id, back.endpoint, back.restarts) == (instance.id, instance.endpoint, 1)
    assert int(ask(back, "/pid")) != pid


def test_a_ready_one_whose_checks_fail_is_unready_and_stays_so_for_a_successor(
    ground: ProcessGround, target: ProcessTarget
) -> None:
    (instance,) = made_ready(ground, target, ground.good("1"), 1)
    ask(instance, "/become?health=500")
    unready = in_condition(target, Condition.UNREADY)
    assert unready.because.endswith("answered 500.")
    assert the_only(ground.target()).condition is Condition.UNREADY
    ask(instance, "/become?health=200")
    in_condition(target, Condition.READY)


def test_one_that_another_control_plane_found_lost_is_ready_for_whoever_sees_it_pass(
    ground: ProcessGround, target: ProcessTarget
) -> None:
    (instance,) = made_ready(ground, target, ground.good("1"), 1)
    (folder,) = (ground.settings.home / "instances").iterdir()
    evidence = readiness.read(folder)
    assert evidence is not None
    # As a control plane does that has slept through its own checks of it.
    readiness.write(folder, replace(evidence, ready=False))
    wait_until(lambda: the_only(target).condition is Condition.READY)
    assert the_only(target).id == instance.id


def test_a_server_that_hands_its_socket_on_stays_ready(ground: ProcessGround, target: ProcessTarget) -> None:
    script = textwrap.dedent("""
        import os, socket, sys, time
        listener = socket.socket(); listener.bind(("127.0.0.1", int(sys.argv[1]))); listener.listen()
        if os.fork():
            time.sleep(0.3); listener.close(); print("handed on", flush=True); time.sleep(1000)
        while True:
            listener.accept()[0].close()
    """)
    spec = ground.sample(command=(sys.executable, "-I", "-S", "-c", script, "{port}"), health=Health())
    (instance,) = made_ready(ground, target, spec, 1)
    wait_until(lambda: "handed on" in target.logs(KEY, instance.id, 0, 100).text)
    assert the_only(target).condition is Condition.READY


# --- what is killed ---


def test_one_whose_shim_was_killed_is_no_more_and_is_replaced(ground: ProcessGround, target: ProcessTarget) -> None:
    spec = ground.sample("--children", "2")
    (instance,) = made_ready(ground, target, spec, 1)
    shim = shim_of(ground, instance)
    pids = shim.pids()
    assert len(pids) == 3
    os.kill(shim.status().shim_pid, signal.SIGKILL)
    wait_until(lambda: not target.observe(KEY).instances)
    (replacement,) = made_ready(ground, target, spec, 1)
    assert replacement.slot == 0
    assert replacement.id != instance.id
    wait_until(lambda: not any(alive(pid) for pid in pids))


def test_one_that_is_just_being_buried_is_not_taken_for_alive(
    ground: ProcessGround, target: ProcessTarget, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = ground.sample()
    (instance,) = made_ready(ground, target, spec, 1)
    digging, is_of = threading.Event(), removal._is_of

    def slowly(lock: int, folder: Path) -> bool:
        digging.set()
        time.sleep(0.3)
        return is_of(lock, folder)

    monkeypatch.setattr(removal, "_is_of", slowly)
    os.kill(shim_of(ground, instance).status().shim_pid, signal.SIGKILL)
    wait_until(lambda: not target.observe(KEY).instances)
    assert digging.wait(5)
    (replacement,) = made_ready(ground, target, spec, 1)
    assert replacement.id != instance.id


def test_one_whose_shim_is_frozen_goes_on_serving_and_can_be_retired(
    ground: ProcessGround, target: ProcessTarget, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(removal, "PATIENCE", 0.1)
    (instance,) = made_ready(ground, target, ground.sample(stop=Stop(grace=0.1)), 1)
    shim = shim_of(ground, instance)
    pid = shim.status().pid or 0
    os.kill(shim.status().shim_pid, signal.SIGSTOP)
    assert the_only(target).condition is Condition.READY
    target.retire(KEY, [instance.id], FENCE)
    wait_until(lambda: not target.observe(KEY).instances)
    wait_until(lambda: not alive(pid))


def test_retiring_is_finished_by_whoever_looks_next(ground: ProcessGround, target: ProcessTarget) -> None:
    """The control plane died between the mark and the request to stop."""
    (instance,) = made_ready(ground, target, ground.good("1"), 1)
    (shim_of(ground, instance).folder / "stopping").touch()
    os.utime(shim_of(ground, instance).folder / "stopping", (1, 1))
    successor = ground.target()
    assert the_only(successor).condition is Condition.STOPPING
    wait_until(lambda: not successor.observe(KEY).instances)


KILLED = """
    import os, signal, sys, threading
    from pathlib import Path
    from lockgate.testing.contracts.target import FENCE, KEY
    from lockgate.testing.grounds import ProcessGround
    ground = ProcessGround(Path(sys.argv[1]))
    target, spec, left = ground.target(), ground.good("1"), int(sys.argv[2])
    target.prepare(KEY, spec, FENCE)
    effects = {"open", "mkdir", "flock", "pwrite", "rename", "unlink", "fork_exec"}
    def count(frame, event, function):
        global left
        left -= event == "c_return" and function.__name__ in effects
        if left < 0:
            os.kill(os.getpid(), signal.SIGKILL)
    sys.setprofile(count)
    target.ensure(KEY, spec, 2, FENCE)
    sys.setprofile(None)
    os._exit(0)
"""


@pytest.mark.parametrize("effects", range(0, 44, 3))
def test_a_control_plane_killed_anywhere_in_ensure_leaves_none_too_many(ground: ProcessGround, effects: int) -> None:
    """``effects``: system calls that it makes before it is killed; ensuring two takes some 42."""
    home = str(ground.settings.home)
    words = [sys.executable, "-c", textwrap.dedent(KILLED), home, str(effects)]
    assert subprocess.run(words, check=False, timeout=60).returncode in (0, -signal.SIGKILL)
    successor = ground.target()
    ready = made_ready(ground, successor, ground.good("1"), 2)
    assert [i.slot for i in ready] == [0, 1]
    wait_until(lambda: len(supervision.adopt(ground.settings.home)) == 2)
    assert list((ground.settings.home / "making").iterdir()) == []
    assert {int(ask(i, "/pid")) for i in ready} == {s.status().pid for s in supervision.adopt(ground.settings.home)}


def test_two_control_planes_at_once_make_none_too_many(ground: ProcessGround) -> None:
    spec = ground.good("1")
    targets = [ground.target(), ground.target()]
    for one in targets:
        prepared(ground, one, spec)
    threads = [threading.Thread(target=one.ensure, args=(KEY, spec, 4, FENCE)) for one in targets]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    ready = made_ready(ground, targets[0], spec, 4)
    assert [i.slot for i in ready] == [0, 1, 2, 3]
    assert len({i.endpoint for i in targets[1].observe(KEY).instances}) == 4
    assert len(supervision.adopt(ground.settings.home)) == 4


def test_a_control_plane_that_wakes_up_late_starts_nothing(
    ground: ProcessGround, target: ProcessTarget, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was frozen in the middle of ensure; meanwhile another has claimed the deployment."""
    spec, successor = ground.good("1"), ground.target()
    prepared(ground, target, spec)
    make = target._berths.make

    def frozen(*words: object) -> object:
        successor.ensure(KEY, spec, 1, Fence("dep-1", Generation(FENCE.generation + 1)))
        return make(*words)  # type: ignore[arg-type]

    monkeypatch.setattr(target._berths, "make", frozen)
    with pytest.raises(Exception, match="by claim 5, but claim 6 is known"):
        target.ensure(KEY, spec, 2, FENCE)
    assert len(target.observe(KEY).instances) == 1
    assert list((ground.settings.home / "making").iterdir()) == []


# --- preparing ---


def test_preparing_never_waits_and_tells_a_failure(ground: ProcessGround) -> None:
    gate, calls = threading.Event(), iter([None, Unavailable("The index does not answer."), ArtifactMissing("Gone.")])

    def materialise(artifact: Artifact) -> Tree:
        assert gate.wait(20)
        trouble = next(calls)
        if trouble is not None:
            raise trouble
        return Tree(PurePosixPath("/"))

    target = ProcessTarget(ground.settings, materialise, SystemClock())
    one, two = ground.good("1"), ground.sample("--version", "2")
    two = replace(two, artifact=replace(two.artifact, digest=digest_of("two")))
    assert target.prepare(KEY, one, FENCE).phase is Phase.WORKING
    gate.set()
    wait_until(lambda: target.prepare(KEY, one, FENCE).phase is Phase.DONE)
    told = wait_until(lambda: p if (p := target.prepare(KEY, two, FENCE)).because.startswith("The index") else None)
    assert told.phase is Phase.WORKING
    told = wait_until(lambda: p if (p := target.prepare(KEY, two, FENCE)).phase is Phase.FAILED else None)
    assert told.because == "Gone."
    target.close()


# --- logs and limits ---


def test_logs_of_the_last_retired_instances_are_kept(ground: ProcessGround, target: ProcessTarget) -> None:
    ready = made_ready(ground, target, ground.good("1"), 5)
    target.retire(KEY, [i.id for i in ready], FENCE)
    wait_until(lambda: not target.observe(KEY).instances and not list((ground.settings.home / "instances").iterdir()))

    def kept() -> list[str]:
        found = []
        for instance in ready:
            try:
                found.append(target.logs(KEY, instance.id, 0, 1000).text)
            except NotFound:
                continue
        return found

    wait_until(lambda: len(kept()) == 3)
    assert all(text.startswith("sample 1 listens on 2") for text in kept())


def test_the_log_of_somebody_unknown_is_not_found(target: ProcessTarget) -> None:
    with pytest.raises(NotFound, match="no instance 'nobody' of dev/shop/web"):
        target.logs(KEY, InstanceId("nobody"), 0, 100)


def test_a_log_is_cut_between_characters(ground: ProcessGround, target: ProcessTarget) -> None:
    target.ensure(KEY, ground.sample(command=("sh", "-c", "echo grüße; exec sleep 1000")), 1, FENCE)
    instance = the_only(target)
    wait_until(lambda: target.logs(KEY, instance.id, 0, 100).text == "grüße\n")
    first = target.logs(KEY, instance.id, 0, 3)
    assert (first.text, first.next) == ("gr", 2)
    second = target.logs(KEY, instance.id, first.next, 3)
    assert (second.text, second.next) == ("ü", 4)


def test_limits_of_the_spec_hold(ground: ProcessGround, target: ProcessTarget) -> None:
    spec = ground.sample(command=("sh", "-c", "ulimit -n; exec sleep 1000"), resources=Resources(open_files=99))
    target.ensure(KEY, spec, 1, FENCE)
    wait_until(lambda: target.logs(KEY, the_only(target).id, 0, 100).text == "99\n")


def test_an_instance_runs_as_the_user_of_the_target_and_may_write_where_it_works(
    require_real: Callable[[str], NoReturn],
) -> None:
    if os.geteuid() != 0:
        require_real("Only root may run programs as somebody else.")
    home = Path(tempfile.mkdtemp(prefix="lockgate-"))
    home.chmod(0o755)
    ground = ProcessGround(home)
    ground.settings = replace(ground.settings, user="nobody")
    try:
        target = ground.target()
        target.ensure(KEY, ground.sample(command=("sh", "-c", "id -un; touch x && ls; exec sleep 1000")), 1, FENCE)
        wait_until(lambda: target.logs(KEY, the_only(target).id, 0, 100).text == "nobody\nx\n")
    finally:
        ground.clear()
        shutil.rmtree(home)


def test_ending_all_leaves_no_process(ground: ProcessGround, target: ProcessTarget) -> None:
    (instance,) = made_ready(ground, target, ground.sample("--children", "1"), 1)
    pids = shim_of(ground, instance).pids()
    end_all(ground.settings.home)
    assert not any(alive(pid) for pid in pids)
