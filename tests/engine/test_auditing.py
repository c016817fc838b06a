"""The record of who did what: complete, signed day by day, and any change of it found, told in fake time."""

import json
from itertools import pairwise
from pathlib import Path

import pytest
from sqlalchemy import text, update

from lockgate.core.attribution import coming_from
from lockgate.core.audit import Event
from lockgate.core.checkpoint import DAY, day_of
from lockgate.core.errors import Denied, RecordAltered
from lockgate.core.export import Report, verify_export
from lockgate.core.ids import ReleaseId
from lockgate.core.keyring import Keyring, trusted
from lockgate.core.traffic import Key
from lockgate.drivers.archive import ArchiveFolder
from lockgate.drivers.bookmark import BookmarkFile
from lockgate.engine.archivist import Archivist
from lockgate.engine.auditing import Auditing
from lockgate.engine.notary import Notary
from lockgate.messages import Ask, Deploy
from lockgate.messages.audit import AuditQuery, RotateKey
from lockgate.ports import AuditFilter, Quarantine
from lockgate.store import rows, schema
from lockgate.store.database import SqlStore
from lockgate.testing.fakes import FakeClock
from lockgate.testing.rig import Rig
from lockgate.testing.samples import an_event

ALL = AuditQuery(limit=1000)
DEV = Key("shop", "dev", "web")


def audited(rig: Rig) -> list[Event]:
    return [entry.event for entry in rig.store.history.audit(0, 1000)]


def kinds(rig: Rig) -> list[str]:
    return [event.kind for event in audited(rig)]


def edited(rig: Rig, sql: str) -> None:
    assert isinstance(rig.store, SqlStore)
    rig.store.database.write(lambda connection: connection.execute(text(sql)))


def days(rig: Rig, count: int, each: int = 3) -> None:
    """So many days with so many entries."""
    for _ in range(count):
        for _ in range(each):
            rig.store.audit.note(an_event("quarantine.set", rig.clock.now(), actor="ada"))
            rig.clock.pass_by(DAY / each)


def exported(rig: Rig, since: float | None = None, until: float | None = None) -> list[bytes]:
    return b"".join(rig.operations.auditing.export(since, until, "jsonl")).splitlines(keepends=True)


def report(rig: Rig, lines: list[bytes]) -> Report:
    return verify_export(lines, rig.signer.ring(), rig.signer.verify)


# --- what is in it ---


def test_a_deployment_that_goes_well_is_recorded_from_the_request_to_its_end(rig: Rig) -> None:
    deployment = rig.deploy(rig.release("1"))
    rig.run(10)
    assert kinds(rig)[:2] == ["release.created", "deployment.requested"]
    assert {"deployment.running", "deployment.succeeded"} <= set(kinds(rig))
    requested = audited(rig)[1]
    assert (requested.actor, requested.data["plan"]) == ("ann", rig.row(deployment.id).plan)
    made = rig.store.releases.get(rig.row(deployment.id).release)
    artifacts = {name: one.digest for name, one in made.artifacts.items()}
    assert all(event.artifacts == artifacts for event in audited(rig) if event.deployment == deployment.id)


def test_every_automated_decision_is_recorded(rig: Rig) -> None:
    """A promotion, a mend, the way back from a failure, and its quarantine."""
    rig.deploy(rig.release("1"))
    rig.run(20)
    promoted = [e for e in audited(rig) if e.kind == "deployment.requested" and e.environment == "staging"]
    assert [e.actor for e in promoted] == ["lockgate"]
    rig.target.lose(DEV, rig.target.observe(DEV).instances[0].id)
    rig.run(10)
    assert "environment.repaired" in kinds(rig)
    bad = rig.deploy(rig.release("2"))
    rig.target.broken[rig.plan(bad.id).components[0].revision] = "ModuleNotFoundError"
    rig.run(20)
    told = {e.kind: e for e in audited(rig) if e.deployment == bad.id}
    assert {"deployment.rolling_back", "deployment.rolled_back", "quarantine.set"} <= set(told)
    assert "ModuleNotFoundError" in told["quarantine.set"].because and told["quarantine.set"].actor == "lockgate"


