"""What the engine needs of the world. Each port is small; each has a contract suite in ``lockgate.testing``.

Driver calls are idempotent and "start, then poll": none outlives its caller's lease. Calls that change something
carry a :class:`~lockgate.core.plan.Fence`; a driver raises :class:`~lockgate.core.errors.Fenced` for an older
generation than the newest it has seen on that key, so a worker that slept through its lease changes nothing.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, Protocol

from lockgate.core.approval import Review
from lockgate.core.artifact import Artifact, ArtifactKind, Reference, Tree
from lockgate.core.audit import AuditEntry, Event
from lockgate.core.canary import Metric
from lockgate.core.checkpoint import Checkpoint
from lockgate.core.deployment import Deployment, State, Want
from lockgate.core.envelope import Envelope, Signature
from lockgate.core.ids import DeploymentId, Digest, InstanceId, Instant, ReleaseId, RevisionId
from lockgate.core.inventory import Observed
from lockgate.core.keyring import Keyring
from lockgate.core.message import Message
from lockgate.core.notification import Channel, Delivery, Standing
from lockgate.core.plan import Fence, InstanceSpec, Plan
from lockgate.core.policy import Judgement, Policy, RuleProblem
from lockgate.core.release import Release
from lockgate.core.traffic import Key, Mark, Route, RouterCaps, RouteStatus, Sample, TargetCaps
from lockgate.core.verification import HttpAnswer
from lockgate.core.window import Minute, Reading, Window
from lockgate.ports_people import Approvals, Delegations, People, Reviews, Tokens
from lockgate.ports_secrets import DataKeys as DataKeys
from lockgate.ports_secrets import KeyChange as KeyChange
from lockgate.ports_secrets import Secrets as Secrets
from lockgate.ports_secrets import SecretVault as SecretVault
from lockgate.ports_secrets import Strongbox as Strongbox
from lockgate.ports_supply import Attachments as Attachments
from lockgate.ports_supply import Documents as Documents
from lockgate.ports_supply import Holdings as Holdings
from lockgate.ports_supply import Incoming as Incoming
from lockgate.ports_trains import Trains

# --- time ---


class Clock(Protocol):
    """The wall clock. It may jump, also backwards."""

    def now(self) -> Instant: ...

    def sleep(self, seconds: float) -> None:
        """At most so long: a :meth:`stir` ends it."""

    def stir(self) -> None:
        """Something has happened that somebody may be waiting for: whoever sleeps wakes, and whoever has been awake
        since before does not fall asleep until it has looked again."""


class Ticker(Protocol):
    """Calls the handler at least once for each wake; maybe concurrently or late. Correctness never depends on it."""

    def wake(self, at: Instant | None = None) -> None:
        """Look soon, or at that time."""

    def run(self, handler: Callable[[], Instant | None]) -> None:
        """Calls ``handler`` until stopped. It returns when it wants to be called next at the latest, or None."""

    def stop(self) -> None: ...


# --- the edge ---


class Phase(StrEnum):
    """Of something started and polled."""

    WORKING = "working"
    DONE = "done"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Polled:
    """Answer to a poll: how it stands, and why."""

    phase: Phase
    because: str = ""
    outputs: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class LogChunk:
    """Part of an instance's output."""

    text: str
    next: int
    """Pass it as ``after`` to read on."""


class Target(Protocol):
    """Where instances live. ``observe`` and ``prepare`` return at once; what takes long goes on behind them."""

    @property
    def caps(self) -> TargetCaps: ...

    def prepare(self, key: Key, spec: InstanceSpec, fence: Fence) -> Polled:
        """Makes the artifact ready to start here. Call again until it is done."""

    def observe(self, key: Key) -> Observed:
        """Every instance of every revision, with its health as just seen."""

    def ensure(self, key: Key, spec: InstanceSpec, count: int, fence: Fence) -> None:
        """At least ``count`` instances of the spec's revision exist: those missing, or dead, are started in the
        lowest free slots. Never removes any. Does not wait for them to be ready."""

    def retire(self, key: Key, instances: Collection[InstanceId], fence: Fence) -> None:
        """Those instances are asked to stop, then made to; they stay observable as stopping until they are gone."""

    def logs(self, key: Key, instance: InstanceId, after: int, limit: int) -> LogChunk: ...


