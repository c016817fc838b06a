"""What travels between a client and the server: requests, and views of what the engine knows. JSON on the wire.

Views are made for reading: names instead of rows, sentences instead of codes, instants as seconds since 1970.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from lockgate.core.ids import Instant
from lockgate.messages.calendar import (
    CalendarEntry as CalendarEntry,
)
from lockgate.messages.calendar import (
    CalendarView as CalendarView,
)
from lockgate.messages.calendar import (
    FeedLink as FeedLink,
)
from lockgate.messages.calendar import (
    FeedView as FeedView,
)
from lockgate.messages.calendar import (
    NewFeed as NewFeed,
)
from lockgate.messages.calendar import (
    RevokeFeed as RevokeFeed,
)
from lockgate.messages.calendar import (
    StandingView as StandingView,
)
from lockgate.messages.canary import (
    AnalysisView as AnalysisView,
)
from lockgate.messages.canary import (
    DetectionView as DetectionView,
)
from lockgate.messages.canary import (
    ForecastView as ForecastView,
)
from lockgate.messages.canary import (
    MarkView as MarkView,
)
from lockgate.messages.canary import (
    PointView as PointView,
)
from lockgate.messages.canary import (
    QuantileView as QuantileView,
)
from lockgate.messages.canary import (
    ReplayView as ReplayView,
)
from lockgate.messages.canary import (
    SeriesView as SeriesView,
)
from lockgate.messages.canary import (
    SideView as SideView,
)
from lockgate.messages.canary import (
    StageView as StageView,
)
from lockgate.messages.canary import (
    TermView as TermView,
)
from lockgate.messages.notifications import (
    ChannelView as ChannelView,
)
from lockgate.messages.notifications import (
    DeliveryView as DeliveryView,
)
from lockgate.messages.notifications import (
    RetryDeliveries as RetryDeliveries,
)
from lockgate.messages.notifications import (
    TryChannel as TryChannel,
)
from lockgate.messages.policies import (
    CheckPolicy as CheckPolicy,
)
from lockgate.messages.policies import (
    PolicyAnswer as PolicyAnswer,
)
from lockgate.messages.policies import (
    PolicyPlace as PolicyPlace,
)
from lockgate.messages.policies import (
    PolicyTrial as PolicyTrial,
)
from lockgate.messages.policies import (
    PolicyView as PolicyView,
)
from lockgate.messages.policies import (
    TryPolicies as TryPolicies,
)
from lockgate.messages.supply import (
    EvidenceView as EvidenceView,
)
from lockgate.messages.supply import (
    FindingsView as FindingsView,
)
from lockgate.messages.supply import (
    FindingView as FindingView,
)
from lockgate.messages.supply import (
    FoundView as FoundView,
)
from lockgate.messages.supply import (
    GiveWaiver as GiveWaiver,
)
from lockgate.messages.supply import (
    InventoryView as InventoryView,
)
from lockgate.messages.supply import (
    RunningView as RunningView,
)
from lockgate.messages.supply import (
    TakeWaiver as TakeWaiver,
)
from lockgate.messages.supply import (
    TallyView as TallyView,
)
from lockgate.messages.supply import (
    WaiverView as WaiverView,
)
from lockgate.messages.supply import (
    WhereView as WhereView,
)

# --- requests ---


@dataclass(frozen=True, slots=True)
class CreateRelease:
    """POST /v1/releases"""

    definition: str
    """The text of lockgate.yaml."""
    where: str
    """Its name, for messages."""
    folder: str
    """Absolute path that relative artifacts are looked up in, on the server's machine."""
    artifacts: Mapping[str, str] = field(default_factory=dict)
    """Component -> reference to use instead of the one in the definition."""
    commit: str = ""
    url: str = ""
    actor: str = ""
    authors: tuple[str, ...] = ()
    """Who wrote what is new in it, by name or e-mail address; none: whoever makes the release."""
    built_by: str = ""
    """Who, or what, built it, if that is not who makes the release."""


@dataclass(frozen=True, slots=True)
class Deploy:
    """POST /v1/deployments (and POST /v1/previews, which changes nothing)."""

    application: str
    environment: str
    release: str = "latest"
    """A release id, ``#3``, a version if it names one release only, or ``latest``."""
    reason: str = ""
    urgent: bool = False
    """Pre-empt what is active instead of waiting for it."""
    actor: str = ""
    blind: bool = False
    """Go on although the canary's ramp cannot detect anything at the present traffic."""
    rate: float | None = None
    """Of a preview: requests a second to reckon with; null: what was measured of what runs."""
    errors: float | None = None
    """Of a preview: share of them that fails."""
    at: float | None = None
    """When to begin, in seconds since 1970; null: as soon as the gates are open."""
    next_window: bool = False
    """Begin when the environment opens next; if it is open, at once."""
    break_glass: bool = False
    """An emergency, with a reason: neither approvals nor windows hold it, and a second person looks at it later."""


