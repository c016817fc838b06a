"""The target ``docker``: instances as containers, found again after any crash by their labels."""

from collections.abc import Collection
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from lockgate.core.artifact import Artifact
from lockgate.core.errors import Conflict, LockgateError, NotFound, Unavailable
from lockgate.core.ids import InstanceId, RevisionId, digest_of, short
from lockgate.core.inventory import Condition, Instance, Observed
from lockgate.core.plan import Fence, InstanceSpec
from lockgate.core.traffic import Key, TargetCaps
from lockgate.drivers import capabilities, shim
from lockgate.drivers.allotment import Allotment
from lockgate.drivers.claims import Claims
from lockgate.drivers.evidence import Evidence, Proofs
from lockgate.drivers.logins import Logins
from lockgate.drivers.preparation import Materialise, Preparation, trees
from lockgate.drivers.probe import Probe, Prober, Verdict
from lockgate.drivers.safe import Reveal
from lockgate.drivers.storage import storage
from lockgate.drivers.targets.docker import berths, creation, readiness
from lockgate.drivers.targets.docker.berths import FILLING, MAKING, Berth, Place
from lockgate.drivers.targets.docker.creation import Address, Cargo, Logging
from lockgate.drivers.targets.docker.engine import Engine
from lockgate.drivers.targets.docker.images import Image, Images
from lockgate.drivers.targets.docker.launching import Launching, Order
from lockgate.drivers.targets.docker.output import Output
from lockgate.drivers.targets.docker.readiness import Life
from lockgate.drivers.targets.docker.removal import Removal
from lockgate.ports import Clock, LogChunk, Phase, Polled


@dataclass(frozen=True, slots=True)
class Settings:
    """Of one Docker target. ``home`` may be shared by several control planes of the machine."""

    home: Path
    engine: str = ""
    """URL; empty: what ``DOCKER_HOST`` names, or the usual socket."""
    tls: str = ""
    """Folder with ``ca.pem``, ``cert.pem`` and ``key.pem``, for ``tcp://``."""
    network: str = "host"
    """``host``, or a network of the engine: then ports are published."""
    address: str = ""
    """Where instances are reached; empty: 127.0.0.1, or the host of an engine elsewhere."""
    ports: range = range(20_000, 30_000)
    log_bytes: int = 10 * 1024 * 1024
    log_files: int = 3
    keep_logs: int = 20
    """Of so many ended instances."""


