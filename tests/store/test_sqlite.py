"""SQLite keeps the store's contract, on disk and in memory."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lockgate.core.errors import Conflict
from lockgate.core.notification import Standing
from lockgate.ports import DeliverySelection, Selection, Store
from lockgate.store import claims, deliveries, landscape
from lockgate.store.database import SqlStore, open_store
from lockgate.store.history import selected
from lockgate.store.landscape import gone_since
from lockgate.testing.contracts.store import StoreContract
from lockgate.testing.samples import a_plan


class TestSqliteOnDisk(StoreContract):
    @pytest.fixture
    def store(self, tmp_path: Path) -> Iterator[Store]:
        with open_store(f"sqlite:///{tmp_path}/lockgate.db") as store:
            yield store


def ways(store: SqlStore, statement: Any) -> str:
    """How SQLite would look for the rows."""
    compiled = statement.compile(store.database.engine)
    values = tuple(0 for _ in compiled.positiontup)
    explain = f"EXPLAIN QUERY PLAN {compiled}"
    return "\n".join(row[-1] for row in store.database.read(lambda c: c.exec_driver_sql(explain, values).all()))


def test_an_environment_is_found_without_reading_those_of_others() -> None:
    with open_store("sqlite://") as store:
        assert "ix_deployment_environment (environment=?)" in ways(store, landscape.HOLDERS)
        assert "SCAN deployment USING INDEX uq_deployment_active" in ways(store, landscape.CHANGING)
        gone = ways(store, gone_since())
        assert "ix_deployment_held (environment=? AND written_at>?)" in gone
        assert "SCAN deployment" not in gone


def test_a_plan_that_was_altered_is_not_given_with_others() -> None:
    with open_store("sqlite://") as store:
        digest = store.releases.put_plan(a_plan())
        spoilt = "UPDATE plan SET document = replace(document, 'shop', 'spam')"
        store.database.write(lambda connection: connection.exec_driver_sql(spoilt))
        with pytest.raises(Conflict, match="has been altered"):
            store.landscape.plans([digest])


def test_looking_for_work_reads_no_row_that_is_not_due() -> None:
    """Ten thousand that wait for next week must not be read twice a second."""
    with open_store("sqlite://") as store:
        for statement in (claims.any_due(), claims.all_due()):
            found = ways(store, statement)
            assert "ix_deployment_next_at (next_at<?)" in found
            assert "ix_deployment_written_at (written_at>?)" in found
            assert "SCAN" not in found


def test_looking_for_notifications_reads_none_that_is_not_due() -> None:
    with open_store("sqlite://") as store:
        found = ways(store, deliveries.due("w", 0.0, 60.0, ["busy"]))
        assert "ix_delivery_due_at (due_at<?)" in found and "SCAN" not in found
        dead = DeliverySelection(states=frozenset({Standing.DEAD}))
        assert "ix_delivery_dead" in ways(store, deliveries.selected(dead))
        assert "ix_delivery_channel (channel=?)" in ways(store, deliveries.selected(DeliverySelection("team", limit=1)))


def test_finding_the_holder_reads_one_row() -> None:
    with open_store("sqlite://") as store:
        selection = Selection("shop", "prod", holding=True)
        assert "uq_deployment_holds (application=? AND environment=?)" in ways(store, selected(selection))


class TestSqliteInMemory(StoreContract):
    @pytest.fixture
    def store(self) -> Iterator[Store]:
        with open_store("sqlite://") as store:
            yield store
