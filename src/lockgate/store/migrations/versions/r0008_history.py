"""From when until when each deployment held its environment."""

import json
from itertools import groupby, pairwise

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    texts = ("deployment", "cell", "application", "environment", "release", "label", "actor")
    op.create_table(
        "holding",
        *(sa.Column(name, sa.Text, nullable=False) for name in texts),
        sa.Column("from_at", sa.Double, nullable=False),
        sa.Column("until_at", sa.Double),
        sa.PrimaryKeyConstraint("deployment", "cell", name="pk_holding"),
    )
    op.create_index("ix_holding_environment", "holding", ["environment", "application", "from_at"])
    op.create_index("ix_holding_release", "holding", ["release", "until_at"])
    only = sa.text("until_at IS NULL")
    key = ["environment", "application", "cell"]
    op.create_index("ix_holding_open", "holding", key, sqlite_where=only, postgresql_where=only)
    _look_back()


_HELD = """
SELECT id, application, environment, release, holds, details FROM deployment
WHERE state = 'succeeded' OR holds ORDER BY application, environment, number
"""


def _look_back() -> None:
    """What has succeeded held from its end until the next that succeeded ended; the one that holds now holds on."""
    bind = op.get_bind()
    names = ("deployment", "cell", "application", "environment", "release", "label", "actor", "from_at", "until_at")
    table = sa.table("holding", *(sa.column(name) for name in names))
    found = bind.execute(sa.text(_HELD)).all()
    for _, rows in groupby(found, key=lambda row: (row.application, row.environment)):
        written = _in_turn([_written(bind, row) for row in rows])
        for part in range(0, len(written), 5000):
            bind.execute(sa.insert(table), written[part : part + 5000])


def _in_turn(deployments: "list[tuple[bool, list[dict[str, object]]]]") -> "list[dict[str, object]]":
    """Sorted by their beginning, each until the next; only the holder's last one is open."""
    deployments.sort(key=lambda one: (one[0], one[1][0]["from_at"]))
    for (_, rows), (_, following) in pairwise(deployments):
        for row in rows:
            row["until_at"] = max(float(str(row["from_at"])), float(str(following[0]["from_at"])))
    last_holds, last = deployments[-1]
    if not last_holds:
        for row in last:
            row["until_at"] = row["from_at"]
    return [row for _, rows in deployments for row in rows]


def _written(bind: sa.Connection, row: "sa.Row[tuple[object, ...]]") -> "tuple[bool, list[dict[str, object]]]":
    details = json.loads(row.details)
    base = {
        "deployment": row.id,
        "application": row.application,
        "environment": row.environment,
        "actor": details["actor"],
        "from_at": details.get("ended_at") or details["created_at"],
        "until_at": None,
    }
    cells = {"": row.release}
    if row.holds and details.get("mixed"):
        query = sa.text("SELECT document FROM plan WHERE digest = :digest")
        text = bind.execute(query, {"digest": details["mixed"]}).scalar()
        cells = {cell["name"]: cell["release"] for cell in json.loads(text)["cells"]} if text else cells
    labels = {row.release: details["release_label"]}
    return bool(row.holds), [
        {**base, "cell": cell, "release": release, "label": labels.get(release, release)}
        for cell, release in cells.items()
    ]


def downgrade() -> None:
    op.drop_table("holding")
