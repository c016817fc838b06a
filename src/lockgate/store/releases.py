"""Releases and plans: immutable, by digest."""

from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache

import msgspec
from sqlalchemy import Connection, func, insert, select
from sqlalchemy.sql.elements import ColumnElement

from lockgate.core.audit import Event
from lockgate.core.envelope import Envelope
from lockgate.core.errors import NotFound, RecordAltered
from lockgate.core.ids import Digest, ReleaseId, canonical, digest_of_bytes
from lockgate.core.plan import Plan
from lockgate.core.release import Release
from lockgate.ports import Attestor
from lockgate.store import attachments, outbox, rows
from lockgate.store.connection import Database, upserting
from lockgate.store.counters import take
from lockgate.store.schema import RELEASE, credit, plan, release, requirement
from lockgate.store.statements import state

_READ = select(release.c.id, release.c.document, release.c.number)

PLANS_AT_HAND = 256
"""Plans kept decoded. They are asked for at every look at a deployment and never change."""


class SqlReleases:
    """:class:`lockgate.ports.Releases` in SQL."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._attestor: Attestor | None = None
        self._plan = lru_cache(PLANS_AT_HAND)(self._read_plan)

    def attested_by(self, attestor: Attestor) -> None:
        """From now on, what is recorded is signed in the same transaction."""
        self._attestor = attestor

    def add(self, release: Release, event: Event) -> Release:
        """The event is recorded only when the release is new."""
        statement = self._attestor.of_release(release) if self._attestor else None
        return self._database.write(lambda connection: _added(connection, release, event, statement))

    def get(self, release: ReleaseId) -> Release:
        found, more = self._database.read(
            lambda connection: (_found(connection, release), _credits(connection, credit.c.release == release))
        )
        if found is None:
            raise NotFound(f"There is no release {release}.", "See lockgate release list.")
        return _release(found, more)

    def select(self, application: str, limit: int) -> tuple[Release, ...]:
        query = _READ.order_by(release.c.recorded.desc()).limit(limit)
        if application:
            query = query.where(release.c.application == application)
        found, more = self._database.read(lambda connection: (list(connection.execute(query)), _credits(connection)))
        return tuple(_release(row, more) for row in found)

    def requiring(self, application: str) -> tuple[str, ...]:
        query = select(requirement.c.dependant).where(requirement.c.application == application)
        return tuple(sorted(self._database.read(lambda connection: connection.execute(query).scalars().all())))

    def put_plan(self, plan: Plan) -> Digest:
        statement = self._attestor.of_plan(plan) if self._attestor else None
        text = canonical(plan)
        digest = digest_of_bytes(text)
        self._database.write(lambda connection: _put(connection, digest, text.decode(), statement))
        return digest

    def plan(self, digest: Digest) -> Plan:
        """Raises RecordAltered when what is stored is not what the digest names: somebody has edited it."""
        return self._plan(digest)

    def _read_plan(self, digest: Digest) -> Plan:
        query = select(plan.c.document).where(plan.c.digest == digest)
        text = self._database.read(lambda connection: connection.execute(query).scalar())
        if text is None:
            raise NotFound(f"There is no plan {digest}.")
        if digest_of_bytes(text.encode()) != digest:
            because = f"The stored plan {digest} has been altered."
            raise RecordAltered(because, "Restore the database from a backup.")
        return rows.value(Plan, text)


Credits = Mapping[str, tuple[str, ...]]
"""Release -> authors that were named later."""


def _credits(connection: Connection, *where: ColumnElement[bool]) -> Credits:
    query = select(credit.c.release, credit.c.person).where(*where).order_by(credit.c.release, credit.c.number)
    found: dict[str, tuple[str, ...]] = {}
    for name, person in connection.execute(query):
        found[name] = (*found.get(name, ()), person)
    return found


def _release(row: rows.AnyRow, more: Credits) -> Release:
    try:
        return replace(rows.release(row.document, row.number), credited=more.get(row.id, ()))
    except (msgspec.DecodeError, KeyError, TypeError, ValueError) as error:
        because = f"The stored release {row.id} cannot be read, so it has been altered: {error}."
        raise RecordAltered(because, "Restore the database from a backup.") from error


def _found(connection: Connection, which: ReleaseId) -> rows.AnyRow | None:
    return connection.execute(_READ.where(release.c.id == which)).first()


def _added(connection: Connection, new: Release, event: Event, statement: Envelope | None) -> Release:
    # The counter's lock is taken first, so two that add the same release do it one after the other.
    recorded = take(connection, RELEASE)
    there = connection.execute(_READ.where(release.c.digest == new.digest)).first()
    if there is not None:
        known = _release(there, _credits(connection, credit.c.release == there.id))
        return _credited(connection, known, new.authors, event)
    last = select(func.coalesce(func.max(release.c.number), 0)).where(release.c.application == new.name)
    number = connection.execute(last).scalar_one() + 1
    written = {
        "recorded": recorded,
        "digest": new.digest,
        "id": new.id,
        "application": new.name,
        "number": number,
        "document": rows.release_document(new),
    }
    connection.execute(insert(release), written)
    attachments.list_own(connection, new)
    _note_requirements(connection, new)
    state(connection, new.digest, statement)
    outbox.append(connection, [event])
    return rows.release(written["document"], number)


def _note_requirements(connection: Connection, new: Release) -> None:
    for name in new.application.requires:
        noted = upserting(connection, requirement).values(application=name, dependant=new.name)
        connection.execute(noted.on_conflict_do_nothing())


def _credited(connection: Connection, known: Release, authors: tuple[str, ...], event: Event) -> Release:
    """Whoever makes the same release again may know of more authors; none is ever taken away."""
    more = tuple(name for name in dict.fromkeys(authors) if name not in known.written_by())
    if not more:
        return known
    first = len(known.credited) + 1
    written = [{"release": known.id, "person": name, "number": n} for n, name in enumerate(more, first)]
    connection.execute(insert(credit), written)
    because = f"{known.label()} was also written by {', '.join(more)}."
    outbox.append(connection, [replace(event, kind="release.credited", because=because, release=known.id)])
    return replace(known, credited=(*known.credited, *more))


def _put(connection: Connection, digest: Digest, text: str, statement: Envelope | None) -> None:
    connection.execute(upserting(connection, plan).values(digest=digest, document=text).on_conflict_do_nothing())
    state(connection, digest, statement)
