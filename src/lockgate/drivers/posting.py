"""Posting: a body by HTTP to an address that is a secret. One request, no redirects, and what came of it as an error.

No error repeats the address, since whoever knows it can post there, too; only its host is named.
"""

import socket
import ssl
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import httpx2

from lockgate.core.errors import LockgateError, Throttled, Unavailable, Undeliverable
from lockgate.core.message import one_line
from lockgate.core.notification import Channel
from lockgate.core.secret import Secret, SecretSource
from lockgate.drivers.destinations import METADATA_NAMES, Destinations

Reveal = Callable[[SecretSource], Secret]
"""Raises ComponentMissing."""

PATIENCE = 15.0
"""Seconds for each pause of an exchange."""
LONGEST_ANSWER = 2048
"""Bytes of an answer that are read; what they say is told."""
TRIED = 3
"""Addresses of one name."""
TOLD = 200
"""Characters of them."""

_LATER = frozenset({408, 425, 429, 500, 502, 503, 504})


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back."""

    status: int
    headers: Mapping[str, str]
    text: str


@dataclass(slots=True)
class Poster:
    """For all channels; many threads may use it."""

    destinations: Destinations = field(default_factory=Destinations)
    context: ssl.SSLContext | None = None
    """Who is trusted; None: whom the system trusts."""
    patience: float = PATIENCE
    _clients: dict[str, httpx2.Client] = field(init=False, default_factory=dict)
    """Proxy -> who speaks by it; empty: straight on."""
    _making: threading.Lock = field(init=False, default_factory=threading.Lock)

    def post(self, url: str, body: bytes, headers: Mapping[str, str], now: float) -> Answer:
        """The answer, if it is a good one (2xx). ``now``: for a Retry-After that names a time. Raises Unavailable and
        Throttled, or Undeliverable and Denied."""
        parsed = _parsed(url)
        answer = self._reached(parsed, body, {"user-agent": "lockgate", **headers})
        problem = problem_of(answer, parsed.host, now)
        if problem is not None:
            raise problem
        return answer

    def close(self) -> None:
        for client in self._clients.values():
            client.close()

    def _reached(self, url: httpx2.URL, body: bytes, headers: Mapping[str, str]) -> Answer:
        """By a proxy the name is sent: the proxy looks it up, and decides. Otherwise one address after another."""
        port = url.port or (443 if url.scheme == "https" else 80)
        proxy = _proxy_for(url)
        if not proxy or _needs_no_look_up(url.host):
            addresses = self.destinations.addresses(url.host, port)
        last: LockgateError | None = None
        for host in (url.host,) if proxy else addresses[:TRIED]:
            try:
                return self._exchange(url, url.copy_with(host=host), body, headers, self._client(proxy))
            except _NotConnected as error:
                last = error.cause
        assert last is not None
        raise last

    def _exchange(
        self, url: httpx2.URL, to: httpx2.URL, body: bytes, headers: Mapping[str, str], client: httpx2.Client
    ) -> Answer:
        named = {**headers, "host": url.netloc.decode(), "connection": "close"}
        whose = {"sni_hostname": url.host}
        request = client.build_request("POST", to, content=body, headers=named, extensions=whose)
        try:
            response = client.send(request, stream=True)
            try:
                return Answer(response.status_code, response.headers, _start_of(response))
            finally:
                response.close()
        except (httpx2.ConnectError, httpx2.ConnectTimeout) as error:
            raise _NotConnected(_unavailable(url, error)) from None
        except httpx2.HTTPError as error:
            raise _unavailable(url, error) from None

    def _client(self, proxy: str) -> httpx2.Client:
        """By that proxy, or by none: whether there is one is decided here alone, since what is checked hangs on it. No
        connection is kept: those to one address may belong to different names, each with its certificate."""
        with self._making:
            if proxy not in self._clients:
                self._clients[proxy] = httpx2.Client(
                    timeout=httpx2.Timeout(self.patience, connect=min(10.0, self.patience)),
                    verify=self.context or httpx2.create_ssl_context(),
                    limits=httpx2.Limits(max_keepalive_connections=0),
                    proxy=proxy or None,
                    trust_env=False,
                    follow_redirects=False,
                )
            return self._clients[proxy]


class _NotConnected(Exception):
    """This address takes no connection; another one of the same name may."""

    def __init__(self, cause: LockgateError) -> None:
        super().__init__(str(cause))
        self.cause = cause


def url_of(channel: Channel, reveal: Reveal) -> str:
    """Where the channel is. Raises ComponentMissing, Undeliverable."""
    source = channel.secret("url")
    if source is None:
        raise Undeliverable(f"The channel {channel.name} has no url.", "Say where its url is kept.")
    return reveal(source).reveal().strip()


def problem_of(answer: Answer, host: str, now: float) -> LockgateError | None:
    """What is wrong with it; None: nothing."""
    if 200 <= answer.status < 300:
        return None
    words = f" ({answer.text})" if answer.text else ""
    if 300 <= answer.status < 400:
        to = urlsplit(answer.headers.get("location", "")).hostname or "another address"
        because = f"{host} sends on to {to}, and notifications do not follow."
        return Undeliverable(because, "Put the address that it sends to into the channel's url.")
    if answer.status in _LATER or answer.status >= 500:
        because = f"{host} answers {answer.status}{words}."
        wish = _wish(answer.headers.get("retry-after", ""), now)
        return Throttled(because, after=wish) if wish or answer.status == 429 else Unavailable(because)
    mend = "Look whether its url is still the one that the service gave you."
    return Undeliverable(f"{host} refuses it with {answer.status}{words}.", mend)


def _wish(text: str, now: float) -> float:
    """Seconds, from a number or a date; 0 for anything else."""
    if text.strip().isascii() and text.strip().isdigit():
        return float(text.strip()[:9])
    try:
        return max(0.0, parsedate_to_datetime(text).timestamp() - now)
    except ValueError:
        return 0.0


def _parsed(url: str) -> httpx2.URL:
    try:
        parsed = httpx2.URL(url)
    except (httpx2.InvalidURL, ValueError):
        parsed = httpx2.URL("")
    if parsed.scheme not in ("http", "https") or not parsed.host:
        raise Undeliverable("The channel's url is not an address.", "It begins with https:// and names a host.")
    return parsed


def _proxy_for(url: httpx2.URL) -> str:
    """That the environment names; empty: none."""
    proxies = getproxies()
    proxy = proxies.get(url.scheme) or proxies.get("all") or ""
    return "" if proxy and proxy_bypass(url.host) else proxy


def _needs_no_look_up(host: str) -> bool:
    """What it stands for is known without asking anybody: an address in any form, or a metadata service's name."""
    if host.rstrip(".").lower() in METADATA_NAMES:
        return True
    try:
        return bool(socket.getaddrinfo(host, None, flags=socket.AI_NUMERICHOST))
    except (OSError, UnicodeError):
        return False


def _start_of(response: httpx2.Response) -> str:
    data = b""
    for chunk in response.iter_bytes():
        data += chunk
        if len(data) >= LONGEST_ANSWER:
            break
    return one_line(" ".join(data[:LONGEST_ANSWER].decode(errors="replace").split()), TOLD)


def _unavailable(url: httpx2.URL, error: httpx2.HTTPError) -> LockgateError:
    if isinstance(error, httpx2.TimeoutException):
        return Unavailable(f"{url.host} did not answer in time.")
    if isinstance(error, httpx2.ConnectError) and "CERTIFICATE" in str(error).upper():
        because = f"{url.host} shows a certificate that this machine does not trust."
        return Unavailable(because, "Have it shown a valid one, or add its authority to the system's.")
    return Unavailable(f"{url.host} could not be reached ({type(error).__name__}).")
