"""Chain: the audit record as it grows. What has been read once is not read again to learn whether the rest follows."""

import hashlib
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from lockgate.core.audit import GENESIS, Event
from lockgate.core.checkpoint import NONE, Checkpoint, day_of, is_over
from lockgate.core.errors import RecordAltered
from lockgate.core.ids import Digest, Instant
from lockgate.decoding import decoded
from lockgate.ports import AuditLog, Bookmark

PAGE = 1000


@dataclass(frozen=True, slots=True)
class Line:
    """An entry as it stands in an export."""

    seq: int
    previous: str
    event: Event


@dataclass(frozen=True, slots=True)
class _Timed:
    at: Instant


@dataclass(frozen=True, slots=True)
class _Short:
    event: _Timed


@dataclass(frozen=True, slots=True)
class _Place:
    """How far somebody has read. ``seq`` 0: nothing."""

    seq: int = 0
    head: str = ""
    day: str = ""


@dataclass(slots=True)
class Chain:
    """May be asked from any thread. ``mark``: what was read before the server was started, if anybody remembers."""

    log: AuditLog
    mark: Bookmark | None = None
    _seen: _Place = field(init=False, default=_Place())
    _day: tuple[int, _Place] = field(init=False, default=(0, _Place()))
    _broken: int | None = field(init=False, default=None)
    _lock: threading.Lock = field(init=False, default_factory=threading.Lock)

    def lines(self, after: int, through: int | None = None) -> Iterator[tuple[int, bytes]]:
        """Number and line, page by page."""
        while True:
            page = self.log.lines(after, PAGE)
            for line in page:
                after = seq_of(line)
                if through is not None and after > through:
                    return
                yield after, line
            if len(page) < PAGE:
                return

    def broken_at(self, last: Checkpoint | None) -> int | None:
        """Number of the first entry that does not follow from the one before, as far as can be told from what came
        since the last time, and the first time since the last signed day; None: there is none. Once broken, it stays
        so."""
        with self._lock:
            if self._broken is None:
                seen = self._seen if self._seen.seq else self._marked()
                if last is not None and self._seen.seq == 0:
                    self._seen = _Place(last.last, last.head)
                self._broken = self._read_on(seen)
                self._keep(seen)
            return self._broken

    @property
    def last(self) -> int:
        """Number of the last entry that :meth:`broken_at` has seen."""
        return self._seen.seq

    def demand_seen(self) -> None:
        """Raises RecordAltered when entries are gone that were there a while ago."""
        for seen in (self._marked(), self._seen):
            if seen.seq and not self._still(seen) and not self._is_cut(seen):
                because = f"Entry {seen.seq} was there a while ago, and is gone or another one."
                raise RecordAltered(because, "Compare the record with an older export, or with a backup.")

    def finished_day(self, last: Checkpoint | None) -> Checkpoint | None:
        """The day behind the last checkpoint, if it is over: an entry of another day follows."""
        number, start = (last.number + 1, last.head) if last else (1, GENESIS)
        before = last.last if last else 0
        place = self._day[1] if self._day[0] == number else _Place(before, start)
        for seq, line in self.lines(place.seq):
            if not follows(line, place.seq + 1, place.head):
                raise RecordAltered(f"The audit chain is broken at entry {seq}: it or one before it has been changed.")
            at = decoded(line, _Short).event.at
            if place.day and is_over(place.day, at):
                span = before + 1, place.seq, start, Digest(place.head)
                return Checkpoint(number, place.day, *span, last.digest if last else NONE)
            place = _Place(seq, digest_of_line(line), place.day or day_of(at))
        self._day = (number, place)
        return None

    def _read_on(self, seen: _Place) -> int | None:
        """``seen``: what must still be there."""
        if seen.seq and not self._still(seen):
            if not self._is_cut(seen):
                return seen.seq
            self._seen = _Place()
        for seq, line in self.lines(self._seen.seq):
            # The first may be any, where the beginning was cut off: verifying the whole record tells more.
            if self._seen.seq and not follows(line, self._seen.seq + 1, self._seen.head):
                return self._seen.seq + 1
            self._seen = replace(self._seen, seq=seq, head=digest_of_line(line))
        return None

    def _marked(self) -> _Place:
        found = self.mark.read() if self.mark is not None else None
        return _Place(*found) if found else _Place()

    def _keep(self, before: _Place) -> None:
        """What has been seen, unless something is wrong: then the mark tells of it for as long as it is."""
        if self.mark is not None and self._broken is None and self._seen != before and self._seen.seq:
            self.mark.put(self._seen.seq, self._seen.head)

    def _still(self, seen: _Place) -> bool:
        found = self.log.lines(seen.seq - 1, 1)
        return bool(found) and seq_of(found[0]) == seen.seq and digest_of_line(found[0]) == seen.head

    def _is_cut(self, seen: _Place) -> bool:
        """The record begins behind it. Whether that is as it should be, verifying the whole tells."""
        first = self.log.lines(0, 1)
        return bool(first) and seq_of(first[0]) > seen.seq


def follows(line: bytes, seq: int, previous: str) -> bool:
    return line.endswith(b',"previous":"%s","seq":%d}' % (previous.encode(), seq))


def seq_of(line: bytes) -> int:
    return int(line[line.rindex(b":") + 1 : -1])


def digest_of_line(line: bytes) -> str:
    return "sha256:" + hashlib.sha256(line).hexdigest()


def read(line: bytes) -> Line:
    return decoded(line, Line)
