"""Deliveries: what channels are to hear, written down behind the outbox and kept until it has arrived or is given up.

Claims are made one after another, under the lock on the counter of deliveries: two servers that look at the same
moment must not make two digests of what belongs into one.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import fields, replace
from typing import Any

import msgspec
from sqlalchemy import Connection, Select, bindparam, func, literal_column, or_, select, update
from sqlalchemy.sql.elements import ColumnElement

from lockgate.core.audit import Event
from lockgate.core.errors import Fenced
from lockgate.core.ids import Instant
from lockgate.core.notification import Delivery, Standing
from lockgate.decoding import converted
from lockgate.ports import DeliverySelection
from lockgate.store import outbox, rows
from lockgate.store.claims import SKEW
from lockgate.store.connection import Database, upserting
from lockgate.store.counters import take
from lockgate.store.schema import DELIVERY, FOLLOWED, counter, delivery

MOST = 500
"""Deliveries in one digest; what is over goes into the next."""

_COLUMNS = ("number", "id", "channel", "state", "due_at", "bundled", "parcel", "owner", "lease_until")
_DETAILS = tuple(field.name for field in fields(Delivery) if field.name not in _COLUMNS)
_REWRITE = (
    update(delivery)
    .where(delivery.c.number == bindparam("which"))
    .values({name: bindparam(name) for name in (*_COLUMNS[1:], "document")})
)
_SETTLE = _REWRITE.where(delivery.c.owner == bindparam("mine"), delivery.c.lease_until == bindparam("until"))
_FOLLOWED = select(counter.c.value).where(counter.c.name == FOLLOWED)


class SqlDeliveries:
    """:class:`lockgate.ports.Deliveries` in SQL."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def followed(self) -> int:
        return int(self._database.read(lambda connection: connection.execute(_FOLLOWED).scalar_one()))

    def follow(self, after: int, to: int, new: Sequence[Delivery]) -> bool:
        return self._database.write(lambda connection: _followed(connection, after, to, new))

    def post(self, new: Delivery, event: Event | None = None) -> Delivery:
        return self._database.write(lambda connection: _posted(connection, new, event))

    def claim(self, worker: str, now: Instant, lease: float, busy: Collection[str]) -> tuple[Delivery, ...]:
        query = due(worker, now, lease, busy)
        # Most looks find nothing, and on SQLite a look that only reads disturbs no writer.
        if self._database.read(lambda connection: connection.execute(query).first()) is None:
            return ()
        return self._database.write(lambda connection: _claimed(connection, query, worker, now, now + lease))

    def settle(self, parcel: Sequence[Delivery], events: Sequence[Event] = ()) -> None:
        self._database.write(lambda connection: _settled(connection, parcel, events))

    def retry(self, which: DeliverySelection, now: Instant, event: Event) -> tuple[Delivery, ...]:
        dead = replace(which, states=frozenset({Standing.DEAD}))
        return self._database.write(lambda connection: _retried(connection, dead, now, event))

    def select(self, selection: DeliverySelection) -> tuple[Delivery, ...]:
        return tuple(map(_read, self._rows(selected(selection))))

    def tally(self) -> Mapping[str, Mapping[Standing, int]]:
        found: dict[str, dict[Standing, int]] = {}
        for state in (Standing.WAITING, Standing.DEAD):
            for row in self._rows(counted(state)):
                found.setdefault(row.channel, {})[state] = row.many
        return found

    def _rows(self, query: Select[Any]) -> list[rows.AnyRow]:
        return self._database.read(lambda connection: list(connection.execute(query)))


def counted(state: Standing) -> Select[Any]:
    """How many of each channel."""
    return select(delivery.c.channel, func.count().label("many")).where(_is(state)).group_by(delivery.c.channel)


def _is(*states: Standing) -> ColumnElement[bool]:
    """Spelled out: with parameters, SQLite would not use the indexes over what waits and what is dead."""
    return or_(*(delivery.c.state == literal_column(f"'{state.value}'") for state in sorted(states)))


def selected(selection: DeliverySelection) -> Select[Any]:
    """The query for it."""
    query = select(delivery).order_by(delivery.c.number.desc()).limit(selection.limit)
    if selection.channel:
        query = query.where(delivery.c.channel == selection.channel)
    if selection.states:
        query = query.where(_is(*selection.states))
    if selection.ids:
        query = query.where(delivery.c.id.in_(sorted(selection.ids)))
    return query


# --- writing down ---


