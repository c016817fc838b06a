"""Trains: several releases that go to an environment together, with what people do in between."""

from dataclasses import replace
from pathlib import Path
from typing import Annotated

from cyclopts import App as Commands
from cyclopts import Parameter

from lockgate.cli.output import (
    BAD,
    BLANK,
    BUSY,
    FAINT,
    GOOD,
    STRONG,
    Json,
    Line,
    Row,
    clock,
    day,
    elapsed,
    headline,
    indented,
    line,
    now,
    show,
    table,
)
from lockgate.cli.surroundings import actor
from lockgate.client import Client
from lockgate.core.errors import Invalid, Problem
from lockgate.messages import EventView
from lockgate.messages.trains import AbortTrain, CreateTrain, StartTrain, StepDraft, StepView, TrainView

train = Commands(name="train", help="Release several applications together.", help_format="plaintext")

MARKS = {
    "pending": ("·", FAINT),
    "running": ("…", BUSY),
    "waiting": ("…", BUSY),
    "succeeded": ("✔", GOOD),
    "failed": ("✘", BAD),
    "aborted": ("–", FAINT),
    "rolling_back": ("↩", BUSY),
    "rolled_back": ("↩", FAINT),
}
TONES = {"succeeded": GOOD, "failed": BAD, "aborted": BAD, "rolled_back": BAD, "created": FAINT}


@train.command
def create(
    *releases: str,
    name: str = "",
    to: str = "",
    file: Annotated[Path | None, Parameter(name=["--file", "-f"])] = None,
    on_failure: str = "",
    reason: str = "",
    start: Annotated[bool, Parameter(negative="")] = False,
    json: Json = False,
) -> None:
    """Make a train of releases, or from a file. What a release requires goes before it.

    Parameters
    ----------
    releases
        The name of the train, if --name does not give it, then applications with their releases: api@2.0 web@latest.
    name
        Its name.
    to
        The environment that all of them go to.
    file
        Read it from this file instead: with tasks and holds.
    on_failure
        When a step fails: stop (default), or roll_back_all.
    reason
        Why; kept in the audit log.
    start
        Start it at once.
    """
    request = _from_file(file, releases, name, to) if file is not None else _from_words(releases, name, to)
    request = replace(
        request,
        on_failure=on_failure or request.on_failure,
        reason=reason or request.reason,
        actor=actor(),
    )
    client = Client()
    view = client.create_train(request)
    if start:
        view = client.start_train(view.name, StartTrain(actor()))
    show(view, json, lambda: train_lines(view, now()))


def _from_words(words: tuple[str, ...], name: str, to: str) -> CreateTrain:
    if not name and words and "@" not in words[0]:
        name, words = words[0], words[1:]
    if not name:
        raise _bad("NAME", "a train has a name.", "Write: lockgate train create NAME --to ENV api@2.0 web@latest")
    if not to:
        raise _bad("--to", "it is not said where the train goes.", "Name the environment: --to prod")
    steps = []
    for word in words:
        application, _, release = word.partition("@")
        steps.append(StepDraft("deploy", application=application, release=release or "latest"))
    return CreateTrain(name, to, tuple(steps))


def _from_file(file: Path, words: tuple[str, ...], name: str, to: str) -> CreateTrain:
    from lockgate.config.train_file import read_train

    try:
        text = file.read_text()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not text"
        raise _bad("--file", f"{file} cannot be read: {reason}.", "Name a file such as train.yaml.") from error
    if len(words) > 1 or any("@" in word for word in words):
        raise _bad("RELEASES", "the file says what is deployed.", "Leave the releases out, or the file.")
    request = read_train(text, str(file)).value
    return replace(request, name=name or next(iter(words), "") or request.name, environment=to or request.environment)


def _bad(field: str, because: str, mend: str) -> Invalid:
    return Invalid([Problem("command line", None, field, because, mend)])


