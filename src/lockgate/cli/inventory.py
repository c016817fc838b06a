"""What runs or ran in a place, and where something runs or ran."""

from typing import Annotated

from cyclopts import Parameter

from lockgate.cli.moments import earlier
from lockgate.cli.output import BLANK, BUSY, FAINT, GOOD, STRONG, Json, Line, Row, ago, day, line, now, show, table
from lockgate.client import Client
from lockgate.messages import FoundView, InventoryView, RunningView, WhereView

At = Annotated[str, Parameter(name="--at", help='At that moment: "2026-03-03 14:00", 14:00, or 2h for so long ago.')]
Only = Annotated[str, Parameter(name="--app", help="Only this application; default: every one.")]
Limit = Annotated[int, Parameter(name="--limit", help="At most so many lines.")]

AS_WHAT = 8
"""Packages that are told above the table."""


def inventory(
    environment: str = "", /, *, at: At = "", app: Only = "", limit: Limit = 1000, json: Json = False
) -> None:
    """What runs in an environment, or ran there at a moment: since when, by whom, and how many instances were seen.

    Parameters
    ----------
    environment
        The environment; default: all of them.
    """
    found = Client().inventory(environment, app, _moment(at), limit)
    show(found, json, lambda: inventory_lines(found, environment, bool(at), now()))


def inventory_lines(found: InventoryView, environment: str, past: bool, clock: float) -> list[Line]:
    place = f" in {environment}" if environment else ""
    if not found.running:
        return [line(f"Nothing ran{place} at {day(found.at)}." if past else f"Nothing runs{place}.")]
    title = [line(f"What ran{place} at ", (day(found.at), STRONG)), BLANK] if past else []
    return [*title, *running_lines(found.running, clock), *_more(found.more)]


def where(
    what: str,
    /,
    *,
    at: At = "",
    ever: Annotated[bool, Parameter(negative="")] = False,
    limit: Limit = 200,
    json: Json = False,
) -> None:
    """Where something runs: a package inside of releases, an artifact, a digest, a release.

    Parameters
    ----------
    what
        openssl, openssl@3.0.7, pkg:pypi/urllib3@2.0.4, pypi:datasette==0.65.2, sha256:..., or a release's id.
    ever
        Also where it ran before.
    """
    found = Client().where(what, _moment(at), ever, limit)
    show(found, json, lambda: where_lines(found, bool(at), ever, now()))


def where_lines(found: WhereView, past: bool, ever: bool, clock: float) -> list[Line]:
    when = f" at {day(found.at)}" if past else ""
    if not found.running:
        verb = "ran" if past else "runs"
        known = "" if ever else " See where it ever did with --ever."
        return [line((found.what, STRONG), f" {verb} nowhere{when}, as far as is known.{known}")]
    releases = "one release" if found.releases == 1 else f"{found.releases} releases"
    lines = [line((found.what, STRONG), f" is in {releases}{when}:")]
    lines += [line(f"  {words}") for words in _as_what(found.found)]
    return [*lines, BLANK, *running_lines(found.running, clock), *_more(found.more)]


def _as_what(found: tuple[FoundView, ...]) -> list[str]:
    different = dict.fromkeys(one.purl or f"{one.package} {one.version}".rstrip() for one in found)
    words = list(different)[:AS_WHAT]
    return [*words, f"… and {len(different) - AS_WHAT} more"] if len(different) > AS_WHAT else words


def running_lines(running: tuple[RunningView, ...], clock: float) -> list[Line]:
    """A table. What no longer runs is faint, and says until when."""
    over = any(one.until is not None for one in running)
    headings = [
        "ENVIRONMENT",
        "APPLICATION",
        "RELEASE",
        "SINCE",
        *(["UNTIL"] if over else []),
        "BY",
        "DEPLOYMENT",
        "SEEN",
    ]
    return table(headings, [_row(one, over, clock) for one in running])


def _row(one: RunningView, over: bool, clock: float) -> Row:
    place = f"{one.environment}/{one.cell}" if one.cell else one.environment
    style = STRONG if one.until is None else FAINT
    until: Row = [day(one.until) if one.until is not None else ""] if over else []
    return [
        place,
        one.application,
        line((one.release_label, style)),
        day(one.since),
        *until,
        one.by,
        one.deployment,
        _seen(one, clock),
    ]


def _seen(one: RunningView, clock: float) -> Line:
    if one.until is not None:
        return line("")
    if one.instances is None:
        return line(("unknown", BUSY), f": {one.because}")
    age = ago(clock - (one.observed_at or clock))
    words = "1 instance" if one.instances == 1 else f"{one.instances} instances"
    return line((words, GOOD if one.instances else BUSY), f", {age}")


def _more(more: bool) -> list[Line]:
    return [line(("There is more; see it with a higher --limit.", BUSY))] if more else []


def _moment(at: str) -> int:
    """Whole seconds, 0 for now."""
    return int(earlier(at, now(), "--at")) if at else 0
