"""Everything, connected: the one process that is Lockgate."""

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from importlib.metadata import version

from lockgate.config.application_file import reader
from lockgate.config.catalogue_file import CatalogueFile
from lockgate.config.settings import Settings
from lockgate.core.errors import LockgateError
from lockgate.drivers.archive import ArchiveFolder
from lockgate.drivers.bookmark import BookmarkFile
from lockgate.drivers.clock import SystemClock
from lockgate.drivers.custody import Custody, custody_of
from lockgate.drivers.keys import kept_key
from lockgate.drivers.occupancy import worker_name
from lockgate.drivers.policies.worker import CelPolicies
from lockgate.drivers.redactor import Redactor
from lockgate.drivers.services import services
from lockgate.drivers.signing import KeyFolder
from lockgate.drivers.tickers.embedded import EmbeddedTicker
from lockgate.engine import chronicle, dispatcher
from lockgate.engine.almanac import Almanac
from lockgate.engine.archivist import Archivist
from lockgate.engine.auditing import Auditing
from lockgate.engine.calendar_desk import CalendarDesk
from lockgate.engine.chronicle import Chronicle
from lockgate.engine.collector import Collector
from lockgate.engine.consent import Consent
from lockgate.engine.courier import Courier
from lockgate.engine.dispatcher import Dispatcher
from lockgate.engine.intake import Intake
from lockgate.engine.notary import Notary
from lockgate.engine.operations import Operations
from lockgate.engine.policies import Panel
from lockgate.engine.policy_desk import PolicyDesk
from lockgate.engine.promoter import Promoter
from lockgate.engine.reconciler import Reconciler
from lockgate.engine.redeployment import Redeployment
from lockgate.engine.secret_desk import SecretDesk
from lockgate.engine.snapshots import Snapshots
from lockgate.engine.surveyor import Surveyor
from lockgate.engine.testimony import testimony
from lockgate.engine.walker import Walker
from lockgate.engine.worker import Flow, Worker
from lockgate.store.database import SqlStore, open_store
from lockgate.store.redacted import redacted
from lockgate.wiring.drivers import Drivers
from lockgate.wiring.gates import gatehouse
from lockgate.wiring.machine import examine

log = logging.getLogger("lockgate")

COLLECT_EVERY = 3600.0
"""Seconds between two collections of artifacts."""


COLLECT_FIRST = 300.0
"""Seconds from the start to the first: a restart in an emergency has better things to do."""


ARCHIVE_EVERY = 30.0
"""Seconds between two looks whether a day of the audit record is over."""


@dataclass(frozen=True, slots=True)
class ControlPlane:
    """One process's Lockgate: the operations that people call and the worker that does the rest."""

    settings: Settings
    store: SqlStore
    drivers: Drivers
    worker: Worker
    collector: Collector
    courier: Courier
    archivist: Archivist
    operations: Operations
    custody: Custody
    chronicle: Chronicle
    dispatcher: Dispatcher

    def run(self, stop: threading.Event) -> None:
        """Works until ``stop`` is set."""
        self.drivers.start()
        threads = [
            threading.Thread(target=self.worker.run, name="worker"),
            threading.Thread(target=self.courier.run, args=(stop, self.settings.poll), name="courier", daemon=True),
            *(threading.Thread(target=_now_and_then, args=(stop, *chore), daemon=True) for chore in self._chores()),
        ]
        for thread in threads:
            thread.start()
        stop.wait()
        self.worker.stop()
        self.courier.stir()
        for thread in threads:
            thread.join()

    def _chores(self) -> tuple[tuple[float, float, Callable[[], object], str], ...]:
        return (
            (0.0, dispatcher.EVERY, self.dispatcher.round, "trains were not looked at"),
            (0.0, chronicle.EVERY, self.chronicle.look, "the environments' file was not written down"),
            (COLLECT_FIRST, COLLECT_EVERY, self.collector.run, "artifacts were not collected"),
            (ARCHIVE_EVERY, ARCHIVE_EVERY, self.archivist.round, "the audit record was not sealed"),
        )

    def close(self) -> None:
        self.drivers.close()
        self.custody.close()
        self.store.close()