@dataclass(frozen=True, slots=True)
class Promote:
    """POST /v1/promotions: what runs in the environment before is deployed to ``environment``."""

    application: str
    environment: str
    reason: str = ""
    actor: str = ""
    blind: bool = False
    """Go on although the canary's ramp cannot detect anything at the present traffic."""
    at: float | None = None
    """When to begin, in seconds since 1970; null: as soon as the gates are open."""
    next_window: bool = False
    """Begin when the environment opens next; if it is open, at once."""


@dataclass(frozen=True, slots=True)
class RollBack:
    """POST /v1/rollbacks: the last good release before the present one, with the configuration it had."""

    application: str
    environment: str
    reason: str
    actor: str = ""
    urgent: bool = False
    """Even if it breaks what requires the release that is left."""


@dataclass(frozen=True, slots=True)
class Ask:
    """POST /v1/deployments/{id}/{pause|resume|continue|finish|abort}"""

    reason: str = ""
    actor: str = ""


@dataclass(frozen=True, slots=True)
class Lift:
    """POST /v1/quarantines/lift"""

    application: str
    environment: str
    release: str
    reason: str
    actor: str = ""


# --- views ---


@dataclass(frozen=True, slots=True)
class ArtifactView:
    component: str
    name: str
    version: str
    digest: str
    reference: str


@dataclass(frozen=True, slots=True)
class AttachmentView:
    """What others have attached to an image: a signature, an attestation, a list of contents."""

    kind: str
    digest: str
    size: int
    """Bytes."""
    annotations: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class ArtifactDetails:
    """What a reference means, for ``lockgate artifact show``."""

    kind: str
    name: str
    version: str
    digest: str
    reference: str
    platforms: tuple[str, ...] = ()
    """Of an image."""
    attachments: tuple[AttachmentView, ...] = ()
    """Of an image. What they say is not checked."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a release is or has been."""

    environment: str
    state: str
    """``runs``, ``ran``, ``quarantined``, or the state of a deployment under way."""
    deployment: str
    at: Instant
    because: str = ""


@dataclass(frozen=True, slots=True)
class ReleaseView:
    id: str
    number: int
    application: str
    version: str
    label: str
    digest: str
    created_at: Instant
    created_by: str
    commit: str
    url: str
    artifacts: tuple[ArtifactView, ...]
    places: tuple[Place, ...] = ()
    templates: Mapping[str, str] = field(default_factory=dict)
    """``NAME@VERSION`` -> digest, of each that the definition was made with."""
    authors: tuple[str, ...] = ()
    built_by: str = ""


@dataclass(frozen=True, slots=True)
class VerdictView:
    gate: str
    answer: str
    because: str
    until: Instant | None = None
    who: str = ""


@dataclass(frozen=True, slots=True)
class DeploymentView:
    id: str
    application: str
    environment: str
    release: str
    release_label: str
    plan: str
    """Digest."""
    kind: str
    state: str
    want: str
    because: str
    """Why it is where it is."""
    who: str
    """Who can act."""
    actor: str
    reason: str
    urgent: bool
    created_at: Instant
    started_at: Instant | None
    ended_at: Instant | None
    state_since: Instant
    step: str
    """Kind of the step it is at."""
    words: str
    """The step as a sentence."""
    steps_taken: int
    component: str
    holds: bool
    final: bool
    failure: str = ""
    cell: str = ""
    """That it is at, where the environment has cells."""
    not_before: Instant | None = None
    """When it was asked to begin."""
    warnings: tuple[str, ...] = ()
    """Said when it is asked for: what it may collide with."""
    personal: bool = False
    """Who asked for it is proven."""
    review_due: Instant | None = None
    """It broke the glass, and a second person was to look at it by then."""


@dataclass(frozen=True, slots=True)
class EventView:
    seq: int
    at: Instant
    kind: str
    because: str
    actor: str
    application: str
    environment: str
    deployment: str
    release: str
    data: Mapping[str, str] = field(default_factory=dict)
    address: str = ""
    """Where the command came from; empty: from Lockgate itself. Of audited events."""
    commit: str = ""
    artifacts: Mapping[str, str] = field(default_factory=dict)
    """Of the release: component -> digest. Of audited events."""


