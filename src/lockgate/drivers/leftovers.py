"""What outlives a shim that was killed: the program dies with it, but not what the program had started."""

import contextlib
import os
import signal
import time
from collections.abc import Mapping
from typing import Any

from lockgate.drivers import cgroups, shim


def end(token: str, state: Mapping[str, Any]) -> None:
    """Kills all that the shim of that token left behind and removes its control groups. ``state``: its last."""
    deadline = time.monotonic() + shim.KILL_WITHIN
    while (left := find(token, state)) and time.monotonic() < deadline:
        for pid in left:
            with contextlib.suppress(OSError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.002)
    cgroups.remove(token)


def find(token: str, state: Mapping[str, Any]) -> set[int]:
    """Living processes of that shim: members of its control groups, and all that inherited its mark or its session."""
    mark = f"{shim.MARK}={token}".encode()
    found = cgroups.members(token)
    for name in os.listdir("/proc"):  # noqa: PTH208  hundreds of names, as plain numbers
        if name.isdigit():
            marks = _marks(name)
            if mark in marks or (not marks and _in_session(int(name), state)):
                found.add(int(name))
    return {pid for pid in found if shim.alive(pid)}


def _marks(pid: str) -> list[bytes]:
    try:
        with open(f"/proc/{pid}/environ", "rb") as file:  # noqa: PTH123
            return [word for word in file.read().split(b"\0") if word.startswith(shim.MARK.encode())]
    except OSError:
        return []


def _in_session(pid: int, state: Mapping[str, Any]) -> bool:
    """For programs that write their title over their environment. The kernel gives no process the number of a session
    that has members, so only a living leader with another start time makes the session somebody else's."""
    leader, started = state.get("pid"), state.get("pid_started")
    fields = shim.stat_of(pid)
    if not leader or not started or fields[3:4] != [str(leader)] or int(fields[19]) < int(started):
        return False
    return shim.start_time(leader) in (0, started)
