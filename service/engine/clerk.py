"""The clerk of a batch: decides causes for the runs at its desks, and keeps what comes of them in the ledger.

Those who carry out commands (`receptions.py`, `operations.py`, `task_outcomes.py`, `changes.py`) work through it, one
command after the other, so that each sees what the one before it did.
"""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import Final

from service.engine.desk import Desk
from service.engine.household import BrokenFamily, Household, Stray
from service.engine.ledger import Ledger
from service.engine.loading import Stock
from service.engine.room import Room
from statemachine.cause import Cause, ContactCause, Surroundings
from statemachine.contact import Contact, following
from statemachine.conversation import Conversation
from statemachine.decide import decide
from statemachine.decision import Decision
from statemachine.errors import NotFound
from statemachine.places import count_move
from statemachine.snapshot import Snapshot
from statemachine.watching import tell_watchers
from statemachine.workflow import Workflow

log: Final = logging.getLogger(__name__)


class Clerk:
    """See the module. `stock` is what was found for the commands, `ledger` what will be written."""

    def __init__(self, room: Room, stock: Stock) -> None:
        self.room = room
        self.stock = stock
        self.ledger = Ledger(stock.times, stock.directory, room.replica_id, room.local_queues, stock.lines)
        self.strays: list[Stray] = []

    # --- finding ---

    def desk(self, tenant: str, contact_id: str | None) -> Desk:
        """That of a contact; for what is about none, a new one."""
        return self.stock.desks[tenant, contact_id] if contact_id else Desk(tenant, None)

    def run_named(self, tenant: str, enrollment_id: str) -> tuple[Desk, Workflow, Snapshot]:
        """Raises NotFound."""
        desk = self.stock.desk_of_run(tenant, enrollment_id)
        if desk is None or enrollment_id not in desk.runs:
            raise NotFound("enrollment", enrollment_id)
        return desk, *desk.runs[enrollment_id]

    def surroundings(self, desk: Desk, workflow: Workflow, snapshot: Snapshot) -> Surroundings:
        now = self.ledger.times.workflow
        talk = self.stock.talks.get(desk.tenant, snapshot.conversation_id)
        directory, lines = self.ledger.directory, self.ledger.lines.of(desk.tenant)
        return directory.surroundings(desk.tenant, workflow, now, desk.contact, desk.events, talk, desk.kept, lines)

    # --- deciding ---

    def decide(self, desk: Desk, workflow: Workflow, snapshot: Snapshot, cause: Cause) -> Decision | None:
        """Decide and keep, its family's part included. Raises BrokenFamily."""
        decision = self.decide_alone(desk, workflow, snapshot, cause)
        if decision is not None:
            self.follow(desk, snapshot, decision)
        return decision

    def decide_alone(
        self, desk: Desk, workflow: Workflow, snapshot: Snapshot, cause: Cause, *, crowded: bool = False
    ) -> Decision | None:
        """Decide and keep, that of the family aside."""
        surroundings = self.surroundings(desk, workflow, snapshot)
        decision = decide(workflow, snapshot, cause, replace(surroundings, crowded=True) if crowded else surroundings)
        if decision is not None:
            self.keep(desk, workflow, decision, cause)
        return decision

    def follow(self, desk: Desk, before: Snapshot, decision: Decision) -> None:
        """See to what a decision, already kept, means to its family. Raises BrokenFamily."""
        if decision.of_family:
            Household(desk, self.decide_alone, self.stock.versions, self.strays).follow(before, decision)

    def tell_watchers(self, desk: Desk) -> None:
        """The contact has changed: waits that watch it look again, in this transaction."""
        seen, desk.told = desk.told, desk.contact
        assert desk.contact is not None
        revision = desk.contact.revision

        def tell(workflow: Workflow, snapshot: Snapshot, cause: ContactCause) -> None:
            try:
                self.decide(desk, *desk.runs[snapshot.id], cause)
            except BrokenFamily:
                raise
            except Exception:
                log.exception("a wait could not look again", extra={"enrollment": snapshot.id})

        tell_watchers(seen, lambda: desk.contact, desk.runs.values, tell, revision)
        desk.told = desk.contact

    # --- keeping ---

    def keep(self, desk: Desk, workflow: Workflow, decision: Decision, cause: Cause) -> None:
        """All that a decision says."""
        self.record(desk, workflow, decision, cause)
        if decision.contact is not None:
            self.keep_contact(desk, decision.contact)
        if decision.conversation is not None:
            self.keep_conversation(desk.tenant, decision.conversation)

    def record(self, desk: Desk, workflow: Workflow, decision: Decision, cause: Cause) -> None:
        """All but the contact and the conversation."""
        if self.stock.usages:
            known = desk.runs.get(decision.snapshot.id)
            count_move(self.stock.usages_of(desk.tenant), known[1] if known else None, decision.snapshot)
        self.ledger.record(desk.tenant, workflow, decision, cause, desk.stored.get(decision.snapshot.id))
        desk.see(workflow, decision.snapshot)
        desk.mark_taken(decision)

    def keep_contact(self, desk: Desk, contact: Contact) -> None:
        assert desk.contact is not None
        desk.contact = contact = following(contact, desk.contact)
        desk.written = True
        self.ledger.keep_contact(desk.tenant, contact, desk.revision)

    def keep_conversation(self, tenant: str, conversation: Conversation) -> Conversation:
        kept = replace(conversation, revision=conversation.revision + 1)
        self.ledger.keep_conversation(tenant, kept, self.stock.talks.keep(tenant, kept))
        return kept
