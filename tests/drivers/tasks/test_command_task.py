"""Command tasks: the contract, and what only they promise."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from lockgate.core.errors import Fenced, NotFound, Unavailable
from lockgate.core.ids import Generation
from lockgate.core.plan import Fence
from lockgate.drivers import supervision
from lockgate.drivers.redaction import Redaction
from lockgate.drivers.tasks import command
from lockgate.drivers.tasks.command import CommandTask, Settings
from lockgate.ports import Phase
from lockgate.testing.contracts.task import FENCE, Runner, TaskContract, over
from lockgate.testing.fakes import FakeTask
from lockgate.testing.grounds import end_all
from lockgate.testing.waiting import wait_until


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path
    end_all(tmp_path)


@pytest.fixture
def task(home: Path) -> CommandTask:
    return CommandTask(Settings(home))


class TestCommandTask(TaskContract):
    @pytest.fixture
    def runner(self, home: Path) -> Runner:
        return lambda: CommandTask(Settings(home))


class TestFakeTask(TaskContract):
    LASTS = ("forever",)

    @pytest.fixture
    def runner(self) -> Runner:
        fake = FakeTask()
        return lambda: fake


def sh(task: CommandTask, handle: str, script: str, timeout: float = 60.0, **inputs: str) -> None:
    task.start(handle, inputs, ["sh", "-c", script], timeout, FENCE)


def test_inputs_are_environment_variables_and_output_is_kept(task: CommandTask) -> None:
    sh(task, "one", "pwd; echo to $LOCKGATE_URL; ls -A", LOCKGATE_URL="http://127.0.0.1:1")
    polled = over(task, "one")
    folder, line = polled.outputs["output"].splitlines()
    assert folder.endswith("/work")
    assert line == "to http://127.0.0.1:1"
    assert task.output("one", 0, 1000)[0].endswith(b"to http://127.0.0.1:1\n")


def test_a_failure_shows_the_last_lines(task: CommandTask) -> None:
    sh(task, "one", "echo the table is empty; exit 4")
    assert over(task, "one").because == "It ended with exit code 4. Its last lines:\nthe table is empty"


def test_a_command_that_is_not_there_says_so(task: CommandTask) -> None:
    task.start("one", {}, ["nonesuch"], 60.0, FENCE)
    assert "cannot run 'nonesuch'" in over(task, "one").because


def test_one_that_runs_too_long_is_stopped_and_says_so(task: CommandTask) -> None:
    sh(task, "one", "exec sleep 1000", timeout=0.05)
    assert over(task, "one").because == "It was stopped because it ran longer than 0.05 s. It wrote nothing."


def test_one_that_is_killed_has_failed(task: CommandTask, home: Path) -> None:
    sh(task, "program", "kill -KILL $$")
    assert over(task, "program").because == "It was ended by signal 9. It wrote nothing."
    sh(task, "shim", "exec sleep 1000")
    (found,) = supervision.adopt(home)
    os.kill(wait_until(lambda: found.status().shim_pid), signal.SIGKILL)
    assert over(task, "shim").because == "It was killed together with its shim. It wrote nothing."


def test_one_whose_shim_is_frozen_for_too_long_has_failed(
    task: CommandTask, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervision, "PATIENCE", 0.05)
    sh(task, "one", "exec sleep 1000")
    (found,) = supervision.adopt(home)
    os.kill(wait_until(lambda: found.status().shim_pid), signal.SIGSTOP)
    with pytest.raises(Unavailable):
        task.poll("one")
    monkeypatch.setattr(command, "_boot_time", lambda: 1e12)
    assert "frozen" in task.poll("one").because
    assert task.poll("one").phase is Phase.FAILED


def test_one_whose_starter_died_before_there_was_a_shim_is_started(task: CommandTask, home: Path) -> None:
    sh(task, "one", "true")
    over(task, "one")
    (found,) = supervision.programs(home)
    wait_until(lambda: not found.locked())
    (found.folder / "state.json").unlink()
    sh(task, "one", "echo again")
    assert over(task, "one").outputs["output"] == "again"


def test_an_older_claim_starts_nothing(task: CommandTask, home: Path) -> None:
    sh(task, "one", "true")
    with pytest.raises(Fenced):
        task.start("two", {}, ["true"], 60.0, Fence("dep-1", Generation(FENCE.generation - 1)))
    with pytest.raises(NotFound):
        task.poll("two")


def test_only_the_last_ended_ones_are_kept(home: Path) -> None:
    task = CommandTask(Settings(home, keep=2))
    sh(task, "lasts", "exec sleep 1000")
    for handle in "abcd":
        sh(task, handle, "true")
        over(task, handle)
        wait_until(lambda: len(supervision.adopt(home)) == 1)
    assert task.poll("lasts").phase is Phase.WORKING
    assert task.poll("d").phase is Phase.DONE
    with pytest.raises(NotFound):
        task.poll("a")


def test_secrets_in_what_a_command_prints_are_masked_also_where_it_is_cut(home: Path) -> None:
    task = CommandTask(Settings(home), lambda: Redaction(["hunter2-and-more"]))
    sh(task, "told", "printf 'x%.0s' $(seq 3990); echo hunter2-and-more; printf 'y%.0s' $(seq 3990); exit 3")
    polled = over(task, "told")
    assert polled.phase is Phase.FAILED and "hunter2" not in polled.because and "more" not in polled.because
    assert b"hunter2" not in task.output("told", 0, 10_000)[0] and b"***" in task.output("told", 0, 10_000)[0]
