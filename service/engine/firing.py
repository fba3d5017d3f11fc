"""Firing timers: claim what is due, decide, save — one transaction, set-based, on the database's clock.

The claim locks enrollments with their contacts and skips what others hold, so any number of replicas may tick and a
timer still fires once. What falls due while its workflow is paused is parked (`storage/parking.py`). A run whose
decision fails backs off and, after five failures, is quarantined: visible, and out of everybody's way.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from service.engine.desk import Desk
from service.engine.hindsight import Hindsight, reads_of
from service.engine.household import BrokenFamily, Household, Stray, Versions, kin_of, tell_strays, tops
from service.engine.ledger import MAX_BURDEN, Ledger
from service.engine.provider_lines import ProviderLines
from service.engine.room import Room
from service.engine.talks import Talks, own_conversation
from service.storage.contacts import ContactKey
from service.storage.database import Transaction
from service.storage.dialect import instant_text, load
from service.storage.enrollments import StoredEnrollment, claim_due, load_watching
from service.storage.families import load_families
from service.storage.split_weights import kept_variants
from statemachine.cause import Cause, ContactCause, Surroundings, TimerCause
from statemachine.contact import Contact, contact_from_data, following
from statemachine.conversation import Conversation
from statemachine.decide import decide
from statemachine.decision import Decision
from statemachine.event import Event, with_taken
from statemachine.record import record
from statemachine.snapshot import Snapshot
from statemachine.watching import tell_watchers
from statemachine.workflow import Workflow

log = logging.getLogger(__name__)

MAX_FAILURES: Final = 5
_BACKOFF: Final = timedelta(seconds=1)


@record
class Fired:
    """`claimed` rows were due; `lag_s` is how late (workflow seconds) the latest of them was."""

    claimed: int
    fired: int
    lag_s: float

    def plus(self, other: Fired) -> Fired:
        """Both together."""
        return Fired(self.claimed + other.claimed, self.fired + other.fired, max(self.lag_s, other.lag_s))


NOTHING_FIRED: Final = Fired(0, 0, 0.0)


class Firing:
    """One batch of due timers. `on_claimed` hears at once how many they are; `ledger` then says what must follow the
    commit. `locked` takes the locks of providers' lines before deciding."""

    def __init__(
        self, room: Room, most: int, *, alone: bool, on_claimed: Callable[[int], None], locked: bool = False
    ) -> None:
        self._room = room
        self._locked = locked
        self._most = most
        self._alone = alone
        self._on_claimed = on_claimed
        self._contacts: dict[ContactKey, tuple[Contact, int]] = {}
        self._events: dict[ContactKey, list[Event]] = {}
        self._talks = Talks()
        self._changed: dict[ContactKey, Contact] = {}
        self._desks: dict[tuple[str, str], Desk] = {}
        self._homes: dict[tuple[str, str, bool], Desk] = {}
        self._versions: Versions
        self._strays: list[Stray] = []
        self._kept: dict[ContactKey, dict[str, dict[str, str]]] = {}
        self.ledger: Ledger

    def run(self, transaction: Transaction) -> Fired:
        """Raises Conflict when nothing of the batch happened."""
        claimed = self._claim(transaction)
        self._on_claimed(len(claimed))
        self._load(transaction, claimed)
        due = self._in_turn([stored for stored, _, _ in claimed])
        fired = sum(self._fire(stored) for stored in due if self.ledger.burden <= MAX_BURDEN)
        if self._changed:
            self._tell_watchers(transaction)
        tell_strays(transaction, self._strays, self._decide_alone, self._versions, self._seat)
        self.ledger.save(transaction)
        return Fired(len(claimed), fired, _lag_s(claimed, self.ledger.times.workflow))

    def postpone_only(self, transaction: Transaction, *, failed: bool) -> Fired:
        """Let what is claimed back off without deciding it: its transition cannot be saved.

        `failed` False means that it only lost races with others, which does not count towards quarantine.
        """
        claimed = self._claim(transaction)
        for stored, _, _ in claimed:
            if failed:
                self.back_off(stored)
            else:
                again_at = self.ledger.times.workflow + _BACKOFF
                self.ledger.postpone(stored, again_at, stored.failures, quarantine=False)
        self.ledger.save(transaction)
        return Fired(len(claimed), 0, 0.0)

    def _claim(self, transaction: Transaction) -> list[tuple[StoredEnrollment, str | None, int]]:
        directory = self._room.catalog.ask(transaction)
        times = self._room.clock.ask(transaction)
        known = directory()
        lines = ProviderLines(locked=self._locked)
        self.ledger = Ledger(times(), known, self._room.replica_id, self._room.local_queues, lines)
        return claim_due(transaction, instant_text(self.ledger.times.workflow), self._most, alone=self._alone)

    def _load(self, transaction: Transaction, claimed: Sequence[tuple[StoredEnrollment, str | None, int]]) -> None:
        self._versions = Versions(self._room.catalog, self.ledger.directory, transaction)
        hindsight = Hindsight()
        talks: set[tuple[str, str]] = set()
        for stored, profile, revision in claimed:
            snapshot = stored.snapshot
            workflow = self._room.catalog.version(transaction, stored.tenant, snapshot.workflow, snapshot.version)
            if snapshot.contact_id is None:
                continue
            key = (stored.tenant, snapshot.contact_id)
            if profile is not None and key not in self._contacts:
                self._contacts[key] = (contact_from_data(snapshot.contact_id, load(profile), revision), revision)
            if self._versions.talks(stored.tenant, workflow) and (own := own_conversation(stored.tenant, snapshot)):
                talks.add(own)
            if workflow.reads.events or workflow.inner:
                now = self.ledger.times.workflow
                reads = self._versions.reads(stored.tenant, workflow, reads_of(workflow, snapshot))
                hindsight.want(key, reads, snapshot.started_at or now, now)
        self._load_families(transaction, [stored for stored, _, _ in claimed], hindsight, talks)
        for tenant, event in hindsight.load(transaction):
            known = self._events.setdefault((tenant, event.contact_id or ""), [])
            if not self._changed or event not in known:
                known.append(event)
        self._talks.load(transaction, talks)
        if self.ledger.directory.shares:
            self._load_kept(transaction, claimed)
        if self._room.catalog.rated:
            now, at_hand = self.ledger.times.workflow, self._at_hand(claimed)
            self.ledger.lines.load(transaction, self.ledger.directory, self._versions, at_hand, now)

    def _at_hand(self, claimed: Sequence[tuple[StoredEnrollment, str | None, int]]) -> Iterator[tuple[str, Workflow]]:
        """The versions of which runs may send messages now."""
        for stored, _, _ in claimed:
            workflow = self._room.catalog.known(stored.tenant, stored.snapshot.workflow, stored.snapshot.version)
            assert workflow is not None
            yield stored.tenant, workflow
        for desk in self._desks.values():
            for workflow, _ in desk.runs.values():
                yield desk.tenant, workflow

    def _load_families(
        self,
        transaction: Transaction,
        claimed: Sequence[StoredEnrollment],
        hindsight: Hindsight,
        talks: set[tuple[str, str]],
    ) -> None:
        """Seat the runs of a family at one desk."""
        kin = kin_of(claimed)
        if not kin:
            return
        rows = load_families(transaction, kin)
        now = self.ledger.times.workflow
        for row, top in zip(rows, tops(rows).values(), strict=True):
            if (row.tenant, row.snapshot.id) in self._desks:
                continue
            contact_id = row.snapshot.contact_id
            home = self._homes.setdefault((row.tenant, contact_id or top, contact_id is None), Desk(row.tenant, None))
            self._seat(home, row)
            if contact_id is not None:
                workflow = home.runs[row.snapshot.id][0]
                reads = self._versions.reads(row.tenant, workflow, reads_of(workflow, row.snapshot))
                hindsight.want((row.tenant, contact_id), reads, row.snapshot.started_at or now, now)
                if self._versions.talks(row.tenant, workflow) and (own := own_conversation(row.tenant, row.snapshot)):
                    talks.add(own)

    def _seat(self, desk: Desk, stored: StoredEnrollment) -> None:
        """Seat a run at a desk, as this batch has left it."""
        snapshot = stored.snapshot
        if (stored.tenant, snapshot.id) in self._desks:
            return
        desk.add_run(self._versions.of(stored.tenant, snapshot.workflow, snapshot.version), stored)
        latest = self.ledger.latest(stored.tenant, snapshot.id)
        if latest is not None:
            desk.runs[snapshot.id] = latest
        self._desks[stored.tenant, snapshot.id] = desk

    def _in_turn(self, due: list[StoredEnrollment]) -> list[StoredEnrollment]:
        """Of the runs of one contact that are due at one instant, the one with the highest priority goes first; of
        those, the one that began first."""
        if len(self._contacts) == len(due):
            return due
        return sorted(due, key=self._turn)

    def _turn(self, stored: StoredEnrollment) -> tuple[datetime, int, int, str]:
        snapshot = stored.snapshot
        workflow = self._room.catalog.known(stored.tenant, snapshot.workflow, snapshot.version)
        assert workflow is not None
        assert stored.due_at is not None
        return stored.due_at, -snapshot.priority, -workflow.entry.priority, snapshot.id

    def _load_kept(self, transaction: Transaction, claimed: Sequence[tuple[StoredEnrollment, str | None, int]]) -> None:
        """The variants of the contacts in workflows where shares of splits were set."""
        runs = [(stored.tenant, stored.snapshot) for stored, _, _ in claimed]
        runs += [(desk.tenant, snapshot) for desk in self._desks.values() for _, snapshot in desk.runs.values()]
        wanted = {
            (tenant, run.contact_id, key)
            for tenant, run in runs
            if run.contact_id is not None
            for key in self._versions.keys(tenant, self._versions.of(tenant, run.workflow, run.version))
            if key in self.ledger.directory.shares_in(tenant)
        }
        if wanted:
            for key, kept in kept_variants(transaction, wanted).items():
                self._kept.setdefault(key, {}).update(kept)

    def _fire(self, stored: StoredEnrollment) -> bool:
        try:
            return self._decide(stored)
        except BrokenFamily:
            raise
        except Exception as error:
            log.error(
                "a timer could not be fired",
                extra={"enrollment": stored.snapshot.id, "workflow": stored.snapshot.workflow, "error": repr(error)},
            )
            self.back_off(stored)
            return False

    def back_off(self, stored: StoredEnrollment) -> None:
        """Try again later; after MAX_FAILURES not by itself any more."""
        failures = stored.failures + 1
        quarantine = failures >= MAX_FAILURES
        again_at = None if quarantine else self.ledger.times.workflow + _BACKOFF * 2 ** (failures - 1)
        self.ledger.postpone(stored, again_at, failures, quarantine=quarantine)

    def _decide(self, stored: StoredEnrollment) -> bool:
        tenant, snapshot = stored.tenant, stored.snapshot
        desk = self._desks.get((tenant, snapshot.id)) if self._desks else None
        if desk is not None and not desk.runs[snapshot.id][1].live:
            return False
        if snapshot.workflow in self.ledger.directory.paused_in(tenant):
            self.ledger.park(stored)
            return False
        if desk is not None:
            return self._decide_at(desk, stored)
        workflow = self._room.catalog.known(tenant, snapshot.workflow, snapshot.version)
        assert workflow is not None
        cause = TimerCause(snapshot.visit, snapshot.timers)
        decision = decide(workflow, snapshot, cause, self._surroundings(tenant, workflow, snapshot))
        if decision is None:
            self.ledger.postpone(stored, snapshot.due_at, 0, quarantine=False)
            return False
        self._keep(stored, workflow, decision, cause)
        return True

    def _keep(self, stored: StoredEnrollment, workflow: Workflow, decision: Decision, cause: Cause) -> None:
        self.ledger.record(stored.tenant, workflow, decision, cause, stored)
        self._keep_values(stored.tenant, decision)
        if decision.of_family:
            desk = Desk(stored.tenant, None)
            self._seat(desk, stored)
            self._household(desk).follow(stored.snapshot, decision)

    def _keep_values(self, tenant: str, decision: Decision) -> None:
        """What a decision means to others besides its run and its family."""
        if decision.alone:
            self._mark_taken((tenant, decision.snapshot.contact_id or ""), decision)
        if decision.contact is not None:
            self._note_change(tenant, decision.contact)
            self._keep_contact((tenant, decision.contact.id), decision.contact)
        if decision.conversation is not None:
            self._keep_conversation(tenant, decision.conversation)

    def _note_change(self, tenant: str, contact: Contact) -> None:
        """Remember the contact as it was, for the waits that watch it."""
        key = (tenant, contact.id)
        before = self._contacts[key][0]
        if self.ledger.directory.watched(tenant) and contact.differs_from(before):
            self._changed.setdefault(key, before)

    def _keep_contact(self, key: ContactKey, contact: Contact) -> None:
        revision = self._contacts[key][1]
        changed = following(contact, self._contacts[key][0])
        self._contacts[key] = (changed, revision)
        self.ledger.keep_contact(key[0], changed, revision)

    def _mark_taken(self, key: ContactKey, decision: Decision) -> None:
        known = self._events.get(key, ())
        self._events[key] = list(with_taken(known, decision.alone, decision.snapshot.id))

    def _keep_conversation(self, tenant: str, conversation: Conversation) -> None:
        kept = replace(conversation, revision=conversation.revision + 1)
        self.ledger.keep_conversation(tenant, kept, self._talks.keep(tenant, kept))

    def _tell_watchers(self, transaction: Transaction) -> None:
        """What fired has changed contacts: waits of other runs that watch them look again, in this transaction."""
        wanted = [{"tenant_id": tenant, "contact_id": contact} for tenant, contact in sorted(self._changed)]
        found: dict[ContactKey, list[StoredEnrollment]] = {}
        for stored in load_watching(transaction, wanted):
            found.setdefault((stored.tenant, stored.snapshot.contact_id or ""), []).append(stored)
        self._load(transaction, [(one, None, 0) for each in found.values() for one in each])
        for key, stored_runs in found.items():
            self._tell(key, {stored.snapshot.id: stored for stored in stored_runs})

    def _tell(self, key: ContactKey, watchers: Mapping[str, StoredEnrollment]) -> None:
        tenant = key[0]

        def standing(stored: StoredEnrollment) -> tuple[Workflow, Snapshot]:
            snapshot = stored.snapshot
            known = self._room.catalog.known(tenant, snapshot.workflow, snapshot.version)
            assert known is not None
            return self.ledger.latest(tenant, snapshot.id) or (known, snapshot)

        def tell(workflow: Workflow, snapshot: Snapshot, cause: ContactCause) -> None:
            try:
                self._look_again(key, workflow, snapshot, cause, watchers[snapshot.id])
            except BrokenFamily:
                raise
            except Exception:
                log.exception("a wait could not look again", extra={"enrollment": snapshot.id})

        tell_watchers(
            self._changed[key],
            lambda: self._contacts[key][0],
            lambda: [standing(stored) for stored in watchers.values()],
            tell,
            self._contacts[key][0].revision,
        )

    def _look_again(
        self, key: ContactKey, workflow: Workflow, snapshot: Snapshot, cause: ContactCause, stored: StoredEnrollment
    ) -> None:
        tenant = key[0]
        desk = self._desks.get((tenant, snapshot.id))
        if desk is None:
            decision = decide(workflow, snapshot, cause, self._surroundings(tenant, workflow, snapshot))
            if decision is not None:
                self._keep(stored, workflow, decision, cause)
            return
        workflow, snapshot = desk.runs[snapshot.id]
        decision = self._decide_alone(desk, workflow, snapshot, cause)
        if decision is not None and decision.of_family:
            self._household(desk).follow(snapshot, decision)

    def _decide_at(self, desk: Desk, stored: StoredEnrollment) -> bool:
        """As `_decide`, for a run of a family: it is decided as the others of this batch have left it."""
        workflow, snapshot = desk.runs[stored.snapshot.id]
        decision = self._decide_alone(desk, workflow, snapshot, TimerCause(snapshot.visit, snapshot.timers))
        if decision is None:
            if snapshot is stored.snapshot:
                self.ledger.postpone(stored, snapshot.due_at, 0, quarantine=False)
            return False
        self._household(desk).follow(snapshot, decision)
        return True

    def _household(self, desk: Desk) -> Household:
        return Household(desk, self._decide_alone, self._versions, self._strays)

    def _decide_alone(
        self, desk: Desk, workflow: Workflow, snapshot: Snapshot, cause: Cause, *, crowded: bool = False
    ) -> Decision | None:
        """Decide and keep, that of the family aside."""
        surroundings = self._surroundings(desk.tenant, workflow, snapshot)
        decision = decide(workflow, snapshot, cause, replace(surroundings, crowded=True) if crowded else surroundings)
        if decision is None:
            return None
        self.ledger.record(desk.tenant, workflow, decision, cause, desk.stored.get(snapshot.id))
        desk.see(workflow, decision.snapshot)
        self._keep_values(desk.tenant, decision)
        return decision

    def _surroundings(self, tenant: str, workflow: Workflow, snapshot: Snapshot) -> Surroundings:
        key = (tenant, snapshot.contact_id or "")
        known = self._contacts.get(key)
        return self.ledger.directory.surroundings(
            tenant,
            workflow,
            self.ledger.times.workflow,
            None if known is None else known[0],
            self._events.get(key, ()),
            self._talks.get(tenant, snapshot.conversation_id) if workflow.reads.conversation else None,
            self._kept.get(key, {}) if self._kept else {},
            self.ledger.lines.of(tenant),
        )


def _lag_s(claimed: Sequence[tuple[StoredEnrollment, str | None, int]], now: datetime) -> float:
    dues = [stored.due_at for stored, _, _ in claimed if stored.due_at is not None]
    return max(0.0, (now - min(dues)).total_seconds()) if dues else 0.0
