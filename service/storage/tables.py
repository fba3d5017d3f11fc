"""The tables. All keys lead with `tenant_id` (but of `clock` and `stamps`); instants are UTC; JSON is written by orjson
and kept as it was written.

SQLite keeps instants as ISO 8601 text in UTC, which sorts like time, and JSON as text. Text keys compare by bytes
on both stores, so that an order agreed on in Python is the order of the locks.
"""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    DateTime,
    Float,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    text,
)
from sqlalchemy.types import TypeEngine

metadata: Final = MetaData(naming_convention={"pk": "pk_%(table_name)s"})

_Key: Final = String().with_variant(String(collation="C"), "postgresql")
_Instant: Final[TypeEngine[Any]] = Text().with_variant(DateTime(timezone=True), "postgresql")
_Json: Final[TypeEngine[Any]] = Text().with_variant(JSON(), "postgresql")
_Flag: Final = Boolean(create_constraint=False)

LIVE_SQL: Final = "status in ('pending', 'running', 'waiting', 'paused')"
"""The condition of the partial indexes over live enrollments; queries repeat it to use them."""


def _key(name: str, *, nullable: bool = False, primary: bool = False) -> Column[str]:
    return Column(name, _Key, nullable=nullable, primary_key=primary)


def _instant(name: str, *, nullable: bool = True) -> Column[object]:
    return Column(name, _Instant, nullable=nullable)


def _json(name: str, *, nullable: bool = True) -> Column[object]:
    return Column(name, _Json, nullable=nullable)


def _counts(*names: str) -> list[Column[int]]:
    return [Column(name, BigInteger, nullable=False) for name in names]


def _where(condition: str) -> dict[str, Any]:
    return {"postgresql_where": text(condition), "sqlite_where": text(condition)}


contacts: Final = Table(
    "contacts",
    metadata,
    _key("tenant_id", primary=True),
    _key("id", primary=True),
    _json("profile", nullable=False),
    Column("revision", BigInteger, nullable=False),
    _instant("created_at", nullable=False),
    _instant("updated_at", nullable=False),
)

conversations: Final = Table(
    "conversations",
    metadata,
    _key("tenant_id", primary=True),
    _key("id", primary=True),
    _key("contact_id"),
    _key("channel"),
    Column("status", String, nullable=False),
    _key("agent_id", nullable=True),
    _json("tags", nullable=False),
    _json("variables", nullable=False),
    Column("revision", BigInteger, nullable=False),
    _instant("created_at", nullable=False),
    _instant("updated_at", nullable=False),
    _instant("last_message_at"),
    Index("ix_conversations_contact", "tenant_id", "contact_id", "id"),
    postgresql_with={"fillfactor": 80},
)

variables: Final = Table(
    "variables",
    metadata,
    _key("tenant_id", primary=True),
    _key("name", primary=True),
    _json("value", nullable=False),
    Column("revision", BigInteger, nullable=False),
    _instant("created_at", nullable=False),
    _instant("updated_at", nullable=False),
)

stamps: Final = Table(
    "stamps",
    metadata,
    _key("name", primary=True),
    Column("value", BigInteger, nullable=False),
)

workflows: Final = Table(
    "workflows",
    metadata,
    _key("tenant_id", primary=True),
    _key("key", primary=True),
    Column("name", Text, nullable=False),
    Column("description", Text, nullable=False, server_default=""),
    Column("status", String, nullable=False),
    Column("active_version", Integer),
    Column("latest_version", Integer, nullable=False),
    Column("revision", BigInteger, nullable=False),
    _instant("created_at", nullable=False),
    _instant("updated_at", nullable=False),
    Column("pause_timers", String, nullable=False, server_default="keep"),
    _instant("paused_at"),
    Column("standstill_s", Float, nullable=False, server_default="0"),
    Column("pause_events", String, nullable=False, server_default="buffer"),
    _instant("resumed_at"),
)

workflow_versions: Final = Table(
    "workflow_versions",
    metadata,
    _key("tenant_id", primary=True),
    _key("workflow", primary=True),
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("format", String, nullable=False),
    Column("source", Text, nullable=False),
    Column("source_hash", String, nullable=False),
    Column("name", Text, nullable=False),
    Column("label", Text, nullable=False, server_default=""),
    Column("lenient", _Flag, nullable=False),
    _json("listens", nullable=False),
    _instant("published_at", nullable=False),
)

