"""What has happened."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from lockgate.core.ids import Instant


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
class AuditView:
    """GET /v1/audit"""

    entries: tuple[EventView, ...]
    whole: bool
    """The chain of digests is unbroken."""
    broken_at: int | None = None
