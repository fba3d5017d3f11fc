"""Loading: what the commands of a batch need to know, in a constant number of queries whatever their number.

Contacts are locked in key order first; then the clock is read; then come ids seen before, runs, the past and earlier
events.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final

from service.engine.addressees import Addressees
from service.engine.catalog import Directory
from service.engine.commands import (
    Command,
    DateArrived,
    DispatchEvent,
    EnrollContact,
    Operate,
    StartPending,
    TriggerEvent,
)
from service.engine.desk import Desk
from service.engine.entrants import WITH_LOOKS, Entrants, compile_named
from service.engine.hindsight import Hindsight, reads_of
from service.engine.household import Versions, kin_of, tops
from service.engine.provider_lines import ProviderLines
from service.engine.room import Room
from service.engine.talks import Talks, own_conversation
from service.storage.contact_dates import coming_dates
from service.storage.contacts import ContactKey, StoredContact, ask_contacts, held_elsewhere
from service.storage.database import Transaction
from service.storage.enrollments import StoredEnrollment, ask_runs, load_watching
from service.storage.families import load_families
from service.storage.looks import load_looks
from service.storage.split_weights import kept_variants
from statemachine.contact import Contact
from statemachine.grace import Look
from statemachine.places import Usage
from statemachine.workflow import Workflow


class Stock:
    """What was found for the commands. `keys` names each command's contact, `held` those that another replica locks."""

    def __init__(
        self, room: Room, transaction: Transaction, commands: Sequence[Command], *, locked: bool = False
    ) -> None:
        self._room = room
        self.commands = commands
        self._kinds = frozenset(map(type, commands))
        self._addressees = Addressees(transaction, commands, self._kinds)
        self.keys = self._addressees.keys
        self.tasks = self._addressees.tasks
        self.people = self._addressees.people
        self.run_contacts = self._addressees.run_contacts
        self.desks: dict[ContactKey, Desk] = {}
        self.alone: dict[tuple[str, str], Desk] = {}
        self.talks = Talks()
        self.usages: dict[str, dict[str, Usage]] = {}
        self.lines = ProviderLines(locked=locked)
        self._lock(transaction)
        self._load(transaction)

    def _lock(self, transaction: Transaction) -> None:
        """Lock the contacts, read the clock, and seat the runs that are there."""
        keys = {key for key in self.keys if key is not None}
        contacts = ask_contacts(transaction, keys)
        times = self._room.clock.ask(transaction)
        directory = self._room.catalog.ask(transaction)
        repeats = self._addressees.ask_repeats(transaction)
        runs = self._ask_runs(transaction)
        found = contacts()
        self.times = times()
        self.directory = directory()
        self.repeats = repeats()
        stored_runs = runs()
        self.held = held_elsewhere(transaction, keys - found.keys())
        self._open_desks(keys - self.held, found)
        if EnrollContact in self._kinds:
            compile_named(transaction, self._room.catalog, self.commands)
        self.versions = Versions(self._room.catalog, self.directory, transaction)
        stored_runs += self._late_watchers(transaction)
        self._seat_runs(transaction, stored_runs)
        self._seat_families(transaction, stored_runs)

    def _load(self, transaction: Transaction) -> None:
        """What deciding about these contacts and runs needs besides."""
        self._load_looks(transaction)
        if DateArrived in self._kinds:
            self._load_dates(transaction)
        self._entrants = Entrants(self._room.catalog, self.directory, self.commands, self.keys, self.desks)
        self._entrants.load_past(transaction)
        self._load_events(transaction)
        self.talks.load(transaction, self._conversations())
        pending = [one for one in self.commands if isinstance(one, StartPending)] if StartPending in self._kinds else ()
        self.usages = self._entrants.count_places(transaction, pending, self.times.workflow)
        if self.directory.shares:
            self._load_kept(transaction)
        if self._room.catalog.rated:
            self.lines.load(transaction, self.directory, self.versions, self._at_hand(), self.times.workflow)

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

    def _ask_runs(self, transaction: Transaction) -> Callable[[], list[StoredEnrollment]]:
        self._watched = self._watched_contacts(self._room.catalog.directory)
        self._gathered, ids = self._addressees.runs()
        return ask_runs(
            transaction,
            [{"tenant_id": tenant, "contact_id": contact} for tenant, contact in self._gathered],
            [{"tenant_id": tenant, "id": name} for tenant, name in ids],
            [{"tenant_id": tenant, "contact_id": contact} for tenant, contact in self._watched - self._gathered.keys()],
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

    def _load_looks(self, transaction: Transaction) -> None:
        """Earlier events that may still enrol these contacts; nothing is asked while there are none."""
        if not self.directory.looking:
            return
        wanted = {
            key
            for command, key in zip(self.commands, self.keys, strict=True)
            if key is not None and key in self.desks and isinstance(command, WITH_LOOKS)
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

    def usages_of(self, tenant: str) -> dict[str, Usage]:
        """How full the tenant's workflows are, as far as a command of this batch asks; whoever decides counts on."""
        return self.usages.setdefault(tenant, {}) if self.usages else _NOBODY_COUNTS

    def _at_hand(self) -> Iterator[tuple[str, Workflow]]:
        """The versions of which runs may send messages in this batch."""
        for command, _, workflows in self._entrants.found:
            for workflow in workflows:
                yield command.tenant, workflow
        for desk in (*self.desks.values(), *self.alone.values()):
            for workflow, _ in desk.runs.values():
                yield desk.tenant, workflow

    def enrolled_workflow(self, command: EnrollContact) -> Workflow | None:
        """The version that an enrolment names, or the active one."""
        return self._entrants.enrolled_workflow(command)

    def _load_kept(self, transaction: Transaction) -> None:
        """The variants that contacts were given before, of workflows where shares of splits were set."""
        wanted: set[tuple[str, str, str]] = set()
        inner = self.versions.keys
        for _, key, workflows in self._entrants.found:
            if key is not None and key in self.desks and self.desks[key].revision:
                wanted.update((*key, name) for flow in workflows for name in inner(key[0], flow))
        for key, desk in self.desks.items():
            wanted.update((*key, name) for flow, _ in desk.runs.values() for name in inner(key[0], flow))
        wanted = {one for one in wanted if one[2] in self.directory.shares_in(one[0])}
        for key, kept in kept_variants(transaction, wanted).items() if wanted else ():
            self.desks[key].kept.update(kept)

    def _load_events(self, transaction: Transaction) -> None:
        """Earlier events that a version at hand may read."""
        hindsight = Hindsight()
        now = self.times.workflow
        for _, key, workflows in self._entrants.found:
            if key is not None and key in self.desks and self.desks[key].revision:
                for workflow in workflows:
                    hindsight.want(key, self.versions.reads(key[0], workflow, workflow.reads), now, now)
        operated = self._operated()
        for key, desk in self.desks.items():
            for workflow, snapshot in desk.runs.values():
                reads = workflow.reads if key in operated else reads_of(workflow, snapshot)
                if reads.events or workflow.inner:
                    reads = self.versions.reads(key[0], workflow, reads)
                    hindsight.want(key, reads, snapshot.started_at or now, now)
        for tenant, event in hindsight.load(transaction):
            assert event.contact_id is not None
            self.desks[tenant, event.contact_id].events.append(event)

    def _operated(self) -> set[ContactKey | None]:
        """The contacts of runs that somebody operates, who may send them anywhere."""
        if Operate not in self._kinds:
            return set()
        return {key for command, key in zip(self.commands, self.keys, strict=True) if isinstance(command, Operate)}

    def _conversations(self) -> set[tuple[str, str]]:
        """Those that commands name, and those of runs whose versions read them."""
        named = self._addressees.conversations()
        for desk in self.desks.values():
            for workflow, snapshot in desk.runs.values():
                if self.versions.talks(desk.tenant, workflow) and (own := own_conversation(desk.tenant, snapshot)):
                    named.add(own)
            named.update((desk.tenant, look.event.conversation_id) for look in desk.looks if look.event.conversation_id)
        return named


_NOBODY_COUNTS: Final[dict[str, Usage]] = {}
_BRING_ALL: Final = frozenset({TriggerEvent, DispatchEvent, EnrollContact, DateArrived})
"""All live runs of their contacts are loaded."""
