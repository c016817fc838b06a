"""What people say of deployments: approvals, rejections, delegations, reviews; and who else wrote a release."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"

NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    _table("approval", ("deployment", "person"))
    _table("rejection", ("deployment",))
    op.create_table(
        "credit",
        sa.Column("release", sa.Text, nullable=False),
        sa.Column("person", sa.Text, nullable=False),
        sa.Column("number", NUMBER, nullable=False),
        sa.PrimaryKeyConstraint("release", "person", name="pk_credit"),
    )
    op.create_table(
        "delegation",
        sa.Column("number", NUMBER, nullable=False, autoincrement=False),
        sa.Column("document", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("number", name="pk_delegation"),
    )
    op.create_table(
        "review",
        sa.Column("deployment", sa.Text, nullable=False),
        sa.Column("number", NUMBER, nullable=False),
        sa.Column("open", sa.Boolean, nullable=False),
        sa.Column("document", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("deployment", name="pk_review"),
    )
    only_open = sa.text("open")
    op.create_index("ix_review_open", "review", ["number"], sqlite_where=only_open, postgresql_where=only_open)
    op.execute("INSERT INTO counter (name, value) VALUES ('delegation', 0)")


def _table(name: str, key: tuple[str, ...]) -> None:
    columns = [sa.Column(part, sa.Text, nullable=False) for part in (*key, "document")]
    op.create_table(name, *columns, sa.PrimaryKeyConstraint(*key, name=f"pk_{name}"))


def downgrade() -> None:
    op.execute("DELETE FROM counter WHERE name = 'delegation'")
    for name in ("review", "delegation", "credit", "rejection", "approval"):
        op.drop_table(name)
