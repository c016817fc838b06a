"""Stories of trains: several releases that go to an environment together, and what people do in between."""

import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.engine.convoy import Convoy, chore, ride

from lockgate.core.deployment import State
from lockgate.core.environment import Catalogue
from lockgate.core.errors import Conflict, Denied, Invalid, NotFound, Problem
from lockgate.core.train import run_name
from lockgate.engine.promoter import Promoter
from lockgate.messages import Deploy, RollBack
from lockgate.messages.trains import (
    AbortTrain,
    CreateTrain,
    FinishTask,
    RejectTask,
    StartTrain,
    StepDraft,
    Tick,
)
from lockgate.store.database import open_store


@pytest.fixture
def convoy(tmp_path: Path) -> Iterator[Convoy]:
    with open_store(f"sqlite:///{tmp_path}/lockgate.db") as store:
        yield Convoy(store)


# --- requirements, with and without a train ---


def test_what_requires_something_waits_until_it_is_there(convoy: Convoy) -> None:
    convoy.made("api", "2.0")
    web = convoy.made("web", "1.0", api=">=2.0 <3")
    row = convoy.operations.deploy(Deploy("web", "dev", web, actor="ann"))
    convoy.run(5)
    assert convoy.state(row.id) is State.GATED
    assert convoy.row(row.id).because == (
        "web 1.0 (#1) requires api >=2.0 <3 in dev, and nothing of api runs there yet."
    )
    convoy.put("api", "1.9")
    convoy.run(35)
    assert "api 1.9 (#2), which runs there, is not >=2.0 <3" in convoy.row(row.id).because
    convoy.put("api", "2.1")
    convoy.run(90)
    assert convoy.state(row.id) is State.SUCCEEDED


def test_what_something_requires_is_not_taken_away(convoy: Convoy) -> None:
    convoy.put("api", "1.0")
    convoy.put("api", "2.0")
    convoy.put("web", "1.0", api=">=2")
    back = convoy.operations.roll_back(RollBack("api", "dev", "it is slow", "ann"))
    convoy.run(5)
    assert convoy.state(back.id) is State.GATED
    assert "web 1.0 (#1), which runs in dev, requires >=2, and api 1.0 (#1) is not >=2." in convoy.row(back.id).because
    assert convoy.version("api") == "2.0"


def test_a_rollback_that_insists_with_a_reason_passes_and_that_is_on_record(convoy: Convoy) -> None:
    convoy.put("api", "1.0")
    convoy.put("api", "2.0")
    convoy.put("web", "1.0", api=">=2")
    back = convoy.operations.roll_back(RollBack("api", "dev", "it loses orders", "ann", urgent=True))
    convoy.run(30)
    assert convoy.state(back.id) is State.SUCCEEDED
    (told,) = [e for e in convoy.store.history.events(0, 999, deployment=back.id) if e.kind == "deployment.exempted"]
    assert told.because.endswith("It is urgent even so: it loses orders") and told.audited


def test_another_version_that_would_break_something_waits_unless_urgent_with_a_reason(convoy: Convoy) -> None:
    convoy.put("api", "2.0")
    convoy.put("web", "1.0", api=">=2 <3")
    third = convoy.made("api", "3.0")
    waiting = convoy.operations.deploy(Deploy("api", "dev", third, actor="ann"))
    silent = convoy.operations.deploy(Deploy("api", "dev", third, actor="ann", urgent=True))
    convoy.run(5)
    assert convoy.state(waiting.id) is State.SUPERSEDED and convoy.state(silent.id) is State.GATED
    urgent = convoy.operations.deploy(Deploy("api", "dev", third, actor="ann", urgent=True, reason="a hole"))
    convoy.run(30)
    assert convoy.state(urgent.id) is State.SUCCEEDED


def test_while_what_is_required_is_being_changed_it_counts_as_not_there(convoy: Convoy) -> None:
    convoy.put("api", "2.0")
    convoy.target.start_seconds = 60.0
    row = convoy.operations.deploy(Deploy("api", "dev", convoy.made("api", "2.1"), actor="ann"))
    convoy.run(3)
    web = convoy.operations.deploy(Deploy("web", "dev", convoy.made("web", "1", api=">=2"), actor="ann"))
    convoy.run(3)
    assert f"{row.id} is deploying api there just now" in convoy.row(web.id).because


