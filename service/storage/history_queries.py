"""Reading history: pages of one enrollment, and what a watch has not seen yet.

Sequences are those of the API: from 1. A watch of one enrollment goes by its sequence. A contact's rows become visible
in the order of their instants, because the contact's lock is held until they are. A workflow's do not: on PostgreSQL
only rows older than the start of every transaction under way have surely all been committed (their instants are read
after that start), so a watch reads up to there; on SQLite, with one writer, row ids are the order of the commits.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from service.storage.database import Transaction
from service.storage.dialect import instant, instant_text, load
from service.storage.tables import LIVE_SQL
from statemachine.errors import NotFound

_EPOCH: Final = datetime.fromtimestamp(0, UTC)
LEVELS: Final = ("debug", "info", "warn", "error")
_COLUMNS: Final = "h.enrollment_id, h.sequence, h.cause_id, h.at, h.kind, h.step, h.visit, h.level, h.entry"
_WATCHED: Final = f"{_COLUMNS}, e.workflow, e.version, e.contact_id, p.kind, e.parent_id, {{position}}"
_BEFORE: Final = (
    "left join history as p on p.tenant_id = h.tenant_id and p.enrollment_id = h.enrollment_id "
    "and p.sequence = h.sequence - 1 and p.visit = h.visit and p.step = h.step"
)
_BY_TIME: Final = "h.at, h.enrollment_id, h.sequence"
_FAMILY: Final = """
with recursive family (id) as (
    select f.id from enrollments as f where f.tenant_id = :tenant and f.id = :enrollment
    union
    select c.id from family join enrollments as c on c.tenant_id = :tenant and c.parent_id = family.id
)"""
_RUN: Final = "enrollments as e on e.tenant_id = h.tenant_id and e.id = h.enrollment_id"


@dataclass(frozen=True, slots=True)
class HistoryRow:
    """One line of a history. `entry` holds what has no column: step_type, outcome, attempt, duration_ms, input, …"""

    enrollment_id: str
    sequence: int
    cause_id: str
    at: datetime
    kind: str
    step: str | None
    visit: int
    level: str
    entry: dict[str, Any]


@dataclass(frozen=True, slots=True)
class WatchRow:
    """A line and whose it is. `entered` says that it is the first line of this visit of its step.

    `position` is the line's place among a contact's, a family's or a workflow's.
    """

    row: HistoryRow
    workflow: str
    version: int
    contact_id: str | None
    entered: bool
    parent_id: str | None
    position: tuple[str | int, ...]


def history_page(
    transaction: Transaction,
    tenant: str,
    enrollment_id: str,
    *,
    after: int = 0,
    levels: Sequence[str] = LEVELS,
    step: str = "",
    limit: int,
) -> list[HistoryRow]:
    """Lines after a sequence, the oldest first. Raises NotFound for an unknown enrollment."""
    if transaction.row("select 1 from enrollments where tenant_id = :tenant and id = :id", tenant=tenant,
                       id=enrollment_id) is None:  # fmt: skip
        raise NotFound("enrollment", enrollment_id)
    conditions = "h.tenant_id = :tenant and h.enrollment_id = :enrollment and h.sequence >= :after"
    parameters: dict[str, Any] = {"tenant": tenant, "enrollment": enrollment_id, "after": after, "limit": limit}
    if len(levels) < len(LEVELS):
        conditions += " and h.level in (select level_word from {rows:levels; level_word text})"
        parameters["levels"] = [{"level_word": level} for level in levels]
    if step:
        conditions += " and h.step = :step"
        parameters["step"] = step
    sql = f"select {_COLUMNS} from history as h where {conditions} order by h.sequence limit :limit"
    return [_row(row) for row in transaction.rows(sql, **parameters)]


def last_sequence(transaction: Transaction, tenant: str, enrollment_id: str) -> int:
    """The sequence of the latest line; 0 without one."""
    row = transaction.row(
        "select max(sequence) from history where tenant_id = :tenant and enrollment_id = :enrollment",
        tenant=tenant,
        enrollment=enrollment_id,
    )
    return 0 if row is None or row[0] is None else int(row[0]) + 1


def ways_taken(transaction: Transaction, tenant: str, enrollment_id: str) -> frozenset[tuple[str, str, str]]:
    """(step, kind, outcome) of every way by which an enrollment has left a step; the outcome is "" where it skipped."""
    rows = transaction.rows(
        "select distinct h.step, h.kind, coalesce(h.entry ->> 'outcome', '') from history as h "
        "where h.tenant_id = :tenant and h.enrollment_id = :enrollment and h.step is not null "
        "and h.kind in ('step_completed', 'step_failed', 'step_skipped')",
        tenant=tenant,
        enrollment=enrollment_id,
    )
    return frozenset((row[0], row[1], row[2]) for row in rows)


def watch_enrollment(
    transaction: Transaction, tenant: str, enrollment_id: str, *, after: int, limit: int
) -> list[WatchRow]:
    """Lines of one enrollment after a sequence."""
    rows = transaction.rows(
        f"select {_WATCHED.format(position='h.sequence + 1')} from history as h {_BEFORE} join {_RUN} "
        "where h.tenant_id = :tenant and h.enrollment_id = :enrollment and h.sequence >= :after "
        "order by h.sequence limit :limit",
        tenant=tenant,
        enrollment=enrollment_id,
        after=after,
        limit=limit,
    )
    return [_watch_row(row) for row in rows]


def watch_contact(
    transaction: Transaction, tenant: str, contact_id: str, *, after: Sequence[str | int], limit: int
) -> list[WatchRow]:
    """Lines of all enrollments of a contact after a position."""
    if transaction.kind == "sqlite":
        return _by_row_id(transaction, tenant, "e.contact_id = :name", contact_id, after, limit)
    rows = transaction.rows(
        f"select {_WATCHED.format(position=_BY_TIME)} "
        f"from history as h {_BEFORE} join {_RUN} where h.tenant_id = :tenant and e.contact_id = :contact "
        f"and {_AFTER} order by {_BY_TIME} limit :limit",
        tenant=tenant,
        contact=contact_id,
        limit=limit,
        **_after(after),
    )
    return [_watch_row(row) for row in rows]


def watch_workflow(
    transaction: Transaction,
    tenant: str,
    workflow: str,
    *,
    after: Sequence[str | int],
    before: datetime,
    limit: int,
) -> list[WatchRow]:
    """Lines of all enrollments of a workflow after a position; on PostgreSQL older than `before` (see `horizon`)."""
    if transaction.kind == "sqlite":
        return _by_row_id(transaction, tenant, "e.workflow = :name", workflow, after, limit)
    rows = transaction.rows(
        f"select {_WATCHED.format(position=_BY_TIME)} "
        f"from history as h {_BEFORE} join {_RUN} where h.tenant_id = :tenant and e.workflow = :workflow "
        f"and {_AFTER} and h.at < :before order by {_BY_TIME} limit :limit",
        tenant=tenant,
        workflow=workflow,
        before=instant_text(before),
        limit=limit,
        **_after(after),
    )
    return [_watch_row(row) for row in rows]


def watch_family(
    transaction: Transaction,
    tenant: str,
    enrollment_id: str,
    *,
    after: Sequence[str | int],
    before: datetime | None,
    limit: int,
) -> list[WatchRow]:
    """Lines of an enrollment and all below it after a position; on PostgreSQL older than `before`, if it is given."""
    sqlite = transaction.kind == "sqlite"
    position = "h.rowid" if sqlite else _BY_TIME
    newer = "h.rowid > :after_row" if sqlite else _AFTER
    places: dict[str, Any] = {"after_row": after[0]} if sqlite else _after(after)
    if before is not None and not sqlite:
        newer += " and h.at < :before"
        places["before"] = instant_text(before)
    rows = transaction.rows(
        f"{_FAMILY} select {_WATCHED.format(position=position)} from family join history as h "
        f"on h.tenant_id = :tenant and h.enrollment_id = family.id {_BEFORE} join {_RUN} "
        f"where {newer} order by {position} limit :limit",
        tenant=tenant,
        enrollment=enrollment_id,
        limit=limit,
        **places,
    )
    return [_watch_row(row) for row in rows]


def family_is_over(transaction: Transaction, tenant: str, enrollment_id: str) -> bool:
    """Whether an enrollment and all below it have ended."""
    live = f"select 1 from family join enrollments as e on e.tenant_id = :tenant and e.id = family.id and e.{LIVE_SQL}"
    sql = f"{_FAMILY} {live} limit 1"
    return transaction.row(sql, tenant=tenant, enrollment=enrollment_id) is None


def latest_position(transaction: Transaction, now: datetime) -> tuple[str | int, ...]:
    """The position after which everything is new: the last row id on SQLite, an instant on PostgreSQL."""
    if transaction.kind == "sqlite":
        row = transaction.row("select coalesce(max(rowid), 0) from history")
        assert row is not None
        return (int(row[0]),)
    return (instant_text(now), "", 0)


def position_after(transaction: Transaction, number: int) -> tuple[str | int, ...]:
    """The position that `position_number` made a number of; what shares its instant comes once more."""
    if transaction.kind == "sqlite":
        return (number,)
    return (instant_text(_from_microseconds(number)), "", -1)


def position_number(position: Sequence[str | int]) -> int:
    """A position as one growing number: the row id, or the instant in microseconds since 1970."""
    if len(position) == 1:
        return int(position[0])
    at = datetime.fromisoformat(str(position[0]))
    return int(at.timestamp()) * 1_000_000 + at.microsecond


def horizon(transaction: Transaction) -> datetime | None:
    """Wall time before which every transaction of ours has surely been committed; None means now (SQLite).

    Ask in a statement of its own, before the rows are read: then they are visible to it.
    """
    if transaction.kind == "sqlite":
        return None
    row = transaction.row(
        "select least(now, (select min(a.xact_start) from pg_stat_activity as a where a.datname = current_database() "
        "and a.application_name = 'statewright' and a.pid <> pg_backend_pid())) from (select clock_timestamp() as now) "
        "as c"
    )
    assert row is not None
    at: datetime = row[0]
    return at


_AFTER: Final = (
    "h.at >= :after_at and (h.at > :after_at or h.enrollment_id > :after_enrollment or "
    "(h.enrollment_id = :after_enrollment and h.sequence > :after_sequence))"
)


def _after(position: Sequence[str | int]) -> dict[str, Any]:
    at, enrollment_id, sequence = position
    return {"after_at": at, "after_enrollment": enrollment_id, "after_sequence": sequence}


def _by_row_id(
    transaction: Transaction, tenant: str, condition: str, name: str, after: Sequence[str | int], limit: int
) -> list[WatchRow]:
    rows = transaction.rows(
        f"select {_WATCHED.format(position='h.rowid')} from history as h {_BEFORE} join {_RUN} "
        f"where h.tenant_id = :tenant and {condition} and h.rowid > :after order by h.rowid limit :limit",
        tenant=tenant,
        name=name,
        after=after[0],
        limit=limit,
    )
    return [_watch_row(row) for row in rows]


def _row(row: Sequence[Any]) -> HistoryRow:
    at = instant(row[3])
    assert at is not None
    return HistoryRow(row[0], row[1] + 1, row[2], at, row[4], row[5], row[6], row[7], load(row[8]))


def _watch_row(row: Sequence[Any]) -> WatchRow:
    position = tuple(instant_text(part) if isinstance(part, datetime) else part for part in row[14:])
    entered = row[5] is not None and row[12] is None
    return WatchRow(_row(row[:9]), row[9], row[10], row[11], entered, row[13], position)


def _from_microseconds(number: int) -> datetime:
    return _EPOCH + timedelta(microseconds=number)
