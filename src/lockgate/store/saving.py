"""Saving a row: one UPDATE that changes it only if every rule holds, and the search for the reason if it did not.

The rules are conditions of the statement, not questions before it, so nothing can come between them and the write.
The way that is taken at each step of a deployment is a single statement.
"""

from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from typing import Any

from sqlalchemy import Connection, Update, and_, bindparam, case, exists, insert, null, or_, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.sql.elements import ColumnElement

from lockgate.core.audit import Event
from lockgate.core.deployment import ACTIVE, FINAL, TRANSITIONS, WAITING, Deployment, State, Want, check_transition
from lockgate.core.errors import Fenced, KeyBusy, LockgateError, NotFound
from lockgate.core.ids import Instant
from lockgate.core.window import Window
from lockgate.store import holdings, outbox, rows
from lockgate.store.schema import HOLDING, deployment, is_one_of, window

_TAKE_HOLD = (
    update(deployment)
    .where(
        deployment.c.application == bindparam("of"),
        deployment.c.environment == bindparam("on"),
        HOLDING,
        deployment.c.number != bindparam("which"),
    )
    # A keeper that froze before this would otherwise wake up, save, and take the hold back.
    .values(holds=False, next_at=None, owner="", lease_until=0.0, written_at=bindparam("at"))
)

_MAKING_WAY = FINAL | {State.GATED}
"""States that let those in line go on: they no longer take or claim the key."""

_WAKE_LINE = (
    update(deployment)
    .where(
        deployment.c.application == bindparam("of"),
        deployment.c.environment == bindparam("on"),
        deployment.c.state == State.READY.value,
        deployment.c.number != bindparam("which"),
    )
    # As if somebody had asked: a worker that finds the key busy just now, and saves, does not sleep over this.
    .values(next_at=bindparam("at"), asked=True)
)

_WATCHED = insert(window)

Parameters = dict[str, Any]


def saved(
    connection: Connection,
    row: Deployment,
    now: Instant,
    events: Sequence[Event],
    keep: bool,
    windows: Sequence[Window] = (),
) -> Deployment:
    """See :meth:`lockgate.ports.Deployments.save`."""
    parameters = _parameters(row, now)
    key = {"of": row.application, "on": row.environment, "which": row.number, "at": now}
    try:
        if row.holds:
            connection.execute(_TAKE_HOLD, key)
        found = connection.execute(_going_on(row.state, keep), parameters).first()
        if found is None and row.state in ACTIVE:
            found = connection.execute(_activating(row.state, keep, row.urgent), parameters).first()
    except IntegrityError as error:
        raise KeyBusy(f"Another deployment has just taken {_place(row)}.", "It is tried again.") from error
    if found is None:
        raise _refusal(connection, row)
    if row.state in _MAKING_WAY:
        connection.execute(_WAKE_LINE, key)
    if row.holds:
        holdings.taken(connection, row, now)
    if windows:
        connection.execute(_WATCHED, [_watched(row, one) for one in windows])
    outbox.append(connection, events)
    return _as_written(row, now, found)


def _watched(row: Deployment, one: Window) -> Parameters:
    return {"deployment": row.id, "component": one.component, "number": one.number, "document": rows.document(one)}


def _parameters(row: Deployment, now: Instant) -> Parameters:
    return {
        "which": row.number,
        "claimed": row.generation,
        "by": row.owner,
        "becoming": row.state.value,
        "of_release": row.release,
        "hurries": row.urgent,
        "keeps": row.holds,
        "next": row.next_at,
        "at": now,
        "described": rows.details_of(row),
    }


def _as_written(row: Deployment, now: Instant, found: rows.AnyRow) -> Deployment:
    return replace(
        row,
        want=Want(found.want),
        let_through=found.let_through,
        owner=found.owner,
        lease_until=found.lease_until,
        next_at=found.next_at,
        written_at=now,
    )


@cache
def _going_on(state: State, keep: bool) -> Update:
    """To this state from any other that may go there, but not into activity."""
    before = {old for old, following in TRANSITIONS.items() if state in following} | {state}
    if state in ACTIVE:
        before -= WAITING
    return _writing(state, keep).where(is_one_of(deployment.c.state, before))


