"""Berths: what the name and the labels of a container say of it. They are all that is kept: whoever comes finds the
instances by looking at the engine.

The name holds the slot, and the engine gives a name once: so a slot is taken by one instance or none, however many
control planes are killed or frozen half way. Labels cannot be changed afterwards, names can: a container that has been
asked to stop is renamed, which every control plane sees.
"""

import json
import os
import secrets
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from lockgate.core.application import Health
from lockgate.core.ids import InstanceId, RevisionId, digest_of, short
from lockgate.core.plan import InstanceSpec
from lockgate.core.traffic import Key
from lockgate.drivers import shim
from lockgate.drivers.launch import boot_id

PREFIX = "lockgate."
INSTALLATION = f"{PREFIX}installation"
KEY_DIGITS = 8
MAKING, FILLING = 10.0, 600.0
"""Seconds within which whoever has made a container has started it: usually, and at the most, with large files."""


@dataclass(frozen=True, slots=True)
class Berth:
    """One instance's place."""

    container: str
    """The engine's id of it."""
    name: str
    state: str
    """As the engine lists it: ``created``, ``running``, ``restarting``, ``exited`` ..."""
    id: InstanceId
    key: Key
    revision: RevisionId
    slot: int
    host: str
    port: int
    """Where it is reached; 0: it takes no traffic."""
    inside: int
    """The port that its program listens on."""
    health: Health
    grace: float
    memory_bytes: int
    born: float
    """Seconds since the machine of its maker started."""
    maker: str
    has_secrets: bool
    made_at: float
    """Seconds since the epoch, by the engine's clock."""

    @property
    def endpoint(self) -> str:
        return f"{self.host}:{self.port}" if self.port else ""

    @property
    def is_stopping(self) -> bool:
        return "-stopping-" in self.name

    @property
    def is_gone(self) -> bool:
        """It has been stopped, its name is free, and the engine only clears up behind it."""
        return self.is_stopping and self.state == "removing"

    def age(self) -> float:
        """Seconds since it was made; by the wall clocks where its maker's machine was another, or has been started
        again since."""
        return boot_time() - self.born if self.maker.startswith(boot_id()) else time.time() - self.made_at

    def is_being_made(self, patience: float) -> bool:
        """Whoever made it may still be about to start it, and has had less than ``patience`` seconds for it."""
        machine, _, process = self.maker.partition("/")
        if machine != boot_id():
            return False
        pid, started, *_ = process.split("-")
        return shim.start_time(int(pid)) == int(started) and self.age() < patience


def boot_time() -> float:
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def myself() -> str:
    """This process, as the beginning of a maker's name."""
    return f"{boot_id()}/{os.getpid()}-{shim.start_time(os.getpid())}"


def installation(home: Path) -> str:
    """Name of the data folder, made once: instances of others on the same engine are not ours."""
    kept = home / "installation"
    if not kept.exists():
        home.mkdir(parents=True, exist_ok=True)
        mine = home / f"installation.{os.getpid()}-{secrets.token_hex(4)}"
        mine.write_text(secrets.token_hex(4))
        with suppress(FileExistsError):
            os.link(mine, kept)
        mine.unlink()
    return kept.read_text()


def name_of(whose: str, key: Key, revision: RevisionId, slot: int) -> str:
    return f"lockgate-{whose}-{short(digest_of(key))[:KEY_DIGITS]}-{revision}-{slot}"


def stopping_name(whose: str, instance: InstanceId) -> str:
    return f"lockgate-{whose}-stopping-{instance}"


def new_id(key: Key, revision: RevisionId, slot: int) -> InstanceId:
    return InstanceId(f"{key.part.replace('/', '-')}-{revision[:6]}-{slot}-{secrets.token_hex(3)}")


def of_key(whose: str, key: Key) -> dict[str, list[str]]:
    """Filters for the engine's list."""
    named = {"application": key.application, "environment": key.environment, "component": key.component}
    if key.cell:
        named["cell"] = key.cell
    return {"label": [f"{INSTALLATION}={whose}", *(f"{PREFIX}{name}={text}" for name, text in named.items())]}


def of_installation(whose: str) -> dict[str, list[str]]:
    return {"label": [f"{INSTALLATION}={whose}"]}


@dataclass(frozen=True, slots=True)
class Place:
    """What is settled before a container is made."""

    whose: str
    id: InstanceId
    key: Key
    slot: int
    host: str
    port: int
    inside: int
    deployment: str
    maker: str


def labels(place: Place, spec: InstanceSpec) -> dict[str, str]:
    """Nothing secret: anybody who may ask the engine reads them."""
    written: Mapping[str, object] = {
        "installation": place.whose,
        "application": place.key.application,
        "environment": place.key.environment,
        "component": place.key.component,
        **({"cell": place.key.cell} if place.key.cell else {}),
        "revision": spec.revision,
        "artifact": spec.artifact.label(),
        "deployment": place.deployment,
        "instance": place.id,
        "slot": place.slot,
        "host": place.host,
        "port": place.port,
        "inside": place.inside,
        "health": json.dumps(asdict(spec.health)),
        "grace": spec.stop.grace,
        "memory": spec.resources.memory_bytes or 0,
        "secrets": ",".join(spec.secrets),
        "born": boot_time(),
        "maker": place.maker,
    }
    return {f"{PREFIX}{name}": str(value) for name, value in written.items()}


def read(listed: Mapping[str, Any]) -> Berth | None:
    """Of one entry of the engine's list. None for one whose labels are not as we write them."""
    told = {n.removeprefix(PREFIX): v for n, v in listed["Labels"].items() if n.startswith(PREFIX)}
    try:
        return Berth(
            container=listed["Id"],
            name=(listed.get("Names") or [""])[0].lstrip("/"),
            state=listed["State"],
            id=InstanceId(told["instance"]),
            key=Key(told["application"], told["environment"], told["component"], told.get("cell", "")),
            revision=RevisionId(told["revision"]),
            slot=int(told["slot"]),
            host=told["host"],
            port=int(told["port"]),
            inside=int(told["inside"]),
            health=Health(**json.loads(told["health"])),
            grace=float(told["grace"]),
            memory_bytes=int(told["memory"]),
            born=float(told["born"]),
            maker=told["maker"],
            has_secrets=bool(told["secrets"]),
            made_at=float(listed.get("Created") or 0.0),
        )
    except (KeyError, ValueError, TypeError):
        return None
