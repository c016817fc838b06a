"""The memory that is signed: the audit chain and statements."""

from dataclasses import dataclass
from typing import Protocol

from lockgate.core.audit import AuditEntry, Event
from lockgate.core.checkpoint import Checkpoint
from lockgate.core.envelope import Envelope
from lockgate.core.ids import Digest, Instant, ReleaseId
from lockgate.core.plan import Plan
from lockgate.core.release import Release


class Attestor(Protocol):
    """Signs what is recorded, before it is."""

    def of_release(self, release: Release) -> Envelope: ...

    def of_plan(self, plan: Plan) -> Envelope: ...


class Statements(Protocol):
    """What was signed of releases and plans when they were recorded."""

    def get(self, digest: Digest) -> Envelope | None:
        """Of the release or plan with that digest. Raises RecordAltered when what is stored is no envelope."""

    def put(self, digest: Digest, statement: Envelope) -> None:
        """One that is there already stays."""

    def missing(self) -> tuple[tuple[ReleaseId, ...], tuple[Digest, ...]]:
        """Releases and plans without one."""


@dataclass(frozen=True, slots=True)
class AuditFilter:
    """Which entries; empty means all."""

    actor: str = ""
    application: str = ""
    environment: str = ""
    kind: str = ""
    since: Instant | None = None
    until: Instant | None = None


class AuditLog(Protocol):
    """The audit chain, its checkpoints, and its end that is cut off when it is old."""

    def note(self, event: Event) -> None:
        """An event that is part of no other change."""

    def lines(self, after: int, limit: int) -> tuple[bytes, ...]:
        """Entries as they are exported, without line breaks, those behind the number ``after``."""

    def select(self, chosen: AuditFilter, after: int, limit: int, *, newest: bool = False) -> tuple[AuditEntry, ...]:
        """In the order of the chain. ``newest``: the last ones, instead of the first."""

    def checkpoints(self) -> tuple[Envelope, ...]:
        """Oldest first. Raises RecordAltered when what is stored is no envelope."""

    def seal(self, checkpoint: Checkpoint, envelope: Envelope) -> bool:
        """Whether it is the next; somebody else may have been quicker."""

    def cut(self, through: int, event: Event) -> None:
        """Removes the entries up to that number; ``event`` tells of it."""


class Bookmark(Protocol):
    """How far somebody has read the record, kept elsewhere than the record itself."""

    def read(self) -> tuple[int, str] | None:
        """Number and digest of an entry; None: nothing was read yet, or nobody can tell any more."""

    def put(self, seq: int, digest: str) -> None:
        """What cannot be written is tried again the next time."""
