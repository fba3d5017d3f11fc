"""How things stand with a contact or a run, read without locking anything: what explanations and forecasts decide on.

The same records that a batch would load for the same question (see `loading.py`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from service.engine.catalog import Catalog
from service.engine.loading import want_events
from service.engine.talks import own_conversation
from service.storage.contact_queries import get_contact
from service.storage.conversations import load_conversations
from service.storage.database import Transaction
from service.storage.dialect import instant
from service.storage.enrollments import load_past, load_runs
from service.storage.events import look_back
from service.storage.places import read_usage
from service.storage.split_weights import kept_variants
from statemachine.admission import Past
from statemachine.cause import Surroundings
from statemachine.contact import Contact
from statemachine.conversation import Conversation
from statemachine.event import Event
from statemachine.places import Usage
from statemachine.roster import Roster
from statemachine.shares import InForce
from statemachine.snapshot import Snapshot
from statemachine.workflow import Workflow


def read_roster(
    transaction: Transaction,
    catalog: Catalog,
    tenant: str,
    contact_id: str | None,
    candidates: Sequence[Workflow],
    now: datetime,
    conversation_id: str | None = None,
) -> Roster:
    """What an event of this contact would find, one of this conversation perhaps; an unknown contact is a new one."""
    directory = catalog.refresh(transaction)
    house = Roster(
        None,
        candidates=candidates,
        paused=directory.paused_in(tenant),
        standstills=directory.standstills_in(tenant),
        tenant_id=tenant,
        tenant_zone=directory.zone,
        globals=directory.globals_of(tenant),
        usages=_usages(transaction, tenant, candidates, now),
        shares=directory.shares_in(tenant),
        versions=lambda key, number: catalog.known(tenant, key, number or directory.active(tenant, key) or 0),
    )
    if contact_id is None:
        return house
    stored = get_contact(transaction, tenant, contact_id)
    if stored is None:
        talks = _conversations(transaction, tenant, conversation_id, ())
        return replace(house, contact=Contact(contact_id), is_new=True, conversations=talks)
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
        conversations=_conversations(transaction, tenant, conversation_id, runs.values()),
        past=_past(transaction, tenant, contact_id, candidates),
        events=_events(transaction, tenant, contact_id, starts, now),
        kept=_kept(transaction, house.shares, tenant, contact_id, [workflow.key for workflow, _ in starts]),
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
    talks = _conversations(transaction, tenant, None, [(workflow, snapshot)])
    talk = talks.get(snapshot.conversation_id or "")
    kept = _kept(transaction, directory.shares_in(tenant), tenant, snapshot.contact_id, [workflow.key])
    return directory.surroundings(tenant, workflow, now, stored.contact if stored else None, events, talk, kept)


def _conversations(
    transaction: Transaction, tenant: str, named: str | None, runs: Iterable[tuple[Workflow, Snapshot]]
) -> Mapping[str, Conversation]:
    """By id: the one that is named, and those of runs whose versions read them."""
    reading = (snapshot for workflow, snapshot in runs if workflow.reads.conversation)
    wanted = {own for snapshot in reading if (own := own_conversation(tenant, snapshot))}
    if named:
        wanted.add((tenant, named))
    found = load_conversations(transaction, wanted) if wanted else {}
    return {name: talk for (_, name), talk in found.items()}


def _usages(transaction: Transaction, tenant: str, candidates: Iterable[Workflow], now: datetime) -> dict[str, Usage]:
    """How full the candidates with limits are just now."""
    names = [(tenant, workflow.key) for workflow in candidates if workflow.limits.counted]
    return {key: usage for (_, key), usage in read_usage(transaction, names, now).items()}


def _kept(
    transaction: Transaction, shares: InForce, tenant: str, contact_id: str, workflows: Iterable[str]
) -> Mapping[str, Mapping[str, str]]:
    """The contact's variants, of workflows where shares of splits were set."""
    wanted = {(tenant, contact_id, key) for key in workflows if key in shares}
    return kept_variants(transaction, wanted)[tenant, contact_id] if wanted else {}


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
