"""What is attached to releases, what it says of them, and who takes which weakness on."""

import json
from typing import Any

import sqlalchemy as sa
from alembic import op

from lockgate.core.artifact import Artifact, ArtifactKind
from lockgate.core.ids import Digest
from lockgate.core.package import package_of

revision = "0007"
down_revision = "0006"

NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    _table("evidence", ("release", "digest"))
    number = sa.Column("number", NUMBER, nullable=False, autoincrement=False)
    found = ("name", "version", "line", "digest")
    _table("package", ("release", "source"), number, *(_text(name) for name in found))
    op.create_index("ix_package_name", "package", ["name", "version"])
    _partial("ix_package_line", ["line", "version"], "line <> ''")
    _partial("ix_package_digest", ["digest"], "digest <> ''")
    number = sa.Column("number", NUMBER, nullable=False, autoincrement=False)
    _table("finding", ("release", "source"), number)
    _table("waiver", ("vulnerability", "package", "application", "environment"))
    _list_own_artifacts()


def _text(name: str) -> "sa.Column[str]":
    return sa.Column(name, sa.Text, nullable=False)


def _table(name: str, key: tuple[str, ...], *further: "sa.Column[Any]") -> None:
    numbered = [column.name for column in further if column.name == "number"]
    made = sa.PrimaryKeyConstraint(*key, *numbered, name=f"pk_{name}")
    op.create_table(name, *(_text(part) for part in key), *further, _text("document"), made)


def _partial(name: str, columns: list[str], where: str) -> None:
    only = sa.text(where)
    op.create_index(name, "package", columns, sqlite_where=only, postgresql_where=only)


def _list_own_artifacts() -> None:
    """Of the releases there are, as adding a release does since."""
    bind = op.get_bind()
    columns = ("release", "source", "number", "name", "version", "line", "digest", "document")
    table = sa.table("package", *(sa.column(name) for name in columns))
    for identity, text in bind.execute(sa.text("SELECT id, document FROM release")).all():
        known = json.loads(text)
        own = [(name, value) for name, value in known["artifacts"].items()]
        own += [(name, value) for name, files in known["files"].items() for value in files.values()]
        written = [_row(identity, number, component, value) for number, (component, value) in enumerate(own)]
        if written:
            bind.execute(sa.insert(table), written)


def _row(release: str, number: int, component: str, value: dict[str, str]) -> dict[str, object]:
    artifact = Artifact(
        ArtifactKind(value["kind"]), value["name"], value["version"], Digest(value["digest"]), value["reference"]
    )
    found = package_of(artifact, component)
    known = {"name": found.name, "version": found.version, "purl": found.purl}
    return {
        "release": release,
        "source": "",
        "number": number,
        "name": found.short_name,
        "version": found.version,
        "line": found.line,
        "digest": found.digest,
        "document": json.dumps({**known, "digest": found.digest, "component": component}),
    }


def downgrade() -> None:
    for name in ("waiver", "finding", "package", "evidence"):
        op.drop_table(name)
