"""How often a stored event could not be dispatched, when it is tried again, and since when it is set aside."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_INSTANT = sa.Text().with_variant(sa.DateTime(timezone=True), "postgresql")
_QUARANTINED = sa.text("quarantined_at is not null")


def upgrade() -> None:
    op.add_column("events", sa.Column("failures", sa.Integer(), server_default="0", nullable=False))
    op.add_column("events", sa.Column("retry_at", _INSTANT, nullable=True))
    op.add_column("events", sa.Column("quarantined_at", _INSTANT, nullable=True))
    op.create_index(
        "ix_events_quarantined",
        "events",
        ["accepted_at"],
        postgresql_where=_QUARANTINED,
        sqlite_where=_QUARANTINED,
    )
