"""The Docker target, with real containers: the contract, and what only it promises."""

import contextlib
import http.client
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import docker
import pytest

from lockgate.core.application import Container, Health, Resources, Stop
from lockgate.core.artifact import Artifact, ArtifactKind
from lockgate.core.errors import ComponentMissing, Conflict, Fenced, Invalid, NotFound, PortTaken, StartFailed
from lockgate.core.ids import Digest, InstanceId
from lockgate.core.inventory import Condition, Instance
from lockgate.core.plan import InstanceSpec
from lockgate.core.secret import SecretSource, SecretStore
from lockgate.drivers.targets.docker import DockerTarget, berths
from lockgate.ports import Target
from lockgate.testing import sample_app
from lockgate.testing.contracts.target import FENCE, KEY, NEWER, OTHER, TargetContract, identities, made_ready, prepared
from lockgate.testing.docker_engine import DockerEngine
from lockgate.testing.docker_ground import DockerGround
from lockgate.testing.images import PYTHON
from lockgate.testing.waiting import wait_until

pytestmark = pytest.mark.real


@pytest.fixture
def target(ground: DockerGround) -> DockerTarget:
    return ground.target()


@pytest.fixture
def client(docker_engine: DockerEngine) -> Iterator[docker.DockerClient]:
    with contextlib.closing(docker_engine.client()) as made:
        yield made


class TestContract(TargetContract):
    """See the contract."""


def ask(instance: Instance, path: str) -> str:
    connection = http.client.HTTPConnection(instance.endpoint, timeout=5)
    try:
        connection.request("GET", path)
        return connection.getresponse().read().decode()
    finally:
        connection.close()


def crash(instance: Instance) -> None:
    with contextlib.suppress(OSError, http.client.HTTPException):
        ask(instance, "/crash")


def the_only(target: Target) -> Instance:
    (instance,) = target.observe(KEY).instances
    return instance


def in_condition(target: Target, condition: Condition, again: InstanceSpec | None = None) -> Instance:
    """``again``: asked for until there is one, as the engine does; a start may be prevented by the machine."""

    def found() -> Instance | None:
        seen = target.observe(KEY).instances
        if again is not None and not seen:
            target.ensure(KEY, again, 1, FENCE)
        return next((instance for instance in seen if instance.condition is condition), None)

    return wait_until(found)


def container_of(client: docker.DockerClient, instance: Instance) -> Any:
    (found,) = client.containers.list(all=True, filters={"label": f"lockgate.instance={instance.id}"})
    return found


def run_in(client: docker.DockerClient, instance: Instance, code: str) -> str:
    """What a Python program inside prints, errors included."""
    return str(container_of(client, instance).exec_run([PYTHON, "-I", "-S", "-c", code]).output.decode())


# --- what an instance finds ---


def test_it_is_told_where_to_listen_and_who_it_is(ground: DockerGround, target: DockerTarget) -> None:
    spec = ground.sample(env={"GREETING": "port {port}, {{plain}}"})
    (instance,) = made_ready(ground, target, spec, 1)
    port = instance.endpoint.partition(":")[2]
    assert ask(instance, "/env?name=GREETING") == f"port {port}, {{plain}}"
    assert ask(instance, "/env?name=PORT") == port
    assert ask(instance, "/env?name=LOCKGATE_INSTANCE") == instance.id
    assert ask(instance, "/env?name=LOCKGATE_REVISION") == spec.revision


def test_files_are_copied_in_for_the_user_it_runs_as(
    ground: DockerGround, target: DockerTarget, tmp_path: Path, client: docker.DockerClient
) -> None:
    data = tmp_path / "data.db"
    data.write_text("forty-two")
    file = Artifact(ArtifactKind.FILE, str(data), "1", Digest("sha256:" + "4" * 64), "file:data.db")
    container = Container(user="1234:1234", read_only=True)
    spec = ground.sample(files={"data.db": file}, env={"WHERE": "{files.data.db}"}, container=container)
    (instance,) = made_ready(ground, target, spec, 1)
    assert ask(instance, "/env?name=WHERE") == "/lockgate/work/data.db"
    code = "import os; f = '/lockgate/work/data.db'; s = os.stat(f); print(s.st_uid, s.st_gid, open(f).read())"
    assert run_in(client, instance, code).split() == ["1234", "1234", "forty-two"]
    assert data.read_text() == "forty-two"
    assert run_in(client, instance, "open('/lockgate/work/new', 'w'); print('written')").strip() == "written"


