"""What a store must do when many work at once."""

import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TypeVar

from lockgate.core.audit import broken_at
from lockgate.core.deployment import ACTIVE, Deployment, Progress, State
from lockgate.core.errors import Fenced, KeyBusy
from lockgate.ports import Selection, Store
from lockgate.testing.contracts.lives import LEASE, added
from lockgate.testing.samples import NOON, a_release, an_event

THREADS = 8

T = TypeVar("T")


class WorkersContract:
    """Exclusion and order under concurrency."""

    def test_no_two_workers_claim_the_same_deployment(self, store: Store) -> None:
        for n in range(40):
            added(store, environment=f"e{n}")
        claims = at_once(lambda worker: claim_until_none(store, worker))
        taken = Counter(row.id for rows in claims for row in rows)
        assert len(taken) == 40
        assert set(taken.values()) == {1}
        assert len({row.generation for rows in claims for row in rows}) == 40

    def test_one_of_many_takes_the_key(self, store: Store) -> None:
        rows = [ready(store) for _ in range(THREADS)]
        outcomes = at_once(lambda worker: begin(store, rows[int(worker)]))
        assert sorted(outcomes) == ["busy"] * (THREADS - 1) + ["running"]
        assert outcomes.index("running") == 0, "the oldest goes first"
        assert len(store.history.select(Selection(states=ACTIVE))) == 1

    def test_urgent_ones_exclude_each_other_too(self, store: Store) -> None:
        rows = [ready(store, urgent=True) for _ in range(THREADS)]
        outcomes = at_once(lambda worker: begin(store, rows[int(worker)]))
        assert Counter(outcomes) == {"running": 1, "busy": THREADS - 1}

    def test_a_reader_that_polls_misses_no_event(self, store: Store) -> None:
        seen, stop = list[int](), threading.Event()

        def follow() -> None:
            last_look = False
            while not last_look:
                last_look = stop.is_set()
                while found := store.history.events(seen[-1] if seen else 0, 50):
                    seen.extend(e.seq for e in found)

        reader = threading.Thread(target=follow)
        reader.start()
        at_once(lambda worker: tell(store, worker, 15))
        stop.set()
        reader.join()
        assert seen == list(range(1, THREADS * 15 + 1))

    def test_the_audit_chain_stays_whole_under_concurrency(self, store: Store) -> None:
        at_once(lambda worker: tell(store, worker, 5))
        entries = store.history.audit(0, 1000)
        assert len(entries) == THREADS * 5
        assert broken_at(entries) is None

    def test_the_same_release_added_at_once_is_one(self, store: Store) -> None:
        kept = at_once(lambda worker: store.releases.add(a_release(), an_event("release.created", actor=worker)))
        assert len({(r.number, r.digest) for r in kept}) == 1
        assert len(store.history.events(0, 100)) == 1

    def test_every_step_of_every_deployment_is_taken_once(self, store: Store) -> None:
        """Workers that claim, step and give back, until all is done: nothing lost, nothing doubled, none at once."""
        for n in range(12):
            added(store, environment=f"e{n % 4}", events=[])
        at_once(lambda worker: work_until_done(store, worker))
        rows = store.history.select(Selection(limit=100))
        assert {row.state for row in rows} == {State.SUCCEEDED}
        steps = Counter((e.deployment, e.data["step"]) for e in store.history.events(0, 1000))
        assert set(steps.values()) == {1}
        assert len(steps) == 12 * STEPS
        assert sorted(row.environment for row in rows if row.holds) == ["e0", "e1", "e2", "e3"]


STEPS = 4


def at_once(work: Callable[[str], T]) -> list[T]:
    """What each of the threads, named ``0`` to ``7``, returns; they start together."""
    barrier = threading.Barrier(THREADS)

    def start(n: int) -> T:
        barrier.wait()
        return work(str(n))

    with ThreadPoolExecutor(THREADS) as pool:
        return list(pool.map(start, range(THREADS)))


def claim_until_none(store: Store, worker: str) -> list[Deployment]:
    mine: list[Deployment] = []
    while rows := store.deployments.claim(worker, NOON, LEASE, 3):
        mine += rows
    return mine


def ready(store: Store, urgent: bool = False) -> Deployment:
    added(store, urgent=urgent, events=[])
    (row,) = store.deployments.claim("w1", NOON, LEASE, 1)
    return store.deployments.save(replace(row, state=State.READY), NOON)


def begin(store: Store, row: Deployment) -> str:
    try:
        return store.deployments.save(replace(row, state=State.RUNNING), NOON).state.value
    except KeyBusy:
        return "busy"


def tell(store: Store, worker: str, times: int) -> int:
    for n in range(times):
        added(store, environment=f"e{worker}", events=[an_event("told", data={"n": f"{worker}.{n}"}, audited=True)])
    return times


def work_until_done(store: Store, worker: str) -> None:
    now = NOON
    while any(not row.final for row in store.history.select(Selection(limit=100))):
        now += 0.001
        for row in store.deployments.claim(worker, now, LEASE, 2):
            try:
                step(store, row, now)
            except KeyBusy:
                store.deployments.save(replace(row, state=State.READY, next_at=now), now, keep_claim=False)
            except Fenced:
                raise AssertionError(f"{worker} lost {row.id} while it held the lease") from None


def step(store: Store, row: Deployment, now: float) -> None:
    if row.state is State.PENDING:
        store.deployments.save(replace(row, state=State.READY, next_at=now), now, keep_claim=False)
        return
    taken = row.progress.steps_taken + 1
    done = taken == STEPS
    after = replace(
        row,
        state=State.SUCCEEDED if done else State.RUNNING,
        holds=done,
        progress=Progress(steps_taken=taken),
        next_at=None if done else now,
    )
    told = an_event("stepped", deployment=row.id, data={"step": str(taken)})
    store.deployments.save(after, now, [told], keep_claim=False)
