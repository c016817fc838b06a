"""Train: several releases that go to an environment together, with what people do in between: one list of steps.

Like a deployment it is a row that says all there is to know; nothing of it lives in a process.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from lockgate.core.ids import Instant, ReleaseId


class StepKind(StrEnum):
    DEPLOY = "deploy"
    """A release of an application."""
    TASK = "task"
    """Something that a person does."""
    HOLD = "hold"
    """So much time passes."""


class StepState(StrEnum):
    PENDING = "pending"
    """What it comes after is not done."""
    RUNNING = "running"
    """Its deployment is under way, or its time passes."""
    WAITING = "waiting"
    """Its deployment waits for a gate or its turn; or a person has not done the task."""
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    ABORTED = "aborted"
    """The train stopped before it began, or stopped it."""
    ROLLING_BACK = "rolling_back"
    """What it deployed is taken back."""
    ROLLED_BACK = "rolled_back"


class TrainState(StrEnum):
    CREATED = "created"
    """Nobody has started it."""
    RUNNING = "running"
    STOPPING = "stopping"
    """Something failed, or somebody aborted it: nothing begins any more, and what is under way comes to its end."""
    ROLLING_BACK = "rolling_back"
    """What it has deployed is taken back."""
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    ABORTED = "aborted"
    ROLLED_BACK = "rolled_back"


class OnFailure(StrEnum):
    STOP = "stop"
    """What has not begun does not begin; what is done stays."""
    ROLL_BACK_ALL = "roll_back_all"
    """And what is done is taken back."""


class TrainWant(StrEnum):
    RUN = "run"
    ABORT = "abort"
    ROLL_BACK = "roll_back"


SETTLED = frozenset({StepState.SUCCEEDED, StepState.FAILED, StepState.ABORTED, StepState.ROLLED_BACK})
"""Nothing goes on in a step that is one of these."""

ENDED = frozenset({TrainState.SUCCEEDED, TrainState.FAILED, TrainState.ABORTED, TrainState.ROLLED_BACK})

BACK = "back"
"""Names, behind the train and the step, the deployment that takes a step back."""


@dataclass(frozen=True, slots=True)
class Item:
    """One line of a checklist."""

    text: str
    by: str = ""
    """Who ticked it; empty: nobody."""
    at: Instant | None = None


@dataclass(frozen=True, slots=True)
class Task:
    """What a person is to do."""

    assignee: str
    """A person, or a group of which anybody may."""
    text: str
    items: tuple[Item, ...] = ()
    due: Instant | None = None
    by: str = ""
    """Who did or rejected it; empty: nobody yet."""
    comment: str = ""

    def left(self) -> tuple[str, ...]:
        """Items that nobody has ticked."""
        return tuple(item.text for item in self.items if not item.by)


@dataclass(frozen=True, slots=True)
class TrainStep:
    """One step, automated or not."""

    name: str
    kind: StepKind
    after: tuple[str, ...] = ()
    """Steps that must have succeeded before it begins."""
    requires: tuple[str, ...] = ()
    """Those of them that bring what its release requires."""
    application: str = ""
    release: ReleaseId | None = None
    label: str = ""
    """Of the release."""
    task: Task | None = None
    seconds: float = 0.0
    """Of a hold."""
    state: StepState = StepState.PENDING
    because: str = ""
    who: str = ""
    """Who can act on that; when it is over, who did."""
    began_at: Instant | None = None
    ended_at: Instant | None = None
    deployment: str = ""
    back: str = ""
    """The deployment that takes it back."""
    stays: bool = False
    """It is not taken back, although the train is."""

    @property
    def settled(self) -> bool:
        return self.state in SETTLED

    @property
    def begun(self) -> bool:
        return self.began_at is not None

    @property
    def returning(self) -> bool:
        return self.state is StepState.ROLLING_BACK


@dataclass(frozen=True, slots=True)
class Train:
    """The row."""

    name: str
    environment: str
    steps: tuple[TrainStep, ...]
    """In an order in which each stands behind those it comes after."""
    actor: str
    created_at: Instant
    on_failure: OnFailure = OnFailure.STOP
    reason: str = ""
    number: int = 0
    state: TrainState = TrainState.CREATED
    because: str = ""
    want: TrainWant = TrainWant.RUN
    starter: str = ""
    """Who started it: their deployments they are."""
    personal: bool = False
    """Who started it is proven."""
    started_at: Instant | None = None
    ended_at: Instant | None = None

    @property
    def ended(self) -> bool:
        return self.state in ENDED

    def step(self, name: str) -> TrainStep | None:
        return next((step for step in self.steps if step.name == name), None)


def run_name(train: str, step: str, *, back: bool = False) -> str:
    """What finds the deployment of a step again: there is never a second of that name."""
    return f"{train}/{step}/{BACK}" if back else f"{train}/{step}"


def named_by(run: str) -> tuple[str, str]:
    """The train and the step of a deployment of that name; ``("", "")`` of one that is no train's."""
    train, _, rest = run.partition("/")
    return train, rest.partition("/")[0]


def in_order(steps: Iterable[TrainStep]) -> tuple[TrainStep, ...]:
    """Each behind those it comes after; otherwise as they are. The first of a circle, and what comes after it, is left
    out: whoever gets fewer back than they gave has found one."""
    waiting, done = list(steps), dict[str, TrainStep]()
    while True:
        ready = next((one for one in waiting if all(name in done for name in one.after)), None)
        if ready is None:
            return tuple(done.values())
        waiting.remove(ready)
        done[ready.name] = ready


def followers(steps: Iterable[TrainStep]) -> Mapping[str, frozenset[str]]:
    """Step -> all that come after it, however far behind."""
    found: dict[str, set[str]] = {}
    known = list(steps)
    for step in reversed(known):
        behind = found.setdefault(step.name, set())
        for name in step.after:
            found.setdefault(name, set()).update({step.name}, behind)
    return {name: frozenset(behind) for name, behind in found.items()}
