"""A lane of traffic, for the router's contract: one key on one address, asked as a user would ask it."""

import http.client
import itertools
import math
import socket
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field

import pytest

from lockgate.core.ids import Generation, RevisionId
from lockgate.core.plan import Fence
from lockgate.core.traffic import ALL, Key, PoolStatus, Route, RoutePool
from lockgate.ports import Router
from lockgate.testing.origin import Origin

PATIENCE = 10.0
SHOP = Key("shop", "prod", "web")
GENERATIONS = itertools.count(1)
KEYS = itertools.count(1)


def free_address() -> str:
    """Of loopback, with a port that nobody has just now."""
    with socket.create_server(("127.0.0.1", 0)) as found:
        return f"127.0.0.1:{found.getsockname()[1]}"


def wait_until(true: Callable[[], bool], what: str, patience: float = PATIENCE) -> None:
    """Fails after ``patience`` seconds."""
    deadline = time.monotonic() + patience
    while not true():
        assert time.monotonic() < deadline, f"still not: {what}"
        time.sleep(0.01)


def wilson(hits: int, total: int, z: float = 4.0) -> tuple[float, float]:
    """Interval for the share behind ``hits`` of ``total`` (Wilson 1927); z = 4 is wrong once in 16 000 times."""
    share, turn = hits / total, z * z / total
    middle, half = share + turn / 2, z * math.sqrt(share * (1 - share) / total + turn / 4 / total)
    return (middle - half) / (1 + turn), (middle + half) / (1 + turn)


def pool(revision: str, weight: int, *origins: Origin) -> RoutePool:
    return RoutePool(RevisionId(revision), tuple(origin.address for origin in origins), weight)


def fence(generation: int | None = None) -> Fence:
    """Of a newer claim than any before, if none is given."""
    number = next(GENERATIONS) if generation is None else generation
    return Fence(f"dep-{number}", Generation(number))


@dataclass(frozen=True)
class Reply:
    status: int
    text: str
    headers: dict[str, str]
    at: float
    """When it was there, by the monotonic clock."""


@dataclass
class Lane:
    """One key on one address."""

    router: Router
    listen: str = field(default_factory=free_address)
    key: Key = SHOP
    path: str = "/"
    settle: float = 0.02
    """Seconds after each route: a data plane's threads may follow a moment after it has acknowledged."""
    executor: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(32))

    def give(self, *pools: RoutePool, hold: float = 0.0, timeout: float = 0.0) -> Fence:
        """Applies a route by a new claim."""
        return self.give_route(self.route(*pools, hold=hold, timeout=timeout))

    def give_route(self, route: Route) -> Fence:
        """The same, with all that a route may say."""
        mine = fence()
        self.router.apply(route, mine)
        time.sleep(self.settle)
        return mine

    def route(self, *pools: RoutePool, hold: float = 0.0, timeout: float = 0.0) -> Route:
        return Route(self.key, self.listen, self.path, pools, hold, timeout)

    def all_to(self, origin: Origin) -> None:
        self.give(pool(origin.name, ALL, origin))

    def pool(self, revision: str) -> PoolStatus:
        return self.router.status(self.key).pools[RevisionId(revision)]

    def ask(
        self, path: str = "/", body: bytes = b"", host: str = "", headers: Mapping[str, str] | None = None
    ) -> Reply:
        """On a new connection; a POST if there is a body. Raises OSError."""
        connection = http.client.HTTPConnection(self.listen, timeout=30)
        own = {**({"Host": host} if host else {}), **(headers or {})}
        try:
            connection.request("POST" if body else "GET", path, body or None, own)
            answer = connection.getresponse()
            text = answer.read().decode()
        finally:
            connection.close()
        told = {name.lower(): value for name, value in answer.getheaders()}
        return Reply(answer.status, text, told, time.monotonic())

    def asking(self, path: str = "/", body: bytes = b"") -> "Future[Reply]":
        """The same, meanwhile."""
        return self.executor.submit(self.ask, path, body)

    def names(self, count: int, path: str = "/") -> dict[str, int]:
        """Who answered how many of so many requests on one connection."""
        found: dict[str, int] = {}
        connection = http.client.HTTPConnection(self.listen, timeout=30)
        try:
            for _ in range(count):
                connection.request("GET", path)
                answer = connection.getresponse()
                text = answer.read().decode()
                name = text.split()[0] if answer.status == 200 else str(answer.status)
                found[name] = found.get(name, 0) + 1
        finally:
            connection.close()
        return found

    def visits(self, users: Sequence[dict[str, str]]) -> list[str]:
        """Who answered each user's next request, all on one connection. A user is a jar of cookies, which is filled."""
        connection = http.client.HTTPConnection(self.listen, timeout=30)
        try:
            return [_visit(connection, jar) for jar in users]
        finally:
            connection.close()


def _visit(connection: http.client.HTTPConnection, jar: dict[str, str]) -> str:
    cookies = "; ".join(f"{name}={value}" for name, value in jar.items())
    connection.request("GET", "/", headers={"Cookie": cookies} if cookies else {})
    answer = connection.getresponse()
    text = answer.read().decode()
    assert answer.status == 200, text
    for header in answer.headers.get_all("set-cookie") or ():
        name, _, value = header.partition(";")[0].partition("=")
        jar[name] = value
    return text.split()[0]


class LaneFixtures:
    """What the contract's tests stand on."""

    @pytest.fixture(scope="class")
    @classmethod
    def origins(cls) -> Iterator[tuple[Origin, Origin, Origin]]:
        with Origin("old") as old, Origin("new") as new, Origin("further") as further:
            yield old, new, further

    @pytest.fixture
    def lane(self, router: Router) -> Iterator[Lane]:
        lane = Lane(router, key=Key("shop", f"prod-{next(KEYS)}", "web"))
        yield lane
        lane.executor.shutdown()
        router.remove(lane.key, fence())


Three = tuple[Origin, Origin, Origin]
