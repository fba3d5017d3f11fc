"""The live enrollments of a workflow: counted by place, and paged through by those who move or cancel all of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from service.storage.database import Transaction
from service.storage.tables import LIVE_SQL

_OF_WORKFLOW: Final = "e.tenant_id = :tenant and e.workflow = :workflow"
_LIVE: Final = f"{_OF_WORKFLOW} and e.{LIVE_SQL}"


def _movable(failed: bool) -> str:
    """The condition of enrollments of a version that a migration may move."""
    status = f"(e.{LIVE_SQL} or e.status = 'failed')" if failed else f"e.{LIVE_SQL}"
    return f"{_OF_WORKFLOW} and e.version = :version and {status} and e.step is not null"


@dataclass(frozen=True, slots=True)
class LivePlace:
    """Enrollments of one version in one step. `entering`: they are to enter it, between two batches or when they have
    failed there and are retried."""

    step: str
    entering: bool
    count: int
    example: str


def count_live(transaction: Transaction, tenant: str, workflow: str) -> int:
    row = transaction.row(
        f"select count(*) from enrollments as e where {_LIVE}", tenant=tenant, workflow=workflow
    )  # fmt: skip
    return int(row[0]) if row else 0


def live_ids(transaction: Transaction, tenant: str, workflow: str, *, after: str, limit: int) -> list[str]:
    """A page of ids, in order."""
    rows = transaction.rows(
        f"select e.id from enrollments as e where {_LIVE} and e.id > :after order by e.id limit :limit",
        tenant=tenant,
        workflow=workflow,
        after=after,
        limit=limit,
    )
    return [row[0] for row in rows]


def live_places(
    transaction: Transaction, tenant: str, workflow: str, version: int, *, failed: bool = False
) -> list[LivePlace]:
    """Where the live (and the failed) enrollments of a version stand."""
    rows = transaction.rows(
        "select e.step, case when e.status in ('running', 'failed') then 1 else 0 end as entering, count(*), min(e.id) "
        f"from enrollments as e where {_movable(failed)} group by 1, 2 order by 1, 2",
        tenant=tenant,
        workflow=workflow,
        version=version,
    )
    return [LivePlace(row[0], bool(row[1]), int(row[2]), row[3]) for row in rows]


def last_live_id(transaction: Transaction, tenant: str, workflow: str, version: int, *, failed: bool = False) -> str:
    """The latest live (or failed) enrollment of a version; "" without one."""
    row = transaction.row(
        f"select max(e.id) from enrollments as e where {_movable(failed)}",
        tenant=tenant,
        workflow=workflow,
        version=version,
    )
    return (row[0] if row else None) or ""


def ids_without(
    transaction: Transaction,
    tenant: str,
    workflow: str,
    version: int,
    cause_id: str,
    *,
    after: str,
    until: str,
    limit: int,
    failed: bool = False,
) -> list[str]:
    """A page of live (and failed) enrollments of a version, up to one, whose history does not have the cause yet."""
    rows = transaction.rows(
        f"select e.id from enrollments as e where {_movable(failed)} and e.id > :after and e.id <= :until "
        "and not exists (select 1 from history as h where h.tenant_id = e.tenant_id and h.enrollment_id = e.id "
        "and h.cause_id = :cause and h.position = 0) order by e.id limit :limit",
        tenant=tenant,
        workflow=workflow,
        version=version,
        cause=cause_id,
        after=after,
        until=until,
        limit=limit,
    )
    return [row[0] for row in rows]


def count_with(transaction: Transaction, tenant: str, workflow: str, version: int, cause_id: str) -> int:
    """The enrollments on a version, live or not, in whose history the cause stands."""
    row = transaction.row(
        "select count(*) from enrollments as e where e.tenant_id = :tenant and e.workflow = :workflow and "
        "e.version = :version and exists (select 1 from history as h where h.tenant_id = e.tenant_id and "
        "h.enrollment_id = e.id and h.cause_id = :cause and h.position = 0)",
        tenant=tenant,
        workflow=workflow,
        version=version,
        cause=cause_id,
    )
    return int(row[0]) if row else 0