class Router(Protocol):
    """Who gets which revision."""

    @property
    def caps(self) -> RouterCaps: ...

    def apply(self, route: Route, fence: Fence) -> None:
        """The whole desired state of one key. Returns once the data plane has accepted it. Raises
        :class:`RouteRejected` (the route before stays in force) or :class:`Unavailable`."""

    def status(self, key: Key) -> RouteStatus: ...

    def sample(self, key: Key) -> Mapping[RevisionId, Sample]:
        """What each revision has counted since counting began, pinned requests aside; nothing at all where requests are
        not counted. Raises Unavailable."""

    def remove(self, key: Key, fence: Fence) -> None:
        """The key takes no traffic any more and its address is free."""


class Signer(Protocol):
    """Keeps the key that signs for this installation, and gives it to nobody."""

    def ring(self) -> Keyring: ...

    def sign(self, message: bytes) -> Signature:
        """By the ring's current key. Raises ComponentMissing when it is not there."""

    def verify(self, pem: str, message: bytes, signature: bytes) -> bool: ...

    def rotate(self, at: Instant, actor: str, reason: str) -> Keyring:
        """A new key signs from now on, introduced by the old one; the old one is forgotten, but for its public half."""


class Source(Protocol):
    """Where artifacts of one kind come from."""

    @property
    def kind(self) -> ArtifactKind: ...

    def resolve(self, reference: Reference, folder: Path) -> Artifact:
        """Once, to a digest, with everything needed later kept in Lockgate's own store. Relative paths are relative
        to ``folder``. Raises ArtifactMissing, ArtifactYanked, ArtifactAltered, ArtifactMistyped, Unavailable."""

    def materialise(self, artifact: Artifact) -> Tree:
        """On this machine, without the network. Quick when it is there already."""

    def latest(self, reference: Reference, folder: Path) -> Reference:
        """What a moving reference points at now; an exact one is returned as it is."""


class Task(Protocol):
    """Something that runs and ends. It outlives the control plane and is found again by its handle."""

    def start(self, handle: str, inputs: Mapping[str, str], words: Sequence[str], timeout: float, fence: Fence) -> None:
        """Idempotent: a handle that has been started is not started again."""

    def poll(self, handle: str) -> Polled: ...

    def cancel(self, handle: str) -> None: ...


class Http(Protocol):
    """Asks over HTTP, without following redirects and without keeping connections."""

    def request(self, method: str, url: str, headers: Mapping[str, str], timeout: float) -> HttpAnswer:
        """Raises :class:`Unavailable` when no whole answer came in time."""


class MetricSource(Protocol):
    """Where metrics come from that Lockgate does not measure itself."""

    def read(self, metric: Metric, labels: Mapping[str, str], at: Instant) -> Reading:
        """What the metric of one side stands at, at that moment. ``labels``: what is filled in for ``{revision}``,
        ``{application}``, ``{environment}``, ``{component}`` and ``{side}`` in the metric's settings. Where there is no
        data the reading is empty and says why. Raises Unavailable when the source does not answer or fails, Invalid for
        settings it can do nothing with, ComponentMissing for a program or secret that is not there."""


class Policies(Protocol):
    """Who works out the rules of policies, within limits of time and memory. Both raise ComponentMissing where that
    cannot be done on this machine, and Unavailable while it cannot be done."""

    def check(self, policy: Policy) -> tuple[RuleProblem, ...]:
        """What is wrong with its rule and message: unknown fields, types that do not fit, a result that is neither true
        nor false, too much work."""

    def judge(self, policies: Sequence[Policy], document: Mapping[str, Any]) -> tuple[Judgement, ...]:
        """What comes of each, on these facts (``lockgate.core.facts.document``). Only exactly true holds."""


@dataclass(frozen=True, slots=True)
class Parcel:
    """What is sent at once. Sent again, it has the same name."""

    id: str
    """The same at every attempt, and of no other parcel of any installation."""
    message: Message
    sent_at: Instant
    recipients: tuple[str, ...] = ()


