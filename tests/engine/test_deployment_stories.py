"""What a deployment does from request to end, told in fake time on a real store."""

from dataclasses import replace

import pytest

from lockgate.core import environment as environments
from lockgate.core.application import CommandCheck, HttpCheck, Strategy, StrategyKind
from lockgate.core.deployment import ACTIVE, State
from lockgate.core.environment import Catalogue
from lockgate.core.errors import Conflict, Denied, NotFound, Unavailable
from lockgate.core.plan import Plan
from lockgate.engine.executor import Executor
from lockgate.messages import Ask, Lift, Promote, RollBack
from lockgate.messages.audit import AuditQuery
from lockgate.testing.rig import Rig

EVERY_STRATEGY = pytest.mark.parametrize("kind", list(StrategyKind))


@EVERY_STRATEGY
def test_a_first_and_a_second_release_take_all_the_traffic(rig: Rig, kind: StrategyKind) -> None:
    for version in ("1", "2"):
        row = rig.deploy(rig.release(version, strategy=Strategy(kind)))
        rig.run(10)
        assert rig.state(row.id) is State.SUCCEEDED
        assert rig.all_on(row.id)
        assert rig.row(row.id).holds


@EVERY_STRATEGY
def test_a_release_that_does_not_start_is_taken_back_and_barred(rig: Rig, kind: StrategyKind) -> None:
    good = rig.deploy(rig.release("1", strategy=Strategy(kind)))
    rig.run(10)
    release = rig.release("2")
    bad = rig.deploy(release)
    rig.target.broken[rig.plan(bad.id).components[0].revision] = "ModuleNotFoundError: pkg_resources."
    rig.run(20)
    assert rig.state(bad.id) is State.ROLLED_BACK
    assert "pkg_resources" in rig.row(bad.id).because
    assert rig.all_on(good.id) and rig.row(good.id).holds
    with pytest.raises(Denied, match="pkg_resources"):
        rig.deploy(release)


@EVERY_STRATEGY
def test_a_release_that_fails_its_check_is_taken_back(rig: Rig, kind: StrategyKind) -> None:
    check = HttpCheck("/items.json")
    good = rig.deploy(rig.release("1", strategy=Strategy(kind), verify=(check,)))
    rig.run(10)
    rig.http.answers["/items.json"] = 400
    bad = rig.deploy(rig.release("2"))
    rig.run(20)
    assert rig.state(bad.id) is State.ROLLED_BACK
    assert "answered 400 instead of 200" in rig.row(bad.id).progress.failure
    assert rig.all_on(good.id)
    revision = rig.plan(bad.id).components[0].revision
    assert not any(p.revision == revision and p.weight for route in rig.router.applied for p in route.pools)


@EVERY_STRATEGY
def test_a_first_deployment_that_fails_leaves_nothing_behind(rig: Rig, kind: StrategyKind) -> None:
    release = rig.release("1", strategy=Strategy(kind), verify=(CommandCheck(("false",)),))
    row = rig.deploy(release)
    rig.run(20)
    assert rig.state(row.id) is State.FAILED
    assert rig.running() == {} and not rig.router.routes
    assert rig.store.history.holder("shop", "dev") is None


def test_success_is_offered_to_the_environments_that_take_it_by_themselves(rig: Rig) -> None:
    release = rig.release("1")
    rig.deploy(release)
    rig.run(20)
    staging = rig.store.history.holder("shop", "staging")
    assert staging is not None and staging.release == release and staging.actor == "lockgate"
    assert rig.store.history.holder("shop", "prod") is None
    assert len(rig.operations.deployments("shop", "staging", frozenset(), 10)) == 1


def test_promotion_on_demand_takes_what_runs_in_the_environment_before(rig: Rig) -> None:
    release = rig.release("1")
    with pytest.raises(NotFound, match="staging"):
        rig.operations.promote(Promote("shop", "prod"))
    rig.deploy(release)
    rig.run(20)
    promoted = rig.operations.promote(Promote("shop", "prod", actor="bob"))
    rig.run(10)
    assert rig.state(promoted.id) is State.SUCCEEDED
    assert rig.all_on(promoted.id)


def test_nothing_is_promoted_from_an_environment_that_is_just_changing(rig: Rig) -> None:
    rig.deploy(rig.release("1"))
    rig.run(20)
    rig.target.start_seconds = 5.0
    rig.deploy(rig.release("2"))
    for _ in range(200):
        rig.run(0.25)
        if changing := rig.operations.deployments("shop", "staging", ACTIVE, 1):
            break
    with pytest.raises(Conflict, match=changing[0].id):
        rig.operations.promote(Promote("shop", "prod"))
    rig.run(30)
    assert rig.operations.promote(Promote("shop", "prod")).release_label


