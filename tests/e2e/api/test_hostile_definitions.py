"""Definitions that mean harm, at the wire: refused with a reason, nothing stored, and the server goes on."""

from __future__ import annotations

import json
from typing import Any

import grpc
import pytest
from statewright.client import AsyncClient
from statewright.v1 import PublishRequest, ValidateRequest, WorkflowServiceListRequest

from tests.e2e.api.calls import WELCOME, publish, refusal

VALIDATE = "/statewright.v1.WorkflowService/Validate"
PUBLISH = "/statewright.v1.WorkflowService/Publish"


def _when(*conditions: Any) -> str:
    return json.dumps({"key": "k", "steps": [{"id": "a", "type": "pass", "when": list(conditions)}]})


HOSTILE = {
    "an alias bomb": ("a: &a [x,x]\nb: [*a,*a,*a]\n", "alias_refused"),
    "brackets 100,000 deep": ("steps: " + "[" * 100_000, "too_deep"),
    "objects 100,000 deep": ('{"a":' * 100_000, "too_deep"),
    "a NUL": ("key: a\0b", "not_text"),
    "an escaped surrogate": ('{"key": "\\ud800"}', "not_text"),
    "control characters": ("key: a\x01\x1b[31m", "bad_syntax"),
    "a number of many digits": ("steps: " + "9" * 500_000, "bad_number"),
    "large expressions": (_when(*["&&".join(["x>1"] * 2800)] * 50), "too_complex"),
    "patterns without end": (
        _when(*({"field": "a", "operator": "matches", "value": f"\\p{{L}}{{1,900}}{n}"} for n in range(1500))),
        "too_complex",
    ),
    "nested loops": (
        json.dumps({"key": "k", "steps": [
            {"id": "a", "type": "sms", "config": {"body": "{% for i in (1..9) %}" * 50 + "{% endfor %}" * 50}}
        ]}),
        "bad_template",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("source", "code"), HOSTILE.values(), ids=HOSTILE.keys())
async def test_a_hostile_definition_is_answered_with_its_problem(client: AsyncClient, source: str, code: str) -> None:
    answer = await client.workflows.Validate(ValidateRequest(source=source), timeout=5)
    assert not answer.valid
    assert code in {problem.code for problem in answer.problems}
    refused = await refusal(client.workflows.Publish(PublishRequest(source=source), timeout=5))
    assert (refused.code, refused.info.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "INVALID_DEFINITION")


def _text(raw: bytes) -> bytes:
    """A request whose field `source`, the first, holds these bytes, text or not."""
    return b"\x0a" + _varint(len(raw)) + raw


def _varint(number: int) -> bytes:
    groups = bytearray()
    while number > 0x7F:
        groups.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*groups, number])


NOT_TEXT = {
    "UTF-16": WELCOME.encode("utf-16"),
    "UTF-32": WELCOME.encode("utf-32"),
    "a surrogate": b"key: \xed\xa0\x80",
    "half a character": WELCOME.encode() + b"\xc3",
    "random bytes": bytes(range(256)) * 100,
}


@pytest.mark.parametrize("method", [VALIDATE, PUBLISH])
@pytest.mark.parametrize("raw", NOT_TEXT.values(), ids=NOT_TEXT.keys())
async def test_bytes_that_are_no_text_are_undecodable(client: AsyncClient, method: str, raw: bytes) -> None:
    channel: Any = client.channel
    refused = await refusal(channel.unary_unary(method)(_text(raw), timeout=5))
    assert (refused.code, refused.info.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "UNDECODABLE")


async def test_the_bytes_of_these_tests_would_reach_the_source(client: AsyncClient) -> None:
    channel: Any = client.channel
    assert ValidateRequest.FromString(_text(WELCOME.encode())).source == WELCOME
    assert await channel.unary_unary(VALIDATE)(_text(WELCOME.encode()), timeout=5)


async def test_hostile_definitions_leave_nothing_and_the_server_goes_on(client: AsyncClient) -> None:
    for source, _ in HOSTILE.values():
        await refusal(client.workflows.Publish(PublishRequest(source=source), timeout=5))
    assert not (await client.workflows.List(WorkflowServiceListRequest(), timeout=5)).workflows
    await publish(client, WELCOME)
    assert len((await client.workflows.List(WorkflowServiceListRequest(), timeout=5)).workflows) == 1