class Notifier(Protocol):
    """Speaks to channels of one service. It gives up on one that is silent, within a minute."""

    def send(self, channel: Channel, parcel: Parcel) -> str:
        """Returns what is worth knowing of a delivery that went well, mostly nothing. Raises Throttled and other
        Retryables, or a Terminal: Undeliverable, Denied, ComponentMissing. None of them repeats a secret."""


# --- the memory ---


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

    def requiring(self, application: str) -> tuple[str, ...]:
        """Applications of which a release requires that one, by name."""

    def put_plan(self, plan: Plan) -> Digest: ...

    def plan(self, digest: Digest) -> Plan:
        """Raises NotFound, RecordAltered."""


class Attestor(Protocol):
    """Signs what is recorded, before it is."""

    def of_release(self, release: Release) -> Envelope: ...

    def of_plan(self, plan: Plan) -> Envelope: ...


class Statements(Protocol):
    """What was signed of releases and plans when they were recorded."""

    def get(self, digest: Digest) -> Envelope | None:
        """Of the release or plan with that digest. Raises RecordAltered when what is stored is no envelope."""

    def put(self, digest: Digest, statement: Envelope) -> None:
        """One that is there already stays."""

    def missing(self) -> tuple[tuple[ReleaseId, ...], tuple[Digest, ...]]:
        """Releases and plans without one."""


@dataclass(frozen=True, slots=True)
class AuditFilter:
    """Which entries; empty means all."""

    actor: str = ""
    application: str = ""
    environment: str = ""
    kind: str = ""
    since: Instant | None = None
    until: Instant | None = None


class AuditLog(Protocol):
    """The audit chain, its checkpoints, and its end that is cut off when it is old."""

    def note(self, event: Event) -> None:
        """An event that is part of no other change."""

    def lines(self, after: int, limit: int) -> tuple[bytes, ...]:
        """Entries as they are exported, without line breaks, those behind the number ``after``."""

    def select(self, chosen: AuditFilter, after: int, limit: int, *, newest: bool = False) -> tuple[AuditEntry, ...]:
        """In the order of the chain. ``newest``: the last ones, instead of the first."""

    def checkpoints(self) -> tuple[Envelope, ...]:
        """Oldest first. Raises RecordAltered when what is stored is no envelope."""

    def seal(self, checkpoint: Checkpoint, envelope: Envelope) -> bool:
        """Whether it is the next; somebody else may have been quicker."""

    def cut(self, through: int, event: Event) -> None:
        """Removes the entries up to that number; ``event`` tells of it."""


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


@dataclass(frozen=True, slots=True)
class Feed:
    """A calendar that somebody has subscribed to. Who holds its token sees this calendar, and nothing else."""

    name: str
    digest: str
    """sha256 of the token, which is nowhere kept."""
    environment: str
    """Only of this one; empty: of all."""
    application: str
    """Likewise."""
    actor: str
    since: Instant


class Feeds(Protocol):
    """Subscriptions of calendars."""

    def add(self, feed: Feed, event: Event) -> None:
        """Raises Conflict when there is one of that name."""

    def by_digest(self, digest: str) -> Feed | None: ...

    def all(self) -> tuple[Feed, ...]:
        """By name."""

    def revoke(self, name: str, event: Event) -> None:
        """Its token is worth nothing from now on. Raises NotFound."""


class Inventory(Protocol):
    """The last observation of each key, with when it was made."""

    def note(self, observed: Observed) -> None: ...

    def last(self, key: Key) -> Observed | None: ...


class Traffic(Protocol):
    """What users got of what runs on each key, minute by minute, for a day: how much such numbers scatter."""

    def note(self, key: Key, minute: Minute | None, mark: Mark) -> None:
        """In one transaction, with the mark for the next. The same minute of a key is kept once, as last noted; what is
        a day older than the mark is forgotten, of every key."""

    def mark(self, key: Key) -> Mark | None:
        """As last noted."""

    def since(self, key: Key, at: Instant) -> tuple[Minute, ...]:
        """Minutes that ended after that, oldest first."""


