"""What ran where is looked up by index, and is known of deployments from before it was written down."""

import json
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text

from lockgate.core.deployment import State
from lockgate.core.ids import ReleaseId
from lockgate.core.package import By, Sought, sought
from lockgate.store import holdings, migrate
from lockgate.store.database import SqlStore, open_store
from lockgate.testing.contracts.holdings import held
from lockgate.testing.contracts.lives import at_rest, living
from lockgate.testing.samples import NOON, a_release, an_event
from tests.store.test_sqlite import ways

HOUR = 3600.0


@pytest.mark.parametrize(
    ("statement", "index"),
    [
        (holdings.open_in(True, False), "ix_holding_open (environment=?)"),
        (holdings.held_at(False), "ix_holding_environment (environment=? AND application=? AND from_at=?)"),
        (holdings.held_at(True), "ix_holding_environment (environment=? AND application=? AND from_at=?)"),
        (holdings.located(Sought(By.RELEASE, "r"), None), "ix_holding_release (release=?)"),
        (holdings.located(sought("sha256:" + "a" * 64), None), "ix_package_digest (digest=?)"),
        (holdings.located(sought("openssl@3"), None), "ix_package_name (name=? AND version=?)"),
        (holdings.located(sought("pkg:npm/x@1"), None), "ix_package_line (line=? AND version=?)"),
    ],
)
def test_each_question_is_a_look_up(statement: Any, index: str) -> None:
    with open_store("sqlite://") as store:
        found = ways(store, statement)
        assert index in found
        assert "SCAN holding" not in found.replace("SCAN holding USING COVERING", "") and "SCAN package" not in found


def older(connection: Connection) -> None:
    """The database as it was before what this is about was made, with what it held then."""
    config = Config()
    config.set_main_option("script_location", "lockgate.store:migrations")
    config.attributes["connection"] = connection
    before = ScriptDirectory.from_config(config).get_revision("0007").down_revision
    command.downgrade(config, str(before))


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.real)])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "postgres":
        return str(request.getfixturevalue("postgres_url"))
    return f"sqlite:///{tmp_path}/lockgate.db"


def told(store: SqlStore) -> Any:
    rows = store.database.read(
        lambda c: c.execute(text("SELECT * FROM holding ORDER BY application, environment, from_at, cell")).all()
    )
    packages = store.database.read(
        lambda c: c.execute(text("SELECT * FROM package ORDER BY release, source, number")).all()
    )
    return [tuple(row) for row in rows], [(*row[:-1], json.loads(row[-1])) for row in packages]


def test_older_deployments_get_their_history(url: str) -> None:
    with open_store(url) as store:
        release = store.releases.add(a_release(), an_event())
        for n in range(3):
            row = living(store, State.SUCCEEDED, NOON + n * HOUR, release=release.id, ended_at=NOON + n * HOUR)
            at_rest(store, row, now=NOON + n * HOUR)
        held(store, NOON + 5, "dev", "blog", release=ReleaseId("rel-b"), ended_at=NOON + 5)
        living(store, State.RUNNING, environment="staging")
        before = told(store)
        store.database.write(older)
    with open_store(url) as store:
        assert told(store) == before
        assert len(before[0]) == 4 and len(before[1]) == 3
        assert migrate.HEAD > "0003"
