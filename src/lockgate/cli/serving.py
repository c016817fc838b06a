"""The server and this machine: serve, down, doctor, open."""

import os
import sys
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from lockgate.cli.output import BAD, BUSY, FAINT, GOOD, Json, Line, Row, line, put_json, show, table
from lockgate.client import Client
from lockgate.core.errors import Invalid, Problem, Unavailable
from lockgate.messages import Usable

if TYPE_CHECKING:
    from lockgate.config.settings import Settings

NEEDED = 6
"""Of what doctor tells, so many come first that nothing works without."""

Home = Annotated[Path | None, Parameter(name="--home", help="Data folder (LOCKGATE_HOME).", show_default=False)]
Listen = Annotated[str | None, Parameter(name="--listen", help="Address of the API and the console (LOCKGATE_LISTEN).")]
Environments = Annotated[
    Path | None, Parameter(name="--environments", help="The environments' file (LOCKGATE_ENVIRONMENTS).")
]
Database = Annotated[
    str | None, Parameter(name="--database", help="Database URL (LOCKGATE_DATABASE).", show_default=False)
]
Envoy = Annotated[Path | None, Parameter(name="--envoy", help="The router's binary (LOCKGATE_ENVOY).")]
Ports = Annotated[str | None, Parameter(name="--ports", help="Ports for instances, first-last (LOCKGATE_PORTS).")]
LogLevel = Annotated[
    str | None, Parameter(name="--log-level", help="debug, info, warning or error (LOCKGATE_LOG_LEVEL).")
]

Yes = Annotated[bool, Parameter(name="--yes", negative="", help="Do not ask first.")]


def serve(
    *,
    home: Home = None,
    listen: Listen = None,
    environments: Environments = None,
    database: Database = None,
    envoy: Envoy = None,
    ports: Ports = None,
    log_level: LogLevel = None,
) -> None:
    """Run the server on this machine, until it is interrupted. What it has deployed runs on without it."""
    given = {"home": home, "listen": listen, "environments": environments, "database": database, "envoy": envoy}
    settings = settings_of({**given, "ports": ports, "log_level": log_level})
    from lockgate.wiring.serving import serve as run

    run(settings)


def down(*, home: Home = None, yes: Yes = False, json: Json = False) -> int:
    """End everything that Lockgate runs on this machine: instances, checks, the router. Refused while a server runs.

    The records stay: a server started later brings back what was deployed.
    """
    settings = settings_of({"home": home})
    if not (yes or _confirmed(settings.data)):
        print("Nothing was ended.")
        return 1
    from lockgate.wiring.serving import down as end

    ended = end(settings)
    words = f"{ended} program{'s have' if ended != 1 else ' has'} ended." if ended else "Nothing was running."
    show({"ended": ended}, json, lambda: [line(("✔ ", GOOD), words)])
    return 0


def _confirmed(data: Path) -> bool:
    if not sys.stdin.isatty():
        because = "this ends all that is deployed, and there is no terminal to ask."
        raise Invalid([Problem("command line", None, "--yes", because, "Give --yes if that is meant.")])
    answer = input(f"End everything that runs from {data}? Its users get no answers then. [y/N] ")
    return answer.strip().lower() in ("y", "yes")


def settings_of(options: Mapping[str, object]) -> "Settings":
    """The environment's settings with the options in their place. Raises :class:`Invalid` naming the option."""
    from lockgate.config.settings import read_settings

    given = {f"LOCKGATE_{name.upper()}": str(value) for name, value in options.items() if value is not None}
    try:
        return read_settings({**os.environ, **given}, Path.cwd())
    except Invalid as error:
        named = [
            replace(p, where="command line", field=_option(p.field)) if p.field in given else p for p in error.problems
        ]
        raise Invalid(named) from error


def _option(variable: str) -> str:
    return "--" + variable.removeprefix("LOCKGATE_").lower().replace("_", "-")


def doctor(*, home: Home = None, json: Json = False) -> int:
    """What of this machine is usable, and how to mend what is not. A running server is asked, too.

    The exit code is 1 if something is missing that nothing works without.
    """
    client = Client.of(home) if home else Client()
    try:
        version = client.health()["version"]
        found = client.doctor()
        server = Usable("server", True, f"Lockgate {version} answers at {client.find().url}.")
    except Unavailable as error:
        found = _seen_from_here(home)
        server = Usable("server", False, error.because, error.mend)
    told = (*found, server)
    show(told, json, lambda: doctor_lines(told))
    return int(not all(one.usable for one in found[:NEEDED]))


def _seen_from_here(home: Path | None) -> tuple[Usable, ...]:
    from lockgate.wiring.machine import examine

    return examine(settings_of({"home": home}))


def doctor_lines(found: Iterable[Usable]) -> list[Line]:
    """What cannot be used has the way to mend it below it."""
    told = list(found)
    rows: list[Row] = [[_mark(one, at < NEEDED), one.subject, one.because] for at, one in enumerate(told)]
    lines = table((), rows)
    hang = lines[0].hang if lines else 0
    both = [(row, one) for row, one in zip(lines, told, strict=True)]
    return [part for row, one in both for part in (row, *_mending(one, hang))]


def _mark(one: Usable, needed: bool) -> Line:
    return line(("✔", GOOD) if one.usable else ("✘", BAD) if needed else ("–", BUSY))


def _mending(one: Usable, hang: int) -> list[Line]:
    if one.usable or not one.mend:
        return []
    return [line(" " * hang, (one.mend, FAINT), hang=hang)]


def console_address(*, json: Json = False) -> None:
    """Print a link that opens the console, once."""
    url = Client().log_in()
    if json:
        put_json({"url": url})
    else:
        print(url)
