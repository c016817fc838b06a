"""The record cannot be quietly edited: whoever changes a row of it breaks the chain from there."""

from collections.abc import Iterator

import pytest
from sqlalchemy import text

from lockgate.core.audit import broken_at
from lockgate.core.errors import RecordAltered
from lockgate.store.database import SqlStore, open_store
from lockgate.testing.contracts.lives import added
from lockgate.testing.samples import a_plan, an_event


@pytest.fixture
def store() -> Iterator[SqlStore]:
    with open_store("sqlite://") as store:
        for n in range(6):
            added(store, environment=f"e{n}", events=[an_event("done", because=f"Number {n}.", audited=True)])
        yield store


def test_an_untouched_chain_is_whole(store: SqlStore) -> None:
    assert broken_at(store.history.audit(0, 100)) is None


@pytest.mark.parametrize(
    ("edit", "at"),
    [
        ("UPDATE audit SET document = replace(document, 'Number 2', 'Number 9') WHERE seq = 3", 3),
        ("DELETE FROM audit WHERE seq = 4", 4),
        ("DELETE FROM audit WHERE seq = 1", 1),
        ("UPDATE audit SET digest = (SELECT digest FROM audit WHERE seq = 1) WHERE seq = 5", 5),
        ("UPDATE audit SET seq = -seq WHERE seq IN (2, 3)", 2),
    ],
)
def test_an_edit_is_found(store: SqlStore, edit: str, at: int) -> None:
    store.database.write(lambda connection: connection.execute(text(edit)))
    assert broken_at(store.history.audit(0, 100)) == at


def test_an_altered_plan_is_refused(store: SqlStore) -> None:
    digest = store.releases.put_plan(a_plan())
    edit = text("UPDATE plan SET document = replace(document, '127.0.0.1', '127.0.0.2')")
    store.database.write(lambda connection: connection.execute(edit))
    with pytest.raises(RecordAltered, match="altered"):
        store.releases.plan(digest)