def test_a_release_cannot_jump_over_an_environment(rig: Rig) -> None:
    with pytest.raises(Denied, match="staging"):
        rig.deploy(rig.release("1"), to="prod")
    assert rig.operations.deployments("shop", "prod", frozenset(), 10) == ()


def test_a_rollback_brings_back_the_last_good_release_with_its_configuration(rig: Rig) -> None:
    first = rig.deploy(rig.release("1"))
    rig.run(10)
    second = rig.deploy(rig.release("2"))
    rig.run(10)
    back = rig.operations.roll_back(RollBack("shop", "dev", "users complain", actor="bob"))
    rig.run(10)
    assert rig.state(back.id) is State.SUCCEEDED
    assert rig.row(back.id).plan == rig.row(first.id).plan
    assert rig.all_on(first.id)
    with pytest.raises(Denied, match="users complain"):
        rig.deploy(rig.row(second.id).release)
    rig.operations.lift(Lift("shop", "dev", rig.row(second.id).release, "it was the network", actor="bob"))
    again = rig.deploy(rig.row(second.id).release)
    rig.run(10)
    assert rig.state(again.id) is State.SUCCEEDED
    assert "quarantine.lifted" in {e.kind for e in rig.operations.auditing.entries(AuditQuery()).entries}
    assert rig.operations.auditing.entries(AuditQuery()).whole


def test_a_rollback_during_a_deployment_aborts_it(rig: Rig) -> None:
    first = rig.deploy(rig.release("1"))
    rig.run(10)
    rig.target.start_seconds = 5.0
    second = rig.deploy(rig.release("2"))
    rig.turn()
    assert rig.state(second.id) is State.RUNNING
    rig.operations.roll_back(RollBack("shop", "dev", "wrong button", actor="bob"))
    rig.run(10)
    assert rig.state(second.id) is State.ABORTED
    assert rig.all_on(first.id)


def test_pause_keeps_everything_as_it_is_and_resume_goes_on(rig: Rig) -> None:
    rig.target.start_seconds = 5.0
    row = rig.deploy(rig.release("1"))
    rig.turn()
    rig.operations.ask(row.id, "pause", Ask("lunch", "bob"))
    rig.run(20)
    assert rig.state(row.id) is State.PAUSED
    assert "paused" in rig.row(row.id).because
    before = rig.running()
    rig.run(60)
    assert rig.running() == before
    rig.operations.ask(row.id, "resume", Ask("", "bob"))
    rig.run(10)
    assert rig.state(row.id) is State.SUCCEEDED


def test_abort_before_it_begins_simply_ends_it(rig: Rig) -> None:
    row = rig.deploy(rig.release("1"))
    rig.operations.ask(row.id, "abort", Ask("", "bob"))
    rig.run(5)
    assert rig.state(row.id) is State.ABORTED
    assert rig.target.started == 0


def test_what_goes_back_cannot_be_paused(rig: Rig) -> None:
    rig.target.start_seconds = 5.0
    row = rig.deploy(rig.release("1"))
    rig.turn()
    rig.operations.ask(row.id, "abort", Ask("", "bob"))
    rig.target.stop_seconds = 100.0
    rig.run(3)
    assert rig.state(row.id) is State.ROLLING_BACK
    with pytest.raises(Conflict, match="already going back"):
        rig.operations.ask(row.id, "pause", Ask("", "bob"))


def test_the_newest_supersedes_those_that_wait(rig: Rig) -> None:
    rig.target.start_seconds = 5.0
    first = rig.deploy(rig.release("1"))
    rig.turn()
    second = rig.deploy(rig.release("2"))
    third = rig.deploy(rig.release("3"))
    assert rig.state(second.id) is State.SUPERSEDED
    rig.run(30)
    assert rig.state(first.id) is State.SUCCEEDED
    assert rig.state(third.id) is State.SUCCEEDED
    assert rig.all_on(third.id)


@EVERY_STRATEGY
def test_an_urgent_deployment_takes_over_a_broken_one_from_where_it_is(rig: Rig, kind: StrategyKind) -> None:
    rig.deploy(rig.release("1", strategy=Strategy(kind)))
    rig.run(10)
    rig.target.start_seconds = 30.0
    stuck = rig.deploy(rig.release("2"))
    rig.run(3)
    rig.target.start_seconds = 0.05
    fix = rig.deploy(rig.release("3"), urgent=True)
    rig.run(20)
    assert rig.state(stuck.id) is State.SUPERSEDED
    assert rig.state(fix.id) is State.SUCCEEDED
    assert rig.all_on(fix.id)


def test_an_instance_that_is_lost_is_started_again(rig: Rig) -> None:
    row = rig.deploy(rig.release("1"))
    rig.run(10)
    key = rig.plan(row.id).components[0].key
    lost = rig.target.observe(key).instances[0]
    rig.target.lose(key, lost.id)
    rig.run(15)
    assert rig.all_on(row.id)
    kinds = [e.kind for e in rig.store.history.events(0, 1000, deployment=row.id)]
    assert "environment.repaired" in kinds
    endpoints = {i.endpoint for i in rig.target.observe(key).instances}
    assert set(rig.router.routes[key].pools[0].endpoints) == endpoints


