"""Tasks: what people do in a train, by the name of the train and the step: friday/announce."""

from typing import Annotated

from cyclopts import App as Commands
from cyclopts import Parameter

from lockgate.cli.output import (
    BAD,
    BLANK,
    FAINT,
    GOOD,
    STRONG,
    Json,
    Line,
    Row,
    ago,
    day,
    indented,
    line,
    now,
    show,
    table,
)
from lockgate.cli.surroundings import Reason, actor
from lockgate.cli.trains import MARKS
from lockgate.client import Client
from lockgate.messages.trains import FinishTask, RejectTask, TaskView, Tick

task = Commands(name="task", help="What people do in trains.", help_format="plaintext")


@task.command(name="list")
def list_tasks(*, json: Json = False) -> None:
    """Tasks of trains that have not ended, yours first."""
    found = Client().tasks()
    show(found, json, lambda: list_lines(found))


@task.command(name="show")
def show_task(name: str, /, *, json: Json = False) -> None:
    """One task with its checklist.

    Parameters
    ----------
    name
        The task: TRAIN/STEP.
    """
    view = Client().task(name)
    show(view, json, lambda: task_lines(view, now()))


@task.command
def tick(name: str, item: int, /, *, undo: Annotated[bool, Parameter(negative="")] = False, json: Json = False) -> None:
    """Tick an item of its checklist.

    Parameters
    ----------
    name
        The task: TRAIN/STEP.
    item
        The item's number.
    undo
        Take the tick off.
    """
    view = Client().tick(name, Tick(item, undo, actor()))
    show(view, json, lambda: task_lines(view, now()))


@task.command
def done(name: str, /, *, comment: str = "", json: Json = False) -> None:
    """It is done: every item is ticked.

    Parameters
    ----------
    name
        The task: TRAIN/STEP.
    comment
        For those who read it later.
    """
    view = Client().finish_task(name, FinishTask(comment, actor()))
    show(view, json, lambda: task_lines(view, now()))


@task.command
def reject(name: str, /, *, reason: Reason, json: Json = False) -> None:
    """It cannot be done, so the train fails.

    Parameters
    ----------
    name
        The task: TRAIN/STEP.
    """
    view = Client().reject_task(name, RejectTask(reason, actor()))
    show(view, json, lambda: task_lines(view, now()))


def list_lines(found: tuple[TaskView, ...]) -> list[Line]:
    if not found:
        return [line("Nothing is left for anybody to do.")]
    rows: list[Row] = [
        [
            line((one.id, STRONG)),
            one.environment,
            one.assignee,
            line(("yes", GOOD)) if one.may else line(("no", FAINT)),
            line((day(one.due), BAD if one.overdue else "")) if one.due is not None else "–",
            one.text,
        ]
        for one in found
    ]
    return table(("TASK", "WHERE", "FOR", "YOU MAY", "DUE", "WHAT"), rows)


def task_lines(view: TaskView, at: float) -> list[Line]:
    lines = [line((view.id, STRONG), f" in {view.environment}  ", MARKS.get(view.state, ("", "")), f" {view.state}")]
    lines += indented([view.text, *([view.because] if view.because else [])])
    if view.due is not None:
        lines.append(line("  ", (f"due {day(view.due)}", BAD if view.overdue else FAINT)))
    for number, item in enumerate(view.items, 1):
        ticked = f"  {item.by}, {ago(at - item.at)}" if item.at is not None else ""
        lines.append(line(("  ✔ ", GOOD) if item.by else ("  · ", FAINT), f"{number}. {item.text}", (ticked, FAINT)))
    if view.may:
        left = any(not item.by for item in view.items)
        said = f"lockgate task tick {view.id} NUMBER" if left else f"lockgate task done {view.id}"
        return [*lines, BLANK, line(("  Next: ", FAINT), said)]
    return [*lines, BLANK, *indented([view.hindrance])] if view.hindrance else lines
