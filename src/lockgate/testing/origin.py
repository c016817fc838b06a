"""An application to put behind a router in tests: a small HTTP/1.1 server on loopback that says its name.

``/`` answers ``NAME BODY_LENGTH``; ``/slow?S`` does so after S seconds; ``/stream?S`` sends an event each tenth of a
second for S seconds. It can be told to misbehave, so that what must notice can be seen to notice.
"""

import asyncio
import contextlib
import socket
import threading
from types import TracebackType

EVENTS_PER_SECOND = 10


class Origin:
    """A context manager: it serves from enter to exit, in a thread of its own."""

    def __init__(self, name: str = "origin", port: int = 0) -> None:
        self.name = name
        self.misbehave = ""
        """``status`` (answers 500), ``reset`` (hangs up), ``short`` (body too short), ``cut`` (ends streams early),
        ``silent`` (never answers) or nothing."""
        self.served = 0
        self._socket = socket.create_server(("127.0.0.1", port), backlog=1024)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name=f"origin-{name}", daemon=True)
        self._tasks: set[asyncio.Task[None]] = set()
        self._done = asyncio.Event()

    @property
    def address(self) -> str:
        """``host:port``."""
        return f"127.0.0.1:{self._socket.getsockname()[1]}"

    def __enter__(self) -> "Origin":
        self._thread.start()
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self.stop()

    def stop(self) -> None:
        """At once: what runs is cut."""
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._end)
            self._thread.join()

    # --- serving ---

    def _run(self) -> None:
        try:
            self._loop.run_until_complete(self._serve())
        finally:
            self._loop.close()

    def _end(self) -> None:
        self._done.set()

    async def _serve(self) -> None:
        server = await asyncio.start_server(self._connected, sock=self._socket)
        await self._done.wait()
        server.close()
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            with contextlib.suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
                while await self._answer(reader, writer):
                    pass
        finally:
            self._tasks.discard(task)
            writer.transport.abort()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """One request; False to hang up."""
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        target = head.split(" ", 2)[1]
        lengths = [line.partition(":")[2] for line in head.split("\r\n") if line.lower().startswith("content-length:")]
        body = await reader.readexactly(int(lengths[0])) if lengths else b""
        self.served += 1
        if self.misbehave == "silent":
            await asyncio.sleep(3600)
        if self.misbehave == "reset":
            return False
        path, _, seconds = target.partition("?")
        if path.endswith("/stream"):
            return await self._stream(writer, float(seconds))
        if path.endswith("/slow"):
            await asyncio.sleep(float(seconds))
        return await self._say(writer, f"{self.name} {len(body)}".encode())

    async def _say(self, writer: asyncio.StreamWriter, text: bytes) -> bool:
        status = b"500 Internal Server Error" if self.misbehave == "status" else b"200 OK"
        length = len(text) + (5 if self.misbehave == "short" else 0)
        writer.write(b"HTTP/1.1 %s\r\nContent-Length: %d\r\n\r\n%s" % (status, length, text))
        await writer.drain()
        return self.misbehave != "short"

    async def _stream(self, writer: asyncio.StreamWriter, seconds: float) -> bool:
        head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
        writer.write(head)
        for number in range(max(1, int(seconds * EVENTS_PER_SECOND))):
            if self.misbehave == "cut" and number:
                return False
            event = f"data: {self.name} {number}\n\n".encode()
            writer.write(b"%x\r\n%s\r\n" % (len(event), event))
            await writer.drain()
            await asyncio.sleep(1 / EVENTS_PER_SECOND)
        writer.write(b"0\r\n\r\n")
        await writer.drain()
        return True
