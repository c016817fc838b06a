"""Environment: a named place in the promotion order, with owner, values and rules."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum

from lockgate.core.application import Strategy
from lockgate.core.approval import ApprovalRule, BreakGlass
from lockgate.core.calendar import ROLLBACKS, WindowExemption, WindowRule
from lockgate.core.errors import NotFound
from lockgate.core.finding import Severity
from lockgate.core.ids import ASIDE, Digest
from lockgate.core.notification import Channel, NotificationRule
from lockgate.core.origin import Origin
from lockgate.core.policy import Policy, PolicyUse, digest_of_policies
from lockgate.core.secret import SecretSource


class Promote(StrEnum):
    """When a release verified in the environment before may enter this one."""

    AUTOMATIC = "automatic"
    """At once: continuous deployment."""
    ON_DEMAND = "on-demand"
    """When somebody promotes it: continuous delivery."""
    ON_APPROVAL = "on-approval"
    """It is offered at once, and waits for approvals."""


class Queueing(StrEnum):
    """What a new deployment does to those that still wait for the same application and environment."""

    NEWEST = "newest"
    """It supersedes them."""
    QUEUE = "queue"
    """It waits its turn; first come, first served."""


@dataclass(frozen=True, slots=True)
class TargetSpec:
    """Which driver, with its settings as the environment's owner wrote them."""

    kind: str
    settings: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Listen:
    """Where traffic for an application arrives: an address of this machine."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


ANY_APPLICATION = "*"


@dataclass(frozen=True, slots=True)
class Soak:
    """How long a release must have held another environment before it enters."""

    place: str
    seconds: float


@dataclass(frozen=True, slots=True)
class VulnerabilityRule:
    """Which findings keep a release out."""

    refuse: Severity = Severity.CRITICAL
    """These, and worse ones."""
    fixable_only: bool = False
    """Only those that a newer version mends."""
    scanned_within: float | None = None
    """Seconds that the newest scan may be old; None: any age."""
    required: bool = True
    """Whether a release without a scan is kept out, too."""


@dataclass(frozen=True, slots=True)
class ProvenanceRule:
    """Whose word counts on where a release comes from."""

    keys: tuple[str, ...]
    """Public keys: PEM texts, or absolute paths of files with some."""
    required: bool = True
    builders: tuple[str, ...] = ()
    """Ids of builders, ``*`` for anything; none: any."""
    source: tuple[str, ...] = ()
    """Repositories, ``*`` for anything; none: any."""


class OnFailure(StrEnum):
    """Which cells go back when a release fails in one of them."""

    ALL = "all"
    """Every cell."""
    BAD = "bad"
    """Only the bad one, and any other that is half-way. Those done stay; those not begun are left alone."""


@dataclass(frozen=True, slots=True)
class Rollout:
    """How a change goes from cell to cell."""

    order: tuple[str, ...] = ()
    """Names of all cells; empty: as they are written."""
    parallel: int = 1
    """Cells at a time. One that bakes counts until that is over."""
    bake: float = 0.0
    """Seconds that a cell must do well before another begins."""
    on_failure: OnFailure = OnFailure.ALL


@dataclass(frozen=True, slots=True)
class Cell:
    """One of several equal parts of an environment: a region, a cluster, a host group."""

    name: str
    target: TargetSpec | None = None
    """None: the environment's."""
    listen: Mapping[str, Listen] = field(default_factory=dict)
    """Application -> address, as of an environment."""
    values: Mapping[str, str] = field(default_factory=dict)
    """Before the environment's own."""


