"""Loading: what the commands of a batch need to know, in a constant number of queries whatever their number.

Contacts are locked in key order first; then the clock is read; then come ids seen before, runs, the past and earlier
events.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import field
from datetime import datetime
from typing import Any, Final

from service.engine.answers import method_of
from service.engine.catalog import Catalog, Directory
from service.engine.clock import Clock, Times
from service.engine.commands import (
    ChangeConversation,
    Command,
    ContinueRun,
    DateArrived,
    DecideTask,
    DispatchEvent,
    EnrollContact,
    FinishTask,
    LookAgain,
    Operate,
    PlanDates,
    StartPending,
    TriggerEvent,
)
from service.engine.deciding import NOBODY_KNOWN, load_people
from service.engine.desk import Desk
from service.engine.household import Versions, kin_of, tops
from service.engine.local import LocalQueue
from service.engine.provider_lines import ProviderLines
from service.engine.talks import Talks, own_conversation
from service.storage.contact_dates import coming_dates
from service.storage.contacts import StoredContact, ask_contacts, held_elsewhere
from service.storage.conversations import contacts_of_conversations
from service.storage.database import Transaction
from service.storage.dialect import instant
from service.storage.enrollments import StoredEnrollment, ask_runs, load_past, load_watching
from service.storage.events import Repeat, RepeatKey, ask_repeats, look_back
from service.storage.families import load_families
from service.storage.looks import load_looks
from service.storage.places import lock_places, read_usage
from service.storage.split_weights import kept_variants
from service.storage.task_batch import contacts_of_runs
from service.storage.tasks import LeasedTask, tasks_by_id
from statemachine.admission import Past
from statemachine.contact import Contact
from statemachine.dates import DATE
from statemachine.errors import NotFound
from statemachine.grace import Look
from statemachine.places import MINUTE, Usage
from statemachine.record import record
from statemachine.snapshot import Snapshot, Status
from statemachine.step import Reads
from statemachine.workflow import Workflow

ContactKey = tuple[str, str]


@record
class Room:
    """What every batch of this replica works with."""

    catalog: Catalog
    clock: Clock
    replica_id: str
    local_queues: Mapping[str, LocalQueue] = field(default_factory=dict)


class Stock:
    """What was found for the commands. `keys` names each command's contact, `held` those that another replica locks."""

    times: Times
    directory: Directory
    versions: Versions

    def __init__(self, room: Room, transaction: Transaction, commands: Sequence[Command]) -> None:
        self._room = room
        self.commands = commands
        self._kinds = frozenset(map(type, commands))
        self._entering: list[tuple[Command, ContactKey | None, Sequence[Workflow]]] = []
        self.keys: list[ContactKey | None] = []
        self.desks: dict[ContactKey, Desk] = {}
        self.alone: dict[tuple[str, str], Desk] = {}
        self.held: set[ContactKey] = set()
        self.tasks: dict[tuple[str, str], LeasedTask] = {}
        self.run_contacts: dict[tuple[str, str], str | None] = {}
        self.repeats: dict[RepeatKey, Repeat] = {}
        self.talks = Talks()
        self._talkers: dict[tuple[str, str], str] = {}
        self.usages: dict[str, dict[str, Usage]] = {}
        self.people = NOBODY_KNOWN
        self.lines = ProviderLines()
        self._load(transaction)

    def _load(self, transaction: Transaction) -> None:
        self._resolve(transaction)
        self.keys = [self._contact_key(command) for command in self.commands]
        keys = {key for key in self.keys if key is not None}
        contacts = ask_contacts(transaction, keys)
        times = self._room.clock.ask(transaction)
        directory = self._room.catalog.ask(transaction)
        repeats = self._ask_repeats(transaction)
        runs = self._ask_runs(transaction)
        found = contacts()
        self.times = times()
        self.directory = directory()
        self.repeats = repeats()
        stored_runs = runs()
        self.held = held_elsewhere(transaction, keys - found.keys())
        self._open_desks(keys - self.held, found)
        self._load_versions(transaction)
        self.versions = Versions(self._room.catalog, self.directory, transaction)
        stored_runs += self._late_watchers(transaction)
        self._seat_runs(transaction, stored_runs)
        self._seat_families(transaction, stored_runs)
        self._load_looks(transaction)
        if DateArrived in self._kinds:
            self._load_dates(transaction)
        self._entering = self._entered()
        self._load_past(transaction)
        self._load_events(transaction)
        self.talks.load(transaction, self._named_conversations())
        self._load_usage(transaction)
        if self.directory.shares:
            self._load_kept(transaction)
        if self._room.catalog.rated:
            self.lines.load(transaction, self.directory, self.versions, self._at_hand())

    def _open_desks(self, keys: set[ContactKey], found: Mapping[ContactKey, StoredContact]) -> None:
        for tenant, contact_id in keys:
            stored = found.get((tenant, contact_id))
            desk = Desk(tenant, stored.contact if stored else Contact(contact_id))
            desk.told = desk.contact
            if stored is not None:
                desk.revision = stored.contact.revision
                desk.created_at, desk.updated_at = stored.created_at, stored.updated_at
            desk.whole = (tenant, contact_id) in self._gathered
            self.desks[tenant, contact_id] = desk

    def _resolve(self, transaction: Transaction) -> None:
        """Find the (immutable) contact of commands that know only a task, an enrollment or a conversation."""
        if self._kinds.isdisjoint(_WITHOUT_CONTACT):
            return
        task_ids = [
            {"tenant_id": command.tenant, "id": command.task_id}
            for command in self.commands
            if isinstance(command, FinishTask | DecideTask)
        ]
        run_ids = [
            {"tenant_id": command.tenant, "id": command.enrollment_id}
            for command in self.commands
            if isinstance(command, Operate | ContinueRun)
        ]
        talks = [
            (command.tenant, command.conversation_id)
            for command in self.commands
            if isinstance(command, ChangeConversation)
        ]
        if talks:
            self._talkers = contacts_of_conversations(transaction, talks)
        if task_ids:
            self.tasks = tasks_by_id(transaction, task_ids)
        decided = [command for command in self.commands if isinstance(command, DecideTask)]
        if decided:
            self.people = load_people(transaction, decided)
        if run_ids:
            self.run_contacts = contacts_of_runs(transaction, run_ids)

    def _contact_key(self, command: Command) -> ContactKey | None:
        contact_id: str | None
        if isinstance(command, TriggerEvent | DispatchEvent):
            contact_id = command.event.contact_id
        elif isinstance(command, FinishTask | DecideTask):
            task = self.tasks.get((command.tenant, command.task_id))
            contact_id = task.contact_id if task else None
        elif isinstance(command, Operate | ContinueRun):
            contact_id = self.run_contacts.get((command.tenant, command.enrollment_id))
        elif isinstance(command, ChangeConversation):
            contact_id = self._talkers.get((command.tenant, command.conversation_id))
        else:
            contact_id = command.contact_id
        return (command.tenant, contact_id) if contact_id else None

    def _ask_repeats(self, transaction: Transaction) -> Callable[[], dict[RepeatKey, Repeat]]:
        keys: list[dict[str, Any]] = []
        requests: list[dict[str, Any]] = []
        pending: list[dict[str, Any]] = []
        for command in self.commands:
            if isinstance(command, TriggerEvent):
                event = command.event
                keys.append({"tenant_id": command.tenant, "source": event.source, "event_id": event.id})
            elif isinstance(command, DispatchEvent):
                at = command.event.accepted_at
                since = at - MINUTE if at is not None and command.event.chain else None
                name = {"tenant_id": command.tenant, "id": command.row_id}
                pending.append({**name, "accepted_at": at, "since": since})
            elif not isinstance(command, _UNREPEATED) and command.body_hash:
                method = method_of(command)
                requests.append({"tenant_id": command.tenant, "method": method, "request_id": command.request_id})
        return ask_repeats(transaction, keys, requests, pending)

    def _ask_runs(self, transaction: Transaction) -> Callable[[], list[StoredEnrollment]]:
        contacts: dict[ContactKey, None] = {}
        ids: dict[tuple[str, str], None] = {}
        self._watched = self._watched_contacts(self._room.catalog.directory)
        for command, key in zip(self.commands, self.keys, strict=True):
            if isinstance(command, _WITH_ALL_RUNS):
                if key is not None:
                    contacts[key] = None
                if isinstance(command, StartPending):
                    ids[command.tenant, command.enrollment_id] = None
            elif isinstance(command, Operate | ContinueRun):
                ids[command.tenant, command.enrollment_id] = None
            elif isinstance(command, FinishTask | DecideTask):
                task = self.tasks.get((command.tenant, command.task_id))
                if task is not None:
                    ids[command.tenant, task.enrollment_id] = None
        self._gathered = contacts
        return ask_runs(
            transaction,
            [{"tenant_id": tenant, "contact_id": contact} for tenant, contact in contacts],
            [{"tenant_id": tenant, "id": name} for tenant, name in ids],
            [{"tenant_id": tenant, "contact_id": contact} for tenant, contact in self._watched - contacts.keys()],
        )

    def _watched_contacts(self, directory: Directory) -> set[ContactKey]:
        """The contacts that commands may change while runs watch them of which no event brings along all."""
        if self._kinds <= _BRING_ALL:
            return set()
        return {
            key
            for command, key in zip(self.commands, self.keys, strict=True)
            if key is not None and type(command) not in _BRING_ALL and directory.watched(command.tenant)
        }

    def _late_watchers(self, transaction: Transaction) -> list[StoredEnrollment]:
        """Runs that watch their contact by a version of which this replica has learned only now."""
        late = self._watched_contacts(self.directory) - self._watched
        wanted = [{"tenant_id": tenant, "contact_id": contact} for tenant, contact in sorted(late)]
        return load_watching(transaction, wanted) if wanted else []

    def _seat_runs(self, transaction: Transaction, stored_runs: Sequence[StoredEnrollment]) -> None:
        for stored in stored_runs:
            snapshot = stored.snapshot
            self.run_contacts[stored.tenant, snapshot.id] = snapshot.contact_id
            workflow = self._room.catalog.version(transaction, stored.tenant, snapshot.workflow, snapshot.version)
            desk = self.desk_of_run(stored.tenant, snapshot.id)
            if desk is not None and snapshot.id not in desk.runs:
                desk.add_run(workflow, stored)

    def _seat_families(self, transaction: Transaction, stored_runs: Sequence[StoredEnrollment]) -> None:
        """Of runs that were asked for by their ids, those above and below too."""
        kin = [row for row in kin_of(stored_runs) if not self._is_whole(row["tenant_id"], row["id"])]
        if not kin:
            return
        rows = load_families(transaction, kin)
        for (tenant, run_id), top in tops(rows).items():
            if self.run_contacts.get((tenant, run_id)) is None:
                self.alone[tenant, run_id] = self.alone.setdefault((tenant, top), Desk(tenant, None))
        self._seat_runs(transaction, rows)

    def _is_whole(self, tenant: str, run_id: str) -> bool:
        desk = self.desk_of_run(tenant, run_id)
        return desk is not None and desk.whole

    def seat(self, desk: Desk, stored: StoredEnrollment) -> None:
        """A run that turned out to be needed."""
        snapshot = stored.snapshot
        workflow = self.versions.of(stored.tenant, snapshot.workflow, snapshot.version)
        desk.add_run(workflow, stored)

    def desk_of_run(self, tenant: str, enrollment_id: str) -> Desk | None:
        """The desk of the run's contact, or the run's own when it has none."""
        contact_id = self.run_contacts.get((tenant, enrollment_id))
        if contact_id is not None:
            return self.desks.get((tenant, contact_id))
        return self.alone.setdefault((tenant, enrollment_id), Desk(tenant, None))

    def _load_past(self, transaction: Transaction) -> None:
        wanted: dict[tuple[str, str, str], None] = {}
        for _, key, workflows in self._entering:
            if key is not None and key in self.desks and self.desks[key].revision:
                wanted.update(((*key, workflow.key), None) for workflow in workflows if _asks_for_past(workflow))
        if not wanted:
            return
        rows = load_past(transaction, [{"tenant_id": t, "contact_id": c, "workflow": w} for t, c, w in wanted])
        for tenant, contact_id, workflow_key, entry_key, entries, started, ended in rows:
            past = Past(entries, instant(started), instant(ended))
            self.desks[tenant, contact_id].past[workflow_key, entry_key] = past

    def _load_looks(self, transaction: Transaction) -> None:
        """Earlier events that may still enrol these contacts; nothing is asked while there are none."""
        if not self.directory.looking:
            return
        wanted = {
            key
            for command, key in zip(self.commands, self.keys, strict=True)
            if key is not None and key in self.desks and isinstance(command, _WITH_LOOKS)
        }
        for tenant, contact_id, look in load_looks(transaction, wanted):
            desk = self.desks[tenant, contact_id]
            desk.looks = (*desk.looks, look)
            self.seat_looker(desk, look)

    def _load_dates(self, transaction: Transaction) -> None:
        keys = zip(self.commands, self.keys, strict=True)
        wanted = {key for command, key in keys if isinstance(command, DateArrived) and key in self.desks}
        for tenant, contact_id, slot in coming_dates(transaction, wanted):
            self.desks[tenant, contact_id].slots.append(slot)

    def seat_looker(self, desk: Desk, look: Look) -> None:
        active = self.directory.active(desk.tenant, look.workflow)
        known = None if active is None else self._room.catalog.known(desk.tenant, look.workflow, active)
        if known is not None:
            desk.lookers[look.workflow] = known

    def _entered(self) -> list[tuple[Command, ContactKey | None, Sequence[Workflow]]]:
        """The commands that may let somebody into workflows, and those."""
        found: list[tuple[Command, ContactKey | None, Sequence[Workflow]]] = []
        for command, key in zip(self.commands, self.keys, strict=True):
            workflows = self._candidates(command)
            desk = self.desks.get(key) if key is not None else None
            if desk is not None and desk.lookers and isinstance(command, _WITH_LOOKS):
                workflows = (*workflows, *desk.lookers.values())
            if workflows:
                found.append((command, key, workflows))
        return found

    def _candidates(self, command: Command) -> Sequence[Workflow]:
        if isinstance(command, TriggerEvent | DispatchEvent):
            return self.directory.candidates(command.tenant, command.event.type)
        if isinstance(command, DateArrived):
            return self.directory.candidates(command.tenant, DATE)
        if isinstance(command, EnrollContact):
            workflow = self.enrolled_workflow(command)
            return (workflow,) if workflow is not None else ()
        return ()

    def usages_of(self, tenant: str) -> dict[str, Usage]:
        """How full the tenant's workflows are, as far as a command of this batch asks; whoever decides counts on."""
        return self.usages.setdefault(tenant, {}) if self.usages else _NOBODY_COUNTS

    def _load_usage(self, transaction: Transaction) -> None:
        """Count the places of workflows with limits that somebody may enter now, and keep others from taking them."""
        names: set[tuple[str, str]] = set()
        if StartPending in self._kinds:
            names = {(one.tenant, one.workflow) for one in self.commands if isinstance(one, StartPending)}
        for command, _, workflows in self._entering:
            names.update((command.tenant, flow.key) for flow in workflows if flow.limits.counted)
        if not names:
            return
        lock_places(transaction, names)
        for (tenant, name), usage in read_usage(transaction, sorted(names), self.times.workflow).items():
            self.usages.setdefault(tenant, {})[name] = usage

    def _at_hand(self) -> Iterator[tuple[str, Workflow]]:
        """The versions of which runs may send messages in this batch."""
        for command, _, workflows in self._entering:
            for workflow in workflows:
                yield command.tenant, workflow
        for desk in (*self.desks.values(), *self.alone.values()):
            for workflow, _ in desk.runs.values():
                yield desk.tenant, workflow

    def enrolled_workflow(self, command: EnrollContact) -> Workflow | None:
        row = self.directory.workflows.get((command.tenant, command.workflow))
        version = command.version or (row.active_version if row else None)
        if row is None or version is None:
            return None
        return self._room.catalog.known(command.tenant, command.workflow, version)

    def _load_versions(self, transaction: Transaction) -> None:
        """Compile versions that an enrolment names and this replica has not run yet; unknown ones are refused later."""
        for command in self.commands if EnrollContact in self._kinds else ():
            if isinstance(command, EnrollContact) and command.version:
                with suppress(NotFound):
                    self._room.catalog.version(transaction, command.tenant, command.workflow, command.version)

    def _load_kept(self, transaction: Transaction) -> None:
        """The variants that contacts were given before, of workflows where shares of splits were set."""
        wanted: set[tuple[str, str, str]] = set()
        inner = self.versions.keys
        for _, key, workflows in self._entering:
            if key is not None and key in self.desks and self.desks[key].revision:
                wanted.update((*key, name) for flow in workflows for name in inner(key[0], flow))
        for key, desk in self.desks.items():
            wanted.update((*key, name) for flow, _ in desk.runs.values() for name in inner(key[0], flow))
        wanted = {one for one in wanted if one[2] in self.directory.shares_in(one[0])}
        for key, kept in kept_variants(transaction, wanted).items() if wanted else ():
            self.desks[key].kept.update(kept)

    def _load_events(self, transaction: Transaction) -> None:
        """Earlier events that a version at hand may read: since the run began, or as far as a condition looks back."""
        wanted: dict[tuple[str, str, str], datetime] = {}
        now = self.times.workflow
        for _, key, workflows in self._entering:
            if key is not None and key in self.desks and self.desks[key].revision:
                for workflow in workflows:
                    want_events(wanted, key, self.versions.reads(key[0], workflow, workflow.reads), now, now)
        operated = self._operated()
        for key, desk in self.desks.items():
            for workflow, snapshot in desk.runs.values():
                reads = workflow.reads if key in operated else reads_of(workflow, snapshot)
                if reads.events or workflow.inner:
                    reads = self.versions.reads(key[0], workflow, reads)
                    want_events(wanted, key, reads, snapshot.started_at or now, now)
        if not wanted:
            return
        rows = [
            {"tenant_id": tenant, "contact_id": contact, "type": kind, "since": since}
            for (tenant, contact, kind), since in sorted(wanted.items())
        ]
        for tenant, event in look_back(transaction, rows):
            assert event.contact_id is not None
            self.desks[tenant, event.contact_id].events.append(event)

    def _operated(self) -> set[ContactKey | None]:
        """The contacts of runs that somebody operates, who may send them anywhere."""
        if Operate not in self._kinds:
            return set()
        return {key for command, key in zip(self.commands, self.keys, strict=True) if isinstance(command, Operate)}

    def _named_conversations(self) -> set[tuple[str, str]]:
        """Those that events and commands name, and those of runs whose versions read them."""
        named: set[tuple[str, str]] = set()
        for command in self.commands:
            if isinstance(command, TriggerEvent | DispatchEvent):
                event = command.event
                if event.conversation_id and event.contact_id:
                    named.add((command.tenant, event.conversation_id))
            elif isinstance(command, EnrollContact):
                if command.conversation_id and command.contact_id:
                    named.add((command.tenant, command.conversation_id))
            elif isinstance(command, ChangeConversation):
                named.add((command.tenant, command.conversation_id))
        for desk in self.desks.values():
            for workflow, snapshot in desk.runs.values():
                if self.versions.talks(desk.tenant, workflow) and (own := own_conversation(desk.tenant, snapshot)):
                    named.add(own)
            named.update((desk.tenant, look.event.conversation_id) for look in desk.looks if look.event.conversation_id)
        return named


