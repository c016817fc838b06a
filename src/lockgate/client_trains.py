"""The client's calls about trains and tasks."""

from typing import Protocol, TypeVar
from urllib.parse import quote

from lockgate.messages.trains import (
    AbortTrain,
    CreateTrain,
    FinishTask,
    RejectTask,
    StartTrain,
    TaskView,
    Tick,
    TrainView,
)

T = TypeVar("T")


class Wire(Protocol):
    """What carries the calls."""

    def _get(self, path: str, kind: type[T], /, **query: str | int) -> T: ...

    def _post(self, path: str, message: object, kind: type[T] | None, timeout: float = ...) -> T: ...


class TrainCalls:
    """Part of :class:`lockgate.client.Client`."""

    __slots__ = ()

    def trains(self: Wire, limit: int = 50) -> tuple[TrainView, ...]:
        """Newest first, without their timelines."""
        return self._get("/v1/trains", tuple[TrainView, ...], limit=limit)

    def train(self: Wire, name: str) -> TrainView:
        return self._get(f"/v1/trains/{quote(name, safe='')}", TrainView)

    def create_train(self: Wire, request: CreateTrain) -> TrainView:
        return self._post("/v1/trains", request, TrainView)

    def start_train(self: Wire, name: str, request: StartTrain) -> TrainView:
        return self._post(f"/v1/trains/{quote(name, safe='')}/start", request, TrainView)

    def abort_train(self: Wire, name: str, request: AbortTrain) -> TrainView:
        return self._post(f"/v1/trains/{quote(name, safe='')}/abort", request, TrainView)

    # --- tasks, each by its train and step: friday/announce ---

    def tasks(self: Wire) -> tuple[TaskView, ...]:
        """Ours first."""
        return self._get("/v1/tasks", tuple[TaskView, ...])

    def task(self: Wire, task: str) -> TaskView:
        return self._get(f"/v1/tasks/{quote(task)}", TaskView)

    def tick(self: Wire, task: str, request: Tick) -> TaskView:
        return self._post(f"/v1/tasks/{quote(task)}/tick", request, TaskView)

    def finish_task(self: Wire, task: str, request: FinishTask) -> TaskView:
        return self._post(f"/v1/tasks/{quote(task)}/done", request, TaskView)

    def reject_task(self: Wire, task: str, request: RejectTask) -> TaskView:
        return self._post(f"/v1/tasks/{quote(task)}/reject", request, TaskView)
