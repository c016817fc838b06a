"""People and their tokens."""

from sqlalchemy import Connection, delete, insert, select

from lockgate.core.audit import Event
from lockgate.core.errors import Conflict, NotFound
from lockgate.core.people import Person, PersonalToken
from lockgate.store import outbox, rows
from lockgate.store.connection import Database, upserting
from lockgate.store.schema import person, token


class SqlPeople:
    """:class:`lockgate.ports.People` in SQL."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, person: Person, event: Event) -> None:
        self._database.write(lambda connection: _added(connection, person, event))

    def remove(self, name: str, event: Event) -> None:
        self._database.write(lambda connection: _removed(connection, name, event))

    def all(self) -> tuple[Person, ...]:
        query = select(person.c.document).order_by(person.c.name)
        found = self._database.read(lambda connection: connection.execute(query).scalars().all())
        return tuple(rows.value(Person, text) for text in found)


class SqlTokens:
    """:class:`lockgate.ports.Tokens` in SQL."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, token: PersonalToken, event: Event) -> None:
        self._database.write(lambda connection: _minted(connection, token, event))

    def revoke(self, token: str, event: Event) -> None:
        self._database.write(lambda connection: _revoked(connection, token, event))

    def find(self, digest: str) -> PersonalToken | None:
        query = select(token.c.document).where(token.c.digest == digest)
        text = self._database.read(lambda connection: connection.execute(query).scalar())
        return None if text is None else rows.value(PersonalToken, text)

    def of(self, person: str) -> tuple[PersonalToken, ...]:
        query = select(token.c.document).where(token.c.person == person)
        texts = self._database.read(lambda connection: connection.execute(query).scalars().all())
        return tuple(sorted((rows.value(PersonalToken, text) for text in texts), key=lambda t: (t.made_at, t.id)))


def _added(connection: Connection, new: Person, event: Event) -> None:
    added = upserting(connection, person).values(name=new.name, document=rows.document(new))
    if connection.execute(added.on_conflict_do_nothing().returning(person.c.name)).first() is None:
        raise Conflict(
            f"There is a person {new.name!r} already.", f"Give them another token: lockgate person token {new.name}"
        )
    outbox.append(connection, [event])


def _removed(connection: Connection, name: str, event: Event) -> None:
    if connection.execute(delete(person).where(person.c.name == name).returning(person.c.name)).first() is None:
        raise _nobody(name)
    connection.execute(delete(token).where(token.c.person == name))
    outbox.append(connection, [event])


def _minted(connection: Connection, new: PersonalToken, event: Event) -> None:
    # Locked, so that nobody removes the person while the token is made.
    there = select(person.c.name).where(person.c.name == new.person).with_for_update()
    if connection.execute(there).first() is None:
        raise _nobody(new.person)
    written = {"digest": new.digest, "id": new.id, "person": new.person, "document": rows.document(new)}
    connection.execute(insert(token), written)
    outbox.append(connection, [event])


def _revoked(connection: Connection, which: str, event: Event) -> None:
    if connection.execute(delete(token).where(token.c.id == which).returning(token.c.id)).first() is None:
        raise NotFound(f"There is no token {which!r}.", "See lockgate person list.")
    outbox.append(connection, [event])


def _nobody(name: str) -> NotFound:
    return NotFound(f"There is no person {name!r}.", "See lockgate person list.")
