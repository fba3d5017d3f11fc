"""What the end of a child does to its parent."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, cast

from statemachine.cause import ChildCause, cause_to_data
from statemachine.course import proceed, settle_failure
from statemachine.ending import end_from
from statemachine.errors import StepFailed
from statemachine.failing import fail_run
from statemachine.kin import Brood
from statemachine.limits import MAX_OUTPUT_BYTES, size_up_to
from statemachine.offspring import dismiss, rest_for
from statemachine.run import Run
from statemachine.seeing import MAX_CONSUMED
from statemachine.snapshot import Status
from statemachine.step import FamilyStep
from statemachine.step_result import Await, End, Outcome
from statemachine.way_out import complete_step
from statemachine.workflow import OUT, Step


def on_child(run: Run, cause: ChildCause) -> bool:
    brood = run.brood
    if cause.missing and (brood is None or cause.name not in brood.open):
        return _note_missing(run, cause)
    if not awaits(run, cause):
        return False
    if run.held_back:
        run.held = (*run.held, cause_to_data(cause))
        run.note("held", step=run.step_id, metadata={"child": cause.name})
        return True
    hear(run, cause)
    return True


def awaits(run: Run, cause: ChildCause) -> bool:
    """Whether the run still waits for this child."""
    return run.brood is not None and run.visit == cause.visit and cause.name in run.brood.open


def _note_missing(run: Run, cause: ChildCause) -> bool:
    """A workflow that was to be started, and not to be waited for, does not exist: the run has gone on."""
    error = cause.error or {}
    if run.ended_at is not None or run.history_full:
        return False
    run.note("child_ended", step=cause.step, level="error", error_code=error["code"], error=error["message"])
    return True


def hear(run: Run, cause: ChildCause) -> None:
    """Take note of a child's end, and go on when that was what the run waited for."""
    brood = run.brood
    assert brood is not None
    step = run.step
    runner = cast(FamilyStep, step.runner)
    run.consumed = tuple(dict.fromkeys((*run.consumed, *cause.consumed)))[-MAX_CONSUMED:]
    failure = _failure_of(cause)
    run.note(
        "child_ended",
        step=step.id,
        step_type=step.type,
        level="warn" if failure else "info",
        error_code=failure["code"] if failure else None,
        error=failure["message"] if failure else None,
        metadata={"child": cause.name, "enrollment_id": cause.child_id, "status": cause.status},
    )
    run.brood = _with_end(brood, cause, failure)
    if cause.status == Status.EXITED and runner.forks:
        return _leave(run, step, End(Status.EXITED, cause.reason))
    if run.history_full:
        return fail_run(run, "history_limit", "the history is full")
    try:
        if run.brood.size > MAX_OUTPUT_BYTES:
            limit = f"{MAX_OUTPUT_BYTES // 1024} KiB"
            raise StepFailed("output_too_large", f"what the children of {step.id!r} left is over {limit}")
        run.merge_outputs(cause.outputs)
        result = runner.gather(run, run.brood)
        if isinstance(result, Await):
            return rest_for(run, step, result)
        assert isinstance(result, Outcome)
        complete_step(run, step, result.name, result.output, metadata=result.metadata)
    except StepFailed as failed:
        transient = bool(cause.error and cause.error.get("transient"))
        return settle_failure(run, failed.code, failed.message, transient=transient)
    return proceed(run)


def _leave(run: Run, step: Step, end: End) -> None:
    """An `exit` in a body that a child runs is that of its parent."""
    dismiss(run, f"parent_{end.status}")
    if OUT in step.ways_out:  # steps of a `finally` come between: the visit of this one is over
        run.note("step_completed", step=step.id, step_type=step.type, outcome=end.status, duration_ms=0)
    end_from(run, step, end)
    if run.ended_at is None:
        proceed(run)


def _with_end(brood: Brood, cause: ChildCause, failure: Mapping[str, Any] | None) -> Brood:
    left = cause.result if failure is None else failure
    gathered = replace(
        brood,
        open=tuple(name for name in brood.open if name != cause.name),
        size=brood.size + size_up_to(left, MAX_OUTPUT_BYTES + 1) + len(cause.name),
        broken=brood.broken or cause.broke,
    )
    if failure is not None:
        return replace(gathered, failed={**brood.failed, cause.name: failure})
    return replace(gathered, results={**brood.results, cause.name: cause.result})


def _failure_of(cause: ChildCause) -> dict[str, Any] | None:
    """{code, message} of a child that did not do its work."""
    if cause.status in (Status.COMPLETED, Status.EXITED):
        return None
    if cause.error is not None:
        where = f"in step {cause.error['step']!r}: " if cause.error.get("step") else ""
        return {"code": cause.error["code"], "message": f"{_called(cause)} failed {where}{cause.error['message']}"}
    why = f" ({cause.reason})" if cause.reason else ""
    return {"code": "child_cancelled", "message": f"{_called(cause)} was cancelled{why}"}


def _called(cause: ChildCause) -> str:
    return f"the child {cause.name!r} of {cause.step!r}"
