"""The canonical condition: all / any / not / compare / expression, and what events and clocks say.

Testing never raises: an expression that errs is false, a template without a value makes its comparison false, and
`explain` says why.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import reduce
from typing import Any, Final, Protocol

from statemachine.errors import StepFailed
from statemachine.expression import Expression, ExpressionError
from statemachine.operand import Operand
from statemachine.path import MISSING, Path, format_path
from statemachine.pattern import PatternError
from statemachine.problem import Within
from statemachine.reads import Reads, reads_of
from statemachine.scope import Names, Scope
from statemachine.values import Operator


class Report(Protocol):
    """Told of each problem: code, path within the condition, message, suggestion, and where in the text there."""

    def __call__(
        self, code: str, path: Path, message: str, suggestion: str, /, *, within: Within | None = None
    ) -> None: ...


ALL_OF: Final = "all of"
_NO_BOOLEAN: Final = "the result is neither true nor false"


@dataclass(frozen=True, slots=True)
class Trace:
    """Why a condition is true or false: its text, its result, what was found (None when missing), and its parts.

    `error` is the reason when it is false because it could not be answered. A comparison says what was read
    (`subject`), the `operator`, and the value that was `expected`; a combination has the operator all, any or not.
    `reads` are the names that an expression or a template read, with their values (None when missing).
    """

    text: str
    result: bool
    actual: Any = None
    children: tuple[Trace, ...] = ()
    error: str = ""
    subject: str = ""
    operator: str = ""
    expected: Any = None
    reads: tuple[tuple[str, Any], ...] = ()


class Condition(ABC):
    """A compiled condition. Immutable; shared by all enrollments of a version, in all threads."""

    __slots__ = ()

    @abstractmethod
    def test(self, scope: Scope) -> bool:
        """Whether it holds. Never raises."""

    @abstractmethod
    def explain(self, scope: Scope) -> Trace:
        """The result and how it came about, for people."""

    @property
    @abstractmethod
    def paths(self) -> frozenset[Path]:
        """All names it may read, bare fields as they are written."""

    @property
    def reads(self) -> Reads:
        """The contact fields and earlier events it may read, known without testing it."""
        return reads_of(self.paths)


@dataclass(frozen=True, slots=True)
class All(Condition):
    """True when every part is; true without parts."""

    parts: tuple[Condition, ...]

    def test(self, scope: Scope) -> bool:
        return all(part.test(scope) for part in self.parts)

    def explain(self, scope: Scope) -> Trace:
        children = tuple(part.explain(scope) for part in self.parts)
        label = ALL_OF if children else "always"
        return Trace(label, all(child.result for child in children), children=children, operator="all")

    @property
    def paths(self) -> frozenset[Path]:
        return _all_paths(self.parts)

    @property
    def reads(self) -> Reads:
        return _all_reads(self.parts)


@dataclass(frozen=True, slots=True)
class AnyOf(Condition):
    """True when one part is; false without parts."""

    parts: tuple[Condition, ...]

    def test(self, scope: Scope) -> bool:
        return any(part.test(scope) for part in self.parts)

    def explain(self, scope: Scope) -> Trace:
        children = tuple(part.explain(scope) for part in self.parts)
        label = "any of" if children else "never"
        return Trace(label, any(child.result for child in children), children=children, operator="any")

    @property
    def paths(self) -> frozenset[Path]:
        return _all_paths(self.parts)

    @property
    def reads(self) -> Reads:
        return _all_reads(self.parts)


@dataclass(frozen=True, slots=True)
class Not(Condition):
    part: Condition

    def test(self, scope: Scope) -> bool:
        return not self.part.test(scope)

    def explain(self, scope: Scope) -> Trace:
        child = self.part.explain(scope)
        return Trace("not", not child.result, children=(child,), operator="not")

    @property
    def paths(self) -> frozenset[Path]:
        return self.part.paths

    @property
    def reads(self) -> Reads:
        return self.part.reads


@dataclass(frozen=True, slots=True)
class Compare(Condition):
    """`missing_is_zero`: an order asks 0 in place of what is missing; otherwise there is no order and it is false."""

    left: Operand
    operator: Operator
    right: Operand
    missing_is_zero: bool = False

    def test(self, scope: Scope) -> bool:
        try:
            return self._compare(self.left.read(scope), self.right.read(scope))
        except (StepFailed, PatternError) as error:
            scope.doubt(self.label, str(error))
            return False

    def explain(self, scope: Scope) -> Trace:
        trace = Trace(self.label, False, subject=self.left.label, operator=self.operator.name)
        try:
            left = self.left.read(scope)
            trace = replace(trace, actual=_found(left))
            right = self.right.read(scope)
            trace = replace(trace, expected=_found(right), reads=values_read(self.right.paths, scope))
            return replace(trace, result=self._compare(left, right))
        except (StepFailed, PatternError) as error:
            return replace(trace, error=str(error))

    @property
    def label(self) -> str:
        """The comparison as people read it."""
        label = f"{self.left.label} {self.operator.name}"
        return label if self.operator.unary else f"{label} {self.right.label}"

    def _compare(self, left: Any, right: Any) -> bool:
        if self.missing_is_zero:
            left = 0 if left is MISSING or left is None else left
            right = 0 if right is MISSING or right is None else right
        return self.operator.test(left, right)

    @property
    def paths(self) -> frozenset[Path]:
        return self.left.paths | self.right.paths


@dataclass(frozen=True, slots=True)
class Holds(Condition):
    """A CEL expression: true when its result is true; any other result, and an error, is false."""

    expression: Expression

    def test(self, scope: Scope) -> bool:
        try:
            result = self.expression.evaluate(scope)
        except ExpressionError as error:
            scope.doubt(self.expression.text, error.message)
            return False
        if not isinstance(result, bool):
            scope.doubt(self.expression.text, _NO_BOOLEAN)
        return result is True

    def explain(self, scope: Scope) -> Trace:
        text = self.expression.text
        reads = values_read(self.expression.paths, scope, self.expression.names)
        try:
            actual = self.expression.evaluate(scope)
        except ExpressionError as error:
            return Trace(text, False, error=error.message, reads=reads)
        reason = "" if isinstance(actual, bool) else _NO_BOOLEAN
        return Trace(text, actual is True, actual, error=reason, reads=reads)

    @property
    def paths(self) -> frozenset[Path]:
        return self.expression.paths


def values_read(paths: Iterable[Path], scope: Scope, names: Names = "template") -> tuple[tuple[str, Any], ...]:
    """What each path leads to, by the path as an author writes it; None for what is missing."""
    found = {format_path(path): _found(scope.value(path, names)) for path in paths}
    return tuple(sorted(found.items(), key=lambda item: item[0]))


def _found(value: Any) -> Any:
    return None if value is MISSING else value


def _all_paths(parts: Iterable[Condition]) -> frozenset[Path]:
    return frozenset(path for part in parts for path in part.paths)


def _all_reads(parts: Iterable[Condition]) -> Reads:
    return reduce(Reads.__or__, (part.reads for part in parts), Reads())
