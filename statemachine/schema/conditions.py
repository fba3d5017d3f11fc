"""Conditions as a schema: each form an object with keys of its own, told apart by the keys that give it away."""

from __future__ import annotations

from typing import Any, Final

from statemachine.condition import COMBINATIONS, TAG_OPERATORS
from statemachine.event_condition import EVENT_OPERATORS
from statemachine.schema.shapes import or_null, ref
from statemachine.schema.spelling import Schema, any_case, closed, given, words
from statemachine.values import OPERATOR_ALIASES, OPERATORS

_UNARY: Final = tuple(name for name, operator in OPERATORS.items() if operator.unary)
_LOGIC: Final = ("AND", "OR", "&&", "||")


def condition_schemas() -> Schema:
    """`condition`, and the forms that are objects, by name; the forms refer to `condition` again."""
    return {
        "condition": {
            "description": "What must hold: an expression, a list of conditions (all of them), or one of the forms.",
            "anyOf": [
                {"type": "string", "minLength": 1, "description": "An expression (CEL).", "examples": ["score > 50"]},
                {"type": "boolean"},
                {"type": "array", "items": ref("condition")},
                *(ref(name) for name in condition_forms()),
            ],
        },
        "operator": _operator(OPERATORS, "There is no such operator."),
        **condition_forms(),
    }


def condition_forms(more: Schema | None = None) -> Schema:
    """The forms that are objects, by name; `more` are keys that may stand beside."""
    beside = more or {}
    forms = {
        "field_condition": _field(),
        "combined_condition": {},
        "composite_condition": _composite(),
        "chain_condition": _chain(),
        "expression_condition": _expression(),
        "score_condition": _score(),
        "tag_condition": _tag(),
        "event_condition": _event(),
        "time_condition": _time(),
        "nested_condition": _form("condition", {"condition": ref("condition")}, required=["condition"]),
    }
    forms["combined_condition"] = {"anyOf": [_combined(key, beside) for key in COMBINATIONS]}
    return {name: _beside(form, beside) if "properties" in form else form for name, form in forms.items()}


def _beside(form: Schema, more: Schema) -> Schema:
    return {**form, **closed(more | form["properties"])} if more else form


def _form(kind: str, properties: Schema, *, typed: bool = False, **more: Any) -> Schema:
    """One form. Its type may be named; a form without a key that gives it away (`typed`) needs its type."""
    named = words([kind], f"The type of this form is {kind}.")
    types = {"type": named, "condition_type": {}} if typed else {"type": or_null(named), "condition_type": {}}
    made = closed(types | properties, **more)
    return made | {"allOf": [*made.get("allOf", []), given("type", "condition_type")]} if typed else made


def _operator(names: Any, meaning: str) -> Schema:
    """Canonical names and symbols are offered; any case and camelCase are accepted."""
    canonical = list(names)
    aliases = [alias for alias, name in OPERATOR_ALIASES.items() if name in canonical]
    symbols = [alias for alias in aliases if not alias[0].isalpha()]
    pattern = rf"^\s*(?:{any_case([*canonical, *aliases])})\s*$"
    return {
        "type": "string",
        "description": "How the two are compared.",
        "anyOf": [{"enum": [*canonical, *symbols]}, {"pattern": pattern, "patternErrorMessage": meaning}],
    }


def _value(key: str) -> list[Schema]:
    """The value is needed unless the operator takes none."""
    unary = {"required": ["operator"], "properties": {"operator": _operator(_UNARY, "")}}
    short = {"required": ["op"], "properties": {"op": _operator(_UNARY, "")}}
    return [{"anyOf": [{"required": [key]}, unary, short]}]


def _field() -> Schema:
    return _form(
        "field",
        {
            "field": {
                "type": "string",
                "pattern": r"\S",
                "description": "A contact field, or a path.",
                "examples": ["source"],
            },
            "operator": ref("operator"),
            "value": {"description": "What it is compared with, templates and all.", "examples": ["facebook_ad"]},
        },
        required=["field", "operator"],
        allOf=_value("value"),
    )


def _score() -> Schema:
    keys = {"operator": ref("operator"), "value": {"description": "A number.", "examples": [50]}}
    return _form("score", keys, typed=True, required=["operator"], allOf=_value("value"))


def _combined(key: str, more: Schema) -> Schema:
    meaning = {"all": "All of these hold.", "any": "One of these holds.", "not": "This does not hold."}
    said = {"description": meaning[COMBINATIONS[key]]}
    own = {key: said | ref("condition"), "type": _empty(), "condition_type": _empty()}
    return closed(more | own, required=[key])


def _empty() -> Schema:
    return {"anyOf": [{"enum": ["", None, False, 0]}, words(["combination"], "")]}


def _composite() -> Schema:
    keys = {
        "operator": words(["AND", "OR", "NOT", "all", "any"], "Use AND, OR or NOT."),
        "conditions": {"type": "array", "items": ref("condition"), "description": "The conditions to combine."},
    }
    return _form("composite", keys, required=["conditions"])


def _chain() -> Schema:
    side = "A path (with $ or a known root), a number, true or false, or text."
    keys = {
        "left": {"description": side, "examples": ["$trigger.data.total"]},
        "operator": ref("operator"),
        "op": ref("operator"),
        "right": {"description": side, "examples": [100]},
        "logical_op": {"description": "How `next` is joined: AND or OR.", **or_null(words(_LOGIC, "Use AND or OR."))},
        "next": {"description": "The rest of the chain.", **or_null(ref("condition"))},
    }
    return _form("compare", keys, required=["left"], allOf=[given("operator", "op"), *_value("right")])


def _expression() -> Schema:
    text = {"type": "string", "minLength": 1, "description": "An expression (CEL).", "examples": ["contact.score > 50"]}
    return _form("expression", {"expression": text, "value": text}, allOf=[given("expression", "value")])


def _tag() -> Schema:
    keys = {
        "tag": {"description": "The tag to look for.", "examples": ["vip"]},
        "tags": {"description": "Tags of which one is enough.", "examples": [["vip", "partner"]]},
        "value": {"description": "Another name for `tag`."},
        "operator": _operator(TAG_OPERATORS, "Use exists or not_exists."),
    }
    return _form("tag", keys, allOf=[given("tag", "tags", "value")])


def _event() -> Schema:
    keys = {
        "event": ref("event_type"),
        "count": {"type": ["number", "string"], "minimum": 0, "description": "How often. Default: 1."},
        "within": {"description": "A span back from now.", **ref("span")},
        "since": {"type": "string", "description": "`enrollment`, a step's id or a time.", "examples": ["enrollment"]},
        "operator": _operator(EVENT_OPERATORS, f"Use {', '.join(EVENT_OPERATORS)}."),
    }
    return _form("event", keys, required=["event"])


def _time() -> Schema:
    said = "A time of day (in quotes), a date or an instant."
    edge = or_null(ref("time_of_day"))
    keys = {
        "after": {"description": said, "examples": ["09:00"], **edge},
        "before": {"description": said, "examples": ["17:00"], **edge},
        "between": {"description": "Two such times.", "type": ["array", "string", "object"],
                    "examples": [["09:00", "17:00"]]},
        "days": {"description": "On these days.", "examples": ["weekdays"], **ref("weekdays")},
        "timezone": {"description": "An IANA zone, or `contact`.", "examples": ["Europe/Berlin"]},
        "operator": {"enum": ["after", "before", "between", "days"]},
        "value": {},
    }  # fmt: skip
    return _form("time", keys, allOf=[given("after", "before", "between", "days", "value")])
