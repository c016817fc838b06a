"""The tables, as SQLAlchemy Core.

A column exists for what a query asks or the database must refuse; everything else of a value is a JSON document beside
it, so a new field needs no migration. Documents are TEXT, not JSON: nothing looks into them, and Postgres' JSONB
would refuse the ``\\u0000`` that a program's output may hold.
"""

from collections.abc import Collection

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Double,
    Index,
    Integer,
    MetaData,
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
    UniqueConstraint,
    literal_column,
    text,
)
from sqlalchemy.sql.elements import ColumnElement

from lockgate.core.deployment import ACTIVE, FINAL, State

NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}
"""Without it SQLite could not drop a constraint later: it has no name there."""

metadata = MetaData(naming_convention=NAMING)

Number = BigInteger().with_variant(Integer(), "sqlite")
"""SQLite makes a primary key its row id only when the type is called INTEGER."""

counter = Table(
    "counter",
    metadata,
    Column("name", Text, primary_key=True),
    Column("value", Number, nullable=False),
)

DEPLOYMENT, GENERATION, EVENT, RELEASE, OLDEST = "deployment", "generation", "event", "release", "schema.oldest"
DELEGATION, TRAIN = "delegation", "train"
DELIVERY, FOLLOWED = "delivery", "event.followed"

SEEDS = {
    DEPLOYMENT: 0,
    GENERATION: 0,
    EVENT: 0,
    RELEASE: 0,
    DELEGATION: 0,
    OLDEST: 1,
    DELIVERY: 0,
    FOLLOWED: 0,
    TRAIN: 0,
}
"""Counter -> its first value. ``schema.oldest`` is the oldest schema whose code still works on this database: a
migration that takes something away raises it. ``event.followed`` is the last event that has been looked at for who is
to hear of it."""

