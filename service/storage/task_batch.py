"""What the engine's batch writes to the tasks table: orders, results, retries and revocations."""

from __future__ import annotations

from dataclasses import asdict, replace
from datetime import datetime
from typing import Any, Final

from service.storage.database import Transaction
from service.storage.tasks import TASK_COLUMNS, TASK_FIELDS, LeasedTask

_TYPES: Final = {
    "version": "int",
    "visit": "int",
    "priority": "int",
    "input": "json",
    "outcomes": "json",
    "attempt": "int",
    "max_attempts": "int",
    "timeout_s": "float8",
    "at_most_once": "bool",
    "available_at": "timestamptz",
    "lease_token": "bigint",
    "lease_until": "timestamptz",
    "last_error": "json",
    "created_at": "timestamptz",
    "finished_at": "timestamptz",
    "output": "json",
    "variants": "json",
}
_COLUMNS: Final = ", ".join(f"{name} {_TYPES.get(name, 'text')}" for name in TASK_FIELDS)

INSERT: Final = f"insert into tasks ({TASK_COLUMNS}) select {TASK_COLUMNS} from {{rows:rows; {_COLUMNS}}} where true"

FINISH: Final = """
update tasks as t set status = r.status, attempt = r.attempt, available_at = r.available_at,
    output = coalesce(r.output, t.output), last_error = coalesce(r.last_error, t.last_error),
    finished_at = r.finished_at, lease_until = null
from {rows:rows; tenant_id text, id text, expected bigint, status text, attempt int, available_at timestamptz,
    output json, last_error json, finished_at timestamptz}
where t.tenant_id = r.tenant_id and t.id = r.id and t.lease_token = r.expected
    and t.status in ('leased', 'cancelled')"""
"""Only the holder of the current lease changes anything (promise P8)."""

REOPEN: Final = """
update tasks as t set status = r.status, attempt = r.attempt, available_at = r.available_at, finished_at = r.finished_at
from {rows:rows; tenant_id text, id text, status text, attempt int, available_at timestamptz, finished_at timestamptz}
where t.tenant_id = r.tenant_id and t.id = r.id and t.status = 'failed'"""
"""A failure that was held while its run was paused is tried again."""

REVOKE: Final = """
update tasks as t set status = 'cancelled', finished_at = r.finished_at
from {rows:rows; tenant_id text, id text, finished_at timestamptz}
where t.tenant_id = r.tenant_id and t.id = r.id and t.status in ('ready', 'leased', 'open')"""


def leased(task: LeasedTask, worker_id: str, until: datetime) -> LeasedTask:
    """The order as it is written when this replica takes it at once."""
    return replace(task, status="leased", lease_token=task.lease_token + 1, lease_until=until, worker_id=worker_id)


def task_row(task: LeasedTask) -> dict[str, Any]:
    row = asdict(task)
    if row["variants"] is None:
        del row["variants"]
    return row


def contacts_of_runs(transaction: Transaction, ids: list[dict[str, str]]) -> dict[tuple[str, str], str | None]:
    """Which contact an enrollment belongs to; that never changes."""
    rows = transaction.rows(
        "select e.tenant_id, e.id, e.contact_id from {rows:ids; tenant_id text, id text} "
        "join enrollments as e on e.tenant_id = r.tenant_id and e.id = r.id",
        ids=ids,
    )
    return {(row[0], row[1]): row[2] for row in rows}
