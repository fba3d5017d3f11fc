"""Conditions as authors write them, in every accepted form, made into the canonical tree of `condition_tree.py`.

| form | written |
|---|---|
| field | `{field, operator, value}`, with or without `type: field` |
| list | `[…]`: all of them |
| combination | `{all: […]}` · `{any: […]}` · `{not: …}` · `{operator: AND \\| OR \\| NOT, conditions: […]}` |
| typed | `type` (or `condition_type`): field, score, tag, event, time, composite, expression |
| chain | `{left, operator, right, logicalOp, next}`: nested to the right, `a AND (b OR (c …))` |
| expression | `{expression: "<CEL>"}`, or the bare text |
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from statemachine.condition_tree import All, AnyOf, Compare, Condition, Holds, Not, Report, Trace
from statemachine.event_condition import EVENT_OPERATORS, Happened, parse_since
from statemachine.expression import ExpressionError, compile_expression
from statemachine.names import did_you_mean, event_group, snake_case
from statemachine.operand import (
    FieldNames,
    Operand,
    constant_operand,
    field_operand,
    path_operand,
    side_operand,
    value_operand,
)
from statemachine.path import Path
from statemachine.pattern import PatternError, compile_pattern
from statemachine.problem import Within
from statemachine.template_error import TemplateError
from statemachine.time_condition import TIME_KEYS, parse_time_condition
from statemachine.values import OPERATORS, Operator, find_operator, number, suggest_operator

__all__ = ["Condition", "Report", "Trace", "parse_condition"]

_MAX_DEPTH: Final = 32
_FORMS: Final = (
    "write {field, operator, value}, {left, operator, right}, {all: […]}, {any: […]}, {not: …}, {expression: …}, "
    "or a type: field, score, tag, event, time, composite, expression"
)
COMBINATIONS: Final = {"and": "all", "or": "any", "all": "all", "any": "any", "not": "not"}
_LOGIC: Final = {"and": "all", "&&": "all", "or": "any", "||": "any"}
_NOTHING: Final = constant_operand(None)


def parse_condition(raw: Any, report: Report, *, names: FieldNames = "contact") -> Condition | None:
    """The condition, or None after at least one report; all problems are reported at once.

    `names` says where bare fields look: `contact` in contact, then event data (expressions in it resolve bare names as
    templates do); `trigger` the same for expressions too; `operand` where templates look.
    """
    parser = _Parser(report, names)
    condition = parser.parse(raw, (), 1)
    return None if parser.failed else condition


class _Parser:
    """Parses one condition. Every `_form` answers None after a report and goes on where it can."""

    def __init__(self, report: Report, names: FieldNames) -> None:
        self._report = report
        self._names = names
        self.failed = False

    def problem(
        self, code: str, path: Path, message: str, suggestion: str = "", *, within: Within | None = None
    ) -> None:
        self.failed = True
        self._report(code, path, message, suggestion, within=within)

    def parse(self, raw: Any, path: Path, depth: int) -> Condition | None:
        if depth > _MAX_DEPTH:
            self.problem("too_deep", path, f"conditions may be nested {_MAX_DEPTH} levels deep at most")
            return None
        if isinstance(raw, str):
            return self._expression(raw, path)
        if isinstance(raw, bool):
            return All(()) if raw else AnyOf(())
        if isinstance(raw, (list, tuple)):
            return All(self._parts(raw, path, depth))
        if isinstance(raw, Mapping):
            return self._object({snake_case(str(key)): item for key, item in raw.items()}, path, depth)
        self.problem("bad_condition", path, "this is no condition", _FORMS)
        return None

    def _parts(self, raw: Any, path: Path, depth: int) -> tuple[Condition, ...]:
        if not isinstance(raw, (list, tuple)):
            parts = [self.parse(raw, path, depth + 1)]
        else:
            parts = [self.parse(item, (*path, index), depth + 1) for index, item in enumerate(raw)]
        return tuple(part for part in parts if part is not None)

    def _object(self, raw: dict[str, Any], path: Path, depth: int) -> Condition | None:
        kind = raw.pop("type", None) or raw.pop("condition_type", None)
        raw.pop("condition_type", None)
        if kind is None:
            kind = self._kind(raw)
        form = _TYPES.get(kind.strip().lower()) if isinstance(kind, str) else None
        if form is not None:
            return form(self, raw, path, depth)
        if kind is None:
            near = next(filter(None, (did_you_mean(key, (*_SIGNS, "type")) for key in list(raw)[:10])), "")
            self.problem("bad_condition", path, "this has none of the forms of a condition", near or _FORMS)
        else:
            near = did_you_mean(str(kind), _TYPES)
            self.problem("bad_condition", (*path, "type"), f"there is no condition type {kind!r}", near or _FORMS)
        return None

    @staticmethod
    def _kind(raw: Mapping[str, Any]) -> str | None:
        return next((kind for key, kind in _SIGNS.items() if key in raw), None)

    def _known_keys(self, raw: Mapping[str, Any], path: Path, *known: str) -> None:
        for key in raw:
            if key not in known:
                self.problem("unknown_key", (*path, key), f"a condition of this form has no key {key!r}",
                             did_you_mean(key, known) or f"its keys are {', '.join(known)}")  # fmt: skip

    # -- combinations

    def _combination(self, raw: dict[str, Any], path: Path, depth: int) -> Condition | None:
        key = next((key for key in COMBINATIONS if key in raw), "all")
        self._known_keys(raw, path, key)
        if key not in raw:
            self.problem("missing_key", path, f"{key!r} is missing")
            return None
        return self._combined(COMBINATIONS[key], self._parts(raw[key], (*path, key), depth))

    @staticmethod
    def _combined(how: str, parts: tuple[Condition, ...]) -> Condition:
        if how == "any":
            return AnyOf(parts)
        whole = parts[0] if len(parts) == 1 else All(parts)
        return Not(whole) if how == "not" else All(parts)

    def _composite(self, raw: dict[str, Any], path: Path, depth: int) -> Condition | None:
        self._known_keys(raw, path, "operator", "conditions")
        word = raw.get("operator", "AND")
        how = COMBINATIONS.get(word.strip().lower()) if isinstance(word, str) else None
        if how is None:
            self.problem("unknown_operator", (*path, "operator"), f"{word!r} combines no conditions",
                         "use AND, OR or NOT")  # fmt: skip
        if not isinstance(raw.get("conditions"), (list, tuple)):
            self.problem("missing_key", path, "'conditions' has to be a list of conditions")
            return None
        return self._combined(how or "all", self._parts(raw["conditions"], (*path, "conditions"), depth))

    def _nested(self, raw: dict[str, Any], path: Path, depth: int) -> Condition | None:
        self._known_keys(raw, path, "condition")
        if "condition" not in raw:
            self.problem("missing_key", path, "'condition' is missing")
            return None
        return self.parse(raw["condition"], (*path, "condition"), depth + 1)

    # -- comparisons

    def _field(self, raw: dict[str, Any], path: Path, depth: int) -> Condition | None:
        self._known_keys(raw, path, "field", "operator", "value")
        name = raw.get("field")
        if not isinstance(name, str) or not name.strip():
            self.problem("missing_key", path, "'field' has to name a field")
        operator = self._operator(raw, path)
        right = self._right(raw, path, "value", operator, value_operand)
        left = self._operand(name, (*path, "field"), self._field_operand) if isinstance(name, str) else None
        return self._compare(left, operator, right, missing_is_zero=True)

    def _field_operand(self, name: str) -> Operand:
        return field_operand(name.strip(), self._names)

    def _score(self, raw: dict[str, Any], path: Path, depth: int) -> Condition | None:
        self._known_keys(raw, path, "operator", "value")
        operator = self._operator(raw, path)
        right = self._right(raw, path, "value", operator, value_operand)
        return self._compare(path_operand(("contact", "score")), operator, right, missing_is_zero=True)

    def _tag(self, raw: dict[str, Any], path: Path, depth: int) -> Condition | None:
        """One of several `tags` is enough; `not_exists` wants none of them."""
        self._known_keys(raw, path, "tag", "tags", "operator", "value")
        raw_tags = raw.get("tags", raw.get("tag", raw.get("value")))
        if raw_tags is None or raw_tags == []:
            self.problem("missing_key", path, "'tag' or 'tags' is missing")
        tags = raw_tags if isinstance(raw_tags, (list, tuple)) else [raw_tags]
        operator = self._operator(raw, path, default="exists")
        if operator is not None and operator.name not in TAG_OPERATORS:
            self.problem("unknown_operator", (*path, "operator"), f"a tag has no operator {operator.name!r}",
                         "use exists or not_exists")  # fmt: skip
        wanted = [self._operand(tag, path, value_operand) for tag in tags]
        has = AnyOf(tuple(Compare(_TAGS, OPERATORS["contains"], tag) for tag in wanted if tag is not None))
        whole = has.parts[0] if len(has.parts) == 1 else has
        return Not(whole) if operator is not None and not TAG_OPERATORS.get(operator.name, True) else whole

    def _chain(self, raw: dict[str, Any], path: Path, depth: int) -> Condition | None:
        self._known_keys(raw, path, "left", "operator", "op", "right", "logical_op", "next")
        if "op" in raw:
            raw.setdefault("operator", raw["op"])
        operator = self._operator(raw, path)
        left = self._side(raw, path, "left")
        right = self._right(raw, path, "right", operator, side_operand)
        first = self._compare(left, operator, right, missing_is_zero=False)
        if raw.get("next") is None:
            return first
        word = raw.get("logical_op")
        join = _LOGIC.get(word.strip().lower()) if isinstance(word, str) else None
        if join is None:
            self.problem("bad_condition", (*path, "logical_op"), "'next' needs 'logicalOp'", "use AND or OR")
        rest = self.parse(raw["next"], (*path, "next"), depth + 1)
        return None if first is None or rest is None or join is None else self._combined(join, (first, rest))

    def _side(self, raw: dict[str, Any], path: Path, key: str) -> Operand | None:
        if key not in raw:
            self.problem("missing_key", path, f"{key!r} is missing")
            return None
        return self._operand(raw[key], (*path, key), side_operand)

    def _operator(self, raw: Mapping[str, Any], path: Path, default: str | None = None) -> Operator | None:
        name = raw.get("operator", default)
        if name is None:
            self.problem("missing_key", path, "'operator' is missing", f"operators are {', '.join(OPERATORS)}")
            return None
        operator = find_operator(name) if isinstance(name, str) else None
        if operator is None:
            near = suggest_operator(str(name)[:100])
            self.problem("unknown_operator", (*path, "operator"), f"there is no operator {str(name)[:100]!r}",
                         f"did you mean {near!r}?" if near else f"operators are {', '.join(OPERATORS)}")  # fmt: skip
        return operator

    def _right(
        self, raw: Mapping[str, Any], path: Path, key: str, operator: Operator | None, make: Callable[[Any], Operand]
    ) -> Operand | None:
        if operator is not None and operator.unary:
            return _NOTHING
        if key not in raw:
            self.problem("missing_key", path, f"{key!r} is missing")
            return None
        operand = self._operand(raw[key], (*path, key), make)
        if operand is not None and operand.constant and operator is not None:
            self._check_constant(raw[key], (*path, key), operator)
        return operand

    def _check_constant(self, value: Any, path: Path, operator: Operator) -> None:
        if operator.name in ("in", "not_in") and not isinstance(value, (list, tuple, str, Mapping)):
            self.problem("bad_value", path, f"{operator.name!r} needs a list")
        if operator.name != "matches":
            return
        if not isinstance(value, str):
            self.problem("bad_regex", path, "'matches' needs a pattern, a text")
            return
        try:
            compile_pattern(value)
        except PatternError as error:
            self.problem("bad_regex", path, f"the pattern cannot be read: {error}")

    def _operand(self, raw: Any, path: Path, make: Callable[[Any], Operand]) -> Operand | None:
        try:
            return make(raw)
        except TemplateError as error:
            self.problem("bad_template", path, error.message, within=error.within(raw))
            return None

    @staticmethod
    def _compare(
        left: Operand | None, operator: Operator | None, right: Operand | None, *, missing_is_zero: bool
    ) -> Condition | None:
        if left is None or operator is None or right is None:
            return None
        return Compare(left, operator, right, missing_is_zero and operator.ordering)

    # -- expressions

    def _expression(self, text: str, path: Path) -> Condition | None:
        try:
            return Holds(compile_expression(text, names="trigger" if self._names == "trigger" else "template"))
        except ExpressionError as error:
            self.problem("bad_expression", path, error.message, within=error.within(text))
            return None

    def _expression_object(self, raw: dict[str, Any], path: Path, depth: int) -> Condition | None:
        key = "expression" if "expression" in raw else "value"
        self._known_keys(raw, path, key)
        if isinstance(raw.get(key), str):
            return self._expression(raw[key], (*path, key))
        self.problem("bad_value" if key in raw else "missing_key", path, "'expression' has to be a text")
        return None

    # -- events

    def _event(self, raw: dict[str, Any], path: Path, depth: int) -> Condition | None:
        self._known_keys(raw, path, "event", "count", "within", "since", "operator")
        name, count = raw.get("event"), raw.get("count", 1)
        if not isinstance(name, str) or not name.strip():
            self.problem("missing_key", path, "'event' has to name an event")
            name = "?"
        operator = self._operator(raw, path, default="exists")
        wanted = number(count)
        if wanted is None or wanted < 0:
            self.problem("bad_value", (*path, "count"), "'count' has to be a number, zero or more")
        if operator is not None and operator.name not in EVENT_OPERATORS:
            self.problem("unknown_operator", (*path, "operator"), f"an event has no operator {operator.name!r}",
                         f"use {', '.join(EVENT_OPERATORS)}")  # fmt: skip
        since = parse_since(raw, path, self.problem)
        if operator is None or wanted is None:
            return None
        test = OPERATORS[EVENT_OPERATORS.get(operator.name, operator.name)]
        span = "".join(f" {key} {raw[key]}" for key in ("within", "since") if key in raw)
        label = f"count of {name}{span} {test.name} {wanted}"
        return Happened(event_group(name), test, wanted, label, since)

    # -- time

    def _time(self, raw: dict[str, Any], path: Path, depth: int) -> Condition | None:
        self._known_keys(raw, path, *TIME_KEYS, "operator", "value")
        return parse_time_condition(raw, path, self.problem)


_TAGS: Final = path_operand(("contact", "tags"))
TAG_OPERATORS: Final = {
    "exists": True, "contains": True, "in": True, "equals": True,
    "not_exists": False, "not_contains": False, "not_in": False, "not_equals": False,
}  # fmt: skip
_TYPES: Final[Mapping[str, Callable[[_Parser, dict[str, Any], Path, int], Condition | None]]] = {
    "field": _Parser._field,
    "score": _Parser._score,
    "tag": _Parser._tag,
    "event": _Parser._event,
    "time": _Parser._time,
    "composite": _Parser._composite,
    "expression": _Parser._expression_object,
    "compare": _Parser._chain,
    "condition": _Parser._nested,
    "combination": _Parser._combination,
}
_SIGNS: Final = {
    **dict.fromkeys(COMBINATIONS, "combination"),
    "conditions": "composite",
    "expression": "expression",
    "left": "compare",
    "field": "field",
    "event": "event",
    "tag": "tag",
    "tags": "tag",
    **dict.fromkeys(("after", "before", "between", "days"), "time"),
    "condition": "condition",
}
"""A key that gives away the form of a condition without a type; the first that is there decides."""
