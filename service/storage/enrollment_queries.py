"""Reading enrollments: one, a list, counts, and the path each has taken. No query here changes or locks anything."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from service.storage.database import Transaction
from service.storage.dialect import instant_text, load
from service.storage.enrollments import SNAPSHOT_COLUMNS, stored_of
from service.storage.tables import LIVE_SQL
from statemachine.decision import PATH_KINDS
from statemachine.errors import NotFound
from statemachine.snapshot import TERMINAL, Snapshot, Status
from statemachine.standstill import Standstill, made_up

_WIDTH: Final = SNAPSHOT_COLUMNS.count(",") + 1
_COLUMNS: Final = f"{SNAPSHOT_COLUMNS}, e.waiting_for, t.max_attempts, t.queue, t.status, w.standstill_s"
_FROM: Final = (
    "enrollments as e left join tasks as t on t.tenant_id = e.tenant_id and t.id = e.task_id "
    "left join workflows as w on w.tenant_id = e.tenant_id and w.key = e.workflow"
)
_GOAL: Final = "(e.state ->> 'goal')"
_MOST_REASONS: Final = 100
"""Operators give reasons in their own words, so there may be any number of them."""
_RARE: Final = (("failed",), ("paused",))
"""Statuses with an index of their own, which is to be taken, and not that of workflows with all their runs."""
_PATH_KINDS: Final = f"h.kind in {PATH_KINDS} and h.step is not null"


@dataclass(frozen=True, slots=True)
class EnrollmentRecord:
    """An enrollment as people see it, its deadlines moved by what its workflow stood still.

    `max_attempts`, `queue` and `task_status` are those of its open task. `path` is filled only where it is asked for;
    `last_step` is where it ended (or rests).
    """

    snapshot: Snapshot
    task_id: str | None
    due_at: datetime | None
    quarantined_at: datetime | None
    waiting_for: tuple[str, ...]
    max_attempts: int
    queue: str | None
    task_status: str | None
    last_step: str = ""
    path: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class EnrollmentFilter:
    """Which enrollments; what is left out lets everything through. The two instants are workflow time."""

    tenant: str
    workflow: str = ""
    version: int | None = None
    contact_id: str = ""
    statuses: tuple[str, ...] = ()
    step: str = ""
    started_from: datetime | None = None
    started_before: datetime | None = None
    parent_id: str = ""
    exit_reason: str = ""
    goal: str = ""


@dataclass(frozen=True, slots=True)
class Counts:
    """`by_step` counts live enrollments by the step they rest in, `by_exit` exited ones by (reason, goal)."""

    total: int
    by_status: dict[str, int]
    by_step: dict[str, int]
    by_exit: dict[tuple[str, str], int] = field(default_factory=dict)


def find_enrollment(transaction: Transaction, tenant: str, enrollment_id: str) -> EnrollmentRecord:
    """One enrollment with its path. Raises NotFound."""
    rows = transaction.rows(
        f"select {_COLUMNS} from {_FROM} where e.tenant_id = :tenant and e.id = :id", tenant=tenant, id=enrollment_id
    )
    if not rows:
        raise NotFound("enrollment", enrollment_id)
    return _records(transaction, tenant, rows, paths=True)[0]


def is_ended(transaction: Transaction, tenant: str, enrollment_id: str) -> bool:
    """Whether an enrollment has ended. Raises NotFound."""
    row = transaction.row(
        "select status from enrollments where tenant_id = :tenant and id = :id", tenant=tenant, id=enrollment_id
    )
    if row is None:
        raise NotFound("enrollment", enrollment_id)
    return Status(row[0]) in TERMINAL


def find_enrollments(
    transaction: Transaction, tenant: str, enrollment_ids: Sequence[str], *, paths: bool
) -> dict[str, EnrollmentRecord]:
    """Several enrollments by id; unknown ids are left out."""
    rows = transaction.rows(
        f"select {_COLUMNS} from {_FROM} where e.tenant_id = :tenant and e.id in "
        "(select wanted_id from {rows:wanted; wanted_id text})",
        tenant=tenant,
        wanted=[{"wanted_id": enrollment_id} for enrollment_id in enrollment_ids],
    )
    return {record.snapshot.id: record for record in _records(transaction, tenant, rows, paths=paths)}


def list_enrollments(
    transaction: Transaction,
    wanted: EnrollmentFilter,
    *,
    after: str | None,
    newest_first: bool,
    limit: int,
    paths: bool,
) -> list[EnrollmentRecord]:
    """A page by id, which is by start; `after` is the last id of the page before."""
    sql, parameters = page_query(wanted, after=after, newest_first=newest_first, limit=limit)
    return _records(transaction, wanted.tenant, transaction.rows(sql, **parameters), paths=paths)


def page_query(
    wanted: EnrollmentFilter, *, after: str | None, newest_first: bool, limit: int
) -> tuple[str, dict[str, Any]]:
    """The query of a page and its parameters.

    The few of a contact or a parent are sorted: an `id` that is not the column alone keeps planners from walking along
    all enrollments in order until they have met enough of them.
    """
    conditions, parameters = conditions_of(wanted)
    parameters["limit"] = limit
    name = "(e.id || '')" if wanted.contact_id or wanted.parent_id else "e.id"
    if after is not None:
        conditions.append(f"{name} {'<' if newest_first else '>'} :after")
        parameters["after"] = after
    order = "desc" if newest_first else "asc"
    sql = f"select {_COLUMNS} from {_FROM} where {' and '.join(conditions)} order by {name} {order} limit :limit"
    return sql, parameters


def count_enrollments(transaction: Transaction, wanted: EnrollmentFilter) -> Counts:
    """How many there are, in total, by status, and (the live ones) by step."""
    conditions, parameters = conditions_of(wanted)
    rows = transaction.rows(
        f"select e.status, case when {LIVE_SQL.replace('status', 'e.status')} then e.step end as at_step, count(*) "
        f"from enrollments as e where {' and '.join(conditions)} group by 1, 2",
        **parameters,
    )
    by_status: dict[str, int] = {}
    by_step: dict[str, int] = {}
    for status, step, number in rows:
        by_status[status] = by_status.get(status, 0) + int(number)
        if step:
            by_step[step] = by_step.get(step, 0) + int(number)
    return Counts(sum(by_status.values()), by_status, by_step)


def count_exits(transaction: Transaction, wanted: EnrollmentFilter) -> dict[tuple[str, str], int]:
    """How many exited, by (reason, goal); those of the most frequent ones."""
    conditions, parameters = conditions_of(wanted)
    rows = transaction.rows(
        f"select coalesce(e.exit_reason, ''), coalesce({_GOAL}, ''), count(*) from enrollments as e "
        f"where {' and '.join(conditions)} and e.status = 'exited' group by 1, 2 order by 3 desc, 1, 2 limit :most",
        most=_MOST_REASONS,
        **parameters,
    )
    return {(row[0], row[1]): int(row[2]) for row in rows}


def count_by_workflow(transaction: Transaction, tenant: str, workflows: Sequence[str]) -> dict[str, dict[str, int]]:
    """Status → number of enrollments, by workflow."""
    rows = transaction.rows(
        "select e.workflow, e.status, count(*) from enrollments as e where e.tenant_id = :tenant and e.workflow in "
        "(select workflow_key from {rows:wanted; workflow_key text}) group by 1, 2",
        tenant=tenant,
        wanted=[{"workflow_key": key} for key in workflows],
    )
    counts: dict[str, dict[str, int]] = {}
    for workflow, status, number in rows:
        counts.setdefault(workflow, {})[status] = int(number)
    return counts


def paths_of(transaction: Transaction, tenant: str, enrollment_ids: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """The steps that enrollments went through, in order: rounds repeated, skipped steps left out."""
    rows = transaction.rows(
        f"select h.enrollment_id, h.step from history as h where h.tenant_id = :tenant and h.enrollment_id in "
        f"(select wanted_id from {{rows:wanted; wanted_id text}}) and {_PATH_KINDS} "
        "group by h.enrollment_id, h.visit, h.step order by h.enrollment_id, min(h.sequence)",
        tenant=tenant,
        wanted=[{"wanted_id": enrollment_id} for enrollment_id in enrollment_ids],
    )
    paths: dict[str, list[str]] = {}
    for enrollment_id, step in rows:
        paths.setdefault(enrollment_id, []).append(step)
    return {enrollment_id: tuple(path) for enrollment_id, path in paths.items()}


def _records(transaction: Transaction, tenant: str, rows: Sequence[Any], *, paths: bool) -> list[EnrollmentRecord]:
    ids = [row[1] for row in rows]
    found = paths_of(transaction, tenant, ids) if paths and ids else {}
    ended = [row[1] for row in rows if not row[7]] if not paths else []
    last = _last_steps(transaction, tenant, ended) if ended else {}
    return [_record(row, found.get(row[1], ()), last.get(row[1], "")) for row in rows]


def _record(row: Any, path: tuple[str, ...], last_step: str) -> EnrollmentRecord:
    stored = stored_of(row[:_WIDTH])
    waiting_for, max_attempts, queue, task_status, standstill_s = row[_WIDTH:]
    snapshot = made_up(stored.snapshot, Standstill(total_s=standstill_s or 0.0))
    due_at = stored.due_at if snapshot is stored.snapshot and not snapshot.held else snapshot.next_deadline
    return EnrollmentRecord(
        snapshot,
        stored.task_id,
        due_at,
        stored.quarantined_at,
        tuple(load(waiting_for) or ()),
        max_attempts or 0,
        queue,
        task_status,
        snapshot.step or last_step or (path[-1] if path else ""),
        path,
    )


def _last_steps(transaction: Transaction, tenant: str, enrollment_ids: Sequence[str]) -> dict[str, str]:
    rows = transaction.rows(
        "select h.enrollment_id, h.step from history as h join (select l.enrollment_id, max(l.sequence) as sequence "
        "from history as l where l.tenant_id = :tenant and l.enrollment_id in "
        f"(select wanted_id from {{rows:wanted; wanted_id text}}) and {_PATH_KINDS.replace('h.', 'l.')} "
        "group by l.enrollment_id) as m on h.enrollment_id = m.enrollment_id and h.sequence = m.sequence "
        "where h.tenant_id = :tenant",
        tenant=tenant,
        wanted=[{"wanted_id": enrollment_id} for enrollment_id in enrollment_ids],
    )
    return {row[0]: row[1] for row in rows}


def conditions_of(wanted: EnrollmentFilter) -> tuple[list[str], dict[str, Any]]:
    """The filter in SQL over `enrollments as e`, and its parameters."""
    conditions = ["e.tenant_id = :tenant"]
    parameters: dict[str, Any] = {"tenant": wanted.tenant}
    for name in ("workflow", "version", "contact_id", "step", "parent_id", "exit_reason"):
        value = getattr(wanted, name)
        if value not in ("", None):
            column = "(e.workflow || '')" if name == "workflow" and wanted.statuses in _RARE else f"e.{name}"
            conditions.append(f"{column} = :{name}")
            parameters[name] = value
    if wanted.goal:
        conditions.append(f"{_GOAL} = :goal")
        parameters["goal"] = wanted.goal
    if wanted.statuses:
        conditions.append(_one_of(wanted.statuses))
    for name, at, sign in (
        ("started_from", wanted.started_from, ">="),
        ("started_before", wanted.started_before, "<"),
    ):
        if at is not None:
            conditions.append(f"e.started_at {sign} :{name}")
            parameters[name] = instant_text(at)
    return conditions, parameters


def _one_of(statuses: Sequence[str]) -> str:
    """Written out, for the indexes of what failed and of what is paused say so too."""
    words = [f"'{Status(status).value}'" for status in statuses]
    return f"e.status = {words[0]}" if len(words) == 1 else f"e.status in ({', '.join(words)})"
