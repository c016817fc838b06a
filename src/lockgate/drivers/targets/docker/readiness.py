"""When a container's program is ready, and what it is otherwise.

As for processes: enough good answers in a row, from a listening socket that the container's own processes hold, in a
life without a restart. The engine starts it again by itself only from then on; one that ends before has failed. Where
the container's processes cannot be seen (another machine, a network of its own, no root), that it is still the same
life of the container is all the proof there is.
"""

import os
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from lockgate.core.errors import LockgateError
from lockgate.core.inventory import Condition
from lockgate.drivers import shim
from lockgate.drivers.evidence import Evidence, read, write
from lockgate.drivers.listeners import holders, listening, stranger
from lockgate.drivers.probe import Verdict
from lockgate.drivers.targets.docker.berths import Berth
from lockgate.drivers.targets.docker.engine import Engine

AGAIN = "unless-stopped"
"""The engine starts it again when it ends, until somebody stops it."""
SETTLED = 1.0
"""Seconds that a program without a port must have run to be ready."""
LAST_LINES = 30


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
    network: str

    @property
    def runs(self) -> bool:
        return self.state == "running" and self.pid > 0

    def is_of(self, evidence: Evidence) -> bool:
        """The evidence is about this life. The engine counts only the restarts that it makes by itself."""
        return (self.pid, self.started_at) == (evidence.pid, evidence.started_at)


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
        network=str(host.get("NetworkMode") or ""),
    )


def _epoch(stamp: str) -> float:
    """0.0 for one that has not happened (the engine writes the year 1)."""
    whole = stamp.partition(".")[0].rstrip("Z")
    try:
        return max(0.0, datetime.fromisoformat(f"{whole}+00:00").timestamp())
    except ValueError:
        return 0.0


def visible(berth: Berth, life: Life) -> bool:
    """Its processes are this machine's, and we may see their sockets."""
    if life.network != "host" or os.geteuid() != 0:
        return False
    try:
        return berth.container in Path(f"/proc/{life.pid}/cgroup").read_text()
    except OSError:
        return False


def confirm(engine: Engine, berth: Berth, folder: Path, pid: int) -> str:
    """Takes the evidence down after enough good answers, and lets the engine start it again from now on; otherwise says
    whose the answers were. ``pid``: as it was when the first answer was asked for."""
    try:
        life = look(engine, berth.container)
        if not life.runs or life.pid != pid:
            return "It ended while it was being checked."
        evidence = Evidence(True, life.pid, 0, life.restarts, life.started_at, None)
        if visible(berth, life):
            inodes = listening(berth.host, berth.port, life.pid)
            held = holders(inodes, {life.pid, *shim.descendants(life.pid)})
            if not inodes or set(held) != inodes:
                return stranger(berth.host, berth.port, inodes - set(held))
            evidence = replace(evidence, pid_started=shim.start_time(life.pid), holder=held[min(held)])
        accept(engine, berth, folder, life, evidence)
    except LockgateError as error:
        return str(error)
    return ""


def accept(engine: Engine, berth: Berth, folder: Path, life: Life, evidence: Evidence) -> None:
    """It is ready. Raises NotFound, Unavailable."""
    if not life.has_been_ready:
        with engine.asked(f"keeping {berth.id} up") as api:
            api.update_container(berth.container, restart_policy={"Name": AGAIN})  # type: ignore[arg-type]
    folder.mkdir(parents=True, exist_ok=True)
    write(folder, evidence)


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
