"""The environments' file as it has been, version by version: rules of a moment that is past.

Another version wakes what a gate makes wait, in the same transaction.
"""

from collections.abc import Sequence

from sqlalchemy import Connection, select, update

from lockgate.core.audit import Event
from lockgate.core.deployment import State
from lockgate.core.ids import Digest, Instant
from lockgate.ports import Recorded
from lockgate.store import outbox
from lockgate.store.connection import Database, upserting
from lockgate.store.schema import catalogue_since, catalogue_version, deployment

_LATEST = select(catalogue_since.c.digest).order_by(catalogue_since.c.at.desc()).limit(1)

_GATED = deployment.c.state == State.GATED.value


class SqlCatalogues:
    """:class:`lockgate.ports.Catalogues` in SQL."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def note(self, digest: Digest, document: str, at: Instant, events: Sequence[Event] = ()) -> bool:
        return self._database.write(lambda connection: _noted(connection, digest, document, at, events))

    def at(self, at: Instant) -> Recorded | None:
        found = (
            select(catalogue_since.c.at, catalogue_version)
            .join(catalogue_version, catalogue_version.c.digest == catalogue_since.c.digest)
            .where(catalogue_since.c.at <= at)
            .order_by(catalogue_since.c.at.desc())
            .limit(1)
        )
        row = self._database.read(lambda connection: connection.execute(found).first())
        return None if row is None else Recorded(Digest(row.digest), row.document, row.at)


def _noted(connection: Connection, digest: Digest, document: str, at: Instant, events: Sequence[Event]) -> bool:
    if connection.execute(_LATEST).scalar() == digest:
        return False
    version = upserting(connection, catalogue_version).values(digest=digest, document=document)
    connection.execute(version.on_conflict_do_nothing())
    since = upserting(connection, catalogue_since).values(at=at, digest=digest)
    connection.execute(since.on_conflict_do_update(index_elements=["at"], set_={"digest": digest}))
    outbox.append(connection, events)
    # The new rules may let in what waits.
    connection.execute(update(deployment).where(_GATED).values(next_at=at, asked=True))
    return True
