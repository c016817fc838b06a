"""Commands as tasks: each under a shim of its own, so that it goes on when the control plane dies, and is found again
by its handle with its result."""

import contextlib
import os
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from lockgate.core.errors import Conflict, NotFound, Unavailable
from lockgate.core.ids import digest_of, short
from lockgate.core.plan import Fence
from lockgate.drivers import launch, supervision
from lockgate.drivers.claims import Claims
from lockgate.drivers.program import Program, ProgramStatus, Restart
from lockgate.drivers.redaction import Redaction, nothing
from lockgate.drivers.storage import storage
from lockgate.drivers.supervision import Shim
from lockgate.ports import Phase, Polled

GRACE = 5.0
"""Seconds from the stop signal, when its time is over, to KILL of everything it started."""
OVERDUE = 10.0
"""Seconds beyond that in which a shim that is not frozen would have seen to it."""
LAST_WORDS = 4000
"""Bytes of output that are told."""


@dataclass(frozen=True, slots=True)
class Settings:
    """``home`` may be shared by several control planes of the machine."""

    home: Path
    path: str = ""
    """``PATH``; empty: ours."""
    keep: int = 200
    """So many ended tasks, with their output."""
    log_bytes: int = 1024 * 1024


class CommandTask:
    """See :class:`lockgate.ports.Task`. A command finds its inputs as environment variables, an empty working folder,
    and nothing else of the control plane's own environment but ``PATH``."""

    def __init__(self, settings: Settings, redaction: Callable[[], Redaction] = nothing) -> None:
        """``redaction``: of what must not be told of its output."""
        self._settings = settings
        self._redaction = redaction
        self._claims = Claims(settings.home / "claims")
        self._tasks = settings.home / "tasks"
        self._tasks.mkdir(parents=True, exist_ok=True)

    def start(self, handle: str, inputs: Mapping[str, str], words: Sequence[str], timeout: float, fence: Fence) -> None:
        """``timeout``: seconds it may run. Raises Fenced, StorageFull, Unavailable."""
        self._claims.admit(fence.deployment, fence)
        folder = self._folder(handle)
        with storage(self._tasks, f"starting {words[0]!r}"):
            (folder / "work").mkdir(parents=True, exist_ok=True)
            lock = _lock_if_new(folder)
            if lock is None:
                return
            program = Program(
                argv=tuple(words),
                cwd=str(folder / "work"),
                environ={**self._environ(folder), **inputs},
                restart=Restart.NEVER,
                grace=GRACE,
                within=timeout,
                log_bytes=self._settings.log_bytes,
                log_files=2,
                labels={"handle": handle, "until": str(_boot_time() + timeout + GRACE + OVERDUE)},
            )
            supervision.start(folder, program, lock)
            self._forget_old()

    def poll(self, handle: str) -> Polled:
        """Raises :class:`NotFound` for a handle that was never started, or is not kept any more; Unavailable."""
        shim = Shim(self._folder(handle))
        if not shim.folder.is_dir():
            raise NotFound(f"There is no task {handle!r}.", "Start it first.")
        try:
            status = shim.status()
        except supervision.Gone:
            with contextlib.suppress(Conflict):
                shim.sweep()
            return Polled(Phase.FAILED, f"It was killed together with its shim. {self._last_lines(shim)}")
        except Unavailable:
            if _boot_time() < float(shim.program().labels["until"]):
                raise
            shim.kill()
            return Polled(Phase.FAILED, f"Its shim was frozen for longer than it may run. {self._last_lines(shim)}")
        if status.state != "exited":
            return Polled(Phase.WORKING, "It is running.")
        return self._result(shim, status)

    def cancel(self, handle: str) -> None:
        """The task is asked to stop, then made to; its result is a failure. Nothing happens when it has ended."""
        with contextlib.suppress(Unavailable):
            Shim(self._folder(handle)).stop()

    def output(self, handle: str, after: int, limit: int) -> tuple[bytes, int]:
        """What it has written from offset ``after`` on, and the offset to go on from."""
        return self._redaction().read(Shim(self._folder(handle)).log, after, limit)

    def _result(self, shim: Shim, status: ProgramStatus) -> Polled:
        words = self._last_lines(shim)
        if status.timed_out:
            limit = shim.program().within
            return Polled(Phase.FAILED, f"It was stopped because it ran longer than {limit:g} s. {words}")
        code = status.exit_code or 0
        if code < 0:
            return Polled(Phase.FAILED, f"It was ended by signal {-code}. {words}")
        if code:
            return Polled(Phase.FAILED, f"It ended with exit code {code}. {words}")
        return Polled(Phase.DONE, "It ended with exit code 0.", {"output": self._tail(shim)})

    def _last_lines(self, shim: Shim) -> str:
        tail = self._tail(shim)
        return f"Its last lines:\n{tail}" if tail else "It wrote nothing."

    def _tail(self, shim: Shim) -> str:
        redaction = self._redaction()
        whole = shim.tail(LAST_WORDS + redaction.reach)
        return redaction.last(whole, LAST_WORDS).decode(errors="replace").strip()

    def _folder(self, handle: str) -> Path:
        return self._tasks / short(digest_of(handle))

    def _environ(self, folder: Path) -> dict[str, str]:
        path = self._settings.path or os.environ.get("PATH", os.defpath)
        return {"PATH": path, "LANG": "C.UTF-8", "HOME": str(folder / "work")}

    def _forget_old(self) -> None:
        kept = sorted(self._tasks.iterdir(), key=lambda folder: folder.stat().st_mtime, reverse=True)
        for folder in kept[self._settings.keep :]:
            if not Shim(folder).locked():
                shutil.rmtree(folder, ignore_errors=True)


def _lock_if_new(folder: Path) -> int | None:
    """The lock for its shim; None: it was started before. One whose starter died before there was a shim is new."""
    if Shim(folder).locked():
        return None
    try:
        lock = launch.take_lock(folder)
    except Conflict:
        return None
    if (folder / "state.json").exists():
        os.close(lock)
        return None
    return lock


def _boot_time() -> float:
    return time.clock_gettime(time.CLOCK_BOOTTIME)
