"""A deployment that is aborted at any step, of any strategy, ends at what ran before, or at nothing."""

import pytest

from lockgate.core.plan import Done, Observe, Step, Verify
from lockgate.core.traffic import ALL, Walk
from lockgate.testing.walks import NEW, OLD, Journey, NextStep, Promise
from lockgate.testing.world import Copy, Dice, World
from tests.strategies.ways import WAYS


def setting_out(way: tuple[NextStep, Promise], before: int, walk: Walk) -> Journey:
    world = World(Dice(b""), [Copy(OLD, slot, seated=walk.routed) for slot in range(before)])
    world.weights = {OLD: ALL} if before and walk.routed else {}
    return Journey(*way, world, walk, (OLD, before) if before else None)


def to_the_end(trip: Journey, limit: int = 200) -> list[Step]:
    steps: list[Step] = []
    while not steps or not isinstance(steps[-1], Done):
        assert len(steps) < limit, "the walk does not end"
        steps.append(trip.advance())
        if isinstance(steps[-1], Observe):
            trip.world.stage += 1
        trip.world.tick()
    return steps


@pytest.mark.parametrize("routed", [True, False], ids=["routed", "worker"])
@pytest.mark.parametrize("before", [0, 1, 3])
@pytest.mark.parametrize("name", WAYS)
def test_an_abort_at_any_step_ends_at_what_ran_before(name: str, before: int, routed: bool) -> None:
    walk = Walk(NEW, 3, batch=1, routed=routed)
    length = len(to_the_end(setting_out(WAYS[name], before, walk)))
    for at in range(length):
        trip = setting_out(WAYS[name], before, walk)
        for _ in range(at):
            trip.advance()
            trip.world.tick()
        trip.turn_back()
        steps = to_the_end(trip)

        assert {c.revision for c in trip.world.copies} == ({OLD} if before else set())
        assert not any(isinstance(step, Verify) for step in steps), "nothing is verified again on the way back"


@pytest.mark.parametrize("name", WAYS)
def test_a_pool_that_is_still_complete_gets_the_traffic_back_at_once(name: str) -> None:
    trip = setting_out(WAYS[name], 2, Walk(NEW, 2, batch=2))
    while OLD in trip.world.weights:
        trip.advance()
        trip.world.tick()
    trip.turn_back()
    trip.advance()

    assert trip.world.weights == {OLD: ALL}
    assert not trip.world.holding


@pytest.mark.parametrize("name", WAYS)
def test_what_an_earlier_deployment_left_behind_is_cleared_away(name: str) -> None:
    trip = setting_out(WAYS[name], 3, Walk(NEW, 3))
    trip.world.copies += [Copy("left", 0), Copy("left", 1, ready_in=9), Copy("behind", 0, stops_in=2)]  # type: ignore[arg-type]
    to_the_end(trip)

    assert {c.revision for c in trip.world.copies} == {NEW}
