"""Trains: several releases that go to an environment together; and which applications require another one."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"

NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "train",
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("number", NUMBER, nullable=False),
        sa.Column("version", NUMBER, nullable=False),
        sa.Column("due_at", sa.Double),
        sa.Column("document", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_train"),
    )
    op.create_index("ix_train_number", "train", ["number"])
    only_due = sa.text("due_at IS NOT NULL")
    op.create_index("ix_train_due_at", "train", ["due_at"], sqlite_where=only_due, postgresql_where=only_due)
    op.create_table(
        "train_run",
        *(sa.Column(name, sa.Text, nullable=False) for name in ("name", "train", "deployment")),
        sa.PrimaryKeyConstraint("name", name="pk_train_run"),
    )
    op.create_index("ix_train_run_train", "train_run", ["train"])
    op.create_table(
        "train_event",
        sa.Column("train", sa.Text, nullable=False),
        sa.Column("seq", NUMBER, nullable=False, autoincrement=False),
        sa.PrimaryKeyConstraint("train", "seq", name="pk_train_event"),
    )
    op.create_table(
        "requirement",
        sa.Column("application", sa.Text, nullable=False),
        sa.Column("dependant", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("application", "dependant", name="pk_requirement"),
    )
    op.execute("INSERT INTO counter (name, value) VALUES ('train', 0)")


def downgrade() -> None:
    op.execute("DELETE FROM counter WHERE name = 'train'")
    for name in ("requirement", "train_event", "train_run", "train"):
        op.drop_table(name)
