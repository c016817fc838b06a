"""Refusals."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Fault:
    """Every refusal, as application/problem+json (RFC 9457)."""

    title: str
    status: int
    detail: str
    code: str
    problems: tuple[Mapping[str, str | int | None], ...] = ()
    """Of bad input: where, line, field, because, mend."""
    type: str = "about:blank"
