"""How things stand with a contact or a run, read without locking anything: what explanations and forecasts decide on.

The same records that a batch would load for the same question (see `loading.py`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime

from service.engine.catalog import Catalog
from service.engine.loading import want_events
from service.storage.contact_queries import get_contact
from service.storage.database import Transaction
from service.storage.dialect import instant
from service.storage.enrollments import load_past, load_runs
from service.storage.events import look_back
from statemachine.admission import Past
from statemachine.cause import Surroundings
from statemachine.contact import Contact
from statemachine.event import Event
from statemachine.intake import Roster
from statemachine.snapshot import Snapshot
from statemachine.workflow import Workflow


def read_roster(
    transaction: Transaction,
    catalog: Catalog,
    tenant: str,
    contact_id: str | None,
    candidates: Sequence[Workflow],
    now: datetime,
) -> Roster:
    """What an event of this contact would find; an unknown contact is a new one."""
    directory = catalog.refresh(transaction)
    house = Roster(
        None,
        candidates=candidates,
        paused=directory.paused_in(tenant),
        standstills=directory.standstills_in(tenant),
        tenant_id=tenant,
        tenant_zone=directory.zone,
    )
    if contact_id is None:
        return house
    stored = get_contact(transaction, tenant, contact_id)
    if stored is None:
        return replace(house, contact=Contact(contact_id), is_new=True)
    runs: dict[str, tuple[Workflow, Snapshot]] = {}
    for row in load_runs(transaction, [{"tenant_id": tenant, "contact_id": contact_id}], []):
        version = catalog.version(transaction, tenant, row.snapshot.workflow, row.snapshot.version)
        runs[row.snapshot.id] = (version, row.snapshot)
    starts = [(workflow, now) for workflow in candidates]
    starts += [(workflow, snapshot.started_at or now) for workflow, snapshot in runs.values()]
    return replace(
        house,
        contact=stored.contact,
        runs=runs,
        past=_past(transaction, tenant, contact_id, candidates),
        events=_events(transaction, tenant, contact_id, starts, now),
    )


def read_surroundings(
    transaction: Transaction, catalog: Catalog, tenant: str, workflow: Workflow, snapshot: Snapshot, now: datetime
) -> Surroundings:
    """What a decision about this run would read now."""
    directory = catalog.refresh(transaction)
    if snapshot.contact_id is None:
        return directory.surroundings(tenant, workflow, now, None, ())
    stored = get_contact(transaction, tenant, snapshot.contact_id)
    events = _events(transaction, tenant, snapshot.contact_id, [(workflow, snapshot.started_at or now)], now)
    return directory.surroundings(tenant, workflow, now, stored.contact if stored else None, events)


def _past(
    transaction: Transaction, tenant: str, contact_id: str, candidates: Iterable[Workflow]
) -> dict[tuple[str, str], Past]:
    name = {"tenant_id": tenant, "contact_id": contact_id}
    rows = load_past(transaction, [{**name, "workflow": workflow.key} for workflow in candidates])
    return {
        (workflow, entry_key): Past(int(entries), instant(started), instant(ended))
        for _, _, workflow, entry_key, entries, started, ended in rows
    }


def _events(
    transaction: Transaction,
    tenant: str,
    contact_id: str,
    starts: Iterable[tuple[Workflow, datetime]],
    now: datetime,
) -> tuple[Event, ...]:
    """The contact's earlier events that these versions may read, each since its run began."""
    wanted: dict[tuple[str, str, str], datetime] = {}
    for workflow, began in starts:
        want_events(wanted, (tenant, contact_id), workflow.reads, began, now)
    rows = [
        {"tenant_id": tenant, "contact_id": contact, "type": kind, "since": since}
        for (tenant, contact, kind), since in sorted(wanted.items())
    ]
    return tuple(event for _, event in look_back(transaction, rows)) if rows else ()
