"""The schema of workflow tests."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from statemachine.part import Part
from statemachine.schema.models import model_schema
from statemachine.schema.shapes import one_or_list, or_null, ref
from statemachine.schema.spelling import Schema, words
from statemachine.simulation.reading import MAX_ACTS, EventPart, ResultPart
from statemachine.testing.reading import (
    MAX_TESTS,
    VERDICTS,
    CasePart,
    ConversationPart,
    ErrorPart,
    ExpectPart,
    MessagePart,
    StatePart,
    VerdictPart,
)

TEST_PARTS: Final[Mapping[str, type[Part]]] = {
    "test": CasePart,
    "test_event": EventPart,
    "scripted_result": ResultPart,
    "expected_enrollment": ExpectPart,
    "test_message": MessagePart,
    "test_state": StatePart,
    "conversation_parts": ConversationPart,
    "error_parts": ErrorPart,
    "verdict_parts": VerdictPart,
}
_KIND: Final = words(VERDICTS, f"A verdict is one of {', '.join(VERDICTS)}.")


def test_schemas() -> Schema:
    """What stands in `tests`, by name."""
    parts = {name: model_schema(part, part.also)[0] for name, part in TEST_PARTS.items()}
    contact = {"type": "object", "description": "Fields of the contact, its `tags`, `lists`, `score` and `id`."}
    return parts | {
        "anything": {},
        "tests": {"type": "array", "items": ref("test"), "maxItems": MAX_TESTS},
        "test_contact": contact,
        "test_contacts": {"type": "object", "additionalProperties": ref("test_contact")},
        "test_events": {"type": "array", "items": ref("test_event"), "maxItems": MAX_ACTS},
        "test_results": {"type": "object", "additionalProperties": one_or_list(ref("test_result"), minItems=1)},
        "test_result": {"description": "An output, or how the task fails.", "anyOf": [ref("scripted_result"), {}]},
        "test_workflows": one_or_list({"type": "string", "description": "The file of a workflow."}),
        "expectation": ref("expected_enrollment") | {"minProperties": 1},
        "expectations": {"type": "array", "items": ref("expected_enrollment")},
        "test_error": {"anyOf": [ref("error_parts"), {"type": ["string", "number", "boolean", "array"]}]},
        "test_conversation": or_null(ref("conversation_parts")),
        "test_messages": {"type": "array", "items": ref("test_message")},
        "test_states": {"type": "array", "items": ref("test_state")},
        "test_verdicts": {"type": "array", "items": or_null(one_or_list(ref("test_verdict")))},
        "test_verdict": {"anyOf": [_KIND, ref("verdict_parts")]},
    }
