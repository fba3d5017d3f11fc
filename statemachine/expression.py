"""Expressions: CEL, with the number rules of the language.

All numbers go in as doubles, literals too (`10 / 4` is 2.5, `total + 1` works at 10.5); whole results leave as ints.
Compile once, evaluate in any thread: a compiled program is immutable and each evaluation has its own memory.
An expression cannot run away: CEL has no unbounded loops, its iterations (10,000), depth (32) and patterns (RE2) are
limited, and one that could make too much text of the values it is given is refused before it runs.
"""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any, Final

from cel_expr_python import cel
from cel_expr_python.ext import ext_math

from statemachine.cel_complaint import in_words
from statemachine.cel_text import MAX_SLOTS, CelText, ExpressionError, Kind, rewrite, slot_names
from statemachine.meter import spend
from statemachine.path import Path, format_path
from statemachine.reads import Reads, reads_of
from statemachine.scope import MISSING, Names, Scope
from statemachine.text_functions import MAX_ITERATED_TEXT, MAX_TEXT, TextFunctions

__all__ = ["Expression", "ExpressionError", "compile_expression"]

MAX_EXPRESSION_LENGTH: Final = 20_000
_MAX_RESULT_SIZE: Final = 1_000_000
_MAX_DEPTH: Final = 64
_MAX_ITERATIONS: Final = 10_000
_MAX_GROWTH: Final = 100_000_000
_LIST_ITEM_SIZE: Final = 16
_WORK: Final = 90
_WORK_PER_TOKEN: Final = 10
_CHECK_ERROR: Final = re.compile(r"ERROR: <input>:(-?\d+):(-?\d+): (.*)")
_RUN_CODE: Final = re.compile(r"\A[A-Z_]+: ")
_NO_VALUE: Final = re.compile(r'No value with name "(p\d+)" found')
_SLOT: Final = re.compile(r"\bp\d+\b")
_GROWING: Final = re.compile(r"\.(?:replace|join|split)\(")


@dataclass(frozen=True, slots=True)
class Expression:
    """A compiled expression. `paths` are all names it may read; bare ones resolve as `names` says.

    `guarded` are those that it asks about by `has`.
    """

    text: str
    paths: frozenset[Path]
    names: Names
    slots: Mapping[str, tuple[Path, Kind]] = field(repr=False, compare=False)
    program: cel.Expression = field(repr=False, compare=False)
    source: CelText = field(repr=False, compare=False)

    def evaluate(self, scope: Scope) -> Any:
        """The result as plain data: instants as ISO 8601 text, spans in seconds. Raises ExpressionError."""
        data: dict[str, Any] = {}
        for name, (path, kind) in self.slots.items():
            found = scope.value(path, self.names)
            if kind == "has":
                data[name] = found is not MISSING and found is not None
            elif found is not MISSING:
                data[name] = _entering(found, 0)
            elif _reads_as_null(path):
                data[name] = None
        if self.source.macros or self.source.sums > 8:
            _check_growth(self.source, data)
        try:
            result = self.program.eval(data=data)
            if result.type() == _ERROR:
                raise ExpressionError(self._reason(str(result.value())))
            return _leaving(result.plain_value())
        except RuntimeError as error:
            raise ExpressionError(self._reason(str(error))) from error

    @property
    def guarded(self) -> frozenset[Path]:
        return frozenset(path for path, kind in self.slots.values() if kind == "has")

    @property
    def reads(self) -> Reads:
        """The contact fields it may read."""
        return reads_of(self.paths)

    def _reason(self, message: str) -> str:
        missing = _NO_VALUE.search(message)
        if missing:
            return f"{format_path(self.slots[missing[1]][0])} has no value"
        return _authors_names(_RUN_CODE.sub("", message), self.slots)


def compile_expression(text: str, *, names: Names = "template") -> Expression:
    """Compile an expression. Raises ExpressionError (message, column) when it is not well-formed."""
    if len(text) > MAX_EXPRESSION_LENGTH:
        raise ExpressionError(f"the expression is {len(text)} characters long; at most {MAX_EXPRESSION_LENGTH}")
    if not text.strip():
        raise ExpressionError("the expression is empty", 1)
    source = rewrite(text)
    spend(_WORK + _WORK_PER_TOKEN * source.tokens)
    paths = frozenset(path for path, _ in source.slots)
    return Expression(text, paths, names, slot_names(source.slots), _compile(source), source)


def _compile(source: CelText) -> cel.Expression:
    environment = _environment(MAX_ITERATED_TEXT if source.macros else MAX_TEXT)
    try:
        return environment.compile(source.cel)
    except RuntimeError as error:
        message = str(error)
    problems = _CHECK_ERROR.findall(message)
    if problems and all(found.startswith("found no matching overload") for _, _, found in problems):
        # The checker is stricter than the language: it wants both sides of a comparison or `?:` to be of one type.
        return _compile_unchecked(environment, source)
    raise _compile_error(message, source)


def _compile_unchecked(environment: cel.Env, source: CelText) -> cel.Expression:
    try:
        return environment.compile(source.cel, disable_check=True)
    except RuntimeError as error:
        raise _compile_error(str(error), source) from error


def _compile_error(message: str, source: CelText) -> ExpressionError:
    problem = _CHECK_ERROR.search(message)
    if problem is None:
        return ExpressionError(_RUN_CODE.sub("", message).split(" [")[0])
    line, column, found = int(problem[1]), int(problem[2]), problem[3]
    found = _authors_names(found.split(" (in container")[0].split(" [INVALID")[0], slot_names(source.slots))
    return ExpressionError(in_words(found), source.column(column) if line == 1 and column > 0 else None)


