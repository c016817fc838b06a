"""Following one deployment until it ends: a timeline that stays, and below it, on a terminal, a picture of now.

Events only ring a bell; what is shown is read anew each time. So nothing is missed or told twice when the event
stream breaks, and a server that is killed and comes back is simply seen again.
"""

import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from lockgate.charts.terminal import ROWS
from lockgate.cli.charting import evidence_lines, speaks_unicode
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
    console,
    draw,
    fitted,
    indented,
    line,
    now,
    on_terminal,
    put,
    put_json,
    table,
)
from lockgate.cli.surroundings import App, brief, deployment_meant
from lockgate.cli.timeline import GOOD_ENDS, cell_row, event_line, moment, shares, standing, succeeded, verdict
from lockgate.client import Client, Refusal
from lockgate.core.errors import LockgateError, Unavailable
from lockgate.core.inventory import Condition
from lockgate.messages import AnalysisView, DeploymentView, EnvironmentView, InstanceView, StatusRow

if TYPE_CHECKING:
    from rich.console import Group
    from rich.live import Live

LOOK = 0.3
"""Seconds between two looks when no event rings."""

MEASURED = 2.0
"""Seconds between two looks at a canary's evidence, which grows every few seconds; more if the server needs long."""

SPARING = 10.0
"""How many times as long as the last answer took is waited at least, so that watching does not keep a server busy."""

PATIENCE = 120.0
"""Seconds a server may be away before watching gives up. The deployment does not need anybody to watch it."""

AROUND = 13
"""Lines that charts need besides their own rows."""

SPINNER = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"

CONDITIONS = {
    Condition.STARTING: ("◐", BUSY),
    Condition.READY: ("●", GOOD),
    Condition.UNREADY: ("▲", BAD),
    Condition.FAILED: ("✘", BAD),
    Condition.STOPPING: ("○", FAINT),
}

AWAY = "The server does not answer; the deployment goes on when it is back, and so does this."

INTERRUPTED = 130


def watch(name: str = "", /, *, app: App = "", json: Json = False) -> int:
    """Follow a deployment until it ends. The exit code is 0 if it succeeded.

    With --json, its final state.

    Parameters
    ----------
    name
        The deployment; default: the newest.
    """
    client = Client()
    meant = deployment_meant(client, name, app)
    if not json:
        return follow(client, meant)
    view = client.wait(meant, float("inf"))
    put_json(view)
    return int(not succeeded(view))


def follow(client: Client, name: str, good: frozenset[str] = GOOD_ENDS) -> int:
    """Shows the deployment until it ends. Returns the exit code: 0 if its last state is one of ``good``."""
    onlooker = Onlooker(client, name, pictured=on_terminal())
    screen = Terminal() if on_terminal() else Plain()
    try:
        with screen.open():
            view = _until_end(onlooker, screen)
    except KeyboardInterrupt:
        put([line((f"{name} goes on. ", STRONG), f"Look again with: lockgate watch {name}")])
        return INTERRUPTED
    put([BLANK, *verdict(view), *_afterwards(client, view)])
    return int(view.state not in good)


def _until_end(onlooker: "Onlooker", screen: "Screen") -> DeploymentView:
    screen.add([heading(onlooker.look().view)])
    with onlooker.bell() as bell:
        while True:
            sight = onlooker.look()
            screen.add(sight.news)
            screen.show(sight)
            if sight.view.final:
                return sight.view
            bell.wait(LOOK)
            bell.clear()


def heading(view: DeploymentView) -> Line:
    why = view.reason or view.occasion
    asked = f"  {view.id}, asked for by {view.actor}" + (f": {why}" if why else "")
    return line((brief(view), STRONG), (asked, FAINT), hang=2)


def _afterwards(client: Client, view: DeploymentView) -> list[Line]:
    """What comes next. A server that has gone meanwhile takes nothing from the verdict."""
    try:
        return indented(afterwards(view, client.status(view.application, view.environment).rows, client.environments()))
    except LockgateError:
        return []


def afterwards(view: DeploymentView, rows: Iterable[StatusRow], environments: Iterable[EnvironmentView]) -> list[str]:
    if not succeeded(view):
        return [f"Why, in full: lockgate explain {view.id}"]
    told = [f"It answers at {at}" for row in rows for at in (row.url, *(cell.url for cell in row.cells)) if at]
    if view.kind == "rollback":
        return told
    for environment in environments:
        if environment.after == view.environment:
            by_itself = environment.promote == "automatic"
            told.append(
                f"{environment.name} takes it next, by itself."
                if by_itself
                else f"Next: lockgate promote --to {environment.name}"
            )
    return told


# --- looking ---


@dataclass(frozen=True, slots=True)
class Sight:
    """What one look has seen."""

    view: DeploymentView
    row: StatusRow | None
    """None: not known."""
    news: tuple[Line, ...] = ()
    """Of the timeline, since the look before."""
    away: bool = False
    """The server does not answer; the rest is what was seen last."""
    analysis: AnalysisView | None = None
    """Of a canary."""


