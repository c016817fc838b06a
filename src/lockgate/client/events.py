"""The client's calls about events: those there were, and those to come."""

import http.client
import threading
import time
from collections.abc import Iterator

from lockgate.client.address import no_server
from lockgate.client.wire import Wire, decoded_as, query_of, refuse
from lockgate.core.errors import Unavailable
from lockgate.messages import EventView

SILENCE = 45.0
"""Seconds without a byte on the event stream after which it is opened again: three of the server's comment lines."""


RECONNECT = (0.1, 0.2, 0.5, 1.0, 2.0)
"""Pauses before opening the event stream again; the last one repeats."""


def _messages(answer: http.client.HTTPResponse) -> Iterator[bytes]:
    """The data of each server-sent event (WHATWG HTML, section 9.2); nothing for a comment, which is a sign of life."""
    data: list[bytes] = []
    while line := answer.readline():
        if line.startswith(b"data:"):
            data.append(line[5:].strip())
        elif line.startswith(b":"):
            yield b""
        elif not line.strip() and data:
            yield b"\n".join(data)
            data = []


class EventCalls(Wire):
    """Part of :class:`lockgate.client.Client`."""

    __slots__ = ()

    def past_events(
        self, after: int = 0, limit: int = 500, application: str = "", deployment: str = ""
    ) -> tuple[EventView, ...]:
        """What is recorded after that number, oldest first."""
        asked: dict[str, str | int] = {"application": application, "deployment": deployment}
        asked |= {"after": after, "limit": limit}
        return self._get("/v1/events", tuple[EventView, ...], **asked)

    def events(
        self,
        after: int = 0,
        application: str = "",
        deployment: str = "",
        patience: float = 60.0,
        ended: threading.Event | None = None,
    ) -> Iterator[EventView]:
        """Every event after that number, as it happens, until ``ended`` is set (seen at the server's next sign of
        life). A stream that breaks is opened again where it broke (``Last-Event-ID``), so none is lost or doubled.
        Raises :class:`Unavailable` after ``patience`` seconds without a server."""
        ended = ended or threading.Event()
        failed = 0
        alive = time.monotonic()
        while not ended.is_set():
            try:
                for event in self._stream(after, application, deployment):
                    failed, alive = 0, time.monotonic()
                    if ended.is_set():
                        return
                    if event is not None:
                        after = event.seq
                        yield event
            except Unavailable:
                # Silence on an open stream is no absence: what counts is the time since it broke first.
                alive = time.monotonic() if failed == 0 else alive
                if time.monotonic() - alive > patience:
                    raise
            ended.wait(RECONNECT[min(failed, len(RECONNECT) - 1)])
            failed += 1

    def _stream(self, after: int, application: str, deployment: str) -> Iterator[EventView | None]:
        """One connection's worth of events; None once it is open, and for each sign of life."""
        query = query_of({"after": after, "application": application, "deployment": deployment})
        headers = {"Accept": "text/event-stream", "Last-Event-ID": str(after)}
        address, connection, answer = self._send("GET", f"/v1/events{query}", None, SILENCE, headers)
        try:
            if answer.status >= 400:
                refuse(answer.status, answer.read())
            yield None
            for data in _messages(answer):
                yield decoded_as(data, EventView) if data else None
        except (OSError, http.client.HTTPException) as error:
            raise no_server(address.looked_in) from error
        finally:
            connection.close()
