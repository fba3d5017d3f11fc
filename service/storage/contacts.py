"""Contacts at rest. The contact row is the one lock: whatever changes a contact or its runs holds it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from service.storage.database import Transaction
from service.storage.dialect import instant, load
from statemachine.contact import Contact, contact_from_data


@dataclass(frozen=True, slots=True)
class StoredContact:
    tenant: str
    contact: Contact
    created_at: datetime
    updated_at: datetime


_LOCK_POSTGRESQL: Final = """
with locked as (
    select c.* from {rows:wanted; tenant_id text, id text}
    join contacts as c on c.tenant_id = r.tenant_id and c.id = r.id
    order by c.tenant_id, c.id {for update of c skip locked})
select w.tenant_id, w.id, l.profile, l.revision, l.created_at, l.updated_at,
    l.id is null and exists (select 1 from contacts as c where c.tenant_id = w.tenant_id and c.id = w.id)
from (select tenant_id, id from {rows:wanted; tenant_id text, id text}) as w
left join locked as l on l.tenant_id = w.tenant_id and l.id = w.id"""

_LOCK_SQLITE: Final = """
select r.tenant_id, r.id, c.profile, c.revision, c.created_at, c.updated_at, 0
from {rows:wanted; tenant_id text, id text}
left join contacts as c on c.tenant_id = r.tenant_id and c.id = r.id"""

Key = tuple[str, str]


def lock_contacts(transaction: Transaction, keys: Iterable[Key]) -> tuple[dict[Key, StoredContact], set[Key]]:
    """Lock contacts in key order: those that exist, and the keys of those that another transaction holds.

    A key in neither does not exist (yet).
    """
    wanted = [{"tenant_id": tenant, "id": contact} for tenant, contact in sorted(keys)]
    sql = _LOCK_SQLITE if transaction.kind == "sqlite" else _LOCK_POSTGRESQL
    found: dict[Key, StoredContact] = {}
    held: set[Key] = set()
    for tenant, contact_id, profile, revision, created, updated, elsewhere in transaction.rows(sql, wanted=wanted):
        if elsewhere:
            held.add((tenant, contact_id))
        elif profile is not None:
            created_at, updated_at = instant(created), instant(updated)
            assert created_at is not None
            assert updated_at is not None
            contact = contact_from_data(contact_id, load(profile), revision)
            found[tenant, contact_id] = StoredContact(tenant, contact, created_at, updated_at)
    return found, held


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
