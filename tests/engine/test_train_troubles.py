"""Trains in trouble: others act on what a train deploys, on where it goes and on what people do in it."""

import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from tests.engine.convoy import Convoy, chore, ride

from lockgate.core.deployment import State
from lockgate.core.environment import Catalogue, Queueing
from lockgate.core.errors import Conflict, Denied, LockgateError
from lockgate.core.people import Caller
from lockgate.core.train import StepState, run_name
from lockgate.engine import itinerary
from lockgate.messages import Ask, Deploy, RollBack
from lockgate.messages.trains import AbortTrain, FinishTask, RejectTask, Tick
from lockgate.store.database import open_store


@pytest.fixture
def convoy(tmp_path: Path) -> Iterator[Convoy]:
    with open_store(f"sqlite:///{tmp_path}/lockgate.db") as store:
        yield Convoy(store)


# --- its deployments ---


def test_a_deployment_tells_which_train_it_belongs_to(convoy: Convoy) -> None:
    alone = convoy.put("web", "1")
    convoy.made("api", "2")
    convoy.target.start_seconds = 30.0
    convoy.train(ride("api"))
    convoy.run(1)
    row = convoy.operations.deployment("dep-2")
    told = convoy.operations.explain("dep-2")
    assert (row.train, told.deployment.train) == ("friday", "friday")
    assert "It is step api of the train friday: lockgate train show friday" in told.sentences
    (board,) = (one for one in convoy.operations.status("api", "dev").rows if one.under_way)
    assert board.under_way is not None and board.under_way.train == "friday"
    assert convoy.operations.deployment(alone).train == ""
    assert not any("train" in sentence for sentence in convoy.operations.explain(alone).sentences)


@pytest.mark.parametrize(
    ("on_failure", "state", "version"), [("stop", "failed", "2"), ("roll_back_all", "rolled_back", "1")]
)
def test_a_deployment_of_it_that_somebody_aborts_fails_it(
    convoy: Convoy, on_failure: str, state: str, version: str
) -> None:
    convoy.put("api", "1")
    convoy.made("api", "2")
    convoy.made("web", "1", api=">=2")
    convoy.train(ride("api", "2"), ride("web"), on_failure=on_failure)
    convoy.target.start_seconds = 5.0
    convoy.run(8)
    assert convoy.states()["web"] == "running"
    convoy.operations.ask(convoy.show().steps[1].deployment, "abort", Ask("not mine", "carol"))
    convoy.run(60)
    assert convoy.show().state == state and convoy.version("api") == version
    assert convoy.show().because.startswith("web failed: dep-3 is aborted: ")


def test_a_deployment_of_it_that_is_paused_makes_it_wait(convoy: Convoy) -> None:
    convoy.made("api", "2")
    convoy.target.start_seconds = 5.0
    convoy.train(ride("api"))
    convoy.run(1)
    convoy.operations.ask("dep-1", "pause", Ask("", "carol"))
    convoy.run(3)
    assert convoy.states() == {"api": "waiting"}
    convoy.operations.ask("dep-1", "resume", Ask("", "carol"))
    convoy.run(30)
    assert convoy.show().state == "succeeded"


def test_a_release_that_is_barred_while_its_step_waits_fails_it(convoy: Convoy) -> None:
    convoy.put("api", "1")
    bad = convoy.made("api", "2")
    convoy.train(chore("look"), ride("api", "2", "look"))
    convoy.run(1)
    convoy.operations.deploy(Deploy("api", "dev", bad, actor="ann"))
    convoy.run(30)
    convoy.operations.roll_back(RollBack("api", "dev", "It loses orders.", "ann"))
    convoy.run(30)
    convoy.desk().finish("friday", "look", FinishTask())
    convoy.run(5)
    assert convoy.show().state == "failed" and "It loses orders." in convoy.show().because
    assert convoy.version("api") == "1" and convoy.store.trains.runs("friday") == {}


def test_what_it_requires_and_does_not_bring_is_waited_for(convoy: Convoy) -> None:
    convoy.put("api", "1.9")
    convoy.made("web", "1", api=">=2")
    convoy.train(ride("web"))
    convoy.run(10)
    (step,) = convoy.show().steps
    assert step.state == "waiting" and step.who == "whoever may deploy api"
    assert step.because == "web 1 (#1) requires api >=2 in dev, and api 1.9 (#1), which runs there, is not >=2."
    assert convoy.show().because == f"web: {step.because}"
    convoy.put("api", "2.0")
    convoy.run(90)
    assert convoy.show().state == "succeeded"


def test_one_that_waits_for_ever_can_be_aborted(convoy: Convoy) -> None:
    convoy.made("web", "1", api=">=2")
    convoy.train(ride("web"))
    convoy.run(5)
    convoy.desk().abort("friday", AbortTrain("api is late"))
    convoy.run(5)
    assert convoy.show().state == "aborted" and convoy.state("dep-1") is State.ABORTED


# --- beside others ---


