"""One request and its answer over HTTP, and what a refusal says."""

import http.client
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import BinaryIO, NoReturn, TypeVar
from urllib.parse import urlencode, urlsplit

import msgspec

from lockgate.client.address import Address, address_from_environment, no_server
from lockgate.core.errors import LockgateError, Problem, Unavailable
from lockgate.decoding import UNREADABLE, decoded
from lockgate.messages import Fault

T = TypeVar("T")


QUICK = 20.0
"""Seconds for an answer from what the server knows."""


SLOW = 900.0
"""Seconds for making a release: artifacts are resolved and fetched while the request waits."""


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


@dataclass(frozen=True, slots=True)
class Wire:
    """Carries the calls. A connection for each of them."""

    find: Callable[[], Address] = address_from_environment

    def _get(self, path: str, kind: type[T], /, **query: str | int) -> T:
        return decoded_as(self._exchange("GET", path + query_of(query), None, QUICK), kind)

    def _put(self, path: str, message: object, kind: type[T]) -> T:
        return decoded_as(self._exchange("PUT", path, msgspec.json.encode(message), QUICK), kind)

    def _post(self, path: str, message: object, kind: type[T] | None, timeout: float = QUICK) -> T:
        return decoded_as(self._exchange("POST", path, msgspec.json.encode(message), timeout), kind)

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
            refuse(answer.status, data)
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


def query_of(asked: Mapping[str, str | int]) -> str:
    """Only what was asked: empty words are left out."""
    given = {name: value for name, value in asked.items() if value != ""}
    return f"?{urlencode(given)}" if given else ""


def decoded_as(data: bytes, kind: type[T] | None) -> T:
    if kind is None:
        return None  # type: ignore[return-value]  # the caller asked for nothing
    try:
        return decoded(data, kind)
    except UNREADABLE as error:
        because = f"The server's answer is not understood: {error}. Are client and server of the same version?"
        raise Refusal(Fault("Answer not understood", 502, because, "answer-not-understood")) from error


def refuse(status: int, data: bytes) -> NoReturn:
    try:
        fault = decoded(data, Fault)
    except UNREADABLE:
        text = data[:200].decode(errors="replace").strip()
        fault = Fault("Refused", status, f"The server answered {status}: {text}", "error")
    raise Refusal(fault)
