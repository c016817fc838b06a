"""Life: how a deployment's row changes from one state to the next, with the event that tells of it. Pure."""

from collections.abc import Mapping
from dataclasses import replace

from lockgate.core.audit import SYSTEM, Event
from lockgate.core.deployment import Deployment, Progress, State, Want, check_transition
from lockgate.core.ids import Instant
from lockgate.core.plan import Step


def moved(row: Deployment, state: State, because: str, now: Instant, *, who: str = "") -> tuple[Deployment, Event]:
    """The row in its new state, due at once unless that ends it. Raises IllegalTransition."""
    check_transition(row.id, row.state, state)
    after = replace(row, state=state, because=because, who=who, state_since=now, next_at=now)
    if after.final:
        after = replace(after, ended_at=now, next_at=None)
    return after, event_of(after, f"deployment.{state.value}", because, now, data={"who": who} if who else None)


def event_of(
    row: Deployment,
    kind: str,
    because: str,
    now: Instant,
    *,
    actor: str = SYSTEM,
    data: Mapping[str, str] | None = None,
) -> Event:
    """An event about the deployment."""
    return Event(
        kind=kind,
        at=now,
        because=because,
        actor=actor,
        application=row.application,
        environment=row.environment,
        deployment=row.id,
        release=row.release,
        data={"release_label": row.release_label, **(data or {})},
    )


def going_back(row: Deployment, failure: str, outcome: State, now: Instant) -> tuple[Deployment, Event]:
    """It turns round: the walk begins again, towards what ran before. What was prepared stays prepared."""
    words = "It goes back to what ran before" if row.previous else "It removes what it had started"
    if row.mixed:
        words = "It goes back in every cell that is not done"
    back, event = moved(row, State.ROLLING_BACK, f"{words}: {failure}", now)
    here = row.progress
    fresh = Progress(prepared=here.prepared, failure=failure, outcome=outcome, since=now, cell=here.cell)
    return replace(back, progress=fresh, lanes={}), event


def obeyed(row: Deployment, now: Instant) -> tuple[Deployment, Event] | None:
    """What people asked for, if it changes the state of an active deployment; None: it goes on as it is."""
    if row.want is Want.GIVE_WAY:
        return moved(row, State.SUPERSEDED, "A more urgent deployment takes the environment from here.", now)
    if row.want is Want.ABORT and row.state is not State.ROLLING_BACK:
        return going_back(row, "Somebody aborted it.", State.ABORTED, now)
    if row.want is Want.PAUSE and row.state in (State.RUNNING, State.VERIFYING):
        because = f"Somebody paused it at: {row.progress.words or 'its first step'}. Traffic stays as it is."
        paused, event = moved(row, State.PAUSED, because, now, who="whoever may resume or abort it")
        return replace(paused, next_at=None), event
    if row.want is Want.RUN and row.state is State.PAUSED:
        return moved(row, State.RUNNING, "It was resumed.", now)
    return None


def announced(row: Deployment, step: Step, words: str, verifying: bool, now: Instant) -> tuple[Deployment, Event]:
    """It has come to a new step: written down before it is done."""
    progress = replace(
        row.progress,
        step=step.kind,
        words=words,
        since=now,
        steps_taken=row.progress.steps_taken + 1,
        attempts=0,
        check=0,
    )
    state = row.state
    if state is not State.ROLLING_BACK:
        state = State.VERIFYING if verifying else State.RUNNING
    check_transition(row.id, row.state, state)
    since = now if state is not row.state else row.state_since
    after = replace(row, progress=progress, state=state, state_since=since, because=words, who="")
    data = {"step": step.kind, "number": str(progress.steps_taken)}
    if progress.cell:
        data["cell"] = progress.cell
    return after, event_of(after, "deployment.step", words, now, data=data)
