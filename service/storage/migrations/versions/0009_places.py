"""Places of runs in workflows with limits, and the runs that wait to begin."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

_INSTANT = sa.Text().with_variant(sa.DateTime(timezone=True), "postgresql")
_KEY = sa.String().with_variant(sa.String(collation="C"), "postgresql")


def upgrade() -> None:
    op.create_table(
        "places",
        sa.Column("tenant_id", _KEY, nullable=False),
        sa.Column("workflow", _KEY, nullable=False),
        sa.Column("enrollment_id", _KEY, nullable=False),
        sa.Column("taken_at", _INSTANT, nullable=False),
        sa.Column("ended_at", _INSTANT, nullable=True),
        sa.PrimaryKeyConstraint("tenant_id", "workflow", "enrollment_id", name="pk_places"),
    )
    op.create_table(
        "pending_runs",
        sa.Column("tenant_id", _KEY, nullable=False),
        sa.Column("enrollment_id", _KEY, nullable=False),
        sa.Column("workflow", _KEY, nullable=False),
        sa.Column("contact_id", _KEY, nullable=True),
        sa.Column("rule", sa.String(), nullable=False),
        sa.Column("turn", sa.Integer(), nullable=False),
        sa.Column("try_at", _INSTANT, nullable=True),
        sa.PrimaryKeyConstraint("tenant_id", "enrollment_id", name="pk_pending_runs"),
    )
    op.create_index("ix_pending_runs_contact", "pending_runs", ["tenant_id", "contact_id"])
    op.create_index("ix_pending_runs_turn", "pending_runs", ["tenant_id", "workflow", "turn", "enrollment_id"])
