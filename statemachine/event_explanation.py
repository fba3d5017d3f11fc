"""Explaining an event: what it would do to a contact, workflow by workflow, and by which conditions and rules.

It is explained by really receiving it, in memory, and throwing the result away. `_Witness` only looks on, so an
explanation cannot differ from what Trigger would do with the same data; each condition is shown with the values that
it reads at its turn: after the contact's patch, after the exits and waits before it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import count
from typing import Any, Final

from statemachine.admission import ENTRY_RULES, Entry
from statemachine.cause import EventCause, Phase
from statemachine.condition_tree import Not, Trace
from statemachine.event import Event
from statemachine.exits import entering_event, entry_filter
from statemachine.gathering import QUIET
from statemachine.intake import Intake
from statemachine.matching import config_matches, config_value
from statemachine.places import CONFLICT, MAX_CONCURRENT, PER_MINUTE, closed
from statemachine.roster import Roster
from statemachine.run import Run
from statemachine.scope import Scope
from statemachine.sending.account import MessageAccount, message_accounts
from statemachine.snapshot import Snapshot
from statemachine.step import TOO_LATE
from statemachine.verdict import NOT_MATCHED, Verdict
from statemachine.wording import instant, shown, span
from statemachine.workflow import ExitRule, Trigger, Workflow


@dataclass(frozen=True, slots=True)
class TriggerAccount:
    """One trigger that was tried: `mismatch` says why it does not match, `checks` what it compared."""

    trigger: Trigger
    mismatch: str | None
    checks: tuple[Trace, ...]


@dataclass(frozen=True, slots=True)
class RuleAccount:
    """One entry rule: whether it keeps the contact out, and on what grounds; `until_at` when it ends by itself."""

    name: str
    blocks: bool
    detail: str
    until_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class EntryAccount:
    """What one workflow's entry would answer. `rules` is empty when no trigger matches: then none was asked."""

    workflow: Workflow
    verdict: Verdict
    key: str
    triggers: tuple[TriggerAccount, ...]
    rules: tuple[RuleAccount, ...]


@dataclass(frozen=True, slots=True)
class CaseAccount:
    """An exit rule or a case of a wait that listens for the event. `name` is the exit's reason or the case's outcome.

    `detail` says why it does not apply although its condition holds.
    """

    name: str
    applies: bool
    condition: Trace | None
    detail: str = ""


@dataclass(frozen=True, slots=True)
class TouchAccount:
    """What the event would do to one live enrollment; `verdict` is None when nothing comes of it."""

    snapshot: Snapshot
    verdict: Verdict | None
    exits: tuple[CaseAccount, ...]
    cases: tuple[CaseAccount, ...]


@dataclass(frozen=True, slots=True)
class EventAccount:
    """Entries in the order in which they would be decided, the live enrollments that are concerned, and the messages
    that all of them would send at once."""

    entries: tuple[EntryAccount, ...]
    touched: tuple[TouchAccount, ...]
    messages: tuple[MessageAccount, ...] = ()


def explain_event(event: Event, roster: Roster, now: datetime) -> EventAccount:
    """What `receive` would do now with this event; nothing of it is kept."""
    numbers = count(1)
    witness = _Witness(replace(event, accepted_at=now), roster, now, lambda: f"new-{next(numbers)}")
    witness.receive()
    ordered = sorted(roster.candidates, key=lambda workflow: (-workflow.entry.priority, workflow.key))
    entries = tuple(witness.entry_account(each) for each in ordered)
    return EventAccount(entries, tuple(witness.touched()), tuple(witness.messages()))


def explain_enrolment(
    workflow: Workflow, event: Event, roster: Roster, now: datetime, *, entry_key: str | None = None
) -> EventAccount:
    """What `enter` would do now: one entry, without triggers, and the enrollments that it would end."""
    witness = _Witness(replace(event, accepted_at=now), roster, now, lambda: "new")
    witness.enrol(workflow, entry_key)
    return EventAccount((witness.entry_account(workflow),), tuple(witness.touched()), tuple(witness.messages()))


@dataclass
class _Notes:
    """What was seen at one enrollment."""

    snapshot: Snapshot
    exits: list[CaseAccount] = field(default_factory=list)
    cases: list[CaseAccount] = field(default_factory=list)


