"""What instances print, and the record of who did what."""

import time
from collections.abc import Iterable
from typing import Annotated

from cyclopts import Parameter

from lockgate.cli.output import (
    BAD,
    FAINT,
    GOOD,
    STRONG,
    Json,
    Line,
    Row,
    day,
    first_line,
    line,
    put,
    put_json_line,
    show,
    table,
)
from lockgate.cli.surroundings import App, application_meant
from lockgate.client import Client
from lockgate.core.errors import Unavailable
from lockgate.messages import AuditView, EventView, LogView

PAUSE = 0.4
"""Seconds between two looks at a log that is followed."""

PAGE = 500

Follow = Annotated[bool, Parameter(name=["--follow", "-f"], negative="", help="Go on until interrupted.")]


def logs(
    env: str,
    /,
    *,
    follow: Follow = False,
    component: str = "",
    instance: str = "",
    lines: int = 200,
    app: App = "",
    json: Json = False,
) -> None:
    """What instances print, each line with its instance in front.

    With --follow and --json, one JSON value a line.

    Parameters
    ----------
    env
        The environment.
    component
        Only this component.
    instance
        Only this instance.
    lines
        How many lines of the past at most.
    """
    client, application = Client(), application_meant(app)
    view = client.logs(application, env, component, instance, limit=lines)
    if not follow:
        show(view, json, lambda: log_lines(view))
        return
    while True:
        _put_page(view, json)
        time.sleep(PAUSE)
        try:
            view = client.logs(application, env, component, instance, after=view.next, limit=PAGE)
        except Unavailable:
            view = LogView((), view.next)  # the server is being restarted: go on where it was


def _put_page(view: LogView, json: bool) -> None:
    if view.lines and json:
        put_json_line(view)
    elif view.lines:
        put(log_lines(view))


def log_lines(view: LogView) -> list[Line]:
    """The instance in front is faint."""
    return [_log_line(text) for text in view.lines]


def _log_line(text: str) -> Line:
    instance, bar, rest = text.partition(" | ")
    return line((instance + bar, FAINT), rest, hang=len(instance + bar))


def audit(
    *,
    verify: Annotated[bool, Parameter(negative="")] = False,
    after: int = 0,
    limit: int = 100,
    json: Json = False,
) -> int:
    """Who did what, when and why. Each entry carries the digest of the one before.

    Parameters
    ----------
    verify
        Only say whether the chain of digests is whole; the exit code is 1 if it is not.
    after
        Entries after this number.
    limit
        How many at most.
    """
    view = Client().audit(after, limit)
    show(view, json, lambda: chain_lines(view) if verify else [*audit_lines(view.entries), *chain_lines(view)])
    return 0 if view.whole else 1


def audit_lines(entries: Iterable[EventView]) -> list[Line]:
    rows: list[Row] = [
        [str(e.seq), day(e.at), line((e.actor, STRONG)), e.kind, _subject(e), first_line(e.because)] for e in entries
    ]
    return table(("NO", "WHEN", "WHO", "WHAT", "OF", ""), rows) if rows else []


def _subject(entry: EventView) -> str:
    place = f"{entry.application}/{entry.environment}" if entry.environment else entry.application
    return " ".join(part for part in (place, entry.deployment or entry.release) if part)


def chain_lines(view: AuditView) -> list[Line]:
    if view.whole:
        return [line(("✔ ", GOOD), "The audit chain is whole: no entry has been changed, added between or taken out.")]
    because = f"The audit chain is broken at entry {view.broken_at}: it or one before it has been changed."
    return [line(("✘ ", BAD), because, hang=2)]
