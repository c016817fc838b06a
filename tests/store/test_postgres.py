"""Postgres keeps the store's contract."""

from collections.abc import Iterator

import pytest

from lockgate.ports import Store
from lockgate.store.database import open_store
from lockgate.testing.contracts.store import StoreContract


@pytest.mark.real
class TestPostgres(StoreContract):
    @pytest.fixture
    def store(self, postgres_url: str) -> Iterator[Store]:
        with open_store(postgres_url) as store:
            yield store
