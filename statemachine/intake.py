"""What one event does to one contact: patch → exits → waits → entries, workflows by priority then key.

Each step of that order sees the result of the one before. An exit frees entry for the same event; the event that enrols
never satisfies that run's own waits. Pure: the engine loads a `Roster`, asks `receive`, and writes down the answer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any, Final

from statemachine.cause import ContactCause
from statemachine.decision import EmittedEvent
from statemachine.entering import Entering
from statemachine.event import Event
from statemachine.grace import Look
from statemachine.patch import apply_patch, hear, raised_of_new, remember_reply
from statemachine.roster import Reception, Roster
from statemachine.sending.consent import UNSUBSCRIBED, unsubscribe
from statemachine.sending.stop_words import obey
from statemachine.snapshot import Snapshot, Status
from statemachine.standstill import CONTINUE
from statemachine.step import CONTACT_CHANGED
from statemachine.verdict import ADVANCED, BLOCKED, BUFFERED, DEBOUNCED, DROPPED, EARLY, EXITED
from statemachine.watching import tell_watchers
from statemachine.workflow import Workflow


def receive(event: Event, roster: Roster, now: datetime, mint: Callable[[], str]) -> Reception:
    """Apply one event. `mint` gives the id of a new enrollment. Raises InvalidInput for a patch of the wrong shape."""
    return Intake(event, roster, now, mint).receive()


def look_again(look: Look, roster: Roster, now: datetime, mint: Callable[[], str]) -> Reception:
    """Look at the looks of the roster again without a new event, because the time of `look` is over."""
    intake = Intake(look.event, roster, now, mint)
    intake.second_looks()
    intake.changes()
    return intake.result()


def enter(
    workflow: Workflow, event: Event, roster: Roster, now: datetime, mint: Callable[[], str], *, entry_key: str | None
) -> Reception:
    """Enrol by API: the same rules as an entry by event, without a trigger to match. `event` is the API call itself."""
    intake = Intake(event, roster, now, mint)
    intake.patch()
    intake.enter(workflow, None, entry_key)
    intake.changes()
    return intake.result()


class Intake(Entering):
    """The phases of `receive`; each sees what the one before it changed."""

    def receive(self) -> Reception:
        self.patch()
        self.exits()
        self.waits()
        self.entries()
        self.second_looks()
        self.changes()
        return self.result()

    def patch(self) -> None:
        if self.contact is None:
            return
        if self.roster.is_new and self.event.type != "contact_created":
            self.raised.append(EmittedEvent("contact_created", {}))
        self.contact = remember_reply(self.contact, self.event)
        if self.event.contact_patch:
            self.contact, raised = apply_patch(self.contact, self.event.contact_patch)
            self.raised.extend(raised_of_new(raised) if self.roster.is_new else raised)
        if self.event.type == UNSUBSCRIBED:
            self.contact, raised = unsubscribe(self.contact, self.event)
            self.raised.extend(raised)
        if self.roster.stop_words:
            self.contact, raised = obey(self.contact, self.event, self.roster.stop_words)
            self.raised.extend(raised)
        if self.event.conversation_id:
            self._hear(self.event.conversation_id)

    def _hear(self, conversation_id: str) -> None:
        known = self._conversation(conversation_id)
        heard, raised = hear(known, self.event, self.now)
        self.raised.extend(raised)
        if heard is not known:
            self.conversations[conversation_id] = heard

    def exits(self) -> None:
        if not any(workflow.exits for workflow, _ in self.runs.values()):
            return
        for workflow, snapshot in self._ordered_runs():
            acts = workflow.exits and not snapshot.part and self.held(workflow, snapshot) in ("", "deliver")
            if acts and self.decide(workflow, snapshot, "exit"):
                self._verdict(workflow, EXITED, snapshot.id, self.runs[snapshot.id][1].exit_reason or "")

    def waits(self) -> None:
        for workflow, snapshot in self._waiting_runs():
            step = snapshot.step or ""
            held = self.held(workflow, snapshot)
            if held == "buffer":
                self._buffer(workflow, snapshot, step)
            elif held == "drop":
                self._drop(workflow, snapshot, step)
            elif step and workflow.steps[step].hears and self.decide(workflow, snapshot, "wait"):
                kind = DEBOUNCED if _still_there(snapshot, self.runs[snapshot.id][1]) else ADVANCED
                self._verdict(workflow, kind, snapshot.id, step=step)
            elif step and not held and self._comes_early(workflow, snapshot, step):
                self._verdict(workflow, BUFFERED, snapshot.id, EARLY, step)

    def _comes_early(self, workflow: Workflow, snapshot: Snapshot, step: str) -> bool:
        """Whether a later wait of the run may still take the event: it stays in the event log."""
        live = snapshot.status in (Status.WAITING, Status.RUNNING) and self.runs[snapshot.id][1] is snapshot
        if not live or self.waited.taken_by:
            return False
        return workflow.keeps_for_later(step, snapshot.step_starts, self.event.type)

    def _waiting_runs(self) -> Iterator[tuple[Workflow, Snapshot]]:
        """As always; where a wait takes events for itself alone, by priority and then the oldest run first."""
        if any(one.step and workflow.steps[one.step].runner.alone for workflow, one in self.runs.values()):
            return self._ordered_runs(_age)
        return self._ordered_runs()

    def _buffer(self, workflow: Workflow, snapshot: Snapshot, step: str) -> None:
        """A run that is held keeps an event that could move it, until it is let go."""
        if self.event.type not in workflow.waiting_for(snapshot.step, part=snapshot.part):
            return
        if self.decide(workflow, snapshot, "wait"):
            self._verdict(workflow, BUFFERED, snapshot.id, "paused", step)
        else:
            self._verdict(workflow, BLOCKED, snapshot.id, "buffer_full", step)

    def _drop(self, workflow: Workflow, snapshot: Snapshot, step: str) -> None:
        """The pause of a run drops the event; no wait of it takes it later."""
        if workflow.listens_in(self.event.type) and self.decide(workflow, snapshot, "wait"):
            self._verdict(workflow, BLOCKED, snapshot.id, DROPPED, step)

    def changes(self) -> None:
        """Let the runs that watch the contact look at what has become of it, last of all."""
        before = self.roster.contact
        if before is not None and self.contact is not before:
            tell_watchers(before, lambda: self.contact, self.runs.values, self._tell, before.revision + 1)

    def _tell(self, workflow: Workflow, snapshot: Snapshot, cause: ContactCause) -> None:
        workflow, snapshot = self.runs[snapshot.id]
        decision = self.decide_cause(workflow, snapshot, cause)
        if decision is None:
            return
        if decision.of_family:
            self._see_to_family(snapshot, decision)
        if decision.snapshot.status is Status.EXITED and decision.snapshot.visit == snapshot.visit:
            self._verdict(workflow, EXITED, snapshot.id, decision.snapshot.exit_reason or "")
        elif not _still_there(snapshot, decision.snapshot):
            self._verdict(workflow, ADVANCED, snapshot.id, CONTACT_CHANGED, snapshot.step or "")


def _still_there(before: Snapshot, after: Snapshot) -> bool:
    """Whether the run rests where it rested: the event joined a burst, or began a silence anew."""
    return after.live and after.visit == before.visit and CONTINUE not in after.deadlines


def _age(pair: tuple[Workflow, Snapshot]) -> tuple[Any, ...]:
    """By priority, the oldest first."""
    workflow, snapshot = pair
    return -workflow.entry.priority, snapshot.started_at or _LAST, snapshot.id


_LAST: Final = datetime.max.replace(tzinfo=UTC)
