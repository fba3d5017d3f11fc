"""Reading contacts."""

from __future__ import annotations

from typing import Any

from service.storage.contacts import StoredContact
from service.storage.database import Row, Transaction
from service.storage.dialect import instant, load
from statemachine.contact import contact_from_data
from statemachine.errors import NotFound

_COLUMNS = "c.id, c.profile, c.revision, c.created_at, c.updated_at"


def get_contact(transaction: Transaction, tenant: str, contact_id: str) -> StoredContact | None:
    row = transaction.row(
        f"select {_COLUMNS} from contacts as c where c.tenant_id = :tenant and c.id = :id", tenant=tenant, id=contact_id
    )
    return _contact_of(tenant, row) if row else None


def find_contact(transaction: Transaction, tenant: str, contact_id: str) -> StoredContact:
    """Raises NotFound."""
    stored = get_contact(transaction, tenant, contact_id)
    if stored is None:
        raise NotFound("contact", contact_id)
    return stored


def list_contacts(
    transaction: Transaction,
    tenant: str,
    *,
    tag: str = "",
    list_name: str = "",
    email: str = "",
    phone: str = "",
    after: str = "",
    limit: int,
) -> list[StoredContact]:
    """Contacts by id, after one. `email` is compared in any case."""
    conditions = ["c.tenant_id = :tenant", "c.id > :after"]
    parameters: dict[str, Any] = {"tenant": tenant, "after": after, "limit": limit}
    for name, value, condition in _filters(transaction, tag, list_name, email, phone):
        if value:
            conditions.append(condition)
            parameters[name] = value
    sql = f"select {_COLUMNS} from contacts as c where {' and '.join(conditions)} order by c.id limit :limit"
    return [_contact_of(tenant, row) for row in transaction.rows(sql, **parameters)]


def _filters(transaction: Transaction, tag: str, list_name: str, email: str, phone: str) -> list[tuple[str, str, str]]:
    """Parameter name, value and condition; the profile is JSON, spelled differently by the two stores."""
    if transaction.kind == "sqlite":
        member = "exists (select 1 from json_each(c.profile, '$.{}') as m where m.value = :{})"
        attribute = "json_extract(c.profile, '$.attributes.{}')"
    else:
        member = "exists (select 1 from json_array_elements_text(c.profile->'{}') as m where m = :{})"
        attribute = "(c.profile->'attributes'->>'{}')"
    return [
        ("tag", tag, member.format("tags", "tag")),
        ("list_name", list_name, member.format("lists", "list_name")),
        ("email", email.lower(), f"lower({attribute.format('email')}) = :email"),
        ("phone", phone, f"{attribute.format('phone')} = :phone"),
    ]


def _contact_of(tenant: str, row: Row) -> StoredContact:
    created_at, updated_at = instant(row[3]), instant(row[4])
    assert created_at is not None
    assert updated_at is not None
    return StoredContact(tenant, contact_from_data(row[0], load(row[1]), row[2]), created_at, updated_at)
