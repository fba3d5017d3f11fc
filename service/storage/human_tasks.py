"""Human tasks at rest: work that waits for a person, who holds it, and who held it when.

A human task is a row of `tasks` with the status `open`, which no worker is ever given, and a row here. The revision
tells whether anybody changed it since it was read: of two who decide, claim or reassign at once, one looks again.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from service.storage.database import Row, Transaction
from service.storage.dialect import instant, load
from service.storage.tasks import LeasedTask, get_task
from statemachine.errors import PreconditionFailed
from statemachine.people import NOBODY, Wanted, wanted_from_data, wanted_to_data
from statemachine.record import record

Key = tuple[str, str]


@dataclass(slots=True)
class HumanTask:
    """One row. `agent_id` is who holds it; instants are workflow time.

    `closed_at` is set once: with `decision` when it was decided (`decided_by` None: by an operator), without when it
    was revoked. `declined` are those who gave it back, who do not get it again by themselves.
    """

    tenant_id: str
    task_id: str
    enrollment_id: str
    contact_id: str | None
    workflow: str
    step: str
    queue: str
    priority: int = 0
    title: str = ""
    message: str = ""
    wanted: Wanted = NOBODY
    declined: tuple[str, ...] = ()
    agent_id: str | None = None
    assigned_at: datetime | None = None
    revision: int = 0
    created_at: datetime | None = None
    closed_at: datetime | None = None
    decision: str | None = None
    decided_by: str | None = None

    @property
    def key(self) -> Key:
        return self.tenant_id, self.task_id

    @property
    def place(self) -> dict[str, Any]:
        """What names it in assignments and notifications."""
        names = ("task_id", "enrollment_id", "contact_id", "workflow", "step", "title")
        return {name: getattr(self, name) for name in names}


@record
class Assignment:
    """Who had what, since when and until when. Without `task_id` it is about whose contact somebody is.

    `reason`: direct, round_robin, skill, claimed, reassigned, escalated. `ending`: decided, released, reassigned,
    escalated, timeout, cancelled, agent_deleted.
    """

    tenant_id: str
    id: str
    agent_id: str
    task_id: str | None
    enrollment_id: str
    contact_id: str | None
    workflow: str
    step: str
    title: str
    reason: str
    assigned_at: datetime
    ended_at: datetime | None = None
    ending: str | None = None


@record
class AssignmentFilter:
    """Which assignments a list shows; a field left out lets everything through."""

    agent_id: str = ""
    contact_id: str = ""
    task_id: str = ""
    open_only: bool = False


_COLUMNS: Final[Mapping[str, str]] = {
    "tenant_id": "text",
    "task_id": "text",
    "enrollment_id": "text",
    "contact_id": "text",
    "workflow": "text",
    "step": "text",
    "queue": "text",
    "priority": "int",
    "title": "text",
    "message": "text",
    "wanted": "json",
    "agent_id": "text",
    "assigned_at": "timestamptz",
    "revision": "bigint",
    "created_at": "timestamptz",
    "closed_at": "timestamptz",
    "decision": "text",
    "decided_by": "text",
}
_NAMES: Final = ", ".join(_COLUMNS)
_READ: Final = ", ".join(f"h.{name}" for name in _COLUMNS)
_INSTANTS: Final = frozenset({"assigned_at", "created_at", "closed_at", "ended_at"})
_ASSIGNMENT: Final = tuple(Assignment.__dataclass_fields__)
_OPEN: Final = "h.closed_at is null"
_MANUAL: Final = '%"automatic":false%'
"""What `wanted` is like as it is written: the task waits for whoever claims it."""

INSERT: Final = f"""
insert into human_tasks ({_NAMES})
select {_NAMES} from {{rows:rows; {", ".join(f"{name} {kind}" for name, kind in _COLUMNS.items())}}} where true"""

_CHANGING: Final = (
    "step", "queue", "wanted", "agent_id", "assigned_at", "revision", "closed_at", "decision", "decided_by",
)  # fmt: skip
UPDATE: Final = f"""
update human_tasks as h set {", ".join(f"{name} = r.{name}" for name in _CHANGING)}
from {{rows:rows; tenant_id text, task_id text, expected bigint,
    {", ".join(f"{name} {_COLUMNS[name]}" for name in _CHANGING)}}}
