"""The task of a step that touches the outside: ordered when the step is entered, revoked when nobody waits for it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from statemachine.active_time import start_clock
from statemachine.asking import ask, close_human
from statemachine.frame import Undo
from statemachine.run import Run
from statemachine.snapshot import OpenTask, Status
from statemachine.step import EffectStep
from statemachine.way_out import doubts
from statemachine.workflow import Step


def order_task(run: Run, step: Step, runner: EffectStep, said: Mapping[str, Any] | None = None) -> None:
    """Order the task and rest until its result comes. `said` is what history says of it besides."""
    order = runner.order(run)
    task_input = _edited(order.input, run)
    run.orders.append(
        replace(
            order,
            input=task_input,
            timeout_s=step.timeout.total_seconds() if step.timeout else order.timeout_s,
            max_attempts=step.retry.max_attempts,
            at_most_once=step.at_most_once,
        )
    )
    run.task = OpenTask(step.id, run.visit)
    if order.human is None:
        start_clock(run)
    if step.undo:
        run.drop_undo(Undo(step.id, run.visit))
        run.begin_undoable(Undo(step.id, run.visit, task_input))
    if order.human is not None:
        said = {**(said or {}), **ask(run, order.human)}
    note = {**said, **doubts(run)} if said else doubts(run)
    run.note("step_started", step=step.id, step_type=step.type, attempt=1, task_input=task_input, metadata=note)
    run.resting = True
    run.status = Status.WAITING


def revoke(run: Run, ending: str = "cancelled") -> None:
    """The open task must not run any more."""
    if run.task is not None:
        if run.step.runner.human:
            close_human(run, ending)
        run.revoked.append((run.task.step, run.task.visit))
        run.task = None


def _edited(given: Mapping[str, Any], run: Run) -> dict[str, Any]:
    """The input of a task as an operator edited it for the retry of this step; a null removes."""
    edited, run.edited_input = run.edited_input or {}, None
    gone = {key for key, value in edited.items() if value is None}
    return {key: value for key, value in {**given, **edited}.items() if key not in gone}
