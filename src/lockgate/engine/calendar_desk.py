"""The calendar's desk: what is open, frozen, planned and past; slots that are asked for; feeds to subscribe to."""

import hashlib
import secrets
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from lockgate.core.audit import Event
from lockgate.core.calendar import Effect
from lockgate.core.deployment import ACTIVE, FINAL, WAITING, Deployment, State
from lockgate.core.environment import Catalogue, Environment
from lockgate.core.errors import Invalid, Problem
from lockgate.core.gate import Answer
from lockgate.core.ids import Instant
from lockgate.core.moment import DAY
from lockgate.core.people import NOBODY, Caller
from lockgate.core.timetable import FOR_EVER, Span, Timetable
from lockgate.engine import slots
from lockgate.engine.almanac import Almanac
from lockgate.engine.slots import Slot
from lockgate.messages import (
    CalendarEntry,
    CalendarView,
    DeploymentView,
    EnvironmentView,
    FeedView,
    NewFeed,
    RevokeFeed,
    StandingView,
)
from lockgate.ports import Clock, Feed, Selection, Store

MOST = 5000
"""Entries of one answer."""

MOST_ROWS = 500
"""Deployments looked at."""

NAME_LENGTH = 60


@dataclass(frozen=True, slots=True)
class CalendarDesk:
    """``catalogue`` raises Invalid while the environments cannot be read."""

    store: Store
    clock: Clock
    catalogue: Callable[[], Catalogue]
    almanac: Almanac = field(default_factory=Almanac)
    caller: Caller = NOBODY

    # --- looking ---

    def view(self, environment: str = "", application: str = "", days: int = 30, back: int = 7) -> CalendarView:
        """From ``back`` days ago to ``days`` ahead. Raises NotFound for an environment that there is not."""
        now = self.clock.now()
        since, until = now - back * DAY, now + days * DAY
        tables = self._tables(environment, now)
        rows = [row for row in self._rows(environment, application) if row.environment in tables]
        entries = [*_windows(tables, since, until), *_deployments(rows, tables, since, until, now)]
        entries.sort(key=lambda entry: (entry.start, entry.environment))
        cut = [f"Only the first {MOST} entries are shown; ask for fewer days."] if len(entries) > MOST else []
        return CalendarView(
            at=now,
            since=since,
            until=until,
            environments=tuple(self._standing(self.catalogue().get(name), now) for name in tables),
            entries=tuple(entries[:MOST]),
            warnings=slots.all_collisions(_planned(rows, now), tables),
            problems=(*(fault for table in tables.values() for fault in table.faults), *cut),
        )

    def told(self, view: EnvironmentView) -> EnvironmentView:
        """The environment's view, with why it is closed."""
        standing = self._standing(self.catalogue().get(view.name), self.clock.now())
        if standing.open:
            return view
        return replace(view, closed=standing.because, opens_at=standing.changes_at)

    def faults(self) -> tuple[str, ...]:
        """Calendars of environments that cannot be read."""
        tables = self._tables("", self.clock.now())
        return tuple(dict.fromkeys(fault for table in tables.values() for fault in table.faults))

    # --- slots ---

    def slot(self, at: Instant | None, next_window: bool, environment: Environment) -> Instant | None:
        """When a deployment is meant to begin; None: as soon as it may. Raises Invalid, Denied."""
        now = self.clock.now()
        return slots.chosen(at, next_window, environment.name, self.almanac.timetable(environment, now), now)

    def warnings(self, application: str, environment: Environment, at: Instant | None) -> tuple[str, ...]:
        """What a deployment that is planned for then would collide with."""
        if at is None:
            return ()
        now = self.clock.now()
        table = self.almanac.timetable(environment, now)
        return slots.collisions(Slot(application, environment.name, at), self._planned(environment.name), table)

    def _planned(self, environment: str) -> tuple[Slot, ...]:
        return _planned(self._rows(environment, "", WAITING), self.clock.now())

    def told_of(self, view: DeploymentView, environment: Environment) -> DeploymentView:
        """One that has just been asked for, with what it collides with."""
        if view.not_before is None:
            return view
        now = self.clock.now()
        others = [slot for slot in self._planned(environment.name) if slot.deployment != view.id]
        mine = Slot(view.application, view.environment, view.not_before)
        return replace(view, warnings=slots.collisions(mine, others, self.almanac.timetable(environment, now)))

    # --- feeds ---

    def subscribe(self, request: NewFeed) -> tuple[FeedView, str]:
        """The feed, and its token, which is told this once. Raises Invalid, NotFound, Conflict."""
        name = request.name.strip()
        if not name or len(name) > NAME_LENGTH or not name.isprintable() or "/" in name:
            because = f"a feed has a name of 1 to {NAME_LENGTH} characters without a slash."
            raise Invalid([Problem("request", None, "name", because, "Name it for who reads it: release-team.")])
        if request.environment:
            self.catalogue().get(request.environment)
        token = secrets.token_urlsafe(32)
        now = self.clock.now()
        feed = Feed(name, _digest(token), request.environment, request.application, request.actor, now)
        because = f"The calendar can be read by who has the link of the feed {name}."
        self.store.feeds.add(feed, self._event("feed.made", because, request.actor, feed))
        return _feed_view(feed), token

    def feeds(self) -> tuple[FeedView, ...]:
        return tuple(_feed_view(feed) for feed in self.store.feeds.all())

    def revoke(self, name: str, request: RevokeFeed) -> None:
        """Raises NotFound."""
        why = f": {request.reason}" if request.reason else "."
        because = f"The link of the feed {name} opens nothing any more{why}"
        self.store.feeds.revoke(name, self._event("feed.revoked", because, request.actor))

    def feed_of(self, token: str) -> FeedView | None:
        """Looked up by digest, so the time it takes tells nothing of the tokens there are."""
        feed = self.store.feeds.by_digest(_digest(token))
        return _feed_view(feed) if feed else None

    # --- inside ---

    def _event(self, kind: str, because: str, actor: str, feed: Feed | None = None) -> Event:
        event = self.caller.speaking(actor).signed(Event(kind, self.clock.now(), because))
        return replace(event, environment=feed.environment, application=feed.application) if feed else event

    def _tables(self, environment: str, now: Instant) -> dict[str, Timetable]:
        catalogue = self.catalogue()
        chosen = (catalogue.get(environment),) if environment else catalogue.in_order()
        return {one.name: self.almanac.timetable(one, now) for one in chosen}

    def _rows(self, environment: str, application: str, states: frozenset[State] = frozenset()) -> Sequence[Deployment]:
        return self.store.history.select(Selection(application, environment, states, limit=MOST_ROWS))

    def _standing(self, environment: Environment, now: Instant) -> StandingView:
        verdict = self.almanac.standing(environment, now)
        table = self.almanac.timetable(environment, now)
        is_open = verdict.answer is Answer.PASS
        changes = table.closes(now) if is_open else verdict.until
        return StandingView(environment.name, is_open, verdict.because, changes, table.zone)


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "surrogateescape")).hexdigest()


