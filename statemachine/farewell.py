"""What a child that has ended leaves to its parent."""

from __future__ import annotations

from typing import TYPE_CHECKING

from statemachine.cause import ChildCause
from statemachine.failure import last_error_to_data
from statemachine.snapshot import Status

if TYPE_CHECKING:
    from statemachine.run import Run


def farewell(run: Run) -> ChildCause | None:
    """What the parent must hear of this decision: that its child has ended by it, if it waits for that."""
    origin = run.origin
    if origin is None or run.ended_at is None or run.before.ended_at is not None or not origin.awaited:
        return None
    own = (origin.step, origin.name)
    error = run.last_error if run.status is Status.FAILED else None
    return ChildCause(
        run.enrollment_id,
        origin.step,
        origin.visit,
        origin.name,
        run.status.value,
        result={name: run.variables[name] for name in run.written if name in run.variables},
        outputs={name: output for name, output in run.outputs.items() if _stands_in(run, name, own)},
        reason=run.exit_reason,
        error=last_error_to_data(error) if error else None,
        broke=run.broke,
        consumed=run.consumed,
    )


def _stands_in(run: Run, step_id: str, body: tuple[str, str]) -> bool:
    step = run.workflow_version.steps.get(step_id)
    return step is not None and body in zip(step.within, step.bodies, strict=True)
