"""EnrollmentService.Explain: what an event would do to a contact, why a run is where it is."""

from __future__ import annotations

from statewright.v1 import EntryQuestion, ExplainRequest, ExplainResponse, RunExplanation

from service.engine.commands import DEFAULT_TENANT
from service.engine.foresight import read_roster, read_surroundings
from service.rpc.enrollment_message import write_enrollment
from service.rpc.event_message import read_trigger
from service.rpc.explain_message import write_coming, write_event_account, write_inactive, write_look, write_run_account
from service.rpc.fields import Violations, required_id
from service.rpc.moment import write_instant
from service.rpc.rooms import Rooms
from service.rpc.simulate_rpcs import MAX_ANSWER_BYTES
from service.rpc.task_message import write_human
from service.storage.contact_dates import coming_dates
from service.storage.database import Transaction
from service.storage.enrollment_queries import EnrollmentRecord, find_enrollment
from service.storage.human_tasks import HumanTask, open_task_of
from service.storage.looks import load_looks
from service.storage.places import queue_position
from service.storage.server_queries import queue_polled_at
from service.storage.workflow_queries import find_workflow
from statemachine.dates import DATE
from statemachine.errors import InvalidInput, LimitExceeded
from statemachine.event import Event
from statemachine.event_explanation import explain_enrolment, explain_event
from statemachine.places import CONFLICT
from statemachine.run_explanation import explain_run
from statemachine.snapshot import Status
from statemachine.wording import instant
from statemachine.workflow import Workflow


class ExplainRpcs:
    def __init__(self, rooms: Rooms) -> None:
        self._rooms = rooms
        self._engine = rooms.engine

    async def explain(self, request: ExplainRequest) -> ExplainResponse:
        subject = request.WhichOneof("subject")
        if subject == "enrollment_id":
            enrollment_id = required_id("enrollment_id", request.enrollment_id)
            return await self._engine.read(lambda transaction: self._run(transaction, enrollment_id))
        if subject == "entry" and not request.entry.HasField("event"):
            event = _by_api(request.entry)
            return _sendable(
                await self._engine.read(lambda transaction: self._enrolment(transaction, request.entry.workflow, event))
            )
        if subject == "entry":
            event = _event(request.entry)
            response = await self._engine.read(
                lambda transaction: self._entries(transaction, request.entry.workflow, event)
            )
            return _sendable(response)
        raise InvalidInput("a subject is required", [("subject", "enrollment_id or entry")])

    # --- entries ---

    def _entries(self, transaction: Transaction, workflow: str, event: Event) -> ExplainResponse:
        response = ExplainResponse()
        catalog = self._engine.catalog
        now = self._engine.clock.read(transaction).workflow
        candidates = catalog.refresh(transaction).candidates(DEFAULT_TENANT, event.type)
        if workflow:
            asked = self._active(transaction, workflow)
            if asked is None:
                write_inactive(workflow, response.entries.add())
            elif asked not in candidates:
                candidates = (*candidates, asked)
        roster = read_roster(
            transaction, catalog, DEFAULT_TENANT, event.contact_id, candidates, now, event.conversation_id
        )
        write_event_account(explain_event(event, roster, now), response, workflow=workflow)
        self._write_coming(transaction, event.contact_id, workflow, response)
        return response

    def _write_coming(
        self, transaction: Transaction, contact_id: str | None, workflow: str, response: ExplainResponse
    ) -> None:
        """What may still enrol the contact: earlier events, and dates of its own."""
        if contact_id is None:
            return
        directory = self._engine.catalog.directory
        paused = directory.paused_in(DEFAULT_TENANT)
        for _, _, look in load_looks(transaction, [(DEFAULT_TENANT, contact_id)]):
            if workflow in ("", look.workflow):
                write_look(look, response.looks.add(), held=look.workflow in paused)
        for _, _, slot in coming_dates(transaction, [(DEFAULT_TENANT, contact_id)]):
            if workflow in ("", slot.workflow) and not slot.is_spent:
                workflows = directory.candidates(DEFAULT_TENANT, DATE)
                known = next((flow for flow in workflows if flow.key == slot.workflow), None)
                held = directory.keeps_dates(DEFAULT_TENANT, slot.workflow)
                write_coming(slot, known, response.dates.add(), held=held)

    def _enrolment(self, transaction: Transaction, key: str, event: Event) -> ExplainResponse:
        """What Enroll would answer."""
        response = ExplainResponse()
        now = self._engine.clock.read(transaction).workflow
        workflow = self._active(transaction, key)
        if workflow is None:
            write_inactive(key, response.entries.add())
            return response
        roster = read_roster(transaction, self._engine.catalog, DEFAULT_TENANT, event.contact_id, (workflow,), now)
        write_event_account(explain_enrolment(workflow, event, roster, now), response, workflow=key)
        self._write_coming(transaction, event.contact_id, key, response)
        return response

    def _active(self, transaction: Transaction, key: str) -> Workflow | None:
        """The active version of a workflow, if it has one. Raises NotFound."""
        stored = find_workflow(transaction, DEFAULT_TENANT, key)
        if stored.active_version is None:
            return None
        return self._engine.catalog.version(transaction, DEFAULT_TENANT, key, stored.active_version)

    # --- runs ---

    def _run(self, transaction: Transaction, enrollment_id: str) -> ExplainResponse:
        record = find_enrollment(transaction, DEFAULT_TENANT, enrollment_id)
        snapshot = record.snapshot
        catalog = self._engine.catalog
        now = self._engine.clock.read(transaction).workflow
        workflow = catalog.version(transaction, DEFAULT_TENANT, snapshot.workflow, snapshot.version)
        surroundings = read_surroundings(transaction, catalog, DEFAULT_TENANT, workflow, snapshot, now)
        response = ExplainResponse()
        run = response.run
        write_enrollment(record, run.enrollment, now=now, full=False)
        human = open_task_of(transaction, DEFAULT_TENANT, enrollment_id) if record.task_status == "open" else None
        queue = human.queue if human else record.queue
        account = explain_run(workflow, snapshot, surroundings, queue, record.quarantined_at, _holder(human))
        write_run_account(account, run)
        if human is not None:
            run.queue.name = human.queue
            write_human(human, run.human)
        else:
            self._write_queue(transaction, record, run)
        if snapshot.status is Status.PENDING and snapshot.queued != CONFLICT:
            before = queue_position(transaction, DEFAULT_TENANT, snapshot.workflow, snapshot.id)
            run.reason += f" {before} wait before it." if before else " It is the next one."
        return response

    def _write_queue(self, transaction: Transaction, record: EnrollmentRecord, run: RunExplanation) -> None:
        if record.snapshot.task is None or record.queue is None:
            return
        run.queue.name = record.queue
        run.queue.waiting_workers = self._rooms.waiting_workers[record.queue]
        polled_at = queue_polled_at(transaction, DEFAULT_TENANT, record.queue)
        write_instant(polled_at, run.queue.last_poll_time)
        if record.task_status == "leased":
            run.reason += " A worker holds the task."
        elif record.task_status == "ready" and record.snapshot.task.retry_at is None:
            run.reason += " No worker has taken the task yet." if polled_at else " No worker has ever asked for it."


