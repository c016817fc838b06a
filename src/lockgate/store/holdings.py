"""Holdings: what ran where, from when until when; written with the save that takes the hold, read by time, by place,
and by what is in it."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import (
    CTE,
    Connection,
    Select,
    and_,
    bindparam,
    func,
    insert,
    literal,
    null,
    or_,
    select,
    text,
    update,
)
from sqlalchemy.sql.elements import ColumnElement

from lockgate.core.deployment import Deployment
from lockgate.core.holding import Holding, Located, Placed
from lockgate.core.ids import DeploymentId, Instant, ReleaseId
from lockgate.core.inventory import Observed
from lockgate.core.package import By, Package, Sought
from lockgate.core.plan import Plan
from lockgate.store import rows
from lockgate.store.connection import Database
from lockgate.store.schema import OPEN, holding, observation, package, plan, release

LOOKED_AT = 5000
"""Packages of one name that are compared with the rest of what was asked for."""

AT_ONCE = 500
"""Deployments whose observations are read at once."""

_IS_OPEN = text(f"holding.{OPEN}")

_HELD = select(literal(1)).where(holding.c.deployment == bindparam("which"), _IS_OPEN).limit(1)

_END = (
    update(holding)
    .where(holding.c.environment == bindparam("on"), holding.c.application == bindparam("of"), _IS_OPEN)
    .values(until_at=bindparam("at"))
)

_BEGIN = insert(holding)


def taken(connection: Connection, row: Deployment, now: Instant) -> None:
    """The deployment has taken hold of its environment, or has it still."""
    if connection.execute(_HELD, {"which": row.id}).first() is not None:
        return
    connection.execute(_END, {"on": row.environment, "of": row.application, "at": now})
    written = {
        "deployment": row.id,
        "application": row.application,
        "environment": row.environment,
        "actor": row.actor,
        "from_at": now,
        "until_at": None,
    }
    found = _cells(connection, row)
    rows_of = [{**written, "cell": cell, "release": held, "label": label} for cell, (held, label) in found.items()]
    connection.execute(_BEGIN, rows_of)


def _cells(connection: Connection, row: Deployment) -> dict[str, tuple[ReleaseId, str]]:
    """Which release holds which cell, with its label; under the empty name, the one that holds all of it."""
    if not row.mixed:
        return {"": (row.release, row.release_label)}
    document = connection.execute(select(plan.c.document).where(plan.c.digest == row.mixed)).scalar_one()
    held = {cell.name: cell.release for cell in rows.value(Plan, document).cells}
    labels = {one: _label(connection, one) for one in set(held.values())}
    return {cell: (one, labels[one]) for cell, one in held.items()}


def _label(connection: Connection, which: ReleaseId) -> str:
    query = select(release.c.document, release.c.number).where(release.c.id == which)
    found = connection.execute(query).first()
    return rows.release(found.document, found.number).label() if found else which


class SqlHoldings:
    """:class:`lockgate.ports.Holdings` in SQL."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def now(self, environment: str, application: str, limit: int) -> tuple[Placed, ...]:
        query = open_in(bool(environment), bool(application))
        asked = {"on": environment, "of": application, "most": limit}
        found = [_holding(row) for row in self._all(query, asked)]
        return self._with_observations(found)

    def at(self, environment: str, application: str, at: Instant, limit: int) -> tuple[Holding, ...]:
        found: list[Holding] = []
        for name in [environment] if environment else self._environments():
            asked = {"on": name, "of": application, "when": at}
            rows_of = self._all(held_at(bool(application)), asked)
            found += [_holding(row) for row in rows_of if row.deployment is not None]
            if len(found) >= limit:
                break
        return tuple(found[:limit])

    def of(self, application: str, environment: str, release: ReleaseId) -> tuple[Holding, ...]:
        query = select(holding).where(
            holding.c.release == release, holding.c.application == application, holding.c.environment == environment
        )
        return tuple(_holding(row) for row in self._all(query.order_by(holding.c.from_at), {}))

    def find(self, sought: Sought, at: Instant | None, ever: bool, limit: int) -> Located:
        enough = LOOKED_AT if sought.whole or sought.qualifiers else limit + 1
        found = self._all(located(sought, _when(at, ever)), {"most": enough, "when": at})
        kept, packages = _fitting(found, sought)
        more = len(kept) > limit or len(found) >= enough
        placed = self._with_observations(list(kept.values())[:limit]) if at is None else _bare(kept, limit)
        shown = {one.holding.release for one in placed}
        return Located(placed, tuple((r, p) for r, p in packages if r in shown), more)

    def _environments(self) -> list[str]:
        return [row.name for row in self._all(select(names(holding.c.environment)), {})]

    def _with_observations(self, found: list[Holding]) -> tuple[Placed, ...]:
        holders = [h.deployment for h in found if h.until is None]
        seen: dict[str, dict[str, Observed]] = {}
        for first in range(0, len(holders), AT_ONCE):
            for row in self._all(OBSERVED, {"holders": list(dict.fromkeys(holders[first : first + AT_ONCE]))}):
                seen.setdefault(row.deployment, {})[row.component] = rows.value(Observed, row.document)
        return tuple(Placed(h, _of_cell(seen.get(h.deployment, {}), h) if h.until is None else ()) for h in found)

    def _all(self, query: Select[Any], given: dict[str, Any]) -> list[rows.AnyRow]:
        return self._database.read(lambda connection: list(connection.execute(query, given)))