deployment = Table(
    "deployment",
    metadata,
    Column("number", Number, primary_key=True, autoincrement=False),
    Column("id", Text, nullable=False, unique=True),
    Column("application", Text, nullable=False),
    Column("environment", Text, nullable=False),
    Column("release", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("want", Text, nullable=False),
    Column("urgent", Boolean, nullable=False),
    Column("holds", Boolean, nullable=False),
    Column("asked", Boolean, nullable=False),
    Column("next_at", Double),
    Column("owner", Text, nullable=False),
    Column("lease_until", Double, nullable=False),
    Column("generation", Number, nullable=False),
    Column("written_at", Double, nullable=False),
    Column("details", Text, nullable=False),
    Column("let_through", Integer, nullable=False, server_default="0"),
)
"""``asked``: somebody has asked since the claim, or the key became free, and the worker has not seen it yet."""


def _partial(name: str, *columns: Column[object], where: str, unique: bool = False) -> Index:
    return Index(name, *columns, unique=unique, sqlite_where=text(where), postgresql_where=text(where))


def is_one_of(column: ColumnElement[str], states: Collection[State]) -> ColumnElement[bool]:
    """The states are spelled out in the statement: a list of parameters would have to be expanded at each call."""
    return column.in_([literal_column(f"'{state.value}'") for state in sorted(states)])


def _is_in(states: Collection[State]) -> str:
    """As :func:`is_one_of` says it, so that SQLite sees that a partial index has those rows."""
    return "state IN ({})".format(", ".join(f"'{state.value}'" for state in sorted(states)))


IS_ACTIVE = _is_in(ACTIVE)

_partial("uq_deployment_active", deployment.c.application, deployment.c.environment, where=IS_ACTIVE, unique=True)
_partial("uq_deployment_holds", deployment.c.application, deployment.c.environment, where="holds", unique=True)
_partial("ix_deployment_next_at", deployment.c.next_at, where="next_at IS NOT NULL")
_partial("ix_deployment_written_at", deployment.c.written_at, where="next_at IS NOT NULL")
_partial("ix_deployment_environment", deployment.c.environment, where="holds")
_partial(
    "ix_deployment_held",
    *(deployment.c.environment, deployment.c.written_at, deployment.c.application),
    where=f"NOT holds AND {_is_in(FINAL)}",
)
_partial("ix_deployment_owner", deployment.c.owner, where="owner <> ''")
Index("ix_deployment_key", deployment.c.application, deployment.c.environment, deployment.c.state, deployment.c.number)

HOLDING = text("deployment.holds")
"""As the index says it: SQLAlchemy would write ``holds = 1`` for SQLite, which then does not use the index."""

event = Table(
    "event",
    metadata,
    Column("seq", Number, primary_key=True, autoincrement=False),
    Column("application", Text, nullable=False),
    Column("deployment", Text, nullable=False),
    Column("document", Text, nullable=False),
    Index("ix_event_application", "application", "seq"),
    Index("ix_event_deployment", "deployment", "seq"),
)

audit = Table(
    "audit",
    metadata,
    Column("seq", Number, primary_key=True, autoincrement=False),
    Column("previous", Text, nullable=False),
    Column("digest", Text, nullable=False),
    Column("document", Text, nullable=False),
)

checkpoint = Table(
    "checkpoint",
    metadata,
    Column("number", Number, primary_key=True, autoincrement=False),
    Column("last", Number, nullable=False),
    Column("document", Text, nullable=False),
)
"""Of the audit chain, one a day: the signed envelope. They stay when the entries are cut off."""

release = Table(
    "release",
    metadata,
    Column("recorded", Number, primary_key=True, autoincrement=False),
    Column("digest", Text, nullable=False, unique=True),
    Column("id", Text, nullable=False, unique=True),
    Column("application", Text, nullable=False),
    Column("number", Number, nullable=False),
    Column("document", Text, nullable=False),
    UniqueConstraint("application", "number"),
)
"""``recorded``: 1, 2, 3 ... over all applications, so that "newest" does not hang on a clock."""

plan = Table(
    "plan",
    metadata,
    Column("digest", Text, primary_key=True),
    Column("document", Text, nullable=False),
)
"""The document is the canonical JSON that the digest is of: what was consented to, byte for byte."""

statement = Table(
    "statement",
    metadata,
    Column("digest", Text, primary_key=True),
    Column("document", Text, nullable=False),
)
"""Digest of a release or a plan -> the signed envelope that says what it was when it was recorded."""

quarantine = Table(
    "quarantine",
    metadata,
    Column("application", Text, primary_key=True),
    Column("environment", Text, primary_key=True),
    Column("release", Text, primary_key=True),
    Column("document", Text, nullable=False),
)

feed = Table(
    "feed",
    metadata,
    Column("name", Text, primary_key=True),
    Column("digest", Text, nullable=False, unique=True),
    Column("document", Text, nullable=False),
)
"""Of a calendar that somebody has subscribed to. The token itself is not kept."""

observation = Table(
    "observation",
    metadata,
    Column("application", Text, primary_key=True),
    Column("environment", Text, primary_key=True),
    Column("component", Text, primary_key=True),
    Column("document", Text, nullable=False),
    Index("ix_observation_environment", "environment"),
)
"""``component``: with its cell in front where there is one."""

window = Table(
    "window",
    metadata,
    Column("deployment", Text, primary_key=True),
    Column("component", Text, primary_key=True),
    Column("number", Number, primary_key=True, autoincrement=False),
    Column("document", Text, nullable=False),
)
"""What users got while a canary was watched, look by look: never changed."""

traffic_minutes = Table(
    "traffic_minutes",
    metadata,
    Column("application", Text, primary_key=True),
    Column("environment", Text, primary_key=True),
    Column("component", Text, primary_key=True),
    Column("minute", Number, primary_key=True, autoincrement=False),
    Column("document", Text, nullable=False),
    Index("ix_traffic_minutes_minute", "minute"),
)
"""``minute``: whole minutes since 1970 until it ended, so that it is kept once whoever notes it."""

traffic_mark = Table(
    "traffic_mark",
    metadata,
    Column("application", Text, primary_key=True),
    Column("environment", Text, primary_key=True),
    Column("component", Text, primary_key=True),
    Column("document", Text, nullable=False),
)

sealing = Table(
    "sealing",
    metadata,
    Column("installation", Text, primary_key=True),
    Column("master", Text, nullable=False),
)
"""One row. Whoever changes anything of keys or secrets locks it first."""

data_key = Table(
    "data_key",
    metadata,
    Column("place", Text, primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("master", Text, nullable=False),
    Column("sealed", Text, nullable=False),
)

secret = Table(
    "secret",
    metadata,
    Column("environment", Text, primary_key=True),
    Column("name", Text, primary_key=True),
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("data_key", Integer, nullable=False),
    Column("sealed", Text, nullable=False),
    Column("document", Text, nullable=False),
)
"""A version that was removed keeps its row, without what it was."""
catalogue_version = Table(
    "catalogue_version",
    metadata,
    Column("digest", Text, primary_key=True),
    Column("document", Text, nullable=False),
)
"""The document is the canonical JSON that the digest is of: each environment's settings, with what it inherits."""

catalogue_since = Table(
    "catalogue_since",
    metadata,
    Column("at", Double, primary_key=True),
    Column("digest", Text, nullable=False),
)
"""From when which version counted, until the next moment."""
evidence = Table(
    "evidence",
    metadata,
    Column("release", Text, primary_key=True),
    Column("digest", Text, primary_key=True),
    Column("document", Text, nullable=False),
)
"""What is attached to releases; the document that was attached is a blob under that digest."""

package = Table(
    "package",
    metadata,
    Column("release", Text, primary_key=True),
    Column("source", Text, primary_key=True),
    Column("number", Number, primary_key=True, autoincrement=False),
    Column("name", Text, nullable=False),
    Column("version", Text, nullable=False),
    Column("line", Text, nullable=False),
    Column("digest", Text, nullable=False),
    Column("document", Text, nullable=False),
    Index("ix_package_name", "name", "version"),
    Index("ix_package_line", "line", "version", sqlite_where=text("line <> ''"), postgresql_where=text("line <> ''")),
    Index("ix_package_digest", "digest", sqlite_where=text("digest <> ''"), postgresql_where=text("digest <> ''")),
)
"""What a release is made of. ``source``: the digest of the document that says so; empty: its own artifacts. ``line``:
the package URL without its version."""

finding = Table(
    "finding",
    metadata,
    Column("release", Text, primary_key=True),
    Column("source", Text, primary_key=True),
    Column("number", Number, primary_key=True, autoincrement=False),
    Column("document", Text, nullable=False),
)

waiver = Table(
    "waiver",
    metadata,
    Column("vulnerability", Text, primary_key=True),
    Column("package", Text, primary_key=True),
    Column("application", Text, primary_key=True),
    Column("environment", Text, primary_key=True),
    Column("document", Text, nullable=False),
)

holding = Table(
    "holding",
    metadata,
    Column("deployment", Text, primary_key=True),
    Column("cell", Text, primary_key=True),
    Column("application", Text, nullable=False),
    Column("environment", Text, nullable=False),
    Column("release", Text, nullable=False),
    Column("label", Text, nullable=False),
    Column("actor", Text, nullable=False),
    Column("from_at", Double, nullable=False),
    Column("until_at", Double),
    Index("ix_holding_environment", "environment", "application", "from_at"),
    Index("ix_holding_release", "release", "until_at"),
)
"""From when until when a deployment's release was what ran: one row, or one for each cell where they differ."""

OPEN = "until_at IS NULL"

Index(
    "ix_holding_open",
    holding.c.environment,
    holding.c.application,
    holding.c.cell,
    sqlite_where=text(OPEN),
    postgresql_where=text(OPEN),
)

person = Table(
    "person",
    metadata,
    Column("name", Text, primary_key=True),
    Column("document", Text, nullable=False),
)

token = Table(
    "token",
    metadata,
    Column("digest", Text, primary_key=True),
    Column("id", Text, nullable=False, unique=True),
    Column("person", Text, nullable=False),
    Column("document", Text, nullable=False),
    Index("ix_token_person", "person"),
)
"""``digest``: sha256 of the token, which itself is nowhere."""

approval = Table(
    "approval",
    metadata,
    Column("deployment", Text, primary_key=True),
    Column("person", Text, primary_key=True),
    Column("document", Text, nullable=False),
)

rejection = Table(
    "rejection",
    metadata,
    Column("deployment", Text, primary_key=True),
    Column("document", Text, nullable=False),
)

credit = Table(
    "credit",
    metadata,
    Column("release", Text, primary_key=True),
    Column("person", Text, primary_key=True),
    Column("number", Number, nullable=False),
)
"""Authors of a release that were named when it was made again: the release itself is signed and stays as it is."""

delegation = Table(
    "delegation",
    metadata,
    Column("number", Number, primary_key=True, autoincrement=False),
    Column("document", Text, nullable=False),
)

review = Table(
    "review",
    metadata,
    Column("deployment", Text, primary_key=True),
    Column("number", Number, nullable=False),
    Column("open", Boolean, nullable=False),
    Column("document", Text, nullable=False),
)
_partial("ix_review_open", review.c.number, where="open")
delivery = Table(
    "delivery",
    metadata,
    Column("number", Number, primary_key=True, autoincrement=False),
    Column("id", Text, nullable=False, unique=True),
    Column("channel", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("due_at", Double, nullable=False),
    Column("bundled", Boolean, nullable=False),
    Column("parcel", Text, nullable=False),
    Column("owner", Text, nullable=False),
    Column("lease_until", Double, nullable=False),
    Column("document", Text, nullable=False),
)
"""What channels are to hear. The document has everything else of it."""

_partial("ix_delivery_due_at", delivery.c.due_at, where="state = 'waiting'")
Index("ix_delivery_channel", delivery.c.channel, delivery.c.state, delivery.c.number)
_partial("ix_delivery_dead", delivery.c.number, where="state = 'dead'")

train = Table(
    "train",
    metadata,
    Column("name", Text, primary_key=True),
    Column("number", Number, nullable=False),
    Column("version", Number, nullable=False),
    Column("due_at", Double),
    Column("document", Text, nullable=False),
    Index("ix_train_number", "number"),
)
"""``version`` grows with every change, so that nobody writes over what they have not seen."""

_partial("ix_train_due_at", train.c.due_at, where="due_at IS NOT NULL")

train_run = Table(
    "train_run",
    metadata,
    Column("name", Text, primary_key=True),
    Column("train", Text, nullable=False),
    Column("deployment", Text, nullable=False),
    Index("ix_train_run_train", "train"),
)
"""The deployments of a train's steps: at most one of each name, whoever opens it, and however often."""

train_event = Table(
    "train_event",
    metadata,
    Column("train", Text, primary_key=True),
    Column("seq", Number, primary_key=True, autoincrement=False),
)
"""Which events are about a train itself. Those of its deployments are found by the deployment."""

requirement = Table(
    "requirement",
    metadata,
    Column("application", Text, primary_key=True),
    Column("dependant", Text, primary_key=True),
)
"""Which applications have a release that requires another one."""

schema_version = Table(
    "alembic_version",
    MetaData(),
    Column("version_num", String(32), nullable=False),
    PrimaryKeyConstraint("version_num", name="alembic_version_pkc"),
)
"""Alembic's own table, exactly as Alembic makes it, for use without Alembic."""
