"""Forgetting what belongs to somebody who is gone: closed human tasks and ended assignments with their enrollment,
closed conversations with their contact.

One goes along the primary key a page at a time, as in `retention.py`. What is still open is kept: whoever works on it
finds that its enrollment is gone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from service.storage import retention
from service.storage.database import Transaction

Name = tuple[str, str]
FIRST: Final[Name] = ("", "")


@dataclass(frozen=True, slots=True)
class Belongings:
    """A table whose rows go with those of another. `over` says in SQL (row `r`) which of them may."""

    table: str
    id: str
    over: str
    owner: str
    owner_id: str


HUMAN_TASKS: Final = Belongings("human_tasks", "task_id", "r.closed_at is not null", "enrollments", "enrollment_id")
ASSIGNMENTS: Final = Belongings("assignments", "id", "r.ended_at is not null", "enrollments", "enrollment_id")
CONVERSATIONS: Final = Belongings("conversations", "id", "r.status = 'resolved'", "contacts", "contact_id")
BELONGINGS: Final = (HUMAN_TASKS, ASSIGNMENTS, CONVERSATIONS)


def find_orphans(transaction: Transaction, kind: Belongings, after: Name) -> tuple[list[Name], Name | None]:
    """Those among the page of rows behind `after`; and where the next page begins, if any."""
    page = transaction.rows(
        f"select r.tenant_id, r.{kind.id}, case when o.id is null and {kind.over} then 1 else 0 end "
        f"from {kind.table} as r left join {kind.owner} as o on o.tenant_id = r.tenant_id and o.id = r.{kind.owner_id} "
        f"where (r.tenant_id, r.{kind.id}) > (:tenant, :id) order by r.tenant_id, r.{kind.id} limit {retention.PAGE}",
        tenant=after[0],
        id=after[1],
    )
    orphans = [_name(row) for row in page if row[2]]
    return orphans, _name(page[-1]) if len(page) == retention.PAGE else None


def delete_orphans(transaction: Transaction, kind: Belongings, names: Sequence[Name]) -> int:
    """Delete those of `names` that still belong to nobody; answers how many."""
    return transaction.write(
        f"delete from {kind.table} as r where (r.tenant_id, r.{kind.id}) in "
        f"(select tenant_id, name from {{rows:rows; tenant_id text, name text}}) and {kind.over} and not exists "
        f"(select 1 from {kind.owner} as o where o.tenant_id = r.tenant_id and o.id = r.{kind.owner_id})",
        rows=[{"tenant_id": tenant, "name": name} for tenant, name in names],
    )


def _name(row: Sequence[Any]) -> Name:
    return str(row[0]), str(row[1])
