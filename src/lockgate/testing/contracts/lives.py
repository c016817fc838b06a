"""Short lives of deployments, for the store's contract: added, claimed, and led to a state along legal transitions."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from lockgate.core.audit import Event
from lockgate.core.deployment import Deployment, State
from lockgate.core.ids import Instant
from lockgate.ports import Store
from lockgate.testing.samples import NOON, a_deployment, an_event

LEASE = 10.0

WAYS = {
    State.PENDING: (),
    State.GATED: (State.GATED,),
    State.READY: (State.READY,),
    State.RUNNING: (State.READY, State.RUNNING),
    State.PAUSED: (State.READY, State.RUNNING, State.PAUSED),
    State.SUCCEEDED: (State.READY, State.RUNNING, State.SUCCEEDED),
    State.ABORTED: (State.ABORTED,),
}
"""State -> the way to it from pending."""


def added(
    store: Store, *, supersede: bool = False, events: Sequence[Event] | None = None, **changes: Any
) -> Deployment:
    told = [an_event()] if events is None else events
    return store.deployments.add(a_deployment(**changes), supersede, told)


def claimed(store: Store, number: int, now: Instant = NOON, worker: str = "w1") -> Deployment:
    """That deployment, claimed; whatever else is due is given back."""
    mine = None
    for row in store.deployments.claim(worker, now, LEASE, 1000):
        if row.number == number:
            mine = row
        else:
            store.deployments.save(row, now, keep_claim=False)
    assert mine is not None, f"dep-{number} was not due"
    return mine


def led(store: Store, row: Deployment, to: State, now: Instant = NOON, **changes: Any) -> Deployment:
    """A claimed row, saved along the way to that state. A succeeded one holds the environment."""
    for state in WAYS[to]:
        holds = state is State.SUCCEEDED
        row = store.deployments.save(replace(row, state=state, holds=holds, **changes), now)
    return row


def living(store: Store, state: State, now: Instant = NOON, **changes: Any) -> Deployment:
    """A new deployment in that state, claimed by ``w1``."""
    return led(store, claimed(store, added(store, next_at=now, **changes).number, now), state, now)


def at_rest(store: Store, row: Deployment, next_at: Instant | None = None, now: Instant = NOON) -> Deployment:
    """Its claim given back."""
    return store.deployments.save(replace(row, next_at=next_at), now, keep_claim=False)
