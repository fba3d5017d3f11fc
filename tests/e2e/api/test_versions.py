"""Differences, migrations and deletion over gRPC."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import grpc
import pytest
from google.protobuf.json_format import MessageToDict
from statewright.client import AsyncClient
from statewright.v1 import (
    ApplyMigrationRequest,
    ApplyMigrationResponse,
    CountRequest,
    DiffRequest,
    EnrollmentServiceWatchRequest,
    EnrollmentStatus,
    EnrollRequest,
    GetHistoryRequest,
    MigrationTimers,
    PlanMigrationRequest,
    PublishRequest,
    RenderRequest,
    RetryRequest,
    WatchEventKind,
    WorkflowServiceDeleteRequest,
    WorkflowServiceGetRequest,
    WorkflowServiceListRequest,
    WorkflowStatus,
)

from tests.e2e.api.calls import WELCOME, enrolled, get, publish, refusal
from tests.e2e.caller import audit

SECOND = WELCOME.replace("timeout: 2d", "timeout: 3d")
RENAMED = WELCOME.replace("id: reply", "id: answer")
REPLACED = WELCOME.replace("id: reply", "id: answer").replace("timeout: 2d", "timeout: 3d")


FAILING = """
key: failing
name: Failing
on_missing: fail
steps:
  - {id: rest, type: wait, config: {for: '{{nowhere}}'}}
