"""Export: the audit record as a file, one line each, and the proof that nothing of it is changed, missing or moved.

Entries are lines as they were recorded. Behind the last entry of a day stands its signed checkpoint; the last line of
the file is signed too and says where it begins and ends. To verify it takes the file and public keys, nothing else.
"""

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass

from lockgate.core import checkpoint
from lockgate.core.checkpoint import Checkpoint, Closing
from lockgate.core.envelope import CHECKPOINT, Verify, decode
from lockgate.core.errors import RecordAltered
from lockgate.core.ids import Digest, Instant
from lockgate.core.keyring import Keyring, opened

_ENTRY = b'{"event":{'
_TAIL = re.compile(rb',"previous":"(sha256:[0-9a-f]{64})","seq":([1-9][0-9]{0,15})\}\n$')


@dataclass(frozen=True, slots=True)
class Report:
    """What was found."""

    entries: int
    first: int
    last: int
    days: int
    """Signed checkpoints of days."""
    keys: tuple[str, ...]
    """Ids of those that signed."""
    closed_at: Instant | None = None
    """When the export was made."""
    because: str = ""
    """Why it is not whole; empty: it is."""
    line: int = 0
    """Of the file, where that was seen."""

    @property
    def whole(self) -> bool:
        return not self.because


def verify_export(lines: Iterable[bytes], ring: Keyring, verify: Verify) -> Report:
    """``lines`` with their line breaks. Stops at the first thing that is wrong."""
    return _read(lines, Reader(ring, verify), closed=True)


def verify_record(lines: Iterable[bytes], ring: Keyring, verify: Verify) -> Report:
    """The same of a record that is still written to: it has no closing line."""
    return _read(lines, Reader(ring, verify), closed=False)


def _read(lines: Iterable[bytes], reader: "Reader", closed: bool) -> Report:
    number = 0
    try:
        for line in lines:
            number += 1
            reader.take(line)
        if closed and reader.closing is None:
            raise RecordAltered("The end is missing: an export ends with a signed line that says where it ends.")
    except RecordAltered as fault:
        return reader.report(fault.because, number)
    return reader.report()


class Reader:
    """Takes line after line. Raises :class:`RecordAltered` at the first that does not follow from those before."""

    def __init__(self, ring: Keyring, verify: Verify) -> None:
        self.closing: Closing | None = None
        self._ring, self._verify = ring, verify
        self._first: int | None = None
        self._seq, self._start, self._head = 0, b"", b""
        self._days: list[Checkpoint] = []
        self._digests: list[Digest] = []
        self._keys: dict[str, None] = {}

    def take(self, line: bytes) -> None:
        """The way of an entry is short: a comparison and a digest."""
        if self.closing is not None:
            raise RecordAltered("Something follows the closing line.")
        if not line.startswith(_ENTRY):
            self._sealed(line)
            return
        if self._first is None:
            self._begin(line)
        if not line.endswith(b',"previous":"%s","seq":%d}\n' % (self._head, self._seq + 1)):
            raise RecordAltered(self._displaced(line))
        self._head = b"sha256:" + hashlib.sha256(line[:-1]).hexdigest().encode()
        self._seq += 1

    def report(self, because: str = "", line: int = 0) -> Report:
        first = self._first or 0
        entries = self._seq - first + 1 if first else 0
        at = self.closing.at if self.closing else None
        return Report(entries, first, self._seq, len(self._days), tuple(self._keys), at, because, line)

    def _begin(self, line: bytes) -> None:
        """Where it begins is told by the closing line, or by a checkpoint, in the end."""
        found = _TAIL.search(line)
        if found is None:
            raise RecordAltered("The first entry does not end as an entry does: it has been changed.")
        self._first = int(found[2])
        self._seq, self._start, self._head = self._first - 1, found[1], found[1]

    def _displaced(self, line: bytes) -> str:
        found, due = _TAIL.search(line), self._seq + 1
        if found is None:
            return f"Entry {due} does not end as an entry does: it has been changed."
        if int(found[2]) != due:
            return f"Entry {int(found[2])} stands where {due} must be: entries are missing, moved or added."
        return f"Entry {self._seq} is not the one that {due} says came before it: one of the two has been changed."

    def _sealed(self, line: bytes) -> None:
        if not line.endswith(b"\n"):
            raise RecordAltered("The line is cut off.")
        envelope = decode(line[:-1])
        found = checkpoint.read(opened(envelope, CHECKPOINT, self._ring, self._verify))
        self._keys |= dict.fromkeys(signature.key for signature in envelope.signatures)
        if isinstance(found, Closing):
            self._close(found)
        else:
            self._day(found)

    def _day(self, day: Checkpoint) -> None:
        what = f"The checkpoint of {day.day}"
        before = self._days[-1] if self._days else None
        if before and (day.previous, day.number, day.first) != (before.digest, before.number + 1, before.last + 1):
            raise RecordAltered(f"{what} does not follow the one of {before.day}: one is missing, moved or added.")
        if day.last != self._seq or day.head.encode() != self._head:
            raise RecordAltered(f"{what} was signed of other entries: {day.first} to {day.last}.")
        if self._first is not None and day.first == self._first and day.start.encode() != self._start:
            raise RecordAltered(f"Entry {day.first} does not follow from the day before, as {what} says.")
        self._days.append(day)
        self._digests.append(day.digest)

    def _close(self, closing: Closing) -> None:
        if self._first is None and closing.last == closing.first - 1:
            self._seq, self._start, self._head = closing.last, closing.start.encode(), closing.head.encode()
        elif closing.first != self._first or closing.start.encode() != self._start:
            raise RecordAltered(f"The beginning is missing or changed: the export begins with entry {closing.first}.")
        if closing.last != self._seq or closing.head.encode() != self._head:
            raise RecordAltered(f"The end is missing or changed: the export ends with entry {closing.last}.")
        if closing.checkpoints != tuple(self._digests):
            raise RecordAltered("Checkpoints of days are missing, moved or added.")
        self.closing = closing
