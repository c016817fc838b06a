"""Traffic: which revision's instances exist, and what share of the requests each gets.

A strategy is a walk through this space; a router carries a point of it out. Weights are basis points: 10 000 is all.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from lockgate.core.artifact import ArtifactKind
from lockgate.core.ids import LATER, Instant, RevisionId
from lockgate.core.window import Ratio

ALL = 10_000


@dataclass(frozen=True, slots=True)
class Key:
    """What is deployed as one: a component of an application in an environment."""

    application: str
    environment: str
    component: str
    cell: str = field(default="", metadata=LATER)
    """Of the environment; empty where it has no cells."""

    @property
    def part(self) -> str:
        """The component, with its cell where there is one: ``web``, ``north/web``."""
        return f"{self.cell}/{self.component}" if self.cell else self.component

    def __str__(self) -> str:
        place = f"{self.environment}/{self.cell}" if self.cell else self.environment
        return f"{place}/{self.application}/{self.component}"


@dataclass(frozen=True, slots=True)
class Share:
    """A pool's part of the traffic."""

    weight: int
    """Basis points."""
    seats: int
    """How many of its ready instances take it: those in the lowest slots."""


Shares = Mapping[RevisionId, Share]


@dataclass(frozen=True, slots=True)
class Pool:
    """All instances of one revision on one key, as observed."""

    revision: RevisionId
    started: int = 0
    """Instances that exist, whatever their condition, those being stopped included."""
    ready: int = 0
    warmed: int = 0
    """Ready instances that have had their warm-up requests."""
    failed: str = ""
    """Why instances cannot become ready, if one has failed; else empty."""
    seats: int = 0
    """Instances in the router's rotation."""
    unfit: int = 0
    """Those of them that are not ready, or gone."""
    weight: int = 0
    """Basis points of the traffic, as the data plane has them."""
    idle: bool = True
    """No request runs on instances out of rotation, or their time to finish is over."""


@dataclass(frozen=True, slots=True)
class Footing:
    """What a canary stands on in one stage."""

    weight: int
    """Basis points."""
    instances: int


@dataclass(frozen=True, slots=True)
class Scene:
    """What a strategy may look at: the observed pools and how far the walk has come."""

    pools: Mapping[RevisionId, Pool] = field(default_factory=dict)
    prepared: bool = False
    """The revision walked to can be started on the target."""
    verified_before: bool = False
    """Its checks have passed on an instance without traffic."""
    verified_after: bool = False
    """Its checks have passed through the router, with all the traffic."""
    holding: bool = False
    """The router holds new requests until a revision can take them."""
    stage: int = 0
    """How many stages of the walk's ramp are over."""
    pinned: int = 0
    """Ready instances of the revision walked to that pinned requests reach although it has no weight."""

    def pool(self, revision: RevisionId) -> Pool:
        return self.pools.get(revision) or Pool(revision)

    def others(self, revision: RevisionId | None) -> tuple[Pool, ...]:
        """Pools of every other revision that still has something running or routed."""
        return tuple(
            pool
            for pool in self.pools.values()
            if pool.revision != revision and (pool.started or pool.weight or pool.seats)
        )


@dataclass(frozen=True, slots=True)
class Walk:
    """Where a strategy walks to: ``replicas`` (one or more) instances of ``to`` with all the traffic, nothing else.

    Going back is the same walk to the revision that ran before, with ``back`` set: nothing is verified again, and
    haste matters more than batches. ``to`` is None when nothing ran before: the walk ends with nothing.
    """

    to: RevisionId | None
    replicas: int
    batch: int = 1
    routed: bool = True
    """The component takes traffic; otherwise no router is asked."""
    checked: bool = True
    """There are checks to pass before and after the traffic moves."""
    back: bool = False
    ramp: tuple[Footing, ...] = ()
    """The stages of a canary."""
    beside: RevisionId | None = None
    """What a canary is compared with, if instances of it are started together with the canary's."""
    kept: int = 0
    """Instances that ``beside`` has anyway."""


@dataclass(frozen=True, slots=True)
class TargetCaps:
    """What a target can do. A strategy that needs more is refused when it is planned."""

    instances: bool = True
    """Counts and names its instances, so that some can be retired before others."""
    artifacts: frozenset[ArtifactKind] = frozenset(ArtifactKind)
    """What it can run. Files of a component may be of any kind that Lockgate can unpack."""


