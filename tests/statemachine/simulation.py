"""A small engine in memory: a clock moved by hand, an event log, timers, tasks and operators around the pure core.

It does what the service's engine does (load, decide, save, then raised events and continuations) without storage, and
checks on the way what must hold of every decision: nothing that was handed in changed, and what a store would keep
reads back equal. `audit` decides every cause again from history alone.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from statemachine.cause import (
    Cause,
    ContinueCause,
    OperatorCause,
    Surroundings,
    TaskCause,
    TaskFailure,
    TimerCause,
    cause_from_data,
    cause_to_data,
)
from statemachine.contact import Contact, contact_to_data
from statemachine.decide import decide
from statemachine.decision import Decision, EmittedEvent, HistoryEntry, TaskOrder
from statemachine.definition import load_workflow
from statemachine.event import Event
from statemachine.intake import Past, Reception, Roster, enter, receive
from statemachine.migration import Route, migrate, migration_data
from statemachine.names import canonical_event
from statemachine.replay import replay
from statemachine.snapshot import Snapshot, Status, snapshot_from_data, snapshot_to_data
from statemachine.workflow import Workflow

START = datetime(2026, 1, 1, 9, tzinfo=UTC)


def compiled(*steps: Mapping[str, Any], **document: Any) -> Workflow:
    """A workflow of these steps; it is entered by events of type `go` unless `triggers` says otherwise."""
    whole = {"key": "flow", "triggers": [{"type": "go"}], **document, "steps": list(steps)}
    loaded = load_workflow(json.dumps(whole), version=1)
    assert loaded.workflow is not None, [str(problem) for problem in loaded.problems]
    return loaded.workflow


def canonical(value: Any) -> str:
    """The one spelling of a value as JSON: what "byte-equal" compares."""
    return json.dumps(value, sort_keys=True, ensure_ascii=False, default=_plain)


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    return dict(value) if isinstance(value, Mapping) else asdict(value)


@dataclass
class OpenWork:
    """A task that a worker may finish now or, after a failure, from `available_at` on."""

    order: TaskOrder
    attempt: int = 1
    available_at: datetime = START


@dataclass
class Record:
    """Everything an engine would have stored of one enrollment."""

    workflow: Workflow
    snapshot: Snapshot
    history: list[HistoryEntry] = field(default_factory=list)
    orders: list[TaskOrder] = field(default_factory=list)
    work: OpenWork | None = None


class Simulation:
    """See the module. `runs` are in order of entry; `now` only moves by `wait`."""

    def __init__(self, *workflows: Workflow, zone: str | None = None, versions: Sequence[Workflow] = ()) -> None:
        """`workflows` are entered; `versions` are others of theirs, to which runs may be migrated."""
        self.workflows = {workflow.key: workflow for workflow in workflows}
        self.versions = {(one.key, one.version): one for one in (*workflows, *versions)}
        self.zone = zone
        self.now = START
        self.contacts: dict[str, Contact] = {}
        self.events: dict[str | None, list[Event]] = {}
        self.records: dict[str, Record] = {}
        self.paused: set[str] = set()
        self.past: dict[tuple[str | None, str, str], Past] = {}
        self.emitted: list[EmittedEvent] = []
        self._numbers = 0

    # --- what happens ---

    def trigger(self, kind: str, contact_id: str | None = "c1", **event: Any) -> Reception:
        """An event comes in; raised events are dispatched at once, as after a commit."""
        name = event.pop("id", None) or self._mint("ev")
        known = canonical_event(kind)
        data = {**known.data_filter, **event.pop("data", {})}
        source = event.pop("source", "test")
        whole = Event(name, known.type, source, contact_id, data=data, accepted_at=self.now, **event)
        return self._receive(whole)

    def enroll(self, workflow: str = "flow", contact_id: str | None = "c1", **data: Any) -> Reception:
        event = Event(self._mint("api"), "api", "api", contact_id, data=data, accepted_at=self.now)
        roster = self._roster(contact_id, event, candidates=False)
        reception = enter(self.workflows[workflow], event, roster, self.now, lambda: self._mint("run"), entry_key=None)
        return self._keep_reception(contact_id, event, reception)

    def wait(self, **span: float) -> None:
        """Let time pass; timers fire when they fall due, earliest first."""
        until = self.now + timedelta(**span)
        for _ in range(10_000):
            due = self._next_due()
            if due is None or due[0] > until:
                self.now = until
                return
            self.now = max(self.now, due[0])
            self.fire(due[1])
        raise AssertionError("timers fire without end")

    def fire(self, run_id: str | None = None) -> Decision | None:
        """The timer of a run; without a deadline that has passed nothing may come of it."""
        name = run_id or self.last
        snapshot = self.records[name].snapshot
        return self.cause(TimerCause(snapshot.visit, snapshot.timers), name)

    def complete(self, output: Any = None, outcome: str = "done", run_id: str | None = None, **keys: Any) -> bool:
        """The worker answers; tells whether the answer was applied."""
        return self._answer(run_id, keys.pop("attempt", None), outcome=outcome, output=output, **keys)

    def fail(
        self,
        code: str = "boom",
        *,
        retryable: bool = True,
        retry_after_s: float | None = None,
        run_id: str | None = None,
    ) -> bool:
        return self._answer(run_id, None, failure=TaskFailure(code, f"it said {code}", retryable, retry_after_s))

    def operate(self, operation: Any, run_id: str | None = None, **data: Any) -> Decision:
        """Raises as the core refuses."""
        decision = self.cause(OperatorCause(operation, self._mint("req"), data), run_id or self.last)
        assert decision is not None
        return decision

    def migrate(
        self, mapping: Mapping[str, str] | None = None, *, to: int = 2, timers: str = "keep", run_id: str | None = None
    ) -> Decision:
        """Raises as the core refuses."""
        record = self.records[run_id or self.last]
        target = self.versions[record.workflow.key, to]
        route = Route(record.workflow, target, mapping or {}, timers)
        cause = OperatorCause("migrate", self._mint("req"), migration_data(route))
        before = canonical(snapshot_to_data(record.snapshot))
        try:
            decision = migrate(route, record.snapshot, cause, self._surroundings(record))
        finally:
            assert canonical(snapshot_to_data(record.snapshot)) == before
        self._keep(target, decision)
        record.workflow = target
        return decision

    def pause_workflow(self, key: str = "flow") -> None:
        self.paused.add(key)

    def resume_workflow(self, key: str = "flow") -> None:
        """Waiting runs look again at what happened meanwhile."""
        self.paused.discard(key)
        for name, record in list(self.records.items()):
            if record.workflow.key == key and record.snapshot.status is Status.WAITING:
                self.fire(name)

    def change(self, contact_id: str = "c1", **attributes: Any) -> None:
        """The contact changes without anybody being told."""
        contact = self.contacts.get(contact_id, Contact(contact_id))
        for name, value in attributes.items():
            contact = replace(contact, **{name: value}) if name in ("tags", "lists", "score") else contact.with_field(
                name, value
            )  # fmt: skip
        self.contacts[contact_id] = replace(contact, revision=contact.revision + 1)

    def cause(self, cause: Cause, run_id: str) -> Decision | None:
        """Decide one cause for a run and keep what comes of it."""
        record = self.records[run_id]
        assert cause_from_data(json.loads(json.dumps(cause_to_data(cause)))) == cause
        surroundings = self._surroundings(record)
        before = canonical([snapshot_to_data(record.snapshot), surroundings])
        try:
            decision = decide(record.workflow, record.snapshot, cause, surroundings)
        finally:
            assert canonical([snapshot_to_data(record.snapshot), surroundings]) == before
        if decision is not None:
            self._keep(record.workflow, decision)
            self._follow(decision)
        return decision

    # --- what can be asked ---

    @property
    def last(self) -> str:
        return next(reversed(self.records))

    @property
    def run(self) -> Snapshot:
        """The latest enrollment."""
        return self.records[self.last].snapshot

    @property
    def history(self) -> list[HistoryEntry]:
        return self.records[self.last].history

    @property
    def orders(self) -> list[TaskOrder]:
        return self.records[self.last].orders

    @property
    def contact(self) -> Contact:
        return self.contacts["c1"]

    def kinds(self) -> list[str]:
        return [entry.kind for entry in self.history]

    def path(self) -> list[str]:
        """The steps that were done or rested in, in order."""
        return [str(entry.step) for entry in self.history if entry.kind in ("step_completed", "step_failed")]

    def audit(self) -> None:
        """Decide every cause of every run again, from its history as a store would give it back."""
        for record in self.records.values():
            recorded = [json.loads(json.dumps(entry.cause)) for entry in record.history if entry.cause is not None]
            key = record.workflow.key
            again = replay(lambda number, key=key: self.versions[key, number], recorded)  # type: ignore[misc]
            assert canonical(snapshot_to_data(again.snapshot)) == canonical(snapshot_to_data(record.snapshot))
            assert canonical(again.orders) == canonical(record.orders)
            assert canonical(again.history) == canonical(record.history)
            assert [entry.sequence for entry in record.history] == list(range(len(record.history)))
            assert_alive(record)

    # --- inside ---

    def _mint(self, kind: str) -> str:
        self._numbers += 1
        return f"{kind}{self._numbers}"

    def _next_due(self) -> tuple[datetime, str] | None:
        dues = [
            (record.snapshot.due_at, name)
            for name, record in self.records.items()
            if record.snapshot.due_at is not None and record.workflow.key not in self.paused
        ]
        return min(dues, default=None)

    def _receive(self, event: Event, depth: int = 0) -> Reception:
        log = self.events.setdefault(event.contact_id, [])
        log.append(event)
        roster = self._roster(event.contact_id, event, candidates=True)
        reception = receive(event, roster, self.now, lambda: self._mint("run"))
        return self._keep_reception(event.contact_id, event, reception, depth)

    def _roster(self, contact_id: str | None, event: Event, *, candidates: bool) -> Roster:
        known = self.contacts.get(contact_id) if contact_id else None
        runs = {
            name: (record.workflow, record.snapshot)
            for name, record in self.records.items()
            if contact_id is not None and record.snapshot.contact_id == contact_id and record.snapshot.live
        }
        listening = [
            workflow
            for workflow in self.workflows.values()
            if candidates and any(trigger.type == event.type for trigger in workflow.triggers)
        ]
        return Roster(
            contact=(known or Contact(contact_id)) if contact_id else None,
            is_new=known is None and contact_id is not None,
            runs=runs,
            candidates=listening,
            paused=frozenset(self.paused),
            past={(flow, key): past for (who, flow, key), past in self.past.items() if who == contact_id},
            events=tuple(self.events.get(contact_id, ())),
            tenant_zone=self.zone,
        )

    def _surroundings(self, record: Record) -> Surroundings:
        contact_id = record.snapshot.contact_id
        return Surroundings(
            self.now,
            self.contacts.get(contact_id) if contact_id else None,
            tuple(event for event in self.events.get(contact_id, ()) if event.type in record.workflow.reads.events),
            tenant_zone=self.zone,
            held=record.workflow.key in self.paused,
        )

    def _keep_reception(
        self, contact_id: str | None, event: Event, reception: Reception, depth: int = 0
    ) -> Reception:  # fmt: skip
        if contact_id is not None and reception.contact is not None:
            self.contacts[contact_id] = replace(reception.contact, revision=reception.contact.revision + 1)
        for decision in reception.decisions:
            self._keep(self.workflows[decision.snapshot.workflow], replace(decision, contact=None))
        for decision in reception.decisions:
            self._follow(replace(decision, contact=None), event.chain, depth)
        self._dispatch(contact_id, reception.raised, event.chain, depth)
        return reception

    def _keep(self, workflow: Workflow, decision: Decision) -> None:
        stored = json.loads(json.dumps(snapshot_to_data(decision.snapshot)))
        snapshot = snapshot_from_data(stored)
        assert snapshot == decision.snapshot
        assert decision.history, "a decision leaves a line in history"
        assert decision.history[0].cause is not None
        assert all(entry.cause is None for entry in decision.history[1:])
        json.dumps(decision.history[0].cause)
        self._count(snapshot)
        record = self.records.setdefault(snapshot.id, Record(workflow, snapshot))
        record.snapshot = snapshot
        record.history += decision.history
        record.orders += decision.orders
        self._keep_work(record, decision)
        if decision.contact is not None:
            contact = decision.contact
            json.dumps(contact_to_data(contact))
            self.contacts[contact.id] = replace(contact, revision=contact.revision + 1)

    def _keep_work(self, record: Record, decision: Decision) -> None:
        for order in decision.orders:
            json.dumps(order.input)
            record.work = OpenWork(order, 1, self.now)
        for retry in decision.retries:
            assert record.work is not None
            record.work.attempt, record.work.available_at = retry.attempt, retry.available_at
        if record.snapshot.task is None:
            record.work = None

    def _count(self, snapshot: Snapshot) -> None:
        name = (snapshot.contact_id, snapshot.workflow, snapshot.entry_key)
        past = self.past.get(name, Past())
        if snapshot.id not in self.records:
            past = replace(past, entries=past.entries + 1, last_started_at=self.now)
        if not snapshot.live:
            past = replace(past, last_ended_at=self.now)
        self.past[name] = past

    def _follow(self, decision: Decision, chain: tuple[str, ...] | None = None, depth: int = 0) -> None:
        snapshot = decision.snapshot
        before = chain if chain is not None else tuple(snapshot.trigger.get("chain", ()))
        self._dispatch(snapshot.contact_id, decision.events, (*before, snapshot.workflow), depth)
        if decision.continues and snapshot.workflow not in self.paused:
            self.cause(ContinueCause(snapshot.continues), snapshot.id)

    def _dispatch(
        self, contact_id: str | None, emitted: tuple[EmittedEvent, ...], chain: tuple[str, ...], depth: int
    ) -> None:  # fmt: skip
        assert depth < 20, "raised events raise each other without end"
        for one in emitted:
            self.emitted.append(one)
            event = Event(
                self._mint("raised"),
                one.type,
                "statewright",
                contact_id,
                data=one.data,
                accepted_at=self.now,
                chain=chain,
            )
            self._receive(event, depth + 1)

    def _answer(self, run_id: str | None, attempt: int | None, **result: Any) -> bool:
        name = run_id or self.last
        record = self.records[name]
        work = record.work
        order = work.order if work else record.orders[-1]
        number = attempt or (work.attempt if work else 1)
        cause = TaskCause(f"{name}.{order.step}.{order.visit}", order.step, order.visit, number, **result)
        return self.cause(cause, name) is not None


def assert_alive(record: Record) -> None:
    """Promise P5: a live run has a timer, an open task, or a wait for an event; an ended one has none of them."""
    snapshot = record.snapshot
    if not snapshot.live:
        assert (dict(snapshot.deadlines), snapshot.task, snapshot.held) == ({}, None, ())
        return
    waits = snapshot.step is not None and bool(record.workflow.steps[snapshot.step].cases)
    assert snapshot.deadlines or snapshot.task is not None or waits
