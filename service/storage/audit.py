"""The liveness audit: every live enrollment has a timer, an open task, children or an explicit wait (promise P5).

What stands still by intent does not count: paused enrollments, those of paused workflows, and quarantined ones, which
are counted by themselves. All of these counts but the last must be zero.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from service.storage.database import Transaction
from service.storage.dialect import instant_text
from service.storage.tables import LIVE_SQL

_SETTLED_AFTER: Final = timedelta(minutes=2)
_OVERDUE_AFTER: Final = timedelta(seconds=60)


@dataclass(frozen=True, slots=True)
class Liveness:
    """`stuck` enrollments have nothing that will ever move them; `overdue` timers were due more than 60 s ago and
    nobody fired them; `expired` leases ended more than 60 s ago and nobody took them over. `quarantined`
    enrollments and `quarantined_events` failed too often and are not tried any more."""

    stuck: int
    overdue: int
    expired: int
    quarantined: int
    quarantined_events: int = 0

    @property
    def sound(self) -> bool:
        """Whether nothing is stuck and nothing lags."""
        return not (self.stuck or self.overdue or self.expired)


def audit_liveness(
    transaction: Transaction, *, workflow_now: datetime, wall_now: datetime, rate: float = 1.0
) -> Liveness:
    """Count what does not move. `rate` says how many seconds of workflow time pass in one on the wall."""
    return Liveness(
        stuck=_count(transaction, _STUCK, before=instant_text(workflow_now - _SETTLED_AFTER * rate)),
        overdue=_count(transaction, _OVERDUE, before=instant_text(workflow_now - _OVERDUE_AFTER * rate)),
        expired=_count(transaction, _EXPIRED, before=instant_text(wall_now - _OVERDUE_AFTER)),
        quarantined=_count(transaction, _QUARANTINED),
        quarantined_events=_count(transaction, _QUARANTINED_EVENTS),
    )


def stuck_enrollments(
    transaction: Transaction, *, workflow_now: datetime, rate: float = 1.0, limit: int = 20
) -> list[tuple[str, str]]:
    """(tenant, id) of the first stuck enrollments, for whoever must look at them."""
    rows = transaction.rows(
        f"select e.tenant_id, e.id {_STUCK_FROM} order by e.tenant_id, e.id limit :limit",
        before=instant_text(workflow_now - _SETTLED_AFTER * rate),
        limit=limit,
    )
    return [(row[0], row[1]) for row in rows]


_LIVE: Final = LIVE_SQL.replace("status", "e.status")

_RUNNING: Final = f"""{_LIVE} and e.status <> 'paused' and e.quarantined_at is null and not exists (
    select 1 from workflows w where w.tenant_id = e.tenant_id and w.key = e.workflow and w.status = 'paused'
)"""

_STUCK_FROM: Final = f"""
from enrollments e
where {_RUNNING} and e.due_at is null and e.parked_at is null and e.open_children = 0 and e.transition_at < :before
and not (
    e.status = 'waiting' and e.waiting_for is not null and cast(e.waiting_for as text) not in ('[]', '{{}}', 'null')
)
and not exists (
    select 1 from tasks t
    where t.tenant_id = e.tenant_id and t.enrollment_id = e.id and t.status in ('ready', 'leased', 'open')
)
and not exists (
    select 1 from pending_runs p
    where e.status = 'pending' and p.tenant_id = e.tenant_id and p.enrollment_id = e.id
)
"""

_STUCK: Final = f"select count(*) {_STUCK_FROM}"

_OVERDUE: Final = "select " + " + ".join(
    f"""(select count(*) from enrollments e
    where e.due_at is not null and e.contact_id {contact} and e.due_at < :before and {_RUNNING})"""
    for contact in ("is not null", "is null")
)
_EXPIRED: Final = "select count(*) from tasks where status = 'leased' and lease_until < :before"

_QUARANTINED: Final = f"select count(*) from enrollments where {LIVE_SQL} and quarantined_at is not null"

_QUARANTINED_EVENTS: Final = "select count(*) from events where quarantined_at is not null"


def _count(transaction: Transaction, sql: str, **parameters: str) -> int:
    row = transaction.row(sql, **parameters)
    assert row is not None
    return int(row[0])
