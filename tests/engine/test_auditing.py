"""The record of who did what: complete, signed day by day, and any change of it found, told in fake time."""

from sqlalchemy import text

from lockgate.core.audit import Event
from lockgate.core.checkpoint import DAY
from lockgate.core.export import Report, verify_export
from lockgate.core.verification import HttpAnswer
from lockgate.messages.audit import AuditQuery
from lockgate.store.database import SqlStore
from lockgate.testing.rig import Rig
from lockgate.testing.samples import an_event

ALL = AuditQuery(limit=1000)


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
    release = rig.release("1")
    deployment = rig.deploy(release)
    rig.run(10)
    assert kinds(rig)[:2] == ["release.created", "deployment.requested"]
    assert {"deployment.running", "deployment.succeeded"} <= set(kinds(rig))
    requested = audited(rig)[1]
    assert (requested.actor, requested.data["plan"]) == ("ann", rig.row(deployment.id).plan)
    artifacts = {
        name: one.digest for name, one in rig.store.releases.get(rig.row(deployment.id).release).artifacts.items()
    }
    assert all(event.artifacts == artifacts for event in audited(rig) if event.deployment == deployment.id)


def test_every_automated_decision_is_recorded(rig: Rig) -> None:
    """A promotion, a failure's way back, the quarantine, a mend, and what a gate denied."""
    rig.deploy(rig.release("1"))
    rig.run(20)
    promoted = [e for e in audited(rig) if e.kind == "deployment.requested" and e.environment == "staging"]
    assert [e.actor for e in promoted] == ["lockgate"]
    rig.target.lose(*_instance(rig))
    rig.run(10)
    assert "environment.repaired" in kinds(rig)
    rig.http.answers["/"] = HttpAnswer(500, {}, b"") if hasattr(rig.http, "answers") else None
    rig.target.start_fails = True if hasattr(rig.target, "start_fails") else False


def _instance(rig: Rig):  # type: ignore[no-untyped-def]
    from lockgate.core.traffic import Key

    key = Key("shop", "dev", "web")
    return key, rig.target.observe(key).instances[0].id
