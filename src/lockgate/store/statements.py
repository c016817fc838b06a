"""Statements: what was signed of releases and plans when they were recorded."""

from sqlalchemy import Connection, select

from lockgate.core.envelope import Envelope, decode, encode
from lockgate.core.ids import Digest, ReleaseId
from lockgate.store.connection import Database, upserting
from lockgate.store.schema import plan, release, statement


class SqlStatements:
    """:class:`lockgate.ports.Statements` in SQL."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def get(self, digest: Digest) -> Envelope | None:
        query = select(statement.c.document).where(statement.c.digest == digest)
        text = self._database.read(lambda connection: connection.execute(query).scalar())
        return None if text is None else decode(text.encode())

    def put(self, digest: Digest, statement: Envelope) -> None:
        self._database.write(lambda connection: state(connection, digest, statement))

    def missing(self) -> tuple[tuple[ReleaseId, ...], tuple[Digest, ...]]:
        known = select(statement.c.digest)
        releases = select(release.c.id).where(release.c.digest.not_in(known)).order_by(release.c.recorded)
        plans = select(plan.c.digest).where(plan.c.digest.not_in(known)).order_by(plan.c.digest)

        def read(connection: Connection) -> tuple[tuple[ReleaseId, ...], tuple[Digest, ...]]:
            return tuple(connection.execute(releases).scalars()), tuple(connection.execute(plans).scalars())

        return self._database.read(read)


def state(connection: Connection, digest: Digest, signed: Envelope | None) -> None:
    """Puts it beside what it is of, in the same transaction."""
    if signed is not None:
        values = {"digest": digest, "document": encode(signed).decode()}
        connection.execute(upserting(connection, statement).values(values).on_conflict_do_nothing())
