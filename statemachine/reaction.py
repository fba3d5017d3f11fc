"""What events, timers and task results do to a run. Each answers whether anything became of it.

A run that is held (it is paused, or its workflow is) does not move: task results, and events that could move it, are
kept in its snapshot. When it is let go they take effect: exits first, then the rest in order of arrival. Its pause may
say otherwise of events: delivered ones act on exits and on the wait it rests in, and the run then stands before the
next step; dropped ones are noted, and no wait of the run takes them any more.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, cast

from statemachine.active_time import EXECUTION
from statemachine.asking import close_human
from statemachine.beginning import RUN, start, wait_outside
from statemachine.cause import (
    ChildCause,
    ContactCause,
    ContinueCause,
    EventCause,
    StartCause,
    TaskCause,
    TaskFailure,
    TimerCause,
    cause_from_data,
    cause_to_data,
)
from statemachine.child_end import awaits, hear
from statemachine.course import ask_again, proceed, settle_failure, stand, wake
from statemachine.decision import TaskRetry
from statemachine.ending import end_by_step, exit_run
from statemachine.errors import StepFailed
from statemachine.event import Event, event_from_data
from statemachine.failing import fail_run, step_failed
from statemachine.gathering import BURST_TIMERS
from statemachine.handoff import human_timer
from statemachine.lateness import ring
from statemachine.limits import MAX_HELD, MAX_HELD_BYTES, larger_than
from statemachine.listening import end_of_burst, take_event
from statemachine.machine import ERROR
from statemachine.retry import delay_s, may_retry
from statemachine.run import Run
from statemachine.snapshot import OpenTask, Status
from statemachine.standstill import CONTINUE
from statemachine.step import EffectStep, End, Outcome
from statemachine.steps.message import MessageStep
from statemachine.watching import MAX_ROUNDS, look_again
from statemachine.way_out import complete_step, leave_step
from statemachine.workflow import ExitRule

if TYPE_CHECKING:
    from statemachine.condition import Condition

_ENDINGS: Final[Mapping[str, str]] = {"restart": "restarted", "interrupt": "interrupted"}
"""Phase → exit reason of a run that an entry ends."""
_MOVABLE = frozenset({Status.WAITING, Status.RUNNING})
_ALIVE = _MOVABLE | {Status.PENDING}


# --- events ---


def on_event(run: Run, cause: EventCause) -> bool:
    if cause.phase == "entry":
        run.event = cause.event
        if run.surroundings.queue is not None:
            wait_outside(run, run.surroundings.queue)
        else:
            start(run)
        return True
    if cause.phase in _ENDINGS:
        exit_run(run, _ENDINGS[cause.phase], event=cause.event.type)
        return True
    if run.held_back:
        return _HELD[run.event_policy](run, cause)
    if run.status is Status.PENDING:
        return cause.phase == "exit" and _try_exits(run, cause.event)
    if run.status not in _MOVABLE:
        return False
    return _try_exits(run, cause.event) if cause.phase == "exit" else _try_cases(run, cause.event)


def _try_exits(run: Run, event: Event) -> bool:
    if not run.workflow_version.exits or run.failing or run.before.part:
        return False
    run.event = event
    for rule in run.workflow_version.exits:
        if _exits(run, rule, event):
            exit_run(run, rule.exit_reason, goal=rule.goal, event=event.type)
            return True
    return False


def _exits(run: Run, rule: ExitRule, event: Event | None = None) -> bool:
    concerned = not _still_matches(run) if rule.on_mismatch else event is not None and rule.on == event.type
    return concerned and (rule.when is None or rule.when.test(run.scope))


def entry_filter(run: Run) -> Condition | None:
    """The conditions of the trigger that enrolled the run."""
    trigger_id = run.trigger.get("trigger_id")
    triggers = (trigger for trigger in run.workflow_version.triggers if trigger.id == trigger_id)
    return next((trigger.conditions for trigger in triggers if trigger.conditions is not None), None)


def _still_matches(run: Run) -> bool:
    """The filter is asked again about the event that enrolled."""
    wanted = entry_filter(run)
    if wanted is None:
        return True
    with entering_event(run):
        return wanted.test(run.scope)


@contextmanager
def entering_event(run: Run) -> Iterator[None]:
    """As long as it lasts, `event` is the one that enrolled the run."""
    handled, run.event = run.event, event_from_data(run.trigger)
    try:
        yield
    finally:
        run.event = handled


def _try_cases(run: Run, event: Event) -> bool:
    return _settle(run, run.resting and _taken(run, event))


def _taken(run: Run, event: Event) -> Outcome | End | bool:
    """What the wait makes of an event; one that its `until_true` asks about lets it look again."""
    taken = take_event(run, event)
    return look_again(run) if taken is False and event.type in run.step.asked_events else taken


def _settle(run: Run, taken: Outcome | End | bool) -> bool:
    """Let the wait end as was found, if it does; whether anything came of it."""
    if isinstance(taken, Outcome):
        wake(run, taken.name, taken.output, metadata=taken.metadata)
    elif isinstance(taken, End):
        end_by_step(run, run.step, taken)
        if run.ended_at is None:
            proceed(run)
    return bool(taken)


# --- changes ---


def on_contact(run: Run, cause: ContactCause) -> bool:
    """A run that does not match any more leaves, a wait that watches the contact looks again; one that is held does so
    when it is let go."""
    if run.held_back and run.event_policy != "deliver":
        return hold_change(run, cause)
    if _mismatched(run):
        return True
    if run.held_back:
        return hold_change(run, cause)
    if run.status is not Status.WAITING or not run.resting:
        return False
    if cause.number >= MAX_ROUNDS:
        run.note("blocked", step=run.step_id, level="warn", error_code="causation_depth", error=_TOO_MANY_ROUNDS)
        return True
    return look(run)


_TOO_MANY_ROUNDS: Final = "runs of this contact keep moving each other by changing it: the wait looks again later"


def look(run: Run) -> bool:
    """Let the wait in which the run rests, if it does, look again; whether anything came of it."""
    if not run.resting:
        return False
    try:
        return _settle(run, look_again(run))
    except StepFailed as failure:
        settle_failure(run, failure.code, failure.message)
        return True


def hold_change(run: Run, cause: ContactCause) -> bool:
    """Remember, once, that a run which is held must look again."""
    watches = bool(run.step_id) and bool(run.step.runner.watches())
    concerned = run.ended_at is None and (watches or _mismatch_of(run) is not None)
    if not concerned or run.history_full or any(kept["kind"] == "contact" for kept in run.held):
        return False
    run.held = (*run.held, cause_to_data(cause))
    run.note("held", step=run.step_id, metadata={"change": "data"})
    return True


# --- timers ---


def on_timer(run: Run, cause: TimerCause) -> bool:
    if run.held_back or run.status not in _ALIVE:
        return False
    if run.held:
        run.timers += 1
        run.note("resumed", step=run.step_id or None, metadata={"of": "workflow"})
        release(run, catch_up=run.surroundings.standstill.timers == "catch_up")
        if CONTINUE in run.deadlines:
            _go_on(run)
        return True
    if not _due(run, run.now):
        return _note_later(run)
    run.timers += 1
    _fire_timer(run)
    return True


def _note_later(run: Run) -> bool:
    """The deadline is not due after all when its workflow stood still meanwhile."""
    if not run.made_up:
        return False
    run.timers += 1
    until = min(run.deadlines.values()).isoformat() if run.deadlines else None
    run.note("resumed", step=run.step_id or None, metadata={"of": "workflow", "until": until})
    return True


def on_continue(run: Run, cause: ContinueCause) -> bool:
    if run.held_back or CONTINUE not in run.deadlines or cause.number != run.continues:
        return False
    _go_on(run)
    return True


def on_start(run: Run, cause: StartCause) -> bool:
    if run.status is not Status.PENDING or run.held_back:
        return False
    if cause.refused:
        exit_run(run, cause.refused)
    elif run.surroundings.queue is not None:
        wait_outside(run, run.surroundings.queue)
    else:
        run.status = Status.RUNNING
        run.event = event_from_data(run.trigger)
        start(run)
    return True


def _due(run: Run, until: datetime) -> bool:
    return bool(run.deadlines) and min(run.deadlines.values()) <= until


def _overrun(run: Run, code: str, message: str) -> None:
    fail_run(run, code, message)
    if run.ended_at is None:
        proceed(run)


def _fire_timer(run: Run) -> None:
    """The earliest deadline has passed."""
    name = min(run.deadlines, key=lambda name: (run.deadlines[name], name))
    if name == RUN:
        _overrun(run, "max_duration_exceeded", "the run took longer than limits.max_duration")
    elif name == EXECUTION:
        _overrun(run, "execution_timeout", "the tasks of the run took longer than limits.max_execution")
    elif name == CONTINUE:
        _go_on(run)
    elif name in BURST_TIMERS:
        burst = end_of_burst(run)
        wake(run, burst.name, burst.output)
    elif run.step.runner.human:
        human_timer(run, name)
    elif isinstance(run.step.runner, MessageStep):
        ask_again(run)
    else:
        _settle(run, ring(run, name))


def _go_on(run: Run) -> None:
    del run.deadlines[CONTINUE]
    run.note("continued")
    proceed(run)
    if run.held and run.resting:
        release(run)


# --- tasks ---


def on_task(run: Run, cause: TaskCause) -> bool:
    task = run.task
    if task is None or (task.step, task.visit) != (cause.step, cause.visit) or cause.attempt < task.attempt:
        return False
    if run.held_back:
        return _hold_result(run, cause)
    run.task = replace(task, attempt=cause.attempt)
    if cause.failure is not None:
        _attempt_failed(run, cause.failure)
    elif cause.outcome == ERROR:
        settle_failure(run, "task_error", "the worker answered with the outcome error")
    else:
        _task_completed(run, cause)
    return True


def _task_completed(run: Run, cause: TaskCause) -> None:
    step = run.step
    allowed = run.workflow_version.machine.outcomes(step.id)
    if cause.outcome not in allowed:
        message = f"the worker answered {cause.outcome!r}; allowed: {', '.join(allowed)}"
        return settle_failure(run, "unknown_outcome", message)
    if step.runner.human and run.cause is cause:  # else it was told when it came, and the run was held
        close_human(run, "decided", cause.outcome, cause.output)
    try:
        run.patch_variables(cause.variables)
        run.keep_output(step, cause.output)
        cast(EffectStep, step.runner).finish(run)
    except StepFailed as failure:
        return settle_failure(run, failure.code, failure.message)
    leave_step(run, step, cause.outcome, cause.output, attempt=cause.attempt)
    return proceed(run)


def _attempt_failed(run: Run, failure: TaskFailure) -> None:
    step, task = run.step, run.task
    assert task is not None
    if run.history_full or not may_retry(step.retry, failure, task.attempt, at_most_once=step.at_most_once):
        return settle_failure(run, failure.code, failure.message, transient=failure.retryable)
    delay = delay_s(step.retry, task.attempt, failure, run.random())
    available_at = run.now + timedelta(seconds=delay)
    run.keep_error(failure.code, failure.message, transient=True)
    run.retried_steps += 1
    run.retries.append(TaskRetry(task.step, task.visit, task.attempt + 1, available_at, delay))
    run.note(
        "retrying",
        step=step.id,
        step_type=step.type,
        attempt=task.attempt,
        level="warn",
        error_code=failure.code,
        error=failure.message,
        metadata={"next_attempt_at": available_at.isoformat()},
    )
    run.task = OpenTask(task.step, task.visit, task.attempt + 1, available_at)
    return None


# --- holding and letting go ---


def _hold_event(run: Run, cause: EventCause) -> bool:
    """Keep an event that could move the run. The rest of its life is in the event log, where later waits find it."""
    event = cause.event
    if cause.phase != "wait" or run.ended_at is not None or not _could_move(run, event):
        return False
    data = cause_to_data(cause)
    full = len(run.held) >= MAX_HELD or run.history_full or larger_than([*run.held, data], MAX_HELD_BYTES)
    if full or any(_same_event(kept, event) for kept in run.held):
        return False
    run.held = (*run.held, data)
    run.note("held", step=run.step_id or None, metadata={"event": event.type})
    return True


def _could_move(run: Run, event: Event) -> bool:
    return event.type in run.workflow_version.waiting_for(run.step_id, part=run.before.part)


def _deliver_event(run: Run, cause: EventCause) -> bool:
    """Let an exit or the wait take the event although the run is held; it goes no further than to the next step."""
    event = cause.event
    if cause.phase == "exit":
        return _try_exits(run, event)
    taken = run.resting and _taken(run, event)
    if isinstance(taken, bool):
        return taken
    if isinstance(taken, End):
        end_by_step(run, run.step, taken)
        stand(run)
        return True
    try:
        complete_step(run, run.step, taken.name, taken.output, metadata=taken.metadata)
    except StepFailed as failure:
        step_failed(run, run.step, failure.code, failure.message)
    stand(run)
    return True


def _drop_event(run: Run, cause: EventCause) -> bool:
    """Note an event that could have moved the run, now or later, and that it never will."""
    event = cause.event
    unheard = cause.phase != "wait" or not run.workflow_version.listens_in(event.type)
    if unheard or run.history_full or run.was_taken(event):
        return False
    run.consume(event)
    run.note("dropped", step=run.step_id or None, metadata={"event": event.type})
    return True


_HELD: Final[Mapping[str, Callable[[Run, EventCause], bool]]] = {
    "buffer": _hold_event,
    "deliver": _deliver_event,
    "drop": _drop_event,
}


def _same_event(kept: Any, event: Event) -> bool:
    data = kept.get("event")
    return data is not None and (data["id"], data.get("source", "")) == (event.id, event.source)


def _hold_result(run: Run, cause: TaskCause) -> bool:
    if any(kept["kind"] == "task" and kept["attempt"] >= cause.attempt for kept in run.held):
        return False
    run.held = (*run.held, cause_to_data(cause))
    run.note("held", step=run.step_id, attempt=cause.attempt)
    if run.step.runner.human:
        close_human(run, "decided", cause.outcome, cause.output)
    return True


def release(run: Run, *, catch_up: bool = False) -> None:
    """Let everything that was held take effect: exits first, then results and events in order of arrival.

    With `catch_up`, a timer that fell due meanwhile goes before the events that came after it.
    """
    kept, run.held = run.held, ()
    causes = [cause_from_data(data) for data in kept]
    if any(_try_exits(run, cause.event) for cause in causes if isinstance(cause, EventCause)):
        return
    if kept and _mismatched(run):
        return
    run.doubts.clear()
    for number, cause in enumerate(causes):
        if CONTINUE in run.deadlines:
            run.held = kept[number:]
            return
        assert isinstance(cause, EventCause | TaskCause | ContactCause | ChildCause)
        if isinstance(cause, ContactCause):
            look(run)
            continue
        if isinstance(cause, TaskCause):
            on_task(run, cause)
            continue
        if isinstance(cause, ChildCause):
            if awaits(run, cause):
                hear(run, cause)
            continue
        if catch_up and cause.event.accepted_at is not None:
            _catch_up(run, cause.event.accepted_at)
        _try_cases(run, cause.event)
    if catch_up:
        _catch_up(run, run.now)


def _catch_up(run: Run, until: datetime) -> None:
    """Fire the timers that fell due by then, in due order."""
    while run.resting and _due(run, until):
        _fire_timer(run)


def _mismatched(run: Run) -> bool:
    """Whether the contact does not match the entry filter any more, and the run so leaves."""
    rule = _mismatch_of(run)
    if rule is not None:
        exit_run(run, rule.exit_reason, goal=rule.goal)
    return rule is not None


def _mismatch_of(run: Run) -> ExitRule | None:
    """The rule by which the run leaves because its entry filter holds no longer."""
    rules = () if run.failing or run.before.part else run.workflow_version.exits
    return next((rule for rule in rules if rule.on_mismatch and _exits(run, rule)), None)
