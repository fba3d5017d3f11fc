"""Workflows inside workflows, as far as published definitions tell: what is missing, and what would never end."""

from __future__ import annotations

from collections.abc import Iterator

from service.engine.catalog import compile_stored
from service.storage.database import Transaction
from service.storage.workflows import get_version, get_workflow
from statemachine.definition import Loaded
from statemachine.kin import MAX_WORKFLOWS_DEEP
from statemachine.problem import Problem
from statemachine.steps.sub_workflow import SubWorkflow
from statemachine.workflow import Workflow


def sub_workflow_problems(transaction: Transaction, tenant: str, loaded: Loaded) -> Iterator[Problem]:
    """A warning for every sub-workflow that is not there yet, or that nobody undoes; an error if it leads back here."""
    workflow = loaded.workflow
    if workflow is None:
        return
    for step_id, runner in _subs(workflow):
        path, place = loaded.places.get(step_id, ("", None))
        line, column = place or (None, None)
        found = _find(transaction, tenant, runner)
        if found is None:
            named = f"version {runner.version} of {runner.workflow!r}" if runner.version else repr(runner.workflow)
            message = f"the workflow {named}, which step {step_id!r} runs, is not published yet"
            yield Problem("unknown_workflow", "warning", message, path, line, column)
            continue
        if runner.awaits and not workflow.steps[step_id].undo and _undoes(workflow) and _declares_undos(found):
            message = (
                f"steps of {runner.workflow!r}, which step {step_id!r} runs, say how they are undone; the `compensate` "
                "of this workflow does not reach them"
            )
            yield Problem("undo_out_of_reach", "warning", message, path, line, column)
        ring = _ring(transaction, tenant, workflow.key, found, (workflow.key,))
        if ring:
            message = f"step {step_id!r} leads back to this workflow: {' → '.join(ring)}"
            yield Problem("recursive_workflow", "error", message, path, line, column)


def _undoes(workflow: Workflow) -> bool:
    return any(step.runner.undoes for step in workflow.steps.values())


def _declares_undos(workflow: Workflow) -> bool:
    return any(step.undo for step in workflow.steps.values())


def _subs(workflow: Workflow) -> Iterator[tuple[str, SubWorkflow]]:
    for step in workflow.steps.values():
        if isinstance(step.runner, SubWorkflow):
            yield step.id, step.runner


def _find(transaction: Transaction, tenant: str, runner: SubWorkflow) -> Workflow | None:
    stored = get_workflow(transaction, tenant, runner.workflow)
    number = runner.version or (stored.active_version if stored is not None else None)
    version = get_version(transaction, tenant, runner.workflow, number) if stored is not None and number else None
    return compile_stored(version) if version is not None else None


def _ring(
    transaction: Transaction, tenant: str, key: str, workflow: Workflow, above: tuple[str, ...]
) -> tuple[str, ...]:  # fmt: skip
    """The keys on a way from a workflow back to `key`; none when there is no such way."""
    way = (*above, workflow.key)
    if len(way) > MAX_WORKFLOWS_DEEP:
        return ()
    for _, runner in _subs(workflow):
        if runner.workflow == key:
            return (*way, key)
        found = _find(transaction, tenant, runner) if runner.workflow not in way else None
        ring = _ring(transaction, tenant, key, found, way) if found is not None else ()
        if ring:
            return ring
    return ()