# --- trains ---


def test_a_train_orders_itself_by_what_its_releases_require(convoy: Convoy) -> None:
    convoy.made("api", "2.0")
    convoy.made("web", "5", api=">=2.0")
    view = convoy.train(ride("web", "5"), ride("api", "2.0"))
    assert [(step.name, step.after) for step in view.steps] == [("api", ()), ("web", ("api",))]
    convoy.run(0.25)
    assert convoy.states()["api"] in ("running", "waiting") and convoy.states()["web"] == "pending"
    convoy.run(60)
    done = convoy.show()
    assert done.state == "succeeded" and [step.state for step in done.steps] == ["succeeded"] * 2
    assert done.steps[1].began_at >= done.steps[0].ended_at  # type: ignore[operator]
    assert convoy.version("api") == "2.0" and convoy.version("web") == "5"
    assert all(step.who == "alice" and step.environment == "dev" and step.took for step in done.steps)


def test_its_deployments_are_those_of_whoever_started_it(convoy: Convoy) -> None:
    convoy.made("api", "2.0")
    convoy.desk("carol").create(CreateTrain("friday", "dev", (ride("api"),)))
    convoy.desk("bob").start("friday", StartTrain())
    convoy.run(10)
    (step,) = convoy.show().steps
    row = convoy.row(step.deployment)
    assert (row.actor, row.personal, row.train) == ("bob", True, "friday/api")


def test_one_list_tells_of_the_train_its_tasks_and_its_deployments(convoy: Convoy) -> None:
    convoy.made("api", "2.0")
    convoy.train(chore("announce", "mail"), ride("api", "2.0", "announce"))
    convoy.run(2)
    convoy.desk("bob").tick("friday", "announce", Tick(1))
    convoy.desk("bob").finish("friday", "announce", FinishTask("All told."))
    convoy.run(60)
    kinds = [event.kind for event in convoy.show().timeline]
    wanted = ["train.created", "train.started", "task.opened", "task.ticked", "task.done", "train.step_began",
              "deployment.requested", "deployment.running", "deployment.succeeded", "train.step_succeeded",
              "train.succeeded"]  # fmt: skip
    assert [kind for kind in kinds if kind in wanted] == wanted
    numbers = [event.seq for event in convoy.show().timeline]
    assert numbers == sorted(set(numbers))


def test_a_failure_begins_nothing_more_and_leaves_what_is_done(convoy: Convoy) -> None:
    convoy.put("web", "1")
    convoy.made("api", "2.0")
    convoy.breaks(convoy.made("web", "2", api=">=2"))
    convoy.made("jobs", "1")
    convoy.train(ride("api"), ride("web"), ride("jobs", "1", "web"))
    convoy.run(120)
    assert convoy.states() == {"api": "succeeded", "web": "failed", "jobs": "aborted"}
    assert convoy.show().state == "failed" and convoy.show().because.startswith("web failed: dep-")
    assert (convoy.version("api"), convoy.version("web"), convoy.count("jobs")) == ("2.0", "1", 0)


def test_roll_back_all_takes_back_what_is_done_the_last_first(convoy: Convoy) -> None:
    for name in ("api", "web"):
        convoy.put(name, "1")
    convoy.made("api", "2.0")
    convoy.made("web", "2", api=">=2")
    convoy.breaks(convoy.made("jobs", "1", web=">=2"))
    convoy.train(ride("api"), ride("web"), ride("jobs"), on_failure="roll_back_all")
    convoy.run(200)
    view = convoy.show()
    assert view.state == "rolled_back"
    assert convoy.states() == {"api": "rolled_back", "web": "rolled_back", "jobs": "failed"}
    assert (convoy.version("api"), convoy.version("web")) == ("1", "1")
    api, web, _ = view.steps
    assert convoy.row(web.back).ended_at <= convoy.row(api.back).created_at  # type: ignore[operator]


