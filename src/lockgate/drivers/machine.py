"""What of this machine Lockgate can use: looked at now, told with the way to mend it. Changes nothing.

A program is called usable when it has run and said its version, not when there is a file by its name.
"""

import os
import re
import shutil
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from lockgate.core.environment import Listen
from lockgate.core.errors import LockgateError
from lockgate.drivers import cgroups
from lockgate.drivers.docker_info import EngineAddress, look_at
from lockgate.drivers.docker_logins import DockerLogins
from lockgate.messages import Usable

PATIENCE = 10.0
"""Seconds a program may take to say its version."""

LOW_SPACE = 1 << 30
"""Bytes. A release of a Python application takes some 100 MB with its environment."""

OLDEST_PYTHON = (3, 11)
OLDEST_SQLITE = (3, 35, 0)
"""The first with RETURNING."""

_VERSION = re.compile(r"\d+\.\d+(\.\d+)?")
"""Envoy buries it between the commit and the way it was built."""


@dataclass(frozen=True, slots=True)
class Premises:
    """What the settings say of this machine."""

    home: Path
    listen: Listen
    ports: tuple[int, int]
    """First and last port for instances."""
    find_envoy: Callable[[], Path]
    """Raises :class:`LockgateError` saying how to mend it."""
    find_uv: Callable[[], Path]
    engines: Sequence[EngineAddress] = ()
    """That environments name, each once."""
    judge: Callable[[], object] | None = None
    """Works out a rule. Raises :class:`LockgateError` saying how to mend it. None: it is not looked at."""


def examine(premises: Premises, *, serving: bool = False) -> tuple[Usable, ...]:
    """Every subject, the needed ones first. ``serving``: the one who asks is the server, so that its own address is
    rightly taken."""
    return (
        _python(),
        _sqlite(),
        _program("router (Envoy)", premises.find_envoy),
        _program("uv (Python artifacts)", premises.find_uv),
        _data_folder(premises.home),
        _address(premises.listen, serving),
        _ports(premises.ports),
        _limits(),
        _on_path("node", "npm artifacts", "Install Node.js 20 or newer to deploy npm packages."),
        _on_path("npm", "npm artifacts", "Install npm to deploy npm packages."),
        _on_path("git", "git artifacts over ssh", "Install git to deploy from repositories reached by ssh."),
        *([_policies(premises.judge)] if premises.judge else []),
        *_engines(premises.engines),
        _logins(),
    )


def _python() -> Usable:
    found = ".".join(map(str, sys.version_info[:3]))
    good = sys.version_info >= OLDEST_PYTHON
    return Usable("Python", good, f"{found} at {sys.executable}.", "" if good else "Lockgate needs 3.11 or newer.")


def _sqlite() -> Usable:
    good = sqlite3.sqlite_version_info >= OLDEST_SQLITE
    mend = "" if good else "Use a Python with SQLite 3.35 or newer, or LOCKGATE_DATABASE with Postgres."
    return Usable("SQLite", good, f"{sqlite3.sqlite_version}.", mend)


def _program(subject: str, find: Callable[[], Path]) -> Usable:
    try:
        path = find()
    except LockgateError as error:
        return Usable(subject, False, error.because, error.mend)
    return _tried(subject, path, f"Put a {path.name} there that runs on this machine.")


def _policies(judge: Callable[[], object]) -> Usable:
    try:
        judge()
    except LockgateError as error:
        because = f"{error.because} Only environments with policies need it."
        return Usable("policies (CEL)", False, because, error.mend)
    return Usable("policies (CEL)", True, "A rule has been worked out.")


def _on_path(name: str, purpose: str, mend: str) -> Usable:
    found = shutil.which(name)
    subject = f"{name} ({purpose})"
    if found is None:
        return Usable(subject, False, f"There is no {name} on the PATH; nothing else needs it.", mend)
    return _tried(subject, Path(found), mend)