def _feed_view(feed: Feed) -> FeedView:
    return FeedView(feed.name, feed.environment, feed.application, feed.actor, feed.since)


def _planned(rows: Iterable[Deployment], now: Instant) -> tuple[Slot, ...]:
    """Those whose time has not come."""
    waiting = (Slot.of(row) for row in rows if row.state in WAITING)
    return tuple(sorted((slot for slot in waiting if slot and slot.at > now), key=lambda slot: slot.at))


def _windows(tables: dict[str, Timetable], since: Instant, until: Instant) -> Iterator[CalendarEntry]:
    for name, table in tables.items():
        for span in table.spans:
            if span.start < until and span.end > since:
                yield _window(name, table, span, since, until)


def _window(environment: str, table: Timetable, span: Span, since: Instant, until: Instant) -> CalendarEntry:
    """What is for ever is told as far as one looks."""
    start, end = (since, until) if (span.start, span.end) == FOR_EVER else (span.start, span.end)
    frozen = span.rule.effect is Effect.FREEZE or bool(span.rule.fault)
    lets_in = (table.exempt if span.rule.exempt is None else span.rule.exempt) if frozen else ()
    title = span.rule.fault or span.title
    kind = "frozen" if frozen else "open"
    exempt = tuple(sorted(lets_in))
    return CalendarEntry(kind, environment, start, end, title, span.rule.zone or table.zone, exempt=exempt)


def _deployments(
    rows: Iterable[Deployment], tables: dict[str, Timetable], since: Instant, until: Instant, now: Instant
) -> Iterator[CalendarEntry]:
    for row in rows:
        kind, start, end = _when(row, tables[row.environment], now)
        if start < until and (end or start) > since:
            yield CalendarEntry(
                kind=kind,
                environment=row.environment,
                start=start,
                end=end,
                title=f"{row.release_label} to {row.environment}",
                zone=tables[row.environment].zone,
                because=row.because,
                application=row.application,
                deployment=row.id,
                state=row.state.value,
            )


def _when(row: Deployment, table: Timetable, now: Instant) -> tuple[str, Instant, Instant | None]:
    """One that waits is told for when the environment opens."""
    if row.state in FINAL:
        return "past", row.started_at or row.created_at, row.ended_at
    if row.state in ACTIVE:
        return "under way", row.started_at or row.created_at, None
    if row.not_before is not None and row.not_before > now:
        return "planned", row.not_before, None
    return "waiting", table.opens(now) or now, None
