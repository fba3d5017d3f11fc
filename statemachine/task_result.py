"""What the result of a task does to the run that waits for it: the step is left, or tried again, or has failed."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, cast

from statemachine.asking import close_human
from statemachine.cause import TaskCause, TaskFailure
from statemachine.course import proceed, settle_failure
from statemachine.decision import TaskRetry
from statemachine.errors import StepFailed
from statemachine.holding import hold_result
from statemachine.machine import ERROR
from statemachine.retry import delay_s, may_retry
from statemachine.snapshot import OpenTask
from statemachine.step import EffectStep
from statemachine.way_out import leave_step

if TYPE_CHECKING:
    from statemachine.run import Run


def on_task(run: Run, cause: TaskCause) -> bool:
    task = run.task
    if task is None or (task.step, task.visit) != (cause.step, cause.visit) or cause.attempt < task.attempt:
        return False
    if run.held_back:
        return hold_result(run, cause)
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
