"""The router's folder: the book of routes, the files Envoy watches, and the lock around changing them.

``routes.json`` is written before Envoy's files, and every file by renaming, so that whoever dies in between leaves
something that the next one can finish.
"""

import contextlib
import errno
import fcntl
import os
import time
from collections.abc import Collection, Iterator
from pathlib import Path

import msgspec

from lockgate.core.errors import Invalid, Problem, StorageFull, Unavailable
from lockgate.decoding import UNREADABLE, decoded
from lockgate.drivers.routers.envoy import render
from lockgate.drivers.routers.envoy.book import VERSION, Book

LOCK_WITHIN = 10.0
"""Seconds to wait for another process that changes routes; it needs milliseconds unless it is frozen."""


class Folder:
    """Paths and files of one Envoy."""

    def __init__(self, path: Path) -> None:
        self.path = path.absolute()

    def watched(self, name: str) -> Path:
        """``cds`` (all clusters), ``lds`` (all listeners), or a listener's name (its routes)."""
        return self.path / f"{name if name in ('cds', 'lds') else 'rds-' + name}.json"

    @property
    def socket(self) -> str:
        """Relative to the folder, which is Envoy's working directory: a socket's address has at most 107 bytes."""
        return "admin.sock"

    # --- the book ---

    def book(self) -> Book:
        """Empty when nothing has been routed yet. Raises Invalid for a file that is not ours."""
        path = self.path / "routes.json"
        try:
            book = decoded(path.read_bytes(), Book)
        except FileNotFoundError:
            return Book()
        except UNREADABLE as error:
            mend = "Move it away and restart: every route is written again by its next deployment."
            raise Invalid([Problem(str(path), None, "", f"the routes cannot be read: {error}.", mend)]) from error
        if book.version > VERSION:
            because = f"it was written by a newer Lockgate (version {book.version}; this one knows {VERSION})."
            raise Invalid([Problem(str(path), None, "version", because, "Run that one.")])
        return book

    def keep(self, book: Book) -> None:
        self._write(self.path / "routes.json", msgspec.json.encode(book))

    # --- what Envoy watches ---

    def rendered(self, book: Book) -> dict[str, bytes]:
        """Each watched file as the book wants it, by name. In the order in which they are to be written: clusters,
        routes, listeners, so that nothing refers to what is not there yet."""
        routes = {one["name"]: one for one in render.route_configurations(book)}
        return {
            "cds": render.discovery(render.clusters(book)),
            **{name: render.discovery([one]) for name, one in routes.items()},
            "lds": render.discovery(render.listeners(book, lambda name: str(self.watched(name)))),
        }

    def version(self, name: str) -> str:
        """Of the file as it is on disk; empty if there is none."""
        try:
            with self.watched(name).open("rb") as file:
                return render.version_of(file.read(100))
        except FileNotFoundError:
            return ""

    def publish(self, name: str, content: bytes) -> bool:
        """Puts the file where Envoy sees it; False when it was there already."""
        if render.version_of(content) == self.version(name):
            return False
        self._write(self.watched(name), content)
        return True

    def tidy(self, wanted: Collection[str]) -> None:
        """Removes the routes of addresses on which nothing listens any more. ``wanted``: names of the watched files."""
        for path in set(self.path.glob("rds-*.json")) - {self.watched(name) for name in wanted}:
            path.unlink(missing_ok=True)

    def _write(self, path: Path, content: bytes) -> None:
        new = path.with_name(path.name + ".new")
        try:
            with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
                file.write(content)
            new.rename(path)
        except OSError as error:
            new.unlink(missing_ok=True)
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                raise StorageFull(f"The disk is full: {path} cannot be written.", "Make room.") from error
            raise Unavailable(f"{path} cannot be written: {error.strerror}.") from error

    # --- the lock ---

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """One at a time, of all threads and processes that share the folder. Raises Unavailable."""
        self.path.mkdir(parents=True, exist_ok=True)
        fd = os.open(self.path / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            self._take(fd)
            yield
        finally:
            os.close(fd)

    def _take(self, fd: int) -> None:
        deadline = time.monotonic() + LOCK_WITHIN
        while True:
            try:
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return
            except BlockingIOError as error:
                if time.monotonic() > deadline:
                    because = f"Another process has been changing routes in {self.path} for {LOCK_WITHIN:g} s."
                    raise Unavailable(because, "It may be frozen; Lockgate will try again.") from error
                time.sleep(0.001)
