"""What the databases refuse, in Lockgate's words: errors of sqlite3 and psycopg, by their codes."""

import sqlite3

from sqlalchemy.exc import DataError, DBAPIError, InterfaceError, OperationalError

from lockgate.core.errors import Conflict, Invalid, LockgateError, Problem, StorageFull, StoreBusy

_PRIMARY = 0xFF
"""SQLite puts details above the lowest byte of a code."""

_SQLITE_LOCKED = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}
_SQLITE_FOREIGN = {sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT}

# https://www.postgresql.org/docs/current/errcodes-appendix.html
_DISK_FULL = "53100"
_DEADLOCKS = {"40P01", "40001"}
_LOCK_NOT_AVAILABLE = "55P03"


def passing(error: DBAPIError) -> bool:
    """The same transaction may well succeed a moment later: a deadlock, or a connection that has just been lost. A
    lock is not passing: it has been waited for already."""
    return error.connection_invalidated or _sqlstate(error) in _DEADLOCKS


def translated(error: DBAPIError) -> LockgateError:
    """The error to raise instead."""
    said = str(error.orig).strip()
    if isinstance(error.orig, sqlite3.Error):
        return _from_sqlite(getattr(error.orig, "sqlite_errorcode", 0) & _PRIMARY, said)
    if _sqlstate(error) == _DISK_FULL:
        return _full(said)
    if isinstance(error, DataError):
        return Invalid([Problem("request", None, "", f"the database cannot hold it: {said}.")])
    if isinstance(error, (OperationalError, InterfaceError)):
        return _busy(said)
    return _refused(said)


def _from_sqlite(code: int, said: str) -> LockgateError:
    if code in _SQLITE_LOCKED:
        return _busy(f"another process has locked it ({said})")
    if code == sqlite3.SQLITE_FULL:
        return _full(said)
    if code in _SQLITE_FOREIGN:
        return Conflict(f"The database file is damaged or is not a database ({said}).", "Restore it from a backup.")
    if code in (sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY):
        return _busy(said)
    return _refused(said)


def _busy(said: str) -> StoreBusy:
    return StoreBusy(f"The database cannot be used now: {said}.", "Nothing was changed; it is tried again.")


def _full(said: str) -> StorageFull:
    return StorageFull(f"The disk that holds the database is full ({said}).", "Nothing was changed; make room.")


def _refused(said: str) -> Conflict:
    return Conflict(f"The database refused the change: {said}.")


def _sqlstate(error: DBAPIError) -> str:
    return getattr(error.orig, "sqlstate", None) or ""
