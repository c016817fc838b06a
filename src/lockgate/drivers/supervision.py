"""Programs that outlive us: start one under a shim, find it again, ask it, end it.

A folder is a program: ``program.json`` (what runs), ``state.json`` (how it stands), ``log.*``, ``sock``, and ``lock``,
which the shim holds from its launch to its end. A free lock is a dead shim: no process numbers are trusted, and there
is never a second shim on a folder. The other end is ``shim.py``.
"""

import contextlib
import errno
import fcntl
import json
import os
import signal
import socket
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lockgate.core.errors import Conflict, NotFound, Unavailable
from lockgate.drivers import launch, leftovers, shim
from lockgate.drivers.program import Limits, Program, ProgramStatus, Restart
from lockgate.drivers.shim import alive
from lockgate.drivers.storage import storage

__all__ = ["Gone", "Limits", "Program", "ProgramStatus", "Restart", "Shim", "adopt", "alive", "programs", "start"]

PATIENCE = 0.5
"""Seconds a shim may take to answer; it needs less than a thousandth."""
KILL_WITHIN = 2.0
"""Seconds in which a killed process is gone, or never."""


class Gone(NotFound):
    """The shim is dead and left no result."""


STARTING = ProgramStatus("starting", None, 0, 0, 0.0, None, False)