def _followed(connection: Connection, after: int, to: int, new: Sequence[Delivery]) -> bool:
    step = update(counter).where(counter.c.name == FOLLOWED, counter.c.value == after).values(value=to)
    if connection.execute(step).rowcount != 1:
        return False
    if new:
        adding = upserting(connection, delivery).on_conflict_do_nothing(index_elements=["id"])
        connection.execute(adding, [_columns(one) for one in _numbered(connection, new)])
    return True


def _posted(connection: Connection, new: Delivery, event: Event | None) -> Delivery:
    known = connection.execute(select(delivery).where(delivery.c.id == new.id).with_for_update()).first()
    if known is not None:
        return _read(known)
    (numbered,) = _numbered(connection, [new])
    adding = upserting(connection, delivery).on_conflict_do_nothing(index_elements=["id"]).returning(delivery.c.id)
    if connection.execute(adding, _columns(numbered)).first() is None:
        return _read(connection.execute(select(delivery).where(delivery.c.id == new.id)).one())
    if event:
        outbox.append(connection, [event])
    return numbered


def _numbered(connection: Connection, new: Sequence[Delivery]) -> list[Delivery]:
    return [replace(one, number=number) for number, one in enumerate(new, take(connection, DELIVERY, len(new)))]


# --- claiming ---


def due(worker: str, now: Instant, lease: float, busy: Collection[str]) -> Select[Any]:
    """What is longest due and free."""
    row = delivery.c
    free = or_(
        row.owner == "",
        row.owner == worker,
        row.lease_until <= now,
        row.lease_until > now + lease + SKEW,  # by a clock that was wrong
    )
    query = select(delivery).where(_is(Standing.WAITING), row.due_at <= now, free)
    return query.where(*(row.channel != name for name in sorted(busy))).order_by(row.due_at, row.number).limit(1)


def _claimed(
    connection: Connection, query: Select[Any], worker: str, now: Instant, until: Instant
) -> tuple[Delivery, ...]:
    connection.execute(select(counter).where(counter.c.name == DELIVERY).with_for_update())
    first = connection.execute(query).first()
    if first is None:
        return ()
    found = [_read(row) for row in connection.execute(_together(first, now)).all()]
    name = first.parcel or first.id
    taken = [replace(one, parcel=name, owner=worker, lease_until=until) for one in found]
    _write(connection, taken)
    return tuple(taken)


def _together(first: rows.AnyRow, now: Instant) -> Select[Any]:
    """All that is sent with it: what already was, or, of a digest, what else is due on its channel and was not."""
    row = delivery.c
    query = select(delivery).where(row.state == Standing.WAITING.value, row.channel == first.channel)
    if first.parcel:
        query = query.where(row.parcel == first.parcel)
    elif first.bundled:
        query = query.where(row.bundled, row.parcel == "", row.due_at <= now)
    else:
        query = query.where(row.number == first.number)
    return query.order_by(row.number).limit(MOST).with_for_update()


def _settled(connection: Connection, parcel: Sequence[Delivery], events: Sequence[Event]) -> None:
    for one in parcel:
        free = _columns(replace(one, owner="", lease_until=0.0))
        mine = {"which": one.number, "mine": one.owner, "until": one.lease_until}
        if connection.execute(_SETTLE, {**mine, **free}).rowcount != 1:
            raise Fenced(f"Another server has taken {one.id} over.", "Nothing was changed.")
    outbox.append(connection, events)


def _retried(connection: Connection, which: DeliverySelection, now: Instant, event: Event) -> tuple[Delivery, ...]:
    found = map(_read, connection.execute(selected(which).with_for_update()).all())
    again = [
        replace(one, state=Standing.WAITING, due_at=now, attempts=0, settled_at=None, owner="", lease_until=0.0)
        for one in found
    ]
    _write(connection, again)
    if again:
        outbox.append(connection, [event])
    return tuple(again)


# --- rows ---


def _write(connection: Connection, changed: Sequence[Delivery]) -> None:
    if changed:
        connection.execute(_REWRITE, [{"which": one.number, **_columns(one)} for one in changed])


def _columns(one: Delivery) -> dict[str, Any]:
    columns = {name: getattr(one, name) for name in _COLUMNS}
    details = {name: getattr(one, name) for name in _DETAILS}
    return {**columns, "state": one.state.value, "document": rows.document(details)}


def _read(row: rows.AnyRow) -> Delivery:
    known = {name: getattr(row, name) for name in _COLUMNS}
    return converted({**msgspec.json.decode(row.document), **known}, Delivery)
