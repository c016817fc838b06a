"""Worker: claims due deployments and takes each as far as it goes now. Any number of workers may share a store.

A claim is a lease with a heartbeat and a generation. A worker that slept through its lease finds its generation
refused, by the store and by the drivers, and drops what it held: whoever claimed it since goes on.
"""

import logging
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace

from lockgate.core.deployment import WAITING, Deployment, State, Want
from lockgate.core.errors import Fenced, LockgateError, Retryable
from lockgate.core.ids import Instant
from lockgate.core.plan import Plan
from lockgate.engine import life
from lockgate.engine.promoter import Promoter
from lockgate.engine.reconciler import Reconciler
from lockgate.engine.walker import Walker
from lockgate.ports import Clock, Store, Ticker

log = logging.getLogger("lockgate.worker")


@dataclass(frozen=True, slots=True)
class Flow:
    """What happens to one claimed deployment."""

    promoter: Promoter
    walker: Walker
    reconciler: Reconciler
    demand: Callable[[Plan], object]
    """Raises RecordAltered unless a plan is what was recorded and signed."""

    def advance(self, row: Deployment) -> Deployment:
        """The whole way of a deployment: the gates, the walk, the offer to the next environment, the keeping. What has
        begun goes on only by plans that are still what was signed; whatever is more urgent may always take its
        place."""
        if row.state in WAITING:
            row = self.promoter.admit(row)
        if row.want is not Want.GIVE_WAY:
            self._demand_plans(row)
        if row.active:
            return self.walker.walk(row)
        if row.holds and row.state is State.SUCCEEDED and row.progress.step != OFFERED:
            row = self._offered(row)
        if row.holds and row.owner:
            return self.reconciler.keep(row)
        return row

    def _demand_plans(self, row: Deployment) -> None:
        """Of what it changes, what it goes back to, and what it keeps."""
        digests = (row.plan, row.previous, row.mixed) if row.active else (row.kept,) if row.holds else ()
        for digest in filter(None, digests):
            self.demand(self.walker.store.releases.plan(digest))

    def _offered(self, row: Deployment) -> Deployment:
        """What cannot be asked just now does not keep it from being looked after; it is offered at the next look."""
        try:
            self.promoter.offer(row)
        except Fenced:
            raise
        except Retryable as error:
            log.warning("%s is offered to the environments that follow later: %s", row.id, error)
            return row
        return replace(row, progress=replace(row.progress, step=OFFERED))


OFFERED = "offered"
"""Mark in the progress of a succeeded deployment: its release has been offered to the environments that follow."""


@dataclass(slots=True)
class Worker:
    """One process's share of the work. ``threads`` deployments go on at the same time."""

    name: str
    """Of one process at a time; kept over restarts, it lets a new process take over what the one before had claimed."""
    store: Store
    clock: Clock
    ticker: Ticker
    flow: Flow
    lease: float = 10.0
    """Seconds a claim lasts without a heartbeat."""
    threads: int = 8
    _pool: ThreadPoolExecutor = field(init=False)
    _running: set[Future[None]] = field(init=False, default_factory=set)
    _owed: list[tuple[Deployment, str]] = field(init=False, default_factory=list)
    _stopped: threading.Event = field(init=False, default_factory=threading.Event)
    _lock: threading.Lock = field(init=False, default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self._pool = ThreadPoolExecutor(self.threads, thread_name_prefix=f"{self.name}-")

    def run(self) -> None:
        """Works until stopped. Nobody else of this name lives: what a predecessor had claimed is free at once."""
        self._give_up_leases()
        heart = threading.Thread(target=self._beat, name=f"{self.name}-heart", daemon=True)
        heart.start()
        self.ticker.run(self.round)
        self._stopped.set()
        self._pool.shutdown(wait=True)
        heart.join()

    def stop(self) -> None:
        """Takes no new claims; what is being done is finished to its next step."""
        self._stopped.set()
        self.ticker.stop()

    def round(self) -> Instant | None:
        """Claims what is due, as far as there are hands for it."""
        self._settle_debts()
        free = self.threads - len(self._running)
        if free <= 0 or self._stopped.is_set():
            return None
        try:
            rows = self.store.deployments.claim(self.name, self.clock.now(), self.lease, free)
        except LockgateError as error:
            log.warning("no claim: %s", error)
            return None
        for row in rows:
            self._submit(row)
        return None

    def _settle_debts(self) -> None:
        """What could not be given back while the store was out of reach; our heartbeat would keep it for ever."""
        with self._lock:
            owed, self._owed = self._owed, []
        for row, because in owed:
            self._give_back(row, because, 0.0)

    def drain(self) -> None:
        """Waits until nothing that was claimed is being worked on (tests, stopping)."""
        while self._running:
            with self._lock:
                running = list(self._running)
            for future in running:
                future.result()

    def _submit(self, row: Deployment) -> None:
        future = self._pool.submit(self._guarded, row)
        with self._lock:
            self._running.add(future)
        future.add_done_callback(self._finished)

    def _finished(self, future: "Future[None]") -> None:
        with self._lock:
            self._running.discard(future)

    def _guarded(self, row: Deployment) -> None:
        """Whatever happens, the claim is given back: nothing is ever stuck."""
        try:
            after = self.flow.advance(row)
            self.ticker.wake()
            if after.next_at is not None:
                self.ticker.wake(after.next_at)
        except Fenced as fenced:
            log.info("%s: %s", row.id, fenced)
            self._give_back(row, "", 0.0)
        except LockgateError as error:
            self._give_back(row, str(error), 1.0)
        except Exception as error:
            log.exception("%s met a fault in Lockgate itself", row.id)
            self._give_back(row, f"A fault in Lockgate itself ({type(error).__name__}: {error}); it tries again.", 5.0)

    def _give_back(self, row: Deployment, because: str, pause: float) -> None:
        """The row as it is in the store now, with the reason, due again after ``pause`` seconds."""
        now = self.clock.now()
        try:
            fresh = self.store.history.deployment(row.id)
            if fresh.generation != row.generation or fresh.owner != row.owner or (fresh.final and not fresh.holds):
                return
            news = because not in ("", fresh.because)
            events = [life.event_of(fresh, "deployment.stumbled", because, now)] if news else []
            again = replace(fresh, because=because or fresh.because, next_at=now + pause)
            self.store.deployments.save(again, now, events, keep_claim=False)
            self.ticker.wake(again.next_at)
        except LockgateError as error:
            log.warning("%s is given back later: %s", row.id, error)
            with self._lock:
                self._owed.append((row, because))

    def _give_up_leases(self) -> None:
        try:
            self.store.deployments.renew(self.name, self.clock.now(), 0.0)
        except LockgateError as error:
            log.warning("a predecessor's leases run on until they end: %s", error)

    def _beat(self) -> None:
        while not self._stopped.wait(self.lease / 3):
            try:
                self.store.deployments.renew(self.name, self.clock.now(), self.lease)
            except LockgateError as error:
                log.warning("no heartbeat: %s", error)
