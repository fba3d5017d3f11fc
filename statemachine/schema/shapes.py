"""The shapes of values that have a grammar of their own: durations, times, names, what may hold a template."""

from __future__ import annotations

from typing import Any, Final

from statemachine.calendar import DAY_NAMES, WEEKDAYS
from statemachine.duration import MAX_DURATION, UNITS
from statemachine.form import RESERVED, TYPES
from statemachine.names import EVENT_ALIASES, KNOWN_EVENTS
from statemachine.scalars import NAME_PATTERN, VARIABLE_PATTERN
from statemachine.schema.spelling import Schema, any_case, closed, words
from statemachine.sending.holiday import NAME as CALENDAR
from statemachine.steps.http import METHODS

_TEMPLATE: Final = r"\{[{%]"
_UNIT: Final = any_case(sorted(UNITS, key=len, reverse=True))
_COUNTED: Final = rf"\d+(?:\.\d+)?\s*(?:{_UNIT})(?:\s*,\s*|\s+[aA][nN][dD]\s+|\s*)"
_SPAN: Final = rf"\s*(?:\d+(?:\.\d+)?|(?:{_COUNTED})+|[pP][\d.,tTwWdDhHmMsS]+)\s*"
_NO_DURATION: Final = "Write a duration like 90s, 1d 12h, 2 days or PT36H."
_NULL: Final[Schema] = {"type": "null"}
_STATUS: Final[Schema] = {
    "anyOf": [
        {"type": "integer", "minimum": 100, "maximum": 599},
        {"type": "string", "pattern": r"^\s*(?:[1-5][xX]{2}|[1-5]\d\d(?:\s*-\s*[1-5]\d\d)?)\s*$"},
    ]
}


def ref(name: str) -> Schema:
    return {"$ref": f"#/$defs/{name}"}


def or_null(schema: Schema) -> Schema:
    return {"anyOf": [schema, _NULL]}


def one_or_list(schema: Schema, **limits: Any) -> Schema:
    return {"anyOf": [schema, {"type": "array", "items": schema, **limits}]}


def _text(pattern: str, message: str) -> Schema:
    return {"type": "string", "pattern": pattern, "patternErrorMessage": message}


def _counted(duration: Schema) -> Schema:
    return closed({"duration": duration, "unit": {"type": ["string", "null"]}}, required=["duration"])


_CLOCK: Final = rf"{_TEMPLATE}|^\s*(?:[01]?\d|2[0-3]):[0-5]\d(?::[0-5]\d)?\s*$"
_DAY: Final = words(DAY_NAMES, f"Write {', '.join(WEEKDAYS)}, weekdays, weekend or daily.")
_AT_TIME: Final = _text(_CLOCK, "Write a time of day like 09:00, or a template.")
_ID: Final[Schema] = {"type": ["string", "integer"], "minLength": 1}
_COUNT: Final[Schema] = {"type": ["number", "string"]}

_KEY_OF_EVENT: Final[Schema] = {
    "key": {"description": "The key that the event has to carry; compared as text."},
    "key_path": {"type": ["string", "null"], "description": "Where in the event's data the key stands."},
}

