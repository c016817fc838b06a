"""The way to the database: one transaction at a time, errors in Lockgate's own words.

SQLite: WAL, and every writer begins with BEGIN IMMEDIATE, so it waits at the door and never finds out half-way that
another has written. Threads of this process queue in a lane before that door, because SQLite's own waiting is sleeping.
Postgres: READ COMMITTED with row locks; nobody waits, or sits in a transaction, for ever.
"""

import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine, Table, create_engine, event
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.pool import StaticPool

from lockgate.core.errors import ComponentMissing, Conflict, Invalid, Problem, StoreBusy
from lockgate.store.refusals import passing, translated

T = TypeVar("T")

PATIENCE = 5.0
"""Seconds to wait for somebody else's lock before :class:`StoreBusy`."""

PAUSES = (0.01, 0.05, 0.2)
"""Seconds before another attempt after a deadlock or a lost connection."""

IDLE_IN_TRANSACTION = 2.0
"""Seconds after which Postgres ends the session of a worker that froze inside a transaction: it would hold the lock on
the event counter, and with it every other worker."""

_WRITING = "lockgate_writing"


class Database:
    """An open database. Safe to use from many threads."""

    def __init__(self, engine: Engine, patience: float = PATIENCE) -> None:
        self.engine = engine
        self.sqlite = engine.dialect.name == "sqlite"
        self._patience = patience
        self._lane = threading.RLock()
        self._one_connection = isinstance(engine.pool, StaticPool)
        self._reader = engine if self.sqlite else engine.execution_options(isolation_level="AUTOCOMMIT")
        self._writer = engine.execution_options(**{_WRITING: True})

    def read(self, work: Callable[[Connection], T]) -> T:
        """What ``work`` reads. Each of its statements sees a consistent database."""
        return self._insistently(lambda: self._read(work))

    def write(self, work: Callable[[Connection], T]) -> T:
        """Does ``work`` in one transaction, again if need be: it must do nothing but talk to the connection. Raises
        StoreBusy, StorageFull, and what ``work`` raises; then nothing has changed."""
        return self._insistently(lambda: self._write(work))

    def close(self) -> None:
        self.engine.dispose()

    def _insistently(self, attempt: Callable[[], T]) -> T:
        for pause in PAUSES:
            try:
                return attempt()
            except DBAPIError as error:
                if not passing(error):
                    raise translated(error) from error
            time.sleep(pause)
        try:
            return attempt()
        except DBAPIError as error:
            raise translated(error) from error

    def _read(self, work: Callable[[Connection], T]) -> T:
        with self._queued(self._one_connection), self._connected(self._reader) as connection:
            return work(connection)

    def _write(self, work: Callable[[Connection], T]) -> T:
        with self._queued(self.sqlite), self._connected(self._writer) as connection:
            transaction = connection.begin()
            try:
                result = work(connection)
            except BaseException:
                transaction.rollback()
                raise
            try:
                transaction.commit()
            except DBAPIError as error:
                # Not tried again: when the connection broke here, the commit may have happened.
                raise translated(error) from error
            return result

    @contextmanager
    def _queued(self, needed: bool) -> Iterator[None]:
        if not needed:
            yield
            return
        if not self._lane.acquire(timeout=self._patience):
            raise StoreBusy(f"The database has been busy for {self._patience:g} s.", "It is tried again.")
        try:
            yield
        finally:
            self._lane.release()

    @contextmanager
    def _connected(self, engine: Engine) -> Iterator[Connection]:
        try:
            connection = engine.connect()
        except PoolTimeout as error:
            raise StoreBusy(f"No connection to the database became free within {self._patience:g} s.") from error
        with connection:
            yield connection


