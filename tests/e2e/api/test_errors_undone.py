"""Errors, undoing and retries over gRPC: what is caught, what a retry goes on with, and what is refused."""

from __future__ import annotations

from typing import Any

import grpc
from statewright.client import AsyncClient
from statewright.v1 import (
    CompleteRequest,
    Enrollment,
    EnrollmentStatus,
    EnrollRequest,
    ExplainRequest,
    FailRequest,
    GetHistoryRequest,
    PollRequest,
    RetryRequest,
    Task,
)

from tests.e2e.api.calls import assert_decided_again, get, publish, refusal

TRIP = """
key: trip
retry: {max_attempts: 1}
steps:
  - id: book
    type: try
    steps:
      - id: each
        type: for_each
        config: {items: trigger.data.legs, item: leg}
        body:
          - id: seat
            type: task
            config: {queue: q, input: {leg: "{{leg}}", class: second}}
            compensate: [{id: release, type: task, config: {queue: q, input: {release: "{{undo.output.id}}"}}}]
    catch:
      - {id: tell, type: task, config: {queue: q, input: {why: "{{error.step}}: {{error.code}}"}}}
      - {id: undo, type: compensate}
    finally: [{id: count, type: update_score, config: {value: 1}}]
on_failure:
  - {id: alert, type: add_tag, config: {tag: "{{error.code}}"}}
"""
PLAIN = """
key: plain
steps:
  - {id: sum, type: transform, config: {expression: "variables.a + 1"}, output: b}
"""


async def poll(client: AsyncClient) -> Task:
    request = PollRequest(queues=["q"], worker_id="w1")
    request.wait.FromMilliseconds(5000)
    (task,) = (await client.tasks.Poll(request, timeout=20)).tasks
    return task


async def complete(client: AsyncClient, task: Task, **output: Any) -> None:
    request = CompleteRequest(task_id=task.id, lease_token=task.lease_token)
    request.output.update(output)
    await client.tasks.Complete(request, timeout=10)


async def fail(client: AsyncClient, task: Task, code: str = "full") -> None:
    request = FailRequest(task_id=task.id, lease_token=task.lease_token, code=code, message=f"it is {code}")
    await client.tasks.Fail(request, timeout=10)


async def retry(client: AsyncClient, run: str, **given: Any) -> Enrollment:
    request = RetryRequest(enrollment_id=run)
    request.input.update(given)
    return (await client.enrollments.Retry(request, timeout=10)).enrollment


async def enrolled(client: AsyncClient, workflow: str, **data: Any) -> str:
    request = EnrollRequest(workflow=workflow, contact_id="ann")
    request.input.update(data)
    return str((await client.enrollments.Enroll(request, timeout=10)).enrollment.id)


async def test_an_error_is_caught_and_a_run_that_fails_in_catch_goes_on_there_twice(
    client: AsyncClient, url: str
) -> None:
    await publish(client, TRIP)
    run = await enrolled(client, "trip", legs=["a", "b"])
    await complete(client, await poll(client), id="seat a")
    await fail(client, await poll(client))
    for wanted in ("seat: full", "by hand"):
        task = await poll(client)
        assert task.input["why"] == wanted
        await fail(client, task, "mute")
        found = await get(client, run)
        assert (found.status, found.step) == (EnrollmentStatus.ENROLLMENT_STATUS_FAILED, "tell")
        assert (found.last_error.code, found.last_error.transient, found.last_error.attempt) == ("mute", True, 1)
        told = (await client.enrollments.GetHistory(GetHistoryRequest(enrollment_id=run), timeout=10)).entries
        lines = [(it.step, it.error.transient, it.error.attempt) for it in told if it.error.code == "mute"]
        assert lines[-3:] == [("tell", True, 1), ("book", True, 0), ("", True, 0)]
        await retry(client, run, why="by hand")
    await complete(client, await poll(client))
    task = await poll(client)
    assert task.input["release"] == "seat a"
    await complete(client, task)
    found = await get(client, run)
    assert (found.status, found.path[-3:]) == (
        EnrollmentStatus.ENROLLMENT_STATUS_COMPLETED, ["book", "count", "book"]
    )  # fmt: skip
    assert list(found.path).count("alert") == 2
    assert_decided_again(url)


async def test_a_failing_undo_is_told_by_explain_and_retried(client: AsyncClient, url: str) -> None:
    await publish(client, TRIP)
    run = await enrolled(client, "trip", legs=["a", "b"])
    await complete(client, await poll(client), id="seat a")
    await fail(client, await poll(client))
    await complete(client, await poll(client))
    await fail(client, await poll(client), "closed")
    told = await client.enrollments.Explain(ExplainRequest(enrollment_id=run), timeout=10)
    assert "failed at step 'release'" in told.run.reason
    await retry(client, run)
    await complete(client, await poll(client))
    assert (await get(client, run)).status == EnrollmentStatus.ENROLLMENT_STATUS_COMPLETED
    history = await client.enrollments.GetHistory(GetHistoryRequest(enrollment_id=run), timeout=10)
    undone = [dict(entry.metadata)["undoes"] for entry in history.entries if entry.outcome == "undo"]
    assert undone == ["seat"]
    assert_decided_again(url)


async def test_edited_input_replaces_and_removes_fields_inside_a_loop_in_a_try(client: AsyncClient) -> None:
    await publish(client, TRIP.split("    catch:")[0] + "    finally: [{id: f, type: pass}]\n")
    run = await enrolled(client, "trip", legs=["a", "b"])
    await complete(client, await poll(client), id="seat a")
    await fail(client, await poll(client))
    again = await retry(client, run, leg="c", **{"class": None})
    assert (again.status, again.step) == (EnrollmentStatus.ENROLLMENT_STATUS_WAITING, "seat")
    task = await poll(client)
    assert dict(task.input) == {"leg": "c"}
    await complete(client, task, id="seat c")
    assert (await get(client, run)).status == EnrollmentStatus.ENROLLMENT_STATUS_COMPLETED


async def test_bad_input_of_a_retry_is_refused_and_changes_nothing(client: AsyncClient) -> None:
    await publish(client, PLAIN)
    run = await enrolled(client, "plain")
    before = await get(client, run)
    assert before.status == EnrollmentStatus.ENROLLMENT_STATUS_FAILED
    for given, place in (({"contact.name": "x"}, "input[contact.name]"), ({"a": 1, "a.b": 2}, "input[a.b]")):
        refused = await refusal(retry(client, run, **given))
        assert (refused.code, refused.places) == (grpc.StatusCode.INVALID_ARGUMENT, [place])
    refused = await refusal(retry(client, run, a="x" * 300_000))
    assert (refused.code, refused.info.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "LIMIT_EXCEEDED")
    assert await get(client, run) == before
    found = await retry(client, run, a=2)
    assert (found.status, found.variables["b"]) == (EnrollmentStatus.ENROLLMENT_STATUS_COMPLETED, 3)
    refused = await refusal(retry(client, run))
    assert (refused.code, refused.info.reason) == (grpc.StatusCode.FAILED_PRECONDITION, "TRANSITION_REFUSED")
