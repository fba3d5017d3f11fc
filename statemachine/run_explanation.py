"""Explaining a run: what it waits for, since when, until when, and what would move it. Pure; changes nothing.

What would move it is read from the machine and evaluated in the scope of a real `Run`, as a decision would see it now.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from statemachine.active_time import EXECUTION
from statemachine.asking import ESCALATION, REMINDER
from statemachine.beginning import RUN
from statemachine.calendar import find_zone
from statemachine.cause import Surroundings, TimerCause
from statemachine.condition_tree import Trace
from statemachine.decide import allowed_transitions
from statemachine.event_explanation import exit_trace
from statemachine.frame import Guard, undo_names
from statemachine.gathering import BURST_TIMERS, QUIET
from statemachine.kin import Brood
from statemachine.listening import SILENT, WAIT
from statemachine.machine import ERROR, EXITED, FAILED
from statemachine.places import CONFLICT, MAX_CONCURRENT, PER_MINUTE
from statemachine.run import Run
from statemachine.sending import gate
from statemachine.snapshot import Snapshot, Status
from statemachine.standstill import CONTINUE, made_up
from statemachine.step import CONTACT_CHANGED, VARIABLES_CHANGED, WaitingStep
from statemachine.steps.approval import TIMEOUT, Approval
from statemachine.steps.message import MessageStep
from statemachine.steps.sub_workflow import SubWorkflow
from statemachine.wording import instant
from statemachine.workflow import ON_FAILURE, Step, Workflow

_MOST_NAMES: Final = 10


@dataclass(frozen=True, slots=True)
class Move:
    """One thing that would move a run.

    `kind` is event (a case of its wait), change (its `until_true` is asked again), exit (an exit rule), timer, task,
    transition (Advance) or operation; `name` is the event type, the change, the deadline (wait, quiet, debounce,
    max_hold, run, continue, reminder, escalation), the outcome, or the operation. `outcome` is the transition that
    would be taken or the exit's reason, `target` a step or a terminal state ("" when it stays where it is). `at` is
    when it would happen by itself; `condition` what it asks besides, evaluated now.
    """

    kind: str
    name: str
    outcome: str = ""
    target: str = ""
    at: datetime | None = None
    condition: Trace | None = None

    @property
    def label(self) -> str:
        """The move in a word or two."""
        if self.kind == "operation":
            return self.name
        if self.kind == "exit":
            return f"event {self.name}" if self.name else "a contact change that ends the match of the entry filter"
        if self.kind == "change":
            return {CONTACT_CHANGED: "contact change", VARIABLES_CHANGED: "new variables"}.get(self.name, self.name)
        return {"timer": "timer", "task": "task result"}.get(self.kind) or f"{self.kind} {self.name}"


@dataclass(frozen=True, slots=True)
class RunAccount:
    """Why a run is where it is. `waiting_for` is for people; `held` are the causes that it keeps for later."""

    reason: str
    waiting_for: str
    since_at: datetime | None
    until_at: datetime | None
    moves: tuple[Move, ...]
    held: tuple[str, ...]

    @property
    def moved_by(self) -> tuple[str, ...]:
        """The moves in words, each once."""
        events = sorted({move.label for move in self.moves if move.kind in ("event", "exit")})
        rest = [move.label for move in self.moves if move.kind not in ("event", "exit")]
        return tuple(dict.fromkeys([*events, *rest]))


def explain_run(
    workflow: Workflow,
    snapshot: Snapshot,
    surroundings: Surroundings,
    queue: str | None = None,
    quarantined_at: datetime | None = None,
    holder: str = "",
) -> RunAccount:
    """`queue` is where its open task waits, if it has one; `quarantined_at` since when its timer is given up; `holder`
    says, in words, who has its human task."""
    snapshot = made_up(snapshot, surroundings.standstill)
    waiting_for = _waits(workflow, snapshot, surroundings, queue, holder)
    reason = _reason(snapshot, waiting_for, held=surroundings.held)
    reason += _EVENTS_MEANWHILE.get(_event_policy(snapshot, surroundings), "")
    if quarantined_at is not None and snapshot.live:
        since = instant(quarantined_at)
        reason += f" Its timer failed too often and is given up since {since}: advance or cancel it."
    return RunAccount(
        reason,
        waiting_for,
        _since(snapshot),
        None if quarantined_at is not None else _until(snapshot),
        tuple(_moves(workflow, snapshot, surroundings)),
        tuple(_held(kept) for kept in snapshot.held),
    )


def _event_policy(snapshot: Snapshot, surroundings: Surroundings) -> str:
    if snapshot.status is Status.PAUSED:
        return snapshot.pause_events
    return surroundings.standstill.events if snapshot.live and surroundings.held else ""


QUEUE_WORDS: Final[Mapping[str, str]] = {
    MAX_CONCURRENT: "as many runs live as limits.max_concurrent of its workflow allows, or others wait before it",
    PER_MINUTE: "as many runs began within a minute as limits.per_minute allows, or others wait before it",
    CONFLICT: "other runs of its contact are on its channels (entry.conflict)",
}
_EVENTS_MEANWHILE: Final[Mapping[str, str]] = {
    "deliver": " Meanwhile events reach its exits and its wait.",
    "drop": " Meanwhile events are dropped for it.",
}


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
    if snapshot.status is Status.PENDING:
        return f"It is enrolled and waits to begin: {QUEUE_WORDS[snapshot.queued]}."
    if held:
        return f"Its workflow is paused, which holds it at {step}; it goes on when the workflow is resumed."
    return f"It rests in {step} and waits for {waiting_for}.{_inside(snapshot)}"


def _inside(snapshot: Snapshot) -> str:
    """What it is doing besides going its way."""
    undo = undo_names(snapshot.frames)
    told = f" It undoes step {undo['step']!r}." if undo is not None else ""
    guard = snapshot.frames[0] if snapshot.frames else None
    if isinstance(guard, Guard) and guard.step == ON_FAILURE and guard.caught is not None:
        error = guard.caught
        told += f" It failed at step {error.step!r}: {error.message} ({error.code}), and ends so after `on_failure`."
    return told


def _until(snapshot: Snapshot) -> datetime | None:
    """When it moves by itself at the latest; reminding and relieving people does not move it."""
    if snapshot.next_deadline is None:
        return None
    moving = (at for name, at in snapshot.deadlines.items() if name not in (REMINDER, ESCALATION))
    return min(moving, default=None)


def _waits(workflow: Workflow, snapshot: Snapshot, surroundings: Surroundings, queue: str | None, holder: str) -> str:
    if not snapshot.live:
        return ""
    if snapshot.status is Status.PENDING:
        return "the other runs of its contact" if snapshot.queued == CONFLICT else "a place in its workflow"
    parts: list[str] = []
    if snapshot.task is not None:
        runner = workflow.steps[snapshot.step or snapshot.task.step].runner
        if isinstance(runner, Approval):
            parts.append(_decision_wait(runner, queue, holder))
        else:
            parts.append(_task_wait(snapshot, queue))
    step = workflow.steps.get(snapshot.step or "")
    if snapshot.brood is not None:
        inner = step.runner if step is not None else None
        whole = f"the end of workflow {inner.workflow!r}" if isinstance(inner, SubWorkflow) else None
        parts.append(whole or _children_wait(snapshot.brood))
    if step is not None and WAIT in snapshot.deadlines and isinstance(step.runner, MessageStep):
        parts.append(_message_wait(workflow, snapshot, surroundings))
    elif step is not None:
        parts += _wait_parts(step, snapshot)
    if CONTINUE in snapshot.deadlines:
        parts.append("its turn to go on")
    return ", ".join(parts) or "an event"


def _wait_parts(step: Step, snapshot: Snapshot) -> Iterator[str]:
    """What a wait waits for, in words."""
    events = dict.fromkeys(case.event for case in step.cases)
    told = {name: instant(at) for name, at in snapshot.deadlines.items()}
    if snapshot.gathered:
        count, until = len(snapshot.gathered["events"]), min(told[name] for name in BURST_TIMERS if name in told)
        yield f"the end of a burst of {' or '.join(events)} ({count} so far), {until} if none follows"
        return
    if events:
        yield f"an event {' or '.join(events)}"
    if QUIET in told:
        yield f"silence until {told[QUIET]} (no {' or '.join(dict.fromkeys(case.event for case in step.resets))})"
    asked = step.runner.until_true() if isinstance(step.runner, WaitingStep) else None
    if asked is not None:
        yield f"a condition, asked again when {_changes_of(step)}"
    if WAIT in told:
        latest = "at the latest " if events or QUIET in told or asked is not None or snapshot.task is not None else ""
        moves = isinstance(step.runner, WaitingStep) and step.runner.recomputes()
        yield f"{latest}{told[WAIT]}{f', which moves when {_changes_of(step)}' if moves else ''}"


def _changes_of(step: Step) -> str:
    """At what the wait looks again, in words."""
    parts = [words for word, words in _CHANGES.items() if word in step.runner.watches()]
    parts += [f"an event {kind} comes" for kind in sorted(step.asked_events)]
    return " or ".join(parts) or "the wait begins"


_CHANGES: Final = {CONTACT_CHANGED: "the contact changes", VARIABLES_CHANGED: "variables are set"}


def _message_wait(workflow: Workflow, snapshot: Snapshot, surroundings: Surroundings) -> str:
    """What the gate would say now, of the message that it held."""
    run = Run(workflow, snapshot, TimerCause(snapshot.visit, snapshot.timers), surroundings)
    assert isinstance(run.step.runner, MessageStep)
    ruling = gate.ask(run, run.step.sending, run.step.runner.channel(run))
    zone = run.zone()
    until = snapshot.deadlines[WAIT].astimezone(find_zone(zone))
    why = ruling.reason or "messages that were held are let go one after the other"
    return f"its message to go out: it is held until {until:%Y-%m-%d %H:%M:%S} {zone}: {why}"


def _decision_wait(runner: Approval, queue: str | None, holder: str) -> str:
    where = f" on queue {queue!r}" if queue else ""
    return f"a decision ({', '.join(runner.decisions)}){where} by {holder or 'a person'}"


def _task_wait(snapshot: Snapshot, queue: str | None) -> str:
    assert snapshot.task is not None
    where = f" on queue {queue!r}" if queue else ""
    if snapshot.task.retry_at is not None:
        at = instant(snapshot.task.retry_at)
        return f"attempt {snapshot.task.attempt} of its task{where}, due {at}"
    return f"the result of its task{where} (attempt {snapshot.task.attempt})"


def _children_wait(brood: Brood) -> str:
    """`2 of 3 children: email, sms`; of a loop, how many rounds are still to come."""
    named = ", ".join(brood.open[:_MOST_NAMES]) + (", …" if len(brood.open) > _MOST_NAMES else "")
    coming = max(0, brood.rounds - brood.begun) if not brood.broken else 0
    more = f"; {coming} more to begin" if coming else ""
    return f"{len(brood.open)} of {len(brood.open) + brood.ended} children: {named}{more}"


def _since(snapshot: Snapshot) -> datetime | None:
    if snapshot.status is Status.PAUSED:
        return snapshot.paused_at
    if snapshot.status is Status.PENDING:
        return snapshot.started_at
    return snapshot.entered_at if snapshot.live else snapshot.ended_at


def _held(kept: Mapping[str, object]) -> str:
    event = kept.get("event")
    if isinstance(event, Mapping):
        return f"event {event['type']}"
    return f"end of the child {kept['name']!r}" if kept.get("kind") == "child" else "task result"


def _moves(workflow: Workflow, snapshot: Snapshot, surroundings: Surroundings) -> Iterator[Move]:
    if snapshot.status is Status.PAUSED:
        yield Move("operation", "resume")
    elif snapshot.status is Status.FAILED:
        yield Move("operation", "retry", target=snapshot.step or "")
    elif snapshot.live and surroundings.held:
        yield Move("operation", "workflow resume")
    elif snapshot.live:
        run = Run(workflow, snapshot, TimerCause(snapshot.visit, snapshot.timers), surroundings)
        for find in _FINDERS:
            yield from find(run, snapshot)


def _events(run: Run, snapshot: Snapshot) -> Iterator[Move]:
    step = run.workflow_version.steps.get(snapshot.step or "")
    for case in step.cases if step else ():
        trace = None if case.when is None else case.when.explain(run.scope)
        yield Move("event", case.event, case.outcome, _target(run, case.outcome), condition=trace)


def _changes(run: Run, snapshot: Snapshot) -> Iterator[Move]:
    step = run.workflow_version.steps.get(snapshot.step or "")
    asked = step.runner.until_true() if step is not None and isinstance(step.runner, WaitingStep) else None
    if step is None or asked is None or snapshot.gathered:
        return
    for name in (*sorted(step.runner.watches()), *sorted(step.asked_events)):
        yield Move("change", name, SILENT, _target(run, SILENT), condition=asked.explain(run.scope))


def _exits(run: Run, snapshot: Snapshot) -> Iterator[Move]:
    for rule in () if run.failing else run.workflow_version.exits:
        yield Move("exit", rule.on or "", rule.exit_reason, EXITED, condition=exit_trace(rule, run))


def _timers(run: Run, snapshot: Snapshot) -> Iterator[Move]:
    for name, at in sorted(snapshot.deadlines.items(), key=lambda item: item[1]):
        if name == RUN:
            yield Move("timer", name, "max_duration_exceeded", FAILED, at)
        elif name == EXECUTION:
            yield Move("timer", name, "execution_timeout", FAILED, at)
        elif name in (CONTINUE, REMINDER, ESCALATION):
            yield Move("timer", name, at=at)
        elif isinstance(run.step.runner, Approval):
            yield Move("timer", name, TIMEOUT, _target(run, TIMEOUT), at)
        elif isinstance(run.step.runner, MessageStep):
            yield Move("timer", "message", at=at)
        else:
            outcome = _timer_outcome(run, name)
            yield Move("timer", name, outcome, _target(run, outcome), at)


def _timer_outcome(run: Run, name: str) -> str:
    if name == QUIET:
        return SILENT
    if name in BURST_TIMERS:
        return str(run.gathered["outcome"])
    assert isinstance(run.step.runner, WaitingStep)
    return run.step.runner.timer_outcome()


def _tasks(run: Run, snapshot: Snapshot) -> Iterator[Move]:
    if snapshot.task is not None:
        runner = run.step.runner
        if isinstance(runner, Approval):
            for decision in runner.decisions:
                yield Move("task", decision, decision, _target(run, decision))
            return
        outcomes = run.workflow_version.machine.outcomes(run.step_id)
        for outcome in outcomes:
            yield Move("task", outcome, outcome, _target(run, outcome))
        if ERROR not in outcomes:
            yield Move("task", ERROR, ERROR, FAILED)


def _transitions(run: Run, snapshot: Snapshot) -> Iterator[Move]:
    for name in allowed_transitions(run.workflow_version, snapshot):
        yield Move("transition", name, name, _target(run, name))


def _target(run: Run, outcome: str) -> str:
    return run.workflow_version.machine.target(run.step_id, outcome)


_FINDERS: Final[Sequence[Callable[[Run, Snapshot], Iterator[Move]]]] = (
    _events, _changes, _exits, _timers, _tasks, _transitions,
)  # fmt: skip
