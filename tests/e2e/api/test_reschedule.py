"""Moving the timer of a waiting run over gRPC."""

from __future__ import annotations

import asyncio
from typing import Any

import grpc
import grpc.aio
import pytest
from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp
from statewright.client import AsyncClient
from statewright.v1 import (
    Enrollment,
    EnrollmentServicePauseRequest,
    EnrollmentServiceWatchRequest,
    EnrollmentStatus,
    GetHistoryRequest,
    RescheduleRequest,
    WatchEventKind,
    WorkflowServicePauseRequest,
)

from tests.e2e.api.calls import assert_decided_again, enrolled, get, publish, refusal

COMPLETED = EnrollmentStatus.ENROLLMENT_STATUS_COMPLETED
ENDLESS = """
key: endless
trigger: {type: contact_created}
steps: [{id: listen, type: wait, config: {on: [click]}}]
"""


@pytest.fixture
async def run(client: AsyncClient) -> str:
    """An enrollment that rests in `reply`, for two days at most."""
    await publish(client)
    return await enrolled(client)


async def reschedule(client: AsyncClient, run: str, **given: Any) -> Enrollment:
    request = RescheduleRequest(enrollment_id=run, **given)
    return (await client.enrollments.Reschedule(request, timeout=10)).enrollment


async def test_a_timer_moves_to_an_instant_and_by_a_span(client: AsyncClient, run: str) -> None:
    moved = await reschedule(client, run, to_time=Timestamp(seconds=4_000_000_000))
    assert moved.due_time.seconds == 4_000_000_000
    moved = await reschedule(client, run, by=Duration(seconds=-60), expected_revision=moved.revision)
    assert (moved.due_time.seconds, moved.step) == (3_999_999_940, "reply")
    assert (await get(client, run)).due_time == moved.due_time


async def test_an_instant_that_has_passed_lets_the_timer_fire_at_once(client: AsyncClient, run: str, url: str) -> None:
    watch: Any = client.enrollments.Watch(EnrollmentServiceWatchRequest(enrollment_id=run))
    await asyncio.wait_for(watch.read(), 10)
    await reschedule(client, run, to_time=Timestamp(seconds=1), request_id="m1")
    told: list[Any] = []
    while (message := await asyncio.wait_for(watch.read(), 20)) != grpc.aio.EOF:
        told.append(message.event.kind)
    assert told[0] == WatchEventKind.WATCH_EVENT_KIND_RESCHEDULED
    ended = await get(client, run)
    assert (ended.status, list(ended.path)) == (COMPLETED, ["greet", "reply", "give_up"])
    history = await client.enrollments.GetHistory(GetHistoryRequest(enrollment_id=run, step="reply"), timeout=10)
    moved, left = history.entries[1:]
    assert (moved.kind, moved.cause, left.outcome) == ("rescheduled", "op:reschedule/m1", "timeout")
    assert left.cause.startswith("timer:")
    assert_decided_again(url)


async def test_the_same_request_twice_moves_it_once(client: AsyncClient, run: str) -> None:
    first = await reschedule(client, run, by=Duration(seconds=60), request_id="m1")
    again = await reschedule(client, run, by=Duration(seconds=60), request_id="m1")
    assert (again.due_time, again.revision) == (first.due_time, first.revision)


@pytest.mark.parametrize(
    ("given", "place"),
    [
        ({}, "when"),
        ({"by": Duration()}, "by"),
        ({"by": Duration(seconds=10**11)}, "by"),
        ({"to_time": Timestamp(seconds=10**14)}, "to_time"),
    ],
)
async def test_what_is_no_instant_and_no_span_is_refused(
    client: AsyncClient, run: str, given: dict[str, Any], place: str
) -> None:
    request = RescheduleRequest(enrollment_id=run, **given)
    refused = await refusal(client.enrollments.Reschedule(request, timeout=10))
    assert (refused.code, refused.places) == (grpc.StatusCode.INVALID_ARGUMENT, [place])


async def test_where_nothing_waits_by_time_it_is_refused(client: AsyncClient) -> None:
    await publish(client, ENDLESS)
    run = await enrolled(client)
    request = RescheduleRequest(enrollment_id=run, by=Duration(seconds=60))
    refused = await refusal(client.enrollments.Reschedule(request, timeout=10))
    assert (refused.code, refused.info.reason) == (grpc.StatusCode.FAILED_PRECONDITION, "TRANSITION_REFUSED")
    assert refused.info.metadata["allowed"] == "advance,pause,set_variables,cancel"


async def test_what_is_paused_is_refused(client: AsyncClient, run: str) -> None:
    request = RescheduleRequest(enrollment_id=run, by=Duration(seconds=60))
    await client.workflows.Pause(WorkflowServicePauseRequest(key="welcome"), timeout=10)
    assert (await refusal(client.enrollments.Reschedule(request, timeout=10))).info.reason == "WORKFLOW_PAUSED"
    await client.enrollments.Pause(EnrollmentServicePauseRequest(enrollment_id=run), timeout=10)
    assert (await refusal(client.enrollments.Reschedule(request, timeout=10))).info.reason == "TRANSITION_REFUSED"
