"""Walker: takes an active deployment from step to step, for as long as steps follow closely on each other.

Level-triggered: each turn looks at the world, asks the strategy for the one next step, writes it down, does it. It
may be killed between any two statements; the next claim begins again at the look.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from lockgate.core.application import StrategyKind
from lockgate.core.audit import Event
from lockgate.core.deployment import Deployment, Progress, State
from lockgate.core.environment import OnFailure
from lockgate.core.errors import (
    ArtifactAltered,
    ArtifactMissing,
    ArtifactMistyped,
    Fenced,
    PreparationFailed,
    Retryable,
    StartFailed,
    Terminal,
)
from lockgate.core.ids import Digest, Instant
from lockgate.core.plan import Done, Step, Verify, mixture
from lockgate.core.traffic import Scene, Walk
from lockgate.core.window import Window
from lockgate.engine import life, planner, rollout, upkeep
from lockgate.engine.course import Leg
from lockgate.engine.executor import Executor, Executors
from lockgate.engine.outcome import Outcome
from lockgate.engine.reconciler import Reconciler
from lockgate.engine.rollout import Tour
from lockgate.engine.scene import scene_of
from lockgate.ports import Clock, Quarantine, Store
from lockgate.strategies import blue_green, canary, recreate, rolling

Strategy = Callable[[Walk, Scene], Step]

STRATEGIES: Mapping[StrategyKind, Strategy] = {
    StrategyKind.RECREATE: recreate.next_step,
    StrategyKind.ROLLING: rolling.next_step,
    StrategyKind.BLUE_GREEN: blue_green.next_step,
    StrategyKind.CANARY: canary.next_step,
}

RELEASE_FAULTS = (PreparationFailed, StartFailed, ArtifactAltered, ArtifactMissing, ArtifactMistyped)
"""What a port may raise that is the release's own fault. A route that is refused or a port that is taken is not."""

LINGER = 1.0
"""Seconds a turn stays with a deployment that waits for something imminent, before it gives the claim back."""

LOOK_AGAIN = 0.2
"""Seconds until a deployment that waits is looked at again."""

PATIENCE = 300.0
"""Seconds a step is tried again when an outside system fails, before the deployment goes back."""


LONGEST_PAUSE = 30.0
"""Seconds between two tries of a step when an outside system fails."""


