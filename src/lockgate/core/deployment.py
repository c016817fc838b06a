"""Deployment: one run of one plan on one environment, as a row that says all there is to know.

Whoever holds the row can go on with it: nothing lives in a process. The table of legal transitions is the life of a
deployment on one screen.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from lockgate.core.errors import IllegalTransition
from lockgate.core.ids import DeploymentId, Digest, Generation, InstanceId, Instant, ReleaseId, RevisionId

UNCLAIMED = Generation(0)
"""Before the first claim."""


class State(StrEnum):
    """Where a deployment is."""

    PENDING = "pending"
    """Recorded; its gates have not been asked yet."""
    GATED = "gated"
    """A gate makes it wait."""
    READY = "ready"
    """Every gate is open; it waits its turn on the application and environment."""
    RUNNING = "running"
    """It changes the environment, step by step."""
    VERIFYING = "verifying"
    """Its checks run."""
    PAUSED = "paused"
    """Somebody stopped it between two steps; traffic stays as it is."""
    ROLLING_BACK = "rolling_back"
    """It walks back to what ran before."""
    SUCCEEDED = "succeeded"
    ROLLED_BACK = "rolled_back"
    """It failed, and what ran before runs again."""
    FAILED = "failed"
    """It failed and there was nothing to go back to, or a gate denied it."""
    ABORTED = "aborted"
    """Somebody ended it; what ran before runs again."""
    SUPERSEDED = "superseded"
    """Another deployment took its place."""


_BEFORE = {State.ABORTED, State.SUPERSEDED, State.FAILED}

TRANSITIONS: Mapping[State, frozenset[State]] = {
    State.PENDING: frozenset({State.GATED, State.READY, *_BEFORE}),
    State.GATED: frozenset({State.READY, *_BEFORE}),
    State.READY: frozenset({State.GATED, State.RUNNING, *_BEFORE}),
    State.RUNNING: frozenset({State.VERIFYING, State.PAUSED, State.ROLLING_BACK, State.SUCCEEDED, State.SUPERSEDED}),
    State.VERIFYING: frozenset({State.RUNNING, State.PAUSED, State.ROLLING_BACK, State.SUCCEEDED, State.SUPERSEDED}),
    State.PAUSED: frozenset({State.RUNNING, State.ROLLING_BACK, State.SUPERSEDED}),
    State.ROLLING_BACK: frozenset({State.ROLLED_BACK, State.FAILED, State.ABORTED, State.SUPERSEDED}),
    State.SUCCEEDED: frozenset(),
    State.ROLLED_BACK: frozenset(),
    State.FAILED: frozenset(),
    State.ABORTED: frozenset(),
    State.SUPERSEDED: frozenset(),
}

ACTIVE = frozenset({State.RUNNING, State.VERIFYING, State.PAUSED, State.ROLLING_BACK})
"""At most one deployment of an application and environment is in one of these; the database refuses a second."""

WAITING = frozenset({State.PENDING, State.GATED, State.READY})

FINAL = frozenset(state for state, following in TRANSITIONS.items() if not following)


class Want(StrEnum):
    """What people have asked of a deployment. Commands are data: they are written here, and the next tick acts."""

    RUN = "run"
    PAUSE = "pause"
    ABORT = "abort"
    """Go back to what ran before; before it has begun, simply end."""
    GIVE_WAY = "give-way"
    """Stop at once where you are: another deployment takes the environment from here."""


class Kind(StrEnum):
    DEPLOY = "deploy"
    ROLLBACK = "rollback"
    """Of the last good release, with the configuration it had."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far the walk has come, as far as it cannot be observed. Small: it is written with every step."""

    component: int = 0
    """Index into the plan's components."""
    step: str = ""
    """The kind of step it is at: ``ensure``, ``shift`` ..."""
    words: str = ""
    """The step as a sentence."""
    since: Instant = 0.0
    """When that step began."""
    steps_taken: int = 0
    stage: int = 0
    """How many stages of the canary are over."""
    stage_since: Instant | None = None
    """When users first met the present stage; None: not yet."""
    prepared: frozenset[RevisionId] = frozenset()
    warmed: frozenset[InstanceId] = frozenset()
    verified_before: frozenset[RevisionId] = frozenset()
    verified_after: frozenset[RevisionId] = frozenset()
    draining: Mapping[RevisionId, Instant] = field(default_factory=dict)
    """Revision -> since when its instances out of rotation have been finishing their requests."""
    check: int = 0
    """Index of the check that runs."""
    cell: str | None = None
    """Whose progress it is: empty where the environment has no cells. None: it has not begun with any."""
    done_at: Instant | None = None
    """When the cell had arrived."""
    baked: bool = False
    """The cell has done well for as long as was asked, and was walked again: all its checks pass a second time."""
    rests_until: Instant = 0.0
    """Not tried again before: something outside did not work."""
    task: str = ""
    """Handle of the task that runs, so that a restarted control plane finds it again."""
    attempts: int = 0
    """Failed attempts at the present step, for growing pauses."""
    failure: str = ""
    """Why it goes back."""
    outcome: State | None = None
    """How it ends once it has gone back."""