def test_a_secret_is_a_file_for_its_user_alone_and_nowhere_to_be_seen(
    ground: DockerGround, target: DockerTarget, tmp_path: Path, client: docker.DockerClient
) -> None:
    (tmp_path / "password").write_text("xyzzy-forty-two\n")
    source = SecretSource(SecretStore.FILE, str(tmp_path / "password"))
    container = Container(user="1234", read_only=True)
    spec = ground.sample(secrets={"password": source}, env={"WHERE": "{secrets.password}"}, container=container)
    (instance,) = made_ready(ground, target, spec, 1)
    assert ask(instance, "/env?name=WHERE") == "/run/secrets/password"
    code = "import os; s = os.stat('/run/secrets/password'); print(oct(s.st_mode), s.st_uid)"
    assert run_in(client, instance, f"{code}; print(open('/run/secrets/password').read())").split() == [
        "0o100400",
        "1234",
        "xyzzy-forty-two",
    ]
    told = client.api.inspect_container(container_of(client, instance).id)
    assert "xyzzy-forty-two" not in json.dumps(told)
    kept = [file for file in (tmp_path / "home").rglob("*") if file.is_file()]
    assert kept and not any(b"xyzzy-forty-two" in file.read_bytes() for file in kept)


def test_a_secret_that_is_printed_is_masked_wherever_it_would_be_told(
    ground: DockerGround, target: DockerTarget, tmp_path: Path
) -> None:
    (tmp_path / "password").write_text("open sesame\n")
    source = SecretSource(SecretStore.FILE, str(tmp_path / "password"))
    talkative = "print('it is', open('/run/secrets/password').read(), flush=True)"
    wait, fail = f"{talkative}; import time; time.sleep(1000)", f"{talkative}; raise SystemExit(7)"

    def spec(code: str) -> InstanceSpec:
        container = Container(entrypoint=(PYTHON, "-I", "-S", "-c", code))
        return ground.sample(command=(), secrets={"password": source}, container=container)

    (instance,) = made_ready(ground, target, spec(wait), 1)
    successor = ground.target()
    assert successor.logs(KEY, instance.id, 0, 1000).text == "it is ***\n"
    target.retire(KEY, [instance.id], FENCE)
    wait_until(lambda: not target.observe(KEY).instances)
    assert target.logs(KEY, instance.id, 0, 1000).text == "it is ***\n"
    prepared(ground, target, spec(fail))
    target.ensure(KEY, spec(fail), 1, FENCE)
    failed = in_condition(target, Condition.FAILED, spec(fail))
    assert "it is ***" in failed.because and "sesame" not in failed.because


def test_a_secret_that_is_not_there_is_the_machines_fault_and_makes_nothing(
    ground: DockerGround, target: DockerTarget
) -> None:
    source = SecretSource(SecretStore.FILE, "/nowhere/password")
    spec = ground.sample(secrets={"password": source})
    prepared(ground, target, spec)
    with pytest.raises(ComponentMissing, match="/nowhere/password"):
        target.ensure(KEY, spec, 1, FENCE)
    assert not target.observe(KEY).instances


def test_a_root_that_is_closed_leaves_scratch_folders_open(
    ground: DockerGround, target: DockerTarget, client: docker.DockerClient
) -> None:
    spec = ground.sample(container=Container(read_only=True, scratch=("/tmp",)))
    (instance,) = made_ready(ground, target, spec, 1)
    assert "Read-only" in run_in(client, instance, "open('/new', 'w')")
    assert run_in(client, instance, "open('/tmp/new', 'w'); print('written')").strip() == "written"


