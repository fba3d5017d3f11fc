"""The way out of a step: its output is kept, history tells of it, its timers go, and a transition is taken."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final

from statemachine.active_time import stop_clock
from statemachine.asking import PEOPLE_TIMERS
from statemachine.frame import Leaving
from statemachine.gathering import BURST_TIMERS, QUIET
from statemachine.listening import WAIT
from statemachine.machine import SKIP
from statemachine.offspring import dismiss
from statemachine.run import Run
from statemachine.sending.gate import leave_line
from statemachine.step import END
from statemachine.steps.message import SKIPPED
from statemachine.workflow import Step

WAIT_TIMERS: Final = (WAIT, QUIET, *BURST_TIMERS)
"""The deadlines that belong to the wait in which a run rests."""
_STEP_TIMERS: Final = frozenset((*WAIT_TIMERS, *PEOPLE_TIMERS))
_MILLISECOND: Final = timedelta(milliseconds=1)


def complete_step(run: Run, step: Step, outcome: str, output: Any = None, **note: Any) -> None:
    """The step has done its work. Raises StepFailed when its output cannot be kept."""
    run.keep_output(step, output)
    leave_step(run, step, outcome, output, **note)


def leave_step(
    run: Run,
    step: Step,
    outcome: str,
    output: Any,
    metadata: Mapping[str, Any] | None = None,
    way: str = "",
    **note: Any,
) -> None:
    """Leave a step whose output has been kept. `way` is the transition, when it is not called as the outcome."""
    elapsed = run.now - (run.entered_at or run.now)
    run.executed_steps += 1
    if run.last_error is not None and run.last_error.step == step.id:
        run.clear_error()
    run.note(
        "step_completed",
        step=step.id,
        step_type=step.type,
        outcome=outcome,
        output=output,
        duration_ms=elapsed // _MILLISECOND if elapsed else 0,
        metadata={**metadata, **doubts(run)} if metadata else doubts(run),
        **note,
    )
    if step.undo:
        run.end_undoable(output, done=outcome != SKIPPED)
    leave_by(run, way or outcome)


def leave_by(run: Run, outcome: str) -> None:
    """Leave the step by an outcome."""
    run.previous_step = run.step_id
    run.anchor_at = None
    if run.deadlines:
        end_timers(run)
        stop_clock(run)
    run.task = None
    if run.brood is not None:
        dismiss(run)
    go(run, outcome)


def go(run: Run, transition: str) -> None:
    """Take a way out of the step, past the `finally` of every `try` that it leads out of."""
    via = run.step.via
    if transition in via:
        run.depart(via[transition], Leaving(_target(run.step, transition)))
    fire(run, transition)


def leave(run: Run, transition: str) -> None:
    """Take an engine's transition out of the step, if the run is in one."""
    if run.state in run.workflow_version.steps:
        fire(run, transition)


def fire(run: Run, transition: str) -> None:
    """Let the machine of the version take a transition, and count it."""
    run.workflow_version.machine.fire(run, transition)
    run.transitions += 1


def end_timers(run: Run) -> None:
    """The timers of the wait go, and what it has gathered."""
    run.deadlines = {name: at for name, at in run.deadlines.items() if name not in _STEP_TIMERS}
    if run.gathered:
        leave_line(run)


def doubts(run: Run) -> dict[str, Any]:
    """What history says of conditions that could not be answered."""
    reason = run.take_doubts()
    return {"reason": reason} if reason else {}


def _target(step: Step, transition: str) -> str:
    if transition == SKIP:
        return step.following
    return step.targets.get(transition, step.on_error or END)