@dataclass(frozen=True, slots=True)
class RouterCaps:
    """What a router can do."""

    weights: bool
    inflight: bool
    """Knows the requests that run, so that draining ends when they do and not by the clock."""
    hold: bool
    """Can make requests wait while nothing runs."""
    histogram: bool = False
    pins: bool = False
    sticky: bool = False


@dataclass(frozen=True, slots=True)
class RoutePool:
    """Addresses of one revision's instances in rotation."""

    revision: RevisionId
    endpoints: tuple[str, ...]
    """``host:port``."""
    weight: int
    """Basis points; 0 keeps the pool known to the data plane (draining) without sending it anything."""


@dataclass(frozen=True, slots=True)
class Pin:
    """Requests that always reach the canary while there is one: testers' own. Either a header or a cookie."""

    value: str
    header: str = ""
    cookie: str = ""


@dataclass(frozen=True, slots=True)
class Route:
    """The whole desired state of one key's traffic. Weights sum to :data:`ALL`, or to 0 where nothing is served."""

    key: Key
    listen: str
    """``host:port`` of this machine."""
    path: str
    """Prefix of the request path."""
    pools: tuple[RoutePool, ...] = ()
    hold: float = 0.0
    """More than 0: nothing can serve now; requests wait up to so many seconds for the next route instead of failing."""
    timeout: float = 0.0
    """Seconds a request may take; 0: as long as it likes (streams)."""
    pins: tuple[Pin, ...] = ()
    """Requests that reach ``pinned`` whatever its weight. They are no sample of the users, so they are not counted."""
    pinned: RevisionId | None = None
    """Without instances in rotation pins mean nothing."""
    sticky: bool = False
    """Who has met a revision meets it again, as long as the same revisions share the traffic; while the weight of
    ``pinned``, or of one of two, only grows, nobody leaves it."""


@dataclass(frozen=True, slots=True)
class PoolStatus:
    """How the data plane sees one pool."""

    endpoints: tuple[str, ...]
    weight: int
    inflight: int | None
    """Requests running on the endpoints in rotation; None: cannot be known."""
    leaving: int | None
    """Requests still running on endpoints that have left the rotation; None: cannot be known."""


@dataclass(frozen=True, slots=True)
class RouteStatus:
    """What the data plane serves for one key now."""

    live: bool
    """The data plane runs and has accepted the last route."""
    pools: Mapping[RevisionId, PoolStatus]
    holding: bool
    observed_at: Instant
    because: str = ""
    """Why it is not live."""
    pins: tuple[Pin, ...] = ()
    """These three as in the last route."""
    pinned: RevisionId | None = None
    sticky: bool = False


@dataclass(frozen=True, slots=True)
class Sample:
    """Cumulative counts of one pool since ``epoch``; a new epoch means they began again at 0."""

    epoch: str
    requests: int
    by_class: Mapping[str, int]
    """``2xx`` -> count; the router's own answers for want of an instance's are in ``5xx``. ``cut``: answers that broke
    off half way, which are in the class of their beginning, too."""
    latency_ms: Mapping[float, int]
    """Upper bound of bucket in milliseconds -> answers at or below it; the largest is infinite and has them all. What
    an instance did not answer is not here."""
    endpoints: Mapping[str, Ratio] = field(default_factory=dict)
    """``host:port`` -> tries that failed or were answered with 5xx, of all. One request may be several tries."""

    @property
    def errors(self) -> int:
        """Requests that went wrong for the user."""
        return min(self.requests, self.by_class.get("5xx", 0) + self.by_class.get("cut", 0))


@dataclass(frozen=True, slots=True)
class Mark:
    """Where counting stood for the revision that runs on a key; the minute that follows is what has come since."""

    at: Instant
    revision: RevisionId
    sample: Sample


def even(total: int, parts: Mapping[RevisionId, int]) -> dict[RevisionId, int]:
    """``total`` split in proportion to ``parts`` by largest remainder, so that it sums exactly; equal remainders go by
    name. Zero parts get 0, and no part gets more than it is when ``total`` is not more than their sum."""
    whole = sum(parts.values())
    if not whole:
        return dict.fromkeys(parts, 0)
    given = {name: total * part // whole for name, part in parts.items()}
    by_remainder = sorted(parts, key=lambda name: (-(total * parts[name] % whole), name))
    for name in by_remainder[: total - sum(given.values())]:
        given[name] += 1
    return given
