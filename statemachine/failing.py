"""Where an error goes: to the step's `on_error`, to what catches it, to `on_failure`, or to the end of the run."""

from __future__ import annotations

from statemachine.ending import finish
from statemachine.failure import TRANSIENT, LastError
from statemachine.frame import Guard, Thrown
from statemachine.machine import ERROR, FAIL, HANDLE_FAILURE
from statemachine.offspring import dismiss
from statemachine.ordering import revoke
from statemachine.run import Run
from statemachine.sending.gate import leave_line
from statemachine.sending.message import give_back
from statemachine.snapshot import Status
from statemachine.steps.message import MessageStep
from statemachine.way_out import fire, leave, leave_by
from statemachine.workflow import ON_FAILURE, UNDONE, Step


def step_failed(run: Run, step: Step, code: str, message: str, *, transient: bool = False) -> None:
    """The step has failed for good: take its `error` transition, or fail the run."""
    attempt = run.task.attempt if run.task else 0
    if attempt and isinstance(step.runner, MessageStep):
        give_back(run, step, code)
    error = run.keep_error(code, message, transient=transient)
    run.task = None
    if step.undo:
        run.end_undoable(None, done=False)
    run.failed_steps += 1
    run.note(
        "step_failed",
        step=step.id,
        step_type=step.type,
        outcome=ERROR,
        attempt=attempt,
        level="error",
        error_code=code,
        error=message,
        metadata=TRANSIENT if transient else {},
    )
    _throw(run, step, Thrown(error))


def pass_on(run: Run, step: Step, thrown: Thrown) -> None:
    """A guard lets an error out that happened in one of its bodies."""
    run.set_error(thrown.error)
    run.note(
        "step_failed",
        step=step.id,
        step_type=step.type,
        outcome=ERROR,
        level="error",
        error_code=thrown.error.code,
        error=thrown.error.message,
        metadata={"of": thrown.error.step, **(TRANSIENT if thrown.error.transient else {})},
    )
    _throw(run, step, thrown)


def fail_run(run: Run, code: str, message: str) -> None:
    """Fail the run as a whole; no `on_error` of a step catches that.

    The step in which it rests has failed with it: what `on_failure` does next is other visits, of other steps.
    """
    error = run.keep_error(code, message)
    if run.resting and _has_failure_steps(run):
        step = run.step
        run.note(
            "step_failed",
            step=step.id,
            step_type=step.type,
            outcome=ERROR,
            level="error",
            error_code=code,
            error=message,
        )
    leave(run, FAIL)
    fail(run, error)


def fail(run: Run, error: LastError) -> None:
    """The run has failed where it stands: do what `on_failure` says, once, and end it."""
    if not _has_failure_steps(run):
        return finish(run, Status.FAILED)
    revoke(run)
    if run.brood is not None:
        dismiss(run, "parent_failed")
    if run.gathered:
        leave_line(run)
    run.deadlines = {}
    run.anchor_at = None
    frames = run.frames
    run.set_frames((Guard(ON_FAILURE, ON_FAILURE, caught=error, pending=Thrown(error, frames)),))
    return fire(run, HANDLE_FAILURE)


def _throw(run: Run, step: Step, thrown: Thrown) -> None:
    """Where an error goes: to the step's `on_error`, to what catches it, or nowhere, which fails the run."""
    workflow = run.workflow_version
    if step.on_error is None and step.caught_by is None:
        if thrown.frames:
            run.restore(thrown)
        return fail(run, thrown.error)
    catcher = step.caught_by if step.on_error is None else None
    if catcher is not None and (catcher == UNDONE or workflow.steps[catcher].runner.guards):
        run.throw(catcher, thrown)
    return leave_by(run, ERROR)


def _has_failure_steps(run: Run) -> bool:
    """Whether there is something to do when the run fails now."""
    parts = run.failing or run.before.part
    return bool(run.workflow_version.on_failure) and not parts and not run.history_full
