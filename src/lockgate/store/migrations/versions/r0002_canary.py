"""What users got while a canary was watched, and which of its stages people have let pass."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.add_column("deployment", sa.Column("let_through", sa.Integer, nullable=False, server_default="0"))
    op.create_table(
        "window",
        sa.Column("deployment", sa.Text, nullable=False),
        sa.Column("component", sa.Text, nullable=False),
        sa.Column("number", NUMBER, nullable=False, autoincrement=False),
        sa.Column("document", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("deployment", "component", "number", name="pk_window"),
    )


def downgrade() -> None:
    op.drop_table("window")
    op.drop_column("deployment", "let_through")
