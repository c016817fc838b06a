"""What every target must do. Inherit :class:`TargetContract` in a test module and give it a ``ground`` fixture:

    class TestMine(TargetContract):
        @pytest.fixture
        def ground(self):
            yield MyGround()

A :class:`Ground` is a place to run instances, empty at first, and what the suite needs to know about it.
"""

from collections.abc import Callable
from typing import Protocol, TypeVar

import pytest

from lockgate.core.errors import Fenced
from lockgate.core.ids import Generation, InstanceId
from lockgate.core.inventory import Condition, Instance
from lockgate.core.plan import Fence, InstanceSpec
from lockgate.core.traffic import Key
from lockgate.ports import Phase, Target
from lockgate.testing.waiting import wait_until

T = TypeVar("T")

KEY = Key("shop", "dev", "web")
OTHER = Key("shop", "prod", "web")
NORTH, SOUTH = Key("shop", "dev", "web", "north"), Key("shop", "dev", "web", "south")
FENCE = Fence("dep-1", Generation(5))
OLDER = Fence("dep-0", Generation(4))
NEWER = Fence("dep-2", Generation(6))


class Ground(Protocol):
    """Where instances run, for the suite."""

    def target(self) -> Target:
        """A new handle on the same place, as a control plane makes that has just been started."""

    def good(self, version: str) -> InstanceSpec:
        """Becomes ready soon, and takes traffic. Another version is another revision."""

    def broken(self, version: str) -> InstanceSpec:
        """Ends before it is ready."""

    def silent(self) -> InstanceSpec:
        """Takes no traffic, and runs until it is ended."""

    def pass_by(self) -> None:
        """A moment passes, on a ground whose time does not pass by itself."""


