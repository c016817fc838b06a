"""Finding: a known weakness of something inside a release, as a scan says; who says that it does no harm; waivers.

Which findings count is decided here, so that the gate, the command line and policies mean the same: the newest scan of
a thing replaces its older ones, a weakness is counted once whoever found it, and a waiver counts until it expires.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from lockgate.core.ids import Instant
from lockgate.core.package import purl_or_none


class Severity(StrEnum):
    """In order: the worst first."""

    CRITICAL = "critical"
    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"
    NEGLIGIBLE = "negligible"
    UNKNOWN = "unknown"

    @property
    def rank(self) -> int:
        """0 is the worst."""
        return _ORDER.index(self)


_ORDER = tuple(Severity)


@dataclass(frozen=True, slots=True)
class Finding:
    """One weakness of one package."""

    vulnerability: str
    """``CVE-2026-1234``, ``GHSA-...``; of other analyses the rule's name."""
    severity: Severity
    name: str
    """Of the package, or the place in the code."""
    version: str = ""
    purl: str = ""
    fixed: str = ""
    """The version that mends it; empty: none is known."""
    aliases: tuple[str, ...] = ()
    """Its other names."""
    ref: str = ""
    """What the document itself calls the package."""

    @property
    def names(self) -> frozenset[str]:
        return frozenset({self.vulnerability.upper(), *(alias.upper() for alias in self.aliases)})

    @property
    def fixable(self) -> bool:
        return bool(self.fixed)

    def label(self) -> str:
        """``CVE-2026-1234 (critical) in openssl 3.0.7, mended in 3.0.8``"""
        package = f"{self.name} {self.version}".strip() or "the release"
        mended = f", mended in {self.fixed}" if self.fixed else ""
        return f"{self.vulnerability} ({self.severity.value}) in {package}{mended}"


@dataclass(frozen=True, slots=True)
class Statement:
    """What a VEX document says: that a weakness does no harm here. Only such are kept."""

    vulnerability: str
    state: str
    """``not_affected``, ``false_positive``, ``resolved``, ``resolved_with_pedigree``."""
    packages: tuple[str, ...] = ()
    """Package URLs, or what the document calls them; none: the whole release."""
    because: str = ""

    def covers(self, finding: Finding) -> bool:
        if self.vulnerability.upper() not in finding.names:
            return False
        return not self.packages or any(_is_package(name, finding) for name in self.packages)


def _is_package(name: str, finding: Finding) -> bool:
    """By package URL: the same package, and the same version where one is said. Otherwise by the document's name."""
    meant, found = purl_or_none(name), purl_or_none(finding.purl)
    if meant is None or found is None:
        return bool(name) and name in (finding.ref, finding.purl)
    return meant.line == found.line and meant.version in ("", found.version)


@dataclass(frozen=True, slots=True)
class Waiver:
    """Somebody takes a weakness on for a while."""

    vulnerability: str
    until: Instant
    reason: str
    actor: str
    at: Instant
    """When it was given."""
    package: str = ""
    """A name or a package URL; empty: any."""
    environment: str = ""
    """Empty: everywhere."""
    application: str = ""
    """Empty: every one."""

    def expired(self, now: Instant) -> bool:
        return now >= self.until

    def covers(self, finding: Finding, application: str, environment: str) -> bool:
        if self.environment not in ("", environment) or self.application not in ("", application):
            return False
        if self.vulnerability.upper() not in finding.names:
            return False
        names = {finding.name.lower(), f"{finding.name}@{finding.version}".lower()}
        return not self.package or self.package.lower() in names or _is_package(self.package, finding)

    def label(self) -> str:
        """``CVE-2026-1 in openssl for prod``"""
        package = f" in {self.package}" if self.package else ""
        place = f" for {self.environment}" if self.environment else ""
        return f"{self.vulnerability}{package}{place}"


