"""The lines of messages before providers' rates, by tenant and channel."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

_KEY = sa.String().with_variant(sa.String(collation="C"), "postgresql")
_JSON = sa.Text().with_variant(sa.JSON(), "postgresql")


def upgrade() -> None:
    op.create_table(
        "provider_rates",
        sa.Column("tenant_id", _KEY, nullable=False),
        sa.Column("channel", _KEY, nullable=False),
        sa.Column("state", _JSON, nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "channel", name="pk_provider_rates"),
    )
