"""Typed ids, instants and digests.

A digest is ``sha256:<64 hex>`` over RFC 8785 canonical JSON, so the same value has the same digest on every machine
and in every year.
"""

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import MISSING, Field, dataclass, fields, is_dataclass
from enum import Enum
from typing import Any, NewType

import rfc8785

from lockgate.core.errors import Invalid, Problem

Instant = float
"""Seconds since 1970-01-01T00:00:00Z. Rendered as ISO 8601 only at the edge."""

Digest = NewType("Digest", str)
"""``sha256:`` and 64 lower-case hexadecimal digits."""

ReleaseId = NewType("ReleaseId", str)
"""``rel-`` and the first 12 digits of the release's digest."""

RevisionId = NewType("RevisionId", str)
"""First 12 digits of the digest of one component of a release with one environment's configuration."""

DeploymentId = NewType("DeploymentId", str)
"""``dep-`` and a number that grows with each deployment of the installation."""

InstanceId = NewType("InstanceId", str)
"""Names one running copy of a revision on a target; unique for ever on that target."""

Generation = NewType("Generation", int)
"""Fencing token: grows with every claim of any deployment. A driver refuses a call with an older one."""

SHORT = 12

LATER: Mapping[str, bool] = {"later": True}
"""Metadata of a field that joined a value which is recorded by digest. At its default it is left out, so that what was
recorded before keeps its digest."""

ASIDE: Mapping[str, bool] = {"aside": True}
"""Metadata of a field that tells people about a value and is no part of it: never recorded, never in a digest."""


def plain(value: Any) -> Any:
    """A value as JSON's own types: dataclasses and mappings become objects, sets arrays, enums values."""
    kind = type(value)
    if kind in _AS_THEY_ARE:
        return value
    if kind is dict:
        return {str(k): plain(v) for k, v in value.items()}
    parts = _parts(kind)
    if parts is not None:
        given = ((part, getattr(value, part.name)) for part in parts)
        return {part.name: plain(found) for part, found in given if not part.unsaid(found)}
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, Mapping):
        return {str(k): plain(v) for k, v in value.items()}
    if isinstance(value, (set, frozenset)):
        return sorted(plain(v) for v in value)
    if isinstance(value, (list, tuple)):
        return [plain(v) for v in value]
    return value


_AS_THEY_ARE = frozenset({str, int, float, bool, type(None)})


@dataclass(frozen=True, slots=True)
class _Part:
    """A field that is recorded."""

    name: str
    made: Callable[[], Any] | None
    """What makes the default at which it is left out; None: it never is."""

    def unsaid(self, value: Any) -> bool:
        return self.made is not None and bool(value == self.made())


_SHAPES: dict[Any, tuple[_Part, ...] | None] = {}


def _parts(kind: type[Any]) -> tuple[_Part, ...] | None:
    """Found once for each class: a plan has hundreds of values of a few classes. None: it is no dataclass."""
    if kind not in _SHAPES:
        _SHAPES[kind] = _shape(kind) if is_dataclass(kind) else None
    return _SHAPES[kind]


def _shape(kind: Any) -> tuple[_Part, ...]:
    return tuple(_Part(one.name, _default_of(one)) for one in fields(kind) if not one.metadata.get("aside"))


def _default_of(one: "Field[Any]") -> Callable[[], Any] | None:
    if not one.metadata.get("later"):
        return None
    return one.default_factory if one.default_factory is not MISSING else lambda: one.default


def canonical(value: Any) -> bytes:
    """The value as RFC 8785 canonical JSON. Raises :class:`Invalid` for what JSON cannot carry everywhere: whole
    numbers beyond 2^53, numbers that are none, and text that is not Unicode."""
    found = plain(value)
    try:
        return _quickly(found) or rfc8785.dumps(found)
    except (rfc8785.CanonicalizationError, UnicodeError) as error:
        because = f"it holds something that cannot be recorded unambiguously: {error}."
        raise Invalid([Problem("request", None, "", because, "Write a large number in quotes.")]) from error


_ENCODER = json.JSONEncoder(ensure_ascii=False, allow_nan=False, sort_keys=True, separators=(",", ":"))
_EXACT = 2**53


class _Odd(Exception):
    """Something that Python's own encoder may write in another way than RFC 8785 does."""


def _quickly(value: Any) -> bytes | None:
    """The same bytes ten times as fast, for nearly everything; None for the rest."""
    try:
        return _ENCODER.encode(_even(value)).encode()
    except _Odd:
        return None


def _even(value: Any) -> Any:
    """Whole numbers without a fraction. Raises :class:`_Odd` for names outside ASCII, which are sorted otherwise, and
    for numbers that are written with an exponent or are none."""
    kind = type(value)
    if kind is str or kind is bool or value is None:
        return value
    if kind is dict:
        if not all(name.isascii() for name in value):
            raise _Odd
        return {name: _even(inner) for name, inner in value.items()}
    if kind is list:
        return [_even(inner) for inner in value]
    if kind is int and abs(value) < _EXACT:
        return value
    if kind is float and value.is_integer() and abs(value) < _EXACT:
        return int(value)
    if kind is float and not value.is_integer() and repr(value).replace(".", "").replace("-", "").isdigit():
        return value
    raise _Odd


def digest_of(value: Any) -> Digest:
    """sha256 over :func:`canonical`."""
    return digest_of_bytes(canonical(value))


def digest_of_bytes(data: bytes) -> Digest:
    """sha256 of the bytes themselves."""
    return Digest("sha256:" + hashlib.sha256(data).hexdigest())


def short(digest: str) -> str:
    """The first 12 hexadecimal digits, for people and file names."""
    return digest.removeprefix("sha256:")[:SHORT]
