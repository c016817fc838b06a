"""The client's calls about trains and tasks."""

from urllib.parse import quote

from lockgate.client.wire import Wire
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


class TrainCalls(Wire):
    """Part of :class:`lockgate.client.Client`."""

    __slots__ = ()

    def trains(self, limit: int = 50) -> tuple[TrainView, ...]:
        """Newest first, without their timelines."""
        return self._get("/v1/trains", tuple[TrainView, ...], limit=limit)

    def train(self, name: str) -> TrainView:
        return self._get(f"/v1/trains/{quote(name, safe='')}", TrainView)

    def create_train(self, request: CreateTrain) -> TrainView:
        return self._post("/v1/trains", request, TrainView)

    def start_train(self, name: str, request: StartTrain) -> TrainView:
        return self._post(f"/v1/trains/{quote(name, safe='')}/start", request, TrainView)

    def abort_train(self, name: str, request: AbortTrain) -> TrainView:
        return self._post(f"/v1/trains/{quote(name, safe='')}/abort", request, TrainView)

    # --- tasks, each by its train and step: friday/announce ---

    def tasks(self) -> tuple[TaskView, ...]:
        """Ours first."""
        return self._get("/v1/tasks", tuple[TaskView, ...])

    def task(self, task: str) -> TaskView:
        return self._get(f"/v1/tasks/{quote(task)}", TaskView)

    def tick(self, task: str, request: Tick) -> TaskView:
        return self._post(f"/v1/tasks/{quote(task)}/tick", request, TaskView)

    def finish_task(self, task: str, request: FinishTask) -> TaskView:
        return self._post(f"/v1/tasks/{quote(task)}/done", request, TaskView)

    def reject_task(self, task: str, request: RejectTask) -> TaskView:
        return self._post(f"/v1/tasks/{quote(task)}/reject", request, TaskView)