def _holder(human: HumanTask | None) -> str:
    """Who has a human task, in words."""
    if human is None:
        return ""
    if human.agent_id is not None and human.assigned_at is not None:
        return f"agent {human.agent_id!r}, who has had it since {instant(human.assigned_at)}"
    wanted = human.wanted
    meant = f"group {wanted.group!r}" if wanted.group else "whoever claims it"
    meant = f"agent {wanted.agent!r}" if wanted.agent else meant
    return f"{meant}; nobody has it yet"


def _sendable(response: ExplainResponse) -> ExplainResponse:
    if response.ByteSize() > MAX_ANSWER_BYTES:
        wanted = "one workflow, for fewer conditions"
        raise LimitExceeded(f"the answer is too large: name {wanted}", [("entry.workflow", wanted)], limit="answer",
                            maximum=str(MAX_ANSWER_BYTES))  # fmt: skip
    return response


def _by_api(question: EntryQuestion) -> Event:
    """The enrolment that is asked about, as the event that it is inside."""
    violations = _about(question)
    if not question.workflow:
        violations.add("entry.event", "required; or entry.workflow alone, to ask about an enrolment by API")
    violations.check()
    return Event(id="", type="api", source="api", contact_id=question.contact_id or None)


def _event(question: EntryQuestion) -> Event:
    violations = _about(question)
    violations.name("entry.event.id", question.event.id)
    if question.contact_id:
        question.event.contact_id = question.contact_id
    question.event.id = ""
    trigger = violations.read(read_trigger, question.event, "entry.event")
    violations.check()
    return trigger.event


def _about(question: EntryQuestion) -> Violations:
    violations = Violations()
    violations.name("entry.workflow", question.workflow)
    violations.name("entry.contact_id", question.contact_id)
    return violations