def test_a_promotion_that_a_gate_denies_is_recorded(rig: Rig) -> None:
    release = rig.release("1")
    bar = Quarantine("shop", "staging", ReleaseId(release), "it was bad", rig.clock.now(), "bob")
    rig.store.quarantines.bar(bar, an_event("quarantine.set"))
    rig.deploy(release)
    rig.run(20)
    refused = [e for e in audited(rig) if e.kind == "promotion.refused"]
    assert len(refused) == 1 and "it was bad" in refused[0].because


def test_what_a_gate_denies_somebody_is_recorded_with_who_and_where_from(rig: Rig) -> None:
    release = rig.release("1")
    with coming_from("10.0.0.7"), pytest.raises(Denied):
        rig.deploy(release, to="prod")
    denied = audited(rig)[-1]
    who = denied.kind, denied.actor, denied.address, denied.environment
    assert who == ("deployment.denied", "ann", "10.0.0.7", "prod")
    assert "staging" in denied.because and denied.data["gate"] == "promotion order"
    rig.operations.preview(Deploy("shop", "prod", release, actor="ann"))
    assert audited(rig)[-1] == denied


def test_who_calls_himself_lockgate_is_recorded_like_anybody(rig: Rig) -> None:
    """With the server's own token a name is only a claim."""
    rig.store.quarantines.bar(
        Quarantine("shop", "dev", ReleaseId(rig.release("1")), "it lost orders", rig.clock.now(), "ann"), an_event()
    )
    with pytest.raises(Denied):
        rig.operations.deploy(Deploy("shop", "dev", "latest", actor="lockgate"))
    assert kinds(rig)[-1] == "deployment.denied"


def test_only_what_people_do_has_an_address(rig: Rig) -> None:
    with coming_from("10.0.0.7"):
        deployment = rig.deploy(rig.release("1"))
        rig.operations.ask(deployment.id, "pause", Ask("lunch", "ann"))
        rig.operations.ask(deployment.id, "resume", Ask("", "ann"))
        rig.run(20)
    assert {(e.actor, e.address) for e in audited(rig)} == {("ann", "10.0.0.7"), ("lockgate", "")}


# --- days ---


def sealed(rig: Rig) -> list[tuple[int, int]]:
    return [(day.first, day.last) for day, _ in rig.notary.days()]


def test_a_day_is_signed_when_an_entry_of_the_next_one_follows(rig: Rig) -> None:
    days(rig, 1, each=1)
    assert rig.notary.seal() == 0 and sealed(rig) == []
    days(rig, 2)
    rig.notary.seal()
    rig.notary.seal()
    assert next(day.day for day, _ in rig.notary.days()) == day_of(FakeClock().now())
    spans = sealed(rig)
    assert spans[0][0] == 1 and all(one[1] + 1 == other[0] for one, other in pairwise(spans))


def test_another_process_goes_on_where_the_last_one_signed(rig: Rig) -> None:
    days(rig, 2)
    rig.notary.seal()
    days(rig, 2)
    fresh = Notary(rig.store, rig.clock, rig.signer)
    fresh.seal()
    days(rig, 2)
    rig.notary.seal()
    fresh.seal()
    spans = sealed(rig)
    assert len(spans) >= 5 and all(one[1] + 1 == other[0] for one, other in pairwise(spans))
    assert rig.operations.auditing.verified().whole


@pytest.mark.parametrize("jump", [-1.0, -3600.0, -20 * 3600.0, -3 * DAY, 400 * DAY])
def test_a_clock_that_jumps_breaks_nothing(rig: Rig, jump: float) -> None:
    days(rig, 2)
    rig.notary.seal()
    rig.clock.pass_by(jump)
    days(rig, 2)
    rig.notary.seal()
    rig.clock.pass_by(-jump)
    days(rig, 2)
    rig.notary.seal()
    spans = sealed(rig)
    assert spans[0][0] == 1 and all(one[1] + 1 == other[0] for one, other in pairwise(spans))
    assert len(spans) >= 4
    assert rig.operations.auditing.verified().whole
    assert report(rig, exported(rig)).whole


