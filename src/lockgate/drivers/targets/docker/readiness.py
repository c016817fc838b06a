"""When a container's program is ready, and what it is otherwise.

As for processes: enough good answers in a row, from a listening socket that the container's own processes hold, in a
life without a restart. The engine starts it again by itself only from then on; one that ends before has failed. Where
the container's processes cannot be seen (another machine, no root), that it is still the same life of the container is
all the proof there is.
"""

import os
import re
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from lockgate.core.errors import LockgateError, NotFound
from lockgate.core.inventory import Condition
from lockgate.drivers import shim
from lockgate.drivers.evidence import Evidence, read, write
from lockgate.drivers.listeners import holders, listening, stranger
from lockgate.drivers.probe import Verdict
from lockgate.drivers.targets.docker.berths import Berth, boot_time
from lockgate.drivers.targets.docker.engine import Engine

AGAIN = "unless-stopped"
"""The engine starts it again when it ends, until somebody stops it."""
SETTLED = 1.0
"""Seconds that a program without a port must have run to be ready."""
LAST_LINES = 30
_STAMP = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d+))?(Z|[+-]\d\d:\d\d)$")


@dataclass(frozen=True, slots=True)
class Life:
    """What the engine says of a container now."""

    state: str
    pid: int
    restarts: int
    started_at: float
    """Seconds since the epoch, by the engine's clock."""
    has_been_ready: bool
    exit_code: int
    oom: bool
    error: str
    """Why it could not be started."""
    addresses: tuple[str, ...]
    """Its own, on the networks it has; none on the host's."""

    @property
    def runs(self) -> bool:
        return self.state == "running" and self.pid > 0

    @property
    def number(self) -> int:
        return life_number(self.started_at)


def life_number(started_at: float) -> int:
    """Names one life of a container. The engine's count of restarts does not: it begins again when somebody starts the
    container by hand."""
    return round(started_at * 1000)


def look(engine: Engine, container: str) -> Life:
    """Raises NotFound, Unavailable."""
    with engine.asked("looking at a container") as api:
        found: dict[str, Any] = api.inspect_container(container)
    state, host = found["State"], found["HostConfig"]
    return Life(
        state=state["Status"],
        pid=int(state.get("Pid") or 0),
        restarts=int(found.get("RestartCount") or 0),
        started_at=_epoch(state.get("StartedAt") or ""),
        has_been_ready=host["RestartPolicy"]["Name"] == AGAIN,
        exit_code=int(state.get("ExitCode") or 0),
        oom=bool(state.get("OOMKilled")),
        error=str(state.get("Error") or ""),
        addresses=_addresses(found),
    )


def _addresses(found: dict[str, Any]) -> tuple[str, ...]:
    networks = (found.get("NetworkSettings") or {}).get("Networks") or {}
    return tuple(one["IPAddress"] for one in networks.values() if one.get("IPAddress"))


def _epoch(stamp: str) -> float:
    """0.0 for one that has not happened (the engine writes the year 1)."""
    found = _STAMP.match(stamp)
    if found is None:
        return 0.0
    zone = found[3].replace("Z", "+00:00")
    whole = datetime.fromisoformat(f"{found[1]}.{(found[2] or '').ljust(6, '0')[:6]}{zone}")
    return max(0.0, whole.timestamp()) if whole.year > 1 else 0.0


def visible(berth: Berth, life: Life) -> bool:
    """Its processes are this machine's, and we may see their sockets."""
    if os.geteuid() != 0:
        return False
    try:
        return berth.container in Path(f"/proc/{life.pid}/cgroup").read_text()
    except OSError:
        return False


def confirm(engine: Engine, berth: Berth, folder: Path, number: int) -> str:
    """Takes the evidence down after enough good answers, and lets the engine start it again from now on; otherwise says
    whose the answers were. ``number``: of the life that was asked for the first of them."""
    try:
        life = look(engine, berth.container)
        if not life.runs or life.number != number:
            return "It ended while it was being checked."
        evidence = Evidence(True, life.pid, 0, life.restarts, life.started_at, None)
        if visible(berth, life):
            where = life.addresses[0] if life.addresses else berth.host
            inodes = listening(where, berth.inside, life.pid)
            held = holders(inodes, {life.pid, *shim.descendants(life.pid)})
            if not inodes and life.addresses:
                # The engine's own program accepts connections to a published port, whoever is behind it.
                return f"Nothing listens on {berth.inside} inside, the port that {berth.endpoint} stands for."
            if not inodes or set(held) != inodes:
                return stranger(berth.host, berth.port, inodes - set(held))
            evidence = replace(evidence, pid_started=shim.start_time(life.pid), holder=held[min(held)])
        accept(engine, berth, folder, life, evidence)
    except LockgateError as error:
        return str(error)
    return ""


def settle(engine: Engine, berth: Berth, folder: Path, life: Life) -> None:
    """Of one without a port that has :func:`settled`. Raises NotFound, Unavailable."""
    pid_started = shim.start_time(life.pid) if visible(berth, life) else 0
    accept(engine, berth, folder, life, Evidence(True, life.pid, pid_started, life.restarts, life.started_at, None))


def accept(engine: Engine, berth: Berth, folder: Path, life: Life, evidence: Evidence) -> None:
    """It is ready. Raises NotFound, Unavailable."""
    if not life.has_been_ready:
        try:
            with engine.asked(f"keeping {berth.id} up") as api:
                api.update_container(berth.container, restart_policy={"Name": AGAIN})  # type: ignore[arg-type]
        except NotFound:
            # Podman 4 cannot change it: then one that ends is gone, and is replaced.
            look(engine, berth.container)
    folder.mkdir(parents=True, exist_ok=True)
    write(folder, evidence)


def settled(berth: Berth, life: Life) -> bool:
    """It has run for a while: all there is to see of one without a port."""
    if not life.runs:
        return False
    if visible(berth, life):
        return boot_time() - shim.start_time(life.pid) / os.sysconf("SC_CLK_TCK") > SETTLED
    return berth.age() > SETTLED


def lost(folder: Path) -> None:
    """Its checks fail: after a crash of the control plane it must not pass for ready."""
    before = read(folder)
    if before is not None:
        write(folder, replace(before, ready=False))


def judge(berth: Berth, life: Life, verdict: Verdict | None) -> tuple[Condition, str]:
    """Of one that runs, or is being started again. ``verdict``: None where there is no port to check."""
    because = verdict.because if verdict is not None else "It has only just started."
    if life.state == "paused":
        return Condition.UNREADY, "Somebody has paused it."
    if not life.has_been_ready:
        late = berth.age() > berth.health.start_within
        return (Condition.FAILED if late else Condition.STARTING), because
    if not life.runs:
        return Condition.UNREADY, f"{end_of(berth, life)} It is being started again."
    if verdict is None or verdict.ready:
        return Condition.READY, ""
    if life.restarts and verdict.ready is None:
        return Condition.UNREADY, f"It has ended and was started again. {because}"
    return Condition.UNREADY, because


def end_of(berth: Berth, life: Life) -> str:
    """Why it is not running."""
    if life.error:
        return f"It could not be started: {life.error}."
    if life.oom and berth.memory_bytes:
        return f"It ended because it used more than its {berth.memory_bytes // 2**20} MiB of memory."
    if life.exit_code > 128:
        return f"It was ended by signal {life.exit_code - 128}, or ended with exit code {life.exit_code}."
    return f"It ended with exit code {life.exit_code}."
