"""Steps that undo, where there is nothing to undo, and what is read of an undo."""

from __future__ import annotations

from statemachine.checks.draft import Draft
from statemachine.path import format_path
from statemachine.problem import Problems
from statemachine.workflow import UNDO_BODY


def check_undos(draft: Draft, problems: Problems) -> None:
    """Warn of `compensate` steps in a workflow in which no step says how it is undone; refuse them in undos."""
    declared = any(step.undo for step in draft.steps.values())
    for step in draft.steps.values():
        if not step.runner.undoes:
            continue
        if not declared:
            message = f"{step.id!r} has nothing to undo: no step has a `compensate: [steps]`"
            problems.add("nothing_to_undo", draft.places[step.id], message)
        elif any(carrier.startswith(UNDO_BODY) for carrier in step.within):
            message = f"{step.id!r} is part of an undo, and cannot undo others"
            problems.add("not_applicable", (*draft.places[step.id], "type"), message)


def check_undo_names(draft: Draft, problems: Problems) -> None:
    """Warn of what is read of an undo where there is none."""
    for step_id, read in draft.reads:
        step = draft.steps.get(step_id) if step_id is not None else None
        inside = step is not None and any(carrier.startswith(UNDO_BODY) for carrier in step.within)
        if read.path[0] == "undo" and not inside:
            message = f"`{format_path(read.path)}` leads nowhere: it is read outside of the steps that undo one"
            problems.add("unknown_name", read.place, message, within=read.within)