def test_clocks_that_disagree_at_midnight_do_not_make_a_day_of_each_entry(rig: Rig) -> None:
    rig.clock.pass_by(DAY - rig.clock.now() % DAY)
    for n in range(20):
        rig.store.audit.note(an_event("quarantine.set", rig.clock.now() + (0.5 if n % 2 else -0.5)))
    rig.clock.pass_by(DAY)
    days(rig, 1, each=1)
    rig.notary.seal()
    assert sealed(rig) == [(1, 1), (2, 20)]


# --- proof ---


def test_an_export_verifies_whatever_part_of_the_record_it_is(rig: Rig) -> None:
    start = rig.clock.now()
    days(rig, 5)
    for since, until in ((None, None), (start + DAY, None), (None, start + 2 * DAY), (start + DAY, start + 3 * DAY)):
        lines = exported(rig, since, until)
        found = report(rig, lines)
        assert found.whole, found.because
        times = [json.loads(line)["event"]["at"] for line in lines if line.startswith(b'{"event"')]
        assert len(times) == found.entries > 0
        assert min(times) >= (since or 0) and max(times) < (until or float("inf"))
        assert found.days >= (found.entries - 1) // 3 - 1


def test_an_empty_export_is_one_too(rig: Rig) -> None:
    assert report(rig, exported(rig)).whole
    days(rig, 1)
    found = report(rig, exported(rig, rig.clock.now() + DAY))
    assert (found.whole, found.entries) == (True, 0)


def test_an_export_is_verified_with_keys_that_came_after_one_another(rig: Rig) -> None:
    days(rig, 2)
    rig.notary.seal()
    root = rig.signer.ring().current.id
    rig.operations.auditing.rotate(RotateKey("a laptop was lost", "ann"))
    days(rig, 2)
    lines = exported(rig)
    found = report(rig, lines)
    assert found.whole and len(found.keys) == 2
    assert verify_export(lines, trusted(rig.signer.ring(), root, rig.signer.verify), rig.signer.verify).whole
    alone = Keyring(rig.signer.ring().keys[:1])
    assert "no key that is known" in verify_export(lines, alone, rig.signer.verify).because
    (told,) = [event for event in audited(rig) if event.kind == "key.rotated"]
    assert told.actor == "ann" and "a laptop was lost" in told.because


def test_an_export_as_cef_has_a_line_for_each_entry(rig: Rig) -> None:
    days(rig, 2)
    lines = b"".join(rig.operations.auditing.export(None, None, "cef")).decode().splitlines()
    assert len(lines) == 6 and all(line.startswith("CEF:0|Lockgate|") for line in lines)


EDITS = (
    "UPDATE audit SET document = replace(document, 'ada', 'bob') WHERE seq = 4",
    "UPDATE audit SET document = 'nothing' WHERE seq = 4",
    "UPDATE audit SET seq = -seq WHERE seq IN (4, 5)",
    "UPDATE audit SET previous = (SELECT previous FROM audit WHERE seq = 2) WHERE seq = 5",
    "DELETE FROM audit WHERE seq = 4",
    "DELETE FROM audit WHERE seq = 1",
    "DELETE FROM audit WHERE seq <= 3",
    "DELETE FROM audit",
    "DELETE FROM checkpoint WHERE number = 1",
    "DELETE FROM audit WHERE seq > 9",
    "UPDATE checkpoint SET document = (SELECT document FROM checkpoint WHERE number = 2) WHERE number = 1",
    "UPDATE checkpoint SET document = replace(document, 'sig', 'gis') WHERE number = 1",
)


@pytest.mark.parametrize("sql", EDITS)
def test_an_edit_of_the_database_is_found_by_whoever_comes_new(rig: Rig, sql: str) -> None:
    days(rig, 5)
    rig.notary.seal()
    edited(rig, sql)
    fresh = Auditing(rig.store, rig.clock, Notary(rig.store, rig.clock, rig.signer))
    found = fresh.verified()
    assert not found.whole and found.because.endswith(".")


