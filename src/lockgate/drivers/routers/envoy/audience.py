"""Audience: which requests are pinned to a revision, and how a user meets the same one again. Pure.

Sticky: whoever comes without the cookie is given one, with the id of that request, and is placed by its hash; whoever
has it is placed by the hash of the cookie. Both are the same number, so the second visit is like the first. Hashing
alone issues no cookie, and then nearly all who have met the canary are back on the other side at their next visit.

The cookie's name is made of the revisions that share the traffic, so that each rollout meets other users first.
"""

import re
from typing import Any

from lockgate.core.errors import RouteRejected
from lockgate.core.ids import digest_of, short
from lockgate.core.traffic import Pin, Route, RoutePool

REMEMBERED = 7 * 24 * 3600
"""Seconds a browser keeps the cookie: longer than a rollout lasts."""

_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_VALUE = re.compile(r"[!-~]([ -~]*[!-~])?")
_COOKIE_VALUE = re.compile(r"[!#-+\--:<-\[\]-~]+")
"""RFC 6265, section 4.1.1."""


def demand_pins(route: Route) -> None:
    """Raises RouteRejected for a pin that no request could ever have."""
    for pin in route.pins:
        if because := _fault(pin):
            raise RouteRejected(f"{route.key} cannot be pinned: {because}", "Pin a header or a cookie with a value.")


def _fault(pin: Pin) -> str:
    if bool(pin.header) == bool(pin.cookie):
        return "a pin has either a header or a cookie."
    name = pin.header or pin.cookie
    if not _TOKEN.fullmatch(name) or name.lower() == "host":
        return f"{name!r} is not the name of a header or cookie that a request may have."
    if not (_VALUE if pin.header else _COOKIE_VALUE).fullmatch(pin.value):
        return f"{pin.value!r} is not a value that {name} may have."
    return ""


def match_pin(pin: Pin) -> dict[str, Any]:
    """Matcher of the header."""
    if pin.cookie:
        return match_cookie(pin.cookie, re.escape(pin.value))
    return {"name": pin.header, "string_match": {"exact": pin.value}}


def match_cookie(name: str, value: str = "[^;,]+") -> dict[str, Any]:
    """Matcher of a cookie, its value as RE2. Several headers of one request are joined by commas."""
    return {
        "name": "cookie",
        "string_match": {"safe_regex": {"regex": f'(.*[;,]\\s*)?{re.escape(name)}="?{value}"?\\s*([;,].*)?'}},
    }


def ordered(route: Route) -> list[RoutePool]:
    """The pools in an order that hangs only on who they are, the pinned one first. A hash falls into their weights laid
    end to end, so that the first, and the last, only gain users while they grow."""
    return sorted(route.pools, key=lambda pool: (pool.revision != route.pinned, pool.revision))


def cookie(route: Route) -> str:
    """Name of the cookie; empty where nobody need be remembered."""
    serving = sorted({pool.revision for pool in route.pools if pool.weight})
    if not route.sticky or len(serving) < 2:
        return ""
    return f"lockgate-{short(digest_of(serving))}"


def issued(name: str) -> str:
    """The header that gives a user the cookie, in Envoy's format."""
    return f"{name}=%REQ(X-REQUEST-ID)%; Path=/; Max-Age={REMEMBERED}; HttpOnly; SameSite=Lax"