def test_mounts_are_folders_of_the_machine_and_volumes_that_outlive_it(
    ground: DockerGround, target: DockerTarget, client: docker.DockerClient, tmp_path: Path
) -> None:
    (tmp_path / "shared").mkdir()
    volume = f"kept-{os.getpid()}"
    mounts = {"/shared": str(tmp_path / "shared"), "/closed": f"{tmp_path / 'shared'}:ro", "/kept": volume}
    try:
        (instance,) = made_ready(ground, target, ground.sample(container=Container(mounts=mounts)), 1)
        run_in(client, instance, "open('/shared/note', 'w').write('hello'); open('/kept/note', 'w').write('hello')")
        assert (tmp_path / "shared/note").read_text() == "hello"
        assert "Read-only" in run_in(client, instance, "open('/closed/new', 'w')")
        target.retire(KEY, [instance.id], FENCE)
        wait_until(lambda: not target.observe(KEY).instances)
        (again,) = made_ready(ground, target, ground.sample("--version", "2", container=Container(mounts=mounts)), 1)
        assert run_in(client, again, "print(open('/kept/note').read())").strip() == "hello"
    finally:
        ground.clear()
        client.volumes.get(volume).remove()


def test_a_folder_that_the_machine_does_not_have_is_not_the_releases_fault(
    ground: DockerGround, target: DockerTarget
) -> None:
    spec = ground.sample(container=Container(mounts={"/data": "/nowhere/at/all"}))
    prepared(ground, target, spec)
    with pytest.raises(ComponentMissing, match="/nowhere/at/all"):
        target.ensure(KEY, spec, 1, FENCE)


def test_privileges_are_few_unless_asked_for(
    ground: DockerGround, target: DockerTarget, client: docker.DockerClient
) -> None:
    status = "print([l.split()[1] for l in open('/proc/self/status') if l.startswith(('CapEff', 'NoNewPrivs'))])"
    (usual,) = made_ready(ground, target, ground.sample(), 1)
    effective, no_new = eval(run_in(client, usual, status))
    assert not int(effective, 16) & (1 << 13 | 1 << 27 | 1 << 29)  # NET_RAW, MKNOD, AUDIT_WRITE
    assert int(effective, 16) & 1 << 10 and no_new == "1"  # NET_BIND_SERVICE
    (chosen,) = made_ready(
        ground, target, ground.sample("--version", "2", container=Container(capabilities=("CHOWN",))), 1
    )
    assert int(eval(run_in(client, chosen, status))[0], 16) == 1
    free = ground.sample("--version", "3", container=Container(gain_privileges=True))
    (may_gain,) = made_ready(ground, target, free, 1)
    assert eval(run_in(client, may_gain, status))[1] == "0"


def test_limits_and_logging_are_asked_of_the_engine(
    ground: DockerGround, target: DockerTarget, client: docker.DockerClient
) -> None:
    limits = Resources(memory_bytes=100 * 2**20, cpu=0.5, pids=50, open_files=200)
    (instance,) = made_ready(ground, target, ground.sample(resources=limits), 1)
    host = container_of(client, instance).attrs["HostConfig"]
    assert (host["Memory"], host["MemorySwap"], host["NanoCpus"], host["PidsLimit"]) == (
        100 * 2**20,
        100 * 2**20,
        500_000_000,
        50,
    )
    assert "200" in run_in(client, instance, "print([l for l in open('/proc/1/limits') if 'open files' in l])")
    assert host["LogConfig"]["Config"] == {"max-size": str(ground.settings.log_bytes), "max-file": "3"}


def test_an_entrypoint_stands_before_the_command(ground: DockerGround, target: DockerTarget) -> None:
    container = Container(entrypoint=(PYTHON, "-I", "-S", "/sample_app.py", "--version", "entry"))
    (instance,) = made_ready(ground, target, ground.sample(container=container), 1)
    assert ask(instance, "/version") == "entry"


def test_a_placeholder_without_a_meaning_here_is_refused(ground: DockerGround, target: DockerTarget) -> None:
    spec = ground.sample("{artifact}")
    prepared(ground, target, spec)
    with pytest.raises(Invalid, match="artifact"):
        target.ensure(KEY, spec, 1, FENCE)
    assert not target.observe(KEY).instances


# --- failing ---


