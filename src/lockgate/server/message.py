"""Requests in: a body becomes a message, or a refusal that names every field at fault.

Unknown fields are refused, because a misspelt ``urgent`` that is quietly ignored is worse than an error.
"""

import re
from collections.abc import Mapping
from dataclasses import MISSING, fields, replace
from typing import Any, TypeVar, get_type_hints

import msgspec
from starlette.exceptions import HTTPException
from starlette.requests import Request

from lockgate.core.errors import Invalid, Problem
from lockgate.decoding import UNREADABLE
from lockgate.server.endpoint import unknown
from lockgate.server.identity import ACTOR_HEADER, caller_of, local_user

T = TypeVar("T")

BODY_LIMIT = 1024 * 1024
"""Bytes of a request's body."""

ACTOR_LENGTH = 200
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_WORDING: Mapping[Any, str] = {
    str: "text",
    bool: "true or false",
    int: "a whole number",
    tuple[str, ...]: "a list of texts",
}
_JSON_NAMES: Mapping[type, str] = {
    str: "text",
    bool: "true or false",
    int: "a number",
    float: "a number",
    list: "a list",
    dict: "an object",
    type(None): "null",
}


async def body_of(request: Request) -> bytes:
    """The whole body. Raises :class:`HTTPException` 413 as soon as more than the limit is announced or has come."""
    announced = request.headers.get("content-length", "0")
    parts: list[bytes] = []
    size = int(announced) if announced.isdigit() else 0
    if size <= BODY_LIMIT:
        size = 0
        async for part in request.stream():
            size += len(part)
            parts.append(part)
            if size > BODY_LIMIT:
                break
    if size > BODY_LIMIT:
        raise HTTPException(413, f"The request's body is larger than {BODY_LIMIT} bytes. Send less at once.")
    return b"".join(parts)


async def message_of(request: Request, kind: type[T]) -> T:
    """The request's message with its actor filled in. Raises :class:`Invalid`, or :class:`HTTPException` 413, 415."""
    data = await body_of(request)
    content_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if data and content_type != "application/json":
        named = content_type or "no content type"
        raise HTTPException(415, f"The body is sent as {named}. Send JSON, with Content-Type: application/json.")
    return with_actor(decode(data or b"{}", kind), request)


def decode(data: bytes, kind: type[T]) -> T:
    """JSON as a message. Raises :class:`Invalid` with all that is wrong with it."""
    try:
        value = msgspec.json.decode(data)
    except UNREADABLE as error:
        raise Invalid([Problem("request", None, "", f"the body is not JSON: {error}.", "Send one object.")]) from error
    if not isinstance(value, dict):
        raise Invalid([Problem("request", None, "", "the body must be one JSON object.")])
    return build(value, kind)


def build(given: dict[str, Any], kind: type[T]) -> T:
    """A message of the fields given. Raises :class:`Invalid` with all that is wrong with them."""
    hints = get_type_hints(kind)
    known = {f.name: f for f in fields(kind)}  # type: ignore[arg-type]  # every message is a dataclass
    problems = [unknown(name, known, "field") for name in given if name not in known]
    values: dict[str, Any] = {}
    for name, one in known.items():
        if name in given:
            value = _convert(given[name], hints[name], name)
            (problems if isinstance(value, Problem) else []).append(value)
            values[name] = value
        elif one.default is MISSING and one.default_factory is MISSING:
            problems.append(Problem("request", None, name, "it is missing.", f"Give {name}."))
    if problems:
        raise Invalid(problems)
    return kind(**values)


def _convert(value: object, hint: Any, name: str) -> Any:
    """The value as the hint's type, or the :class:`Problem` with it."""
    try:
        converted = msgspec.convert(value, hint)
    except msgspec.ValidationError:
        return _mistyped(value, hint, name)
    if _holds_nul(converted):
        return Problem("request", None, name, "it holds a NUL character.", "Remove it.")
    return converted


def _mistyped(value: object, hint: Any, name: str) -> Problem:
    if isinstance(value, dict) and hint not in _WORDING:
        name, value = next(((f"{name}.{k}", v) for k, v in value.items() if not isinstance(v, str)), (name, value))
        hint = str
    wording = _WORDING.get(hint, "an object of texts")
    return Problem("request", None, name, f"it must be {wording}; it is {_JSON_NAMES[type(value)]}.")


def _holds_nul(value: object) -> bool:
    """PostgreSQL cannot keep it, and no honest text has it."""
    if isinstance(value, Mapping):
        return any(_holds_nul(part) for pair in value.items() for part in pair)
    return isinstance(value, str) and "\x00" in value


def with_actor(message: T, request: Request) -> T:
    """Who asks: the person who has signed in; else the message's own ``actor``, the header, or the user the server runs
    as."""
    if not hasattr(message, "actor"):
        return message
    return replace(message, actor=actor_of(request, message.actor))  # type: ignore[type-var]  # all are dataclasses


def actor_of(request: Request, named: str = "") -> str:
    """The person who has signed in; else ``named``, who the header says, or the user the server runs as. Raises
    :class:`Invalid`."""
    caller = caller_of(request)
    actor = caller.name if caller.personal else named or request.headers.get(ACTOR_HEADER, "") or local_user()
    if len(actor) > ACTOR_LENGTH or _CONTROL.search(actor):
        because = f"it must be one line of at most {ACTOR_LENGTH} characters."
        raise Invalid([Problem("request", None, "actor", because)])
    return actor
