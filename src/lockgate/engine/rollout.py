"""Rollout: which cells of an environment a deployment walks now, and which have to wait. Pure.

Each cell is walked by the environment's strategy, as if it were an environment of its own, with a progress of its own:
a *lane*. Lanes are walked in turn within one claim. The row holds the progress of the lane that is walked; the others
are parked beside it, so every write holds all of them. An environment without cells has one lane, with an empty name.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from lockgate.core.deployment import Deployment, Lane, Progress, State
from lockgate.core.ids import Digest, Instant
from lockgate.core.plan import Plan
from lockgate.engine.course import Leg, legs_of

LOOK = 5.0
"""Seconds between two looks at cells that are not walked: those that bake, those done, those not begun."""


ARRIVED = frozenset({"bakes", "done", "is back"})
"""Words of :func:`standings` for cells that a deployment has led to where it leads."""


@dataclass(frozen=True, slots=True)
class Round:
    """What to do next."""

    walk: tuple[str, ...]
    """Cells, in the order they are to be walked a step each."""
    wait: float = 0.0
    """Seconds until there is more to do, if there is nothing now."""
    because: str = ""


@dataclass(frozen=True, slots=True)
class Tour:
    """The cells of one deployment, there or back."""

    plan: Plan
    """The deployment's own."""
    other: Plan | None
    """There: what ran before. Back: what it goes back to. None: nothing."""
    back: bool = False

    @property
    def cells(self) -> tuple[str, ...]:
        """In the order they are walked: those of the plan, then those that it no longer has; back, the other way."""
        gone = tuple(name for name in (self.other.names if self.other else ()) if name not in self.plan.names)
        cells = (*self.plan.names, *gone)
        return cells[::-1] if self.back else cells

    @property
    def cellular(self) -> bool:
        return self.cells != ("",)

    def legs(self, cell: str) -> tuple[Leg, ...]:
        """The cell's own course."""
        there, number = self.other.within(cell) if self.other else None, self.cells.index(cell)
        legs = legs_of(self.plan.within(cell), there, back=self.back)
        return tuple(replace(leg, cells_before=number) for leg in legs) if number else legs

    def part(self, cell: str) -> Plan:
        """The plan that says where the cell's instances live."""
        return (self.plan if cell in self.plan.names or self.other is None else self.other).within(cell)

    def round(self, row: Deployment, now: Instant) -> Round:
        """Cells that are on their way, and those that may begin: never more than ``parallel`` are on their way or bake.
        There is no baking on the way back, nor when no cell is left to begin."""
        known, rollout = lanes(row), self.plan.rollout
        waiting = [cell for cell in self.cells if cell not in known]
        walking = [cell for cell in self.cells if cell in known and known[cell].done_at is None]
        left = {} if self.back or not waiting else self.baking(known, now)
        over = [cell for cell, seconds in left.items() if seconds <= 0]
        begin = waiting[: max(0, rollout.parallel - len(walking) - len(left))]
        if walking or over or begin:
            return Round((*walking, *over, *begin))
        if not left:
            return Round(self.cells[-1:])
        cell = min(left, key=lambda name: left[name])
        return Round((), min(left[cell], LOOK), bakes(cell, waiting[0], now + left[cell]))

    def baking(self, known: Mapping[str, Progress], now: Instant) -> dict[str, float]:
        """Cell that has arrived but not yet done well for long enough -> seconds that are missing."""
        bake = self.plan.rollout.bake
        return {
            cell: known[cell].done_at + bake - now  # type: ignore[operator]
            for cell in self.cells
            if bake and cell in known and known[cell].done_at is not None and not known[cell].baked
        }

    def is_last(self, row: Deployment, cell: str) -> bool:
        """Every other cell has arrived."""
        known = lanes(row)
        return all(other in known and known[other].done_at is not None for other in self.cells if other != cell)


def tour_of(row: Deployment, plan_of: Callable[[Digest], Plan]) -> Tour:
    """Of a deployment that is active, there or back."""
    back = row.state is State.ROLLING_BACK
    other = (row.mixed if back else None) or row.previous
    return Tour(plan_of(row.plan), plan_of(other) if other else None, back)


def bakes(cell: str, following: str, until: Instant) -> str:
    """What a cell that has arrived is waited for."""
    return f"{cell} must do well until {_clock(until)}; then it is checked once more, and {following} begins."


def _clock(instant: Instant) -> str:
    return datetime.fromtimestamp(instant, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def lanes(row: Deployment) -> dict[str, Progress]:
    """Cell -> progress, of all that the deployment has begun with."""
    parked = {cell: lane.progress for cell, lane in row.lanes.items()}
    return parked if row.progress.cell is None else {**parked, row.progress.cell: row.progress}


def standings(row: Deployment, tour: Tour) -> dict[str, str]:
    """Cell -> how far the deployment has come in it, in a word or two."""
    known = lanes(row)
    words = ("goes back", "is back") if tour.back else ("changes", "done")
    told = {cell: words[known[cell].done_at is not None] if cell in known else "waits" for cell in tour.cells}
    if not tour.back and "waits" in told.values():
        told |= dict.fromkeys(tour.baking(known, 0.0), "bakes")
    return told


def first_at(row: Deployment, tour: Tour, step: str) -> tuple[int, Progress] | None:
    """The first cell that is at that kind of step: how many come before it, and its progress."""
    known = lanes(row)
    found = ((number, known[cell]) for number, cell in enumerate(tour.cells) if cell in known)
    return next((one for one in found if one[1].step == step), None)


def done(row: Deployment) -> frozenset[str]:
    """Cells that have arrived; those that are checked once more are among them."""
    return frozenset(cell for cell, lane in lanes(row).items() if lane.done_at is not None or lane.baked)


def resting(row: Deployment, tour: Tour) -> dict[str, Plan]:
    """Cell that is not walked now -> what has to run there: those that have arrived; and those not begun, by what ran
    before. On the way back nothing is known of a cell before its turn."""
    known = lanes(row)
    arrived = {cell: known[cell] for cell in tour.cells if cell in known and known[cell].done_at is not None}
    to = tour.other if tour.back else tour.plan
    plans = {cell: to.within(cell) for cell in arrived} if to else {}
    if tour.other and not tour.back:
        plans |= {cell: tour.other.within(cell) for cell in tour.cells if cell not in known}
    return plans


def onto(row: Deployment, cell: str) -> Deployment:
    """The row with that cell's lane as the one that is walked. One that had arrived is walked again: what it has lost
    is started again, and its checks have to pass once more."""
    here = row.progress
    if here.cell is None:
        return replace(row, progress=replace(here, cell=cell))
    parked = {**row.lanes, here.cell: Lane(here, row.evidence)}
    lane = parked.pop(cell, Lane(Progress(cell=cell)))
    progress = lane.progress
    if progress.done_at is not None:
        progress = replace(progress, done_at=None, baked=True, verified_after=frozenset())
    progress = replace(progress, steps_taken=here.steps_taken, failure=here.failure, outcome=here.outcome)
    return replace(row, progress=progress, evidence=lane.evidence, lanes=parked)


def arrived(row: Deployment, now: Instant) -> Deployment:
    """The lane that is walked is at its end: little of it is remembered."""
    here = row.progress
    kept = Progress(cell=here.cell, baked=here.baked, done_at=now, steps_taken=here.steps_taken)
    kept = replace(kept, warmed=here.warmed, verified_before=here.verified_before)
    return replace(row, progress=replace(kept, failure=here.failure, outcome=here.outcome))