where h.tenant_id = r.tenant_id and h.task_id = r.task_id and h.revision = r.expected"""

DECIDE: Final = """
update tasks as t set status = 'completed', output = r.output, finished_at = r.finished_at, worker_id = r.agent_id
from {rows:rows; tenant_id text, id text, output json, finished_at timestamptz, agent_id text}
where t.tenant_id = r.tenant_id and t.id = r.id and t.status = 'open'"""

MOVE: Final = """
update tasks as t set queue = r.queue from {rows:rows; tenant_id text, id text, queue text}
where t.tenant_id = r.tenant_id and t.id = r.id and t.status = 'open'"""

ASSIGN: Final = f"""
insert into assignments ({", ".join(_ASSIGNMENT)}) select {", ".join(_ASSIGNMENT)}
from {{rows:rows; tenant_id text, id text, agent_id text, task_id text, enrollment_id text, contact_id text,
    workflow text, step text, title text, reason text, assigned_at timestamptz, ended_at timestamptz, ending text}}
where true"""

END: Final = """
update assignments as s set ended_at = r.ended_at, ending = r.ending
from {rows:rows; tenant_id text, task_id text, ended_at timestamptz, ending text}
where s.tenant_id = r.tenant_id and s.task_id = r.task_id and s.ended_at is null"""

END_OF_CONTACT: Final = """
update assignments as s set ended_at = r.ended_at, ending = r.ending
from {rows:rows; tenant_id text, contact_id text, ended_at timestamptz, ending text}
where s.tenant_id = r.tenant_id and s.contact_id = r.contact_id and s.task_id is null and s.ended_at is null"""


def inserted(task: HumanTask) -> dict[str, Any]:
    return {name: _plain(task, name) for name in _COLUMNS}


def updated(task: HumanTask, expected: int) -> dict[str, Any]:
    row = {name: _plain(task, name) for name in _CHANGING}
    return {"tenant_id": task.tenant_id, "task_id": task.task_id, "expected": expected, **row}


def _plain(task: HumanTask, name: str) -> Any:
    if name != "wanted":
        return getattr(task, name)
    declined = {"declined": list(task.declined)} if task.declined else {}
    return {**wanted_to_data(task.wanted), **declined}


def human_tasks_by_id(transaction: Transaction, keys: Collection[Key]) -> dict[Key, HumanTask]:
    """Those that exist, unlocked."""
    rows = [{"tenant_id": tenant, "task_id": task} for tenant, task in sorted(keys)]
    if not rows:
        return {}
    found = transaction.rows(
        f"select {_READ} from {{rows:wanted; tenant_id text, task_id text}} "
        "join human_tasks as h on h.tenant_id = r.tenant_id and h.task_id = r.task_id",
        wanted=rows,
    )
    return {task.key: task for task in map(_task_of, found)}


def find_human_task(transaction: Transaction, tenant: str, task_id: str) -> HumanTask:
    """Raises NotFound, and PreconditionFailed for a task that is not for people."""
    found = human_tasks_by_id(transaction, [(tenant, task_id)])
    if not found:
        raise not_for_people(get_task(transaction, tenant, task_id))
    return found[tenant, task_id]


def not_for_people(task: LeasedTask) -> PreconditionFailed:
    """Why a person is refused a worker's task."""
    return PreconditionFailed(
        f"task {task.id!r} ({task.type}) is not for people: a worker leases and completes it", task_id=task.id
    )


def unassigned(
    transaction: Transaction, tenant: str, *, after: str, limit: int, automatic: bool = False
) -> list[HumanTask]:
    """A page of open ones that nobody holds, the oldest first; `automatic`: without those that wait to be claimed."""
    given_out = "and cast(h.wanted as text) not like :manual " if automatic else ""
    parameters = {"manual": _MANUAL} if automatic else {}
    rows = transaction.rows(
        f"select {_READ} from human_tasks as h where h.tenant_id = :tenant and h.agent_id is null and {_OPEN} "
        f"and h.task_id > :after {given_out}order by h.task_id limit :limit",
        tenant=tenant,
        after=after,
        limit=limit,
        **parameters,
    )
    return [_task_of(row) for row in rows]


def tenants_with_unassigned(transaction: Transaction) -> list[str]:
    """Who has open human tasks that nobody holds."""
    rows = transaction.rows(f"select distinct h.tenant_id from human_tasks as h where h.agent_id is null and {_OPEN}")
    return [row[0] for row in rows]


