"""The canonical condition: all / any / not / compare / expression, and what events and clocks say.

Testing never raises: an expression that errs is false, a template without a value makes its comparison false, and
`explain` says why.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import reduce
from typing import Any, Final

from statemachine.errors import StepFailed
from statemachine.expression import Expression, ExpressionError
from statemachine.operand import Operand
from statemachine.path import MISSING, Path
from statemachine.pattern import PatternError
from statemachine.scope import Scope, contact_fields
from statemachine.step import Reads
from statemachine.values import Operator

Report = Callable[[str, Path, str, str], None]
"""Told of each problem: code, path within the condition, message, suggestion."""


ALL_OF: Final = "all of"
_NO_BOOLEAN: Final = "the result is neither true nor false"


@dataclass(frozen=True, slots=True)
class Trace:
    """Why a condition is true or false: its text, its result, what was found (None when missing), and its parts.

    `error` is the reason when it is false because it could not be answered.
    """

    text: str
    result: bool
    actual: Any = None
    children: tuple[Trace, ...] = ()
    error: str = ""


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
        return Reads(contact_fields(self.paths))


@dataclass(frozen=True, slots=True)
class All(Condition):
    """True when every part is; true without parts."""

    parts: tuple[Condition, ...]

    def test(self, scope: Scope) -> bool:
        return all(part.test(scope) for part in self.parts)

    def explain(self, scope: Scope) -> Trace:
        children = tuple(part.explain(scope) for part in self.parts)
        return Trace(ALL_OF if children else "always", all(child.result for child in children), children=children)

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
        return Trace("any of" if children else "never", any(child.result for child in children), children=children)

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
        return Trace("not", not child.result, children=(child,))

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
            return self._compare(self.left.read(scope), scope)
        except (StepFailed, PatternError) as error:
            scope.doubt(self.label, str(error))
            return False

    def explain(self, scope: Scope) -> Trace:
        try:
            actual = self.left.read(scope)
            return Trace(self.label, self._compare(actual, scope), None if actual is MISSING else actual)
        except (StepFailed, PatternError) as error:
            return Trace(self.label, False, error=str(error))

    @property
    def label(self) -> str:
        """The comparison as people read it."""
        label = f"{self.left.label} {self.operator.name}"
        return label if self.operator.unary else f"{label} {self.right.label}"

    def _compare(self, left: Any, scope: Scope) -> bool:
        right = self.right.read(scope)
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
        try:
            actual = self.expression.evaluate(scope)
        except ExpressionError as error:
            return Trace(self.expression.text, False, error=error.message)
        reason = "" if isinstance(actual, bool) else _NO_BOOLEAN
        return Trace(self.expression.text, actual is True, actual, error=reason)

    @property
    def paths(self) -> frozenset[Path]:
        return self.expression.paths


def _all_paths(parts: Iterable[Condition]) -> frozenset[Path]:
    return frozenset(path for part in parts for path in part.paths)


def _all_reads(parts: Iterable[Condition]) -> Reads:
    return reduce(Reads.__or__, (part.reads for part in parts), Reads())
