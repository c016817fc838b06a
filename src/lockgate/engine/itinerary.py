"""Itinerary: where a train stands, and what is to be done for it now. Pure: what its deployments say comes in.

Every look starts from what is recorded and what is seen, never from what was done last time. So it may be asked by any
server, as often as it likes, and what a crash kept from being done is asked for again.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from lockgate.core.deployment import FINAL, State
from lockgate.core.ids import Instant
from lockgate.core.train import (
    OnFailure,
    StepKind,
    StepState,
    Train,
    TrainState,
    TrainStep,
    TrainWant,
    followers,
)

LOOK_AGAIN = 1.0
"""Seconds until a train with deployments under way is looked at again."""

_UNDER_WAY = frozenset({State.RUNNING, State.VERIFYING, State.ROLLING_BACK})


@dataclass(frozen=True, slots=True)
class Run:
    """A deployment of the train, as it is now."""

    id: str
    state: State
    because: str = ""
    who: str = ""
    ended_at: Instant | None = None
    aborting: bool = False
    """It has been asked to end."""
    stays: str = ""
    """Why it cannot be taken back; empty: it can."""


@dataclass(frozen=True, slots=True)
class Sight:
    """The train's deployments: step -> the one that deploys it, and the one that takes it back."""

    there: Mapping[str, Run] = field(default_factory=dict)
    back: Mapping[str, Run] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Open:
    """Open the deployment of the step, unless there is one. ``back``: the one that takes it back."""

    step: str
    back: bool = False


@dataclass(frozen=True, slots=True)
class Abort:
    """Ask the deployment to end."""

    deployment: str


Move = Open | Abort


def advanced(train: Train, sight: Sight, now: Instant) -> tuple[Train, tuple[Move, ...]]:
    """The train as it is now, and what is to be done: all of it may have been done already."""
    if train.ended or train.state is TrainState.CREATED:
        return train, ()
    train = _each(train, lambda step: _looked_at(step, train, sight, now))
    train = _turned(train, now)
    train = {
        TrainState.RUNNING: _begun,
        TrainState.STOPPING: _stopped,
        TrainState.ROLLING_BACK: _taken_back,
    }[train.state](train, sight, now)
    return train, tuple(_moves(train, sight))


def due(train: Train, now: Instant) -> Instant | None:
    """When it is to be looked at again; None: when somebody acts."""
    if train.ended or train.state is TrainState.CREATED:
        return None
    if train.state is not TrainState.RUNNING:
        return now + LOOK_AGAIN
    going = [step for step in train.steps if step.begun and not step.settled]
    times = [now + LOOK_AGAIN for step in going if step.kind is StepKind.DEPLOY]
    times += [_over_at(step) for step in going if step.kind is StepKind.HOLD]
    return min(times, default=None)


def refused(train: Train, move: Open, because: str, now: Instant) -> Train:
    """The deployment that was to be opened is not let in, and will not be."""

    def told(step: TrainStep) -> TrainStep:
        if step.name != move.step:
            return step
        return replace(_settled(step, StepState.FAILED, because, now), stays=move.back)

    return _each(train, told)


def delayed(train: Train, move: Open, because: str) -> Train:
    """It cannot be opened just now."""
    return _each(train, lambda step: replace(step, because=because) if step.name == move.step else step)


# --- looking ---


def _looked_at(step: TrainStep, train: Train, sight: Sight, now: Instant) -> TrainStep:
    """The step as its deployment or the clock says."""
    if step.settled or not step.begun:
        return step
    if step.kind is StepKind.HOLD:
        return _settled(step, StepState.SUCCEEDED, "Its time has passed.", now) if now >= _over_at(step) else step
    if step.kind is StepKind.TASK:
        return step
    if step.state is StepState.ROLLING_BACK:
        found = sight.back.get(step.name)
        return _kept(step, sight.there.get(step.name)) if found is None else _gone_back(step, found, now)
    found = sight.there.get(step.name)
    return step if found is None else _deployed(step, found, train, now)


