"""Refusals out: every error as one Fault (RFC 9457, application/problem+json), or for people as a page."""

import logging
import secrets

import msgspec
from starlette.exceptions import HTTPException
from starlette.responses import Response

from lockgate.core.errors import (
    Conflict,
    Denied,
    Invalid,
    KeyBusy,
    LockgateError,
    NotFound,
    RecordAltered,
    Retryable,
    Terminal,
)
from lockgate.core.ids import plain
from lockgate.messages import Fault

_log = logging.getLogger("lockgate.server")

MEDIA_TYPE = "application/problem+json"

RETRY_AFTER = 2
"""Seconds, sent with every 503."""

STATUSES: tuple[tuple[type[LockgateError], int], ...] = (
    (Invalid, 422),
    (NotFound, 404),
    (Conflict, 409),
    (RecordAltered, 409),
    (KeyBusy, 409),
    (Denied, 403),
    (Retryable, 503),
    (Terminal, 422),
)
"""The first that fits counts."""

_OF_HTTP = {
    401: ("unauthenticated", "Lockgate does not know who asks."),
    403: ("denied", "The request is not allowed."),
    404: ("not-found", "There is nothing at this address."),
    405: ("method-not-allowed", "This address does not take this method."),
    413: ("too-large", "The request is too large."),
    415: ("not-json", "The body is not of a kind that is read here."),
    421: ("foreign-host", "The request is for another host."),
}


def fault_of(error: Exception) -> Fault:
    """The error as a value. One we do not know is logged under a reference, and the fault tells only that."""
    if isinstance(error, LockgateError):
        status = next((s for kind, s in STATUSES if isinstance(error, kind)), 500)
        problems = tuple(plain(p) for p in error.problems) if isinstance(error, Invalid) else ()
        title = (type(error).__doc__ or "").partition("\n")[0]
        return Fault(title=title, status=status, detail=str(error), code=error.code, problems=problems)
    if isinstance(error, HTTPException):
        code, title = _OF_HTTP.get(error.status_code, ("http", "The request is refused."))
        standard = error.status_code in (404, 405)  # Starlette's own words for these are no sentences
        return Fault(title=title, status=error.status_code, detail=title if standard else error.detail, code=code)
    return _unknown(error)


def _unknown(error: Exception) -> Fault:
    reference = secrets.token_hex(4)
    _log.error("request failed, reference %s", reference, exc_info=error)
    detail = f"Lockgate failed at this request. Its log has the cause under reference {reference}."
    return Fault(title="Lockgate itself failed.", status=500, detail=detail, code="internal")


def headers_of(fault: Fault, error: Exception | None = None) -> dict[str, str]:
    """Those that belong to the fault's status."""
    headers = {"Cache-Control": "no-store"}
    if isinstance(error, HTTPException):
        headers.update(error.headers or {})
    if fault.status == 503:
        headers["Retry-After"] = str(RETRY_AFTER)
    if fault.status == 401:
        headers["WWW-Authenticate"] = 'Bearer realm="lockgate"'
    return headers


def problem_response(error: Exception) -> Response:
    """For programs."""
    fault = fault_of(error)
    return Response(msgspec.json.encode(fault), fault.status, headers_of(fault, error), MEDIA_TYPE)
