"""The book of routes: what each key's traffic should be, and the Envoy clusters that carry it.

A cluster never changes its endpoints: a pool that gets other instances gets another cluster (a *seating*), and the one
before stays until its requests have ended. Envoy forgets which host a request runs on when it replaces a cluster; this
way each request can be told to run on an instance in rotation or on one that has left it. All seatings of a revision
share one name for statistics, so counts go on without a gap.

The exception is the *waiting room*: while nothing serves, its only address refuses connections and Envoy retries.
Retries look the cluster up by name, so pointing the room at the new pool lets everybody in.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from lockgate.core.errors import Fenced
from lockgate.core.ids import Generation, Instant, RevisionId
from lockgate.core.plan import Fence
from lockgate.core.traffic import Key, PoolStatus, Route, RoutePool
from lockgate.core.window import Ratio
from lockgate.drivers.routers.envoy.ledger import Counted, Ledger, Tally, plus

VERSION = 1
FOLLOWS = 1.0
"""Seconds after its release in which a room may still hold a request: the longest pause between two retries is 0.15."""
KEPT = 5.0
"""Seconds an unused seating stays: Envoy's threads take up new routes each in their own time, and a request that
pauses between two tries is on no host."""

Running = Mapping[str, Mapping[str, int]]
"""Cluster name -> endpoint -> requests that run on it."""


@dataclass(frozen=True, slots=True)
class Seating:
    """One Envoy cluster: some instances of one revision, or a waiting room."""

    key: Key
    serial: int
    revision: RevisionId | None
    """None: a room nobody can leave yet."""
    endpoints: tuple[str, ...]
    room: bool = False
    pinned: bool = False
    """For requests that are pinned to the revision; it counts for itself."""
    moved: bool = False
    """A room that was pointed elsewhere while requests may have run through it."""
    left: Instant | None = None
    """Since when no route leads to it; None while one does."""

    @property
    def name(self) -> str:
        """``env/app/component|revision|serial``."""
        return f"{self.key}|{'waiting' if self.room else self.revision}|{self.serial}"

    @property
    def stat_name(self) -> str:
        """A room counts for itself: how long people waited says nothing about a revision."""
        return self.name if self.room else stat_name(self.key, self.revision, self.pinned)


def stat_name(key: Key, revision: RevisionId | None, pinned: bool = False) -> str:
    return f"{key}|{revision}|pinned" if pinned else f"{key}|{revision}"


@dataclass(frozen=True, slots=True)
class Entry:
    """A key's route, and the newest generation that has spoken about it. ``route`` is None once it was removed."""

    key: Key
    generation: Generation
    route: Route | None = None


@dataclass(frozen=True, slots=True)
class Book:
    """Everything, as kept in ``routes.json``."""

    version: int = VERSION
    serial: int = 0
    """Of the newest seating."""
    entries: tuple[Entry, ...] = ()
    seatings: tuple[Seating, ...] = ()
    ledger: Ledger = field(default_factory=Ledger)

    def entry(self, key: Key) -> Entry | None:
        return next((entry for entry in self.entries if entry.key == key), None)

    def routes(self) -> tuple[Route, ...]:
        return tuple(entry.route for entry in self.entries if entry.route)

    def of(self, key: Key) -> tuple[Seating, ...]:
        return tuple(seating for seating in self.seatings if seating.key == key)

    def apart(self) -> dict[Key, "Book"]:
        """The seatings of each key by themselves."""
        found: dict[Key, list[Seating]] = {}
        for seating in self.seatings:
            found.setdefault(seating.key, []).append(seating)
        return {key: Book(seatings=tuple(own)) for key, own in found.items()}

    def seat(self, key: Key, pool: RoutePool, pinned: bool = False) -> Seating | None:
        """The seating that serves the pool, or those who are pinned to it."""
        wanted = (pool.revision, pool.endpoints, pinned)
        own = (s for s in self.of(key) if not s.room and (s.revision, s.endpoints, s.pinned) == wanted)
        return max(own, key=lambda s: s.serial, default=None)

    def room(self, key: Key) -> Seating | None:
        """Where the key's requests wait now."""
        return next((s for s in self.of(key) if s.room and s.left is None), None)


