"""Nothing is deployed that not exactly so many of the right people have agreed to, exactly as it is."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from tests.engine.governed import GovernedRig

from lockgate.config.environments_file import read_catalogue
from lockgate.core.application import Strategy, StrategyKind
from lockgate.core.approval import Party
from lockgate.core.audit import broken_at
from lockgate.core.calendar import Effect, Occasion, WindowRule
from lockgate.core.deployment import Kind, State
from lockgate.core.environment import Listen, Promote, TargetSpec
from lockgate.core.errors import Conflict, Denied, Invalid, NotFound
from lockgate.core.ids import ReleaseId, digest_of
from lockgate.core.policy import Policy
from lockgate.core.secret import SecretSource, SecretStore
from lockgate.drivers.policies.worker import CelPolicies
from lockgate.messages import Ask, Deploy, RollBack
from lockgate.messages.approvals import Approve, Confirm, Delegate, EndDelegation, Reject
from lockgate.messages.audit import Redeploy
from lockgate.messages.people import Leave
from lockgate.ports import Selection
from lockgate.store.database import SqlStore, open_store

DAY = 86400.0


@pytest.fixture
def store() -> Iterator[SqlStore]:
    with open_store("sqlite://") as found:
        yield found


@pytest.fixture
def rig(store: SqlStore) -> GovernedRig:
    return GovernedRig(store)


def kinds(rig: GovernedRig, deployment: str) -> list[str]:
    return [e.kind for e in rig.store.history.events(0, 500, deployment=deployment)]


# --- the plain way ---


def test_it_waits_until_two_have_agreed_and_then_goes(rig: GovernedRig) -> None:
    waiting = rig.on_prod()
    rig.run()
    assert rig.state(waiting.id) is State.GATED
    assert rig.row(waiting.id).because.startswith("2 people of managers must approve it; none did.")
    assert rig.row(waiting.id).who == "alice, bob and carol"
    rig.approve(waiting.id, "alice")
    rig.run()
    assert rig.state(waiting.id) is State.GATED and "1 did: alice" in rig.row(waiting.id).because
    rig.approve(waiting.id, "bob")
    rig.run()
    assert rig.state(waiting.id) is State.SUCCEEDED and rig.all_on(waiting.id)
    given = [e.event for e in rig.store.history.audit(0, 500) if e.event.kind == "approval.given"]
    assert [(e.actor, e.address) for e in given] == [("alice", "192.0.2.1"), ("bob", "192.0.2.1")]
    assert broken_at(rig.store.history.audit(0, 500)) is None


def test_a_verified_release_is_offered_and_waits(rig: GovernedRig) -> None:
    rig.rewrite(promote=Promote.ON_APPROVAL)
    rig.deploy(rig.release("2"))
    rig.run()
    (offered,) = rig.operations.deployments("shop", "prod", frozenset(), 5)
    assert (offered.state, offered.actor) == ("gated", "lockgate")
    rig.approve(offered.id, "bob", "carol")
    rig.run()
    assert rig.state(offered.id) is State.SUCCEEDED


def test_one_person_counts_once_however_often_they_agree(rig: GovernedRig) -> None:
    waiting = rig.on_prod()
    rig.approve(waiting.id, "alice", "alice", "alice")
    rig.run()
    assert rig.state(waiting.id) is State.GATED


# --- who may ---


def test_the_servers_own_token_approves_nothing(rig: GovernedRig) -> None:
    waiting = rig.on_prod()
    desk = rig.operations.approvals
    view = desk.view(waiting.id)
    assert not view.may and "lockgate person add" in view.hindrance
    with pytest.raises(Denied, match="Sign in as yourself: lockgate person add NAME"):
        desk.approve(waiting.id, Approve(view.subject, actor="alice"))


def test_who_asked_must_be_proven_where_who_asks_may_not_approve(rig: GovernedRig) -> None:
    release = rig.release("2")
    rig.deploy(release)
    rig.run()
    with pytest.raises(Denied, match="it is not proven who asks"):
        rig.deploy(release, "prod")
    rig.rewrite(approvals=replace(rig.prod.approvals, barred=(Party.AUTHOR,)))  # type: ignore[type-var]
    assert rig.deploy(release, "prod").state == "pending"


@pytest.mark.parametrize("bars", [(), tuple(Party)])
def test_who_asked_wrote_or_built_it_is_barred_where_the_rule_says_so(bars: tuple[Party, ...]) -> None:
    with open_store("sqlite://") as store:
        rig = GovernedRig(store, barred=bars, count=1)
        rig.regroup(managers=("alice", "bob", "carol", "dave"))
        release = rig.operations.create_release(rig_request(authors=("Alice A <ALICE@example.com>",), built_by="bob"))[
            0
        ].id
        rig.deploy(release)
        rig.run()
        waiting = rig.asked(release, "dave")
        for name, party in (("alice", "author"), ("bob", "builder"), ("dave", "requester")):
            view = rig.person(name).approvals.view(waiting.id)
            assert view.may is (not bars)
            if bars:
                assert f"{name} is the {party}" in view.hindrance
                with pytest.raises(Denied, match=f"{name} is the {party}"):
                    rig.approve(waiting.id, name)
        assert rig.person("carol").approvals.view(waiting.id).may
        assert not rig.person("erin").approvals.view(waiting.id).may


def rig_request(**more: object):  # type: ignore[no-untyped-def]
    from lockgate.messages import CreateRelease

    return CreateRelease("-", "lockgate.yaml", "/", {"": "pypi:shop==7"}, actor="ci", **more)  # type: ignore[arg-type]


def test_making_the_same_release_again_adds_authors_and_takes_none_away(rig: GovernedRig) -> None:
    first = rig.operations.create_release(rig_request(authors=("carol",)))[0]
    rig.clock.pass_by(1)
    again, new = rig.operations.create_release(rig_request(authors=("alice@example.com",)))
    assert not new and again.id == first.id
    assert again.authors == ("carol", "alice@example.com")
    assert rig.operations.create_release(rig_request())[0].authors == again.authors
    rig.deploy(first.id)
    rig.run()
    waiting = rig.asked(first.id)
    with pytest.raises(Denied, match="alice is the author"):
        rig.approve(waiting.id, "alice")


def test_whoever_left_the_group_or_was_removed_does_not_count_any_more(rig: GovernedRig) -> None:
    waiting = rig.on_prod()
    rig.approve(waiting.id, "alice", "bob")
    rig.regroup(managers=("bob", "carol"))
    rig.run()
    assert "alice may not approve here" in rig.row(waiting.id).because
    rig.regroup(managers=("alice", "bob", "carol"))
    rig.operations.people.remove("bob", Leave(actor="root"))
    rig.run()
    assert rig.state(waiting.id) is State.GATED and "bob has been removed" in rig.row(waiting.id).because


@pytest.mark.parametrize(
    "called", ["\uff41lice@example.com", "Alice <al\u200bice@Example.com>", "ALICE\u00ad", " alice\t"]
)
def test_an_author_is_known_however_the_name_is_written(rig: GovernedRig, called: str) -> None:
    """Letters of another width, and what nobody sees, make nobody else of them."""
    release = rig.operations.create_release(rig_request(authors=(called,)))[0].id
    rig.deploy(release)
    rig.run(8)
    with pytest.raises(Denied, match="alice is the author"):
        rig.approve(rig.asked(release).id, "alice")


def test_whoever_takes_the_name_of_somebody_removed_inherits_no_word_of_theirs(rig: GovernedRig) -> None:
    waiting = rig.on_prod()
    delegated(rig, "alice", "erin")
    rig.approve(waiting.id, "bob")
    rig.clock.pass_by(60)
    for name in ("bob", "alice"):
        rig.operations.people.remove(name, Leave(actor="root"))
        rig.clock.pass_by(1)
        rig.person(name)
    with pytest.raises(Denied, match="erin may not"):
        rig.approve(waiting.id, "erin")
    rig.approve(waiting.id, "carol")
    rig.run(5)
    assert rig.state(waiting.id) is State.GATED
    assert "bob has been removed and added anew since" in rig.row(waiting.id).because
    rig.approve(waiting.id, "bob")
    rig.run(5)
    assert rig.state(waiting.id) is State.SUCCEEDED


def test_an_approval_expires(rig: GovernedRig) -> None:
    waiting = rig.on_prod()
    rig.approve(waiting.id, "alice")
    rig.clock.pass_by(DAY + 1)
    rig.approve(waiting.id, "bob")
    rig.run()
    assert rig.state(waiting.id) is State.GATED and "alice expired at" in rig.row(waiting.id).because
    rig.approve(waiting.id, "alice")
    rig.run()
    assert rig.state(waiting.id) is State.SUCCEEDED


# --- exactly this ---

Alteration = Callable[["Bound", str], None]


def _value(rig: GovernedRig, deployment: str) -> None:
    rig.rewrite(values={"limit": "30"})


def _target(rig: GovernedRig, deployment: str) -> None:
    rig.rewrite(target=TargetSpec("process", {"ports": "20000-20999"}))


def _address(rig: GovernedRig, deployment: str) -> None:
    rig.rewrite(listen={"*": Listen("0.0.0.0", 8099)})


def _strategy(rig: GovernedRig, deployment: str) -> None:
    rig.rewrite(strategy=Strategy(StrategyKind.BLUE_GREEN))


def _replicas(rig: GovernedRig, deployment: str) -> None:
    rig.rewrite(replicas={"web": 5})


def _secret(rig: GovernedRig, deployment: str) -> None:
    rig.rewrite(secrets={"api_key": SecretSource(SecretStore.FILE, "/etc/api_key.v2")})


def _what_the_secret_is(rig: GovernedRig, deployment: str) -> None:
    rig.vault.texts["/etc/api_key.v1"] = "another key"


def _rule(rig: GovernedRig, deployment: str) -> None:
    rig.rewrite(approvals=replace(rig.prod.approvals, expires=2 * DAY))  # type: ignore[type-var]


def _purpose(rig: GovernedRig, deployment: str) -> None:
    rig.rewrite(purpose="something else")


def _policy_set(rig: "Bound", deployment: str) -> None:
    rig.policies = digest_of("another set")


def _release_of_the_row(rig: "Bound", deployment: str) -> None:
    """As somebody with a hand in the database could."""
    (other,) = (r for r in rig.store.releases.select("shop", 5) if r.version == "1")
    row = rig.row(deployment)
    rig.tamper(replace(row, release=ReleaseId(other.id)))


def _plan_of_the_row(rig: "Bound", deployment: str) -> None:
    row = rig.row(deployment)
    plan = replace(rig.plan(deployment), values={"limit": "666"})
    rig.tamper(replace(row, plan=rig.store.releases.put_plan(plan)))


class Bound(GovernedRig):
    """With a policy set that consent binds, and a hand in the database."""

    policies = digest_of("a set")

    def bind(self) -> None:
        consent = replace(self.consent, bound=(lambda admission: {"policies": self.policies},))
        gates = replace(
            self.promoter.gatehouse, questions=(*self.promoter.gatehouse.questions[:-2], *consent.questions())
        )
        self.promoter = replace(self.promoter, gatehouse=gates, consent=consent)
        self.operations = replace(self.operations, promoter=self.promoter)
        self.worker = self.new_worker("worker")

    def tamper(self, row) -> None:  # type: ignore[no-untyped-def]
        from sqlalchemy import text

        from lockgate.store import rows

        self.store.database.write(  # type: ignore[attr-defined]
            lambda c: c.execute(
                text("UPDATE deployment SET release=:r, details=:d WHERE number=:n"),
                {"r": row.release, "d": rows.details_of(row), "n": row.number},
            )
        )


@pytest.mark.parametrize(
    ("alter", "told"),
    [
        (_value, "values.limit is 30 now, not 20"),
        (_target, "target.settings.ports is 20000-20999 now, not nothing"),
        (_address, "port is 8099 now, not 8083"),
        (_strategy, "strategy is {"),
        (_replicas, "replicas.web is 5 now, not nothing"),
        (_secret, "secrets.api_key.name is /etc/api_key.v2 now, not /etc/api_key.v1"),
        (_what_the_secret_is, "secrets.api_key.fingerprint is "),
        (_rule, "approvals.expires is 172800 now, not 86400"),
        (_purpose, "purpose is something else now, not nothing"),
        (_policy_set, "the policies have changed"),
        (_release_of_the_row, "release is rel-"),
        (_plan_of_the_row, ""),
    ],
)
def test_an_approved_plan_that_is_altered_in_anything_is_not_deployed(alter: Alteration, told: str) -> None:
    with open_store("sqlite://") as store:
        rig = Bound(store)
        rig.bind()
        rig.deploy(rig.release("1", secrets=("api_key",)))
        rig.run(15)
        waiting = rig.on_prod("2", secrets=("api_key",))
        rig.approve(waiting.id, "alice", "bob")
        approved = rig.plan(waiting.id)
        alter(rig, waiting.id)
        rig.run()
        if alter is _plan_of_the_row:
            # It is planned as the environment is, which is what was approved.
            assert rig.plan(waiting.id) == approved and rig.state(waiting.id) is State.SUCCEEDED
            return
        assert rig.state(waiting.id) is State.GATED
        assert not rig.serving("prod")
        because = rig.row(waiting.id).because
        assert "none did" in because and "alice is void" in because and told in because
        assert kinds(rig, waiting.id).count("approval.void") == 1
        view = rig.person("alice").approvals.view(waiting.id)
        assert all(told in one.void for one in view.given)
        rig.approve(waiting.id, "alice", "bob")
        rig.run()
        assert rig.state(waiting.id) is State.SUCCEEDED
        ran = rig.plan(waiting.id)
        assert rig.consent.planned(rig.promoter.admission(rig.row(waiting.id))) == ran


def test_what_was_void_stays_void_when_the_change_is_taken_back(rig: GovernedRig) -> None:
    waiting = rig.on_prod()
    rig.approve(waiting.id, "alice", "bob")
    rig.rewrite(values={"limit": "30"})
    rig.run(5)
    rig.rewrite(values={"limit": "20"})
    rig.run()
    assert rig.state(waiting.id) is State.GATED


def test_what_was_said_of_a_superseded_deployment_is_said_of_no_other(rig: GovernedRig) -> None:
    waiting = rig.on_prod()
    subject = rig.person("alice").approvals.view(waiting.id).subject
    rig.approve(waiting.id, "alice", "bob")
    rig.deploy(waiting.release, "dev")  # nothing has begun yet
    again = rig.asked(waiting.release, "dave")
    rig.run(10)
    assert rig.state(waiting.id) is State.SUPERSEDED and rig.state(again.id) is State.GATED
    assert "none did" in rig.row(again.id).because
    with pytest.raises(Conflict, match="superseded: only what has not begun"):
        rig.person("carol").approvals.approve(waiting.id, Approve(subject))
    with pytest.raises(Conflict, match="superseded"):
        rig.operations.approvals.invitation(waiting.id, "carol")


def test_how_it_was_asked_for_is_agreed_to_as_well(rig: GovernedRig) -> None:
    """Another time, or another urgency, is another question."""
    waiting = rig.on_prod(at=rig.clock.now() + DAY)
    rig.approve(waiting.id, "alice", "bob")
    admission = rig.promoter.admission(rig.row(waiting.id))
    for changed in (
        replace(admission, not_before=None),
        replace(admission, urgent=True),
        replace(admission, actor="al"),
    ):
        verdict = next(v for v in rig.promoter.verdicts(changed) if v.gate == "approval")
        assert verdict.answer != "pass" and "the terms it was asked for by have changed" in verdict.because


def test_an_approval_names_what_was_seen(rig: GovernedRig) -> None:
    waiting = rig.on_prod()
    desk = rig.person("alice").approvals
    seen = desk.view(waiting.id).subject
    rig.rewrite(purpose="something else")
    with pytest.raises(Conflict, match="is not what you have seen"):
        desk.approve(waiting.id, Approve(seen))


def test_an_approval_given_anew_leaves_the_void_one_in_the_record(rig: GovernedRig) -> None:
    waiting = rig.on_prod()
    rig.approve(waiting.id, "alice")
    rig.rewrite(values={"limit": "30"})
    rig.approve(waiting.id, "alice", "bob")
    assert kinds(rig, waiting.id)[-4:] == ["approval.given", "approval.void", "approval.given", "approval.given"]
    rig.run()
    assert rig.state(waiting.id) is State.SUCCEEDED and rig.plan(waiting.id).values["limit"] == "30"


def test_what_cannot_be_read_keeps_it_waiting(rig: GovernedRig) -> None:
    waiting = rig.on_prod()
    rig.approve(waiting.id, "alice", "bob")
    kept = rig.catalogue
    rig.rewrite(listen={})
    rig.run()
    assert rig.state(waiting.id) is State.GATED and "could not be asked" in rig.row(waiting.id).because
    rig.catalogue = kept
    rig.run(60)
    assert rig.state(waiting.id) is State.SUCCEEDED


# --- no ---


def test_a_rejection_ends_it_with_the_reason(rig: GovernedRig) -> None:
    waiting = rig.on_prod()
    rig.approve(waiting.id, "alice", "bob")
    view = rig.person("carol").approvals.reject(waiting.id, Reject("the migration is missing"))
    assert view.answer == "deny"
    rig.run()
    row = rig.row(waiting.id)
    assert (row.state, row.because) == (State.ABORTED, "carol rejected it: the migration is missing")
    assert "approval.rejected" in kinds(rig, waiting.id)
    with pytest.raises(Conflict, match="aborted"):
        rig.approve(waiting.id, "alice")


def test_a_rejection_that_comes_while_it_is_about_to_begin_wins(rig: GovernedRig) -> None:
    """It is written between the last look at the gates and the moment of beginning."""
    waiting = rig.on_prod()
    rig.approve(waiting.id, "alice", "bob")
    honest = rig.store.history.holder

    def late(application: str, environment: str):  # type: ignore[no-untyped-def]
        rig.store.history.holder = honest  # type: ignore[method-assign]
        rig.person("carol").approvals.reject(waiting.id, Reject("wait"))
        return honest(application, environment)

    rig.store.history.holder = late  # type: ignore[method-assign]
    rig.turn()
    assert not rig.serving("prod")
    rig.run()
    assert rig.state(waiting.id) is State.ABORTED and not rig.serving("prod")


def test_only_those_who_may_approve_reject_and_with_a_reason(rig: GovernedRig) -> None:
    waiting = rig.on_prod()
    with pytest.raises(Denied, match="Only managers may reject"):
        rig.person("erin").approvals.reject(waiting.id, Reject("no"))
    with pytest.raises(Invalid, match="needs one"):
        rig.person("alice").approvals.reject(waiting.id, Reject(" "))
    with pytest.raises(Denied, match="not proven"):
        rig.operations.approvals.reject(waiting.id, Reject("no", "alice"))


def test_what_has_begun_can_be_neither_approved_nor_rejected(rig: GovernedRig) -> None:
    waiting = rig.on_prod()
    rig.approve(waiting.id, "alice", "bob")
    rig.run()
    desk = rig.person("carol").approvals
    with pytest.raises(Conflict, match="only what has not begun"):
        desk.reject(waiting.id, Reject("no"))
    with pytest.raises(Conflict, match="only what has not begun"):
        desk.approve(waiting.id, Approve("sha256:0"))


# --- acting for each other ---


def delegated(rig: GovernedRig, giver: str, taker: str, environment: str = "", seconds: float = DAY) -> str:
    return rig.person(giver).approvals.delegate(Delegate(taker, rig.clock.now() + seconds, environment)).id


def test_a_delegate_approves_in_the_place_of_a_member(rig: GovernedRig) -> None:
    waiting = rig.on_prod()
    delegated(rig, "alice", "erin", "prod")
    rig.approve(waiting.id, "erin", "bob")
    rig.run()
    assert rig.state(waiting.id) is State.SUCCEEDED
    assert [e.event.because for e in rig.store.history.audit(0, 500) if e.event.kind == "approval.delegated"] == [
        "alice lets erin approve in their place in prod."
    ]


def test_a_member_and_their_delegate_count_once(rig: GovernedRig) -> None:
    waiting = rig.on_prod()
    delegated(rig, "alice", "erin")
    rig.approve(waiting.id, "erin", "alice")
    rig.run()
    assert rig.state(waiting.id) is State.GATED


def test_one_person_does_not_count_twice_by_a_delegation(rig: GovernedRig) -> None:
    waiting = rig.on_prod()
    delegated(rig, "alice", "bob")
    rig.approve(waiting.id, "bob")
    desk = rig.person("bob").approvals
    desk.approve(waiting.id, Approve(desk.view(waiting.id).subject, behalf="alice"))
    rig.run()
    assert rig.state(waiting.id) is State.GATED


def test_what_was_delegated_cannot_be_delegated_on(rig: GovernedRig) -> None:
    delegated(rig, "alice", "erin")
    with pytest.raises(Denied, match="erin may approve nothing"):
        delegated(rig, "erin", "dave")


def test_nobody_excluded_gets_in_by_a_delegation_nor_lends_their_right(rig: GovernedRig) -> None:
    waiting = rig.on_prod(by="alice")
    delegated(rig, "bob", "alice")
    with pytest.raises(Denied, match="alice is the requester"):
        rig.approve(waiting.id, "alice")
    delegated(rig, "alice", "erin")
    with pytest.raises(Denied, match="erin may not"):
        rig.approve(waiting.id, "erin")


def test_a_delegation_ends_by_itself_and_by_its_giver(rig: GovernedRig) -> None:
    waiting = rig.on_prod()
    delegated(rig, "alice", "erin", seconds=60)
    rig.clock.pass_by(61)
    with pytest.raises(Denied):
        rig.approve(waiting.id, "erin")
    lasting = delegated(rig, "alice", "erin")
    rig.approve(waiting.id, "erin", "bob")
    with pytest.raises(Denied, match="Only alice and erin"):
        rig.person("bob").approvals.end(lasting, EndDelegation())
    rig.person("alice").approvals.end(lasting, EndDelegation())
    rig.run()
    assert rig.state(waiting.id) is State.GATED and "has not delegated it" in rig.row(waiting.id).because
    with pytest.raises(NotFound):
        rig.operations.approvals.end(lasting, EndDelegation())


# --- rollback, emergencies ---


def ran_two(rig: GovernedRig) -> str:
    for version in ("1", "2"):
        waiting = rig.on_prod(version)
        rig.approve(waiting.id, "alice", "bob")
        rig.run()
    return waiting.id


def test_a_rollback_is_exempt_and_that_is_recorded(rig: GovernedRig) -> None:
    ran_two(rig)
    back = rig.person("erin").roll_back(RollBack("shop", "prod", "it is slow"))
    rig.run()
    assert rig.state(back.id) is State.SUCCEEDED
    (asked,) = (e for e in rig.store.history.events(0, 500, deployment=back.id) if e.kind == "deployment.requested")
    assert asked.data["approvals"] == "It is a rollback, which prod exempts from approvals."


def test_a_rollback_waits_where_it_is_not_exempt(rig: GovernedRig) -> None:
    ran_two(rig)
    rig.rewrite(approvals=replace(rig.prod.approvals, exempt=()), values={"limit": "99"})  # type: ignore[type-var]
    back = rig.person("erin").roll_back(RollBack("shop", "prod", "it is slow"))
    rig.run()
    assert rig.state(back.id) is State.GATED
    rig.approve(back.id, "alice", "bob")
    rig.run()
    assert rig.state(back.id) is State.SUCCEEDED and rig.plan(back.id).values["limit"] == "20"


def test_the_glass_is_broken_loudly_and_looked_at_by_a_second_person(rig: GovernedRig) -> None:
    broken = rig.on_prod(break_glass=True, reason="the shop is down")
    rig.run()
    assert rig.state(broken.id) is State.SUCCEEDED
    (loud,) = (e for e in rig.store.history.events(0, 500) if e.kind == "deployment.break_glass")
    assert loud.audited and loud.because == "dave broke the glass in prod: the shop is down"
    assert rig.operations.status("", "").problems == ()
    rig.clock.pass_by(DAY)
    (problem,) = rig.operations.status("", "").problems
    assert f"lockgate review {broken.id}" in problem
    assert any(not one.usable and problem == one.because for one in rig.operations.doctor())
    next_one = rig.on_prod("3")
    rig.approve(next_one.id, "alice", "bob")
    rig.run()
    assert rig.state(next_one.id) is State.GATED and f"lockgate review {broken.id}" in rig.row(next_one.id).because
    with pytest.raises(Denied, match="dave broke the glass: somebody else"):
        rig.person("dave").approvals.confirm(broken.id, Confirm("fine"))
    with pytest.raises(Denied, match="Only managers"):
        rig.person("erin").approvals.confirm(broken.id, Confirm("fine"))
    rig.person("bob").approvals.confirm(broken.id, Confirm("it was right"))
    with pytest.raises(Conflict, match="already"):
        rig.person("alice").approvals.confirm(broken.id, Confirm("too"))
    rig.run()
    assert rig.state(next_one.id) is State.SUCCEEDED
    assert rig.operations.status("", "").problems == ()


def test_an_urgent_deployment_passes_an_overdue_review_but_not_approvals(rig: GovernedRig) -> None:
    rig.on_prod(break_glass=True, reason="down")
    rig.run()
    rig.clock.pass_by(DAY)
    fix = rig.on_prod("3", urgent=True)
    rig.run()
    assert rig.state(fix.id) is State.GATED and "must approve" in rig.row(fix.id).because
    rig.approve(fix.id, "alice", "bob")
    rig.run()
    assert rig.state(fix.id) is State.SUCCEEDED


def test_the_glass_is_broken_only_by_those_who_may_where_it_may_be_and_with_a_reason(rig: GovernedRig) -> None:
    release = rig.release("2")
    rig.deploy(release)
    rig.run()
    with pytest.raises(Denied, match="only on-call may"):
        rig.asked(release, "erin", break_glass=True, reason="down")
    with pytest.raises(Invalid, match="needs one"):
        rig.asked(release, "dave", break_glass=True)
    with pytest.raises(Denied, match="needs a name"):
        rig.operations.deploy(Deploy("shop", "prod", release, "down", actor="dave", break_glass=True))
    rig.rewrite(break_glass=None)
    with pytest.raises(Denied, match="no glass to break"):
        rig.asked(release, "dave", break_glass=True, reason="down")
    assert rig.operations.deployments("shop", "prod", frozenset(), 5) == ()


def test_the_glass_opens_neither_quarantine_nor_the_order(rig: GovernedRig) -> None:
    with pytest.raises(Denied, match="has not succeeded in dev"):
        rig.asked(rig.release("2"), "dave", break_glass=True, reason="down")


def test_a_freeze_holds_what_is_approved_and_not_what_broke_the_glass(rig: GovernedRig) -> None:
    waiting = rig.on_prod()
    rig.rewrite(windows=(WindowRule(Effect.FREEZE, "a file", fault="the calendar cannot be read"),))
    rig.approve(waiting.id, "alice", "bob")
    rig.run()
    assert rig.state(waiting.id) is State.GATED and "counts as frozen" in rig.row(waiting.id).because
    broken = rig.asked(waiting.release, "dave", break_glass=True, reason="down")
    rig.run()
    assert rig.state(broken.id) is State.SUCCEEDED
    (let_in,) = (e for e in rig.store.history.events(0, 500) if e.kind == "deployment.exempted")
    assert let_in.audited and "dave broke the glass" in let_in.because


FREEZE = WindowRule(
    Effect.FREEZE, "2020-01-01 .. 2099-12-31", "UTC", (Occasion(date(2020, 1, 1), 0, 80 * 366 * 86400, "UTC"),)
)


def test_a_freeze_that_comes_and_goes_leaves_approvals_as_they_are(rig: GovernedRig) -> None:
    waiting = rig.on_prod()
    rig.approve(waiting.id, "alice")
    rig.rewrite(windows=(FREEZE,))
    rig.approve(waiting.id, "bob")
    rig.run()
    assert rig.state(waiting.id) is State.GATED and "frozen" in rig.row(waiting.id).because
    rig.rewrite(windows=())
    rig.clock.pass_by(60)
    rig.run()
    assert rig.state(waiting.id) is State.SUCCEEDED
    assert not [e for e in rig.store.history.events(0, 500) if e.kind == "approval.void"]


def test_a_window_and_an_approval_are_both_in_the_headline_and_each_is_told_once(rig: GovernedRig) -> None:
    waiting = rig.on_prod()
    start = datetime.fromtimestamp(rig.clock.now() + 3600, UTC)
    opening = Occasion(start.date(), start.hour * 3600, 86400, "UTC")
    rig.rewrite(windows=(WindowRule(Effect.OPEN, "tomorrow", "UTC", (opening,)),), owner="platform")
    rig.run(3)
    headline = rig.row(waiting.id).because
    assert headline.startswith("It waits at 2 gates. Approval: 2 people of managers must approve it; none did; window")
    assert "prod is outside of its windows until " in headline
    assert rig.row(waiting.id).who == "alice, bob and carol"
    assert rig.operations.status("shop", "prod").rows[0].under_way.because == headline  # type: ignore[union-attr]
    told = rig.operations.explain(waiting.id).sentences
    assert [sentence.partition(":")[0] for sentence in told[1:]] == ["Gate approval", "Gate window", "Who can act"]
    assert sum(sentence.count("outside of its windows") for sentence in told) == 1


def test_what_a_freeze_lets_in_is_still_part_of_what_is_approved(rig: GovernedRig) -> None:
    waiting = rig.on_prod()
    rig.approve(waiting.id, "alice")
    rig.rewrite(exempt=frozenset())
    rig.run()
    assert [e.kind for e in rig.store.history.events(0, 500) if e.kind == "approval.void"] == ["approval.void"]


def test_every_refusal_says_who_can_or_what_to_do(rig: GovernedRig) -> None:
    waiting = rig.on_prod()
    desk = rig.person("dave").approvals
    subject = desk.view(waiting.id).subject
    with pytest.raises(Denied, match="dave is the requester") as refused:
        desk.approve(waiting.id, Approve(subject))
    assert refused.value.mend == f"alice, bob and carol can: lockgate approve {waiting.id}"
    rig.approve(waiting.id, "alice")
    with pytest.raises(Denied, match="erin may not") as refused:
        rig.person("erin").approvals.approve(waiting.id, Approve(subject))
    assert refused.value.mend == f"bob and carol can: lockgate approve {waiting.id}"
    with pytest.raises(Denied, match="Only managers may reject") as refused:
        rig.person("erin").approvals.reject(waiting.id, Reject("no"))
    assert refused.value.mend == f"alice, bob and carol can: lockgate reject {waiting.id} --reason TEXT"
    rig.regroup(managers=("dave",))
    with pytest.raises(Denied) as refused:
        rig.person("dave").approvals.approve(waiting.id, Approve(subject))
    assert refused.value.mend == "Nobody else can, as it is: add people to managers in environments.yaml."
    rig.rewrite(approvals=None)
    with pytest.raises(Denied, match="asks for no approvals") as refused:
        rig.person("erin").approvals.approve(waiting.id, Approve(subject))
    assert f"lockgate explain {waiting.id}" in refused.value.mend


def test_what_is_planned_for_later_may_be_approved_early(rig: GovernedRig) -> None:
    """An approval holds for so long from when it is meant to begin."""
    waiting = rig.on_prod(at=rig.clock.now() + 3 * DAY)
    rig.approve(waiting.id, "alice", "bob")
    rig.run(5)
    assert rig.state(waiting.id) is State.GATED
    rig.clock.pass_by(3 * DAY)
    rig.run()
    assert rig.state(waiting.id) is State.SUCCEEDED


def test_a_recorded_plan_once_more_is_approved_as_it_was_recorded(rig: GovernedRig) -> None:
    ran_two(rig)
    (first,) = (d for d in rig.store.history.select(Selection("shop", "prod")) if d.release_label.startswith("shop 1"))
    rig.rewrite(values={"limit": "99"})
    again = rig.person("dave").redeployment.redeploy(first.id, Redeploy(as_recorded=True))
    rig.run()
    assert rig.state(again.id) is State.GATED
    rig.approve(again.id, "alice", "bob")
    rig.run()
    assert rig.state(again.id) is State.SUCCEEDED and rig.plan(again.id).digest == rig.plan(first.id).digest


# --- the inbox, links ---


def test_the_inbox_has_what_waits_for_me_first(rig: GovernedRig) -> None:
    mine = rig.on_prod("2")
    for name, may in (("alice", True), ("erin", False)):
        found = rig.person(name).approvals.inbox()
        assert [(one.deployment, one.may) for one in found.approvals] == [(mine.id, may)]
        assert any("prod" in sentence for sentence in found.approvals[0].sentences)
    rig.approve(mine.id, "alice")
    assert "alice has approved it" in rig.person("alice").approvals.view(mine.id).hindrance
    rig.person("erin").ask(mine.id, "abort", Ask())
    rig.run()
    assert rig.person("alice").approvals.inbox().approvals == ()


def test_a_link_shows_and_approves_nothing(rig: GovernedRig) -> None:
    waiting = rig.on_prod()
    desk = rig.operations.approvals
    path = desk.invitation(waiting.id, "alice")
    token = path.removeprefix("/approve/")
    invitation, view = desk.invited(token)
    assert (invitation.person, invitation.subject, view.deployment) == ("alice", view.subject, waiting.id)
    assert view.given == ()
    with pytest.raises(Denied, match="altered"):
        desk.invited(token[:-2] + ("AA" if token[-2:] != "AA" else "BB"))
    with pytest.raises(Denied, match="altered"):
        replace(desk, key=type(desk.key)("another")).invited(token)
    rig.clock.pass_by(DAY + 1)
    with pytest.raises(Denied, match="expired"):
        desk.invited(token)


# --- with everything that an environment may say ---


def test_every_environment_of_the_annotated_example_can_be_consented_to(rig: GovernedRig) -> None:
    text = (Path(__file__).parents[2] / "docs" / "reference" / "environments.yaml").read_text()
    waiting = rig.on_prod()
    admission = rig.promoter.admission(rig.row(waiting.id))
    for environment in read_catalogue(text).value.environments.values():
        asking = replace(admission, environment=environment, kind=Kind.ROLLBACK)
        subject = rig.consent.subject(asking)
        assert subject.digest != rig.consent.subject(replace(asking, environment=rig.prod)).digest


def test_another_rule_in_a_policy_makes_approvals_void(store: SqlStore, policies: CelPolicies) -> None:
    rig = GovernedRig(store, policies)
    rig.rewrite(rules=(Policy("any", "1 < 2", "It is not so."),))
    waiting = rig.on_prod()
    rig.approve(waiting.id, "alice", "bob")
    rig.rewrite(rules=(Policy("any", "true", "It is not so."),))
    view = rig.person("alice").approvals.view(waiting.id)
    assert [one.void for one in view.given] == ["the policies have changed"] * 2 and view.answer == "wait"
