"""A load generator that notices everything: constant, bounded traffic whose every answer is checked.

Keep-alive clients alone hide what breaks connections that are opened or idle just then, so there are several kinds of
client, each its own ``Kind``. A request fails by a status that was not expected, a reset, a timeout, a body shorter
than promised, or a stream that ends before its end. From a shell: ``python -m lockgate.testing.load --url URL``.
"""

import argparse
import asyncio
import contextlib
import random
import signal
import sys
import threading
import time
from array import array
from collections import Counter
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import msgspec

from lockgate.core.errors import Invalid, Problem
from lockgate.testing.wire import Answer, Broken, Client

KEPT_REASONS = 20
REVISION_HEADER = "x-lockgate-revision"
LINGER = 10.0
"""Seconds that requests which run at the end may still take."""


class Kind(StrEnum):
    """What a client does."""

    KEEPALIVE = "keepalive"
    """One connection, one request after the other."""
    FRESH = "fresh"
    """A new connection for each request."""
    POST = "post"
    """A body, on a connection that idles between requests: the one that meets idle connections being closed."""
    SLOW = "slow"
    """A request that runs long."""
    STREAM = "stream"
    """Server-sent events, opened again each time they end."""


@dataclass(frozen=True, slots=True)
class Mix:
    """Who asks what, how often."""

    keepalive: int = 4
    """Clients, as in the next four."""
    fresh: int = 2
    post: int = 4
    slow: int = 2
    stream: int = 1
    rate: float = 100.0
    """Requests per second of the keep-alive and the fresh clients together."""
    think: float = 0.5
    """Mean seconds between two requests of a POST client; uniform between 0 and twice that."""
    path: str = "/"
    post_path: str = "/"
    slow_path: str = "/slow?1.5"
    stream_path: str = "/stream?3"
    post_bytes: int = 512
    expect: frozenset[int] = frozenset({200})
    timeout: float = 30.0
    """Seconds for one request; for a stream, between two pieces."""
    host: str = ""
    """Host header, to name an application; empty: that of the URL."""

    def clients(self) -> dict[Kind, int]:
        return {kind: int(getattr(self, kind.value)) for kind in Kind}

    def target(self, kind: Kind) -> str:
        return str(getattr(self, f"{kind.value}_path", self.path))


@dataclass(frozen=True, slots=True)
class Failure:
    """One request that failed."""

    at: float
    """Seconds since the epoch."""
    kind: str
    status: int | None
    """None: there was no whole answer."""
    because: str


@dataclass(frozen=True, slots=True)
class Latency:
    """Milliseconds."""

    p50: float
    p99: float
    max: float


@dataclass(frozen=True, slots=True)
class Report:
    """What was asked, and how it went. Whole answers only count as not failed."""

    seconds: float
    requests: int
    failed: int
    reasons: tuple[Failure, ...]
    """The first 20 failures."""
    by_kind: Mapping[str, int]
    failed_by_kind: Mapping[str, int]
    by_status: Mapping[str, int]
    by_revision: Mapping[str, int]
    latency_ms: Mapping[str, Latency]
    """By kind, of requests that did not fail."""


