"""Children of an enrollment are looked up by their parent."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

_CHILDREN = sa.text("parent_id is not null")


def upgrade() -> None:
    op.create_index(
        "ix_enrollments_children",
        "enrollments",
        ["tenant_id", "parent_id"],
        postgresql_where=_CHILDREN,
        sqlite_where=_CHILDREN,
    )
