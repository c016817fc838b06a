"""Who listens on a port of this machine. A health check may be answered by somebody else; the kernel knows.

Source: ``/proc/PID/net/tcp`` (proc_pid_net(5)): addresses are hexadecimal, in the machine's byte order; state ``0A``
is LISTEN, and the kernel lists the listening sockets first.
"""

import contextlib
import os
import socket
import struct
from collections.abc import Collection, Iterator
from dataclasses import dataclass

LISTEN = "0A"


@dataclass(frozen=True, slots=True)
class Holder:
    """A process that holds a listening socket. It can be looked at again in microseconds."""

    pid: int
    fd: int
    inode: int

    def holds(self) -> bool:
        """Still the same socket."""
        with contextlib.suppress(OSError):
            return os.readlink(f"/proc/{self.pid}/fd/{self.fd}") == f"socket:[{self.inode}]"  # noqa: PTH115
        return False


def listening(host: str, port: int, pid: int | str = "self") -> set[int]:
    """Inodes of the sockets that answer for the IPv4 address ``host:port`` in the network of that process."""
    exact: set[int] = set()
    wild: set[int] = set()
    address = f"{struct.unpack('=I', socket.inet_aton(host))[0]:08X}"
    for table in ("tcp", "tcp6"):
        for local, inode in _sockets(f"/proc/{pid}/net/{table}"):
            where, _, number = local.partition(":")
            if int(number, 16) != port:
                continue
            if where.endswith(address) and len(where) in (8, 32):
                exact.add(inode)
            elif not where.strip("0"):
                wild.add(inode)
    # A socket bound to the address itself gets the connection before one bound to all addresses.
    return exact or wild


def _sockets(table: str) -> Iterator[tuple[str, int]]:
    """Local address and inode of each listening socket."""
    with contextlib.suppress(OSError), open(table) as lines:  # noqa: PTH123
        next(lines, None)
        for line in lines:
            fields = line.split()
            if fields[3] != LISTEN:
                return
            yield fields[1], int(fields[9])


def holders(inodes: Collection[int], pids: Collection[int]) -> dict[int, Holder]:
    """Inode -> one of ``pids`` that holds it; those that none of them holds are missing."""
    wanted = {f"socket:[{inode}]": inode for inode in inodes}
    found: dict[int, Holder] = {}
    for pid in sorted(pids):
        for fd, link in _open_files(pid):
            if link in wanted:
                found.setdefault(wanted[link], Holder(pid, fd, wanted[link]))
    return found


def _open_files(pid: int) -> Iterator[tuple[int, str]]:
    with contextlib.suppress(OSError):
        for name in os.listdir(f"/proc/{pid}/fd"):  # noqa: PTH208
            with contextlib.suppress(OSError):
                yield int(name), os.readlink(f"/proc/{pid}/fd/{name}")  # noqa: PTH115


def stranger(host: str, port: int, inodes: Collection[int]) -> str:
    """A sentence on who else answers there, as far as we may see."""
    every = [int(name) for name in os.listdir("/proc") if name.isdigit()]  # noqa: PTH208
    for holder in holders(inodes, every).values():
        name = ""
        with contextlib.suppress(OSError), open(f"/proc/{holder.pid}/comm") as file:  # noqa: PTH123
            name = file.read().strip()
        return f"{host}:{port} is answered by another program: {name or 'unknown'} (process {holder.pid})."
    return f"{host}:{port} is answered by a program that is not this instance's."
