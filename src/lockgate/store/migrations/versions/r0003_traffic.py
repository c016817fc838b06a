"""What users got of what runs, minute by minute, and where counting stood."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
KEY = ("application", "environment", "component")


def upgrade() -> None:
    _table("traffic_minutes", sa.Column("minute", NUMBER, nullable=False, autoincrement=False))
    op.create_index("ix_traffic_minutes_minute", "traffic_minutes", ["minute"])
    _table("traffic_mark")


def _table(name: str, *further: "sa.Column[int]") -> None:
    columns = [sa.Column(part, sa.Text, nullable=False) for part in KEY]
    key = sa.PrimaryKeyConstraint(*KEY, *(column.name for column in further), name=f"pk_{name}")
    op.create_table(name, *columns, *further, sa.Column("document", sa.Text, nullable=False), key)


def downgrade() -> None:
    op.drop_table("traffic_mark")
    op.drop_table("traffic_minutes")