SHAPES: Final[Schema] = {
    "branches": {
        "type": ["object", "null"],
        "additionalProperties": {
            "anyOf": [
                {"type": ["string", "integer"], "description": "The id of a step, or `end`."},
                {"type": "array", "items": ref("step"), "description": "Of a parallel step: the steps of a branch."},
                {"type": "object", "description": "Of a parallel step: the only step of a branch."},
            ]
        },
    },
    "body": {
        "anyOf": [
            {"type": "null"},
            {"type": "string", "description": "The id of a step."},
            {"type": "array", "items": {"type": ["string", "integer"]}},
            ref("step"),
            {"type": "array", "items": ref("step")},
        ]
    },
    "alternatives": {
        "anyOf": [
            {"type": "null"},
            {"type": "string", "description": "The id of a step."},
            ref("step"),
            {"type": "array", "items": {"anyOf": [{"type": ["string", "integer"]}, ref("step"), ref("several_steps")]}},
        ]
    },
    "inner_steps": {"anyOf": [{"type": "null"}, ref("step"), {"type": "array", "minItems": 1, "items": ref("step")}]},
    "several_steps": {
        "type": "array",
        "minItems": 1,
        "items": {"anyOf": [{"type": ["string", "integer"]}, ref("step")]},
    },
    "canvas": {
        "type": ["object", "null"],
        "properties": {
            "nodes": {"type": "object", "additionalProperties": {"type": "object"}},
            "edges": {"type": "array", "items": {"type": "object"}},
            "canvas_data": {"type": "object"},
            "canvasData": {"type": "object"},
        },
    },
    "canvas_data": {
        "type": "object",
        "properties": {"nodes": ref("nodes"), "edges": ref("edges")},
        "required": ["nodes"],
    },
    "cap_span": {
        "description": "A span such as 1d, or a part of the contact's calendar.",
        "anyOf": [ref("duration"), words(("day", "week", "month"), "Write day, week or month, or a span like 1d.")],
    },
    "channel": _text(r"^\s*[A-Za-z][A-Za-z0-9_]{0,49}\s*$", "Write a channel such as sms, of a-z, 0-9 and _."),
    "clock": _text(r"^\s*(?:[01]?\d|2[0-3]):[0-5]\d(?::[0-5]\d)?\s*$|^\s*24:00\s*$", "Write a time of day like 09:00."),
    "duration": {
        "description": "A span of time: 90 (seconds), 90s, 1d 12h, 2 days, PT36H. At most five years.",
        "anyOf": [
            _text(f"^{_SPAN}$", _NO_DURATION),
            {"type": "number", "minimum": 0, "maximum": MAX_DURATION.total_seconds()},
            _counted(_COUNT),
        ],
    },
    "form": {
        "type": "object",
        "maxProperties": 100,
        "propertyNames": {"not": {"enum": list(RESERVED)}},
        "additionalProperties": {
            "anyOf": [
                {"enum": list(TYPES)},
                closed(
                    {
                        "type": {"enum": list(TYPES), "description": "What is answered. Default: text."},
                        "required": {
                            "type": ["boolean", "string", "array"],
                            "description": "Whether it has to be answered: always, or with some of the decisions.",
                        },
                        "choices": {"type": "array", "minItems": 1, "description": "What may be answered."},
                        "label": {"type": "string", "description": "What people read."},
                        "min": {"type": "number", "description": "The least number."},
                        "max": {"type": "number", "description": "The greatest number."},
                        "max_length": {"type": "integer", "minimum": 1, "description": "How long a text may be."},
                    }
                ),
            ]
        },
    },
    "edges": {"type": "array", "items": ref("edge")},
    "edge": {
        "type": "object",
        "properties": {
            "id": {"description": "The edge's own name."},
            "source": {**_ID, "description": "The id of the node where it begins."},
            "target": {**_ID, "description": "The id of the node to which it leads, or `end`."},
            "label": {"description": "The outcome it is: yes, no, a case, a variant, timeout, error; else `done`."},
            "source_handle": {"description": "The same; it goes before the label."},
            "data": {"description": "What the editor keeps; `outcome` in it names the outcome plainly."},
        },
        "patternProperties": {"^source(?:Handle|HANDLE)$": {"description": "The same; it goes before the label."}},
        "required": ["source", "target"],
    },
    "event_entries": or_null(one_or_list(ref("event_entry"), minItems=1)),
    "event_entry": {
        "anyOf": [
            {"$ref": "#/$defs/event_type"},
            closed(
                {
                    "event": ref("event_type"),
                    "when": or_null(ref("condition")),
                    "branch": {"type": ["string", "null"], "minLength": 1, "description": "The outcome it leads to."},
                    **_KEY_OF_EVENT,
                },
                required=["event"],
            ),
        ]
    },
    "heard_events": or_null(one_or_list(ref("heard_event"), minItems=1)),
    "heard_event": {
        "anyOf": [
            {"$ref": "#/$defs/event_type"},
            closed(
                {
                    "event": ref("event_type"),
                    "when": or_null(ref("condition")),
                    "branch": {"type": "null", "description": "The silence begins anew: there is no branch."},
                    **_KEY_OF_EVENT,
                },
                required=["event"],
            ),
        ]
    },
    "late": {
        "anyOf": [
            {"const": "fire"},
            {"type": "null"},
            closed(
                {"skip_if_older_than": {"description": "What is later than this is skipped.", **ref("duration")}},
                required=["skip_if_older_than"],
            ),
        ]
    },
    "event_type": {
        "type": "string",
        "description": "A known event type, an alias of one, or any name of your own.",
        "anyOf": [{"enum": [*KNOWN_EVENTS, *EVENT_ALIASES, "sms_received", "reply"]}, {"type": "string"}],
    },
    "holiday": _text(
        rf"^(?:{CALENDAR}|\d{{4}}-\d{{2}}-\d{{2}})$", "Write a country (de, us), a part of one (de-by), or a date."
    ),
    "holidays": one_or_list(ref("holiday")),
    "join": {"anyOf": [{"enum": ["all", "any"]}, {"type": "integer", "minimum": 1}]},
    "parallel_branches": {
        "type": ["object", "null"],
        "additionalProperties": ref("body"),
        "description": "Name of a branch → its steps.",
    },
    "items": {
        "description": "A list, or a text that is the path of one.",
        "anyOf": [{"type": "array"}, {"type": "string", "minLength": 1}],
    },
    "label": {"type": ["string", "number"]},
    "method": words(METHODS, f"The method is one of {', '.join(METHODS)}."),
    "moment": _text(rf"{_TEMPLATE}|^\s*\d{{4}}-?[\dW]", "Write a time like 2026-03-01T09:00, or a template."),
    "name": {
        "anyOf": [
            _text(rf"^(?:{NAME_PATTERN})$", "Use up to 100 letters, digits, _ - . :"),
            {"type": "integer", "minimum": 0},
        ]
    },
    "node": {
        "type": "object",
        "properties": {
            "id": {**_ID, "description": "The node's unique name: the step's id, or the trigger's."},
            "type": {"type": ["string", "null"], "description": "`trigger`, a step type, or `action` with a label."},
            "label": {"type": ["string", "number", "null"], "description": "What people call it."},
            "config": {"description": "What the step's type needs."},
            "data": {"description": "Where some editors keep label and config."},
            "position": {"description": "Where it stands: {x, y}."},
            "first": {"description": "`true`: runs by API begin here, on a canvas without a trigger."},
        },
        "required": ["id"],
    },
    "nodes": {"type": "array", "items": ref("node"), "minItems": 1},
    "number": {
        "anyOf": [
            {"type": "number"},
            _text(rf"{_TEMPLATE}|^\s*[+-]?\d+(?:\.\d+)?\s*$", "Write a number, or a template that makes one."),
        ]
    },
    "object": {"type": ["object", "null"]},
    "offset": {
        "description": "A span of time with a sign: -3d is three days before.",
        "anyOf": [
            _text(rf"{_TEMPLATE}|^\s*[-+]?{_SPAN}$", _NO_DURATION),
            {"type": "number"},
            _counted(_COUNT),
        ],
    },
    "one_or_more": {},
    "span": {
        "description": "A span of time (90s, 1d 12h, 2 days, PT36H), or a template that makes one.",
        "anyOf": [
            _text(rf"{_TEMPLATE}|^{_SPAN}$", _NO_DURATION),
            {"type": "number", "minimum": 0},
            _counted(_COUNT),
        ],
    },
    "status": one_or_list(_STATUS, minItems=1),
    "target": {"type": ["string", "number"], "description": "The id of a step, or `end`, which completes the run."},
    "template": {},
    "time_of_day": _text(rf"{_CLOCK}|^\s*\d{{4}}-?[\dW]", "Write a time like 09:00, 2026-03-01 or 2026-03-01T09:00Z."),
    "time_of_day_on": {
        "anyOf": [
            _AT_TIME,
            closed(
                {
                    "time": {"description": "What the local clock shows.", "examples": ["09:00"], **_AT_TIME},
                    "days": or_null({"description": "On these days. Default: every day.", **ref("weekdays")}),
                    "timezone": {
                        "description": "Whose clock: an IANA zone, or `contact`, which is the default.",
                        **or_null(ref("zone")),
                    },
                },
                required=["time"],
            ),
        ]
    },
    "variable": _text(f"^(?:{VARIABLE_PATTERN})$", "Use letters, digits and _."),
    "weekdays": one_or_list(_DAY, minItems=1),
    "weight": {"type": "number", "exclusiveMinimum": 0},
    "words": or_null(one_or_list({"type": "string", "minLength": 1, "maxLength": 50}, maxItems=50)),
    "zone": {"type": "string", "minLength": 1, "examples": ["Europe/Berlin", "UTC"]},
}
"""Shape → schema. Those that the parser leaves open (a template may be any value) say nothing but what they are for."""
