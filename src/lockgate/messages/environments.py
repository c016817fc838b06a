"""What is told of environments: what each is and who says so, and how two sides differ."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from lockgate.core.ids import Instant


@dataclass(frozen=True, slots=True)
class OriginView:
    """Where something is written."""

    level: str
    """``environment prod``, ``tier production``, ``organisation``."""
    file: str
    line: int
    text: str
    overridden: tuple["OriginView", ...] = ()
    """What does not count because of it, the nearest first."""


@dataclass(frozen=True, slots=True)
class KeptView:
    """A secret of an environment."""

    source: str
    """Where it is kept."""
    fingerprint: str
    """Empty: unknown."""


@dataclass(frozen=True, slots=True)
class HolderView:
    """What runs of one application."""

    application: str
    release: str
    release_label: str
    deployment: str
    since: Instant | None


@dataclass(frozen=True, slots=True)
class EnvironmentDetail:
    """GET /v1/environments/{name}"""

    name: str
    tier: str
    owner: str
    purpose: str
    users: tuple[str, ...]
    endpoints: Mapping[str, str]
    """Name -> URL, for people."""
    after: str | None
    before: tuple[str, ...]
    """Environments that a release may enter next."""
    promote: str
    capabilities: tuple[str, ...]
    """As its owner says."""
    stated: tuple[str, ...] | None
    """By its drivers; null: they cannot tell now."""
    listen: Mapping[str, str]
    values: Mapping[str, str]
    secrets: Mapping[str, KeptView]
    cells: Mapping[str, Mapping[str, str]]
    """Cell -> application -> address, in the order they are changed."""
    fields: Mapping[str, OriginView]
    """Path of every field that is written for it, here or above -> where."""
    runs: tuple[HolderView, ...] = ()


@dataclass(frozen=True, slots=True)
class WhyView:
    """GET /v1/environments/{name}/why/{field}"""

    environment: str
    sentences: tuple[str, ...]
    fields: Mapping[str, OriginView] = field(default_factory=dict)
    """Of each field that was meant; none, when nobody says anything of it."""


@dataclass(frozen=True, slots=True)
class DifferenceView:
    kind: str
    """``release``, ``configuration``, ``secret``, ``capability``, ``rule``, ``observed``, ``about``."""
    subject: str
    left: str
    """Empty: there is none."""
    right: str
    sentence: str
    known: bool
    """False: whether it differs cannot be told, and the sentence says why."""


@dataclass(frozen=True, slots=True)
class ComparisonView:
    """GET /v1/comparisons"""

    at: Instant
    left: str
    right: str
    same: bool
    """Everything is known, and nothing differs."""
    sentences: tuple[str, ...]
    """A summary, then one for each difference."""
    differences: tuple[DifferenceView, ...]
