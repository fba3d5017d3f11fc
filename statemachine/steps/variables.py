"""Steps that work on data of the run: set_variable and transform."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from statemachine.errors import StepFailed
from statemachine.expression import Expression, ExpressionError
from statemachine.keys import about
from statemachine.path import Path
from statemachine.step import Build, Context, PureStep, StepConfig
from statemachine.step_result import Outcome, Result
from statemachine.steps.parts import Parts, later, plain, refuse_later, resolve
from statemachine.variable_path import CONVERSATION, GLOBAL, WORKFLOW, BadVariable, scoped_path

if TYPE_CHECKING:
    from statemachine.template import Value


class SetVariableConfig(StepConfig):
    path: str | None = about("The variable to set.", "offer", "order.total", "conversation.topic", "global.offer")
    value: Any = about("Its value, templates and all.", "{{trigger.data.total}}")
    values: dict[str, Any] | None = about("Several at once: name → value.", {"offer": "spring", "order.total": 12})


class SetVariable(PureStep):
    """Set one variable (`path`, `value`) or several (`values`); all are computed before the first is set.

    A name is of the run, under `conversation.` of its conversation, under `global.` of all.
    """

    name = "set_variable"
    Config = SetVariableConfig
    silent = True
    free_form: ClassVar[tuple[str, ...]] = ("value", "values")

    def __init__(self, config: SetVariableConfig, build: Build) -> None:
        parts = Parts(build)
        self._values: list[tuple[str, tuple[str, ...], Value]] = []
        for place, name, raw, at in _assignments(config, build):
            where = _scoped_path(name, place, build)
            value = parts.value(at, raw)
            if where is not None:
                self._values.append((*where, value))
        if any(scope == CONVERSATION for scope, _, _ in self._values):
            parts.conversation()
        parts.shared([path for scope, path, _ in self._values if scope == GLOBAL])
        self.reads = parts.reads

    def variables(self) -> frozenset[str]:
        return frozenset(path[0] for scope, path, _ in self._values if scope == WORKFLOW)

    def run(self, context: Context) -> Result:
        scope = context.scope
        for where, path, value in [(where, path, resolve(value, scope)) for where, path, value in self._values]:
            if where == CONVERSATION:
                context.set_conversation_variable(path, value)
            elif where == GLOBAL:
                context.set_global_variable(path, value)
            else:
                context.set_variable(path, value)
        return Outcome("done")


def _assignments(config: SetVariableConfig, build: Build) -> list[tuple[Path, str, Any, Path]]:
    """(where the name is, name, raw value, where the value is) of each variable to set."""
    found: list[tuple[Path, str, Any, Path]] = []
    if config.path is not None:
        if "value" not in config.model_fields_set:
            build.problem("missing_key", (), "`path` needs a `value` (null is a value)")
        found.append((("path",), config.path, config.value, ("value",)))
    elif "value" in config.model_fields_set:
        build.problem("missing_key", (), "`value` needs a `path`: the variable to set")
    for name, raw in (config.values or {}).items():
        found.append((("values", name), name, raw, ("values", name)))
    if not found and "value" not in config.model_fields_set:
        build.problem("missing_key", (), "say what to set: `path` and `value`, or `values: {name: value}`")
    return found


def _scoped_path(name: str, place: Path, build: Build) -> tuple[str, tuple[str, ...]] | None:
    """The scope and the path that a name means, or None after reporting why it means none."""
    try:
        return scoped_path(name)
    except BadVariable as bad:
        build.problem(bad.code, place, bad.message, suggestion=bad.suggestion)
        return None


class TransformConfig(StepConfig):
    expression: str | None = about("The expression (CEL) to compute.", "trigger.data.net * 1.19")
    mapping: dict[str, Any] | None = about("Name → expression: one object.", {"gross": "trigger.data.net * 1.19"})
    output: dict[str, Any] | None = about("Another name for `mapping`.", {"gross": "trigger.data.net * 1.19"})
    code: Any = later()


class Transform(PureStep):
    """Compute a value by CEL; the result is the step's output. A mapping builds one object, key by key."""

    name = "transform"
    Config = TransformConfig
    free_form: ClassVar[tuple[str, ...]] = ("mapping", "output")

    def __init__(self, config: TransformConfig, build: Build) -> None:
        parts = Parts(build)
        refuse_later(config, build)
        given = [name for name in ("expression", "mapping", "output") if getattr(config, name) is not None]
        if len(given) > 1:
            build.problem("conflicting_keys", (given[1],), f"`{given[0]}` and `{given[1]}` exclude each other")
        elif not given and config.code is None:
            build.problem("missing_key", (), "a transform needs `expression` or `mapping: {name: expression}`")
        self._made = _compile((given[0],), getattr(config, given[0]), parts) if given else None
        self.reads = parts.reads

    def output_parts(self) -> frozenset[str] | None:
        return frozenset(self._made) if isinstance(self._made, dict) else None

    def run(self, context: Context) -> Result:
        try:
            return Outcome("done", plain(_evaluate(self._made, context)))
        except ExpressionError as error:
            raise StepFailed("expression_error", str(error)) from error


def _compile(path: Path, raw: Any, parts: Parts) -> Any:
    """Texts become expressions, objects and lists are walked, other constants stand for themselves."""
    if isinstance(raw, str):
        return parts.expression(path, raw)
    if isinstance(raw, Mapping):
        return {name: _compile((*path, name), item, parts) for name, item in raw.items()}
    if isinstance(raw, list):
        return [_compile((*path, index), item, parts) for index, item in enumerate(raw)]
    return raw


def _evaluate(made: Any, context: Context) -> Any:
    if isinstance(made, Expression):
        return made.evaluate(context.scope)
    if isinstance(made, dict):
        return {name: _evaluate(item, context) for name, item in made.items()}
    if isinstance(made, list):
        return [_evaluate(item, context) for item in made]
    return made
