"""Shares of splits that are set while a version is live, and the variants that a task's enrollment was given."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

_KEY = sa.String().with_variant(sa.String(collation="C"), "postgresql")
_INSTANT = sa.Text().with_variant(sa.DateTime(timezone=True), "postgresql")
_JSON = sa.Text().with_variant(sa.JSON(), "postgresql")


def upgrade() -> None:
    op.create_table(
        "split_weights",
        sa.Column("tenant_id", _KEY, nullable=False),
        sa.Column("workflow", _KEY, nullable=False),
        sa.Column("version", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("step", _KEY, nullable=False),
        sa.Column("revision", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("shares", _JSON, nullable=False),
        sa.Column("set_at", _INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "workflow", "version", "step", "revision", name="pk_split_weights"),
    )
    op.add_column("tasks", sa.Column("variants", _JSON, nullable=True))
