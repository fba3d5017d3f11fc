"""`decide(workflow, snapshot, cause, surroundings) -> Decision`: the one idea of the house.

Deterministic: the same arguments give the same decision, byte for byte. A refusal raises and changes nothing; None says
that the cause does not concern the enrollment (an event that no case takes, a result that comes too late).

A run goes through pure steps until it blocks (a wait, a task) or ends: run-to-block. After 1,000 transitions of one
cause it commits and asks to be continued, so that no run can hold up its neighbours.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any, Final

from statemachine.cause import (
    Cause,
    ContinueCause,
    EventCause,
    OperatorCause,
    Surroundings,
    TaskCause,
    TaskFailure,
    TimerCause,
    cause_from_data,
    cause_to_data,
)
from statemachine.decision import Decision, TaskRetry
from statemachine.errors import InvalidInput, StepFailed, TransitionRefused
from statemachine.event import Event
from statemachine.limits import MAX_TRANSITIONS_PER_CAUSE
from statemachine.machine import BEGIN, CANCEL, COMPLETE, COMPLETED, ERROR, EXIT, FAIL, SKIP, retry_transition
from statemachine.retry import delay_s, may_retry
from statemachine.run import Run
from statemachine.snapshot import OpenTask, Snapshot, Status
from statemachine.step import EffectStep, End, EventCase, Outcome, PureStep, Rest, WaitingStep
from statemachine.workflow import ExitRule, Step, Workflow

WAIT: Final = "wait"
RUN: Final = "run"
CONTINUE: Final = "continue"


def decide(workflow: Workflow, snapshot: Snapshot, cause: Cause, surroundings: Surroundings) -> Decision | None:
    """What `cause` does to the enrollment.

    Raises TransitionRefused or InvalidInput when an operator asks for what the state does not allow. Every other cause
    that does not apply (any more) answers None.
    """
    run = Run(workflow, snapshot, cause, surroundings)
    handler: Callable[[Run, Any], bool] = _HANDLERS[type(cause)]
    return run.freeze() if handler(run, cause) else None


def allowed_transitions(workflow: Workflow, snapshot: Snapshot) -> tuple[str, ...]:
    """The transitions that Advance may fire now, in the order of the definition."""
    if snapshot.status is not Status.WAITING or snapshot.step is None:
        return ()
    return tuple(workflow.machine.outcomes(snapshot.step))


# --- causes ---


def _on_event(run: Run, cause: EventCause) -> bool:
    if cause.phase == "entry":
        run.scope.event = cause.event
        return _start(run)
    if run.held_back or run.status not in (Status.WAITING, Status.RUNNING):
        return False
    if cause.phase == "exit":
        return _try_exits(run, cause.event)
    return _try_cases(run, cause.event)


def _on_timer(run: Run, cause: TimerCause) -> bool:
    if run.held_back or run.status not in (Status.WAITING, Status.RUNNING):
        return False
    due = sorted((at, name) for name, at in run.deadlines.items() if at <= run.now)
    if not due:
        return _examine_buffered(run)
    run.timers += 1
    name = due[0][1]
    if name == RUN:
        _fail_run(run, "max_duration_exceeded", "the run took longer than limits.max_duration")
    elif name == CONTINUE:
        _go_on(run)
    else:
        _wake(run, _waiting(run).timer_outcome())
    return True


def _on_task(run: Run, cause: TaskCause) -> bool:
    task = run.task
    if task is None or (task.step, task.visit) != (cause.step, cause.visit) or cause.attempt < task.attempt:
        return False
    if run.held_back:
        return _hold(run, cause)
    run.task = replace(task, attempt=cause.attempt)
    if cause.failure is not None:
        _task_failed(run, cause.failure)
    else:
        _task_completed(run, cause)
    return True


def _on_operator(run: Run, cause: OperatorCause) -> bool:
    _OPERATIONS[cause.operation](run, cause.data)
    return True


def _on_continue(run: Run, cause: ContinueCause) -> bool:
    if run.held_back or run.status is not Status.RUNNING:
        return False
    _go_on(run)
    return True


_HANDLERS: Final[Mapping[type, Callable[[Run, Any], bool]]] = {
    EventCause: _on_event,
    TimerCause: _on_timer,
    TaskCause: _on_task,
    OperatorCause: _on_operator,
    ContinueCause: _on_continue,
}


# --- starting, moving, resting ---


def _start(run: Run) -> bool:
    workflow = run.workflow_version
    run.note("started", metadata=_trigger_note(run))
    try:
        _set_initial_variables(run)
    except StepFailed as failure:
        run.keep_error(failure.code, failure.message)
        _finish(run, Status.FAILED)
        return True
    if workflow.limits.max_duration is not None:
        run.deadlines[RUN] = run.now + workflow.limits.max_duration
    _fire(run, BEGIN)
    _proceed(run)
    return True


def _set_initial_variables(run: Run) -> None:
    if run.workflow_version.variables is not None:
        for name, value in run.workflow_version.variables.resolve(run.scope).items():
            run.set_variable((name,), value)


def _go_on(run: Run) -> None:
    run.deadlines.pop(CONTINUE, None)
    run.note("continued")
    _proceed(run)


def _proceed(run: Run) -> None:
    """Enter steps until the run rests, ends or has made its share of transitions for one cause."""
    run.resting = False
    run.status = Status.RUNNING
    for _ in range(MAX_TRANSITIONS_PER_CAUSE):
        if run.state == COMPLETED:
            return _finish(run, Status.COMPLETED)
        if not _within_limits(run):
            return None
        _enter(run, run.workflow_version.steps[run.state])
        if run.resting or run.ended_at is not None:
            return None
    run.step_id = "" if run.state == COMPLETED else run.state
    if run.state == COMPLETED:
        return _finish(run, Status.COMPLETED)
    run.continuing = True
    run.continues += 1
    run.deadlines[CONTINUE] = run.now
    return None


def _within_limits(run: Run) -> bool:
    maximum = run.workflow_version.limits.max_transitions
    if maximum is not None and run.transitions > maximum:
        _fail_run(run, "max_transitions", f"the run made more than {maximum} transitions (limits.max_transitions)")
    elif run.history_full:
        _fail_run(run, "history_limit", "the history is full")
    return run.ended_at is None


def _enter(run: Run, step: Step) -> None:
    """Enter a step and do what it says, up to its outcome, its rest or its failure."""
    run.step_id = step.id
    run.visit += 1
    run.entered_at = run.now
    if step.when is not None and not step.when.test(run.scope):
        run.note("step_skipped", step=step.id, step_type=step.type)
        return _fire(run, SKIP)
    run.step_starts = {**run.step_starts, step.id: run.now}
    try:
        _do(run, step)
    except StepFailed as failure:
        _step_failed(run, step, failure.code, failure.message)
    return None


def _do(run: Run, step: Step) -> None:
    if isinstance(step.runner, EffectStep):
        return _order(run, step, step.runner)
    assert isinstance(step.runner, PureStep)
    result = step.runner.run(run)
    if isinstance(result, Outcome):
        return _complete_step(run, step, result.name, result.output)
    if isinstance(result, End):
        return _end_by_step(run, step, result)
    return _rest(run, step, result)


def _complete_step(run: Run, step: Step, outcome: str, output: Any = None, **note: Any) -> None:
    run.keep_output(step, output)
    _complete(run, step, outcome, output, **note)


def _complete(run: Run, step: Step, outcome: str, output: Any, **note: Any) -> None:
    elapsed = run.now - (run.entered_at or run.now)
    run.executed_steps += 1
    run.note(
        "step_completed",
        step=step.id,
        step_type=step.type,
        outcome=outcome,
        output=output,
        duration_ms=elapsed // timedelta(milliseconds=1),
        **note,
    )
    _take(run, outcome)


def _take(run: Run, outcome: str) -> None:
    """Leave the step by an outcome."""
    run.previous_step = run.step_id
    run.anchor_at = None
    run.deadlines.pop(WAIT, None)
    run.task = None
    _fire(run, outcome)


def _fire(run: Run, transition: str) -> None:
    run.workflow_version.machine.fire(run, transition)
    run.transitions += 1


def _rest(run: Run, step: Step, rest: Rest) -> None:
    """Stay in a wait, unless something that happened since its anchor already ends it."""
    run.anchor_at = rest.anchor_at
    if rest.deadline is not None:
        run.deadlines[WAIT] = rest.deadline
    run.note("waiting", step=step.id, step_type=step.type, metadata=_rest_note(rest))
    run.resting = True
    run.status = Status.WAITING
    for event in run.events:
        case = _matching_case(run, event)
        if case is not None:
            run.consume(event)
            run.resting = False
            run.status = Status.RUNNING
            return _complete_step(run, step, case.outcome, dict(event.data), metadata={"event": event.type})
    return None


def _order(run: Run, step: Step, runner: EffectStep) -> None:
    order = runner.order(run)
    run.orders.append(
        replace(
            order,
            timeout_s=step.timeout.total_seconds() if step.timeout else order.timeout_s,
            max_attempts=step.retry.max_attempts,
            at_most_once=step.at_most_once,
        )
    )
    run.task = OpenTask(step.id, run.visit)
    run.note("step_started", step=step.id, step_type=step.type, attempt=1, input=dict(order.input))
    run.resting = True
    run.status = Status.WAITING


def _wake(run: Run, outcome: str, output: Any = None, **note: Any) -> None:
    """The wait in which the run rests is over."""
    try:
        _complete_step(run, run.step, outcome, output, **note)
    except StepFailed as failure:
        return _settle_failure(run, failure.code, failure.message)
    return _proceed(run)


# --- events ---


def _try_exits(run: Run, event: Event) -> bool:
    run.scope.event = event
    for rule in run.workflow_version.exits:
        if _exits(run, rule, event):
            _exit_run(run, rule.exit_reason, goal=rule.goal, event=event.type)
            return True
    return False


def _exits(run: Run, rule: ExitRule, event: Event) -> bool:
    if rule.on_mismatch:
        return not _still_matches(run)
    return rule.on == event.type and (rule.when is None or rule.when.test(run.scope))


def _still_matches(run: Run) -> bool:
    """Whether the entry filter by which the run was enrolled still holds for its contact."""
    trigger_id = run.scope.trigger.get("trigger_id")
    for trigger in run.workflow_version.triggers:
        if trigger.id == trigger_id and trigger.conditions is not None:
            return trigger.conditions.test(run.scope)
    return True


def _try_cases(run: Run, event: Event) -> bool:
    case = _matching_case(run, event) if run.resting else None
    if case is None:
        return False
    run.consume(event)
    _wake(run, case.outcome, dict(event.data), metadata={"event": event.type})
    return True


def _matching_case(run: Run, event: Event) -> EventCase | None:
    """The first case of the wait that takes this event; never the enrolling event, never one that was taken before."""
    cases = run.step.cases
    if not cases or (run.anchor_at and event.accepted_at and event.accepted_at < run.anchor_at):
        return None
    name = f"{event.source}/{event.id}"
    trigger = run.scope.trigger
    if name in run.consumed or name == f"{trigger.get('source', '')}/{trigger.get('id', '')}":
        return None
    before = run.scope.event
    run.scope.event = event
    for case in cases:
        if case.event == event.type and (case.when is None or case.when.test(run.scope)):
            return case
    run.scope.event = before
    return None


def _examine_buffered(run: Run) -> bool:
    """Look once more at the events that came while the run or its workflow was paused, exits first."""
    since = run.moved_at
    for event in run.events:
        if since is None or event.accepted_at is None or event.accepted_at >= since:
            if _try_exits(run, event):
                return True
            if run.resting and run.step.cases and _try_cases(run, event):
                return True
    return False


# --- tasks ---


def _task_completed(run: Run, cause: TaskCause) -> None:
    step = run.step
    if cause.outcome not in run.workflow_version.machine.outcomes(step.id):
        allowed = ", ".join(run.workflow_version.machine.outcomes(step.id))
        return _settle_failure(run, "unknown_outcome", f"the worker answered {cause.outcome!r}; allowed: {allowed}")
    try:
        for name, value in cause.variables.items():
            run.set_variable((name,), value)
        run.keep_output(step, cause.output)
    except StepFailed as failure:
        return _settle_failure(run, failure.code, failure.message)
    _complete(run, step, cause.outcome, cause.output, attempt=cause.attempt)
    return _proceed(run)


def _task_failed(run: Run, failure: TaskFailure) -> None:
    step, task = run.step, run.task
    assert task is not None
    if not may_retry(step.retry, failure, task.attempt, at_most_once=step.at_most_once):
        return _settle_failure(run, failure.code, failure.message)
    delay = delay_s(step.retry, task.attempt, failure, run.random())
    available_at = run.now + timedelta(seconds=delay)
    run.keep_error(failure.code, failure.message)
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
    run.status = Status.WAITING
    return None


def _settle_failure(run: Run, code: str, message: str) -> None:
    """The step in which the run rests has failed for good; go where the definition says."""
    _step_failed(run, run.step, code, message)
    if run.ended_at is None:
        _proceed(run)


def _step_failed(run: Run, step: Step, code: str, message: str) -> None:
    attempt = run.task.attempt if run.task else 0
    run.task = None
    run.failed_steps += 1
    run.keep_error(code, message)
    run.note(
        "step_failed",
        step=step.id,
        step_type=step.type,
        outcome=ERROR,
        attempt=attempt,
        level="error",
        error_code=code,
        error=message,
    )
    if ERROR in run.workflow_version.machine.outcomes(step.id):
        return _take(run, ERROR)
    return _finish(run, Status.FAILED)


def _hold(run: Run, cause: TaskCause) -> bool:
    """Keep a result that came while paused; resume applies it."""
    run.held = (*run.held, cause_to_data(cause))
    run.note("held", step=run.step_id, attempt=cause.attempt)
    return True


# --- operators ---


def _advance(run: Run, data: Mapping[str, Any]) -> None:
    transition = str(data["transition"])
    allowed = tuple(run.workflow_version.machine.outcomes(run.step_id)) if run.status is Status.WAITING else ()
    if transition not in allowed:
        raise TransitionRefused(transition, status=run.status, step=run.step_id or None, allowed=allowed)
    _revoke(run)
    if transition == ERROR:
        return _settle_failure(run, "advanced", "an operator took the error transition")
    output = dict(data.get("data") or {}) or None
    return _wake(run, transition, output, metadata={"operator": "advance"})


def _pause(run: Run, data: Mapping[str, Any]) -> None:
    if run.status not in (Status.WAITING, Status.RUNNING):
        raise TransitionRefused("pause", status=run.status, step=run.step_id or None, allowed=_operations(run))
    run.status = Status.PAUSED
    run.paused_at = run.now
    run.pause_timers = str(data.get("timers") or "keep")
    run.note("paused", step=run.step_id or None, metadata={"timers": run.pause_timers})


def _resume(run: Run, data: Mapping[str, Any]) -> None:
    if run.status is not Status.PAUSED:
        raise TransitionRefused("resume", status=run.status, step=run.step_id or None, allowed=_operations(run))
    paused_at = run.paused_at or run.now
    if run.pause_timers == "remaining":
        run.deadlines = {name: at + (run.now - paused_at) for name, at in run.deadlines.items()}
    run.status = Status.RUNNING if CONTINUE in run.deadlines else Status.WAITING
    run.note("resumed", step=run.step_id or None)
    if not _apply_held(run):
        _examine_buffered(run)
    if run.status is not Status.PAUSED:
        run.paused_at = None


def _apply_held(run: Run) -> bool:
    held, run.held = run.held, ()
    for data in held:
        cause = cause_from_data(data)
        assert isinstance(cause, TaskCause)
        if _on_task(run, cause):
            return True
    return False


def _cancel(run: Run, data: Mapping[str, Any]) -> None:
    if run.status not in (Status.PENDING, Status.RUNNING, Status.WAITING, Status.PAUSED):
        raise TransitionRefused("cancel", status=run.status, step=run.step_id or None, allowed=_operations(run))
    run.exit_reason = str(data.get("reason") or "") or None
    _leave(run, CANCEL)
    _finish(run, Status.CANCELLED)


def _retry(run: Run, data: Mapping[str, Any]) -> None:
    """Back into the step that failed: a new visit, hence a new idempotency key."""
    if run.status is not Status.FAILED or not run.step_id:
        raise TransitionRefused("retry", status=run.status, step=run.step_id or None, allowed=_operations(run))
    try:
        for name, value in dict(data.get("input") or {}).items():
            run.set_variable((str(name),), value)
    except StepFailed as failure:
        raise InvalidInput(failure.message) from failure
    run.ended_at = None
    run.note("resumed", step=run.step_id, metadata={"operator": "retry"})
    if run.workflow_version.limits.max_duration is not None:
        run.deadlines[RUN] = run.now + run.workflow_version.limits.max_duration
    _fire(run, retry_transition(run.step_id))
    _proceed(run)


_OPERATIONS: Final[Mapping[str, Callable[[Run, Mapping[str, Any]], None]]] = {
    "advance": _advance,
    "pause": _pause,
    "resume": _resume,
    "cancel": _cancel,
    "retry": _retry,
}


def _operations(run: Run) -> tuple[str, ...]:
    """What an operator may do with a run in this status."""
    if run.status is Status.FAILED:
        return ("retry",)
    if run.status is Status.PAUSED:
        return ("resume", "cancel")
    return ("advance", "pause", "cancel") if run.ended_at is None else ()


def decide_restart(workflow: Workflow, snapshot: Snapshot, cause: EventCause, surroundings: Surroundings) -> Decision:
    """End a run because the same contact enters its workflow again under `reentry: restart`."""
    run = Run(workflow, snapshot, cause, surroundings)
    _exit_run(run, "restarted", goal=None, event=cause.event.type)
    return run.freeze()


# --- endings ---


def _end_by_step(run: Run, step: Step, end: End) -> None:
    run.executed_steps += 1
    run.note("step_completed", step=step.id, step_type=step.type, outcome=end.status, duration_ms=0)
    if end.status == Status.COMPLETED:
        _leave(run, COMPLETE)
        return _finish(run, Status.COMPLETED)
    return _exit_run(run, end.reason, goal=None)


def _exit_run(run: Run, reason: str | None, *, goal: str | None, event: str | None = None) -> None:
    run.exit_reason = reason
    run.goal = goal
    _leave(run, EXIT)
    _finish(run, Status.EXITED, **({"event": event} if event else {}))


def _fail_run(run: Run, code: str, message: str) -> None:
    run.keep_error(code, message)
    _leave(run, FAIL)
    _finish(run, Status.FAILED)


def _leave(run: Run, transition: str) -> None:
    if run.state in run.workflow_version.steps:
        _fire(run, transition)


def _finish(run: Run, status: Status, **metadata: str) -> None:
    """Write the end of the run: timers, open tasks and rests go with it."""
    _revoke(run)
    run.status = status
    run.ended_at = run.now
    run.deadlines = {}
    run.anchor_at = None
    run.paused_at = None
    run.held = ()
    run.resting = False
    if status is not Status.FAILED:
        run.step_id = ""
    failure = run.last_error if status is Status.FAILED else None
    if run.exit_reason:
        metadata = {"reason": run.exit_reason, **metadata}
    if run.goal:
        metadata = {**metadata, "goal": run.goal}
    run.note(
        status.value,
        level="error" if failure else "info",
        error_code=failure.code if failure else None,
        error=failure.message if failure else None,
        metadata=metadata,
    )


def _revoke(run: Run) -> None:
    if run.task is not None:
        run.revoked.append((run.task.step, run.task.visit))
        run.task = None


# --- small questions ---


def _waiting(run: Run) -> WaitingStep:
    runner = run.step.runner
    if not isinstance(runner, WaitingStep):
        raise InvalidInput(f"step {run.step_id!r} does not wait")
    return runner


def _trigger_note(run: Run) -> dict[str, Any]:
    trigger = run.scope.trigger
    return {name: trigger[name] for name in ("type", "id", "trigger_id") if trigger.get(name)}


def _rest_note(rest: Rest) -> dict[str, Any]:
    return {"until": rest.deadline.isoformat()} if rest.deadline else {}
