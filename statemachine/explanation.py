"""Explaining: why an event would (not) enrol a contact, and what a run waits for. Pure; changes nothing.

An entry is explained by really receiving the event, in memory, and throwing the result away: so the explanation cannot
differ from what Trigger would do with the same data.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import count

from statemachine.cause import Surroundings, TimerCause
from statemachine.condition_tree import Trace
from statemachine.course import WAIT
from statemachine.decide import allowed_transitions
from statemachine.event import Event
from statemachine.intake import BLOCKED, ENROLLED, NOT_MATCHED, Reception, Roster, Verdict, entry_scope, receive
from statemachine.run import CONTINUE, Run
from statemachine.snapshot import Snapshot, Status
from statemachine.workflow import Workflow


@dataclass(frozen=True, slots=True)
class EntryAccount:
    """What one workflow's entry would answer, and the conditions of the triggers that listen for the event."""

    workflow: Workflow
    verdict: Verdict
    traces: tuple[Trace, ...]


@dataclass(frozen=True, slots=True)
class RunAccount:
    """Why a run is where it is. `waiting_for` is for people; `moved_by` lists everything that would move it."""

    reason: str
    waiting_for: str
    since_at: datetime | None
    until_at: datetime | None
    moved_by: tuple[str, ...]
    traces: tuple[Trace, ...]


def explain_entries(event: Event, roster: Roster, now: datetime) -> tuple[EntryAccount, ...]:
    """One account per candidate of the roster, in the order in which they would be decided."""
    numbers = count(1)
    reception = receive(event, roster, now, lambda: f"new-{next(numbers)}")
    ordered = sorted(roster.candidates, key=lambda workflow: (-workflow.entry.priority, workflow.key))
    return tuple(_entry_account(workflow, event, roster, reception, now) for workflow in ordered)


def explain_run(workflow: Workflow, snapshot: Snapshot, surroundings: Surroundings, queue: str | None) -> RunAccount:
    """`queue` is where its open task waits, if it has one."""
    waiting_for = _waits(workflow, snapshot, queue)
    return RunAccount(
        _reason(snapshot, waiting_for, held=surroundings.held),
        waiting_for,
        _since(snapshot),
        snapshot.due_at,
        tuple(_moved_by(workflow, snapshot)),
        tuple(_case_traces(workflow, snapshot, surroundings)),
    )


def _entry_account(
    workflow: Workflow, event: Event, roster: Roster, reception: Reception, now: datetime
) -> EntryAccount:
    scope = entry_scope(workflow, event, reception.contact, roster, now)
    scope.contact = reception.contact if reception.contact is not None else roster.contact
    listening = [trigger for trigger in workflow.triggers if trigger.type == event.type]
    traces = tuple(trigger.conditions.explain(scope) for trigger in listening if trigger.conditions is not None)
    found = [
        verdict
        for verdict in reception.verdicts
        if verdict.workflow == workflow.key and verdict.kind in (ENROLLED, BLOCKED, NOT_MATCHED)
    ]
    nobody = Verdict(workflow.key, workflow.version, NOT_MATCHED, rule=f"no trigger listens for {event.type}")
    return EntryAccount(workflow, found[-1] if found else nobody, traces)


def _reason(snapshot: Snapshot, waiting_for: str, *, held: bool) -> str:
    step = f"step {snapshot.step!r}" if snapshot.step else "no step"
    if snapshot.status is Status.PAUSED:
        return f"An operator paused it at {step}; it goes on when it is resumed."
    if snapshot.status is Status.FAILED and snapshot.last_error is not None:
        error = snapshot.last_error
        return f"It failed at step {error.step!r}: {error.message} ({error.code}). Retry continues it there."
    if not snapshot.live:
        why = f" ({snapshot.exit_reason})" if snapshot.exit_reason else ""
        return f"It has ended: {snapshot.status.value}{why}."
    if held:
        return f"Its workflow is paused, which holds it at {step}; it goes on when the workflow is resumed."
    return f"It rests in {step} and waits for {waiting_for}."


def _waits(workflow: Workflow, snapshot: Snapshot, queue: str | None) -> str:
    if not snapshot.live:
        return ""
    parts: list[str] = []
    if snapshot.task is not None:
        parts.append(_task_wait(snapshot, queue))
    step = workflow.steps.get(snapshot.step or "")
    events = dict.fromkeys(case.event for case in step.cases) if step else {}
    if events:
        parts.append(f"an event {' or '.join(events)}")
    if WAIT in snapshot.deadlines:
        parts.append(f"{'at the latest ' if events else ''}{snapshot.deadlines[WAIT].isoformat(timespec='seconds')}")
    if CONTINUE in snapshot.deadlines:
        parts.append("its turn to go on")
    return ", ".join(parts) or "an event"


def _task_wait(snapshot: Snapshot, queue: str | None) -> str:
    assert snapshot.task is not None
    where = f" on queue {queue!r}" if queue else ""
    if snapshot.task.retry_at is not None:
        at = snapshot.task.retry_at.isoformat(timespec="seconds")
        return f"attempt {snapshot.task.attempt} of its task{where}, due {at}"
    return f"the result of its task{where} (attempt {snapshot.task.attempt})"


def _since(snapshot: Snapshot) -> datetime | None:
    if snapshot.status is Status.PAUSED:
        return snapshot.paused_at
    return snapshot.entered_at if snapshot.live else snapshot.ended_at


def _moved_by(workflow: Workflow, snapshot: Snapshot) -> Sequence[str]:
    if snapshot.status is Status.PAUSED:
        return ("resume",)
    if snapshot.status is Status.FAILED:
        return ("retry",)
    if not snapshot.live:
        return ()
    moves = [f"event {kind}" for kind in sorted(workflow.waiting_for(snapshot.step))]
    moves += ["timer"] if snapshot.deadlines else []
    moves += ["task result"] if snapshot.task is not None else []
    return [*moves, *(f"transition {name}" for name in allowed_transitions(workflow, snapshot))]


def _case_traces(workflow: Workflow, snapshot: Snapshot, surroundings: Surroundings) -> Sequence[Trace]:
    step = workflow.steps.get(snapshot.step or "")
    conditions = [case.when for case in step.cases if case.when is not None] if step else []
    if not conditions or not snapshot.live:
        return ()
    scope = Run(workflow, snapshot, TimerCause(snapshot.visit, snapshot.timers), surroundings).scope
    return [condition.explain(scope) for condition in conditions]
