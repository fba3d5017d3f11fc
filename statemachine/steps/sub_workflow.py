"""A workflow inside another: a child of the run that goes through a published workflow of its own."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Final

from pydantic import Field

from statemachine.errors import StepFailed
from statemachine.keys import about
from statemachine.kin import Brood
from statemachine.limits import MAX_EVENT_BYTES, larger_than
from statemachine.path import MISSING, Path, parse_path, walk
from statemachine.scalars import Name
from statemachine.step import Build, Context, FamilyStep, StepConfig
from statemachine.step_result import Await, Child, Launch, Outcome, Result
from statemachine.steps.parallel import first_failure
from statemachine.steps.parts import Parts, resolve

if TYPE_CHECKING:
    from statemachine.workflow import Step

DONE: Final = "done"
ONLY: Final = "run"
"""The name of the only child."""


class SubWorkflowConfig(StepConfig):
    workflow: Name = about("The key of a published workflow.", "send_invoice", default=...)
    version: Annotated[int, Field(ge=1)] | None = about(
        "That version of it. Default: the one that is active when the step runs.", 3
    )
    input: Any = about(
        "What it reads as `input`, an object; templates and all.", {"order": "{{trigger.data.order_id}}"}
    )
    output: dict[str, str] | None = about(
        "What is taken of the variables that it leaves, by name. Default: all of them.", {"total": "order.total"}
    )
    wait: bool = about("`false`: start it and go on at once.", False, default=True)


class SubWorkflow(FamilyStep):
    """Go through another workflow, and on when it has ended.

    Outcomes: `done`; fails as the other workflow did."""

    name = "sub_workflow"
    aliases: ClassVar[tuple[str, ...]] = ("execute_workflow",)
    Config = SubWorkflowConfig
    free_form: ClassVar[tuple[str, ...]] = ("input", "output")

    def __init__(self, config: SubWorkflowConfig, build: Build) -> None:
        parts = Parts(build)
        self.workflow = config.workflow
        self.version = config.version
        self._wait = config.wait
        self._input = parts.optional(("input",), config.input)
        if config.input is not None and not isinstance(config.input, Mapping | str):
            build.problem("not_an_object", ("input",), "`input` has to be an object, or a template that makes one")
        self._output = _paths(config, build)
        self.reads = parts.reads

    @property
    def awaits(self) -> bool:
        return self._wait

    def output_parts(self) -> frozenset[str] | None:
        if not self._wait:
            return frozenset({"enrollment_id"})
        return None if self._output is None else frozenset(self._output)

    def run(self, context: Context) -> Result:
        child = Child(
            ONLY, workflow=self.workflow, version=self.version, input=self._given(context), awaited=self._wait
        )  # fmt: skip
        if self._wait:
            return Await((child,), Brood())
        return Launch((child,), Outcome(DONE, {"enrollment_id": context.child_id(ONLY)}))

    def gather(self, context: Context, brood: Brood) -> Result:
        if brood.failed:
            raise first_failure(brood)
        left = brood.results.get(ONLY, {})
        if self._output is None:
            return Outcome(DONE, dict(left))
        found = {name: walk(left, path) for name, path in self._output.items()}
        return Outcome(DONE, {name: None if value is MISSING else value for name, value in found.items()})

    def _given(self, context: Context) -> Mapping[str, Any]:
        given = resolve(self._input, context.scope)
        if given is None:
            return {}
        if not isinstance(given, Mapping):
            raise StepFailed("bad_input", "`input` has to be an object")
        if larger_than(given, MAX_EVENT_BYTES):
            raise StepFailed("input_too_large", f"the input is over {MAX_EVENT_BYTES // 1024} KiB")
        return given


def inner_workflows(steps: Iterable[Step]) -> tuple[tuple[str, int], ...]:
    """(key, version) of the workflows that these steps run; version 0 is the active one."""
    runners = (step.runner for step in steps if isinstance(step.runner, SubWorkflow))
    return tuple(dict.fromkeys((runner.workflow, runner.version or 0) for runner in runners))


def _paths(config: SubWorkflowConfig, build: Build) -> dict[str, Path] | None:
    """Name → the path of a variable of the other workflow."""
    if config.output is None:
        return None
    for name, path in config.output.items():
        if _parsed(path) is None:
            message = f"`{name}` names a variable of the other workflow, such as `order.total`, without braces"
            build.problem("bad_value", ("output", name), message)
    return {name: _parsed(path) or () for name, path in config.output.items()}


def _parsed(path: str) -> Path | None:
    return parse_path(path.removeprefix("variables."))
