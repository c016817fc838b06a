"""The composition root: the only module that knows every driver by name."""

import json
import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import closing, suppress
from dataclasses import dataclass, replace
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from lockgate.config.application_file import reader
from lockgate.config.catalogue_file import CatalogueFile
from lockgate.config.settings import Settings
from lockgate.core import capability
from lockgate.core.artifact import Artifact, ArtifactKind, Reference
from lockgate.core.envelope import Verify
from lockgate.core.environment import Environment, TargetSpec
from lockgate.core.errors import ComponentMissing, LockgateError, Unavailable
from lockgate.core.ids import canonical, digest_of, short
from lockgate.core.plan import Plan
from lockgate.drivers import capabilities, metrics
from lockgate.drivers.archive import ArchiveFolder
from lockgate.drivers.artifacts import Artifacts, StoredSource
from lockgate.drivers.clock import SystemClock
from lockgate.drivers.custody import Custody, custody_of
from lockgate.drivers.depot import Depot
from lockgate.drivers.docker_info import EngineAddress
from lockgate.drivers.docker_logins import DockerLogins
from lockgate.drivers.documents.shelf import Shelf
from lockgate.drivers.http import HttpClient
from lockgate.drivers.keys import kept_key
from lockgate.drivers.machine import Premises
from lockgate.drivers.machine import examine as examine_machine
from lockgate.drivers.occupancy import own_folder, worker_name
from lockgate.drivers.policies.worker import CelPolicies, judge_once
from lockgate.drivers.redactor import Redactor, log_to_stderr
from lockgate.drivers.registry import Registries
from lockgate.drivers.routers.envoy import EnvoyRouter, EnvoySettings, find_binary
from lockgate.drivers.safe import Reveal, reveal
from lockgate.drivers.services import services
from lockgate.drivers.signing import KeyFolder, verify
from lockgate.drivers.sources.archive import ArchiveSource
from lockgate.drivers.sources.file import FileSource
from lockgate.drivers.sources.npm import NpmSource
from lockgate.drivers.sources.oci import OciSource
from lockgate.drivers.sources.pypi import PypiSource, find_uv
from lockgate.drivers.supervision import adopt
from lockgate.drivers.targets.process import ProcessTarget
from lockgate.drivers.targets.process import Settings as ProcessSettings
from lockgate.drivers.tasks.command import CommandTask
from lockgate.drivers.tasks.command import Settings as CommandSettings
from lockgate.drivers.tickers.embedded import EmbeddedTicker
from lockgate.engine import auditing, chronicle, dispatcher, gatehouse, inspection, pinning, planner
from lockgate.engine.almanac import Almanac
from lockgate.engine.analyst import Analyst
from lockgate.engine.archivist import Archivist
from lockgate.engine.auditing import Auditing
from lockgate.engine.calendar_desk import CalendarDesk
from lockgate.engine.chronicle import Chronicle
from lockgate.engine.collector import Collector
from lockgate.engine.consent import Consent
from lockgate.engine.courier import Courier
from lockgate.engine.dispatcher import Dispatcher
from lockgate.engine.executor import Executor
from lockgate.engine.gatehouse import Gatehouse
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
from lockgate.engine.verifier import Verifier
from lockgate.engine.walker import Walker
from lockgate.engine.worker import Flow, Worker
from lockgate.messages import ArtifactDetails, AttachmentView, Usable
from lockgate.server.redacted import redacted as discreet
from lockgate.store.database import SqlStore, open_store
from lockgate.store.redacted import redacted

if TYPE_CHECKING:
    from lockgate.drivers.targets.docker import DockerTarget

log = logging.getLogger("lockgate")

COLLECT_EVERY = 3600.0
"""Seconds between two collections of artifacts."""

COLLECT_FIRST = 300.0
"""Seconds from the start to the first: a restart in an emergency has better things to do."""


ARCHIVE_EVERY = 30.0
"""Seconds between two looks whether a day of the audit record is over."""


