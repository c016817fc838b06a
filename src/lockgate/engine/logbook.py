"""Logbook: the events that tell what has changed in a train. Pure."""

from collections.abc import Iterator, Mapping

from lockgate.core.audit import Event
from lockgate.core.ids import Instant
from lockgate.core.train import StepKind, StepState, Train, TrainState, TrainStep

_TRAIN: Mapping[TrainState, str] = {
    TrainState.STOPPING: "train.stopping",
    TrainState.ROLLING_BACK: "train.rolling_back",
    TrainState.SUCCEEDED: "train.succeeded",
    TrainState.FAILED: "train.failed",
    TrainState.ABORTED: "train.aborted",
    TrainState.ROLLED_BACK: "train.rolled_back",
}
_STEP: Mapping[StepState, str] = {
    StepState.SUCCEEDED: "train.step_succeeded",
    StepState.FAILED: "train.step_failed",
    StepState.ABORTED: "train.step_aborted",
    StepState.ROLLING_BACK: "train.step_rolling_back",
    StepState.ROLLED_BACK: "train.step_rolled_back",
}


def told(before: Train, after: Train, now: Instant) -> tuple[Event, ...]:
    """What Lockgate itself has found or decided. All of it is audited."""
    events = [e for old, new in zip(before.steps, after.steps, strict=True) for e in _of_step(after, old, new, now)]
    if after.state is not before.state and after.state in _TRAIN:
        events.append(event_of(after, _TRAIN[after.state], after.because, now))
    return tuple(events)


def event_of(train: Train, kind: str, because: str, now: Instant, step: TrainStep | None = None) -> Event:
    """An event about the train, or about one of its steps."""
    data = {"train": train.name}
    if step is not None:
        data |= {"step": step.name} | ({"release_label": step.label} if step.label else {})
        data |= {"deployment": step.deployment} if step.deployment else {}
    return Event(
        kind,
        now,
        because,
        application=step.application if step else "",
        environment=train.environment,
        release=(step.release or "") if step else "",
        data=data,
        audited=True,
    )


def _of_step(train: Train, old: TrainStep, new: TrainStep, now: Instant) -> Iterator[Event]:
    if new.begun and not old.begun:
        task = new.kind is StepKind.TASK
        words = f"{new.name}: {_what(new)}"
        yield event_of(train, "task.opened" if task else "train.step_began", words, now, new)
    if new.stays and not old.stays and new.state is StepState.SUCCEEDED:
        yield event_of(train, "train.step_stays", f"{new.name}: {new.because}", now, new)
    elif new.state is not old.state and new.state in _STEP:
        yield event_of(train, _STEP[new.state], f"{new.name}: {new.because}", now, new)


def _what(step: TrainStep) -> str:
    if step.task is not None:
        return f"{step.task.assignee} is to do it: {step.task.text}"
    return f"{step.label} is deployed." if step.kind is StepKind.DEPLOY else step.because
