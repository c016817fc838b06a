"""Launching a shim: the folder's lock, the record of the program, and the process itself.

The lock is taken here and inherited, so that it is never free between the launch and the end of the shim. The program
goes over in memory, not in a file: it holds the environment and its secrets.
"""

import contextlib
import fcntl
import functools
import importlib.util
import json
import marshal
import os
import pwd
import queue
import resource
import secrets
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from lockgate.core.errors import Conflict, Invalid, Problem
from lockgate.drivers import cgroups, shim
from lockgate.drivers.program import Limits, Program

LOCK_WITHIN = 0.2
"""Seconds to wait for somebody who only looks whether the lock is free."""

User = tuple[int, int, list[int]]
"""User, group and further groups, as numbers."""


def take_lock(folder: Path, within: float = LOCK_WITHIN) -> int:
    """A descriptor that holds the folder's lock. The shim inherits it, so the lock is never free in between. Raises
    Conflict when somebody has held it for ``within`` seconds."""
    fd = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    deadline = time.monotonic() + within
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


@functools.cache
def boot_id() -> str:
    """Changes with each start of the machine."""
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()


def launch(folder: Path, program: Program, user: User | None, lock: int) -> None:
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
    _launched().put(child)


@functools.cache
def _launched() -> "queue.SimpleQueue[subprocess.Popen[bytes]]":
    """Children to wait for, so that no zombie stays: each ends as soon as it has forked the shim."""
    children: queue.SimpleQueue[subprocess.Popen[bytes]] = queue.SimpleQueue()

    def wait() -> None:
        while True:
            children.get().wait()

    threading.Thread(target=wait, name="shim-launches", daemon=True).start()
    return children


def _write_record(folder: Path, program: Program, token: str) -> None:
    fields = {name: getattr(program, name) for name in Program.__slots__}
    fields["limits"] = {name: getattr(program.limits, name) for name in Limits.__slots__}
    fields["environ"], fields["labels"] = dict(program.environ), dict(program.labels)
    text = json.dumps({"version": shim.VERSION, "token": token, "boot": boot_id(), "program": fields})
    new = folder / "program.json.new"
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(text)
    new.rename(folder / "program.json")


def _launch_record(program: Program, user: User | None, token: str) -> bytes:
    limits = program.limits
    wanted = {"memory": limits.memory_bytes, "cpu": limits.cpu, "pids": limits.pids}
    asked = {name: float(value) for name, value in wanted.items() if value is not None}
    # Joining a group takes the kernel some 10 ms (it waits for every processor), so only a limit is worth one.
    groups = cgroups.make(token, asked) if asked else cgroups.Groups()
    rlimits = [] if limits.open_files is None else [(resource.RLIMIT_NOFILE, limits.open_files)]
    if limits.memory_bytes is not None and "memory" not in groups.enforced:
        rlimits.append((resource.RLIMIT_DATA, limits.memory_bytes))
    return marshal.dumps(
        {
            "executable": _executable(program),
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


def _executable(program: Program) -> str:
    """The file to run; empty, which the kernel refuses as missing, when no folder of the program's ``PATH`` has it."""
    name = program.argv[0]
    if "/" in name:
        return name
    folders = [folder for folder in program.environ.get("PATH", "").split(":") if folder.startswith("/")]
    return shutil.which(name, path=":".join(folders)) or ""


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


def user_ids(user: str | None) -> User | None:
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
