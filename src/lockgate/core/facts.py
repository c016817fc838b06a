"""Facts: what a policy may ask about a deployment, as one typed document.

The fields of these values are the fields that rules know: the checker of rules is built from them. What nobody can say
is listed in ``unknown`` with the reason, and a rule that asks for it does not hold.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from datetime import UTC, datetime
from functools import cache
from types import MappingProxyType, NoneType, UnionType
from typing import Any, NewType, get_args, get_origin, get_type_hints

from lockgate.core.ids import Instant

Moment = NewType("Moment", float)
"""An instant; a timestamp in rules."""

Span = NewType("Span", float)
"""Seconds; a duration in rules."""


@dataclass(frozen=True, slots=True)
class ArtifactFacts:
    """What one component runs."""

    component: str
    kind: str
    """``oci``, ``pypi``, ``npm``, ``archive``, ``git`` or ``file``."""
    name: str
    version: str
    digest: str
    reference: str
    """As it was asked for."""
    pinned: bool
    """The reference itself names the content: a digest, or a commit."""


@dataclass(frozen=True, slots=True)
class ReleaseFacts:
    """The release that is to be deployed."""

    id: str
    application: str
    version: str
    number: int
    digest: str
    commit: str
    url: str
    created_at: Moment
    created_by: str
    age_hours: int
    """Whole hours since it was made."""
    artifacts: tuple[ArtifactFacts, ...] = ()
    authors: tuple[str, ...] = ()
    """Who wrote what is new in it."""
    ran: Mapping[str, Span] = field(default_factory=dict)
    """Environment -> how long it has run there so far, once it had succeeded."""


@dataclass(frozen=True, slots=True)
class EnvironmentFacts:
    """The environment that it is to be deployed to, as it is written now."""

    name: str
    position: int
    """In the promotion order, from 0."""
    after: str
    """The environment before; empty: none."""
    group: str
    owner: str
    purpose: str
    target: str
    values: Mapping[str, str] = field(default_factory=dict)
    cells: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class CanaryFacts:
    """How the change begins; nothing but zeros unless the strategy is ``canary``."""

    first_percent: float = 0.0
    """Share of the traffic in the first stage."""
    stages: int = 0


@dataclass(frozen=True, slots=True)
class DeploymentFacts:
    """The deployment that asks to be let in."""

    kind: str
    """``deploy`` or ``rollback``."""
    strategy: str
    reason: str
    urgent: bool
    first: bool
    """Nothing of the application runs in the environment yet."""
    plan: str
    """Digest of the plan."""
    changed: tuple[str, ...] = ()
    """Components that are new, gone, or run something else or otherwise than now."""
    canary: CanaryFacts = CanaryFacts()


@dataclass(frozen=True, slots=True)
class ActorFacts:
    """Who asked for the deployment."""

    name: str
    groups: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class TimeFacts:
    """When the rule is asked."""

    now: Moment


@dataclass(frozen=True, slots=True)
class RunningFacts:
    """What of the application runs in one environment."""

    release: str
    """Its id."""
    version: str
    digest: str
    deployment: str
    since: Moment


@dataclass(frozen=True, slots=True)
class SeverityFacts:
    """Findings of one severity."""

    total: int = 0
    fixable: int = 0
    """Of the open ones: those that a newer version mends."""
    waived: int = 0
    """Of all: those that somebody has accepted, for now."""
    open: int = 0
    """Not waived."""


@dataclass(frozen=True, slots=True)
class FindingsFacts:
    """Vulnerabilities found in the release, by severity."""

    critical: SeverityFacts = SeverityFacts()
    high: SeverityFacts = SeverityFacts()
    medium: SeverityFacts = SeverityFacts()
    low: SeverityFacts = SeverityFacts()
    negligible: SeverityFacts = SeverityFacts()
    unrated: SeverityFacts = SeverityFacts()


@dataclass(frozen=True, slots=True)
class ApprovalFacts:
    """One approval of the deployment that counts."""

    by: str
    at: Moment


@dataclass(frozen=True, slots=True)
class Facts:
    """The document. Its fields are the variables of rules, but for ``unknown``."""

    release: ReleaseFacts
    environment: EnvironmentFacts
    deployment: DeploymentFacts
    actor: ActorFacts
    time: TimeFacts
    inventory: Mapping[str, RunningFacts] = field(default_factory=dict)
    """Environment -> what runs there of the same application."""
    findings: FindingsFacts = FindingsFacts()
    approvals: tuple[ApprovalFacts, ...] = ()
    unknown: Mapping[str, str] = field(default_factory=dict)
    """What nobody can say, of :data:`UNKNOWABLE` -> why, as a sentence."""


FINDINGS, APPROVALS, AUTHORS = "findings", "approvals", "release.authors"
UNKNOWABLE = (FINDINGS, APPROVALS, AUTHORS)
"""What need not be known. A rule that asks for it then fails, so it is kept apart from what is beside it."""


def variables() -> Mapping[str, Any]:
    """Variable of rules -> its type."""
    return {name: hint for name, hint in hints(Facts).items() if name != "unknown"}


@cache
def hints(kind: type) -> Mapping[str, Any]:
    """Field -> type, in order."""
    found = get_type_hints(kind)
    return MappingProxyType({f.name: found[f.name] for f in fields(kind)})


def document(facts: Facts) -> dict[str, Any]:
    """As JSON, instants as RFC 3339 and durations as ``7200s``, without what is unknown."""
    told = {name: spelt(getattr(facts, name), hint) for name, hint in variables().items()}
    for path in facts.unknown:
        above, _, name = path.rpartition(".")
        (told[above] if above else told).pop(name, None)
    return told


def document_with(given: Mapping[str, Any]) -> dict[str, Any]:
    """That of :data:`SAMPLE`, with the parts that are given otherwise. What may be unknown is so unless it is given."""
    told = document(SAMPLE)
    for path in UNKNOWABLE:
        above, _, name = path.rpartition(".")
        if name not in (given.get(above, {}) if above else given):
            (told[above] if above else told).pop(name, None)
    return {**told, **{name: _over(told.get(name), part, variables()[name]) for name, part in given.items()}}


def _over(before: Any, given: Any, hint: Any) -> Any:
    """Fields of a value are laid over each other; lists and tables of names are replaced."""
    if not (isinstance(hint, type) and is_dataclass(hint)):
        return given
    before = before or {}
    return {**before, **{name: _over(before.get(name), part, hints(hint)[name]) for name, part in given.items()}}


def spelt(value: Any, hint: Any) -> Any:
    """One value of the document, by its type."""
    if hint is Moment:
        return moment_text(value)
    if hint is Span:
        return span_text(value)
    if isinstance(hint, type) and is_dataclass(hint):
        return {name: spelt(getattr(value, name), inner) for name, inner in hints(hint).items()}
    if get_origin(hint) is tuple:
        return [spelt(one, get_args(hint)[0]) for one in value]
    if get_args(hint):
        return {name: spelt(one, get_args(hint)[1]) for name, one in value.items()}
    return value


def moment_text(at: Instant) -> str:
    """``2026-11-21T14:00:00Z``, to the microsecond where need be."""
    return datetime.fromtimestamp(at, UTC).isoformat().replace("+00:00", "Z")


def span_text(seconds: float) -> str:
    return f"{seconds:.6f}".rstrip("0").rstrip(".") + "s"


def paths(kind: Any = None, above: str = "") -> Iterator[tuple[str, Any]]:
    """Every field of the document by its path (``release.artifacts[].kind``), with its type."""
    for name, hint in (variables() if kind is None else hints(kind)).items():
        path = f"{above}.{name}" if above else name
        inner, suffix = inside(hint)
        yield path, hint
        if isinstance(inner, type) and is_dataclass(inner):
            yield from paths(inner, path + suffix)


def inside(hint: Any) -> tuple[Any, str]:
    """What a list or table holds, and how its path goes on."""
    if get_origin(hint) is tuple:
        return get_args(hint)[0], "[]"
    if get_origin(hint) in (None, UnionType, NoneType):
        return hint, ""
    return get_args(hint)[1], "[NAME]"


SAMPLE = Facts(
    release=ReleaseFacts(
        id="rel-3a3a3a3a3a3a",
        application="shop",
        version="1.4.0",
        number=14,
        digest="sha256:" + "3" * 64,
        commit="1f2e3d4c5b6a",
        url="",
        created_at=Moment(1_799_992_800.0),
        created_by="ann",
        age_hours=2,
        artifacts=(
            ArtifactFacts(
                "web", "oci", "registry.example/shop", "1.4.0", "sha256:" + "d" * 64,
                "oci:registry.example/shop:1.4.0@sha256:" + "d" * 64, True,
            ),
        ),
        authors=("ann",),
        ran={"staging": Span(7200.0)},
    ),
    environment=EnvironmentFacts("prod", 2, "staging", "", "platform", "", "process", {"region": "north"}),
    deployment=DeploymentFacts(
        "deploy", "canary", "Weekly release", False, False, "sha256:" + "7" * 64, ("web",), CanaryFacts(1.0, 4)
    ),
    actor=ActorFacts("ann", ("developers",)),
    time=TimeFacts(Moment(1_800_000_000.0)),
    inventory={
        "prod": RunningFacts("rel-2b2b2b2b2b2b", "1.3.0", "sha256:" + "2" * 64, "dep-7", Moment(1_799_400_000.0)),
        "staging": RunningFacts("rel-3a3a3a3a3a3a", "1.4.0", "sha256:" + "3" * 64, "dep-12", Moment(1_799_992_800.0)),
    },
    findings=FindingsFacts(),
    approvals=(ApprovalFacts("bob", Moment(1_799_999_000.0)),),
)  # fmt: skip
"""A deployment as any other: what tests of policies begin with."""
