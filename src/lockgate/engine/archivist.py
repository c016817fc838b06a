"""Archivist: seals each day of the audit chain when it is over, and cuts off what is older than is to be kept.

Nothing is cut before it stands in an export on the disk that verifies. The checkpoints stay, so what remains follows
from what is gone; the cut is an audit entry itself.
"""

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path

from lockgate.core.audit import Event
from lockgate.core.checkpoint import DAY, Checkpoint, start_of
from lockgate.core.errors import RecordAltered
from lockgate.core.export import verify_export
from lockgate.core.ids import Instant
from lockgate.engine.auditing import Auditing
from lockgate.engine.notary import CUT

log = logging.getLogger("lockgate.archivist")

Keep = Callable[[str, Iterable[bytes]], Path]
"""Name, content -> the file, safely on the disk."""


@dataclass(frozen=True, slots=True)
class Archivist:
    """``keep_for``: seconds; None: for ever."""

    auditing: Auditing
    keep: Keep
    keep_for: float | None = None

    def round(self) -> int:
        """Reads on, seals and cuts what is due. Returns how many entries were cut. Raises RecordAltered when the chain
        is broken: then nothing is done to it."""
        notary = self.auditing.notary
        notary.broken_at()
        notary.seal()
        if self.keep_for is None:
            return 0
        limit = self.auditing.clock.now() - self.keep_for
        first = self._first()
        old = takewhile(lambda day: start_of(day.day) + DAY <= limit, (day for day, _ in notary.days()))
        due = [day for day in old if day.last >= first]
        return self._cut(first, due[-1], limit) if first and due else 0

    def _first(self) -> int:
        """Number of the oldest entry there is; 0: none."""
        return next((seq for seq, _ in self.auditing.notary.chain.lines(0, None)), 0)

    def _cut(self, first: int, day: Checkpoint, limit: Instant) -> int:
        auditing = self.auditing
        path = self.keep(f"audit-{first}-{day.last}.jsonl", auditing.through(day.last))
        with path.open("rb") as file:
            report = verify_export(file, auditing.notary.signer.ring(), auditing.notary.signer.verify)
        if not report.whole or (report.first, report.last) != (first, day.last):
            because = report.because or f"it holds the entries {report.first} to {report.last}."
            raise RecordAltered(f"Nothing was cut off: the export {path} does not verify: {because}")
        because = f"Entries {first} to {day.last}, up to {day.day}, were cut off; they are in {path}."
        data = {"through": str(day.last), "file": str(path), "day": day.day}
        auditing.store.audit.cut(day.last, Event(CUT, auditing.clock.now(), because, data=data))
        log.info("audit: %s", because)
        return day.last - first + 1
