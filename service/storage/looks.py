"""Second looks at rest: events that may still enrol their contact while its profile catches up."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from service.storage.database import Transaction
from service.storage.dialect import instant, instant_text, load
from statemachine.grace import Look, look_from_data, look_to_data

INSERT: Final = """
insert into second_looks (tenant_id, contact_id, workflow, source, event_id, event, until_at)
select tenant_id, contact_id, workflow, source, event_id, event, until_at
from {rows:rows; tenant_id text, contact_id text, workflow text, source text, event_id text, event json,
    until_at timestamptz} where true"""

DELETE: Final = """
delete from second_looks where (tenant_id, contact_id, workflow, source, event_id) in (
    select r.tenant_id, r.contact_id, r.workflow, r.source, r.event_id
    from {rows:rows; tenant_id text, contact_id text, workflow text, source text, event_id text}
)"""

_OF_CONTACTS: Final = """
select l.tenant_id, l.contact_id, l.workflow, l.event, l.until_at
from {rows:contacts; tenant_id text, contact_id text}
{look up: second_looks as l where l.tenant_id = r.tenant_id and l.contact_id = r.contact_id}
order by l.tenant_id, l.contact_id, l.until_at, l.workflow, l.event_id"""


_NOT_PAUSED: Final = (
    "not exists (select 1 from workflows as w where w.tenant_id = l.tenant_id and w.key = l.workflow "
    "and w.status = 'paused')"
)


def look_row(tenant: str, look: Look) -> dict[str, Any]:
    return look_name(tenant, look) | {"event": look_to_data(look), "until_at": look.until_at}


def look_name(tenant: str, look: Look) -> dict[str, Any]:
    workflow, source, event_id = look.id
    name = {"tenant_id": tenant, "contact_id": look.event.contact_id}
    return {**name, "workflow": workflow, "source": source, "event_id": event_id}


def load_looks(transaction: Transaction, contacts: Iterable[tuple[str, str]]) -> list[tuple[str, str, Look]]:
    """(tenant, contact, look) of these contacts, those that end first leading."""
    wanted = [{"tenant_id": tenant, "contact_id": contact} for tenant, contact in sorted(contacts)]
    if not wanted:
        return []
    return [(row[0], row[1], _look(row[2], row[3], row[4])) for row in transaction.rows(_OF_CONTACTS, contacts=wanted)]


@dataclass(frozen=True, slots=True)
class DueLook:
    """A look whose time is over. `tenant` and `contact_id` say whose it is."""

    tenant: str
    contact_id: str


def due_looks(transaction: Transaction, now: datetime, most: int) -> list[DueLook]:
    """Contacts with a look whose time is over at `now` (workflow time); those of paused workflows have to wait."""
    rows = transaction.rows(
        "select l.tenant_id, l.contact_id, min(l.until_at) from second_looks as l where l.until_at <= :now "
        f"and {_NOT_PAUSED} group by l.tenant_id, l.contact_id order by 3, 1, 2 limit :most",
        now=instant_text(now),
        most=most,
    )
    return [DueLook(row[0], row[1]) for row in rows]


@dataclass(frozen=True, slots=True)
class OpenLooks:
    """How many events wait to be looked at again for a workflow, and when the last of them is given up."""

    workflow: str
    count: int
    last_until_at: datetime


def open_looks(transaction: Transaction, tenant: str) -> list[OpenLooks]:
    """By workflow."""
    rows = transaction.rows(
        "select workflow, count(*), max(until_at) from second_looks where tenant_id = :tenant "
        "group by workflow order by workflow",
        tenant=tenant,
    )
    return [OpenLooks(row[0], int(row[1]), _until(row[2])) for row in rows]


def _look(workflow: str, event: str, until: Any) -> Look:
    return look_from_data(workflow, load(event), _until(until))


def _until(value: Any) -> datetime:
    at = instant(value)
    assert at is not None
    return at
