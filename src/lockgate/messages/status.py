"""What runs where, and how it does."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from lockgate.core.ids import Instant
from lockgate.messages.deployments import DeploymentView


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
class Usable:
    """GET /v1/doctor: one thing of this machine."""

    subject: str
    usable: bool
    because: str
    mend: str = ""
