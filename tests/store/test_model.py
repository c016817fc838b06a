"""The store does what a store of thirty lines would do, whatever workers and people do to it."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from lockgate.core.deployment import ACTIVE, FINAL, WAITING, Deployment, State, Want, check_transition
from lockgate.core.errors import Conflict, Fenced, KeyBusy, LockgateError
from lockgate.core.ids import DeploymentId, Generation
from lockgate.ports import Selection
from lockgate.store.database import open_store
from lockgate.testing.samples import NOON, a_deployment, an_event

LEASE, SKEW = 10.0, 5.0
WORKERS = ("w1", "w2")
MEMORY = 6
"""Rows that workers remember having claimed; most of them have been claimed again since."""
RARELY = st.sampled_from([False, False, False, True])
PAUSES = st.sampled_from([0.0, 0.0, 2.0, None])
FORWARD = {State.PENDING: State.READY, State.READY: State.RUNNING, State.RUNNING: State.SUCCEEDED}


@dataclass
class Model:
    """Rows in a dictionary; every rule of the port as one plain sentence of Python."""

    rows: dict[int, Deployment] = field(default_factory=dict)
    asked: set[int] = field(default_factory=set)
    generation: int = 0

    def others(self, row: Deployment) -> list[Deployment]:
        here = (row.application, row.environment)
        return [o for o in self.rows.values() if o.number != row.number and (o.application, o.environment) == here]

    def put(self, row: Deployment) -> Deployment:
        self.rows[row.number] = row
        return row

    def add(self, new: Deployment, supersede: bool) -> Deployment:
        number, at = len(self.rows) + 1, new.created_at
        row = replace(new, number=number, id=DeploymentId(f"dep-{number}"), written_at=at)
        for old in self.others(row):
            if supersede and old.state in WAITING and new.urgent >= old.urgent:
                ended = {"state": State.SUPERSEDED, "next_at": None, "state_since": at, "ended_at": at, "who": ""}
                self.put(replace(old, **ended, owner="", lease_until=0.0, written_at=at))
            elif row.urgent and old.state in ACTIVE:
                self.ask(old.number, Want.GIVE_WAY, at)
        return self.put(row)

    def due(self, row: Deployment, now: float) -> bool:
        ahead = any(o.state in ACTIVE | {State.READY} for o in self.others(row))
        past = row.next_at is not None and (row.next_at <= now or row.written_at > now + SKEW)
        free = not row.owner or row.lease_until <= now or row.lease_until > now + LEASE + SKEW
        return past and free and not (row.final and ahead)

    def claim(self, worker: str, now: float, limit: int) -> tuple[Deployment, ...]:
        due = sorted((r for r in self.rows.values() if self.due(r, now)), key=lambda r: (r.next_at or 0, r.number))
        taken = []
        for row in due[:limit]:
            self.generation += 1
            self.asked.discard(row.number)
            fresh = Generation(self.generation)
            taken.append(self.put(replace(row, owner=worker, lease_until=now + LEASE, generation=fresh)))
        return tuple(taken)

    def renew(self, worker: str, now: float) -> None:
        for row in list(self.rows.values()):
            if row.owner == worker:
                self.put(replace(row, lease_until=now + LEASE))

    def ask(self, number: int, want: Want, now: float) -> Deployment:
        if self.rows[number].state in FINAL:
            raise Conflict("It has ended.")
        self.asked.add(number)
        return self.put(replace(self.rows[number], want=want, next_at=now))

    def save(self, row: Deployment, now: float, keep: bool) -> Deployment:
        old = self.rows[row.number]
        if (old.generation, old.owner) != (row.generation, row.owner):
            raise Fenced("Another claim.")
        check_transition(row.id, old.state, row.state)
        if old.state in WAITING and row.state in ACTIVE:
            if old.want is not Want.RUN:
                raise KeyBusy("Somebody has asked it not to begin.")
            self.demand_key(old, row.urgent)
        if row.holds:
            for holder in (o for o in self.others(row) if o.holds):
                self.put(replace(holder, holds=False, next_at=None, owner="", lease_until=0.0, written_at=now))
        woken = row.number in self.asked and row.state not in FINAL
        self.asked.discard(row.number)
        claim = {"owner": old.owner, "lease_until": old.lease_until} if keep else {"owner": "", "lease_until": 0.0}
        if row.state in FINAL | {State.GATED}:
            for ready in (o for o in self.others(row) if o.state is State.READY):
                self.asked.add(ready.number)
                self.put(replace(ready, next_at=now))
        next_at = now if woken else row.next_at
        return self.put(replace(row, **claim, want=old.want, next_at=next_at, written_at=now))

    def demand_key(self, row: Deployment, urgent: bool) -> None:
        for other in self.others(row):
            older = other.state is State.READY and other.number < row.number
            if other.active or (other.holds and other.generation > row.generation) or (older and not urgent):
                raise KeyBusy("It waits its turn.")


def outcome(call: Callable[[], object]) -> object:
    """What it returns, or the kind of error it raises."""
    try:
        return call()
    except LockgateError as error:
        return type(error)


class Interleavings(RuleBasedStateMachine):
    """People add and ask; workers claim, save, sleep, and save what they held long ago."""

    def __init__(self) -> None:
        super().__init__()
        self.store = open_store("sqlite://")
        self.model = Model()
        self.held: list[Deployment] = []
        self.now = NOON
        self.read_up_to = 0

    def teardown(self) -> None:
        self.store.close()

    @rule(seconds=st.sampled_from([0.0, 1.0, 4.0, 11.0, -3.0, -20.0]))
    def time_passes(self, seconds: float) -> None:
        self.now += seconds

    @rule(environment=st.sampled_from(["prod", "prod", "dev"]), supersede=RARELY, urgent=RARELY)
    def somebody_deploys(self, environment: str, supersede: bool, urgent: bool) -> None:
        new = a_deployment(environment=environment, urgent=urgent, created_at=self.now, next_at=self.now)
        added = self.store.deployments.add(new, supersede, [an_event()])
        assert added == self.model.add(new, supersede)

    @rule(worker=st.sampled_from(WORKERS), limit=st.integers(1, 3))
    def a_worker_claims(self, worker: str, limit: int) -> None:
        claimed = self.store.deployments.claim(worker, self.now, LEASE, limit)
        assert told_apart(claimed) == told_apart(self.model.claim(worker, self.now, limit))
        self.held = [*self.held, *claimed][-MEMORY:]

    @rule(worker=st.sampled_from(WORKERS))
    def a_worker_renews(self, worker: str) -> None:
        self.store.deployments.renew(worker, self.now, LEASE)
        self.model.renew(worker, self.now)

    @precondition(lambda self: self.held)
    @rule(place=st.integers(0, MEMORY), steps=st.integers(1, 4), pause=PAUSES, keep=st.booleans())
    def a_worker_goes_on(self, place: int, steps: int, pause: float | None, keep: bool) -> None:
        place %= len(self.held)
        for step in range(steps):
            state = self.held[place].state
            self.save(place, FORWARD.get(state, state), pause, keep or step < steps - 1)

    @precondition(lambda self: self.held)
    @rule(place=st.integers(0, MEMORY), state=st.sampled_from(State), pause=PAUSES, keep=st.booleans())
    def a_worker_saves_anything(self, place: int, state: State, pause: float | None, keep: bool) -> None:
        self.save(place % len(self.held), state, pause, keep)

    def save(self, place: int, state: State, pause: float | None, keep: bool) -> None:
        row = self.held[place]
        next_at = None if pause is None else self.now + pause
        wished = replace(row, state=state, next_at=next_at, holds=state is State.SUCCEEDED)
        told = an_event("saved", deployment=row.id)
        self.fresh_events()
        saved = outcome(lambda: self.store.deployments.save(wished, self.now, [told], keep_claim=keep))
        assert saved == outcome(lambda: self.model.save(wished, self.now, keep))
        assert self.fresh_events() == ["saved"] * isinstance(saved, Deployment)
        if isinstance(saved, Deployment) and keep:
            self.held[place] = saved

    def fresh_events(self) -> list[str]:
        """Kinds of those since the last call."""
        found = self.store.history.events(self.read_up_to, 1000)
        self.read_up_to += len(found)
        assert [e.seq for e in found[-1:]] in ([], [self.read_up_to])
        return [e.kind for e in found]

    @precondition(lambda self: self.model.rows)
    @rule(data=st.data(), want=st.sampled_from(Want))
    def somebody_asks(self, data: st.DataObject, want: Want) -> None:
        number = data.draw(st.integers(1, len(self.model.rows)))
        which = DeploymentId(f"dep-{number}")
        asked = outcome(lambda: self.store.deployments.ask(which, want, self.now, an_event("asked")))
        expected = outcome(lambda: self.model.ask(number, want, self.now))
        assert (told_apart([asked]) if isinstance(asked, Deployment) else asked) == (
            told_apart([expected]) if isinstance(expected, Deployment) else expected
        )

    @invariant()
    def both_hold_the_same(self) -> None:
        rows = self.store.history.select(Selection(limit=10_000))
        assert told_apart(rows) == told_apart(list(self.model.rows.values())[::-1])
        for chosen in ([r for r in rows if r.active], [r for r in rows if r.holds]):
            assert len({r.environment for r in chosen}) == len(chosen)


def told_apart(rows: object) -> list[Deployment]:
    """The rows without the store's own sentence for those it superseded."""
    assert isinstance(rows, (list, tuple))
    return [replace(row, because="") for row in rows]


TestInterleavings = Interleavings.TestCase
TestInterleavings.settings = settings(stateful_step_count=50)
