"""Berths: the folder of each instance, its slot and its port.

``instances/KEY-REVISION-SLOT`` holds ``berth.json`` (never changed), ``work/``, ``secrets/``, and all that the shim
keeps. It is made aside and moved there, locked for the shim to come: so a slot is taken by one instance or none,
however many control planes are killed or frozen half way, and a berth whose lock is free is dead.
"""

import contextlib
import json
import os
import secrets
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from lockgate.core.application import Health
from lockgate.core.ids import InstanceId, RevisionId, digest_of, plain, short
from lockgate.core.plan import InstanceSpec
from lockgate.core.traffic import Key
from lockgate.drivers import launch, shim
from lockgate.drivers.allotment import Allotment
from lockgate.drivers.supervision import Shim

KEY_DIGITS = 8
STOPPING = "stopping"
"""Empty file in a berth whose instance has been asked to stop; its time is when."""


@dataclass(frozen=True, slots=True)
class Berth:
    """One instance's place, as recorded when it was made."""

    id: InstanceId
    key: Key
    revision: RevisionId
    slot: int
    host: str
    port: int
    """0: it takes no traffic."""
    health: Health
    grace: float
    memory_bytes: int | None
    born: float
    """Seconds since the machine started, by ``CLOCK_BOOTTIME``: no change of the wall clock makes a start late."""
    folder: Path = Path()

    @property
    def work(self) -> Path:
        return self.folder / "work"

    @property
    def secrets(self) -> Path:
        """A file for each of the instance's secrets; none: the folder is not there."""
        return self.folder / "secrets"

    @property
    def endpoint(self) -> str:
        return f"{self.host}:{self.port}" if self.port else ""

    def age(self) -> float:
        return boot_time() - self.born

    def stopping_for(self) -> float | None:
        """Seconds since it was asked to stop."""
        try:
            return max(0.0, time.time() - (self.folder / STOPPING).stat().st_mtime)
        except FileNotFoundError:
            return None

    def mark_stopping(self) -> None:
        with contextlib.suppress(FileNotFoundError):
            os.close(os.open(self.folder / STOPPING, os.O_CREAT | os.O_CLOEXEC, 0o600))


def boot_time() -> float:
    return time.clock_gettime(time.CLOCK_BOOTTIME)


class Berths:
    """All of them, below one home folder that several control planes may share."""

    def __init__(self, home: Path, host: str, ports: range) -> None:
        self._home, self._host = home, host
        self._allotment = Allotment(home, host, ports)
        self._known: dict[str, tuple[tuple[int, int], Berth]] = {}
        for name in ("instances", "making"):
            (home / name).mkdir(parents=True, exist_ok=True)
        self._clear_half_made()

    @property
    def instances(self) -> Path:
        return self._home / "instances"

    def of(self, key: Key) -> list[Berth]:
        """The key's, by revision and slot."""
        prefix = short(digest_of(key))[:KEY_DIGITS] + "-"
        names = sorted(name for name in os.listdir(self.instances) if name.startswith(prefix))  # noqa: PTH208
        found = [self._read(self.instances / name) for name in names]
        return sorted((b for b in found if b is not None and b.key == key), key=lambda b: (b.revision, b.slot))

    @contextlib.contextmanager
    def make(self, key: Key, revision: RevisionId, spec: InstanceSpec, slot: int) -> Iterator["Making"]:
        """A berth aside, locked. It vanishes at the end unless it has been settled."""
        ident = f"{key.part.replace('/', '-')}-{revision[:6]}-{slot}-{secrets.token_hex(3)}"
        folder = self._home / "making" / f"{os.getpid()}-{shim.start_time(os.getpid())}-{ident}"
        folder.mkdir()
        making = Making(launch.take_lock(folder))
        try:
            berth = Berth(
                id=InstanceId(ident),
                key=key,
                revision=revision,
                slot=slot,
                host=self._host,
                port=0,
                health=spec.health,
                grace=spec.stop.grace,
                memory_bytes=spec.resources.memory_bytes,
                born=boot_time(),
                folder=folder,
            )
            making.berth = self._with_port(berth) if spec.takes_traffic else _write(berth)
            yield making
        finally:
            making.close()
            shutil.rmtree(folder, ignore_errors=True)

    def place_of(self, berth: Berth) -> Path:
        key = short(digest_of(berth.key))[:KEY_DIGITS]
        return self.instances / f"{key}-{berth.revision}-{berth.slot}"

    def settle(self, berth: Berth) -> Berth | None:
        """Takes it to its place. None: somebody else has the slot."""
        place = self.place_of(berth)
        try:
            berth.folder.rename(place)
        except OSError:
            if place.exists():
                return None
            raise
        return replace(berth, folder=place)

    def forget(self, berth: Berth) -> None:
        self._known.pop(berth.folder.name, None)

    def _with_port(self, berth: Berth) -> Berth:
        def taken() -> set[int]:
            return {b.port for b in self._all() if Shim(b.folder).locked()}

        with self._allotment.next(taken) as port:
            return _write(replace(berth, port=port))

    def _all(self) -> Iterator[Berth]:
        for place in (self.instances, self._home / "making"):
            for name in os.listdir(place):  # noqa: PTH208
                berth = self._read(place / name)
                if berth is not None:
                    yield berth

    def _read(self, folder: Path) -> Berth | None:
        """None while it is being made or removed."""
        try:
            stat = (folder / "berth.json").stat()
            stamp = (stat.st_ino, stat.st_mtime_ns)
            known = self._known.get(folder.name)
            if known is not None and known[0] == stamp:
                return known[1]
            berth = _parse(folder)
        except (OSError, ValueError):
            return None
        if folder.parent == self.instances:
            self._known[folder.name] = stamp, berth
        return berth

    def _clear_half_made(self) -> None:
        """What control planes that are no more were making."""
        for folder in (self._home / "making").iterdir():
            pid, started, _ = folder.name.split("-", 2)
            if shim.start_time(int(pid)) != int(started):
                shutil.rmtree(folder, ignore_errors=True)


@dataclass(slots=True)
class Making:
    """A berth aside, and the lock that its shim will inherit."""

    lock: int | None
    berth: Berth = field(init=False)

    def hand_over(self) -> int | None:
        """The lock; whoever gets it closes it."""
        lock, self.lock = self.lock, None
        return lock

    def close(self) -> None:
        lock = self.hand_over()
        if lock is not None:
            os.close(lock)


def _write(berth: Berth) -> Berth:
    fields = {name: plain(getattr(berth, name)) for name in Berth.__slots__ if name != "folder"}
    (berth.folder / "berth.json").write_text(json.dumps(fields))
    return berth


def _parse(folder: Path) -> Berth:
    fields = json.loads((folder / "berth.json").read_text())
    fields.update(key=Key(**fields["key"]), health=Health(**fields["health"]), folder=folder)
    return Berth(**fields)
