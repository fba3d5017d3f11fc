"""The small languages inside a document (templates, conditions, expressions), compiled with mistakes reported."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from statemachine.condition import Condition, parse_condition
from statemachine.expression import Expression, ExpressionError, compile_expression
from statemachine.operand import FieldNames
from statemachine.problem import Path, Problems
from statemachine.template import TemplateError, Value, compile_value

Read = tuple[tuple[str | int, ...], Path]
"""A path that a template, condition or expression reads, and where it stands."""


class Compiler:
    """Compiles the small languages inside a document, reports their mistakes, and remembers which paths they read."""

    def __init__(self, problems: Problems) -> None:
        self.problems = problems
        self.reads: list[Read] = []

    def value(self, path: Path, raw: Any) -> Value:
        """A value with templates; mistakes are reported and leave an empty value."""
        try:
            value = compile_value(raw)
        except TemplateError as error:
            if not self._blame(path, raw):
                self.problems.add("bad_template", path, str(error))
            return compile_value(None)
        if isinstance(raw, Mapping | list) and any(read[0] == "steps" for read in value.paths):
            self._remember_each(path, raw)
        else:
            self._remember(value.paths, path)
        return value

    def _blame(self, path: Path, raw: Any) -> bool:
        """Report each wrong text within a list or object at its own place; False when none is found."""
        found = False
        for place, text in _texts(path, raw):
            try:
                compile_value(text)
            except TemplateError as error:
                self.problems.add("bad_template", place, str(error))
                found = True
        return found

    def _remember_each(self, path: Path, raw: Any) -> None:
        for place, text in _texts(path, raw):
            self._remember(compile_value(text).paths, place)

    def condition(self, path: Path, raw: Any, names: FieldNames = "contact") -> Condition | None:
        """A condition in any of its forms; None when it is missing, or wrong and reported."""

        def report(code: str, place: Path, message: str, suggestion: str = "") -> None:
            self.problems.add(code, (*path, *place), message, suggestion)

        if raw is None or raw == []:
            return None
        condition = parse_condition(raw, report, names=names)
        if condition is not None:
            self._remember(condition.paths, path)
        return condition

    def expression(self, path: Path, text: str) -> Expression | None:
        try:
            expression = compile_expression(text)
        except ExpressionError as error:
            self.problems.add("bad_expression", path, str(error))
            return None
        self._remember(expression.paths, path)
        return expression

    def _remember(self, paths: Any, place: Path) -> None:
        self.reads.extend((path, place) for path in sorted(paths, key=repr))


def _texts(path: Path, raw: Any) -> Iterator[tuple[Path, str]]:
    """The texts within a value that may be templates, each with its place."""
    if isinstance(raw, str):
        yield path, raw
    elif isinstance(raw, Mapping | list):
        items = raw.items() if isinstance(raw, Mapping) else enumerate(raw)
        for key, item in items:
            yield from _texts((*path, key), item)


class StepBuild:
    """`step.Build` for one step: paths relative to its config become paths of the document."""

    def __init__(self, step_id: str, path: Path, branches: Sequence[str], problems: Problems) -> None:
        self.step_id = step_id
        self._path = path
        self._branches = tuple(branches)
        self._problems = problems
        self.compiler = Compiler(problems)

    def value(self, path: Path, raw: Any) -> Value:
        return self.compiler.value((*self._path, *path), raw)

    def condition(self, path: Path, raw: Any) -> Condition | None:
        return self.compiler.condition((*self._path, *path), raw)

    def expression(self, path: Path, text: str) -> Expression | None:
        return self.compiler.expression((*self._path, *path), text)

    def problem(self, code: str, path: Path, message: str, *, suggestion: str = "") -> None:
        self._problems.add(code, (*self._path, *path), message, suggestion)

    def branches(self) -> tuple[str, ...]:
        return self._branches
