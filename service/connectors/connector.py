"""A connector: a worker that lives in the process. It does the effect of one attempt and says how it went."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from service.storage.tasks import LeasedTask
from statemachine.errors import StepFailed


@dataclass(frozen=True, slots=True)
class Finished:
    """What an attempt brought: the step's output, the outcome to leave by, and variables to set."""

    output: Any = None
    outcome: str = "done"
    variables: Mapping[str, Any] = field(default_factory=dict)


class TaskError(StepFailed):
    """The attempt failed. `retryable` says that another may help; `retry_after_s` is what the other side asked for."""

    def __init__(self, code: str, message: str, *, retryable: bool = False, retry_after_s: float | None = None) -> None:
        super().__init__(code, message)
        self.retryable = retryable
        self.retry_after_s = retry_after_s


class Connector(Protocol):
    """What a pool runs. It holds no database connection while it waits for somebody else."""

    def destination(self, task: LeasedTask) -> str:
        """Whom the task would call; a pool makes few calls at once to any one. Empty: nobody worth guarding."""

    async def execute(self, task: LeasedTask) -> Finished:
        """Do it, once. Raises TaskError; anything else it raises is its own defect."""
