"""Global variables at rest: of a tenant, read by every run whose version names them.

Replicas keep them in memory; a stamp that grows with every change tells when to read them anew.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from service.storage.database import Row, Transaction
from service.storage.dialect import dump, instant, instant_text, load
from statemachine.record import record

VARIABLES: Final = "variables"
"""The name of the stamp."""


@record
class StoredVariable:
    name: str
    value: Any
    revision: int
    created_at: datetime
    updated_at: datetime


KEEP: Final = """
insert into variables (tenant_id, name, value, revision, created_at, updated_at)
select tenant_id, name, coalesce(value, 'null'), 1, now, now
from {rows:rows; tenant_id text, name text, value json, now timestamptz} where true
on conflict (tenant_id, name) do update set
    value = excluded.value, revision = variables.revision + 1, updated_at = excluded.updated_at"""

STAMP: Final = """
insert into stamps (name, value) select name, 1 from {rows:rows; name text} where true
on conflict (name) do update set value = stamps.value + 1"""

STAMPED: Final = {"name": VARIABLES}
"""The row that STAMP takes."""

_COLUMNS: Final = "v.name, v.value, v.revision, v.created_at, v.updated_at"


def get_variable(transaction: Transaction, tenant: str, name: str) -> StoredVariable | None:
    row = transaction.row(
        f"select {_COLUMNS} from variables as v where v.tenant_id = :tenant and v.name = :name",
        tenant=tenant,
        name=name,
    )
    return _variable_of(row) if row else None


def list_variables(transaction: Transaction, tenant: str, *, after: str, limit: int) -> list[StoredVariable]:
    """By name, after one."""
    rows = transaction.rows(
        f"select {_COLUMNS} from variables as v where v.tenant_id = :tenant and v.name > :after "
        "order by v.name limit :limit",
        tenant=tenant,
        after=after,
        limit=limit,
    )
    return [_variable_of(row) for row in rows]


def all_variables(transaction: Transaction) -> dict[str, dict[str, Any]]:
    """Tenant → name → value."""
    found: dict[str, dict[str, Any]] = {}
    for tenant, name, value in transaction.rows("select tenant_id, name, value from variables"):
        found.setdefault(tenant, {})[name] = load(value)
    return found


def size_of_variables(transaction: Transaction, tenant: str) -> tuple[int, int]:
    """How many there are, and how many characters their values take."""
    row = transaction.row(
        "select count(*), coalesce(sum(length(cast(v.value as text))), 0) from variables as v "
        "where v.tenant_id = :tenant",
        tenant=tenant,
    )
    assert row is not None
    return int(row[0]), int(row[1])


def set_variable(transaction: Transaction, tenant: str, name: str, value: Any, now: datetime) -> StoredVariable:
    transaction.write(
        "insert into variables (tenant_id, name, value, revision, created_at, updated_at) "
        "values (:tenant, :name, :value, 1, :now, :now) on conflict (tenant_id, name) do update set "
        "value = excluded.value, revision = variables.revision + 1, updated_at = excluded.updated_at",
        tenant=tenant,
        name=name,
        value=dump(value),
        now=instant_text(now),
    )
    _stamp(transaction)
    stored = get_variable(transaction, tenant, name)
    assert stored is not None
    return stored


def delete_variable(transaction: Transaction, tenant: str, name: str) -> bool:
    """Whether there was one."""
    sql = "delete from variables where tenant_id = :tenant and name = :name"
    gone = transaction.write(sql, tenant=tenant, name=name) > 0
    if gone:
        _stamp(transaction)
    return gone


def variable_row(tenant: str, name: str, value: Any, now: datetime) -> dict[str, Any]:
    """What KEEP takes."""
    return {"tenant_id": tenant, "name": name, "value": value, "now": now}


def _stamp(transaction: Transaction) -> None:
    transaction.write(
        "insert into stamps (name, value) values (:name, 1) on conflict (name) do update set value = stamps.value + 1",
        name=VARIABLES,
    )


def _variable_of(row: Row) -> StoredVariable:
    created_at, updated_at = instant(row[3]), instant(row[4])
    assert created_at is not None
    assert updated_at is not None
    return StoredVariable(row[0], load(row[1]), row[2], created_at, updated_at)
