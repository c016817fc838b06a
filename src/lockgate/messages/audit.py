"""What is asked and told of the record: entries, their proof, and the keys that sign."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from lockgate.core.ids import Instant


@dataclass(frozen=True, slots=True)
class AuditQuery:
    """GET /v1/audit; empty: all."""

    actor: str = ""
    application: str = ""
    environment: str = ""
    kind: str = ""
    since: Instant | None = None
    until: Instant | None = None
    after: int = 0
    limit: int = 100
    newest: bool = False
    """The last ones, instead of the first."""


@dataclass(frozen=True, slots=True)
class Redeploy:
    """POST /v1/deployments/{id}/redeploy"""

    reason: str = ""
    as_recorded: bool = False
    """Also where the environment would be planned otherwise today."""
    urgent: bool = False
    actor: str = ""
    blind: bool = False
    """Go on although the canary's ramp cannot detect anything at the present traffic."""


@dataclass(frozen=True, slots=True)
class RotateKey:
    """POST /v1/keys/rotate"""

    reason: str = ""
    actor: str = ""


@dataclass(frozen=True, slots=True)
class Verification:
    """GET /v1/audit/verification, and what ``lockgate audit verify`` says of a file."""

    whole: bool
    entries: int
    first: int
    last: int
    days: int
    """Days whose signed checkpoint holds."""
    keys: tuple[str, ...]
    """Ids of the keys that signed them."""
    because: str = ""
    """Why it is not whole."""
    line: int = 0
    """Of a file, where that was seen."""


@dataclass(frozen=True, slots=True)
class KeyView:
    id: str
    pem: str
    since: Instant
    until: Instant | None
    """Null: it signs now."""


@dataclass(frozen=True, slots=True)
class KeysView:
    """GET /v1/keys"""

    keys: tuple[KeyView, ...]
    """Oldest first; the last one signs."""
    file: str
    """All of it as one text, with the statements by which each key introduced the next: what to verify with."""


@dataclass(frozen=True, slots=True)
class StatementView:
    """GET /v1/releases/{name}/statement: a DSSE envelope, as every tool for it reads it."""

    payload: str
    """Base64 of the in-toto statement."""
    payloadType: str  # noqa: N815 — DSSE's own name
    signatures: tuple[Mapping[str, Any], ...]
    """``keyid`` and ``sig``."""
