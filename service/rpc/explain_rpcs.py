"""EnrollmentService.Explain: why a contact would (not) enter, why a run is where it is."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from statewright.v1 import (
    ConditionTrace,
    EntryExplanation,
    EntryQuestion,
    ExplainRequest,
    ExplainResponse,
    RunExplanation,
)

from service.engine.commands import DEFAULT_TENANT
from service.engine.loading import want_events
from service.rpc.enrollment_message import write_enrollment
from service.rpc.event_message import read_trigger, rule_and_reason, verdict_kind
from service.rpc.fields import check_names, required_id
from service.rpc.moment import write_instant
from service.rpc.payload import write_value
from service.rpc.rooms import Rooms
from service.storage.contact_queries import get_contact
from service.storage.database import Transaction
from service.storage.dialect import instant
from service.storage.enrollment_queries import EnrollmentRecord, find_enrollment
from service.storage.enrollments import load_past, load_runs
from service.storage.events import look_back
from service.storage.server_queries import queue_polled_at
from service.storage.workflow_queries import find_workflow
from statemachine.cause import Surroundings
from statemachine.condition_tree import Trace
from statemachine.contact import Contact
from statemachine.errors import InvalidInput
from statemachine.event import Event
from statemachine.explanation import EntryAccount, explain_entries, explain_run
from statemachine.intake import Past, Roster
from statemachine.snapshot import Snapshot
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
        if subject == "entry":
            event = _event(request.entry)
            return await self._engine.read(
                lambda transaction: self._entries(transaction, request.entry.workflow, event)
            )
        raise InvalidInput("a subject is required", [("subject", "enrollment_id or entry")])

    # --- entries ---

    def _entries(self, transaction: Transaction, workflow: str, event: Event) -> ExplainResponse:
        response = ExplainResponse()
        now = self._engine.clock.read(transaction).workflow
        candidates = self._candidates(transaction, workflow, event.type)
        if workflow and not candidates:
            _write_inactive(workflow, response.entries.add())
        for account in explain_entries(event, self._roster(transaction, event, candidates, now), now):
            _write_entry(account, response.entries.add())
        return response

    def _candidates(self, transaction: Transaction, workflow: str, event_type: str) -> tuple[Workflow, ...]:
        """The active version of one workflow, or all that listen. Raises NotFound."""
        directory = self._engine.catalog.refresh(transaction)
        if not workflow:
            return directory.candidates(DEFAULT_TENANT, event_type)
        stored = find_workflow(transaction, DEFAULT_TENANT, workflow)
        if stored.active_version is None:
            return ()
        return (self._engine.catalog.version(transaction, DEFAULT_TENANT, workflow, stored.active_version),)

    def _roster(
        self, transaction: Transaction, event: Event, candidates: tuple[Workflow, ...], now: datetime
    ) -> Roster:
        paused = self._engine.catalog.directory.paused_in(DEFAULT_TENANT)
        if event.contact_id is None:
            return Roster(None, candidates=candidates, paused=paused)
        stored = get_contact(transaction, DEFAULT_TENANT, event.contact_id)
        if stored is None:
            return Roster(Contact(event.contact_id), is_new=True, candidates=candidates, paused=paused)
        name = {"tenant_id": DEFAULT_TENANT, "contact_id": event.contact_id}
        runs: dict[str, tuple[Workflow, Snapshot]] = {}
        for row in load_runs(transaction, [name], []):
            snapshot = row.snapshot
            version = self._engine.catalog.version(transaction, DEFAULT_TENANT, snapshot.workflow, snapshot.version)
            runs[snapshot.id] = (version, snapshot)
        starts = [(workflow, now) for workflow in candidates]
        starts += [(workflow, snapshot.started_at or now) for workflow, snapshot in runs.values()]
        return Roster(
            stored.contact,
            runs=runs,
            candidates=candidates,
            paused=paused,
            past=_past(transaction, name, candidates),
            events=_events(transaction, event.contact_id, starts, now),
        )

    # --- runs ---

    def _run(self, transaction: Transaction, enrollment_id: str) -> ExplainResponse:
        record = find_enrollment(transaction, DEFAULT_TENANT, enrollment_id)
        snapshot = record.snapshot
        now = self._engine.clock.read(transaction).workflow
        workflow = self._engine.catalog.version(transaction, DEFAULT_TENANT, snapshot.workflow, snapshot.version)
        response = ExplainResponse()
        write_enrollment(record, response.run.enrollment, now=now, full=False)
        surroundings = self._surroundings(transaction, workflow, snapshot, now)
        account = explain_run(workflow, snapshot, surroundings, record.queue)
        run = response.run
        run.reason = account.reason
        run.waiting_for = account.waiting_for
        run.moved_by.extend(account.moved_by)
        write_instant(account.since_at, run.since_time)
        write_instant(account.until_at, run.until_time)
        _write_traces(account.traces, run.conditions)
        self._write_queue(transaction, record, run)
        return response

    def _surroundings(
        self, transaction: Transaction, workflow: Workflow, snapshot: Snapshot, now: datetime
    ) -> Surroundings:
        held = snapshot.workflow in self._engine.catalog.refresh(transaction).paused_in(DEFAULT_TENANT)
        if snapshot.contact_id is None:
            return Surroundings(now, held=held)
        stored = get_contact(transaction, DEFAULT_TENANT, snapshot.contact_id)
        events = _events(transaction, snapshot.contact_id, [(workflow, snapshot.started_at or now)], now)
        return Surroundings(now, stored.contact if stored else None, events, held=held)

    def _write_queue(self, transaction: Transaction, record: EnrollmentRecord, run: RunExplanation) -> None:
        if record.snapshot.task is None or record.queue is None:
            return
        run.queue.name = record.queue
        run.queue.waiting_workers = self._rooms.waiting_workers[record.queue]
        polled_at = queue_polled_at(transaction, DEFAULT_TENANT, record.queue)
        write_instant(polled_at, run.queue.last_poll_time)
        if record.task_status == "leased":
            run.reason += " A worker holds the task."
        elif record.snapshot.task.retry_at is None:
            run.reason += " No worker has taken the task yet." if polled_at else " No worker has ever asked for it."


def _event(question: EntryQuestion) -> Event:
    if not question.HasField("event"):
        raise InvalidInput("entry.event is required", [("entry.event", "required")])
    check_names({"entry.workflow": question.workflow, "entry.contact_id": question.contact_id})
    if question.contact_id:
        question.event.contact_id = question.contact_id
    question.event.id = ""
    return read_trigger(question.event, "entry.event").event


def _past(
    transaction: Transaction, name: dict[str, str], candidates: Iterable[Workflow]
) -> dict[tuple[str, str], Past]:
    rows = load_past(transaction, [{**name, "workflow": workflow.key} for workflow in candidates])
    return {
        (workflow, entry_key): Past(int(entries), instant(started), instant(ended))
        for _, _, workflow, entry_key, entries, started, ended in rows
    }


def _events(
    transaction: Transaction, contact_id: str, starts: Iterable[tuple[Workflow, datetime]], now: datetime
) -> tuple[Event, ...]:
    """The contact's earlier events that these versions may read, each since its run began."""
    wanted: dict[tuple[str, str, str], datetime] = {}
    for workflow, start in starts:
        want_events(wanted, (DEFAULT_TENANT, contact_id), workflow, start, now)
    if not wanted:
        return ()
    rows = [
        {"tenant_id": tenant, "contact_id": contact, "type": kind, "since": since}
        for (tenant, contact, kind), since in sorted(wanted.items())
    ]
    return tuple(event for _, event in look_back(transaction, rows))


def _write_entry(account: EntryAccount, message: EntryExplanation) -> None:
    verdict = account.verdict
    message.workflow = verdict.workflow
    message.version = verdict.version
    message.verdict = verdict_kind(verdict.kind)  # type: ignore[assignment]
    message.would_enroll = verdict.kind == "ENROLLED"
    if verdict.kind == "ENROLLED":
        message.reason = "a trigger matches and no rule keeps the contact out"
    elif verdict.rule:
        message.rule, message.reason = rule_and_reason(verdict.kind, verdict.rule)
    if verdict.kind == "BLOCKED":
        message.blocking_enrollment_id = verdict.enrollment_id
    _write_traces(account.traces, message.conditions)


def _write_inactive(workflow: str, message: EntryExplanation) -> None:
    message.workflow = workflow
    message.verdict = verdict_kind("NOT_MATCHED")  # type: ignore[assignment]
    message.rule = "no_active_version"
    message.reason = "no version of the workflow is active"


def _write_traces(traces: Iterable[Trace], target: Any) -> None:
    for trace in traces:
        message: ConditionTrace = target.add(text=trace.text, result=trace.result, error=trace.error)
        if trace.actual is not None:
            write_value(trace.actual, message.actual)
        _write_traces(trace.children, message.children)
