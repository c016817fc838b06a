"""Stories about environments with several cells, told in fake time."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from lockgate.core.application import HttpCheck, Strategy, StrategyKind
from lockgate.core.canary import Canary, Criteria, Stage
from lockgate.core.deployment import State
from lockgate.core.environment import Catalogue, Cell, Environment, Listen, OnFailure, Rollout
from lockgate.core.errors import Denied
from lockgate.core.ids import DeploymentId
from lockgate.core.traffic import ALL, Key
from lockgate.engine.rollout import lanes
from lockgate.messages import Ask, Promote, RollBack
from lockgate.store.database import open_store
from lockgate.testing.rig import Rig

NORTH, EAST, SOUTH = "north", "east", "south"
AS_IT_IS = Rollout()


def cells(*names: str) -> Mapping[str, Cell]:
    return {name: Cell(name, listen={"*": Listen("127.0.0.1", 8100 + n)}) for n, name in enumerate(names)}


def world(rollout: Rollout = AS_IT_IS, *names: str) -> Catalogue:
    """dev in cells, and next, which takes by itself what succeeds there."""
    dev = Environment("dev", cells=cells(*(names or (NORTH, EAST, SOUTH))), rollout=rollout)
    return Catalogue({"dev": dev, "next": Environment("next", after="dev", listen={"*": Listen("127.0.0.1", 8200)})})


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    with open_store(f"sqlite:///{tmp_path}/lockgate.db") as store:
        yield Rig(store, world())


def key(cell: str) -> Key:
    return Key("shop", "dev", "web", cell)


def serving(rig: Rig, cell: str) -> dict[str, int]:
    route = rig.router.routes.get(key(cell))
    return {p.revision: p.weight for p in route.pools if p.weight} if route else {}


def is_on(rig: Rig, cell: str, deployment: str) -> bool:
    """The deployment's revision has all the cell's traffic, and nothing else runs there."""
    (part,) = [c for c in rig.plan(deployment).components if c.key.cell == cell]
    running = dict(rig.target.observe(key(cell)).revisions())
    return serving(rig, cell) == {part.revision: ALL} and running == {part.revision: part.replicas}


def break_in(rig: Rig, *places: str) -> None:
    """Checks fail at the addresses of those cells."""
    environment = rig.catalogue.get("dev")
    rig.http.broken = {str(environment.cells[cell].listen["*"]) for cell in places}


def begun(rig: Rig, deployment: str) -> list[str]:
    """Cells in the order in which they were first touched."""
    events = rig.store.history.events(0, 5000, deployment=deployment)
    return list(dict.fromkeys(e.data["cell"] for e in events if e.kind == "deployment.step"))


def until(rig: Rig, happens: Callable[[], object]) -> None:
    """Works until that has happened, for an hour at most."""
    for _ in range(720):
        if happens():
            return
        rig.run(5)
    pytest.fail("It does not happen within an hour.")


EVERY_STRATEGY = pytest.mark.parametrize("kind", list(StrategyKind))
CHECKED = (HttpCheck("/items.json", attempts=1),)


@EVERY_STRATEGY
def test_a_release_goes_from_cell_to_cell_in_the_order_as_written(rig: Rig, kind: StrategyKind) -> None:
    for version in ("1", "2"):
        row = rig.deploy(rig.release(version, strategy=Strategy(kind), verify=CHECKED))
        rig.run(20)
        assert rig.state(row.id) is State.SUCCEEDED
        assert all(is_on(rig, cell, row.id) for cell in (NORTH, EAST, SOUTH))
        assert begun(rig, row.id) == [NORTH, EAST, SOUTH]


def test_the_order_can_be_said(rig: Rig) -> None:
    rig.catalogue = world(Rollout(order=(SOUTH, NORTH, EAST)))
    row = rig.deploy(rig.release("1"))
    rig.run(20)
    assert begun(rig, row.id) == [SOUTH, NORTH, EAST]


def test_a_bad_cell_stops_what_has_not_begun_and_everything_goes_back(rig: Rig) -> None:
    good = rig.deploy(rig.release("1", verify=CHECKED))
    rig.run(20)
    bad = rig.deploy(rig.release("2"))
    break_in(rig, EAST)
    rig.run(30)
    row = rig.row(bad.id)
    assert row.state is State.ROLLED_BACK and "/items.json" in row.because
    assert all(is_on(rig, cell, good.id) for cell in (NORTH, EAST, SOUTH))
    assert rig.row(good.id).holds and not row.holds
    revision = rig.plan(bad.id).components[0].revision
    touched = {route.key.cell for route in rig.router.applied if any(p.revision == revision for p in route.pools)}
    assert touched == {NORTH, EAST}
    with pytest.raises(Denied):
        rig.deploy(row.release)


def test_only_the_bad_cell_goes_back_where_that_is_asked(rig: Rig) -> None:
    rig.catalogue = world(Rollout(on_failure=OnFailure.BAD))
    good = rig.deploy(rig.release("1", verify=CHECKED))
    rig.run(20)
    bad = rig.deploy(rig.release("2"))
    break_in(rig, EAST)
    rig.run(30)
    row = rig.row(bad.id)
    assert row.state is State.ROLLED_BACK
    assert "stays in north; what ran before runs in east, south" in row.because
    assert is_on(rig, NORTH, bad.id) and is_on(rig, EAST, good.id) and is_on(rig, SOUTH, good.id)
    assert row.holds and not rig.row(good.id).holds
    assert rig.operations.deployments("shop", "next", frozenset(), 10) == ()
    with pytest.raises(Denied):
        rig.operations.promote(Promote("shop", "next"))


@pytest.fixture
def divided(rig: Rig) -> Rig:
    """Version 2 in north, version 1 in the others."""
    rig.catalogue = world(Rollout(on_failure=OnFailure.BAD))
    rig.deploy(rig.release("1", verify=CHECKED))
    rig.run(20)
    rig.deploy(rig.release("2"))
    break_in(rig, EAST)
    rig.run(30)
    break_in(rig)
    return rig


def test_a_divided_environment_is_kept_as_it_is(divided: Rig) -> None:
    before = {cell: dict(divided.target.observe(key(cell)).revisions()) for cell in (NORTH, EAST, SOUTH)}
    for cell in (NORTH, SOUTH):
        divided.target.lose(key(cell), divided.target.observe(key(cell)).instances[0].id)
    divided.run(20)
    assert {cell: dict(divided.target.observe(key(cell)).revisions()) for cell in before} == before


def test_a_fix_goes_everywhere_in_a_divided_environment(divided: Rig) -> None:
    fix = divided.deploy(divided.release("3"))
    divided.run(20)
    assert divided.state(fix.id) is State.SUCCEEDED
    assert all(is_on(divided, cell, fix.id) for cell in (NORTH, EAST, SOUTH))


def test_what_fails_in_a_divided_environment_goes_back_to_what_each_cell_had(divided: Rig) -> None:
    before = {cell: serving(divided, cell) for cell in (NORTH, EAST, SOUTH)}
    worse = divided.deploy(divided.release("3"))
    break_in(divided, NORTH)
    divided.run(30)
    assert divided.state(worse.id) is State.ROLLED_BACK
    assert {cell: serving(divided, cell) for cell in before} == before
    holder = divided.store.history.holder("shop", "dev")
    assert holder is not None and holder.release_label == "shop 2 (#2)"


def test_a_rollback_makes_a_divided_environment_one_again(divided: Rig) -> None:
    back = divided.operations.roll_back(RollBack("shop", "dev", "users complain", actor="bob"))
    divided.run(20)
    assert divided.state(back.id) is State.SUCCEEDED
    assert all(is_on(divided, cell, back.id) for cell in (NORTH, EAST, SOUTH))


def test_a_first_release_that_is_bad_in_one_cell_stays_in_those_done(rig: Rig) -> None:
    rig.catalogue = world(Rollout(on_failure=OnFailure.BAD))
    row = rig.deploy(rig.release("1", verify=CHECKED))
    break_in(rig, SOUTH)
    rig.run(30)
    assert rig.state(row.id) is State.ROLLED_BACK and rig.row(row.id).holds
    assert is_on(rig, NORTH, row.id) and is_on(rig, EAST, row.id)
    assert not rig.target.observe(key(SOUTH)).instances and key(SOUTH) not in rig.router.routes


def test_a_cell_bakes_before_the_next_begins_and_is_checked_once_more(rig: Rig) -> None:
    rig.catalogue = world(Rollout(bake=60.0))
    row = rig.deploy(rig.release("1", verify=CHECKED))
    rig.run(30)
    assert begun(rig, row.id) == [NORTH]
    assert "north must do well until 2027-01-15" in rig.row(row.id).because
    asked = len(rig.http.asked)
    rig.run(45)
    assert begun(rig, row.id) == [NORTH, EAST]
    assert len(rig.http.asked) > asked
    rig.run(90)
    assert rig.state(row.id) is State.SUCCEEDED


def test_a_cell_that_no_longer_passes_its_checks_after_baking_is_bad(rig: Rig) -> None:
    rig.catalogue = world(Rollout(bake=60.0))
    good = rig.deploy(rig.release("1", verify=CHECKED))
    rig.run(200)
    bad = rig.deploy(rig.release("2"))
    rig.run(30)
    break_in(rig, NORTH)
    rig.run(60)
    assert rig.state(bad.id) is State.ROLLED_BACK
    assert begun(rig, bad.id)[0] == NORTH
    assert all(is_on(rig, cell, good.id) for cell in (NORTH, EAST, SOUTH))


def test_a_cell_whose_instances_fail_while_it_bakes_is_bad_at_once(rig: Rig) -> None:
    rig.catalogue = world(Rollout(bake=200.0))
    good = rig.deploy(rig.release("1"), urgent=True)
    rig.run(600)
    bad = rig.deploy(rig.release("2"))
    rig.run(30)
    rig.target.broken[rig.plan(bad.id).components[0].revision] = "Out of memory."
    rig.run(30)
    assert rig.state(bad.id) is State.ROLLED_BACK and "Out of memory" in rig.row(bad.id).because
    assert is_on(rig, NORTH, good.id)


def test_what_is_lost_in_cells_that_are_not_walked_is_started_again_meanwhile(rig: Rig) -> None:
    rig.deploy(rig.release("1"))
    rig.run(20)
    rig.catalogue = world(Rollout(bake=200.0))
    row = rig.deploy(rig.release("2"))
    rig.run(20)
    for cell in (NORTH, SOUTH):
        rig.target.lose(key(cell), rig.target.observe(key(cell)).instances[0].id)
    rig.run(20)
    assert rig.state(row.id) is State.RUNNING
    assert [len(rig.target.observe(key(cell)).instances) for cell in (NORTH, SOUTH)] == [2, 2]
    assert len(rig.router.routes[key(SOUTH)].pools[0].endpoints) == 2


def test_several_cells_can_be_walked_at_a_time(rig: Rig) -> None:
    rig.catalogue = world(Rollout(parallel=2), *"abcde")
    rig.target.start_seconds = 5.0
    row = rig.deploy(rig.release("1"))
    most = 0
    for _ in range(200):
        rig.run(0.25)
        known = lanes(rig.row(row.id)).values()
        most = max(most, sum(lane.done_at is None for lane in known))
    assert most == 2
    assert rig.state(row.id) is State.SUCCEEDED
    assert all(is_on(rig, cell, row.id) for cell in "abcde")
    ended = rig.row(row.id).ended_at
    assert ended is not None and ended - rig.row(row.id).created_at < 5 * 5.0


def test_a_cell_that_is_half_way_when_another_fails_goes_back_too(rig: Rig) -> None:
    rig.catalogue = world(Rollout(parallel=2, on_failure=OnFailure.BAD))
    good = rig.deploy(rig.release("1", verify=CHECKED))
    rig.run(20)
    bad = rig.deploy(rig.release("2"))
    break_in(rig, NORTH)
    rig.run(30)
    assert rig.state(bad.id) is State.ROLLED_BACK and not rig.row(bad.id).mixed
    assert begun(rig, bad.id) == [NORTH, EAST]
    assert all(is_on(rig, cell, good.id) for cell in (NORTH, EAST, SOUTH))


def test_an_urgent_deployment_takes_over_half_way_and_a_failure_then_leaves_nothing_half_way(rig: Rig) -> None:
    good = rig.deploy(rig.release("1", verify=CHECKED))
    rig.run(20)
    rig.catalogue = world(Rollout(bake=20.0))
    stuck = rig.deploy(rig.release("2"))
    rig.run(10)
    rig.target.prepare_seconds = 100.0
    rig.run(30)
    assert begun(rig, stuck.id) == [NORTH, EAST]
    rig.target.prepare_seconds = 0.0
    fix = rig.deploy(rig.release("3"), urgent=True)
    break_in(rig, NORTH)
    rig.run(60)
    assert rig.state(stuck.id) is State.SUPERSEDED and rig.state(fix.id) is State.ROLLED_BACK
    assert all(is_on(rig, cell, good.id) for cell in (NORTH, EAST, SOUTH))


def test_an_abort_takes_every_cell_back(rig: Rig) -> None:
    rig.catalogue = world(Rollout(bake=200.0, on_failure=OnFailure.BAD))
    good = rig.deploy(rig.release("1"))
    rig.run(600)
    second = rig.deploy(rig.release("2"))
    rig.run(30)
    rig.operations.ask(second.id, "abort", Ask("wrong button", "bob"))
    rig.run(30)
    assert rig.state(second.id) is State.ABORTED
    assert all(is_on(rig, cell, good.id) for cell in (NORTH, EAST, SOUTH))


def test_a_pause_while_a_cell_bakes_is_heard(rig: Rig) -> None:
    rig.catalogue = world(Rollout(bake=60.0))
    row = rig.deploy(rig.release("1"))
    rig.run(20)
    rig.operations.ask(row.id, "pause", Ask("lunch", "bob"))
    rig.run(600)
    assert rig.state(row.id) is State.PAUSED and begun(rig, row.id) == [NORTH]
    rig.operations.ask(row.id, "resume", Ask("", "bob"))
    rig.run(100)
    assert rig.state(row.id) is State.SUCCEEDED


def test_a_cell_that_is_taken_out_of_the_environment_is_emptied_last(rig: Rig) -> None:
    rig.deploy(rig.release("1"))
    rig.run(20)
    rig.catalogue = world(AS_IT_IS, NORTH, SOUTH)
    row = rig.deploy(rig.release("2"))
    rig.run(20)
    assert rig.state(row.id) is State.SUCCEEDED and begun(rig, row.id) == [NORTH, SOUTH, EAST]
    assert not rig.target.observe(key(EAST)).instances and key(EAST) not in rig.router.routes


def test_an_environment_can_be_split_into_cells_and_made_one_again(rig: Rig) -> None:
    split = rig.catalogue
    whole = Environment("dev", listen={"*": Listen("127.0.0.1", 8090)})
    for version, catalogue in enumerate((Catalogue({"dev": whole}), split, Catalogue({"dev": whole})), start=1):
        rig.catalogue = catalogue
        row = rig.deploy(rig.release(str(version)))
        rig.run(30)
        assert rig.state(row.id) is State.SUCCEEDED
        names = rig.plan(row.id).names
        assert all(is_on(rig, cell, row.id) for cell in names)
        assert {k.cell for k in rig.router.routes if k.environment == "dev"} == set(names)


def test_each_cell_has_its_own_values(rig: Rig) -> None:
    environment = rig.catalogue.get("dev")
    named = {name: replace(cell, values={"region": name}) for name, cell in environment.cells.items()}
    rig.catalogue = Catalogue({"dev": replace(environment, cells=named)})
    row = rig.deploy(rig.release("1", run=("shop", "--port", "{port}", "--region", "{values.region}")))
    rig.run(20)
    plan = rig.plan(row.id)
    assert [c.spec.command[-1] for c in plan.components] == [NORTH, EAST, SOUTH]
    assert len({c.revision for c in plan.components}) == 3
    assert all(is_on(rig, cell, row.id) for cell in (NORTH, EAST, SOUTH))


def test_status_and_explanation_tell_of_each_cell(rig: Rig) -> None:
    rig.catalogue = world(Rollout(bake=600.0))
    first = rig.deploy(rig.release("1"))
    rig.run(2000)
    rig.deploy(rig.release("2"))
    rig.run(30)
    (row,) = (r for r in rig.operations.status("shop", "dev").rows)
    told = [(c.name, c.progress, c.release_label, c.ready, c.wanted, c.url) for c in row.cells]
    assert told == [
        (NORTH, "bakes", "shop 2 (#2)", 2, 2, "http://127.0.0.1:8100/"),
        (EAST, "waits", "shop 1 (#1)", 2, 2, "http://127.0.0.1:8101/"),
        (SOUTH, "waits", "shop 1 (#1)", 2, 2, "http://127.0.0.1:8102/"),
    ]
    assert "Cell by cell: north bakes, east waits, south waits." in rig.operations.explain("dep-2").sentences
    assert rig.operations.explain(first.id).plan[1].startswith("Cell by cell: north, east, south; one cell at a time")
    assert sorted(row.weights.values()) == [ALL] * 3
    assert {i.cell for i in row.instances} == {NORTH, EAST, SOUTH}


def test_status_of_a_divided_environment_says_which_cell_holds_which_release(divided: Rig) -> None:
    (row,) = divided.operations.status("shop", "dev").rows
    assert row.release_label == "shop several releases" and row.standing == "as deployed"
    assert [(c.name, c.release_label) for c in row.cells] == [
        (NORTH, "shop 2 (#2)"),
        (EAST, "shop 1 (#1)"),
        (SOUTH, "shop 1 (#1)"),
    ]
    places = {(p.environment, p.state) for r in divided.operations.releases("shop", 5) for p in r.places}
    assert ("dev", "quarantined") in places


def test_a_canary_is_watched_in_each_cell_by_itself(rig: Rig) -> None:
    held = Canary((Stage(1000, 5.0, hold=True), Stage(5000, 5.0)), criteria=Criteria(warm_up=0.0))
    rig.router.rate, rig.router.fail_otherwise = 200.0, 0.001
    rig.deploy(rig.release("1", strategy=Strategy(StrategyKind.CANARY, canary=held)))
    rig.run(20)
    row = rig.deploy(rig.release("2"))
    for cell in (NORTH, EAST, SOUTH):
        until(rig, lambda cell=cell: begun(rig, row.id)[-1:] == [cell] and rig.row(row.id).who)  # type: ignore[misc]
        assert begun(rig, row.id)[-1] == cell and sorted(serving(rig, cell).values()) == [1000, 9000]
        rig.operations.ask(row.id, "continue", Ask("", "bob"))
    until(rig, lambda: rig.row(row.id).final)
    assert rig.state(row.id) is State.SUCCEEDED
    watched = {window.component for window in rig.store.history.windows(DeploymentId(row.id))}
    assert watched == {"north/web", "east/web", "south/web"}
    assert rig.operations.analysis(row.id).component == "south/web"
    assert rig.operations.replay(row.id).agrees


def test_a_canary_that_hurts_the_users_of_one_cell_is_never_met_by_those_of_the_next(rig: Rig) -> None:
    quick = Canary((Stage(1000, 5.0),), criteria=Criteria(warm_up=0.0))
    rig.router.rate = 200.0
    good = rig.deploy(rig.release("1", strategy=Strategy(StrategyKind.CANARY, canary=quick)))
    rig.run(20)
    bad = rig.deploy(rig.release("2"))
    rig.router.failing[rig.plan(bad.id).components[0].revision] = 0.1
    rig.run(120)
    assert rig.state(bad.id) is State.ROLLED_BACK and begun(rig, bad.id)[0] == NORTH
    assert all(is_on(rig, cell, good.id) for cell in (NORTH, EAST, SOUTH))
    assert {w.component for w in rig.store.history.windows(DeploymentId(bad.id))} == {"north/web"}
    assert rig.operations.analysis(bad.id).component == "north/web"
