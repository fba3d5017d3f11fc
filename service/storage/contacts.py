"""Contacts at rest. The contact row is the one lock: whatever changes a contact or its runs holds it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from datetime import datetime
from typing import Final

from service.storage.database import Row, Transaction
from service.storage.dialect import instant, load
from statemachine.contact import Contact, contact_from_data
from statemachine.record import record


@record
class StoredContact:
    tenant: str
    contact: Contact
    created_at: datetime
    updated_at: datetime


_LOCK: Final = """
select c.tenant_id, c.id, c.profile, c.revision, c.created_at, c.updated_at
from {rows:wanted; tenant_id text, id text}
join contacts as c on c.tenant_id = r.tenant_id and c.id = r.id
order by c.tenant_id, c.id {for update of c skip locked}"""

_EXISTING: Final = """
select c.tenant_id, c.id from {rows:wanted; tenant_id text, id text}
join contacts as c on c.tenant_id = r.tenant_id and c.id = r.id"""

ContactKey = tuple[str, str]
"""(tenant, contact id)"""


def ask_contacts(
    transaction: Transaction, keys: Collection[ContactKey]
) -> Callable[[], dict[ContactKey, StoredContact]]:
    """Lock those contacts that nobody else holds, in key order."""
    if not keys:
        return dict
    answer = transaction.ask(_LOCK, wanted=_rows(keys))
    return lambda: {(stored.tenant, stored.contact.id): stored for stored in map(_stored, answer.rows())}


def held_elsewhere(transaction: Transaction, missing: Collection[ContactKey]) -> set[ContactKey]:
    """Which of the contacts that could not be locked exist."""
    if not missing or transaction.kind == "sqlite":
        return set()
    return {(row[0], row[1]) for row in transaction.rows(_EXISTING, wanted=_rows(missing))}


def _stored(row: Row) -> StoredContact:
    tenant, contact_id, profile, revision, created, updated = row
    created_at, updated_at = instant(created), instant(updated)
    assert created_at is not None
    assert updated_at is not None
    return StoredContact(tenant, contact_from_data(contact_id, load(profile), revision), created_at, updated_at)


def _rows(keys: Iterable[ContactKey]) -> list[dict[str, str]]:
    return [{"tenant_id": tenant, "id": contact} for tenant, contact in sorted(keys)]


INSERT: Final = """
insert into contacts (tenant_id, id, profile, revision, created_at, updated_at)
select tenant_id, id, profile, revision, now, now
from {rows:rows; tenant_id text, id text, profile json, revision bigint, now timestamptz} where true
on conflict (tenant_id, id) do nothing"""
"""A lost race touches fewer rows than were sent."""

UPDATE: Final = """
update contacts as c set profile = r.profile, revision = r.revision, updated_at = r.now
from {rows:rows; tenant_id text, id text, profile json, revision bigint, now timestamptz, expected bigint}
where c.tenant_id = r.tenant_id and c.id = r.id and c.revision = r.expected"""
