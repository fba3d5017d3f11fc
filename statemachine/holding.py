"""What is kept of what happens to a run that is held, because it or its workflow is paused: `held` of its snapshot.

Events that could move it, results of its tasks, and that the contact has changed. `reaction.py` lets them take effect.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from statemachine.asking import close_human
from statemachine.cause import ContactCause, EventCause, TaskCause, cause_to_data
from statemachine.event import Event
from statemachine.exits import mismatch_of
from statemachine.limits import MAX_HELD, MAX_HELD_BYTES, larger_than

if TYPE_CHECKING:
    from statemachine.run import Run


def hold_event(run: Run, cause: EventCause) -> bool:
    """Keep an event that could move the run. The rest of its life is in the event log, where later waits find it."""
    event = cause.event
    if cause.phase != "wait" or run.ended_at is not None or not _could_move(run, event):
        return False
    data = cause_to_data(cause)
    full = len(run.held) >= MAX_HELD or run.history_full or larger_than([*run.held, data], MAX_HELD_BYTES)
    if full or any(_same_event(kept, event) for kept in run.held):
        return False
    run.held = (*run.held, data)
    run.note("held", step=run.step_id or None, metadata={"event": event.type})
    return True


def _could_move(run: Run, event: Event) -> bool:
    return event.type in run.workflow_version.waiting_for(run.step_id, part=run.before.part)


def _same_event(kept: Any, event: Event) -> bool:
    data = kept.get("event")
    return data is not None and (data["id"], data.get("source", "")) == (event.id, event.source)


def drop_event(run: Run, cause: EventCause) -> bool:
    """Note an event that could have moved the run, now or later, and that it never will."""
    event = cause.event
    unheard = cause.phase != "wait" or not run.workflow_version.listens_in(event.type)
    if unheard or run.history_full or run.was_taken(event):
        return False
    run.consume(event)
    run.note("dropped", step=run.step_id or None, metadata={"event": event.type})
    return True


def hold_result(run: Run, cause: TaskCause) -> bool:
    """Keep the result of a task; one of a person is told at once."""
    if any(kept["kind"] == "task" and kept["attempt"] >= cause.attempt for kept in run.held):
        return False
    run.held = (*run.held, cause_to_data(cause))
    run.note("held", step=run.step_id, attempt=cause.attempt)
    if run.step.runner.human:
        close_human(run, "decided", cause.outcome, cause.output)
    return True


def hold_change(run: Run, cause: ContactCause) -> bool:
    """Remember, once, that a run which is held must look again."""
    watches = bool(run.step_id) and bool(run.step.runner.watches())
    concerned = run.ended_at is None and (watches or mismatch_of(run) is not None)
    if not concerned or run.history_full or any(kept["kind"] == "contact" for kept in run.held):
        return False
    run.held = (*run.held, cause_to_data(cause))
    run.note("held", step=run.step_id, metadata={"change": "data"})
    return True
