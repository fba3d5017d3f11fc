"""What a child leaves to its parent: its results when it has ended, and what it has done that may have to be undone."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from statemachine.cause import ChildCause, UndoCause
from statemachine.failure import last_error_to_data
from statemachine.snapshot import Status

if TYPE_CHECKING:
    from statemachine.frame import Undo
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


def left_to_undo(run: Run) -> UndoCause | None:
    """What the parent of a branch or a round must hear of this decision: which steps it finished that say how they are
    undone, and which it has undone itself."""
    origin, before, left = run.origin, run.before, run.undoable
    if origin is None or left is before.undos or not before.part:
        return None
    known = {undo.name for undo in before.undos if undo.done}
    now = {undo.name for undo in left if undo.done}
    kept = tuple(_abroad(undo, before.id) for undo in left if undo.done and undo.name not in known)
    gone = tuple(_abroad(undo, before.id).name for undo in before.undos if undo.done and undo.name not in now)
    return UndoCause(before.id, origin.name, run.revision, kept, gone) if kept or gone else None


def _abroad(undo: Undo, run_id: str) -> Undo:
    """The same as others know it."""
    return replace(undo, run=undo.run or run_id)


def _stands_in(run: Run, step_id: str, body: tuple[str, str]) -> bool:
    step = run.workflow_version.steps.get(step_id)
    return step is not None and body in zip(step.within, step.bodies, strict=True)
