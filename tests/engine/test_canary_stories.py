"""Stories about canaries, told in fake time: users come at a steady rate, and some of their requests fail."""

from dataclasses import replace

import pytest

from lockgate.core.application import Strategy, StrategyKind
from lockgate.core.canary import Baseline, Canary, Criteria, Inconclusive, Metric, MetricKind, Stage
from lockgate.core.deployment import State
from lockgate.core.errors import Unavailable
from lockgate.core.ids import DeploymentId
from lockgate.core.window import Ratio, Reading
from lockgate.engine import ledger as ledgers
from lockgate.engine import record
from lockgate.engine.analyst import canary_of
from lockgate.engine.course import legs_of
from lockgate.messages import Ask
from lockgate.testing.rig import Rig

QUICK = Criteria(warm_up=0.0)
TWO = Canary((Stage(1000, 20.0), Stage(5000, 20.0)), criteria=QUICK)


def canary(shape: Canary = TWO) -> Strategy:
    return Strategy(StrategyKind.CANARY, canary=shape)


@pytest.fixture
def users(rig: Rig) -> Rig:
    """Version 1 runs in dev, with users of whose requests one in a thousand fails."""
    rig.router.rate, rig.router.fail_otherwise = 200.0, 0.001
    rig.deploy(rig.release("1", strategy=canary()))
    rig.run(10)
    return rig


def failing(rig: Rig, share: float, shape: Canary = TWO) -> str:
    """Deploys version 2, of whose requests that share fails; returns the deployment."""
    deployment = rig.deploy(rig.release("2", strategy=canary(shape)))
    revision = rig.plan(deployment.id).components[0].revision
    rig.router.failing[revision] = share
    return deployment.id


def test_a_canary_that_hurts_users_is_taken_back_while_few_have_met_it(users: Rig) -> None:
    deployment = failing(users, 0.05)
    users.run(60)
    row = users.row(deployment)
    assert row.state is State.ROLLED_BACK
    assert row.ended_at is not None and row.ended_at - row.created_at < 30
    weights = {pool.weight for route in users.router.applied for pool in route.pools}
    assert weights == {0, 1000, 9000, 10_000}
    assert users.store.quarantines.barred("shop", "dev", row.release)
    assert " failed " in row.because


def test_a_canary_as_good_as_before_goes_from_stage_to_stage(users: Rig) -> None:
    deployment = failing(users, 0.001)
    users.run(15)
    assert sorted(users.serving().values()) == [1000, 9000]
    users.run(20)
    assert sorted(users.serving().values()) == [5000, 5000]
    events = users.store.history.events(0, 500, deployment=deployment)
    assert [e.because.split(".")[0] for e in events if e.kind == "deployment.stage"] == [
        "web goes on to stage 2 of 2, at 50 %"
    ]


def test_nothing_is_decided_without_requests(users: Rig) -> None:
    users.router.rate = 0.0
    deployment = failing(users, 0.0)
    users.run(600)
    row = users.row(deployment)
    assert (row.state, row.progress.stage) == (State.RUNNING, 0)
    assert "nothing is known" in row.because


def test_one_that_is_not_decided_in_its_time_waits_for_somebody(users: Rig) -> None:
    deployment = failing(users, 0.0012, replace(TWO, within=60.0, early=False))
    users.router.rate = 2.0
    users.run(120)
    row = users.row(deployment)
    assert row.state is State.RUNNING and "nothing is decided" in row.because and row.who
    users.operations.ask(deployment, "finish", Ask("", "bob"))
    users.run(20)
    assert users.state(deployment) is State.SUCCEEDED and users.all_on(deployment)


def test_one_that_is_not_decided_in_its_time_can_be_taken_back_without_blame(users: Rig) -> None:
    deployment = failing(users, 0.0012, replace(TWO, within=60.0, inconclusive=Inconclusive.ROLL_BACK))
    users.router.rate = 2.0
    users.run(120)
    row = users.row(deployment)
    assert row.state is State.ROLLED_BACK
    assert not users.store.quarantines.barred("shop", "dev", row.release)


def test_a_stage_can_hold_for_a_person_while_it_is_watched(users: Rig) -> None:
    held = replace(TWO, stages=(Stage(1000, 5.0, hold=True), Stage(5000, 5.0)))
    deployment = failing(users, 0.001, held)
    users.run(100)
    row = users.row(deployment)
    assert row.progress.stage == 0 and "holds until somebody" in row.because and row.who
    users.operations.ask(deployment, "continue", Ask("", "bob"))
    users.run(5)
    assert users.row(deployment).progress.stage == 1
    users.router.failing = dict.fromkeys(users.router.failing, 0.2)
    users.run(30)
    assert users.state(deployment) is State.ROLLED_BACK


def test_what_was_watched_is_kept_and_can_be_judged_again(users: Rig) -> None:
    deployment = failing(users, 0.05)
    users.run(60)
    windows = users.store.history.windows(DeploymentId(deployment))
    assert [window.number for window in windows] == list(range(1, len(windows) + 1))
    assert sum(window.canary.errors for window in windows) >= 5
    assert all(window.weight == 1000 for window in windows)
    again = users.operations.replay(deployment)
    assert again.agrees and again.advice == "roll-back" and again.verdict in users.row(deployment).because
    assert again.windows == again.decided == len(windows)
    seen = users.operations.analysis(deployment)
    assert seen.verdict == again.verdict and len(seen.series.points) == len(windows)


