"""The target ``process``: instances on this machine, found again after any crash by looking at their folders."""

import os
import time
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from lockgate.core.errors import NotFound, Unavailable
from lockgate.core.ids import InstanceId, RevisionId
from lockgate.core.inventory import Condition, Instance, Observed
from lockgate.core.plan import Fence, InstanceSpec
from lockgate.core.traffic import Key, TargetCaps
from lockgate.drivers import capabilities, redaction, supervision
from lockgate.drivers.claims import Claims
from lockgate.drivers.evidence import Evidence, Proofs
from lockgate.drivers.preparation import Materialise, trees
from lockgate.drivers.probe import Probe, Prober, Verdict
from lockgate.drivers.program import ProgramStatus
from lockgate.drivers.safe import Reveal, reveal
from lockgate.drivers.storage import storage
from lockgate.drivers.supervision import Shim
from lockgate.drivers.targets.process import readiness
from lockgate.drivers.targets.process.berths import Berth, Berths
from lockgate.drivers.targets.process.command import Defaults, make_secrets, make_work, program_for
from lockgate.drivers.targets.process.removal import Removal
from lockgate.ports import Clock, LogChunk, Polled

FROZEN_FOR = 5.0
"""Seconds for which a shim that has not answered is given only a moment when it is asked again."""


@dataclass(frozen=True, slots=True)
class Settings:
    """Of one process target. ``home`` may be shared by several control planes of the machine."""

    home: Path
    host: str = "127.0.0.1"
    ports: range = range(20_000, 30_000)
    """Below the range for outgoing connections, which would take them at random."""
    user: str | None = None
    """Instances run as; another one than ours needs root."""
    path: str = ""
    """``PATH`` behind the artifact's own folders; empty: ours."""
    log_bytes: int = 10 * 1024 * 1024
    log_files: int = 3
    keep_logs: int = 20
    """Of so many ended instances."""


