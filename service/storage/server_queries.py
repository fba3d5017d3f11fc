"""What operators ask of the whole store: how much lives in it, how late the timers are, who serves its queues."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from service.storage.database import Transaction
from service.storage.dialect import instant, instant_text
from service.storage.tables import LIVE_SQL


@dataclass(frozen=True, slots=True)
class Health:
    """`oldest_due_at` is the earliest timer that has passed, in workflow time."""

    live: int
    oldest_due_at: datetime | None


@dataclass(frozen=True, slots=True)
class QueueStatus:
    """A queue: its open tasks, and when a worker last asked (wall time). `oldest_at` is workflow time."""

    name: str
    ready: int
    delayed: int
    leased: int
    oldest_at: datetime | None
    polled_at: datetime | None


def read_health(transaction: Transaction, now: datetime) -> Health:
    """`now` is workflow time."""
    row = transaction.row(
        f"select (select count(*) from enrollments where {LIVE_SQL}), "
        "(select min(e.due_at) from enrollments as e where e.due_at <= :now and e.quarantined_at is null)",
        now=instant_text(now),
    )
    assert row is not None
    return Health(int(row[0]), instant(row[1]))


def queue_statuses(transaction: Transaction, tenant: str, now: datetime) -> list[QueueStatus]:
    """Every queue that has open tasks or was polled, by name; `now` is workflow time."""
    rows = transaction.rows(
        "select n.queue, coalesce(o.ready, 0), coalesce(o.delayed_tasks, 0), coalesce(o.leased, 0), o.oldest_at, "
        "q.polled_at from (select queue from tasks where tenant_id = :tenant and status in ('ready', 'leased') "
        "union select queue from queues where tenant_id = :tenant) as n left join (select queue, "
        "sum(case when status = 'ready' and available_at <= :now then 1 else 0 end) as ready, "
        "sum(case when status = 'ready' and available_at > :now then 1 else 0 end) as delayed_tasks, "
        "sum(case when status = 'leased' then 1 else 0 end) as leased, "
        "min(case when status = 'ready' and available_at <= :now then available_at end) as oldest_at "
        "from tasks where tenant_id = :tenant and status in ('ready', 'leased') group by queue) as o "
        "on o.queue = n.queue left join queues as q on q.tenant_id = :tenant and q.queue = n.queue order by n.queue",
        tenant=tenant,
        now=instant_text(now),
    )
    return [
        QueueStatus(row[0], int(row[1]), int(row[2]), int(row[3]), instant(row[4]), instant(row[5])) for row in rows
    ]


def queue_polled_at(transaction: Transaction, tenant: str, queue: str) -> datetime | None:
    """When a worker last asked for the queue's work, on any replica; None when none ever did."""
    row = transaction.row(
        "select polled_at from queues where tenant_id = :tenant and queue = :queue", tenant=tenant, queue=queue
    )
    return instant(row[0]) if row else None


def database_version(transaction: Transaction) -> str:
    sql = "select sqlite_version()" if transaction.kind == "sqlite" else "show server_version"
    row = transaction.row(sql)
    assert row is not None
    return str(row[0])


def schema_revision(transaction: Transaction) -> str:
    row = transaction.row("select version_num from alembic_version")
    return str(row[0]) if row else ""
