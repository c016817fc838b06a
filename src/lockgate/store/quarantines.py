"""Quarantines: releases barred from an environment until somebody lifts it."""

from collections.abc import Sequence

from sqlalchemy import Connection, delete, select
from sqlalchemy.sql.elements import ColumnElement

from lockgate.core.audit import Event
from lockgate.core.errors import NotFound
from lockgate.core.ids import ReleaseId
from lockgate.ports import Quarantine
from lockgate.store import outbox, rows
from lockgate.store.connection import Database, upserting
from lockgate.store.schema import quarantine


class SqlQuarantines:
    """:class:`lockgate.ports.Quarantines` in SQL."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def bar(self, quarantine: Quarantine, event: Event) -> None:
        """One that is there already stays as it is, and nothing is told again: the first reason is the reason."""
        self._database.write(lambda connection: _barred(connection, quarantine, event))

    def lift(self, application: str, environment: str, release: ReleaseId, event: Event) -> None:
        which = _which(application, environment, release)
        self._database.write(lambda connection: _lifted(connection, which, release, environment, event))

    def barred(self, application: str, environment: str, release: ReleaseId) -> Quarantine | None:
        query = select(quarantine.c.document).where(*_which(application, environment, release))
        text = self._database.read(lambda connection: connection.execute(query).scalar())
        return None if text is None else rows.value(Quarantine, text)

    def all(self) -> tuple[Quarantine, ...]:
        key = (quarantine.c.application, quarantine.c.environment, quarantine.c.release)
        query = select(quarantine.c.document).order_by(*key)
        found = self._database.read(lambda connection: connection.execute(query).scalars().all())
        return tuple(rows.value(Quarantine, text) for text in found)


def _which(application: str, environment: str, release: ReleaseId) -> Sequence[ColumnElement[bool]]:
    return (
        quarantine.c.application == application,
        quarantine.c.environment == environment,
        quarantine.c.release == release,
    )


def _barred(connection: Connection, new: Quarantine, event: Event) -> None:
    added = upserting(connection, quarantine).values(
        application=new.application,
        environment=new.environment,
        release=new.release,
        document=rows.document(new),
    )
    if connection.execute(added.on_conflict_do_nothing().returning(quarantine.c.release)).first():
        outbox.append(connection, [event])


def _lifted(
    connection: Connection, which: Sequence[ColumnElement[bool]], release: ReleaseId, environment: str, event: Event
) -> None:
    gone = connection.execute(delete(quarantine).where(*which).returning(quarantine.c.release)).first()
    if gone is None:
        raise NotFound(f"{release} is not barred from {environment}.")
    outbox.append(connection, [event])
