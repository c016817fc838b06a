"""Lockgate's own store of secrets: sealed versions, and the sealed keys they are sealed with."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    _table("sealing", "installation", further=_texts("master"))
    _table("data_key", "place", number="number", further=_texts("master", "sealed"))
    _table(
        "secret", "environment", "name", number="version", further=[_number("data_key"), *_texts("sealed", "document")]
    )


def _texts(*names: str) -> "list[Any]":
    return [sa.Column(name, sa.Text, nullable=False) for name in names]


def _number(name: str) -> "sa.Column[int]":
    return sa.Column(name, sa.Integer, nullable=False)


def _table(name: str, *texts: str, number: str = "", further: "list[Any]") -> None:
    numbers = [sa.Column(number, sa.Integer, nullable=False, autoincrement=False)] if number else []
    key = sa.PrimaryKeyConstraint(*texts, *(column.name for column in numbers), name=f"pk_{name}")
    op.create_table(name, *_texts(*texts), *numbers, *further, key)


def downgrade() -> None:
    for name in ("secret", "data_key", "sealing"):
        op.drop_table(name)