def _authors_names(message: str, slots: Mapping[str, tuple[Path, Kind]]) -> str:
    return _SLOT.sub(lambda match: format_path(slots[match[0]][0]) if match[0] in slots else match[0], message)


def _reads_as_null(path: Path) -> bool:
    """A standard contact field that is unset is null, so that authors can ask for it without `has`."""
    return bool(_UNSET.lookup(path) == "")


_UNSET: Final = Scope()


def _entering(value: Any, depth: int) -> Any:
    """The value as CEL takes it: JSON types only, every number a double."""
    if value is None or isinstance(value, (str, bool, float)):
        return value
    if isinstance(value, int):
        return float(value) if value.bit_length() < 1024 else math.inf
    if depth >= _MAX_DEPTH:
        raise ExpressionError(f"a value is nested more than {_MAX_DEPTH} levels deep")
    if isinstance(value, Mapping):
        return {str(key): _entering(item, depth + 1) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_entering(item, depth + 1) for item in value]
    return _instant_text(value) if isinstance(value, datetime) else str(value)


def _check_growth(source: CelText, data: Mapping[str, Any]) -> None:
    """Refuse what could fill the memory: the longest text, or list, added up in every iteration."""
    text, items = len(source.cel), len(source.cel) // 2
    waiting = list(data.values())
    while waiting:
        value = waiting.pop()
        if isinstance(value, str):
            text = max(text, len(value))
        elif isinstance(value, (list, dict)):
            items = max(items, len(value))
            waiting.extend(value.values() if isinstance(value, dict) else value)
    if source.macros and _GROWING.search(source.cel):
        text, items = max(text, MAX_ITERATED_TEXT), max(items, text if ".split(" in source.cel else 0)
    nesting = max(1, source.nesting)
    rounds = min(_MAX_ITERATIONS, source.macros * max(items, 1) ** nesting) if source.macros else 1
    parts = max(1, source.macros)
    size = max(text, _LIST_ITEM_SIZE * items) if source.macros and source.sums else text
    if size * rounds * (1 + source.sums / parts) ** parts > _MAX_GROWTH:
        raise ExpressionError("the values are too large for what the expression does with them")


def _instant_text(value: datetime) -> str:
    return (value if value.tzinfo else value.replace(tzinfo=UTC)).astimezone(UTC).isoformat().replace("+00:00", "Z")


def _leaving(result: Any) -> Any:
    """Plain data again, whole numbers as ints."""
    left = _MAX_RESULT_SIZE

    def plain(value: Any) -> Any:
        nonlocal left
        left -= len(value) if isinstance(value, (str, bytes, list, dict)) else 1
        if left < 0:
            raise ExpressionError(f"the result is larger than {_MAX_RESULT_SIZE} characters and items")
        if value is None or isinstance(value, (bool, str, int)):
            return value
        if isinstance(value, float):
            return _number(value)
        if isinstance(value, list):
            return [plain(item) for item in value]
        if isinstance(value, dict):
            return {str(key): plain(item) for key, item in value.items()}
        return _moment(value)

    return plain(result)


def _moment(value: Any) -> Any:
    if isinstance(value, datetime):
        return _instant_text(value)
    if isinstance(value, timedelta):
        return _number(value.total_seconds())
    raise ExpressionError("the result is no plain data (text, number, boolean, list or object)")


def _number(value: float) -> int | float:
    if not math.isfinite(value):
        raise ExpressionError("the result is no finite number; was something divided by zero?")
    return int(value) if value.is_integer() else value


_ERROR: Final = cel.Type.ERROR
_DOUBLE: Final = cel.Type.DOUBLE
_INT: Final = cel.Type.INT
_STRING: Final = cel.Type.STRING


def _mixed(name: str, apply: Callable[[Any, Any], Any], *, doubles: bool = False) -> cel.FunctionDecl:
    """An arithmetic operator for a double beside an int, such as what `size()` answers."""
    pairs = [("double_int", [_DOUBLE, _INT]), ("int_double", [_INT, _DOUBLE])]
    if doubles:
        pairs.append(("double_double", [_DOUBLE, _DOUBLE]))
    return cel.FunctionDecl(
        name,
        [cel.Overload(f"mixed_{apply.__name__}_{kind}", _DOUBLE, types, False, apply) for kind, types in pairs],
    )


def divide(left: float, right: float) -> float:
    return left / right if right else math.nan


def remainder(left: float, right: float) -> float:
    return math.fmod(left, right) if right else math.nan


_LETTERS: Final = {"t": _STRING, "d": _DOUBLE, "i": _INT, "l": cel.Type.LIST}


def _text_functions(limit: int) -> list[cel.FunctionDecl]:
    overloads: dict[str, list[cel.Overload]] = {}
    for name, (apply, letters) in TextFunctions(limit).table().items():
        result, *parameters = [_LETTERS[letter] for letter in letters]
        overload = cel.Overload(f"{name.strip()}_{letters}", result, parameters, True, apply)
        overloads.setdefault(name.strip(), []).append(overload)
    return [cel.FunctionDecl(name, members) for name, members in overloads.items()]


@cache
def _environment(limit: int) -> cel.Env:
    """Slots as variables, functions on text (which make `limit` characters at most) and numbers, mixed operators."""
    functions = [
        _mixed("_+_", operator.add),
        _mixed("_-_", operator.sub),
        _mixed("_*_", operator.mul),
        _mixed("_/_", divide),
        _mixed("_%_", remainder, doubles=True),
        *_text_functions(limit),
    ]
    return cel.NewEnv(
        variables={f"p{number}": cel.Type.DYN for number in range(MAX_SLOTS)},
        extensions=[ext_math.ExtMath(), cel.CelExtension("statewright", functions)],
    )
