"""`decide(workflow, snapshot, cause, surroundings) -> Decision`: the one idea of the house.

Deterministic: the same arguments give the same decision, byte for byte. A refusal raises and changes nothing; None says
that the cause does not concern the enrollment (an event that no case takes, a result that comes too late).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from statemachine.cause import (
    Cause,
    ChildCause,
    ContactCause,
    ContinueCause,
    EventCause,
    OperatorCause,
    ParentCause,
    StartCause,
    Surroundings,
    TaskCause,
    TimerCause,
    UndoCause,
)
from statemachine.child_end import on_child
from statemachine.decision import Decision
from statemachine.operate import on_operator
from statemachine.parent_word import on_parent
from statemachine.reaction import on_contact, on_continue, on_event, on_start, on_timer
from statemachine.run import Run
from statemachine.snapshot import Snapshot, Status
from statemachine.task_result import on_task
from statemachine.undo_news import on_undo
from statemachine.workflow import Workflow, own_outcomes


def decide(workflow: Workflow, snapshot: Snapshot, cause: Cause, surroundings: Surroundings) -> Decision | None:
    """What `cause` does to the enrollment.

    Raises TransitionRefused or InvalidInput when an operator asks for what the state does not allow. Every other cause
    that does not apply (any more) answers None.
    """
    run = Run(workflow, snapshot, cause, surroundings)
    decision = run.freeze() if _HANDLERS[type(cause)](run, cause) else None
    run.let_go()
    return decision


def allowed_transitions(workflow: Workflow, snapshot: Snapshot) -> tuple[str, ...]:
    """The transitions that Advance may fire now, in the order of the definition."""
    if snapshot.status is not Status.WAITING or snapshot.step is None:
        return ()
    return own_outcomes(workflow, snapshot.step)


_HANDLERS: Final[Mapping[type, Callable[[Run, Any], bool]]] = {
    EventCause: on_event,
    TimerCause: on_timer,
    TaskCause: on_task,
    OperatorCause: on_operator,
    ContinueCause: on_continue,
    StartCause: on_start,
    ContactCause: on_contact,
    ParentCause: on_parent,
    ChildCause: on_child,
    UndoCause: on_undo,
}
