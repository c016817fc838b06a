"""The environments' file as it is written now: read again whenever it has changed."""

import threading
from pathlib import Path

from lockgate.config.document import load_text
from lockgate.config.environments_file import read_catalogue
from lockgate.core.environment import Catalogue
from lockgate.core.errors import Invalid, Problem

_Stamp = tuple[int, int, int]


class CatalogueFile:
    """Called for the catalogue. What is already planned is not touched by a change of the file: plans are frozen."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._stamp: _Stamp | None = None
        self._read: Catalogue | Invalid | None = None

    def __call__(self) -> Catalogue:
        """Raises :class:`Invalid` with every problem, as long as the file cannot be read."""
        with self._lock:
            stamp = self._stamped()
            if stamp != self._stamp or self._read is None:
                self._read, self._stamp = self._fresh(), stamp
            if isinstance(self._read, Invalid):
                raise Invalid(self._read.problems)
            return self._read

    def _stamped(self) -> _Stamp:
        try:
            found = self._path.stat()
        except OSError as error:
            because = f"the environments' file cannot be read: {error.strerror}."
            mend = "Write one with: lockgate init, or name it with --environments."
            raise Invalid([Problem(str(self._path), None, "", because, mend)]) from error
        return (found.st_mtime_ns, found.st_size, found.st_ino)

    def _fresh(self) -> Catalogue | Invalid:
        try:
            return read_catalogue(load_text(self._path), self._path.name).value
        except Invalid as error:
            return error