enrollments: Final = Table(
    "enrollments",
    metadata,
    _key("tenant_id", primary=True),
    _key("id", primary=True),
    _key("workflow"),
    Column("version", Integer, nullable=False),
    _key("contact_id", nullable=True),
    _key("entry_key"),
    Column("status", String, nullable=False),
    _key("step", nullable=True),
    _instant("due_at"),
    _json("waiting_for"),
    Column("priority", Integer, nullable=False, server_default="0"),
    Column("revision", BigInteger, nullable=False),
    _key("parent_id", nullable=True),
    Column("open_children", Integer, nullable=False, server_default="0"),
    _key("task_id", nullable=True),
    _json("trigger", nullable=False),
    _json("variables"),
    _json("outputs"),
    _json("state", nullable=False),
    Column("exit_reason", Text),
    _instant("started_at", nullable=False),
    _instant("transition_at", nullable=False),
    _instant("ended_at"),
    Column("failures", Integer, nullable=False, server_default="0"),
    _instant("quarantined_at"),
    _instant("parked_at"),
    Index("ix_enrollments_parked", "tenant_id", "workflow", "parked_at", **_where("parked_at is not null")),
    Index("ix_enrollments_due", "due_at", **_where("due_at is not null and contact_id is not null")),
    Index("ix_enrollments_due_alone", "due_at", **_where("due_at is not null and contact_id is null")),
    Index("ix_enrollments_live", "tenant_id", "contact_id", **_where(LIVE_SQL)),
    Index("ix_enrollments_entry", "tenant_id", "contact_id", "workflow", "entry_key"),
    Index("ix_enrollments_children", "tenant_id", "parent_id", **_where("parent_id is not null")),
    Index("ix_enrollments_workflow", "tenant_id", "workflow", "id"),
    Index("ix_enrollments_failed", "tenant_id", "id", **_where("status = 'failed'")),
    Index("ix_enrollments_paused", "tenant_id", "id", **_where("status = 'paused'")),
    postgresql_with={"fillfactor": 80},
)

provider_rates: Final = Table(
    "provider_rates",
    metadata,
    _key("tenant_id", primary=True),
    _key("channel", primary=True),
    _json("state", nullable=False),
)

places: Final = Table(
    "places",
    metadata,
    _key("tenant_id", primary=True),
    _key("workflow", primary=True),
    _key("enrollment_id", primary=True),
    _instant("taken_at", nullable=False),
    _instant("ended_at"),
)

pending_runs: Final = Table(
    "pending_runs",
    metadata,
    _key("tenant_id", primary=True),
    _key("enrollment_id", primary=True),
    _key("workflow"),
    _key("contact_id", nullable=True),
    Column("rule", String, nullable=False),
    Column("turn", Integer, nullable=False),
    _instant("try_at"),
    Index("ix_pending_runs_contact", "tenant_id", "contact_id"),
    Index("ix_pending_runs_turn", "tenant_id", "workflow", "turn", "enrollment_id"),
)

second_looks: Final = Table(
    "second_looks",
    metadata,
    _key("tenant_id", primary=True),
    _key("contact_id", primary=True),
    _key("workflow", primary=True),
    _key("source", primary=True),
    _key("event_id", primary=True),
    _json("event", nullable=False),
    _instant("until_at", nullable=False),
    Index("ix_second_looks_until", "until_at"),
)

contact_dates: Final = Table(
    "contact_dates",
    metadata,
    _key("tenant_id", primary=True),
    _key("contact_id", primary=True),
    _key("workflow", primary=True),
    _key("trigger_id", primary=True),
    Column("date", String, nullable=False),
    _instant("due_at"),
    Column("spent", String, nullable=False),
    _instant("planned_at", nullable=False),
    Index("ix_contact_dates_due", "due_at", **_where("due_at is not null")),
)

date_seeds: Final = Table(
    "date_seeds",
    metadata,
    _key("tenant_id", primary=True),
    _key("workflow", primary=True),
    Column("version", Integer, nullable=False),
    _key("after", nullable=True),
    _instant("since"),
)

history: Final = Table(
    "history",
    metadata,
    _key("tenant_id", primary=True),
    _key("enrollment_id", primary=True),
    Column("sequence", Integer, primary_key=True, autoincrement=False),
    Column("cause_id", String, nullable=False),
    Column("position", Integer, nullable=False),
    _instant("at", nullable=False),
    Column("kind", String, nullable=False),
    _key("step", nullable=True),
    Column("visit", Integer, nullable=False),
    Column("level", String, nullable=False),
    _json("entry", nullable=False),
    _json("cause"),
    Index("uq_history_cause", "tenant_id", "enrollment_id", "cause_id", unique=True, **_where("position = 0")),
    Index("ix_history_migrated", "tenant_id", "enrollment_id", "sequence", **_where("kind = 'migrated'")),
    # For watches on PostgreSQL, at no cost to writers; SQLite goes by row id and keeps it empty.
    Index(
        "ix_history_at",
        "at",
        postgresql_using="brin",
        postgresql_with={"autosummarize": "on", "pages_per_range": "32"},
        sqlite_where=text("at is null"),
    ),
    postgresql_partition_by="RANGE (enrollment_id)",
)