class TargetContract:
    """Of :class:`lockgate.ports.Target`."""

    @pytest.fixture
    def target(self, ground: Ground) -> Target:
        return ground.target()

    # --- what ensure promises ---

    def test_nothing_runs_at_first(self, target: Target) -> None:
        assert target.observe(KEY).instances == ()

    def test_instances_are_made_in_the_lowest_slots_and_become_ready(self, ground: Ground, target: Target) -> None:
        spec = ground.good("1")
        ready = made_ready(ground, target, spec, 3)
        assert [i.slot for i in ready] == [0, 1, 2]
        assert len({i.id for i in ready}) == len({i.endpoint for i in ready}) == 3
        assert all(i.endpoint and i.revision == spec.revision and not i.restarts for i in ready)

    def test_asking_again_changes_nothing(self, ground: Ground, target: Target) -> None:
        spec = ground.good("1")
        before = identities(made_ready(ground, target, spec, 2))
        target.ensure(KEY, spec, 2, FENCE)
        assert identities(target.observe(KEY).instances) == before

    def test_more_are_added_to_those_that_are_there(self, ground: Ground, target: Target) -> None:
        spec = ground.good("1")
        before = identities(made_ready(ground, target, spec, 1))
        after = identities(made_ready(ground, target, spec, 3))
        assert before < after

    def test_fewer_are_never_enforced_by_ensure(self, ground: Ground, target: Target) -> None:
        spec = ground.good("1")
        before = identities(made_ready(ground, target, spec, 2))
        target.ensure(KEY, spec, 1, FENCE)
        assert identities(target.observe(KEY).instances) == before

    def test_two_revisions_live_side_by_side(self, ground: Ground, target: Target) -> None:
        one, two = ground.good("1"), ground.good("2")
        made_ready(ground, target, one, 1)
        made_ready(ground, target, two, 2)
        assert target.observe(KEY).revisions() == {one.revision: 1, two.revision: 2}

    def test_a_key_knows_nothing_of_another(self, ground: Ground, target: Target) -> None:
        spec = ground.good("1")
        made_ready(ground, target, spec, 1)
        assert target.observe(OTHER).instances == ()
        target.ensure(OTHER, spec, 1, OLDER)
        here, there = target.observe(KEY).instances, target.observe(OTHER).instances
        assert len(here) == len(there) == 1
        assert here[0].endpoint != there[0].endpoint

    def test_a_cell_knows_nothing_of_another_nor_of_what_is_in_no_cell(self, ground: Ground, target: Target) -> None:
        spec = ground.good("1")
        made_ready(ground, target, spec, 1)
        for key in (NORTH, SOUTH):
            assert target.observe(key).instances == ()
            target.ensure(key, spec, 1, FENCE)
        found = [target.observe(key).instances for key in (KEY, NORTH, SOUTH)]
        assert [len(instances) for instances in found] == [1, 1, 1]
        assert len({instances[0].endpoint for instances in found}) == 3
        target.retire(NORTH, [found[1][0].id], FENCE)
        wait(ground, lambda: not target.observe(NORTH).instances)
        assert ground.target().observe(SOUTH).instances[0].id == found[2][0].id

    def test_what_takes_no_traffic_has_no_address_and_becomes_ready(self, ground: Ground, target: Target) -> None:
        (instance,) = made_ready(ground, target, ground.silent(), 1)
        assert instance.endpoint == ""

    # --- preparing ---

    def test_preparing_is_done_when_asked_often_enough(self, ground: Ground, target: Target) -> None:
        spec = ground.good("1")
        wait(ground, lambda: target.prepare(KEY, spec, FENCE).phase is Phase.DONE)
        assert target.prepare(KEY, spec, FENCE).phase is Phase.DONE
        assert target.observe(KEY).instances == ()

    # --- failing ---

    def test_what_ends_before_it_is_ready_has_failed_and_says_why(self, ground: Ground, target: Target) -> None:
        spec = ground.broken("1")
        prepared(ground, target, spec)
        target.ensure(KEY, spec, 1, FENCE)
        failed = wait(ground, lambda: in_condition(target, Condition.FAILED))
        assert failed[0].because
        assert not target.observe(KEY).ready(spec.revision)

    # --- retiring ---

    def test_only_those_named_are_retired(self, ground: Ground, target: Target) -> None:
        spec = ground.good("1")
        first, second, third = made_ready(ground, target, spec, 3)
        target.retire(KEY, [first.id, third.id], FENCE)
        assert all(i.condition is Condition.STOPPING for i in target.observe(KEY).instances if i.id != second.id)
        wait(ground, lambda: identities(target.observe(KEY).instances) == {second.id})
        assert target.observe(KEY).instances[0].condition is Condition.READY

    def test_retiring_again_or_somebody_unknown_does_no_harm(self, ground: Ground, target: Target) -> None:
        (instance,) = made_ready(ground, target, ground.good("1"), 1)
        target.retire(KEY, [instance.id, InstanceId("nobody")], FENCE)
        target.retire(KEY, [instance.id], FENCE)
        wait(ground, lambda: not target.observe(KEY).instances)
        target.retire(KEY, [instance.id], FENCE)
        assert not target.observe(KEY).instances

    def test_a_slot_that_became_free_is_taken_by_somebody_new(self, ground: Ground, target: Target) -> None:
        spec = ground.good("1")
        first, _ = made_ready(ground, target, spec, 2)
        target.retire(KEY, [first.id], FENCE)
        wait(ground, lambda: len(target.observe(KEY).instances) == 1)
        again = made_ready(ground, target, spec, 2)
        assert [i.slot for i in again] == [0, 1]
        assert first.id not in identities(again)

    # --- fencing ---

    def test_an_older_claim_is_refused_and_changes_nothing(self, ground: Ground, target: Target) -> None:
        spec = ground.good("1")
        before = identities(made_ready(ground, target, spec, 1))
        for call in (
            lambda: target.prepare(KEY, spec, OLDER),
            lambda: target.ensure(KEY, spec, 2, OLDER),
            lambda: target.retire(KEY, list(before), OLDER),
        ):
            with pytest.raises(Fenced):
                call()
        assert identities(target.observe(KEY).instances) == before
        assert target.observe(KEY).instances[0].condition is Condition.READY

    def test_a_newer_claim_shuts_the_one_before_out(self, ground: Ground, target: Target) -> None:
        spec = ground.good("1")
        made_ready(ground, target, spec, 1)
        target.ensure(KEY, spec, 1, NEWER)
        with pytest.raises(Fenced):
            target.ensure(KEY, spec, 2, FENCE)

    # --- coming back ---

    def test_a_new_control_plane_finds_everything_and_doubles_nothing(self, ground: Ground, target: Target) -> None:
        spec = ground.good("1")
        before = made_ready(ground, target, spec, 2)
        successor = ground.target()
        assert successor.observe(KEY).ready(spec.revision) == before
        successor.ensure(KEY, spec, 2, NEWER)
        assert identities(successor.observe(KEY).instances) == identities(before)
        with pytest.raises(Fenced):
            target.retire(KEY, [before[0].id], FENCE)

    # --- looking ---

    def test_an_observation_says_when_it_was_made(self, target: Target) -> None:
        first, second = target.observe(KEY), target.observe(KEY)
        assert first.key == KEY
        assert 0 < first.observed_at <= second.observed_at

    def test_logs_are_read_on_from_where_one_stopped(self, ground: Ground, target: Target) -> None:
        (instance,) = made_ready(ground, target, ground.good("1"), 1)
        chunk = target.logs(KEY, instance.id, 0, 1000)
        rest = target.logs(KEY, instance.id, chunk.next, 1000)
        assert (rest.text, rest.next) == ("", chunk.next)


def prepared(ground: Ground, target: Target, spec: InstanceSpec, key: Key = KEY) -> None:
    wait(ground, lambda: target.prepare(key, spec, FENCE).phase is Phase.DONE)


def made_ready(ground: Ground, target: Target, spec: InstanceSpec, count: int) -> tuple[Instance, ...]:
    """So many ready instances of it, by slot."""
    prepared(ground, target, spec)
    target.ensure(KEY, spec, count, FENCE)
    wait(ground, lambda: len(target.observe(KEY).ready(spec.revision)) == count)
    return target.observe(KEY).ready(spec.revision)


def identities(instances: tuple[Instance, ...]) -> set[InstanceId]:
    return {i.id for i in instances}


def in_condition(target: Target, condition: Condition) -> list[Instance]:
    return [i for i in target.observe(KEY).instances if i.condition is condition]


def wait(ground: Ground, happened: Callable[[], T]) -> T:
    def look() -> T:
        answer = happened()
        if not answer:
            ground.pass_by()
        return answer

    return wait_until(look)
