"""Trains and tasks, as messages."""

from dataclasses import dataclass

from lockgate.core.ids import Instant
from lockgate.messages import EventView


@dataclass(frozen=True, slots=True)
class StepDraft:
    """One step of a train to be made."""

    kind: str
    """``deploy``, ``task`` or ``hold``."""
    name: str = ""
    """Empty, for a deployment: the application's."""
    after: tuple[str, ...] = ()
    """Steps that must have succeeded before it; what its release requires is added."""
    application: str = ""
    release: str = "latest"
    """A release id, ``#3``, a version if it names one release only, or ``latest``."""
    assignee: str = ""
    """Of a task: a person, or a group of which anybody may do it."""
    text: str = ""
    """What is to be done."""
    checklist: tuple[str, ...] = ()
    due: Instant | None = None
    seconds: float = 0.0
    """Of a hold."""


@dataclass(frozen=True, slots=True)
class CreateTrain:
    """POST /v1/trains"""

    name: str
    environment: str
    steps: tuple[StepDraft, ...]
    on_failure: str = "stop"
    """``stop`` or ``roll_back_all``."""
    reason: str = ""
    actor: str = ""


@dataclass(frozen=True, slots=True)
class StartTrain:
    """POST /v1/trains/{name}/start"""

    actor: str = ""


@dataclass(frozen=True, slots=True)
class AbortTrain:
    """POST /v1/trains/{name}/abort"""

    reason: str = ""
    roll_back: bool = False
    """Take back what it has deployed, too."""
    actor: str = ""


@dataclass(frozen=True, slots=True)
class Tick:
    """POST /v1/tasks/{train}/{step}/tick"""

    item: int
    """1, 2, 3 ... as the checklist has them."""
    undo: bool = False
    actor: str = ""


@dataclass(frozen=True, slots=True)
class FinishTask:
    """POST /v1/tasks/{train}/{step}/done"""

    comment: str = ""
    actor: str = ""


@dataclass(frozen=True, slots=True)
class RejectTask:
    """POST /v1/tasks/{train}/{step}/reject"""

    reason: str
    actor: str = ""


@dataclass(frozen=True, slots=True)
class ItemView:
    text: str
    by: str = ""
    """Who ticked it; empty: nobody."""
    at: Instant | None = None


@dataclass(frozen=True, slots=True)
class TaskView:
    """GET /v1/tasks/{train}/{step}"""

    id: str
    """``friday/announce``: its train and its step."""
    train: str
    step: str
    environment: str
    state: str
    """As of its step; ``waiting``: it is to be done now."""
    because: str
    assignee: str
    text: str
    items: tuple[ItemView, ...] = ()
    due: Instant | None = None
    overdue: bool = False
    by: str = ""
    """Who did or rejected it; empty: nobody yet."""
    comment: str = ""
    may: bool = False
    """The caller may do it now."""
    hindrance: str = ""
    """Why not."""


@dataclass(frozen=True, slots=True)
class StepView:
    """One step of a train: who, when, where, how long, and why it waits."""

    name: str
    kind: str
    state: str
    environment: str
    because: str
    who: str
    """Who can act on it; when it is over, who did it."""
    after: tuple[str, ...] = ()
    application: str = ""
    release: str = ""
    """Its id."""
    release_label: str = ""
    began_at: Instant | None = None
    ended_at: Instant | None = None
    took: float | None = None
    """Seconds from its beginning to its end, or to now."""
    seconds: float = 0.0
    """Of a hold: how long it is to be."""
    deployment: str = ""
    back: str = ""
    """The deployment that took it back, or is doing so."""
    task: TaskView | None = None


@dataclass(frozen=True, slots=True)
class TrainView:
    """GET /v1/trains/{name}"""

    name: str
    number: int
    environment: str
    state: str
    because: str
    on_failure: str
    reason: str
    actor: str
    """Who made it."""
    created_at: Instant
    starter: str = ""
    started_at: Instant | None = None
    ended_at: Instant | None = None
    final: bool = False
    steps: tuple[StepView, ...] = ()
    timeline: tuple[EventView, ...] = ()
    """Of the train, its tasks and its deployments, oldest first; left out of lists."""
