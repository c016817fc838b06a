"""What of this machine Lockgate can use, and how to mend what it cannot. Looks only; changes nothing."""

import os
import platform
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from lockgate.core.errors import LockgateError
from lockgate.drivers import cgroups
from lockgate.drivers.routers.envoy import find_binary
from lockgate.messages import Usable

DOCKER = Path("/var/run/docker.sock")


def examine(home: Path, envoy: Path | None, ports: tuple[int, int], database: str) -> tuple[Usable, ...]:
    """The first six are what nothing works without."""
    return (
        _python(),
        _folder(home),
        _database(database),
        _ports(ports),
        _found("router", lambda: str(find_binary(envoy))),
        _found("uv", _uv),
        _program("git", "git artifacts over ssh, and signed commits", "Install git."),
        _program("npm", "npm artifacts", "Install Node.js and npm."),
        _limits(),
        _docker(),
    )


def _python() -> Usable:
    version = platform.python_version()
    return Usable("python", sys.version_info >= (3, 11), f"Python {version} runs Lockgate.", "Use Python 3.11 or newer.")


def _folder(home: Path) -> Usable:
    place = next((p for p in (home, *home.parents) if p.exists()), home)
    if not os.access(place, os.W_OK | os.X_OK):
        return Usable("data folder", False, f"{place} cannot be written to.", "Name another folder with LOCKGATE_HOME.")
    free = shutil.disk_usage(place).free / 2**30
    because = f"{home} has {free:.1f} GiB free."
    return Usable("data folder", free > 0.5, because, "Free some space; half a GiB is the least.")


def _database(url: str) -> Usable:
    if url.startswith("sqlite"):
        return Usable("database", True, "SQLite, in the data folder.")
    try:
        import psycopg  # noqa: F401
    except ImportError:
        return Usable("database", False, "The Postgres driver is missing.", "Install lockgate[postgres].")
    return Usable("database", True, "Postgres, by the URL in LOCKGATE_DATABASE.")


def _ports(ports: tuple[int, int]) -> Usable:
    first, last = ports
    free = next((port for port in range(first, last + 1) if _is_free(port)), None)
    because = f"Ports {first}-{last} are for instances" + ("." if free else ", and none of them is free.")
    return Usable("ports", free is not None, because, "Name others with LOCKGATE_PORTS.")


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def _uv() -> str:
    import uv

    return str(uv.find_uv_bin())


def _found(subject: str, find: Callable[[], str]) -> Usable:
    try:
        return Usable(subject, True, f"{find()} is used.")
    except LockgateError as error:
        return Usable(subject, False, error.because, error.mend)
    except (ImportError, OSError) as error:
        return Usable(subject, False, f"{subject} was not found: {error}.", "Install Lockgate again with its dependencies.")


def _program(name: str, purpose: str, mend: str) -> Usable:
    path = shutil.which(name)
    if path is None:
        return Usable(name, False, f"{name} is not on PATH; it is needed for {purpose}.", mend)
    try:
        version = subprocess.run([path, "--version"], capture_output=True, text=True, timeout=20, check=True).stdout
    except (OSError, subprocess.SubprocessError) as error:
        return Usable(name, False, f"{path} does not run: {error}.", mend)
    return Usable(name, True, f"{path} ({version.strip().splitlines()[0]}) serves {purpose}.")


def _limits() -> Usable:
    if cgroups.writable():
        return Usable("limits", True, "Control groups limit what instances use.")
    mend = "Run Lockgate where it may write to /sys/fs/cgroup; otherwise only rlimits apply."
    return Usable("limits", False, "No control group can be made here: memory is limited by rlimit only.", mend)


def _docker() -> Usable:
    if not DOCKER.exists():
        return Usable("docker", False, "No Docker engine answers here; this version does not need one.")
    return Usable("docker", True, f"A Docker engine has {DOCKER}; this version has no target for it yet.")
