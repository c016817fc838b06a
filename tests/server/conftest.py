"""The real application in process, over the real engine and a real store, on fakes of what lies outside."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from lockgate.server.app import make_app
from lockgate.server.token import Access
from lockgate.store.database import open_store
from tests.engine.convoy import Convoy
from tests.server.fleet import Fleet
from tests.server.yard import Yard


@pytest.fixture
def fleet(tmp_path: Path) -> Iterator[Fleet]:
    """Nothing has happened yet."""
    with open_store(f"sqlite:///{tmp_path}/lockgate.db") as store:
        yield Fleet(store)


@pytest.fixture(scope="session")
def told(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    """The whole story has happened. Shared: only look at it."""
    with open_store(f"sqlite:///{tmp_path_factory.mktemp('fleet')}/lockgate.db") as store:
        fleet = Fleet(store)
        fleet.tell()
        yield fleet


@pytest.fixture
def yard(tmp_path: Path) -> Iterator[Yard]:
    """With one release, of ``api``, and no train yet."""
    with open_store(f"sqlite:///{tmp_path}/lockgate.db") as store:
        convoy = Convoy(store)
        convoy.made("api", "2.0")
        yield Yard(convoy, tmp_path)


@pytest.fixture
def access(tmp_path: Path) -> Access:
    return Access(tmp_path)


@pytest.fixture
def stranger(fleet: Fleet, access: Access) -> Iterator[TestClient]:
    """A client that shows nothing at the door."""
    yield from client_of(fleet, access)


@pytest.fixture
def program(stranger: TestClient, tmp_path: Path) -> TestClient:
    """One that has the token."""
    stranger.headers["Authorization"] = f"Bearer {(tmp_path / 'token').read_text().strip()}"
    return stranger


@pytest.fixture
def browser(stranger: TestClient, access: Access) -> TestClient:
    """One that has signed in, and says of each request that one of our own pages makes it."""
    return signed_in(stranger, access)


@pytest.fixture
def reader(told: Fleet, access: Access) -> Iterator[TestClient]:
    """A browser that looks at the whole story."""
    for client in client_of(told, access):
        yield signed_in(client, access)


def client_of(fleet: Fleet, access: Access) -> Iterator[TestClient]:
    app = make_app(fleet.operations, access, frozenset({"deploy.example"}))
    with TestClient(app, base_url="http://127.0.0.1:7070", follow_redirects=False) as client:
        yield client


def signed_in(client: TestClient, access: Access) -> TestClient:
    client.get("/login", params={"token": access.mint_ticket()})
    client.headers["Sec-Fetch-Site"] = "same-origin"
    return client