@pytest.mark.parametrize("sql", ["DELETE FROM audit WHERE seq > 13", EDITS[0]])
def test_what_has_been_seen_is_missed(rig: Rig, sql: str) -> None:
    """The last entries are signed by nobody yet, but the server remembers them."""
    days(rig, 5)
    rig.notary.seal()
    assert rig.operations.auditing.entries(ALL).whole
    edited(rig, sql)
    assert not rig.operations.auditing.verified().whole


LAST = (
    "DELETE FROM audit WHERE seq = 15",
    "UPDATE audit SET document = replace(document, 'ada', 'bob') WHERE seq = 15",
)


@pytest.mark.parametrize("sql", [*LAST, EDITS[0]])
def test_what_was_seen_before_a_restart_is_missed(rig: Rig, tmp_path: Path, sql: str) -> None:
    """The last entries are signed by nobody yet: a file beside the database remembers them."""
    days(rig, 5)
    mark = BookmarkFile(tmp_path / "read.json")
    first = Auditing(rig.store, rig.clock, Notary(rig.store, rig.clock, rig.signer, mark))
    archivist = Archivist(first, ArchiveFolder(tmp_path).keep)
    archivist.round()
    assert mark.read() == (15, rig.store.history.audit(14, 1)[0].digest)
    again = Auditing(rig.store, rig.clock, Notary(rig.store, rig.clock, rig.signer, mark))
    assert again.verified().whole and again.entries(ALL).whole
    edited(rig, sql)
    again = Auditing(rig.store, rig.clock, Notary(rig.store, rig.clock, rig.signer, mark))
    assert not again.verified().whole
    if sql in LAST:  # the other is in a day that was signed, and is told when everything is read
        assert "Entry 15 was there a while ago" in again.verified().because
        assert again.entries(ALL).broken_at == 15
        with pytest.raises(RecordAltered):
            list(again.export(None, None, "jsonl"))
    assert mark.read() == (15, mark.read()[1]), "what is missing is told until somebody has looked at it"  # type: ignore[index]


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"seq": "x", "digest": 1}'])
def test_a_damaged_mark_is_told_and_hinders_nothing(
    rig: Rig, tmp_path: Path, text: str, caplog: pytest.LogCaptureFixture
) -> None:
    days(rig, 2)
    (tmp_path / "read.json").write_text(text)
    notary = Notary(rig.store, rig.clock, rig.signer, BookmarkFile(tmp_path / "read.json"))
    assert notary.broken_at() is None and "nobody can tell" in caplog.text
    assert BookmarkFile(tmp_path / "read.json").read() is not None


def test_a_broken_chain_is_not_signed(rig: Rig) -> None:
    days(rig, 3)
    edited(rig, "UPDATE audit SET document = replace(document, 'ada', 'bob') WHERE seq = 4")
    with pytest.raises(RecordAltered, match="entry 5"):
        rig.notary.seal()
    with pytest.raises(RecordAltered, match="entry 5"):
        exported(rig)
    view = rig.operations.auditing.entries(ALL)
    assert (view.whole, view.broken_at) == (False, 5)


def test_what_an_older_version_wrote_verifies(rig: Rig) -> None:
    """It kept the event in another order; the digest is the same."""
    days(rig, 3)
    assert isinstance(rig.store, SqlStore)
    for entry in rig.store.history.audit(0, 100):
        older = rows.document(entry.event)
        assert older.startswith('{"kind":')
        change = update(schema.audit).where(schema.audit.c.seq == entry.seq).values(document=older)
        rig.store.database.write(lambda connection, change=change: connection.execute(change))
    days(rig, 1)
    assert rig.operations.auditing.verified().whole
    assert report(rig, exported(rig)).whole


# --- cutting off ---


def archivist(rig: Rig, folder: Path, keep: float = 3 * DAY) -> Archivist:
    return Archivist(rig.operations.auditing, ArchiveFolder(folder).keep, keep)


