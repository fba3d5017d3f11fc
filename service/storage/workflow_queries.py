"""Reading workflows: lists of them and of their versions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from service.storage.database import Transaction
from service.storage.workflows import (
    KEPT_SQL,
    VERSION_COLUMNS,
    WORKFLOW_COLUMNS,
    StoredVersion,
    StoredWorkflow,
    get_version,
    get_workflow,
    version_of,
    workflow_of,
)
from statemachine.errors import NotFound


def find_workflow(transaction: Transaction, tenant: str, key: str) -> StoredWorkflow:
    """Raises NotFound."""
    stored = get_workflow(transaction, tenant, key)
    if stored is None:
        raise NotFound("workflow", key)
    return stored


def find_version(
    transaction: Transaction, tenant: str, key: str, version: int | None
) -> tuple[StoredWorkflow, StoredVersion]:
    """A workflow and one of its versions: the one named, else the active one, else the latest. Raises NotFound."""
    workflow = find_workflow(transaction, tenant, key)
    number = version if version is not None else (workflow.active_version or workflow.latest_version)
    stored = get_version(transaction, tenant, key, number)
    if stored is None:
        raise NotFound("version", f"{key}@{number}")
    return workflow, stored


def list_workflows(
    transaction: Transaction,
    tenant: str,
    *,
    statuses: Sequence[str] = (),
    keys: Sequence[str] | None = None,
    after: str = "",
    limit: int,
) -> list[StoredWorkflow]:
    """Workflows by key, after one; `keys` leaves only those."""
    conditions = ["w.tenant_id = :tenant", "w.key > :after", f"w.{KEPT_SQL}"]
    parameters: dict[str, Any] = {"tenant": tenant, "after": after, "limit": limit}
    if statuses:
        conditions.append("w.status in (select status_word from {rows:statuses; status_word text})")
        parameters["statuses"] = [{"status_word": status} for status in statuses]
    if keys is not None:
        conditions.append("w.key in (select wanted_key from {rows:keys; wanted_key text})")
        parameters["keys"] = [{"wanted_key": key} for key in keys]
    sql = f"select {WORKFLOW_COLUMNS} from workflows as w where {' and '.join(conditions)} order by w.key limit :limit"
    return [workflow_of(row) for row in transaction.rows(sql, **parameters)]


def list_versions(
    transaction: Transaction, tenant: str, key: str, *, before: int | None, limit: int
) -> list[StoredVersion]:
    """Versions of a workflow, the latest first, before one. Their sources are left out (empty)."""
    columns = VERSION_COLUMNS.replace("v.source,", "'' as source,")
    rows = transaction.rows(
        f"select {columns} from workflow_versions as v where v.tenant_id = :tenant and v.workflow = :key "
        "and v.version < :before order by v.version desc limit :limit",
        tenant=tenant,
        key=key,
        before=2**31 - 1 if before is None else before,
        limit=limit,
    )
    return [version_of(row) for row in rows]
