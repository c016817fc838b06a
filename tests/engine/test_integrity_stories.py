"""What is deployed is what was recorded and signed: whoever edits the database deploys nothing with it."""

import json
from dataclasses import replace

import pytest
from sqlalchemy import text

from lockgate.core.deployment import State
from lockgate.core.errors import Denied, RecordAltered
from lockgate.core.ids import canonical, digest_of_bytes
from lockgate.engine.notary import Notary
from lockgate.messages import Ask, RollBack
from lockgate.store import rows
from lockgate.store.database import SqlStore
from lockgate.testing.fakes import FakeSigner
from lockgate.testing.rig import Rig

RELEASE_EDITS = (
    'UPDATE release SET document = replace(document, \'"shop","--port"\', \'"evil","--port"\')',
    'UPDATE release SET document = replace(document, \'"commit":""\', \'"commit":"c0ffee"\')',
    'UPDATE release SET document = replace(document, \'"created_by":"ann"\', \'"created_by":"bob"\')',
    "UPDATE release SET document = '{}'",
    "DELETE FROM statement",
    "UPDATE statement SET document = '{}'",
    "UPDATE statement SET document = replace(document, 'payload\":\"e', 'payload\":\"f')",
)

PLAN_EDITS = (
    "UPDATE plan SET document = replace(document, '8081', '8099')",
    "UPDATE statement SET document = (SELECT s.document FROM statement s WHERE s.digest NOT IN "
    "(SELECT digest FROM plan)) WHERE digest IN (SELECT digest FROM plan)",
    "DELETE FROM statement WHERE digest IN (SELECT digest FROM plan)",
)


def edited(rig: Rig, sql: str) -> None:
    assert isinstance(rig.store, SqlStore)
    rig.store.database.write(lambda connection: connection.execute(text(sql)))
    rig.store.releases._plan.cache_clear()


@pytest.mark.parametrize("sql", RELEASE_EDITS)
def test_a_release_that_was_altered_is_not_deployed(rig: Rig, sql: str) -> None:
    release = rig.release("1")
    edited(rig, sql)
    with pytest.raises((Denied, RecordAltered), match=r"altered|trusted"):
        rig.deploy(release)
    assert rig.operations.deployments("shop", "dev", frozenset(), 10) == ()


@pytest.mark.parametrize("sql", [*RELEASE_EDITS, *PLAN_EDITS])
def test_what_is_altered_while_it_waits_is_not_begun(rig: Rig, sql: str) -> None:
    deployment = rig.deploy(rig.release("1"))
    edited(rig, sql)
    rig.run(5)
    assert rig.state(deployment.id) is State.FAILED
    assert any(word in rig.row(deployment.id).because for word in ("altered", "trusted"))
    assert rig.running() == {}


@pytest.mark.parametrize("sql", PLAN_EDITS)
def test_nobody_goes_back_to_a_plan_that_was_altered(rig: Rig, sql: str) -> None:
    for version in ("1", "2"):
        rig.deploy(rig.release(version))
        rig.run(10)
    edited(rig, sql)
    with pytest.raises((Denied, RecordAltered)):
        rig.operations.roll_back(RollBack("shop", "dev", "users complain", "ann"))


def replanned(rig: Rig, deployment: str) -> None:
    """The row is given another plan, one that nobody has signed: it runs something else."""
    (part,) = rig.plan(deployment).components
    evil = replace(rig.plan(deployment), components=(replace(part, spec=replace(part.spec, command=("evil",))),))
    document = canonical(evil)
    row = replace(rig.row(deployment), plan=digest_of_bytes(document))
    assert isinstance(rig.store, SqlStore)
    for sql, given in (
        ("INSERT INTO plan (digest, document) VALUES (:d, :t)", {"d": row.plan, "t": document.decode()}),
        ("UPDATE deployment SET details = :t WHERE number = :n", {"t": rows.details_of(row), "n": row.number}),
    ):
        rig.store.database.write(lambda connection, sql=sql, given=given: connection.execute(text(sql), given))


@pytest.mark.parametrize("paused", [False, True])
def test_what_is_altered_once_it_has_begun_does_not_go_on(rig: Rig, paused: bool) -> None:
    first = rig.deploy(rig.release("1"))
    rig.run(10)
    rig.target.prepare_seconds = 5.0
    second = rig.deploy(rig.release("2"))
    rig.turn()
    if paused:
        rig.operations.ask(second.id, "pause", Ask())
        rig.turn()
    replanned(rig, second.id)
    if paused:
        rig.operations.ask(second.id, "resume", Ask())
    rig.run(20)
    row = rig.row(second.id)
    assert row.active and "cannot be trusted: Nothing was signed" in row.because
    told = [e for e in rig.store.history.events(0, 500, deployment=second.id) if e.kind == "deployment.stumbled"]
    assert len(told) == 1, "what stays the same is told once"
    assert rig.all_on(first.id), "what users get stays as it is"
    fix = rig.deploy(rig.release("3"), urgent=True)
    rig.run(20)
    assert rig.state(fix.id) is State.SUCCEEDED and rig.all_on(fix.id)
    assert rig.state(second.id) is State.SUPERSEDED


def test_what_is_altered_while_it_holds_is_not_started_again(rig: Rig) -> None:
    deployment = rig.deploy(rig.release("1"))
    rig.run(10)
    revisions = set(rig.running())
    replanned(rig, deployment.id)
    rig.run(20)
    assert "cannot be trusted" in rig.row(deployment.id).because and set(rig.running()) == revisions


def test_a_statement_says_what_was_deployed_with_its_digests(rig: Rig) -> None:
    deployment = rig.deploy(rig.release("1"))
    notary = rig.notary
    row = rig.row(deployment.id)
    said = notary.demand_plan(rig.plan(deployment.id)).content()
    made = rig.store.releases.get(row.release)
    digest = made.artifacts["web"].digest.removeprefix("sha256:")
    assert said["subject"] == [{"name": "web", "digest": {"sha256": digest}}]
    assert said["predicate"]["digest"] == row.plan
    assert notary.demand_release(made).content()["predicate"]["release"]["id"] == row.release
    view = rig.operations.auditing.of_deployment(deployment.id)
    assert json.loads(json.dumps(view.signatures))[0]["keyid"] == rig.signer.ring().current.id


def test_a_statement_outlives_the_key_that_signed_it(rig: Rig) -> None:
    release = rig.release("1")
    rig.signer.rotate(1.0, "ann", "")
    deployment = rig.deploy(release)
    rig.run(10)
    assert rig.state(deployment.id) is State.SUCCEEDED


def test_a_statement_of_a_key_that_is_not_ours_counts_for_nothing(rig: Rig) -> None:
    release = rig.release("1")
    stranger = Notary(rig.store, rig.clock, FakeSigner("stranger"))
    forged = stranger.of_release(rig.store.releases.get(release))  # type: ignore[arg-type]
    edited(rig, "DELETE FROM statement")
    rig.store.statements.put(rig.store.releases.get(release).digest, forged)  # type: ignore[arg-type]
    with pytest.raises(Denied, match="no key that is known"):
        rig.deploy(release)


def test_what_was_recorded_before_there_was_a_key_is_signed_once_as_it_is(rig: Rig) -> None:
    deployment = rig.deploy(rig.release("1"))
    edited(rig, "DELETE FROM statement")
    assert rig.notary.adopt() == 2
    assert rig.notary.adopt() == 0
    rig.run(10)
    assert rig.state(deployment.id) is State.SUCCEEDED
    assert "statement.adopted" in {entry.event.kind for entry in rig.store.history.audit(0, 100)}