def test_what_hinders_keeping_is_told_once_and_again_when_it_is_over(rig: Rig) -> None:
    row = rig.deploy(rig.release("1"))
    rig.run(10)
    whole = rig.worker.flow.reconciler
    troubles = ["The engine does not answer."]

    def unable(plan: Plan) -> Executor:
        raise Unavailable(troubles[-1])

    rig.worker.flow = replace(rig.worker.flow, reconciler=replace(whole, executors=unable))
    rig.run(30)
    troubles.append("The engine is full.")
    rig.run(30)
    rig.worker.flow = replace(rig.worker.flow, reconciler=whole)
    rig.run(30)
    events = rig.store.history.events(0, 1000, deployment=row.id)
    assert [e.because for e in events if e.kind == "environment.repaired"] == [
        "It could not be kept as deployed: The engine does not answer.",
        "It could not be kept as deployed: The engine is full.",
        "It is kept as deployed again.",
    ]
    key = rig.plan(row.id).components[0].key
    for _ in range(2):
        rig.target.lose(key, rig.target.observe(key).instances[0].id)
        rig.run(15)
    events = rig.store.history.events(0, 1000, deployment=row.id)
    assert len([e for e in events if "are started again" in e.because]) == 2


def test_a_route_that_is_written_but_not_in_force_is_given_again_before_anything_else(rig: Rig) -> None:
    rig.deploy(rig.release("1"))
    rig.run(10)
    row = rig.deploy(rig.release("2"))
    key = rig.plan(row.id).components[0].key
    rig.router.untaken.add(key)
    given = len(rig.router.routes)
    rig.turn()
    assert key not in rig.router.untaken and len(rig.router.routes) == given
    rig.run(10)
    assert rig.all_on(row.id)


def test_a_new_release_enters_by_itself_where_the_first_environment_says_so(rig: Rig) -> None:
    takes_all = replace(rig.catalogue.get("dev"), promote=environments.Promote.AUTOMATIC)
    rig.catalogue = Catalogue({**rig.catalogue.environments, "dev": takes_all})
    release = rig.release("1")
    rig.run(20)
    for environment in ("dev", "staging"):
        holder = rig.store.history.holder("shop", environment)
        assert holder is not None and holder.release == release
    assert rig.release("1") == release
    rig.run(5)
    assert len(rig.operations.deployments("shop", "dev", frozenset(), 10)) == 1


def test_a_release_that_no_environment_can_take_is_made_all_the_same(rig: Rig) -> None:
    takes_all = replace(rig.catalogue.get("dev"), promote=environments.Promote.AUTOMATIC, listen={})
    rig.catalogue = Catalogue({"dev": takes_all})
    assert rig.release("1") == rig.operations.release("shop", "latest").id
    assert rig.operations.deployments("shop", "dev", frozenset(), 10) == ()


def test_an_automatic_deployment_does_not_supersede_a_rollback_that_waits(rig: Rig) -> None:
    for version in ("1", "2"):
        rig.deploy(rig.release(version))
        rig.run(10)
    newest = rig.release("3")
    back = rig.operations.roll_back(RollBack("shop", "dev", "users complain", actor="bob"))
    rig.deploy(newest)
    assert rig.state(back.id) is State.PENDING
    rig.run(20)
    assert rig.state(back.id) is State.SUCCEEDED


def test_an_answer_by_the_release_before_proves_nothing_about_the_new_one(rig: Rig) -> None:
    check = HttpCheck("/items.json")
    first = rig.deploy(rig.release("1", verify=(check,)))
    rig.run(10)
    old = rig.plan(first.id).components[0].revision
    second = rig.deploy(rig.release("2"))
    new = rig.plan(second.id).components[0].revision
    # Before it gets traffic, twice too early through the router, and then itself.
    rig.http.answered_by = [new, old, old, new]
    rig.run(10)
    assert rig.http.answered_by == []
    assert rig.state(second.id) is State.SUCCEEDED


def test_a_router_that_goes_on_sending_requests_elsewhere_fails_the_deployment(rig: Rig) -> None:
    first = rig.deploy(rig.release("1", verify=(HttpCheck("/items.json"),)))
    rig.run(10)
    old = rig.plan(first.id).components[0].revision
    second = rig.deploy(rig.release("2"))
    rig.http.answered_by = [rig.plan(second.id).components[0].revision, *[old] * 1000]
    rig.run(30)
    assert rig.state(second.id) is State.ROLLED_BACK
    assert "should have no traffic" in rig.row(second.id).progress.failure
