"""The memory of a world: contacts, an event log, runs and open tasks, as an engine would have stored them."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from statemachine.admission import Past
from statemachine.contact import Contact
from statemachine.conversation import Conversation
from statemachine.decision import Decision, EmittedEvent
from statemachine.event import Event, with_taken
from statemachine.grace import Look
from statemachine.limits import size_up_to
from statemachine.sending.rate import Line, Lines
from statemachine.sending.stop_words import together
from statemachine.shares import InForce
from statemachine.simulation.diary import Diary
from statemachine.simulation.kept import OpenWork, Record
from statemachine.simulation.trace import Moment
from statemachine.snapshot import Snapshot
from statemachine.standstill import Standstill
from statemachine.workflow import Workflow

START: Final = datetime(2026, 1, 1, 9, tzinfo=UTC)
"""When a world begins unless it is told otherwise: a Thursday morning."""

SOURCE: Final = "statewright"
"""The source of events that steps and contact writes raise."""


class Memory:
    """See the module. `records` are in order of entry; `now` is moved by whoever owns the world.

    `inner` are versions that children may run, by (key, version; 0 for the active one), beside the workflows that are
    entered here; `given_up` are runs whose timers fire no more.
    `shares` are those that were set of splits, and `kept` the variants that every contact here was given before.
    `max_transitions` and `max_bytes` (of what the trace tells) end it: `exhausted` then says which, and nothing that
    was raised is followed up any more.
    """

    def __init__(
        self,
        workflows: Iterable[Workflow],
        *,
        now: datetime = START,
        zone: str | None = None,
        contacts: Iterable[Contact] = (),
        conversations: Iterable[Conversation] = (),
        global_variables: Mapping[str, Any] | None = None,
        max_transitions: int | None = None,
        max_bytes: int | None = None,
    ) -> None:
        self.workflows = {workflow.key: workflow for workflow in workflows}
        self.now = now
        self.zone = zone
        self.contacts = {contact.id: contact for contact in contacts}
        self.conversations = {conversation.id: conversation for conversation in conversations}
        self.globals = dict(global_variables or {})
        self.events: dict[str, list[Event]] = {}
        self.records: dict[str, Record] = {}
        self.paused: set[str] = set()
        self.looks: dict[str, tuple[Look, ...]] = {}
        self.diary = Diary(self.workflows.values(), zone)
        for contact in self.contacts.values():
            self.diary.plan(contact, now)
        self.standstills: dict[str, Standstill] = {}
        self.counted: timedelta | None = max(
            (flow.counts for flow in self.workflows.values() if flow.counts), default=None
        )
        self.stop_words = together(flow.stop_words for flow in self.workflows.values() if flow.stop_words)
        self.inner: Mapping[tuple[str, int], Workflow] = {}
        self.given_up: set[str] = set()
        self.lines: Lines = _empty_lines(self.workflows.values())
        self.shares: InForce = {}
        self.kept: Mapping[str, Mapping[str, str]] = {}
        self.past: dict[tuple[str | None, str, str], Past] = {}
        self.trace: list[Moment] = []
        self.transitions = 0
        self._bytes = 0
        self._max_transitions = max_transitions
        self._max_bytes = max_bytes
        self._numbers: dict[str, int] = {}
        self._visits: dict[tuple[str, str], int] = {}
        self._follow_ups: deque[Event | tuple[str, int]] = deque()

    def adopt(self, workflow: Workflow, snapshot: Snapshot, events: Iterable[Event], work: OpenWork | None) -> None:
        """An enrollment that lives already, with its open task and the earlier events of its contact."""
        orders = [work.order] if work else []
        if work is not None:
            name = (self.root_of(snapshot.parent_id or snapshot.id) if snapshot.part else snapshot.id, work.order.step)
            work.visit = self._visits[name] = self._visits.get(name, 0) + 1
        self.records[snapshot.id] = Record(workflow, snapshot, [], orders, [], [(self.now, snapshot)], work)
        if snapshot.contact_id is not None:
            self.events[snapshot.contact_id] = list(events)

    @property
    def exhausted(self) -> str:
        """Which limit of the world is reached: `transitions`, `size`, or none."""
        if self._max_transitions is not None and self.transitions >= self._max_transitions:
            return "transitions"
        return "size" if self._max_bytes is not None and self._bytes > self._max_bytes else ""

    def runs_of(self, workflow: str, contact_id: str | None = None) -> list[Record]:
        """The enrollments of a workflow, and of one contact when it is named, in order of entry; not their branches."""
        return [record for record in self.all_of(workflow, contact_id) if not record.snapshot.part]

    def all_of(self, workflow: str, contact_id: str | None = None) -> list[Record]:
        """The same with the children that run parts of the workflow."""
        return [
            record
            for record in self.records.values()
            if record.workflow.key == workflow and contact_id in (None, record.snapshot.contact_id)
        ]

    def root_of(self, run_id: str) -> str:
        """The run of which it is a part: itself, unless it runs a branch or a round of another."""
        while run_id in self.records and self.records[run_id].snapshot.part:
            run_id = self.records[run_id].snapshot.parent_id or ""
        return run_id

    def mint(self, kind: str) -> str:
        """The next id of its kind."""
        number = self._numbers[kind] = self._numbers.get(kind, 0) + 1
        return f"{kind}-{number:04}"

    def _live_runs(self, contact_id: str) -> dict[str, tuple[Workflow, Snapshot]]:
        return {
            name: (record.workflow, record.snapshot)
            for name, record in self.records.items()
            if record.snapshot.contact_id == contact_id and record.snapshot.live
        }

    def _version(self, key: str, version: int) -> Workflow | None:
        """What a child is to run. A world has one version of each workflow that is entered in it."""
        found = self.workflows.get(key)
        return found if found is not None and version in (0, found.version) else self.inner.get((key, version))

    def _workflow_of(self, snapshot: Snapshot) -> Workflow:
        known = self.records.get(snapshot.id) or self.records.get(snapshot.parent_id or "")
        if known is not None and (snapshot.part or snapshot.id in self.records):
            return known.workflow
        return self._version(snapshot.workflow, snapshot.version) or self.workflows[snapshot.workflow]

    def _keep(self, workflow: Workflow, decision: Decision) -> None:
        """What an engine would store of a decision, its contact and its events aside."""
        snapshot = decision.snapshot
        record = self.records.get(snapshot.id)
        fresh = record is None
        if record is None:
            record = self.records[snapshot.id] = Record(workflow, snapshot)
        self.transitions += max(1, snapshot.transitions - (0 if fresh else record.snapshot.transitions))
        name = (snapshot.contact_id, snapshot.workflow, snapshot.entry_key)
        if snapshot.origin is None:
            self.past[name] = self.past.get(name, Past()).with_run(snapshot, fresh=fresh)
        if decision.globals:
            self.globals = {**self.globals, **decision.globals}
        record.snapshot = snapshot
        record.states.append((self.now, snapshot))
        record.history += decision.history
        record.orders += decision.orders
        record.children += decision.children
        self._keep_work(record, decision)
        if decision.lines is not None:
            self.lines = decision.lines
        if decision.alone and snapshot.contact_id is not None:
            log = self.events.get(snapshot.contact_id, [])
            log[:] = with_taken(log, decision.alone, snapshot.id)
        for entry in decision.history:
            moment = Moment(self.now, "history", snapshot.contact_id, snapshot.id, snapshot.workflow, entry=entry)
            self._tell(moment, (entry.input, entry.output))

    def _keep_work(self, record: Record, decision: Decision) -> None:
        for order in decision.orders:
            name = (self.root_of(record.snapshot.id), order.step)
            self._visits[name] = self._visits.get(name, 0) + 1
            record.work = OpenWork(order, self.now, visit=self._visits[name])
        for retry in decision.retries:
            assert record.work is not None
            record.work = OpenWork(record.work.order, retry.available_at, retry.attempt, visit=record.work.visit)
        if record.snapshot.task is None:
            record.work = None

    def _keep_contact(self, contact: Contact) -> None:
        self.contacts[contact.id] = kept = replace(contact, revision=contact.revision + 1)
        self.diary.plan(kept, self.now)

    def _keep_conversation(self, conversation: Conversation) -> None:
        self.conversations[conversation.id] = replace(conversation, revision=conversation.revision + 1)

    def _tell(self, moment: Moment, payload: Any) -> None:
        self.trace.append(moment)
        if self._max_bytes is not None:
            self._bytes += 200 + size_up_to(payload, self._max_bytes)

    def _go_on(self, decisions: Iterable[Decision]) -> None:
        for decision in decisions:
            if decision.continues:
                self._follow_ups.append((decision.snapshot.id, decision.snapshot.continues))

    def _emit(self, contact_id: str | None, emitted: Iterable[EmittedEvent], chain: tuple[str, ...]) -> None:
        for one in emitted:
            name = self.mint("raised")
            event = Event(
                name,
                one.type,
                SOURCE,
                contact_id,
                one.conversation_id,
                data=one.data,
                accepted_at=self.now,
                chain=chain,
            )
            self._log(event)
            self._follow_ups.append(event)

    def _log(self, event: Event) -> None:
        if event.contact_id is not None:
            self.events.setdefault(event.contact_id, []).append(event)

    def _log_of(self, contact_id: str | None) -> list[Event]:
        return self.events.get(contact_id, []) if contact_id is not None else []


def _empty_lines(workflows: Iterable[Workflow]) -> dict[str, Line]:
    """An empty line before each provider of whose rate a workflow speaks."""
    keep: dict[str, int] = {}
    for workflow in workflows:
        for channel, count in workflow.rated.items():
            keep[channel] = max(count, keep.get(channel, 0))
    return {channel: Line(keep=count) for channel, count in keep.items()}
