"""Visits and enrollments counted once, so that funnels of large workflows read sums instead of histories.

And indexes of what operators look for, which only enrollments that failed or are paused pay for.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None

_JSON = sa.Text().with_variant(sa.JSON(), "postgresql")
_KEY = sa.String().with_variant(sa.String(collation="C"), "postgresql")
_STEP_COUNTS = ("entered", "waiting", "passed", "exited", "failed", "cancelled", "enrollments", "converted")
_RUN_COUNTS = ("runs", "children", "converted", "unrecorded")


def upgrade() -> None:
    op.create_table(
        "tally_marks",
        sa.Column("tenant_id", _KEY, nullable=False),
        sa.Column("workflow", _KEY, nullable=False),
        sa.Column("up_to", _KEY, nullable=False),
        sa.Column("runs", sa.BigInteger(), nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "workflow", name="pk_tally_marks"),
    )
    op.create_table(
        "step_tallies",
        sa.Column("tenant_id", _KEY, nullable=False),
        sa.Column("workflow", _KEY, nullable=False),
        sa.Column("version", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("hour", _KEY, nullable=False),
        sa.Column("step", _KEY, nullable=False),
        *(sa.Column(name, sa.BigInteger(), nullable=False) for name in _STEP_COUNTS),
        sa.PrimaryKeyConstraint("tenant_id", "workflow", "version", "hour", "step", name="pk_step_tallies"),
    )
    op.create_table(
        "run_tallies",
        sa.Column("tenant_id", _KEY, nullable=False),
        sa.Column("workflow", _KEY, nullable=False),
        sa.Column("version", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("hour", _KEY, nullable=False),
        sa.Column("status", _KEY, nullable=False),
        *(sa.Column(name, sa.BigInteger(), nullable=False) for name in _RUN_COUNTS),
        sa.PrimaryKeyConstraint("tenant_id", "workflow", "version", "hour", "status", name="pk_run_tallies"),
    )
    op.create_table(
        "open_tallies",
        sa.Column("tenant_id", _KEY, nullable=False),
        sa.Column("workflow", _KEY, nullable=False),
        sa.Column("enrollment_id", _KEY, nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.Column("counted", _JSON, nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "workflow", "enrollment_id", name="pk_open_tallies"),
    )
    for status in ("failed", "paused"):
        condition = sa.text(f"status = '{status}'")
        op.create_index(
            f"ix_enrollments_{status}",
            "enrollments",
            ["tenant_id", "id"],
            sqlite_where=condition,
            postgresql_where=condition,
        )