def test_what_nothing_ran_before_stays_and_says_so(convoy: Convoy) -> None:
    convoy.made("api", "2.0")
    convoy.train(ride("api"), chore("look", after=("api",)), on_failure="roll_back_all")
    convoy.run(40)
    convoy.desk("alice").reject("friday", "look", RejectTask("It looks bad."))
    convoy.run(20)
    assert convoy.show().state == "rolled_back" and convoy.show().steps[0].because == "It stays: nothing ran before it."
    assert convoy.version("api") == "2.0"


def test_what_stays_keeps_what_it_requires(convoy: Convoy) -> None:
    convoy.put("api", "1")
    convoy.made("api", "2")
    convoy.made("web", "1", api=">=2")
    convoy.train(ride("api", "2"), ride("web"), chore("look", after=("web",)), on_failure="roll_back_all")
    convoy.run(20)
    convoy.desk("alice").reject("friday", "look", RejectTask("It looks bad."))
    convoy.run(10)
    assert convoy.show().state == "rolled_back" and convoy.version("api") == "2"
    assert convoy.show().steps[0].because == "It stays: web stays, and requires it."


def test_a_release_that_a_gate_denies_fails_its_step(convoy: Convoy) -> None:
    convoy.put("api", "1")
    bad = convoy.put("api", "2")
    convoy.operations.roll_back(RollBack("api", "dev", "bad", "ann"))
    convoy.run(30)
    convoy.train(ride("api", "2"))
    convoy.run(5)
    assert convoy.show().state == "failed" and convoy.row(bad).holds is False
    assert "failed: " in convoy.show().because and "bad" in convoy.show().because


def test_a_train_that_is_aborted_ends_what_is_under_way(convoy: Convoy) -> None:
    convoy.put("api", "1")
    convoy.made("api", "2")
    convoy.made("web", "1", api=">=2")
    convoy.target.start_seconds = 30.0
    convoy.train(ride("api", "2"), ride("web"))
    convoy.run(5)
    convoy.desk("bob").abort("friday", AbortTrain("not today"))
    convoy.run(60)
    assert convoy.show().state == "aborted" and convoy.show().because == "bob aborted it: not today"
    assert convoy.states() == {"api": "aborted", "web": "aborted"} and convoy.version("api") == "1"
    with pytest.raises(Conflict, match="nothing to abort"):
        convoy.desk().abort("friday", AbortTrain())


def test_an_aborted_train_takes_back_what_is_done_if_asked(convoy: Convoy) -> None:
    convoy.put("api", "1")
    convoy.made("api", "2")
    convoy.train(ride("api", "2"), chore("look", after=("api",)))
    convoy.run(40)
    assert convoy.states() == {"api": "succeeded", "look": "waiting"}
    convoy.desk().abort("friday", AbortTrain("no", roll_back=True))
    convoy.run(60)
    assert convoy.show().state == "rolled_back" and convoy.version("api") == "1"


def test_one_that_nobody_has_started_can_be_aborted(convoy: Convoy) -> None:
    convoy.made("api", "2")
    convoy.desk().create(CreateTrain("friday", "dev", (ride("api"),)))
    convoy.run(5)
    assert convoy.show().state == "created" and convoy.count("api") == 0
    assert convoy.desk().abort("friday", AbortTrain()).state == "aborted"
    with pytest.raises(Conflict, match="it starts once"):
        convoy.desk().start("friday", StartTrain())


def test_a_hold_lasts_as_long_as_it_says(convoy: Convoy) -> None:
    convoy.made("api", "2")
    convoy.train(StepDraft("hold", "soak", seconds=30), ride("api", "2", "soak"))
    convoy.run(25)
    assert convoy.states() == {"soak": "running", "api": "pending"}
    convoy.run(40)
    assert convoy.show().state == "succeeded"


