"""The control plane dies between any two steps of a deployment through cells, and another one goes on."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from tests.conftest import THOROUGH
from tests.engine.test_cell_stories import CHECKED, EAST, NORTH, SOUTH, break_in, is_on, world

from lockgate.core.application import Strategy, StrategyKind
from lockgate.core.deployment import State
from lockgate.core.environment import OnFailure, Rollout
from lockgate.engine.rollout import lanes
from lockgate.store.database import SqlStore, open_store
from lockgate.testing.rig import Rig


class Killed(BaseException):
    """Nothing in Lockgate catches it: the claim is not given back."""


class Doom:
    """Counts boundaries: just before and just after each write of the row and each act of a driver."""

    def __init__(self, at: int) -> None:
        self.left = at

    def boundary(self) -> None:
        self.left -= 1
        if self.left == 0:
            raise Killed

    def around(self, method: Callable[..., Any]) -> Callable[..., Any]:
        def bounded(*args: Any, **kwargs: Any) -> Any:
            self.boundary()
            result = method(*args, **kwargs)
            self.boundary()
            return result

        return bounded


@contextmanager
def doomed(rig: Rig, at: int) -> Iterator[Doom]:
    """Within it, the engine dies once at that boundary."""
    doom, whole = Doom(at), [(rig.store.deployments, "save"), (rig.router, "apply"), (rig.target, "ensure")]
    places = [*whole, (rig.target, "retire"), (rig.router, "remove")]
    kept = [getattr(owner, name) for owner, name in places]
    for (owner, name), method in zip(places, kept, strict=True):
        setattr(owner, name, doom.around(method))
    try:
        yield doom
    finally:
        for (owner, name), method in zip(places, kept, strict=True):
            setattr(owner, name, method)


def deployed(store: SqlStore, rollout: Rollout, kind: StrategyKind) -> tuple[Rig, str]:
    """Version 1 runs in every cell."""
    rig = Rig(store, world(rollout))
    good = rig.deploy(rig.release("1", strategy=Strategy(kind), verify=CHECKED))
    assert ended(rig, good.id, rollout.parallel) is State.SUCCEEDED
    return rig, good.id


def ended(rig: Rig, deployment: str, limit: int, killed: Callable[[], bool] = lambda: False) -> State:
    """Its last state, or the one in which the engine was killed."""
    for _ in range(200):
        rig.turn()
        rig.clock.pass_by(0.5)
        watch_lanes(rig, deployment, limit)
        if rig.row(deployment).final or killed():
            return rig.state(deployment)
    raise AssertionError(f"{deployment} is stuck: {rig.row(deployment)}")


def die_and_go_on(rig: Rig, deployment: str, at: int, limit: int) -> bool:
    """Works; the first engine dies at that boundary, and another one takes over when its lease has ended. False: it
    lived through the deployment."""
    with doomed(rig, at) as doom, suppress(Killed):
        ended(rig, deployment, limit, lambda: doom.left <= 0)
    if doom.left > 0:
        return False
    rig.worker = rig.new_worker("another")
    ended(rig, deployment, limit)
    return True


def watch_lanes(rig: Rig, deployment: str, limit: int) -> None:
    """Never more cells at a time than were asked for."""
    row = rig.row(deployment)
    assert sum(lane.done_at is None for lane in lanes(row).values()) <= limit, row


CASES = [
    pytest.param(Rollout(bake=2.0), StrategyKind.BLUE_GREEN, (), id="through"),
    pytest.param(Rollout(parallel=2), StrategyKind.ROLLING, (), id="through, two at a time"),
    pytest.param(Rollout(), StrategyKind.BLUE_GREEN, (EAST,), id="all go back"),
    pytest.param(Rollout(on_failure=OnFailure.BAD), StrategyKind.BLUE_GREEN, (EAST,), id="the bad one goes back"),
    pytest.param(Rollout(parallel=3), StrategyKind.RECREATE, (SOUTH,), id="all go back, three at a time"),
]


@pytest.mark.timeout(600)
@pytest.mark.parametrize(("rollout", "kind", "broken"), CASES)
def test_whatever_boundary_it_dies_at_the_end_is_the_same(
    tmp_path: Path, rollout: Rollout, kind: StrategyKind, broken: tuple[str, ...]
) -> None:
    at = 1
    while True:
        with open_store(f"sqlite:///{tmp_path}/{at}.db") as store:
            rig, good = deployed(store, rollout, kind)
            new = rig.deploy(rig.release("2")).id
            break_in(rig, *broken)
            if not die_and_go_on(rig, new, at, rollout.parallel):
                break
            stays = {NORTH} if rollout.on_failure is OnFailure.BAD and broken else set()
            for cell in (NORTH, EAST, SOUTH):
                assert is_on(rig, cell, new if not broken or cell in stays else good), (at, cell)
            assert rig.state(new) is (State.ROLLED_BACK if broken else State.SUCCEEDED), at
            assert rig.row(new).holds is bool(not broken or stays), at
        at += 1 if THOROUGH else 4
    assert at > 40
