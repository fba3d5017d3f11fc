"""What one event does to one contact: patch → exits → waits → entries, workflows by priority then key.

Each step of that order sees the result of the one before. An exit frees entry for the same event; the event that enrols
never satisfies that run's own waits. Pure: the engine loads a `Roster`, asks `receive`, and writes down the answer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import field, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from statemachine.admission import Entry, Past, entry_block, entry_queue
from statemachine.arbitration import Runs, rivals
from statemachine.calendar import first_zone
from statemachine.cause import (
    DEFAULT_TENANT,
    Cause,
    ContactCause,
    EventCause,
    ParentCause,
    Phase,
    Surroundings,
    named_globals,
)
from statemachine.condition_tree import ALL_OF, Trace
from statemachine.contact import Contact
from statemachine.conversation import Conversation, conversation_names
from statemachine.decide import decide
from statemachine.decision import ChildOrder, Decision, EmittedEvent
from statemachine.errors import StepFailed
from statemachine.event import Event, event_to_data, with_taken
from statemachine.family import follow
from statemachine.grace import GRACE, MAX_LOOKS, Look
from statemachine.names import CONTACT_CHANGES
from statemachine.patch import apply_patch, hear, raised_of_new, remember_reply
from statemachine.places import NO_USAGE, Usage, Usages, count_move, holds_place
from statemachine.record import record
from statemachine.scope import Scope
from statemachine.sending.consent import UNSUBSCRIBED, unsubscribe
from statemachine.shares import InForce, splits_of
from statemachine.snapshot import Snapshot, Status
from statemachine.standstill import CONTINUE, NO_STANDSTILL, Standstill
from statemachine.step import CONTACT_CHANGED
from statemachine.values import text
from statemachine.watching import tell_watchers
from statemachine.workflow import Trigger, Workflow

ENROLLED: Final = "ENROLLED"
ADVANCED: Final = "ADVANCED"
EXITED: Final = "EXITED"
BUFFERED: Final = "BUFFERED"
DEBOUNCED: Final = "DEBOUNCED"
BLOCKED: Final = "BLOCKED"
NOT_MATCHED: Final = "NOT_MATCHED"
EARLY: Final = "early"
"""The rule of a verdict BUFFERED: the enrollment is not waiting for the event yet."""
DROPPED: Final = "dropped"
"""The rule of a verdict BLOCKED: the enrollment is paused, and its pause drops events."""


@record
class Verdict:
    """What an event did with regard to one workflow; `rule` says by which rule or condition where that matters."""

    workflow: str
    version: int
    kind: str
    enrollment_id: str = ""
    rule: str = ""
    step: str = ""


def _no_version(_key: str, _version: int) -> Workflow | None:
    return None


@record
class Roster:
    """Everything known about one contact when an event (or an enrolment by API) comes in.

    `runs` are its live enrollments with their versions; `candidates` the active versions that may enrol, `paused` the
    keys of paused workflows; `past` is filled for (workflow, entry key) pairs where entry rules ask for it,
    `standstills` for workflows that were ever paused, `usages` for candidates whose runs take places. `looks` are
    events of the contact to look at again, `lookers` the active versions for which, by key. `conversations` are, by
    id, the event's and those of `runs`, `globals` the tenant's variables. `versions` finds what a child is to run: a
    workflow's version by its number, or the active one. `counted` is how far back the caps of the tenant look.
    `shares` are those that were set of splits, `kept` the variants that the contact was given before, by workflow,
    where shares were set. `raised` counts the events that steps raised of the contact within a minute up to this one,
    if it is one.
    """

    contact: Contact | None
    is_new: bool = False
    runs: Mapping[str, tuple[Workflow, Snapshot]] = field(default_factory=dict)
    candidates: Sequence[Workflow] = ()
    paused: frozenset[str] = frozenset()
    past: Mapping[tuple[str, str], Past] = field(default_factory=dict)
    events: tuple[Event, ...] = ()
    tenant_zone: str | None = None
    standstills: Mapping[str, Standstill] = field(default_factory=dict)
    tenant_id: str = DEFAULT_TENANT
    conversations: Mapping[str, Conversation] = field(default_factory=dict)
    globals: Mapping[str, Any] = field(default_factory=dict)
    usages: Usages = field(default_factory=dict)
    versions: Callable[[str, int], Workflow | None] = _no_version
    counted: timedelta | None = None
    shares: InForce = field(default_factory=dict)
    kept: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    looks: tuple[Look, ...] = ()
    lookers: Mapping[str, Workflow] = field(default_factory=dict)
    raised: int = 0


@record
class Reception:
    """What the event did: the contact after its patch, the decisions in order, and a verdict per workflow concerned.

    `conversations` are those that changed.
    """

    contact: Contact | None
    raised: tuple[EmittedEvent, ...]
    decisions: tuple[Decision, ...]
    verdicts: tuple[Verdict, ...]
    conversations: tuple[Conversation, ...] = ()
    looks: tuple[Look, ...] = ()


def receive(event: Event, roster: Roster, now: datetime, mint: Callable[[], str]) -> Reception:
    """Apply one event. `mint` gives the id of a new enrollment. Raises InvalidInput for a patch of the wrong shape."""
    return Receiving(event, roster, now, mint).receive()


def look_again(look: Look, roster: Roster, now: datetime, mint: Callable[[], str]) -> Reception:
    """Look at the looks of the roster again without a new event, because the time of `look` is over."""
    receiving = Receiving(look.event, roster, now, mint)
    receiving.second_looks()
    receiving.changes()
    return receiving.result()


def enter(
    workflow: Workflow, event: Event, roster: Roster, now: datetime, mint: Callable[[], str], *, entry_key: str | None
) -> Reception:
    """Enrol by API: the same rules as an entry by event, without a trigger to match. `event` is the API call itself."""
    receiving = Receiving(event, roster, now, mint)
    receiving.patch()
    receiving.enter(workflow, None, entry_key)
    receiving.changes()
    return receiving.result()


_OF_TAGS: Final = frozenset({"tag_added", "tag_removed"})
"""They are about tags of the contact unless their `target` says otherwise, and so are the triggers for them."""


def mismatch(trigger: Trigger, event: Event, scope: Scope) -> str | None:
    """Why a trigger does not match an event, in words; None when it does."""
    if not trigger.enabled:
        return "the trigger is disabled"
    if trigger.type != event.type:
        return f"the event is {event.type}, the trigger wants {trigger.type}"
    if event.type in _OF_TAGS:
        whose, wanted = event.data.get("target", "contact"), trigger.config.get("target", "contact")
        if whose != wanted:
            return f"it is a tag of the {whose}, the trigger wants those of the {wanted}"
    for name, wanted in trigger.config.items():
        if not config_matches(name, wanted, event.data):
            return f"{name} is {config_value(name, event.data)!r}, the trigger wants {wanted!r}"
    if trigger.conditions is not None and not trigger.conditions.test(scope):
        return _why(trigger.conditions.explain(scope))
    return None


def _why(trace: Trace) -> str:
    """The first part that does not hold, down to where it is one comparison."""
    failing = next((child for child in trace.children if not child.result), None)
    if failing is not None and trace.text == ALL_OF:
        return _why(failing)
    return f"{trace.text}: {trace.error}" if trace.error else trace.text


def entry_scope(
    workflow: Workflow,
    event: Event,
    contact: Contact | None,
    roster: Roster,
    now: datetime,
    conversation: Conversation | None = None,
) -> Scope:
    """The names that trigger conditions and entry keys of a workflow can read."""
    scope = Scope()
    scope.contact = contact
    scope.event = event
    scope.trigger = trigger_data(event, "")
    scope.events = roster.events
    scope.now = now
    scope.on_missing = "empty"
    scope.globals = roster.globals
    if conversation is not None:
        scope.conversation = conversation_names(conversation)
    scope.zone = first_zone(contact.get("timezone") if contact else None, workflow.timezone, roster.tenant_zone)
    return scope


def trigger_data(event: Event, trigger_id: str) -> dict[str, Any]:
    """What a run keeps as `trigger.*`."""
    data = event_to_data(event)
    if trigger_id:
        data["trigger_id"] = trigger_id
    return data


class Receiving:
    """The working state of `receive`; each phase sees what the one before it changed.

    An explanation watches the same work by overriding `match`, `admit` and `decide`.
    """

    def __init__(self, event: Event, roster: Roster, now: datetime, mint: Callable[[], str]) -> None:
        self.event = event
        self.waited = event
        self.roster = roster
        self.now = now
        self.mint = mint
        self.contact = roster.contact
        self.runs = dict(roster.runs)
        self.past = dict(roster.past)
        self.usages = dict(roster.usages)
        self.looks = {look.id: look for look in roster.looks}
        self.again = False
        self.raised: list[EmittedEvent] = []
        self.decisions: list[Decision] = []
        self.verdicts: list[Verdict] = []
        self.conversations: dict[str, Conversation] = {}

    def receive(self) -> Reception:
        self.patch()
        self.exits()
        self.waits()
        self.entries()
        self.second_looks()
        self.changes()
        return self.result()

    def result(self) -> Reception:
        changed = tuple(self.conversations.values())
        looks = tuple(self.looks.values())
        return Reception(self.contact, tuple(self.raised), tuple(self.decisions), tuple(self.verdicts), changed, looks)

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

        if self.event.conversation_id:
            self._hear(self.event.conversation_id)

    def _hear(self, conversation_id: str) -> None:
        known = self._conversation(conversation_id)
        heard, raised = hear(known, self.event, self.now)
        self.raised.extend(raised)
        if heard is not known:
            self.conversations[conversation_id] = heard

    def _conversation(self, conversation_id: str | None) -> Conversation | None:
        """As it is now."""
        if not conversation_id:
            return None
        return self.conversations.get(conversation_id) or self.roster.conversations.get(conversation_id)

    def exits(self) -> None:
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

    def _mark_alone(self, decision: Decision) -> None:
        """What a wait took for itself alone is gone for all that come after it."""
        events = with_taken(self.roster.events, decision.alone, decision.snapshot.id)
        self.roster = replace(self.roster, events=events)
        (self.waited,) = with_taken((self.waited,), decision.alone, decision.snapshot.id)

    def changes(self) -> None:
        """Let the waits that watch the contact look at what has become of it, last of all."""
        before = self.roster.contact
        if before is not None and self.contact is not before:
            tell_watchers(before, lambda: self.contact, self.runs.values, self._tell, before.revision + 1)

    def _tell(self, workflow: Workflow, snapshot: Snapshot, cause: ContactCause) -> None:
        workflow, snapshot = self.runs[snapshot.id]
        decision = self.decide_cause(workflow, snapshot, cause)
        if decision is None:
            return
        if decision.of_family:
            follow(_Family(self), snapshot, decision)
        if not _still_there(snapshot, decision.snapshot):
            self._verdict(workflow, ADVANCED, snapshot.id, CONTACT_CHANGED, snapshot.step or "")

    def entries(self) -> None:
        for workflow in sorted(self.roster.candidates, key=_rank):
            reasons: list[str] = []
            scope = self._entry_scope(workflow)
            for trigger in workflow.triggers:
                if trigger.type != self.event.type:
                    continue
                reason = self.match(workflow, trigger, scope)
                if reason is None:
                    self.enter(workflow, trigger, None, scope)
                    break
                reasons.append(reason)
            else:
                if reasons and self._look_later(workflow, scope):
                    self._verdict(workflow, BUFFERED, rule=GRACE)
                elif reasons:
                    self._verdict(workflow, NOT_MATCHED, rule="; ".join(dict.fromkeys(reasons)))

    def _look_later(self, workflow: Workflow, scope: Scope) -> bool:
        """Keep the event for a second look where only conditions failed, and the workflow gives them time."""
        grace = workflow.entry.grace
        if grace is None or self.contact is None or len(self.looks) >= MAX_LOOKS:
            return False
        wanted = (trigger for trigger in workflow.triggers if trigger.conditions and trigger.type == self.event.type)
        if all(mismatch(replace(trigger, conditions=None), self.event, scope) for trigger in wanted):
            return False
        look = Look(workflow.key, replace(self.event, contact_patch={}), (self.event.accepted_at or self.now) + grace)
        self.looks[look.id] = look
        return True

    def second_looks(self) -> None:
        """Look again at earlier events of the contact; those whose time is over for the last time."""
        event = self.event
        for look in self.roster.looks:
            workflow = self.roster.lookers.get(look.workflow)
            over = workflow is None or self.now >= look.until_at
            if workflow is not None and workflow.key not in self.roster.paused:
                self.event, self.again = look.event, True
                over = self._look_again(workflow) or over
                self.event, self.again = event, False
            if over:
                del self.looks[look.id]

    def _look_again(self, workflow: Workflow) -> bool:
        scope = self._entry_scope(workflow)
        for trigger in workflow.triggers:
            if trigger.type == self.event.type and mismatch(trigger, self.event, scope) is None:
                self.enter(workflow, trigger, None, scope)
                return True
        return False

    def enter(
        self, workflow: Workflow, trigger: Trigger | None, entry_key: str | None, scope: Scope | None = None
    ) -> None:
        scope = scope or self._entry_scope(workflow)
        key = entry_key if entry_key is not None else _entry_key(workflow, trigger, self.event, scope)
        live = [
            snapshot
            for _, snapshot in self.runs.values()
            if snapshot.live and snapshot.workflow == workflow.key and snapshot.entry_key == key and not snapshot.origin
        ]
        past = self.past.get((workflow.key, key), Past())
        restarts = workflow.entry.reentry == "restart"
        usage = self._usage(workflow, live if restarts else ())
        paused = workflow.key in self.roster.paused
        leaving = {snapshot.id for snapshot in live} if restarts else ()
        others = rivals(workflow, {"data": self.event.data}, self.runs.values(), leaving)
        entry = Entry(workflow, self.event, key, live, past, paused, self.now, usage, others, self.roster.raised)
        block = self.admit(entry)
        if block is not None:
            return self._verdict(workflow, BLOCKED, live[0].id if live else "", block)
        if restarts:
            self._end([self.runs[snapshot.id] for snapshot in live], "restart", "restarted")
        queue = entry_queue(entry)
        if queue is None and workflow.entry.conflict.policy == "interrupt":
            self._end(others, "interrupt", "interrupted")
        return self._begin(workflow, trigger, key, past, queue)

    def _usage(self, workflow: Workflow, leaving: Sequence[Snapshot]) -> Usage:
        """How full the workflow is without those that make room."""
        usage = self.usages.get(workflow.key, NO_USAGE)
        freed = sum(map(holds_place, leaving))
        return replace(usage, live=usage.live - freed) if freed else usage

    def _entry_scope(self, workflow: Workflow) -> Scope:
        talk = self._conversation(self.event.conversation_id)
        return entry_scope(workflow, self.event, self.contact, self.roster, self.now, talk)

    def match(self, workflow: Workflow, trigger: Trigger, scope: Scope) -> str | None:
        """Why the trigger does not match, or None."""
        return mismatch(trigger, self.event, scope)

    def admit(self, entry: Entry) -> str | None:
        """The rule that keeps the contact out, or None."""
        return entry_block(entry)

    def _begin(
        self, workflow: Workflow, trigger: Trigger | None, key: str, past: Past, queue: Mapping[str, Any] | None
    ) -> None:
        trigger_id = trigger.id if trigger else ""
        snapshot = Snapshot(
            id=self.mint(),
            workflow=workflow.key,
            version=workflow.version,
            contact_id=self.contact.id if self.contact else None,
            entry_key=key,
            priority=self.event.priority,
            trigger=trigger_data(self.event, trigger_id),
        )
        self.past[workflow.key, key] = replace(past, entries=past.entries + 1, last_started_at=self.now)
        self.decide(workflow, snapshot, "entry", trigger_id, queue)
        rule = queue["rule"] if queue else GRACE if self.again else ""
        self._verdict(workflow, ENROLLED, snapshot.id, rule, self.runs[snapshot.id][1].step or "")

    def _end(self, runs: Runs, phase: Phase, reason: str) -> None:
        for workflow, snapshot in runs:
            if self.runs[snapshot.id][1].live:
                self.decide(workflow, self.runs[snapshot.id][1], phase)
                self._verdict(workflow, EXITED, snapshot.id, reason)

    def decide(
        self,
        workflow: Workflow,
        snapshot: Snapshot,
        phase: Phase,
        trigger_id: str = "",
        queue: Mapping[str, Any] | None = None,
    ) -> bool:
        """Let the event act on an enrollment; whether anything came of it. `queue`: see Surroundings."""
        cause = EventCause(self.waited if phase == "wait" else self.event, phase, trigger_id)
        decision = self.decide_cause(workflow, snapshot, cause, queue=queue)
        if decision is None:
            return False
        if decision.of_family:
            follow(_Family(self), snapshot, decision)
        return True

    def decide_cause(
        self,
        workflow: Workflow,
        snapshot: Snapshot,
        cause: Cause,
        *,
        crowded: bool = False,
        queue: Mapping[str, Any] | None = None,
    ) -> Decision | None:
        """Decide and keep, that of the family aside."""
        around = self.surroundings(workflow, snapshot)
        if crowded or queue is not None:
            around = replace(around, crowded=crowded, queue=queue)
        decision = decide(workflow, snapshot, cause, around)
        if decision is not None:
            self._keep(workflow, decision)
        return decision

    def _keep(self, workflow: Workflow, decision: Decision) -> None:
        self.decisions.append(decision)
        if decision.alone:
            self._mark_alone(decision)
        self.contact = decision.contact or self.contact
        if decision.conversation is not None:
            self.conversations[decision.conversation.id] = decision.conversation
        if self.usages:
            known = self.runs.get(decision.snapshot.id)
            count_move(self.usages, known[1] if known else None, decision.snapshot)
        self.runs[decision.snapshot.id] = (workflow, decision.snapshot)
        if not decision.snapshot.live and decision.snapshot.origin is None:
            name = (decision.snapshot.workflow, decision.snapshot.entry_key)
            self.past[name] = replace(self.past.get(name, Past()), last_ended_at=self.now)

    def surroundings(self, workflow: Workflow, snapshot: Snapshot) -> Surroundings:
        reads = workflow.reads.events
        events = tuple(event for event in self.roster.events if event.type in reads) if reads else ()
        held = workflow.key in self.roster.paused
        still = self.roster.standstills.get(workflow.key, NO_STANDSTILL)
        return Surroundings(
            self.now,
            self.contact,
            events,
            tenant_zone=self.roster.tenant_zone,
            held=held,
            standstill=still,
            tenant_id=self.roster.tenant_id,
            conversation=self._conversation(snapshot.conversation_id) if workflow.reads.conversation else None,
            globals=named_globals(self.roster.globals, workflow),
            counted=self.roster.counted,
            splits=splits_of(self.roster.shares, workflow.key, workflow.version, self.roster.kept),
        )

    def held(self, workflow: Workflow, snapshot: Snapshot) -> str:
        """What becomes of events while the enrollment is paused, by itself or with its workflow; "" when it is not."""
        if snapshot.status is Status.PAUSED:
            return snapshot.pause_events
        if workflow.key in self.roster.paused:
            return self.roster.standstills.get(workflow.key, NO_STANDSTILL).events
        return ""

    def _buffer(self, workflow: Workflow, snapshot: Snapshot, step: str) -> None:
        """A run that is held keeps an event that could move it, until it is let go."""
        wanted = self.event.type in workflow.waiting_for(snapshot.step, part=snapshot.part)
        leaves = workflow.leaves_on_mismatch and not snapshot.part
        if not wanted and not (leaves and self.event.type in CONTACT_CHANGES):
            return
        if self.decide(workflow, snapshot, "wait"):
            self._verdict(workflow, BUFFERED, snapshot.id, "paused", step)
        elif wanted:
            self._verdict(workflow, BLOCKED, snapshot.id, "buffer_full", step)

    def _drop(self, workflow: Workflow, snapshot: Snapshot, step: str) -> None:
        """The pause of a run drops the event; no wait of it takes it later."""
        if workflow.listens_in(self.event.type) and self.decide(workflow, snapshot, "wait"):
            self._verdict(workflow, BLOCKED, snapshot.id, DROPPED, step)

    def _ordered_runs(self, turn: Turn | None = None) -> Iterator[tuple[Workflow, Snapshot]]:
        """The live runs of now, each as it is when its turn comes: another of its family may have moved or ended it."""
        live = [pair for pair in self.runs.values() if pair[1].live]
        for _, snapshot in sorted(live, key=turn or _turn):
            found = self.runs[snapshot.id]
            if found[1].live:
                yield found

    def _verdict(self, workflow: Workflow, kind: str, enrollment_id: str = "", rule: str = "", step: str = "") -> None:
        self.verdicts.append(Verdict(workflow.key, workflow.version, kind, enrollment_id, rule, step))


def _still_there(before: Snapshot, after: Snapshot) -> bool:
    """Whether the run rests where it rested: the event joined a burst, or began a silence anew."""
    return after.live and after.visit == before.visit and CONTINUE not in after.deadlines


class _Family:
    """The runs of the contact as a household (`family.py`): all that live are at hand."""

    def __init__(self, receiving: Receiving) -> None:
        self._receiving = receiving

    def member(self, run_id: str) -> tuple[Workflow, Snapshot] | None:
        return self._receiving.runs.get(run_id)

    def children_of(self, run_id: str) -> list[tuple[Workflow, Snapshot]]:
        return [pair for pair in self._receiving.runs.values() if pair[1].parent_id == run_id and pair[1].live]

    def version_of(self, order: ChildOrder) -> Workflow | None:
        child = order.snapshot
        same = self._receiving.runs.get(child.parent_id or "")
        if same is not None and (same[0].key, same[0].version) == (child.workflow, child.version):
            return same[0]
        return self._receiving.roster.versions(child.workflow, child.version)

    def decide(self, workflow: Workflow, snapshot: Snapshot, cause: Cause, *, crowded: bool = False) -> Decision | None:
        return self._receiving.decide_cause(workflow, snapshot, cause, crowded=crowded)

    def absent(self, parent: Snapshot, word: ParentCause) -> None:
        """None is."""


def _turn(pair: tuple[Workflow, Snapshot]) -> tuple[Any, ...]:
    return (*_rank(pair[0]), pair[1].id)


def _age(pair: tuple[Workflow, Snapshot]) -> tuple[Any, ...]:
    """By priority, the oldest first."""
    workflow, snapshot = pair
    return -workflow.entry.priority, snapshot.started_at or _LAST, snapshot.id


_LAST: Final = datetime.max.replace(tzinfo=UTC)
Turn = Callable[[tuple[Workflow, Snapshot]], tuple[Any, ...]]


def _rank(workflow: Workflow) -> tuple[int, str]:
    return -workflow.entry.priority, workflow.key


def _entry_key(workflow: Workflow, trigger: Trigger | None, event: Event, scope: Scope) -> str:
    template = (trigger.key if trigger else None) or workflow.entry.key
    if template is None:
        return event.key or ""
    try:
        return text(template.resolve(scope))
    except StepFailed:
        return ""


def config_matches(name: str, wanted: Any, data: Mapping[str, Any]) -> bool:
    if name == "keyword":
        return _has_keyword(wanted, data)
    return bool(config_value(name, data) == wanted)


def config_value(name: str, data: Mapping[str, Any]) -> Any:
    """The event's value for a word of a trigger's config; `from` and `to` mean the old and new value of a field."""
    if name in ("from", "to") and name not in data:
        return data.get("old_value" if name == "from" else "new_value")
    if name == "keyword":
        return next((data[part] for part in ("content", "message", "body") if data.get(part)), None)
    if name == "target" and "tag" in data:
        return data.get(name, "contact")
    return data.get(name)


def _has_keyword(wanted: Any, data: Mapping[str, Any]) -> bool:
    """Whole words, case-insensitive; any of a list."""
    text = str(config_value("keyword", data) or "").casefold()
    words = "".join(char if char.isalnum() else " " for char in text).split()
    phrases = wanted if isinstance(wanted, list | tuple) else [wanted]
    padded = f" {' '.join(words)} "
    return any(f" {' '.join(str(phrase).casefold().split())} " in padded for phrase in phrases)