def test_environments_that_cannot_be_read_make_it_wait(convoy: Convoy) -> None:
    convoy.made("api", "2")
    good = convoy.promoter

    def unreadable() -> Catalogue:
        raise Invalid([Problem("environments.yaml", 3, "environments", "it is no table.")])

    convoy.train(ride("api"))
    convoy.dispatcher = replace(convoy.dispatcher, promoter=replace(good, catalogue=unreadable))
    convoy.run(5)
    assert convoy.states() == {"api": "running"} and convoy.count("api") == 0
    assert "environments.yaml:3" in convoy.show().steps[0].because
    convoy.dispatcher = replace(convoy.dispatcher, promoter=good)
    convoy.run(60)
    assert convoy.show().state == "succeeded" and convoy.count("api") == 1


# --- crashes ---


class Killed(BaseException):
    """The server has died."""


class DyingPromoter:
    """Dies before, or after, it opens a deployment."""

    def __init__(self, inner: Promoter, *, before: bool) -> None:
        self._inner = inner
        self._before = before

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def open(self, *given: Any, **named: Any) -> None:
        if not self._before:
            self._inner.open(*given, **named)
        raise Killed


@pytest.mark.parametrize("before", [True, False])
def test_a_server_that_dies_before_or_after_it_opened_a_deployment_opens_one(convoy: Convoy, before: bool) -> None:
    convoy.made("api", "2")
    convoy.train(ride("api"))
    doomed = replace(convoy.dispatcher, promoter=DyingPromoter(convoy.promoter, before=before))  # type: ignore[arg-type]
    with pytest.raises(Killed):
        doomed.round()
    assert convoy.count("api") == (0 if before else 1) and convoy.states() == {"api": "running"}
    for _ in range(3):
        convoy.dispatcher.advance("friday")
    assert convoy.count("api") == 1
    assert convoy.store.trains.runs("friday") == {run_name("friday", "api"): "dep-1"}


