"""The outbox: events appended in the transaction of the change they tell of, and the audit chain beside them.

Call :func:`append` last in a transaction. It takes the lock on the event counter, and from then on no other
transaction that has something to tell can go on until this one has ended.
"""

from collections.abc import Sequence
from dataclasses import replace

from sqlalchemy import Connection, insert, select

from lockgate.core.audit import GENESIS, Event, link
from lockgate.store import rows
from lockgate.store.counters import take
from lockgate.store.schema import EVENT, audit, event

_ADD_EVENT = insert(event)
_ADD_LINK = insert(audit)
_LAST_LINK = select(audit.c.seq, audit.c.digest).order_by(audit.c.seq.desc()).limit(1)


def append(connection: Connection, events: Sequence[Event]) -> None:
    """Numbers the events and records them; audited ones are chained too."""
    if not events:
        return
    # A sequence would be quicker on Postgres, but transactions end in another order than they take its numbers: a
    # reader that has seen 8 would never look for a 7 that was committed later. A counter row orders them.
    first = take(connection, EVENT, len(events))
    numbered = [replace(e, seq=seq) for seq, e in enumerate(events, start=first)]
    connection.execute(_ADD_EVENT, [_columns(e) for e in numbered])
    audited = [e for e in numbered if e.audited]
    if audited:
        _chain(connection, audited)


def _columns(e: Event) -> dict[str, object]:
    return {"seq": e.seq, "application": e.application, "deployment": e.deployment, "document": rows.document(e)}


def _chain(connection: Connection, events: Sequence[Event]) -> None:
    """The event counter's lock is held, so the last link read here stays the last."""
    last = connection.execute(_LAST_LINK).first()
    seq, digest = (last.seq, last.digest) if last else (0, GENESIS)
    links = []
    for e in events:
        entry = link(seq + 1, e, digest)
        seq, digest = entry.seq, entry.digest
        written = rows.document(entry.event)
        links.append({"seq": seq, "previous": entry.previous, "digest": digest, "document": written})
    connection.execute(_ADD_LINK, links)
