"""Appointments of contacts by their dates at rest: a row for each contact and date trigger, moved when the date moves.

`due_at` is the alarm, null when nothing is to come; `spent` is the date by which the contact was enrolled last. Where
both dates are the same (a birthday that comes again in another zone) the alarm enrols nobody and moves on. A row that
is due keeps its date until it has been looked at, whatever happens to the contact meanwhile.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, Final

from service.storage.contacts import ContactKey
from service.storage.database import Row, Transaction
from service.storage.dialect import instant, instant_text
from statemachine.dates import Slot

_PENDING: Final = "d.due_at is not null and d.due_at <= excluded.planned_at and d.date <> d.spent"

KEEP: Final = f"""
insert into contact_dates as d (tenant_id, contact_id, workflow, trigger_id, date, due_at, spent, planned_at)
select r.tenant_id, r.contact_id, r.workflow, r.trigger_id, r.date, r.due_at, '', r.planned_at
from {{rows:rows; tenant_id text, contact_id text, workflow text, trigger_id text, date text, due_at timestamptz,
    planned_at timestamptz}}
where r.due_at is not null or exists (select 1 from contact_dates as k where k.tenant_id = r.tenant_id
    and k.contact_id = r.contact_id and k.workflow = r.workflow and k.trigger_id = r.trigger_id)
on conflict (tenant_id, contact_id, workflow, trigger_id) do update set
    date = case when {_PENDING} then d.date else excluded.date end,
    due_at = case when {_PENDING} then d.due_at else excluded.due_at end,
    planned_at = excluded.planned_at
where d.date <> excluded.date or (d.due_at is null) <> (excluded.due_at is null) or d.due_at <> excluded.due_at"""
"""Mostly a contact has changed in something else, and nothing is written."""

SETTLE: Final = """
update contact_dates as d set date = r.date, due_at = r.due_at, spent = r.spent, planned_at = r.planned_at
from {rows:rows; tenant_id text, contact_id text, workflow text, trigger_id text, date text, due_at timestamptz,
    spent text, planned_at timestamptz}
where d.tenant_id = r.tenant_id and d.contact_id = r.contact_id and d.workflow = r.workflow
    and d.trigger_id = r.trigger_id"""

_NOT_WAITING: Final = (
    "(d.tenant_id, d.workflow) not in (select w.tenant_id, w.key from workflows as w where w.status = 'paused' "
    "and w.pause_events <> 'drop')"
)

_PUT_OFF: Final = """
update contact_dates as d set due_at = r.due_at
from {rows:rows; tenant_id text, contact_id text, now timestamptz, due_at timestamptz}
where d.tenant_id = r.tenant_id and d.contact_id = r.contact_id and d.due_at <= r.now"""

_SLOTS: Final = """
select d.tenant_id, d.contact_id, d.workflow, d.trigger_id, d.date, d.due_at, d.spent
from {rows:contacts; tenant_id text, contact_id text}
{look up: contact_dates as d where d.tenant_id = r.tenant_id and d.contact_id = r.contact_id
    and d.due_at is not null}
order by d.tenant_id, d.contact_id, d.due_at, d.workflow, d.trigger_id"""


def slot_row(key: ContactKey, slot: Slot, now: datetime) -> dict[str, Any]:
    """What KEEP and SETTLE take."""
    name = {"tenant_id": key[0], "contact_id": key[1], "workflow": slot.workflow, "trigger_id": slot.trigger}
    return name | {"date": slot.date, "due_at": slot.due_at, "spent": slot.spent, "planned_at": now}


def coming_dates(transaction: Transaction, contacts: Iterable[ContactKey]) -> list[tuple[str, str, Slot]]:
    """(tenant, contact, slot) of all that is to come or due for these contacts, the earliest leading."""
    wanted = [{"tenant_id": tenant, "contact_id": contact} for tenant, contact in sorted(contacts)]
    if not wanted:
        return []
    return [(row[0], row[1], _slot(row)) for row in transaction.rows(_SLOTS, contacts=wanted)]


def due_contacts(transaction: Transaction, now: datetime, most: int) -> list[ContactKey]:
    """Contacts with a date whose time has come at `now` (workflow time), the earliest leading; not those whose dates
    all wait until their workflows go on."""
    rows = transaction.rows(
        "select d.tenant_id, d.contact_id, min(d.due_at) from contact_dates as d where d.due_at is not null "
        f"and d.due_at <= :now and {_NOT_WAITING} group by d.tenant_id, d.contact_id order by 3, 1, 2 limit :most",
        now=instant_text(now),
        most=most,
    )
    return [(row[0], row[1]) for row in rows]


def put_off_dates(transaction: Transaction, contacts: Sequence[ContactKey], now: datetime, until: datetime) -> None:
    """What is due of these contacts could not be looked at: not again before `until`."""
    rows = [{"tenant_id": tenant, "contact_id": contact, "now": now, "due_at": until} for tenant, contact in contacts]
    transaction.write(_PUT_OFF, rows=rows)


def _slot(row: Row) -> Slot:
    return Slot(row[2], row[3], row[4], instant(row[5]), row[6])