class Landscape(Protocol):
    """An environment as a whole: everything of it in a query or two, however much else there is."""

    def holders(self, environment: str) -> tuple[Deployment, ...]:
        """Of each application the deployment whose plan is what runs there."""

    def active(self, environment: str) -> tuple[Deployment, ...]:
        """Those that are changing it."""

    def held_at(self, environment: str, at: Instant) -> tuple[Deployment, ...]:
        """The holders at a moment that is past."""

    def plans(self, digests: Collection[Digest]) -> Mapping[Digest, Plan]:
        """Those that there are. Raises Conflict when one is not what its digest names."""

    def observed(self, environment: str) -> tuple[Observed, ...]:
        """The last observation of each key."""


@dataclass(frozen=True, slots=True)
class Recorded:
    """A version of the environments' file."""

    digest: Digest
    document: str
    since: Instant


class Catalogues(Protocol):
    """The environments' file as it has been."""

    def note(self, digest: Digest, document: str, at: Instant, events: Sequence[Event] = ()) -> bool:
        """It counts from then on. Whether that is new: nothing happens while it is the latest."""

    def at(self, at: Instant) -> Recorded | None:
        """What counted at that moment; None: nothing is recorded of it."""


@dataclass(frozen=True, slots=True)
class DeliverySelection:
    """Which deliveries; empty means all. Newest first."""

    channel: str = ""
    states: frozenset[Standing] = frozenset()
    ids: frozenset[str] = frozenset()
    limit: int = 50


class Deliveries(Protocol):
    """What channels are to hear: written down once for each event and channel."""

    def followed(self) -> int:
        """Number of the last event that has been looked at for who is to hear of it."""

    def follow(self, after: int, to: int, new: Sequence[Delivery]) -> bool:
        """The events behind ``after`` up to ``to`` have been looked at: ``new`` is what came of it. False, and nothing
        is written, when somebody else has looked at them."""

    def post(self, new: Delivery, event: Event | None = None) -> Delivery:
        """One without an event of its own. Idempotent per id: returns the one that is there, and tells nothing."""

    def claim(self, worker: str, now: Instant, lease: float, busy: Collection[str]) -> tuple[Delivery, ...]:
        """What is longest due as one parcel, leased to the worker, but for channels in ``busy``. What the worker itself
        had leased is free: it is not at work on it."""

    def settle(self, parcel: Sequence[Delivery], events: Sequence[Event] = ()) -> None:
        """Writes how they stand now, their lease given back. Raises Fenced when another claim was made since."""

    def retry(self, which: DeliverySelection, now: Instant, event: Event) -> tuple[Delivery, ...]:
        """Those of them that are dead are due again, as if for the first time."""

    def select(self, selection: DeliverySelection) -> tuple[Delivery, ...]: ...

    def tally(self) -> Mapping[str, Mapping[Standing, int]]:
        """Channel -> how many wait and how many are dead."""


class Store(Protocol):
    """The whole memory, one door each."""

    @property
    def deployments(self) -> Deployments: ...

    @property
    def history(self) -> History: ...

    @property
    def releases(self) -> Releases: ...

    @property
    def quarantines(self) -> Quarantines: ...

    @property
    def inventory(self) -> Inventory: ...

    @property
    def traffic(self) -> Traffic: ...

    @property
    def data_keys(self) -> DataKeys: ...

    @property
    def secrets(self) -> Secrets: ...

    @property
    def attachments(self) -> Attachments: ...

    @property
    def holdings(self) -> Holdings: ...

    @property
    def people(self) -> People: ...

    @property
    def tokens(self) -> Tokens: ...

    @property
    def approvals(self) -> Approvals: ...

    @property
    def delegations(self) -> Delegations: ...

    @property
    def reviews(self) -> Reviews: ...

    @property
    def feeds(self) -> Feeds: ...

    @property
    def landscape(self) -> Landscape: ...

    @property
    def catalogues(self) -> Catalogues: ...

    @property
    def audit(self) -> AuditLog: ...

    @property
    def statements(self) -> Statements: ...

    @property
    def deliveries(self) -> Deliveries: ...

    @property
    def trains(self) -> Trains: ...
