"""Events that may still enrol their contact while its profile catches up."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

_INSTANT = sa.Text().with_variant(sa.DateTime(timezone=True), "postgresql")
_KEY = sa.String().with_variant(sa.String(collation="C"), "postgresql")
_JSON = sa.Text().with_variant(sa.JSON(), "postgresql")


def upgrade() -> None:
    op.create_table(
        "second_looks",
        sa.Column("tenant_id", _KEY, nullable=False),
        sa.Column("contact_id", _KEY, nullable=False),
        sa.Column("workflow", _KEY, nullable=False),
        sa.Column("source", _KEY, nullable=False),
        sa.Column("event_id", _KEY, nullable=False),
        sa.Column("event", _JSON, nullable=False),
        sa.Column("until_at", _INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "contact_id", "workflow", "source", "event_id", name="pk_second_looks"),
    )
    op.create_index("ix_second_looks_until", "second_looks", ["until_at"])