def held_by(transaction: Transaction, tenant: str, agent_id: str) -> list[HumanTask]:
    """The open tasks that an agent holds."""
    rows = transaction.rows(
        f"select {_READ} from human_tasks as h where h.tenant_id = :tenant and h.agent_id = :agent and {_OPEN} "
        "order by h.task_id",
        tenant=tenant,
        agent=agent_id,
    )
    return [_task_of(row) for row in rows]


def open_counts(transaction: Transaction, keys: Collection[Key]) -> dict[Key, int]:
    """How many open tasks each of these agents holds; nothing for none."""
    rows = transaction.rows(
        "select h.tenant_id, h.agent_id, count(*) from {rows:wanted; tenant_id text, agent_id text} "
        f"join human_tasks as h on h.tenant_id = r.tenant_id and h.agent_id = r.agent_id and {_OPEN} "
        "group by h.tenant_id, h.agent_id",
        wanted=[{"tenant_id": tenant, "agent_id": agent} for tenant, agent in sorted(keys)],
    )
    return {(row[0], row[1]): int(row[2]) for row in rows}


def open_task_of(transaction: Transaction, tenant: str, enrollment_id: str) -> HumanTask | None:
    """The human task that an enrollment waits for."""
    row = transaction.row(
        f"select {_READ} from human_tasks as h where h.tenant_id = :tenant and h.enrollment_id = :enrollment "
        f"and {_OPEN} order by h.task_id desc limit 1",
        tenant=tenant,
        enrollment=enrollment_id,
    )
    return _task_of(row) if row else None


def list_assignments(
    transaction: Transaction, tenant: str, wanted: AssignmentFilter, *, before: str | None, limit: int
) -> list[Assignment]:
    """Assignments that meet every given filter, the latest first; `before` is the last id of the page before."""
    conditions = ["s.tenant_id = :tenant"]
    parameters: dict[str, Any] = {"tenant": tenant, "limit": limit}
    for name in ("agent_id", "contact_id", "task_id"):
        if getattr(wanted, name):
            conditions.append(f"s.{name} = :{name}")
            parameters[name] = getattr(wanted, name)
    if wanted.open_only:
        conditions.append("s.ended_at is null")
    if before is not None:
        conditions.append("s.id < :before")
        parameters["before"] = before
    columns = ", ".join(f"s.{name}" for name in _ASSIGNMENT)
    where = " and ".join(conditions)
    rows = transaction.rows(
        f"select {columns} from assignments as s where {where} order by s.id desc limit :limit", **parameters
    )
    return [_assignment_of(row) for row in rows]


def _task_of(row: Row) -> HumanTask:
    fields = dict(zip(_COLUMNS, row, strict=True))
    wanted = load(fields.pop("wanted"))
    declined = tuple(wanted.pop("declined", ()))
    for name in _INSTANTS & fields.keys():
        fields[name] = instant(fields[name])
    return HumanTask(**fields, wanted=wanted_from_data(wanted), declined=declined)


def _assignment_of(row: Row) -> Assignment:
    fields: dict[str, Any] = dict(zip(_ASSIGNMENT, row, strict=True))
    fields["assigned_at"], fields["ended_at"] = instant(fields["assigned_at"]), instant(fields["ended_at"])
    return Assignment(**fields)


def find_assignment(transaction: Transaction, tenant: str, assignment_id: str) -> Assignment | None:
    columns = ", ".join(f"s.{name}" for name in _ASSIGNMENT)
    row = transaction.row(
        f"select {columns} from assignments as s where s.tenant_id = :tenant and s.id = :id",
        tenant=tenant,
        id=assignment_id,
    )
    return _assignment_of(row) if row else None


@dataclass(frozen=True, slots=True)
class Waiting:
    """How many open human tasks a queue has, how many of them nobody holds, since when the oldest of those waits."""

    tenant_id: str
    queue: str
    open: int
    unassigned: int
    oldest_at: datetime | None


def waiting_by_queue(transaction: Transaction) -> list[Waiting]:
    """Every queue with open human tasks, by tenant and name."""
    rows = transaction.rows(
        "select h.tenant_id, h.queue, count(*), sum(case when h.agent_id is null then 1 else 0 end), "
        "min(case when h.agent_id is null then h.created_at end) "
        f"from human_tasks as h where {_OPEN} group by h.tenant_id, h.queue order by 1, 2"
    )
    return [Waiting(row[0], row[1], int(row[2]), int(row[3]), instant(row[4])) for row in rows]