def _now_and_then(stop: threading.Event, first: float, every: float, work: Callable[[], object], what: str) -> None:
    pause = first
    while not stop.wait(pause):
        pause = every
        try:
            work()
        except LockgateError as error:
            log.warning("%s: %s", what, error)


def build(settings: Settings, redactor: Redactor | None = None) -> ControlPlane:
    """Everything, connected. Nothing is started yet."""
    clock, redactor = SystemClock(), redactor or Redactor()
    for folder in (settings.home, settings.data):
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    store = redacted(open_store(settings.database), redactor.masked)
    policies, tried = CelPolicies(), CelPolicies()  # what people try keeps no gate waiting
    file = CatalogueFile(settings.environments, policies.check)
    catalogue = Chronicle(store, clock, file)
    panel = Panel(store, catalogue, policies, testimony(store, catalogue))
    custody = custody_of(settings, store.data_keys, store.secrets, redactor)
    drivers = Drivers(settings, clock, store, catalogue, custody)
    ticker = EmbeddedTicker(settings.poll)
    notary, almanac, consent = _notary(settings, store, clock), Almanac(), Consent(store, catalogue, custody)
    gates = gatehouse(store, drivers.documents, notary, almanac, panel, custody, consent)
    promoter = Promoter(store, clock, catalogue, drivers.refuse_unless_able, gates, consent, custody)
    walker, reconciler = Walker(store, clock, drivers.executor), Reconciler(store, clock, drivers.executor)
    flow = Flow(promoter, walker, reconciler, notary.demand_signed)
    name = worker_name(settings.home)
    worker = Worker(name, store, clock, ticker, flow, settings.lease)
    notifiers = services(settings.notify_link_local, custody.reveal)
    courier = Courier(name, store, clock, catalogue, notifiers, settings.public_url)
    intake = Intake(store, clock, drivers.artifacts, reader(settings.environments.parent))
    secret_desk = SecretDesk(store, clock, catalogue, custody, custody.kept)
    desk = Auditing(store, clock, notary, version("lockgate"))
    operations = Operations(
        store,
        clock,
        ticker,
        intake,
        promoter,
        drivers.executor,
        partial(examine, settings, serving=True),
        desk,
        Redeployment(store, promoter, ticker, notary),
        CalendarDesk(store, clock, catalogue, almanac),
        PolicyDesk(replace(panel, policies=tried), clock, promoter.plan, lambda: file.shelf.all),
        Surveyor(store, clock, catalogue, Snapshots(store, catalogue, drivers.stated, secret_desk.fingerprint_if_any)),
        drivers.documents,
        secret_desk,
        link_key=kept_key(settings.home / "link.key"),
    )
    archivist = Archivist(desk, ArchiveFolder(settings.home / "archive").keep, settings.audit_keep)
    collector = Collector(store, drivers.collect)
    drivers.judges = (policies, tried)
    desks = (operations, custody, catalogue, Dispatcher(store, clock, ticker, promoter))
    return ControlPlane(settings, store, drivers, worker, collector, courier, archivist, *desks)


def _notary(settings: Settings, store: SqlStore, clock: SystemClock) -> Notary:
    """From here on, what is recorded is signed. What was recorded before there was a key is signed as it is, once."""
    signer = KeyFolder(settings.data / "keys", clock.now())
    notary = Notary(store, clock, signer, BookmarkFile(settings.home / "audit-read.json"))
    store.releases.attested_by(notary)
    if signer.is_new:
        signed = notary.adopt()
        signer.settled()
        if signed:
            log.info("%d releases and plans from before there was a signing key were signed as found", signed)
    return notary
