"""The generic task: work for a remote worker, whose answer chooses the way on."""

from __future__ import annotations

from typing import Any, ClassVar, Final

from pydantic import Field

from statemachine.decision import TaskOrder
from statemachine.keys import about
from statemachine.step import Build, Context, EffectStep, StepConfig
from statemachine.steps.parts import Parts, resolve

_RESERVED: Final = ("done", "error")


class TaskConfig(StepConfig):
    queue: str = about("The queue that a worker takes the task from.", "review", default="default")
    input: dict[str, Any] = Field(
        default_factory=dict,
        description="What the worker gets, templates and all.",
        examples=[{"text": "{{trigger.data.content}}"}],
    )


class Task(EffectStep):
    """Work for a worker of your own.

    Outcomes are `done` and the keys of the step's `branches`; `error` is always possible."""

    name = "task"
    Config = TaskConfig
    free_form: ClassVar[tuple[str, ...]] = ("input",)

    def __init__(self, config: TaskConfig, build: Build) -> None:
        parts = Parts(build)
        if not config.queue or "{{" in config.queue:
            build.problem("bad_value", ("queue",), "`queue` is the plain name of a queue")
        self.queue = config.queue
        self._input = parts.value(("input",), config.input)
        self._outcomes = ("done", *(name for name in build.branches() if name not in _RESERVED))
        self.reads = parts.reads

    def outcomes(self) -> tuple[str, ...]:
        return self._outcomes

    def order(self, context: Context) -> TaskOrder:
        resolved = resolve(self._input, context.scope)
        return TaskOrder(context.step_id, context.visit, self.name, self.queue, resolved, outcomes=self._outcomes)
