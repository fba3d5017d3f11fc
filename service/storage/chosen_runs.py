"""The enrollments that a filter chooses and that do not have a cause yet: counted by place, and paged through."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from service.storage.database import Transaction
from service.storage.enrollment_queries import EnrollmentFilter, conditions_of

_HAS_CAUSE: Final = (
    "exists (select 1 from history as h where h.tenant_id = e.tenant_id and h.enrollment_id = e.id "
    "and h.cause_id = :cause and h.position = 0)"
)


@dataclass(frozen=True, slots=True)
class ChosenPlace:
    """Enrollments of one version in one step ("" between two). `paused`: their workflow is. `last` is the latest."""

    workflow: str
    version: int
    step: str
    paused: bool
    count: int
    example: str
    last: str


def chosen_places(transaction: Transaction, wanted: EnrollmentFilter, cause_id: str) -> list[ChosenPlace]:
    """Where they stand."""
    conditions, parameters = conditions_of(wanted)
    rows = transaction.rows(
        "select e.workflow, e.version, coalesce(e.step, ''), case when w.status = 'paused' then 1 else 0 end, "
        "count(*), min(e.id), max(e.id) from enrollments as e left join workflows as w on w.tenant_id = e.tenant_id "
        f"and w.key = e.workflow where {' and '.join(conditions)} and not {_HAS_CAUSE} "
        "group by 1, 2, 3, 4 order by 1, 2, 3, 4",
        cause=cause_id,
        **parameters,
    )
    return [ChosenPlace(row[0], row[1], row[2], bool(row[3]), int(row[4]), row[5], row[6]) for row in rows]


def chosen_ids(
    transaction: Transaction, wanted: EnrollmentFilter, cause_id: str, *, after: str, until: str, limit: int
) -> list[str]:
    """A page of ids, in order, up to one."""
    conditions, parameters = conditions_of(wanted)
    rows = transaction.rows(
        f"select e.id from enrollments as e where {' and '.join(conditions)} and e.id > :after and e.id <= :until "
        f"and not {_HAS_CAUSE} order by e.id limit :limit",
        cause=cause_id,
        after=after,
        until=until,
        limit=limit,
        **parameters,
    )
    return [row[0] for row in rows]


def count_caused(transaction: Transaction, wanted: EnrollmentFilter, cause_id: str) -> int:
    """Those in whose history the cause stands, whatever has become of them since."""
    conditions, parameters = conditions_of(replace(wanted, statuses=(), step="", version=None))
    row = transaction.row(
        f"select count(*) from enrollments as e where {' and '.join(conditions)} and {_HAS_CAUSE}",
        cause=cause_id,
        **parameters,
    )
    return int(row[0]) if row else 0
