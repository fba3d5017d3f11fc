"""What branches and rounds have finished belongs to their parent too, for they are parts of it.

A child says so at once, in the transaction of its own decision, and says as well when it has undone something itself.
So a parent knows what is to be undone of a child that it cancels, and in which order all of the family was done.
"""

from __future__ import annotations

from statemachine.cause import UndoCause
from statemachine.course import settle_failure
from statemachine.frame import TOO_MANY_UNDOS, too_many_undos
from statemachine.run import Run
from statemachine.snapshot import LIVE


def on_undo(run: Run, cause: UndoCause) -> bool:
    if run.status not in LIVE or run.history_full:
        return False
    gone = frozenset(cause.gone)
    run.undos = (*(undo for undo in run.undos if undo.name not in gone), *cause.kept)
    for kind, count in (("undoable", len(cause.kept)), ("undone", len(gone))):
        if count:
            metadata = {"child": cause.name, "count": count, "status": run.status.value}
            run.note(kind, step=run.step_id or None, metadata=metadata)
    if cause.kept and run.brood is not None and not run.held_back and too_many_undos(run.undos):
        settle_failure(run, "too_many_undos", TOO_MANY_UNDOS)
    return True
