"""The tasks table: leases, the lists people see, and who last asked for a queue's work.

The engine orders, retries, revokes and finishes tasks in its own batch; everything else that touches the table is here.
A lease bumps `lease_token`, so that whoever held the task before can change nothing any more (promise P8). Which task
is due (`available_at`) is asked in workflow time, when a lease ends (`lease_until`) in wall time.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from functools import cache
from typing import Any, Final

from service.storage.database import Row, Transaction
from service.storage.dialect import instant, instant_text, load
from statemachine.errors import NotFound, StaleLease
from statemachine.record import record

OPEN_STATUSES: Final = ("ready", "leased", "open")


@record
class LeasedTask:
    """One row of the table, leased or not. `timeout_s` bounds one attempt in wall seconds.

    `status`: ready, leased, open (a human task: it waits for a person), completed, failed, cancelled (revoked) or
    unknown_outcome. `worker_id` is who holds it, or held it last; of a human task, who decided. `variants`
    are those of its enrollment by split, None without any.
    """

    tenant_id: str
    id: str
    enrollment_id: str
    contact_id: str | None
    workflow: str
    version: int
    step: str
    visit: int
    type: str
    queue: str
    status: str
    priority: int
    input: Mapping[str, Any]
    outcomes: tuple[str, ...]
    idempotency_key: str
    attempt: int
    max_attempts: int
    timeout_s: float
    at_most_once: bool
    available_at: datetime
    lease_token: int
    lease_until: datetime | None = None
    worker_id: str | None = None
    last_error: Mapping[str, Any] | None = None
    created_at: datetime | None = None
    finished_at: datetime | None = None
    output: Any = None
    variants: Mapping[str, str] | None = None


TASK_FIELDS: Final = tuple(LeasedTask.__dataclass_fields__)
TASK_COLUMNS: Final = ", ".join(TASK_FIELDS)
"""What `task_of` reads, in its order."""

_INSTANTS: Final = frozenset({"available_at", "lease_until", "created_at", "finished_at"})
_JSON: Final = frozenset({"input", "last_error", "output", "variants"})


@record
class TaskFilter:
    """Which tasks a list shows; a field left out lets everything through. `human` tells tasks for people from those for
    workers; `agent_id` is who holds a human task, `unassigned` asks for open ones that nobody holds."""

    queue: str | None = None
    statuses: tuple[str, ...] = ()
    workflow: str | None = None
    enrollment_id: str | None = None
    contact_id: str | None = None
    type: str | None = None
    human: bool | None = None
    agent_id: str | None = None
    unassigned: bool = False


@record
class QueueDepth:
    """How much is open in a queue. `oldest_at` is since when its oldest ready task may be taken (workflow time);
    `polled_at` when anybody last asked for its work (wall time)."""

    tenant_id: str
    queue: str
    ready: int
    leased: int
    oldest_at: datetime | None
    polled_at: datetime | None
    worker_id: str | None


def task_of(row: Row) -> LeasedTask:
    """A row read with TASK_COLUMNS."""
    return LeasedTask(**{name: _value(name, value) for name, value in zip(TASK_FIELDS, row, strict=True)})


def lease_tasks(
    transaction: Transaction,
    tenant: str,
    queues: Sequence[str],
    *,
    worker_id: str,
    limit: int,
    now: datetime,
    until: datetime,
) -> list[LeasedTask]:
    """Lease up to `limit` ready tasks of these queues to a worker: higher priority first, then the longest ready.

    `now` is workflow time, `until` wall time. Tasks that another session is just taking are passed over.
    """
    distinct = tuple(dict.fromkeys(queues))
    parameters = {f"queue{index}": queue for index, queue in enumerate(distinct)}
    rows = transaction.rows(
        _lease_sql(len(distinct)),
        tenant=tenant,
        worker=worker_id,
        limit=limit,
        now=instant_text(now),
        until=instant_text(until),
        **parameters,
    )
    return sorted(map(task_of, rows), key=lambda task: (-task.priority, task.available_at, task.id))


def extend_lease(
    transaction: Transaction, tenant: str, task_id: str, token: int, until: datetime
) -> tuple[LeasedTask, bool]:
    """Move the end of the lease; answers the task and whether it was revoked (then nothing moved).

    Raises NotFound, and StaleLease when `token` is not the current one or the task is finished.
    """
    row = transaction.row(_EXTEND, tenant=tenant, id=task_id, token=token, until=instant_text(until))
    if row is not None:
        return task_of(row), False
    task = get_task(transaction, tenant, task_id)
    if task.status == "cancelled" and task.lease_token == token:
        return task, True
    raise stale_lease(task)


def release_lease(transaction: Transaction, tenant: str, task_id: str, token: int) -> LeasedTask:
    """Give an unstarted task back: ready again for anybody at once, the same attempt.

    Raises NotFound, and StaleLease when `token` is not the current one or the task is not leased.
    """
    row = transaction.row(_RELEASE, tenant=tenant, id=task_id, token=token)
    if row is None:
        raise stale_lease(get_task(transaction, tenant, task_id))
    return task_of(row)


def release_leases(
    transaction: Transaction, leases: Sequence[LeasedTask], *, available_at: datetime | None = None
) -> int:
    """Give back several unstarted tasks, to be taken from `available_at` (workflow time) or when they could before.

    Those whose lease is no longer current stay as they are. Answers how many went back.
    """
    if not leases:
        return 0
    return transaction.write(_RELEASE_ALL, rows=[{**row, "available_at": available_at} for row in _tokens(leases)])


def extend_leases(transaction: Transaction, leases: Sequence[LeasedTask], until: datetime) -> set[tuple[str, str, int]]:
    """Move the end of several leases; answers the (tenant, id, token) of those that are still held."""
    rows = transaction.rows(_EXTEND_ALL, rows=_tokens(leases), until=instant_text(until)) if leases else ()
    return {(row[0], row[1], int(row[2])) for row in rows}


def take_over_expired(
    transaction: Transaction, *, now: datetime, beyond: datetime, until: datetime, limit: int
) -> list[LeasedTask]:
    """Take a page of leases whose holders are gone, oldest end first: fenced off at once, and leased until `until`.

    So a holder that comes back meanwhile is refused, two replicas never take the same one, and a row that cannot be
    finished makes room for the next page. Gone are leases that ended before `now`, and those that end after `beyond`:
    only a clock that has moved back since can have written those. `worker_id` keeps naming the last holder.
    """
    rows = transaction.rows(
        _TAKE_OVER, now=instant_text(now), beyond=instant_text(beyond), until=instant_text(until), limit=limit
    )
    return sorted(map(task_of, rows), key=lambda task: task.id)


def has_ready(transaction: Transaction, tenant: str, queues: Sequence[str], now: datetime) -> bool:
    """Whether any task of these queues may be leased now: a look without locks, before trying to."""
    rows = [{"queue": queue} for queue in dict.fromkeys(queues)]
    return transaction.row(_HAS_READY, tenant=tenant, now=instant_text(now), rows=rows) is not None


def next_due_at(transaction: Transaction, tenant: str, queues: Sequence[str], now: datetime) -> datetime | None:
    """When the first task of these queues falls due that is not due `now` (workflow time)."""
    rows = [{"queue": queue} for queue in dict.fromkeys(queues)]
    row = transaction.row(_NEXT_DUE, tenant=tenant, now=instant_text(now), rows=rows)
    return instant(row[0]) if row is not None else None


def get_task(transaction: Transaction, tenant: str, task_id: str) -> LeasedTask:
    """One task. Raises NotFound."""
    row = transaction.row(
        f"select {TASK_COLUMNS} from tasks where tenant_id = :tenant and id = :id", tenant=tenant, id=task_id
    )
    if row is None:
        raise NotFound("task", task_id)
    return task_of(row)


def tasks_by_id(transaction: Transaction, ids: Sequence[Mapping[str, str]]) -> dict[tuple[str, str], LeasedTask]:
    """Tasks by (tenant, id), unlocked; `ids` are rows of `tenant_id` and `id`, unknown ones are left out."""
    columns = ", ".join(f"t.{name}" for name in TASK_FIELDS)
    rows = transaction.rows(
        f"select {columns} from {{rows:ids; tenant_id text, id text}} "
        "join tasks as t on t.tenant_id = r.tenant_id and t.id = r.id",
        ids=ids,
    )
    return {(task.tenant_id, task.id): task for task in map(task_of, rows)}


def list_tasks(
    transaction: Transaction, tenant: str, wanted: TaskFilter, *, limit: int, before: str | None = None
) -> list[LeasedTask]:
    """Tasks that meet every given filter, newest first; `before` is the id of the last one of the page before."""
    conditions = ["tenant_id = :tenant"]
    parameters: dict[str, Any] = {"tenant": tenant, "limit": limit}
    for name in ("queue", "workflow", "enrollment_id", "contact_id", "type"):
        if getattr(wanted, name) is not None:
            conditions.append(f"{name} = :{name}")
            parameters[name] = getattr(wanted, name)
    conditions += _human_conditions(wanted)
    if wanted.agent_id is not None:
        parameters["agent_id"] = wanted.agent_id
    if wanted.statuses:
        conditions.append("status in (select status from {rows:statuses; status text})")
        parameters["statuses"] = [{"status": status} for status in wanted.statuses]
    if before is not None:
        conditions.append("id < :before")
        parameters["before"] = before
    where = " and ".join(conditions)
    sql = f"select {TASK_COLUMNS} from tasks where {where} order by id desc limit :limit"
    return [task_of(row) for row in transaction.rows(sql, **parameters)]


def _human_conditions(wanted: TaskFilter) -> Iterator[str]:
    among = "select 1 from human_tasks as h where h.tenant_id = tasks.tenant_id and h.task_id = tasks.id"
    if wanted.human is not None:
        yield f"{'' if wanted.human else 'not '}exists ({among})"
    if wanted.agent_id is not None:
        yield f"exists ({among} and h.agent_id = :agent_id)"
    if wanted.unassigned:
        yield f"exists ({among} and h.agent_id is null and h.closed_at is null)"


def queue_depths(transaction: Transaction) -> list[QueueDepth]:
    """Every queue that has open tasks or was ever asked for, with what is open in it; by tenant and name."""
    return [
        QueueDepth(row[0], row[1], int(row[2]), int(row[3]), instant(row[4]), instant(row[5]), row[6])
        for row in transaction.rows(_DEPTHS)
    ]


def record_polls(
    transaction: Transaction, tenant: str, queues: Sequence[str], worker_id: str, polled_at: datetime
) -> None:
    """Note who asked for the work of these queues, and when (wall time). An earlier instant never replaces a later."""
    rows = [
        {"tenant_id": tenant, "queue": queue, "worker_id": worker_id, "polled_at": polled_at}
        for queue in sorted(set(queues))
    ]
    transaction.write(_POLLED, rows=rows)


def stale_lease(task: LeasedTask) -> StaleLease:
    """Why the holder of another token, or of none any more, is refused."""
    why = "its lease was taken over or returned" if task.status in OPEN_STATUSES else "it is finished"
    return StaleLease(f"task {task.id!r} is {task.status}: {why}", task_id=task.id, status=task.status)


_EXTEND: Final = f"""
update tasks set lease_until = :until
where tenant_id = :tenant and id = :id and lease_token = :token and status = 'leased'
returning {TASK_COLUMNS}
"""

_RELEASE: Final = f"""
update tasks set status = 'ready', lease_token = lease_token + 1, lease_until = null
where tenant_id = :tenant and id = :id and lease_token = :token and status = 'leased'
returning {TASK_COLUMNS}
"""

_HELD: Final = """tasks.tenant_id = r.tenant_id and tasks.id = r.id and tasks.lease_token = r.token
    and tasks.status = 'leased'"""

_RELEASE_ALL: Final = f"""
update tasks set status = 'ready', lease_token = tasks.lease_token + 1, lease_until = null,
    available_at = coalesce(r.available_at, tasks.available_at)
