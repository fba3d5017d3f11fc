"""How values compare. Nothing here raises: unlike things are unequal, and no order exists between them.

Text that spells a number (`12`, `-3.5`; not `007`, `+49…` or `1e3`, which are codes) compares as that number, the texts
"true" and "false" compare as booleans with booleans. MISSING and null are equal. Every negative operator is exactly the
negation of its positive.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from difflib import get_close_matches
from typing import Any, Final

from statemachine.path import MISSING
from statemachine.pattern import compile_pattern

_NUMBER: Final = re.compile(r"-?(?:0|[1-9]\d{0,29})(?:\.\d{1,30})?")
_MAX_DEPTH: Final = 64


def number(value: Any) -> int | float | None:
    """The number a value is or spells; None for everything else, booleans included."""
    if isinstance(value, bool):
        return None
    if isinstance(value, (int, float)):
        return value
    if isinstance(value, str) and _NUMBER.fullmatch(value):
        return float(value) if "." in value else int(value)
    return None


def text(value: Any) -> str:
    """How a value reads inside text: null is "", instants are ISO 8601 in UTC, lists and objects are JSON."""
    if isinstance(value, str):
        return value
    if value is None or value is MISSING:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)
    if isinstance(value, int):
        return str(value)
    if isinstance(value, datetime):
        return _instant_text(value)
    return json.dumps(_plain(value, 0), ensure_ascii=False, separators=(",", ":"))


def _instant_text(value: datetime) -> str:
    return value.isoformat() if value.tzinfo is None else value.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _plain(value: Any, depth: int) -> Any:
    if depth > _MAX_DEPTH:
        return None
    if isinstance(value, Mapping):
        return {str(key): _plain(item, depth + 1) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item, depth + 1) for item in value]
    return value if value is None or isinstance(value, (str, bool, int, float)) else _object_text(value)


def _object_text(value: object) -> str:
    return _instant_text(value) if isinstance(value, datetime) else str(value)


def equal(left: Any, right: Any, depth: int = 0) -> bool:
    """Whether two values are the same by the rules of this module."""
    if type(left) is type(right) and type(left) is not str and not isinstance(left, (dict, list, tuple)):
        return bool(left == right)
    if isinstance(left, str) and isinstance(right, str):
        return left == right or _same_numbers(left, right)
    if left is None or left is MISSING or right is None or right is MISSING:
        return (left is None or left is MISSING) and (right is None or right is MISSING)
    if isinstance(left, bool) or isinstance(right, bool):
        return _boolean(left) is not None and _boolean(left) == _boolean(right)
    if isinstance(left, (list, tuple, Mapping)):
        return depth < _MAX_DEPTH and _same_parts(left, right, depth + 1)
    if isinstance(left, datetime) or isinstance(right, datetime):
        return as_instant(left) is not None and as_instant(left) == as_instant(right)
    return _same_numbers(left, right)


def _same_numbers(left: Any, right: Any) -> bool:
    first = number(left)
    return first is not None and first == number(right)


def _boolean(value: Any) -> bool | None:
    if isinstance(value, bool):
        return value
    return {"true": True, "false": False}.get(value) if isinstance(value, str) else None


def _same_parts(left: Any, right: Any, depth: int) -> bool:
    if isinstance(left, Mapping):
        return (
            isinstance(right, Mapping)
            and left.keys() == right.keys()
            and all(equal(item, right[key], depth) for key, item in left.items())
        )
    return (
        isinstance(right, (list, tuple))
        and len(left) == len(right)
        and all(equal(first, second, depth) for first, second in zip(left, right, strict=True))
    )


def as_instant(value: Any) -> datetime | None:
    """An aware datetime of a datetime or ISO 8601 text, in UTC where it names no zone; None for anything else."""
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            return None
    if not isinstance(value, datetime):
        return None
    return value if value.tzinfo is not None else value.replace(tzinfo=UTC)


def order(left: Any, right: Any) -> int | None:
    """-1, 0 or 1 as left is before, beside or after right; None when no order exists between them."""
    first, second = number(left), number(right)
    if first is not None and second is not None:
        return (first > second) - (first < second) if first == first and second == second else None
    if isinstance(left, datetime) or isinstance(right, datetime):
        early, late = as_instant(left), as_instant(right)
        return None if early is None or late is None else (early > late) - (early < late)
    if isinstance(left, str) and isinstance(right, str):
        return (left > right) - (left < right)
    return None


def contains(whole: Any, part: Any) -> bool:
    """Membership on lists (and of keys on objects), substring on text and numbers."""
    if isinstance(whole, (list, tuple)):
        return any(equal(item, part) for item in whole)
    if isinstance(whole, Mapping):
        return isinstance(part, str) and part in whole
    return _is_text(whole) and _is_text(part) and text(part) in text(whole)


def member(part: Any, whole: Any) -> bool:
    """Whether a value is one of a list (text: separated by commas); a list is when any of its items is."""
    if isinstance(whole, str):
        whole = [item.strip() for item in whole.split(",")]
    if isinstance(part, (list, tuple)) and isinstance(whole, (list, tuple)):
        return any(contains(whole, item) for item in part) or contains(whole, part)
    return contains(whole, part) if isinstance(whole, (list, tuple, Mapping)) else False


def exists(value: Any, _: Any = None) -> bool:
    """Present and not null; "" exists."""
    return value is not None and value is not MISSING


def is_empty(value: Any, _: Any = None) -> bool:
    """Missing, null, "", [], {}, 0 or false."""
    return not value


def _is_text(value: Any) -> bool:
    return isinstance(value, str) or (isinstance(value, (int, float)) and not isinstance(value, bool))


def _starts_with(left: Any, right: Any) -> bool:
    return _is_text(left) and _is_text(right) and text(left).startswith(text(right))


def _ends_with(left: Any, right: Any) -> bool:
    return _is_text(left) and _is_text(right) and text(left).endswith(text(right))


def _ordering(wanted: Sequence[int]) -> Callable[[Any, Any], bool]:
    allowed = frozenset(wanted)
    return lambda left, right: order(left, right) in allowed


def _negation(test: Callable[[Any, Any], bool]) -> Callable[[Any, Any], bool]:
    return lambda left, right: not test(left, right)


@dataclass(frozen=True, slots=True)
class Operator:
    """`unary` operators take no value; `ordering` ones ask for an order. `test` raises only PatternError."""

    name: str
    test: Callable[[Any, Any], bool]
    unary: bool = False
    ordering: bool = False


def matches(value: Any, pattern: Any) -> bool:
    """Whether a pattern is found anywhere in text. Raises PatternError when it is none."""
    return _is_text(value) and isinstance(pattern, str) and bool(compile_pattern(pattern).search(text(value)))


OPERATORS: Final[Mapping[str, Operator]] = {
    operator.name: operator
    for operator in (
        Operator("equals", equal),
        Operator("not_equals", _negation(equal)),
        Operator("greater_than", _ordering((1,)), ordering=True),
        Operator("less_than", _ordering((-1,)), ordering=True),
        Operator("greater_than_or_equal", _ordering((0, 1)), ordering=True),
        Operator("less_than_or_equal", _ordering((0, -1)), ordering=True),
        Operator("contains", contains),
        Operator("not_contains", _negation(contains)),
        Operator("starts_with", _starts_with),
        Operator("ends_with", _ends_with),
        Operator("in", member),
        Operator("not_in", _negation(member)),
        Operator("exists", exists, unary=True),
        Operator("not_exists", _negation(exists), unary=True),
        Operator("is_empty", is_empty, unary=True),
        Operator("is_not_empty", _negation(is_empty), unary=True),
        Operator("matches", matches),
    )
}
"""Every operator by its canonical name."""

OPERATOR_ALIASES: Final[Mapping[str, str]] = {
    "==": "equals", "=": "equals", "===": "equals", "eq": "equals", "equal": "equals",
    "equal_to": "equals", "is": "equals",
    "!=": "not_equals", "!==": "not_equals", "<>": "not_equals", "ne": "not_equals", "neq": "not_equals",
    "not_equal": "not_equals", "is_not": "not_equals",
    ">": "greater_than", "gt": "greater_than", "<": "less_than", "lt": "less_than",
    ">=": "greater_than_or_equal", "gte": "greater_than_or_equal", "greater_or_equal": "greater_than_or_equal",
    "<=": "less_than_or_equal", "lte": "less_than_or_equal", "less_or_equal": "less_than_or_equal",
    "includes": "contains", "does_not_contain": "not_contains", "nin": "not_in", "does_not_exist": "not_exists",
    "is_set": "exists", "is_not_set": "not_exists", "empty": "is_empty", "not_empty": "is_not_empty",
    "regex": "matches",
}  # fmt: skip


def find_operator(name: str) -> Operator | None:
    """The operator a name or symbol means, in any case and in camelCase too."""
    spelled = re.sub(r"([a-z])([A-Z])", r"\1_\2", name.strip()).lower().replace(" ", "_").replace("-", "_")
    return OPERATORS.get(OPERATOR_ALIASES.get(spelled, spelled))


def suggest_operator(name: str) -> str:
    """The canonical name nearest to a misspelt one, or ""."""
    spellings = [*OPERATORS, *OPERATOR_ALIASES]
    near = get_close_matches(re.sub(r"([a-z])([A-Z])", r"\1_\2", name).lower(), spellings, 1)
    return OPERATOR_ALIASES.get(near[0], near[0]) if near else ""
