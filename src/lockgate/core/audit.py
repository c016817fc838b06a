"""Events and audit: what happened, and the record of who did what that cannot be quietly edited.

Every change of state writes an event in the same transaction (the outbox). What somebody caused, and what Lockgate
decided by itself, is an audit entry too. An entry is one line of canonical JSON that names the sha256 of the line
before, so a change or a gap anywhere breaks every later digest, and ``sha256sum`` is enough to see it.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from lockgate.core.ids import LATER, Digest, Instant, canonical, digest_of_bytes

SYSTEM = "lockgate"
"""The actor of what Lockgate does by itself."""

GENESIS = Digest("sha256:" + "0" * 64)

DECISIONS = frozenset(
    {
        "audit.cut",
        "deployment.aborted",
        "deployment.denied",
        "deployment.failed",
        "deployment.give-way",
        "deployment.rolled_back",
        "deployment.rolling_back",
        "deployment.running",
        "deployment.stage",
        "deployment.succeeded",
        "deployment.superseded",
        "environment.repaired",
        "key.rotated",
        "promotion.refused",
        "quarantine.set",
        "statement.adopted",
    }
)
"""Kinds that are audited whoever caused them: what was decided, and how it ended."""


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
    """It goes into the audit chain."""
    seq: int = 0
    address: str = field(default="", metadata=LATER)
    """Where the command came from; empty: from Lockgate itself."""
    commit: str = field(default="", metadata=LATER)
    """That the release was made from."""
    artifacts: Mapping[str, str] = field(default_factory=dict, metadata=LATER)
    """Of the release: component -> digest."""


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One link of the chain."""

    seq: int
    """1, 2, 3 ... without gaps."""
    event: Event
    previous: Digest
    digest: Digest


def decisive(event: Event) -> Event:
    """The event, audited if it is of a kind that always is."""
    return event if event.audited or event.kind not in DECISIONS else replace(event, audited=True)


def written(event: Event) -> bytes:
    """The event as its entry has it. Its own number in the event log is not part of it."""
    return canonical(replace(event, seq=0))


def line_of(seq: int, event: bytes, previous: str) -> bytes:
    """The entry as the one line that its digest is of: RFC 8785 of ``{"event", "previous", "seq"}``."""
    return b'{"event":%s,"previous":"%s","seq":%d}' % (event, previous.encode(), seq)


def link(seq: int, event: Event, previous: Digest) -> AuditEntry:
    """The next entry of the chain."""
    bare = replace(event, seq=0)
    return AuditEntry(seq, bare, previous, digest_of_bytes(line_of(seq, canonical(bare), previous)))


def broken_at(entries: Iterable[AuditEntry]) -> int | None:
    """Number of the first entry that does not follow from the one before; None: the chain is whole."""
    previous = GENESIS
    for seq, entry in enumerate(entries, start=1):
        if entry != link(seq, entry.event, previous):
            return seq
        previous = entry.digest
    return None
