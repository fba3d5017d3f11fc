"""How far the contacts that were there before a version have been planned for its dates.

A row is made when the version is first seen to be active, and taken away when another one becomes active. `since` is
that moment, in workflow time; it also tells the planning of one activation from that of another.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from service.storage.database import Transaction
from service.storage.dialect import instant, instant_text


@dataclass(frozen=True, slots=True)
class Seed:
    """`after` is the contact up to which all are planned, None when all are."""

    tenant: str
    workflow: str
    version: int
    since: datetime
    after: str | None = ""


_RUNNING: Final = """
select l.virtualtransaction from pg_locks as l join pg_stat_activity as a on a.pid = l.pid
where l.locktype = 'virtualxid' and a.datname = current_database() and a.pid <> pg_backend_pid()
    and coalesce(a.application_name, 'statewright') = 'statewright'"""


def seeds(transaction: Transaction) -> dict[tuple[str, str], Seed]:
    """By tenant and workflow."""
    rows = transaction.rows("select tenant_id, workflow, version, since, after from date_seeds where since is not null")
    found: dict[tuple[str, str], Seed] = {}
    for tenant, workflow, version, since, after in rows:
        at = instant(since)
        assert at is not None
        found[tenant, workflow] = Seed(tenant, workflow, version, at, after)
    return found


def begin_seed(transaction: Transaction, seed: Seed) -> None:
    """Unless another replica has begun to plan for the same version."""
    transaction.write(
        "insert into date_seeds as s (tenant_id, workflow, version, after, since) "
        "values (:tenant, :workflow, :version, '', :since) on conflict (tenant_id, workflow) do update set "
        "version = excluded.version, after = '', since = excluded.since "
        "where s.version <> excluded.version or s.since is null",
        tenant=seed.tenant,
        workflow=seed.workflow,
        version=seed.version,
        since=instant_text(seed.since),
    )


def move_seed(transaction: Transaction, seed: Seed, after: str | None) -> None:
    """Contacts up to `after` are planned; nothing, when the planning is not for this activation any more."""
    transaction.write(
        "update date_seeds set after = :after where tenant_id = :tenant and workflow = :workflow "
        "and version = :version and since = :since",
        tenant=seed.tenant,
        workflow=seed.workflow,
        version=seed.version,
        since=instant_text(seed.since),
        after=after,
    )


def forget_seed(transaction: Transaction, tenant: str, workflow: str) -> None:
    """Another version of the workflow is active from now on, or none."""
    sql = "delete from date_seeds where tenant_id = :tenant and workflow = :workflow"
    transaction.write(sql, tenant=tenant, workflow=workflow)


def contacts_after(transaction: Transaction, tenant: str, after: str, most: int) -> list[str]:
    """The ids of a page of contacts, in order."""
    rows = transaction.rows(
        "select c.id from contacts as c where c.tenant_id = :tenant and c.id > :after order by c.id limit :most",
        tenant=tenant,
        after=after,
        most=most,
    )
    return [row[0] for row in rows]


def running(transaction: Transaction) -> frozenset[str]:
    """The transactions of all replicas that are under way, this one aside. SQLite has one writer, and readers that see
    what was committed before."""
    if transaction.kind == "sqlite":
        return frozenset()
    return frozenset(row[0] for row in transaction.rows(_RUNNING))
