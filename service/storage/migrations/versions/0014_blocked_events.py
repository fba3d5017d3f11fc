"""By which rule an event that a step raised was kept from enrolling."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

_BLOCKED = sa.text("blocked is not null")


def upgrade() -> None:
    op.add_column("events", sa.Column("blocked", sa.Text(), nullable=True))
    op.create_index("ix_events_blocked", "events", ["accepted_at"], postgresql_where=_BLOCKED, sqlite_where=_BLOCKED)
