"""A cause is told by its first line alone: the index that keeps it from being applied twice has one entry for each."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

_FIRST = sa.text("position = 0")


def upgrade() -> None:
    op.drop_index("uq_history_cause", "history")
    op.create_index(
        "uq_history_cause",
        "history",
        ["tenant_id", "enrollment_id", "cause_id"],
        unique=True,
        postgresql_where=_FIRST,
        sqlite_where=_FIRST,
    )
