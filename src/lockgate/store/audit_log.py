"""The audit chain as it is read, sealed and cut. It is written by the outbox."""

from collections.abc import Iterator

from sqlalchemy import Connection, Select, delete, func, select

from lockgate.core.audit import AuditEntry, Event, line_of, written
from lockgate.core.checkpoint import DAY, Checkpoint
from lockgate.core.envelope import Envelope, decode, encode
from lockgate.core.errors import Conflict
from lockgate.core.ids import Digest
from lockgate.decoding import UNREADABLE
from lockgate.ports import AuditFilter
from lockgate.store import outbox, rows
from lockgate.store.connection import Database, upserting
from lockgate.store.schema import audit, checkpoint

PAGE = 500
"""Rows that are looked through at a time."""

_WORDS = ("actor", "application", "environment", "kind")
"""Of a filter, and of an event."""

_AS_SIGNED = '{"actor":'
"""How an entry's document begins: the event's canonical JSON. Older versions wrote it in another order."""


class SqlAuditLog:
    """:class:`lockgate.ports.AuditLog` in SQL."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def note(self, event: Event) -> None:
        self._database.write(lambda connection: outbox.append(connection, [event]))

    def lines(self, after: int, limit: int) -> tuple[bytes, ...]:
        query = select(audit).where(audit.c.seq > after).order_by(audit.c.seq).limit(limit)
        return tuple(_line(row) for row in self._rows(query))

    def select(self, chosen: AuditFilter, after: int, limit: int, *, newest: bool = False) -> tuple[AuditEntry, ...]:
        found: list[AuditEntry] = []
        for entry in self._matching(chosen, after, newest):
            if len(found) == limit:
                break
            found.append(entry)
        return tuple(reversed(found) if newest else found)

    def checkpoints(self) -> tuple[Envelope, ...]:
        query = select(checkpoint.c.document).order_by(checkpoint.c.number)
        return tuple(decode(row.document.encode()) for row in self._rows(query))

    def seal(self, checkpoint: Checkpoint, envelope: Envelope) -> bool:
        return self._database.write(lambda connection: _sealed(connection, checkpoint, envelope))

    def cut(self, through: int, event: Event) -> None:
        """Raises Conflict unless a checkpoint stands there, and something behind it."""
        self._database.write(lambda connection: _cut(connection, through, event))

    def _matching(self, chosen: AuditFilter, after: int, newest: bool) -> Iterator[AuditEntry]:
        """Page by page, as far as somebody reads."""
        order = audit.c.seq.desc() if newest else audit.c.seq
        query = _narrowed(select(audit).where(audit.c.seq > after), chosen).order_by(order).limit(PAGE)
        page = self._rows(query)
        while page:
            for row in page:
                entry = _entry(row)
                if newest and chosen.since is not None and entry.event.at < chosen.since - DAY:
                    return
                if _chosen(entry.event, chosen):
                    yield entry
            place = page[-1].seq
            page = self._rows(query.where(audit.c.seq < place if newest else audit.c.seq > place))

    def _rows(self, query: Select[tuple[object, ...]]) -> list[rows.AnyRow]:
        return self._database.read(lambda connection: list(connection.execute(query)))


def _line(row: rows.AnyRow) -> bytes:
    return line_of(row.seq, _document(row.document), row.previous)


def _document(text: str) -> bytes:
    """Of an older version's row, the bytes that its digest is of are made again. What has been tampered with beyond
    reading stays as it is: then it does not match its digest."""
    if text.startswith(_AS_SIGNED):
        return text.encode()
    try:
        return written(rows.value(Event, text))
    except UNREADABLE:
        return text.encode()


def _entry(row: rows.AnyRow) -> AuditEntry:
    return AuditEntry(row.seq, rows.value(Event, row.document), Digest(row.previous), Digest(row.digest))


def _narrowed(query: Select[tuple[object, ...]], chosen: AuditFilter) -> Select[tuple[object, ...]]:
    """The database leaves out what cannot match: a pair of the JSON, as it is written, is looked for as text."""
    for name in _WORDS:
        if wanted := getattr(chosen, name):
            pair = f'"{name}":{rows.document(wanted)}'
            query = query.where(audit.c.document.contains(pair, autoescape=True))
    return query


def _chosen(event: Event, chosen: AuditFilter) -> bool:
    within = (chosen.since is None or event.at >= chosen.since) and (chosen.until is None or event.at < chosen.until)
    return within and all(getattr(chosen, name) in ("", getattr(event, name)) for name in _WORDS)


def _sealed(connection: Connection, new: Checkpoint, envelope: Envelope) -> bool:
    last = connection.execute(select(func.coalesce(func.max(checkpoint.c.number), 0))).scalar_one()
    if new.number != last + 1:
        return False
    values = {"number": new.number, "last": new.last, "document": encode(envelope).decode()}
    added = upserting(connection, checkpoint).values(values).on_conflict_do_nothing().returning(checkpoint.c.number)
    return connection.execute(added).first() is not None


def _cut(connection: Connection, through: int, event: Event) -> None:
    sealed = connection.execute(select(checkpoint.c.number).where(checkpoint.c.last == through)).first()
    behind = connection.execute(select(audit.c.seq).where(audit.c.seq > through).limit(1)).first()
    if sealed is None or behind is None:
        because = f"The audit record cannot be cut behind entry {through}: no day ends there that is over."
        raise Conflict(because)
    connection.execute(delete(audit).where(audit.c.seq <= through))
    outbox.append(connection, [event])
