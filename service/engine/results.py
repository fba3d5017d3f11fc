"""What the result of a task attempt means: whose lease it was, how it is recorded, and what the core is told."""

from __future__ import annotations

from typing import Any

from service.storage.tasks import LeasedTask
from statemachine.cause import TaskFailure
from statemachine.errors import InvalidInput, StaleLease
from statemachine.machine import ERROR

LEASE_EXPIRED = "lease_expired"
OUTCOME_UNKNOWN = "outcome_unknown"


def check_lease(task: LeasedTask, token: int) -> None:
    """Raises StaleLease unless `token` is the task's current lease, or was when the task was revoked."""
    if token != task.lease_token:
        raise StaleLease(f"the lease of task {task.id!r} was taken over; stop working on it", task_id=task.id)
    if task.status not in ("leased", "cancelled") or (task.status == "cancelled" and task.finished_at is None):
        raise StaleLease(f"task {task.id!r} is {task.status}; its lease is over", task_id=task.id)


def check_outcome(task: LeasedTask, outcome: str) -> None:
    """Raises InvalidInput for an outcome that the step does not have; the holder keeps the task, to answer again."""
    allowed = (*task.outcomes, ERROR)
    if task.status == "leased" and outcome not in allowed:
        options = ", ".join(allowed)
        message = (
            f"step {task.step!r} has no outcome {outcome!r}; it has {options}. The task is still yours: answer again"
        )
        raise InvalidInput(message, [("outcome", f"one of {options}")])


def repeats_result(task: LeasedTask, token: int, failure: TaskFailure | None) -> bool:
    """Whether the holder tells once more what was applied already: its first answer got lost on the way."""
    told = "completed" if failure is None else "failed"
    return token == task.lease_token and task.status == told


def settled_failure(task: LeasedTask, failure: TaskFailure | None) -> TaskFailure | None:
    """A lease that ran out leaves an at-most-once task with an outcome nobody knows: it is not tried again."""
    if failure is not None and task.at_most_once and failure.code == LEASE_EXPIRED:
        return TaskFailure(OUTCOME_UNKNOWN, "the worker was lost; the effect may or may not have happened", False)
    return failure


def finished_status(failure: TaskFailure | None) -> str:
    if failure is None:
        return "completed"
    return "unknown_outcome" if failure.code == OUTCOME_UNKNOWN else "failed"


def failure_data(failure: TaskFailure | None) -> dict[str, Any] | None:
    return None if failure is None else {"code": failure.code, "message": failure.message}
