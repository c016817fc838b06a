"""What is told of what is attached to releases, of findings and waivers, and of what runs where."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from lockgate.core.ids import Instant


@dataclass(frozen=True, slots=True)
class GiveWaiver:
    """POST /v1/waivers"""

    vulnerability: str
    """``CVE-2026-1234``, or any other name that scans use."""
    until: Instant
    """When it expires."""
    reason: str
    package: str = ""
    """A name, ``name@version`` or a package URL; empty: whatever package has it."""
    environment: str = ""
    """Empty: everywhere."""
    application: str = ""
    """Empty: every one."""
    actor: str = ""


@dataclass(frozen=True, slots=True)
class TakeWaiver:
    """POST /v1/waivers/remove"""

    vulnerability: str
    package: str = ""
    environment: str = ""
    application: str = ""
    reason: str = ""
    actor: str = ""


@dataclass(frozen=True, slots=True)
class EvidenceView:
    """A document attached to a release."""

    release: str
    digest: str
    format: str
    """``in-toto``, ``cyclonedx``, ``spdx``, ``sarif``, ``trivy``, ``grype``."""
    version: str
    roles: tuple[str, ...]
    """What it tells: ``provenance``, ``contents``, ``scan``, ``vex``, ``attestation``."""
    name: str
    """Of the file."""
    size: int
    """Bytes."""
    at: Instant
    """When it was attached."""
    by: str
    tool: str
    about: str
    made_at: Instant | None
    """When it was made, as it says itself."""
    packages: int
    findings: int


@dataclass(frozen=True, slots=True)
class FindingView:
    vulnerability: str
    severity: str
    package: str
    version: str
    fixed: str
    """The version that mends it; empty: none is known."""
    purl: str = ""
    aliases: tuple[str, ...] = ()
    waived_until: Instant | None = None
    """By a waiver; null: it is open."""
    waived_because: str = ""


@dataclass(frozen=True, slots=True)
class TallyView:
    open: int
    fixable: int
    """Of the open ones."""
    waived: int


@dataclass(frozen=True, slots=True)
class WaiverView:
    vulnerability: str
    package: str
    environment: str
    application: str
    until: Instant
    reason: str
    actor: str
    at: Instant
    expired: bool


@dataclass(frozen=True, slots=True)
class FindingsView:
    """What is known to be wrong with a release."""

    release: str
    release_label: str
    environment: str
    """Whose waivers count; empty: only those for everywhere."""
    scanned_at: Instant | None
    """Of the newest scan; null: none is attached."""
    counts: Mapping[str, TallyView]
    """By severity, the worst first."""
    open: tuple[FindingView, ...]
    """The worst first; at most 1000."""
    waived: tuple[FindingView, ...]
    harmless: int
    """How many a VEX document says do no harm."""
    expired: tuple[WaiverView, ...]
    """Waivers that covered an open one until they expired."""


@dataclass(frozen=True, slots=True)
class RunningView:
    """That a release runs, or ran, somewhere."""

    application: str
    environment: str
    release: str
    release_label: str
    deployment: str
    since: Instant
    until: Instant | None
    """Null: it still does."""
    by: str
    cell: str = ""
    """Where cells hold different releases."""
    instances: int | None = None
    """That were ready when it was last observed; null: unknown, or it no longer runs."""
    observed_at: Instant | None = None
    """When that was; of several components, the one observed longest ago."""
    because: str = ""
    """Why it is unknown."""


@dataclass(frozen=True, slots=True)
class InventoryView:
    """What runs, or ran at a moment."""

    at: Instant
    running: tuple[RunningView, ...]
    more: bool = False
    """There is more than was asked for."""


@dataclass(frozen=True, slots=True)
class FoundView:
    """As what something sought is in a release."""

    release: str
    package: str
    version: str
    purl: str
    digest: str
    component: str


@dataclass(frozen=True, slots=True)
class WhereView:
    """Where something runs, or ran."""

    what: str
    at: Instant
    running: tuple[RunningView, ...]
    found: tuple[FoundView, ...] = field(default_factory=tuple)
    releases: int = 0
    """How many different ones."""
    more: bool = False
    """There is more than was asked for."""
