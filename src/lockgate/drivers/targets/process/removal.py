"""What is left to do for an instance that ends: see it through, keep its log, free its place.

All of it can be done again by anybody at any point: the mark in the berth says what was asked, and only who holds the
lock that the dead shim held moves the berth away, which frees its place at once.
"""

import contextlib
import os
import secrets
import shutil
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from lockgate.core.errors import Conflict, Unavailable
from lockgate.core.ids import InstanceId
from lockgate.drivers import launch, redaction, shim
from lockgate.drivers.supervision import Shim
from lockgate.drivers.targets.process.berths import Berth, Berths

PATIENCE = 5.0
"""Seconds beyond the grace that a shim has to stop its program; then it is taken for frozen and killed."""
HASTE, AGAIN = 0.1, 1.0
"""Seconds a shim has to hear that it shall stop; seconds after which it is told again."""


class Removal:
    """Behind the caller, except where it says otherwise."""

    def __init__(self, home: Path, berths: Berths, keep_logs: int) -> None:
        self._berths, self._keep = berths, keep_logs
        self.retired, self._removed = home / "retired", home / "removed"
        for folder in (self.retired, self._removed):
            folder.mkdir(parents=True, exist_ok=True)
        self._pool = ThreadPoolExecutor(1, "removal")
        self._lock = threading.Lock()
        self._busy: set[InstanceId] = set()
        self._moving = threading.Lock()
        """Held while a berth is taken to its grave, when its lock is ours: nobody shall take that for a living shim."""
        self._pool.submit(self._clear)

    def begin(self, berth: Berth) -> None:
        """Marks it and asks its shim to stop; quick. Asking again does no harm."""
        if berth.stopping_for() is None:
            berth.mark_stopping()
        with contextlib.suppress(Unavailable):
            Shim(berth.folder).stop(HASTE)

    def see_through(self, berth: Berth) -> None:
        """Of one that has been asked to stop and still runs: asks again (the one who marked it may have died before
        asking), and kills a shim that does not answer any more."""
        waited = berth.stopping_for() or 0.0
        if waited > berth.grace + PATIENCE:
            self._behind(berth, self._kill)
        elif waited > AGAIN:
            self._behind(berth, self.begin)

    def bury(self, berth: Berth) -> None:
        """Of one whose shim is dead."""
        self._behind(berth, self.bury_now)

    def bury_now(self, berth: Berth) -> bool:
        """Its place is free afterwards; False: somebody lives there, or is being buried by another control plane."""
        lock = None
        try:
            with self._moving:
                lock = launch.take_lock(berth.folder, HASTE)
                if not _is_of(lock, berth.folder):
                    return False
                grave = self._removed / f"{berth.id}-{secrets.token_hex(3)}"
                berth.folder.rename(grave)
            self._berths.forget(berth)
            self._keep_log(grave, berth.id)
            _clear_away(grave)
        except Conflict:
            return False
        except FileNotFoundError:
            return True
        finally:
            if lock is not None:
                os.close(lock)
        return True

    def lives(self, berth: Berth) -> bool:
        """Its shim is alive, or just being launched."""
        with self._moving:
            return Shim(berth.folder).locked()

    def log_folder(self, instance: InstanceId) -> Path:
        """Where the log of a removed instance is, if it is kept."""
        return self.retired / instance

    def close(self) -> None:
        self._pool.shutdown(wait=True, cancel_futures=True)

    def _behind(self, berth: Berth, what: Callable[[Berth], object]) -> None:
        with self._lock:
            if berth.id in self._busy:
                return
            self._busy.add(berth.id)

        def do() -> None:
            try:
                what(berth)
            finally:
                with self._lock:
                    self._busy.discard(berth.id)

        with contextlib.suppress(RuntimeError):
            self._pool.submit(do)

    def _kill(self, berth: Berth) -> None:
        with contextlib.suppress(Conflict, Unavailable):
            Shim(berth.folder).kill()

    def _keep_log(self, grave: Path, instance: InstanceId) -> None:
        kept = self.retired / instance
        with contextlib.suppress(OSError):
            kept.mkdir(exist_ok=True)
            if (grave / "secrets").is_dir():
                _redact(grave)
            for file in grave.glob("log.*"):
                file.rename(kept / file.name)
            ended = sorted(self.retired.iterdir(), key=lambda f: f.stat().st_mtime)
            for old in ended[: max(0, len(ended) - self._keep)]:
                shutil.rmtree(old, ignore_errors=True)

    def _clear(self) -> None:
        """What control planes that are no more had moved and not removed."""
        for grave in self._removed.iterdir():
            if not Shim(grave).locked():
                _clear_away(grave)


def _is_of(lock: int, folder: Path) -> bool:
    """The folder may have been buried and its place taken while we waited for the lock."""
    try:
        there = (folder / "lock").stat()
    except FileNotFoundError:
        return False
    return os.fstat(lock).st_ino == there.st_ino


def _redact(grave: Path) -> None:
    """The secrets go with the instance, so what is kept of its log must not hold them. Twice does no harm."""
    files = [grave / f"log.{start}" for start in shim.log_starts(str(grave))]
    written = [file.read_bytes() for file in files]
    whole = redaction.of_folder(grave / "secrets").padded(b"".join(written))
    for file, data in zip(files, written, strict=True):
        part, whole = whole[: len(data)], whole[len(data) :]
        if part != data:
            file.write_bytes(part)


def _clear_away(grave: Path) -> None:
    Shim(grave).end_leftovers()
    shutil.rmtree(grave, ignore_errors=True)
