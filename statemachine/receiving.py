"""The working state while something comes in for one contact: what each decision leaves, the next one sees.

`intake.py` says in which order things happen, `entering.py` how runs begin; both stand on this.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any, Final

from statemachine.admission import NO_PAST
from statemachine.cause import Cause, EventCause, ParentCause, Phase, Surroundings, left_for_globals, named_globals
from statemachine.conversation import Conversation
from statemachine.decide import decide
from statemachine.decision import ChildOrder, Decision, EmittedEvent
from statemachine.event import Event, with_taken
from statemachine.family import follow
from statemachine.places import count_move
from statemachine.roster import Reception, Roster
from statemachine.shares import NO_SPLITS, splits_of
from statemachine.snapshot import Snapshot, Status
from statemachine.standstill import NO_STANDSTILL
from statemachine.verdict import Verdict
from statemachine.workflow import Workflow

_NO_GLOBALS: Final[Mapping[str, Any]] = {}
Turn = Callable[[tuple[Workflow, Snapshot]], tuple[Any, ...]]


class Receiving:
    """See the module. An explanation watches the same work by overriding `match`, `admit` and `decide`."""

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
        self.lines = roster.lines
        self.looks = {look.id: look for look in roster.looks}
        self.again = False
        self.raised: list[EmittedEvent] = []
        self.decisions: list[Decision] = []
        self.verdicts: list[Verdict] = []
        self.conversations: dict[str, Conversation] = {}

    def result(self) -> Reception:
        changed = tuple(self.conversations.values())
        looks = tuple(self.looks.values())
        return Reception(self.contact, tuple(self.raised), tuple(self.decisions), tuple(self.verdicts), changed, looks)

    def _conversation(self, conversation_id: str | None) -> Conversation | None:
        """As it is now."""
        if not conversation_id:
            return None
        return self.conversations.get(conversation_id) or self.roster.conversations.get(conversation_id)

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
            self._see_to_family(snapshot, decision)
        return True

    def _see_to_family(self, before: Snapshot, decision: Decision) -> None:
        follow(_Family(self), before, decision)

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
        if decision.lines is not None:
            self.lines = decision.lines
        self.contact = decision.contact or self.contact
        if decision.globals:
            self.roster = replace(self.roster, globals={**self.roster.globals, **decision.globals})
        if decision.conversation is not None:
            self.conversations[decision.conversation.id] = decision.conversation
        if self.usages:
            known = self.runs.get(decision.snapshot.id)
            count_move(self.usages, known[1] if known else None, decision.snapshot)
        self.runs[decision.snapshot.id] = (workflow, decision.snapshot)
        if not decision.snapshot.live and decision.snapshot.origin is None:
            name = (decision.snapshot.workflow, decision.snapshot.entry_key)
            self.past[name] = self.past.get(name, NO_PAST).ended(self.now)

    def _mark_alone(self, decision: Decision) -> None:
        """What a wait took for itself alone is gone for all that come after it."""
        events = with_taken(self.roster.events, decision.alone, decision.snapshot.id)
        self.roster = replace(self.roster, events=events)
        (self.waited,) = with_taken((self.waited,), decision.alone, decision.snapshot.id)

    def surroundings(self, workflow: Workflow, snapshot: Snapshot) -> Surroundings:
        roster, reads, key = self.roster, workflow.reads, workflow.key
        return Surroundings(
            self.now,
            self.contact,
            tuple(event for event in roster.events if event.type in reads.events) if reads.events else (),
            named_globals(roster.globals, workflow) if reads.globals else _NO_GLOBALS,
            roster.tenant_zone,
            key in roster.paused,
            roster.standstills.get(key, NO_STANDSTILL),
            roster.tenant_id,
            self._conversation(snapshot.conversation_id) if reads.conversation else None,
            counted=roster.counted,
            splits=splits_of(roster.shares, key, workflow.version, roster.kept) if roster.shares else NO_SPLITS,
            globals_left=left_for_globals(roster.globals, workflow) if reads.sets else None,
            lines=self.lines,
        )

    def held(self, workflow: Workflow, snapshot: Snapshot) -> str:
        """What becomes of events while the enrollment is paused, by itself or with its workflow; "" when it is not."""
        if snapshot.status is Status.PAUSED:
            return snapshot.pause_events
        if workflow.key in self.roster.paused:
            return self.roster.standstills.get(workflow.key, NO_STANDSTILL).events
        return ""

    def _ordered_runs(self, turn: Turn | None = None) -> Iterator[tuple[Workflow, Snapshot]]:
        """The live runs of now, each as it is when its turn comes: another of its family may have moved or ended it."""
        live = [pair for pair in self.runs.values() if pair[1].live]
        for _, snapshot in sorted(live, key=turn or _turn):
            found = self.runs[snapshot.id]
            if found[1].live:
                yield found

    def _verdict(self, workflow: Workflow, kind: str, enrollment_id: str = "", rule: str = "", step: str = "") -> None:
        self.verdicts.append(Verdict(workflow.key, workflow.version, kind, enrollment_id, rule, step))


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
    return (*rank(pair[0]), pair[1].id)


def rank(workflow: Workflow) -> tuple[int, str]:
    return -workflow.entry.priority, workflow.key
