"""Foresight: what explanations and forecasts know of a contact or a run, read without locking anything.

The same records that a batch would load for the same question (see `loading.py`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from service.engine.catalog import Catalog
from service.engine.hindsight import Hindsight
from service.engine.household import Versions
from service.engine.provider_lines import ProviderLines
from service.engine.talks import own_conversation
from service.storage.contact_queries import get_contact
from service.storage.conversations import load_conversations
from service.storage.database import Transaction
from service.storage.dialect import instant
from service.storage.enrollment_queries import EnrollmentRecord, find_enrollments
from service.storage.enrollments import load_past, load_runs
from service.storage.families import live_below
from service.storage.places import read_usage
from service.storage.split_weights import kept_variants
from service.storage.tasks import LeasedTask, tasks_by_id
from statemachine.admission import Past
from statemachine.cause import Surroundings
from statemachine.contact import Contact
from statemachine.conversation import Conversation
from statemachine.decision import HumanWork, TaskOrder
from statemachine.event import Event
from statemachine.places import Usage
from statemachine.roster import Roster
from statemachine.shares import InForce
from statemachine.simulation.forecast import ALONE, Kin, Member
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
        stop_words=directory.stop_words_in(tenant),
        versions=lambda key, number: catalog.known(tenant, key, number or directory.active(tenant, key) or 0),
        counted=directory.counted.get(tenant),
    )
    stored = None if contact_id is None else get_contact(transaction, tenant, contact_id)
    if contact_id is not None and stored is None:
        talks = _conversations(transaction, tenant, conversation_id, ())
        house = replace(house, contact=Contact(contact_id), is_new=True, conversations=talks)
    elif stored is not None:
        house = _with_contact(transaction, catalog, house, stored.contact, now, conversation_id)
    flows = (*candidates, *(workflow for workflow, _ in house.runs.values()))
    versions = Versions(catalog, directory, transaction)
    return replace(house, lines=ProviderLines().look(transaction, directory, versions, tenant, flows))


def _with_contact(
    transaction: Transaction, catalog: Catalog, house: Roster, contact: Contact, now: datetime, talk: str | None
) -> Roster:
    """The same with a contact that exists, its runs, and what they and the candidates read of it."""
    tenant, contact_id = house.tenant_id, contact.id
    runs: dict[str, tuple[Workflow, Snapshot]] = {}
    for row in load_runs(transaction, [{"tenant_id": tenant, "contact_id": contact_id}], []):
        version = catalog.version(transaction, tenant, row.snapshot.workflow, row.snapshot.version)
        runs[row.snapshot.id] = (version, row.snapshot)
    starts = [(workflow, now) for workflow in house.candidates]
    starts += [(workflow, snapshot.started_at or now) for workflow, snapshot in runs.values()]
    return replace(
        house,
        contact=contact,
        runs=runs,
        conversations=_conversations(transaction, tenant, talk, runs.values()),
        past=_past(transaction, tenant, contact_id, house.candidates),
        events=_events(transaction, tenant, contact_id, starts, now),
        kept=_kept(transaction, house.shares, tenant, contact_id, [workflow.key for workflow, _ in starts]),
    )


def read_surroundings(
    transaction: Transaction, catalog: Catalog, tenant: str, workflow: Workflow, snapshot: Snapshot, now: datetime
) -> Surroundings:
    """What a decision about this run would read now."""
    directory = catalog.refresh(transaction)
    versions = Versions(catalog, directory, transaction)
    lines = ProviderLines().look(transaction, directory, versions, tenant, [workflow])
    if snapshot.contact_id is None:
        return directory.surroundings(tenant, workflow, now, None, (), lines=lines)
    stored = get_contact(transaction, tenant, snapshot.contact_id)
    events = _events(transaction, tenant, snapshot.contact_id, [(workflow, snapshot.started_at or now)], now)
    talks = _conversations(transaction, tenant, None, [(workflow, snapshot)])
    talk = talks.get(snapshot.conversation_id or "")
    kept = _kept(transaction, directory.shares_in(tenant), tenant, snapshot.contact_id, [workflow.key])
    contact = stored.contact if stored else None
    return directory.surroundings(tenant, workflow, now, contact, events, talk, kept, lines)


def read_kin(
    transaction: Transaction, catalog: Catalog, tenant: str, workflow: Workflow, snapshot: Snapshot, now: datetime
) -> Kin:
    """The live children of a run, and all that a decision about them, or about those that it may start, would read."""
    below = live_below(transaction, tenant, snapshot.id) if snapshot.open_children else []
    directory = catalog.refresh(transaction)
    found = _awaited(snapshot.id, find_enrollments(transaction, tenant, below, paths=False)) if below else {}
    runs = {name: (_version(transaction, catalog, tenant, one.snapshot), one) for name, one in sorted(found.items())}
    inner = _inner(Versions(catalog, directory, transaction), tenant, (workflow, *(flow for flow, _ in runs.values())))
    if not runs and not inner:
        return ALONE
    starts = [(flow, one.snapshot) for flow, one in runs.values()]
    began = [(flow, child.started_at or now) for flow, child in starts] + [(flow, now) for flow in inner.values()]
    keys = {flow.key for flow, _ in began}
    contact_id = snapshot.contact_id
    talks = _conversations(transaction, tenant, None, [*starts, *((flow, snapshot) for flow in inner.values())])
    shares = {key: set_shares for key, set_shares in directory.shares_in(tenant).items() if key in keys}
    return Kin(
        _members(transaction, tenant, list(runs.values())),
        inner,
        events=_events(transaction, tenant, contact_id, began, now) if contact_id else (),
        conversations=tuple(talks.values()),
        globals=directory.globals_of(tenant),
        shares=shares,
        kept=_kept(transaction, shares, tenant, contact_id, keys) if contact_id else {},
        paused=directory.paused_in(tenant) & keys,
        standstills={key: still for key, still in directory.standstills_in(tenant).items() if key in keys},
    )


def open_orders(transaction: Transaction, tenant: str, records: Iterable[EnrollmentRecord]) -> dict[str, TaskOrder]:
    """The tasks for which runs wait, as they were ordered, by the id of the run."""
    wanted = {one.task_id: one.snapshot.id for one in records if one.task_id is not None}
    tasks = tasks_by_id(transaction, [{"tenant_id": tenant, "id": name} for name in wanted]) if wanted else {}
    return {wanted[task.id]: order_of(task) for task in tasks.values()}


def _members(
    transaction: Transaction, tenant: str, runs: Sequence[tuple[Workflow, EnrollmentRecord]]
) -> tuple[Member, ...]:
    orders = open_orders(transaction, tenant, [one for _, one in runs])
    return tuple(
        Member(
            flow,
            one.snapshot,
            orders.get(one.snapshot.id),
            one.snapshot.task.retry_at if one.snapshot.task else None,
            one.quarantined_at is not None,
        )
        for flow, one in runs
    )


def _awaited(root: str, below: Mapping[str, EnrollmentRecord]) -> dict[str, EnrollmentRecord]:
    """Those for whose end somebody waits; a run that was only started is on its own, with all below it."""
    kept: dict[str, EnrollmentRecord] = {}
    ring = {root}
    while ring:
        nearer = {
            name: one
            for name, one in below.items()
            if one.snapshot.parent_id in ring and one.snapshot.origin is not None and one.snapshot.origin.awaited
        }
        kept |= nearer
        ring = set(nearer)
    return kept


def _version(transaction: Transaction, catalog: Catalog, tenant: str, snapshot: Snapshot) -> Workflow:
    return catalog.version(transaction, tenant, snapshot.workflow, snapshot.version)


def _inner(versions: Versions, tenant: str, flows: Iterable[Workflow]) -> dict[tuple[str, int], Workflow]:
    """What these workflows start, and what that does, by (key, version) as their steps name it."""
    found: dict[tuple[str, int], Workflow] = {}
    wanted = [name for flow in flows for name in flow.inner]
    while wanted:
        key, version = wanted.pop()
        flow = None if (key, version) in found else versions.find(tenant, key, version)
        if flow is not None:
            found[key, version] = found[key, flow.version] = flow
            wanted += flow.inner
    return found


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
    hindsight = Hindsight()
    for workflow, began in starts:
        hindsight.want((tenant, contact_id), workflow.reads, began, now)
    return tuple(event for _, event in hindsight.load(transaction))


def order_of(task: LeasedTask) -> TaskOrder:
    """A stored task as it was ordered."""
    return TaskOrder(
        step=task.step,
        visit=task.visit,
        type=task.type,
        queue=task.queue,
        input=task.input,
        timeout_s=task.timeout_s,
        max_attempts=task.max_attempts,
        at_most_once=task.at_most_once,
        outcomes=task.outcomes,
        priority=task.priority,
        human=HumanWork("") if task.status == "open" else None,
    )