@dataclass(slots=True)
class Tally:
    """Counts while the load runs; written by its thread, read by any."""

    began: float = field(default_factory=time.monotonic)
    by_kind: Counter[str] = field(default_factory=Counter)
    failed_by_kind: Counter[str] = field(default_factory=Counter)
    by_status: Counter[str] = field(default_factory=Counter)
    by_revision: Counter[str] = field(default_factory=Counter)
    reasons: list[Failure] = field(default_factory=list)
    taken: dict[str, "array[float]"] = field(default_factory=lambda: {kind.value: array("f") for kind in Kind})

    def answered(self, kind: Kind, answer: Answer, seconds: float) -> None:
        self.by_kind[kind.value] += 1
        self.by_status[str(answer.status)] += 1
        if revision := answer.headers.get(REVISION_HEADER):
            self.by_revision[revision] += 1
        self.taken[kind.value].append(seconds * 1000)

    def failed(self, kind: Kind, status: int | None, because: str) -> None:
        self.by_kind[kind.value] += 1
        self.failed_by_kind[kind.value] += 1
        self.by_status[str(status) if status else "none"] += 1
        if len(self.reasons) < KEPT_REASONS:
            self.reasons.append(Failure(time.time(), kind.value, status, because))

    def report(self) -> Report:
        return Report(
            seconds=round(time.monotonic() - self.began, 3),
            requests=sum(dict(self.by_kind).values()),
            failed=sum(dict(self.failed_by_kind).values()),
            reasons=tuple(self.reasons),
            by_kind=dict(self.by_kind),
            failed_by_kind=dict(self.failed_by_kind),
            by_status=dict(self.by_status),
            by_revision=dict(self.by_revision),
            latency_ms={kind: _latency(array("f", taken)) for kind, taken in self.taken.items() if taken},
        )


def _latency(taken: "array[float]") -> Latency:
    ordered = sorted(taken)
    at = [ordered[min(len(ordered) - 1, int(len(ordered) * share))] for share in (0.5, 0.99, 1.0)]
    return Latency(*(round(value, 2) for value in at))


class Load:
    """Traffic from :meth:`start` to :meth:`stop`, in a thread of its own. Also a context manager."""

    def __init__(self, url: str, mix: Mix | None = None, seed: int = 1) -> None:
        """Raises Invalid for anything but ``http://host:port``."""
        parts = urlsplit(url)
        if parts.scheme != "http" or not parts.hostname:
            raise Invalid([Problem("request", None, "url", f"{url!r} is not http://host:port.")])
        self.mix = mix or Mix()
        self._where = (parts.hostname, parts.port or 80)
        self._host = self.mix.host or parts.netloc
        self._random = random.Random(seed)
        self._tally = Tally()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="load", daemon=True)
        self._ending = False
        self._ended = asyncio.Event()

    def start(self) -> "Load":
        self._tally = Tally()
        self._thread.start()
        return self

    def stop(self) -> Report:
        """No new requests; those that run end, or are dropped uncounted after ``LINGER`` seconds."""
        if self._thread.is_alive():
            with contextlib.suppress(RuntimeError):  # Its loop has just closed by itself.
                self._loop.call_soon_threadsafe(self._end)
            self._thread.join()
        return self.report()

    def report(self) -> Report:
        """So far."""
        return self._tally.report()

    @property
    def requests(self) -> int:
        """So far, the failed ones included."""
        return sum(dict(self._tally.by_kind).values())

    @property
    def failed(self) -> int:
        """So far."""
        return sum(dict(self._tally.failed_by_kind).values())

    def answers(self, status: int) -> int:
        """With this status, so far."""
        return dict(self._tally.by_status).get(str(status), 0)

    def __enter__(self) -> "Load":
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    # --- behind the doors ---

    def _run(self) -> None:
        try:
            self._loop.run_until_complete(self._main())
        finally:
            self._loop.close()

    def _end(self) -> None:
        self._ending = True
        self._ended.set()

    async def _main(self) -> None:
        tasks = [asyncio.ensure_future(work) for work in self._clients()]
        await self._ended.wait()
        _, late = await asyncio.wait(tasks, timeout=LINGER) if tasks else (None, set())
        for task in late:
            task.cancel()
        for result in await asyncio.gather(*tasks, return_exceptions=True):
            if isinstance(result, Exception):
                raise result

    def _clients(self) -> list[Coroutine[Any, Any, None]]:
        paces = {Kind.KEEPALIVE: self._paced, Kind.FRESH: self._paced, Kind.POST: self._thinking}
        counts = self.mix.clients()
        return [
            self._client(kind, paces.get(kind, self._eager)()) for kind, count in counts.items() for _ in range(count)
        ]

    async def _client(self, kind: Kind, pause: Callable[[], float]) -> None:
        client = Client(self._where, self._host, self.mix.timeout)
        # Clients that start at once would ask at once ever after.
        await self._rest(self._random.random() * min(1.0, pause() or 0.2))
        try:
            while not self._ending:
                await self._ask(client, kind)
                await self._rest(pause())
        finally:
            client.close()

    async def _rest(self, seconds: float) -> None:
        if seconds > 0 and not self._ending:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._ended.wait(), seconds)

    async def _ask(self, client: Client, kind: Kind) -> None:
        body = b"x" * self.mix.post_bytes if kind is Kind.POST else b""
        method = "POST" if kind is Kind.POST else "GET"
        began = time.monotonic()
        try:
            answer = await client.ask(method, self.mix.target(kind), body, fresh=kind is Kind.FRESH)
        except Broken as error:
            self._tally.failed(kind, error.status, str(error))
            await self._rest(0.05)  # What refuses is not hammered.
            return
        if answer.status in self.mix.expect:
            self._tally.answered(kind, answer, time.monotonic() - began)
        else:
            self._tally.failed(kind, answer.status, f"status {answer.status}: {answer.start!r}")

    # --- paces: each gives the seconds until the client's next request ---

    def _paced(self) -> Callable[[], float]:
        """A constant rate, whatever the answers take; what was missed is not made up for by a burst."""
        interval = (self.mix.keepalive + self.mix.fresh) / self.mix.rate
        due = 0.0

        def pause() -> float:
            nonlocal due
            due = max(due + interval, time.monotonic())
            return due - time.monotonic()

        return pause

    def _thinking(self) -> Callable[[], float]:
        return lambda: self._random.uniform(0, 2 * self.mix.think)

    def _eager(self) -> Callable[[], float]:
        return lambda: 0.0


