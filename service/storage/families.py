"""Families of enrollments: those above a run, and the live ones below it, in one query whatever the depth."""

from __future__ import annotations

from typing import Any, Final

from service.storage.database import Transaction
from service.storage.enrollments import SNAPSHOT_COLUMNS, StoredEnrollment, stored_of
from service.storage.tables import LIVE_SQL

_FAMILIES: Final = f"""
with recursive above (tenant_id, id, parent_id) as (
    select e.tenant_id, e.id, e.parent_id from {{rows:ids; tenant_id text, id text}}
    {{look up: enrollments as e where e.tenant_id = r.tenant_id and e.id = r.id}}
    union
    select p.tenant_id, p.id, p.parent_id from above
    {{look up: enrollments as p where p.tenant_id = above.tenant_id and p.id = above.parent_id}}
), below (tenant_id, id) as (
    select b.tenant_id, b.id from {{rows:ids; tenant_id text, id text}}
    {{look up: enrollments as b where b.tenant_id = r.tenant_id and b.id = r.id}}
    union
    select c.tenant_id, c.id from below
    {{look up: enrollments as c where c.tenant_id = below.tenant_id and c.parent_id = below.id and c.{LIVE_SQL}}}
)
select {SNAPSHOT_COLUMNS} from (
    select tenant_id, id from above union select tenant_id, id from below
) as f join enrollments as e on e.tenant_id = f.tenant_id and e.id = f.id"""


def load_families(transaction: Transaction, ids: list[dict[str, str]]) -> list[StoredEnrollment]:
    """These enrollments, all above them, and the live ones below them; not their siblings."""
    return [stored_of(row) for row in transaction.rows(_FAMILIES, ids=ids)]


def live_below(transaction: Transaction, tenant: str, enrollment_id: str) -> list[str]:
    """The ids of all live enrollments below one."""
    rows = transaction.rows(
        "with recursive below (id) as ("
        f"select e.id from enrollments as e where e.tenant_id = :tenant and e.parent_id = :parent and e.{LIVE_SQL} "
        "union select c.id from below join enrollments as c "
        f"on c.tenant_id = :tenant and c.parent_id = below.id and c.{LIVE_SQL}) select id from below",
        tenant=tenant,
        parent=enrollment_id,
    )
    return [row[0] for row in rows]


def count_children(transaction: Transaction, tenant: str, enrollment_id: str) -> dict[str, dict[str, int]]:
    """Step → status → how many children of an enrollment; of those that it started in the step."""
    return _counted(transaction, "c.parent_id = :parent", "", tenant=tenant, parent=enrollment_id)


def count_children_of_live(
    transaction: Transaction, tenant: str, workflow: str, version: int
) -> dict[str, dict[str, int]]:
    """The same, of all live enrollments of a version."""
    parents = (
        "join enrollments as p on p.tenant_id = c.tenant_id and p.id = c.parent_id "
        f"and p.{LIVE_SQL} and p.version = :version and p.workflow = :workflow"
    )
    return _counted(transaction, "c.parent_id is not null", parents, tenant=tenant, workflow=workflow, version=version)


def _counted(transaction: Transaction, condition: str, parents: str, **parameters: Any) -> dict[str, dict[str, int]]:
    rows = transaction.rows(
        f"select c.state -> 'origin' ->> 'step' as step, c.status, count(*) from enrollments as c {parents} "
        f"where c.tenant_id = :tenant and {condition} group by 1, 2",
        **parameters,
    )
    counts: dict[str, dict[str, int]] = {}
    for step, status, number in rows:
        counts.setdefault(step, {})[status] = int(number)
    return counts
