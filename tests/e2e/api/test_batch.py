"""Bulk control over gRPC: a filter, an action, a dry run, and a stream of how far it is."""

from __future__ import annotations

from typing import Any

import grpc
import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from statewright.client import AsyncClient
from statewright.v1 import (
    BatchAdvance,
    BatchCancel,
    BatchExit,
    BatchFilter,
    BatchPause,
    BatchRequest,
    BatchResponse,
    BatchResume,
    BatchRetry,
    EnrollmentStatus,
    GetHistoryRequest,
)

from tests.e2e.api.calls import assert_decided_again, enrolled, get, publish, refusal

PAUSED = EnrollmentStatus.ENROLLMENT_STATUS_PAUSED
WAITING = EnrollmentStatus.ENROLLMENT_STATUS_WAITING
EXITED = EnrollmentStatus.ENROLLMENT_STATUS_EXITED
ALL = BatchFilter(workflow="welcome")


@pytest.fixture
async def runs(client: AsyncClient) -> list[str]:
    """Three enrollments that rest in `reply`."""
    await publish(client)
    return [await enrolled(client, contact) for contact in ("ann", "bob", "cat")]


async def batch(client: AsyncClient, **given: Any) -> list[BatchResponse]:
    call: Any = client.enrollments.Batch(BatchRequest(**given), timeout=30)
    return [message async for message in call]


async def test_a_dry_run_counts_and_the_batch_then_does_it(client: AsyncClient, runs: list[str], url: str) -> None:
    [counted] = await batch(client, filter=ALL, exit=BatchExit(reason="sold out"), dry_run=True)
    assert (counted.total, counted.changed, counted.left, counted.done) == (3, 3, 0, True)
    assert (await get(client, runs[0])).status == WAITING
    told = await batch(client, filter=ALL, exit=BatchExit(reason="sold out"), request_id="b1", rate=10_000)
    assert (told[0].changed, told[0].total, told[0].done) == (0, 3, False)
    assert (told[-1].request_id, told[-1].changed, told[-1].done) == ("b1", 3, True)
    ended = await get(client, runs[1])
    assert (ended.status, ended.exit_reason) == (EXITED, "sold out")
    history = await client.enrollments.GetHistory(GetHistoryRequest(enrollment_id=runs[1]), timeout=10)
    assert (history.entries[-1].kind, history.entries[-1].cause) == ("exited", "op:exit/batch/b1")
    assert_decided_again(url)


async def test_filters_are_those_of_a_list(client: AsyncClient, runs: list[str]) -> None:
    started = (await get(client, runs[0])).start_time
    for wanted, count in (
        (BatchFilter(contact_id="bob"), 1),
        (BatchFilter(workflow="welcome", version=2), 0),
        (BatchFilter(step="reply"), 3),
        (BatchFilter(status=[PAUSED]), 0),
        (BatchFilter(start_time_from=started), 3),
        (BatchFilter(start_time_before=started), 0),
        (BatchFilter(start_time_from=Timestamp(seconds=started.seconds + 60)), 0),
        (BatchFilter(parent_id="nobody"), 0),
    ):
        [counted] = await batch(client, filter=wanted, cancel=BatchCancel(), dry_run=True)
        assert counted.total == count, wanted


async def test_a_repeat_changes_nobody_twice_and_another_body_is_refused(client: AsyncClient, runs: list[str]) -> None:
    pausing: dict[str, Any] = {"filter": ALL, "pause": BatchPause(), "request_id": "b1"}
    await batch(client, **pausing)
    resumed = await batch(client, filter=ALL, resume=BatchResume())
    assert resumed[-1].changed == 3
    again = await batch(client, **pausing)
    assert (again[-1].changed, again[-1].total) == (3, 3)
    assert (await get(client, runs[0])).status == WAITING
    other = BatchRequest(filter=ALL, cancel=BatchCancel(), request_id="b1")
    call: Any = client.enrollments.Batch(other, timeout=10)
    assert (await refusal(call.read())).info.reason == "REQUEST_ID_REUSED"


async def test_those_that_refuse_are_told_in_groups(client: AsyncClient, runs: list[str]) -> None:
    last = (await batch(client, filter=ALL, advance=BatchAdvance(transition="sideways")))[-1]
    [group] = last.groups
    assert (last.changed, last.left, group.step, group.reason, group.count) == (0, 3, "reply", "TRANSITION_REFUSED", 3)
    assert group.example_enrollment_id in runs
    assert "allowed: answered, timeout" in group.message
    advanced = (await batch(client, filter=ALL, advance=BatchAdvance(transition="answered")))[-1]
    assert (advanced.changed, advanced.left) == (3, 0)


async def test_failed_runs_are_retried_in_bulk(client: AsyncClient) -> None:
    await publish(client, "key: w\ntrigger: {type: contact_created}\nlimits: {max_duration: 1s}\n"
                          "steps: [{id: a, type: transform, config: {expression: '1 / variables.n'}}]\n"
                          "variables: {n: 0}\n")  # fmt: skip
    run = await enrolled(client)
    assert (await get(client, run)).status == EnrollmentStatus.ENROLLMENT_STATUS_FAILED
    retry = BatchRetry()
    retry.input.update({"n": 1})
    assert (await batch(client, filter=BatchFilter(workflow="w"), retry=retry))[-1].changed == 1
    assert (await get(client, run)).status == EnrollmentStatus.ENROLLMENT_STATUS_COMPLETED


@pytest.mark.parametrize(
    ("given", "place"),
    [
        ({"filter": ALL}, "action"),
        ({"cancel": BatchCancel()}, "filter"),
        ({"filter": ALL, "exit": BatchExit()}, "exit.reason"),
        ({"filter": ALL, "advance": BatchAdvance()}, "advance.transition"),
        ({"filter": ALL, "cancel": BatchCancel(reason="x" * 256)}, "cancel.reason"),
        ({"filter": ALL, "cancel": BatchCancel(), "rate": 0}, "rate"),
        ({"filter": BatchFilter(status=[PAUSED]), "pause": BatchPause()}, "filter.status"),
        ({"filter": BatchFilter(version=1), "pause": BatchPause()}, "filter.workflow"),
        ({"filter": BatchFilter(step="x" * 256), "pause": BatchPause()}, "filter.step"),
    ],
)
async def test_bad_input_is_refused_with_its_place(client: AsyncClient, given: dict[str, Any], place: str) -> None:
    call: Any = client.enrollments.Batch(BatchRequest(**given), timeout=10)
    refused = await refusal(call.read())
    assert (refused.code, refused.places) == (grpc.StatusCode.INVALID_ARGUMENT, [place])