def queues(convoy: Convoy, queueing: Queueing) -> None:
    dev = convoy.catalogue.environments["dev"]
    convoy.catalogue = replace(convoy.catalogue, environments={"dev": replace(dev, queueing=queueing)})


def test_trains_of_other_applications_do_not_meet(convoy: Convoy) -> None:
    convoy.made("api", "2")
    convoy.made("web", "1")
    convoy.train(ride("api"))
    convoy.train(ride("web"), name="monday")
    convoy.run(30)
    assert {view.state for view in convoy.desk().all(9)} == {"succeeded"}


def test_two_trains_with_the_same_application_go_one_after_the_other(convoy: Convoy) -> None:
    for version in ("2", "3"):
        convoy.made("api", version)
    convoy.target.start_seconds = 5.0
    convoy.train(ride("api", "2"))
    convoy.run(2)
    convoy.train(ride("api", "3"), name="monday")
    convoy.run(2)
    assert (convoy.states(), convoy.states("monday")) == ({"api": "running"}, {"api": "waiting"})
    assert "dep-1" in convoy.show("monday").steps[0].because
    convoy.run(60)
    assert {view.state for view in convoy.desk().all(9)} == {"succeeded"} and convoy.version("api") == "3"


@pytest.mark.parametrize("queueing", list(Queueing))
def test_a_newer_train_takes_the_place_of_what_waits_unless_the_environment_queues(
    convoy: Convoy, queueing: Queueing
) -> None:
    queues(convoy, queueing)
    for version in ("2", "3"):
        convoy.made("web", version, api=">=2")
    convoy.train(ride("web", "2"))
    convoy.run(2)
    convoy.train(ride("web", "3"), name="monday")
    convoy.run(3)
    assert convoy.states("monday") == {"web": "waiting"}
    if queueing is Queueing.NEWEST:
        assert convoy.show().state == "failed" and "dep-1 is superseded: " in convoy.show().because
        assert "dep-2" in convoy.show().because
    else:
        assert convoy.states() == {"web": "waiting"}


def test_trains_that_wait_keep_no_other_from_its_turn(convoy: Convoy) -> None:
    queues(convoy, Queueing.QUEUE)
    convoy.made("web", "1", api=">=2")
    for number in range(55):
        convoy.train(ride("web"), name=f"waits-{number}")
    convoy.run(10)
    convoy.made("jobs", "1")
    convoy.train(ride("jobs"))
    convoy.run(5)
    assert convoy.show().state == "succeeded" and convoy.states("waits-0") == {"web": "waiting"}


def test_an_environment_that_lacks_what_a_release_needs_is_told_and_waited_for(convoy: Convoy) -> None:
    """Whoever mends the file lets it go on; nobody has to start anything anew."""
    convoy.made("api", "2")
    whole = convoy.catalogue
    convoy.train(chore("look"), ride("api", "2", "look"))
    convoy.run(1)
    convoy.catalogue = replace(whole, environments={"dev": replace(whole.environments["dev"], listen={})})
    convoy.desk().finish("friday", "look", FinishTask())
    convoy.run(5)
    (_, api) = convoy.show().steps
    assert api.state == "running" and "nothing says where traffic for api arrives" in api.because
    convoy.catalogue = whole
    convoy.run(30)
    assert convoy.show().state == "succeeded"


# --- going back ---


def came(convoy: Convoy) -> None:
    """api 2 has come by a train, and somebody looks at it."""
    convoy.put("api", "1")
    convoy.made("api", "2")
    convoy.train(ride("api", "2"), chore("look", after=("api",)), on_failure="roll_back_all")
    convoy.run(20)


def looked_bad(convoy: Convoy) -> None:
    convoy.desk().reject("friday", "look", RejectTask("It looks bad."))


def test_what_came_after_it_is_not_taken_away_by_a_server_that_was_away(convoy: Convoy) -> None:
    """It had decided to take api back and died; api is deployed anew; another server goes on."""
    came(convoy)
    looked_bad(convoy)
    booked, now = convoy.store.trains.get("friday"), convoy.clock.now()
    after, moves = itinerary.advanced(booked.train, convoy.dispatcher._sight(booked.train), now)
    assert after.steps[0].state is StepState.ROLLING_BACK and moves
    convoy.store.trains.save(after, booked.version, now + 300, [])
    convoy.put("api", "3")
    convoy.run(300)
    assert convoy.version("api") == "3" and convoy.show().state == "rolled_back"
    because = "It stays: something else has taken its place in dev since."
    assert (convoy.show().steps[0].state, convoy.show().steps[0].because) == ("succeeded", because)
    kinds = [event.kind for event in convoy.show().timeline]
    assert kinds.count("train.step_stays") == 1 and "train.step_succeeded" in kinds
    assert convoy.store.trains.runs("friday") == {run_name("friday", "api"): "dep-2"}


