"""Workflows and their immutable versions at rest."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from service.storage.database import Row, Transaction
from service.storage.dialect import dump, instant, instant_text, load
from service.storage.variables import VARIABLES
from statemachine.reader import Format
from statemachine.standstill import Standstill


@dataclass(frozen=True, slots=True)
class StoredWorkflow:
    """`status`: active, paused, deleting (gone, but live enrollments may be left) or deleted.

    `pause_timers` and `pause_events` are the policies of the latest pause, `paused_at` its begin while it lasts,
    `resumed_at` the end of the latest one that has ended,
    `standstill_s` how long it stood still in all ended pauses whose policy is `remaining` (all in workflow time).
    """

    tenant: str
    key: str
    name: str
    description: str
    status: str
    active_version: int | None
    latest_version: int
    revision: int
    created_at: datetime
    updated_at: datetime
    pause_timers: str = "keep"
    paused_at: datetime | None = None
    standstill_s: float = 0.0
    pause_events: str = "buffer"
    resumed_at: datetime | None = None

    @property
    def paused(self) -> bool:
        return self.status == "paused"

    @property
    def standstill(self) -> Standstill:
        return Standstill(self.pause_timers, self.paused_at, self.standstill_s, self.pause_events, self.resumed_at)

    @property
    def gone(self) -> bool:
        return self.status in ("deleting", "deleted")


@dataclass(frozen=True, slots=True)
class StoredVersion:
    """`listens` are the canonical event types that can enrol into or move runs of this version."""

    tenant: str
    workflow: str
    version: int
    format: Format
    source: str
    source_hash: str
    name: str
    label: str
    lenient: bool
    listens: tuple[str, ...]
    published_at: datetime


KEPT_SQL: Final = "status not in ('deleting', 'deleted')"
"""The condition of workflows that are not gone."""
WORKFLOW_COLUMNS: Final = (
    "w.tenant_id, w.key, w.name, w.description, w.status, w.active_version, w.latest_version, w.revision, "
    "w.created_at, w.updated_at, w.pause_timers, w.paused_at, w.standstill_s, w.pause_events, "
    "w.resumed_at"
)
VERSION_COLUMNS: Final = (
    "v.tenant_id, v.workflow, v.version, v.format, v.source, v.source_hash, v.name, v.label, v.lenient, v.listens, "
    "v.published_at"
)


def workflow_of(row: Row) -> StoredWorkflow:
    at = _at(row[8]), _at(row[9])
    pauses = row[10], instant(row[11]), float(row[12]), row[13], instant(row[14])
    return StoredWorkflow(*row[0:8], *at, *pauses)  # type: ignore[call-arg]


def version_of(row: Row) -> StoredVersion:
    return StoredVersion(*row[0:8], bool(row[8]), tuple(load(row[9])), _at(row[10]))  # type: ignore[call-arg]


def lock_publishing(transaction: Transaction, tenant: str, key: str) -> None:
    """Serialise changes of one workflow; SQLite has one writer anyway."""
    if transaction.kind == "postgresql":
        transaction.row("select pg_advisory_xact_lock(hashtextextended(:name, 7))", name=f"{tenant}/{key}")


def get_workflow(transaction: Transaction, tenant: str, key: str, *, deleted: bool = False) -> StoredWorkflow | None:
    """None for one that was deleted, unless `deleted` ones count too."""
    kept = "" if deleted else f" and w.{KEPT_SQL}"
    row = transaction.row(
        f"select {WORKFLOW_COLUMNS} from workflows as w where w.tenant_id = :tenant and w.key = :key{kept}",
        tenant=tenant,
        key=key,
    )
    return workflow_of(row) if row else None


def deleting_workflows(transaction: Transaction) -> list[StoredWorkflow]:
    """Those whose live enrollments are still being cancelled."""
    rows = transaction.rows(f"select {WORKFLOW_COLUMNS} from workflows as w where w.status = 'deleting'")
    return [workflow_of(row) for row in rows]


def set_deleted(transaction: Transaction, workflow: StoredWorkflow) -> int:
    """The deletion is complete, unless something else has happened to the workflow since; 1 when it is."""
    return transaction.write(
        "update workflows set status = 'deleted' where tenant_id = :tenant and key = :key and revision = :revision "
        "and status = 'deleting'",
        tenant=workflow.tenant,
        key=workflow.key,
        revision=workflow.revision,
    )


def get_version(transaction: Transaction, tenant: str, key: str, version: int) -> StoredVersion | None:
    row = transaction.row(
        f"select {VERSION_COLUMNS} from workflow_versions as v "
        "where v.tenant_id = :tenant and v.workflow = :key and v.version = :version",
        tenant=tenant,
        key=key,
        version=version,
    )
    return version_of(row) if row else None


def versions_with_source(transaction: Transaction, tenant: str, key: str, source_hash: str) -> list[StoredVersion]:
    rows = transaction.rows(
        f"select {VERSION_COLUMNS} from workflow_versions as v where v.tenant_id = :tenant and v.workflow = :key "
        "and v.source_hash = :source_hash order by v.version desc",
        tenant=tenant,
        key=key,
        source_hash=source_hash,
    )
    return [version_of(row) for row in rows]


def all_workflows(transaction: Transaction) -> Sequence[StoredWorkflow]:
    rows = transaction.rows(f"select {WORKFLOW_COLUMNS} from workflows as w where w.{KEPT_SQL}")
    return [workflow_of(row) for row in rows]


def all_listens(transaction: Transaction) -> list[tuple[str, tuple[str, ...]]]:
    """(tenant, event types) of every version there is."""
    rows = transaction.rows("select tenant_id, listens from workflow_versions")
    return [(row[0], tuple(load(row[1]))) for row in rows]


_STAMP: Final = (
    "select count(*), coalesce(sum(revision), 0), (select coalesce(max(s.value), 0) from stamps as s "
    f"where s.name = '{VARIABLES}'), case when exists (select 1 from pending_runs) then 1 else 0 end, "
    "case when exists (select 1 from second_looks) then 1 else 0 end from workflows"
)


def ask_catalog_stamp(transaction: Transaction) -> Callable[[], tuple[tuple[int, int, int], bool, bool]]:
    """What changes whenever a workflow is published, activated, paused, resumed or deleted, or a global variable is set
    or deleted, on any replica; whether any run waits to begin, and any event to be looked at again."""
    answer = transaction.ask(_STAMP)

    def read() -> tuple[tuple[int, int, int], bool, bool]:
        row = answer.row()
        assert row is not None
        return (int(row[0]), int(row[1]), int(row[2])), bool(row[3]), bool(row[4])

    return read


def insert_version(transaction: Transaction, version: StoredVersion) -> None:
    transaction.write(
        "insert into workflow_versions (tenant_id, workflow, version, format, source, source_hash, name, label, "
        "lenient, listens, published_at) values (:tenant, :workflow, :version, :format, :source, :source_hash, :name, "
        ":label, :lenient, :listens, :published_at)",
        tenant=version.tenant,
        workflow=version.workflow,
        version=version.version,
        format=version.format,
        source=version.source,
        source_hash=version.source_hash,
        name=version.name,
        label=version.label,
        lenient=version.lenient,
        listens=dump(version.listens),
        published_at=instant_text(version.published_at),
    )


def save_workflow(transaction: Transaction, workflow: StoredWorkflow) -> None:
    """Insert or replace the row; the caller holds the publishing lock."""
    transaction.write(
        "insert into workflows as w (tenant_id, key, name, description, status, active_version, latest_version, "
        "revision, created_at, updated_at, pause_timers, paused_at, standstill_s, pause_events, resumed_at) "
        "values (:tenant, :key, :name, :description, :status, :active_version, :latest_version, :revision, "
        ":created_at, :updated_at, :pause_timers, :paused_at, :standstill_s, :pause_events, :resumed_at) "
        "on conflict (tenant_id, key) do update set name = excluded.name, description = excluded.description, "
        "status = excluded.status, "
        "active_version = excluded.active_version, latest_version = excluded.latest_version, "
        "revision = excluded.revision, created_at = excluded.created_at, updated_at = excluded.updated_at, "
        "pause_timers = excluded.pause_timers, paused_at = excluded.paused_at, standstill_s = excluded.standstill_s, "
        "pause_events = excluded.pause_events, resumed_at = excluded.resumed_at",
        tenant=workflow.tenant,
        key=workflow.key,
        name=workflow.name,
        description=workflow.description,
        status=workflow.status,
        active_version=workflow.active_version,
        latest_version=workflow.latest_version,
        revision=workflow.revision,
        created_at=instant_text(workflow.created_at),
        updated_at=instant_text(workflow.updated_at),
        pause_timers=workflow.pause_timers,
        paused_at=instant_text(workflow.paused_at) if workflow.paused_at else None,
        standstill_s=workflow.standstill_s,
        pause_events=workflow.pause_events,
        resumed_at=instant_text(workflow.resumed_at) if workflow.resumed_at else None,
    )


def _at(value: Any) -> datetime:
    at = instant(value)
    assert at is not None
    return at