class ProcessTarget:
    """See :class:`lockgate.ports.Target`. Threads: one that checks health, one that removes, two that prepare."""

    def __init__(self, settings: Settings, materialise: Materialise, clock: Clock, reveal: Reveal = reveal) -> None:
        self._settings, self._clock, self._reveal = settings, clock, reveal
        self._claims = Claims(settings.home / "claims")
        self._berths = Berths(settings.home, settings.host, settings.ports)
        self._preparation = trees(materialise)
        self._removal = Removal(settings.home, self._berths, settings.keep_logs)
        self._prober = Prober(clock.stir)
        path = settings.path or os.environ.get("PATH", os.defpath)
        self._defaults = Defaults(path, settings.user, settings.log_bytes, settings.log_files)
        self._proofs = Proofs()
        self._frozen: dict[InstanceId, float] = {}

    @property
    def caps(self) -> TargetCaps:
        return capabilities.PROCESS

    def close(self) -> None:
        """Ends the threads. The instances stay."""
        self._prober.close()
        self._removal.close()
        self._preparation.close()

    def prepare(self, key: Key, spec: InstanceSpec, fence: Fence) -> Polled:
        self._claims.admit(str(key), fence)
        return self._preparation.poll(spec)

    def observe(self, key: Key) -> Observed:
        seen = [self._look(berth) for berth in self._berths.of(key)]
        return Observed(key, tuple(i for i in seen if i is not None), self._clock.now())

    def ensure(self, key: Key, spec: InstanceSpec, count: int, fence: Fence) -> None:
        """Raises Fenced, PortTaken, StorageFull, Unavailable, and what preparing raises."""
        self._claims.admit(str(key), fence)
        revision = spec.revision
        for slot in self._missing(key, revision, count):
            self._claims.admit(str(key), fence)
            with storage(self._settings.home, "making an instance"):
                self._create(key, revision, spec, slot, fence)

    def retire(self, key: Key, instances: Collection[InstanceId], fence: Fence) -> None:
        self._claims.admit(str(key), fence)
        for berth in self._berths.of(key):
            if berth.id in instances:
                self._forget_checks(berth)
                self._removal.begin(berth)

    def logs(self, key: Key, instance: InstanceId, after: int, limit: int) -> LogChunk:
        """Raises :class:`NotFound` for one that never was, or whose log is not kept any more."""
        folder = next((b.folder for b in self._berths.of(key) if b.id == instance), None)
        folder = folder or self._removal.log_folder(instance)
        if not folder.is_dir():
            because = f"There is no instance {instance!r} of {key}, and no log of it any more."
            raise NotFound(because, f"The logs of the last {self._settings.keep_logs} ended instances are kept.")
        data, end = redaction.of_folder(folder / "secrets").read(Shim(folder).log, after, limit)
        if folder.parent == self._removal.retired:
            data = redaction.unpadded(data)
        whole = _whole_characters(data)
        return LogChunk(whole.decode(errors="replace"), end - len(data) + len(whole))

    # --- ensure ---

    def _missing(self, key: Key, revision: RevisionId, count: int) -> list[int]:
        """The lowest free slots up to ``count`` living instances. Dead ones are buried first: they hold slots."""
        berths = [b for b in self._berths.of(key) if b.revision == revision]
        berths = [b for b in berths if self._removal.lives(b) or not self._removal.bury_now(b)]
        serving = sum(1 for b in berths if b.stopping_for() is None)
        taken = {b.slot for b in berths}
        free = (slot for slot in range(count + len(taken)) if slot not in taken)
        return [slot for slot, _ in zip(free, range(count - serving), strict=False)]

    def _create(self, key: Key, revision: RevisionId, spec: InstanceSpec, slot: int, fence: Fence) -> None:
        tree = self._preparation.made(spec.artifact)
        files = {name: self._preparation.made(artifact) for name, artifact in spec.files.items()}
        with self._berths.make(key, revision, spec, slot) as making:
            make_work(making.berth, files, self._settings.user)
            make_secrets(making.berth, spec, self._reveal, self._settings.user)
            # The last moment at which nothing has happened yet: a control plane may wake up right here.
            self._claims.admit(str(key), fence)
            berth = self._berths.settle(making.berth)
            if berth is None:
                return
            try:
                program = program_for(berth, spec, tree, self._defaults)
                supervision.start(berth.folder, program, making.hand_over())
            except BaseException:
                making.close()
                self._removal.bury_now(berth)
                raise
        if berth.port:
            self._checks(berth, 0, None)

    # --- observe ---

    def _look(self, berth: Berth) -> Instance | None:
        """None: it is no more."""
        stopping = berth.stopping_for() is not None
        evidence = None if stopping else self._proofs.of(berth.folder)
        if evidence is not None and evidence.holds() and Shim(berth.folder).locked():
            # The steady state: no need to wake the shim.
            return self._proven(berth, evidence)
        try:
            status = self._status(berth)
        except NotFound:
            status = None
        except Unavailable as error:
            return self._unknown(berth, evidence, stopping, str(error))
        if status is None or (status.state == "exited" and not Shim(berth.folder).locked()):
            self._forget_checks(berth)
            self._removal.bury(berth)
            return None
        if status.state == "exited":
            # Its shim has a last moment to live; until then it has its place.
            return _instance(berth, status.started_at, status.restarts, Condition.STOPPING, "It has ended.")
        if stopping:
            self._removal.see_through(berth)
            return _instance(berth, status.started_at, status.restarts, Condition.STOPPING, "It was asked to stop.")
        condition, because = self._judge(berth, status)
        return _instance(berth, status.started_at, status.restarts, condition, because)

    def _proven(self, berth: Berth, evidence: Evidence) -> Instance:
        verdict = self._checks(berth, evidence.restarts, True) if berth.port else None
        failing = verdict is not None and verdict.ready is False
        condition, because = (Condition.UNREADY, verdict.because) if verdict and failing else (Condition.READY, "")
        return _instance(berth, evidence.started_at, evidence.restarts, condition, because)

    def _unknown(self, berth: Berth, evidence: Evidence | None, stopping: bool, because: str) -> Instance:
        """Of one whose shim is frozen, and which does not prove by itself that it serves."""
        if stopping:
            self._removal.see_through(berth)
            return _instance(berth, 0.0, 0, Condition.STOPPING, because)
        if evidence is None:
            return _instance(berth, 0.0, 0, Condition.STARTING, because)
        return _instance(berth, evidence.started_at, evidence.restarts, Condition.UNREADY, because)

    def _status(self, berth: Berth) -> ProgramStatus:
        frozen = self._frozen.get(berth.id, 0.0) > time.monotonic()
        try:
            status = Shim(berth.folder).status(0.01 if frozen else supervision.PATIENCE)
        except Unavailable:
            self._frozen[berth.id] = time.monotonic() + FROZEN_FOR
            raise
        self._frozen.pop(berth.id, None)
        return status

    def _judge(self, berth: Berth, status: ProgramStatus) -> tuple[Condition, str]:
        evidence = self._proofs.of(berth.folder)
        if evidence is None and status.restarts:
            self._prober.forget(berth.id)
            return readiness.failed(berth, status)
        if not berth.port:
            return readiness.judge(berth, status, readiness.settled(berth, status, evidence), None)
        same = evidence is not None and evidence.restarts == status.restarts
        verdict = self._checks(berth, status.restarts, evidence.ready if same and evidence else None)
        if verdict.ready:
            # It may have become ready between the two looks.
            evidence = self._proofs.of(berth.folder)
        return readiness.judge(berth, status, evidence, verdict)

    def _checks(self, berth: Berth, restarts: int, ready: bool | None) -> Verdict:
        """Of this life of the instance: after a restart the answers of the one before count for nothing."""
        known = self._prober.verdict(berth.id, restarts)
        if known is not None:
            return known
        probe = Probe(
            host=berth.host,
            port=berth.port,
            health=berth.health,
            confirm=lambda: readiness.confirm(berth, restarts),
            lost=lambda _: readiness.lost(berth),
        )
        return self._prober.watch(berth.id, restarts, probe, ready)

    def _forget_checks(self, berth: Berth) -> None:
        self._frozen.pop(berth.id, None)
        self._prober.forget(berth.id)


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


def _whole_characters(data: bytes) -> bytes:
    """Without the beginning of a UTF-8 character whose end is still to come."""
    for back in range(1, min(4, len(data)) + 1):
        byte = data[-back]
        if byte & 0xC0 != 0x80:
            length = 4 if byte >= 0xF0 else 3 if byte >= 0xE0 else 2 if byte >= 0xC0 else 1
            return data[:-back] if length > back else data
    return data