def _tried(subject: str, path: Path, mend: str) -> Usable:
    """The first line that ``--version`` prints is the proof."""
    try:
        done = subprocess.run([path, "--version"], capture_output=True, text=True, timeout=PATIENCE, check=True)
    except subprocess.CalledProcessError as error:
        words = (error.stderr or error.stdout or "").strip().splitlines()
        said = f": {words[-1]}" if words else ""
        return Usable(subject, False, f"{path} --version ended with {error.returncode}{said}.", mend)
    except subprocess.TimeoutExpired:
        return Usable(subject, False, f"{path} --version has not ended within {PATIENCE:.0f} s.", mend)
    except OSError as error:
        return Usable(subject, False, f"{path} cannot be run: {error.strerror}.", mend)
    said = next((line.strip() for line in done.stdout.splitlines() if line.strip()), "It runs")
    version = _VERSION.search(said.replace(str(path), ""))
    return Usable(subject, True, f"{version.group() if version else said} at {path}.")


def _data_folder(home: Path) -> Usable:
    """The folder, or where it would be made."""
    there = next(folder for folder in (home, *home.parents) if folder.exists())
    if not there.is_dir() or not os.access(there, os.W_OK | os.X_OK):
        mend = "Name another folder with --home or LOCKGATE_HOME."
        return Usable("data folder", False, f"{home} cannot be written: {there} is closed to this user.", mend)
    free = shutil.disk_usage(there).free
    because = f"{home}, {free / (1 << 30):.1f} GiB free."
    if free < LOW_SPACE:
        return Usable("data folder", False, because, "Free a gibibyte, or name a folder on another disk.")
    return Usable("data folder", True, because)


def _address(listen: Listen, serving: bool) -> Usable:
    if serving:
        return Usable("address", True, f"The server listens on {listen}.")
    if _free(listen.host, listen.port):
        return Usable("address", True, f"{listen} is free for the server.")
    mend = "End what listens there, or name another address with --listen or LOCKGATE_LISTEN."
    return Usable("address", False, f"{listen} is taken, and not by a server of this data folder.", mend)


def _ports(ports: tuple[int, int]) -> Usable:
    first, last = ports
    here = f"{first} to {last} for instances"
    ephemeral = _ephemeral()
    if ephemeral and first <= ephemeral[1] and last >= ephemeral[0]:
        because = f"{here} overlap those that Linux gives to outgoing connections ({ephemeral[0]} to {ephemeral[1]})."
        return Usable("ports", False, because, "Choose ports below them with LOCKGATE_PORTS.")
    return Usable("ports", True, f"{here}, apart from those of outgoing connections.")


def _ephemeral() -> tuple[int, int] | None:
    """``ip_local_port_range``; None where there is no such file."""
    try:
        first, last = Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()
        return int(first), int(last)
    except (OSError, ValueError):
        return None


def _free(host: str, port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
        return True


def _limits() -> Usable:
    if cgroups.writable():
        return Usable("control groups", True, "Limits on memory, processors and processes hold for whole instances.")
    because = "This user may not make control groups: limits hold for each process, not for a whole instance."
    mend = "Run Lockgate as root or with a delegated group (systemd: Delegate=yes) for hard limits."
    return Usable("control groups", False, because, mend)


def _engines(engines: Sequence[EngineAddress]) -> Iterator[Usable]:
    """The usual one, unless the environments name it themselves, and those they name."""
    named = {engine.place for engine in engines}
    usual = EngineAddress()
    for engine in (*(() if usual.place in named else (usual,)), *engines):
        yield from look_at(engine)


def _logins() -> Usable:
    """Their names only."""
    subject = "registry logins (images)"
    try:
        names = DockerLogins().registries()
    except LockgateError as error:
        return Usable(
            subject, False, str(error).removesuffix(error.mend).rstrip(), error.mend or "Run docker login again."
        )
    if not names:
        return Usable(subject, True, "None here: images are pulled from where everybody may.")
    return Usable(subject, True, f"{', '.join(names)}.")
