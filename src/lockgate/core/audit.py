"""Events and audit: what happened, and the record of who did what that cannot be quietly edited.

Every change of state writes an event in the same transaction (the outbox). Events that somebody caused are audit
entries too: each carries the digest of the one before, so a change or a gap anywhere breaks every later digest.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from lockgate.core.ids import LATER, Digest, Instant, digest_of

SYSTEM = "lockgate"
"""The actor of what Lockgate does by itself."""

GENESIS = Digest("sha256:" + "0" * 64)


@dataclass(frozen=True, slots=True)
class Event:
    """What happened. ``seq`` is given by the store: it grows without order guarantees beyond that."""

    kind: str
    """Subject and predicate: ``deployment.running``, ``release.created``, ``quarantine.lifted``."""
    at: Instant
    because: str
    actor: str = SYSTEM
    application: str = ""
    environment: str = ""
    deployment: str = ""
    release: str = ""
    data: Mapping[str, str] = field(default_factory=dict)
    audited: bool = False
    """Somebody caused it: it goes into the audit chain."""
    seq: int = 0
    address: str = field(default="", metadata=LATER)
    """Where the request came from that caused it."""


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One link of the chain."""

    seq: int
    """1, 2, 3 ... without gaps."""
    event: Event
    previous: Digest
    digest: Digest


def link(seq: int, event: Event, previous: Digest) -> AuditEntry:
    """The next entry of the chain. The event's own number in the event log is not part of it."""
    bare = replace(event, seq=0)
    return AuditEntry(seq, bare, previous, digest_of({"seq": seq, "event": bare, "previous": previous}))


def broken_at(entries: Iterable[AuditEntry]) -> int | None:
    """Number of the first entry that does not follow from the one before; None: the chain is whole."""
    previous = GENESIS
    for seq, entry in enumerate(entries, start=1):
        if entry != link(seq, entry.event, previous):
            return seq
        previous = entry.digest
    return None
