"""The schema of this version: made at once in an empty database, reached by Alembic from an older one.

Alembic takes 0.4 s to import, so it is imported only when there is something to migrate. Migrations expand first and
contract later: code runs on newer schemas too, until ``schema.oldest`` says that its own has been taken away.
"""

from sqlalchemy import Connection, func, insert, inspect, select

from lockgate.core.errors import Conflict
from lockgate.store.connection import Database
from lockgate.store.schema import OLDEST, SEEDS, counter, metadata, schema_version

HEAD = "0012"
"""The newest revision in ``migrations/versions``. Revisions are numbers, so that they can be compared."""

_LOCK = 0x10C_6A7E
"""Key of the advisory lock that lets one Postgres client at a time change the schema."""


def prepare(database: Database) -> None:
    """Brings the schema up to this version's. Raises Conflict when the database is too new or holds other tables."""
    if database.read(_version) != HEAD:
        database.write(_bring_up)


def upgrade(connection: Connection, to: str = "head") -> None:
    """Runs Alembic's migrations in the connection's transaction."""
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", "lockgate.store:migrations")
    config.attributes["connection"] = connection
    command.upgrade(config, to)


def create(connection: Connection) -> None:
    """Makes in one go what all migrations together make; a test compares the two."""
    metadata.create_all(connection, checkfirst=False)
    connection.execute(insert(counter), [{"name": name, "value": value} for name, value in SEEDS.items()])
    schema_version.create(connection)
    connection.execute(insert(schema_version), {"version_num": HEAD})


def _bring_up(connection: Connection) -> None:
    if connection.dialect.name == "postgresql":
        connection.execute(select(func.pg_advisory_xact_lock(_LOCK)))
    version = _version(connection)
    if version is None:
        create(connection)
    elif version < HEAD:
        upgrade(connection)
    elif version > HEAD:
        _demand_readable(connection, version)


def _version(connection: Connection) -> str | None:
    """None: nothing is there; empty: every migration has been taken back."""
    if not inspect(connection).has_table(schema_version.name):
        return None
    return connection.execute(select(schema_version.c.version_num)).scalar() or ""


def _demand_readable(connection: Connection, version: str) -> None:
    oldest = connection.execute(select(counter.c.value).where(counter.c.name == OLDEST)).scalar_one()
    if int(HEAD) < oldest:
        because = f"The database has schema {version}, made by a newer Lockgate; this one knows up to {HEAD}."
        raise Conflict(because, "Install that version again, or restore a backup from before it.")