class Drivers:
    """What touches this machine, made once and shared by every plan that needs it."""

    def __init__(
        self, settings: Settings, clock: SystemClock, store: SqlStore, catalogue: Chronicle, custody: Custody
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._store = store
        self._custody = custody
        self._metrics = metrics.sources(custody.lookup(catalogue), custody.redactor.masked)
        self.artifacts = _artifacts(settings.data)
        self.documents = Shelf(Depot.at(settings.data).blobs)
        self.router = EnvoyRouter(EnvoySettings(settings.data / "router", settings.envoy))
        self.commands = CommandTask(CommandSettings(settings.data), custody.redactor.redaction)
        self._verifier = Verifier(HttpClient(), self.commands, clock, custody.redactor.masked)
        self._executors: dict[str, Executor] = {}
        self._targets: list[ProcessTarget | DockerTarget] = []
        self._lock = threading.Lock()
        self.judges: tuple[CelPolicies, ...] = ()

    def executor(self, plan: Plan) -> Executor:
        """Of the plan's target with its settings. Raises ComponentMissing for a kind that this version lacks."""
        name = f"{plan.target} {sorted(plan.target_settings.items())}"
        with self._lock:
            if name not in self._executors:
                analyst = Analyst(self.router, self._store.traffic, self._clock, self._metrics)
                self._executors[name] = Executor(
                    self._target(plan), self.router, self._verifier, analyst, self._clock, self._custody
                )
            return self._executors[name]

    def stated(self, environment: Environment) -> frozenset[str]:
        """What the drivers of an environment can do. Raises ComponentMissing for a kind that this version lacks."""
        return capability.stated(capabilities.of(environment.target.kind), EnvoyRouter.caps)

    def refuse_unless_able(self, plan: Plan) -> None:
        """Raises CapabilityMissing."""
        for part in plan.parts():
            executor = self.executor(part)
            planner.refuse_unless_able(part, executor.target.caps, executor.router.caps)

    def collect(self, kept: Collection[Artifact]) -> None:
        collected = self.artifacts.collect(kept, attached=self._store.attachments.digests())
        log.info("artifacts collected: %s", collected)
        for target in self._containers():
            try:
                log.info("images collected: %s", target.collect(kept))
            except LockgateError as error:
                log.warning("images were not collected: %s", error)

    def start(self) -> None:
        """The router serves what it served before, also if it has died meanwhile."""
        try:
            self.router.start()
        except LockgateError as error:
            log.warning("the router is not up yet: %s", error)

    def close(self) -> None:
        """Threads end; instances and the router go on."""
        for started in (*self._targets, *self.judges):
            started.close()
        self.router.close()

    def _containers(self) -> list["DockerTarget"]:
        with self._lock:
            return [target for target in self._targets if not isinstance(target, ProcessTarget)]

    def _target(self, plan: Plan) -> "ProcessTarget | DockerTarget":
        spec = TargetSpec(plan.target, plan.target_settings)
        if spec.kind == "process":
            target: ProcessTarget | DockerTarget = self._process_target(spec.settings)
        elif spec.kind == "docker":
            target = _docker_target(spec, self._settings, self.artifacts, self._clock, self._custody.reveal)
        else:
            because = f"{plan.environment} has the target {spec.kind!r}, which this version does not have."
            raise ComponentMissing(because, "Its targets are: process, docker.")
        self._targets.append(target)
        return target

    def _process_target(self, given: Mapping[str, str]) -> ProcessTarget:
        ports = _port_range(given.get("ports", ""), self._settings.ports)
        settings = ProcessSettings(self._settings.data, ports=ports, user=given.get("user") or None)
        return ProcessTarget(settings, self.artifacts.materialise, self._clock, self._custody.reveal)


def _docker_target(
    spec: TargetSpec, settings: Settings, artifacts: Artifacts, clock: SystemClock, reveal: Reveal
) -> "DockerTarget":
    """Remembered in the data folder for :func:`down`. Its SDK takes 20 MiB and 150 ms of who deploys containers."""
    from lockgate.drivers.targets.docker import DockerTarget
    from lockgate.drivers.targets.docker import Settings as DockerSettings

    spec = _as_it_is_here(spec)
    note = _note_of(spec, settings.data)
    note.parent.mkdir(exist_ok=True)
    note.write_bytes(canonical(spec))
    given = spec.settings
    chosen = DockerSettings(
        home=settings.data,
        engine=given.get("engine", ""),
        tls=given.get("tls", ""),
        network=given.get("network", "host"),
        address=given.get("address", ""),
        ports=_port_range(given.get("ports", ""), settings.ports),
    )
    return DockerTarget(chosen, artifacts.materialise, DockerLogins(), reveal, clock)


def _as_it_is_here(spec: TargetSpec) -> TargetSpec:
    """Without an engine of its own, that of this process's environment, which may be another one next time."""
    if spec.settings.get("engine"):
        return spec
    named = {"engine": os.environ.get("DOCKER_HOST", ""), "tls": os.environ.get("DOCKER_CERT_PATH", "")}
    return replace(spec, settings={**named, **spec.settings})


def _note_of(spec: TargetSpec, data: Path) -> Path:
    return data / "engines" / f"{short(digest_of(spec))}.json"


def _docker_targets(settings: Settings) -> Iterator[tuple[Path, "DockerTarget"]]:
    """Every one that the data folder may have containers on, with the note of it."""
    for note in sorted((settings.data / "engines").glob("*.json")):
        found = json.loads(note.read_text())
        spec = TargetSpec(found["kind"], found["settings"])
        yield note, _docker_target(spec, settings, _artifacts(settings.data), SystemClock(), reveal)


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
    notary, almanac, consent = _notary(settings, store, clock), Almanac(), Consent(store, catalogue)
    known = (*gatehouse.basic(store), *almanac.questions(), *inspection.questions(store, drivers.documents))
    asked = (auditing.question(notary), *known, panel.question(), pinning.question(custody), *consent.questions())
    promoter = Promoter(store, clock, catalogue, drivers.refuse_unless_able, Gatehouse(asked), consent, custody)
    flow = Flow(promoter, Walker(store, clock, drivers.executor), Reconciler(store, clock, drivers.executor))
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
    desks = (collector, courier, archivist, operations, custody, catalogue)
    return ControlPlane(settings, store, drivers, worker, *desks, Dispatcher(store, clock, ticker, promoter))


def _notary(settings: Settings, store: SqlStore, clock: SystemClock) -> Notary:
    """From here on, what is recorded is signed. What was recorded before there was a key is signed as it is, once."""
    signer = KeyFolder(settings.data / "keys", clock.now())
    notary = Notary(store, clock, signer)
    store.releases.attested_by(notary)
    if signer.is_new:
        signed = notary.adopt()
        signer.settled()
        if signed:
            log.info("%d releases and plans from before there was a signing key were signed as found", signed)
    return notary


def signature_check() -> Verify:
    """How a signature is checked, for who has a ring of keys."""
    return verify


judging = CelPolicies  # as a context, for the command line


def serve(settings: Settings, announce: Callable[[str], None] | None = None) -> None:
    """Runs a server until it is told to stop by INT or TERM. What it has deployed runs on without it. Raises
    DataFolderBusy, PortTaken, and what opening the store raises."""
    from lockgate.server import runner

    redactor = Redactor()
    log_to_stderr(settings.log_level, redactor)
    os.environ.pop("LOCKGATE_MASTER_KEY", None)  # programs that are started for a build inherit what is there
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    with own_folder(settings.home):
        plane = build(settings, redactor)
        work = threading.Thread(target=plane.run, args=(stop,), name="control-plane")
        work.start()
        try:
            runner.run(
                discreet(plane.operations, redactor.masked),
                home=settings.home,
                host=settings.listen.host,
                port=settings.listen.port,
                on_listening=lambda listening: _announce(listening, announce),
                stop=stop,
            )
        finally:
            stop.set()
            work.join()
            plane.close()


def down(settings: Settings, patience: float = 30.0) -> int:
    """Ends everything that Lockgate runs on this machine for the data folder: instances, tasks, the router. Its records
    stay, and a server started later brings back what was deployed. Returns how many programs were ended. Raises
    DataFolderBusy while a server works on the folder, Unavailable when something does not end."""
    with own_folder(settings.home):
        living = adopt(settings.data / "instances") + adopt(settings.data / "tasks") + adopt(settings.data / "router")
        for shim in living:
            shim.stop()
        end = time.monotonic() + patience
        while any(shim.locked() for shim in living):
            if time.monotonic() > end:
                raise Unavailable(
                    f"Some programs below {settings.data} have not ended in {patience:g} s.", "Try again."
                )
            time.sleep(0.05)
        return len(living) + _end_containers(settings)


def _end_containers(settings: Settings) -> int:
    """On every engine that answers. Raises Unavailable for the others, when all that could be done is done."""
    ended, silent = 0, []
    for note, target in _docker_targets(settings):
        try:
            ended += target.end_all()
            note.unlink(missing_ok=True)
        except Unavailable as error:
            silent.append(f"{error.because} Start it and run this again; if it is gone for good, delete {note}.")
        finally:
            target.close()
    if silent:
        raise Unavailable(f"Everything else has ended, but containers may still run. {' '.join(silent)}")
    return ended


def examine(settings: Settings, *, serving: bool = False) -> tuple[Usable, ...]:
    """What of this machine is usable. ``serving``: the server itself asks."""
    premises = Premises(
        settings.home,
        settings.listen,
        settings.ports,
        lambda: find_binary(settings.envoy),
        find_uv,
        _engines(settings.environments),
        judge_once,
    )
    return examine_machine(premises, serving=serving)


def _engines(environments: Path) -> tuple[EngineAddress, ...]:
    """That the file names; none, as long as it cannot be read."""
    found: dict[tuple[str, str], list[str]] = {}
    with suppress(LockgateError):
        for name, environment in CatalogueFile(environments)().environments.items():
            for cell, place in environment.places().items():
                given, where = place.target.settings, f"{name}/{cell}" if cell else name
                if place.target.kind == "docker":
                    found.setdefault((given.get("engine", ""), given.get("tls", "")), []).append(where)
    return tuple(EngineAddress(url, tls, tuple(names)) for (url, tls), names in found.items())


def show_artifact(settings: Settings, text: str, folder: Path) -> ArtifactDetails:
    """What a reference means now, and what is known of it. ``folder``: where relative ones start. Keeps what it finds,
    until it is collected. Raises what the sources do."""
    reference = Reference.parse(text, where="command line", field="reference")
    settings.data.mkdir(parents=True, exist_ok=True, mode=0o700)
    if reference.kind is not ArtifactKind.OCI:
        return _details(_artifacts(settings.data).resolve(reference, folder))
    with closing(Registries(DockerLogins())) as registries:
        images = OciSource(Depot.at(settings.data), registries)
        artifact = images.resolve(reference, folder)
        attached = tuple(AttachmentView(a.kind, a.digest, a.size, a.annotations) for a in images.attachments(artifact))
        return replace(_details(artifact), platforms=images.platforms(artifact), attachments=attached)


def _details(artifact: Artifact) -> ArtifactDetails:
    return ArtifactDetails(artifact.kind, artifact.name, artifact.version, artifact.digest, artifact.reference)


def _artifacts(data: Path) -> Artifacts:
    depot = Depot.at(data)
    sources = (PypiSource, NpmSource, ArchiveSource, FileSource)
    later = {
        ArtifactKind.GIT: lambda: _git_source(depot),
        ArtifactKind.OCI: lambda: OciSource(depot, Registries(DockerLogins())),
    }
    return Artifacts(depot, [source(depot) for source in sources], later)


def _git_source(depot: Depot) -> StoredSource:
    """libgit2 takes 11 MiB and 30 ms of a start."""
    from lockgate.drivers.sources.git import GitSource

    return GitSource(depot)


def _port_range(text: str, default: tuple[int, int]) -> range:
    first, _, last = text.partition("-")
    ends = (int(first), int(last)) if last else default
    return range(ends[0], ends[1] + 1)


def _announce(listening: "object", announce: Callable[[str], None] | None) -> None:
    url = getattr(listening, "login_url", "")
    if announce:
        announce(url)
    else:
        print(f"Lockgate is ready. Console: {url}", file=sys.stderr)  # noqa: T201
