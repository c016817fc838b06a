"""The outbox: events appended in the transaction of the change they tell of, and the audit chain beside them.

Call :func:`append` last in a transaction. It takes the lock on the event counter, and from then on no other
transaction that has something to tell can go on until this one has ended.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from sqlalchemy import Connection, bindparam, insert, select

from lockgate.core.attribution import source_address
from lockgate.core.audit import GENESIS, SYSTEM, Event, decisive, line_of, written
from lockgate.core.ids import digest_of_bytes
from lockgate.store import rows
from lockgate.store.counters import take
from lockgate.store.schema import EVENT, audit, event, release

_ADD_EVENT = insert(event)
_ADD_LINK = insert(audit)
_RELEASE = select(release.c.document).where(release.c.id == bindparam("which"))
_LAST_LINK = select(audit.c.seq, audit.c.digest).order_by(audit.c.seq.desc()).limit(1)


def append(connection: Connection, events: Sequence[Event]) -> Sequence[int]:
    """Numbers the events and records them; audited ones are chained too. Returns their numbers."""
    if not events:
        return ()
    # A sequence would be quicker on Postgres, but transactions end in another order than they take its numbers: a
    # reader that has seen 8 would never look for a 7 that was committed later. A counter row orders them.
    first = take(connection, EVENT, len(events))
    told = _complete(connection, [decisive(e) for e in events])
    numbered = [replace(e, seq=seq) for seq, e in enumerate(told, start=first)]
    connection.execute(_ADD_EVENT, [_columns(e) for e in numbered])
    audited = [e for e in numbered if e.audited]
    if audited:
        _chain(connection, audited)
    return range(first, first + len(events))


@dataclass(frozen=True, slots=True)
class _Named:
    digest: str


@dataclass(frozen=True, slots=True)
class _Made:
    """What an entry says of its release, of all that is stored of it."""

    commit: str = ""
    artifacts: Mapping[str, _Named] = field(default_factory=dict)


def _complete(connection: Connection, events: Sequence[Event]) -> list[Event]:
    """Audited ones with where the command came from, and what the release they are about is made of."""
    made = {name: _made(connection, name) for name in {e.release for e in events if e.audited and e.release}}
    return [_with(e, made.get(e.release, _Made())) if e.audited else e for e in events]


def _made(connection: Connection, name: str) -> _Made:
    found = connection.execute(_RELEASE, {"which": name}).scalar()
    return rows.value(_Made, found) if found else _Made()


def _with(e: Event, made: _Made) -> Event:
    address = e.address or ("" if e.actor == SYSTEM else source_address())
    artifacts = {name: one.digest for name, one in made.artifacts.items()}
    return replace(e, address=address, commit=e.commit or made.commit, artifacts=e.artifacts or artifacts)


def _columns(e: Event) -> dict[str, object]:
    return {"seq": e.seq, "application": e.application, "deployment": e.deployment, "document": rows.document(e)}


def _chain(connection: Connection, events: Sequence[Event]) -> None:
    """The event counter's lock is held, so the last link read here stays the last."""
    last = connection.execute(_LAST_LINK).first()
    seq, digest = (last.seq, last.digest) if last else (0, GENESIS)
    links = []
    for e in events:
        # The very bytes that the digest is of are kept, so that nobody has to make them again to verify it.
        seq, document, previous = seq + 1, written(e), digest
        digest = digest_of_bytes(line_of(seq, document, previous))
        links.append({"seq": seq, "previous": previous, "digest": digest, "document": document.decode()})
    connection.execute(_ADD_LINK, links)
