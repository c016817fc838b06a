"""Events, live: one reader follows the store for all streams, so that a hundred open pages cost one query an event.

The format is that of server-sent events (WHATWG HTML, section 9.2): ``id``, ``event``, ``data``; a line that begins
with a colon is a comment. A stream that cannot know of new events ends, rather than look alive: its client connects
again and is told why.
"""

import asyncio
import logging
import time
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

import msgspec
from anyio import CapacityLimiter, to_thread
from starlette.requests import Request
from starlette.responses import StreamingResponse

from lockgate.core.errors import Invalid, LockgateError, Problem
from lockgate.messages import EventView
from lockgate.server.operations import OperationsLike

T = TypeVar("T")

_log = logging.getLogger("lockgate.server")

SILENCE = 15.0
"""Seconds after which a comment is sent, so that both ends and everything between know the line is alive."""

ASKED = 5.0
"""Seconds after which somebody who listens is asked for again: a token that was revoked opens no stream for long."""

BATCH = 500
"""Events of one query."""

KEPT = 2000
"""Events kept in memory for streams that are a little behind."""

POLL = 1.0
"""Longest time in seconds that one wait for events blocks its thread, and so delays the end of the process."""


@dataclass(frozen=True, slots=True)
class Interest:
    """Which events a stream wants; empty does not narrow."""

    application: str = ""
    deployment: str = ""

    def __contains__(self, event: object) -> bool:
        return (
            isinstance(event, EventView)
            and self.application in ("", event.application)
            and self.deployment in ("", event.deployment)
        )


class Horizon:
    """The newest event's number, found by galloping on from the last one known: two queries when nothing is new."""

    def __init__(self) -> None:
        self._known = 0

    def find(self, operations: OperationsLike) -> int:
        """0 when there is no event yet."""

        def newer_than(seq: int) -> bool:
            return bool(operations.events(seq, 1, "", ""))

        low, step = self._known, 1
        if not newer_than(low):
            return low
        while newer_than(low + step):
            low, step = low + step, step * 2
        high = low + step
        while high - low > 1:  # there is an event after low, and none after high
            middle = (low + high) // 2
            low, high = (middle, high) if newer_than(middle) else (low, middle)
        self._known = high
        return high


class Tail:
    """Follows the events while anybody listens. Lives in one event loop."""

    def __init__(self, operations: OperationsLike) -> None:
        self._operations = operations
        self._horizon = Horizon()
        self._recent: deque[EventView] = deque()
        self._floor = 0
        """Every event after this number, up to the newest read, is in ``_recent``."""
        self._seq = 0
        self._news = asyncio.Event()
        self._reader: asyncio.Task[None] | None = None
        self._listeners = 0
        self._closed = False
        self._threads: CapacityLimiter | None = None

    async def probe(self) -> None:
        """Raises what reading events raises, while a stream's answer can still be a refusal."""
        await to_thread.run_sync(self._horizon.find, self._operations)

    def close(self) -> None:
        """Ends every stream. Call it in the loop that serves them."""
        self._closed = True
        self._news.set()

    async def follow(self, after: int, interest: Interest) -> AsyncIterator[tuple[EventView, ...]]:
        """Batches of events newer than ``after``; an empty one after each :data:`SILENCE`. Ends when the tail does."""
        self._listeners += 1
        try:
            reader = await self._reading()
            while not (self._closed or reader.done()):
                news = self._news
                batch, after = await self._read(after, interest)
                if batch:
                    yield batch
                elif not await _set_within(news, SILENCE):
                    yield ()
        finally:
            self._listeners -= 1

    async def _reading(self) -> asyncio.Task[None]:
        if self._reader is None or self._reader.done():
            self._threads = CapacityLimiter(4)
            self._recent.clear()
            self._floor = self._seq = await self._in_thread(self._horizon.find, self._operations)
            if self._reader is None or self._reader.done():  # another stream may have been quicker
                self._reader = asyncio.create_task(self._read_on())
        return self._reader

    async def _read_on(self) -> None:
        try:
            while self._listeners and not self._closed:
                if await self._in_thread(self._operations.wait_for_events, self._seq, POLL):
                    self._take(await self._in_thread(self._operations.events, self._seq, BATCH, "", ""))
        except Exception:
            _log.exception("events cannot be read; their streams end")
        finally:
            self._wake()

    def _take(self, events: tuple[EventView, ...]) -> None:
        self._recent.extend(events)
        self._seq = events[-1].seq if events else self._seq
        while len(self._recent) > KEPT:
            self._floor = self._recent.popleft().seq
        self._wake()

    def _wake(self) -> None:
        self._news.set()
        if not self._closed:
            self._news = asyncio.Event()

    async def _read(self, after: int, interest: Interest) -> tuple[tuple[EventView, ...], int]:
        """The next events of interest, and the number up to which there are no more of them."""
        if after >= self._floor:
            batch = tuple(e for e in self._recent if e.seq > after and e in interest)
            return batch, max(after, self._seq)
        floor, wanted = self._floor, (interest.application, interest.deployment)
        batch = await self._in_thread(self._operations.events, after, BATCH, *wanted)
        whole = len(batch) < BATCH
        return batch, max(batch[-1].seq if batch else after, floor if whole else after)

    async def _in_thread(self, call: Callable[..., T], *arguments: object) -> T:
        return await to_thread.run_sync(call, *arguments, limiter=self._threads)


async def _set_within(event: asyncio.Event, seconds: float) -> bool:
    try:
        await asyncio.wait_for(event.wait(), seconds)
    except TimeoutError:
        return False
    return True


def as_api(event: EventView) -> bytes:
    """The event whole, under its kind."""
    kind = "".join(event.kind.split())  # a line break in it would end the field
    return b"id: %d\nevent: %s\ndata: %s\n\n" % (event.seq, kind.encode(), msgspec.json.encode(event))


def as_pulse(event: EventView) -> bytes:
    """Only that something happened: browsers hand events without a name to one listener, and pages ask again."""
    return b"id: %d\ndata: %d\n\n" % (event.seq, event.seq)


def event_stream(
    tail: Tail,
    after: int,
    interest: Interest,
    render: Callable[[EventView], bytes],
    still: Callable[[], Awaitable[bool]],
) -> StreamingResponse:
    """The response that goes on until the client or the server ends it. ``still``: whether whoever listens still may,
    asked every :data:`ASKED` seconds."""

    async def chunks() -> AsyncIterator[bytes]:
        yield b"retry: 1000\n: connected\n\n"
        asked = time.monotonic()
        try:
            async for batch in tail.follow(after, interest):
                if time.monotonic() - asked >= ASKED:
                    asked = time.monotonic()
                    if not await still():
                        return
                yield b"".join(map(render, batch)) or b": nothing new\n\n"
        except LockgateError as error:
            _log.warning("an event stream ends: %s", error)

    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    return StreamingResponse(chunks(), headers=headers, media_type="text/event-stream")


def place_of(request: Request, after: int) -> int:
    """Where a stream goes on: after the ``Last-Event-ID`` that a client sends when it connects again, else ``after``.

    Raises :class:`Invalid` when that header is not a number.
    """
    last = request.headers.get("last-event-id", "")
    if not last:
        return after
    if not (last.isascii() and last.isdigit() and len(last) <= 18):
        raise Invalid([Problem("request", None, "Last-Event-ID", "it must be the number of an event.")])
    return int(last)
