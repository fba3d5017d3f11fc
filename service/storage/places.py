"""Places of runs in workflows with limits, and the pending runs that wait outside.

A place is a row: written in the transaction in which its run begins or ends, so that no crash can lose or keep one.
Counting and taking places is serialised per workflow by an advisory lock, held to the commit.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from service.storage.database import Transaction
from service.storage.dialect import instant_text
from service.storage.tables import LIVE_SQL
from statemachine.places import CONFLICT, MINUTE, Usage

WorkflowName = tuple[str, str]
"""(tenant, workflow)"""

KEEP_PLACES: Final = """
insert into places (tenant_id, workflow, enrollment_id, taken_at, ended_at)
select tenant_id, workflow, enrollment_id, taken_at, ended_at
from {rows:rows; tenant_id text, workflow text, enrollment_id text, taken_at timestamptz, ended_at timestamptz}
where true
on conflict (tenant_id, workflow, enrollment_id)
do update set taken_at = excluded.taken_at, ended_at = excluded.ended_at"""

KEEP_PENDING: Final = """
insert into pending_runs (tenant_id, enrollment_id, workflow, contact_id, rule, turn, try_at)
select tenant_id, enrollment_id, workflow, contact_id, rule, turn, try_at
from {rows:rows; tenant_id text, enrollment_id text, workflow text, contact_id text, rule text, turn int,
    try_at timestamptz} where true
on conflict (tenant_id, enrollment_id) do update set rule = excluded.rule, try_at = excluded.try_at"""

DROP_PENDING: Final = """
delete from pending_runs where (tenant_id, enrollment_id) in (
    select r.tenant_id, r.enrollment_id from {rows:rows; tenant_id text, enrollment_id text}
)"""

WAKE_PENDING: Final = f"""
update pending_runs as p set try_at = r.try_at
from {{rows:rows; tenant_id text, contact_id text, try_at timestamptz}}
where p.tenant_id = r.tenant_id and p.contact_id = r.contact_id and p.rule = '{CONFLICT}'"""

_LOCK: Final = "select pg_advisory_xact_lock(hashtextextended(r.name, 11)) from {rows:names; name text}"

_USAGE: Final = f"""
select r.tenant_id, r.workflow,
    (select count(*) from places as s
        where s.tenant_id = r.tenant_id and s.workflow = r.workflow and s.ended_at is null),
    (select count(*) from places as s
        where s.tenant_id = r.tenant_id and s.workflow = r.workflow and s.taken_at > r.since),
    case when exists (select 1 from pending_runs as p
        where p.tenant_id = r.tenant_id and p.workflow = r.workflow and p.rule <> '{CONFLICT}') then 1 else 0 end
