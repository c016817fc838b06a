"""Explaining: where a deployment is, why, since when, until when, and who can act, in sentences. Pure."""

from collections.abc import Mapping

from lockgate.core.deployment import Deployment, Kind, State
from lockgate.core.gate import Answer, Verdict
from lockgate.core.ids import Instant
from lockgate.core.plan import Observe
from lockgate.core.train import named_by

_STANDING = {
    State.PENDING: "has just been requested; its gates have not been asked yet",
    State.GATED: "waits at a gate",
    State.READY: "waits its turn",
    State.RUNNING: "is changing the environment",
    State.VERIFYING: "is being checked",
    State.PAUSED: "is paused",
    State.ROLLING_BACK: "is going back to what ran before",
    State.SUCCEEDED: "has succeeded",
    State.ROLLED_BACK: "failed and was taken back",
    State.FAILED: "failed",
    State.ABORTED: "was aborted",
    State.SUPERSEDED: "was superseded",
}


def sentences(
    row: Deployment, verdicts: tuple[Verdict, ...], now: Instant, cells: Mapping[str, str] | None = None
) -> tuple[str, ...]:
    """Where it is, why, what it waits for, who can act. ``cells``: how far it has come in each, if there are any."""
    told = [_where(row, now), row.because or "No reason was recorded.", *_of_train(row)]
    if row.progress.failure and row.progress.failure not in row.because:
        told.append(f"It failed because: {row.progress.failure}")
    if row.active and row.progress.words:
        told.append(f"Step {row.progress.steps_taken}: {row.progress.words}, for {age(now - row.progress.since)}.")
    if cells:
        told.append("Cell by cell: " + ", ".join(f"{cell or 'the rest'} {word}" for cell, word in cells.items()) + ".")
    shut = [v for v in verdicts if v.answer is not Answer.PASS and v.because != row.because]
    told += [f"Gate {v.gate}: {v.because}" for v in shut]
    told += _who(row)
    return tuple(told)


def _where(row: Deployment, now: Instant) -> str:
    subject = f"{row.id} ({row.release_label} to {row.environment}, asked for by {row.actor})"
    kind = " This is a rollback." if row.kind is Kind.ROLLBACK else ""
    since = row.ended_at if row.ended_at is not None and row.final else row.state_since
    took = ""
    if row.final and row.started_at is not None and row.ended_at is not None:
        took = f" after {age(row.ended_at - row.started_at)}"
    return (
        f"{subject} {_STANDING[row.state]}{took}, {age(now - since)} ago.{kind}"
        if row.final
        else (f"{subject} {_STANDING[row.state]}, since {age(now - since)}.{kind}")
    )


def _of_train(row: Deployment) -> list[str]:
    train, step = named_by(row.train)
    return [f"It is step {step} of the train {train}: lockgate train show {train}"] if train else []


def _who(row: Deployment) -> list[str]:
    if row.who:
        return [f"Who can act: {row.who}."]
    if row.state is State.ROLLING_BACK:
        return ["Nobody needs to act; an urgent deployment (--urgent) may take over from here."]
    if row.active:
        return ["Nobody needs to act."]
    return []


def commands(row: Deployment) -> tuple[str, ...]:
    """Command lines that make sense now."""
    app, env = row.application, row.environment
    if row.state is State.PAUSED:
        return (f"lockgate resume {row.id}", f"lockgate abort {row.id}")
    if row.active and row.who and row.progress.step == Observe.KIND:
        return (f"lockgate continue {row.id}", f"lockgate finish {row.id}", f"lockgate abort {row.id}")
    if row.active:
        return (f"lockgate watch {row.id}", f"lockgate pause {row.id}", f"lockgate abort {row.id}")
    if row.state in (State.PENDING, State.GATED, State.READY):
        return (f"lockgate watch {row.id}", f"lockgate abort {row.id}")
    if row.holds:
        return (f"lockgate rollback --app {app} --env {env} --reason TEXT", f"lockgate logs {env} --app {app}")
    if row.state in (State.ROLLED_BACK, State.FAILED):
        lift = f"lockgate quarantine lift {row.release} --app {app} --env {env} --reason TEXT"
        return (f"lockgate history --app {app} --env {env}", lift)
    return (f"lockgate history --app {app} --env {env}",)


def age(seconds: float) -> str:
    """``0.4 s``, ``12 s``, ``3 min``, ``2 h 5 min``, ``4 days``."""
    seconds = max(seconds, 0.0)
    if seconds < 10:
        return f"{seconds:.1f} s"
    if seconds < 120:
        return f"{seconds:.0f} s"
    if seconds < 7200:
        return f"{seconds / 60:.0f} min"
    if seconds < 172800:
        return f"{seconds // 3600:.0f} h {seconds % 3600 // 60:.0f} min"
    return f"{seconds / 86400:.0f} days"
