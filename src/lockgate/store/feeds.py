"""Feeds: calendars that people have subscribed to, by the digest of their tokens."""

from sqlalchemy import Connection, delete, select

from lockgate.core.audit import Event
from lockgate.core.errors import Conflict, NotFound
from lockgate.ports import Feed
from lockgate.store import outbox, rows
from lockgate.store.connection import Database, upserting
from lockgate.store.schema import feed


class SqlFeeds:
    """:class:`lockgate.ports.Feeds` in SQL."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, feed: Feed, event: Event) -> None:
        self._database.write(lambda connection: _added(connection, feed, event))

    def by_digest(self, digest: str) -> Feed | None:
        query = select(feed.c.document).where(feed.c.digest == digest)
        text = self._database.read(lambda connection: connection.execute(query).scalar())
        return None if text is None else rows.value(Feed, text)

    def all(self) -> tuple[Feed, ...]:
        query = select(feed.c.document).order_by(feed.c.name)
        found = self._database.read(lambda connection: connection.execute(query).scalars().all())
        return tuple(rows.value(Feed, text) for text in found)

    def revoke(self, name: str, event: Event) -> None:
        self._database.write(lambda connection: _revoked(connection, name, event))


def _added(connection: Connection, new: Feed, event: Event) -> None:
    added = upserting(connection, feed).values(name=new.name, digest=new.digest, document=rows.document(new))
    if not connection.execute(added.on_conflict_do_nothing().returning(feed.c.name)).first():
        raise Conflict(f"There is a feed {new.name!r} already.", "Choose another name, or revoke that one first.")
    outbox.append(connection, [event])


def _revoked(connection: Connection, name: str, event: Event) -> None:
    if connection.execute(delete(feed).where(feed.c.name == name).returning(feed.c.name)).first() is None:
        raise NotFound(f"There is no feed {name!r}.", "See: lockgate feed list")
    outbox.append(connection, [event])