@pytest.mark.parametrize("good", [True, False])
def test_what_somebody_is_deploying_is_waited_for_before_it_goes_back(convoy: Convoy, good: bool) -> None:
    came(convoy)
    fix = convoy.made("api", "3")
    if not good:
        convoy.breaks(fix)
    convoy.target.start_seconds = 5.0
    deployment = convoy.operations.deploy(Deploy("api", "dev", fix, actor="carol")).id
    convoy.run(2)
    looked_bad(convoy)
    convoy.run(2)
    (api, _) = convoy.show().steps
    assert (api.state, api.because) == ("rolling_back", f"{deployment} is deploying api there: it is waited for.")
    convoy.run(90)
    assert convoy.show().state == "rolled_back"
    assert convoy.version("api") == ("3" if good else "1")
    assert convoy.states()["api"] == ("succeeded" if good else "rolled_back")


def test_a_way_back_that_would_break_something_else_waits_and_can_be_given_up(convoy: Convoy) -> None:
    came(convoy)
    convoy.put("web", "1", api=">=2")
    looked_bad(convoy)
    convoy.run(20)
    (api, _) = convoy.show().steps
    assert (convoy.show().state, api.state) == ("rolling_back", "rolling_back")
    assert "web 1 (#1), which runs in dev, requires >=2" in api.because and api.who == "whoever may deploy web"
    with pytest.raises(Conflict, match="already being taken back"):
        convoy.desk().abort("friday", AbortTrain())
    convoy.operations.ask(api.back, "abort", Ask("It stays.", "ann"))
    convoy.run(10)
    assert convoy.show().state == "failed" and convoy.version("api") == "2"
    assert "could not be taken back" in convoy.show().steps[0].because


# --- where it goes ---


def test_an_environment_that_is_gone_fails_the_step_that_goes_there(convoy: Convoy) -> None:
    convoy.made("api", "2")
    convoy.train(chore("look"), ride("api", "2", "look"))
    convoy.run(1)
    convoy.catalogue = Catalogue({}, groups=convoy.catalogue.groups)
    convoy.desk().finish("friday", "look", FinishTask())
    convoy.run(5)
    assert convoy.show().state == "failed" and "no environment 'dev'" in convoy.show().because
    assert convoy.count("api") == 0


def test_an_environment_that_is_gone_keeps_what_was_to_be_taken_back(convoy: Convoy) -> None:
    came(convoy)
    looked_bad(convoy)
    convoy.catalogue = Catalogue({}, groups=convoy.catalogue.groups)
    convoy.run(5)
    assert convoy.show().state == "failed" and convoy.states()["api"] == "failed"
    assert "no environment 'dev'" in convoy.show().steps[0].because and convoy.version("api") == "2"


# --- people ---


def test_a_task_is_done_once_however_many_do_it_at_once(convoy: Convoy) -> None:
    convoy.train(chore("look"))
    convoy.run(1)
    said: list[str] = []

    def does(name: str) -> None:
        try:
            said.append(convoy.desk(name).finish("friday", "look", FinishTask(name)).by)
        except LockgateError as error:
            assert isinstance(error, Conflict), error

    threads = [threading.Thread(target=does, args=(name,)) for name in ("alice", "bob") * 3]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    task = convoy.desk().task("friday", "look")
    assert said == [task.by] == [task.comment]
    assert [e.kind for e in convoy.show().timeline].count("task.done") == 1
    with pytest.raises(Conflict, match="look is succeeded: nothing of it can be changed any more"):
        convoy.desk(task.by).finish("friday", "look", FinishTask())
    with pytest.raises(Conflict, match="nothing of it can be changed any more"):
        convoy.desk(task.by).reject("friday", "look", RejectTask("no"))


def test_ticks_of_two_people_at_once_are_both_kept(convoy: Convoy) -> None:
    convoy.train(chore("look", *(f"item {n}" for n in range(8))))
    convoy.run(1)
    desks = [convoy.desk(("alice", "bob")[n % 2]) for n in range(8)]
    threads = [threading.Thread(target=desks[n].tick, args=("friday", "look", Tick(n + 1))) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [item.by for item in convoy.desk().task("friday", "look").items] == ["alice", "bob"] * 4


def test_whoever_has_left_the_group_may_not_do_its_tasks(convoy: Convoy) -> None:
    convoy.train(chore("look"))
    convoy.run(1)
    left = Caller("bob", personal=True, groups=frozenset())
    with pytest.raises(Denied, match="look is for operators: bob is not"):
        convoy.operations.on_behalf_of(left).trains.finish("friday", "look", FinishTask())


def test_a_task_of_a_train_that_stops_is_nobodys_any_more(convoy: Convoy) -> None:
    convoy.train(chore("look"), chore("announce"))
    convoy.run(1)
    convoy.desk().reject("friday", "look", RejectTask("no"))
    with pytest.raises(LockgateError):
        convoy.run(2)
        convoy.desk("bob").finish("friday", "announce", FinishTask())
    assert convoy.states() == {"look": "failed", "announce": "aborted"} and convoy.desk().tasks() == ()
