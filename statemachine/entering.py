"""Entering: which workflows an event lets its contact into, now or at a second look, and how such runs begin."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from statemachine.admission import NO_PAST, Entry, Past, entry_block, entry_queue
from statemachine.arbitration import Runs, rivals
from statemachine.cause import Phase
from statemachine.grace import GRACE, MAX_LOOKS, Look
from statemachine.matching import entry_key_of, entry_scope, mismatch, trigger_data
from statemachine.places import NO_USAGE, Usage, holds_place
from statemachine.receiving import Receiving, rank
from statemachine.scope import Scope
from statemachine.snapshot import Snapshot
from statemachine.verdict import BLOCKED, BUFFERED, ENROLLED, EXITED, NOT_MATCHED
from statemachine.workflow import Trigger, Workflow


class Entering(Receiving):
    """See the module."""

    def entries(self) -> None:
        for workflow in sorted(self.roster.candidates, key=rank):
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

    def match(self, workflow: Workflow, trigger: Trigger, scope: Scope) -> str | None:
        """Why the trigger does not match, or None."""
        return mismatch(trigger, self.event, scope)

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
        """Look again at earlier events of the contact; those whose time is over for the last time.

        Those of a paused workflow are looked at when it goes on.
        """
        event = self.event
        for look in self.roster.looks:
            if look.workflow in self.roster.paused:
                continue
            workflow = self.roster.lookers.get(look.workflow)
            over = workflow is None or self.now >= look.until_at
            if workflow is not None:
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
        key = entry_key if entry_key is not None else entry_key_of(workflow, trigger, self.event, scope)
        live = [
            snapshot
            for _, snapshot in self.runs.values()
            if snapshot.live and snapshot.workflow == workflow.key and snapshot.entry_key == key and not snapshot.origin
        ]
        past = self.past.get((workflow.key, key), NO_PAST)
        restarts = workflow.entry.reentry == "restart"
        usage = self._usage(workflow, live if restarts else ())
        paused = workflow.key in self.roster.paused
        leaving = {snapshot.id for snapshot in live} if restarts else ()
        others = rivals(workflow, {"data": self.event.data}, self.runs.values(), leaving)
        entry = Entry(
            workflow, self.event, key, live, past, paused, self.now, usage, others, self.roster.raised, trigger
        )
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
