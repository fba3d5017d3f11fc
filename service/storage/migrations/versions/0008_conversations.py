"""Conversations, global variables, and the stamp that tells when global variables changed."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

_KEY = sa.String().with_variant(sa.String(collation="C"), "postgresql")
_INSTANT = sa.Text().with_variant(sa.DateTime(timezone=True), "postgresql")
_JSON = sa.Text().with_variant(sa.JSON(), "postgresql")


def upgrade() -> None:
    op.create_table(
        "conversations",
        sa.Column("tenant_id", _KEY, nullable=False),
        sa.Column("id", _KEY, nullable=False),
        sa.Column("contact_id", _KEY, nullable=False),
        sa.Column("channel", _KEY, nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("agent_id", _KEY, nullable=True),
        sa.Column("tags", _JSON, nullable=False),
        sa.Column("variables", _JSON, nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.Column("created_at", _INSTANT, nullable=False),
        sa.Column("updated_at", _INSTANT, nullable=False),
        sa.Column("last_message_at", _INSTANT, nullable=True),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_conversations")),
        postgresql_with={"fillfactor": 80},
    )
    op.create_index("ix_conversations_contact", "conversations", ["tenant_id", "contact_id", "id"])
    op.create_table(
        "variables",
        sa.Column("tenant_id", _KEY, nullable=False),
        sa.Column("name", _KEY, nullable=False),
        sa.Column("value", _JSON, nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.Column("created_at", _INSTANT, nullable=False),
        sa.Column("updated_at", _INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "name", name=op.f("pk_variables")),
    )
    op.create_table(
        "stamps",
        sa.Column("name", _KEY, nullable=False),
        sa.Column("value", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_stamps")),
    )