class _Witness(Intake):
    """Receives the event as production does, and notes what it looks at."""

    def __init__(self, event: Event, roster: Roster, now: datetime, mint: Callable[[], str]) -> None:
        super().__init__(event, roster, now, mint)
        self._triggers: dict[str, list[TriggerAccount]] = {}
        self._admitted: dict[str, Entry] = {}
        self._entry_verdicts: dict[str, Verdict] = {}
        self._notes = {name: _Notes(snapshot) for name, (_, snapshot) in roster.runs.items()}

    def match(self, workflow: Workflow, trigger: Trigger, scope: Scope) -> str | None:
        reason = super().match(workflow, trigger, scope)
        account = TriggerAccount(trigger, reason, tuple(_trigger_checks(trigger, self.event, scope)))
        self._triggers.setdefault(workflow.key, []).append(account)
        return reason

    def admit(self, entry: Entry) -> str | None:
        self._admitted[entry.workflow.key] = entry
        return super().admit(entry)

    def entries(self) -> None:
        before = len(self.verdicts)
        super().entries()
        for verdict in self.verdicts[before:]:
            if verdict.enrollment_id not in self._notes or verdict.kind == "BLOCKED":
                self._entry_verdicts[verdict.workflow] = verdict

    def enrol(self, workflow: Workflow, entry_key: str | None) -> None:
        """Enter by API, as `intake.enter` does."""
        self.patch()
        self.enter(workflow, None, entry_key)
        self._entry_verdicts[workflow.key] = self.verdicts[-1]

    def decide(
        self,
        workflow: Workflow,
        snapshot: Snapshot,
        phase: Phase,
        trigger_id: str = "",
        queue: Mapping[str, Any] | None = None,
    ) -> bool:
        notes = self._notes.get(snapshot.id)
        if notes is not None and self.held(workflow, snapshot) in ("", "deliver"):
            if phase == "exit":
                notes.exits.extend(self._exit_accounts(workflow, snapshot))
            elif phase == "wait":
                notes.cases.extend(self._case_accounts(workflow, snapshot))
        return super().decide(workflow, snapshot, phase, trigger_id, queue)

    def entry_account(self, workflow: Workflow) -> EntryAccount:
        nobody = Verdict(workflow.key, workflow.version, NOT_MATCHED, rule=f"no trigger listens for {self.event.type}")
        entry = self._admitted.get(workflow.key)
        return EntryAccount(
            workflow,
            self._entry_verdicts.get(workflow.key, nobody),
            entry.key if entry else "",
            tuple(self._triggers.get(workflow.key, ())),
            tuple(_rule_accounts(entry)) if entry else (),
        )

    def touched(self) -> Iterator[TouchAccount]:
        """The enrollments that something came of, or that listen for the event."""
        verdicts = {verdict.enrollment_id: verdict for verdict in self.verdicts if not self._of_entry(verdict)}
        for name, notes in self._notes.items():
            if name in verdicts or notes.exits or notes.cases:
                yield TouchAccount(notes.snapshot, verdicts.get(name), tuple(notes.exits), tuple(notes.cases))

    def messages(self) -> Iterator[MessageAccount]:
        """What would be sent, held or left out now."""
        for decision in self.decisions:
            name = decision.snapshot.id
            workflow, _ = self.runs[name]
            yield from message_accounts(workflow, decision, name if name in self._notes else "")

    def _of_entry(self, verdict: Verdict) -> bool:
        return self._entry_verdicts.get(verdict.workflow) is verdict

    def _run(self, workflow: Workflow, snapshot: Snapshot, phase: Phase) -> Run:
        run = Run(workflow, snapshot, EventCause(self.event, phase), self.surroundings(workflow, snapshot))
        run.event = self.event
        return run

    def _exit_accounts(self, workflow: Workflow, snapshot: Snapshot) -> Iterator[CaseAccount]:
        run = self._run(workflow, snapshot, "exit")
        found = False
        for rule in workflow.exits:
            if not rule.on_mismatch and rule.on != self.event.type:
                continue
            trace = exit_trace(rule, run)
            holds = trace is None or trace.result
            yield CaseAccount(rule.exit_reason, holds and not found, trace, _EARLIER if holds and found else "")
            found = found or holds

    def _case_accounts(self, workflow: Workflow, snapshot: Snapshot) -> Iterator[CaseAccount]:
        run = self._run(workflow, snapshot, "wait")
        yield from self._reset_accounts(run, workflow, snapshot)
        obstacle = "" if run.resting else "the run does not rest"
        obstacle = "this event moved the run before" if run.was_taken(self.event) else obstacle
        for case in workflow.steps[snapshot.step or ""].cases:
            if case.event != self.event.type:
                continue
            trace = None if case.when is None else case.when.explain(run.scope)
            holds = trace is None or trace.result
            yield CaseAccount(case.outcome, holds and not obstacle, trace, obstacle if holds else "")
            obstacle = obstacle or (_EARLIER if holds else "")

    def _reset_accounts(self, run: Run, workflow: Workflow, snapshot: Snapshot) -> Iterator[CaseAccount]:
        """The events that begin the silence anew that the run waits for."""
        for case in workflow.steps[snapshot.step or ""].resets:
            if case.event == self.event.type and QUIET in snapshot.deadlines:
                trace = None if case.when is None else case.when.explain(run.scope)
                yield CaseAccount(QUIET, trace is None or trace.result, trace, "it begins the silence anew")


_EARLIER: Final = "an earlier one applies"


