"""The small languages inside a document (templates, conditions, expressions), compiled with mistakes reported."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple

from statemachine.checks.logic import guarded_paths
from statemachine.condition import Condition, parse_condition
from statemachine.expression import Expression, ExpressionError, compile_expression
from statemachine.operand import FieldNames
from statemachine.path import format_path
from statemachine.problem import Path, Problems, Within
from statemachine.template import Value, compile_value
from statemachine.template_error import TemplateError


class Read(NamedTuple):
    """A path that a template, condition or expression reads, and where it stands in the document.

    `guarded`: the author is aware that there may be nothing (a default, an `if`, `has`, `exists`).
    """

    path: tuple[str | int, ...]
    place: Path
    guarded: bool = False

    @property
    def within(self) -> Within:
        """Where in the text the path stands, as authors mostly write it."""
        return format_path(self.path), 0


class Compiler:
    """Compiles the small languages inside a document, reports their mistakes, and remembers what they read and ask."""

    def __init__(self, problems: Problems) -> None:
        self.problems = problems
        self.reads: list[Read] = []
        self.conditions: dict[Path, Condition] = {}

    def value(self, path: Path, raw: Any) -> Value:
        """A value with templates; mistakes are reported and leave an empty value."""
        try:
            value = compile_value(raw)
        except TemplateError as error:
            if not self._blame(path, raw):
                self.problems.add("bad_template", path, str(error), within=error.within(raw))
            return compile_value(None)
        if isinstance(raw, Mapping | list):
            self._remember_each(path, raw)
        else:
            self._remember(value.paths, path, value.guarded)
        return value

    def _blame(self, path: Path, raw: Any) -> bool:
        """Report each wrong text within a list or object at its own place; False when none is found."""
        found = False
        for place, text in _texts(path, raw):
            try:
                compile_value(text)
            except TemplateError as error:
                self.problems.add("bad_template", place, str(error), within=error.within(text))
                found = True
        return found

    def _remember_each(self, path: Path, raw: Any) -> None:
        for place, text in _texts(path, raw):
            value = compile_value(text)
            self._remember(value.paths, place, value.guarded)

    def condition(self, path: Path, raw: Any, names: FieldNames = "contact") -> Condition | None:
        """A condition in any of its forms; None when it is missing, or wrong and reported."""

        def report(code: str, place: Path, message: str, suggestion: str, /, *, within: Within | None = None) -> None:
            self.problems.add(code, (*path, *place), message, suggestion, within=within)

        if raw is None or raw == []:
            return None
        condition = parse_condition(raw, report, names=names)
        if condition is not None:
            self.conditions[path] = condition
            self._remember(condition.paths, path, guarded_paths(condition))
        return condition

    def expression(self, path: Path, text: str) -> Expression | None:
        try:
            expression = compile_expression(text)
        except ExpressionError as error:
            self.problems.add("bad_expression", path, str(error), within=error.within(text))
            return None
        self._remember(expression.paths, path, expression.guarded)
        return expression

    def _remember(self, paths: Iterable[Path], place: Path, guarded: Iterable[Path]) -> None:
        """A guard of one path is one of all that lead through it, and of all that it leads through."""
        minded = frozenset(guarded)
        before = {path[:length] for path in minded for length in range(1, len(path))}
        for path in sorted(paths, key=repr):
            cautious = path in before or any(path[:length] in minded for length in range(1, len(path) + 1))
            self.reads.append(Read(path, place, cautious))


def _texts(path: Path, raw: Any) -> Iterator[tuple[Path, str]]:
    """The texts within a value that may be templates, each with its place."""
    if isinstance(raw, str):
        if "{{" in raw or "{%" in raw:
            yield path, raw
    elif isinstance(raw, Mapping | list):
        items = raw.items() if isinstance(raw, Mapping) else enumerate(raw)
        for key, item in items:
            yield from _texts((*path, key), item)


_OF_WHOLE: Final = frozenset({"missing_key", "no_condition", "conflicting_keys"})
"""What is said of a config as a whole: it may be untrue when a part of it has been taken out."""


class StepBuild:
    """`step.Build` for one step: paths relative to its config become paths of the document.

    `partly`: keys of the config that are wrong have been told and taken out, so nothing is said to be missing.
    """

    def __init__(self, step_id: str, path: Path, branches: Sequence[str], problems: Problems) -> None:
        self.step_id = step_id
        self._path = path
        self._branches = tuple(branches)
        self._problems = problems
        self.compiler = Compiler(problems)
        self.partly = False

    def value(self, path: Path, raw: Any) -> Value:
        return self.compiler.value((*self._path, *path), raw)

    def condition(self, path: Path, raw: Any) -> Condition | None:
        if self.partly and not path:
            return None  # the condition is the config itself, and a part of it is gone
        return self.compiler.condition((*self._path, *path), raw)

    def expression(self, path: Path, text: str) -> Expression | None:
        return self.compiler.expression((*self._path, *path), text)

    def problem(self, code: str, path: Path, message: str, *, suggestion: str = "") -> None:
        if self.partly and code in _OF_WHOLE:
            return
        self._problems.add(code, (*self._path, *path), message, suggestion)

    def branches(self) -> tuple[str, ...]:
        return self._branches
