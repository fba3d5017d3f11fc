"""The product's world in memory, with a hand on it: short words for what tests do, and checks of every decision.

The checks are what must hold of every decision: nothing that was handed in changed, and what a store would keep reads
back equal. `audit` decides every cause again from history alone.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields, replace
from datetime import datetime, timedelta
from typing import Any

from statemachine.cause import Cause, OperatorCause, Surroundings, TaskFailure, cause_from_data, cause_to_data
from statemachine.contact import Contact, contact_to_data
from statemachine.decide import decide
from statemachine.decision import ChildOrder, Decision, HistoryEntry, TaskOrder
from statemachine.definition import load_workflow
from statemachine.event import Event
from statemachine.intake import receive
from statemachine.migration import Route, migrate, migration_data
from statemachine.names import canonical_event
from statemachine.replay import replay
from statemachine.roster import Reception, Roster
from statemachine.shares import SetShares
from statemachine.simulation.kept import Record
from statemachine.simulation.memory import START
from statemachine.simulation.trace import Answer, MomentKind
from statemachine.simulation.world import World
from statemachine.snapshot import Snapshot, Status, snapshot_from_data, snapshot_to_data
from statemachine.steps.split import Split
from statemachine.workflow import Workflow

__all__ = ["START", "Simulation", "assert_alive", "canonical", "compiled"]


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
    if isinstance(value, timedelta):
        return value.total_seconds()
    return dict(value) if isinstance(value, Mapping) else {one.name: getattr(value, one.name) for one in fields(value)}


class CheckedWorld(World):
    """A world that proves of each decision what must hold of all."""

    def _decide(self, run_id: str, cause: Cause, queue: Mapping[str, Any] | None = None) -> Decision | None:
        assert cause_from_data(json.loads(json.dumps(cause_to_data(cause)))) == cause
        record = self.records[run_id]
        given = (record.snapshot, self.surroundings(run_id))
        before = canonical([snapshot_to_data(given[0]), given[1]])
        try:
            decision = super()._decide(run_id, cause, queue)
            assert_read_ahead(record.workflow, given[0], cause, given[1], decision)
            return decision
        finally:
            assert canonical([snapshot_to_data(given[0]), given[1]]) == before

    _narrowed: Roster | None = None

    def _roster(self, contact_id: str | None, candidates: Iterable[Workflow], events: Iterable[Event]) -> Roster:
        """What is asked; besides, keep what an engine would load of the earlier events."""
        candidates = tuple(candidates)
        roster = super()._roster(contact_id, candidates, events)
        announced = {kind for flow in candidates for kind in flow.reads.events}
        for flow, snapshot in roster.runs.values():
            resting = snapshot.status is Status.WAITING and snapshot.step is not None
            announced.update((flow.reads_ahead(snapshot.step or "") if resting else flow.reads).events)
        seen = tuple(event for event in roster.events[:-1] if event.type in announced)
        self._narrowed = replace(roster, runs=dict(roster.runs), events=(*seen, *roster.events[-1:]))
        return roster

    def _keep_reception(self, event: Event, reception: Reception, kind: MomentKind) -> None:
        narrowed, self._narrowed = self._narrowed, None
        if narrowed is not None and event.source != "api":
            fresh = [one.snapshot.id for one in reception.decisions if one.snapshot.id not in narrowed.runs]
            ids = iter(dict.fromkeys(fresh))
            again = receive(event, narrowed, self.now, lambda: next(ids))
            assert again.verdicts == reception.verdicts
            assert list(map(_without_events, again.decisions)) == list(map(_without_events, reception.decisions))
        super()._keep_reception(event, reception, kind)

    def migrate(self, run_id: str, route: Route) -> Decision:
        record = self.records[run_id]
        cause = OperatorCause("migrate", self.mint("request"), migration_data(route))
        before = canonical(snapshot_to_data(record.snapshot))
        try:
            decision = migrate(route, record.snapshot, cause, self.surroundings(run_id))
        finally:
            assert canonical(snapshot_to_data(record.snapshot)) == before
        self._keep(route.target, decision)
        record.workflow = route.target
        return decision

    def _keep(self, workflow: Workflow, decision: Decision) -> None:
        stored = snapshot_from_data(json.loads(json.dumps(snapshot_to_data(decision.snapshot))))
        assert stored == decision.snapshot
        assert decision.history, "a decision leaves a line in history"
        assert decision.history[0].cause is not None
        assert all(entry.cause is None for entry in decision.history[1:])
        json.dumps(decision.history[0].cause)
        json.dumps([order.input for order in decision.orders])
        super()._keep(workflow, replace(decision, snapshot=stored))

    def _keep_contact(self, contact: Contact) -> None:
        json.dumps(contact_to_data(contact))
        super()._keep_contact(contact)


def assert_read_ahead(
    workflow: Workflow, snapshot: Snapshot, cause: Cause, around: Surroundings, decision: Decision | None
) -> None:
    """A run that rests and goes on by itself reads no event that `reads_ahead` does not announce."""
    if snapshot.status is not Status.WAITING or snapshot.step is None or isinstance(cause, OperatorCause):
        return
    announced = workflow.reads_ahead(snapshot.step).events
    events = tuple(event for event in around.events if event.type in announced)
    if len(events) < len(around.events):
        again = decide(workflow, snapshot, cause, replace(around, events=events))
        assert (again and _without_events(again)) == (decision and _without_events(decision))


def _without_events(decision: Decision) -> Decision:
    """The decision without its note of the events that were at hand."""
    first, *rest = decision.history
    reads = {name: value for name, value in (first.cause or {}).get("reads", {}).items() if name != "events"}
    return replace(decision, history=(replace(first, cause={**(first.cause or {}), "reads": reads}), *rest))


class Simulation:
    """See the module. `records` are in order of entry; `now` only moves by `wait`. A run not named is the latest."""

    def __init__(self, *workflows: Workflow, zone: str | None = None, versions: Sequence[Workflow] = ()) -> None:
        """`workflows` are entered; `versions` are others of theirs, to which runs may be migrated."""
        self.world = CheckedWorld(workflows, zone=zone)
        self.versions = {(one.key, one.version): one for one in (*workflows, *versions)}
        self.records = self.world.records

    # --- what happens ---

    def trigger(self, kind: str, contact_id: str | None = "c1", **event: Any) -> Reception:
        """An event comes in; raised events are dispatched at once, as after a commit."""
        name = event.pop("id", None) or self.world.mint("ev")
        known = canonical_event(kind)
        data = {**known.data_filter, **event.pop("data", {})}
        source = event.pop("source", "test")
        return self.world.receive(Event(name, known.type, source, contact_id, data=data, **event))

    def enroll(self, workflow: str = "flow", contact_id: str | None = "c1", **data: Any) -> Reception:
        return self.world.enter(workflow, Event(self.world.mint("api"), "api", "api", contact_id, data=data))

    def wait(self, **span: float) -> None:
        """Let time pass; timers fire when they fall due, earliest first."""
        until = self.now + timedelta(**span)
        for _ in range(10_000):
            due = self.world.next_timer()
            if due is None or due[0] > until:
                self.world.now = until
                return
            self.world.now = max(self.now, due[0])
            self.fire(due[1])
        raise AssertionError("timers fire without end")

    def fire(self, run_id: str | None = None) -> Decision | None:
        """The timer of a run; without a deadline that has passed nothing may come of it."""
        return self.world.fire(run_id or self.last)

    def complete(self, output: Any = None, outcome: str = "done", run_id: str | None = None, **keys: Any) -> bool:
        """The worker answers; tells whether the answer was applied."""
        attempt = keys.pop("attempt", None)
        return self._answer(run_id, attempt, Answer(outcome, output, **keys))

    def fail(
        self,
        code: str = "boom",
        *,
        retryable: bool = True,
        retry_after_s: float | None = None,
        run_id: str | None = None,
    ) -> bool:
        failure = TaskFailure(code, f"it said {code}", retryable, retry_after_s)
        return self._answer(run_id, None, Answer(failure=failure))

    def operate(self, operation: Any, run_id: str | None = None, **data: Any) -> Decision:
        """Raises as the core refuses."""
        decision = self.world.operate(run_id or self.last, operation, data)
        assert decision is not None
        return decision

    def migrate(
        self, mapping: Mapping[str, str] | None = None, *, to: int = 2, timers: str = "keep", run_id: str | None = None
    ) -> Decision:
        """Raises as the core refuses."""
        name = run_id or self.last
        record = self.records[name]
        route = Route(record.workflow, self.versions[record.workflow.key, to], mapping or {}, timers)
        return self.world.migrate(name, route)

    def pause_workflow(self, key: str = "flow", timers: str | None = None, events: str | None = None) -> None:
        self.world.pause_workflow(key, timers, events)

    def resume_workflow(self, key: str = "flow") -> None:
        self.world.resume_workflow(key)

    def change(self, contact_id: str = "c1", **attributes: Any) -> None:
        """The contact changes without anybody being told."""
        contact = self.world.contacts.get(contact_id, Contact(contact_id))
        for name, value in attributes.items():
            contact = replace(contact, **{name: value}) if name in ("tags", "lists", "score") else contact.with_field(
                name, value
            )  # fmt: skip
        self.world.contacts[contact_id] = replace(contact, revision=contact.revision + 1)

    def upsert(self, contact_id: str = "c1", **patch: Any) -> None:
        """The contact changes as by a call, and waits look again."""
        self.world.change_contact(contact_id, patch)

    def consent(self, contact_id: str = "c1", **statuses: str) -> None:
        self.world.set_consent(contact_id, statuses)

    def weigh(self, weights: Sequence[float], key: str = "flow") -> None:
        """Other weights for every split of the active version, from now on. Raises InvalidInput."""
        workflow = self.world.workflows[key]
        known = self.world.shares.get(key, {}).get(workflow.version, {})
        set_now = {
            name: SetShares(len(known) + 1, step.runner.share(dict(zip(step.runner.shares, weights, strict=False))))
            for name, step in workflow.steps.items()
            if isinstance(step.runner, Split)
        }
        self.world.shares = {**self.world.shares, key: {workflow.version: {**known, **set_now}}}

    def cause(self, cause: Cause, run_id: str) -> Decision | None:
        """Decide one cause for a run and keep what comes of it."""
        return self.world.cause(run_id, cause)

    # --- what can be asked ---

    @property
    def now(self) -> datetime:
        return self.world.now

    @now.setter
    def now(self, now: datetime) -> None:
        self.world.now = now

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
        return self.world.contacts["c1"]

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
            assert canonical(_born(again.children)) == canonical(_born(record.children))
            assert canonical(again.history) == canonical(record.history)
            assert [entry.sequence for entry in record.history] == list(range(len(record.history)))
            assert_alive(record)
        self._audit_families()

    def _audit_families(self) -> None:
        """A parent waits for those children that live or whose end it has not been told yet."""
        awaited: dict[str, set[str]] = {}
        for record in self.records.values():
            child = record.snapshot
            if child.live and child.origin is not None and child.origin.awaited:
                awaited.setdefault(child.parent_id or "", set()).add(child.origin.name)
        for run_id, record in self.records.items():
            parent = record.snapshot
            told_later = {str(news["name"]) for news in parent.held if _tells_of_child(news, parent)}
            open_children = set(parent.brood.open) if parent.brood else set()
            assert open_children == awaited.get(run_id, set()) | told_later
            assert parent.open_children == len(open_children)

    def _answer(self, run_id: str | None, attempt: int | None, answer: Answer) -> bool:
        name = run_id or self.last
        record = self.records[name]
        work = record.work
        order = work.order if work else record.orders[-1]
        number = attempt or (work.attempt if work else 1)
        return self.world.finish(name, order.step, order.visit, number, answer)


def assert_alive(record: Record) -> None:
    """Promise P5: a live run has a timer, an open task, children or a wait for an event; an ended one has none."""
    snapshot = record.snapshot
    if not snapshot.live:
        assert (dict(snapshot.deadlines), snapshot.task, snapshot.held, snapshot.brood) == ({}, None, (), None)
        return
    waits = snapshot.step is not None and bool(record.workflow.awaited(snapshot.step))
    assert snapshot.deadlines or snapshot.task is not None or waits or snapshot.open_children


def _tells_of_child(news: Mapping[str, Any], parent: Snapshot) -> bool:
    """Whether this cause, held by a pause, is the end of a child of the visit that the parent is in."""
    return bool(news["kind"] == "child" and news["visit"] == parent.visit)


def _born(orders: Sequence[ChildOrder]) -> list[Any]:
    return [[snapshot_to_data(order.snapshot), cause_to_data(order.cause)] for order in orders]