def serves(route: Route) -> bool:
    return any(pool.weight for pool in route.pools)


def pinned_pool(route: Route) -> RoutePool | None:
    """Whom pinned requests reach; None: they go the way of all."""
    if not (route.pins and serves(route)):
        return None
    return next((pool for pool in route.pools if pool.revision == route.pinned and pool.endpoints), None)


def holds(route: Route) -> bool:
    return route.hold > 0 and not serves(route)


# --- changes ---


def fenced(book: Book, key: Key, fence: Fence) -> None:
    """Raises Fenced when a newer generation has spoken about the key."""
    entry = book.entry(key)
    if entry and fence.generation < entry.generation:
        raise Fenced(
            f"{fence.deployment} (generation {fence.generation}) may not route {key} any more: "
            f"generation {entry.generation} has taken over."
        )


def conflict(book: Book, route: Route) -> str:
    """Why the route contradicts another key's; empty if it does not."""
    key = route.key
    for other in book.routes():
        if other.key == key or other.listen != route.listen:
            continue
        if other.key.environment != key.environment:
            return f"{route.listen} belongs to environment {other.key.environment!r}."
        if (other.key.application, other.path) == (key.application, route.path):
            return f"{other.key} already takes {route.path} of {key.application} on {route.listen}."
    return ""


def with_route(book: Book, route: Route, fence: Fence, now: Instant) -> Book:
    """The book with the key's route in place of the one before, and the seatings it needs."""
    entry = book.entry(route.key)
    if entry and entry.route == route:
        return with_entry(book, replace(entry, generation=fence.generation))
    book = _seated(_roomed(book, route, now), route)
    used = {seat for pool in route.pools if (seat := book.seat(route.key, pool))}
    if (pool := pinned_pool(route)) and (seat := book.seat(route.key, pool, pinned=True)):
        used.add(seat)
    book = _left(book, route.key, used, now)
    return with_entry(book, Entry(route.key, fence.generation, route))


def without(book: Book, key: Key, fence: Fence, now: Instant) -> Book:
    """The book without the key's route. Who waits is refused."""
    book = replace(book, seatings=tuple(s for s in book.seatings if s.key != key or not _waits(s)))
    return with_entry(_left(book, key, set(), now), Entry(key, fence.generation))


def with_entry(book: Book, new: Entry) -> Book:
    kept = tuple(entry for entry in book.entries if entry.key != new.key)
    return replace(book, entries=tuple(sorted((*kept, new), key=lambda e: str(e.key))))


def swept(book: Book, running: Running, now: Instant, epoch: str = "", counted: Counted | None = None) -> Book:
    """The book without the seatings that no route has led to for a while and nothing runs on; what they had counted in
    this epoch is in the ledger."""

    old = {s for s in sweepable(book, now) if not any(running.get(s.name, {}).values())}
    if not old:
        return book
    kept = tuple(s for s in book.seatings if s not in old)
    revisions = {(s.key, s.revision) for s in kept}
    revisions |= {(route.key, pool.revision) for route in book.routes() for pool in route.pools}
    ledger = book.ledger.with_more(epoch, _tallies(old, counted or {}), revisions)
    return replace(book, seatings=kept, ledger=ledger)


def _tallies(seatings: Iterable[Seating], counted: Counted) -> Iterator[Tally]:
    for seating in seatings:
        if not (seating.room or seating.pinned):
            for endpoint, ratio in counted.get(seating.name, {}).items():
                yield Tally(seating.key, seating.revision, endpoint, ratio)


def sweepable(book: Book, now: Instant) -> tuple[Seating, ...]:
    return tuple(s for s in book.seatings if s.left is not None and now - s.left > KEPT)


def _waits(seating: Seating) -> bool:
    return seating.room and seating.revision is None


def _seated(book: Book, route: Route) -> Book:
    for pool in route.pools:
        if book.seat(route.key, pool) is None and (pool.weight or pool.endpoints):
            book = _added(book, Seating(route.key, book.serial + 1, pool.revision, pool.endpoints))
    own = pinned_pool(route)
    if own and book.seat(route.key, own, pinned=True) is None:
        book = _added(book, Seating(route.key, book.serial + 1, own.revision, own.endpoints, pinned=True))
    return book


