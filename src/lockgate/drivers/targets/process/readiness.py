"""When an instance is ready, and what it is otherwise.

Ready is a fact about one process, not about a port: enough good answers in a row, from a listening socket that the
instance's own processes hold, by a process that has not been restarted in between. The evidence is kept on disk, so
that a control plane that comes back knows at once; it holds only while that very process holds that very socket.
"""

import os
from dataclasses import replace

from lockgate.core.errors import NotFound, Unavailable
from lockgate.core.inventory import Condition
from lockgate.drivers import shim
from lockgate.drivers.evidence import Evidence, read, write
from lockgate.drivers.listeners import Holder, holders, listening, stranger
from lockgate.drivers.probe import Verdict
from lockgate.drivers.program import ProgramStatus
from lockgate.drivers.redaction import of_folder
from lockgate.drivers.supervision import Shim
from lockgate.drivers.targets.process.berths import Berth, boot_time

LAST_WORDS = 2000
"""Bytes of a failed instance's log that are told."""
SETTLED = 1.0
"""Seconds that a program without a port must have run to be ready."""
HASTE = 0.2


def confirm(berth: Berth, restarts: int) -> str:
    """Takes the evidence down after enough good answers; otherwise says whose they were. ``restarts``: as they were
    when the first answer was asked for."""
    try:
        status = Shim(berth.folder).status(HASTE)
    except (NotFound, Unavailable) as error:
        return str(error)
    if status.state != "running" or status.pid is None or status.restarts != restarts:
        return "It ended while it was being checked."
    inodes = listening(berth.host, berth.port, status.pid)
    held = holders(inodes, {status.pid, *shim.descendants(status.shim_pid)})
    if not inodes or set(held) != inodes:
        return stranger(berth.host, berth.port, inodes - set(held))
    write(berth.folder, evidence_of(status, held[min(held)]))
    return ""


def evidence_of(status: ProgramStatus, holder: Holder | None) -> Evidence:
    pid = status.pid or 0
    return Evidence(True, pid, shim.start_time(pid), status.restarts, status.started_at, holder)


def lost(berth: Berth) -> None:
    """Its checks fail: after a crash of the control plane it must not pass for ready."""
    before = read(berth.folder)
    if before is not None:
        write(berth.folder, replace(before, ready=False))


def settled(berth: Berth, status: ProgramStatus, evidence: Evidence | None) -> Evidence | None:
    """Without a port, having run for a while is all there is to see."""
    known = evidence is not None and evidence.restarts == status.restarts
    if known or status.state != "running" or not status.pid or uptime(status.pid) < SETTLED:
        return evidence
    write(berth.folder, evidence_of(status, None))
    return evidence_of(status, None)


def uptime(pid: int) -> float:
    """Seconds a process has run, whatever the wall clock did meanwhile."""
    return boot_time() - shim.start_time(pid) / os.sysconf("SC_CLK_TCK")


def judge(
    berth: Berth, status: ProgramStatus, evidence: Evidence | None, verdict: Verdict | None
) -> tuple[Condition, str]:
    """Of an instance that runs and is not proven ready. ``verdict``: None where there is no port to check."""
    because = verdict.because if verdict is not None else "It has only just started."
    if evidence is None:
        if berth.age() > berth.health.start_within:
            return failed(berth, status, because)
        return Condition.STARTING, because
    if status.restarts > evidence.restarts:
        return Condition.UNREADY, f"{_end_of(berth, status)} It was started again. {because}"
    passes = verdict is not None and verdict.ready is True
    fails = verdict is not None and verdict.ready is False
    if fails or not (evidence.ready or passes):
        return Condition.UNREADY, because
    if not berth.port or evidence.holds():
        return (Condition.READY, "") if evidence.holds() else (Condition.UNREADY, "It has just ended.")
    # The socket may have gone over to another of its processes: a server that reloads itself. Or another control plane
    # has found it lost, perhaps after a sleep of its own, while it passes our checks.
    foreign = confirm(berth, status.restarts)
    return (Condition.UNREADY, foreign) if foreign else (Condition.READY, "")


def failed(berth: Berth, status: ProgramStatus, late: str = "") -> tuple[Condition, str]:
    """It will not become ready by waiting: it has ended before it was, or it is too late."""
    if late:
        because = f"It was not ready within {berth.health.start_within:g} s. {late}"
    else:
        because = f"{_end_of(berth, status)} It was not ready yet."
    return Condition.FAILED, f"{because} Its last lines:\n{_last_words(berth) or '(it wrote nothing)'}"


def _last_words(berth: Berth) -> str:
    redaction = of_folder(berth.secrets)
    written = Shim(berth.folder).tail(LAST_WORDS + redaction.reach)
    return redaction.last(written, LAST_WORDS).decode(errors="replace").strip()


def _end_of(berth: Berth, status: ProgramStatus) -> str:
    code = status.exit_code
    times = "" if status.restarts == 1 else f" {status.restarts} times, last"
    if status.oom and berth.memory_bytes:
        return f"It ended{times} because it used more than its {berth.memory_bytes // 2**20} MiB of memory."
    if code is not None and code < 0:
        return f"It was ended{times} by signal {-code}."
    return f"It ended{times} with exit code {code}."
