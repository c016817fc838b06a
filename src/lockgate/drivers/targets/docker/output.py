"""What instances have printed, by the engine's time stamps: while they live from the engine, afterwards from a file.

A position in it is the stamp of the last line told, in nanoseconds. Secrets in it are masked; which they are is read
from the container itself, since whoever reads may have come after it.
"""

import io
import re
import tarfile
from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import Path

from lockgate.core.ids import InstanceId
from lockgate.drivers.redaction import Redaction
from lockgate.drivers.targets.docker.berths import Berth
from lockgate.drivers.targets.docker.creation import SECRETS
from lockgate.drivers.targets.docker.engine import Engine
from lockgate.ports import LogChunk

KEPT_LINES = 5000
"""Last lines of an ended instance that are kept."""
_STAMP = re.compile(rb"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(Z|[+-]\d\d:\d\d) ?")


class Output:
    """Of one data folder's instances. ``keep``: of so many ended ones."""

    def __init__(self, engine: Engine, folder: Path, keep: int) -> None:
        self._engine, self._folder, self._keep = engine, folder, keep
        self._redactions: dict[str, Redaction] = {}
        folder.mkdir(parents=True, exist_ok=True)

    def read(self, berth: Berth, after: int, limit: int) -> LogChunk:
        """Of one that is there. Raises NotFound, Unavailable."""
        with self._engine.asked("reading its output") as api:
            # Whole seconds: the stamps are finer than the number that the API takes.
            written = api.logs(berth.container, timestamps=True, since=after // 10**9 or None)
        return chunk(self._redaction(berth).masked(written).splitlines(keepends=True), after, limit)

    def tail(self, berth: Berth, lines: int) -> str:
        with self._engine.asked("reading its output") as api:
            written = api.logs(berth.container, tail=lines)
        return self._redaction(berth).masked(written).decode(errors="replace")

    def bury(self, berth: Berth) -> None:
        """Keeps the end of it, before the container is removed."""
        with self._engine.asked("reading its output") as api:
            written = api.logs(berth.container, timestamps=True, tail=KEPT_LINES)
        (self._folder / berth.id).write_bytes(self._redaction(berth).masked(written))
        self._redactions.pop(berth.container, None)
        kept = sorted(self._folder.iterdir(), key=lambda file: file.stat().st_mtime)
        for old in kept[: max(0, len(kept) - self._keep)]:
            old.unlink(missing_ok=True)

    def read_buried(self, instance: InstanceId, after: int, limit: int) -> LogChunk | None:
        """Of one that has ended; None: it is not kept (any more)."""
        try:
            with (self._folder / instance).open("rb") as file:
                return chunk(file, after, limit)
        except (FileNotFoundError, IsADirectoryError):
            return None

    def _redaction(self, berth: Berth) -> Redaction:
        """Raises NotFound, Unavailable: rather nothing is told than a secret."""
        if not berth.has_secrets:
            return Redaction(())
        if berth.container not in self._redactions:
            with self._engine.asked("reading its secrets") as api:
                pieces, _ = api.get_archive(berth.container, SECRETS)
                self._redactions[berth.container] = _of_archive(b"".join(pieces))
        return self._redactions[berth.container]


def _of_archive(data: bytes) -> Redaction:
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        files = [tar.extractfile(entry) for entry in tar if entry.isfile()]
        return Redaction([file.read().decode() for file in files if file is not None])


def chunk(lines: Iterable[bytes], after: int, limit: int) -> LogChunk:
    """Lines behind ``after``, up to about ``limit`` bytes. Lines of one stamp stay together, so that reading on neither
    repeats nor loses one; lines without a stamp belong to the one before."""
    told, size, last = [], 0, after
    for stamp, text in _stamped(lines):
        if stamp <= after:
            continue
        if size >= limit and stamp > last:
            break
        told.append(text)
        size, last = size + len(text), max(last, stamp)
    return LogChunk(b"".join(told).decode(errors="replace"), last)


def _stamped(lines: Iterable[bytes]) -> Iterator[tuple[int, bytes]]:
    stamp = 0
    for line in lines:
        found = _STAMP.match(line)
        if found is None:
            yield stamp, line
            continue
        whole = datetime.fromisoformat(found[1].decode() + found[3].decode().replace("Z", "+00:00"))
        # Output of two streams may come in another order than it was stamped.
        stamp = max(stamp, int(whole.timestamp()) * 10**9 + int((found[2] or b"0").ljust(9, b"0")))
        yield stamp, line[found.end() :]
