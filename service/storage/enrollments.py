"""Enrollments at rest: rows to snapshots and back, and the statements of the batch.

What queries and indexes ask for are columns; everything else of a snapshot is `state`. Variables and outputs have
columns of their own, so that a transition that does not touch them does not write them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, Final

from service.storage.database import Row, Transaction
from service.storage.dialect import instant, load
from service.storage.tables import LIVE_SQL
from statemachine.failure import last_error_to_data
from statemachine.frame import frame_to_data, undo_to_data
from statemachine.kin import brood_to_data, origin_to_data
from statemachine.record import record
from statemachine.snapshot import Snapshot, Status, fields_from_data, make_snapshot, open_task_to_data
from statemachine.step import CONTACT_CHANGED

SNAPSHOT_COLUMNS: Final = (
    "e.tenant_id, e.id, e.workflow, e.version, e.contact_id, e.entry_key, e.status, e.step, e.priority, e.revision, "
    "e.parent_id, e.open_children, e.trigger, e.variables, e.outputs, e.state, e.exit_reason, e.started_at, "
    "e.transition_at, e.ended_at, e.task_id, e.failures, e.due_at, e.quarantined_at"
)
"""What `stored_of` and `snapshot_of` read, in this order, from table alias `e`."""

_STATUSES: Final = {status.value: status for status in Status}
_WIDTH: Final = SNAPSHOT_COLUMNS.count(",") + 1


@record
class StoredEnrollment:
    """A snapshot with what only the store knows of it."""

    tenant: str
    snapshot: Snapshot
    task_id: str | None
    failures: int
    due_at: datetime | None
    quarantined_at: datetime | None


def stored_of(row: Row) -> StoredEnrollment:
    return StoredEnrollment(row[0], snapshot_of(row), row[20], row[21], instant(row[22]), instant(row[23]))


def snapshot_of(row: Row) -> Snapshot:
    """The snapshot of a row selected as SNAPSHOT_COLUMNS."""
    fields = fields_from_data(load(row[15]))
    fields["id"] = row[1]
    fields["workflow"] = row[2]
    fields["version"] = row[3]
    fields["contact_id"] = row[4]
    fields["entry_key"] = row[5]
    fields["status"] = _STATUSES[row[6]]
    fields["step"] = row[7]
    fields["priority"] = row[8]
    fields["revision"] = row[9]
    fields["parent_id"] = row[10]
    fields["open_children"] = row[11]
    fields["trigger"] = load(row[12])
    fields["variables"] = load(row[13]) or {}
    fields["outputs"] = load(row[14]) or {}
    fields["exit_reason"] = row[16]
    fields["started_at"] = instant(row[17])
    fields["transition_at"] = instant(row[18])
    fields["ended_at"] = instant(row[19])
    return make_snapshot(fields)


def state_of(snapshot: Snapshot) -> dict[str, Any]:
    """The `state` column: what has no column of its own and is not empty."""
    state: dict[str, Any] = {
        "visit": snapshot.visit,
        "sequence": snapshot.sequence,
        "transitions": snapshot.transitions,
        "executed_steps": snapshot.executed_steps,
        "previous_step": snapshot.previous_step,
    }
    _keep_if_any(state, snapshot)
    if snapshot.deadlines:
        state["deadlines"] = snapshot.deadlines
    if snapshot.step_starts and (snapshot.live or snapshot.status is Status.FAILED):
        state["step_starts"] = snapshot.step_starts
    if snapshot.anchor_at is not None:
        state["anchor_at"] = snapshot.anchor_at
    if snapshot.entered_at is not None:
        state["entered_at"] = snapshot.entered_at
    if snapshot.paused_at is not None:
        state["paused_at"] = snapshot.paused_at
    if snapshot.pause_events != "buffer":
        state["pause_events"] = snapshot.pause_events
    if snapshot.pause_timers != "keep":
        state["pause_timers"] = snapshot.pause_timers
    if snapshot.task is not None:
        state["task"] = open_task_to_data(snapshot.task)
    if snapshot.last_error is not None:
        state["last_error"] = last_error_to_data(snapshot.last_error)
    return state


def _keep_if_any(state: dict[str, Any], snapshot: Snapshot) -> None:
    """What most runs never have."""
    if snapshot.timers:
        state["timers"] = snapshot.timers
    if snapshot.moments:
        state["moments"] = snapshot.moments
    if snapshot.variants:
        state["variants"] = snapshot.variants
    if snapshot.held:
        state["held"] = snapshot.held
    if snapshot.gathered:
        state["gathered"] = snapshot.gathered
    if snapshot.consumed:
        state["consumed"] = snapshot.consumed
    if snapshot.continues:
        state["continues"] = snapshot.continues
    if snapshot.failed_steps:
        state["failed_steps"] = snapshot.failed_steps
    if snapshot.retried_steps:
        state["retried_steps"] = snapshot.retried_steps
    if snapshot.goal:
        state["goal"] = snapshot.goal
    if snapshot.place_at is not None:
        state["place_at"] = snapshot.place_at
    if snapshot.queued:
        state["queued"] = snapshot.queued
    if snapshot.standstill_s:
        state["standstill_s"] = snapshot.standstill_s
    if snapshot.frames:
        state["frames"] = [frame_to_data(frame) for frame in snapshot.frames]
    if snapshot.active_s:
        state["active_s"] = snapshot.active_s
    if snapshot.undos:
        state["undos"] = [undo_to_data(undo) for undo in snapshot.undos]
    if snapshot.origin is not None:
        state["origin"] = origin_to_data(snapshot.origin)
        state["written"] = snapshot.written
    if snapshot.brood is not None:
        state["brood"] = brood_to_data(snapshot.brood)


INSERT: Final = """
insert into enrollments (tenant_id, id, workflow, version, contact_id, entry_key, status, step, due_at, waiting_for,
    priority, revision, parent_id, open_children, task_id, trigger, variables, outputs, state, exit_reason, started_at,
    transition_at, ended_at)
