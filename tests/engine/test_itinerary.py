"""Whatever happens to its deployments and its servers, a train keeps its promises. In a world made of numbers.

Deployments take their time, wait, fail, are aborted by others or cannot be opened; servers die between what they decide
and what they do; people do tasks, reject them, or abort the train. Afterwards everything goes well, and it must end.
"""

from dataclasses import dataclass, field, replace

from hypothesis import given
from hypothesis import strategies as st

from lockgate.core.deployment import FINAL, State
from lockgate.core.train import (
    ENDED,
    SETTLED,
    OnFailure,
    StepKind,
    StepState,
    Task,
    Train,
    TrainState,
    TrainStep,
    TrainWant,
    followers,
    in_order,
)
from lockgate.engine import itinerary, logbook
from lockgate.engine.itinerary import Abort, Open, Run, Sight
from lockgate.testing.world import Dice


@dataclass
class Line:
    """The train, and what would be in the store."""

    train: Train
    dice: Dice
    there: dict[str, Run] = field(default_factory=dict)
    back: dict[str, Run] = field(default_factory=dict)
    opened: list[str] = field(default_factory=list)
    now: float = 0.0
    due: float | None = 0.0

    def look(self) -> None:
        """One server's look. It may die after it has written down what it decided, and at each thing that it does."""
        if self.due is None or self.due > self.now:
            return
        before = self.train
        after, moves = itinerary.advanced(before, Sight(self.there, self.back), self.now)
        self.check(before, after)
        logbook.told(before, after, self.now)
        if self.dice.roll(9) == 9:
            return
        self.train = after
        if after != before:
            self.due = itinerary.due(after, self.now)
        for move in moves:
            if self.dice.roll(5) == 5:
                return
            self.do(move)

    def do(self, move: Open | Abort) -> None:
        if isinstance(move, Abort):
            for runs in (self.there, self.back):
                for name, run in runs.items():
                    if run.id == move.deployment and run.state not in FINAL:
                        runs[name] = replace(run, aborting=True)
            return
        step, runs = self.train.step(move.step), self.back if move.back else self.there
        assert step is not None
        if step.settled or not step.begun or step.returning is not move.back:
            return  # as the store refuses it
        if move.step in runs:
            return  # as the store finds it again
        chance = self.dice.roll(7)
        if chance == 7:
            self.train, self.due = itinerary.refused(self.train, move, "denied", self.now), self.now
        elif chance == 6:
            self.train = itinerary.delayed(self.train, move, "later")
        else:
            name = f"{move.step}{'/back' if move.back else ''}"
            assert name not in self.opened
            self.opened.append(name)
            runs[move.step] = Run(f"dep-{len(self.opened)}", State.PENDING, stays="" if self.dice.roll(3) < 3 else "x")

    def live(self) -> None:
        """Time passes for deployments and people."""
        self.now += 1.0
        for runs in (self.there, self.back):
            for name, run in runs.items():
                if run.state not in FINAL:
                    runs[name] = replace(run, state=self.next_state(run))
        for name, run in self.there.items():
            if run.state is State.SUCCEEDED and self.dice.roll(40) == 40:
                self.there[name] = replace(run, stays="somebody has deployed something else")
        for step in self.train.steps:
            if step.kind is StepKind.TASK and step.state is StepState.WAITING and self.dice.roll(2) == 0:
                self.person(step)
        if self.dice.roll(30) == 30 and not self.train.ended and self.train.state is not TrainState.ROLLING_BACK:
            want = (TrainWant.ABORT, TrainWant.ROLL_BACK)[self.dice.roll(1)]
            self.train, self.due = replace(self.train, want=want, because="somebody"), self.now

    def next_state(self, run: Run) -> State:
        if run.aborting:
            return State.ABORTED
        roll = self.dice.roll(11)
        if roll == 11:
            return (State.FAILED, State.ROLLED_BACK, State.SUPERSEDED, State.ABORTED)[self.dice.roll(3)]
        if roll >= 8:
            return State.GATED
        return State.RUNNING if run.state in (State.PENDING, State.GATED) else State.SUCCEEDED

    def person(self, step: TrainStep) -> None:
        state = StepState.FAILED if self.dice.roll(7) == 7 else StepState.SUCCEEDED
        done = replace(step, state=state, ended_at=self.now)
        self.train = replace(self.train, steps=tuple(done if one is step else one for one in self.train.steps))
        self.due = self.now

    def check(self, before: Train, after: Train) -> None:
        """What holds at every look."""
        done = {step.name for step in after.steps if step.state is StepState.SUCCEEDED}
        behind = followers(after.steps)
        for old, new in zip(before.steps, after.steps, strict=True):
            if new.begun and not old.begun:
                assert set(new.after) <= done, "a step began before what it needs"
                assert before.want is TrainWant.RUN and not any(s.state is StepState.FAILED for s in before.steps)
            if new.returning and not old.returning:
                assert not any(s.stays and new.name in s.requires for s in after.steps), "what stays lost what it needs"
                assert not any(_deployed(after.step(name)) for name in behind[new.name]), "the first went back first"
            if old.returning and new.stays:
                assert self.there[new.name].stays or new.state is StepState.FAILED, "it stays, and nobody knows why"
            if old.settled and new.state is not old.state:
                assert old.state is StepState.SUCCEEDED and new.returning, "what is over has changed"
        assert not before.ended or after == before


