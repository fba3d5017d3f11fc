"""Reading several tasks at once."""

from __future__ import annotations

from collections.abc import Sequence

from service.storage.database import Transaction
from service.storage.tasks import TASK_COLUMNS, LeasedTask, task_of


def tasks_by_id(transaction: Transaction, tenant: str, task_ids: Sequence[str]) -> dict[str, LeasedTask]:
    """Tasks by id; unknown ids are left out."""
    rows = transaction.rows(
        f"select {TASK_COLUMNS} from tasks where tenant_id = :tenant and id in "
        "(select wanted_id from {rows:wanted; wanted_id text})",
        tenant=tenant,
        wanted=[{"wanted_id": task_id} for task_id in task_ids],
    )
    return {task.id: task for task in map(task_of, rows)}
