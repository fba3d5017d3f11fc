"""P10 and P13 at the wire: what is malformed, too large, too late or too much is refused, and nothing leaks."""

from __future__ import annotations

import asyncio
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from statewright.client import AsyncClient
from statewright.v1 import (
    EnrollmentServiceGetRequest,
    EnrollmentServiceListRequest,
    TriggerBatchRequest,
    TriggerRequest,
)

from tests.e2e.api.calls import api, event, refusal


def call_raw(client: AsyncClient, method: str, raw: bytes) -> Any:
    channel: Any = client.channel
    return channel.unary_unary(method)(raw, timeout=10)


TRIGGER = "/statewright.v1.EnrollmentService/Trigger"


@pytest.mark.parametrize("raw", [b"\xff\xff\xff", b"\x0a\x05ab", b"\x0a\x04\x0a\x02\xc3\x28"])
async def test_p13_undecodable_bytes_are_an_invalid_argument(client: AsyncClient, raw: bytes) -> None:
    refused = await refusal(call_raw(client, TRIGGER, raw))
    assert (refused.code, refused.info.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "UNDECODABLE")


async def test_p13_undecodable_bytes_end_a_stream_in_the_same_way(client: AsyncClient) -> None:
    channel: Any = client.channel
    call = channel.stream_stream("/statewright.v1.EnrollmentService/TriggerStream")(iter([b"\xff"]), timeout=10)

    async def read() -> None:
        async for _ in call:
            pass

    assert (await refusal(read())).info.reason == "UNDECODABLE"


async def test_p13_a_message_over_1_mib_is_over_the_limit(url: str) -> None:
    async with api(url, client_options=[("grpc.max_send_message_length", 2**22)]) as client:
        body = TriggerBatchRequest(events=[event("x", text="a" * 200_000) for _ in range(6)]).SerializeToString()
        refused = await refusal(call_raw(client, "/statewright.v1.EnrollmentService/TriggerBatch", body))
    assert (refused.info.reason, refused.info.metadata["limit"]) == ("LIMIT_EXCEEDED", "message")


async def test_p13_an_event_over_256_kib_is_over_the_limit(client: AsyncClient) -> None:
    big = TriggerRequest(event=event("x", text="a" * 300_000))
    refused = await refusal(client.enrollments.Trigger(big, timeout=10))
    assert (refused.info.reason, refused.info.metadata["limit"]) == ("LIMIT_EXCEEDED", "event")


async def test_a_request_without_its_parts_names_every_missing_one(client: AsyncClient) -> None:
    missing = await refusal(client.enrollments.Trigger(TriggerRequest(), timeout=10))
    wrong = await refusal(
        client.enrollments.Trigger(TriggerRequest(event=event("", "x" * 300, event_id="y" * 300)), timeout=10)
    )
    assert missing.places == ["event"]
    assert set(wrong.places) == {"event.type", "event.id", "event.contact_id"}


async def test_a_deadline_that_has_passed_is_told_at_once(client: AsyncClient) -> None:
    request = EnrollmentServiceGetRequest(enrollment_id="x")
    refused = await refusal(client.enrollments.Get(request, timeout=0.0005))
    assert refused.code is grpc.StatusCode.DEADLINE_EXCEEDED


async def test_p10_a_saturated_server_refuses_at_once_and_says_when_to_come_back(url: str) -> None:
    async with api(url, max_pending=1) as client:
        batch = TriggerBatchRequest(events=[event("x", f"c{number}") for number in range(50)])
        refused = await refusal(client.enrollments.TriggerBatch(batch, timeout=10))
        listed = await client.enrollments.List(EnrollmentServiceListRequest(), timeout=10)
    assert (refused.code, refused.info.reason) == (grpc.StatusCode.RESOURCE_EXHAUSTED, "SATURATED")
    assert refused.retry.retry_delay.ToTimedelta().total_seconds() > 0
    assert not listed.enrollments


async def test_health_is_served_per_service(client: AsyncClient) -> None:
    health: Any = health_pb2_grpc.HealthStub(client.channel)
    for name in ("", "statewright.v1.EnrollmentService"):
        answer = await health.Check(health_pb2.HealthCheckRequest(service=name), timeout=10)
        assert answer.status == health_pb2.HealthCheckResponse.SERVING


async def test_many_calls_at_once_are_all_answered(client: AsyncClient) -> None:
    calls = [
        client.enrollments.Trigger(TriggerRequest(event=event("x", f"c{number}")), timeout=20) for number in range(200)
    ]
    assert len(await asyncio.gather(*calls)) == 200