def connect(url: str, patience: float = PATIENCE) -> Database:
    """Opens ``sqlite:///relative.db``, ``sqlite:////absolute.db``, ``sqlite://`` (in memory, for tests) or
    ``postgresql://user:password@host/database``. Raises Invalid, ComponentMissing, StoreBusy, Conflict."""
    parsed = _parsed(url)
    make = _sqlite_engine if parsed.drivername == "sqlite" else _postgres_engine
    return Database(make(parsed, patience), patience)


def upserting(connection: Connection, table: Table) -> Any:
    """INSERT that can say ON CONFLICT: SQLAlchemy has one for each database, with the same methods."""
    return sqlite.insert(table) if connection.dialect.name == "sqlite" else postgresql.insert(table)


def _parsed(url: str) -> URL:
    try:
        parsed = make_url(url)
    except ArgumentError:
        parsed = URL.create("")
    if parsed.drivername in ("postgres", "postgresql", "postgresql+psycopg"):
        return parsed.set(drivername="postgresql+psycopg")
    if parsed.drivername == "sqlite":
        return parsed
    scheme = parsed.drivername or url.partition(":")[0]
    because = f"{scheme!r} is not a database that Lockgate knows."
    mend = "Write sqlite:///path/to/file or postgresql://user@host/database."
    raise Invalid([Problem("settings", None, "database", because, mend)])


# --- SQLite ---


def _sqlite_engine(url: URL, patience: float) -> Engine:
    in_memory = url.database in (None, "", ":memory:")
    if not in_memory:
        _demand_folder(Path(str(url.database)))
    arguments = {"timeout": patience, "check_same_thread": False, "isolation_level": None}
    pool: dict[str, Any] = {"poolclass": StaticPool} if in_memory else {"pool_timeout": patience}
    engine = create_engine(url, connect_args=arguments, **pool)
    event.listen(engine, "connect", lambda raw, _record: _set_up_sqlite(raw, patience))
    event.listen(engine, "begin", _begin_immediate)
    return engine


def _demand_folder(file: Path) -> None:
    if not file.parent.is_dir():
        because = f"The folder {file.parent} for the database does not exist."
        raise ComponentMissing(because, "Create it, or name another one.")


def _set_up_sqlite(raw: sqlite3.Connection, patience: float) -> None:
    mode = _into_wal(raw, patience)
    if mode not in ("wal", "memory"):
        because = f"SQLite cannot use a write-ahead log here (it chose {mode!r}): the file system lacks shared memory."
        raise Conflict(because, "Put the data folder on a local disk, or use Postgres.")
    raw.execute("PRAGMA synchronous=NORMAL")


def _into_wal(raw: sqlite3.Connection, patience: float) -> str:
    """Two that open a new database at once meet here, and for this SQLite does not wait by itself."""
    until = time.monotonic() + patience
    while True:
        try:
            return str(raw.execute("PRAGMA journal_mode=WAL").fetchone()[0])
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > until:
                raise
        time.sleep(PAUSES[0])


def _begin_immediate(connection: Connection) -> None:
    """A reader begins nothing: each of its statements is a snapshot by itself."""
    if connection.get_execution_options().get(_WRITING):
        connection.exec_driver_sql("BEGIN IMMEDIATE")


# --- Postgres ---


def _postgres_engine(url: URL, patience: float) -> Engine:
    seconds = max(2, round(patience))
    arguments = {"connect_timeout": seconds, "keepalives_idle": seconds, "tcp_user_timeout": seconds * 2000}
    try:
        engine = create_engine(url, connect_args=arguments, pool_size=10, max_overflow=10, pool_timeout=patience)
    except ModuleNotFoundError as error:
        raise ComponentMissing("Postgres needs psycopg.", "Install lockgate[postgres].") from error

    def set_up(raw: Any, _record: object) -> None:
        raw.execute(f"SET lock_timeout = {round(patience * 1000)}")
        raw.execute(f"SET idle_in_transaction_session_timeout = {round(IDLE_IN_TRANSACTION * 1000)}")
        raw.commit()

    event.listen(engine, "connect", set_up)
    return engine
