"""Pauses of workflows: their policy, how long they stood still, and the due runs that are parked meanwhile."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_INSTANT = sa.Text().with_variant(sa.DateTime(timezone=True), "postgresql")
_PARKED = sa.text("parked_at is not null")


def upgrade() -> None:
    op.add_column("workflows", sa.Column("pause_timers", sa.String(), server_default="keep", nullable=False))
    op.add_column("workflows", sa.Column("paused_at", _INSTANT, nullable=True))
    op.add_column("workflows", sa.Column("standstill_s", sa.Float(), server_default="0", nullable=False))
    op.add_column("enrollments", sa.Column("parked_at", _INSTANT, nullable=True))
    op.create_index(
        "ix_enrollments_parked",
        "enrollments",
        ["tenant_id", "workflow", "parked_at"],
        postgresql_where=_PARKED,
        sqlite_where=_PARKED,
    )