_NOBODY_COUNTS: Final[dict[str, Usage]] = {}
_WITHOUT_CONTACT: Final = frozenset({FinishTask, DecideTask, Operate, ContinueRun, ChangeConversation})
"""They name a task, an enrollment or a conversation instead."""
_BRING_ALL: Final = frozenset({TriggerEvent, DispatchEvent, EnrollContact, DateArrived})
"""All live runs of their contacts are loaded."""
_WITH_ALL_RUNS = TriggerEvent | DispatchEvent | EnrollContact | StartPending | LookAgain | DateArrived
_WITH_LOOKS = TriggerEvent | DispatchEvent | LookAgain | DateArrived
_UNREPEATED = ContinueRun | StartPending | LookAgain | DateArrived | PlanDates


def _asks_for_past(workflow: Workflow) -> bool:
    rules = workflow.entry
    return rules.reentry == "never" or rules.cooldown is not None or rules.max_entries is not None


def reads_of(workflow: Workflow, snapshot: Snapshot) -> Reads:
    """What may be read of a run that goes on by itself."""
    if snapshot.status is not Status.WAITING or snapshot.step is None:
        return workflow.reads
    return workflow.reads_ahead(snapshot.step)


def want_events(
    wanted: dict[tuple[str, str, str], datetime],
    key: ContactKey,
    reads: Reads,
    began: datetime,
    now: datetime,
) -> None:
    """Note which event types of a contact must be read, and since when."""
    for kind, span in reads.events.items():
        since = began if span is None else min(began, now - span)
        name = (*key, kind)
        if name not in wanted or since < wanted[name]:
            wanted[name] = since
