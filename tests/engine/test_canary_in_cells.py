"""Canaries through cells, with holds, and people and crashes in between: whatever is asked and whatever dies, nobody
meets more of a release than a hold allows, and every deployment ends with each cell on one release.

The whole engine on fakes and a real store, led by chance.
"""

import tempfile
from dataclasses import dataclass, field, replace
from pathlib import Path

from hypothesis import Phase, given, settings
from hypothesis import strategies as some
from tests.conftest import THOROUGH
from tests.engine.test_cell_kills import Killed, doomed
from tests.engine.test_cell_stories import EAST, NORTH, SOUTH, is_on, key, serving, world

from lockgate.core.application import Strategy, StrategyKind
from lockgate.core.canary import Canary, Criteria, Stage
from lockgate.core.deployment import State, Want
from lockgate.core.environment import OnFailure, Rollout
from lockgate.core.errors import Conflict
from lockgate.core.traffic import ALL
from lockgate.engine.rollout import lanes
from lockgate.messages import Ask
from lockgate.store.database import open_store
from lockgate.testing.rig import Rig

ORDER = (NORTH, EAST, SOUTH)
LONGEST = 600
"""Turns of half a second within which a deployment must have ended once nobody disturbs it any more."""

STAGES = some.lists(
    some.builds(Stage, weight=some.sampled_from([500, 1000]), soak=some.sampled_from([0.0, 3.0]), hold=some.booleans()),
    min_size=1,
    max_size=3,
).map(lambda stages: tuple(replace(s, weight=s.weight + 1000 * n) for n, s in enumerate(stages)))

CANARIES = some.builds(
    Canary,
    stages=STAGES,
    criteria=some.just(Criteria(warm_up=0.0, window=1.0)),
    early=some.booleans(),
    within=some.just(20.0),
)
ROLLOUTS = some.builds(
    Rollout,
    parallel=some.integers(1, 3),
    bake=some.sampled_from([0.0, 4.0]),
    on_failure=some.sampled_from(list(OnFailure)),
)
ASKED = some.sampled_from(["continue", "continue", "continue", "finish", "abort", "pause", "resume"])
HAPPENINGS = some.lists(
    some.one_of(
        some.tuples(some.just("work"), some.integers(1, 40)),
        some.tuples(some.just("ask"), ASKED),
        some.tuples(some.just("die"), some.integers(1, 12)),
    ),
    max_size=14,
)


@dataclass
class Passage:
    """A canary's way through the cells."""

    rig: Rig
    canary: Canary
    deployment: str = ""
    before: str = ""
    revision: str = ""
    let: int = 0
    """Stages that people have let pass, those of all cells in their order."""
    died: int = 0
    asked: set[str] = field(default_factory=set)

    def begin(self, bad: bool) -> None:
        strategy = Strategy(StrategyKind.CANARY, canary=self.canary)
        self.rig.router.rate, self.rig.router.fail_otherwise = 2000.0, 0.001
        self.before = self.rig.deploy(self.rig.release("1", strategy=strategy)).id
        self._to_the_end(self.before)
        self.deployment = self.rig.deploy(self.rig.release("2")).id
        self.revision = self.rig.plan(self.deployment).components[0].revision
        if bad:
            self.rig.router.failing[self.rig.plan(self.deployment).components[0].revision] = 0.2

    def _to_the_end(self, deployment: str) -> None:
        for _ in range(LONGEST):
            self.rig.turn()
            self.rig.clock.pass_by(0.5)
            if self.rig.row(deployment).final:
                return
        raise AssertionError(f"It does not end: {self.rig.row(deployment)}")

    # --- happenings ---

    def work(self, turns: int) -> None:
        for _ in range(turns):
            self.rig.turn()
            self.check()
            self.rig.clock.pass_by(0.5)

    def ask(self, what: str) -> None:
        try:
            self.rig.operations.ask(self.deployment, what, Ask("", "bob"))
        except Conflict:
            return
        self.asked.add(what)

    def die(self, at: int) -> None:
        """The engine dies at that boundary from here, if it comes to so many; another one takes over."""
        with doomed(self.rig, at) as doom:
            try:
                self.work(20)
            except Killed:
                self.died += 1
        if doom.left <= 0:
            self.rig.worker = self.rig.new_worker(f"another {self.died}")
            self.rig.clock.pass_by(11)

    def leave(self) -> None:
        """Nobody asks anything any more, but that whoever waits may go on."""
        for _ in range(LONGEST):
            row = self.rig.row(self.deployment)
            if row.final:
                return
            if row.want is Want.PAUSE:
                self.ask("resume")
            elif row.who:
                self.ask("continue")
            self.work(1)
        raise AssertionError(f"It does not end: {self.rig.row(self.deployment)}")

    # --- what must hold at any moment ---

    def check(self) -> None:
        row = self.rig.row(self.deployment)
        for number, cell in enumerate(ORDER):
            weights = serving(self.rig, cell)
            assert sum(weights.values()) == ALL, (cell, weights)
            if row.state is not State.ROLLING_BACK and not row.final:
                allowed = self._allowed(row.let_through - number * len(self.canary.stages))
                assert weights.get(self.revision, 0) <= allowed, (cell, weights, row)
        assert sum(lane.done_at is None for lane in lanes(row).values()) <= self._limit(), row

    def _allowed(self, let: int) -> int:
        """The most traffic in a cell of which people have let pass so many stages."""
        for number, stage in enumerate(self.canary.stages):
            if stage.hold and number >= let:
                return stage.weight
        return ALL

    def _limit(self) -> int:
        return self.rig.catalogue.get("dev").rollout.parallel

    def check_end(self, bad: bool, on_failure: OnFailure) -> None:
        row = self.rig.row(self.deployment)
        assert row.state in (State.SUCCEEDED, State.ROLLED_BACK, State.ABORTED), row
        if row.state is State.SUCCEEDED:
            assert "abort" not in self.asked
            assert all(is_on(self.rig, cell, self.deployment) for cell in ORDER)
            return
        stays = [cell for cell in ORDER if is_on(self.rig, cell, self.deployment)]
        assert all(is_on(self.rig, cell, self.before) for cell in ORDER if cell not in stays)
        assert not stays or on_failure is OnFailure.BAD
        if row.state is State.ABORTED:
            assert "abort" in self.asked
        assert bad or row.state is State.ABORTED, row
        assert row.holds is bool(stays)


@settings(max_examples=600 if THOROUGH else 25, phases=list(Phase)[:3])
@given(CANARIES, ROLLOUTS, HAPPENINGS, some.booleans())
def test_no_one_meets_more_than_a_hold_allows_and_every_cell_ends_on_one_release(
    canary: Canary, rollout: Rollout, happenings: list[tuple[str, int | str]], bad: bool
) -> None:
    with tempfile.TemporaryDirectory() as folder, open_store(f"sqlite:///{Path(folder)}/lockgate.db") as store:
        passage = Passage(Rig(store, world(rollout)), canary)
        passage.begin(bad)
        for what, how in happenings:
            getattr(passage, what)(how)
        passage.leave()
        passage.check()
        passage.check_end(bad, rollout.on_failure)
        assert all(key(cell) in passage.rig.router.routes for cell in ORDER)