# --- the command ---


def main(words: list[str] | None = None) -> int:
    """Runs a load, writes its report to a file each second and at the end; 1 if anything failed."""
    options = _options(words)
    names = {name: getattr(options, name) for name in _OPTIONS}
    load = Load(options.url, Mix(**names, expect=frozenset(options.expect)))
    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.set())
    load.start()
    deadline = time.monotonic() + options.seconds if options.seconds else None
    while not ended.wait(1.0 if deadline is None else min(1.0, max(0.0, deadline - time.monotonic()))):
        _write(options.out, load.report())
        if deadline is not None and time.monotonic() >= deadline:
            break
    report = load.stop()
    _write(options.out, report)
    return 1 if report.failed else 0


_OPTIONS: Mapping[str, type] = {
    **dict.fromkeys(("keepalive", "fresh", "post", "slow", "stream"), int),
    **dict.fromkeys(("rate", "think", "timeout"), float),
    **dict.fromkeys(("path", "post_path", "slow_path", "stream_path", "host"), str),
}


def _options(words: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m lockgate.testing.load", description="Traffic, every answer checked."
    )
    parser.add_argument("--url", required=True, help="http://host:port")
    parser.add_argument("--seconds", type=float, default=0.0, help="0: until it is told to end (TERM)")
    parser.add_argument("--out", type=Path, help="report (JSON), written each second; standard output if not given")
    parser.add_argument("--expect", type=int, nargs="+", default=[200], help="statuses that are right")
    for name, kind in _OPTIONS.items():
        parser.add_argument(f"--{name.replace('_', '-')}", type=kind, default=getattr(Mix(), name))
    return parser.parse_args(words)


def _write(out: Path | None, report: Report) -> None:
    text = msgspec.json.encode(report)
    if out is None:
        sys.stdout.write(text.decode() + "\n")
        return
    new = out.with_name(out.name + ".new")
    new.write_bytes(text)
    new.rename(out)


if __name__ == "__main__":
    sys.exit(main())
