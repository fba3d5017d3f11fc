"""Appointments of contacts by their dates."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None

_INSTANT = sa.Text().with_variant(sa.DateTime(timezone=True), "postgresql")
_KEY = sa.String().with_variant(sa.String(collation="C"), "postgresql")


def upgrade() -> None:
    op.create_table(
        "contact_dates",
        sa.Column("tenant_id", _KEY, nullable=False),
        sa.Column("contact_id", _KEY, nullable=False),
        sa.Column("workflow", _KEY, nullable=False),
        sa.Column("trigger_id", _KEY, nullable=False),
        sa.Column("date", sa.String(), nullable=False),
        sa.Column("due_at", _INSTANT, nullable=True),
        sa.Column("spent", sa.String(), nullable=False),
        sa.Column("planned_at", _INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "contact_id", "workflow", "trigger_id", name="pk_contact_dates"),
    )
    op.create_index(
        "ix_contact_dates_due",
        "contact_dates",
        ["due_at"],
        sqlite_where=sa.text("due_at is not null"),
        postgresql_where=sa.text("due_at is not null"),
    )
    op.create_table(
        "date_seeds",
        sa.Column("tenant_id", _KEY, nullable=False),
        sa.Column("workflow", _KEY, nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("after", _KEY, nullable=True),
        sa.PrimaryKeyConstraint("tenant_id", "workflow", name="pk_date_seeds"),
    )
