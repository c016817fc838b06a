"""What channels are to hear. What happened before is not told."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"

NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    texts = [
        sa.Column(name, sa.Text, nullable=False) for name in ("id", "channel", "state", "parcel", "owner", "document")
    ]
    op.create_table(
        "delivery",
        sa.Column("number", NUMBER, nullable=False, autoincrement=False),
        *texts[:3],
        sa.Column("due_at", sa.Double, nullable=False),
        sa.Column("bundled", sa.Boolean, nullable=False),
        *texts[3:5],
        sa.Column("lease_until", sa.Double, nullable=False),
        texts[5],
        sa.PrimaryKeyConstraint("number", name="pk_delivery"),
        sa.UniqueConstraint("id", name="uq_delivery_id"),
    )
    waiting = sa.text("state = 'waiting'")
    op.create_index("ix_delivery_due_at", "delivery", ["due_at"], sqlite_where=waiting, postgresql_where=waiting)
    op.create_index("ix_delivery_channel", "delivery", ["channel", "state", "number"])
    dead = sa.text("state = 'dead'")
    op.create_index("ix_delivery_dead", "delivery", ["number"], sqlite_where=dead, postgresql_where=dead)
    op.execute("INSERT INTO counter (name, value) VALUES ('delivery', 0)")
    op.execute("INSERT INTO counter (name, value) SELECT 'event.followed', value FROM counter WHERE name = 'event'")


def downgrade() -> None:
    op.execute("DELETE FROM counter WHERE name IN ('delivery', 'event.followed')")
    op.drop_table("delivery")