def _deployed(step: TrainStep | None) -> bool:
    assert step is not None
    return step.kind is StepKind.DEPLOY and step.state is StepState.SUCCEEDED and not step.stays


@st.composite
def trains(draw: st.DrawFn) -> Train:
    steps = []
    for number in range(draw(st.integers(1, 6))):
        kind = draw(st.sampled_from([StepKind.DEPLOY, StepKind.DEPLOY, StepKind.TASK, StepKind.HOLD]))
        after = tuple(f"s{n}" for n in range(number) if draw(st.booleans()))
        task = Task("alice", "do it") if kind is StepKind.TASK else None
        needs = after if kind is StepKind.DEPLOY and draw(st.booleans()) else ()
        steps.append(TrainStep(f"s{number}", kind, after, needs, f"a{number}", task=task, seconds=2.0))
    return Train("friday", "prod", tuple(steps), "ann", 0.0, draw(st.sampled_from(OnFailure)), state=TrainState.RUNNING)


@given(trains(), st.binary(max_size=300))
def test_every_train_ends_and_keeps_its_order_whatever_happens(train: Train, script: bytes) -> None:
    line = Line(train, Dice(script))
    for _ in range(600):
        line.look()
        if line.train.ended:
            break
        line.live()
    assert line.train.state in ENDED
    assert all(step.state in SETTLED or step.state is StepState.PENDING for step in line.train.steps)
    going = [run for runs in (line.there, line.back) for run in runs.values() if run.state not in FINAL]
    assert going == [], "it ended while a deployment of it was under way"
    assert len(line.opened) == len(set(line.opened))
    if line.train.state is TrainState.SUCCEEDED:
        assert all(step.state is StepState.SUCCEEDED for step in line.train.steps)
    if line.train.state is TrainState.ROLLED_BACK:
        left = [step for step in line.train.steps if _deployed(step)]
        assert left == [], "something is left of what was to be taken back"


@given(trains(), st.binary(max_size=100))
def test_looking_twice_changes_nothing_more(train: Train, script: bytes) -> None:
    line = Line(train, Dice(script))
    for _ in range(20):
        sight = Sight(line.there, line.back)
        once, moves = itinerary.advanced(line.train, sight, line.now)
        twice, again = itinerary.advanced(once, sight, line.now)
        settled, more = itinerary.advanced(twice, sight, line.now)
        assert (settled, more) == itinerary.advanced(settled, sight, line.now) or settled != twice
        assert set(moves) <= set(again) | set(moves)
        line.look()
        line.live()


@given(st.lists(st.tuples(st.integers(0, 7), st.integers(0, 7)), max_size=20))
def test_an_order_keeps_every_after_or_leaves_a_circle_out(pairs: list[tuple[int, int]]) -> None:
    after: dict[str, tuple[str, ...]] = {f"s{n}": () for n in range(8)}
    for one, other in pairs:
        after[f"s{one}"] = (*after[f"s{one}"], f"s{other}")
    ordered = in_order(TrainStep(name, StepKind.HOLD, needs) for name, needs in after.items())
    seen: set[str] = set()
    for step in ordered:
        assert set(step.after) <= seen
        seen.add(step.name)
    left = set(after) - seen
    assert all(set(after[name]) & left for name in left)
    behind = followers(ordered)
    assert all(step.name in behind[name] for step in ordered for name in step.after)