from {{rows:wanted; tenant_id text, workflow text, since timestamptz}}"""


def lock_places(transaction: Transaction, names: Iterable[WorkflowName]) -> None:
    """Nobody else takes places in these workflows until the commit; SQLite has one writer anyway."""
    ordered = [f"{tenant}/{key}" for tenant, key in sorted(names)]
    if transaction.kind == "postgresql" and ordered:
        transaction.rows(_LOCK, names=[{"name": name} for name in ordered])


def read_usage(transaction: Transaction, names: Iterable[WorkflowName], now: datetime) -> dict[WorkflowName, Usage]:
    """How full these workflows are at `now` (workflow time)."""
    since = now - MINUTE
    wanted = [{"tenant_id": tenant, "workflow": key, "since": since} for tenant, key in names]
    if not wanted:
        return {}
    rows = transaction.rows(_USAGE, wanted=wanted)
    return {(row[0], row[1]): Usage(int(row[2]), int(row[3]), bool(row[4])) for row in rows}


def forget_places(transaction: Transaction, now: datetime) -> int:
    """Delete the places of ended runs that no minute counts any more."""
    return transaction.write(
        "delete from places where ended_at is not null and taken_at <= :before", before=instant_text(now - MINUTE)
    )


@dataclass(frozen=True, slots=True)
class PendingRun:
    tenant: str
    enrollment_id: str
    workflow: str
    contact_id: str | None


def any_places(transaction: Transaction) -> tuple[bool, bool, bool]:
    """Whether any place is kept, any run pending, any event to be looked at again: tables that mostly are empty."""
    row = transaction.row(
        "select case when exists (select 1 from places) then 1 else 0 end, "
        "case when exists (select 1 from pending_runs) then 1 else 0 end, "
        "case when exists (select 1 from second_looks) then 1 else 0 end"
    )
    assert row is not None
    return bool(row[0]), bool(row[1]), bool(row[2])


def queued_workflows(transaction: Transaction, now: datetime) -> list[WorkflowName]:
    """Workflows in which a run waits for a place and may be tried."""
    rows = transaction.rows(
        f"select distinct tenant_id, workflow from pending_runs where rule <> '{CONFLICT}' "
        "and (try_at is null or try_at <= :now)",
        now=instant_text(now),
    )
    return [(row[0], row[1]) for row in rows]


def first_queued(transaction: Transaction, tenant: str, workflow: str, now: datetime, most: int) -> list[PendingRun]:
    """Those whose turn it is: by priority, then in order of acceptance."""
    rows = transaction.rows(
        f"select {_PENDING} where p.tenant_id = :tenant and p.workflow = :workflow and p.rule <> '{CONFLICT}' "
        f"and (p.try_at is null or p.try_at <= :now) {_ORDER}",
        tenant=tenant,
        workflow=workflow,
        now=instant_text(now),
        most=most,
    )
    return [PendingRun(*row) for row in rows]


def woken(transaction: Transaction, now: datetime, most: int) -> list[PendingRun]:
    """Those whose contact has lost a run that may have been in their way; none of a workflow that is paused."""
    rows = transaction.rows(
        f"select {_PENDING} where p.rule = '{CONFLICT}' and p.try_at <= :now and not exists (select 1 from workflows "
        f"as w where w.tenant_id = p.tenant_id and w.key = p.workflow and w.status = 'paused') {_ORDER}",
        now=instant_text(now),
        most=most,
    )
    return [PendingRun(*row) for row in rows]


def put_off_pending(transaction: Transaction, runs: Sequence[PendingRun], until: datetime) -> None:
    """These could not be looked at: not again before `until`."""
    rows: list[dict[str, Any]] = [
        {"tenant_id": one.tenant, "enrollment_id": one.enrollment_id, "try_at": until} for one in runs
    ]
    transaction.write(_PUT_OFF, rows=rows)


def queue_position(transaction: Transaction, tenant: str, workflow: str, enrollment_id: str) -> int:
    """How many pending runs of the workflow wait for a place before this one."""
    row = transaction.row(
        "select count(*) from pending_runs as p join pending_runs as own on own.tenant_id = p.tenant_id "
        "and own.workflow = p.workflow where own.tenant_id = :tenant and own.workflow = :workflow "
        f"and own.enrollment_id = :id and p.rule <> '{CONFLICT}' and (p.turn < own.turn "
        "or (p.turn = own.turn and p.enrollment_id < own.enrollment_id))",
        tenant=tenant,
        workflow=workflow,
        id=enrollment_id,
    )
    return int(row[0]) if row else 0


def count_pending(transaction: Transaction) -> dict[str, int]:
    """How many runs wait to begin, by the rule that keeps them."""
    rows = transaction.rows("select rule, count(*) from pending_runs group by rule order by rule")
    return {row[0]: int(row[1]) for row in rows}


@dataclass(frozen=True, slots=True)
class PlaceAccount:
    """What is kept of one workflow's places; `leaked` is what does not agree with its live runs."""

    workflow: str
    taken: int = 0
    begun: int = 0
    pending: int = 0
    leaked: int = 0


def account_of_places(transaction: Transaction, tenant: str, now: datetime) -> list[PlaceAccount]:
    """By workflow, at `now` (workflow time); of those of which anything is kept."""
    rows = transaction.rows(_ACCOUNT, tenant=tenant, since=instant_text(now - MINUTE))
    return [PlaceAccount(row[0], *(int(count or 0) for count in row[1:])) for row in rows]


_ACCOUNT: Final = f"""
select workflow, sum(taken), sum(begun), sum(pending), sum(leaked) from (
    select s.workflow, case when s.ended_at is null then 1 else 0 end as taken,
        case when s.taken_at > :since then 1 else 0 end as begun, 0 as pending,
        case when s.ended_at is null and not exists (select 1 from enrollments as e
            where e.tenant_id = s.tenant_id and e.id = s.enrollment_id and e.{LIVE_SQL}) then 1 else 0 end as leaked
    from places as s where s.tenant_id = :tenant
    union all
    select p.workflow, 0, 0, 1, case when exists (select 1 from enrollments as e where e.tenant_id = p.tenant_id
        and e.id = p.enrollment_id and e.status in ('pending', 'paused')) then 0 else 1 end
    from pending_runs as p where p.tenant_id = :tenant and p.rule <> '{CONFLICT}'
) as kept group by workflow order by workflow"""
_PENDING: Final = "p.tenant_id, p.enrollment_id, p.workflow, p.contact_id from pending_runs as p"
_ORDER: Final = "order by p.turn, p.enrollment_id limit :most"
_PUT_OFF: Final = """
update pending_runs as p set try_at = r.try_at
from {rows:rows; tenant_id text, enrollment_id text, try_at timestamptz}
where p.tenant_id = r.tenant_id and p.enrollment_id = r.enrollment_id"""
