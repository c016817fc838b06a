"""What every task runner must do. Inherit :class:`TaskContract` and give it a ``runner`` fixture: a function that makes
a new handle on the same place, as a control plane does that has just been started. The commands ``true`` and ``false``
end with 0 and 1, ``sleep 1000`` takes long; a runner of other things says so in ``DONE``, ``FAILS`` and ``LASTS``.
"""

from collections.abc import Callable, Sequence
from typing import ClassVar

from lockgate.core.ids import Generation
from lockgate.core.plan import Fence
from lockgate.ports import Phase, Polled, Task
from lockgate.testing.waiting import wait_until

FENCE = Fence("dep-1", Generation(5))
Runner = Callable[[], Task]


class TaskContract:
    """Of :class:`lockgate.ports.Task`."""

    DONE: ClassVar[Sequence[str]] = ("true",)
    FAILS: ClassVar[Sequence[str]] = ("false",)
    LASTS: ClassVar[Sequence[str]] = ("sleep", "1000")

    def test_what_ends_well_is_done(self, runner: Runner) -> None:
        task = runner()
        task.start("one", {}, self.DONE, 60.0, FENCE)
        assert over(task, "one").phase is Phase.DONE

    def test_what_ends_badly_has_failed_and_says_how(self, runner: Runner) -> None:
        task = runner()
        task.start("one", {}, self.FAILS, 60.0, FENCE)
        polled = over(task, "one")
        assert polled.phase is Phase.FAILED
        assert "1" in polled.because

    def test_a_handle_is_started_once(self, runner: Runner) -> None:
        task = runner()
        task.start("one", {}, self.FAILS, 60.0, FENCE)
        task.start("one", {}, self.DONE, 60.0, FENCE)
        assert over(task, "one").phase is Phase.FAILED
        task.start("one", {}, self.DONE, 60.0, FENCE)
        assert task.poll("one").phase is Phase.FAILED

    def test_handles_know_nothing_of_each_other(self, runner: Runner) -> None:
        task = runner()
        task.start("one", {}, self.FAILS, 60.0, FENCE)
        task.start("two", {}, self.DONE, 60.0, FENCE)
        assert over(task, "two").phase is Phase.DONE
        assert over(task, "one").phase is Phase.FAILED

    def test_what_lasts_is_polled_until_it_is_cancelled(self, runner: Runner) -> None:
        task = runner()
        task.start("one", {}, self.LASTS, 60.0, FENCE)
        assert task.poll("one").phase is Phase.WORKING
        task.cancel("one")
        task.cancel("one")
        assert over(task, "one").phase is Phase.FAILED

    def test_a_new_control_plane_finds_what_runs_and_what_has_ended(self, runner: Runner) -> None:
        task = runner()
        task.start("lasts", {}, self.LASTS, 60.0, FENCE)
        task.start("ends", {}, self.DONE, 60.0, FENCE)
        over(task, "ends")
        successor = runner()
        successor.start("ends", {}, self.FAILS, 60.0, FENCE)
        assert successor.poll("ends").phase is Phase.DONE
        assert successor.poll("lasts").phase is Phase.WORKING
        successor.cancel("lasts")


def over(task: Task, handle: str) -> Polled:
    return wait_until(lambda: polled if (polled := task.poll(handle)).phase is not Phase.WORKING else None)