@dataclass(slots=True)
class Onlooker:
    """Looks at one deployment again and again."""

    client: Client
    name: str
    pictured: bool = False
    """A canary's evidence is wanted, too."""
    seen: int = 0
    """Number of the last event told."""
    measure_at: float = float("-inf")
    """When its evidence is asked for again."""
    last: Sight | None = None
    away_since: float | None = None

    @contextmanager
    def bell(self) -> Iterator[threading.Event]:
        """Rings when something has happened. It is a convenience: looking goes on without it."""
        bell, ended = threading.Event(), threading.Event()
        # A daemon: the program must not wait for a silent stream to end.
        threading.Thread(target=_ring, args=(self.client, self.name, bell, ended), daemon=True).start()
        try:
            yield bell
        finally:
            ended.set()

    def look(self) -> Sight:
        """Raises :class:`Unavailable` when the server has been away for :data:`PATIENCE` seconds."""
        if self.last is None:
            self.last = Sight(self.client.deployment(self.name), None)
            return self.last
        try:
            sight = self._seen_now()
        except Unavailable:
            sight = self._gone(self.last)
        else:
            self.away_since = None
        self.last = sight
        return sight

    def _seen_now(self) -> Sight:
        # First the state, then the events: those of the last state are then all there.
        view = self.client.deployment(self.name)
        events = self.client.past_events(self.seen, deployment=self.name)
        rows = self.client.status(view.application, view.environment).rows
        news = tuple(event_line(event, view.created_at) for event in events)
        self.seen = max((event.seq for event in events), default=self.seen)
        return Sight(view, rows[0] if rows else None, news, analysis=self._evidence(bool(news)))

    def _evidence(self, moved: bool) -> AnalysisView | None:
        """Asked for when something has happened, and every :data:`MEASURED` seconds. It is a convenience: a server
        that refuses it does not end the watching."""
        last = self.last.analysis if self.last else None
        began = time.monotonic()
        if not self.pictured or not (moved or began >= self.measure_at):
            return last
        with suppress(Refusal):
            last = self.client.analysis(self.name)
        ended = time.monotonic()
        self.measure_at = ended + max(MEASURED, SPARING * (ended - began))
        return last

    def _gone(self, last: Sight) -> Sight:
        first = self.away_since is None
        self.away_since = time.monotonic() if self.away_since is None else self.away_since
        if time.monotonic() - self.away_since > PATIENCE:
            raise Unavailable(f"The server has been away for {PATIENCE:.0f} s.", "Start it with: lockgate serve")
        news = (moment(now(), last.view.created_at, "server away", AWAY),) if first else ()
        return Sight(last.view, last.row, news, away=True, analysis=last.analysis)


def _ring(client: Client, name: str, bell: threading.Event, ended: threading.Event) -> None:
    # Looking goes on every LOOK seconds, and it is what reports a server that stays away.
    with suppress(LockgateError):
        for _ in client.events(deployment=name, patience=PATIENCE, ended=ended):
            bell.set()


# --- showing ---


class Screen(Protocol):
    def open(self) -> AbstractContextManager[object]: ...

    def add(self, lines: Iterable[Line]) -> None:
        """To the timeline: it stays."""

    def show(self, sight: Sight) -> None:
        """The picture of now: it is drawn over."""


class Plain:
    """Lines, one after the other."""

    def open(self) -> AbstractContextManager[object]:
        return nullcontext()

    def add(self, lines: Iterable[Line]) -> None:
        told = list(lines)
        if told:
            put(told)

    def show(self, sight: Sight) -> None:
        """The timeline says it all."""


class Terminal:
    """The timeline above, the picture below it."""

    def __init__(self, clock: Callable[[], float] = now) -> None:
        from rich.live import Live

        self._console = console()
        self._clock = clock
        self._sight: Sight | None = None
        self._live = Live(console=self._console, get_renderable=self._drawn, refresh_per_second=10, transient=True)

    def open(self) -> "Live":
        return self._live

    def add(self, lines: Iterable[Line]) -> None:
        for one in lines:
            draw(one, self._console)

    def show(self, sight: Sight) -> None:
        self._sight = sight

    def _drawn(self) -> "Group":
        from rich.console import Group

        size, unicode = self._console.size, speaks_unicode()
        lines = picture(self._sight, self._clock(), size.width, size.height, unicode) if self._sight else []
        return Group(*(text for one in lines for text in fitted(one, self._console)))


def picture(sight: Sight, at: float, width: int = 80, height: int = 24, unicode: bool = True) -> list[Line]:
    """How it stands, who gets which part of the traffic, how its instances are, and what users get from a canary. The
    charts are as high as there is room for them."""
    view, row = sight.view, sight.row
    if view.final:
        return []
    spinner = (SPINNER[int(at * 10) % len(SPINNER)], BUSY)
    lines = [BLANK, Line((("  ", ""), spinner, (" ", ""), *standing(view, at).spans))]
    lines += [line(("    " + AWAY, BAD), hang=4)] if sight.away else indented(_sentences(view), 4)
    if row is not None and row.cells:
        lines += [BLANK, *table((), [cell_row(cell, row.application) for cell in row.cells], indent=4)]
    if row is not None and row.weights:
        lines += [BLANK, *shares(row.weights, view.release, indent=4)]
    if row is not None and row.instances:
        lines += [BLANK, *instance_lines(row.instances)]
    if sight.analysis is not None:
        rows = min(ROWS, (height - len(lines) - AROUND) // 2)
        lines += [BLANK, *evidence_lines(sight.analysis, width, unicode, rows, indent=4)]
    return lines


def _sentences(view: DeploymentView) -> list[str]:
    who = f"Who can act: {view.who}." if view.who else ""
    return [sentence for sentence in dict.fromkeys((view.words, view.because, who)) if sentence]


def instance_lines(instances: Iterable[InstanceView]) -> list[Line]:
    return table((), [_instance_row(one) for one in instances], indent=4)


def _instance_row(one: InstanceView) -> Row:
    mark, style = CONDITIONS[Condition(one.condition)]
    component = f"{one.cell}/{one.component}" if one.cell else one.component
    name = line((mark, style), f" {component} {one.slot}")
    why = one.because.splitlines()[0] if one.because and one.condition != Condition.READY else ""
    restarts = f"{one.restarts} restarts" if one.restarts else ""
    facts = " · ".join(part for part in (one.endpoint, restarts, why) if part)
    return [name, line((one.revision, FAINT)), line((one.condition, style)), line((facts, FAINT))]