@dataclass(frozen=True, slots=True)
class Lane:
    """A cell that the deployment has begun with, while another one is walked."""

    progress: Progress
    evidence: str = ""


@dataclass(frozen=True, slots=True)
class Deployment:
    """The row."""

    id: DeploymentId
    number: int
    application: str
    environment: str
    release: ReleaseId
    release_label: str
    plan: Digest
    kind: Kind
    actor: str
    created_at: Instant
    reason: str = ""
    """Why, as whoever asked for it said; empty: they said nothing, or nobody asked."""
    occasion: str = ""
    """How it came about, in Lockgate's words; empty: somebody asked for just this."""
    urgent: bool = False
    """It pre-empts what is active instead of waiting its turn: a hotfix or a rollback."""
    not_before: Instant | None = None
    """When it was asked to begin; None: as soon as it may."""
    personal: bool = False
    """Who asked for it is proven: a person who had signed in, or Lockgate itself."""
    as_recorded: bool = False
    """A plan that was recorded before, once more: it is not made anew, whatever has changed since."""
    insists: bool = False
    """A rollback that is to happen even if it breaks what requires the release that is left."""
    train: str = ""
    """The step of a train that it belongs to, ``friday/api``; empty: it is none's. There is no second of that name."""
    review_due: Instant | None = None
    """It broke the glass, and until then a second person must have looked at it. None: it did not."""
    state: State = State.PENDING
    want: Want = Want.RUN
    because: str = ""
    """Why it is where it is, as a sentence."""
    who: str = ""
    """Who can act on that."""
    state_since: Instant = 0.0
    started_at: Instant | None = None
    ended_at: Instant | None = None
    previous: Digest | None = None
    """The plan that held the environment when this one started; where it goes back to."""
    holds: bool = False
    """What runs in the environment is this deployment's plan, or its mixture."""
    mixed: Digest | None = None
    """The plan it goes back to, if that is not the one before: some of its cells stay as they are."""
    progress: Progress = Progress()
    """Of the cell that is walked now, where there are cells."""
    lanes: Mapping[str, Lane] = field(default_factory=dict)
    """Of the other cells that it has begun with."""
    tended_at: Instant = 0.0
    """When the cells that are not walked were looked at."""
    upkeep: tuple[str, ...] = ()
    """Marks of what the last look at keeping it has told, so that it is told once."""
    evidence: str = ""
    """What has been learnt from users so far, as ``lockgate.engine.ledger`` writes it; empty: nothing."""
    let_through: int = 0
    """Stages of a canary that people have let pass, holds or not; those of all cells, in their order. Written by people
    alone, like ``want``."""
    generation: Generation = UNCLAIMED
    owner: str = ""
    lease_until: Instant = 0.0
    next_at: Instant | None = None
    """When to look at it again; None: only when somebody acts."""
    written_at: Instant = 0.0

    @property
    def kept(self) -> Digest:
        """The plan that runs if it holds the environment."""
        return self.mixed or self.plan

    @property
    def active(self) -> bool:
        return self.state in ACTIVE

    @property
    def final(self) -> bool:
        return self.state in FINAL


def check_transition(deployment: str, old: State, new: State) -> None:
    """Raises :class:`IllegalTransition` unless the table allows it. Staying is always allowed."""
    if new is not old and new not in TRANSITIONS[old]:
        raise IllegalTransition(f"{deployment} is {old.value}; it cannot become {new.value}.")
