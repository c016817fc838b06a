"""The environments' file as it is written now, with the calendar files it names and the policies beside it: read again
when one has changed."""

import logging
import threading
from pathlib import Path

from lockgate.config.calendar_files import CalendarFiles
from lockgate.config.document import load_text
from lockgate.config.environments_file import read_catalogue
from lockgate.config.form import Read
from lockgate.config.policies import FOLDER, Check, Shelf, faults_of, policy_files, read_shelf
from lockgate.core.environment import Catalogue
from lockgate.core.errors import Invalid, LockgateError, Problem

log = logging.getLogger("lockgate.catalogue")

_Stamp = tuple[str, int, int, int]
"""Of one file."""


class CatalogueFile:
    """Called for the catalogue. What is already planned is not touched by a change of the file: plans are frozen."""

    def __init__(self, path: Path, check: Check | None = None) -> None:
        """``check``: of the rules of policies; None: only their files' form is looked at."""
        self._path = path
        self._check = check
        self._shelf = Shelf()
        self._lock = threading.Lock()
        self._stamp: tuple[_Stamp, ...] | None = None
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

    @property
    def shelf(self) -> Shelf:
        """The policies there are. Raises :class:`Invalid` as the catalogue does."""
        self()
        return self._shelf

    def _stamped(self) -> tuple[_Stamp, ...]:
        try:
            return tuple(map(_stamp_of, (self._path, *policy_files(self._path.parent / FOLDER))))
        except OSError as error:
            because = f"the environments' file cannot be read: {error.strerror}."
            mend = "Write one with: lockgate init, or name it with --environments."
            raise Invalid([Problem(str(self._path), None, "", because, mend)]) from error

    def _calendars_changed(self) -> bool:
        return any(_stamp_if_there(path) != stamp for path, stamp in self._calendars.items())

    def _fresh(self) -> Catalogue | Invalid:
        try:
            shelf = read_shelf(self._path.parent / FOLDER)
            read = read_catalogue(load_text(self._path), self._path.name, shelf)
            self._refuse_faulty(shelf, read)
        except Invalid as error:
            return error
        self._shelf, catalogue = shelf, read.value
        # Stamped before they are read: what changes meanwhile is read again at the next call.
        files = CalendarFiles(self._path.parent)
        named = {self._path.parent / r.file for e in catalogue.environments.values() for r in e.windows if r.file}
        self._calendars = {path: _stamp_if_there(path) for path in named}
        return files.put_into(catalogue)

    def _refuse_faulty(self, shelf: Shelf, read: Read[Catalogue]) -> None:
        """Raises :class:`Invalid`. Where rules cannot be checked they cannot be judged either: what they judge waits,
        and the rest goes on."""
        try:
            faults = faults_of(shelf, read, self._check) if self._check else []
        except LockgateError as error:
            log.warning("the rules of policies are not checked: %s", error)
            return
        if faults:
            raise Invalid(faults)


def _stamp_of(path: Path) -> _Stamp:
    found = path.stat()
    return path.name, found.st_mtime_ns, found.st_size, found.st_ino


def _stamp_if_there(path: Path) -> _Stamp | None:
    try:
        return _stamp_of(path)
    except OSError:
        return None
