"""A parent's side of a family: ordering children, resting until they have ended, sending them away."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any, Final

from statemachine.cause import ParentCause, Word, chain_after
from statemachine.decision import ChildOrder
from statemachine.errors import StepFailed
from statemachine.event import Event, event_to_data
from statemachine.frame import Guard
from statemachine.kin import MAX_WORKFLOWS_DEEP, Origin
from statemachine.run import Run
from statemachine.snapshot import Snapshot, Status
from statemachine.step_result import Await, Child
from statemachine.workflow import Step

NOT_NEEDED: Final = "not_needed"
"""The reason with which children are cancelled whose parent goes on without them."""
SOURCE: Final = "statewright"
_MOST_NAMES: Final = 50


def rest_for(run: Run, step: Step, result: Await) -> None:
    """Start children and rest until they have ended."""
    first = run.brood is None
    order(run, step, result.children)
    names = tuple(child.name for child in result.children)
    run.brood = replace(result.brood, open=(*result.brood.open, *names))
    run.resting = True
    run.status = Status.WAITING
    if first:
        run.note("waiting", step=step.id, step_type=step.type, metadata={"children": shown(names)})


def shown(names: Iterable[str]) -> list[str]:
    """Names for a line of history: the first ones, and whether there are more."""
    listed = list(names)
    return listed if len(listed) <= _MOST_NAMES else [*listed[:_MOST_NAMES], f"… {len(listed) - _MOST_NAMES} more"]


def order(run: Run, step: Step, children: Iterable[Child]) -> None:
    for child in children:
        cause = ParentCause("start", run.visit, run.revision)
        snapshot = _of_workflow(run, step, child) if child.workflow else _of_body(run, step, child)
        run.children.append(ChildOrder(snapshot, cause))


def _of_body(run: Run, step: Step, child: Child) -> Snapshot:
    """A child that runs a body: it reads what its parent reads now, and writes what is its own."""
    return Snapshot(
        id=run.child_id(child.name),
        workflow=run.workflow,
        version=run.version,
        contact_id=run.contact_id,
        entry_key=run.entry_key,
        priority=run.priority,
        parent_id=run.enrollment_id,
        trigger=run.trigger,
        variables=run.variables,
        outputs=run.outputs,
        variants=run.variants,
        step_starts=dict(run.step_starts),
        previous_step=step.id,
        consumed=run.consumed,
        last_error=run.last_error,
        frames=(*run.frames[: len(step.within)], child.frame or Guard(step.id, child.outcome)),
        origin=Origin(step.id, run.visit, child.name, child.outcome, True, run.around[:-1]),
    )


def _of_workflow(run: Run, step: Step, child: Child) -> Snapshot:
    """A child that runs a workflow: it begins with what it is given as `input`, and nothing else."""
    if child.workflow in run.around:
        raise StepFailed("recursive_workflow", f"{' → '.join((*run.around, child.workflow))} would never end")
    if len(run.around) >= MAX_WORKFLOWS_DEEP:
        raise StepFailed("too_deep", f"workflows may stand in each other {MAX_WORKFLOWS_DEEP} deep, and no deeper")
    name = run.child_id(child.name)
    event = Event(
        name,
        "sub_workflow",
        SOURCE,
        run.contact_id,
        conversation_id=run.trigger.get("conversation_id"),
        data=child.input,
        chain=chain_after(run.before, run.cause),
    )
    return Snapshot(
        id=name,
        workflow=child.workflow,
        version=child.version or 0,
        contact_id=run.contact_id,
        priority=run.priority,
        parent_id=run.enrollment_id,
        trigger=event_to_data(event),
        origin=Origin(step.id, run.visit, child.name, "", child.awaited, run.around),
    )


def dismiss(run: Run, reason: str = NOT_NEEDED) -> None:
    """The run waits for its children no more: those still under way are cancelled."""
    if run.brood is None:
        return
    tell(run, "cancel", {"reason": reason})
    run.brood = None


def tell(run: Run, word: Word, data: Mapping[str, Any]) -> None:
    """A word to every child that is still under way."""
    if run.brood is not None and run.brood.open:
        run.told.append(ParentCause(word, run.visit, run.revision, data))