def test_who_looks_again_sees_what_was_added(users: Rig) -> None:
    deployment = failing(users, 0.001)
    seen = []
    for _ in range(6):
        users.run(5)
        seen.append(users.operations.analysis(deployment))
    counts = [len(view.series.points) for view in seen]
    assert counts == sorted(set(counts))
    fresh = record.view(users.store, users.row(deployment), record.Recollection())
    assert users.operations.analysis(deployment) == fresh


def test_what_was_tampered_with_does_not_agree(users: Rig) -> None:
    deployment = failing(users, 0.05)
    users.run(60)
    windows = users.store.history.windows(DeploymentId(deployment))
    row = users.row(deployment)
    (leg,) = legs_of(users.plan(deployment), None, back=False)
    written = ledgers.read(row.evidence, "web")
    assert written is not None
    spoilt = replace(windows[0], canary=replace(windows[0].canary, errors=windows[0].canary.errors + 1))
    again = record.record(users.store, row)
    assert again.agrees
    assert not replace(again, ledgers=record.again(canary_of(leg), written.emptied(), [spoilt, *windows[1:]])).agrees


def test_nearly_nothing_but_errors_is_too_much_even_while_it_warms_up(users: Rig) -> None:
    slow = replace(TWO, criteria=Criteria(warm_up=60.0))
    deployment = failing(users, 0.97, slow)
    users.run(60)
    row = users.row(deployment)
    assert row.state is State.ROLLED_BACK and "warming up" in row.because
    assert row.ended_at is not None and row.ended_at - row.created_at < 20
    assert users.operations.replay(deployment).agrees


def test_errors_of_a_warm_up_are_not_held_against_it(users: Rig) -> None:
    deployment = failing(users, 0.2, replace(TWO, criteria=Criteria(warm_up=30.0)))
    users.run(28)
    users.router.failing = dict.fromkeys(users.router.failing, 0.001)
    users.run(40)
    assert users.state(deployment) is State.RUNNING
    assert any(window.excluded for window in users.store.history.windows(DeploymentId(deployment)))


CHECKOUT = Metric("checkout", "http", MetricKind.COUNTER, {"url": "http://m", "bad": "bad", "all": "all"})


def test_a_metric_of_ones_own_takes_a_canary_back_although_no_request_fails(users: Rig) -> None:
    measured = replace(TWO, criteria=replace(QUICK, metrics=(CHECKOUT,), latency=False))
    deployment = failing(users, 0.001, measured)
    for turn in range(1, 40):
        for side, bad in (("canary", 40 * turn), ("baseline", turn)):
            users.metrics.told["checkout", side] = Reading(0.0, {"": Ratio(bad, 100 * turn)})
        users.run(1)
    row = users.row(deployment)
    assert row.state is State.ROLLED_BACK and "checkout" in row.because
    name, labels = users.metrics.asked[0]
    assert name == "checkout" and labels["application"] == "shop" and labels["side"] == "canary"
    assert labels["revision"] == users.plan(deployment).components[0].revision
    assert users.operations.replay(deployment).agrees


MEMORY = Metric("memory", "http", MetricKind.GAUGE, {"url": "http://m", "value": "memory"})


@pytest.mark.parametrize(("canary_level", "state"), [(160.0, State.ROLLED_BACK), (101.0, State.RUNNING)])
def test_a_level_that_moved_more_than_it_ever_did_takes_a_canary_back(
    rig: Rig, canary_level: float, state: State
) -> None:
    """It is known how it moved: for an hour, the instances of what runs were asked."""
    shape = replace(TWO, criteria=replace(QUICK, metrics=(MEMORY,), latency=False), early=False, within=3600.0)
    shape = replace(shape, stages=(replace(shape.stages[0], soak=1800.0), shape.stages[1]))
    rig.router.rate, rig.router.fail_otherwise = 2.0, 0.0
    rig.deploy(rig.release("1", strategy=canary(shape)))
    rig.run(10)
    for turn in range(45):
        level = 100.0 + (turn * 7) % 5
        rig.metrics.told["memory", "baseline"] = Reading(0.0, value=level, values={"a": level, "b": 102.0})
        rig.run(60)
    deployment = rig.deploy(rig.release("2", strategy=canary(shape))).id
    rig.metrics.told["memory", "canary"] = Reading(0.0, value=canary_level)
    rig.run(1200)
    row = rig.row(deployment)
    assert row.state is state, row.because
    assert ("memory" in row.because) is (state is State.ROLLED_BACK)
    assert rig.operations.replay(deployment).agrees


def test_a_source_that_does_not_answer_has_no_data_and_stops_nothing(users: Rig) -> None:
    measured = replace(TWO, criteria=replace(QUICK, metrics=(CHECKOUT,), latency=False))
    users.metrics.told["checkout", "canary"] = Unavailable("No answer.")
    deployment = failing(users, 0.05, measured)
    users.run(60)
    assert users.state(deployment) is State.ROLLED_BACK


def test_a_canary_compared_with_fresh_instances_leaves_the_old_ones_out(users: Rig) -> None:
    fresh = replace(TWO, criteria=replace(QUICK, baseline=Baseline.FRESH, latency=False))
    deployment = failing(users, 0.05, fresh)
    users.run(60)
    assert users.state(deployment) is State.ROLLED_BACK
    (first, *_) = users.store.history.windows(DeploymentId(deployment))
    assert (first.canary.instances, first.baseline.instances) == (1, 3)
    # One of three instances of the baseline is fresh, and has a third of its requests; the canary has a tenth of all.
    assert first.baseline.requests == pytest.approx(9 * first.canary.requests / 3, rel=0.2)
    assert first.weight == pytest.approx(10_000 * 0.1 / (0.1 + 0.3), rel=0.02)
    assert set(users.running().values()) == {2}
