"""Typed ids, instants and digests.

A digest is ``sha256:<64 hex>`` over RFC 8785 canonical JSON, so the same value has the same digest on every machine
and in every year.
"""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import MISSING, Field, dataclass, fields, is_dataclass
from enum import Enum
from functools import cache
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
    if is_dataclass(kind):
        given = ((part, getattr(value, part.name)) for part in _parts(kind))
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


@cache
def _parts(kind: type) -> tuple[_Part, ...]:
    """Found once for each class: a plan has hundreds of values of a few classes."""
    return tuple(_Part(one.name, _default_of(one)) for one in fields(kind) if not one.metadata.get("aside"))


def _default_of(one: "Field[Any]") -> Callable[[], Any] | None:
    if not one.metadata.get("later"):
        return None
    return one.default_factory if one.default_factory is not MISSING else lambda: one.default


def canonical(value: Any) -> bytes:
    """The value as RFC 8785 canonical JSON. Raises :class:`Invalid` for what JSON cannot carry everywhere: whole
    numbers beyond 2^53, numbers that are none, and text that is not Unicode."""
    try:
        return rfc8785.dumps(plain(value))
    except (rfc8785.CanonicalizationError, UnicodeError) as error:
        because = f"it holds something that cannot be recorded unambiguously: {error}."
        raise Invalid([Problem("request", None, "", because, "Write a large number in quotes.")]) from error


def digest_of(value: Any) -> Digest:
    """sha256 over :func:`canonical`."""
    return digest_of_bytes(canonical(value))


def digest_of_bytes(data: bytes) -> Digest:
    """sha256 of the bytes themselves."""
    return Digest("sha256:" + hashlib.sha256(data).hexdigest())


def short(digest: str) -> str:
    """The first 12 hexadecimal digits, for people and file names."""
    return digest.removeprefix("sha256:")[:SHORT]
