"""Pauses that deliver or drop events, and exits by reason and goal, over gRPC."""

from __future__ import annotations

from typing import Any

import grpc
from statewright.client import AsyncClient
from statewright.v1 import (
    BatchFilter,
    BatchPause,
    BatchRequest,
    CountRequest,
    EnrollmentServiceListRequest,
    EnrollmentServicePauseRequest,
    EnrollmentStatus,
    PauseEvents,
    TriggerRequest,
    VerdictKind,
    WorkflowServicePauseRequest,
)

from tests.e2e.api.calls import enrolled, event, get, publish, refusal

DELIVER, DROP = PauseEvents.PAUSE_EVENTS_DELIVER, PauseEvents.PAUSE_EVENTS_DROP


async def _verdict(client: AsyncClient, kind: str) -> Any:
    answer = await client.enrollments.Trigger(TriggerRequest(event=event(kind, "ann")), timeout=10)
    return answer.verdicts[0]


async def test_a_paused_run_takes_or_drops_events_as_its_pause_says(client: AsyncClient) -> None:
    await publish(client)
    run = await enrolled(client)
    pause = EnrollmentServicePauseRequest(enrollment_id=run, events=DROP)
    await client.enrollments.Pause(pause, timeout=10)
    dropped = await _verdict(client, "message_received")
    assert (dropped.kind, dropped.rule) == (VerdictKind.VERDICT_KIND_BLOCKED, "dropped")
    assert "drops events" in dropped.reason
    assert (await get(client, run)).status == EnrollmentStatus.ENROLLMENT_STATUS_PAUSED


async def test_a_paused_workflow_delivers_to_exits_and_their_reason_is_counted_and_listed(client: AsyncClient) -> None:
    await publish(client)
    run = await enrolled(client)
    paused = await client.workflows.Pause(WorkflowServicePauseRequest(key="welcome", events=DELIVER), timeout=10)
    assert paused.workflow.pause_events == DELIVER
    assert (await _verdict(client, "contact_unsubscribed")).kind == VerdictKind.VERDICT_KIND_EXITED
    reason = (await get(client, run)).exit_reason
    counts = (await client.enrollments.Count(CountRequest(workflow="welcome"), timeout=10)).counts
    assert [(one.exit_reason, one.count) for one in counts.exits] == [(reason, 1)]
    for wanted, found in ((reason, 1), ("other", 0)):
        request = EnrollmentServiceListRequest(workflow="welcome", exit_reason=wanted)
        assert len((await client.enrollments.List(request, timeout=10)).enrollments) == found
    count = CountRequest(workflow="welcome", goal="purchase")
    assert (await client.enrollments.Count(count, timeout=10)).counts.total == 0


async def test_a_bulk_pause_says_what_becomes_of_events(client: AsyncClient) -> None:
    await publish(client)
    await enrolled(client)
    request = BatchRequest(filter=BatchFilter(workflow="welcome"), pause=BatchPause(events=DROP), request_id="b1")
    done = [message async for message in client.enrollments.Batch(request, timeout=20)][-1]
    assert done.changed == 1
    assert (await _verdict(client, "message_received")).rule == "dropped"


async def test_a_policy_for_events_that_there_is_not_is_refused(client: AsyncClient) -> None:
    await publish(client)
    request = WorkflowServicePauseRequest(key="welcome", events=9)  # type: ignore[arg-type]
    refused = await refusal(client.workflows.Pause(request, timeout=10))
    assert refused.code is grpc.StatusCode.INVALID_ARGUMENT
    assert "events" in refused.message