from {{rows:rows; tenant_id text, id text, token bigint, available_at timestamptz}} where {_HELD}
"""

_EXTEND_ALL: Final = f"""
update tasks set lease_until = :until
from {{rows:rows; tenant_id text, id text, token bigint}} where {_HELD}
returning tasks.tenant_id, tasks.id, tasks.lease_token
"""

_TAKE_OVER: Final = f"""
with gone as materialized (
    select tenant_id as gone_tenant, id as gone_id from tasks
    where status = 'leased' and (lease_until < :now or lease_until > :beyond)
    order by lease_until, id limit :limit {{for update skip locked}}
)
update tasks set lease_token = lease_token + 1, lease_until = :until
from gone where tenant_id = gone_tenant and id = gone_id and status = 'leased'
returning {TASK_COLUMNS}
"""

_HAS_READY: Final = """
select 1 from {rows:rows; queue text} where exists (
    select 1 from tasks t
    where t.tenant_id = :tenant and t.queue = r.queue and t.status = 'ready' and t.available_at <= :now
) limit 1
"""

_NEXT_DUE: Final = """
select min(t.available_at) from {rows:rows; queue text}
join tasks t on t.tenant_id = :tenant and t.queue = r.queue and t.status = 'ready' and t.available_at > :now
"""

_DEPTHS: Final = """
with open as (
    select tenant_id, queue,
        sum(case when status = 'ready' then 1 else 0 end) as ready,
        sum(case when status = 'leased' then 1 else 0 end) as leased,
        min(case when status = 'ready' then available_at end) as oldest_at
    from tasks where status = 'ready' or status = 'leased' group by tenant_id, queue
), known as (select tenant_id, queue from open union select tenant_id, queue from queues)
select k.tenant_id, k.queue, coalesce(o.ready, 0), coalesce(o.leased, 0), o.oldest_at, q.polled_at, q.worker_id
from known k
left join open o on o.tenant_id = k.tenant_id and o.queue = k.queue
left join queues q on q.tenant_id = k.tenant_id and q.queue = k.queue
order by k.tenant_id, k.queue
"""

_POLLED: Final = """
insert into queues (tenant_id, queue, worker_id, polled_at)
select r.tenant_id, r.queue, r.worker_id, r.polled_at
from {rows:rows; tenant_id text, queue text, worker_id text, polled_at timestamptz} where true
on conflict (tenant_id, queue) do update set worker_id = excluded.worker_id, polled_at = excluded.polled_at
where excluded.polled_at > queues.polled_at
"""


@cache
def _lease_sql(queues: int) -> str:
    """One ordered index scan per queue, then the best of them all: a sort of every ready task would grow with them."""
    heads = ",\n".join(
        f"""head{index} as materialized (
    select id as head_id, priority as head_priority, available_at as head_at from tasks
    where tenant_id = :tenant and queue = :queue{index} and status = 'ready' and available_at <= :now
    order by priority desc, available_at limit :limit {{for update skip locked}}
)"""
        for index in range(queues)
    )
    union = " union all ".join(f"select * from head{index}" for index in range(queues))
    return f"""
with {heads},
picked as materialized (select head_id from ({union}) as heads order by head_priority desc, head_at limit :limit)
update tasks set status = 'leased', lease_token = lease_token + 1, lease_until = :until, worker_id = :worker
from picked where tenant_id = :tenant and id = head_id and status = 'ready'
returning {TASK_COLUMNS}
"""


def _value(name: str, value: Any) -> Any:
    if name in _JSON:
        return load(value)
    if name in _INSTANTS:
        return instant(value)
    if name == "outcomes":
        return tuple(load(value))
    return bool(value) if name == "at_most_once" else value


def _tokens(leases: Sequence[LeasedTask]) -> list[Mapping[str, Any]]:
    return [
        {"tenant_id": task.tenant_id, "id": task.id, "token": task.lease_token}
        for task in sorted(leases, key=lambda task: (task.tenant_id, task.id))
    ]
