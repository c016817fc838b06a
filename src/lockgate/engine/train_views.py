"""Trains and tasks as messages for people and tools."""

from collections.abc import Iterable

from lockgate.core.audit import Event
from lockgate.core.ids import Instant
from lockgate.core.people import Caller
from lockgate.core.train import StepState, Train, TrainState, TrainStep
from lockgate.engine import views
from lockgate.messages.trains import ItemView, StepView, TaskView, TrainView

UNPROVEN = (
    "Who you are is not proven: the server's own token is anybody's. Sign in as yourself: lockgate person add NAME, "
    "then lockgate login."
)


def train_view(train: Train, caller: Caller, now: Instant, timeline: Iterable[Event] = ()) -> TrainView:
    return TrainView(
        name=train.name,
        number=train.number,
        environment=train.environment,
        state=train.state.value,
        because=train.because or _standing(train),
        on_failure=train.on_failure.value,
        reason=train.reason,
        actor=train.actor,
        created_at=train.created_at,
        starter=train.starter,
        started_at=train.started_at,
        ended_at=train.ended_at,
        final=train.ended,
        steps=tuple(_step_view(train, step, caller, now) for step in train.steps),
        timeline=tuple(views.event_view(event) for event in timeline),
    )


def task_view(train: Train, step: TrainStep, caller: Caller, now: Instant) -> TaskView | None:
    """None: it is no task."""
    task = step.task
    if task is None:
        return None
    why = hindrance(train, step, caller)
    return TaskView(
        id=f"{train.name}/{step.name}",
        train=train.name,
        step=step.name,
        environment=train.environment,
        state=step.state.value,
        because=step.because,
        assignee=task.assignee,
        text=task.text,
        items=tuple(ItemView(item.text, item.by, item.at) for item in task.items),
        due=task.due,
        overdue=task.due is not None and not step.settled and now >= task.due,
        by=task.by,
        comment=task.comment,
        may=not why,
        hindrance=why,
    )


def hindrance(train: Train, step: TrainStep, caller: Caller) -> str:
    """Why the caller may not do the task now; empty: they may."""
    if step.state is not StepState.WAITING or train.state is not TrainState.RUNNING:
        if step.settled:
            return f"{step.name} is {step.state.value.replace('_', ' ')}: nothing of it can be changed any more."
        if train.state is TrainState.CREATED:
            return f"Nobody has started the train {train.name}: lockgate train start {train.name}"
        return f"It is not the turn of {step.name} yet: {step.because}"
    if not caller.personal:
        return UNPROVEN
    assignee = step.task.assignee if step.task else ""
    if caller.name != assignee and assignee not in caller.groups:
        return f"{step.name} is for {assignee}: {caller.name} is not, and is no member of a group of that name."
    return ""


def _step_view(train: Train, step: TrainStep, caller: Caller, now: Instant) -> StepView:
    task = step.task
    late = task is not None and task.due is not None and not step.settled and now >= task.due
    return StepView(
        name=step.name,
        kind=step.kind.value,
        state=step.state.value,
        environment=train.environment,
        because=f"{step.because} It is overdue." if late else step.because,
        who=_who(train, step),
        after=step.after,
        application=step.application,
        release=step.release or "",
        release_label=step.label,
        began_at=step.began_at,
        ended_at=step.ended_at,
        took=None if step.began_at is None else (step.ended_at or now) - step.began_at,
        seconds=step.seconds,
        deployment=step.deployment,
        back=step.back,
        task=task_view(train, step, caller, now),
    )


def _who(train: Train, step: TrainStep) -> str:
    """Who can act while it is open; who did it, when it is over."""
    if step.task is not None:
        return step.task.by or step.task.assignee
    return step.who or (train.starter if step.begun else "")


def _standing(train: Train) -> str:
    if train.state is TrainState.CREATED:
        return f"Nobody has started it: lockgate train start {train.name}"
    open_steps = [step for step in train.steps if step.begun and not step.settled]
    return " ".join(f"{step.name}: {step.because}" for step in open_steps)
