"""What instances print."""

import time
from typing import Annotated

from cyclopts import Parameter

from lockgate.cli.output import FAINT, Json, Line, line, put, put_json_line, show
from lockgate.cli.surroundings import App, application_meant
from lockgate.client import Client
from lockgate.core.errors import Unavailable
from lockgate.messages import LogView

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