tasks: Final = Table(
    "tasks",
    metadata,
    _key("tenant_id", primary=True),
    _key("id", primary=True),
    _key("enrollment_id"),
    _key("contact_id", nullable=True),
    _key("workflow"),
    Column("version", Integer, nullable=False),
    _key("step"),
    Column("visit", Integer, nullable=False),
    _key("type"),
    _key("queue"),
    Column("status", String, nullable=False),
    Column("priority", Integer, nullable=False),
    _json("input", nullable=False),
    _json("output"),
    _json("outcomes", nullable=False),
    Column("idempotency_key", Text, nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("max_attempts", Integer, nullable=False),
    Column("timeout_s", Float, nullable=False),
    Column("at_most_once", _Flag, nullable=False),
    _instant("available_at", nullable=False),
    Column("lease_token", BigInteger, nullable=False),
    _instant("lease_until"),
    Column("worker_id", Text),
    _json("last_error"),
    _instant("created_at", nullable=False),
    _instant("finished_at"),
    _json("variants"),
    Index("ix_tasks_ready", "queue", text("priority desc"), "available_at", **_where("status = 'ready'")),
    Index("ix_tasks_leased", "lease_until", **_where("status = 'leased'")),
    Index("ix_tasks_enrollment", "tenant_id", "enrollment_id", "visit"),
    postgresql_with={"fillfactor": 80},
)

queues: Final = Table(
    "queues",
    metadata,
    _key("tenant_id", primary=True),
    _key("queue", primary=True),
    Column("worker_id", Text, nullable=False),
    _instant("polled_at", nullable=False),
)

event_keys: Final = Table(
    "event_keys",
    metadata,
    _key("tenant_id", primary=True),
    _key("source", primary=True),
    _key("event_id", primary=True),
    Column("body_hash", String, nullable=False),
    _json("verdicts", nullable=False),
    _instant("accepted_at", nullable=False),
)

events: Final = Table(
    "events",
    metadata,
    _key("tenant_id", primary=True),
    Column("accepted_at", _Instant, primary_key=True),
    _key("id", primary=True),
    _key("source"),
    _key("event_id"),
    _key("type"),
    _key("contact_id", nullable=True),
    Column("conversation_id", Text),
    Column("key", Text),
    _json("data", nullable=False),
    _instant("occurred_at"),
    Column("priority", Integer, nullable=False),
    _json("chain"),
    Column("pending", _Flag, nullable=False),
    Column("failures", Integer, nullable=False, server_default="0"),
    _instant("retry_at"),
    _instant("quarantined_at"),
    Column("blocked", Text),
    _key("taken_by", nullable=True),
    Index("ix_events_blocked", "accepted_at", **_where("blocked is not null")),
    Index("ix_events_quarantined", "accepted_at", **_where("quarantined_at is not null")),
    Index("ix_events_contact", "tenant_id", "contact_id", "accepted_at"),
    Index("ix_events_pending", "accepted_at", **_where("pending")),
    postgresql_partition_by="RANGE (accepted_at)",
)

requests: Final = Table(
    "requests",
    metadata,
    _key("tenant_id", primary=True),
    _key("method", primary=True),
    _key("request_id", primary=True),
    Column("body_hash", String, nullable=False),
    _json("answer", nullable=False),
    _instant("created_at", nullable=False),
)

messages: Final = Table(
    "messages",
    metadata,
    _key("tenant_id", primary=True),
    _key("id", primary=True),
    _key("enrollment_id"),
    _key("contact_id", nullable=True),
    _key("workflow"),
    _key("step"),
    Column("idempotency_key", Text, nullable=False),
    _json("message", nullable=False),
    _instant("created_at", nullable=False),
    Index("uq_messages_idempotency_key", "tenant_id", "idempotency_key", unique=True),
)

split_weights: Final = Table(
    "split_weights",
    metadata,
    _key("tenant_id", primary=True),
    _key("workflow", primary=True),
    Column("version", Integer, primary_key=True, autoincrement=False),
    _key("step", primary=True),
    Column("revision", BigInteger, primary_key=True, autoincrement=False),
    _json("shares", nullable=False),
    _instant("set_at", nullable=False),
)

tally_marks: Final = Table(
    "tally_marks",
    metadata,
    _key("tenant_id", primary=True),
    _key("workflow", primary=True),
    _key("up_to"),
    Column("runs", BigInteger, nullable=False),
    Column("revision", BigInteger, nullable=False),
)

step_tallies: Final = Table(
    "step_tallies",
    metadata,
    _key("tenant_id", primary=True),
    _key("workflow", primary=True),
    Column("version", Integer, primary_key=True, autoincrement=False),
    _key("hour", primary=True),
    _key("step", primary=True),
    *_counts("entered", "waiting", "passed", "exited", "failed", "cancelled", "enrollments", "converted"),
)

run_tallies: Final = Table(
    "run_tallies",
    metadata,
    _key("tenant_id", primary=True),
    _key("workflow", primary=True),
    Column("version", Integer, primary_key=True, autoincrement=False),
    _key("hour", primary=True),
    _key("status", primary=True),
    *_counts("runs", "children", "converted", "unrecorded"),
)

open_tallies: Final = Table(
    "open_tallies",
    metadata,
    _key("tenant_id", primary=True),
    _key("workflow", primary=True),
    _key("enrollment_id", primary=True),
    Column("revision", BigInteger, nullable=False),
    _json("counted", nullable=False),
)

clock: Final = Table(
    "clock",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("rate", Float, nullable=False),
    _instant("wall_epoch", nullable=False),
    _instant("workflow_epoch", nullable=False),
)

agents: Final = Table(
    "agents",
    metadata,
    _key("tenant_id", primary=True),
    _key("id", primary=True),
    Column("name", Text, nullable=False),
    Column("email", Text, nullable=False),
    _json("groups", nullable=False),
    _json("skills", nullable=False),
    _json("channels", nullable=False),
    Column("availability", String, nullable=False),
    Column("max_open", Integer),
    Column("turn", BigInteger, nullable=False),
    Column("notices", BigInteger, nullable=False),
    Column("revision", BigInteger, nullable=False),
    _instant("created_at", nullable=False),
    _instant("updated_at", nullable=False),
)

human_tasks: Final = Table(
    "human_tasks",
    metadata,
    _key("tenant_id", primary=True),
    _key("task_id", primary=True),
    _key("enrollment_id"),
    _key("contact_id", nullable=True),
    _key("workflow"),
    _key("step"),
    _key("queue"),
    Column("priority", Integer, nullable=False),
    Column("title", Text, nullable=False),
    Column("message", Text, nullable=False),
    _json("wanted", nullable=False),
    _key("agent_id", nullable=True),
    _instant("assigned_at"),
    Column("revision", BigInteger, nullable=False),
    _instant("created_at", nullable=False),
    _instant("closed_at"),
    Column("decision", Text),
    Column("decided_by", Text),
    Index("ix_human_tasks_unassigned", "tenant_id", "task_id", **_where("agent_id is null and closed_at is null")),
    Index("ix_human_tasks_agent", "tenant_id", "agent_id", **_where("agent_id is not null and closed_at is null")),
    Index("ix_human_tasks_enrollment", "tenant_id", "enrollment_id"),
)

assignments: Final = Table(
    "assignments",
    metadata,
    _key("tenant_id", primary=True),
    _key("id", primary=True),
    _key("agent_id"),
    _key("task_id", nullable=True),
    _key("enrollment_id"),
    _key("contact_id", nullable=True),
    _key("workflow"),
    _key("step"),
    Column("title", Text, nullable=False),
    Column("reason", String, nullable=False),
    _instant("assigned_at", nullable=False),
    _instant("ended_at"),
    Column("ending", String),
    Index("ix_assignments_agent", "tenant_id", "agent_id", "id"),
    Index("ix_assignments_task", "tenant_id", "task_id", **_where("ended_at is null and task_id is not null")),
    Index("ix_assignments_contact", "tenant_id", "contact_id", **_where("ended_at is null and task_id is null")),
)

notifications: Final = Table(
    "notifications",
    metadata,
    _key("tenant_id", primary=True),
    _key("agent_id", primary=True),
    Column("sequence", BigInteger, primary_key=True, autoincrement=False),
    Column("kind", String, nullable=False),
    _key("task_id", nullable=True),
    _key("enrollment_id", nullable=True),
    _key("contact_id", nullable=True),
    _key("workflow", nullable=True),
    _key("step", nullable=True),
    Column("title", Text, nullable=False),
    Column("message", Text, nullable=False),
    _instant("at", nullable=False),
)
