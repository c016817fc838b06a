"""Signed checkpoints of the audit chain, and signed statements of releases and plans."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"

NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "checkpoint",
        sa.Column("number", NUMBER, nullable=False, autoincrement=False),
        sa.Column("last", NUMBER, nullable=False),
        sa.Column("document", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("number", name="pk_checkpoint"),
    )
    op.create_table(
        "statement",
        sa.Column("digest", sa.Text, nullable=False),
        sa.Column("document", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("digest", name="pk_statement"),
    )


def downgrade() -> None:
    op.drop_table("statement")
    op.drop_table("checkpoint")
