"""A batch: load, decide, save. One transaction for everything that was waiting.

Loading is a constant number of queries, whatever the size of the batch: contacts are locked in key order, then come
repeated ids, runs, the past, earlier events. Deciding happens in memory, command by command, in order. A command that
is refused, or whose decision fails, is answered so and leaves nothing behind; its neighbours go on.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Final

from service.engine.answers import answer_from_data, answer_to_data, method_of
from service.engine.catalog import Catalog, Directory
from service.engine.clock import Clock, Times
from service.engine.commands import (
    Answer,
    ChangeContact,
    Command,
    ContactAnswer,
    ContinueRun,
    DispatchEvent,
    EnrollAnswer,
    EnrollContact,
    EventAnswer,
    FinishAnswer,
    FinishTask,
    Operate,
    OperateAnswer,
    TriggerEvent,
)
from service.engine.desk import Desk
from service.engine.ids import new_id
from service.engine.ledger import Ledger
from service.engine.local import LocalQueue
from service.engine.results import check_lease, failure_data, finished_status, settled_failure
from service.storage.contacts import lock_contacts
from service.storage.database import Transaction
from service.storage.dialect import instant
from service.storage.enrollments import load_past, load_runs
from service.storage.events import Repeat, load_repeats, look_back
from service.storage.task_batch import contacts_of_runs, tasks_by_id
from service.storage.tasks import LeasedTask
from statemachine.cause import Cause, ContinueCause, EventCause, OperatorCause, Surroundings, TaskCause, TaskFailure
from statemachine.contact import Contact
from statemachine.decide import decide
from statemachine.decision import Decision, EmittedEvent
from statemachine.errors import (
    EventIdReused,
    NotFound,
    RequestIdReused,
    StaleRevision,
    WorkflowError,
)
from statemachine.event import Event
from statemachine.intake import Past, Reception, Verdict, enter, receive
from statemachine.patch import apply_patch, change_tags
from statemachine.snapshot import Snapshot
from statemachine.workflow import Workflow

_CREATED: Final = EmittedEvent("contact_created", {})
log = logging.getLogger(__name__)
ContactKey = tuple[str, str]
Result = Answer | Exception


class HeldElsewhere(Exception):  # noqa: N818 - nothing went wrong: come back in a moment
    """Another replica holds the contact; the command is put back."""


@dataclass(frozen=True, slots=True)
class Room:
    """What every batch of this replica works with."""

    catalog: Catalog
    clock: Clock
    replica_id: str
    local_queues: Mapping[str, LocalQueue] = field(default_factory=dict)


class Batch:
    """See the module. `run` answers each command in order; `ledger` then says what must follow the commit."""

    def __init__(self, room: Room, commands: Sequence[Command]) -> None:
        self._room = room
        self._commands = commands
        self._keys: list[ContactKey | None] = []
        self._desks: dict[ContactKey, Desk] = {}
        self._alone: dict[tuple[str, str], Desk] = {}
        self._held: set[ContactKey] = set()
        self._tasks: dict[tuple[str, str], LeasedTask] = {}
        self._run_contacts: dict[tuple[str, str], str | None] = {}
        self._repeats: dict[tuple[str, str, str, str], Repeat] = {}
        self.ledger: Ledger

    def run(self, transaction: Transaction) -> list[Result]:
        """Raises Conflict or Unavailable when nothing of the batch happened."""
        self._load(transaction)
        results = [self._attempt(command, key) for command, key in zip(self._commands, self._keys, strict=True)]
        self.ledger.save(transaction)
        return results

    # --- load ---

    def _load(self, transaction: Transaction) -> None:
        self._resolve(transaction)
        self._keys = [self._contact_key(command) for command in self._commands]
        keys = {key for key in self._keys if key is not None}
        found, self._held = lock_contacts(transaction, keys) if keys else ({}, set())
        times = self._room.clock.read(transaction)
        directory = self._room.catalog.refresh(transaction)
        self.ledger = Ledger(times, directory, self._room.replica_id, self._room.local_queues)
        for tenant, contact_id in keys - self._held:
            stored = found.get((tenant, contact_id))
            desk = Desk(tenant, stored.contact if stored else Contact(contact_id))
            if stored is not None:
                desk.revision, desk.created_at, desk.updated_at = (
                    stored.contact.revision,
                    stored.created_at,
                    stored.updated_at,
                )
            self._desks[tenant, contact_id] = desk
        self._load_versions(transaction)
        self._load_repeats(transaction)
        self._load_runs(transaction)
        self._load_past(transaction, directory)
        self._load_events(transaction, directory, times)

    def _resolve(self, transaction: Transaction) -> None:
        """Find the (immutable) contact of commands that know only a task or an enrollment."""
        task_ids = [
            {"tenant_id": command.tenant, "id": command.task_id}
            for command in self._commands
            if isinstance(command, FinishTask)
        ]
        run_ids = [
            {"tenant_id": command.tenant, "id": command.enrollment_id}
            for command in self._commands
            if isinstance(command, Operate | ContinueRun)
        ]
        if task_ids:
            self._tasks = tasks_by_id(transaction, task_ids)
        if run_ids:
            self._run_contacts = contacts_of_runs(transaction, run_ids)

    def _contact_key(self, command: Command) -> ContactKey | None:
        contact_id: str | None
        if isinstance(command, TriggerEvent | DispatchEvent):
            contact_id = command.event.contact_id
        elif isinstance(command, FinishTask):
            task = self._tasks.get((command.tenant, command.task_id))
            contact_id = task.contact_id if task else None
        elif isinstance(command, Operate | ContinueRun):
            contact_id = self._run_contacts.get((command.tenant, command.enrollment_id))
        else:
            contact_id = command.contact_id
        return (command.tenant, contact_id) if contact_id else None

    def _load_repeats(self, transaction: Transaction) -> None:
        keys: list[dict[str, Any]] = []
        requests: list[dict[str, Any]] = []
        pending: list[dict[str, Any]] = []
        for command in self._commands:
            if isinstance(command, TriggerEvent):
                event = command.event
                keys.append({"tenant_id": command.tenant, "source": event.source, "event_id": event.id})
            elif isinstance(command, DispatchEvent):
                at = command.event.accepted_at
                pending.append({"tenant_id": command.tenant, "id": command.row_id, "accepted_at": at})
            elif not isinstance(command, ContinueRun) and command.body_hash:
                method = method_of(command)
                requests.append({"tenant_id": command.tenant, "method": method, "request_id": command.request_id})
        self._repeats = load_repeats(transaction, keys, requests, pending)

    def _load_runs(self, transaction: Transaction) -> None:
        contacts: dict[ContactKey, None] = {}
        ids: dict[tuple[str, str], None] = {}
        for command, key in zip(self._commands, self._keys, strict=True):
            if isinstance(command, TriggerEvent | DispatchEvent | EnrollContact):
                if key is not None and key in self._desks and self._desks[key].revision:
                    contacts[key] = None
            elif isinstance(command, Operate | ContinueRun):
                ids[command.tenant, command.enrollment_id] = None
            elif isinstance(command, FinishTask):
                task = self._tasks.get((command.tenant, command.task_id))
                if task is not None:
                    ids[command.tenant, task.enrollment_id] = None
        stored_runs = load_runs(
            transaction,
            [{"tenant_id": tenant, "contact_id": contact} for tenant, contact in contacts],
            [{"tenant_id": tenant, "id": name} for tenant, name in ids],
        )
        for stored in stored_runs:
            snapshot = stored.snapshot
            workflow = self._room.catalog.version(transaction, stored.tenant, snapshot.workflow, snapshot.version)
            desk = self._desk_of(stored.tenant, snapshot.contact_id, snapshot.id)
            if desk is not None and snapshot.id not in desk.runs:
                desk.add_run(workflow, stored)

    def _desk_of(self, tenant: str, contact_id: str | None, enrollment_id: str) -> Desk | None:
        if contact_id is not None:
            return self._desks.get((tenant, contact_id))
        return self._alone.setdefault((tenant, enrollment_id), Desk(tenant, None))

    def _load_past(self, transaction: Transaction, directory: Directory) -> None:
        wanted: dict[tuple[str, str, str], None] = {}
        for command, key in zip(self._commands, self._keys, strict=True):
            if key is None or key not in self._desks or not self._desks[key].revision:
                continue
            for workflow in self._candidates(command, directory):
                if _asks_for_past(workflow):
                    wanted[(*key, workflow.key)] = None
        if not wanted:
            return
        rows = load_past(transaction, [{"tenant_id": t, "contact_id": c, "workflow": w} for t, c, w in wanted])
        for tenant, contact_id, workflow_key, entry_key, entries, started, ended in rows:
            past = Past(entries, instant(started), instant(ended))
            self._desks[tenant, contact_id].past[workflow_key, entry_key] = past

    def _candidates(self, command: Command, directory: Directory) -> Sequence[Workflow]:
        if isinstance(command, TriggerEvent | DispatchEvent):
            return directory.candidates(command.tenant, command.event.type)
        if isinstance(command, EnrollContact):
            workflow = self._enrolled_workflow(command, directory)
            return (workflow,) if workflow is not None else ()
        return ()

    def _enrolled_workflow(self, command: EnrollContact, directory: Directory) -> Workflow | None:
        row = directory.workflows.get((command.tenant, command.workflow))
        version = command.version or (row.active_version if row else None)
        if row is None or version is None:
            return None
        return self._room.catalog.known(command.tenant, command.workflow, version)

    def _load_versions(self, transaction: Transaction) -> None:
        """Compile versions that an enrolment names and this replica has not run yet; unknown ones are refused later."""
        for command in self._commands:
            if isinstance(command, EnrollContact) and command.version:
                with suppress(NotFound):
                    self._room.catalog.version(transaction, command.tenant, command.workflow, command.version)

    def _load_events(self, transaction: Transaction, directory: Directory, times: Times) -> None:
        """Earlier events that a version at hand may read: since the run began, or as far as a condition looks back."""
        wanted: dict[tuple[str, str, str], datetime] = {}
        for command, key in zip(self._commands, self._keys, strict=True):
            desk = self._desks.get(key) if key else None
            if key is None or desk is None or not desk.revision:
                continue
            for workflow in self._candidates(command, directory):
                want_events(wanted, key, workflow, times.workflow, times.workflow)
        for key, desk in self._desks.items():
            for workflow, snapshot in desk.runs.values():
                want_events(wanted, key, workflow, snapshot.started_at or times.workflow, times.workflow)
        if not wanted:
            return
        rows = [
            {"tenant_id": tenant, "contact_id": contact, "type": kind, "since": since}
            for (tenant, contact, kind), since in sorted(wanted.items())
        ]
        for tenant, event in look_back(transaction, rows):
            assert event.contact_id is not None
            self._desks[tenant, event.contact_id].events.append(event)

    # --- decide ---

    def _attempt(self, command: Command, key: ContactKey | None) -> Result:
        try:
            if key is not None and key in self._held:
                raise HeldElsewhere
            repeat = self._repeated(command)
            return repeat if repeat is not None else _DECIDERS[type(command)](self, command)
        except (WorkflowError, HeldElsewhere) as refusal:
            return refusal
        except Exception as error:
            log.exception("a %s could not be decided", type(command).__name__)
            return error

    def _repeated(self, command: Command) -> Result | None:
        """The first answer to a command that came before, if it did."""
        if isinstance(command, TriggerEvent):
            return self._repeated_event(command)
        if isinstance(command, DispatchEvent | ContinueRun) or not command.body_hash:
            return None
        repeat = self._repeats.get(("request", command.tenant, method_of(command), command.request_id))
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
        repeat = self._repeats.get(("event", command.tenant, event.source, event.id))
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
        verdicts = [_verdict_data(verdict) for verdict in reception.verdicts]
        self.ledger.log_event(command.tenant, event)
        self.ledger.remember_event(command.tenant, event, command.body_hash, verdicts)
        name = ("event", command.tenant, event.source, event.id)
        self._repeats[name] = Repeat(command.body_hash, verdicts, self.ledger.times.wall)
        return EventAnswer(event.id, False, reception.verdicts, self.ledger.times.wall)

    def _dispatch(self, command: DispatchEvent) -> EventAnswer:
        event = command.event
        name = ("pending", command.tenant, "", command.row_id)
        still_pending = name in self._repeats
        verdicts: tuple[Verdict, ...] = ()
        if still_pending:
            verdicts = self._receive(command.tenant, event).verdicts
            self.ledger.handled(command.tenant, command.row_id, event.accepted_at)
            del self._repeats[name]
        return EventAnswer(event.id, not still_pending, verdicts, self.ledger.times.wall)

    def _receive(self, tenant: str, event: Event) -> Reception:
        directory = self.ledger.directory
        desk = self._desks[tenant, event.contact_id] if event.contact_id else Desk(tenant, None)
        events = tuple(known for known in desk.events if known.id != event.id or known.source != event.source)
        roster = desk.roster(directory, directory.candidates(tenant, event.type), (*events, event))
        reception = receive(event, roster, self.ledger.times.workflow, new_id)
        self._keep_reception(tenant, desk, event, reception)
        desk.events = [*events, event]
        return reception

    def _enroll(self, command: EnrollContact) -> EnrollAnswer:
        workflow = self._enrolled_workflow(command, self.ledger.directory)
        if workflow is None:
            if command.version and (command.tenant, command.workflow) in self.ledger.directory.workflows:
                raise NotFound("version", f"{command.workflow}@{command.version}")
            raise NotFound("workflow", command.workflow)
        event = Event(
            id=command.request_id,
            type="api",
            source="api",
            contact_id=command.contact_id,
            key=command.key,
            data=command.input,
            contact_patch=command.contact_patch,
            accepted_at=self.ledger.times.workflow,
            priority=command.priority,
        )
        tenant = command.tenant
        desk = self._desks[tenant, command.contact_id] if command.contact_id else Desk(tenant, None)
        roster = desk.roster(self.ledger.directory, (), tuple(desk.events))
        reception = enter(workflow, event, roster, self.ledger.times.workflow, new_id, entry_key=command.key)
        verdict = next(one for one in reception.verdicts if one.rule != "restarted")
        snapshot = next((d.snapshot for d in reception.decisions if d.snapshot.id == verdict.enrollment_id), None)
        if command.dry_run:
            return EnrollAnswer(verdict, snapshot if verdict.kind == "ENROLLED" else None)
        self._keep_reception(tenant, desk, event, reception)
        answer = EnrollAnswer(verdict, snapshot if verdict.kind == "ENROLLED" else None)
        self._remember(command, answer)
        return answer

    def _keep_reception(self, tenant: str, desk: Desk, event: Event, reception: Reception) -> None:
        for decision in reception.decisions:
            workflow = self._workflow_of(tenant, desk, decision.snapshot)
            phase = decision.history[0].cause
            assert phase is not None
            cause = EventCause(event, phase["cause"]["phase"])
            self._record(tenant, desk, workflow, decision, cause)
        if reception.raised:
            self.ledger.emit(tenant, event.contact_id, reception.raised, event.chain)
        if desk.contact is not None and (desk.is_new or reception.contact is not desk.contact):
            assert reception.contact is not None
            self._keep_contact(desk, reception.contact)

    def _workflow_of(self, tenant: str, desk: Desk, snapshot: Snapshot) -> Workflow:
        known = desk.runs.get(snapshot.id)
        workflow = known[0] if known else self._room.catalog.known(tenant, snapshot.workflow, snapshot.version)
        assert workflow is not None
        return workflow

    def _operate(self, command: Operate) -> OperateAnswer:
        desk, workflow, snapshot = self._run_named(command.tenant, command.enrollment_id)
        if command.expected_revision is not None and command.expected_revision != snapshot.revision:
            raise StaleRevision(
                f"the enrollment is at revision {snapshot.revision}, not {command.expected_revision}; read it again",
                revision=str(snapshot.revision),
            )
        cause = OperatorCause(command.operation, command.request_id, command.data)
        decision = self._decide(desk, workflow, snapshot, cause)
        answer = OperateAnswer(decision.snapshot if decision is not None else snapshot)
        self._remember(command, answer)
        return answer

    def _continue(self, command: ContinueRun) -> OperateAnswer:
        desk, workflow, snapshot = self._run_named(command.tenant, command.enrollment_id)
        decision = None
        if snapshot.continues == command.number and "continue" in snapshot.deadlines:
            decision = self._decide(desk, workflow, snapshot, ContinueCause(command.number))
        return OperateAnswer(decision.snapshot if decision is not None else snapshot)

    def _finish(self, command: FinishTask) -> FinishAnswer:
        task = self._tasks.get((command.tenant, command.task_id))
        if task is None:
            raise NotFound("task", command.task_id)
        check_lease(task, command.token)
        failure = settled_failure(task, command.failure)
        applied = task.status == "leased" and self._apply_result(command, task, failure)
        if not applied:
            self.ledger.finish_task(command.tenant, task, "cancelled", command.output, failure_data(failure))
        answer = FinishAnswer(task.id, applied)
        self._tasks[command.tenant, task.id] = replace(task, status="completed")
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
        decision = decide(workflow, snapshot, cause, self._surroundings(desk, workflow))
        if decision is None:
            return False
        status = finished_status(failure)
        self.ledger.finish_task(command.tenant, task, status, command.output, failure_data(failure))
        self._keep_decision(desk, workflow, decision, cause)
        return True

    def _change_contact(self, command: ChangeContact) -> ContactAnswer:
        desk = self._desks[command.tenant, command.contact_id]
        contact = desk.contact
        assert contact is not None
        if command.must_exist and desk.is_new:
            raise NotFound("contact", command.contact_id)
        if command.expected_revision is not None and command.expected_revision != contact.revision:
            raise StaleRevision(
                f"the contact is at revision {contact.revision}, not {command.expected_revision}; read it again",
                revision=str(contact.revision),
            )
        created = desk.is_new
        changed, events = apply_patch(contact, command.patch)
        changed, tag_events = change_tags(changed, command.add_tags, command.remove_tags)
        if created or changed is not contact:
            if command.emit:
                from_new = (_CREATED,) if created else ()
                raised = from_new or (*events, *tag_events)
                self.ledger.emit(command.tenant, contact.id, raised, ())
            self._keep_contact(desk, changed)
        answer = self._contact_answer(desk, created=created, changed=created or changed is not contact)
        self._remember(command, answer)
        return answer

    def _contact_answer(self, desk: Desk, *, created: bool, changed: bool) -> ContactAnswer:
        assert desk.contact is not None
        wall = self.ledger.times.wall
        updated_at = wall if changed or desk.updated_at is None else desk.updated_at
        return ContactAnswer(desk.contact, created, changed, desk.created_at or wall, updated_at)

    # --- keep ---

    def _run_named(self, tenant: str, enrollment_id: str) -> tuple[Desk, Workflow, Snapshot]:
        contact_id = self._run_contacts.get((tenant, enrollment_id))
        desks: Iterable[Desk | None] = (
            [self._desks.get((tenant, contact_id))] if contact_id else [*self._desks.values(), *self._alone.values()]
        )
        for desk in desks:
            if desk is not None and enrollment_id in desk.runs:
                return desk, *desk.runs[enrollment_id]
        raise NotFound("enrollment", enrollment_id)

    def _decide(self, desk: Desk, workflow: Workflow, snapshot: Snapshot, cause: Cause) -> Decision | None:
        decision = decide(workflow, snapshot, cause, self._surroundings(desk, workflow))
        if decision is not None:
            self._keep_decision(desk, workflow, decision, cause)
        return decision

    def _surroundings(self, desk: Desk, workflow: Workflow) -> Surroundings:
        return Surroundings(
            now=self.ledger.times.workflow,
            contact=desk.contact,
            events=tuple(event for event in desk.events if event.type in workflow.reads.events),
            held=workflow.key in self.ledger.directory.paused_in(desk.tenant),
        )

    def _keep_decision(self, desk: Desk, workflow: Workflow, decision: Decision, cause: Cause) -> None:
        self._record(desk.tenant, desk, workflow, decision, cause)
        if decision.contact is not None:
            self._keep_contact(desk, decision.contact)

    def _record(self, tenant: str, desk: Desk, workflow: Workflow, decision: Decision, cause: Cause) -> None:
        self.ledger.record(tenant, workflow, decision, cause, desk.stored.get(decision.snapshot.id))
        desk.see(workflow, decision.snapshot)

    def _keep_contact(self, desk: Desk, contact: Contact) -> None:
        assert desk.contact is not None
        contact = replace(contact, revision=desk.contact.revision + 1)
        desk.contact = contact
        desk.written = True
        self.ledger.keep_contact(desk.tenant, contact, desk.revision)

    def _remember(self, command: Command, answer: Answer) -> None:
        if isinstance(command, TriggerEvent | DispatchEvent | ContinueRun) or not command.body_hash:
            return
        data = answer_to_data(answer)
        method = method_of(command)
        self.ledger.remember_request(command.tenant, method, command.request_id, command.body_hash, data)
        name = ("request", command.tenant, method, command.request_id)
        self._repeats[name] = Repeat(command.body_hash, data, self.ledger.times.wall)


def _accepted(event: Event, at: datetime) -> Event:
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


def _verdict_data(verdict: Verdict) -> dict[str, Any]:
    return {
        "workflow": verdict.workflow,
        "version": verdict.version,
        "kind": verdict.kind,
        "enrollment_id": verdict.enrollment_id,
        "rule": verdict.rule,
        "step": verdict.step,
    }


def _asks_for_past(workflow: Workflow) -> bool:
    rules = workflow.entry
    return rules.reentry == "never" or rules.cooldown is not None or rules.max_entries is not None


def want_events(
    wanted: dict[tuple[str, str, str], datetime], key: ContactKey, workflow: Workflow, began: datetime, now: datetime
) -> None:
    """Note which event types of a contact must be read, and since when."""
    for kind, span in workflow.reads.events.items():
        since = began if span is None else min(began, now - span)
        name = (*key, kind)
        if name not in wanted or since < wanted[name]:
            wanted[name] = since


_DECIDERS: Final[Mapping[type, Callable[[Batch, Any], Answer]]] = {
    TriggerEvent: Batch._trigger,
    DispatchEvent: Batch._dispatch,
    EnrollContact: Batch._enroll,
    Operate: Batch._operate,
    ContinueRun: Batch._continue,
    FinishTask: Batch._finish,
    ChangeContact: Batch._change_contact,
}
