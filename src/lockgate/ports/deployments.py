"""The memory of releases, plans and deployments: the rows the engine works on, and reading them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from lockgate.core.approval import Review
from lockgate.core.audit import AuditEntry, Event
from lockgate.core.deployment import Deployment, State, Want
from lockgate.core.ids import DeploymentId, Digest, Instant, ReleaseId
from lockgate.core.plan import Plan
from lockgate.core.release import Release
from lockgate.core.window import Window


class Deployments(Protocol):
    """The rows the engine works on. Each method is one transaction, events included."""

    def add(
        self, new: Deployment, supersede: bool, events: Sequence[Event], review: Review | None = None
    ) -> Deployment:
        """Records it under the next number and id. ``supersede``: those of the same application and environment that
        still wait become superseded, with an event each; an urgent one only by an urgent one, and one that is planned
        for later not at all. An urgent one also tells the active one to give way. ``review`` is opened under its id: it
        broke the glass."""

    def claim(self, worker: str, now: Instant, lease: float, limit: int) -> tuple[Deployment, ...]:
        """Takes due rows for ``worker`` until ``now + lease``, each with a new, higher generation. Due: ``next_at`` is
        past (or the row was written in the future: the clock jumped back) and no lease runs on it. Never claims a
        row that has ended (the keeper's) while another deployment of its key is active."""

    def renew(self, worker: str, now: Instant, lease: float) -> None:
        """All the worker's leases, from now."""

    def save(
        self,
        row: Deployment,
        now: Instant,
        events: Sequence[Event] = (),
        *,
        keep_claim: bool = True,
        windows: Sequence[Window] = (),
    ) -> Deployment:
        """Writes everything but ``want`` and ``let_through`` (which are the users'), with what was watched, and returns
        the row as it is now. Becoming active takes the key: KeyBusy if another is active, an older one that is ready
        goes first, or somebody has asked it not to begin. Whoever ends, or goes back to its gates, makes those that are
        ready on its key due. A row saved with ``holds`` takes it from the holder before. Raises Fenced when the
        generation is not the claimed one any more."""

    def ask(self, deployment: DeploymentId, want: Want, now: Instant, event: Event) -> Deployment:
        """Writes what somebody wants and makes the row due at once. Raises NotFound, Conflict when it has ended."""

    def let_through(self, deployment: DeploymentId, stages: int, now: Instant, event: Event) -> Deployment:
        """People let so many stages of its canary pass; never fewer than before. Otherwise as :meth:`ask`."""


@dataclass(frozen=True, slots=True)
class Selection:
    """Which deployments; empty means all. Newest first."""

    application: str = ""
    environment: str = ""
    states: frozenset[State] = frozenset()
    holding: bool = False
    """Only those whose plan is what runs."""
    limit: int = 50
    release: ReleaseId | None = None
    """Only of this release."""


class History(Protocol):
    """Reading what the engine wrote."""

    def deployment(self, deployment: DeploymentId) -> Deployment:
        """Raises NotFound."""

    def select(self, selection: Selection) -> tuple[Deployment, ...]: ...

    def holder(self, application: str, environment: str) -> Deployment | None:
        """The deployment whose plan is what runs there."""

    def events(self, after: int, limit: int, application: str = "", deployment: str = "") -> tuple[Event, ...]:
        """In order of ``seq``, those behind ``after``."""

    def windows(self, deployment: DeploymentId, component: str = "") -> tuple[Window, ...]:
        """What was watched, in order; of every component when empty."""

    def audit(self, after: int, limit: int) -> tuple[AuditEntry, ...]: ...


class Releases(Protocol):
    """Releases and plans: immutable, by digest."""

    def add(self, release: Release, event: Event) -> Release:
        """Idempotent per digest: returns the one that is there, with its number. Authors that it did not name are
        added to it, with an event ``release.credited``."""

    def get(self, release: ReleaseId) -> Release:
        """Raises NotFound."""

    def select(self, application: str, limit: int) -> tuple[Release, ...]:
        """Newest first; all applications when empty."""

    def put_plan(self, plan: Plan) -> Digest: ...

    def plan(self, digest: Digest) -> Plan:
        """Raises NotFound, RecordAltered."""


@dataclass(frozen=True, slots=True)
class Quarantine:
    """A release barred from an environment until it is lifted."""

    application: str
    environment: str
    release: ReleaseId
    because: str
    since: Instant
    actor: str


class Quarantines(Protocol):
    def bar(self, quarantine: Quarantine, event: Event) -> None: ...

    def lift(self, application: str, environment: str, release: ReleaseId, event: Event) -> None:
        """Raises NotFound."""

    def barred(self, application: str, environment: str, release: ReleaseId) -> Quarantine | None: ...

    def all(self) -> tuple[Quarantine, ...]: ...
