"""SQLite keeps the store's contract, on disk and in memory."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from lockgate.ports import Store
from lockgate.store.database import open_store
from lockgate.testing.contracts.store import StoreContract


class TestSqliteOnDisk(StoreContract):
    @pytest.fixture
    def store(self, tmp_path: Path) -> Iterator[Store]:
        with open_store(f"sqlite:///{tmp_path}/lockgate.db") as store:
            yield store


class TestSqliteInMemory(StoreContract):
    @pytest.fixture
    def store(self) -> Iterator[Store]:
        with open_store("sqlite://") as store:
            yield store
