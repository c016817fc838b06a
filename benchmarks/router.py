"""What the router costs: requests through Lockgate's Envoy against direct, and how fast a route changes.

Client, proxy and application share the machine's cores, so runs alternate (direct, through, direct ...) and medians of
pairs are given; the client is Python, so the processor time that Envoy takes for a request says more than the rates.
One JSON object a line. ``--quick``: a few seconds.
"""

import argparse
import asyncio
import json
import os
import selectors
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from lockgate.core.ids import Generation, RevisionId
from lockgate.core.plan import Fence
from lockgate.core.traffic import ALL, Key, Route, RoutePool
from lockgate.drivers import shim
from lockgate.drivers.routers.envoy import EnvoyRouter, EnvoySettings
from lockgate.testing.contracts.lane import Lane, free_address

REQUEST = b"GET / HTTP/1.1\r\nHost: shop\r\n\r\n"
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
CONNECTIONS = 16
RATE = 500
"""Requests per second of the paced runs: far below what either way can carry."""


# --- the application and the client, each a process of its own ---


class Application(asyncio.Protocol):
    """As little as answers."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.transport.write(ANSWER * data.count(b"\r\n\r\n"))  # type: ignore[attr-defined]


async def serve() -> None:
    server = await asyncio.get_running_loop().create_server(Application, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


def ask(address: str, seconds: float, rate: float) -> dict[str, float]:
    """Keep-alive connections, one request each at a time: as fast as answers come, or ``rate`` in all."""
    host, _, port = address.rpartition(":")
    selector = selectors.DefaultSelector()
    idle = [socket.create_connection((host, int(port))) for _ in range(CONNECTIONS)]
    for connection in idle:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        selector.register(connection, selectors.EVENT_READ)
    asked: dict[socket.socket, float] = {}
    taken: list[float] = []
    began = time.perf_counter()
    end, due = began + seconds, began
    while (now := time.perf_counter()) < end:
        while idle and (not rate or now >= due):
            connection = idle.pop()
            connection.sendall(REQUEST)
            asked[connection] = now = time.perf_counter()
            due += 1 / rate if rate else 0
        for key, _ in selector.select(max(0.0, due - now) if rate and idle else 0.1):
            connection = key.fileobj  # type: ignore[assignment]
            answer = connection.recv(4096)
            assert answer.startswith(b"HTTP/1.1 200") and answer.endswith(b"ok"), answer
            taken.append(time.perf_counter() - asked.pop(connection))
            idle.append(connection)
    taken.sort()
    return {
        "requests": len(taken),
        "rps": len(taken) / seconds,
        "p50": taken[len(taken) // 2] * 1000,
        "p99": taken[int(len(taken) * 0.99)] * 1000,
    }


@contextmanager
def application() -> Iterator[str]:
    process = subprocess.Popen([sys.executable, __file__, "--role", "application"], stdout=subprocess.PIPE)
    assert process.stdout
    try:
        yield f"127.0.0.1:{int(process.stdout.readline())}"
    finally:
        process.kill()
        process.wait()


def asked_by_another(address: str, seconds: float, rate: float) -> dict[str, float]:
    words = [sys.executable, __file__, "--role", "client", address, str(seconds), str(rate)]
    found: dict[str, float] = json.loads(subprocess.run(words, capture_output=True, check=True).stdout)
    return found


# --- what it costs ---


def cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def cost(lane: Lane, direct: str, pid: int, pairs: int, seconds: float, rate: float) -> dict[str, Any]:
    runs = []
    for turn in range(pairs):
        pair = {}
        for way in ("direct", "through") if turn % 2 else ("through", "direct"):
            before = cpu_seconds(pid)
            pair[way] = asked_by_another(direct if way == "direct" else lane.listen, seconds, rate)
            pair[way]["cpu_us"] = (cpu_seconds(pid) - before) / pair[way]["requests"] * 1e6
        runs.append(pair)

    def median(way: str, what: str) -> float:
        return round(statistics.median(run[way][what] for run in runs), 3)

    return {
        "case": f"paced at {rate:g}/s" if rate else "saturated",
        "pairs": pairs,
        "seconds": seconds,
        "connections": CONNECTIONS,
        **{f"{way}_{what}": median(way, what) for way in ("direct", "through") for what in ("rps", "p50", "p99")},
        "rps_ratio": round(statistics.median(run["through"]["rps"] / run["direct"]["rps"] for run in runs), 3),
        "p99_added_ms": round(statistics.median(run["through"]["p99"] - run["direct"]["p99"] for run in runs), 3),
        "envoy_cpu_us_per_request": median("through", "cpu_us"),
    }


# --- how fast it changes ---


def changes(lane: Lane, addresses: list[str], count: int) -> dict[str, float]:
    """Milliseconds that ``apply`` takes: the weights only, and other instances."""

    def timed(*pools: RoutePool) -> float:
        began = time.perf_counter()
        lane.give(*pools)
        return (time.perf_counter() - began) * 1000

    def pool(name: str, address: str, weight: int) -> RoutePool:
        return RoutePool(RevisionId(name), (address,), weight)

    one, other = addresses
    weights = [timed(pool("a", one, ALL - n % 99), pool("b", other, n % 99)) for n in range(1, count + 1)]
    seats = [timed(pool("a", (one, other)[n % 2], ALL)) for n in range(count)]
    return {
        "weights_p50_ms": round(statistics.median(weights), 2),
        "weights_max_ms": round(max(weights), 2),
        "instances_p50_ms": round(statistics.median(seats), 2),
        "instances_max_ms": round(max(seats), 2),
    }


def waits(lane: Lane, address: str, rounds: int, waiting: int) -> dict[str, float]:
    """Milliseconds from the call that ends a hold to the answers of those who waited."""
    late: list[float] = []
    with ThreadPoolExecutor(waiting) as executor:
        lane.executor = executor
        for _ in range(rounds):
            lane.give(hold=30)
            asked = [lane.asking("/", b"x" if n % 2 else b"") for n in range(waiting)]
            time.sleep(0.5)
            began = time.monotonic()
            lane.give(RoutePool(RevisionId("a"), (address,), ALL))
            replies = [request.result() for request in asked]
            assert all(reply.status == 200 for reply in replies)
            late += [(reply.at - began) * 1000 for reply in replies]
    late.sort()
    return {"waiting": waiting, "p50_ms": round(late[len(late) // 2], 1), "max_ms": round(late[-1], 1)}


def returns(router: EnvoyRouter, lane: Lane, rounds: int) -> dict[str, float]:
    """Milliseconds from kill -9 of Envoy to the first answer through the one its shim starts. The pause between rounds
    is what the shim wants to see before it takes a crash for a single one."""
    taken = []
    for turn in range(rounds):
        time.sleep(shim.SETTLED if turn else 0)
        pid = router.pid()
        assert pid
        began = time.perf_counter()
        os.kill(pid, signal.SIGKILL)
        while not _answers(lane) or router.pid() == pid:
            time.sleep(0.002)
        taken.append((time.perf_counter() - began) * 1000)
    return {"p50_ms": round(statistics.median(taken)), "max_ms": round(max(taken))}


def _answers(lane: Lane) -> bool:
    try:
        return lane.ask().status == 200
    except OSError:
        return False


def many(router: EnvoyRouter, address: str, routes: int) -> None:
    """Fills the router with other applications on one address."""
    listen = free_address()
    for number in range(routes):
        key = Key(f"app{number}", "staging", "web")
        pool = RoutePool(RevisionId("a"), (address,), ALL)
        router.apply(Route(key, listen, "/", (pool,)), Fence("dep-1", Generation(1)))


def bench(quick: bool) -> None:
    pairs, seconds, count, others = (2, 1.0, 20, 20) if quick else (6, 4.0, 200, 100)
    folder = tempfile.TemporaryDirectory(prefix="lockgate-bench-")
    router = EnvoyRouter(EnvoySettings(Path(folder.name)))
    lane = Lane(router, settle=0.0)
    try:
        with application() as one, application() as other:
            lane.give(RoutePool(RevisionId("a"), (one,), ALL))
            pid = router.pid()
            assert pid
            for rate in (0.0, float(RATE)):
                tell(cost(lane, one, pid, pairs, seconds, rate))
            tell({"case": "apply, 1 route", **changes(lane, [one, other], count)})
            tell({"case": "hold", **waits(lane, one, 2 if quick else 10, 20)})
            many(router, one, others)
            tell({"case": f"apply, {others} more routes", **changes(lane, [one, other], count // 4)})
            tell({"case": "kill -9 of Envoy to the next answer", **returns(router, lane, 1 if quick else 4)})
    finally:
        router.close(stop=True)
        folder.cleanup()


def tell(figures: dict[str, Any]) -> None:
    print(json.dumps({"benchmark": "router", **figures, "load": round(os.getloadavg()[0], 1)}), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--role", choices=["application", "client"], help=argparse.SUPPRESS)
    parser.add_argument("words", nargs="*", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.role == "application":
        asyncio.run(serve())
    elif options.role == "client":
        address, seconds, rate = options.words
        print(json.dumps(ask(address, float(seconds), float(rate))))
    else:
        bench(options.quick)


if __name__ == "__main__":
    main()
