"""Firing timers: claim what is due, decide, save — one transaction, set-based, on the database's clock.

The claim locks enrollments with their contacts and skips what others hold, so any number of replicas may tick and a
timer still fires once. What falls due while its workflow is paused is parked (`storage/parking.py`). A run whose
decision fails backs off and, after five failures, is quarantined: visible, and out of everybody's way.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from service.engine.ledger import Ledger
from service.engine.loading import ContactKey, Room, reads_of, want_events
from service.engine.talks import Talks, own_conversation
from service.storage.database import Transaction
from service.storage.dialect import instant_text, load
from service.storage.enrollments import StoredEnrollment, claim_due, load_watching
from service.storage.events import look_back
from statemachine.cause import ContactCause, TimerCause
from statemachine.contact import Contact, contact_from_data
from statemachine.decide import decide
from statemachine.decision import Decision
from statemachine.event import Event
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
    commit."""

    def __init__(self, room: Room, most: int, *, alone: bool, on_claimed: Callable[[int], None]) -> None:
        self._room = room
        self._most = most
        self._alone = alone
        self._on_claimed = on_claimed
        self._contacts: dict[ContactKey, tuple[Contact, int]] = {}
        self._events: dict[ContactKey, list[Event]] = {}
        self._talks = Talks()
        self._changed: dict[ContactKey, Contact] = {}
        self.ledger: Ledger

    def run(self, transaction: Transaction) -> Fired:
        """Raises Conflict when nothing of the batch happened."""
        claimed = self._claim(transaction)
        self._on_claimed(len(claimed))
        self._load(transaction, claimed)
        fired = sum(self._fire(stored) for stored, _, _ in claimed)
        if self._changed:
            self._tell_watchers(transaction)
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
        self.ledger = Ledger(times(), known, self._room.replica_id, self._room.local_queues)
        return claim_due(transaction, instant_text(self.ledger.times.workflow), self._most, alone=self._alone)

    def _load(self, transaction: Transaction, claimed: Sequence[tuple[StoredEnrollment, str | None, int]]) -> None:
        wanted: dict[tuple[str, str, str], datetime] = {}
        talks: set[tuple[str, str]] = set()
        for stored, profile, revision in claimed:
            snapshot = stored.snapshot
            workflow = self._room.catalog.version(transaction, stored.tenant, snapshot.workflow, snapshot.version)
            if snapshot.contact_id is None:
                continue
            key = (stored.tenant, snapshot.contact_id)
            if profile is not None and key not in self._contacts:
                self._contacts[key] = (contact_from_data(snapshot.contact_id, load(profile), revision), revision)
            if workflow.reads.conversation and (own := own_conversation(stored.tenant, workflow, snapshot)):
                talks.add(own)
            if workflow.reads.events:
                now = self.ledger.times.workflow
                want_events(wanted, key, reads_of(workflow, snapshot), snapshot.started_at or now, now)
        if wanted:
            rows = [
                {"tenant_id": tenant, "contact_id": contact, "type": kind, "since": since}
                for (tenant, contact, kind), since in sorted(wanted.items())
            ]
            for tenant, event in look_back(transaction, rows):
                known = self._events.setdefault((tenant, event.contact_id or ""), [])
                if not self._changed or event not in known:
                    known.append(event)
        self._talks.load(transaction, talks)

    def _fire(self, stored: StoredEnrollment) -> bool:
        try:
            return self._decide(stored)
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
        snapshot = stored.snapshot
        if snapshot.workflow in self.ledger.directory.paused_in(stored.tenant):
            self.ledger.park(stored)
            return False
        workflow = self._room.catalog.known(stored.tenant, snapshot.workflow, snapshot.version)
        assert workflow is not None
        key = (stored.tenant, snapshot.contact_id or "")
        contact, _ = self._contacts.get(key, (None, 0))
        cause = TimerCause(snapshot.visit, snapshot.timers)
        events = self._events.get(key, ())
        now = self.ledger.times.workflow
        talk = self._talks.get(stored.tenant, snapshot.conversation_id)
        surroundings = self.ledger.directory.surroundings(stored.tenant, workflow, now, contact, events, talk)
        decision = decide(workflow, snapshot, cause, surroundings)
        if decision is None:
            self.ledger.postpone(stored, snapshot.due_at, 0, quarantine=False)
            return False
        self.ledger.record(stored.tenant, workflow, decision, cause, stored)
        if decision.contact is not None:
            if contact is not None and self.ledger.directory.watched(stored.tenant):
                self._changed.setdefault(key, contact)
            self._keep_contact(key, decision.contact)
        self._keep_conversation(stored.tenant, decision)
        return True

    def _keep_contact(self, key: ContactKey, contact: Contact) -> None:
        revision = self._contacts[key][1]
        changed = replace(contact, revision=contact.revision + 1)
        self._contacts[key] = (changed, revision)
        self.ledger.keep_contact(key[0], changed, revision)

    def _keep_conversation(self, tenant: str, decision: Decision) -> None:
        if decision.conversation is not None:
            kept = replace(decision.conversation, revision=decision.conversation.revision + 1)
            self.ledger.keep_conversation(tenant, kept, self._talks.keep(tenant, kept))

    # --- waits that look again ---

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
        now, contact, events = self.ledger.times.workflow, self._contacts[key][0], self._events.get(key, ())
        talk = self._talks.get(key[0], snapshot.conversation_id)
        surroundings = self.ledger.directory.surroundings(key[0], workflow, now, contact, events, talk)
        decision = decide(workflow, snapshot, cause, surroundings)
        if decision is not None:
            self.ledger.record(key[0], workflow, decision, cause, stored)
            if decision.contact is not None:
                self._keep_contact(key, decision.contact)
            self._keep_conversation(key[0], decision)


def _lag_s(claimed: Sequence[tuple[StoredEnrollment, str | None, int]], now: datetime) -> float:
    dues = [stored.due_at for stored, _, _ in claimed if stored.due_at is not None]
    return max(0.0, (now - min(dues)).total_seconds()) if dues else 0.0