def _deployed(step: TrainStep, run: Run, train: Train, now: Instant) -> TrainStep:
    known = replace(step, deployment=run.id, because=run.because, who=run.who)
    if run.state not in FINAL:
        return replace(known, state=StepState.RUNNING if run.state in _UNDER_WAY else StepState.WAITING)
    if run.state is State.SUCCEEDED:
        return _settled(known, StepState.SUCCEEDED, run.because, run.ended_at or now)
    stopped = train.state is not TrainState.RUNNING and run.state is State.ABORTED
    state = StepState.ABORTED if stopped else StepState.FAILED
    because = f"{run.id} is {run.state.value.replace('_', ' ')}: {run.because}"
    return _settled(known, state, because, run.ended_at or now)


def _kept(step: TrainStep, run: Run | None) -> TrainStep:
    """What was to be taken back stays after all, if it cannot be any more before that has begun."""
    if run is None or not run.stays:
        return step
    because = f"It stays: {run.stays}."
    return replace(step, state=StepState.SUCCEEDED, stays=True, because=because, ended_at=run.ended_at)


def _gone_back(step: TrainStep, run: Run, now: Instant) -> TrainStep:
    known = replace(step, back=run.id, because=run.because, who=run.who)
    if run.state not in FINAL:
        return known
    if run.state is State.SUCCEEDED:
        return _settled(known, StepState.ROLLED_BACK, "What ran before it runs again.", run.ended_at or now)
    because = f"It could not be taken back: {run.id} is {run.state.value.replace('_', ' ')}: {run.because}"
    return replace(_settled(known, StepState.FAILED, because, run.ended_at or now), stays=True)


# --- where it goes ---


def _turned(train: Train, now: Instant) -> Train:
    """Whether it goes on, stops or goes back."""
    failed = next((step for step in train.steps if step.state is StepState.FAILED), None)
    if train.state is TrainState.RUNNING and (failed or train.want is not TrainWant.RUN):
        why = f"{failed.name} failed: {failed.because}" if failed else train.because
        return replace(train, state=_way_out(train, failed), because=why)
    if train.state is TrainState.STOPPING and train.want is TrainWant.ROLL_BACK:
        return replace(train, state=TrainState.ROLLING_BACK)
    return train


def _way_out(train: Train, failed: TrainStep | None) -> TrainState:
    if train.want is TrainWant.ROLL_BACK:
        return TrainState.ROLLING_BACK
    if failed and train.want is TrainWant.RUN and train.on_failure is OnFailure.ROLL_BACK_ALL:
        return TrainState.ROLLING_BACK
    return TrainState.STOPPING


def _begun(train: Train, sight: Sight, now: Instant) -> Train:
    """With every step begun that may; ended when all are done."""
    if all(step.state is StepState.SUCCEEDED for step in train.steps):
        return _ended(train, TrainState.SUCCEEDED, "Every step is done.", now)
    done = {step.name for step in train.steps if step.state is StepState.SUCCEEDED}

    def tried(step: TrainStep) -> TrainStep:
        missing = [name for name in step.after if name not in done]
        if step.begun or step.settled:
            return step
        return replace(step, because=f"It comes after {', '.join(missing)}.") if missing else _starting(step, now)

    return _each(train, tried)


def _starting(step: TrainStep, now: Instant) -> TrainStep:
    if step.kind is StepKind.TASK and step.task is not None:
        words = f"{step.task.assignee} has not done it yet."
        return replace(step, state=StepState.WAITING, began_at=now, because=words, who=step.task.assignee)
    words = f"It holds for {step.seconds:g} s." if step.kind is StepKind.HOLD else "Its deployment is opened."
    return replace(step, state=StepState.RUNNING, began_at=now, because=words)