def _added(book: Book, seating: Seating) -> Book:
    return replace(book, serial=seating.serial, seatings=(*book.seatings, seating))


def _left(book: Book, key: Key, used: set[Seating], now: Instant) -> Book:
    def marked(seating: Seating) -> Seating:
        if seating.key != key or seating.room:
            return seating
        if seating in used:
            return replace(seating, left=None)
        return seating if seating.left is not None else replace(seating, left=now)

    return replace(book, seatings=tuple(marked(seating) for seating in book.seatings))


def _roomed(book: Book, route: Route, now: Instant) -> Book:
    """A room for a route that holds; else those that may still hold somebody are opened to who serves, or closed."""
    if holds(route):
        book = _opened(book, route.key, None, now)
        return book if book.room(route.key) else _added(book, Seating(route.key, book.serial + 1, None, (), room=True))
    if serves(route):
        return _opened(book, route.key, max(route.pools, key=lambda pool: pool.weight), now)
    return replace(book, seatings=tuple(s for s in book.seatings if s.key != route.key or not _waits(s)))


def _opened(book: Book, key: Key, to: RoutePool | None, now: Instant) -> Book:
    def pointed(seating: Seating) -> Seating:
        recent = seating.left is None or now - seating.left < FOLLOWS
        if seating.key != key or not seating.room or not recent:
            return seating
        if to and seating.revision == to.revision and set(seating.endpoints) <= set(to.endpoints):
            return seating
        moved = seating.moved or seating.revision is not None
        if to is None:
            return replace(seating, revision=None, endpoints=(), moved=moved, left=None)
        return replace(seating, revision=to.revision, endpoints=to.endpoints, moved=moved, left=now)

    return replace(book, seatings=tuple(pointed(seating) for seating in book.seatings))


# --- reading ---


def revisions(book: Book, key: Key) -> set[RevisionId]:
    """That Envoy may still count for."""
    return {s.revision for s in book.of(key) if s.revision and not s.room}


def endpoints(book: Book, key: Key, epoch: str, counted: Counted) -> dict[RevisionId, dict[str, Ratio]]:
    """What each address of each revision has counted in this epoch."""
    found: dict[RevisionId, dict[str, Ratio]] = {}
    for tally in (*book.ledger.of(epoch, key), *_tallies(book.of(key), counted)):
        if tally.revision:
            own = found.setdefault(tally.revision, {})
            own[tally.endpoint] = plus(own.get(tally.endpoint), tally.ratio)
    return found


def pool_statuses(
    book: Book, key: Key, running: Running, active: Mapping[str, int], pending: Mapping[str, int]
) -> dict[RevisionId, PoolStatus]:
    """Each pool of the key, and each revision on which requests still run. ``active`` and ``pending``: requests by
    statistics name, which also know those of a room that was moved; ``pending`` ones wait for a connection."""
    entry = book.entry(key)
    pools = {pool.revision: pool for pool in (entry.route.pools if entry and entry.route else ())}
    strays = sum(_strays(seating, running, active) for seating in book.of(key))
    found = {}
    for revision in [*pools, *{s.revision for s in book.of(key) if s.revision} - pools.keys()]:
        pool = pools.get(revision) or RoutePool(revision, (), 0)
        here, away = _running_on(book, key, revision, set(pool.endpoints), running)
        here += sum(pending.get(stat_name(key, revision, pinned), 0) for pinned in (False, True))
        if revision in pools or here or away:
            found[revision] = PoolStatus(pool.endpoints, pool.weight, here, away + strays)
    return found


def _running_on(book: Book, key: Key, revision: RevisionId, rotation: set[str], running: Running) -> tuple[int, int]:
    here = away = 0
    for seating in book.of(key):
        if seating.revision == revision:
            for endpoint, count in running.get(seating.name, {}).items():
                here += count if endpoint in rotation else 0
                away += count if endpoint not in rotation else 0
    return here, away


def _strays(seating: Seating, running: Running, active: Mapping[str, int]) -> int:
    """Requests that run through a moved room on hosts it does not lead to any more."""
    if not seating.moved:
        return 0
    return max(0, active.get(seating.stat_name, 0) - sum(running.get(seating.name, {}).values()))
