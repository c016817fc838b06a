"""Traffic: what users got of what runs on each key, minute by minute, for a day."""

from typing import Any

from sqlalchemy import ColumnElement, Connection, Table, and_, delete, select

from lockgate.core.ids import Instant
from lockgate.core.traffic import Key, Mark
from lockgate.core.window import Minute
from lockgate.store import rows
from lockgate.store.connection import Database, upserting
from lockgate.store.schema import traffic_mark, traffic_minutes

MINUTE = 60
KEPT = 24 * 60
"""Minutes."""


class SqlTraffic:
    """:class:`lockgate.ports.Traffic` in SQL."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def note(self, key: Key, minute: Minute | None, mark: Mark) -> None:
        self._database.write(lambda connection: _noted(connection, key, minute, mark))

    def mark(self, key: Key) -> Mark | None:
        query = select(traffic_mark.c.document).where(_of(traffic_mark, key))
        text = self._database.read(lambda connection: connection.execute(query).scalar())
        return None if text is None else rows.value(Mark, text)

    def since(self, key: Key, at: Instant) -> tuple[Minute, ...]:
        own = _of(traffic_minutes, key) & (traffic_minutes.c.minute >= at // MINUTE)
        query = select(traffic_minutes.c.document).where(own).order_by(traffic_minutes.c.minute)
        texts = self._database.read(lambda connection: connection.execute(query).scalars().all())
        found = (rows.value(Minute, text) for text in texts)
        return tuple(minute for minute in found if minute.at > at)


def _noted(connection: Connection, key: Key, minute: Minute | None, mark: Mark) -> None:
    if minute is not None:
        _put(connection, traffic_minutes, key, rows.document(minute), minute=int(minute.at // MINUTE))
    _put(connection, traffic_mark, key, rows.document(mark))
    connection.execute(delete(traffic_minutes).where(traffic_minutes.c.minute < int(mark.at // MINUTE) - KEPT))


def _put(connection: Connection, table: Table, key: Key, document: str, **further: Any) -> None:
    first = upserting(connection, table).values(
        application=key.application,
        environment=key.environment,
        component=key.part,
        document=document,
        **further,
    )
    connection.execute(first.on_conflict_do_update(index_elements=list(table.primary_key), set_={"document": document}))


def _of(table: Table, key: Key) -> ColumnElement[bool]:
    columns = table.c
    return and_(
        columns.application == key.application,
        columns.environment == key.environment,
        columns.component == key.part,
    )
