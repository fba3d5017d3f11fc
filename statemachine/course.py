"""The course of a run: from step to step, until it rests or ends.

A run goes through pure steps until it blocks (a wait, a task) or ends: run-to-block. After 1,000 transitions of one
cause it commits and asks to be continued, so that no run can hold up its neighbours.
"""

from __future__ import annotations

from typing import Any, cast

from statemachine.ending import finish
from statemachine.errors import StepFailed
from statemachine.failing import fail_run, step_failed
from statemachine.frame import Frame, undoing_around
from statemachine.limits import MAX_TRANSITIONS_PER_CAUSE
from statemachine.listening import WAIT
from statemachine.machine import COMPLETED, undone_transition
from statemachine.run import Run
from statemachine.sending.gate import leave_line
from statemachine.sending.message import send
from statemachine.snapshot import Status
from statemachine.standstill import CONTINUE
from statemachine.steps.message import MessageStep
from statemachine.visit import enter
from statemachine.way_out import complete_step, fire
from statemachine.workflow import UNDONE


def proceed(run: Run) -> None:
    """Enter steps until the run rests, ends or has made its share of transitions for one cause."""
    run.resting = False
    run.status = Status.RUNNING
    while run.ended_at is None and not run.resting:
        if run.state == COMPLETED:
            return finish(run, Status.COMPLETED)
        if run.state == UNDONE:
            _come_back(run)
        if _is_through(run):
            return _end_of_body(run)
        if run.moves >= MAX_TRANSITIONS_PER_CAUSE:
            return ask_to_continue(run)
        if _within_limits(run):
            enter(run, run.workflow_version.steps[run.state])
    return None


def stand(run: Run) -> None:
    """Stay before the next step, to go on when nothing holds the run any more."""
    run.resting = False
    if run.ended_at is not None:
        return None
    if run.state == COMPLETED:
        return finish(run, Status.COMPLETED)
    if run.state == UNDONE:
        _come_back(run)
    if _is_through(run):
        return _end_of_body(run)
    run.step_id = run.state
    run.deadlines[CONTINUE] = run.now
    if run.status is not Status.PAUSED:
        run.status = Status.RUNNING
    return None


def ask_to_continue(run: Run) -> None:
    """Commit what was done, and go on with the next cause."""
    run.step_id = run.state
    run.continuing = True
    run.continues += 1
    run.deadlines[CONTINUE] = run.now


def wake(run: Run, outcome: str, output: Any = None, **note: Any) -> None:
    """The wait in which the run rests is over."""
    try:
        complete_step(run, run.step, outcome, output, **note)
    except StepFailed as failure:
        return settle_failure(run, failure.code, failure.message)
    return proceed(run)


def ask_again(run: Run) -> None:
    """The time has come until which the gate held the message of the step in which the run rests."""
    step = run.step
    run.resting = False
    run.deadlines.pop(WAIT, None)
    run.edited_input = run.gathered.get("input") if run.gathered else None
    run.step_starts[step.id] = run.now
    try:
        send(run, step, cast(MessageStep, step.runner), held=True)
    except StepFailed as failure:
        leave_line(run)
        step_failed(run, step, failure.code, failure.message)
    if run.ended_at is None and not run.resting:
        proceed(run)


def settle_failure(run: Run, code: str, message: str, *, transient: bool = False) -> None:
    """The step in which the run rests has failed for good; go where the definition says."""
    step_failed(run, run.step, code, message, transient=transient)
    if run.ended_at is None:
        proceed(run)


def _come_back(run: Run) -> None:
    """From the end of an undo to the step that undoes."""
    undoing = run.frames[undoing_around(run.frames) - 1]
    fire(run, undone_transition(undoing.step))


def _is_through(run: Run) -> bool:
    """Whether a child that runs a body has come to its end: back to the step that started it."""
    return run.origin is not None and bool(run.origin.outcome) and run.state == run.origin.step


def _end_of_body(run: Run) -> None:
    """The child is done; its parent hears whether it left the loop with `break`."""
    depth = len(run.workflow_version.steps[run.state].within)
    own = run.frames[depth] if len(run.frames) > depth else None
    run.broke = isinstance(own, Frame) and own.broken
    finish(run, Status.COMPLETED)


def _within_limits(run: Run) -> bool:
    maximum = run.workflow_version.limits.max_transitions
    if maximum is not None and run.transitions > maximum and not run.failing:
        run.step_id = run.state
        fail_run(run, "max_transitions", f"the run made more than {maximum} transitions (limits.max_transitions)")
    elif run.history_full:
        run.step_id = run.state
        fail_run(run, "history_limit", "the history is full")
    return run.ended_at is None