select tenant_id, id, workflow, version, contact_id, entry_key, status, step, due_at, waiting_for, priority, revision,
    parent_id, open_children, task_id, trigger, variables, outputs, state, exit_reason, started_at, transition_at,
    ended_at
from {rows:rows; tenant_id text, id text, workflow text, version int, contact_id text, entry_key text, status text,
    step text, due_at timestamptz, waiting_for json, priority int, revision bigint, parent_id text, open_children int,
    task_id text, trigger json, variables json, outputs json, state json, exit_reason text, started_at timestamptz,
    transition_at timestamptz, ended_at timestamptz} where true"""

UPDATE: Final = """
update enrollments as e set version = r.version, status = r.status, step = r.step, due_at = r.due_at,
    waiting_for = r.waiting_for, revision = r.revision, task_id = r.task_id, open_children = r.open_children,
    variables = coalesce(r.variables, e.variables), outputs = coalesce(r.outputs, e.outputs), state = r.state,
    exit_reason = r.exit_reason, transition_at = r.transition_at, ended_at = r.ended_at, failures = 0,
    quarantined_at = null
from {rows:rows; tenant_id text, id text, expected bigint, version int, status text, step text, due_at timestamptz,
    waiting_for json, revision bigint, task_id text, open_children int, variables json, outputs json, state json,
    exit_reason text, transition_at timestamptz, ended_at timestamptz}
where e.tenant_id = r.tenant_id and e.id = r.id and e.revision = r.expected"""

POSTPONE: Final = """
update enrollments as e set due_at = r.due_at, failures = r.failures, quarantined_at = r.quarantined_at,
    parked_at = r.parked_at
from {rows:rows; tenant_id text, id text, due_at timestamptz, failures int, quarantined_at timestamptz,
    parked_at timestamptz}
