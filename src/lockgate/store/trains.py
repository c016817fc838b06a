"""Trains, and which deployments are theirs.

Whoever changes a train says which version they have seen. Opening a deployment for a step counts as a change, and is
refused once the step is over: so no train ends while somebody opens a deployment for it, and none is ever opened twice.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from sqlalchemy import Connection, insert, or_, select, update

from lockgate.core.audit import Event
from lockgate.core.deployment import Deployment
from lockgate.core.errors import Conflict, Fenced, NotFound
from lockgate.core.ids import DeploymentId, Instant
from lockgate.core.train import Train, named_by, run_name
from lockgate.ports.trains import BookedTrain
from lockgate.store import outbox, rows
from lockgate.store.connection import Database, upserting
from lockgate.store.counters import take
from lockgate.store.schema import TRAIN, deployment, event, train, train_event, train_run


class SqlTrains:
    """:class:`lockgate.ports.Trains` in SQL."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, train: Train, event: Event) -> Train:
        return self._database.write(lambda connection: _added(connection, train, event))

    def get(self, name: str) -> BookedTrain:
        query = select(train.c.document, train.c.version).where(train.c.name == name)
        found = self._database.read(lambda connection: connection.execute(query).first())
        if found is None:
            raise NotFound(f"There is no train {name[:100]!r}.", "See: lockgate train list")
        return BookedTrain(rows.value(Train, found.document), found.version)

    def all(self, limit: int) -> tuple[Train, ...]:
        query = select(train.c.document).order_by(train.c.number.desc()).limit(limit)
        found = self._database.read(lambda connection: connection.execute(query).scalars().all())
        return tuple(rows.value(Train, text) for text in found)

    def due(self, now: Instant, limit: int) -> tuple[str, ...]:
        query = select(train.c.name).where(train.c.due_at <= now).order_by(train.c.due_at, train.c.number)
        return tuple(self._database.read(lambda connection: connection.execute(query.limit(limit)).scalars().all()))

    def save(self, train: Train, version: int, due_at: Instant | None, events: Sequence[Event]) -> None:
        self._database.write(lambda connection: _saved(connection, train, version, due_at, events))

    def runs(self, name: str) -> Mapping[str, DeploymentId]:
        query = select(train_run.c.name, train_run.c.deployment).where(train_run.c.train == name)
        found = self._database.read(lambda connection: connection.execute(query).all())
        return {row.name: DeploymentId(row.deployment) for row in found}

    def timeline(self, name: str, limit: int) -> tuple[Event, ...]:
        own = select(train_event.c.seq).where(train_event.c.train == name)
        theirs = select(train_run.c.deployment).where(train_run.c.train == name)
        query = select(event.c.document).where(or_(event.c.seq.in_(own), event.c.deployment.in_(theirs)))
        newest = query.order_by(event.c.seq.desc()).limit(limit)
        found = self._database.read(lambda connection: connection.execute(newest).scalars().all())
        return tuple(rows.value(Event, text) for text in reversed(found))


def boarded(connection: Connection, run: str) -> Deployment | None:
    """The deployment of that step, if there is one. Locks the train until the transaction ends. Raises Conflict when
    the step is over, or has not begun."""
    name, step = named_by(run)
    connection.execute(update(train).where(train.c.name == name).values(version=train.c.version + 1))
    known = connection.execute(
        select(deployment).join(train_run, train_run.c.deployment == deployment.c.id).where(train_run.c.name == run)
    ).first()
    if known is not None:
        return rows.deployment(known)
    text = connection.execute(select(train.c.document).where(train.c.name == name)).scalar()
    found = rows.value(Train, text).step(step) if text is not None else None
    back = run == run_name(name, step, back=True)
    if found is None or found.settled or not found.begun or found.returning is not back:
        raise Conflict(f"The step {run} is not to be opened any more: {found.because if found else 'there is none'}.")
    return None


def board(connection: Connection, row: Deployment) -> None:
    """The deployment is that of its step from now on."""
    written = {"name": row.train, "train": named_by(row.train)[0], "deployment": row.id}
    connection.execute(insert(train_run), written)


def _added(connection: Connection, new: Train, told: Event) -> Train:
    known = replace(new, number=take(connection, TRAIN))
    added = upserting(connection, train).values(
        name=known.name, number=known.number, version=1, due_at=None, document=rows.document(known)
    )
    if connection.execute(added.on_conflict_do_nothing().returning(train.c.name)).first() is None:
        raise Conflict(
            f"There is a train {new.name!r} already.", f"Choose another name; see: lockgate train show {new.name}"
        )
    _tell(connection, known.name, [told])
    return known


def _saved(connection: Connection, after: Train, version: int, due_at: Instant | None, events: Sequence[Event]) -> None:
    changing = update(train).where(train.c.name == after.name, train.c.version == version)
    values = {"version": version + 1, "due_at": due_at, "document": rows.document(after)}
    if not connection.execute(changing.values(**values)).rowcount:
        raise Fenced(f"The train {after.name} has changed since it was looked at.", "Look again.")
    _tell(connection, after.name, events)


def _tell(connection: Connection, name: str, events: Sequence[Event]) -> None:
    numbers = outbox.append(connection, events)
    if numbers:
        connection.execute(insert(train_event), [{"train": name, "seq": seq} for seq in numbers])
