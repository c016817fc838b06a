"""What the readers of documents have in common: typed JSON with places in refusals, times, severities."""

import math
from datetime import UTC, datetime
from typing import TypeVar

import msgspec

from lockgate.core.errors import Invalid, Problem
from lockgate.core.finding import Severity
from lockgate.core.ids import Instant
from lockgate.decoding import UNREADABLE, decoded

T = TypeVar("T")


class Shape(msgspec.Struct, gc=False, rename="camel"):
    """Of a JSON object: only what is read of it. Everything else is skipped without being built."""


def read_as(data: bytes, kind: type[T], what: str) -> T:
    """Raises :class:`Invalid` naming the place."""
    try:
        return decoded(data, kind)
    except msgspec.ValidationError as error:
        raise refused(f"it is no {what} as its specification says: {error}.") from error
    except UNREADABLE as error:
        raise refused(f"it is not JSON: {error}.") from error


def refused(because: str, mend: str = "") -> Invalid:
    return Invalid([Problem("document", None, "", because, mend)])


def instant_of(text: str | None) -> Instant | None:
    """RFC 3339, as far as Python reads it; None for anything else."""
    try:
        found = datetime.fromisoformat((text or "").strip().replace("Z", "+00:00"))
    except ValueError:
        return None
    return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()


_WORDS = {
    "none": Severity.NEGLIGIBLE,
    "info": Severity.NEGLIGIBLE,
    "informational": Severity.NEGLIGIBLE,
    "moderate": Severity.MEDIUM,
    **{severity.value: severity for severity in Severity},
}


def severity_of(word: str | None) -> Severity:
    """A word that nobody knows is unknown."""
    return _WORDS.get((word or "").strip().lower(), Severity.UNKNOWN)


def severity_of_score(score: float | None) -> Severity:
    """By the bands of CVSS 3 and 4."""
    if score is None or not math.isfinite(score):
        return Severity.UNKNOWN
    bands = ((9.0, Severity.CRITICAL), (7.0, Severity.HIGH), (4.0, Severity.MEDIUM), (0.1, Severity.LOW))
    return next((severity for least, severity in bands if score >= least), Severity.NEGLIGIBLE)


def worst(severities: list[Severity]) -> Severity:
    return min(severities, key=lambda severity: severity.rank, default=Severity.UNKNOWN)
