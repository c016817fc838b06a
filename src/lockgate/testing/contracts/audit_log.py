"""What a store must do with the audit record: as it is read, sealed and cut."""

import pytest

from lockgate.core.audit import GENESIS, line_of, link, written
from lockgate.core.checkpoint import NONE, Checkpoint
from lockgate.core.envelope import CHECKPOINT, Envelope, Signature
from lockgate.core.errors import Conflict
from lockgate.core.ids import Digest, digest_of_bytes
from lockgate.ports import AuditFilter, Store
from lockgate.testing.samples import NOON, a_plan, a_release, an_event

SIGNED = Envelope("text/plain", b"{}", (Signature("sha256:00", b"signed"),))


def noted(store: Store, count: int, **more: object) -> None:
    """Entries of Ada, a second apart."""
    for n in range(count):
        store.audit.note(an_event("done", NOON + n, actor="ada", audited=True, data={"n": str(n)}, **more))


def checkpoint(number: int, last: int) -> Checkpoint:
    return Checkpoint(number, "2027-01-15", 1, last, GENESIS, Digest("sha256:head"), NONE)


def envelope(day: Checkpoint) -> Envelope:
    return Envelope(CHECKPOINT, day.payload(), (Signature("sha256:00", b"signed"),))


class AuditLogContract:
    """``store``: a fixture that gives an empty one."""

    def test_each_line_names_the_digest_of_the_line_before(self, store: Store) -> None:
        noted(store, 5)
        lines = store.audit.lines(0, 10)
        previous = GENESIS
        for seq, (line, entry) in enumerate(zip(lines, store.history.audit(0, 10), strict=True), start=1):
            assert line == line_of(seq, written(entry.event), previous)
            assert (entry.digest, entry) == (digest_of_bytes(line), link(seq, entry.event, previous))
            previous = entry.digest
        assert store.audit.lines(3, 1) == lines[3:4]

    def test_what_is_decided_is_audited_whoever_says_so(self, store: Store) -> None:
        store.audit.note(an_event("deployment.step"))
        store.audit.note(an_event("deployment.rolling_back"))
        assert [entry.event.kind for entry in store.history.audit(0, 10)] == ["deployment.rolling_back"]
        assert len(store.history.events(0, 10)) == 2

    def test_an_entry_says_what_its_release_is_made_of(self, store: Store) -> None:
        release = store.releases.add(a_release(), an_event("release.created"))
        store.audit.note(an_event("done", release=release.id, audited=True))
        (entry,) = store.history.audit(0, 10)
        assert entry.event.commit == "c0ffee"
        assert entry.event.artifacts == {name: one.digest for name, one in release.artifacts.items()}

    def test_entries_are_chosen(self, store: Store) -> None:
        noted(store, 3, application="shop", environment="prod")
        store.audit.note(an_event("quarantine.set", NOON + 100, actor='b"ob%', application="shop"))
        assert [e.seq for e in store.audit.select(AuditFilter("ada"), 0, 10)] == [1, 2, 3]
        assert [e.seq for e in store.audit.select(AuditFilter('b"ob%'), 0, 10)] == [4]
        assert [e.seq for e in store.audit.select(AuditFilter(application="shop"), 1, 2)] == [2, 3]
        assert [e.seq for e in store.audit.select(AuditFilter(environment="prod"), 0, 2, newest=True)] == [2, 3]
        assert [e.seq for e in store.audit.select(AuditFilter(kind="quarantine.set"), 0, 9)] == [4]
        assert [e.seq for e in store.audit.select(AuditFilter(since=NOON + 1, until=NOON + 100), 0, 9)] == [2, 3]
        assert [e.seq for e in store.audit.select(AuditFilter(since=NOON + 2), 0, 9, newest=True)] == [3, 4]
        assert store.audit.select(AuditFilter("ad"), 0, 10) == ()

    def test_a_day_is_sealed_once_and_in_order(self, store: Store) -> None:
        first, second = checkpoint(1, 3), checkpoint(2, 5)
        assert not store.audit.seal(second, envelope(second))
        assert store.audit.seal(first, envelope(first))
        assert not store.audit.seal(first, SIGNED)
        assert store.audit.seal(second, envelope(second))
        assert store.audit.checkpoints() == (envelope(first), envelope(second))

    def test_it_is_cut_only_behind_a_checkpoint(self, store: Store) -> None:
        noted(store, 5)
        day = checkpoint(1, 3)
        with pytest.raises(Conflict, match="cut"):
            store.audit.cut(3, an_event("audit.cut"))
        store.audit.seal(day, envelope(day))
        store.audit.cut(3, an_event("audit.cut"))
        assert [entry.seq for entry in store.history.audit(0, 10)] == [4, 5, 6]
        assert store.history.audit(5, 1)[0].event.kind == "audit.cut"
        assert store.audit.checkpoints() == (envelope(day),)

    def test_a_statement_stays_as_it_was_put(self, store: Store) -> None:
        release, plan = store.releases.add(a_release(), an_event()), store.releases.put_plan(a_plan())
        assert store.statements.get(plan) is None
        assert store.statements.missing() == ((release.id,), (plan,))
        store.statements.put(plan, SIGNED)
        store.statements.put(plan, envelope(checkpoint(1, 1)))
        assert store.statements.get(plan) == SIGNED
        assert store.statements.missing() == ((release.id,), ())
