"""Notary: signs what is recorded, and says whether what is recorded is still what was signed.

Releases and plans get a statement when they are recorded; the audit chain gets a checkpoint when a day is over. What
has no statement, or another one, is not deployed.
"""

import logging
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field

from lockgate.core import checkpoint, statement
from lockgate.core.audit import Event
from lockgate.core.checkpoint import NONE, Checkpoint, Closing
from lockgate.core.envelope import CHECKPOINT, IN_TOTO, Envelope, encode, pae
from lockgate.core.errors import RecordAltered
from lockgate.core.export import Report, verify_record
from lockgate.core.ids import Digest
from lockgate.core.keyring import opened
from lockgate.core.plan import Plan
from lockgate.core.release import Release
from lockgate.engine.chain import Chain
from lockgate.ports import AuditFilter, Bookmark, Clock, Signer, Store

log = logging.getLogger("lockgate.notary")

CUT = "audit.cut"


@dataclass(frozen=True, slots=True)
class Notary:
    """One for each server."""

    store: Store
    clock: Clock
    signer: Signer
    mark: Bookmark | None = None
    """How far the chain had been read when the server ended."""
    chain: Chain = field(init=False)
    _lock: threading.Lock = field(init=False, default_factory=threading.Lock)
    _known: dict[Envelope, Checkpoint] = field(init=False, default_factory=dict)
    _signed_plans: set[Digest] = field(init=False, default_factory=set)

    def __post_init__(self) -> None:
        object.__setattr__(self, "chain", Chain(self.store.audit, self.mark))

    # --- releases and plans ---

    def of_release(self, release: Release) -> Envelope:
        return self._signed(IN_TOTO, statement.of_release(release))

    def of_plan(self, plan: Plan) -> Envelope:
        return self._signed(IN_TOTO, statement.of_plan(plan))

    def demand_release(self, release: Release) -> Envelope:
        """Its statement. Raises :class:`RecordAltered` unless it is there, holds, and is of exactly this release."""
        what = f"release {release.label()}"
        mend = "Restore the database from a backup."
        try:
            envelope = self._stated(release.digest, what)
            statement.demand_release(release, self._open(envelope))
        except RecordAltered as fault:
            raise RecordAltered(f"The record of {what} cannot be trusted: {fault.because}", mend) from fault
        return envelope

    def demand_plan(self, plan: Plan) -> Envelope:
        """The same of a plan that is recorded."""
        what = f"the plan {plan.digest[:19]}"
        try:
            envelope = self._stated(plan.digest, what)
            statement.demand_plan(plan, self._open(envelope))
        except RecordAltered as fault:
            mend = "Restore the database from a backup."
            raise RecordAltered(f"The record of {what} cannot be trusted: {fault.because}", mend) from fault
        return envelope

    def demand_signed(self, plan: Plan) -> None:
        """The same for whoever asks every few seconds. One that was signed once stays what it is: its digest is of all
        of it."""
        digest = plan.digest
        if digest not in self._signed_plans:
            self.demand_plan(plan)
            self._signed_plans.add(digest)

    def adopt(self) -> int:
        """Signs what was recorded before there was a key, as it is now: once, when the first key is made."""
        releases, plans = self.store.statements.missing()
        for release in releases:
            found = self.store.releases.get(release)
            self.store.statements.put(found.digest, self.of_release(found))
        for plan in plans:
            self.store.statements.put(plan, self.of_plan(self.store.releases.plan(plan)))
        if releases or plans:
            because = f"{len(releases)} releases and {len(plans)} plans from before the first key were signed as found."
            self.store.audit.note(Event("statement.adopted", self.clock.now(), because))
        return len(releases) + len(plans)

    def _stated(self, digest: Digest, what: str) -> Envelope:
        envelope = self.store.statements.get(digest)
        if envelope is None:
            raise RecordAltered(f"Nothing was signed when {what} was recorded, or it has been taken away.")
        return envelope

    def _open(self, envelope: Envelope) -> dict[str, object]:
        return opened(envelope, IN_TOTO, self.signer.ring(), self.signer.verify)

    # --- the audit chain ---

    def seal(self) -> int:
        """Signs a checkpoint for each day of the chain that is over. Returns how many. Raises RecordAltered when the
        chain is broken: nothing is signed then."""
        sealed = 0
        with self._lock:
            while (day := self.chain.finished_day(self._last())) is not None:
                if self.store.audit.seal(day, self._signed(CHECKPOINT, day.payload())):
                    log.info("audit: %s is sealed, entries %d to %d", day.day, day.first, day.last)
                    sealed += 1
        return sealed

    def close(self, closing: Closing) -> Envelope:
        """The last line of an export."""
        return self._signed(CHECKPOINT, closing.payload())

    def days(self) -> list[tuple[Checkpoint, Envelope]]:
        """Every checkpoint of a day. Raises RecordAltered for one that is not signed by one of our keys, or missing."""
        found: list[tuple[Checkpoint, Envelope]] = []
        for envelope in self.store.audit.checkpoints():
            day = self._day(envelope)
            if (day.number, day.previous) != (len(found) + 1, found[-1][0].digest if found else NONE):
                raise RecordAltered(f"The checkpoint of {day.day} does not follow from the one before: one is missing.")
            found.append((day, envelope))
        return found

    def _day(self, envelope: Envelope) -> Checkpoint:
        """A signature that has held once is not checked again: keys are never taken away."""
        if envelope not in self._known:
            found = checkpoint.read(opened(envelope, CHECKPOINT, self.signer.ring(), self.signer.verify))
            if not isinstance(found, Checkpoint):
                raise RecordAltered("Among the checkpoints of days is one of an export.")
            self._known[envelope] = found
        return self._known[envelope]

    def verified(self) -> Report:
        """The whole record, read anew."""
        try:
            return verify_record(self._record(), self.signer.ring(), self.signer.verify)
        except RecordAltered as fault:
            return Report(0, 0, 0, 0, (), because=fault.because)

    def _record(self) -> Iterator[bytes]:
        """Entries, and behind the last of each day its checkpoint. Raises RecordAltered where something is missing
        that nobody has cut off."""
        days, last = self.days(), 0
        for seq, line in self.chain.lines(0):
            if last == 0:
                days = self._after_cut(days, seq, line)
            yield line + b"\n"
            while days and days[0][0].last == seq:
                yield encode(days.pop(0)[1]) + b"\n"
            last = seq
        if days:
            raise RecordAltered(f"Entries up to {days[-1][0].last} were signed; the record ends with {last}.")
        self.chain.demand_seen()

    def _after_cut(
        self, days: list[tuple[Checkpoint, Envelope]], first: int, line: bytes
    ) -> list[tuple[Checkpoint, Envelope]]:
        """Days that are still there. Raises RecordAltered unless the others were cut off, and an entry says so."""
        if first == 1:
            return days
        gone = [day for day, _ in days if day.last < first]
        told = self.store.audit.select(AuditFilter(kind=CUT), 0, 1, newest=True)
        through = told[0].event.data.get("through", "") if told else ""
        if through != str(first - 1) or not gone or gone[-1].last != first - 1:
            raise RecordAltered(f"The entries before {first} are missing, and no entry says that they were cut off.")
        if f'"previous":"{gone[-1].head}"'.encode() not in line:
            raise RecordAltered(f"Entry {first} does not follow from the last that was cut off.")
        return days[len(gone) :]

    def broken_at(self) -> int | None:
        """As :meth:`Chain.broken_at`: since the last signed day."""
        return self.chain.broken_at(self._last())

    def _last(self) -> Checkpoint | None:
        days = self.days()
        return days[-1][0] if days else None

    def _signed(self, payload_type: str, payload: bytes) -> Envelope:
        return Envelope(payload_type, payload, (self.signer.sign(pae(payload_type, payload)),))
