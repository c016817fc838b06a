"""An environment as a whole: what holds it now or held it then, with the plans, and what was last seen there.

Who holds an environment is saved over and over by its keeper, so ``written_at`` is when it lost the hold only for those
that hold no more; that is the interval from ``ended_at`` that a moment is looked up in.
"""

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from sqlalchemy import Select, bindparam, func, select, text

from lockgate.core.deployment import ACTIVE, FINAL, Deployment, State
from lockgate.core.errors import Conflict
from lockgate.core.ids import Digest, Instant, digest_of_bytes
from lockgate.core.inventory import Observed
from lockgate.core.plan import Plan
from lockgate.store import rows
from lockgate.store.connection import Database
from lockgate.store.schema import HOLDING, deployment, is_one_of, observation, plan

DEPTH = 5
"""Deployments of an application that are looked at first: most often the next one took the hold."""

AT_ONCE = 500
"""Digests in one query."""

HOLDERS = select(deployment).where(deployment.c.environment == bindparam("on"), HOLDING)
CHANGING = select(deployment).where(deployment.c.environment == bindparam("on"), is_one_of(deployment.c.state, ACTIVE))
OBSERVED = select(observation.c.document).where(observation.c.environment == bindparam("on"))
PLANS = select(plan.c.digest, plan.c.document).where(plan.c.digest.in_(bindparam("digests", expanding=True)))


class SqlLandscape:
    """:class:`lockgate.ports.Landscape` in SQL."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def holders(self, environment: str) -> tuple[Deployment, ...]:
        return tuple(rows.deployment(row) for row in self._rows(HOLDERS, on=environment))

    def active(self, environment: str) -> tuple[Deployment, ...]:
        return tuple(rows.deployment(row) for row in self._rows(CHANGING, on=environment))

    def held_at(self, environment: str, at: Instant) -> tuple[Deployment, ...]:
        now = [row for row in self.holders(environment) if _held(row, at)]
        return (*self._gone(environment, at, DEPTH), *now)

    def plans(self, digests: Collection[Digest]) -> Mapping[Digest, Plan]:
        wanted = list(dict.fromkeys(digests))
        chunks = (wanted[i : i + AT_ONCE] for i in range(0, len(wanted), AT_ONCE))
        return {Digest(row.digest): _plan(row) for chunk in chunks for row in self._rows(PLANS, digests=chunk)}

    def observed(self, environment: str) -> tuple[Observed, ...]:
        return tuple(rows.value(Observed, row.document) for row in self._rows(OBSERVED, on=environment))

    def _gone(self, environment: str, at: Instant, depth: int) -> tuple[Deployment, ...]:
        """Those that held it then and hold it no more: of each application the first to lose the hold since."""
        found: dict[str, list[Deployment]] = {}
        for row in self._rows(gone_since(), on=environment, at=at, depth=depth):
            one = rows.deployment(row)
            found.setdefault(one.application, []).append(one)
        known = {name: _first(some, at) for name, some in found.items()}
        if any(known[name] is None and len(some) >= depth for name, some in found.items()):
            return self._gone(environment, at, depth * 10)
        return tuple(one for one in known.values() if one is not None)

    def _rows(self, query: Select[Any], **given: object) -> list[rows.AnyRow]:
        return self._database.read(lambda connection: list(connection.execute(query, given)))


def gone_since() -> Select[Any]:
    """Those that have ended and do not hold, each application's first few since a moment."""
    turn = func.row_number().over(partition_by=deployment.c.application, order_by=deployment.c.written_at)
    ended = (
        select(deployment.c.number, turn.label("turn"))
        .where(
            deployment.c.environment == bindparam("on"),
            text("NOT deployment.holds"),
            is_one_of(deployment.c.state, FINAL),
            deployment.c.written_at > bindparam("at"),
        )
        .subquery()
    )
    chosen = select(ended.c.number).where(ended.c.turn <= bindparam("depth"))
    return select(deployment).where(deployment.c.number.in_(chosen)).order_by(deployment.c.written_at)


def _first(ended: Iterable[Deployment], at: Instant) -> Deployment | None:
    return next((row for row in ended if _held(row, at)), None)


def _held(row: Deployment, at: Instant) -> bool:
    """It came to hold before that moment."""
    kept = row.state is State.SUCCEEDED or row.mixed is not None
    return kept and row.ended_at is not None and row.ended_at <= at


def _plan(row: rows.AnyRow) -> Plan:
    if digest_of_bytes(row.document.encode()) != row.digest:
        raise Conflict(f"The stored plan {row.digest} has been altered.", "Restore the database, or deploy again.")
    return rows.value(Plan, row.document)
