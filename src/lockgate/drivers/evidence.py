"""Evidence that an instance has been ready: by which process, through which socket.

Kept on disk, so that a control plane that comes back knows at once; it holds only while that very process holds that
very socket.
"""

import contextlib
import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path

from lockgate.drivers import shim
from lockgate.drivers.listeners import Holder

FILE = "ready.json"


@dataclass(frozen=True, slots=True)
class Evidence:
    """That an instance has been ready, and by which process."""

    ready: bool
    pid: int
    pid_started: int
    restarts: int
    started_at: float
    """Seconds since the epoch."""
    holder: Holder | None
    """None: it has no port."""

    def holds(self) -> bool:
        """The process lives and the socket is still held."""
        fields = shim.stat_of(self.pid)
        same = bool(fields) and fields[0] != "Z" and int(fields[19]) == self.pid_started
        return self.ready and same and (self.holder is None or self.holder.holds())


class Proofs:
    """The evidence on disk, parsed again only when it has changed."""

    def __init__(self) -> None:
        self._known: dict[Path, tuple[tuple[int, int], Evidence | None]] = {}

    def of(self, folder: Path) -> Evidence | None:
        try:
            stat = os.stat(f"{folder}/{FILE}")  # noqa: PTH116  the steady state of every replica comes by here
        except OSError:
            self._known.pop(folder, None)
            return None
        stamp = (stat.st_ino, stat.st_mtime_ns)
        known = self._known.get(folder)
        if known is None or known[0] != stamp:
            known = self._known[folder] = stamp, read(folder)
        return known[1]


def read(folder: Path) -> Evidence | None:
    try:
        fields = json.loads((folder / FILE).read_bytes())
        holder = fields.pop("holder")
        return Evidence(**fields, holder=Holder(**holder) if holder else None)
    except (OSError, ValueError, TypeError):
        return None


def write(folder: Path, evidence: Evidence) -> None:
    """Whole or not at all. A full disk or a removed folder costs only the quick adoption."""
    new = folder / f"{FILE}.{os.getpid()}"
    with contextlib.suppress(OSError):
        new.write_text(json.dumps(asdict(evidence)))
        new.rename(folder / FILE)
