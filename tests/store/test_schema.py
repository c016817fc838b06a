"""The schema is made, migrated and recognised without surprises, on SQLite and on Postgres."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, inspect, text

from lockgate.core.errors import Conflict
from lockgate.store import migrate
from lockgate.store.connection import Database, connect
from lockgate.store.database import open_store
from lockgate.store.schema import metadata


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.real)])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "postgres":
        return str(request.getfixturevalue("postgres_url"))
    return f"sqlite:///{tmp_path}/lockgate.db"


@pytest.fixture
def database(url: str) -> Iterator[Database]:
    database = connect(url)
    yield database
    database.close()


def contents(connection: Connection) -> Any:
    """Everything that can differ between two schemas: columns, keys, indexes with their conditions, first rows."""
    seen: dict[str, Any] = {}
    inspector = inspect(connection)
    for table in sorted(inspector.get_table_names()):
        columns = [(c["name"], str(c["type"]), c["nullable"]) for c in inspector.get_columns(table)]
        unique = sorted((u["name"], u["column_names"]) for u in inspector.get_unique_constraints(table))
        seen[table] = (columns, inspector.get_pk_constraint(table), unique)
    catalogue = "sqlite_master WHERE type = 'index'" if connection.dialect.name == "sqlite" else "pg_indexes"
    definition = "sql" if connection.dialect.name == "sqlite" else "indexdef"
    where = "" if connection.dialect.name == "sqlite" else " WHERE schemaname = 'public'"
    indexes = connection.execute(text(f"SELECT {definition} FROM {catalogue}{where}")).scalars()
    counters = connection.execute(text("SELECT name, value FROM counter ORDER BY name")).all()
    version = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    return seen, sorted(i for i in indexes if i), counters, version


def test_migrating_and_making_at_once_give_the_same_schema(database: Database) -> None:
    def made(connection: Connection) -> Any:
        migrate.create(connection)
        found = contents(connection)
        metadata.drop_all(connection)
        connection.execute(text("DROP TABLE alembic_version"))
        return found

    def migrated(connection: Connection) -> Any:
        migrate.upgrade(connection)
        context = MigrationContext.configure(connection)
        assert compare_metadata(context, metadata) == []
        return contents(connection)

    assert database.write(made) == database.write(migrated)


def test_the_newest_revision_is_the_one_the_code_expects() -> None:
    config = Config()
    config.set_main_option("script_location", "lockgate.store:migrations")
    assert ScriptDirectory.from_config(config).get_current_head() == migrate.HEAD


def test_an_older_database_is_migrated(database: Database, url: str) -> None:
    """Here: one from before the first migration."""
    database.write(lambda connection: connection.execute(text("CREATE TABLE alembic_version (version_num TEXT)")))
    with open_store(url) as store:
        assert store.history.events(0, 1) == ()
        assert store.database.read(contents)[-1] == migrate.HEAD


def test_opening_imports_no_alembic(tmp_path: Path) -> None:
    """Neither for a new database nor for one that is as it should be: 0.4 s of each start."""
    code = (
        "import sys; from lockgate.store.database import open_store\n"
        "for _ in range(2): open_store(sys.argv[1]).close()\n"
        "sys.exit('alembic' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code, f"sqlite:///{tmp_path}/lockgate.db"], check=True, timeout=60)


def newer(connection: Connection, oldest: int) -> None:
    connection.execute(text("UPDATE alembic_version SET version_num = '0999'"))
    connection.execute(text(f"UPDATE counter SET value = {oldest} WHERE name = 'schema.oldest'"))


def test_a_newer_schema_that_only_added_things_is_used(url: str) -> None:
    with open_store(url) as store:
        store.database.write(lambda connection: newer(connection, oldest=1))
    with open_store(url) as store:
        assert store.history.events(0, 1) == ()


def test_a_newer_schema_that_took_something_away_is_refused(url: str) -> None:
    with open_store(url) as store:
        store.database.write(lambda connection: newer(connection, oldest=999))
    with pytest.raises(Conflict, match="made by a newer Lockgate"):
        open_store(url)


def test_a_database_with_foreign_tables_is_refused_and_left_as_it_was(database: Database, url: str) -> None:
    database.write(lambda connection: connection.execute(text("CREATE TABLE release (id TEXT)")))
    with pytest.raises(Conflict, match="release"):
        open_store(url)
    assert database.read(lambda connection: inspect(connection).get_table_names()) == ["release"]
