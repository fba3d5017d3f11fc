"""People: agents, the tasks that wait for them, who was assigned when, and what each was told."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_KEY = sa.String().with_variant(sa.String(collation="C"), "postgresql")
_INSTANT = sa.Text().with_variant(sa.DateTime(timezone=True), "postgresql")
_JSON = sa.Text().with_variant(sa.JSON(), "postgresql")


def upgrade() -> None:
    op.create_table(
        "agents",
        sa.Column("tenant_id", _KEY, nullable=False),
        sa.Column("id", _KEY, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("email", sa.Text(), nullable=False),
        sa.Column("groups", _JSON, nullable=False),
        sa.Column("skills", _JSON, nullable=False),
        sa.Column("channels", _JSON, nullable=False),
        sa.Column("availability", sa.String(), nullable=False),
        sa.Column("max_open", sa.Integer(), nullable=True),
        sa.Column("turn", sa.BigInteger(), nullable=False),
        sa.Column("notices", sa.BigInteger(), nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.Column("created_at", _INSTANT, nullable=False),
        sa.Column("updated_at", _INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_agents")),
    )
    op.create_table(
        "human_tasks",
        sa.Column("tenant_id", _KEY, nullable=False),
        sa.Column("task_id", _KEY, nullable=False),
        sa.Column("enrollment_id", _KEY, nullable=False),
        sa.Column("contact_id", _KEY, nullable=True),
        sa.Column("workflow", _KEY, nullable=False),
        sa.Column("step", _KEY, nullable=False),
        sa.Column("queue", _KEY, nullable=False),
        sa.Column("priority", sa.Integer(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("wanted", _JSON, nullable=False),
        sa.Column("agent_id", _KEY, nullable=True),
        sa.Column("assigned_at", _INSTANT, nullable=True),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.Column("created_at", _INSTANT, nullable=False),
        sa.Column("closed_at", _INSTANT, nullable=True),
        sa.Column("decision", sa.Text(), nullable=True),
        sa.Column("decided_by", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("tenant_id", "task_id", name=op.f("pk_human_tasks")),
    )
    op.create_table(
        "assignments",
        sa.Column("tenant_id", _KEY, nullable=False),
        sa.Column("id", _KEY, nullable=False),
        sa.Column("agent_id", _KEY, nullable=False),
        sa.Column("task_id", _KEY, nullable=True),
        sa.Column("enrollment_id", _KEY, nullable=False),
        sa.Column("contact_id", _KEY, nullable=True),
        sa.Column("workflow", _KEY, nullable=False),
        sa.Column("step", _KEY, nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("assigned_at", _INSTANT, nullable=False),
        sa.Column("ended_at", _INSTANT, nullable=True),
        sa.Column("ending", sa.String(), nullable=True),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_assignments")),
    )
    op.create_table(
        "notifications",
        sa.Column("tenant_id", _KEY, nullable=False),
        sa.Column("agent_id", _KEY, nullable=False),
        sa.Column("sequence", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("task_id", _KEY, nullable=True),
        sa.Column("enrollment_id", _KEY, nullable=True),
        sa.Column("contact_id", _KEY, nullable=True),
        sa.Column("workflow", _KEY, nullable=True),
        sa.Column("step", _KEY, nullable=True),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("at", _INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "agent_id", "sequence", name=op.f("pk_notifications")),
    )
    _index("human_tasks", "unassigned", ["tenant_id", "task_id"], "agent_id is null and closed_at is null")
    _index("human_tasks", "agent", ["tenant_id", "agent_id"], "agent_id is not null and closed_at is null")
    op.create_index("ix_human_tasks_enrollment", "human_tasks", ["tenant_id", "enrollment_id"])
    op.create_index("ix_assignments_agent", "assignments", ["tenant_id", "agent_id", "id"])
    _index("assignments", "task", ["tenant_id", "task_id"], "ended_at is null and task_id is not null")
    _index("assignments", "contact", ["tenant_id", "contact_id"], "ended_at is null and task_id is null")


def _index(table: str, name: str, columns: list[str], where: str) -> None:
    condition = sa.text(where)
    op.create_index(f"ix_{table}_{name}", table, columns, postgresql_where=condition, sqlite_where=condition)
