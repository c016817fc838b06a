"""Control groups of one program, as far as this machine lets us: v2, v1, both, or none.

v2 also kills a whole tree at once (``cgroup.kill``), so a group is made there even without limits. Interface files:
the kernel's ``admin-guide/cgroup-v2`` and ``cgroup-v1`` pages.
"""

import contextlib
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

MOUNT = Path("/sys/fs/cgroup")
PARENT = "lockgate"
PERIOD = 100_000
"""Microseconds over which processor time is counted."""

Settings = tuple[tuple[str, object], ...]
"""File -> value; the first is the limit, the others sharpen it where the kernel has them."""

_V2: Mapping[str, Callable[[float], Settings]] = {
    "memory": lambda n: (("memory.max", int(n)), ("memory.swap.max", 0), ("memory.oom.group", 1)),
    "cpu": lambda n: (("cpu.max", f"{int(n * PERIOD)} {PERIOD}"),),
    "pids": lambda n: (("pids.max", int(n)),),
}
_V1: Mapping[str, Callable[[float], Settings]] = {
    "memory": lambda n: (("memory.limit_in_bytes", int(n)), ("memory.memsw.limit_in_bytes", int(n))),
    "cpu": lambda n: (("cpu.cfs_quota_us", int(n * PERIOD)), ("cpu.cfs_period_us", PERIOD)),
    "pids": lambda n: (("pids.max", int(n)),),
}


@dataclass(frozen=True, slots=True)
class Groups:
    """What was made: folders to join, and the limits that hold there."""

    folders: tuple[str, ...] = ()
    unified: str = ""
    """The v2 folder with ``cgroup.kill``; empty: none."""
    enforced: frozenset[str] = frozenset()
    """Of ``memory``, ``cpu``, ``pids``."""


def unified_mount() -> Path | None:
    """Where the v2 tree is, alone or beside v1."""
    return next((p for p in (MOUNT, MOUNT / "unified") if (p / "cgroup.controllers").exists()), None)


def make(token: str, wanted: Mapping[str, float]) -> Groups:
    """Groups named ``token`` with the wanted limits (bytes, cores, processes). Never fails: what cannot be had is
    missing from the answer."""
    folders: list[str] = []
    enforced: set[str] = set()
    mount = unified_mount()
    controllers = (mount / "cgroup.controllers").read_text().split() if mount else []
    unified = _make_unified(mount, token, [n for n in wanted if n in controllers]) if mount else ""
    if unified:
        folders.append(unified)
    for name, value in wanted.items():
        if unified and name in controllers:
            place, settings = unified, _V2[name](value)
        else:
            place, settings = _make(MOUNT / name, token), _V1[name](value)
            folders.extend([place] if place else [])
        if place and _apply(Path(place), settings):
            enforced.add(name)
    killable = unified if unified and Path(unified, "cgroup.kill").exists() else ""
    return Groups(tuple(folders), killable, frozenset(enforced))


def _make_unified(mount: Path, token: str, controllers: list[str]) -> str:
    folder = _make(mount, token)
    for place in (mount, mount / PARENT):
        for name in controllers:
            _write(place / "cgroup.subtree_control", f"+{name}")
    return folder


def _make(mount: Path, token: str) -> str:
    folder = mount / PARENT / token
    try:
        if not mount.is_dir():
            return ""
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        return ""
    return str(folder)


def _apply(folder: Path, settings: Settings) -> bool:
    done = [_write(folder / name, value) for name, value in settings]
    return done[0]


def _write(file: Path, value: object) -> bool:
    try:
        file.write_text(str(value))
    except OSError:
        return False
    return True


def of(token: str) -> tuple[Path, ...]:
    """Groups of that name that exist, the v2 one first."""
    mount = unified_mount()
    places = [*([mount] if mount else []), *(MOUNT / name for name in _V1)]
    return tuple(p / PARENT / token for p in places if (p / PARENT / token).is_dir())


def members(token: str) -> set[int]:
    """Processes in any of them."""
    found: set[int] = set()
    for folder in of(token):
        with contextlib.suppress(OSError):
            found.update(map(int, (folder / "cgroup.procs").read_text().split()))
    return found


def remove(token: str) -> None:
    """Waits a moment: a group can be removed only when its last process has been reaped."""
    for folder in of(token):
        _remove(folder)


def _remove(folder: Path) -> None:
    for _ in range(50):
        try:
            folder.rmdir()
        except FileNotFoundError:
            return
        except OSError:
            time.sleep(0.005)


def writable() -> bool:
    """This process may make groups: what ``doctor`` reports."""
    mount = unified_mount()
    return mount is not None and os.access(mount, os.W_OK)
