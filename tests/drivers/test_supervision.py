"""The shim: what it keeps running, what it survives, and what it ends."""

import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any, NoReturn

import pytest

from lockgate.core.errors import Conflict, Invalid, Unavailable
from lockgate.drivers import cgroups, shim, supervision
from lockgate.drivers.supervision import Gone, Limits, Program, ProgramStatus, Restart, Shim, alive, start
from lockgate.testing.grounds import end_all
from lockgate.testing.waiting import wait_until

ENVIRON = {"PATH": os.environ["PATH"]}


@pytest.fixture
def root(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path
    end_all(tmp_path)


def a_program(script: str, **changes: Any) -> Program:
    """A shell script as a program."""
    return replace(Program(("/bin/sh", "-c", script), "/", ENVIRON, grace=2.0), **changes)


def once(script: str, **changes: Any) -> Program:
    return a_program(script, restart=Restart.NEVER, **changes)


def ended(found: Shim) -> ProgramStatus:
    return wait_until(lambda: status if (status := found.status()).state == "exited" else None)


def running(found: Shim) -> ProgramStatus:
    return wait_until(lambda: status if (status := found.status()).state == "running" and status.pid else None)


def output(found: Shim) -> str:
    return found.log(0, 1 << 20)[0].decode()


def printed(found: Shim, text: str) -> str:
    wait_until(lambda: text in output(found))
    return output(found)


# --- running ---


def test_a_result_is_kept_after_the_shim_has_ended(root: Path) -> None:
    found = start(root / "a", once("echo out; echo err >&2; exit 3"))
    assert ended(found).exit_code == 3
    wait_until(lambda: not found.locked())
    assert found.status() == Shim(root / "a").status()
    assert found.status().state == "exited"
    assert sorted(output(found).split()) == ["err", "out"]


def test_what_was_started_can_be_read_back(root: Path) -> None:
    program = once("true", limits=Limits(open_files=64), labels={"key": "dev/ü"}, user=None, within=5.0)
    found = start(root / "a", program)
    assert found.program() == program
    assert ended(found).labels == {"key": "dev/ü"}


def test_a_program_gets_its_environment_and_nothing_else_of_ours(root: Path) -> None:
    found = start(root / "a", Program(("env",), str(root), {**ENVIRON, "COLOUR": "blue"}, restart=Restart.NEVER))
    ended(found)
    names = {line.partition("=")[0] for line in output(found).splitlines()}
    assert names == {"PATH", "COLOUR", shim.MARK}


def test_a_program_starts_with_clean_signals_and_open_files(root: Path) -> None:
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        found = start(root / "a", once("grep -E 'Sig(Blk|Ign)' /proc/self/status; ls /proc/self/fd"))
    finally:
        signal.signal(signal.SIGINT, before)
    ended(found)
    words = output(found).split()
    assert words[:4] == ["SigBlk:", "0" * 16, "SigIgn:", "0" * 16]
    assert len(words[4:]) == 4  # the three, and the folder that ls reads


def test_a_program_that_ends_is_started_again_after_growing_pauses(root: Path) -> None:
    found = start(root / "a", a_program("date +%s.%N; exit 1"))
    wait_until(lambda: found.status().restarts >= 4)
    times = [float(line) for line in output(found).split()]
    pauses = [after - before for before, after in pairwise(times)]
    assert [pause >= 0.1 * 2**n for n, pause in enumerate(pauses)] == [True] * len(pauses)
    assert found.status().exit_code == 1


def test_a_killed_program_is_started_again(root: Path) -> None:
    found = start(root / "a", a_program("exec sleep 1000"))
    first = running(found)
    assert first.pid is not None
    os.kill(first.pid, signal.SIGKILL)
    wait_until(lambda: found.status().restarts == 1 and found.status().state == "running")
    second = found.status()
    assert second.pid != first.pid
    assert second.exit_code == -signal.SIGKILL
    assert second.shim_pid == first.shim_pid


@pytest.mark.parametrize(
    ("program", "sentence"),
    [
        (Program(("nonesuch", "-x"), "/", ENVIRON), "lockgate: cannot run 'nonesuch' in /: No such file or directory"),
        (Program(("true",), "/", {"PATH": "bin:/nowhere"}), "cannot run 'true' in /: No such file or directory"),
        (Program(("/etc/passwd",), "/", ENVIRON), "cannot run '/etc/passwd' in /: Permission denied: /etc/passwd"),
        (Program(("true",), "/nowhere", ENVIRON), "cannot run 'true' in /nowhere: No such file or directory: /nowhere"),
    ],
)
def test_a_program_that_cannot_be_run_says_so_in_its_log(root: Path, program: Program, sentence: str) -> None:
    found = start(root / "a", replace(program, restart=Restart.NEVER))
    assert ended(found).exit_code == 127
    assert sentence in output(found)


def test_a_program_that_runs_too_long_is_stopped(root: Path) -> None:
    found = start(root / "a", once("exec sleep 1000", within=0.05))
    status = ended(found)
    assert status.timed_out
    assert status.exit_code == -signal.SIGTERM


def test_a_signal_is_passed_on(root: Path) -> None:
    found = start(root / "a", a_program("trap 'echo heard' USR1; echo up; while :; do sleep 0.01; done"))
    printed(found, "up")
    found.signal(signal.SIGUSR1)
    printed(found, "heard")


# --- one shim to a folder ---


def test_there_is_never_a_second_shim_on_a_folder(root: Path) -> None:
    found = start(root / "a", a_program("exec sleep 1000"))
    with pytest.raises(Conflict):
        start(root / "a", a_program("exec sleep 1000"))
    assert running(found).restarts == 0


def test_a_folder_is_used_again_and_its_log_goes_on(root: Path) -> None:
    ended(start(root / "a", once("echo one")))
    found = start(root / "a", once("echo two"))
    assert ended(found).exit_code == 0
    assert output(found) == "one\ntwo\n"


def test_a_folder_may_have_a_name_longer_than_a_socket_address(root: Path) -> None:
    found = start(root / ("long" * 40) / "a", a_program("exec sleep 1000"))
    assert running(found).pid


# --- surviving ---


def starter(root: Path, then: str) -> subprocess.Popen[bytes]:
    """Another control plane: it starts a program from a thread that ends, and then does something."""
    script = f"""
        import os, signal, threading, time
        from pathlib import Path
        from lockgate.drivers.supervision import Program, start
        program = Program(("sleep", "1000"), "/", {ENVIRON!r})
        thread = threading.Thread(target=start, args=(Path({str(root / "a")!r}), program))
        thread.start()
        thread.join()
        {then}
    """
    return subprocess.Popen([sys.executable, "-c", textwrap.dedent(script)], start_new_session=True)


@pytest.mark.parametrize("then", ["os.kill(os.getpid(), signal.SIGKILL)", "os.killpg(0, signal.SIGKILL)"])
def test_a_program_outlives_whoever_started_it(root: Path, then: str) -> None:
    starter(root, then).wait()
    (found,) = supervision.adopt(root)
    status = running(found)
    assert status.restarts == 0
    assert status.pid is not None
    assert alive(status.pid)


def test_no_zombie_stays_with_the_starter(root: Path) -> None:
    for name in "abc":
        start(root / name, a_program("exec sleep 1000"))
    wait_until(lambda: not any(shim.stat_of(pid)[:1] == ["Z"] for pid in shim.descendants(os.getpid())))


def test_only_living_shims_are_adopted(root: Path) -> None:
    living = start(root / "deep" / "down" / "living", a_program("exec sleep 1000"))
    ended(start(root / "done", once("true")))
    killed = start(root / "killed", a_program("exec sleep 1000"))
    os.kill(running(killed).shim_pid, signal.SIGKILL)
    wait_until(lambda: [s.folder for s in supervision.adopt(root)] == [living.folder])
    assert len(supervision.programs(root)) == 3


def test_a_killed_shim_takes_its_program_along_and_is_gone(root: Path) -> None:
    found = start(root / "a", a_program("exec sleep 1000"))
    status = running(found)
    os.kill(status.shim_pid, signal.SIGKILL)
    wait_until(lambda: not alive(status.pid or 0) and not found.locked())
    with pytest.raises(Gone):
        found.status()


def test_what_a_killed_shim_left_behind_is_swept(root: Path) -> None:
    script = "setsid sleep 1000 & env -i sleep 1000 & echo up; exec sleep 1000"
    found = start(root / "a", a_program(script))
    printed(found, "up")
    pids = wait_until(lambda: pids if len(pids := found.pids()) == 3 else None)
    os.kill(found.status().shim_pid, signal.SIGKILL)
    wait_until(lambda: not found.locked())
    assert sum(alive(pid) for pid in pids) >= 2
    found.sweep()
    assert not any(alive(pid) for pid in pids)


def test_a_living_shim_is_not_swept(root: Path) -> None:
    found = start(root / "a", a_program("exec sleep 1000"))
    with pytest.raises(Conflict):
        found.sweep()
    assert running(found).pid


def test_a_frozen_shim_is_told_apart_and_can_be_killed(root: Path) -> None:
    found = start(root / "a", a_program("exec sleep 1000"))
    status = running(found)
    os.kill(status.shim_pid, signal.SIGSTOP)
    with pytest.raises(Unavailable):
        found.status(patience=0.05)
    with pytest.raises(Unavailable):
        found.stop(patience=0.05)
    assert alive(status.pid or 0)
    found.kill()
    wait_until(lambda: not alive(status.pid or 0))


# --- stopping ---


def test_stopping_ends_everything_the_program_started(root: Path) -> None:
    script = "setsid sh -c 'sleep 1000 & sleep 1000' & (trap '' TERM; sleep 1000) & echo up; exec sleep 1000"
    found = start(root / "a", a_program(script, grace=0.2))
    printed(found, "up")
    pids = wait_until(lambda: pids if len(pids := found.pids()) >= 5 else None)
    found.stop()
    found.stop()
    assert ended(found).exit_code == -signal.SIGTERM
    assert not any(alive(pid) for pid in pids)
    found.stop()


def test_what_does_not_stop_in_time_is_killed(root: Path) -> None:
    found = start(root / "a", a_program("trap '' TERM; echo up; while :; do sleep 0.01; done", grace=0.1))
    printed(found, "up")
    found.stop()
    assert ended(found).exit_code == -signal.SIGKILL


def test_children_get_the_signal_and_the_grace_when_the_program_goes_first(root: Path) -> None:
    child = "trap 'echo child has finished; exit 0' TERM; echo up; while :; do sleep 0.01; done"
    found = start(root / "a", a_program(f"({child}) & trap 'exit 0' TERM; while :; do sleep 0.01; done"))
    printed(found, "up")
    found.stop()
    assert ended(found).exit_code == 0
    assert "child has finished" in output(found)


def test_a_program_between_two_starts_is_stopped_at_once(root: Path) -> None:
    found = start(root / "a", a_program("exit 1"))
    wait_until(lambda: found.status().state == "backoff" and found.status().restarts > 2)
    found.stop()
    assert ended(found).restarts >= 2


def test_a_crash_takes_what_the_program_had_started_along(root: Path) -> None:
    found = start(root / "a", once("setsid sleep 1000 & echo $!; exit 1"))
    ended(found)
    assert not alive(int(output(found)))


# --- output ---


def test_output_is_rotated_and_read_on_across_files(root: Path) -> None:
    script = "i=0; while [ $i -lt 8000 ]; do echo line $i; i=$((i+1)); done"
    found = start(root / "a", once(script, log_bytes=20_000, log_files=3))
    ended(found)
    sizes = [file.stat().st_size for file in found.folder.glob("log.*")]
    assert len(sizes) == 3
    assert max(sizes) <= 20_000
    text, place = b"", 0
    while (chunk := found.log(place, 7_000))[0]:
        text, place = text + chunk[0], chunk[1]
    whole = "".join(f"line {i}\n" for i in range(8000)).encode()
    assert place == len(whole)
    assert len(text) > 40_000
    assert whole.endswith(text)
    assert found.tail(10) == whole[-10:]


def test_output_of_a_child_that_lives_on_is_not_waited_for(root: Path) -> None:
    found = start(root / "a", once("(while :; do echo noise; done) & sleep 0.05; exit 0"))
    assert ended(found).exit_code == 0


# --- limits ---


def test_open_files_are_limited(root: Path) -> None:
    found = start(root / "a", once("ulimit -n; ulimit -Hn", limits=Limits(open_files=64)))
    ended(found)
    assert output(found).split() == ["64", "64"]


def test_memory_is_limited_and_the_reason_is_told(root: Path, require_real: Callable[[str], NoReturn]) -> None:
    groups = cgroups.make("lockgate-probe", {"memory": 1 << 26})
    cgroups.remove("lockgate-probe")
    if "memory" not in groups.enforced:
        require_real("There is no memory control group that we may use.")
    eater = (sys.executable, "-I", "-S", "-c", "x = [b'x' * 1000_000 for _ in range(300)]")
    program = Program(eater, "/", ENVIRON, restart=Restart.NEVER, limits=Limits(memory_bytes=60 << 20))
    found = start(root / "a", program)
    status = ended(found)
    assert (status.exit_code, status.oom) == (-signal.SIGKILL, True)
    wait_until(lambda: not found.locked())
    assert not [folder for folder in groups.folders if Path(folder).exists()]


def test_a_limit_that_cannot_be_had_is_told_in_the_log(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cgroups, "MOUNT", root / "nowhere")
    found = start(root / "a", once("ulimit -d", limits=Limits(memory_bytes=100 << 20, pids=5)))
    ended(found)
    assert "no memory control group for us, so the limit holds for each process by itself." in output(found)
    assert "no pids control group for us, so the limit is not applied." in output(found)
    assert str((100 << 20) // 1024) in output(found).split()


# --- users ---


def test_a_program_runs_as_its_user(root: Path, require_real: Callable[[str], NoReturn]) -> None:
    if os.geteuid() != 0:
        require_real("Only root may run programs as somebody else.")
    found = start(root / "a", once("id -un", user="nobody"))
    ended(found)
    assert output(found) == "nobody\n"
    killed = start(root / "b", a_program("exec sleep 1000", user="nobody"))
    status = running(killed)
    os.kill(status.shim_pid, signal.SIGKILL)
    wait_until(lambda: not alive(status.pid or 0))


def test_an_unknown_user_is_refused_and_nothing_is_made(root: Path) -> None:
    with pytest.raises(Invalid, match="no user 'nonesuch'"):
        start(root / "a", once("true", user="nonesuch"))
    assert not (root / "a").exists()
