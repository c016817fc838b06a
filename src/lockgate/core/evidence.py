"""Evidence: documents attached to a release after it was made: where it comes from, what is in it, what is wrong.

A document is kept as it came, under its digest; what was read from it stands beside it. Nothing is believed because it
is attached: a gate asks who signed it.
"""

from dataclasses import dataclass, field
from enum import StrEnum

from lockgate.core.finding import Finding, Statement
from lockgate.core.ids import Digest, Instant, ReleaseId
from lockgate.core.package import Package

MAX_BYTES = 64 * 1024 * 1024
"""Of one document."""

MAX_ENVELOPE = 1024 * 1024
"""Bytes of a signed statement: it is read each time that its gate is asked."""

MAX_PACKAGES = 100_000
MAX_FINDINGS = 50_000


class Format(StrEnum):
    """How a document is written."""

    IN_TOTO = "in-toto"
    """A statement in a DSSE envelope."""
    CYCLONEDX = "cyclonedx"
    SPDX = "spdx"
    SARIF = "sarif"
    TRIVY = "trivy"
    GRYPE = "grype"


class Role(StrEnum):
    """What a document tells; one may tell several things."""

    PROVENANCE = "provenance"
    CONTENTS = "contents"
    """What the release is made of: an SBOM."""
    SCAN = "scan"
    """What is wrong with it."""
    VEX = "vex"
    """What of that does no harm."""
    ATTESTATION = "attestation"
    """A signed statement of another kind."""


@dataclass(frozen=True, slots=True)
class Contents:
    """What was read from a document."""

    format: Format
    version: str
    """Of the format."""
    roles: frozenset[Role]
    tool: str = ""
    """What wrote it."""
    about: str = ""
    """What it is about, in its own words."""
    made_at: Instant | None = None
    """As it says itself."""
    packages: tuple[Package, ...] = ()
    findings: tuple[Finding, ...] = ()
    statements: tuple[Statement, ...] = ()
    envelope: str = ""
    """Of a signed statement: the whole of it."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """One document attached to a release."""

    release: ReleaseId
    digest: Digest
    format: Format
    version: str
    roles: frozenset[Role]
    name: str
    """Of the file, for people."""
    size: int
    at: Instant
    """When it was attached."""
    by: str
    tool: str = ""
    about: str = ""
    made_at: Instant | None = None
    packages: int = 0
    findings: int = 0
    statements: tuple[Statement, ...] = ()
    envelope: str = ""

    @property
    def as_of(self) -> Instant:
        """When it was made, as far as that can be believed: never after it was attached."""
        return self.at if self.made_at is None else min(self.made_at, self.at)


@dataclass(frozen=True, slots=True)
class Attestation:
    """A signed statement, opened. What it says counts only if somebody known has signed it."""

    document: str
    """Name and digest, for people."""
    signed_by: str
    """The known key that signed it; empty: none."""
    because: str = ""
    """Why not."""
    predicate: str = ""
    """The kind of statement: ``https://slsa.dev/provenance/v1``."""
    subjects: frozenset[str] = field(default_factory=frozenset)
    """``sha256:...`` of what it is about."""
    builder: str = ""
    sources: tuple[str, ...] = ()
    """Where the source came from."""
