"""The door: which hosts are answered for, who may come in, and what a page may do to the browser that shows it.

Dangers met here: a foreign site's name that resolves to 127.0.0.1 (the Host header is checked), a foreign page that
posts a form with the user's cookie (Sec-Fetch-Site, or Origin), a page in a frame, and script from anywhere else (CSP).
Another port of the same host is *same-site*, and a deployed application may live there: only *same-origin* will do.
"""

import hashlib
import ipaddress
from base64 import b64encode
from collections.abc import Awaitable, Callable
from urllib.parse import urlsplit

from anyio import to_thread
from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import HTTPConnection, Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from lockgate.charts.style import STYLE
from lockgate.core.attribution import coming_from
from lockgate.server.identity import CALLER, IDENTITY, Identity, address_of

OPEN_PATHS = frozenset({"/healthz", "/login"})
OPEN_PREFIX = "/static/"
FEED_PATH = "/v1/calendar.ics"
"""Calendar programs send no headers. A link with a token is looked at where the feed is answered."""
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


def digest_of(text: str) -> str:
    """Of a style sheet inside a picture, as the policy names it."""
    return b64encode(hashlib.sha256(text.encode()).digest()).decode()


SECURITY_HEADERS = {
    "Content-Security-Policy": (
        f"default-src 'none'; script-src 'self'; style-src 'self' 'sha256-{digest_of(STYLE)}'; img-src 'self' data:; "
        "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


def host_name(header: str) -> str:
    """The name in a Host header, without its port; empty if there is none to read."""
    try:
        return urlsplit(f"//{header}").hostname or ""
    except ValueError:
        return ""


def is_loopback(host: str) -> bool:
    """``localhost``, a name under it (RFC 6761), or a loopback address."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def from_own_page(headers: Headers) -> bool:
    """Whether a browser says that one of our own pages makes this request."""
    site = headers.get("sec-fetch-site")
    if site is not None:
        return site == "same-origin"
    origin = headers.get("origin", "")
    return origin != "" and urlsplit(origin).netloc == headers.get("host", "")


Refusal = Callable[[Request, Exception], Awaitable[ASGIApp]]


class Guard:
    """ASGI middleware. ``refuse`` renders what it raises."""

    def __init__(self, app: ASGIApp, identity: Identity, hosts: frozenset[str], refuse: Refusal) -> None:
        self._app = app
        self._identity = identity
        self._hosts = hosts
        self._refuse = refuse

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(SECURITY_HEADERS)
            await send(message)

        try:
            await self._let_in(HTTPConnection(scope))
        except HTTPException as error:
            refusal = await self._refuse(Request(scope, receive), error)
            await refusal(scope, receive, guarded)
        else:
            with coming_from(address_of(scope, Headers(scope=scope))):
                await self._app(scope, receive, guarded)

    async def _let_in(self, request: HTTPConnection) -> None:
        """Who it is goes into the scope. Raises :class:`HTTPException` 401, 403 or 421."""
        host = host_name(request.headers.get("host", ""))
        if not (is_loopback(host) or host in self._hosts):
            because = f"This server does not answer for the host {host[:100]!r}."
            raise HTTPException(421, f"{because} Use its loopback address, or name the host in its settings.")
        path, method = request.url.path, request.scope["method"]
        if (path in OPEN_PATHS and method in SAFE_METHODS) or path.startswith(OPEN_PREFIX):
            return
        if path == FEED_PATH and method in SAFE_METHODS and request.query_params.get("token"):
            return
        if path in OPEN_PATHS:
            self._own_page_only(request)
            return
        caller = await to_thread.run_sync(self._identity.by_token, request)
        if caller is None:
            caller = await to_thread.run_sync(self._identity.by_session, request)
            if caller is None:
                detail = "No valid token or session came with the request."
                mend = "Send Authorization: Bearer with your token, or with the file token in the server's data folder."
                raise HTTPException(401, f"{detail} {mend}")
            if method not in SAFE_METHODS:
                self._own_page_only(request)
        request.scope[CALLER], request.scope[IDENTITY] = caller, self._identity

    def _own_page_only(self, request: HTTPConnection) -> None:
        if not from_own_page(request.headers):
            raise HTTPException(403, "The request comes from a page of another site. Act from the console's own pages.")
