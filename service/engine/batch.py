"""A batch: load, decide, save. One transaction for everything that was waiting.

Deciding happens in memory, command by command, in order, on what `loading.py` found. A command that is refused, or
whose decision fails, is answered so and leaves nothing behind; its neighbours go on.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Any, Final

from service.engine.answers import answer_from_data, answer_to_data, method_of, verdict_to_data
from service.engine.commands import (
    Answer,
    ChangeContact,
    ChangeConversation,
    Command,
    ContactAnswer,
    ContinueRun,
    ConversationAnswer,
    DecideTask,
    DispatchEvent,
    EnrollAnswer,
    EnrollContact,
    EventAnswer,
    FinishAnswer,
    FinishTask,
    LookAgain,
    Operate,
    OperateAnswer,
    StartPending,
    TriggerEvent,
)
from service.engine.deciding import answer_of
from service.engine.desk import Desk
from service.engine.household import BrokenFamily, Household, Stray, tell_strays
from service.engine.ids import new_id
from service.engine.ledger import Ledger
from service.engine.loading import ContactKey, Room, Stock
from service.engine.results import (
    check_lease,
    check_outcome,
    failure_data,
    finished_status,
    repeats_result,
    settled_failure,
)
from service.storage.database import Transaction
from service.storage.events import Repeat
from service.storage.tasks import LeasedTask
from statemachine.admission import CAUSATION
from statemachine.arbitration import turn_of
from statemachine.cause import (
    Cause,
    ContactCause,
    ContinueCause,
    EventCause,
    OperatorCause,
    StartCause,
    Surroundings,
    TaskCause,
    TaskFailure,
    cause_from_data,
)
from statemachine.contact import Contact, following
from statemachine.conversation import Conversation
from statemachine.decide import decide
from statemachine.decision import Decision, EmittedEvent
from statemachine.errors import (
    EventIdReused,
    NotFound,
    PreconditionFailed,
    RequestIdReused,
    StaleRevision,
    TransitionRefused,
    WorkflowError,
)
from statemachine.event import Event, event_from_data
from statemachine.grace import Look
from statemachine.intake import enter, look_again, receive
from statemachine.limits import MAX_RAISED_PER_MINUTE
from statemachine.migration import migrate, route_of
from statemachine.patch import apply_patch, change_tags, close_conversation, raised_of_new, with_variables
from statemachine.places import NO_USAGE, Usage, count_move
from statemachine.roster import Reception
from statemachine.sending.consent import set_consent
from statemachine.snapshot import Snapshot, Status
from statemachine.standstill import CONTINUE
from statemachine.verdict import BLOCKED, ENROLLED, Verdict
from statemachine.watching import tell_watchers
from statemachine.workflow import Limits, Workflow

_CREATED: Final = EmittedEvent("contact_created", {})
log = logging.getLogger(__name__)
Result = Answer | Exception
_UNNAMED = DispatchEvent | ContinueRun | StartPending | LookAgain
"""Commands that the engine gives itself: nobody repeats them."""


class HeldElsewhere(Exception):  # noqa: N818 - nothing went wrong: come back in a moment
    """Another replica holds the contact; the command is put back."""


class Batch:
    """See the module. `run` answers each command in order; `ledger` then says what must follow the commit."""

    def __init__(self, room: Room, commands: Sequence[Command]) -> None:
        self._room = room
        self._commands = commands
        self._stock: Stock
        self._strays: list[Stray] = []
        self.ledger: Ledger

    def run(self, transaction: Transaction) -> list[Result]:
        """Raises Conflict or Unavailable when nothing of the batch happened."""
        stock = self._stock = Stock(self._room, transaction, self._commands)
        self.ledger = Ledger(stock.times, stock.directory, self._room.replica_id, self._room.local_queues)
        results = [self._attempt(command, key) for command, key in zip(self._commands, stock.keys, strict=True)]
        tell_strays(transaction, self._strays, self._decide_alone, stock.versions, stock.seat)
        self.ledger.save(transaction)
        return results

    # --- decide ---

    def _attempt(self, command: Command, key: ContactKey | None) -> Result:
        try:
            if key is not None and key in self._stock.held:
                raise HeldElsewhere
            repeat = self._repeated(command)
            if repeat is not None:
                return repeat
            answer = _DECIDERS[type(command)](self, command)
            desk = None if key is None else self._stock.desks.get(key)
            if desk is not None and desk.contact is not desk.told:
                self._tell_watchers(desk)
            return answer
        except (WorkflowError, HeldElsewhere) as refusal:
            return refusal
        except BrokenFamily:
            raise
        except Exception as error:
            log.exception("a %s could not be decided", type(command).__name__)
            return error

    def _repeated(self, command: Command) -> Result | None:
        """The first answer to a command that came before, if it did."""
        if isinstance(command, TriggerEvent):
            return self._repeated_event(command)
        if isinstance(command, _UNNAMED) or not command.body_hash:
            return None
        repeat = self._stock.repeats.get(("request", command.tenant, method_of(command), command.request_id))
        if repeat is None:
            return None
        if repeat.body_hash != command.body_hash:
            raise RequestIdReused(
                f"request id {command.request_id!r} was used before with another body; use a fresh one",
                request_id=command.request_id,
            )
        return answer_from_data(command, repeat.answer)

    def _repeated_event(self, command: TriggerEvent) -> EventAnswer | None:
        event = command.event
        repeat = self._stock.repeats.get(("event", command.tenant, event.source, event.id))
        if repeat is None:
            return None
        if repeat.body_hash != command.body_hash:
            raise EventIdReused(
                f"event id {event.id!r} of source {event.source!r} was accepted before with another body; nothing "
                "changed; give a new event a new id",
                event_id=event.id,
                source=event.source,
            )
        return EventAnswer(event.id, True, tuple(Verdict(**verdict) for verdict in repeat.answer), repeat.at)

    def _trigger(self, command: TriggerEvent) -> EventAnswer:
        now = self.ledger.times.workflow
        event = _accepted(command.event, now)
        reception = self._receive(command.tenant, event)
        verdicts = [verdict_to_data(verdict) for verdict in reception.verdicts]
        self.ledger.log_event(command.tenant, event)
        self.ledger.remember_event(command.tenant, event, command.body_hash, verdicts)
        name = ("event", command.tenant, event.source, event.id)
        self._stock.repeats[name] = Repeat(command.body_hash, verdicts, self.ledger.times.wall)
        return EventAnswer(event.id, False, reception.verdicts, self.ledger.times.wall)

    def _dispatch(self, command: DispatchEvent) -> EventAnswer:
        event = command.event
        name = ("pending", command.tenant, "", command.row_id)
        pending = self._stock.repeats.get(name)
        still_pending = pending is not None
        verdicts: tuple[Verdict, ...] = ()
        if pending is not None:
            verdicts = self._receive(command.tenant, event, pending.raised).verdicts
            blocked = next((one.rule for one in verdicts if one.kind == BLOCKED and one.rule in CAUSATION), None)
            self.ledger.handled(command.tenant, command.row_id, event.accepted_at, blocked)
            del self._stock.repeats[name]
        return EventAnswer(event.id, not still_pending, verdicts, self.ledger.times.wall)

    def _receive(self, tenant: str, event: Event, raised: int = 0) -> Reception:
        directory = self.ledger.directory
        desk = self._desk(tenant, event.contact_id)
        events = tuple(known for known in desk.events if known.id != event.id or known.source != event.source)
        talks = self._stock.talks.around(desk, event.conversation_id)
        candidates = directory.candidates(tenant, event.type)
        usages, versions = self._stock.usages_of(tenant), partial(self._stock.versions.find, tenant)
        roster = desk.roster(directory, candidates, (*events, event), talks, usages, versions)
        if raised > MAX_RAISED_PER_MINUTE:
            roster = replace(roster, raised=raised)
        reception = receive(event, roster, self.ledger.times.workflow, new_id)
        self._keep_reception(desk, event, reception)
        desk.events = [*events, event]
        for decision in reception.decisions:
            desk.mark_taken(decision)
        return reception

    def _enroll(self, command: EnrollContact) -> EnrollAnswer:
        workflow = self._stock.enrolled_workflow(command)
        if workflow is None:
            if command.version and (command.tenant, command.workflow) in self.ledger.directory.workflows:
                raise NotFound("version", f"{command.workflow}@{command.version}")
            raise NotFound("workflow", command.workflow)
        event = Event(
            id=command.request_id,
            type="api",
            source="api",
            contact_id=command.contact_id,
            conversation_id=command.conversation_id,
            key=command.key,
            data=command.input,
            contact_patch=command.contact_patch,
            accepted_at=self.ledger.times.workflow,
            priority=command.priority,
        )
        desk = self._desk(command.tenant, command.contact_id)
        talks = self._stock.talks.around(desk, command.conversation_id)
        usages, versions = self._stock.usages_of(command.tenant), partial(self._stock.versions.find, command.tenant)
        roster = desk.roster(self.ledger.directory, (), tuple(desk.events), talks, usages, versions)
        reception = enter(workflow, event, roster, self.ledger.times.workflow, new_id, entry_key=command.key)
        verdict = next(one for one in reversed(reception.verdicts) if one.kind in (ENROLLED, BLOCKED))
        last = reversed(reception.decisions)
        snapshot = next((d.snapshot for d in last if d.snapshot.id == verdict.enrollment_id), None)
        answer = EnrollAnswer(verdict, snapshot if verdict.kind == ENROLLED else None)
        if command.dry_run:
            return answer
        self._keep_reception(desk, event, reception)
        self._remember(command, answer)
        return answer

    def _desk(self, tenant: str, contact_id: str | None) -> Desk:
        return self._stock.desks[tenant, contact_id] if contact_id else Desk(tenant, None)

    def _keep_reception(self, desk: Desk, event: Event, reception: Reception) -> None:
        for decision in reception.decisions:
            workflow = self._workflow_of(desk, decision.snapshot)
            record = decision.history[0].cause
            assert record is not None
            known = record["cause"]
            own = known["kind"] == "event" and known["event"]["id"] == event.id
            cause = EventCause(event, known["phase"]) if own else cause_from_data(known)
            self._record(desk, workflow, decision, cause)
        if reception.looks != desk.looks:
            self._keep_looks(desk, reception.looks)
        if reception.raised:
            self.ledger.emit(desk.tenant, event.contact_id, reception.raised, event.chain)
        if desk.contact is not None and (desk.is_new or reception.contact is not desk.contact):
            assert reception.contact is not None
            self._keep_contact(desk, reception.contact)
            desk.told = desk.contact
        for conversation in reception.conversations:
            self._keep_conversation(desk.tenant, conversation)

    def _keep_looks(self, desk: Desk, looks: tuple[Look, ...]) -> None:
        before, after = ({look.id: look for look in some} for some in (desk.looks, looks))
        for name in before.keys() - after.keys():
            self.ledger.keep_look(desk.tenant, before[name], kept=False)
        for name in after.keys() - before.keys():
            self.ledger.keep_look(desk.tenant, after[name], kept=True)
            self._stock.seat_looker(desk, after[name])
        desk.looks = looks

    def _look_again(self, command: LookAgain) -> EventAnswer:
        desk = self._desk(command.tenant, command.contact_id)
        now = self.ledger.times.workflow
        paused = self.ledger.directory.paused_in(command.tenant)
        over = next((look for look in desk.looks if look.until_at <= now and look.workflow not in paused), None)
        if over is None:
            return EventAnswer("", True, (), self.ledger.times.wall)
        talks = self._stock.talks.around(desk, over.event.conversation_id)
        usages, versions = self._stock.usages_of(command.tenant), partial(self._stock.versions.find, command.tenant)
        roster = desk.roster(self.ledger.directory, (), tuple(desk.events), talks, usages, versions)
        reception = look_again(over, roster, now, new_id)
        self._keep_reception(desk, over.event, reception)
        return EventAnswer(over.event.id, False, reception.verdicts, self.ledger.times.wall)

    def _workflow_of(self, desk: Desk, snapshot: Snapshot) -> Workflow:
        known = desk.runs.get(snapshot.id)
        if known is None and snapshot.part:
            known = desk.runs.get(snapshot.parent_id or "")
        workflow = known[0] if known else self._room.catalog.known(desk.tenant, snapshot.workflow, snapshot.version)
        assert workflow is not None
        return workflow

    def _operate(self, command: Operate) -> OperateAnswer:
        desk, workflow, snapshot = self._run_named(command.tenant, command.enrollment_id)
        if command.expected_revision is not None and command.expected_revision != snapshot.revision:
            raise StaleRevision(
                f"the enrollment is at revision {snapshot.revision}, not {command.expected_revision}; read it again",
                revision=str(snapshot.revision),
                expected_revision=str(command.expected_revision),
            )
        cause = OperatorCause(command.operation, command.request_id, command.data)
        try:
            decide_it = self._migrate if command.operation == "migrate" else self._decide
            decide_it(desk, workflow, snapshot, cause)
        except TransitionRefused as refusal:
            refusal.metadata = {**refusal.metadata, "enrollment_id": command.enrollment_id}
            raise
        answer = OperateAnswer(desk.runs[snapshot.id][1])
        self._remember(command, answer)
        return answer

    def _continue(self, command: ContinueRun) -> OperateAnswer:
        desk, workflow, snapshot = self._run_named(command.tenant, command.enrollment_id)
        if snapshot.continues == command.number and CONTINUE in snapshot.deadlines:
            self._decide(desk, workflow, snapshot, ContinueCause(command.number))
        return OperateAnswer(desk.runs[snapshot.id][1])

    def _start_pending(self, command: StartPending) -> OperateAnswer:
        desk, workflow, snapshot = self._run_named(command.tenant, command.enrollment_id)
        held = workflow.key in self.ledger.directory.paused_in(command.tenant)
        if snapshot.status is not Status.PENDING or held:
            return OperateAnswer(snapshot)
        turn = turn_of(workflow, snapshot, *self._room_in(command.tenant, workflow), tuple(desk.runs.values()))
        if turn.queue is not None and turn.queue["rule"] == snapshot.queued:
            self.ledger.queues.requeue(command.tenant, snapshot)
            return OperateAnswer(snapshot)
        for flow, other in turn.interrupts:
            self._decide(desk, flow, other, EventCause(event_from_data(snapshot.trigger), "interrupt"))
        cause = StartCause(snapshot.sequence, turn.refused)
        decision = decide(
            workflow, snapshot, cause, replace(self._surroundings(desk, workflow, snapshot), queue=turn.queue)
        )
        assert decision is not None
        self._keep_decision(desk, workflow, decision, cause)
        self._follow(desk, snapshot, decision)
        return OperateAnswer(desk.runs[snapshot.id][1])

    def _room_in(self, tenant: str, workflow: Workflow) -> tuple[Limits, Usage]:
        """The limits of the active version, so that they can be raised for those who wait; and how full it is."""
        active = self.ledger.directory.active(tenant, workflow.key)
        known = self._room.catalog.known(tenant, workflow.key, active) if active is not None else None
        return (known or workflow).limits, self._stock.usages_of(tenant).get(workflow.key, NO_USAGE)

    def _finish(self, command: FinishTask) -> FinishAnswer:
        task = self._stock.tasks.get((command.tenant, command.task_id))
        if task is None:
            raise NotFound("task", command.task_id)
        if repeats_result(task, command.token, command.failure):
            return FinishAnswer(task.id, True)
        check_lease(task, command.token)
        if command.failure is None:
            check_outcome(task, command.outcome)
        failure = settled_failure(task, command.failure)
        applied = task.status == "leased" and self._apply_result(command, task, failure)
        if not applied:
            self.ledger.tasks.finish(command.tenant, task, "cancelled", command.output, failure_data(failure))
        answer = FinishAnswer(task.id, applied)
        self._stock.tasks[command.tenant, task.id] = replace(task, status="completed")
        self._remember(command, answer)
        return answer

    def _decide_task(self, command: DecideTask) -> FinishAnswer:
        task = self._stock.tasks.get((command.tenant, command.task_id))
        if task is None:
            raise NotFound("task", command.task_id)
        human = self._stock.people.admit(task, command)
        desk, workflow, snapshot = self._run_named(command.tenant, task.enrollment_id)
        output = answer_of(workflow, snapshot, command, self.ledger.times.workflow)
        cause = TaskCause(task.id, task.step, task.visit, task.attempt, command.decision, output)
        self.ledger.tasks.handoffs.knows(human)
        if self._decide(desk, workflow, snapshot, cause) is None:
            raise PreconditionFailed(f"the enrollment of task {task.id!r} has left the step", task_id=task.id)
        self._stock.people.close(human, command, self.ledger.times.workflow)
        answer = FinishAnswer(task.id, True)
        self._remember(command, answer)
        return answer

    def _apply_result(self, command: FinishTask, task: LeasedTask, failure: TaskFailure | None) -> bool:
        desk, workflow, snapshot = self._run_named(command.tenant, task.enrollment_id)
        cause = TaskCause(
            task.id,
            task.step,
            task.visit,
            task.attempt,
            command.outcome,
            command.output,
            command.variables,
            failure,
        )
        decision = decide(workflow, snapshot, cause, self._surroundings(desk, workflow, snapshot))
        if decision is None:
            return False
        status = finished_status(failure)
        self.ledger.tasks.finish(command.tenant, task, status, command.output, failure_data(failure))
        self._keep_decision(desk, workflow, decision, cause)
        self._follow(desk, snapshot, decision)
        return True

    def _change_contact(self, command: ChangeContact) -> ContactAnswer:
        desk = self._stock.desks[command.tenant, command.contact_id]
        contact = desk.contact
        assert contact is not None
        if command.must_exist and desk.is_new:
            raise NotFound("contact", command.contact_id)
        if command.expected_revision is not None and command.expected_revision != contact.revision:
            raise StaleRevision(
                f"the contact is at revision {contact.revision}, not {command.expected_revision}; read it again",
                revision=str(contact.revision),
                expected_revision=str(command.expected_revision),
            )
        created = desk.is_new
        changed, events = apply_patch(contact, command.patch)
        changed, tag_events = change_tags(changed, command.add_tags, command.remove_tags)
        now = self.ledger.times.workflow
        at = min(command.consent_at or now, now)
        changed, consent_events = set_consent(changed, command.consent, command.consent_source, at)
        if created or changed is not contact:
            if command.emit:
                said = (*events, *tag_events, *consent_events)
                raised = (_CREATED, *raised_of_new(said)) if created else said
                self.ledger.emit(command.tenant, contact.id, raised, ())
            self._keep_contact(desk, changed)
        answer = self._contact_answer(desk, created=created, changed=created or changed is not contact)
        self._remember(command, answer)
        return answer

    def _change_conversation(self, command: ChangeConversation) -> ConversationAnswer:
        known = self._stock.talks.get(command.tenant, command.conversation_id)
        if known is None:
            raise NotFound("conversation", command.conversation_id)
        if command.expected_revision is not None and command.expected_revision != known.revision:
            raise StaleRevision(
                f"the conversation is at revision {known.revision}, not {command.expected_revision}; read it again",
                revision=str(known.revision),
                expected_revision=str(command.expected_revision),
            )
        missing = next((name for name in command.remove if name not in known.variables), None)
        if missing is not None:
            raise NotFound("variable", missing)
        now = self.ledger.times.workflow
        changed = with_variables(known, command.values, command.remove, now)
        if command.close:
            changed, raised = close_conversation(changed, now)
            self.ledger.emit(command.tenant, known.contact_id, raised, ())
        kept = self._keep_conversation(command.tenant, changed) if changed is not known else known
        removed = {name: known.variables[name] for name in command.remove}
        answer = ConversationAnswer(kept, changed is not known, removed)
        self._remember(command, answer)
        return answer

    def _contact_answer(self, desk: Desk, *, created: bool, changed: bool) -> ContactAnswer:
        assert desk.contact is not None
        now = self.ledger.times.workflow
        updated_at = now if changed or desk.updated_at is None else desk.updated_at
        return ContactAnswer(desk.contact, created, changed, desk.created_at or now, updated_at)

    # --- keep ---

    def _tell_watchers(self, desk: Desk) -> None:
        """The contact has changed: waits that watch it look again, in this transaction."""
        seen, desk.told = desk.told, desk.contact
        assert desk.contact is not None
        revision = desk.contact.revision

        def tell(workflow: Workflow, snapshot: Snapshot, cause: ContactCause) -> None:
            try:
                self._decide(desk, *desk.runs[snapshot.id], cause)
            except BrokenFamily:
                raise
            except Exception:
                log.exception("a wait could not look again", extra={"enrollment": snapshot.id})

        tell_watchers(seen, lambda: desk.contact, desk.runs.values, tell, revision)
        desk.told = desk.contact

    def _run_named(self, tenant: str, enrollment_id: str) -> tuple[Desk, Workflow, Snapshot]:
        desk = self._stock.desk_of_run(tenant, enrollment_id)
        if desk is None or enrollment_id not in desk.runs:
            raise NotFound("enrollment", enrollment_id)
        return desk, *desk.runs[enrollment_id]

    def _decide(self, desk: Desk, workflow: Workflow, snapshot: Snapshot, cause: Cause) -> Decision | None:
        decision = self._decide_alone(desk, workflow, snapshot, cause)
        if decision is not None:
            self._follow(desk, snapshot, decision)
        return decision

    def _decide_alone(
        self, desk: Desk, workflow: Workflow, snapshot: Snapshot, cause: Cause, *, crowded: bool = False
    ) -> Decision | None:
        """Decide and keep, that of the family aside."""
        surroundings = self._surroundings(desk, workflow, snapshot)
        decision = decide(workflow, snapshot, cause, replace(surroundings, crowded=True) if crowded else surroundings)
        if decision is not None:
            self._keep_decision(desk, workflow, decision, cause)
        return decision

    def _follow(self, desk: Desk, before: Snapshot, decision: Decision) -> None:
        if decision.of_family:
            Household(desk, self._decide_alone, self._stock.versions, self._strays).follow(before, decision)

    def _migrate(self, desk: Desk, workflow: Workflow, snapshot: Snapshot, cause: OperatorCause) -> Decision:
        """Whoever asks has had the target version compiled."""
        target = self._room.catalog.known(desk.tenant, workflow.key, cause.data["to_version"])
        assert target is not None
        route = route_of(workflow, target, cause.data)
        decision = migrate(route, snapshot, cause, self._surroundings(desk, target, snapshot))
        self._keep_decision(desk, target, decision, cause)
        self._follow(desk, snapshot, decision)
        return decision

    def _surroundings(self, desk: Desk, workflow: Workflow, snapshot: Snapshot) -> Surroundings:
        now = self.ledger.times.workflow
        talk = self._stock.talks.get(desk.tenant, snapshot.conversation_id)
        directory = self.ledger.directory
        return directory.surroundings(desk.tenant, workflow, now, desk.contact, desk.events, talk, desk.kept)

    def _keep_decision(self, desk: Desk, workflow: Workflow, decision: Decision, cause: Cause) -> None:
        self._record(desk, workflow, decision, cause)
        if decision.contact is not None:
            self._keep_contact(desk, decision.contact)
        if decision.conversation is not None:
            self._keep_conversation(desk.tenant, decision.conversation)

    def _record(self, desk: Desk, workflow: Workflow, decision: Decision, cause: Cause) -> None:
        if self._stock.usages:
            known = desk.runs.get(decision.snapshot.id)
            count_move(self._stock.usages_of(desk.tenant), known[1] if known else None, decision.snapshot)
        self.ledger.record(desk.tenant, workflow, decision, cause, desk.stored.get(decision.snapshot.id))
        desk.see(workflow, decision.snapshot)
        desk.mark_taken(decision)

    def _keep_contact(self, desk: Desk, contact: Contact) -> None:
        assert desk.contact is not None
        desk.contact = contact = following(contact, desk.contact)
        desk.written = True
        self.ledger.keep_contact(desk.tenant, contact, desk.revision)

    def _keep_conversation(self, tenant: str, conversation: Conversation) -> Conversation:
        kept = replace(conversation, revision=conversation.revision + 1)
        self.ledger.keep_conversation(tenant, kept, self._stock.talks.keep(tenant, kept))
        return kept

    def _remember(self, command: Command, answer: Answer) -> None:
        if isinstance(command, TriggerEvent | _UNNAMED) or not command.body_hash:
            return
        data = answer_to_data(answer)
        method = method_of(command)
        self.ledger.remember_request(command.tenant, method, command.request_id, command.body_hash, data)
        name = ("request", command.tenant, method, command.request_id)
        self._stock.repeats[name] = Repeat(command.body_hash, data, self.ledger.times.wall)


def _accepted(event: Event, at: datetime) -> Event:
    """`replace`, spelled out at half its cost: every event passes here."""
    return Event(
        event.id,
        event.type,
        event.source,
        event.contact_id,
        event.conversation_id,
        event.key,
        event.data,
        event.contact_patch,
        event.occurred_at,
        at,
        event.priority,
        event.chain,
    )


_DECIDERS: Final[Mapping[type, Callable[[Batch, Any], Answer]]] = {
    TriggerEvent: Batch._trigger,
    DispatchEvent: Batch._dispatch,
    EnrollContact: Batch._enroll,
    Operate: Batch._operate,
    ContinueRun: Batch._continue,
    StartPending: Batch._start_pending,
    LookAgain: Batch._look_again,
    FinishTask: Batch._finish,
    DecideTask: Batch._decide_task,
    ChangeContact: Batch._change_contact,
    ChangeConversation: Batch._change_conversation,
}
