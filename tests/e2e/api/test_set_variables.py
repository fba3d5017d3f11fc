"""Setting variables of a live run over gRPC."""

from __future__ import annotations

import asyncio
from typing import Any

import grpc
import pytest
from google.protobuf.json_format import MessageToDict
from statewright.client import AsyncClient
from statewright.v1 import (
    AdvanceRequest,
    CancelRequest,
    Enrollment,
    EnrollmentServicePauseRequest,
    EnrollmentServiceWatchRequest,
    EnrollmentStatus,
    GetHistoryRequest,
    SetVariablesRequest,
    WatchEventKind,
)

from tests.e2e.api.calls import assert_decided_again, enrolled, get, publish, refusal

WORKFLOW = """
key: welcome
trigger: {type: contact_created}
variables: {order: {total: 5, paid: false}}
steps:
  - {id: hold, type: wait, config: {on: [go], timeout: 2d}}
  - {id: note, type: set_variable, config: {path: seen, value: "{{variables.order.total}}"}}
  - {id: after, type: wait, config: {for: 1d}}
"""


@pytest.fixture
async def run(client: AsyncClient) -> str:
    """An enrollment that rests in `hold`."""
    await publish(client, WORKFLOW)
    return await enrolled(client)


def request_of(run: str, patch: dict[str, Any], **keys: Any) -> SetVariablesRequest:
    request = SetVariablesRequest(enrollment_id=run, **keys)
    request.variables.update(patch)
    return request


async def set_variables(client: AsyncClient, run: str, patch: dict[str, Any], **keys: Any) -> Enrollment:
    answer = await client.enrollments.SetVariables(request_of(run, patch, **keys), timeout=10)
    return answer.enrollment


async def test_what_was_set_is_stored_and_what_comes_next_reads_it(client: AsyncClient, run: str, url: str) -> None:
    before = await get(client, run)
    changed = await set_variables(client, run, {"order.total": 9, "order.paid": None, "note": "by Ann"})
    assert MessageToDict(changed.variables)["order"] == {"total": 9}
    assert (changed.step, changed.due_time, changed.revision) == ("hold", before.due_time, before.revision + 1)
    assert (await get(client, run)).variables == changed.variables
    advanced = await client.enrollments.Advance(AdvanceRequest(enrollment_id=run, transition="done"), timeout=10)
    assert (advanced.enrollment.step, advanced.enrollment.variables["seen"]) == ("after", 9)
    assert_decided_again(url)


async def test_history_names_the_cause_and_a_watch_tells_of_it(client: AsyncClient, run: str) -> None:
    watch = client.enrollments.Watch(EnrollmentServiceWatchRequest(enrollment_id=run))
    await asyncio.wait_for(watch.read(), 10)
    await set_variables(client, run, {"note": "x"}, request_id="s1")
    told: Any = await asyncio.wait_for(watch.read(), 10)
    watch.cancel()
    assert told.event.kind == WatchEventKind.WATCH_EVENT_KIND_VARIABLES_SET
    history = await client.enrollments.GetHistory(GetHistoryRequest(enrollment_id=run), timeout=10)
    entry = history.entries[-1]
    assert (entry.kind, entry.cause, entry.step) == ("variables_set", "op:set_variables/s1", "hold")
    assert entry.status == EnrollmentStatus.ENROLLMENT_STATUS_WAITING
    assert MessageToDict(entry.metadata)["names"] == ["note"]


async def test_a_paused_run_takes_variables_and_stays_paused(client: AsyncClient, run: str) -> None:
    await client.enrollments.Pause(EnrollmentServicePauseRequest(enrollment_id=run), timeout=10)
    changed = await set_variables(client, run, {"note": "x"})
    assert (changed.status, changed.variables["note"]) == (EnrollmentStatus.ENROLLMENT_STATUS_PAUSED, "x")


async def test_the_same_request_twice_is_one_change(client: AsyncClient, run: str) -> None:
    first = await set_variables(client, run, {"note": "x"}, request_id="s1")
    await set_variables(client, run, {"note": "y"})
    again = await set_variables(client, run, {"note": "x"}, request_id="s1")
    assert (again.revision, (await get(client, run)).variables["note"]) == (first.revision, "y")
    refused = await refusal(client.enrollments.SetVariables(request_of(run, {"z": 1}, request_id="s1"), timeout=10))
    assert refused.info.reason == "REQUEST_ID_REUSED"


@pytest.mark.parametrize(
    ("patch", "reason", "place"),
    [
        ({}, "INVALID_ARGUMENT", "variables"),
        ({"contact.plan": "pro"}, "INVALID_ARGUMENT", "variables[contact.plan]"),
        ({"a": "\0"}, "INVALID_ARGUMENT", "variables.a"),
        ({"a": "x" * 262_200}, "LIMIT_EXCEEDED", "variables"),
    ],
)
async def test_what_cannot_be_set_is_refused_and_changes_nothing(
    client: AsyncClient, run: str, patch: dict[str, Any], reason: str, place: str
) -> None:
    before = await get(client, run)
    refused = await refusal(client.enrollments.SetVariables(request_of(run, patch), timeout=10))
    assert (refused.code, refused.info.reason) == (grpc.StatusCode.INVALID_ARGUMENT, reason)
    assert refused.places == [place]
    assert (await get(client, run)).revision == before.revision


async def test_the_variables_of_a_run_have_a_limit_in_all(client: AsyncClient, run: str) -> None:
    await set_variables(client, run, {"a": "x" * 200_000})
    refused = await refusal(client.enrollments.SetVariables(request_of(run, {"b": "x" * 200_000}), timeout=10))
    assert (refused.info.reason, refused.info.metadata["maximum"]) == ("LIMIT_EXCEEDED", "262144")


async def test_an_ended_run_and_a_stale_revision_are_refused(client: AsyncClient, run: str) -> None:
    stale = await refusal(client.enrollments.SetVariables(request_of(run, {"a": 1}, expected_revision=7), timeout=10))
    assert stale.info.reason == "STALE_REVISION"
    await client.enrollments.Cancel(CancelRequest(enrollment_id=run), timeout=10)
    ended = await refusal(client.enrollments.SetVariables(request_of(run, {"a": 1}), timeout=10))
    assert (ended.info.reason, ended.info.metadata["status"]) == ("TRANSITION_REFUSED", "cancelled")
