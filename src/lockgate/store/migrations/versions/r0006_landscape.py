"""Environments as a whole: who holds them and held them, what is seen there, and the environments' file as it was."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"

ENDED = "state IN ('aborted', 'failed', 'rolled_back', 'succeeded', 'superseded')"


def upgrade() -> None:
    _partial("ix_deployment_environment", ["environment"], "holds")
    _partial("ix_deployment_held", ["environment", "written_at", "application"], f"NOT holds AND {ENDED}")
    op.create_index("ix_observation_environment", "observation", ["environment"])
    op.create_table(
        "catalogue_version",
        sa.Column("digest", sa.Text, nullable=False),
        sa.Column("document", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("digest", name="pk_catalogue_version"),
    )
    op.create_table(
        "catalogue_since",
        sa.Column("at", sa.Double, nullable=False),
        sa.Column("digest", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("at", name="pk_catalogue_since"),
    )


def _partial(name: str, columns: list[str], where: str) -> None:
    op.create_index(name, "deployment", columns, sqlite_where=sa.text(where), postgresql_where=sa.text(where))


def downgrade() -> None:
    op.drop_table("catalogue_since")
    op.drop_table("catalogue_version")
    op.drop_index("ix_observation_environment", "observation")
    op.drop_index("ix_deployment_held", "deployment")
    op.drop_index("ix_deployment_environment", "deployment")