def _stopped(train: Train, sight: Sight, now: Instant) -> Train:
    train = _closed(train, now)
    if not all(step.settled for step in train.steps):
        return train
    if train.want is TrainWant.RUN:
        return _ended(train, TrainState.FAILED, train.because, now)
    return _ended(train, TrainState.ABORTED, train.because, now)


def _closed(train: Train, now: Instant) -> Train:
    """What has not begun does not, and nobody is waited for any more. Deployments come to their own end; one that is
    to be opened and is not there is not opened."""

    def ended(step: TrainStep) -> TrainStep:
        lost = step.kind is StepKind.DEPLOY and step.begun and not step.deployment
        if step.settled or step.state is StepState.ROLLING_BACK:
            return step
        if not step.begun or lost or step.kind is not StepKind.DEPLOY:
            return _settled(step, StepState.ABORTED, "The train stopped before it was done.", now)
        return step

    return _each(train, ended)


def _taken_back(train: Train, sight: Sight, now: Instant) -> Train:
    """Once everything stands still, what is done is taken back: last what others came after."""
    train = _closed(train, now)
    if any(not step.settled and step.state is not StepState.ROLLING_BACK for step in train.steps):
        return train
    behind, by_name = followers(train.steps), {step.name: step for step in train.steps}

    def tried(step: TrainStep) -> TrainStep:
        if not _returns(step) or any(_is_there(by_name[name]) for name in behind[step.name]):
            return step
        why = _why_it_stays(step, sight.there.get(step.name), train)
        if why:
            return replace(step, stays=True, because=f"It stays: {why}.")
        return replace(step, state=StepState.ROLLING_BACK, ended_at=None, because="It is taken back.")

    train = _each(train, tried)
    if any(_is_there(step) for step in train.steps):
        return train
    return _ended(train, _outcome(train), train.because, now)


def _why_it_stays(step: TrainStep, run: Run | None, train: Train) -> str:
    """Empty: it is taken back."""
    needing = next((one.name for one in train.steps if one.stays and step.name in one.requires), "")
    if needing:
        return f"{needing} stays, and requires it"
    return run.stays if run else "its deployment is not to be found"


def _returns(step: TrainStep) -> bool:
    return step.kind is StepKind.DEPLOY and step.state is StepState.SUCCEEDED and not step.stays


def _is_there(step: TrainStep) -> bool:
    """It has not been taken back yet, and will be."""
    return _returns(step) or step.state is StepState.ROLLING_BACK


def _outcome(train: Train) -> TrainState:
    stuck = any(step.state is StepState.FAILED and step.stays for step in train.steps)
    return TrainState.FAILED if stuck else TrainState.ROLLED_BACK


# --- what is to be done ---


def _moves(train: Train, sight: Sight) -> Iterator[Move]:
    for step in train.steps:
        if step.kind is not StepKind.DEPLOY or step.settled or not step.begun:
            continue
        if step.state is StepState.ROLLING_BACK:
            if step.name not in sight.back:
                yield Open(step.name, back=True)
            continue
        run = sight.there.get(step.name)
        if run is None:
            yield Open(step.name)
        elif _unwanted(train) and run.state not in FINAL and not run.aborting:
            yield Abort(run.id)


def _unwanted(train: Train) -> bool:
    """What is under way is to end."""
    return train.state is TrainState.ROLLING_BACK or train.want is not TrainWant.RUN


# --- inside ---


def _each(train: Train, change: Callable[[TrainStep], TrainStep]) -> Train:
    return replace(train, steps=tuple(change(step) for step in train.steps))


def _over_at(step: TrainStep) -> Instant:
    """Of a hold that has begun."""
    return (0.0 if step.began_at is None else step.began_at) + step.seconds


def _settled(step: TrainStep, state: StepState, because: str, at: Instant) -> TrainStep:
    return replace(step, state=state, because=because, ended_at=at)


def _ended(train: Train, state: TrainState, because: str, now: Instant) -> Train:
    return replace(train, state=state, because=because, ended_at=now)
