"""The first schema. Written out, not taken from the metadata, which moves on."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
ACTIVE = "state IN ('paused', 'rolling_back', 'running', 'verifying')"


def upgrade() -> None:
    _counter()
    _deployment()
    _event_and_audit()
    _release_and_plan()
    _quarantine()
    _observation()


def _text(name: str) -> "sa.Column[str]":
    return sa.Column(name, sa.Text, nullable=False)


def _number(name: str) -> "sa.Column[int]":
    return sa.Column(name, NUMBER, nullable=False)


def _key(table: str, *columns: str) -> sa.PrimaryKeyConstraint:
    return sa.PrimaryKeyConstraint(*columns, name=f"pk_{table}")


def _counter() -> None:
    table = op.create_table("counter", _text("name"), _number("value"), _key("counter", "name"))
    seeds = {"deployment": 0, "generation": 0, "event": 0, "release": 0, "schema.oldest": 1}
    op.bulk_insert(table, [{"name": name, "value": value} for name, value in seeds.items()])


def _deployment() -> None:
    op.create_table(
        "deployment",
        sa.Column("number", NUMBER, nullable=False, autoincrement=False),
        _text("id"),
        _text("application"),
        _text("environment"),
        _text("release"),
        _text("state"),
        _text("want"),
        sa.Column("urgent", sa.Boolean, nullable=False),
        sa.Column("holds", sa.Boolean, nullable=False),
        sa.Column("asked", sa.Boolean, nullable=False),
        sa.Column("next_at", sa.Double),
        _text("owner"),
        sa.Column("lease_until", sa.Double, nullable=False),
        _number("generation"),
        sa.Column("written_at", sa.Double, nullable=False),
        _text("details"),
        _key("deployment", "number"),
        sa.UniqueConstraint("id", name="uq_deployment_id"),
    )
    key = ["application", "environment"]
    _partial("uq_deployment_active", key, ACTIVE, unique=True)
    _partial("uq_deployment_holds", key, "holds", unique=True)
    _partial("ix_deployment_next_at", ["next_at"], "next_at IS NOT NULL")
    _partial("ix_deployment_written_at", ["written_at"], "next_at IS NOT NULL")
    _partial("ix_deployment_owner", ["owner"], "owner <> ''")
    op.create_index("ix_deployment_key", "deployment", [*key, "state", "number"])


def _partial(name: str, columns: list[str], where: str, unique: bool = False) -> None:
    only = sa.text(where)
    op.create_index(name, "deployment", columns, unique=unique, sqlite_where=only, postgresql_where=only)


def _event_and_audit() -> None:
    seq = sa.Column("seq", NUMBER, nullable=False, autoincrement=False)
    op.create_table("event", seq, _text("application"), _text("deployment"), _text("document"), _key("event", "seq"))
    op.create_index("ix_event_application", "event", ["application", "seq"])
    op.create_index("ix_event_deployment", "event", ["deployment", "seq"])
    seq = sa.Column("seq", NUMBER, nullable=False, autoincrement=False)
    op.create_table("audit", seq, _text("previous"), _text("digest"), _text("document"), _key("audit", "seq"))


def _release_and_plan() -> None:
    op.create_table(
        "release",
        sa.Column("recorded", NUMBER, nullable=False, autoincrement=False),
        _text("digest"),
        _text("id"),
        _text("application"),
        _number("number"),
        _text("document"),
        _key("release", "recorded"),
        sa.UniqueConstraint("digest", name="uq_release_digest"),
        sa.UniqueConstraint("id", name="uq_release_id"),
        sa.UniqueConstraint("application", "number", name="uq_release_application_number"),
    )
    op.create_table("plan", _text("digest"), _text("document"), _key("plan", "digest"))


def _quarantine() -> None:
    key = ("application", "environment", "release")
    op.create_table("quarantine", *map(_text, key), _text("document"), _key("quarantine", *key))


def _observation() -> None:
    key = ("application", "environment", "component")
    op.create_table("observation", *map(_text, key), _text("document"), _key("observation", *key))
