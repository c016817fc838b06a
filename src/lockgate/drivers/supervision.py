"""Programs that outlive us: start one under a shim, find it again, ask it, end it.

A folder is a program: ``program.json`` (what runs), ``state.json`` (how it stands), ``log.*``, ``sock``, and ``lock``,
which the shim holds from its launch to its end. A free lock is a dead shim: no process numbers are trusted, and there
is never a second shim on a folder. The other end is ``shim.py``.
"""

import contextlib
import errno
import fcntl
import functools
import importlib.util
import json
import marshal
import os
import pwd
import resource
import secrets
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

from lockgate.core.errors import Conflict, Invalid, NotFound, Problem, Unavailable
from lockgate.drivers import cgroups, shim

PATIENCE = 0.5
"""Seconds a shim may take to answer; it needs less than a thousandth."""
LOCK_WITHIN = 0.2


class Gone(NotFound):
    """The shim is dead and left no result."""


class Restart(StrEnum):
    """What happens when the program ends by itself."""

    ALWAYS = "always"
    NEVER = "never"


@dataclass(frozen=True, slots=True)
class Limits:
    """Of the program with everything it starts; None is no limit. ``memory_bytes`` holds for each process by itself
    where the machine has no memory control group; ``cpu`` and ``pids`` need one, and the log says if there is none."""

    memory_bytes: int | None = None
    cpu: float | None = None
    """Cores."""
    pids: int | None = None
    open_files: int | None = None


@dataclass(frozen=True, slots=True)
class Program:
    """What a shim runs."""

    argv: tuple[str, ...]
    cwd: str
    environ: Mapping[str, str]
    """All of it; ``PATH`` in it finds ``argv[0]``. The shim's mark is added."""
    restart: Restart = Restart.ALWAYS
    stop_signal: int = signal.SIGTERM
    grace: float = 10.0
    """Seconds between the stop signal and KILL of everything it started."""
    limits: Limits = Limits()
    user: str | None = None
    """Name or number; another one than ours needs root."""
    log_bytes: int = 10 * 1024 * 1024
    """Of each log file."""
    log_files: int = 3
    within: float | None = None
    """Seconds it may run before it is stopped; None: as long as it likes."""
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ProgramStatus:
    """How a program stands."""

    state: str
    """``starting``, ``running``, ``backoff``, ``stopping`` or ``exited``."""
    pid: int | None
    """Of the main process."""
    shim_pid: int
    """0 while starting."""
    restarts: int
    """Times it ended by itself and was, or will be, started again."""
    started_at: float
    """Seconds since the epoch of the last start."""
    exit_code: int | None
    """Of the last end; negative: the signal that ended it."""
    oom: bool
    """The last end was by the memory limit."""
    timed_out: bool = False
    labels: Mapping[str, str] = field(default_factory=dict)


STARTING = ProgramStatus("starting", None, 0, 0, 0.0, None, False)


