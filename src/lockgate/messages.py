"""What travels between a client and the server: requests, and views of what the engine knows. JSON on the wire.

Views are made for reading: names instead of rows, sentences instead of codes, instants as seconds since 1970.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from lockgate.core.ids import Instant

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


@dataclass(frozen=True, slots=True)
class Promote:
    """POST /v1/promotions: what runs in the environment before is deployed to ``environment``."""

    application: str
    environment: str
    reason: str = ""
    actor: str = ""


@dataclass(frozen=True, slots=True)
class RollBack:
    """POST /v1/rollbacks: the last good release before the present one, with the configuration it had."""

    application: str
    environment: str
    reason: str
    actor: str = ""


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
class QuantileView:
    """A bound that a share of the requests kept, read from counts in buckets."""

    milliseconds: float
    sure: str = "about"
    """``about``: linear within its bucket; ``at most``: in the last bucket that ends; ``more than``: beyond that."""


@dataclass(frozen=True, slots=True)
class SideView:
    """What one release got: the numbers of the point itself; shares and latencies of ``SeriesView.span`` up to it."""

    requests: int
    errors: int
    instances: int
    """In rotation at the end."""
    error_share: float | None = None
    """0 to 1; null: there were no requests."""
    p50: QuantileView | None = None
    """Half of the requests took no longer; null: none was measured."""
    p99: QuantileView | None = None


@dataclass(frozen=True, slots=True)
class PointView:
    """One look at both releases, or several that follow each other."""

    seconds: float
    """Its end, since the start."""
    stage: int
    """Index of the canary's stage."""
    weight: float
    """Per cent of the traffic that the canary was given."""
    canary: SideView
    baseline: SideView
    against: float | None = None
    """Natural logarithm of the e-value that the canary is worse, at its end; null: not judged."""
    threshold: float | None = None
    """Where it is rolled back."""
    good: float | None = None
    """The same that it is good."""
    needed: float | None = None
    """Where it is promoted."""
    excluded: str = ""
    """Why it is not counted; empty: it is."""


@dataclass(frozen=True, slots=True)
class MarkView:
    """Something to be marked in a picture."""

    seconds: float
    """Since the start."""
    kind: str
    """``stage``, ``hold``, ``roll-back`` or ``promote``."""
    words: str
    """A sentence."""


@dataclass(frozen=True, slots=True)
class SeriesView:
    """The evidence of a canary as it grew."""

    started_at: Instant | None = None
    """Start of the first look; null: there was none yet."""
    span: float = 60.0
    """Seconds that shares and latencies of a point look back over."""
    points: tuple[PointView, ...] = ()
    marks: tuple[MarkView, ...] = ()


@dataclass(frozen=True, slots=True)
class TermView:
    """One metric's part of the evidence, now."""

    metric: str
    against: float | None
    """Natural logarithm of the e-value that the canary is worse."""
    good: float | None
    """The same that it is good; null: it is not asked for promotion."""
    because: str


@dataclass(frozen=True, slots=True)
class StageView:
    """Where on its ramp a canary is."""

    number: int
    """1, 2, 3 ..."""
    of: int
    weight: float
    """Per cent of the traffic."""
    soak: float
    """Seconds that it lasts at least."""
    since: Instant | None
    hold: bool
    """It waits for a person before it goes on."""


@dataclass(frozen=True, slots=True)
class AnalysisView:
    """GET /v1/deployments/{id}/analysis: what users got from a canary and from the release before, and what follows."""

    deployment: str
    component: str
    canary: str
    """Label of the release that is tried."""
    baseline: str
    """Label of the release that it is compared with."""
    config: str
    """Digest of what is tested and how surely: frozen with the plan."""
    advice: str
    """``go-on``, ``roll-back`` or ``promote``."""
    verdict: str
    """What the evidence says, as a sentence."""
    next: str
    """What comes next and when, as a sentence."""
    stage: StageView | None = None
    """Null: it has none yet."""
    terms: tuple[TermView, ...] = ()
    trusted: bool = True
    """False: errors come in such bursts that their count decides nothing."""
    series: SeriesView = SeriesView()


@dataclass(frozen=True, slots=True)
class ReplayView:
    """GET /v1/deployments/{id}/replay: the verdict on a canary once more, from what was stored."""

    deployment: str
    component: str
    config: str
    """Digest of what is tested and how surely."""
    windows: int
    excluded: int
    """Windows that do not count."""
    advice: str
    verdict: str
    against: float
    """Natural logarithm of the e-value that the canary is worse."""
    threshold: float
    decided: int | None
    """Number of the window after which it was decided; null: it was not."""
    agrees: bool
    """The stored windows lead to what was written down, to the last digit."""


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
