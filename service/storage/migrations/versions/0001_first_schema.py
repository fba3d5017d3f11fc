"""The first schema."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_KEY = sa.String().with_variant(sa.String(collation="C"), "postgresql")
_INSTANT = sa.Text().with_variant(sa.DateTime(timezone=True), "postgresql")
_JSON = sa.Text().with_variant(sa.JSON(), "postgresql")


def upgrade() -> None:
    op.create_table(
        "clock",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("rate", sa.Float(), nullable=False),
        sa.Column("wall_epoch", _INSTANT, nullable=False),
        sa.Column("workflow_epoch", _INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_clock")),
    )
    op.create_table(
        "contacts",
        sa.Column("tenant_id", _KEY, nullable=False),
        sa.Column("id", _KEY, nullable=False),
        sa.Column("profile", _JSON, nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.Column("created_at", _INSTANT, nullable=False),
        sa.Column("updated_at", _INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_contacts")),
    )
    op.create_table(
        "enrollments",
        sa.Column("tenant_id", _KEY, nullable=False),
        sa.Column("id", _KEY, nullable=False),
        sa.Column("workflow", _KEY, nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("contact_id", _KEY, nullable=True),
        sa.Column("entry_key", _KEY, nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("step", _KEY, nullable=True),
        sa.Column("due_at", _INSTANT, nullable=True),
        sa.Column("waiting_for", _JSON, nullable=True),
        sa.Column("priority", sa.Integer(), server_default="0", nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.Column("parent_id", _KEY, nullable=True),
        sa.Column("open_children", sa.Integer(), server_default="0", nullable=False),
        sa.Column("task_id", _KEY, nullable=True),
        sa.Column("trigger", _JSON, nullable=False),
        sa.Column("variables", _JSON, nullable=True),
        sa.Column("outputs", _JSON, nullable=True),
        sa.Column("state", _JSON, nullable=False),
        sa.Column("exit_reason", sa.Text(), nullable=True),
        sa.Column("started_at", _INSTANT, nullable=False),
        sa.Column("transition_at", _INSTANT, nullable=False),
        sa.Column("ended_at", _INSTANT, nullable=True),
        sa.Column("failures", sa.Integer(), server_default="0", nullable=False),
        sa.Column("quarantined_at", _INSTANT, nullable=True),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_enrollments")),
        postgresql_with={"fillfactor": 80},
    )
    with op.batch_alter_table("enrollments", schema=None) as batch_op:
        batch_op.create_index(
            "ix_enrollments_due",
            ["due_at"],
            unique=False,
            postgresql_where=sa.text("due_at is not null and contact_id is not null"),
            sqlite_where=sa.text("due_at is not null and contact_id is not null"),
        )
        batch_op.create_index(
            "ix_enrollments_due_alone",
            ["due_at"],
            unique=False,
            postgresql_where=sa.text("due_at is not null and contact_id is null"),
            sqlite_where=sa.text("due_at is not null and contact_id is null"),
        )
        batch_op.create_index(
            "ix_enrollments_entry", ["tenant_id", "contact_id", "workflow", "entry_key"], unique=False
        )
        batch_op.create_index(
            "ix_enrollments_live",
            ["tenant_id", "contact_id"],
            unique=False,
            postgresql_where=sa.text("status in ('pending', 'running', 'waiting', 'paused')"),
            sqlite_where=sa.text("status in ('pending', 'running', 'waiting', 'paused')"),
        )
        batch_op.create_index("ix_enrollments_workflow", ["tenant_id", "workflow", "id"], unique=False)

    op.create_table(
        "event_keys",
        sa.Column("tenant_id", _KEY, nullable=False),
        sa.Column("source", _KEY, nullable=False),
        sa.Column("event_id", _KEY, nullable=False),
        sa.Column("body_hash", sa.String(), nullable=False),
        sa.Column("verdicts", _JSON, nullable=False),
        sa.Column("accepted_at", _INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "source", "event_id", name=op.f("pk_event_keys")),
    )
    op.create_table(
        "events",
        sa.Column("tenant_id", _KEY, nullable=False),
        sa.Column("accepted_at", _INSTANT, nullable=False),
        sa.Column("id", _KEY, nullable=False),
        sa.Column("source", _KEY, nullable=False),
        sa.Column("event_id", _KEY, nullable=False),
        sa.Column("type", _KEY, nullable=False),
        sa.Column("contact_id", _KEY, nullable=True),
        sa.Column("conversation_id", sa.Text(), nullable=True),
        sa.Column("key", sa.Text(), nullable=True),
        sa.Column("data", _JSON, nullable=False),
        sa.Column("occurred_at", _INSTANT, nullable=True),
        sa.Column("priority", sa.Integer(), nullable=False),
        sa.Column("chain", _JSON, nullable=True),
        sa.Column("pending", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "accepted_at", "id", name=op.f("pk_events")),
        postgresql_partition_by="RANGE (accepted_at)",
    )
    with op.batch_alter_table("events", schema=None) as batch_op:
        batch_op.create_index("ix_events_contact", ["tenant_id", "contact_id", "accepted_at"], unique=False)
        batch_op.create_index(
            "ix_events_pending",
            ["accepted_at"],
            unique=False,
            postgresql_where=sa.text("pending"),
            sqlite_where=sa.text("pending"),
        )

    op.create_table(
        "history",
        sa.Column("tenant_id", _KEY, nullable=False),
        sa.Column("enrollment_id", _KEY, nullable=False),
        sa.Column("sequence", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("cause_id", sa.String(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("at", _INSTANT, nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("step", _KEY, nullable=True),
        sa.Column("visit", sa.Integer(), nullable=False),
        sa.Column("level", sa.String(), nullable=False),
        sa.Column("entry", _JSON, nullable=False),
        sa.Column("cause", _JSON, nullable=True),
        sa.PrimaryKeyConstraint("tenant_id", "enrollment_id", "sequence", name=op.f("pk_history")),
        postgresql_partition_by="RANGE (enrollment_id)",
    )
    with op.batch_alter_table("history", schema=None) as batch_op:
        batch_op.create_index("uq_history_cause", ["tenant_id", "enrollment_id", "cause_id", "position"], unique=True)

    op.create_table(
        "messages",
        sa.Column("tenant_id", _KEY, nullable=False),
        sa.Column("id", _KEY, nullable=False),
        sa.Column("enrollment_id", _KEY, nullable=False),
        sa.Column("contact_id", _KEY, nullable=True),
        sa.Column("workflow", _KEY, nullable=False),
        sa.Column("step", _KEY, nullable=False),
        sa.Column("idempotency_key", sa.Text(), nullable=False),
        sa.Column("message", _JSON, nullable=False),
        sa.Column("created_at", _INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_messages")),
    )
    with op.batch_alter_table("messages", schema=None) as batch_op:
        batch_op.create_index("uq_messages_idempotency_key", ["tenant_id", "idempotency_key"], unique=True)

    op.create_table(
        "queues",
        sa.Column("tenant_id", _KEY, nullable=False),
        sa.Column("queue", _KEY, nullable=False),
        sa.Column("worker_id", sa.Text(), nullable=False),
        sa.Column("polled_at", _INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "queue", name=op.f("pk_queues")),
    )
    op.create_table(
        "requests",
        sa.Column("tenant_id", _KEY, nullable=False),
        sa.Column("method", _KEY, nullable=False),
        sa.Column("request_id", _KEY, nullable=False),
        sa.Column("body_hash", sa.String(), nullable=False),
        sa.Column("answer", _JSON, nullable=False),
        sa.Column("created_at", _INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "method", "request_id", name=op.f("pk_requests")),
    )
    op.create_table(
        "tasks",
        sa.Column("tenant_id", _KEY, nullable=False),
        sa.Column("id", _KEY, nullable=False),
        sa.Column("enrollment_id", _KEY, nullable=False),
        sa.Column("contact_id", _KEY, nullable=True),
        sa.Column("workflow", _KEY, nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("step", _KEY, nullable=False),
        sa.Column("visit", sa.Integer(), nullable=False),
        sa.Column("type", _KEY, nullable=False),
        sa.Column("queue", _KEY, nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("priority", sa.Integer(), nullable=False),
        sa.Column("input", _JSON, nullable=False),
        sa.Column("output", _JSON, nullable=True),
        sa.Column("outcomes", _JSON, nullable=False),
        sa.Column("idempotency_key", sa.Text(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("max_attempts", sa.Integer(), nullable=False),
        sa.Column("timeout_s", sa.Float(), nullable=False),
        sa.Column("at_most_once", sa.Boolean(), nullable=False),
        sa.Column("available_at", _INSTANT, nullable=False),
        sa.Column("lease_token", sa.BigInteger(), nullable=False),
        sa.Column("lease_until", _INSTANT, nullable=True),
        sa.Column("worker_id", sa.Text(), nullable=True),
        sa.Column("last_error", _JSON, nullable=True),
        sa.Column("created_at", _INSTANT, nullable=False),
        sa.Column("finished_at", _INSTANT, nullable=True),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_tasks")),
        postgresql_with={"fillfactor": 80},
    )
    with op.batch_alter_table("tasks", schema=None) as batch_op:
        batch_op.create_index("ix_tasks_enrollment", ["tenant_id", "enrollment_id", "visit"], unique=False)
        batch_op.create_index(
            "ix_tasks_leased",
            ["lease_until"],
            unique=False,
            postgresql_where=sa.text("status = 'leased'"),
            sqlite_where=sa.text("status = 'leased'"),
        )

    op.create_table(
        "workflow_versions",
        sa.Column("tenant_id", _KEY, nullable=False),
        sa.Column("workflow", _KEY, nullable=False),
        sa.Column("version", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("format", sa.String(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("source_hash", sa.String(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("label", sa.Text(), server_default="", nullable=False),
        sa.Column("lenient", sa.Boolean(), nullable=False),
        sa.Column("listens", _JSON, nullable=False),
        sa.Column("published_at", _INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "workflow", "version", name=op.f("pk_workflow_versions")),
    )
    op.create_table(
        "workflows",
        sa.Column("tenant_id", _KEY, nullable=False),
        sa.Column("key", _KEY, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), server_default="", nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("active_version", sa.Integer(), nullable=True),
        sa.Column("latest_version", sa.Integer(), nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.Column("created_at", _INSTANT, nullable=False),
        sa.Column("updated_at", _INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "key", name=op.f("pk_workflows")),
    )
    op.create_index(
        "ix_tasks_ready",
        "tasks",
        ["queue", sa.text("priority desc"), "available_at"],
        sqlite_where=sa.text("status = 'ready'"),
        postgresql_where=sa.text("status = 'ready'"),
    )