@dataclass(frozen=True, slots=True)
class Walker:
    """``executors`` gives each plan its own."""

    store: Store
    clock: Clock
    executors: Executors

    def walk(self, row: Deployment) -> Deployment:
        """Goes on until it ends, waits for somebody, or has lingered long enough. Returns the row as written."""
        began = self.clock.now()
        while True:
            row, outcome = self._turn(row)
            if not row.active or row.state is State.PAUSED:
                return row
            if outcome.wait:
                lingered = self.clock.now() - began
                if outcome.wait > LINGER or not 0 <= lingered < LINGER:
                    return self._let_go(row, outcome)
                self.clock.sleep(_growing(outcome.wait, self.clock.now() - row.progress.since))
            else:
                began = self.clock.now()

    def _turn(self, row: Deployment) -> tuple[Deployment, Outcome]:
        """One look, one decision, one act."""
        now = self.clock.now()
        change = life.obeyed(row, now)
        if change:
            row, event = change
            return self._write(row, [event], keep=row.active and row.state is not State.PAUSED), Outcome(row.progress)
        tour = rollout.tour_of(row, self.store.releases.plan)
        row = self._tended(row, tour, now)
        if (row.state is State.ROLLING_BACK) is not tour.back:
            return row, Outcome(row.progress)
        found = tour.round(row, now)
        if not found.walk:
            return replace(row, because=found.because), Outcome(row.progress, wait=found.wait, because=found.because)
        return self._round(row, tour, found.walk)

    def _round(self, row: Deployment, tour: Tour, cells: Sequence[str]) -> tuple[Deployment, Outcome]:
        """A step in each cell, until one of them ends the deployment or turns it round."""
        outcomes = []
        for cell in cells:
            row, outcome = self._in_cell(rollout.onto(row, cell), tour, cell)
            outcomes.append(outcome)
            if not row.active or (row.state is State.ROLLING_BACK) is not tour.back:
                return row, outcome
        return row, min(outcomes, key=lambda outcome: outcome.wait)

    def _in_cell(self, row: Deployment, tour: Tour, cell: str) -> tuple[Deployment, Outcome]:
        rest = row.progress.rests_until - self.clock.now()
        if tour.cellular and 0 < rest <= LONGEST_PAUSE:
            return row, Outcome(row.progress, wait=rest)
        try:
            legs, executor = tour.legs(cell), self.executors(tour.part(cell))
            if row.progress.component >= len(legs) and not tour.is_last(row, cell):
                return self._leave(row, legs, executor), Outcome(row.progress)
            return self._step(row, legs, executor)
        except Fenced:
            raise
        except (Retryable, Terminal) as error:
            return self._stumble(row, error)

    def _leave(self, row: Deployment, legs: Sequence[Leg], executor: Executor) -> Deployment:
        """A cell has arrived, and others have not."""
        self._clear(row, legs, executor)
        now, back = self.clock.now(), row.state is State.ROLLING_BACK
        if row.state is State.VERIFYING:
            row = replace(row, state=State.RUNNING, state_since=now)
        because = planner.arrival(row, back=back)
        data = {"cell": row.progress.cell or ""}
        event = life.event_of(row, "deployment.cell", because, now, data=data)
        return self._write(replace(rollout.arrived(row, now), because=because), [event])

    def _tended(self, row: Deployment, tour: Tour, now: Instant) -> Deployment:
        """Cells that are not walked are looked at now and then, since a rollout may take hours: what they have lost is
        started again. A cell that has arrived and then fails turns the deployment round as any other."""
        if not tour.cellular or 0 <= now - row.tended_at < rollout.LOOK:
            return row
        keeper, mended = Reconciler(self.store, self.clock, self.executors), []
        for cell, plan in rollout.resting(row, tour).items():
            mended += keeper.tend(row, plan)
            failure = keeper.failure(plan) if cell in rollout.done(row) and not tour.back else ""
            if failure:
                return self._turn_round(rollout.onto(row, cell), failure)
        kept, events = upkeep.told(row, mended, now)
        return self._write(replace(kept, tended_at=now), events)

    def _step(self, row: Deployment, legs: Sequence[Leg], executor: Executor) -> tuple[Deployment, Outcome]:
        if row.progress.component >= len(legs):
            return self._arrive(row, legs, executor), Outcome(row.progress)
        leg = legs[row.progress.component]
        sight = executor.affirm(row, leg, executor.look(leg))
        scene = scene_of(leg, sight, row.progress, self.clock.now())
        step = STRATEGIES[leg.strategy.kind](leg.walk, scene)
        if isinstance(step, Done):
            return replace(row, progress=_next_leg(row.progress)), Outcome(row.progress)
        words = planner.words(step, leg)
        if words != row.progress.words:
            announced, event = life.announced(row, step, words, isinstance(step, Verify), self.clock.now())
            row = self._write(announced, [event])
        outcome = executor.carry_out(row, leg, step, sight)
        if outcome.evidence is not None:
            row = self._write(replace(row, evidence=outcome.evidence), [], windows=outcome.windows)
        if outcome.failure:
            return self._turn_round(row, outcome.failure, blame=outcome.blame), outcome
        row = self._on_stage(row, leg, outcome)
        because = outcome.because or row.progress.words
        return replace(row, progress=outcome.progress, because=because, who=outcome.who), outcome

    def _on_stage(self, row: Deployment, leg: Leg, outcome: Outcome) -> Deployment:
        """A canary that has come to another stage says so, with the evidence that let it."""
        stage = outcome.progress.stage
        if stage == row.progress.stage:
            return row
        words = planner.stage_words(leg, stage)
        event = life.event_of(row, "deployment.stage", f"{words} {outcome.because}", self.clock.now())
        return self._write(replace(row, progress=outcome.progress), [event])

    def _clear(self, row: Deployment, legs: Sequence[Leg], executor: Executor) -> None:
        for leg in legs:
            if leg.walk.routed and leg.target is None:
                executor.router.remove(leg.key, planner.fence_of(row))

    def _arrive(self, row: Deployment, legs: Sequence[Leg], executor: Executor) -> Deployment:
        """Every leg is done."""
        self._clear(row, legs, executor)
        now = self.clock.now()
        if row.state is State.ROLLING_BACK:
            outcome, because = self._ending(row)
            after, event = life.moved(row, outcome, because, now)
            if row.mixed:
                after = replace(after, holds=True, next_at=now)
            return self._write(after, [event], keep=False)
        if row.state is State.VERIFYING:
            row = replace(row, state=State.RUNNING)
        after, event = life.moved(row, State.SUCCEEDED, f"{row.release_label} runs in {row.environment}.", now)
        return self._write(replace(after, holds=True, next_at=now), [event], keep=False)

    def _turn_round(self, row: Deployment, failure: str, *, blame: bool = True) -> Deployment:
        """It failed and the walk turns round. ``blame``: the release is at fault, not the machine; then it is barred
        here, so that nothing brings it back."""
        now = self.clock.now()
        if blame:
            bar = Quarantine(row.application, row.environment, row.release, failure, now, row.id)
            self.store.quarantines.bar(bar, life.event_of(row, "quarantine.set", failure, now))
        mixed = self._mixture(row)
        outcome = State.ROLLED_BACK if row.previous or mixed else State.FAILED
        after, event = life.going_back(replace(row, mixed=mixed), failure, outcome, now)
        return self._write(after, [event])

    def _mixture(self, row: Deployment) -> Digest | None:
        """Where it goes back to if some cells stay as they are; None: all of them go back."""
        plan, staying = self.store.releases.plan(row.plan), rollout.done(row) - {row.progress.cell}
        if plan.rollout.on_failure is not OnFailure.BAD or not staying:
            return None
        previous = self.store.releases.plan(row.previous) if row.previous else None
        return self.store.releases.put_plan(mixture(plan, staying, previous))

    def _ending(self, row: Deployment) -> tuple[State, str]:
        outcome = row.progress.outcome or State.FAILED
        done = "What ran before runs again" if row.previous else "What it had started is gone; nothing ran before"
        if row.mixed:
            done = planner.divided(row, self.store.releases.plan(row.plan), self.store.releases.plan(row.mixed))
        return outcome, f"{done}. {row.progress.failure}"

    def _stumble(self, row: Deployment, error: Retryable | Terminal) -> tuple[Deployment, Outcome]:
        """A port refused or did not answer. On the way there a terminal error turns the walk round, and so does a
        lasting one; on the way back it is tried for as long as it takes, and a fix can always pre-empt it."""
        now = self.clock.now()
        lasting = now - row.progress.since > PATIENCE
        if row.state is not State.ROLLING_BACK and (isinstance(error, Terminal) or lasting):
            blame = isinstance(error, RELEASE_FAULTS)
            return self._turn_round(row, str(error), blame=blame), Outcome(row.progress)
        attempts = row.progress.attempts + 1
        pause = min(0.2 * 2 ** min(attempts, 10), LONGEST_PAUSE)
        tried = replace(row.progress, attempts=attempts, rests_until=now + pause)
        because = f"{row.progress.words or 'The first look'} did not work yet (attempt {tried.attempts}): {error}"
        event = life.event_of(row, "deployment.stumbled", because, now)
        after = self._write(replace(row, progress=tried, because=because, next_at=now + pause), [event])
        return after, Outcome(tried, wait=pause, because=because)

    def _let_go(self, row: Deployment, outcome: Outcome) -> Deployment:
        due = self.clock.now() + max(LOOK_AGAIN, outcome.wait)
        return self._write(replace(row, next_at=due), [], keep=False)

    def _write(
        self, row: Deployment, events: Sequence[Event], *, keep: bool = True, windows: Sequence[Window] = ()
    ) -> Deployment:
        return self.store.deployments.save(row, self.clock.now(), events, keep_claim=keep, windows=windows)


def _next_leg(progress: Progress) -> Progress:
    following = progress.component + 1
    return replace(progress, component=following, draining={}, words="", step="", stage=0, stage_since=None)


def _growing(wait: float, since: float) -> float:
    """Looks are close together at first and fewer later: a twentieth of the time already waited, up to 50 ms."""
    return min(max(wait, since / 20), max(wait, 0.05))
