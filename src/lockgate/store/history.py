"""Reading what the engine wrote: deployments, events, the audit chain."""

from typing import Any

from sqlalchemy import Select, select

from lockgate.core.audit import AuditEntry, Event
from lockgate.core.deployment import Deployment
from lockgate.core.errors import NotFound
from lockgate.core.ids import DeploymentId, Digest
from lockgate.core.window import Window
from lockgate.ports import Selection
from lockgate.store import rows
from lockgate.store.connection import Database
from lockgate.store.schema import HOLDING, audit, deployment, event, is_one_of, window


class SqlHistory:
    """:class:`lockgate.ports.History` in SQL."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def deployment(self, deployment: DeploymentId) -> Deployment:
        found = self._rows(_by_id(deployment))
        if not found:
            raise NotFound(f"There is no deployment {deployment}.", "See lockgate history.")
        return rows.deployment(found[0])

    def select(self, selection: Selection) -> tuple[Deployment, ...]:
        return tuple(rows.deployment(row) for row in self._rows(selected(selection)))

    def holder(self, application: str, environment: str) -> Deployment | None:
        found = self.select(Selection(application, environment, holding=True, limit=1))
        return found[0] if found else None

    def events(self, after: int, limit: int, application: str = "", deployment: str = "") -> tuple[Event, ...]:
        query = select(event.c.document).where(event.c.seq > after).order_by(event.c.seq).limit(limit)
        if application:
            query = query.where(event.c.application == application)
        if deployment:
            query = query.where(event.c.deployment == deployment)
        return tuple(rows.value(Event, row.document) for row in self._rows(query))

    def windows(self, deployment: DeploymentId, component: str = "") -> tuple[Window, ...]:
        query = select(window.c.document).where(window.c.deployment == deployment)
        query = query.where(window.c.component == component) if component else query
        found = self._rows(query.order_by(window.c.component, window.c.number))
        return tuple(rows.value(Window, row.document) for row in found)

    def audit(self, after: int, limit: int) -> tuple[AuditEntry, ...]:
        query = select(audit).where(audit.c.seq > after).order_by(audit.c.seq).limit(limit)
        return tuple(
            AuditEntry(row.seq, rows.value(Event, row.document), Digest(row.previous), Digest(row.digest))
            for row in self._rows(query)
        )

    def _rows(self, query: Select[Any]) -> list[rows.AnyRow]:
        return self._database.read(lambda connection: list(connection.execute(query)))


def _by_id(which: DeploymentId) -> Select[Any]:
    return select(deployment).where(deployment.c.id == which)


def selected(selection: Selection) -> Select[Any]:
    """The query for it."""
    query = select(deployment).order_by(deployment.c.number.desc()).limit(selection.limit)
    if selection.application:
        query = query.where(deployment.c.application == selection.application)
    if selection.environment:
        query = query.where(deployment.c.environment == selection.environment)
    if selection.states:
        query = query.where(is_one_of(deployment.c.state, selection.states))
    if selection.holding:
        query = query.where(HOLDING)
    if selection.release:
        query = query.where(deployment.c.release == selection.release)
    return query
