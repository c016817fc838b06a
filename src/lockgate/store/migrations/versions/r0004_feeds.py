"""Calendars that people have subscribed to."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.create_table(
        "feed",
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("digest", sa.Text, nullable=False),
        sa.Column("document", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_feed"),
        sa.UniqueConstraint("digest", name="uq_feed_digest"),
    )


def downgrade() -> None:
    op.drop_table("feed")
