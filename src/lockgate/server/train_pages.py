"""The console's pages about trains: all of them, and one with its steps, its tasks and what has happened."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from lockgate.core.ids import Instant
from lockgate.core.train import TrainState
from lockgate.messages.trains import (
    AbortTrain,
    FinishTask,
    RejectTask,
    StartTrain,
    StepView,
    TaskView,
    Tick,
    TrainView,
)
from lockgate.server.endpoint import Parameter
from lockgate.server.message import build, with_actor
from lockgate.server.visit import Action, Asked, Form, Page, Visit, train_page

STEP = "deployment.step"
"""The kind of the events that tell of single steps of deployments."""

STEPS = Parameter("steps", "Single steps of deployments, too.", choices=frozenset({"all"}))

SHOWN = 100
"""Trains on the page of all."""

WHOLE = 10_000
"""Width of the picture of a train's time."""

SEEN = 60
"""Narrowest part of it that can be seen."""


def trains(visit: Visit) -> Page:
    """Newest first."""
    after = visit.horizon.find(visit.operations)
    return Page("trains.html", {"trains": visit.operations.trains.all(SHOWN), "most": SHOWN, "after": after})


@dataclass(frozen=True, slots=True)
class Stop:
    """A step, as the page shows it."""

    view: StepView
    begins: int = 0
    """Where its time begins in that of the train, of :data:`WHOLE`."""
    lasts: int = 0
    """0: it has not begun."""
    address: str = ""
    """Of the task in it."""
    actions: tuple[Action, ...] = field(default=())


def train(visit: Visit) -> Page:
    """One train: its steps in their order, its events newest first; single steps of deployments only if asked for."""
    after = visit.horizon.find(visit.operations)
    one = visit.operations.trains.show(visit.path["name"])
    steps = bool(visit.query.several["steps"])
    shown = [event for event in reversed(one.timeline) if steps or event.kind != STEP]
    values: dict[str, Any] = {
        "one": one,
        "stops": stops(one),
        "actions": tuple(actions_on(one)),
        "steps": steps,
        "shown": shown,
        "whole": WHOLE,
    }
    return Page("train.html", {**values, "after": after})


def stops(one: TrainView) -> tuple[Stop, ...]:
    ends = [step.began_at + (step.took or 0.0) for step in one.steps if step.began_at is not None]
    first, last = one.started_at or one.created_at, max(ends, default=one.created_at)
    return tuple(_stop(step, first, last) for step in one.steps)


def _stop(step: StepView, first: Instant, last: Instant) -> Stop:
    begins, lasts = 0, 0
    if step.began_at is not None:
        whole = max(last - first, 1e-9)
        begins = min(int(WHOLE * max(step.began_at - first, 0.0) / whole), WHOLE - SEEN)
        lasts = min(max(int(WHOLE * (step.took or 0.0) / whole), SEEN), WHOLE - begins)
    task = step.task
    if task is None:
        return Stop(step, begins, lasts)
    address = f"{train_page(task.train)}/{task.step}"
    return Stop(step, begins, lasts, address, tuple(_of_task(task, address)))


def actions_on(one: TrainView) -> Iterator[Action]:
    """What makes sense now, the mildest first."""
    if one.final:
        return
    address, line = train_page(one.name), f"lockgate train abort {one.name}"
    if one.state == TrainState.CREATED:
        sentence = "Its first steps begin. The deployments that it opens are yours, and pass every gate as any other."
        start = f"lockgate train start {one.name}"
        yield Action(
            "start", "Start", f"{address}/start", sentence, asks="", confirms=f"Start {one.name}", command=start
        )
    if one.state != TrainState.ROLLING_BACK:
        sentence = f"Nothing of {one.name} begins any more, and what is under way goes back to what ran before."
        yield Action("abort", "Abort", f"{address}/abort", sentence, confirms=f"Abort {one.name}", command=line)
    if one.state in (TrainState.RUNNING, TrainState.STOPPING):
        sentence += " What it has deployed is taken back, too, last what others came after."
        yield Action(
            "abort-back",
            "Abort and take back",
            f"{address}/abort",
            sentence,
            {"roll_back": "true"},
            confirms=f"Take back {one.name}",
            command=f"{line} --roll-back",
        )


def _of_task(task: TaskView, address: str) -> Iterator[Action]:
    """What the visitor may do with it now."""
    if not task.may:
        return
    if all(item.by for item in task.items):
        yield Action(
            f"done-{task.step}",
            "Done",
            f"{address}/done",
            f"{task.step} is done, and the train goes on.",
            label="A comment",
            asks="comment",
            confirms=f"{task.step} is done",
            command=f"lockgate task done {task.id}",
        )
    yield Action(
        f"reject-{task.step}",
        "Reject",
        f"{address}/reject",
        f"{task.step} cannot be done: the train fails.",
        reason_needed=True,
        confirms=f"Reject {task.step}",
        command=f"lockgate task reject {task.id} --reason TEXT",
    )


TRAIN_PAGES: tuple[tuple[str, Callable[[Visit], Page], tuple[Parameter, ...]], ...] = (
    ("/trains", trains, ()),
    ("/trains/{name}", train, (STEPS,)),
)


# --- acting ---


def _start(asked: Asked) -> str:
    message = with_actor(build(dict(asked.form), StartTrain), asked.request)
    return train_page(asked.operations.trains.start(asked.path["name"], message).name)


def _abort(asked: Asked) -> str:
    message = with_actor(build(_typed(asked.form), AbortTrain), asked.request)
    return train_page(asked.operations.trains.abort(asked.path["name"], message).name)


def _tick(asked: Asked) -> str:
    message = with_actor(build(_typed(asked.form), Tick), asked.request)
    return _of(asked.operations.trains.tick(asked.path["name"], asked.path["step"], message))


def _finish(asked: Asked) -> str:
    message = with_actor(build(dict(asked.form), FinishTask), asked.request)
    return _of(asked.operations.trains.finish(asked.path["name"], asked.path["step"], message))


def _reject(asked: Asked) -> str:
    message = with_actor(build(dict(asked.form), RejectTask), asked.request)
    return _of(asked.operations.trains.reject(asked.path["name"], asked.path["step"], message))


def _of(task: TaskView) -> str:
    return f"{train_page(task.train)}#step-{task.step}"


def _typed(form: Form) -> dict[str, Any]:
    """Numbers and answers as such: in a form everything is text. What is neither stays text, and is refused."""
    return {name: _typed_one(name, value) for name, value in form.items()}


_ANSWERS: Mapping[str, bool] = {"true": True, "false": False}


def _typed_one(name: str, value: str) -> object:
    if name in ("undo", "roll_back"):
        return _ANSWERS.get(value, value)
    if name == "item" and value.isascii() and value.isdigit() and len(value) < 10:
        return int(value)
    return value


TRAIN_ACTIONS: tuple[tuple[str, Callable[[Asked], str]], ...] = (
    ("/trains/{name}/start", _start),
    ("/trains/{name}/abort", _abort),
    ("/trains/{name}/{step}/tick", _tick),
    ("/trains/{name}/{step}/done", _finish),
    ("/trains/{name}/{step}/reject", _reject),
)
"""Each gives the address of the page that is shown then."""