@dataclass(frozen=True, slots=True)
class Environment:
    """One entry of ``environments.yaml``."""

    name: str
    after: str | None = None
    """The environment a release must have succeeded in before; None: the first."""
    target: TargetSpec = TargetSpec("process")
    listen: Mapping[str, Listen] = field(default_factory=dict)
    """Application -> address; ``*`` stands for every application without its own."""
    promote: Promote = Promote.ON_DEMAND
    queueing: Queueing = Queueing.NEWEST
    values: Mapping[str, str] = field(default_factory=dict)
    secrets: Mapping[str, SecretSource] = field(default_factory=dict)
    """Name -> where it is kept. A component reads those that it names itself."""
    replicas: Mapping[str, int] = field(default_factory=dict)
    """Component (``web`` or ``catalogue/web``) -> replicas here, instead of the application's own number."""
    strategy: Strategy | None = None
    """How a change is spread here; None: as the application says."""
    owner: str = ""
    purpose: str = ""
    cells: Mapping[str, Cell] = field(default_factory=dict)
    """In the order they are written; none: the environment is one piece."""
    rollout: Rollout = Rollout()
    policies: tuple[PolicyUse, ...] = ()
    """As they are written."""
    rules: tuple[Policy, ...] | None = None
    """The same, each with its content and parameters; None: they have not been looked up."""

    @property
    def policy_digest(self) -> Digest:
        """Changes when anything does that its policies decide by."""
        return digest_of_policies(self.rules or ())

    provenance: ProvenanceRule | None = None
    """Who must have signed where a release comes from; None: nobody."""
    vulnerabilities: VulnerabilityRule | None = None
    """None: findings keep nothing out."""
    soak: Soak | None = None
    windows: tuple[WindowRule, ...] = ()
    """When it is open, and when it is frozen."""
    exempt: frozenset[WindowExemption] = ROLLBACKS
    """What may enter although it is closed or frozen."""
    tier: str = ""
    """What it has in common with others and does not say itself; empty: only what the organisation says."""
    users: tuple[str, ...] = ()
    """Who uses it, for people."""
    endpoints: Mapping[str, str] = field(default_factory=dict)
    """Name -> URL, for people."""
    capabilities: tuple[str, ...] = ()
    """What components can ask for by ``needs``, beside what the drivers can do."""
    origins: Mapping[str, Origin] = field(default_factory=dict, compare=False, repr=False, metadata=ASIDE)
    """Path of each field (``values.time_limit``) -> who says so."""
    approvals: ApprovalRule | None = None
    """Who must agree to a deployment; None: nobody."""
    break_glass: BreakGlass | None = None
    """Who may do without, in an emergency; None: nobody."""
    notify: tuple[NotificationRule, ...] = ()
    """Who hears of what happens here, beside those who hear of what happens anywhere."""

    def in_rollout(self) -> tuple[Cell, ...]:
        """The cells in the order they are changed."""
        return tuple(self.cells[name] for name in self.rollout.order or self.cells if name in self.cells)

    def seen_from(self, cell: Cell) -> "Environment":
        """The environment as it is in one of its cells."""
        return replace(
            self,
            target=cell.target or self.target,
            listen=cell.listen,
            values={**self.values, **cell.values},
            cells={},
            rollout=Rollout(),
        )

    def places(self) -> Mapping[str, "Environment"]:
        """Cell -> the environment there; under the empty name, the environment itself if it has no cells."""
        return {cell.name: self.seen_from(cell) for cell in self.in_rollout()} or {"": self}

    def address_for(self, application: str) -> Listen | None:
        return self.listen.get(application) or self.listen.get(ANY_APPLICATION)

    def replicas_for(self, application: str, component: str, written: int) -> int:
        return self.replicas.get(f"{application}/{component}", self.replicas.get(component, written))


@dataclass(frozen=True, slots=True)
class Level:
    """What several environments have in common: a tier, or the whole organisation."""

    name: str
    says: tuple[str, ...] = ()
    """Names of the fields that it gives."""


@dataclass(frozen=True, slots=True)
class Catalogue:
    """All environments, with what they inherit. The promotion order is known to hold no cycle and no unknown name."""

    environments: Mapping[str, Environment] = field(default_factory=dict)
    organisation: Level | None = None
    tiers: Mapping[str, Level] = field(default_factory=dict)
    groups: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Group -> names of people."""
    channels: Mapping[str, Channel] = field(default_factory=dict)
    """Where notifications go."""
    notify: tuple[NotificationRule, ...] = ()
    """Who hears of what happens anywhere, and of what belongs to no environment."""

    def channel(self, name: str) -> Channel:
        """Raises :class:`NotFound` naming those there are."""
        if name in self.channels:
            return self.channels[name]
        known = ", ".join(self.channels) or "none yet"
        raise NotFound(f"There is no channel {name!r}.", f"The channels are: {known}.")

    def rules_for(self, environment: str) -> tuple[NotificationRule, ...]:
        """Of what happens in the environment; of what belongs to none, if the name is empty or unknown."""
        known = self.environments.get(environment)
        return (*self.notify, *(known.notify if known else ()))

    def get(self, name: str) -> Environment:
        """Raises :class:`NotFound` naming those there are."""
        if name in self.environments:
            return self.environments[name]
        known = ", ".join(self.environments) or "none yet"
        raise NotFound(f"There is no environment {name!r}.", f"The environments are: {known}.")

    def following(self, name: str) -> tuple[Environment, ...]:
        """Those a release may enter next after ``name``."""
        return tuple(e for e in self.environments.values() if e.after == name)

    def first(self) -> tuple[Environment, ...]:
        """Those that come after none."""
        return tuple(e for e in self.environments.values() if e.after is None)

    def in_order(self) -> tuple[Environment, ...]:
        """Promotion order, depth first."""
        order: list[Environment] = []

        def visit(environment: Environment) -> None:
            order.append(environment)
            for following in self.following(environment.name):
                visit(following)

        for environment in self.first():
            visit(environment)
        return tuple(order)
