"""A world in memory around the pure core: contacts, an event log, runs, open tasks, and a clock moved by hand.

It does what the service's engine does (load, decide, keep, then raised events and continuing runs in order of the
commit) with the same core and without storage. Nothing in it is random: ids are counted, so the same happenings give
the same world, byte for byte.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from statemachine.admission import Past
from statemachine.arbitration import Turn, turn_of
from statemachine.cause import (
    Cause,
    ContactCause,
    ContinueCause,
    EventCause,
    Operation,
    OperatorCause,
    ParentCause,
    StartCause,
    Surroundings,
    TaskCause,
    TimerCause,
    chain_after,
    left_for_globals,
    named_globals,
)
from statemachine.contact import Contact
from statemachine.conversation import Conversation
from statemachine.dates import date_event
from statemachine.decide import decide
from statemachine.decision import PATH_KINDS, ChildOrder, Decision, EmittedEvent, HistoryEntry, TaskOrder
from statemachine.event import Event, event_from_data, with_taken
from statemachine.family import follow
from statemachine.grace import Look
from statemachine.intake import enter, look_again, receive
from statemachine.limits import size_up_to
from statemachine.patch import apply_patch, raised_of_new
from statemachine.places import CONFLICT, MINUTE, PER_MINUTE, Usage, full, holds_place
from statemachine.roster import Reception, Roster
from statemachine.sending.consent import set_consent
from statemachine.sending.rate import Line, Lines
from statemachine.shares import InForce, splits_of
from statemachine.simulation.diary import Diary
from statemachine.simulation.trace import Answer, Attempt, Moment, MomentKind
from statemachine.snapshot import Snapshot, Status
from statemachine.standstill import NO_STANDSTILL, Standstill
from statemachine.watching import tell_watchers
from statemachine.workflow import Limits, Workflow

START: Final = datetime(2026, 1, 1, 9, tzinfo=UTC)
"""When a world begins unless it is told otherwise: a Thursday morning."""

SOURCE: Final = "statewright"
"""The source of events that steps and contact writes raise."""

_LOOK: Final = "look of "
_DATES: Final = "dates of "
_CREATED: Final = EmittedEvent("contact_created", {})


@dataclass(slots=True)
class OpenWork:
    """A task that may be attempted from `available_at` on; `answered` until a failure makes it ready again.

    `visit` counts the tasks of its step so far, those of all branches and rounds of the run.
    """

    order: TaskOrder
    available_at: datetime
    attempt: int = 1
    answered: bool = False
    visit: int = 1


@dataclass(slots=True)
class Record:
    """Everything an engine would have stored of one enrollment. `states` are its snapshots in order of time."""

    workflow: Workflow
    snapshot: Snapshot
    history: list[HistoryEntry] = field(default_factory=list)
    orders: list[TaskOrder] = field(default_factory=list)
    children: list[ChildOrder] = field(default_factory=list)
    states: list[tuple[datetime, Snapshot]] = field(default_factory=list)
    work: OpenWork | None = None

    @property
    def path(self) -> tuple[str, ...]:
        """The steps in order, once per visit, skipped ones left out."""
        visits = {(entry.visit, entry.step): entry.step for entry in self.history if entry.kind in PATH_KINDS}
        return tuple(step for step in visits.values() if step)


class World:
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

    # --- what happens ---

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
        for workflow, rule, slot in self.diary.arrive(self.contacts[contact_id], self.now):
            event = date_event(self.mint("date"), contact_id, slot, rule, self.now)
            self._log(event)
            self._receive(event, "raised", (workflow,))
            self.settle()

    def fire(self, run_id: str) -> Decision | None:
        """The timer of a run, or its turn to begin; without a deadline that has passed nothing comes of it."""
        if run_id.startswith(_DATES):
            self._keep_appointments(run_id.removeprefix(_DATES))
            return None
        if run_id.startswith(_LOOK):
            self.look_again(run_id.removeprefix(_LOOK))
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

    def _turn(self, record: Record) -> Turn:
        contact_id, key = record.snapshot.contact_id, record.workflow.key
        runs = tuple(self._live_runs(contact_id).values()) if contact_id else ()
        return turn_of(record.workflow, record.snapshot, self._limits(record.workflow), self.usage(key), runs)

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

    # --- what can be asked ---

    @property
    def exhausted(self) -> str:
        """Which limit of the world is reached: `transitions`, `size`, or none."""
        if self._max_transitions is not None and self.transitions >= self._max_transitions:
            return "transitions"
        return "size" if self._max_bytes is not None and self._bytes > self._max_bytes else ""

    def next_timer(self) -> tuple[datetime, str] | None:
        """The earliest timer, or pending run that may begin, and the run; runs of paused workflows are held."""
        dues = [
            (record.snapshot.due_at, -record.snapshot.priority, -record.workflow.entry.priority, name)
            for name, record in self.records.items()
            if record.snapshot.due_at is not None and record.workflow.key not in self.paused
            if name not in self.given_up
        ]
        dates = ((max(due, self.now), f"{_DATES}{name}") for due, name in self.diary.coming())
        waiting = [(due, 0, 0, name) for due, name in (*self._turns(), *self._ends_of_grace(), *dates)]
        first = min([*dues, *waiting], default=None)
        return (first[0], first[-1]) if first is not None else None

    def _ends_of_grace(self) -> Iterator[tuple[datetime, str]]:
        for name, looks in self.looks.items():
            open_ones = (look for look in looks if look.workflow not in self.paused)
            yield from ((max(look.until_at, self.now), f"{_LOOK}{name}") for look in open_ones)

    def _turns(self) -> Iterator[tuple[datetime, str]]:
        """When the first pending run of each workflow may begin, if that is known."""
        heads: dict[str, Record] = {}
        for record in self.records.values():
            key = record.workflow.key
            waits = record.snapshot.status is Status.PENDING and key not in self.paused
            if waits and record.snapshot.queued == CONFLICT:
                queue = self._turn(record).queue
                if queue is None or queue["rule"] != CONFLICT:
                    yield self.now, record.snapshot.id
            elif waits and (key not in heads or record.snapshot.priority > heads[key].snapshot.priority):
                heads[key] = record
        for key, record in heads.items():
            limits = self._limits(record.workflow)
            rule = full(limits, self.usage(key))
            if rule is None:
                yield self.now, record.snapshot.id
            elif rule == PER_MINUTE:
                assert limits.per_minute is not None
                latest = sorted(self._begun_at(key))[-limits.per_minute :]
                yield latest[0] + MINUTE, record.snapshot.id

    def usage(self, key: str) -> Usage:
        """How full a workflow is."""
        records = [record.snapshot for record in self.records.values() if record.workflow.key == key]
        recent = sum(at > self.now - MINUTE for at in self._begun_at(key))
        queued = any(one.status is Status.PENDING and one.queued != CONFLICT for one in records)
        return Usage(sum(map(holds_place, records)), recent, queued)

    def _begun_at(self, key: str) -> list[datetime]:
        found = (record.snapshot.place_at for record in self.records.values() if record.workflow.key == key)
        return [at for at in found if at is not None]

    def _limits(self, workflow: Workflow) -> Limits:
        """Those of the published version."""
        return self.workflows.get(workflow.key, workflow).limits

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

    def surroundings(self, run_id: str) -> Surroundings:
        """What a decision about the run may read now."""
        record = self.records[run_id]
        return self._surroundings(record.workflow, record.snapshot)

    def _surroundings(self, workflow: Workflow, snapshot: Snapshot) -> Surroundings:
        contact_id, reads = snapshot.contact_id, workflow.reads
        return Surroundings(
            self.now,
            self.contacts.get(contact_id) if contact_id else None,
            tuple(event for event in self._log_of(contact_id) if event.type in reads.events),
            tenant_zone=self.zone,
            held=workflow.key in self.paused,
            standstill=self.standstills.get(workflow.key, NO_STANDSTILL),
            conversation=self.conversations.get(snapshot.conversation_id or "") if reads.conversation else None,
            globals=named_globals(self.globals, workflow),
            globals_left=left_for_globals(self.globals, workflow),
            counted=self.counted,
            lines=self.lines,
            splits=splits_of(self.shares, workflow.key, workflow.version, self._kept(contact_id)),
        )

    def mint(self, kind: str) -> str:
        """The next id of its kind."""
        number = self._numbers[kind] = self._numbers.get(kind, 0) + 1
        return f"{kind}-{number:04}"

    # --- deciding ---

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

    def _raised(self, event: Event) -> int:
        """How many events of its contact steps raised within a minute up to this one."""
        log = self._log_of(event.contact_id)
        since = (event.accepted_at or self.now) - MINUTE
        upto = next((number for number, known in enumerate(log, 1) if known is event), len(log))
        return sum(bool(known.chain) and (known.accepted_at or self.now) > since for known in log[:upto])

    def _new_run(self) -> str:
        return self.mint("enrollment")

    def _roster(self, contact_id: str | None, candidates: Iterable[Workflow], events: Iterable[Event]) -> Roster:
        known = self.contacts.get(contact_id) if contact_id else None
        candidates = tuple(candidates)
        looks = self.looks.get(contact_id, ()) if contact_id else ()
        lookers = {look.workflow: self.workflows[look.workflow] for look in looks}
        return Roster(
            contact=(known or Contact(contact_id)) if contact_id else None,
            is_new=known is None and contact_id is not None,
            runs=self._live_runs(contact_id) if contact_id else {},
            candidates=candidates,
            paused=frozenset(self.paused),
            past={
                (flow, key): past for (who, flow, key), past in self.past.items() if contact_id and who == contact_id
            },
            events=tuple(events),
            tenant_zone=self.zone,
            standstills=self.standstills,
            conversations=self.conversations,
            globals=self.globals,
            usages={flow.key: self.usage(flow.key) for flow in (*candidates, *lookers.values()) if flow.limits.counted},
            versions=self._version,
            counted=self.counted,
            lines=self.lines,
            shares=self.shares,
            kept=self._kept(contact_id),
            looks=looks,
            lookers=lookers,
        )

    def _version(self, key: str, version: int) -> Workflow | None:
        """What a child is to run. A world has one version of each workflow that is entered in it."""
        found = self.workflows.get(key)
        return found if found is not None and version in (0, found.version) else self.inner.get((key, version))

    def _kept(self, contact_id: str | None) -> dict[str, Mapping[str, str]]:
        """The variants that the contact was given first, by workflow."""
        kept: dict[str, Mapping[str, str]] = dict(self.kept) if contact_id else {}
        for record in self.records.values() if contact_id and self.shares else ():
            if record.snapshot.contact_id == contact_id:
                key = record.workflow.key
                kept[key] = {**record.snapshot.variants, **kept.get(key, {})}
        return kept

    def _live_runs(self, contact_id: str) -> dict[str, tuple[Workflow, Snapshot]]:
        return {
            name: (record.workflow, record.snapshot)
            for name, record in self.records.items()
            if record.snapshot.contact_id == contact_id and record.snapshot.live
        }

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

    # --- a household (`family.py`) ---

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

    # --- keeping ---

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

    # --- following up ---

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
