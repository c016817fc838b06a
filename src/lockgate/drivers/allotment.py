"""Ports for instances, given out one after the other, so that no two living ones get the same."""

import os
import secrets
import socket
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

from lockgate.core.errors import PortTaken
from lockgate.drivers.storage import locked


class Allotment:
    """Of one data folder, whose targets and control planes share it. ``host``: the address that must be free too; empty
    where it is another machine's."""

    def __init__(self, home: Path, host: str, ports: range) -> None:
        self._home, self._host, self._ports = home, host, ports

    @contextmanager
    def next(self, taken: Callable[[], Collection[int]]) -> Iterator[int]:
        """A port that is not ``taken`` and that nobody listens on. Nobody else gets one before the block ends: by then
        it must have been recorded where ``taken`` finds it. Raises PortTaken when there is none."""
        # Held for milliseconds; longer only if that control plane is frozen, and then it is told.
        with locked(self._home / "ports.lock", wait=1.0) as last:
            port = self._choose(taken(), int(os.pread(last, 16, 0) or 0))
            if not port:
                because = f"All {len(self._ports)} ports from {self._ports.start} to {self._ports.stop - 1} are in use."
                raise PortTaken(because, "Give the target a wider range of ports.")
            os.pwrite(last, f"{port:<8}".encode(), 0)
            yield port

    def _choose(self, taken: Collection[int], before: int) -> int:
        """0: there is none. First one that no connection lingers on, for programs that do not ask for its reuse; and
        not the one just given back, since somebody may still hold a connection to who had it."""
        # Another data folder's server does not see our lock: beginning elsewhere keeps the two apart.
        start = before + 1 if before in self._ports else secrets.choice(self._ports)
        order = [*range(start, self._ports.stop), *range(self._ports.start, start)]
        free = (port for reuse in (0, 1) for port in order if port not in taken and self._free(port, reuse))
        return next(free, 0)

    def _free(self, port: int, reuse: int) -> bool:
        if not self._host:
            return True
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, reuse)
            try:
                probe.bind((self._host, port))
            except OSError:
                return False
        return True