class DockerTarget:
    """See :class:`lockgate.ports.Target`. Threads: one that checks health, some that start, stop and pull."""

    def __init__(
        self, settings: Settings, materialise: Materialise, login: Logins, reveal: Reveal, clock: Clock
    ) -> None:
        self._settings, self._clock, self._reveal = settings, clock, reveal
        home = settings.home / "docker"
        self._engine = Engine(settings.engine, settings.tls)
        self._whose = berths.installation(settings.home)
        self._host = settings.address or self._engine.host
        self._claims = Claims(settings.home / "claims")
        local = self._host if self._engine.is_socket else ""
        self._allotment = Allotment(settings.home, local, settings.ports)
        self._images = Images(self._engine, home / short(digest_of(self._engine.url)) / "images", self._whose, login)
        self._pulls: Preparation[Image] = Preparation(self._images.make, lambda _: False, self._images.progress)
        self._trees = trees(materialise)
        self._proofs_folder = home / "ready"
        self._output = Output(self._engine, home / "retired", settings.keep_logs)
        self._removal = Removal(self._engine, self._whose, self._output, self._proofs_folder)
        self._prober = Prober(clock.stir)
        self._proofs = Proofs()
        self._launching = Launching(self._engine, self._claims, self._whose, clock.stir)

    @property
    def caps(self) -> TargetCaps:
        return capabilities.DOCKER

    def close(self) -> None:
        """Ends the threads. The instances stay."""
        self._prober.close()
        self._launching.close()
        self._removal.close()
        self._pulls.close()
        self._trees.close()
        self._engine.close()

    def prepare(self, key: Key, spec: InstanceSpec, fence: Fence) -> Polled:
        self._claims.admit(str(key), fence)
        told = (self._pulls.poll_all([spec.artifact]), self._trees.poll_all(tuple(spec.files.values())))
        for phase in (Phase.FAILED, Phase.WORKING):
            of_phase = [polled for polled in told if polled.phase is phase]
            if of_phase:
                return of_phase[0]
        return Polled(Phase.DONE)

    def observe(self, key: Key) -> Observed:
        """Raises Unavailable while the engine does not answer."""
        seen = [self._look(berth) for berth in self._list(key) if berth.state != "removing"]
        return Observed(key, tuple(i for i in seen if i is not None), self._clock.now())

    def ensure(self, key: Key, spec: InstanceSpec, count: int, fence: Fence) -> None:
        """Raises Fenced, PortTaken, Conflict, ComponentMissing, StorageFull, Unavailable, and what preparing raises."""
        self._claims.admit(str(key), fence)
        for slot in self._missing(key, spec.revision, count):
            self._claims.admit(str(key), fence)
            self._create(key, spec, slot, fence)

    def retire(self, key: Key, instances: Collection[InstanceId], fence: Fence) -> None:
        self._claims.admit(str(key), fence)
        for berth in self._list(key):
            if berth.id in instances:
                self._prober.forget(berth.id)
                self._removal.begin(berth)

    def logs(self, key: Key, instance: InstanceId, after: int, limit: int) -> LogChunk:
        """Raises :class:`NotFound` for one that never was, or whose output is not kept any more."""
        berth = next((b for b in self._list(key) if b.id == instance), None)
        if berth is not None:
            with suppress(NotFound, Conflict):  # just being removed
                return self._output.read(berth, after, limit)
        kept = self._output.read_buried(instance, after, limit)
        if kept is None:
            because = f"There is no instance {instance!r} of {key}, and no log of it any more."
            raise NotFound(because, f"The logs of the last {self._settings.keep_logs} ended instances are kept.")
        return kept

    # --- beyond the port ---

    def collect(self, kept: Collection[Artifact]) -> tuple[str, ...]:
        """Removes images that Lockgate has pulled and that are neither among ``kept`` nor used. Returns their names.
        Raises Unavailable."""
        return self._images.collect(kept)

    def end_all(self) -> int:
        """Stops and removes every container of this data folder, and waits for it. Raises Unavailable."""
        with self._engine.asked("listing containers") as api:
            listed = api.containers(all=True, filters=berths.of_installation(self._whose))
        living = [berth for one in listed if (berth := berths.read(one)) is not None]
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(self._removal.end, living))
        return len(living)

    # --- ensure ---

    def _list(self, key: Key) -> list[Berth]:
        """The key's, by revision and slot."""
        with self._engine.asked("listing containers") as api:
            listed = api.containers(all=True, filters=berths.of_key(self._whose, key))
        found = [berth for one in listed if (berth := berths.read(one)) is not None and berth.key == key]
        return sorted(found, key=lambda berth: (berth.revision, berth.slot))

    def _missing(self, key: Key, revision: RevisionId, count: int) -> list[int]:
        """The lowest free slots up to ``count`` living instances. Dead ones are removed first: they hold slots."""
        there = [berth for berth in self._list(key) if berth.revision == revision and not berth.is_gone]
        there = [berth for berth in there if not self._cleared(berth)]
        serving = sum(1 for berth in there if not berth.is_stopping)
        taken = {berth.slot for berth in there}
        free = (slot for slot in range(count + len(taken)) if slot not in taken)
        return [slot for slot, _ in zip(free, range(count - serving), strict=False)]

    def _cleared(self, berth: Berth) -> bool:
        """It was dead and is removed; its slot is free."""
        dead = berth.state in ("exited", "dead", "removing")
        if berth.is_stopping or not (dead or self._launching.is_abandoned(berth, MAKING)):
            return False
        self._prober.forget(berth.id)
        self._launching.forget(berth.id)
        return self._removal.bury(berth, force=berth.state == "dead")

    def _create(self, key: Key, spec: InstanceSpec, slot: int, fence: Fence) -> None:
        name = berths.name_of(self._whose, key, spec.revision, slot)
        self._launching.raise_trouble(name)
        image = self._pulls.made(spec.artifact)
        cargo = self._cargo(spec, image)
        make = partial(self._make, key, spec, slot, fence, name, cargo)
        try:
            if not spec.takes_traffic:
                make(0)
                return
            with self._allotment.next(self._ports_taken) as port:
                make(port)
        except BaseException:
            for archive in cargo.values():
                archive.close()
            raise

    def _cargo(self, spec: InstanceSpec, image: Image) -> Cargo:
        files = {name: self._trees.made(artifact) for name, artifact in spec.files.items()}
        revealed = {name: self._reveal(source) for name, source in spec.secrets.items()}
        with storage(self._settings.home, "copying files"):
            return creation.cargo(spec, files, revealed, spec.container.user or image.user)

    def _make(self, key: Key, spec: InstanceSpec, slot: int, fence: Fence, name: str, cargo: Cargo, port: int) -> None:
        instance = berths.new_id(key, spec.revision, slot)
        address, maker = self._address(spec, port), self._launching.maker
        place = Place(self._whose, instance, key, slot, address.host, port, address.inside, fence.deployment, maker)
        logging = Logging(self._settings.log_bytes, self._settings.log_files)
        labels = berths.labels(place, spec)
        body = creation.configuration(instance, key, spec, address, labels, logging)
        try:
            self._launching.begin(Order(instance, key, name, body, cargo, fence))
        except NotFound as error:
            # The image was removed since it was prepared.
            self._pulls.forget(spec.artifact)
            raise Unavailable(f"{spec.artifact.label()} has just been removed.", "It is fetched again.") from error

    def _ports_taken(self) -> set[int]:
        with self._engine.asked("listing containers") as api:
            listed = api.containers(all=True, filters=berths.of_installation(self._whose))
        return {berth.port for one in listed if (berth := berths.read(one)) is not None}

    def _address(self, spec: InstanceSpec, port: int) -> Address:
        fixed = spec.container.port
        network = self._settings.network
        if fixed is not None and network == "host":
            network = "bridge"  # on the host's own network two of them would meet on one port
        return Address(network, self._host, port, fixed or port)

    # --- observe ---

    def _look(self, berth: Berth) -> Instance | None:
        """None: it is no more."""
        if berth.is_stopping:
            self._prober.forget(berth.id)
            self._removal.see_through(berth)
            return _instance(berth, berth.made_at, 0, Condition.STOPPING, "It was asked to stop.")
        evidence = self._proofs.of(self._proofs_folder / berth.id)
        if berth.state == "running" and evidence is not None and evidence.holds():
            # The steady state: the kernel knows as well as the engine, and quicker.
            return self._proven(berth, evidence)
        if berth.state == "created":
            return self._look_at_made(berth)
        try:
            life = readiness.look(self._engine, berth.container)
        except NotFound:
            return None
        if evidence is not None:
            life = replace(life, has_been_ready=True)
        if life.state in ("exited", "dead"):
            return self._ended(berth, life)
        condition, because = self._judge(berth, life, evidence)
        return _instance(berth, life.started_at, life.restarts, condition, because)

    def _look_at_made(self, berth: Berth) -> Instance | None:
        """Of one that has not been started yet."""
        why = self._launching.why_not(berth)
        if why:
            return _instance(berth, berth.made_at, 0, Condition.FAILED, f"It could not be started: {why}")
        if self._launching.is_abandoned(berth, FILLING):
            self._removal.clear(berth)
        if self._launching.is_abandoned(berth, MAKING):
            return None
        return _instance(berth, berth.made_at, 0, Condition.STARTING, "It is being started.")

    def _proven(self, berth: Berth, evidence: Evidence) -> Instance:
        number = readiness.life_number(evidence.started_at)
        verdict = self._checks(berth, number, True) if berth.port else None
        failing = verdict is not None and verdict.ready is False
        condition, because = (Condition.UNREADY, verdict.because) if verdict and failing else (Condition.READY, "")
        return _instance(berth, evidence.started_at, evidence.restarts, condition, because)

    def _ended(self, berth: Berth, life: Life) -> Instance | None:
        """Before it was ready: it has failed. Afterwards the engine would have started it again, had not somebody
        stopped it: it is no more."""
        self._prober.forget(berth.id)
        if life.has_been_ready:
            self._removal.see_through(berth)
            return None
        because = f"{readiness.end_of(berth, life)} It was not ready yet.{self._last_words(berth)}"
        return _instance(berth, life.started_at, life.restarts, Condition.FAILED, because)

    def _judge(self, berth: Berth, life: Life, evidence: Evidence | None) -> tuple[Condition, str]:
        if not berth.port:
            return self._judge_without_port(berth, life)
        verdict = None
        if life.runs:
            known = evidence.ready if evidence is not None and _is_of(evidence, life) else None
            verdict = self._checks(berth, life.number, known)
            if verdict.ready:
                foreign = self._confirmed_again(berth, life)
                if foreign:
                    return Condition.UNREADY, foreign
                life = replace(life, has_been_ready=True)
        condition, because = readiness.judge(berth, life, verdict)
        if condition is Condition.FAILED:
            late = f"It was not ready within {berth.health.start_within:g} s. {because}"
            return condition, f"{late}{self._last_words(berth)}"
        return condition, because

    def _confirmed_again(self, berth: Berth, life: Life) -> str:
        """Why the good answers are not its own after all; empty: they are. The socket may have gone over to another of
        its processes, as with a server that reloads itself."""
        folder = self._proofs_folder / berth.id
        evidence = self._proofs.of(folder)
        if evidence is not None and evidence.pid == life.pid and evidence.pid_started and not shim.alive(life.pid):
            return "It has just ended."  # the engine will notice in a moment
        seen = readiness.visible(berth, life)
        if evidence is not None and evidence.ready and _is_of(evidence, life) and (evidence.holds() or not seen):
            return ""
        return readiness.confirm(self._engine, berth, folder, life.number)

    def _judge_without_port(self, berth: Berth, life: Life) -> tuple[Condition, str]:
        """Having run for a while is all there is to see."""
        folder = self._proofs_folder / berth.id
        if not (life.has_been_ready and _is_of(self._proofs.of(folder), life)) and readiness.settled(berth, life):
            readiness.settle(self._engine, berth, folder, life)
            return Condition.READY, ""
        return readiness.judge(berth, life, None)

    def _last_words(self, berth: Berth) -> str:
        with suppress(LockgateError):
            words = self._output.tail(berth, readiness.LAST_LINES).strip()
            return f" Its last lines:\n{words or '(it wrote nothing)'}"
        return ""

    def _checks(self, berth: Berth, number: int, ready: bool | None) -> Verdict:
        """Of this life of the instance: after a restart the answers of the one before count for nothing."""
        known = self._prober.verdict(berth.id, number)
        if known is not None:
            return known
        folder = self._proofs_folder / berth.id
        probe = Probe(
            host=berth.host,
            port=berth.port,
            health=berth.health,
            confirm=lambda: readiness.confirm(self._engine, berth, folder, number),
            lost=lambda _: readiness.lost(folder),
        )
        return self._prober.watch(berth.id, number, probe, ready)


def _is_of(evidence: Evidence | None, life: Life) -> bool:
    return evidence is not None and readiness.life_number(evidence.started_at) == life.number


def _instance(berth: Berth, started_at: float, restarts: int, condition: Condition, because: str) -> Instance:
    return Instance(
        id=berth.id,
        revision=berth.revision,
        slot=berth.slot,
        condition=condition,
        endpoint=berth.endpoint,
        started_at=started_at,
        restarts=restarts,
        because=because,
    )
