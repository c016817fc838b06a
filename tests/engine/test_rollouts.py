"""A deployment through cells keeps its promises: whatever happens in each, every walk ends, never more cells at a time
than were asked for, and a bad cell stops what has not begun.

Each cell is a world of its own, with slow starts, lost instances and crashes; what every strategy promises is held
against each of its steps (``lockgate.testing.walks``).
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from hypothesis import given
from hypothesis import strategies as some
from tests.strategies.ways import WAYS

from lockgate.core.application import Strategy
from lockgate.core.deployment import Deployment, Kind, Progress, State
from lockgate.core.environment import OnFailure, Rollout
from lockgate.core.ids import DeploymentId, Digest, Instant, ReleaseId
from lockgate.core.plan import CellPlan, Done, Ensure, Observe, Plan, Step, Verify
from lockgate.engine import life
from lockgate.engine.rollout import Tour, arrived, done, lanes, onto
from lockgate.testing.walks import FIX, NEW, OLD, Journey, NextStep, Promise, departure
from lockgate.testing.world import Dice

LONGEST = 4000
"""Steps of all cells together within which every deployment must have ended."""


def plan_of(names: tuple[str, ...], rollout: Rollout) -> Plan:
    """Nothing of it matters but its cells and how a change goes through them."""
    cells = tuple(CellPlan(name, ReleaseId("rel-1"), "process", {}, None, (), {}) for name in names)
    digest = Digest("sha256:" + "0" * 64)
    whole = Plan(ReleaseId("rel-1"), digest, "shop", "prod", "process", {}, None, Strategy(), (), (), (), {})
    return replace(whole, cells=cells, rollout=rollout)


def row_of(number: int, now: Instant) -> Deployment:
    digest = Digest("sha256:" + "0" * 64)
    row = Deployment(
        DeploymentId(f"dep-{number}"), number, "shop", "prod", ReleaseId("rel-1"), "1", digest, Kind.DEPLOY, "ann", now
    )
    return replace(row, state=State.RUNNING, previous=digest)


@dataclass
class Convoy:
    """One deployment after the other, through all cells."""

    dice: Dice
    way: tuple[NextStep, Promise]
    plan: Plan
    trips: dict[str, Journey] = field(init=False)
    row: Deployment = field(init=False)
    tour: Tour = field(init=False)
    now: Instant = 1000.0
    begun: set[str] = field(default_factory=set)
    """Cells in which any deployment has begun on its way there."""
    stays: frozenset[str] = frozenset()
    ended: bool = False

    def __post_init__(self) -> None:
        first = departure(*self.way, self.dice)
        self.trips = {name: first if n == 0 else self._same(first) for n, name in enumerate(self.plan.names)}
        self.row, self.tour = row_of(1, self.now), Tour(self.plan, self.plan)

    def _same(self, first: Journey) -> Journey:
        """Another cell like the first."""
        world = replace(
            first.world,
            copies=[replace(copy) for copy in first.world.copies],
            weights=dict(first.world.weights),
            prepared=set(),
            verified_before=set(),
            verified_after=set(),
        )
        return Journey(first.next_step, first.promise, world, first.walk, first.home)

    # --- going on ---

    def go_on(self) -> None:
        """One round, as the walker does it."""
        found = self.tour.round(self.row, self.now)
        self.now += found.wait or 1.0
        for cell in found.walk:
            self._enter(cell)
            step = self._step(cell)
            self.trips[cell].world.tick()
            if isinstance(step, Done):
                if self.tour.is_last(self.row, cell):
                    self.ended = True
                    return
                self.row = arrived(self.row, self.now)
            elif isinstance(step, Verify | Observe) and self.dice.roll(7) == 7 and not self.tour.back:
                self.turn_back(cell)
                return
        for cell in self.plan.names:
            if cell not in found.walk:
                self.trips[cell].world.tick()

    def _enter(self, cell: str) -> None:
        known = lanes(self.row)
        if cell not in known and not self.tour.back:
            assert len([c for c in known if self.is_open(c)]) < self.plan.rollout.parallel
            self.begun.add(cell)
        if cell in known and known[cell].done_at is not None:
            waited = self.now - known[cell].done_at
            assert waited >= self.plan.rollout.bake and not known[cell].baked
            self.trips[cell].world.forget()
        self.row = onto(self.row, cell)
        assert self.row.progress.cell == cell and cell not in self.row.lanes
        busy = [lane for lane in lanes(self.row).values() if lane.done_at is None]
        assert len(busy) <= self.plan.rollout.parallel

    def is_open(self, cell: str) -> bool:
        """It is walked, or it bakes."""
        lane: Progress = lanes(self.row)[cell]
        return lane.done_at is None or (bool(self.plan.rollout.bake) and not lane.baked)

    def _step(self, cell: str) -> Step:
        trip = self.trips[cell]
        roll = max(0, self.dice.roll(24) - 20)
        if roll == 1:
            trip.story.append(trip.world.lose())
        elif roll == 2:
            trip.story.append(trip.world.sicken())
        step = trip.advance(crash=roll >= 3, twice=bool(self.dice.roll(1)))
        if isinstance(step, Observe) and roll < 3 and not self.dice.roll(2):
            trip.world.stage = step.stage + 1
        if cell not in self.begun and isinstance(step, Ensure):
            assert step.revision == OLD, "a cell that was never begun with has never anything new"
        return step

    def turn_back(self, bad: str | None) -> None:
        """It fails in that cell, or somebody aborts it."""
        if self.tour.back:
            return
        spare = bad is not None and self.plan.rollout.on_failure is OnFailure.BAD
        self.stays = done(self.row) - {bad} if spare else frozenset()
        outcome = State.ROLLED_BACK if bad else State.ABORTED
        self.row, _ = life.going_back(self.row, "It is bad.", outcome, self.now)
        self.tour = replace(self.tour, back=True)
        for cell, trip in self.trips.items():
            if cell in self.stays:
                trip._set_out(replace(trip.walk, back=True))
            else:
                trip.turn_back()

    def give_way(self) -> None:
        """A more urgent deployment takes over from here, of another release."""
        self.row, self.tour = row_of(self.row.number + 1, self.now), Tour(self.plan, self.plan)
        self.stays = frozenset()
        for trip in self.trips.values():
            trip.give_way(replace(trip.walk, to=FIX, replicas=max(1, trip.walk.replicas), back=False))


ROLLOUTS = some.builds(
    Rollout,
    parallel=some.integers(1, 4),
    bake=some.sampled_from([0.0, 7.0]),
    on_failure=some.sampled_from(list(OnFailure)),
)
CELLS = some.integers(1, 5).map(lambda count: tuple("abcde"[:count]))


def travelled(convoy: Convoy, *, until: Callable[[Convoy], bool] = lambda convoy: convoy.ended) -> Convoy:
    for _ in range(LONGEST):
        if until(convoy):
            return convoy
        convoy.go_on()
    stories = "\n".join("\n".join(trip.story[-10:]) for trip in convoy.trips.values())
    raise AssertionError(f"It does not end: {convoy.row}\n{stories}")


@given(some.sampled_from(list(WAYS.values())), some.binary(max_size=300), ROLLOUTS, CELLS, some.data())
def test_every_deployment_through_cells_ends_and_keeps_its_promises(
    way: tuple[NextStep, Promise], script: bytes, rollout: Rollout, cells: tuple[str, ...], chance: some.DataObject
) -> None:
    convoy = Convoy(Dice(script), way, plan_of(cells, rollout))
    for what in chance.draw(some.lists(some.sampled_from(["abort", "give way"]), max_size=2)):
        rounds = chance.draw(some.integers(0, 60))
        for _ in range(rounds):
            if not convoy.ended:
                convoy.go_on()
        if convoy.ended:
            break
        convoy.turn_back(None) if what == "abort" else convoy.give_way()
    travelled(convoy)

    there = {cell for cell, trip in convoy.trips.items() if trip.walk.to in (NEW, FIX)}
    assert there == (set(convoy.stays) if convoy.tour.back else set(cells))
    for cell, trip in convoy.trips.items():
        expected = trip.walk.to
        assert all(copy.revision == expected for copy in trip.world.copies), cell


@given(some.sampled_from(list(WAYS.values())), ROLLOUTS, CELLS)
def test_a_bad_cell_stops_what_has_not_begun(
    way: tuple[NextStep, Promise], rollout: Rollout, cells: tuple[str, ...]
) -> None:
    convoy = Convoy(Dice(b""), way, plan_of(cells, rollout))
    middle = cells[len(cells) // 2]
    travelled(convoy, until=lambda c: middle in lanes(c.row))
    known, before = frozenset(lanes(convoy.row)), {c: trip.world.picture() for c, trip in convoy.trips.items()}
    convoy.turn_back(middle)
    travelled(convoy)
    assert convoy.begun == known
    for cell in set(cells) - known:
        copies, weights = before[cell][0], before[cell][1]  # type: ignore[index]
        after = convoy.trips[cell].world
        assert (tuple(after.copies), after.weights) == (copies, weights)