def alive(pid: int) -> bool:
    """There is such a process and it is not a zombie."""
    return bool(pid) and shim.stat_of(pid)[:1] not in ([], ["Z"], ["X"])


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

    def stop(self) -> None:
        """Asks for the stop signal, the grace and KILL of everything, and returns at once. Nothing happens when it has
        ended or is being stopped. Raises Unavailable when the shim does not answer."""
        deadline = time.monotonic() + PATIENCE
        while not self._ask(b"stop", PATIENCE) and self.locked():
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
        """Without asking: the shim, then :meth:`sweep`. For one that is frozen."""
        state = self._state()
        pid = int(state.get("shim_pid", 0))
        # The start time proves that the number has not been given to another process since.
        if pid and shim.stat_of(pid)[19:20] == [str(state.get("shim_started"))]:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        deadline = time.monotonic() + LOCK_WITHIN
        while self.locked() and time.monotonic() < deadline:
            time.sleep(0.002)
        self.sweep()

    def sweep(self) -> None:
        """Ends what a dead shim left behind: processes that outlived the main one, control groups. Raises Conflict
        when the shim lives."""
        if self.locked():
            raise Conflict(f"The shim in {self.folder} lives.", "Stop it instead.")
        try:
            token = str(self._record()["token"])
        except Gone:
            return
        deadline = time.monotonic() + shim.KILL_WITHIN
        while (left := _leftovers(token)) and time.monotonic() < deadline:
            for pid in left:
                with contextlib.suppress(OSError):
                    os.kill(pid, signal.SIGKILL)
            time.sleep(0.002)
        cgroups.remove(token)

    # --- behind the doors ---

    def _ask(self, request: bytes, patience: float) -> bytes:
        """Empty: nobody listens."""
        try:
            folder = os.open(self.folder, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        except OSError:
            return b""
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as connection:
                connection.settimeout(patience)
                # By way of the descriptor: a socket's address has at most 107 bytes, a data folder's name may have more.
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


def _leftovers(token: str) -> set[int]:
    """Living processes of that shim: members of its control groups, and all that inherited its mark."""
    mark = f"{shim.MARK}={token}".encode()
    found = {pid for pid in cgroups.members(token) if alive(pid)}
    for name in os.listdir("/proc"):  # noqa: PTH208  hundreds of names, as plain numbers
        if name.isdigit():
            with contextlib.suppress(OSError), open(f"/proc/{name}/environ", "rb") as file:  # noqa: PTH123
                if mark in file.read().split(b"\0"):
                    found.add(int(name))
    return {pid for pid in found if alive(pid)}


# --- starting ---


def start(folder: Path, program: Program) -> Shim:
    """Launches a shim and returns at once. The folder is made if need be; what an earlier shim left there is ended
    first, its log is continued. Raises Conflict when a shim lives there, Invalid for a user that cannot be used,
    Unavailable when the machine cannot start another process."""
    user = _user_ids(program.user)
    folder.mkdir(parents=True, exist_ok=True)
    lock = _lock(folder)
    try:
        if (folder / "state.json").exists():
            _forget(folder)
        _launch(folder, program, user, lock)
    except OSError as error:
        raise Unavailable(f"{program.argv[0]!r} cannot be started in {folder}: {error}.") from error
    finally:
        os.close(lock)
    return Shim(folder)


def _forget(folder: Path) -> None:
    with contextlib.suppress(Gone):
        token = str(Shim(folder)._record()["token"])
        for pid in _leftovers(token):
            with contextlib.suppress(OSError):
                os.kill(pid, signal.SIGKILL)
        cgroups.remove(token)
    (folder / "state.json").unlink()


def _lock(folder: Path) -> int:
    """A descriptor that holds the folder's lock. The shim inherits it, so the lock is never free in between."""
    fd = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    deadline = time.monotonic() + LOCK_WITHIN
    while True:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return fd
        except BlockingIOError as error:
            # Somebody who only looks holds it for microseconds.
            if time.monotonic() > deadline:
                os.close(fd)
                raise Conflict(f"A shim already runs in {folder}.", "Stop it first.") from error
            time.sleep(0.002)


def _launch(folder: Path, program: Program, user: tuple[int, int, list[int]] | None, lock: int) -> None:
    token = secrets.token_hex(8)
    _write_record(folder, program, token)
    script = folder / "shim.pyc"
    script.write_bytes(_bytecode())
    command = [sys.executable, "-I", "-S", "-X", "utf8", str(script), str(folder), str(lock)]
    with _handed_over(_launch_record(program, user, token)) as record, (folder / "shim.err").open("ab") as errors:
        child = subprocess.Popen(
            command,
            stdin=record,
            stdout=errors,
            stderr=errors,
            env={k: os.environ[k] for k in ("PATH", "LD_LIBRARY_PATH") if k in os.environ},
            pass_fds=(lock,),
            start_new_session=True,
        )
    # The child ends as soon as it has forked the shim; nobody waits for it but this.
    threading.Thread(target=child.wait, name="shim-launch", daemon=True).start()


def _write_record(folder: Path, program: Program, token: str) -> None:
    fields = {name: getattr(program, name) for name in Program.__slots__}
    fields["limits"] = {name: getattr(program.limits, name) for name in Limits.__slots__}
    fields["environ"], fields["labels"] = dict(program.environ), dict(program.labels)
    text = json.dumps({"version": shim.VERSION, "token": token, "program": fields})
    new = folder / "program.json.new"
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(text)
    new.rename(folder / "program.json")


def _launch_record(program: Program, user: tuple[int, int, list[int]] | None, token: str) -> bytes:
    limits = program.limits
    wanted = {"memory": limits.memory_bytes, "cpu": limits.cpu, "pids": limits.pids}
    asked = {name: float(value) for name, value in wanted.items() if value is not None}
    groups = cgroups.make(token, asked)
    rlimits = [] if limits.open_files is None else [(resource.RLIMIT_NOFILE, limits.open_files)]
    if limits.memory_bytes is not None and "memory" not in groups.enforced:
        rlimits.append((resource.RLIMIT_DATA, limits.memory_bytes))
    return marshal.dumps(
        {
            "argv": list(program.argv),
            "cwd": program.cwd,
            "environ": {**program.environ, shim.MARK: token},
            "restart": program.restart.value,
            "stop_signal": int(program.stop_signal),
            "grace": program.grace,
            "within": program.within,
            "user": user,
            "log_bytes": program.log_bytes,
            "log_files": program.log_files,
            "labels": json.dumps(dict(program.labels)),
            "cgroups": list(groups.folders),
            "unified": groups.unified,
            "rlimits": rlimits,
            "notes": [_note(name) for name in sorted(asked.keys() - groups.enforced)],
        }
    )


def _note(limit: str) -> str:
    how = "holds for each process by itself" if limit == "memory" else "is not applied"
    return f"this machine has no {limit} control group for us, so the limit {how}."


@contextlib.contextmanager
def _handed_over(data: bytes) -> Iterator[int]:
    """A descriptor to read ``data`` from; in memory, since it holds the environment and its secrets."""
    fd = os.memfd_create("program")
    try:
        os.write(fd, data)
        os.lseek(fd, 0, os.SEEK_SET)
        yield fd
    finally:
        os.close(fd)


@functools.cache
def _bytecode() -> bytes:
    """The shim, compiled once: it is never imported in its own process, so Python would compile it at each start."""
    source = Path(shim.__file__)
    return importlib.util.MAGIC_NUMBER + bytes(12) + marshal.dumps(compile(source.read_bytes(), str(source), "exec"))


def _user_ids(user: str | None) -> tuple[int, int, list[int]] | None:
    if user is None:
        return None
    try:
        entry = pwd.getpwuid(int(user)) if user.isdigit() else pwd.getpwnam(user)
    except KeyError as error:
        mend = "Name a user of this machine."
        raise Invalid([Problem("request", None, "user", f"there is no user {user!r} here.", mend)]) from error
    if entry.pw_uid == os.geteuid():
        return None
    if os.geteuid() != 0:
        mend = "Run Lockgate as root, or leave the user out."
        raise Invalid([Problem("request", None, "user", f"only root may run programs as {user!r}.", mend)])
    return entry.pw_uid, entry.pw_gid, os.getgrouplist(entry.pw_name, entry.pw_gid)


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