@train.command(name="show")
def show_train(name: str, /, *, json: Json = False) -> None:
    """Every step with who, when, how long and why it waits; then everything that has happened.

    Parameters
    ----------
    name
        The train.
    """
    view = Client().train(name)
    show(view, json, lambda: [*train_lines(view, now()), *timeline_lines(view.timeline)])


@train.command(name="list")
def list_trains(*, limit: int = 20, json: Json = False) -> None:
    """Trains, newest first.

    Parameters
    ----------
    limit
        At most so many.
    """
    found = Client().trains(limit)
    show(found, json, lambda: list_lines(found))


@train.command(name="start")
def start_train(name: str, /, *, json: Json = False) -> None:
    """Start a train, once. The deployments that it opens are yours.

    Parameters
    ----------
    name
        The train.
    """
    view = Client().start_train(name, StartTrain(actor()))
    show(view, json, lambda: train_lines(view, now()))


@train.command
def abort(
    name: str,
    /,
    *,
    reason: str = "",
    roll_back: Annotated[bool, Parameter(negative="")] = False,
    json: Json = False,
) -> None:
    """Begin nothing more; what is under way goes back to what ran before.

    Parameters
    ----------
    name
        The train.
    reason
        Why; kept in the audit log.
    roll_back
        Take back what it has deployed, too.
    """
    view = Client().abort_train(name, AbortTrain(reason, roll_back, actor()))
    show(view, json, lambda: train_lines(view, now()))


def train_lines(view: TrainView, at: float) -> list[Line]:
    """The train and its steps."""
    state = view.state.replace("_", " ")
    lines = [line((f"{view.name} → {view.environment}", STRONG), "  ", (state, TONES.get(view.state, BUSY)))]
    lines += indented([view.because] if view.because else [])
    starter = f", started by {view.starter} {day(view.started_at)}" if view.started_at is not None else ""
    lines += indented([f"Made by {view.actor} {day(view.created_at)}{starter}."])
    rows: list[Row] = [_step_row(step, at) for step in view.steps]
    return [*lines, BLANK, *table(("", "STEP", "WHAT", "WHO", "WHEN", "TOOK", "WHY"), rows, indent=2)]


def _step_row(step: StepView, at: float) -> Row:
    took = elapsed(step.took) if step.took is not None else ""
    began = clock(step.began_at) if step.began_at is not None else ""
    return [line(MARKS.get(step.state, ("?", ""))), step.name, _what(step), step.who, began, took, _why(step)]


def _what(step: StepView) -> str:
    if step.kind == "deploy":
        return " ".join(word for word in (step.release_label, step.deployment, step.back) if word)
    if step.task is not None:
        ticked = sum(bool(item.by) for item in step.task.items)
        return f"task, {ticked} of {len(step.task.items)} ticked" if step.task.items else "task"
    return f"hold for {elapsed(step.seconds)}"


def _why(step: StepView) -> str:
    return f"{step.state.replace('_', ' ')}: {step.because}" if step.because else step.state.replace("_", " ")


def timeline_lines(events: tuple[EventView, ...]) -> list[Line]:
    rows: list[Row] = [[clock(one.at), one.kind, one.deployment, one.actor, one.because] for one in events]
    return [BLANK, headline("Timeline"), *table(("", "", "", "", ""), rows, indent=2)]


def list_lines(found: tuple[TrainView, ...]) -> list[Line]:
    if not found:
        return [line("There are no trains. Make one with: lockgate train create NAME --to ENV api@latest web@latest")]
    rows: list[Row] = [
        [
            line((one.name, STRONG)),
            one.environment,
            line((one.state.replace("_", " "), TONES.get(one.state, BUSY))),
            f"{sum(step.state == 'succeeded' for step in one.steps)} of {len(one.steps)}",
            one.starter or one.actor,
            one.because,
        ]
        for one in found
    ]
    return table(("TRAIN", "TO", "STATE", "DONE", "BY", "WHY"), rows)