def test_one_that_ends_too_early_tells_its_exit_code_and_last_words(ground: DockerGround, target: DockerTarget) -> None:
    spec = ground.broken("1")
    prepared(ground, target, spec)
    target.ensure(KEY, spec, 1, FENCE)
    failed = in_condition(target, Condition.FAILED, spec)
    assert "exit code 7" in failed.because and "sample: told to end with 7" in failed.because
    assert "told to end with 7" in target.logs(KEY, failed.id, 0, 10_000).text


def test_one_that_uses_too_much_memory_is_told_so(ground: DockerGround, target: DockerTarget) -> None:
    spec = ground.sample("--eat", "300", resources=Resources(memory_bytes=64 * 2**20))
    prepared(ground, target, spec)
    target.ensure(KEY, spec, 1, FENCE)
    assert "more than its 64 MiB of memory" in in_condition(target, Condition.FAILED, spec).because


def test_one_that_never_listens_fails_after_its_time(ground: DockerGround, target: DockerTarget) -> None:
    health = Health("/health", interval=0.05, start_within=0.5)
    spec = ground.sample("--start-delay", "1000", health=health)
    prepared(ground, target, spec)
    target.ensure(KEY, spec, 1, FENCE)
    failed = in_condition(target, Condition.FAILED, spec)
    assert "not ready within 0.5 s" in failed.because and "Nothing listens" in failed.because


def test_what_cannot_be_started_at_all_has_failed_and_says_why(ground: DockerGround, target: DockerTarget) -> None:
    spec = ground.sample(container=Container(user="nobody-here"))
    prepared(ground, target, spec)
    target.ensure(KEY, spec, 1, FENCE)
    assert "nobody-here" in in_condition(target, Condition.FAILED, spec).because


def test_good_answers_of_a_stranger_do_not_count(ground: DockerGround, target: DockerTarget) -> None:
    """Its own program hangs, while somebody else's answers where it should."""
    health = Health("/health", interval=0.05, start_within=3.0)
    spec = ground.sample("--start-delay", "1000", health=health)
    prepared(ground, target, spec)
    target.ensure(KEY, spec, 1, FENCE)
    host, _, port = in_condition(target, Condition.STARTING, spec).endpoint.partition(":")
    words = (sys.executable, "-I", "-S", sample_app.__file__, "--host", host, "--port", port)
    with subprocess.Popen(words, stdout=subprocess.DEVNULL) as stranger:
        try:
            wait_until(lambda: "another program" in the_only(target).because)
            assert in_condition(target, Condition.FAILED)
        finally:
            stranger.kill()


def test_a_crash_after_it_was_ready_is_mended_by_the_engine(ground: DockerGround, target: DockerTarget) -> None:
    (before,) = made_ready(ground, target, ground.good("1"), 1)
    crash(before)
    wait_until(lambda: the_only(target).restarts == 1)
    wait_until(lambda: the_only(target).condition is Condition.READY)
    assert the_only(target).id == before.id and the_only(target).started_at > before.started_at


def test_after_a_restart_by_hand_it_must_pass_its_checks_anew(
    ground: DockerGround, target: DockerTarget, client: docker.DockerClient
) -> None:
    """The engine does not count it."""
    spec = ground.sample("--start-delay", "0.4")
    (before,) = made_ready(ground, target, spec, 1)
    container_of(client, before).restart(timeout=1)
    assert the_only(target).condition is Condition.UNREADY
    wait_until(lambda: the_only(target).condition is Condition.READY)


def test_one_that_somebody_stopped_is_no_more_and_is_replaced(
    ground: DockerGround, target: DockerTarget, client: docker.DockerClient
) -> None:
    spec = ground.good("1")
    (before,) = made_ready(ground, target, spec, 1)
    container_of(client, before).stop(timeout=1)
    assert not target.observe(KEY).instances
    (after,) = made_ready(ground, target, spec, 1)
    assert (after.slot, after.id != before.id) == (0, True)


def test_one_that_does_not_pass_any_more_is_unready_and_comes_back(ground: DockerGround, target: DockerTarget) -> None:
    (instance,) = made_ready(ground, target, ground.good("1"), 1)
    ask(instance, "/become?health=503")
    assert "503" in in_condition(target, Condition.UNREADY).because
    ask(instance, "/become?health=200")
    in_condition(target, Condition.READY)