class Shim:
    """A shim, by its folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __repr__(self) -> str:
        return f"Shim({self.folder})"

    def status(self, patience: float = PATIENCE) -> ProgramStatus:
        """Of an ended program with ``restart=never``: its result, for as long as the folder exists. Raises
        :class:`Gone` when the shim was killed, Unavailable when it does not answer in time (frozen)."""
        answer = self._ask(b"status", patience)
        return _status_of(answer) if answer else self._status_without_shim()

    def stop(self, patience: float = PATIENCE) -> None:
        """Asks for the stop signal, the grace and KILL of everything, and returns at once. Nothing happens when it has
        ended or is being stopped. Raises Unavailable when the shim does not answer."""
        deadline = time.monotonic() + patience
        while not self._ask(b"stop", patience) and self.locked():
            # It has been launched and does not listen yet, or has just finished.
            if time.monotonic() > deadline:
                raise Unavailable(f"The shim in {self.folder} does not listen.", "Lockgate will ask again.")
            time.sleep(0.002)

    def signal(self, number: int) -> None:
        """To the main process. Raises :class:`Gone`, Unavailable."""
        if not self._ask(f"signal {int(number)}".encode(), PATIENCE):
            raise self._gone()

    def program(self) -> Program:
        """As it was started. Raises :class:`Gone` when the folder holds none."""
        record = self._record()
        fields = {**record["program"], "argv": tuple(record["program"]["argv"])}
        fields["limits"] = Limits(**fields["limits"])
        fields["restart"] = Restart(fields["restart"])
        return Program(**fields)

    def pids(self) -> set[int]:
        """The main process and all its descendants; empty when there is none."""
        with contextlib.suppress(Gone):
            status = self.status()
            return shim.descendants(status.shim_pid) if status.shim_pid else set()
        return set()

    def log(self, after: int, limit: int) -> tuple[bytes, int]:
        """Up to ``limit`` bytes of output from logical offset ``after`` on, and the offset to go on from. Output that
        was rotated away is skipped."""
        for _ in range(8):
            with contextlib.suppress(FileNotFoundError):
                return _read_log(self.folder, after, limit)
        return b"", after

    def tail(self, limit: int) -> bytes:
        """The last ``limit`` bytes of output, at most."""
        with contextlib.suppress(OSError):
            starts = shim.log_starts(str(self.folder))
            if starts:
                end = starts[-1] + (self.folder / f"log.{starts[-1]}").stat().st_size
                return self.log(max(0, end - limit), limit)[0]
        return b""

    def locked(self) -> bool:
        """The shim is alive, or just being launched. It may be frozen."""
        try:
            fd = os.open(self.folder / "lock", os.O_RDWR | os.O_CLOEXEC)
        except OSError:
            return False
        try:
            fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        finally:
            os.close(fd)
        return False

    def kill(self) -> None:
        """Without asking: the shim, then :meth:`sweep`. For one that is frozen. Raises Unavailable when it cannot be
        found: it was frozen before it had told its number."""
        deadline = time.monotonic() + KILL_WITHIN
        while self.locked():
            if time.monotonic() > deadline:
                raise Unavailable(f"The shim in {self.folder} cannot be found.", "It may be frozen since its launch.")
            state = self._state()
            pid = int(state.get("shim_pid", 0))
            # The start time proves that the number has not been given to another process since.
            if pid and shim.start_time(pid) == state.get("shim_started"):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            time.sleep(0.002)
        self.sweep()

    def sweep(self) -> None:
        """Ends what a dead shim left behind: processes that outlived the main one, control groups. Raises Conflict
        when the shim lives."""
        if self.locked():
            raise Conflict(f"The shim in {self.folder} lives.", "Stop it instead.")
        self._end_leftovers()

    # --- behind the doors ---

    def _end_leftovers(self) -> None:
        with contextlib.suppress(Gone):
            record = self._record()
            # Numbers of processes mean nothing after a restart of the machine.
            if record.get("boot") == launch.boot_id():
                leftovers.end(str(record["token"]), self._state())

    def _ask(self, request: bytes, patience: float) -> bytes:
        """Empty: nobody listens."""
        try:
            folder = os.open(self.folder, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        except OSError:
            return b""
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as connection:
                connection.settimeout(patience)
                # By way of the descriptor: a socket's address has at most 107 bytes, a folder's name may have more.
                connection.connect(f"/proc/self/fd/{folder}/sock")
                connection.send(request)
                return connection.recv(shim.READ)
        except (TimeoutError, BlockingIOError) as error:
            because = f"The shim in {self.folder} has not answered for {patience} s; it may be frozen."
            raise Unavailable(because) from error
        except OSError as error:
            if error.errno in (errno.ENOENT, errno.ECONNREFUSED, errno.ECONNRESET, errno.EPIPE):
                return b""
            raise Unavailable(f"The shim in {self.folder} cannot be asked: {error}.") from error
        finally:
            os.close(folder)

    def _status_without_shim(self) -> ProgramStatus:
        launching = self.locked()
        state = self._state()
        if launching and not state:
            return STARTING
        if launching or state.get("state") == "exited":
            return _status_from(state)
        raise self._gone()

    def _state(self) -> dict[str, Any]:
        try:
            state: dict[str, Any] = json.loads((self.folder / "state.json").read_bytes())
        except (OSError, ValueError):
            return {}
        return state

    def _record(self) -> dict[str, Any]:
        try:
            record: dict[str, Any] = json.loads((self.folder / "program.json").read_bytes())
        except (OSError, ValueError) as error:
            raise Gone(f"{self.folder} holds no program that can be read: {error}.") from error
        return record

    def _gone(self) -> Gone:
        return Gone(f"The shim in {self.folder} has died.")


def _status_of(answer: bytes) -> ProgramStatus:
    return _status_from(json.loads(answer))


def _status_from(state: Mapping[str, Any]) -> ProgramStatus:
    return ProgramStatus(
        state=state["state"],
        pid=state["pid"],
        shim_pid=state["shim_pid"],
        restarts=state["restarts"],
        started_at=state["started_at"],
        exit_code=state["exit_code"],
        oom=state["oom"],
        timed_out=state["timed_out"],
        labels=state["labels"],
    )


def _read_log(folder: Path, after: int, limit: int) -> tuple[bytes, int]:
    starts = shim.log_starts(str(folder))
    if not starts:
        return b"", after
    start = max((s for s in starts if s <= after), default=starts[0])
    after = max(after, start)
    with (folder / f"log.{start}").open("rb") as file:
        file.seek(after - start)
        data = file.read(limit)
    following = [s for s in starts if s > start]
    if not data and following:
        return _read_log(folder, following[0], limit)
    return data, after + len(data)


# --- starting ---


def start(folder: Path, program: Program, lock: int | None = None) -> Shim:
    """Launches a shim and returns at once. The folder is made if need be; what an earlier shim left there is ended
    first, its log is continued. ``lock``: the folder's lock, if the caller has taken it (:func:`launch.take_lock`); it
    is closed here. Raises Conflict when a shim lives there, Invalid for a user that cannot be used, Unavailable when
    the machine cannot start another process, StorageFull."""
    folder, found = folder.absolute(), Shim(folder.absolute())
    try:
        user = launch.user_ids(program.user)
        with storage(folder, f"starting {program.argv[0]!r}"):
            folder.mkdir(parents=True, exist_ok=True)
            lock = launch.take_lock(folder) if lock is None else lock
            found._end_leftovers()
            (folder / "state.json").unlink(missing_ok=True)
            launch.launch(folder, program, user, lock)
    finally:
        if lock is not None:
            os.close(lock)
    return found


# --- finding again ---


def adopt(root: Path) -> list[Shim]:
    """Every living shim below ``root``. A folder that holds a program is not searched further; dead shims are left to
    the caller."""
    return [found for found in programs(root) if found.locked()]


def programs(root: Path) -> list[Shim]:
    """Every program below ``root``, its shim living or dead."""
    if (root / "program.json").exists():
        return [Shim(root)]
    try:
        folders = sorted(Path(entry.path) for entry in os.scandir(root) if entry.is_dir(follow_symlinks=False))
    except OSError:
        return []
    return [found for folder in folders for found in programs(folder)]