def test_servers_that_look_at_once_open_one(convoy: Convoy) -> None:
    convoy.made("api", "2")
    convoy.made("web", "1")
    convoy.train(ride("api"), ride("web"))
    threads = [threading.Thread(target=convoy.dispatcher.round) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    convoy.dispatcher.round()
    assert (convoy.count("api"), convoy.count("web")) == (1, 1)


# --- tasks ---


def test_a_task_is_done_when_everything_is_ticked_by_who_may(convoy: Convoy) -> None:
    convoy.train(chore("announce", "mail", "page"))
    convoy.run(1)
    with pytest.raises(Denied, match="is for operators"):
        convoy.desk("carol").tick("friday", "announce", Tick(1))
    with pytest.raises(Denied, match="not proven"):
        convoy.operations.trains.tick("friday", "announce", Tick(1, actor="alice"))
    convoy.desk("alice").tick("friday", "announce", Tick(1))
    with pytest.raises(Conflict, match="nobody has ticked page"):
        convoy.desk("alice").finish("friday", "announce", FinishTask())
    view = convoy.desk("bob").tick("friday", "announce", Tick(2))
    assert [(item.by, item.at is not None) for item in view.items] == [("alice", True), ("bob", True)]
    undone = convoy.desk("bob").tick("friday", "announce", Tick(2, undo=True))
    assert [item.by for item in undone.items] == ["alice", ""]
    convoy.desk("bob").tick("friday", "announce", Tick(2))
    done = convoy.desk("bob").finish("friday", "announce", FinishTask("fine"))
    assert (done.state, done.by, done.comment) == ("succeeded", "bob", "fine")
    convoy.run(2)
    assert convoy.show().state == "succeeded" and convoy.show().steps[0].who == "bob"
    audited = [entry.event.kind for entry in convoy.store.history.audit(0, 99)]
    assert [k for k in audited if k.startswith("task.")] == [
        "task.opened", "task.ticked", "task.ticked", "task.unticked", "task.ticked", "task.done"
    ]  # fmt: skip
    with pytest.raises(Conflict, match="nothing of it can be changed"):
        convoy.desk("bob").tick("friday", "announce", Tick(1, undo=True))


def test_before_its_turn_a_task_cannot_be_done(convoy: Convoy) -> None:
    convoy.desk().create(CreateTrain("friday", "dev", (chore("first"), chore("second", after=("first",)))))
    with pytest.raises(Conflict, match="Nobody has started"):
        convoy.desk().finish("friday", "first", FinishTask())
    convoy.desk().start("friday", StartTrain())
    convoy.run(1)
    with pytest.raises(Conflict, match="not the turn of second yet"):
        convoy.desk().finish("friday", "second", FinishTask())
    with pytest.raises(Invalid, match="has no checklist"):
        convoy.desk().tick("friday", "first", Tick(1))
    with pytest.raises(NotFound, match="no task"):
        convoy.desk().task("friday", "third")


def test_a_task_that_is_rejected_fails_the_train(convoy: Convoy) -> None:
    convoy.train(chore("announce"))
    convoy.run(1)
    with pytest.raises(Invalid, match="a rejection needs one"):
        convoy.desk().reject("friday", "announce", RejectTask(" "))
    convoy.desk().reject("friday", "announce", RejectTask("Support is away."))
    convoy.run(2)
    assert convoy.show().state == "failed"
    assert convoy.show().because == "announce failed: alice rejected it: Support is away."


def test_open_tasks_are_listed_the_callers_first(convoy: Convoy) -> None:
    convoy.train(chore("a", assignee="carol"), chore("b"), chore("c", after=("b",)))
    convoy.run(1)
    assert [(t.id, t.may) for t in convoy.desk("carol").tasks()] == [
        ("friday/a", True), ("friday/b", False), ("friday/c", False)
    ]  # fmt: skip
    assert convoy.desk("bob").tasks()[0].id == "friday/b"


def test_a_task_that_is_late_says_so(convoy: Convoy) -> None:
    due = convoy.clock.now() + 10
    convoy.train(StepDraft("task", "announce", assignee="alice", text="Tell them.", due=due))
    convoy.run(1)
    assert convoy.desk().task("friday", "announce").overdue is False
    convoy.run(15)
    assert convoy.desk().task("friday", "announce").overdue is True
    assert convoy.show().steps[0].because.endswith("It is overdue.")


# --- bad trains ---


@pytest.mark.parametrize(
    ("steps", "said"),
    [
        ((), "a train has steps"),
        ((StepDraft("dance", "x"),), "'dance' is no kind of step"),
        ((StepDraft("hold", "Bad Name", seconds=1),), "cannot be the name of a step"),
        ((StepDraft("hold", "x"),), "a hold lasts more than no time"),
        ((chore("x", assignee="nobody"),), "'nobody' is neither a person nor a group"),
        ((StepDraft("task", "x", assignee="alice", text=" "),), "a task says what is to be done"),
        ((chore("x", " "),), "an item is empty"),
        ((replace(chore("x"), due=1e300),), "it is no moment that a calendar has"),
        ((replace(chore("x"), due=float("nan")),), "it is no moment that a calendar has"),
        ((chore("x"), chore("x")), "there are several steps 'x'"),
        ((chore("x", after=("y",)),), "which is no step of this train"),
        ((chore("x", after=("y",)), chore("y", after=("x",))), "in a circle"),
        ((ride("api", "1.0"), ride("web")), "requires api >=2, and api 1.0 (#1) is not >=2"),
    ],
)
def test_a_train_that_cannot_go_is_refused_with_the_way_to_mend_it(
    convoy: Convoy, steps: tuple[StepDraft, ...], said: str
) -> None:
    convoy.made("api", "1.0")
    convoy.made("web", "1", api=">=2")
    with pytest.raises(Invalid) as refused:
        convoy.desk().create(CreateTrain("friday", "dev", steps))
    assert said in str(refused.value) and convoy.desk().all(10) == ()


def test_names_are_taken_once_and_have_a_form(convoy: Convoy) -> None:
    convoy.desk().create(CreateTrain("friday", "dev", (chore("x"),)))
    with pytest.raises(Conflict, match="already"):
        convoy.desk().create(CreateTrain("friday", "dev", (chore("x"),)))
    with pytest.raises(Invalid, match="roll_back_all"):
        convoy.desk().create(CreateTrain("A B", "dev", (chore("x"),), "explode"))
    with pytest.raises(NotFound):
        convoy.desk().create(CreateTrain("monday", "mars", (chore("x"),)))
    with pytest.raises(NotFound):
        convoy.desk().show("sunday")
