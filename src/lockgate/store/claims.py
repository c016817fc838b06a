"""Claims: which rows are due, and who works on them.

A claim is an owner, a lease and a new generation. Clocks jump: a row written in the future, or leased for longer than
anybody leases, comes from a clock that was wrong, so neither can keep a deployment from going on.
"""

from functools import cache
from typing import Any

from sqlalchemy import Connection, Select, and_, bindparam, exists, not_, or_, select, update
from sqlalchemy.sql.elements import ColumnElement

from lockgate.core.deployment import ACTIVE, FINAL, Deployment, State
from lockgate.core.ids import Instant
from lockgate.store import rows
from lockgate.store.connection import Database
from lockgate.store.counters import take
from lockgate.store.schema import GENERATION, deployment, is_one_of

SKEW = 5.0
"""Seconds by which the clocks of two workers may differ."""

_TAKE = (
    update(deployment)
    .where(deployment.c.number == bindparam("which"))
    .values(
        owner=bindparam("worker"),
        lease_until=bindparam("until"),
        generation=bindparam("fresh"),
        asked=False,
    )
)

_MINE = select(deployment.c.number).where(deployment.c.owner == bindparam("worker"))

_RENEW = (
    update(deployment)
    # In one order everywhere, so that two transactions on the same rows wait for each other instead of for ever.
    .where(deployment.c.number.in_(_MINE.order_by(deployment.c.number).with_for_update()))
    .values(lease_until=bindparam("until"))
)


def claim(database: Database, worker: str, now: Instant, lease: float, limit: int) -> tuple[Deployment, ...]:
    """See :meth:`lockgate.ports.Deployments.claim`. ``worker`` names one process at a time: one that comes back
    under the name of a dead one must give up its leases first (renew for 0 s), or it would keep them alive."""
    at = {"now": now, "skewed": now + SKEW, "longest": now + lease + SKEW}
    # Most looks find nothing, and on SQLite a look that only reads disturbs no writer.
    if database.read(lambda connection: connection.execute(any_due(), at).first()) is None:
        return ()
    return database.write(lambda connection: _taken(connection, worker, now + lease, {**at, "limit": limit}))


def renew(database: Database, worker: str, now: Instant, lease: float) -> None:
    """See :meth:`lockgate.ports.Deployments.renew`."""
    database.write(lambda connection: connection.execute(_RENEW, {"worker": worker, "until": now + lease}))


def _taken(connection: Connection, worker: str, until: Instant, at: dict[str, float]) -> tuple[Deployment, ...]:
    due = connection.execute(all_due(), at).all()
    if not due:
        return ()
    first = take(connection, GENERATION, len(due))
    claims = [
        {"which": row.number, "worker": worker, "until": until, "fresh": fresh} for fresh, row in enumerate(due, first)
    ]
    connection.execute(_TAKE, claims)
    return tuple(
        rows.deployment(row, owner=worker, lease_until=until, generation=fresh) for fresh, row in enumerate(due, first)
    )


@cache
def any_due() -> Select[int]:
    """Whether there is anything to claim."""
    return select(deployment.c.number).where(_is_due()).limit(1)


@cache
def all_due() -> Select[Any]:
    """What can be claimed, longest due first, locked for this transaction."""
    ordered = select(deployment).where(_is_due()).order_by(deployment.c.next_at, deployment.c.number)
    return ordered.limit(bindparam("limit")).with_for_update(of=deployment, skip_locked=True)


def _is_due() -> ColumnElement[bool]:
    row = deployment.c
    written_ahead = and_(row.written_at > bindparam("skewed"), row.next_at.is_not(None))
    past = or_(row.next_at <= bindparam("now"), written_ahead)
    void = row.lease_until > bindparam("longest")
    free = or_(row.owner == "", row.lease_until <= bindparam("now"), void)
    return and_(past, free, not_(_keeper_while_another_works()))


def _keeper_while_another_works() -> ColumnElement[bool]:
    """A keeper that tends what ran before would work against the deployment that replaces it."""
    other = deployment.alias("other")
    another = exists().where(
        other.c.application == deployment.c.application,
        other.c.environment == deployment.c.environment,
        is_one_of(other.c.state, ACTIVE | {State.READY}),
    )
    return and_(is_one_of(deployment.c.state, FINAL), another)
