"""The rows the engine works on: added, claimed, saved, asked of. Each method is one transaction, its events included.

Four fields are not the worker's: ``want`` and ``let_through`` belong to the users, ``owner`` and ``lease_until`` to
claim and renew. A save never writes what it read of them, so a command or a heartbeat in between is not undone.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import Connection, Update, bindparam, case, insert, select, update

from lockgate.core.approval import Review
from lockgate.core.audit import Event
from lockgate.core.deployment import ACTIVE, WAITING, Deployment, State, Want
from lockgate.core.errors import Conflict, LockgateError, NotFound
from lockgate.core.ids import DeploymentId, Instant
from lockgate.core.window import Window
from lockgate.store import approvals, claims, outbox, rows, saving, trains
from lockgate.store.connection import Database
from lockgate.store.counters import take
from lockgate.store.schema import DEPLOYMENT, deployment, is_one_of

_ADD = insert(deployment)

_UNFINISHED = (
    select(deployment)
    .where(
        deployment.c.application == bindparam("of"),
        deployment.c.environment == bindparam("on"),
        is_one_of(deployment.c.state, ACTIVE | WAITING),
    )
    .order_by(deployment.c.number)
    .with_for_update()
)

_SUPERSEDE = (
    update(deployment)
    .where(deployment.c.number == bindparam("which"))
    .values(
        state=State.SUPERSEDED.value,
        next_at=None,
        # Whoever works on it loses the claim: what it would save now is Fenced.
        owner="",
        lease_until=0.0,
        written_at=bindparam("at"),
        details=bindparam("described"),
    )
)

_ASK = (
    update(deployment)
    .where(
        deployment.c.id == bindparam("which"),
        is_one_of(deployment.c.state, ACTIVE | WAITING),
    )
    .values(want=bindparam("wanted"), next_at=bindparam("at"), asked=True)
    .returning(*deployment.c)
)


_LET_THROUGH = (
    update(deployment)
    .where(
        deployment.c.id == bindparam("which"),
        is_one_of(deployment.c.state, ACTIVE | WAITING),
    )
    .values(
        let_through=case(
            (deployment.c.let_through > bindparam("stages"), deployment.c.let_through), else_=bindparam("stages")
        ),
        next_at=bindparam("at"),
        asked=True,
    )
    .returning(*deployment.c)
)


class SqlDeployments:
    """:class:`lockgate.ports.Deployments` in SQL."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(
        self, new: Deployment, supersede: bool, events: Sequence[Event], review: Review | None = None
    ) -> Deployment:
        """Events that name no deployment are about this one: it has no id before."""
        return self._database.write(lambda connection: _added(connection, new, supersede, events, review))

    def claim(self, worker: str, now: Instant, lease: float, limit: int) -> tuple[Deployment, ...]:
        return claims.claim(self._database, worker, now, lease, limit)

    def renew(self, worker: str, now: Instant, lease: float) -> None:
        claims.renew(self._database, worker, now, lease)

    def save(
        self,
        row: Deployment,
        now: Instant,
        events: Sequence[Event] = (),
        *,
        keep_claim: bool = True,
        windows: Sequence[Window] = (),
    ) -> Deployment:
        """When somebody has asked something since the claim, the row comes back due at once, whatever it was saved
        with. Becoming active is also refused (KeyBusy) when the key's keeper was claimed after this row: claim again.
        """
        return self._database.write(lambda connection: saving.saved(connection, row, now, events, keep_claim, windows))

    def ask(self, deployment: DeploymentId, want: Want, now: Instant, event: Event) -> Deployment:
        wanted = {"which": deployment, "wanted": want.value, "at": now}
        return self._database.write(lambda connection: _asked(connection, _ASK, wanted, event))

    def let_through(self, deployment: DeploymentId, stages: int, now: Instant, event: Event) -> Deployment:
        wanted = {"which": deployment, "stages": stages, "at": now}
        return self._database.write(lambda connection: _asked(connection, _LET_THROUGH, wanted, event))


def _added(
    connection: Connection, new: Deployment, supersede: bool, events: Sequence[Event], review: Review | None
) -> Deployment:
    known = trains.boarded(connection, new.train) if new.train else None
    if known is not None:
        return known
    number = take(connection, DEPLOYMENT)
    row = replace(new, id=DeploymentId(f"dep-{number}"), number=number, written_at=new.created_at)
    told = [e if e.deployment else replace(e, deployment=row.id) for e in events]
    if supersede or row.urgent:
        told += _made_way(connection, row, supersede)
    connection.execute(_ADD, {**rows.deployment_columns(row), "asked": False})
    if review is not None:
        approvals.open_review(connection, replace(review, deployment=row.id), number)
    if row.train:
        trains.board(connection, row)
    outbox.append(connection, told)
    return row


def _made_way(connection: Connection, newer: Deployment, supersede: bool) -> list[Event]:
    found = connection.execute(_UNFINISHED, {"of": newer.application, "on": newer.environment}).all()
    told = []
    for older in (rows.deployment(row) for row in found):
        planned = older.not_before is not None and older.not_before > newer.created_at
        if older.state in WAITING and supersede and newer.urgent >= older.urgent and not planned:
            told.append(_superseded(connection, older, newer))
        if older.state in ACTIVE and newer.urgent:
            told.append(_told_to_give_way(connection, older, newer))
    return told


def _superseded(connection: Connection, older: Deployment, newer: Deployment) -> Event:
    because = f"{newer.id} of {newer.release_label} is newer and took its place before it began."
    at = newer.created_at
    ended = replace(older, because=because, who="", state_since=at, ended_at=at)
    connection.execute(_SUPERSEDE, {"which": older.number, "at": at, "described": rows.details_of(ended)})
    return _event("deployment.superseded", older, newer, because)


def _told_to_give_way(connection: Connection, older: Deployment, newer: Deployment) -> Event:
    wanted = {"which": older.id, "wanted": Want.GIVE_WAY.value, "at": newer.created_at}
    connection.execute(_ASK, wanted)
    because = f"{newer.id} of {newer.release_label} is urgent and takes {older.environment} from here."
    return _event("deployment.give-way", older, newer, because)


def _event(kind: str, about: Deployment, newer: Deployment, because: str) -> Event:
    return Event(
        kind,
        newer.created_at,
        because,
        actor=newer.actor,
        application=about.application,
        environment=about.environment,
        deployment=about.id,
        release=about.release,
    )


def _asked(connection: Connection, statement: Update, wanted: dict[str, Any], event: Event) -> Deployment:
    row = connection.execute(statement, wanted).first()
    if row is None:
        raise _no_asking(connection, wanted["which"], wanted.get("wanted", "go on"))
    outbox.append(connection, [event])
    return rows.deployment(row)


def _no_asking(connection: Connection, which: DeploymentId, want: str) -> LockgateError:
    state = connection.execute(select(deployment.c.state).where(deployment.c.id == which)).scalar()
    if state is None:
        return NotFound(f"There is no deployment {which}.", "See lockgate history.")
    return Conflict(f"{which} has ended: it is {state}. It cannot be asked to {want} any more.")
