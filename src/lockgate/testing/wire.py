"""A strict, light HTTP/1.1 client for the load generator (RFC 9112): one request at a time, nothing forgiven.

Finished libraries retry, pool and repair; what is wanted here is to see exactly what a user's connection would.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Mapping
from dataclasses import dataclass
from typing import TypeVar

T = TypeVar("T")

LINE = 65_536
START = 200
"""Bytes of the body that are kept to explain a failure."""


class Broken(Exception):
    """There was no whole answer."""

    def __init__(self, because: str, status: int | None = None) -> None:
        super().__init__(because)
        self.status = status


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole one: the body was as long as promised."""

    status: int
    headers: Mapping[str, str]
    """Lower-case names."""
    start: bytes
    """The body's first bytes."""
    length: int


class Client:
    """One user with at most one connection."""

    def __init__(self, where: tuple[str, int], host: str, timeout: float) -> None:
        """``timeout``: seconds to connect, to the head of the answer, and between two pieces of the body."""
        self._where, self._host, self._timeout = where, host, timeout
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None

    def close(self) -> None:
        if self._writer:
            with contextlib.suppress(RuntimeError):
                self._writer.transport.abort()
        self._reader = self._writer = None

    async def ask(self, method: str, target: str, body: bytes = b"", fresh: bool = False) -> Answer:
        """Raises :class:`Broken`. ``fresh``: on a new connection, which is closed afterwards."""
        began = "connecting"
        try:
            reader, writer = await self._connection(fresh)
            began = "sending"
            writer.write(self._head(method, target, len(body), fresh) + body)
            await self._soon(writer.drain())
            began = "waiting for the answer"
            answer, goes_on = await self._answer(reader, method)
        except Broken:
            self.close()
            raise
        except (OSError, EOFError, ValueError, asyncio.LimitOverrunError) as error:
            self.close()
            why = "time is over" if isinstance(error, TimeoutError) else f"{type(error).__name__}: {error}"
            raise Broken(f"{began}: {why}") from error
        if fresh or not goes_on:
            self.close()
        return answer

    async def _connection(self, fresh: bool) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        # An idle connection that the server has closed in good time is no failure; one closed under the request is.
        reader, writer = self._reader, self._writer
        if reader and writer and not (fresh or reader.at_eof() or reader.exception()):
            return reader, writer
        self.close()
        opened = await self._soon(asyncio.open_connection(*self._where, limit=LINE))
        self._reader, self._writer = opened
        return opened

    def _head(self, method: str, target: str, length: int, fresh: bool) -> bytes:
        lines = [f"{method} {target} HTTP/1.1", f"Host: {self._host}", "User-Agent: lockgate-load"]
        lines += [f"Content-Length: {length}"] if length else []
        lines += ["Connection: close"] if fresh else []
        return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")

    async def _answer(self, reader: asyncio.StreamReader, method: str) -> tuple[Answer, bool]:
        head = (await self._soon(reader.readuntil(b"\r\n\r\n"))).decode("latin-1")
        first, *lines = head[:-4].split("\r\n")
        version, _, rest = first.partition(" ")
        status = int(rest[:3])
        headers = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        try:
            start, length, delimited = await self._body(reader, method, status, headers)
        except (OSError, EOFError, ValueError) as error:
            why = "stalled" if isinstance(error, TimeoutError) else f"cut off ({type(error).__name__})"
            raise Broken(f"the body was {why}", status) from error
        goes_on = delimited and version == "HTTP/1.1" and headers.get("connection", "").lower() != "close"
        return Answer(status, headers, start, length), goes_on

    async def _body(
        self, reader: asyncio.StreamReader, method: str, status: int, headers: Mapping[str, str]
    ) -> tuple[bytes, int, bool]:
        """Its start, its length, and whether its end was marked by anything but the end of the connection."""
        if method == "HEAD" or status in (204, 304):
            return b"", 0, True
        if headers.get("transfer-encoding", "").lower() == "chunked":
            return *(await self._chunked(reader)), True
        if "content-length" in headers:
            return *(await self._exactly(reader, int(headers["content-length"]))), True
        body = await self._soon(reader.read())
        return body[:START], len(body), False

    async def _chunked(self, reader: asyncio.StreamReader) -> tuple[bytes, int]:
        start, length = b"", 0
        while size := int((await self._soon(reader.readuntil(b"\r\n"))).partition(b";")[0], 16):
            piece, _ = await self._exactly(reader, size)
            if await self._soon(reader.readexactly(2)) != b"\r\n":
                raise ValueError("a chunk does not end")
            start, length = (start + piece)[:START], length + size
        while await self._soon(reader.readuntil(b"\r\n")) != b"\r\n":
            pass  # Trailers.
        return start, length

    async def _exactly(self, reader: asyncio.StreamReader, size: int) -> tuple[bytes, int]:
        start, left = b"", size
        while left:
            piece = await self._soon(reader.read(min(left, LINE)))
            if not piece:
                raise EOFError(f"{left} bytes are missing")
            start, left = (start + piece)[:START], left - len(piece)
        return start, size

    async def _soon(self, work: Awaitable[T]) -> T:
        async with asyncio.timeout(self._timeout):
            return await work
