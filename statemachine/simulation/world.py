"""A world in memory around the pure core: contacts, an event log, runs, open tasks, and a clock moved by hand.

It does what the service's engine does (load, decide, keep, then raised events and continuing runs in order of the
commit) with the same core and without storage. Nothing in it is random: ids are counted, so the same happenings give
the same world, byte for byte.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any, Final

from statemachine.cause import (
    Cause,
    ContactCause,
    ContinueCause,
    EventCause,
    Operation,
    OperatorCause,
    ParentCause,
    StartCause,
    TaskCause,
    TimerCause,
    chain_after,
)
from statemachine.contact import Contact
from statemachine.dates import date_event
from statemachine.decide import decide
from statemachine.decision import ChildOrder, Decision, EmittedEvent
from statemachine.event import Event, event_from_data
from statemachine.family import follow
from statemachine.intake import enter, look_again, receive
from statemachine.patch import apply_patch, raised_of_new
from statemachine.roster import Reception
from statemachine.sending.consent import set_consent
from statemachine.simulation.trace import Answer, Attempt, Moment, MomentKind
from statemachine.simulation.turns import DATES, LOOK, Turns
from statemachine.snapshot import Snapshot, Status
from statemachine.standstill import NO_STANDSTILL, Standstill
from statemachine.watching import tell_watchers
from statemachine.workflow import Workflow

_CREATED: Final = EmittedEvent("contact_created", {})


class World(Turns):
    """See the module; `Memory` says what it is made with. `now` is moved by whoever owns the world."""

    def receive(self, event: Event) -> Reception:
        """An event comes in now, and everything it leads to at once. Raises InvalidInput for a wrong contact patch."""
        reception = self._receive(replace(event, accepted_at=self.now), "event")
        self.settle()
        return reception

    def enter(self, workflow: str, event: Event, entry_key: str | None = None) -> Reception:
        """An enrolment by API. `event` is the call itself."""
        call = replace(event, accepted_at=self.now)
        roster = self._roster(call.contact_id, (self.workflows[workflow],), self._log_of(call.contact_id))
        reception = enter(self.workflows[workflow], call, roster, self.now, self._new_run, entry_key=entry_key)
        self._keep_reception(call, reception, "event")
        self.settle()
        return reception

    def change_contact(self, contact_id: str, patch: Mapping[str, Any]) -> None:
        """An Upsert. Raises InvalidInput for a patch of the wrong shape."""
        known = self.contacts.get(contact_id)
        changed, events = apply_patch(known or Contact(contact_id), patch)
        self.trace.append(Moment(self.now, "contact", contact_id, text="created" if known is None else "changed"))
        if known is None or changed is not known:
            self._emit(contact_id, (_CREATED, *raised_of_new(events)) if known is None else events, ())
            self._keep_contact(changed)
            self._tell_watchers(contact_id, known)
        self.settle()

    def set_consent(self, contact_id: str, statuses: Mapping[str, str]) -> None:
        """A SetConsent, which here makes the contact when there is none."""
        known = self.contacts.get(contact_id)
        changed, events = set_consent(known or Contact(contact_id), statuses, "", self.now)
        self.trace.append(Moment(self.now, "contact", contact_id, text="consent"))
        if known is None or changed is not known:
            self._emit(contact_id, (_CREATED, *events) if known is None else events, ())
            self._keep_contact(changed)
            self._tell_watchers(contact_id, known)
        self.settle()

    def operate(self, run_id: str, operation: Operation, data: Mapping[str, Any]) -> Decision | None:
        """An operator's command. Raises TransitionRefused or InvalidInput as the core refuses; nothing changed then."""
        return self.cause(run_id, OperatorCause(operation, self.mint("request"), data))

    def look_again(self, contact_id: str) -> None:
        """The grace of an earlier event of the contact is over."""
        over = next(
            look for look in self.looks[contact_id] if look.until_at <= self.now and look.workflow not in self.paused
        )
        roster = self._roster(contact_id, (), self._log_of(contact_id))
        self._keep_reception(over.event, look_again(over, roster, self.now, self._new_run), "raised")
        self.settle()

    def _keep_appointments(self, contact_id: str) -> None:
        """Enrol by the dates of the contact that have come."""
        for workflow, arrival in self.diary.arrive(self.contacts[contact_id], self.now, self._holding):
            event = date_event(self.mint("date"), contact_id, arrival, self.now)
            self._log(event)
            self._receive(event, "raised", (workflow,))
            self.settle()

    def fire(self, run_id: str) -> Decision | None:
        """The timer of a run, or its turn to begin; without a deadline that has passed nothing comes of it."""
        if run_id.startswith(DATES):
            self._keep_appointments(run_id.removeprefix(DATES))
            return None
        if run_id.startswith(LOOK):
            self.look_again(run_id.removeprefix(LOOK))
            return None
        snapshot = self.records[run_id].snapshot
        if snapshot.status is Status.PENDING and not snapshot.held:
            return self._begin(run_id)
        return self.cause(run_id, TimerCause(snapshot.visit, snapshot.timers))

    def _begin(self, run_id: str) -> Decision | None:
        """Look whether there is a place for a pending run."""
        record = self.records[run_id]
        turn = self._turn(record)
        if turn.queue is not None and turn.queue["rule"] == record.snapshot.queued:
            return None
        for _, other in turn.interrupts:
            self.cause(other.id, EventCause(event_from_data(record.snapshot.trigger), "interrupt"))
        return self.cause(run_id, StartCause(record.snapshot.sequence, turn.refused), turn.queue)

    def answer(self, run_id: str, answer: Answer) -> bool:
        """Attempt the open task of a run and answer it now; tells whether the answer was applied."""
        record = self.records[run_id]
        work = record.work
        if work is None:
            return False
        order, number = work.order, work.attempt
        work.answered = True
        told = Attempt(self.now, run_id, record.workflow.key, record.snapshot.contact_id, order, number, answer)
        self._tell(Moment(self.now, "attempt", told.contact_id, run_id, told.workflow, attempt=told), order.input)
        applied = self.finish(run_id, order.step, order.visit, number, answer)
        self.transitions += not applied
        return applied

    def finish(self, run_id: str, step: str, visit: int, attempt: int, answer: Answer) -> bool:
        """The result of any attempt of any task of the run, timely or not; tells whether it was applied."""
        task_id = f"{run_id}.{step}.{visit}"
        result = (answer.outcome, answer.output, answer.variables, answer.failure)
        return self.cause(run_id, TaskCause(task_id, step, visit, attempt, *result)) is not None

    def pause_workflow(self, key: str, timers: str | None = None, events: str | None = None) -> None:
        """Hold its runs. None means what its definition says."""
        workflow, before = self.workflows[key], self.standstills.get(key, NO_STANDSTILL)
        policies = timers or workflow.pause_timers, events or workflow.pause_events
        self.standstills[key] = Standstill(policies[0], self.now, before.total_s, policies[1])
        self.paused.add(key)

    def resume_workflow(self, key: str) -> None:
        """Waiting runs look again at what happened meanwhile."""
        self.paused.discard(key)
        still = self.standstills.get(key, NO_STANDSTILL)
        self.standstills[key] = replace(still, since=None, total_s=still.passed_s(self.now), ended_at=self.now)
        for name, record in list(self.records.items()):
            if record.workflow.key == key and record.snapshot.status in (Status.WAITING, Status.RUNNING):
                self.fire(name)

    def cause(self, run_id: str, cause: Cause, queue: Mapping[str, Any] | None = None) -> Decision | None:
        """Decide one cause for a run, keep what comes of it, and follow it up."""
        decision = self._decide(run_id, cause, queue)
        self.settle()
        return decision

    def settle(self) -> None:
        """Follow up what was kept: raised events and continuing runs, in order."""
        while self._follow_ups and not self.exhausted:
            following = self._follow_ups.popleft()
            if isinstance(following, Event):
                self._receive(following, "raised")
            elif self.records[following[0]].workflow.key not in self.paused:
                self._decide(following[0], ContinueCause(following[1]))

    def _receive(self, event: Event, kind: MomentKind, candidates: Iterable[Workflow] | None = None) -> Reception:
        earlier = (
            known for known in self._log_of(event.contact_id) if (known.id, known.source) != (event.id, event.source)
        )
        known_flows = self.workflows.values()
        listening = [flow for flow in known_flows if any(one.type == event.type for one in flow.triggers)]
        wanted = listening if candidates is None else candidates
        roster = self._roster(event.contact_id, wanted, (*earlier, event))
        if event.chain:
            roster = replace(roster, raised=self._raised(event))
        reception = receive(event, roster, self.now, self._new_run)
        if kind == "event":
            self._log(event)
        self._keep_reception(event, reception, kind)
        return reception

    def _new_run(self) -> str:
        return self.mint("enrollment")

    def _decide(self, run_id: str, cause: Cause, queue: Mapping[str, Any] | None = None) -> Decision | None:
        record = self.records[run_id]
        before = record.snapshot
        seen = self.contacts.get(before.contact_id or "")
        decision = self.decide(record.workflow, before, cause, queue=queue)
        if decision is not None:
            follow(self, before, decision)
            changed = self.contacts.get(before.contact_id or "")
            if changed is not seen and before.contact_id and not isinstance(cause, ContactCause):
                self._tell_watchers(before.contact_id, seen)
        return decision

    def _let_look(self, _: Workflow, snapshot: Snapshot, cause: ContactCause) -> None:
        self._decide(snapshot.id, cause)

    def _tell_watchers(self, contact_id: str, seen: Contact | None) -> None:
        """The contact is another than was `seen`: waits that watch it look again."""
        tell_watchers(
            seen,
            lambda: self.contacts.get(contact_id),
            lambda: self._live_runs(contact_id).values(),
            self._let_look,
            self.contacts[contact_id].revision,
        )

    def _keep_reception(self, event: Event, reception: Reception, kind: MomentKind) -> None:
        self._tell(Moment(self.now, kind, event.contact_id, event=event, verdicts=reception.verdicts), event.data)
        for decision in reception.decisions:
            self._keep(self._workflow_of(decision.snapshot), decision)
            chain = chain_after(decision.snapshot, EventCause(event, "wait"))
            self._emit(event.contact_id, decision.events, chain)
        self._emit(event.contact_id, reception.raised, event.chain)
        if event.contact_id is not None and (reception.looks or event.contact_id in self.looks):
            self.looks[event.contact_id] = reception.looks
        self._go_on(reception.decisions)
        contact = reception.contact
        if contact is not None and self.contacts.get(contact.id) is not contact:
            self._keep_contact(contact)
        for conversation in reception.conversations:
            self._keep_conversation(conversation)

    def member(self, run_id: str) -> tuple[Workflow, Snapshot] | None:
        record = self.records.get(run_id)
        return (record.workflow, record.snapshot) if record else None

    def children_of(self, run_id: str) -> list[tuple[Workflow, Snapshot]]:
        return [
            (record.workflow, record.snapshot)
            for record in self.records.values()
            if record.snapshot.parent_id == run_id and record.snapshot.live
        ]

    def version_of(self, order: ChildOrder) -> Workflow | None:
        parent, child = self.records[order.snapshot.parent_id or ""], order.snapshot
        same = (parent.workflow.key, parent.workflow.version) == (child.workflow, child.version)
        return parent.workflow if same else self._version(child.workflow, child.version)

    def absent(self, parent: Snapshot, word: ParentCause) -> None:
        """None is."""

    def decide(
        self,
        workflow: Workflow,
        snapshot: Snapshot,
        cause: Cause,
        *,
        crowded: bool = False,
        queue: Mapping[str, Any] | None = None,
    ) -> Decision | None:
        """Decide one cause and keep what comes of it, that of its family aside."""
        around = self._surroundings(workflow, snapshot)
        if crowded or queue:
            around = replace(around, crowded=crowded, queue=queue)
        decision = decide(workflow, snapshot, cause, around)
        if decision is not None:
            self._keep(workflow, decision)
            if decision.contact is not None:
                self._keep_contact(decision.contact)
            if decision.conversation is not None:
                self._keep_conversation(decision.conversation)
            self._emit(snapshot.contact_id, decision.events, chain_after(decision.snapshot, cause))
            self._go_on((decision,))
        return decision