def test_what_is_older_than_is_to_be_kept_is_exported_and_cut_off(rig: Rig, tmp_path: Path) -> None:
    days(rig, 10)
    before = len(audited(rig))
    cut = archivist(rig, tmp_path / "archive").round()
    (path,) = (tmp_path / "archive").glob("audit-*.jsonl")
    with path.open("rb") as file:
        found = verify_export(file, rig.signer.ring(), rig.signer.verify)
    assert found.whole and (found.first, found.entries) == (1, cut) and cut >= 18
    left = rig.store.history.audit(0, 100)
    assert left[0].seq == cut + 1 and len(left) == before - cut + 1
    assert left[-1].event.kind == "audit.cut" and str(path) in left[-1].event.because
    assert rig.operations.auditing.verified().whole
    assert report(rig, exported(rig)).whole
    assert archivist(rig, tmp_path / "archive").round() == 0


def test_what_is_cut_again_and_again_still_follows(rig: Rig, tmp_path: Path) -> None:
    for _ in range(4):
        days(rig, 5)
        archivist(rig, tmp_path / "archive").round()
        fresh = Auditing(rig.store, rig.clock, Notary(rig.store, rig.clock, rig.signer))
        assert fresh.verified().whole
    archived = [path.read_bytes().splitlines(keepends=True) for path in (tmp_path / "archive").glob("audit-*.jsonl")]
    assert len(archived) == 4 and all(report(rig, lines).whole for lines in archived)


def test_nothing_is_cut_where_it_is_to_be_kept_for_ever(rig: Rig, tmp_path: Path) -> None:
    days(rig, 10)
    forever = Archivist(rig.operations.auditing, ArchiveFolder(tmp_path / "archive").keep, None)
    assert forever.round() == 0 and len(sealed(rig)) >= 9 and not (tmp_path / "archive").exists()


def test_a_broken_chain_is_not_cut(rig: Rig, tmp_path: Path) -> None:
    days(rig, 10)
    rig.notary.seal()
    edited(rig, "UPDATE audit SET document = replace(document, 'ada', 'bob') WHERE seq = 4")
    with pytest.raises(RecordAltered, match="Nothing was cut off"):
        archivist(rig, tmp_path / "archive").round()
    assert rig.store.history.audit(0, 1)[0].seq == 1


def test_more_than_was_cut_cannot_go_missing(rig: Rig, tmp_path: Path) -> None:
    days(rig, 10)
    cut = archivist(rig, tmp_path / "archive").round()
    edited(rig, f"DELETE FROM audit WHERE seq <= {cut + 3}")
    fresh = Auditing(rig.store, rig.clock, Notary(rig.store, rig.clock, rig.signer))
    assert "no entry says that they were cut off" in fresh.verified().because


def test_what_was_seen_before_it_was_cut_off_is_not_missed(rig: Rig, tmp_path: Path) -> None:
    days(rig, 1)
    assert rig.operations.auditing.entries(ALL).whole
    days(rig, 10)
    archivist(rig, tmp_path / "archive").round()
    assert rig.operations.auditing.verified().whole
    assert rig.operations.auditing.entries(ALL).whole
    days(rig, 1)
    assert rig.operations.auditing.entries(ALL).whole
    assert report(rig, exported(rig)).whole


def test_after_a_start_it_is_read_on_from_the_last_signed_day(rig: Rig) -> None:
    days(rig, 5)
    rig.notary.seal()
    fresh = Notary(rig.store, rig.clock, rig.signer)
    edited(rig, "UPDATE audit SET document = replace(document, 'ada', 'bob') WHERE seq = 4")
    assert fresh.broken_at() is None and not fresh.verified().whole
    days(rig, 1)
    last = rig.store.audit.select(AuditFilter(), 0, 1, newest=True)[0].seq
    edited(rig, f"UPDATE audit SET document = replace(document, 'ada', 'bob') WHERE seq = {last - 1}")
    assert fresh.broken_at() == last