def exit_trace(rule: ExitRule, run: Run) -> Trace | None:
    """What an exit rule asks of a run, evaluated; None when it asks nothing."""
    wanted = entry_filter(run) if rule.on_mismatch else None
    parts = []
    if wanted is not None:
        with entering_event(run):
            parts.append(Not(wanted).explain(run.scope))
    if rule.on_mismatch and wanted is None:
        parts.append(Trace("the entry filter stopped matching", False))
    if rule.when is not None:
        parts.append(rule.when.explain(run.scope))
    if len(parts) < 2:
        return parts[0] if parts else None
    return Trace("all of", all(part.result for part in parts), children=tuple(parts), operator="all")


def _trigger_checks(trigger: Trigger, event: Event, scope: Scope) -> Iterator[Trace]:
    for name, wanted in trigger.config.items():
        yield Trace(
            f"{name} equals {shown(wanted)}",
            config_matches(name, wanted, event.data),
            config_value(name, event.data),
            subject=f"event.data.{name}",
            operator="contains" if name == "keyword" else "equals",
            expected=wanted,
        )
    if trigger.conditions is not None:
        yield trigger.conditions.explain(scope)


def _rule_accounts(entry: Entry) -> Iterator[RuleAccount]:
    """Every rule that the workflow has, in the order in which they are asked."""
    for name, blocks in ENTRY_RULES.items():
        detail = _DETAILS[name](entry)
        if detail:
            until_at = entry.open_at if name == "cooldown" else None
            yield RuleAccount(name, blocks(entry), detail, until_at)


def _too_late_detail(entry: Entry) -> str:
    rule, due_at = entry.trigger.date if entry.trigger else None, entry.event.occurred_at
    if rule is None or rule.late is None or due_at is None:
        return ""
    return f"the date was due at {due_at.isoformat(timespec='seconds')}, and enrols up to {rule.late} after that"


def _reentry_detail(entry: Entry) -> str:
    rule = entry.workflow.entry.reentry
    if rule in ("always", "restart") or (rule == "after_exit" and not entry.live):
        return f"{rule}: {_counted(len(entry.live), 'live enrollment')}"
    if entry.live:
        return f"{rule}: enrollment {entry.live[0].id} is live"
    return f"{rule}: {_counted(entry.past.entries, 'entry', 'entries')} before"


def _max_entries_detail(entry: Entry) -> str:
    most = entry.workflow.entry.max_entries
    return "" if most is None else f"{_counted(entry.past.entries, 'entry', 'entries')} before, at most {most}"


def _cooldown_detail(entry: Entry) -> str:
    rules = entry.workflow.entry
    if rules.cooldown is None:
        return ""
    since = "start" if rules.reentry == "always" else "end"
    if entry.open_at is None:
        return f"{span(rules.cooldown)} after the last {since}; there was none"
    return f"{span(rules.cooldown)} after the last {since}, that is until {instant(entry.open_at)}"


def _max_concurrent_detail(entry: Entry) -> str:
    most = entry.workflow.limits.max_concurrent
    if most is None:
        return ""
    return f"{_counted(entry.usage.live, 'live enrollment')}, at most {most}{_beyond(entry)}"


def _per_minute_detail(entry: Entry) -> str:
    most = entry.workflow.limits.per_minute
    return "" if most is None else f"{entry.usage.begun} began within a minute, at most {most}{_beyond(entry)}"


def _conflict_detail(entry: Entry) -> str:
    policy = entry.workflow.entry.conflict.policy
    if policy == "allow":
        return ""
    others = ", ".join(f"{snapshot.id} of {flow.key!r}" for flow, snapshot in entry.rivals)
    return f"{policy}: {others or 'no other enrollment'} on its channels"


def _beyond(entry: Entry) -> str:
    waits = entry.workflow.limits.over_limit == "queue" and closed(entry.workflow.limits, entry.usage)
    others = ", and others wait already" if entry.usage.queued else ""
    return f"; the enrollment would wait as pending{others}" if waits else ""


def _counted(number: int, one: str, many: str = "") -> str:
    return f"{number} {one if number == 1 else many or one + 's'}"


_DETAILS: Final[Mapping[str, Callable[[Entry], str]]] = {
    "workflow_paused": lambda entry: "the workflow is paused" if entry.paused else "the workflow is not paused",
    TOO_LATE: _too_late_detail,
    "causation_own": lambda entry: f"raised by {' → '.join(entry.event.chain)}" if entry.event.chain else "",
    "causation_depth": lambda entry: f"{len(entry.event.chain)} workflows led to it" if entry.event.chain else "",
    "flood": lambda entry: f"{entry.raised} raised by steps within a minute" if entry.raised else "",
    "max_entries": _max_entries_detail,
    "reentry": _reentry_detail,
    "cooldown": _cooldown_detail,
    MAX_CONCURRENT: _max_concurrent_detail,
    PER_MINUTE: _per_minute_detail,
    CONFLICT: _conflict_detail,
}