OBSERVED = (
    select(holding.c.deployment, observation.c.component, observation.c.document)
    .select_from(holding)
    .join(
        observation,
        and_(observation.c.application == holding.c.application, observation.c.environment == holding.c.environment),
    )
    .where(holding.c.deployment.in_(bindparam("holders", expanding=True)))
)
"""What was last observed of each component that a deployment holds."""


def _of_cell(seen: Mapping[str, Observed], held: Holding) -> tuple[Observed, ...]:
    return tuple(one for one in seen.values() if held.cell in ("", one.key.cell))


def _bare(kept: dict[tuple[str, str], Holding], limit: int) -> tuple[Placed, ...]:
    return tuple(Placed(one) for one in list(kept.values())[:limit])


def _holding(row: rows.AnyRow) -> Holding:
    return Holding(
        row.application,
        row.environment,
        ReleaseId(row.release),
        row.label,
        DeploymentId(row.deployment),
        row.from_at,
        row.until_at,
        row.actor,
        row.cell,
    )


# --- by place ---


def open_in(one_environment: bool, one_application: bool) -> Select[Any]:
    """What holds now."""
    query = select(holding).where(_IS_OPEN)
    if one_environment:
        query = query.where(holding.c.environment == bindparam("on"))
    if one_application:
        query = query.where(holding.c.application == bindparam("of"))
    order = (holding.c.environment, holding.c.application, holding.c.cell)
    return query.order_by(*order).limit(bindparam("most"))


def held_at(one_application: bool) -> Select[Any]:
    """What held an environment at a moment. Holds of one application follow each other, so for each it is the newest
    that had begun, if it had not ended: a look-up for each application, however long the history is. A row without a
    deployment is of an application that nothing was held by."""
    on = holding.c.environment == bindparam("on")
    older = holding.alias("older")
    newest = select(func.max(older.c.from_at)).where(
        older.c.environment == bindparam("on"), older.c.from_at <= bindparam("when")
    )
    not_over = or_(holding.c.until_at.is_(None), holding.c.until_at > bindparam("when"))
    order = (holding.c.application, holding.c.cell)
    if one_application:
        began = newest.where(older.c.application == bindparam("of")).scalar_subquery()
        query = select(holding).where(on, holding.c.application == bindparam("of"), not_over)
        return query.where(holding.c.from_at == began).order_by(*order)
    applications = names(holding.c.application, on)
    began = newest.where(older.c.application == applications.c.name).correlate(applications).scalar_subquery()
    found = and_(on, holding.c.application == applications.c.name, holding.c.from_at == began, not_over)
    # An outer join is taken in the order it is written: from each application to its row, by the whole index.
    return select(holding).select_from(applications.outerjoin(holding, found)).order_by(*order)


def names(column: Any, *where: ColumnElement[bool]) -> CTE:
    """The different values of the first column of an index, by one look-up for each."""
    first = select(func.min(column).label("name")).where(*where)
    name = first.cte(f"{column.name}s", recursive=True)
    following = select(func.min(column)).where(column > name.c.name, *where).correlate(name).scalar_subquery()
    every = name.union_all(select(following).where(name.c.name.is_not(None)))
    return select(every.c.name).where(every.c.name.is_not(None)).cte(f"different_{column.name}s")


# --- by what is in it ---


def _when(at: Instant | None, ever: bool) -> ColumnElement[bool] | None:
    if ever:
        return None
    if at is None:
        return holding.c.until_at.is_(None)
    not_over = or_(holding.c.until_at.is_(None), holding.c.until_at > bindparam("when"))
    return and_(holding.c.from_at <= bindparam("when"), not_over)


def located(sought: Sought, when: ColumnElement[bool] | None) -> Select[Any]:
    """Each holding with the package that was found in its release."""
    if sought.by is By.RELEASE:
        query = select(holding, null().label("document")).where(holding.c.release == sought.name)
    else:
        query = select(holding, package.c.document).where(_is(sought), holding.c.release == package.c.release)
    query = query if when is None else query.where(when)
    return query.limit(bindparam("most"))


def _is(sought: Sought) -> ColumnElement[bool]:
    if sought.by is By.DIGEST:
        # The second condition is what the partial index is for.
        return and_(package.c.digest == sought.name, text("package.digest <> ''"))
    if sought.by is By.PURL:
        named = and_(package.c.line == sought.name, text("package.line <> ''"))
    else:
        named = package.c.name == sought.name
    return and_(named, package.c.version == sought.version) if sought.version else named


def _fitting(
    found: list[rows.AnyRow], sought: Sought
) -> tuple[dict[tuple[str, str], Holding], list[tuple[ReleaseId, Package]]]:
    """Each holding once, and each package once for a release."""
    kept: dict[tuple[str, str], Holding] = {}
    packages: dict[tuple[ReleaseId, Package], None] = {}
    read: dict[str, Package] = {}
    for row in found:
        if row.document and row.document not in read:
            read[row.document] = rows.value(Package, row.document)
        one = read.get(row.document)
        if one is None or sought.fits(one):
            kept[row.deployment, row.cell] = _holding(row)
            if one is not None:
                packages[ReleaseId(row.release), one] = None
    return kept, list(packages)
