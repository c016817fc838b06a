"""Signing in at a registry: Basic, or a bearer token from the place that the registry names (distribution's token
authentication; an identity token is its OAuth2 refresh token). Tokens are kept until they expire.
"""

import base64
import re
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from itertools import pairwise
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

import msgspec

from lockgate.core.errors import Denied, Unavailable
from lockgate.drivers.logins import Login, Logins
from lockgate.drivers.registry.documents import read
from lockgate.drivers.registry.names import ImageName, is_hub
from lockgate.drivers.registry.wire import Answer, Question

SHORTEST = 60.0
"""Seconds that a token lasts when nobody says how long; by the protocol at least that."""
EARLY = 5.0
"""Seconds before its end that a token is not used any more."""

_TOKEN = re.compile(r"[!-~]+")
_CHALLENGE = re.compile(r"(?i)\b(?P<scheme>basic|bearer)(?=\s|,|$)")
_PARAMETER = re.compile(r'(?P<name>[a-zA-Z_]+)\s*=\s*(?:"(?P<quoted>(?:[^"\\]|\\.)*)"|(?P<bare>[^\s,"]+))')


@dataclass(frozen=True, slots=True)
class Challenge:
    """One ``WWW-Authenticate``: how the registry wants to know who asks."""

    scheme: str
    """``basic`` or ``bearer``."""
    parameters: dict[str, str]


class Granted(msgspec.Struct, frozen=True):
    """Of the place that gives out tokens."""

    token: str = ""
    access_token: str = ""
    expires_in: float = 0


@dataclass(frozen=True, slots=True, repr=False)
class _Kept:
    header: str
    until: float


@dataclass(slots=True, repr=False)
class Tokens:
    """What goes into ``Authorization``, for each repository."""

    logins: Logins
    ask: Callable[[Question], Answer]
    """Asks where tokens come from. Raises Unavailable, and Denied for a place that is not safe."""
    now: Callable[[], float] = time.monotonic
    """Seconds."""
    _kept: dict[str, _Kept] = field(default_factory=dict)

    def header(self, image: ImageName) -> str:
        """Empty where nobody has asked for one yet."""
        kept = self._kept.get(image.name)
        return kept.header if kept and self.now() < kept.until else ""

    def answer(self, image: ImageName, told: Iterable[str]) -> str:
        """A new header for what a registry said with 401. Raises Denied, Unavailable."""
        self._kept.pop(image.name, None)
        found = {one.scheme: one for text in told for one in challenges(text)}
        login = self.logins(image.registry)
        if "bearer" in found:
            kept = self._bearer(image, found["bearer"].parameters, login)
        elif "basic" in found and login is not None and not login.identity_token:
            kept = _Kept(_basic(login), float("inf"))
        else:
            raise denied(image, "asks who you are" if login is None else "does not take that kind of login")
        self._kept[image.name] = kept
        return kept.header

    def _bearer(self, image: ImageName, given: dict[str, str], login: Login | None) -> _Kept:
        answer = self.ask(_question(image, given, login))
        if answer.status in (400, 401, 403):
            raise denied(image, "refuses the login that is there" if login else "asks who you are")
        if answer.status != 200:
            because = f"The place where {image.registry} gets its tokens from answered with HTTP {answer.status}."
            raise Unavailable(because, "Try again later.")
        found = read(answer.data, Granted, f"The token for {image.name}")
        token = found.token or found.access_token
        if not _TOKEN.fullmatch(token):
            raise Unavailable(f"{image.registry} sends to a place that gives out no token.", "Try again later.")
        return _Kept(f"Bearer {token}", self.now() + max(found.expires_in, SHORTEST) - EARLY)


def challenges(text: str) -> list[Challenge]:
    """Of one header; of schemes that are not known here, nothing (RFC 9110, 11.6.1)."""
    hidden = re.sub(r'"(?:[^"\\]|\\.)*"', lambda quoted: "_" * len(quoted[0]), text)
    starts = list(_CHALLENGE.finditer(hidden))
    pieces = pairwise([*(one.start() for one in starts), len(text)])
    return [
        Challenge(start["scheme"].lower(), _parameters(text[start.end() : end]))
        for start, (_, end) in zip(starts, pieces, strict=True)
    ]


def denied(image: ImageName, why: str) -> Denied:
    """With the way to sign in."""
    at = "" if is_hub(image.registry) else f" {image.registry}"
    because = f"{image.registry} {why}, or has no {image.repository}."
    return Denied(because, f"Run docker login{at} for the server's account, or give it DOCKER_AUTH_CONFIG.")


def _question(image: ImageName, given: dict[str, str], login: Login | None) -> Question:
    scope = given.get("scope") or f"repository:{image.repository}:pull"
    asked = {"service": given.get("service", ""), "scope": scope}
    realm = given.get("realm", "")
    if login is not None and login.identity_token:
        form = {"grant_type": "refresh_token", "client_id": "lockgate", **asked}
        return Question(image.registry, realm, form={**form, "refresh_token": login.identity_token.reveal()})
    parts = urlsplit(realm)
    query = urlencode([*parse_qsl(parts.query), *asked.items()])
    headers = {"Authorization": _basic(login)} if login else {}
    return Question(image.registry, urlunsplit(parts._replace(query=query)), headers)


def _basic(login: Login) -> str:
    return "Basic " + base64.b64encode(f"{login.username}:{login.password.reveal()}".encode()).decode()


def _parameters(text: str) -> dict[str, str]:
    found = _PARAMETER.finditer(text)
    return {
        one["name"].lower(): one["bare"] if one["bare"] is not None else re.sub(r"\\(.)", r"\1", one["quoted"])
        for one in found
    }
