"""Checkpoint: what the audit chain stood at when a day was over, or when it was exported. Signed, it is a fixed point.

A day is one of UTC, as the entries' own times have it. Where clocks disagree by less than a day, an entry that comes
late belongs to the day that is open; a clock that was further ahead and jumped back opens the earlier day again. So
the numbers of the entries decide the order, never the clock.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from lockgate.core.errors import RecordAltered
from lockgate.core.ids import Digest, Instant, canonical, digest_of_bytes

DAY = 86_400.0

NONE = Digest("sha256:" + "0" * 64)
"""Digest of the checkpoint before the first."""


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """Of one day."""

    number: int
    """1, 2, 3 ..."""
    day: str
    """``2026-11-21``"""
    first: int
    last: int
    """Numbers of its entries."""
    start: Digest
    """Of the entry before the first."""
    head: Digest
    """Of the last."""
    previous: Digest
    """Of the checkpoint before."""

    def payload(self) -> bytes:
        return canonical(
            {
                "kind": "day",
                "number": self.number,
                "day": self.day,
                "first": self.first,
                "last": self.last,
                "count": self.last - self.first + 1,
                "start": self.start,
                "head": self.head,
                "previous": self.previous,
            }
        )

    @property
    def digest(self) -> Digest:
        return digest_of_bytes(self.payload())


@dataclass(frozen=True, slots=True)
class Closing:
    """The last line of an export: what stands before it, so that neither end can be cut off."""

    first: int
    last: int
    """``first - 1`` where there is no entry."""
    start: Digest
    head: Digest
    checkpoints: tuple[Digest, ...]
    """Those in the export, in order."""
    at: Instant

    def payload(self) -> bytes:
        return canonical(
            {
                "kind": "export",
                "first": self.first,
                "last": self.last,
                "count": self.last - self.first + 1,
                "start": self.start,
                "head": self.head,
                "checkpoints": self.checkpoints,
                "at": self.at,
            }
        )


def read(content: Mapping[str, Any]) -> Checkpoint | Closing:
    """The content of a signed envelope. Raises :class:`RecordAltered`."""
    try:
        span = int(content["first"]), int(content["last"]), Digest(content["start"]), Digest(content["head"])
        if content["kind"] == "export":
            known = tuple(Digest(one) for one in content["checkpoints"])
            return Closing(*span, known, float(content["at"]))
        return Checkpoint(int(content["number"]), str(content["day"]), *span, Digest(content["previous"]))
    except (KeyError, TypeError, ValueError) as error:
        raise RecordAltered(f"A checkpoint lacks a part, or holds one that is not what it must be: {error}.") from error


def day_of(at: Instant) -> str:
    """Of UTC."""
    return datetime.fromtimestamp(at, UTC).date().isoformat()


def start_of(day: str) -> Instant:
    """When it begins."""
    return datetime.fromisoformat(day).replace(tzinfo=UTC).timestamp()


def is_over(day: str, at: Instant) -> bool:
    """Whether an entry of that time is the first behind the open day."""
    begins = start_of(day)
    return not begins - DAY <= at < begins + DAY
