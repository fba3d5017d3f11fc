"""What the word of a parent does to its child: start, cancel, pause, resume."""

from __future__ import annotations

from statemachine.beginning import begin
from statemachine.cause import ParentCause
from statemachine.course import ask_to_continue, proceed
from statemachine.ending import finish
from statemachine.machine import CANCEL
from statemachine.operate import pause_run, resume_run
from statemachine.run import Run
from statemachine.snapshot import LIVE, Status
from statemachine.way_out import leave


def on_parent(run: Run, cause: ParentCause) -> bool:
    """Whether anything comes of the word. What the state does not allow is not said again: nothing comes of it."""
    origin = run.origin
    if origin is None or origin.visit != cause.visit or run.status not in LIVE:
        return False
    if cause.word == "start":
        _start(run)
    elif cause.word == "cancel":
        run.exit_reason = str(cause.data.get("reason") or "") or None
        leave(run, CANCEL)
        finish(run, Status.CANCELLED)
    elif run.history_full:
        return False
    elif cause.word == "pause":
        if run.status is Status.PAUSED:
            return False
        pause_run(run, str(cause.data["timers"]), str(cause.data.get("events", "buffer")))
    else:
        if run.status is not Status.PAUSED:
            return False
        resume_run(run)
    return True


def _start(run: Run) -> None:
    origin = run.origin
    assert origin is not None
    run.note("started", metadata={"parent": run.parent_id, "step": origin.step, "child": origin.name})
    if not begin(run):
        return None
    if run.surroundings.crowded or run.surroundings.held:
        return ask_to_continue(run)
    return proceed(run)
