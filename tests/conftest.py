"""Real components for every test: found and started, or the test is skipped; in CI it fails instead."""

import os
import secrets
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, NoReturn

import pytest
from hypothesis import settings

if TYPE_CHECKING:
    from lockgate.drivers.policies.worker import CelPolicies
    from lockgate.testing.docker_engine import DockerEngine, ImageRegistry

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
def docker_engine() -> Iterator["DockerEngine"]:
    """The Docker engine of this test run."""
    from lockgate.core.errors import ComponentMissing
    from lockgate.testing.docker_engine import DockerEngine

    engine = DockerEngine()
    try:
        engine.start()
    except ComponentMissing as missing:
        require_real(str(missing))
    yield engine
    engine.close()


@pytest.fixture(scope="session")
def image_registry() -> Iterator["ImageRegistry"]:
    """The image registry of this test run; nobody need sign in."""
    from lockgate.core.errors import ComponentMissing
    from lockgate.testing.docker_engine import ImageRegistry

    registry = ImageRegistry()
    try:
        registry.start()
    except ComponentMissing as missing:
        require_real(str(missing))
    yield registry
    registry.__exit__()


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """URL of the Postgres server of this test run."""
    from lockgate.core.errors import ComponentMissing
    from lockgate.testing.postgres import postgres_server

    server = postgres_server(durable=False)
    try:
        url = server.__enter__()
    except ComponentMissing as missing:
        require_real(str(missing))
    yield url
    server.__exit__(None, None, None)


@pytest.fixture
def postgres_url(postgres_server: str) -> Iterator[str]:
    """URL of a fresh, empty Postgres database."""
    import psycopg

    name = f"t_{secrets.token_hex(6)}"
    with psycopg.connect(postgres_server, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    yield postgres_server.replace("/postgres?", f"/{name}?")
    with psycopg.connect(postgres_server, autocommit=True) as connection:
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(scope="session")
def policies() -> Iterator["CelPolicies"]:
    """Who works out rules, for the whole run."""
    from lockgate.drivers.policies.worker import CelPolicies

    found = CelPolicies()
    yield found
    found.close()