@cache
def _activating(state: State, keep: bool, urgent: bool) -> Update:
    """To this state from waiting, which takes the key."""
    before = {old for old in WAITING if state in TRANSITIONS[old]}
    nobody_minds = deployment.c.want == Want.RUN.value
    return _writing(state, keep).where(
        is_one_of(deployment.c.state, before), nobody_minds, ~_another(_in_the_way(urgent))
    )


def _writing(state: State, keep: bool) -> Update:
    row = deployment.c
    values: dict[Any, Any] = {
        row.state: bindparam("becoming"),
        row.release: bindparam("of_release"),
        row.urgent: bindparam("hurries"),
        row.holds: bindparam("keeps"),
        row.next_at: _next(state),
        row.asked: False,
        row.written_at: bindparam("at"),
        row.details: bindparam("described"),
    }
    if not keep:
        values |= {row.owner: "", row.lease_until: 0.0}
    claimed = and_(
        row.number == bindparam("which"),
        row.generation == bindparam("claimed"),
        row.owner == bindparam("by"),
    )
    written = (row.want, row.let_through, row.owner, row.lease_until, row.next_at)
    return update(deployment).where(claimed).values(values).returning(*written)


def _next(state: State) -> ColumnElement[Any]:
    """Somebody who asked while the worker thought is not slept over: the answer may be "only when somebody acts"."""
    wished = bindparam("next", type_=deployment.c.next_at.type)
    if state in FINAL:
        return wished
    return case((deployment.c.asked, bindparam("at", type_=deployment.c.next_at.type)), else_=wished)


_other = deployment.alias("other")


def _another(condition: ColumnElement[bool]) -> ColumnElement[bool]:
    return exists(select(null()).select_from(_other).where(_same_key(), condition).correlate(deployment))


def _same_key() -> ColumnElement[bool]:
    return and_(
        _other.c.application == deployment.c.application,
        _other.c.environment == deployment.c.environment,
        _other.c.number != deployment.c.number,
    )


def _in_the_way(urgent: bool) -> ColumnElement[bool]:
    """One that is active; the keeper, if it was claimed after this row, since drivers take its newer generation for
    the rightful one; and, first come, first served, an older one that is ready."""
    active = is_one_of(_other.c.state, ACTIVE)
    keeper = and_(_other.c.holds, _other.c.generation > deployment.c.generation)
    older = and_(_other.c.state == State.READY.value, _other.c.number < deployment.c.number)
    return or_(active, keeper) if urgent else or_(active, keeper, older)


# --- refusals ---


def _refusal(connection: Connection, row: Deployment) -> LockgateError:
    """Why the save changed nothing."""
    here = deployment.c
    found = connection.execute(
        select(here.state, here.want, here.generation, here.owner).where(here.number == row.number, here.id == row.id)
    ).first()
    if found is None:
        return NotFound(f"There is no deployment {row.id}.", "See lockgate history.")
    if (found.generation, found.owner) != (row.generation, row.owner):
        return _fenced(row, found)
    check_transition(row.id, State(found.state), row.state)
    if found.want != Want.RUN.value:
        return KeyBusy(f"Somebody has asked {row.id} not to begin.", "It is looked at again.")
    return _busy(connection, row)


def _fenced(row: Deployment, found: rows.AnyRow) -> Fenced:
    if not found.owner:
        because = f"The claim on {row.id} has been given up or taken away; it is {found.state} now."
    else:
        because = f"{found.owner} has claimed {row.id} since (generation {found.generation}, this is {row.generation})."
    return Fenced(because, "Nothing was changed.")


def _busy(connection: Connection, row: Deployment) -> KeyBusy:
    ahead = select(_other.c.id, _other.c.state).select_from(_other.join(deployment, _same_key()))
    ahead = ahead.where(deployment.c.number == row.number, _in_the_way(row.urgent)).order_by(_other.c.number).limit(1)
    found = connection.execute(ahead).first()
    if found is None:
        return KeyBusy(f"Another deployment was active on {_place(row)} a moment ago.", "It is tried again.")
    keeper = State(found.state) in FINAL
    doing = "being kept as deployed" if keeper else found.state
    return KeyBusy(f"{found.id} is {doing} on {_place(row)}; {row.id} waits its turn.", in_line=not keeper)


def _place(row: Deployment) -> str:
    return f"{row.application} in {row.environment}"
