"""Approvals, rejections, delegations, reviews. What is said of a deployment wakes it in the same transaction."""

from collections.abc import Sequence
from dataclasses import replace

from sqlalchemy import Connection, delete, insert, select, update

from lockgate.core.approval import Approval, Delegation, Rejection, Review
from lockgate.core.audit import Event
from lockgate.core.deployment import WAITING, Want
from lockgate.core.errors import Conflict, NotFound
from lockgate.core.ids import Instant
from lockgate.store import outbox, rows
from lockgate.store.connection import Database, upserting
from lockgate.store.counters import take
from lockgate.store.schema import DELEGATION, approval, delegation, deployment, is_one_of, rejection, review


class SqlApprovals:
    """:class:`lockgate.ports.Approvals` in SQL."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def give(self, approval: Approval, event: Event) -> None:
        self._database.write(lambda connection: _given(connection, approval, event))

    def reject(self, rejection: Rejection, event: Event) -> None:
        self._database.write(lambda connection: _rejected(connection, rejection, event))

    def void(self, deployment: str, approvals: Sequence[Approval], event: Event) -> None:
        self._database.write(lambda connection: _voided(connection, approvals, event))

    def of(self, deployment: str) -> tuple[Approval, ...]:
        query = select(approval.c.document).where(approval.c.deployment == deployment)
        texts = self._database.read(lambda connection: connection.execute(query).scalars().all())
        return tuple(sorted((rows.value(Approval, text) for text in texts), key=lambda a: (a.at, a.person)))

    def rejection(self, deployment: str) -> Rejection | None:
        query = select(rejection.c.document).where(rejection.c.deployment == deployment)
        text = self._database.read(lambda connection: connection.execute(query).scalar())
        return None if text is None else rows.value(Rejection, text)


class SqlDelegations:
    """:class:`lockgate.ports.Delegations` in SQL."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, delegation: Delegation, event: Event) -> Delegation:
        return self._database.write(lambda connection: _delegated(connection, delegation, event))

    def end(self, delegation: str, event: Event) -> None:
        self._database.write(lambda connection: _ended(connection, delegation, event))

    def all(self) -> tuple[Delegation, ...]:
        query = select(delegation.c.document).order_by(delegation.c.number)
        texts = self._database.read(lambda connection: connection.execute(query).scalars().all())
        return tuple(rows.value(Delegation, text) for text in texts)


class SqlReviews:
    """:class:`lockgate.ports.Reviews` in SQL."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def confirm(self, review: Review, event: Event) -> None:
        self._database.write(lambda connection: _confirmed(connection, review, event))

    def of(self, deployment: str) -> Review | None:
        query = select(review.c.document).where(review.c.deployment == deployment)
        text = self._database.read(lambda connection: connection.execute(query).scalar())
        return None if text is None else rows.value(Review, text)

    def open(self) -> tuple[Review, ...]:
        query = select(review.c.document).where(review.c.open).order_by(review.c.number)
        texts = self._database.read(lambda connection: connection.execute(query).scalars().all())
        return tuple(rows.value(Review, text) for text in texts)


def open_review(connection: Connection, new: Review, number: int) -> None:
    """In the transaction that records the deployment."""
    written = {"deployment": new.deployment, "number": number, "open": True, "document": rows.document(new)}
    connection.execute(insert(review), written)


def _given(connection: Connection, new: Approval, event: Event) -> None:
    _wake(connection, new.deployment, new.at)
    document = rows.document(new)
    added = upserting(connection, approval).values(deployment=new.deployment, person=new.person, document=document)
    key = [approval.c.deployment, approval.c.person]
    connection.execute(added.on_conflict_do_update(index_elements=key, set_={"document": document}))
    outbox.append(connection, [event])


def _rejected(connection: Connection, new: Rejection, event: Event) -> None:
    _wake(connection, new.deployment, new.at, Want.ABORT)
    added = upserting(connection, rejection).values(deployment=new.deployment, document=rows.document(new))
    if connection.execute(added.on_conflict_do_nothing().returning(rejection.c.deployment)).first():
        outbox.append(connection, [event])


def _voided(connection: Connection, void: Sequence[Approval], event: Event) -> None:
    """One that has been given anew in the meantime is left alone."""
    changed = 0
    for one in void:
        valid = rows.document(replace(one, void=""))
        same = (
            approval.c.deployment == one.deployment,
            approval.c.person == one.person,
            approval.c.document == valid,
        )
        changed += connection.execute(update(approval).where(*same).values(document=rows.document(one))).rowcount
    if changed:
        outbox.append(connection, [event])


def _wake(connection: Connection, which: str, now: Instant, want: Want | None = None) -> None:
    """It is looked at again at once. Whether it still waits is asked by the statement that wakes it."""
    values: dict[str, object] = {"next_at": now, "asked": True}
    if want is not None:
        values["want"] = want.value
    waiting = (deployment.c.id == which, is_one_of(deployment.c.state, WAITING))
    if connection.execute(update(deployment).where(*waiting).values(**values)).rowcount:
        return
    state = connection.execute(select(deployment.c.state).where(deployment.c.id == which)).scalar()
    if state is None:
        raise NotFound(f"There is no deployment {which}.", "See lockgate history.")
    because = f"{which} is {state.replace('_', ' ')}: only what has not begun can be approved or rejected."
    raise Conflict(because, f"To take it back: lockgate abort {which}, or lockgate rollback.")


def _delegated(connection: Connection, new: Delegation, event: Event) -> Delegation:
    number = take(connection, DELEGATION)
    known = replace(new, id=f"del-{number}")
    connection.execute(insert(delegation), {"number": number, "document": rows.document(known)})
    outbox.append(connection, [replace(event, data={**event.data, "delegation": known.id})])
    return known


def _ended(connection: Connection, which: str, event: Event) -> None:
    number = which.removeprefix("del-")
    gone = None
    if number.isdigit():
        ending = delete(delegation).where(delegation.c.number == int(number)).returning(delegation.c.number)
        gone = connection.execute(ending).first()
    if gone is None:
        raise NotFound(f"There is no delegation {which!r}.", "See lockgate approval delegations.")
    outbox.append(connection, [event])


def _confirmed(connection: Connection, done: Review, event: Event) -> None:
    closing = update(review).where(review.c.deployment == done.deployment, review.c.open)
    if connection.execute(closing.values(open=False, document=rows.document(done))).rowcount:
        outbox.append(connection, [event])
        return
    there = connection.execute(select(review.c.open).where(review.c.deployment == done.deployment)).first()
    if there is None:
        raise NotFound(f"{done.deployment} broke no glass: there is nothing to look at.")
    raise Conflict(f"Somebody has looked at {done.deployment} already.")
