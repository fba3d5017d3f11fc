"""Parking: where due runs of a paused workflow wait without being looked at again and again.

A run that falls due while its workflow is paused is parked by the tick that claims it; when the workflow goes on, it is
due again, in the order in which it was. Both happen a page at a time.
"""

from __future__ import annotations

from typing import Final

from service.storage.database import Transaction
from service.storage.tables import LIVE_SQL

PAGE: Final = 500

_LEFT: Final = """
select w.tenant_id, w.key from workflows as w where w.status <> 'paused' and exists (
    select 1 from enrollments as e
    where e.tenant_id = w.tenant_id and e.workflow = w.key and e.parked_at is not null
) limit 1"""

_NEXT: Final = """
select e.tenant_id, e.id from enrollments as e
where e.tenant_id = :tenant and e.workflow = :workflow and e.parked_at is not null
order by e.parked_at limit :most {for update of e skip locked}"""

_RELEASE: Final = f"""
update enrollments as e set parked_at = null,
    due_at = case when e.due_at is null and e.status <> 'paused' and e.{LIVE_SQL} then e.parked_at else e.due_at end
from {{rows:rows; tenant_id text, id text}} where e.tenant_id = r.tenant_id and e.id = r.id"""


def any_parked(transaction: Transaction) -> bool:
    """Whether any run is parked at all: one look at an index that mostly is empty."""
    return transaction.row("select 1 from enrollments where parked_at is not null limit 1") is not None


def unpark(transaction: Transaction, most: int = PAGE) -> int:
    """Let a page of parked runs of one workflow that goes on be due again, the earliest first; answers how many."""
    workflow = transaction.row(_LEFT)
    if workflow is None:
        return 0
    page = transaction.rows(_NEXT, tenant=workflow[0], workflow=workflow[1], most=most)
    if page:
        transaction.write(_RELEASE, rows=[{"tenant_id": row[0], "id": row[1]} for row in page])
    return len(page)
