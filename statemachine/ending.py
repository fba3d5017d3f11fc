"""The end of a run: by a step, by a rule or a goal, by failing, by an operator. Everything open goes with it."""

from __future__ import annotations

from typing import Any, cast

from statemachine.failure import TRANSIENT
from statemachine.frame import Guard, Leaving, Thrown
from statemachine.machine import COMPLETE, EXIT, leave_transition
from statemachine.offspring import dismiss
from statemachine.ordering import revoke
from statemachine.run import Run
from statemachine.sending.gate import leave_line
from statemachine.snapshot import Status
from statemachine.step_result import End
from statemachine.way_out import fire, leave
from statemachine.workflow import OUT, Step


def end_by_step(run: Run, step: Step, end: End) -> None:
    """The step ends the run."""
    run.executed_steps += 1
    run.note("step_completed", step=step.id, step_type=step.type, outcome=end.status, duration_ms=0)
    end_from(run, step, end)


def end_from(run: Run, step: Step, end: End) -> None:
    """End the run out of a step, past the `finally` of every `try` around it."""
    if OUT in step.ways_out:
        run.depart(step.ways_out[OUT], Leaving(status=end.status, reason=end.reason))
        return fire(run, leave_transition(OUT))
    return end_as(run, end)


def end_as(run: Run, end: End) -> None:
    """End the run where it stands, completed or exited."""
    if end.status == Status.COMPLETED:
        leave(run, COMPLETE)
        return finish(run, Status.COMPLETED)
    return exit_run(run, end.reason)


def exit_run(run: Run, reason: str | None, *, goal: str | None = None, event: str | None = None) -> None:
    """The run leaves before its last step: for a reason, for a goal that is reached, because of an event."""
    run.exit_reason = reason
    run.goal = goal
    leave(run, EXIT)
    finish(run, Status.EXITED, **({"event": event} if event else {}))


def finish(run: Run, status: Status, **metadata: str) -> None:
    """Write the end of the run: timers, open tasks and rests go with it."""
    revoke(run)
    if run.brood is not None:
        dismiss(run, f"parent_{status.value}")
    if run.failing and status is not Status.CANCELLED:
        status, metadata = Status.FAILED, {}
        _end_failing(run)
    run.status = status
    run.ended_at = run.now
    run.queued = ""
    run.deadlines = {}
    if run.gathered:
        leave_line(run)
    run.anchor_at = None
    run.paused_at = None
    run.held = ()
    run.moments = {}
    run.resting = False
    if status is not Status.FAILED:
        run.step_id = ""
        run.frames = ()
    if run.undos:
        run.forget_undos(failed=status is Status.FAILED)
    failure = run.last_error if status is Status.FAILED else None
    told: dict[str, Any] = metadata
    if run.exit_reason:
        told = {"reason": run.exit_reason, **told}
    if run.goal:
        told = {**told, "goal": run.goal}
    if failure and failure.transient:
        told = {**told, **TRANSIENT}
    run.note(
        status.value,
        level="error" if failure else "info",
        error_code=failure.code if failure else None,
        error=failure.message if failure else None,
        metadata=told,
    )


def _end_failing(run: Run) -> None:
    """`on_failure` is done, or left: the run stands again where it failed, with what it failed with."""
    pending = cast(Thrown, cast(Guard, run.frames[0]).pending)
    run.set_frames(())
    run.step_id = ""
    run.restore(pending)
    run.set_error(pending.error)
    run.exit_reason = run.goal = None