where e.tenant_id = r.tenant_id and e.id = r.id"""

BY_CONTACT: Final = f"""
select {SNAPSHOT_COLUMNS} from {{rows:contacts; tenant_id text, contact_id text}}
{{look up: enrollments as e where e.tenant_id = r.tenant_id and e.contact_id = r.contact_id and e.{LIVE_SQL}}}"""

_BY_ID: Final = f"""
select {SNAPSHOT_COLUMNS} from {{rows:ids; tenant_id text, id text}}
join enrollments as e on e.tenant_id = r.tenant_id and e.id = r.id"""


_WATCHING: Final = f"""
select {SNAPSHOT_COLUMNS} from {{rows:watched; tenant_id text, contact_id text}}
{{look up: enrollments as e where e.tenant_id = r.tenant_id and e.contact_id = r.contact_id and e.{LIVE_SQL}
    and replace(cast(e.waiting_for as text), '{CONTACT_CHANGED}', '') <> cast(e.waiting_for as text)}}"""


def load_watching(transaction: Transaction, watched: list[dict[str, str]]) -> list[StoredEnrollment]:
    """The enrollments of these contacts that look again when their contact changes."""
    return ask_runs(transaction, [], [], watched)()


def load_runs(
    transaction: Transaction, contacts: list[dict[str, str]], ids: list[dict[str, str]]
) -> list[StoredEnrollment]:
    """The live enrollments of these contacts and the enrollments of these ids."""
    return ask_runs(transaction, contacts, ids)()


def ask_runs(
    transaction: Transaction,
    contacts: list[dict[str, str]],
    ids: list[dict[str, str]],
    watched: list[dict[str, str]] | None = None,
) -> Callable[[], list[StoredEnrollment]]:
    """`load_runs`, to be read later; one query. Of the contacts in `watched` come those that look again when it
    changes."""
    queries: list[str] = []
    parameters: dict[str, Any] = {}
    if contacts:
        queries.append(BY_CONTACT)
        parameters["contacts"] = contacts
    if ids:
        queries.append(_BY_ID)
        parameters["ids"] = ids
    if watched:
        queries.append(_WATCHING)
        parameters["watched"] = watched
    if not queries:
        return list
    answer = transaction.ask(" union all ".join(queries), **parameters)
    return lambda: [stored_of(row) for row in answer.rows()]


PAST: Final = """
select e.tenant_id, e.contact_id, e.workflow, e.entry_key, count(*), max(e.started_at), max(e.ended_at)
from {rows:wanted; tenant_id text, contact_id text, workflow text}
{look up: enrollments as e where
    (e.tenant_id, e.contact_id, e.workflow, e.entry_key) >= (r.tenant_id, r.contact_id, r.workflow, '')
    and e.tenant_id = r.tenant_id and e.contact_id = r.contact_id and e.workflow = r.workflow
    and e.parent_id is null}
group by e.tenant_id, e.contact_id, e.workflow, e.entry_key"""
"""The comparison of all four says nothing new; it leads the planner to the index that has them in this order, and not
to that of workflows with all their runs."""


def load_past(transaction: Transaction, wanted: list[dict[str, str]]) -> Sequence[Row]:
    """(tenant, contact, workflow, entry key, entries, last start, last end) for entry rules that ask for the past."""
    return transaction.rows(PAST, wanted=wanted)


_DUE: Final = f"""
select {SNAPSHOT_COLUMNS}, c.profile, c.revision from enrollments as e
join contacts as c on c.tenant_id = e.tenant_id and c.id = e.contact_id
where e.due_at <= :now and e.due_at is not null and e.contact_id is not null
order by e.due_at limit :most {{for update of e, c skip locked}}"""

_DUE_ALONE: Final = f"""
select {SNAPSHOT_COLUMNS}, null, 0 from enrollments as e
where e.due_at <= :now and e.due_at is not null and e.contact_id is null
order by e.due_at limit :most {{for update of e skip locked}}"""


def claim_due(
    transaction: Transaction, now: Any, most: int, *, alone: bool
) -> list[tuple[StoredEnrollment, str | None, int]]:
    """Lock up to `most` enrollments whose time has come, the earliest first, with their contacts.

    `alone` claims those without a contact. Rows that others hold are skipped.
    """
    sql = _DUE_ALONE if alone else _DUE
    return [(stored_of(row), row[_WIDTH], row[_WIDTH + 1]) for row in transaction.rows(sql, now=now, most=most)]


def next_due(transaction: Transaction) -> datetime | None:
    """The earliest due instant of all enrollments (workflow time)."""
    row = transaction.row(
        "select min(d) from (select min(e.due_at) as d from enrollments as e where e.due_at is not null and "
        "e.contact_id is not null union all select min(e.due_at) from enrollments as e where e.due_at is not "
        "null and e.contact_id is null) as x"
    )
    return instant(row[0]) if row else None