@dataclass(frozen=True, slots=True)
class Scan:
    """What one document found."""

    source: str
    """Its digest."""
    tool: str
    about: str
    """What was scanned; documents about the same thing by the same tool replace each other."""
    at: Instant
    findings: tuple[Finding, ...] = ()


@dataclass(frozen=True, slots=True)
class Tally:
    """How many there are of one severity."""

    open: int = 0
    """Neither waived nor said to do no harm."""
    fixable: int = 0
    """Of the open ones: those that a newer version mends."""
    waived: int = 0


@dataclass(frozen=True, slots=True)
class FindingCounts:
    """What is known of a release's weaknesses, in one environment, at one moment."""

    by_severity: Mapping[Severity, Tally] = field(default_factory=dict)
    """Every severity."""
    scanned_at: Instant | None = None
    """Of the newest scan; None: none has been attached."""
    open: tuple[Finding, ...] = ()
    """The worst first."""
    waived: tuple[tuple[Finding, Waiver], ...] = ()
    harmless: int = 0
    """How many a VEX document takes away."""
    expired: tuple[Waiver, ...] = ()
    """Waivers that covered an open one until they expired."""

    def at_least(self, severity: Severity, fixable_only: bool = False) -> tuple[Finding, ...]:
        """The open ones that are so bad or worse."""
        return tuple(f for f in self.open if f.severity.rank <= severity.rank and (f.fixable or not fixable_only))


def counted(
    scans: Sequence[Scan],
    statements: Sequence[Statement],
    waivers: Sequence[Waiver],
    *,
    application: str,
    environment: str,
    now: Instant,
) -> FindingCounts:
    """What counts of all that is attached to a release."""
    open_, waived, expired, harmless = [], [], dict[Waiver, None](), 0
    for finding in _distinct(_current(scans)):
        covering = [w for w in waivers if w.covers(finding, application, environment)]
        valid = [w for w in covering if not w.expired(now)]
        if any(statement.covers(finding) for statement in statements):
            harmless += 1
        elif valid:
            waived.append((finding, max(valid, key=lambda w: w.until)))
        else:
            open_.append(finding)
            expired.update(dict.fromkeys(covering))
    return FindingCounts(
        by_severity=_tallies(open_, [finding for finding, _ in waived]),
        scanned_at=max((scan.at for scan in scans), default=None),
        open=tuple(sorted(open_, key=_worst_first)),
        waived=tuple(sorted(waived, key=lambda pair: _worst_first(pair[0]))),
        harmless=harmless,
        expired=tuple(expired),
    )


def _current(scans: Iterable[Scan]) -> list[Scan]:
    """The newest of each thing by each tool."""
    newest: dict[tuple[str, str], Scan] = {}
    for scan in sorted(scans, key=lambda one: (one.at, one.source)):
        newest[scan.tool, scan.about] = scan
    return list(newest.values())


def _distinct(scans: Iterable[Scan]) -> list[Finding]:
    """One that several scans have found is one, with the worst severity that any of them gives it."""
    found: dict[tuple[str, str, str], Finding] = {}
    for finding in sorted((f for scan in scans for f in scan.findings), key=_worst_first):
        known = [found.get((name, finding.name.lower(), finding.version)) for name in sorted(finding.names)]
        if not any(known):
            for name in finding.names:
                found[name, finding.name.lower(), finding.version] = finding
    return list(dict.fromkeys(found.values()))


def _worst_first(finding: Finding) -> tuple[int, bool, str, str, str]:
    return (finding.severity.rank, not finding.fixable, finding.vulnerability, finding.name, finding.version)


def _tallies(open_: Sequence[Finding], waived: Sequence[Finding]) -> Mapping[Severity, Tally]:
    return {
        severity: Tally(
            open=sum(f.severity is severity for f in open_),
            fixable=sum(f.severity is severity and f.fixable for f in open_),
            waived=sum(f.severity is severity for f in waived),
        )
        for severity in Severity
    }