"""


async def _both(client: AsyncClient, second: str = SECOND, people: int = 3) -> list[str]:
    """Version 1 with enrollments in `reply`, then version 2; answers their ids."""
    await publish(client)
    ids = [await enrolled(client, f"c{number}") for number in range(people)]
    await publish(client, second)
    return ids


async def _apply(client: AsyncClient, **given: Any) -> list[ApplyMigrationResponse]:
    request = ApplyMigrationRequest(key="welcome", **{"from_version": 1, "rate": 10_000, **given})
    return [message async for message in client.workflows.ApplyMigration(request, timeout=30)]


async def _plan(client: AsyncClient, **given: Any) -> dict[str, Any]:
    request = PlanMigrationRequest(key="welcome", **{"from_version": 1, **given})
    answer = await client.workflows.PlanMigration(request, timeout=10)
    return MessageToDict(answer, preserving_proto_field_name=True, always_print_fields_with_no_presence=True)


async def test_publications_at_once_take_turns_and_one_text_is_one_version(client: AsyncClient) -> None:
    texts = [WELCOME.replace("timeout: 2d", f"timeout: {1 + number % 4}d") for number in range(12)]
    answers = await asyncio.gather(
        *(client.workflows.Publish(PublishRequest(source=text), timeout=30) for text in texts)
    )
    assert sorted({answer.version.number for answer in answers}) == [1, 2, 3, 4]
    assert sum(answer.created for answer in answers) == 4
    by_text = {text: answer.version.number for text, answer in zip(texts, answers, strict=True)}
    assert [by_text[text] for text in texts] == [answer.version.number for answer in answers]


async def test_a_difference_is_told_in_words_and_as_data(client: AsyncClient) -> None:
    await _both(client, people=0)
    answer = await client.workflows.Diff(DiffRequest(key="welcome"), timeout=10)
    assert (answer.from_version, answer.to_version) == (1, 2)
    assert MessageToDict(answer)["differences"] == [
        {
            "part": "DIFFERENCE_PART_STEP",
            "kind": "DIFFERENCE_KIND_CHANGED",
            "name": "reply",
            "path": "config.timeout",
            "oldValue": "2d",
            "newValue": "3d",
            "text": 'step reply: config.timeout changed from "2d" to "3d"',
        }
    ]
    backwards = await client.workflows.Diff(DiffRequest(key="welcome", from_version=2, to_version=1), timeout=10)
    assert [one.text for one in backwards.differences] == ['step reply: config.timeout changed from "3d" to "2d"']
    same = await client.workflows.Diff(DiffRequest(key="welcome", from_version=1, to_version=1), timeout=10)
    assert not same.differences


@pytest.mark.parametrize(
    ("request_", "reason"),
    [
        (DiffRequest(key="nobody"), "WORKFLOW_NOT_FOUND"),
        (DiffRequest(key="welcome", to_version=9), "VERSION_NOT_FOUND"),
        (DiffRequest(key="welcome", from_version=-1), "VERSION_NOT_FOUND"),
        (DiffRequest(), "INVALID_ARGUMENT"),
    ],
)
async def test_a_difference_of_what_is_not_there_is_refused(
    client: AsyncClient, request_: DiffRequest, reason: str
) -> None:
    await publish(client)
    assert (await refusal(client.workflows.Diff(request_, timeout=10))).info.reason == reason


async def test_a_plan_counts_by_step_and_names_what_is_missing(client: AsyncClient) -> None:
    ids = await _both(client, REPLACED)
    shape = await _plan(client)
    (group,) = shape["groups"]
    assert (group["step"], group["fit"], group["count"]) == ("reply", "MIGRATION_FIT_NEEDS_MAPPING", "3")
    assert (group["reason"], group["example_enrollment_id"]) == ("step_removed", ids[0])
    assert (shape["total"], shape["needs_mapping"]) == ("3", "3")
    assert shape["mapping"] == {"greet": "greet", "thank": "thank", "give_up": "give_up"}
    mapped = await _plan(client, mapping={"reply": "answer"})
    assert (mapped["mapped"], mapped["needs_mapping"]) == ("3", "0")
    assert (await _plan(client, mapping={"reply": "anwser"}))["groups"][0]["reason"] == "target_unknown"


async def test_a_plan_suggests_the_step_that_was_only_renamed(client: AsyncClient) -> None:
    await _both(client, RENAMED, people=1)
    assert (await _plan(client))["groups"][0]["suggested_step"] == "answer"


async def test_a_migration_moves_enrollments_and_their_history_says_so(client: AsyncClient, url: str) -> None:
    ids = await _both(client, REPLACED)
    messages = await _apply(client, mapping={"reply": "answer"}, request_id="m1")
    last = messages[-1]
    assert (last.request_id, last.from_version, last.to_version) == ("m1", 1, 2)
    assert (last.total, last.migrated, last.left, last.done, len(last.groups)) == (3, 3, 0, True, 0)
    assert [message.done for message in messages] == [False] * (len(messages) - 1) + [True]
    run = await get(client, ids[0])
    assert (run.version, run.step, list(run.path)) == (2, "answer", ["greet", "reply", "answer"])
    history = await client.enrollments.GetHistory(GetHistoryRequest(enrollment_id=ids[0]), timeout=10)
    entry = history.entries[-1]
    assert (entry.kind, entry.step, entry.cause) == ("migrated", "answer", "op:migrate/m1")
    assert MessageToDict(entry.metadata) == {
        "from_version": 1,
        "to_version": 2,
        "status": "waiting",
        "from_step": "reply",
    }
    drawn = await client.workflows.Render(RenderRequest(key="welcome", enrollment_id=ids[0]), timeout=10)
    assert "answer" in drawn.text
    audit(url)


async def test_a_repeated_migration_does_nothing_more_and_tells_the_same(client: AsyncClient) -> None:
    await _both(client)
    first = (await _apply(client, request_id="m1"))[-1]
    again = (await _apply(client, request_id="m1"))[-1]
    assert (first.migrated, first.total) == (again.migrated, again.total) == (3, 3)
    request = ApplyMigrationRequest(key="welcome", from_version=1, to_version=1, request_id="m1", rate=10_000)
    request.to_version = 2
    refused = await refusal(_first(client, request))
    assert refused.info.reason == "REQUEST_ID_REUSED"


async def _first(client: AsyncClient, request: ApplyMigrationRequest) -> Any:
    return [message async for message in client.workflows.ApplyMigration(request, timeout=10)]


async def test_a_repeat_goes_where_the_first_went_whatever_is_active_now(client: AsyncClient) -> None:
    await _both(client, people=1)
    assert (await _apply(client, request_id="m1"))[-1].to_version == 2
    await publish(client, WELCOME.replace("timeout: 2d", "timeout: 9d"))
    assert (await _apply(client, request_id="m1"))[-1].to_version == 2


async def test_those_that_do_not_fit_stay_and_the_last_message_says_why(client: AsyncClient) -> None:
    ids = await _both(client, REPLACED, people=2)
    last = (await _apply(client))[-1]
    assert (last.migrated, last.left) == (0, 2)
    assert [(one.step, one.reason, one.count) for one in last.groups] == [("reply", "step_removed", 2)]
    assert (await get(client, ids[0])).version == 1


async def test_failed_enrollments_are_counted_and_moved_on_request(client: AsyncClient) -> None:
    await publish(client, FAILING)
    broken = (
        await client.enrollments.Enroll(EnrollRequest(workflow="failing", contact_id="c0"), timeout=10)
    ).enrollment
    assert broken.status == EnrollmentStatus.ENROLLMENT_STATUS_FAILED
    await publish(client, FAILING.replace("'{{nowhere}}'", "1h"))
    plan = PlanMigrationRequest(key="failing", from_version=1)
    assert (await client.workflows.PlanMigration(plan, timeout=10)).total == 0
    plan.include_failed = True
    assert (await client.workflows.PlanMigration(plan, timeout=10)).unchanged == 1
    apply = ApplyMigrationRequest(key="failing", from_version=1, include_failed=True)
    assert (await _first(client, apply))[-1].migrated == 1
    retried = await client.enrollments.Retry(RetryRequest(enrollment_id=broken.id), timeout=10)
    assert (retried.enrollment.version, retried.enrollment.step) == (2, "rest")
    assert retried.enrollment.status == EnrollmentStatus.ENROLLMENT_STATUS_WAITING


async def test_a_watcher_is_told_of_a_migration(client: AsyncClient) -> None:
    (run,) = await _both(client, people=1)
    await _apply(client)
    watch = EnrollmentServiceWatchRequest(enrollment_id=run, after_sequence=0)
    async for message in client.enrollments.Watch(watch, timeout=10):
        if message.event.kind == WatchEventKind.WATCH_EVENT_KIND_MIGRATED:
            assert (message.event.step, message.event.status) == ("reply", EnrollmentStatus.ENROLLMENT_STATUS_WAITING)
            return
    raise AssertionError("nobody told")


async def test_a_dry_run_counts_and_moves_nothing(client: AsyncClient) -> None:
    ids = await _both(client)
    (answer,) = await _apply(client, dry_run=True, request_id="m1")
    assert (answer.total, answer.migrated, answer.left, answer.done) == (3, 3, 0, True)
    assert [(group.step, group.count) for group in answer.groups] == [("reply", 3)]
    assert (await get(client, ids[0])).version == 1


async def test_timers_reckoned_anew_change_when_the_enrollment_is_due(client: AsyncClient) -> None:
    ids = await _both(client, people=1)
    before = (await get(client, ids[0])).due_time.ToDatetime()
    await _apply(client, timers=MigrationTimers.MIGRATION_TIMERS_RECOMPUTE)
    assert ((await get(client, ids[0])).due_time.ToDatetime() - before).total_seconds() == 86_400


@pytest.mark.parametrize(
    ("given", "code", "place"),
    [
        ({"from_version": 0}, "INVALID_ARGUMENT", "from_version"),
        ({"to_version": 1}, "INVALID_ARGUMENT", "to_version"),
        ({"rate": 0}, "INVALID_ARGUMENT", "rate"),
        ({"rate": 10_001}, "INVALID_ARGUMENT", "rate"),
        ({"mapping": {"nowhere": "reply"}}, "INVALID_ARGUMENT", "mapping[nowhere]"),
        ({"mapping": {"reply": "nowhere"}}, "INVALID_ARGUMENT", "mapping[reply]"),
        ({"mapping": {f"s{number}": "reply" for number in range(501)}}, "INVALID_ARGUMENT", "mapping"),
        ({"timers": 9}, "INVALID_ARGUMENT", "timers"),
        ({"request_id": "x" * 256}, "INVALID_ARGUMENT", "request_id"),
        ({"key": ""}, "INVALID_ARGUMENT", "key"),
        ({"key": "nobody"}, "NOT_FOUND", ""),
        ({"from_version": 7}, "NOT_FOUND", ""),
        ({"to_version": 7}, "NOT_FOUND", ""),
    ],
    ids=str,
)
async def test_a_migration_that_cannot_be_meant_is_refused_with_its_place(
    client: AsyncClient, given: Mapping[str, Any], code: str, place: str
) -> None:
    ids = await _both(client, people=1)
    refused = await refusal(_first(client, ApplyMigrationRequest(**{"key": "welcome", "from_version": 1, **given})))
    assert refused.code is grpc.StatusCode[code]
    assert not place or place in refused.places
    assert (await get(client, ids[0])).version == 1


async def test_a_workflow_with_live_enrollments_is_not_deleted(client: AsyncClient) -> None:
    await _both(client, people=2)
    refused = await refusal(client.workflows.Delete(WorkflowServiceDeleteRequest(key="welcome"), timeout=10))
    assert (refused.code, refused.info.reason) == (grpc.StatusCode.FAILED_PRECONDITION, "LIVE_ENROLLMENTS")
    assert dict(refused.info.metadata) == {"workflow": "welcome", "count": "2"}
    await client.workflows.Get(WorkflowServiceGetRequest(key="welcome"), timeout=10)


async def test_a_forced_deletion_cancels_them_and_answers_a_repeat_the_same(client: AsyncClient, url: str) -> None:
    ids = await _both(client)
    request = WorkflowServiceDeleteRequest(key="welcome", force=True, request_id="d1", expected_revision=2)
    answer = await client.workflows.Delete(request, timeout=20)
    assert (answer.cancelled, answer.workflow.status) == (3, WorkflowStatus.WORKFLOW_STATUS_DELETED)
    run = await get(client, ids[0])
    assert (run.status, run.exit_reason) == (EnrollmentStatus.ENROLLMENT_STATUS_CANCELLED, "workflow_deleted")
    assert await client.workflows.Delete(request, timeout=10) == answer
    history = await client.enrollments.GetHistory(GetHistoryRequest(enrollment_id=ids[0]), timeout=10)
    assert history.entries[-1].kind == "cancelled"
    assert not (await client.workflows.List(WorkflowServiceListRequest(), timeout=10)).workflows
    audit(url)


async def test_a_deleted_workflow_is_not_found_until_its_key_is_published_again(client: AsyncClient) -> None:
    await _both(client, people=0)
    await client.workflows.Delete(WorkflowServiceDeleteRequest(key="welcome"), timeout=10)
    for call in (
        client.workflows.Get(WorkflowServiceGetRequest(key="welcome"), timeout=10),
        client.workflows.Diff(DiffRequest(key="welcome"), timeout=10),
        client.workflows.Delete(WorkflowServiceDeleteRequest(key="welcome"), timeout=10),
        client.workflows.PlanMigration(PlanMigrationRequest(key="welcome", from_version=1, to_version=2), timeout=10),
    ):
        assert (await refusal(call)).info.reason == "WORKFLOW_NOT_FOUND"
    answer = await client.workflows.Publish(PublishRequest(source=REPLACED, expected_revision=0), timeout=10)
    assert (answer.created, answer.version.number, answer.workflow.active_version) == (True, 3, 3)
    await enrolled(client)
    assert (await client.enrollments.Count(CountRequest(workflow="welcome"), timeout=10)).counts.total == 1


async def test_a_deletion_for_another_revision_is_aborted(client: AsyncClient) -> None:
    await publish(client)
    request = WorkflowServiceDeleteRequest(key="welcome", expected_revision=9)
    assert (await refusal(client.workflows.Delete(request, timeout=10))).info.reason == "STALE_REVISION"
