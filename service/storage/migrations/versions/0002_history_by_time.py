"""Let watches find the latest history on PostgreSQL without reading all of it; a BRIN index costs writers nothing."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index(
        "ix_history_at",
        "history",
        ["at"],
        postgresql_using="brin",
        postgresql_with={"autosummarize": "on", "pages_per_range": "32"},
        sqlite_where=sa.text("at is null"),
    )
