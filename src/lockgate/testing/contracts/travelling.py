"""What a store must do with trains: one of each name, one deployment a step, nothing unseen written over."""

import threading
from dataclasses import replace

import pytest

from lockgate.core.application import Application
from lockgate.core.errors import Conflict, Fenced, NotFound
from lockgate.core.ids import Digest, ReleaseId
from lockgate.core.train import Item, StepKind, StepState, Task, Train, TrainState, TrainStep
from lockgate.ports import Store
from lockgate.testing.samples import NOON, a_deployment, a_release, an_event

STEPS = (
    TrainStep("announce", StepKind.TASK, task=Task("support", "Tell them.", (Item("mail", "ann", NOON),), NOON + 60)),
    TrainStep("shop", StepKind.DEPLOY, ("announce",), application="shop", label="shop 1"),
    TrainStep("settle", StepKind.HOLD, ("shop",), seconds=60.0),
)
TRAIN = Train("friday", "prod", STEPS, "ann", NOON)


def going(store: Store, state: StepState = StepState.RUNNING) -> Train:
    """One that is at its second step."""
    train = store.trains.add(TRAIN, an_event("train.created"))
    steps = tuple(replace(one, state=state, began_at=NOON) if one.name == "shop" else one for one in train.steps)
    after = replace(train, steps=steps, state=TrainState.RUNNING)
    store.trains.save(after, store.trains.get("friday").version, NOON + 5, [an_event("train.started")])
    return after


class TravellingContract:
    """Trains and their deployments."""

    def test_a_train_is_kept_as_it_was_given_under_a_number(self, store: Store) -> None:
        made = store.trains.add(TRAIN, an_event("train.created"))
        assert made == replace(TRAIN, number=1) == store.trains.get("friday").train
        with pytest.raises(Conflict):
            store.trains.add(TRAIN, an_event("x"))
        second = store.trains.add(replace(TRAIN, name="monday"), an_event("train.created"))
        assert second.number == 2 and store.trains.all(9) == (second, made) and store.trains.all(1) == (second,)
        with pytest.raises(NotFound):
            store.trains.get("sunday")
        assert len(store.history.events(0, 9)) == 2

    def test_nobody_writes_over_what_they_have_not_seen(self, store: Store) -> None:
        store.trains.add(TRAIN, an_event("train.created"))
        seen = store.trains.get("friday")
        store.trains.save(replace(seen.train, because="first"), seen.version, None, [])
        with pytest.raises(Fenced):
            store.trains.save(replace(seen.train, because="second"), seen.version, None, [an_event("x")])
        assert store.trains.get("friday").train.because == "first" and len(store.history.events(0, 9)) == 1

    def test_those_that_are_due_are_told_longest_first(self, store: Store) -> None:
        for name, due in (("late", NOON + 5), ("early", NOON), ("never", None), ("later", NOON + 60)):
            store.trains.add(replace(TRAIN, name=name), an_event("train.created"))
            store.trains.save(replace(TRAIN, name=name), store.trains.get(name).version, due, [])
        assert store.trains.due(NOON + 5, 9) == ("early", "late") and store.trains.due(NOON + 5, 1) == ("early",)
        assert store.trains.due(NOON - 1, 9) == ()

    def test_a_step_has_one_deployment_however_often_it_is_opened(self, store: Store) -> None:
        going(store)
        seen = store.trains.get("friday")
        first = store.deployments.add(a_deployment(train="friday/shop"), False, [an_event("deployment.requested")])
        again = store.deployments.add(a_deployment(train="friday/shop"), True, [an_event("deployment.requested")])
        assert again.id == first.id and first.train == "friday/shop"
        assert store.trains.runs("friday") == {"friday/shop": first.id} and store.trains.runs("monday") == {}
        assert [e.kind for e in store.history.events(0, 9)].count("deployment.requested") == 1
        with pytest.raises(Fenced):  # whoever had looked before it was opened
            store.trains.save(seen.train, seen.version, None, [])

    @pytest.mark.parametrize("state", [StepState.PENDING, StepState.ABORTED, StepState.ROLLING_BACK])
    def test_a_step_that_is_over_or_has_not_begun_is_not_opened(self, store: Store, state: StepState) -> None:
        train = going(store, state)
        if state is StepState.PENDING:
            waiting = tuple(replace(one, began_at=None) for one in train.steps)
            store.trains.save(replace(train, steps=waiting), store.trains.get("friday").version, None, [])
        for name in ("friday/shop", "friday/nothing", "monday/shop"):
            with pytest.raises(Conflict):
                store.deployments.add(a_deployment(train=name), False, [an_event("deployment.requested")])
        assert store.trains.runs("friday") == {}
        if state is StepState.ROLLING_BACK:
            back = store.deployments.add(a_deployment(train="friday/shop/back"), False, [an_event()])
            assert store.trains.runs("friday") == {"friday/shop/back": back.id}

    def test_several_that_open_a_step_at_once_open_one(self, store: Store) -> None:
        going(store)
        opened: list[str] = []

        def opens() -> None:
            opened.append(store.deployments.add(a_deployment(train="friday/shop"), False, [an_event()]).id)

        threads = [threading.Thread(target=opens) for _ in range(5)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(opened) == 5 and len(set(opened)) == 1

    def test_the_timeline_has_its_events_and_those_of_its_deployments(self, store: Store) -> None:
        going(store)
        store.deployments.add(a_deployment(), False, [an_event("deployment.of_others")])
        store.deployments.add(a_deployment(train="friday/shop"), False, [an_event("deployment.requested")])
        kinds = [event.kind for event in store.trains.timeline("friday", 9)]
        assert kinds == ["train.created", "train.started", "deployment.requested"]
        assert [event.kind for event in store.trains.timeline("friday", 1)] == ["deployment.requested"]

    def test_who_requires_an_application_is_known(self, store: Store) -> None:
        plain = a_release()
        needing: Application = replace(plain.application, requires={"api": ">=2"})
        for release in (
            plain,
            replace(plain, application=needing, digest=Digest("sha256:" + "9" * 64), id=ReleaseId("rel-999999999999")),
        ):
            store.releases.add(release, an_event("release.created"))
        assert store.releases.requiring("api") == (plain.name,) and store.releases.requiring(plain.name) == ()
        assert store.releases.get(ReleaseId("rel-999999999999")).application.requires == {"api": ">=2"}
