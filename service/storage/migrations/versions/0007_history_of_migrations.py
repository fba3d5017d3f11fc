"""Find the lines of history that tell of migrations without reading all others; they alone are in the index."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

_MIGRATED = sa.text("kind = 'migrated'")


def upgrade() -> None:
    op.create_index(
        "ix_history_migrated",
        "history",
        ["tenant_id", "enrollment_id", "sequence"],
        postgresql_where=_MIGRATED,
        sqlite_where=_MIGRATED,
    )
