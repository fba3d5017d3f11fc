"""A published version, compiled once: what `definition.py` makes of a document and `decide.py` runs.

Everything here is immutable and shared by all enrollments of the version, in all threads.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from functools import reduce
from typing import TYPE_CHECKING, Any, Final, Literal

from statemachine.reads import Reads
from statemachine.step import CONTACT_CHANGED, END, EventCase, StepType, WaitingStep

if TYPE_CHECKING:
    from statemachine.condition import Condition
    from statemachine.dates import DateRule
    from statemachine.machine import WorkflowMachine
    from statemachine.problem import Problem
    from statemachine.sending.rules import Sending
    from statemachine.sending.stop_words import StopWords
    from statemachine.template import Value


_ANYWHERE: Final = "*"
_ALWAYS: Final = ""
"""The anchor of waits that count events since the run began."""


@dataclass(frozen=True, slots=True)
class Trigger:
    """An event of canonical type `type` whose data equal `config` and for which `conditions` hold may enrol.

    `date` says when such an event comes, where dates of contacts make it.
    """

    id: str
    type: str
    config: Mapping[str, Any] = field(default_factory=dict)
    conditions: Condition | None = None
    key: Value | None = None
    enabled: bool = True
    date: DateRule | None = None

    @property
    def reads(self) -> Reads:
        return self.conditions.reads if self.conditions is not None else Reads()


@dataclass(frozen=True, slots=True)
class Conflict:
    """What becomes of a newcomer whose contact other runs write to on these channels; none: those of its workflow."""

    policy: Literal["allow", "queue", "skip", "interrupt"] = "allow"
    channels: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class EntryRules:
    reentry: Literal["never", "after_exit", "always", "restart"] = "after_exit"
    cooldown: timedelta | None = None
    max_entries: int | None = None
    priority: int = 0
    key: Value | None = None
    conflict: Conflict = Conflict()
    grace: timedelta | None = None


@dataclass(frozen=True, slots=True)
class ExitRule:
    """`on` is a canonical event type; `on_mismatch` rules have none and test the entry filter instead."""

    on: str | None = None
    when: Condition | None = None
    reason: str | None = None
    goal: str | None = None
    on_mismatch: bool = False

    @property
    def exit_reason(self) -> str:
        if self.reason:
            return self.reason
        if self.goal:
            return f"goal:{self.goal}"
        return "filter_mismatch" if self.on_mismatch else str(self.on)

    @property
    def reads(self) -> Reads:
        return self.when.reads if self.when is not None else Reads()


@dataclass(frozen=True, slots=True)
class Limits:
    """`max_concurrent` and `per_minute` count runs of the whole workflow; `over_limit` is for those beyond."""

    max_duration: timedelta | None = None
    max_transitions: int | None = None
    max_concurrent: int | None = None
    per_minute: int | None = None
    over_limit: Literal["queue", "refuse"] = "queue"
    max_execution: timedelta | None = None

    @property
    def counted(self) -> bool:
        """Whether its runs take places."""
        return self.max_concurrent is not None or self.per_minute is not None


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """`max_attempts` counts the first try. `jitter`: full = random in [0, delay], none = exactly the delay."""

    max_attempts: int = 4
    backoff: timedelta = timedelta(seconds=1)
    factor: float = 2.0
    max_backoff: timedelta = timedelta(minutes=5)
    jitter: Literal["full", "none"] = "full"


OUT: Final = "$out"
"""Out of the workflow, by a step that ends the run: a target of `Step.ways_out`."""
_LOCAL: Final = Reads(frozenset({"timezone"}))

UNDONE: Final = "$undone"
"""Where the steps of a `compensate` lead at their end: back to the step that undoes."""

ON_FAILURE: Final = "$on_failure"
"""In whose body the steps of `on_failure` stand."""


UNDO_BODY: Final = "$undo "


def undo_body(step_id: str) -> str:
    """In whose body the steps stand that undo a step."""
    return UNDO_BODY + step_id


def is_closed(carrier: str) -> bool:
    """Whether it is `on_failure` or an undo, and not a step, in whose body a step stands."""
    return carrier.startswith("$")


@dataclass(frozen=True, slots=True)
class Step:
    """`type` is canonical. `targets` leads each outcome to a step id or `end`; `on_error` is where `error` leads, and
    `following` where the run goes when `when` is false.

    `undo` is the first of the steps that undo it, "" when it declares none.

    `within` are the steps in whose bodies it stands, the outermost first, and `bodies` says in which body of each.
    `caught_by` takes its error when there is no `on_error`: a guard around it, or an error_handler. `via` leads the
    transitions that leave a `try` past its `finally` to that `try`; `ways_out` leads, from there or from a step that
    ends the run, a place outside to the next step on the way there. `sending` are the rules of its message, None
    without any.
    """

    id: str
    type: str
    runner: StepType
    targets: Mapping[str, str]
    name: str = ""
    when: Condition | None = None
    retry: RetryPolicy = RetryPolicy()
    timeout: timedelta | None = None
    on_error: str | None = None
    following: str = END
    output: str | None = None
    at_most_once: bool = False
    within: tuple[str, ...] = ()
    bodies: tuple[str, ...] = ()
    caught_by: str | None = None
    undo: str = ""
    via: Mapping[str, str] = field(default_factory=dict)
    ways_out: Mapping[str, str] = field(default_factory=dict)
    sending: Sending | None = None

    @property
    def cases(self) -> tuple[EventCase, ...]:
        return self.runner.cases()

    @property
    def resets(self) -> tuple[EventCase, ...]:
        return self.runner.resets()

    @property
    def hears(self) -> bool:
        """Whether any event matters to a run that rests in it."""
        return bool(self.runner.cases() or self.runner.resets() or self.asked_events)

    @property
    def asked_events(self) -> frozenset[str]:
        """The types of the events that its `until_true` asks about: it looks again when one comes."""
        asked = self.runner.until_true() if isinstance(self.runner, WaitingStep) else None
        return frozenset() if asked is None else frozenset(asked.reads.events)

    @property
    def reads(self) -> Reads:
        conditions = (self.when, *(case.when for case in (*self.cases, *self.resets)))
        own = self.runner.reads | _LOCAL if self.sending is not None and self.sending.local else self.runner.reads
        return reduce(Reads.__or__, (one.reads for one in conditions if one is not None), own)


def fork_around(step: Step, steps: Mapping[str, Step]) -> tuple[str, str] | None:
    """The innermost body around a step that children run, as (step, outcome)."""
    for place in zip(reversed(step.within), reversed(step.bodies), strict=True):
        if place[0] in steps and steps[place[0]].runner.forks:
            return place
    return None


def own_outcomes(workflow: Workflow, step_id: str) -> tuple[str, ...]:
    """The outcomes by which a run itself can leave a step, in the order of the definition."""
    outcomes = workflow.machine.outcomes(step_id)
    runner = workflow.steps[step_id].runner if step_id in workflow.steps else None
    forked = runner.bodies() if runner is not None and runner.forks else ()
    return tuple(outcome for outcome in outcomes if outcome not in forked)


@dataclass(frozen=True, slots=True)
class Workflow:
    """`steps` is in the author's order; `machine` has a state per step and a transition per outcome.

    `first` is where a run by API begins; `entries` leads the id of a trigger to the step where its runs begin instead.
    `label` is the author's; `reads` is what any of its parts may read; `warnings` is what publish reports. `version` is
    0 until the server numbers it. `pause_timers` and `pause_events` are the policies of a pause that names none.
    `channels` are those by which its steps may write to the contact. `on_failure` is the first step to do when the run
    has failed, "" for none. `item_names` leads a loop to what its author calls the item of a round. `counts` is how far
    back the caps of its messages look, None without any. `rated` leads the channels of which it says a rate to how many
    messages the largest one counts. `inner` are the workflows that it runs, by key and version (0: the active one).
    `stop_words` are those it listens for, in whatever workflow the contact is.
    """

    key: str
    name: str
    steps: Mapping[str, Step]
    first: str
    machine: WorkflowMachine
    version: int = 0
    description: str = ""
    label: str = ""
    active: bool = True
    timezone: str | None = None
    triggers: tuple[Trigger, ...] = ()
    entries: Mapping[str, str] = field(default_factory=dict)
    entry: EntryRules = EntryRules()
    exits: tuple[ExitRule, ...] = ()
    limits: Limits = Limits()
    on_missing: Literal["keep", "empty", "fail"] = "keep"
    variables: Value | None = None
    pause_timers: str = "keep"
    pause_events: str = "buffer"
    channels: frozenset[str] = frozenset()
    reads: Reads = field(default_factory=Reads)
    item_names: Mapping[str, str] = field(default_factory=dict)
    inner: tuple[tuple[str, int], ...] = ()
    on_failure: str = ""
    counts: timedelta | None = None
    rated: Mapping[str, int] = field(default_factory=dict)
    stop_words: StopWords | None = None
    warnings: tuple[Problem, ...] = ()
    _waiting_for: dict[str | None, frozenset[str]] = field(default_factory=dict, init=False, repr=False, compare=False)
    _awaited: dict[str | None, tuple[str, ...]] = field(default_factory=dict, init=False, repr=False, compare=False)
    _early: dict[str, dict[str, set[str]]] = field(default_factory=dict, init=False, repr=False, compare=False)
    _ahead: dict[str, Reads] = field(default_factory=dict, init=False, repr=False, compare=False)

    def beginning(self, trigger_id: str | None) -> str:
        """The step where a run begins that this trigger started; None is a run by API."""
        return self.entries.get(trigger_id, self.first) if trigger_id else self.first

    def waiting_for(self, step_id: str | None, *, part: bool = False) -> frozenset[str]:
        """The canonical event types that can move an enrollment resting in this step: its cases and the exit rules.

        `part`: it is a child that runs a part of the workflow, to which exit rules do not apply.
        """
        if part:
            step = self.steps.get(step_id) if step_id else None
            return frozenset(case.event for case in step.cases) if step is not None else frozenset()
        known = self._waiting_for.get(step_id)
        return known if known is not None else self._waiting_for.setdefault(step_id, self._kinds(step_id))

    def reads_ahead(self, step_id: str) -> Reads:
        """What may be read of a run that rests in this step and goes on: by the steps it may still come to, by the exit
        rules and the triggers, and by the step itself as long as it rests."""
        known = self._ahead.get(step_id)
        return known if known is not None else self._ahead.setdefault(step_id, self._read_after(step_id))

    def _read_after(self, step_id: str) -> Reads:
        resting = self.steps[step_id].runner.resting_reads
        total = self.steps[step_id].reads if resting is None else resting
        for ahead in self.machine.ahead(step_id):
            total |= self.steps[ahead].reads
        rules: tuple[Trigger | ExitRule, ...] = (*self.triggers, *self.exits)
        return reduce(Reads.__or__, (rule.reads for rule in rules), total)

    @property
    def leaves_on_mismatch(self) -> bool:
        """Whether a run leaves when its entry filter stops matching."""
        return any(rule.on_mismatch for rule in self.exits)

    def listens_in(self, event_type: str) -> bool:
        """Whether an event of this type could move a run in any of its steps."""
        known = self._waiting_for.get(_ANYWHERE)
        if known is None:
            kinds = {case.event for step in self.steps.values() for case in (*step.cases, *step.resets)}
            known = self._waiting_for[_ANYWHERE] = frozenset(kinds | self._kinds(None))
        return event_type in known

    def _kinds(self, step_id: str | None) -> frozenset[str]:
        kinds = {rule.on for rule in self.exits if rule.on}
        step = self.steps.get(step_id) if step_id else None
        if step is not None:
            kinds.update(case.event for case in (*step.cases, *step.resets))
            kinds |= step.asked_events
        return frozenset(kinds)

    def awaited(self, step_id: str | None) -> tuple[str, ...]:
        """All that a run which rests there waits for, for showing: event types, and changes at which it looks again."""
        known = self._awaited.get(step_id)
        if known is None:
            step = self.steps.get(step_id) if step_id else None
            words = self.waiting_for(step_id) | (step.runner.watches() if step else frozenset())
            words |= {CONTACT_CHANGED} if self.leaves_on_mismatch else set()
            known = self._awaited[step_id] = tuple(sorted(words))
        return known

    def keeps_for_later(self, step_id: str, started: Collection[str], event_type: str) -> bool:
        """Whether a wait that lies ahead of a run in this step may take an event of this type that comes now: it counts
        from the beginning, from one of the steps that have `started`, or from this very step, which is just before."""
        known = self._early.get(step_id)
        if known is None:
            known = self._early[step_id] = self._early_kinds(step_id)
        anchors = known.get(event_type)
        return anchors is not None and any(anchor == _ALWAYS or anchor in started for anchor in anchors)

    def _early_kinds(self, step_id: str) -> dict[str, set[str]]:
        """Event type → since when waits ahead count it."""
        found: dict[str, set[str]] = {}
        next_ones = self.machine.after(step_id)
        for ahead in self.machine.ahead(step_id):
            runner = self.steps[ahead].runner
            if not isinstance(runner, WaitingStep):
                continue
            anchor = _ALWAYS if runner.anchor() == "enrollment" else runner.anchor()
            if anchor is None and ahead in next_ones:
                anchor = step_id
            for case in runner.cases() if anchor not in (None, "wait") else ():
                found.setdefault(case.event, set()).add(str(anchor))
        return found

    def watches_contact_in(self, step_id: str | None, *, part: bool = False) -> bool:
        """Whether a run that stands there looks again when its contact changes; `part`: see `waiting_for`."""
        if self.leaves_on_mismatch and not part:
            return True
        step = self.steps.get(step_id) if step_id else None
        return step is not None and CONTACT_CHANGED in step.runner.watches()

    @property
    def watches_contact(self) -> bool:
        """Whether a run looks again in any step when its contact changes."""
        return self.leaves_on_mismatch or any(CONTACT_CHANGED in step.runner.watches() for step in self.steps.values())
