"""A server of canned answers: HTTP, bearer token, faults and event streams as the API has them, and no engine."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import msgspec

from lockgate.messages import EventView, Fault, Status
from tests.cli import canned

TOKEN = "the-token-of-the-double"


@dataclass
class Received:
    """One request, as it came."""

    method: str
    path: str
    query: dict[str, str]
    body: Any
    headers: dict[str, str]


Answer = Callable[[Received], object]


@dataclass
class Double:
    """``answers``: (method, path) -> value, :class:`Fault`, or a function of the request that gives one of them."""

    answers: dict[tuple[str, str], object] = field(default_factory=dict)
    events: list[EventView] = field(default_factory=lambda: list(canned.EVENTS))
    stream_breaks_after: int = 1_000_000
    """Events of one connection."""
    received: list[Received] = field(default_factory=list)
    url: str = ""

    def last(self, method: str = "POST") -> Received:
        return next(one for one in reversed(self.received) if one.method == method)

    def answer(self, request: Received) -> object:
        if request.headers.get("authorization") != f"Bearer {TOKEN}" and request.path != "/healthz":
            return Fault("Who is there?", 401, "Send the token of the data folder.", "unauthenticated")
        known = self.answers.get((request.method, request.path))
        if known is None:
            return Fault("There is nothing by that name.", 404, f"There is no {request.path}.", "not-found")
        return known(request) if callable(known) else known

    def events_after(self, seq: int) -> list[EventView]:
        return [one for one in self.events if one.seq > seq]


def standard_answers(double: Double) -> dict[tuple[str, str], object]:
    """Everything goes well."""
    return {
        ("GET", "/healthz"): {"status": "ok", "version": "0.1.0"},
        ("POST", "/v1/check"): {"problems": []},
        ("POST", "/v1/releases"): canned.RELEASE,
        ("GET", "/v1/releases"): (canned.BAD_RELEASE, canned.RELEASE),
        ("GET", "/v1/releases/latest"): canned.RELEASE,
        ("GET", "/v1/releases/#4"): canned.BAD_RELEASE,
        ("POST", "/v1/previews"): canned.PREVIEW,
        ("POST", "/v1/deployments"): canned.RUNNING,
        ("GET", "/v1/deployments"): (canned.GATED, canned.RUNNING, canned.ROLLED_BACK),
        ("GET", "/v1/deployments/dep-6"): canned.ROLLED_BACK,
        ("GET", "/v1/deployments/dep-7"): canned.SUCCEEDED,
        ("GET", "/v1/deployments/dep-7/explain"): canned.EXPLANATION,
        ("GET", "/v1/deployments/dep-8/explain"): canned.EXPLANATION,
        ("POST", "/v1/deployments/dep-7/pause"): canned.RUNNING,
        ("POST", "/v1/deployments/dep-8/pause"): canned.GATED,
        ("POST", "/v1/deployments/dep-8/resume"): canned.GATED,
        ("POST", "/v1/deployments/dep-8/continue"): canned.GATED,
        ("POST", "/v1/deployments/dep-8/finish"): canned.GATED,
        ("POST", "/v1/deployments/dep-8/abort"): canned.GATED,
        ("POST", "/v1/promotions"): canned.RUNNING,
        ("POST", "/v1/rollbacks"): canned.RUNNING,
        ("GET", "/v1/status"): lambda request: status_of(request.query),
        ("GET", "/v1/environments"): canned.ENVIRONMENTS,
        ("GET", "/v1/events"): lambda request: double.events_after(int(request.query.get("after", 0))),
        ("GET", "/v1/logs"): canned.LOGS,
        ("GET", "/v1/quarantines"): canned.QUARANTINES,
        ("POST", "/v1/quarantines/lift"): None,
        ("GET", "/v1/audit"): canned.AUDIT,
        ("GET", "/v1/audit/verification"): canned.VERIFIED,
        ("GET", "/v1/keys"): canned.KEYS,
        ("POST", "/v1/keys/rotate"): canned.KEYS,
        ("GET", "/v1/releases/latest/statement"): canned.STATEMENT,
        ("POST", "/v1/deployments/dep-7/redeploy"): canned.RUNNING,
        ("POST", "/v1/logins"): {"url": "http://localhost:7070/login?token=once"},
        ("GET", "/v1/doctor"): canned.MACHINE,
        ("GET", "/v1/channels"): canned.CHANNELS,
        ("GET", "/v1/notifications"): (canned.WAITING, canned.DELIVERED, canned.DEAD),
        ("POST", "/v1/notifications/retry"): (replace(canned.DEAD, state="waiting"),),
        ("POST", "/v1/notifications/test"): canned.DELIVERED,
    }


def status_of(query: dict[str, str]) -> Status:
    wanted = query.get("application", ""), query.get("environment", "")
    rows = [r for r in canned.STATUS.rows if wanted[0] in ("", r.application) and wanted[1] in ("", r.environment)]
    return replace(canned.STATUS, rows=tuple(rows))


def handler_of(double: Double) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._serve("GET")

        def do_POST(self) -> None:
            self._serve("POST")

        def _serve(self, method: str) -> None:
            request = self._request(method)
            double.received.append(request)
            if "text/event-stream" in request.headers.get("accept", ""):
                self._stream(int(request.headers["last-event-id"]))
            elif (method, request.path) == ("POST", "/v1/quarantines/lift"):
                self._send(204, b"")
            else:
                answer = double.answer(request)
                self._send(answer.status if isinstance(answer, Fault) else 200, msgspec.json.encode(answer))

        def _request(self, method: str) -> Received:
            parts = urlsplit(self.path)
            query = {name: values[0] for name, values in parse_qs(parts.query).items()}
            size = int(self.headers.get("content-length", 0))
            body = json.loads(self.rfile.read(size)) if size else None
            headers = {name.lower(): value for name, value in self.headers.items()}
            return Received(method, unquote(parts.path), query, body, headers)

        def _send(self, status: int, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def _stream(self, seq: int) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/event-stream")
            self.end_headers()
            self.wfile.write(b": hello\n\n")
            for one in double.events_after(seq)[: double.stream_breaks_after]:
                data = msgspec.json.encode(one)
                self.wfile.write(b"id: %d\nevent: %s\ndata: %s\n\n" % (one.seq, one.kind.encode(), data))

        def log_message(self, *_: object) -> None:
            """Tests print what matters."""

    return Handler


@contextmanager
def serving(double: Double, home: Path) -> Iterator[Double]:
    """The double on a free port, named in the data folder as a server does it."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler_of(double))
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    double.url = f"http://127.0.0.1:{server.server_address[1]}"
    double.answers = standard_answers(double) | double.answers
    home.mkdir(parents=True, exist_ok=True)
    (home / "server.json").write_text(json.dumps({"url": double.url, "pid": 1, "version": "0.1.0"}))
    (home / "token").write_text(TOKEN + "\n")
    try:
        yield double
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
