"""Inventory: the last observation of each key."""

from sqlalchemy import Connection, select

from lockgate.core.inventory import Observed
from lockgate.core.traffic import Key
from lockgate.store import rows
from lockgate.store.connection import Database, upserting
from lockgate.store.schema import observation


class SqlInventory:
    """:class:`lockgate.ports.Inventory` in SQL."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def note(self, observed: Observed) -> None:
        self._database.write(lambda connection: _noted(connection, observed))

    def last(self, key: Key) -> Observed | None:
        query = select(observation.c.document).where(
            observation.c.application == key.application,
            observation.c.environment == key.environment,
            observation.c.component == key.part,
        )
        text = self._database.read(lambda connection: connection.execute(query).scalar())
        return None if text is None else rows.value(Observed, text)


def _noted(connection: Connection, observed: Observed) -> None:
    key, text = observed.key, rows.document(observed)
    first = upserting(connection, observation).values(
        application=key.application, environment=key.environment, component=key.part, document=text
    )
    again = first.on_conflict_do_update(index_elements=list(observation.primary_key), set_={"document": text})
    connection.execute(again)
