"""What the whole store looks like right now, as a handful of figures for metrics."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from service.storage.audit import Liveness, audit_liveness
from service.storage.database import Transaction
from service.storage.dialect import instant
from service.storage.places import count_pending
from service.storage.tables import LIVE_SQL

_OPEN_TASKS: Final = (
    "select queue, sum(n) from (select queue, count(*) as n from tasks where status = 'ready' group by queue "
    "union all select queue, count(*) as n from tasks where status = 'leased' group by queue) as t group by queue"
)
_HUMAN_TASKS: Final = (
    "select queue, count(agent_id), count(*) - count(agent_id) from human_tasks where closed_at is null group by queue"
)


@dataclass(frozen=True, slots=True)
class Gauges:
    """`due_lag_s` is how long, in wall seconds, the oldest due timer has been due; `open_tasks` counts by queue,
    `human_tasks` too: those that somebody holds, and those that nobody does;
    `pending` counts the enrollments that wait to begin, by the rule that keeps them."""

    live: int
    liveness: Liveness
    due_lag_s: float
    open_tasks: Mapping[str, int]
    pending: Mapping[str, int] = field(default_factory=dict)
    human_tasks: Mapping[str, tuple[int, int]] = field(default_factory=dict)


def read_gauges(transaction: Transaction, *, workflow_now: datetime, wall_now: datetime, rate: float = 1.0) -> Gauges:
    """The figures now. `rate` says how many seconds of workflow time pass in one on the wall."""
    return Gauges(
        live=_count_live(transaction),
        liveness=audit_liveness(transaction, workflow_now=workflow_now, wall_now=wall_now, rate=rate),
        due_lag_s=_due_lag(transaction, workflow_now) / rate,
        open_tasks={str(queue): int(count) for queue, count in transaction.rows(_OPEN_TASKS)},
        pending=count_pending(transaction),
        human_tasks={str(row[0]): (int(row[1]), int(row[2])) for row in transaction.rows(_HUMAN_TASKS)},
    )


def _due_lag(transaction: Transaction, now: datetime) -> float:
    oldest = [_first_due(transaction, "is not null"), _first_due(transaction, "is null")]
    return max(0.0, *((now - due_at).total_seconds() if due_at else 0.0 for due_at in oldest))


def _first_due(transaction: Transaction, contact: str) -> datetime | None:
    """Asked per partial index, so that it costs one look at its first entry."""
    row = transaction.row(f"select min(due_at) from enrollments where due_at is not null and contact_id {contact}")
    return instant(row[0]) if row else None


def _count_live(transaction: Transaction) -> int:
    row = transaction.row(f"select count(*) from enrollments where {LIVE_SQL}")
    assert row is not None
    return int(row[0])
