"""The typed client of Lockgate's HTTP API. Synchronous; the command line and the tests use the same one.

It speaks through ``http.client``, because a command must answer before its user blinks and the loopback needs no
more: importing it costs a third of a full HTTP library. A connection per request, so one client serves many threads.
The server's address is looked up anew for each request: a restarted server may listen elsewhere.
"""

import http.client
import json
import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any, BinaryIO, NoReturn, Self, TypeVar
from urllib.parse import quote, urlencode, urlsplit

import msgspec

from lockgate.client_people import PeopleCalls
from lockgate.client_secrets import SecretCalls
from lockgate.client_supply import SupplyCalls
from lockgate.client_trains import TrainCalls
from lockgate.core.errors import LockgateError, NotFound, Problem, Unavailable
from lockgate.decoding import decoded
from lockgate.logins import kept_token
from lockgate.messages import (
    AnalysisView,
    Ask,
    AuditView,
    CalendarView,
    CreateRelease,
    Deploy,
    DeploymentView,
    EnvironmentView,
    EventView,
    Explanation,
    Fault,
    FeedLink,
    FeedView,
    Lift,
    LogView,
    NewFeed,
    PolicyTrial,
    PolicyView,
    Preview,
    Promote,
    QuarantineView,
    ReleaseView,
    ReplayView,
    RevokeFeed,
    RollBack,
    Status,
    TryPolicies,
    Usable,
)
from lockgate.messages.audit import KeysView, Redeploy, RotateKey, StatementView, Verification
from lockgate.messages.environments import ComparisonView, EnvironmentDetail, WhyView
from lockgate.messages.notifications import ChannelView, DeliveryView, RetryDeliveries, TryChannel

T = TypeVar("T")

QUICK = 20.0
"""Seconds for an answer from what the server knows."""

SLOW = 900.0
"""Seconds for making a release: artifacts are resolved and fetched while the request waits."""

PIECE = 64 * 1024
"""Bytes of an export that are read at once."""

SILENCE = 45.0
"""Seconds without a byte on the event stream after which it is opened again: three of the server's comment lines."""

RECONNECT = (0.1, 0.2, 0.5, 1.0, 2.0)
"""Pauses before opening the event stream again; the last one repeats."""


class Refusal(LockgateError):
    """The server said no; ``fault`` is what it said."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(fault.detail or fault.title)
        self.fault = fault
        self.code = fault.code

    @property
    def problems(self) -> tuple[Problem, ...]:
        """Of bad input; else empty."""
        return tuple(problem_from(found) for found in self.fault.problems)


def problem_from(found: Mapping[str, str | int | None]) -> Problem:
    """One entry of a fault's ``problems``."""
    line = found.get("line")
    words = {name: str(found.get(name) or "") for name in ("where", "field", "because", "mend")}
    return Problem(line=line if isinstance(line, int) else None, **words)


def data_folder(environ: Mapping[str, str] | None = None) -> Path:
    """Where a server of this user keeps its data: ``LOCKGATE_HOME``, else the XDG data folder. The same rule as in
    ``config.settings``, told again because that reads YAML, which a command need not wait for."""
    known = os.environ if environ is None else environ
    if known.get("LOCKGATE_HOME"):
        return Path(known["LOCKGATE_HOME"]).expanduser()
    base = known.get("XDG_DATA_HOME", "")
    shared = Path(base) if base.startswith("/") else Path(known.get("HOME") or "/") / ".local" / "share"
    return shared / "lockgate"


@dataclass(frozen=True, slots=True)
class Address:
    """Where a server answers."""

    url: str
    token: str = field(repr=False)
    looked_in: str
    """For the sentence when it does not."""


def no_server(looked_in: str) -> Unavailable:
    return Unavailable(f"No Lockgate server answers (looked in {looked_in}).", "Start one with: lockgate serve")


def address_in(home: Path) -> Address:
    """From ``server.json`` and ``token`` in a data folder. Raises :class:`Unavailable` when they are not there."""
    try:
        url = str(json.loads((home / "server.json").read_text())["url"])
        token = (home / "token").read_text().strip()
    except (OSError, ValueError, KeyError) as error:
        raise no_server(str(home)) from error
    return Address(url, token, f"{home}, which names {url}")


def address_from_environment() -> Address:
    """``LOCKGATE_URL``, else what the data folder says; with ``LOCKGATE_TOKEN``, else the token that its user has
    logged in with there, else the server's own from the data folder."""
    url, token = os.environ.get("LOCKGATE_URL", ""), os.environ.get("LOCKGATE_TOKEN", "")
    if url:
        return Address(url, token or kept_token(url), f"LOCKGATE_URL, {url}")
    found = address_in(data_folder())
    return replace(found, token=token or kept_token(found.url) or found.token)


