"""The environments' file as it is written now, with the calendar files it names: read again when one has changed."""

import threading
from pathlib import Path

from lockgate.config.calendar_files import CalendarFiles
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
        self._calendars: dict[Path, _Stamp | None] = {}
        self._read: Catalogue | Invalid | None = None

    def __call__(self) -> Catalogue:
        """Raises :class:`Invalid` with every problem, as long as the file cannot be read. A calendar file that cannot
        be read freezes its environments, no more."""
        with self._lock:
            stamp = self._stamped()
            if stamp != self._stamp or self._read is None or self._calendars_changed():
                self._read, self._stamp = self._fresh(), stamp
            if isinstance(self._read, Invalid):
                raise Invalid(self._read.problems)
            return self._read

    def _stamped(self) -> _Stamp:
        try:
            return _stamp_of(self._path)
        except OSError as error:
            because = f"the environments' file cannot be read: {error.strerror}."
            mend = "Write one with: lockgate init, or name it with --environments."
            raise Invalid([Problem(str(self._path), None, "", because, mend)]) from error

    def _calendars_changed(self) -> bool:
        return any(_stamp_if_there(path) != stamp for path, stamp in self._calendars.items())

    def _fresh(self) -> Catalogue | Invalid:
        try:
            catalogue = read_catalogue(load_text(self._path), self._path.name).value
        except Invalid as error:
            return error
        # Stamped before they are read: what changes meanwhile is read again at the next call.
        files = CalendarFiles(self._path.parent)
        named = {self._path.parent / r.file for e in catalogue.environments.values() for r in e.windows if r.file}
        self._calendars = {path: _stamp_if_there(path) for path in named}
        return files.put_into(catalogue)


def _stamp_of(path: Path) -> _Stamp:
    found = path.stat()
    return found.st_mtime_ns, found.st_size, found.st_ino


def _stamp_if_there(path: Path) -> _Stamp | None:
    try:
        return _stamp_of(path)
    except OSError:
        return None