# --- names ---


def test_a_foreign_container_by_our_name_is_left_alone_and_named(
    ground: DockerGround, target: DockerTarget, client: docker.DockerClient
) -> None:
    spec = ground.good("1")
    prepared(ground, target, spec)
    name = berths.name_of(berths.installation(ground.settings.home), KEY, spec.revision, 0)
    stranger = client.containers.create(f"{ground.artifact.name}@{ground.artifact.digest}", name=name)
    try:
        with pytest.raises(Conflict, match=name) as told:
            target.ensure(KEY, spec, 1, FENCE)
        assert not isinstance(told.value, (StartFailed, PortTaken))
        assert not target.observe(KEY).instances
        stranger.reload()
    finally:
        stranger.remove(force=True)


def test_two_installations_on_one_engine_do_not_see_each_other(
    ground: DockerGround, target: DockerTarget, make_ground: Any
) -> None:
    spec = ground.good("1")
    (mine,) = made_ready(ground, target, spec, 1)
    other = make_ground("other").target()
    assert not other.observe(KEY).instances
    other.retire(KEY, [mine.id], FENCE)
    (theirs,) = made_ready(ground, other, spec, 1)
    assert theirs.id != mine.id and theirs.slot == mine.slot == 0
    assert other.end_all() == 1
    assert the_only(target) == mine


def test_everything_of_an_installation_is_ended_at_once(ground: DockerGround, target: DockerTarget) -> None:
    made_ready(ground, target, ground.good("1"), 2)
    target.ensure(OTHER, ground.good("1"), 1, FENCE)
    assert target.end_all() == 3
    assert not target.observe(KEY).instances and not target.observe(OTHER).instances


# --- control planes that come and go ---


