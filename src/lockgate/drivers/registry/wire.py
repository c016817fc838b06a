"""Requests to registries and to where they send: with time limits, over TLS, and what says who we are stays where it
was meant for.

Plain HTTP is for registries on this machine's loopback and for those that are named; so Docker does it, too.
"""

import ipaddress
import threading
import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from urllib.parse import urljoin, urlsplit

import httpx2

from lockgate.core.errors import ArtifactMistyped, Denied, Unavailable
from lockgate.drivers.registry.names import api_host

MIB = 1024 * 1024
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_HOPS = 5
_TRIES = 2
_CONNECT = 10.0
_DIRECT: Mapping[str, None] = {f"all://{host}": None for host in ("localhost", "127.0.0.1", "[::1]")}
"""Reached without a proxy, whatever the environment says."""


@dataclass(frozen=True, slots=True)
class Question:
    """One request: GET, or POST of a form."""

    registry: str
    """Whose errand it is."""
    url: str
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    form: Mapping[str, str] | None = field(default=None, repr=False)
    limit: int = 4 * MIB
    """Bytes of an answer; a larger one is refused."""


@dataclass(frozen=True, slots=True)
class Answer:
    """``data`` is read only where all went well (200)."""

    status: int
    headers: httpx2.Headers
    data: bytes = b""


class Wire:
    """One client for all, made when it is first needed; many threads may use it. ``patience``: seconds that a pause may
    take; a whole answer may take four times as long."""

    def __init__(self, plain: Collection[str] = (), patience: float = 30.0) -> None:
        self._plain = frozenset(plain)
        self._patience = patience
        self._made: httpx2.Client | None = None
        self._making = threading.Lock()

    def url(self, registry: str, path: str) -> str:
        return f"{'http' if self._may_be_plain(registry) else 'https'}://{api_host(registry)}{path}"

    def ask(self, question: Question) -> Answer:
        """Raises :class:`Unavailable` (down, slow), :class:`Denied` (sent to where it is not safe),
        :class:`ArtifactMistyped` (larger than the limit)."""
        for again in range(_TRIES):
            try:
                return self._follow(question)
            except (httpx2.HTTPError, httpx2.InvalidURL, ValueError) as error:
                last = isinstance(error, httpx2.TimeoutException) or not isinstance(error, httpx2.TransportError)
                if last or again + 1 == _TRIES:
                    raise _unavailable(question.registry, error) from error
                time.sleep(0.1)
        raise AssertionError("the last try returns or raises")

    def close(self) -> None:
        if self._made is not None:
            self._made.close()

    def _follow(self, question: Question) -> Answer:
        asked = _origin(question.url)
        for _ in range(_HOPS):
            self._refuse_unless_safe(question)
            answer = self._send(question)
            if answer.status not in _REDIRECTS or question.form is not None:
                # Only the registry may ask who we are; another host would name a place of its own for the login.
                stranger = answer.status == 401 and _origin(question.url) != asked
                return replace(answer, status=403) if stranger else answer
            question = _led_on(question, answer.headers.get("location", ""))
        because = f"{question.registry} sends from one address to the next, {_HOPS} times."
        raise Unavailable(because, "Look at the registry, and try again.")

    def _send(self, question: Question) -> Answer:
        end = time.monotonic() + 4 * self._patience
        client = self._client()
        request = client.build_request(
            "GET" if question.form is None else "POST",
            question.url,
            headers={"Accept-Encoding": "identity", "User-Agent": "lockgate", **question.headers},
            data=None if question.form is None else dict(question.form),
        )
        response = client.send(request, stream=True)
        try:
            data = _body(response, question, end) if response.status_code == 200 else b""
            return Answer(response.status_code, response.headers, data)
        finally:
            response.close()

    def _client(self) -> httpx2.Client:
        with self._making:
            if self._made is None:
                timeout = httpx2.Timeout(self._patience, connect=min(_CONNECT, self._patience))
                self._made = httpx2.Client(timeout=timeout, mounts=dict(_DIRECT))
            return self._made

    def _refuse_unless_safe(self, question: Question) -> None:
        parts = urlsplit(question.url)
        if parts.scheme == "https" and parts.hostname:
            return
        if parts.scheme == "http" and self._may_be_plain(question.registry) and self._may_be_plain(parts.netloc):
            return
        because = f"{question.registry} sends to {parts.scheme}://{parts.hostname or ''}, which is not safe."
        raise Denied(because, "A registry that is not on this machine must use https.")

    def _may_be_plain(self, registry: str) -> bool:
        return registry in self._plain or _is_loopback(urlsplit(f"//{registry}").hostname or "")


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _led_on(question: Question, to: str) -> Question:
    """To another host without what says who we are: only the registry is meant to know."""
    url = urljoin(question.url, to)
    if _origin(url) == _origin(question.url):
        return replace(question, url=url)
    kept = {name: value for name, value in question.headers.items() if name.lower() != "authorization"}
    return replace(question, url=url, headers=kept)


def _origin(url: str) -> tuple[str, str | None, int | None]:
    parts = urlsplit(url)
    return parts.scheme, parts.hostname, parts.port


def _body(response: httpx2.Response, question: Question, end: float) -> bytes:
    data = bytearray()
    for chunk in response.iter_raw():
        data += chunk
        if len(data) > question.limit:
            size = f"{question.limit // MIB} MiB"
            raise ArtifactMistyped(f"{question.registry} answers with more than {size}, which no image needs there.")
        if time.monotonic() > end:
            raise httpx2.ReadTimeout("the answer takes too long")
    return bytes(data)


def _unavailable(registry: str, error: Exception) -> Unavailable:
    slow = isinstance(error, httpx2.TimeoutException)
    words = "did not answer in time" if slow else f"cannot be asked: {str(error) or type(error).__name__}"
    return Unavailable(f"The registry {registry} {words}.", "Look at the network and the registry, and try again.")