@dataclass(frozen=True, slots=True)
class Explanation:
    """GET /v1/deployments/{id}/explain"""

    deployment: DeploymentView
    sentences: tuple[str, ...]
    """Where it is, why, since when, what it waits for, who can act: in this order."""
    verdicts: tuple[VerdictView, ...]
    plan: tuple[str, ...]
    """The plan in words."""
    timeline: tuple[EventView, ...]
    commands: tuple[str, ...]
    """Command lines that make sense now."""


@dataclass(frozen=True, slots=True)
class Preview:
    """What a deployment would do. Nothing has been changed."""

    application: str
    environment: str
    release: str
    release_label: str
    plan: str
    """Digest."""
    sentences: tuple[str, ...]
    verdicts: tuple[VerdictView, ...]
    forecasts: tuple[ForecastView, ...] = ()
    """What each component's canary could find out."""
    not_before: Instant | None = None
    """When it would begin at the earliest."""
    warnings: tuple[str, ...] = ()
    """What it may collide with."""


@dataclass(frozen=True, slots=True)
class InstanceView:
    id: str
    component: str
    revision: str
    slot: int
    condition: str
    endpoint: str
    restarts: int
    because: str
    started_at: Instant
    cell: str = ""


@dataclass(frozen=True, slots=True)
class CellView:
    """One application in one cell of an environment."""

    name: str
    url: str
    release: str
    release_label: str
    standing: str
    because: str
    ready: int
    wanted: int
    progress: str = ""
    """Of the deployment that changes the environment: ``waits``, ``changes``, ``bakes``, ``done``; on the way back
    ``waits``, ``goes back``, ``is back``. Empty: none does."""


@dataclass(frozen=True, slots=True)
class StatusRow:
    """One application in one environment."""

    application: str
    environment: str
    url: str
    release: str
    release_label: str
    deployment: str
    """The one whose plan runs; empty: nothing has been deployed."""
    deployed_at: Instant | None
    standing: str
    """``as deployed``, ``drifted``, ``unknown``, ``nothing deployed``."""
    because: str
    observed_at: Instant | None
    ready: int
    wanted: int
    instances: tuple[InstanceView, ...] = ()
    weights: Mapping[str, int] = field(default_factory=dict)
    """Release label or revision -> basis points of the traffic."""
    under_way: DeploymentView | None = None
    """The active deployment, or else the first that waits."""
    waiting: int = 0
    quarantined: tuple[str, ...] = ()
    """Labels of releases barred here."""
    cells: tuple[CellView, ...] = ()
    """In the order they are changed; none: the environment is one piece."""


@dataclass(frozen=True, slots=True)
class EnvironmentView:
    name: str
    after: str | None
    promote: str
    target: str
    owner: str
    purpose: str
    listen: Mapping[str, str]
    values: Mapping[str, str]
    cells: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """Cell -> application -> address, in the order they are changed."""
    closed: str = ""
    """Why nothing may begin there now; empty: it is open."""
    opens_at: Instant | None = None
    """When it opens, if that is known."""
    tier: str = ""
    users: tuple[str, ...] = ()
    endpoints: Mapping[str, str] = field(default_factory=dict)
    """Name -> URL, for people."""
    capabilities: tuple[str, ...] = ()
    """As its owner says."""


@dataclass(frozen=True, slots=True)
class Status:
    """GET /v1/status"""

    at: Instant
    environments: tuple[EnvironmentView, ...]
    rows: tuple[StatusRow, ...]
    problems: tuple[str, ...] = ()
    """What is wrong with Lockgate itself: an environments file that cannot be read, a router that is down."""


@dataclass(frozen=True, slots=True)
class LogView:
    """GET /v1/logs"""

    lines: tuple[str, ...]
    """Each with its instance in front."""
    next: Mapping[str, int]
    """Instance -> pass as ``after.INSTANCE`` to read on."""


@dataclass(frozen=True, slots=True)
class QuarantineView:
    application: str
    environment: str
    release: str
    release_label: str
    because: str
    since: Instant
    actor: str


@dataclass(frozen=True, slots=True)
class AuditView:
    """GET /v1/audit"""

    entries: tuple[EventView, ...]
    whole: bool
    """The chain of digests is unbroken."""
    broken_at: int | None = None


@dataclass(frozen=True, slots=True)
class Fault:
    """Every refusal, as application/problem+json (RFC 9457)."""

    title: str
    status: int
    detail: str
    code: str
    problems: tuple[Mapping[str, str | int | None], ...] = ()
    """Of bad input: where, line, field, because, mend."""
    type: str = "about:blank"


@dataclass(frozen=True, slots=True)
class Usable:
    """GET /v1/doctor: one thing of this machine."""

    subject: str
    usable: bool
    because: str
    mend: str = ""
