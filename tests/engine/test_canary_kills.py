"""The control plane dies between any two steps of a canary, and another one comes to the same verdict."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from tests.conftest import THOROUGH

from lockgate.core.application import Strategy, StrategyKind
from lockgate.core.canary import Canary, Criteria, Inconclusive, Stage
from lockgate.core.deployment import State
from lockgate.core.ids import DeploymentId
from lockgate.store.database import SqlStore, open_store
from lockgate.testing.rig import Rig

SHORT = Canary(
    (Stage(1000, 6.0), Stage(5000, 6.0)),
    within=30.0,
    inconclusive=Inconclusive.PROMOTE,
    criteria=Criteria(window=2.0, warm_up=2.0, latency=False),
)
STRATEGY = Strategy(StrategyKind.CANARY, canary=SHORT)


class Killed(BaseException):
    """Nothing in Lockgate catches it: the claim is not given back."""


class Doom:
    """Counts boundaries: just before and just after each write of the row, each look and each act of a driver."""

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
    doom, router = Doom(at), (rig.router, ("apply", "sample"))
    owners: list[tuple[Any, tuple[str, ...]]] = [(rig.store.deployments, ("save",)), router]
    places = [(owner, name) for owner, names in owners for name in names]
    kept = [getattr(owner, name) for owner, name in places]
    for (owner, name), method in zip(places, kept, strict=True):
        setattr(owner, name, doom.around(method))
    try:
        yield doom
    finally:
        for (owner, name), method in zip(places, kept, strict=True):
            setattr(owner, name, method)


def deployed(store: SqlStore, failing: float) -> tuple[Rig, str]:
    """Version 1 runs with users; version 2 has been asked for, of whose requests that share fails."""
    rig = Rig(store)
    rig.router.rate, rig.router.fail_otherwise = 200.0, 0.001
    rig.deploy(rig.release("1", strategy=STRATEGY))
    rig.run(10)
    new = rig.deploy(rig.release("2")).id
    rig.router.failing[rig.plan(new).components[0].revision] = failing
    return rig, new


def ended(rig: Rig, deployment: str, killed: Callable[[], bool] = lambda: False) -> State:
    """Its last state, or the one in which the engine was killed."""
    for _ in range(400):
        rig.turn()
        rig.clock.pass_by(0.5)
        if rig.row(deployment).final or killed():
            return rig.state(deployment)
        if rig.state(deployment) is State.SUCCEEDED:
            return State.SUCCEEDED
    raise AssertionError(f"{deployment} is stuck: {rig.row(deployment)}")


def die_and_go_on(rig: Rig, deployment: str, at: int) -> bool:
    """Works; the first engine dies at that boundary, and another one takes over when its lease has ended. False: it
    lived through the deployment."""
    with doomed(rig, at) as doom, suppress(Killed):
        ended(rig, deployment, lambda: doom.left <= 0)
    if doom.left > 0:
        return False
    rig.worker = rig.new_worker("another")
    ended(rig, deployment)
    return True


@pytest.mark.timeout(600)
@pytest.mark.parametrize(("failing", "verdict"), [(0.1, State.ROLLED_BACK), (0.001, State.SUCCEEDED)])
def test_whatever_boundary_it_dies_at_the_verdict_is_the_same(tmp_path: Path, failing: float, verdict: State) -> None:
    at = 1
    while True:
        with open_store(f"sqlite:///{tmp_path}/{at}.db") as store:
            rig, new = deployed(store, failing)
            if not die_and_go_on(rig, new, at):
                break
            assert rig.state(new) is verdict, (at, rig.row(new).because)
            windows = store.history.windows(DeploymentId(new))
            assert [window.number for window in windows] == list(range(1, len(windows) + 1)), at
            again = rig.operations.replay(new)
            assert again.agrees, at
            assert again.advice == ("roll-back" if verdict is State.ROLLED_BACK else again.advice), at
        at += 1 if THOROUGH else 3
    assert at > 40