def test_one_that_was_made_and_never_started_is_replaced(
    ground: DockerGround, target: DockerTarget, client: docker.DockerClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its control plane was killed in between."""
    spec = ground.good("1")
    prepared(ground, target, spec)
    dead = ground.target()
    dead._launching._pool.shutdown()
    with pytest.raises(RuntimeError):
        dead.ensure(KEY, spec, 1, FENCE)
    assert client.containers.list(all=True, filters={"status": "created", "label": "lockgate.component=web"})
    assert the_only(target).condition is Condition.STARTING
    monkeypatch.setattr(berths, "MAKING", 0.0)
    monkeypatch.setattr("lockgate.drivers.targets.docker.target.MAKING", 0.0)
    assert not target.observe(KEY).instances
    assert len(made_ready(ground, target, spec, 1)) == 1


def test_a_frozen_control_plane_that_wakes_up_does_not_start_what_it_made(
    ground: DockerGround, target: DockerTarget, client: docker.DockerClient
) -> None:
    spec = ground.good("1")
    prepared(ground, target, spec)
    asleep = ground.target()
    wakes = threading.Event()
    fill = asleep._launching._fill_and_start
    asleep._launching._fill_and_start = lambda *what: (wakes.wait(20), fill(*what))[1]  # type: ignore[method-assign]
    asleep.ensure(KEY, spec, 1, FENCE)
    target.retire(KEY, [], NEWER)
    wakes.set()
    wait_until(lambda: not target.observe(KEY).instances)
    with pytest.raises(Fenced):
        asleep.ensure(KEY, spec, 1, FENCE)


def test_a_stop_is_seen_through_by_another_control_plane(
    ground: DockerGround, target: DockerTarget, client: docker.DockerClient
) -> None:
    """The one that was asked is killed after it has marked the container."""
    (instance,) = made_ready(ground, target, ground.good("1"), 1)
    dead = ground.target()
    dead._removal._pool.shutdown()
    dead.retire(KEY, [instance.id], FENCE)
    assert container_of(client, instance).status == "running"
    assert the_only(target).condition is Condition.STOPPING
    wait_until(lambda: not target.observe(KEY).instances)


def test_the_place_of_one_that_stops_is_taken_until_it_is_gone(ground: DockerGround, target: DockerTarget) -> None:
    spec = ground.sample("--ignore-term")
    (instance,) = made_ready(ground, target, spec, 1)
    target.retire(KEY, [instance.id], FENCE)
    target.ensure(KEY, spec, 1, FENCE)
    slots = {i.slot: i.condition for i in target.observe(KEY).instances}
    assert slots == {0: Condition.STOPPING, 1: Condition.STARTING} or slots[1] is Condition.READY


def test_two_control_planes_at_once_make_each_instance_once(ground: DockerGround, target: DockerTarget) -> None:
    spec = ground.good("1")
    prepared(ground, target, spec)
    planes = [ground.target() for _ in range(3)]
    threads = [threading.Thread(target=plane.ensure, args=(KEY, spec, 3, FENCE)) for plane in planes]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    wait_until(lambda: len(target.observe(KEY).ready(spec.revision)) == 3)
    assert [i.slot for i in target.observe(KEY).of(spec.revision)] == [0, 1, 2]


# --- stopping ---


def test_the_signal_is_the_one_that_was_asked_for(
    ground: DockerGround, target: DockerTarget, client: docker.DockerClient
) -> None:
    spec = ground.sample(stop=Stop(signal="USR1", grace=30.0))
    (instance,) = made_ready(ground, target, spec, 1)
    assert container_of(client, instance).attrs["Config"]["StopSignal"] == "SIGUSR1"
    began = time.monotonic()
    target.retire(KEY, [instance.id], FENCE)
    wait_until(lambda: not target.observe(KEY).instances)
    assert time.monotonic() - began < 30.0, "Nobody waited for the grace to be over."


def test_what_ignores_the_signal_is_killed_after_its_grace_with_all_it_started(
    ground: DockerGround, target: DockerTarget, client: docker.DockerClient
) -> None:
    spec = ground.sample("--ignore-term", "--children", "2", stop=Stop(grace=0.5))
    (instance,) = made_ready(ground, target, spec, 1)
    processes = [int(row[1]) for row in container_of(client, instance).top()["Processes"]]
    target.retire(KEY, [instance.id], FENCE)
    wait_until(lambda: not target.observe(KEY).instances)
    for process in processes:
        with pytest.raises(ProcessLookupError):
            os.kill(process, signal.SIG_DFL)


# --- output ---


def test_output_is_read_on_without_losing_or_repeating_anything(ground: DockerGround, target: DockerTarget) -> None:
    code = (
        "import sys; [print('line', n, flush=True) for n in range(200)]; sys.stdin.read(); import time; time.sleep(99)"
    )
    spec = replace(ground.silent(), container=Container(entrypoint=(PYTHON, "-I", "-S", "-c", code.replace("{", "{{"))))
    (instance,) = made_ready(ground, target, spec, 1)
    told, after = "", 0
    while (chunk := target.logs(KEY, instance.id, after, 100)).text:
        assert chunk.next > after
        told, after = told + chunk.text, chunk.next
    assert told == "".join(f"line {n}\n" for n in range(200))
    target.retire(KEY, [instance.id], FENCE)
    wait_until(lambda: not target.observe(KEY).instances)
    assert target.logs(KEY, instance.id, 0, 100_000).text == told
    assert target.logs(KEY, instance.id, after, 100_000).text == ""


def test_output_of_the_last_ended_instances_is_kept_and_no_more(ground: DockerGround, target: DockerTarget) -> None:
    gone = []
    for version in ("1", "2", "3", "4"):
        (instance,) = made_ready(ground, target, ground.good(version), 1)
        target.retire(KEY, [instance.id], FENCE)
        wait_until(lambda: not target.observe(KEY).instances)
        gone.append(instance.id)
    with pytest.raises(NotFound):
        target.logs(KEY, gone[0], 0, 1000)
    assert all("listens" in target.logs(KEY, instance, 0, 1000).text for instance in gone[1:])
    with pytest.raises(NotFound):
        target.logs(KEY, InstanceId("never-was"), 0, 1000)


def test_a_new_control_plane_knows_at_once_who_is_ready(ground: DockerGround, target: DockerTarget) -> None:
    spec = ground.good("1")
    before = made_ready(ground, target, spec, 3)
    target.close()
    assert identities(ground.target().observe(KEY).ready(spec.revision)) == identities(before)
