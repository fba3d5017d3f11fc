"""Outcomes of tasks: the result that a worker brings back, and the decision of a person."""

from __future__ import annotations

from dataclasses import replace

from service.engine.clerk import Clerk
from service.engine.commands import DecideTask, FinishAnswer, FinishTask
from service.engine.deciding import answer_of
from service.engine.repeats import remember
from service.engine.results import (
    check_lease,
    check_outcome,
    failure_data,
    finished_status,
    repeats_result,
    settled_failure,
)
from service.storage.tasks import LeasedTask
from statemachine.cause import TaskCause, TaskFailure
from statemachine.decide import decide
from statemachine.errors import NotFound, PreconditionFailed


def finish(clerk: Clerk, command: FinishTask) -> FinishAnswer:
    """Raises NotFound, and what `results.py` refuses."""
    task = _task(clerk, command)
    if repeats_result(task, command.token, command.failure):
        return FinishAnswer(task.id, True)
    check_lease(task, command.token)
    if command.failure is None:
        check_outcome(task, command.outcome)
    failure = settled_failure(task, command.failure)
    applied = task.status == "leased" and _apply(clerk, command, task, failure)
    if not applied:
        clerk.ledger.tasks.finish(command.tenant, task, "cancelled", command.output, failure_data(failure))
    answer = FinishAnswer(task.id, applied)
    clerk.stock.tasks[command.tenant, task.id] = replace(task, status="completed")
    remember(clerk, command, answer)
    return answer


def decide_task(clerk: Clerk, command: DecideTask) -> FinishAnswer:
    """Raises NotFound, PreconditionFailed, and what `deciding.py` refuses."""
    task = _task(clerk, command)
    key = (command.tenant, task.id)
    clerk.stock.people.heed(key, clerk.ledger.tasks.handoffs.closing(key), clerk.ledger.times.workflow)
    human = clerk.stock.people.admit(task, command)
    desk, workflow, snapshot = clerk.run_named(command.tenant, task.enrollment_id)
    output = answer_of(workflow, snapshot, command, clerk.ledger.times.workflow)
    cause = TaskCause(task.id, task.step, task.visit, task.attempt, command.decision, output)
    clerk.ledger.tasks.handoffs.knows(human)
    if clerk.decide(desk, workflow, snapshot, cause) is None:
        raise PreconditionFailed(f"the enrollment of task {task.id!r} has left the step", task_id=task.id)
    clerk.stock.people.close(human, command, clerk.ledger.times.workflow)
    answer = FinishAnswer(task.id, True)
    remember(clerk, command, answer)
    return answer


def _task(clerk: Clerk, command: FinishTask | DecideTask) -> LeasedTask:
    task = clerk.stock.tasks.get((command.tenant, command.task_id))
    if task is None:
        raise NotFound("task", command.task_id)
    return task


def _apply(clerk: Clerk, command: FinishTask, task: LeasedTask, failure: TaskFailure | None) -> bool:
    """Whether the result moves its run."""
    desk, workflow, snapshot = clerk.run_named(command.tenant, task.enrollment_id)
    cause = TaskCause(
        task.id,
        task.step,
        task.visit,
        task.attempt,
        command.outcome,
        command.output,
        command.variables,
        failure,
    )
    decision = decide(workflow, snapshot, cause, clerk.surroundings(desk, workflow, snapshot))
    if decision is None:
        return False
    clerk.ledger.tasks.finish(command.tenant, task, finished_status(failure), command.output, failure_data(failure))
    clerk.keep(desk, workflow, decision, cause)
    clerk.follow(desk, snapshot, decision)
    return True
