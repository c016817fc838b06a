"""Auditing: the desk for those who ask who did what, and for proof of it.

Entries are looked at, verified and exported; keys are shown and rotated; statements of releases and plans are given
out. Nothing here changes what runs.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import takewhile

from lockgate.core import keyring
from lockgate.core.admission import Admission
from lockgate.core.audit import GENESIS, Event
from lockgate.core.cef import cef_line
from lockgate.core.checkpoint import DAY, Closing, start_of
from lockgate.core.envelope import Envelope, encode
from lockgate.core.errors import RecordAltered
from lockgate.core.export import Report
from lockgate.core.gate import Verdict
from lockgate.core.ids import DeploymentId, Digest, Instant, ReleaseId
from lockgate.core.keyring import Keyring
from lockgate.core.people import NOBODY, Caller
from lockgate.engine import views
from lockgate.engine.chain import digest_of_line, read
from lockgate.engine.gatehouse import Question
from lockgate.engine.notary import Notary
from lockgate.gates import integrity
from lockgate.messages import AuditView
from lockgate.messages.audit import AuditQuery, KeysView, KeyView, RotateKey, StatementView, Verification
from lockgate.ports import AuditFilter, Clock, Store


@dataclass(frozen=True, slots=True)
class Auditing:
    """``version``: of the program, for what names it."""

    store: Store
    clock: Clock
    notary: Notary
    version: str = ""
    caller: Caller = NOBODY

    # --- entries ---

    def entries(self, query: AuditQuery) -> AuditView:
        chosen = AuditFilter(query.actor, query.application, query.environment, query.kind, query.since, query.until)
        found = self.store.audit.select(chosen, query.after, query.limit, newest=query.newest)
        broken = self.notary.broken_at()
        shown = tuple(views.event_view(replace(one.event, seq=one.seq)) for one in found)
        return AuditView(shown, broken is None, broken)

    def verified(self) -> Verification:
        """The whole record, read anew, with the signatures of its days."""
        return verification(self.notary.verified())

    def export(self, since: Instant | None, until: Instant | None, form: str) -> Iterator[bytes]:
        """Lines, from the first entry that is not before ``since`` to the last before the first that is not before
        ``until``. Raises RecordAltered when the chain is broken: nothing is signed then."""
        broken = self.notary.broken_at()
        if broken is not None:
            because = f"The audit chain is broken at entry {broken}, so it is not exported: nothing is signed of it."
            raise RecordAltered(because, "Look at it with lockgate audit --json, and compare it with an older export.")
        self.notary.seal()
        chosen = self._chosen(since, until, self.notary.chain.last)
        return self._cef(chosen) if form == "cef" else self._sealed(chosen)

    def through(self, last: int) -> Iterator[bytes]:
        """The export of every entry up to that number."""
        return self._sealed(self.notary.chain.lines(0, last))

    def _chosen(self, since: Instant | None, until: Instant | None, last: int) -> Iterator[tuple[int, bytes]]:
        found = self.notary.chain.lines(self._before(since), last)
        if since is not None:
            found = _from(found, since)
        if until is not None:
            found = takewhile(lambda one: read(one[1]).event.at < until, found)
        return found

    def _before(self, since: Instant | None) -> int:
        """An entry's number that is surely before, found by the checkpoints."""
        if since is None:
            return 0
        over = takewhile(lambda day: start_of(day[0].day) + 2 * DAY <= since, self.notary.days())
        return max((day.last for day, _ in over), default=0)

    def _sealed(self, lines: Iterator[tuple[int, bytes]]) -> Iterator[bytes]:
        days = {day.last: (day, sealed) for day, sealed in self.notary.days()}
        first, last, start, head = 0, 0, "", ""
        kept: list[Digest] = []
        for seq, line in lines:
            if not first:
                first, start = seq, read(line).previous
            last, head = seq, digest_of_line(line)
            yield line + b"\n"
            if seq in days:
                kept.append(days[seq][0].digest)
                yield encode(days[seq][1]) + b"\n"
        if not first:
            first, last, start, head = 1, 0, GENESIS, GENESIS
        closing = Closing(first, last, Digest(start), Digest(head), tuple(kept), self.clock.now())
        yield encode(self.notary.close(closing)) + b"\n"

    def _cef(self, lines: Iterator[tuple[int, bytes]]) -> Iterator[bytes]:
        for seq, line in lines:
            yield cef_line(seq, read(line).event, self.version).encode() + b"\n"

    # --- keys and statements ---

    def keys(self) -> KeysView:
        return _keys_view(self.notary.signer.ring())

    def rotate(self, request: RotateKey) -> KeysView:
        """A new key signs from now on. What the old one signed stays verifiable."""
        now, old = self.clock.now(), self.notary.signer.ring().current
        by = self.caller.speaking(request.actor)
        ring = self.notary.signer.rotate(now, by.name, request.reason)
        because = f"{ring.current.id[:19]} signs instead of {old.id[:19]}: {request.reason or 'no reason was given'}"
        data = {"old": old.id, "new": ring.current.id}
        self.store.audit.note(by.signed(Event("key.rotated", now, because, data=data)))
        return _keys_view(ring)

    def of_release(self, release: str) -> StatementView:
        """Its signed statement. Raises NotFound, and RecordAltered unless it is of what is recorded now."""
        return _statement_view(self.notary.demand_release(self.store.releases.get(ReleaseId(release))))

    def of_deployment(self, deployment: str) -> StatementView:
        """The signed statement of its plan. Raises the same."""
        row = self.store.history.deployment(DeploymentId(deployment))
        return _statement_view(self.notary.demand_plan(self.store.releases.plan(row.plan)))


def question(notary: Notary) -> tuple[str, Question]:
    """For the gatehouse: is it what was signed?"""

    def asked(admission: Admission, now: Instant) -> Verdict:
        try:
            notary.demand_release(admission.release)
        except RecordAltered as fault:
            return integrity.evaluate(integrity.Facts(release=str(fault)), now)
        return integrity.evaluate(integrity.Facts(plan=_plan_fault(notary, admission)), now)

    return integrity.GATE, asked


def _plan_fault(notary: Notary, admission: Admission) -> str:
    """One that has just been made is not recorded yet; then there is nothing to be altered."""
    try:
        if admission.row is not None or admission.rollback:
            notary.demand_plan(admission.plan)
    except RecordAltered as fault:
        return str(fault)
    return ""


def verification(report: Report) -> Verification:
    return Verification(
        whole=report.whole,
        entries=report.entries,
        first=report.first,
        last=report.last,
        days=report.days,
        keys=report.keys,
        because=report.because,
        line=report.line,
    )


def _statement_view(envelope: Envelope) -> StatementView:
    return StatementView(**json.loads(encode(envelope)))


def _keys_view(ring: Keyring) -> KeysView:
    keys = tuple(KeyView(key.id, key.pem, key.since, key.until) for key in ring.keys)
    return KeysView(keys, keyring.write(ring).decode())


def _from(lines: Iterator[tuple[int, bytes]], since: Instant) -> Iterator[tuple[int, bytes]]:
    for seq, line in lines:
        if read(line).event.at >= since:
            yield seq, line
            yield from lines
