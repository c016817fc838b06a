"""When environments are open and frozen, what is planned, and feeds of that for a calendar program."""

from collections.abc import Iterable
from typing import Annotated

from cyclopts import App as Commands
from cyclopts import Parameter

from lockgate.cli.output import (
    BAD,
    BUSY,
    FAINT,
    GOOD,
    STRONG,
    Json,
    Line,
    Row,
    day,
    line,
    show,
    table,
)
from lockgate.cli.surroundings import App, Reason, actor
from lockgate.cli.timeline import section
from lockgate.client import Client
from lockgate.messages import CalendarEntry, CalendarView, FeedLink, FeedView, NewFeed, RevokeFeed, StandingView

Env = Annotated[str, Parameter(name=["--env", "--environment"], help="Only this environment.")]

feed = Commands(name="feed", help="Links that a calendar program subscribes to.", help_format="plaintext")

MARKS = {
    "open": ("○", GOOD),
    "frozen": ("■", BAD),
    "planned": ("◷", BUSY),
    "waiting": ("…", BUSY),
    "under way": ("◐", BUSY),
    "past": ("●", FAINT),
}

SHOWN = 40
"""Windows listed of each environment; a year of daily ones is for a calendar program."""


def calendar(*, env: Env = "", app: App = "", days: int = 30, json: Json = False) -> None:
    """When environments are open and frozen, what is planned there, and what of that collides.

    Parameters
    ----------
    app
        Only deployments of this application.
    days
        How many days ahead.
    """
    found = Client().calendar(env, app, days, 0)
    show(found, json, lambda: calendar_lines(found))


def calendar_lines(found: CalendarView) -> list[Line]:
    lines = [_standing(one) for one in found.environments]
    windows = [entry for entry in found.entries if not entry.deployment]
    lines += section("Windows", _windows(windows))
    lines += section("Deployments", _rows(entry for entry in found.entries if entry.deployment))
    lines += section("Collisions", [line(("  ! ", BUSY), words, hang=4) for words in found.warnings])
    return lines + section("Not as it should be", [line(("  ✘ ", BAD), words, hang=4) for words in found.problems])


def _standing(one: StandingView) -> Line:
    mark = ("○ ", GOOD) if one.open else ("■ ", BAD)
    return line(mark, (one.environment, STRONG), f"  {one.because}", hang=2)


def _windows(entries: list[CalendarEntry]) -> list[Line]:
    """Frozen times all of them, open ones as many as one reads."""
    open_ones = [entry for entry in entries if entry.kind == "open"][SHOWN:]
    left_out = set(map(id, open_ones))
    lines = _rows(entry for entry in entries if id(entry) not in left_out)
    return [*lines, line((f"  and {len(open_ones)} more", FAINT))] if open_ones else lines


def _rows(entries: Iterable[CalendarEntry]) -> list[Line]:
    return table((), [_row(entry) for entry in entries], indent=2)


def _row(entry: CalendarEntry) -> Row:
    mark, style = MARKS[entry.kind]
    what = f"{entry.deployment}  {entry.title}" if entry.deployment else entry.title
    exempt = f"  exempt: {', '.join(entry.exempt)}" if entry.exempt else ""
    return [line((f"{mark} {entry.kind}", style)), entry.environment, _times(entry), line(what, (exempt, FAINT))]


def _times(entry: CalendarEntry) -> str:
    """``Tue 2026-12-01 09:00 – 16:00 Europe/Berlin``"""
    from lockgate.core.moment import told

    zone = entry.zone or "UTC"
    start = told(entry.start, zone).removesuffix(f" {zone}")
    if entry.end is None:
        return f"{start} {zone}"
    end = told(entry.end, zone).removesuffix(f" {zone}")
    same_day = start[:14] == end[:14]
    return f"{start} – {end[15:] if same_day else end} {zone}"


@feed.command
def create(name: str, /, *, env: Env = "", app: App = "", json: Json = False) -> None:
    """Make a link that a calendar program subscribes to. It is shown this once.

    Parameters
    ----------
    name
        What it is for, to know it by.
    """
    made = Client().subscribe(NewFeed(name, env, app, actor()))
    show(made, json, lambda: _link_lines(made))


def _link_lines(made: FeedLink) -> list[Line]:
    why = "Whoever has this link can read the calendar. It is not shown again."
    revoke = f"lockgate feed revoke {made.feed.name!r}"
    return [line(made.url), line((f"  {why}", FAINT)), line(("  Take it back with: ", FAINT), revoke)]


@feed.command(name="list")
def list_feeds(*, json: Json = False) -> None:
    """The feeds that there are. Their links are known only to those they were shown to."""
    found = Client().feeds()
    show(found, json, lambda: feed_lines(found))


def feed_lines(found: tuple[FeedView, ...]) -> list[Line]:
    if not found:
        return [line("There are no feeds. Make one with: lockgate feed create NAME")]
    rows: list[Row] = [
        [line((one.name, STRONG)), one.environment or "all", one.application or "all", day(one.since), one.actor]
        for one in found
    ]
    return table(("NAME", "ENVIRONMENT", "APPLICATION", "SINCE", "BY"), rows)


@feed.command
def revoke(name: str, /, *, reason: Reason = "", json: Json = False) -> None:
    """Let a feed's link open nothing any more.

    Parameters
    ----------
    name
        Its name.
    """
    Client().revoke_feed(name, RevokeFeed(reason, actor()))
    show({"revoked": name}, json, lambda: [line(("✔ ", GOOD), f"The link of {name} opens nothing any more.")])
