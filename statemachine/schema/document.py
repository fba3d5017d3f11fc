"""The whole schema: the document, and under `$defs` everything that stands in it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from statemachine.dates import DATE
from statemachine.document import (
    ConflictPart,
    DatePart,
    DocumentPart,
    EntryPart,
    ExitPart,
    LimitsPart,
    PausePart,
    RetryPart,
    TriggerPart,
)
from statemachine.limits import MAX_STEPS
from statemachine.part import Part
from statemachine.schema.conditions import condition_schemas
from statemachine.schema.models import model_schema
from statemachine.schema.shapes import SHAPES, one_or_list, ref
from statemachine.schema.spelling import Schema, given
from statemachine.schema.steps import step_schemas
from statemachine.schema.tests import test_schemas
from statemachine.sending.reading import CapPart, QuietHoursPart, RatePart, SendingPart
from statemachine.sending.stop_words import StopWordsPart

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
_PARTS: Final[Mapping[str, type[Part]]] = {
    "trigger": TriggerPart,
    "date_config": DatePart,
    "entry": EntryPart,
    "conflict": ConflictPart,
    "limits": LimitsPart,
    "pause": PausePart,
    "exit_rule": ExitPart,
    "retry": RetryPart,
    "sending": SendingPart,
    "quiet_hours": QuietHoursPart,
    "cap": CapPart,
    "rate": RatePart,
    "own_stop_words": StopWordsPart,
}


def definition_schema() -> Schema:
    """The JSON Schema (2020-12) of a definition."""
    whole, inner = model_schema(DocumentPart, DocumentPart.also)
    parts = {name: model_schema(part, part.also)[0] for name, part in _PARTS.items()}
    parts["exit_rule"] |= {"anyOf": [_has("on", {"type": "string"}), *_mismatch()]}
    of_dates = {"properties": {"config": ref("date_config")}, "required": ["config"]}
    parts["trigger"] |= {"if": _has("type", {"const": DATE}), "then": of_dates}
    lists = {
        "triggers": one_or_list(ref("trigger")),
        "exits": one_or_list(ref("exit_rule")),
        "caps": one_or_list(ref("cap")),
        "rates": one_or_list(ref("rate")),
        "channels": one_or_list(ref("channel"), minItems=1),
        "stop_words": {"anyOf": [ref("channels"), ref("own_stop_words"), {"type": "null"}]},
        "steps": {"type": "array", "items": ref("step"), "minItems": 1, "maxItems": MAX_STEPS},
    }
    defs = {**SHAPES, **inner, **parts, **lists, **condition_schemas(), **step_schemas(), **test_schemas()}
    head = {"$schema": DIALECT, "$id": "urn:statewright:workflow", "title": "Statewright workflow"}
    needed = {"allOf": [given("steps", "nodes", "canvas_data"), given("key", "id", "name")]}
    return head | whole | needed | {"$defs": {name: defs[name] for name in sorted(defs)}}


def _has(key: str, schema: Schema) -> Schema:
    return {"required": [key], "properties": {key: schema}}


def _mismatch() -> list[Schema]:
    return [_has(key, {"const": True}) for key in ("on_mismatch", "onMismatch")]