@dataclass(frozen=True, slots=True)
class Client(SupplyCalls, PeopleCalls, SecretCalls, TrainCalls):
    """Every method raises :class:`Refusal` when the server says no and :class:`Unavailable` when none answers."""

    find: Callable[[], Address] = address_from_environment

    @classmethod
    def of(cls, home: Path) -> Self:
        """Of the server that works on this data folder."""
        return cls(partial(address_in, home))

    @classmethod
    def at(cls, url: str, token: str) -> Self:
        return cls(lambda: Address(url, token, url))

    # --- releases ---

    def check(self, request: CreateRelease) -> tuple[Problem, ...]:
        """Faults of a definition, against the server's environments too. Nothing is resolved or changed."""
        answer: dict[str, list[dict[str, str | int | None]]] = self._post("/v1/check", request, dict[str, Any])
        return tuple(problem_from(found) for found in answer["problems"])

    def create_release(self, request: CreateRelease) -> ReleaseView:
        """The same artifacts and definition give the release that is there already."""
        return self._post("/v1/releases", request, ReleaseView, SLOW)

    def releases(self, application: str, limit: int = 50) -> tuple[ReleaseView, ...]:
        """Newest first."""
        return self._get("/v1/releases", tuple[ReleaseView, ...], application=application, limit=limit)

    def release(self, application: str, name: str = "latest") -> ReleaseView:
        """``name``: id, ``#3``, a version that names one release only, or ``latest``."""
        return self._get(f"/v1/releases/{quote(name, safe='')}", ReleaseView, application=application)

    # --- deployments ---

    def preview(self, request: Deploy) -> Preview:
        """What the deployment would do."""
        return self._post("/v1/previews", request, Preview)

    def deploy(self, request: Deploy) -> DeploymentView:
        return self._post("/v1/deployments", request, DeploymentView)

    def promote(self, request: Promote) -> DeploymentView:
        return self._post("/v1/promotions", request, DeploymentView)

    def roll_back(self, request: RollBack) -> DeploymentView:
        return self._post("/v1/rollbacks", request, DeploymentView)

    def deployments(
        self, application: str = "", environment: str = "", state: str = "", limit: int = 50
    ) -> tuple[DeploymentView, ...]:
        """Newest first."""
        asked: dict[str, str | int] = {"application": application, "environment": environment}
        asked |= {"state": state, "limit": limit}
        return self._get("/v1/deployments", tuple[DeploymentView, ...], **asked)

    def newest(self, application: str = "", environment: str = "") -> DeploymentView:
        """The newest deployment. Raises :class:`NotFound` when there is none."""
        found = self.deployments(application, environment, limit=1)
        if found:
            return found[0]
        raise NotFound(f"Nothing has been deployed yet{_of(application, environment)}.")

    def deployment(self, name: str) -> DeploymentView:
        return self._get(f"/v1/deployments/{quote(name, safe='')}", DeploymentView)

    def explain(self, name: str) -> Explanation:
        return self._get(f"/v1/deployments/{quote(name, safe='')}/explain", Explanation)

    def analysis(self, name: str) -> AnalysisView | None:
        """None: users meet no canary in it, or it is not there at all."""
        try:
            return self._get(f"/v1/deployments/{quote(name, safe='')}/analysis", AnalysisView)
        except Refusal as refusal:
            if refusal.fault.status != 404:
                raise
            return None

    def replay(self, name: str) -> ReplayView:
        return self._get(f"/v1/deployments/{quote(name, safe='')}/replay", ReplayView)

    def pause(self, name: str, ask: Ask) -> DeploymentView:
        return self._ask(name, "pause", ask)

    def resume(self, name: str, ask: Ask) -> DeploymentView:
        return self._ask(name, "resume", ask)

    def go_on(self, name: str, ask: Ask) -> DeploymentView:
        """With the next stage of its canary."""
        return self._ask(name, "continue", ask)

    def finish(self, name: str, ask: Ask) -> DeploymentView:
        """With all the traffic on its canary."""
        return self._ask(name, "finish", ask)

    def abort(self, name: str, ask: Ask) -> DeploymentView:
        return self._ask(name, "abort", ask)

    def wait(self, name: str, seconds: float = SLOW) -> DeploymentView:
        """The deployment once it has ended. A server that goes away meanwhile is waited for, too. Raises
        :class:`Unavailable` when the time is over."""
        view = self.deployment(name)
        until = time.monotonic() + seconds
        while not view.final:
            if time.monotonic() > until:
                raise Unavailable(f"{name} is still {view.state} after {seconds:.0f} s: {view.because}")
            time.sleep(0.1)
            with suppress(Unavailable):
                view = self.deployment(name)
        return view

    # --- what is there ---

    def status(self, application: str = "", environment: str = "") -> Status:
        return self._get("/v1/status", Status, application=application, environment=environment)

    def environments(self) -> tuple[EnvironmentView, ...]:
        """In promotion order."""
        return self._get("/v1/environments", tuple[EnvironmentView, ...])

    def environment(self, name: str) -> EnvironmentDetail:
        return self._get(f"/v1/environments/{quote(name, safe='')}", EnvironmentDetail)

    def why(self, environment: str, field: str) -> WhyView:
        """Who says what of a field of an environment."""
        path = f"/v1/environments/{quote(environment, safe='')}/why/{quote(field, safe='')}"
        return self._get(path, WhyView)

    def compare(self, left: str, right: str) -> ComparisonView:
        """Two environments (``prod``, ``prod@2h``), or two releases by id."""
        return self._get("/v1/comparisons", ComparisonView, left=left, right=right)

    def logs(
        self,
        application: str,
        environment: str,
        component: str = "",
        instance: str = "",
        after: Mapping[str, int] | None = None,
        limit: int = 200,
    ) -> LogView:
        """``after``: the ``next`` of the answer before, to read on."""
        asked: dict[str, str | int] = {f"after.{name}": place for name, place in (after or {}).items()}
        asked |= {"application": application, "environment": environment, "limit": limit}
        asked |= {"component": component, "instance": instance}
        return self._get("/v1/logs", LogView, **asked)

    def quarantines(self) -> tuple[QuarantineView, ...]:
        return self._get("/v1/quarantines", tuple[QuarantineView, ...])

    def lift(self, request: Lift) -> None:
        self._post("/v1/quarantines/lift", request, None)

    def policies(self) -> tuple[PolicyView, ...]:
        return self._get("/v1/policies", tuple[PolicyView, ...])

    def try_policies(self, request: TryPolicies) -> PolicyTrial:
        """What policies would say of a deployment."""
        return self._post("/v1/policies/try", request, PolicyTrial)

    # --- the record ---

    def audit(self, after: int = 0, limit: int = 100, order: str = "oldest", **chosen: str | int) -> AuditView:
        """``chosen``: ``actor``, ``application``, ``environment``, ``kind``, ``since``, ``until``."""
        return self._get("/v1/audit", AuditView, after=after, limit=limit, order=order, **chosen)

    def verification(self) -> Verification:
        """Of the whole record, read anew by the server."""
        return _decoded(self._exchange("GET", "/v1/audit/verification", None, SLOW), Verification)

    def export_audit(self, since: int = 0, until: int = 0, form: str = "jsonl") -> Iterator[bytes]:
        """The record as a file, piece by piece. What breaks off raises :class:`Unavailable`."""
        path = "/v1/audit/export" + _query({"since": since, "until": until, "format": form})
        address, connection, answer = self._send("GET", path, None, SLOW, {})
        try:
            if answer.status >= 400:
                _refuse(answer.status, answer.read())
            while piece := answer.read(PIECE):
                yield piece
        except (OSError, http.client.HTTPException) as error:
            raise no_server(address.looked_in) from error
        finally:
            connection.close()

    def keys(self) -> KeysView:
        return self._get("/v1/keys", KeysView)

    def rotate_key(self, message: RotateKey) -> KeysView:
        return self._post("/v1/keys/rotate", message, KeysView)

    def release_statement(self, application: str, name: str) -> StatementView:
        path = f"/v1/releases/{quote(name, safe='')}/statement"
        return self._get(path, StatementView, application=application)

    def plan_statement(self, name: str) -> StatementView:
        """Of a deployment's plan."""
        return self._get(f"/v1/deployments/{quote(name, safe='')}/statement", StatementView)

    def redeploy(self, name: str, message: Redeploy) -> DeploymentView:
        return self._post(f"/v1/deployments/{quote(name, safe='')}/redeploy", message, DeploymentView)

    def channels(self) -> tuple[ChannelView, ...]:
        return self._get("/v1/channels", tuple[ChannelView, ...])

    def notifications(self, **asked: str | int) -> tuple[DeliveryView, ...]:
        return self._get("/v1/notifications", tuple[DeliveryView, ...], **asked)

    def retry_notifications(self, request: RetryDeliveries) -> tuple[DeliveryView, ...]:
        return self._post("/v1/notifications/retry", request, tuple[DeliveryView, ...])

    def test_channel(self, request: TryChannel) -> DeliveryView:
        return self._post("/v1/notifications/test", request, DeliveryView)

    def calendar(self, environment: str = "", application: str = "", days: int = 30, back: int = 7) -> CalendarView:
        asked: dict[str, str | int] = {"environment": environment, "application": application}
        return self._get("/v1/calendar", CalendarView, **asked, days=days, back=back)

    def subscribe(self, request: NewFeed) -> FeedLink:
        """A feed, with the link that is told this once."""
        return self._post("/v1/feeds", request, FeedLink)

    def feeds(self) -> tuple[FeedView, ...]:
        return self._get("/v1/feeds", tuple[FeedView, ...])

    def revoke_feed(self, name: str, request: RevokeFeed) -> None:
        self._post(f"/v1/feeds/{quote(name, safe='')}/revoke", request, None)

    def doctor(self) -> tuple[Usable, ...]:
        return self._get("/v1/doctor", tuple[Usable, ...])

    def health(self) -> Mapping[str, str]:
        """``status`` and ``version``. Needs no token."""
        return self._get("/healthz", dict[str, str])

    def log_in(self) -> str:
        """A link that opens the console in a browser, once."""
        return self._post("/v1/logins", None, dict[str, str])["url"]

    # --- events ---

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
        query = _query({"after": after, "application": application, "deployment": deployment})
        headers = {"Accept": "text/event-stream", "Last-Event-ID": str(after)}
        address, connection, answer = self._send("GET", f"/v1/events{query}", None, SILENCE, headers)
        try:
            if answer.status >= 400:
                _refuse(answer.status, answer.read())
            yield None
            for data in _messages(answer):
                yield _decoded(data, EventView) if data else None
        except (OSError, http.client.HTTPException) as error:
            raise no_server(address.looked_in) from error
        finally:
            connection.close()

    # --- the wire ---

    def _ask(self, name: str, want: str, ask: Ask) -> DeploymentView:
        return self._post(f"/v1/deployments/{quote(name, safe='')}/{want}", ask, DeploymentView)

    def _get(self, path: str, kind: type[T], /, **query: str | int) -> T:
        return _decoded(self._exchange("GET", path + _query(query), None, QUICK), kind)

    def _put(self, path: str, message: object, kind: type[T]) -> T:
        return _decoded(self._exchange("PUT", path, msgspec.json.encode(message), QUICK), kind)

    def _post(self, path: str, message: object, kind: type[T] | None, timeout: float = QUICK) -> T:
        return _decoded(self._exchange("POST", path, msgspec.json.encode(message), timeout), kind)

    def _exchange(
        self,
        method: str,
        path: str,
        body: bytes | BinaryIO | None,
        timeout: float,
        headers: Mapping[str, str] = MappingProxyType({}),
    ) -> bytes:
        address, connection, answer = self._send(method, path, body, timeout, {"Accept": "application/json", **headers})
        try:
            data = answer.read()
        except (OSError, http.client.HTTPException) as error:
            raise no_server(address.looked_in) from error
        finally:
            connection.close()
        if answer.status >= 400:
            _refuse(answer.status, data)
        return data

    def _send(
        self, method: str, path: str, body: bytes | BinaryIO | None, timeout: float, headers: dict[str, str]
    ) -> tuple[Address, http.client.HTTPConnection, http.client.HTTPResponse]:
        """The caller closes the connection."""
        address = self.find()
        parts = urlsplit(address.url)
        kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
        connection = kind(parts.netloc, timeout=timeout)
        headers["Authorization"] = f"Bearer {address.token}"
        if body is not None:
            headers.setdefault("Content-Type", "application/json")
        try:
            connection.request(method, parts.path.rstrip("/") + path, body, headers)
            return address, connection, connection.getresponse()
        except TimeoutError as error:
            connection.close()
            raise Unavailable(f"{address.url} has not answered within {timeout:.0f} s.") from error
        except (OSError, http.client.HTTPException) as error:
            connection.close()
            raise no_server(address.looked_in) from error


def _of(application: str, environment: str) -> str:
    return (f" of {application}" if application else "") + (f" to {environment}" if environment else "")


def _query(asked: Mapping[str, str | int]) -> str:
    """Only what was asked: empty words are left out."""
    given = {name: value for name, value in asked.items() if value != ""}
    return f"?{urlencode(given)}" if given else ""


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


def _decoded(data: bytes, kind: type[T] | None) -> T:
    if kind is None:
        return None  # type: ignore[return-value]  # the caller asked for nothing
    try:
        return decoded(data, kind)
    except msgspec.DecodeError as error:
        because = f"The server's answer is not understood: {error}. Are client and server of the same version?"
        raise Refusal(Fault("Answer not understood", 502, because, "answer-not-understood")) from error


def _refuse(status: int, data: bytes) -> NoReturn:
    try:
        fault = decoded(data, Fault)
    except msgspec.DecodeError:
        text = data[:200].decode(errors="replace").strip()
        fault = Fault("Refused", status, f"The server answered {status}: {text}", "error")
    raise Refusal(fault)
