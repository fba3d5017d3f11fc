"""Since when a workflow goes on after a pause: what fell due in it is not late."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

_INSTANT = sa.Text().with_variant(sa.DateTime(timezone=True), "postgresql")


def upgrade() -> None:
    op.add_column("workflows", sa.Column("resumed_at", _INSTANT, nullable=True))
