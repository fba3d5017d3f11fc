"""Explain: why somebody would (not) enter, what a run waits for; and that asking changes nothing."""

from __future__ import annotations

import grpc
from statewright.client import AsyncClient
from statewright.v1 import (
    CancelRequest,
    EnrollmentServiceListRequest,
    EnrollmentServicePauseRequest,
    EntryExplanation,
    EntryQuestion,
    ExplainRequest,
    RunExplanation,
    VerdictKind,
)

from tests.e2e.api.calls import enrolled, event, publish, refusal


async def entry(client: AsyncClient, contact: str, plan: str = "", workflow: str = "") -> EntryExplanation:
    message = event("contact_added", contact, patch={"plan": plan} if plan else None)
    question = ExplainRequest(entry=EntryQuestion(event=message, workflow=workflow))
    (only,) = (await client.enrollments.Explain(question, timeout=10)).entries
    return only


async def run(client: AsyncClient, enrollment_id: str) -> RunExplanation:
    return (await client.enrollments.Explain(ExplainRequest(enrollment_id=enrollment_id), timeout=10)).run


async def test_an_entry_that_would_happen_says_so_and_does_not_happen(client: AsyncClient) -> None:
    await publish(client)
    told = await entry(client, "zoe", "pro")
    listed = await client.enrollments.List(EnrollmentServiceListRequest(), timeout=10)
    assert (told.would_enroll, told.verdict, told.version) == (True, VerdictKind.VERDICT_KIND_ENROLLED, 1)
    assert len(listed.enrollments) == 0


async def test_a_false_condition_is_shown_with_the_value_it_read(client: AsyncClient) -> None:
    await publish(client)
    told = await entry(client, "zoe", "free")
    assert (told.would_enroll, told.verdict) == (False, VerdictKind.VERDICT_KIND_NOT_MATCHED)
    (compare,) = told.conditions[0].children
    assert (compare.result, compare.actual.string_value) == (False, "free")


async def test_a_rule_in_the_way_is_named_with_the_enrollment_that_stands_there(client: AsyncClient) -> None:
    await publish(client)
    standing = await enrolled(client)
    told = await entry(client, "ann")
    assert (told.verdict, told.rule) == (VerdictKind.VERDICT_KIND_BLOCKED, "reentry")
    assert told.blocking_enrollment_id == standing


async def test_a_workflow_that_does_not_exist_is_not_found(client: AsyncClient) -> None:
    refused = await refusal(entry(client, "ann", workflow="nope"))
    assert (refused.code, refused.info.reason) == (grpc.StatusCode.NOT_FOUND, "WORKFLOW_NOT_FOUND")


async def test_a_waiting_run_says_for_what_until_when_and_what_would_move_it(client: AsyncClient) -> None:
    await publish(client)
    told = await run(client, await enrolled(client))
    assert "message_received" in told.waiting_for
    assert told.until_time.seconds - told.since_time.seconds == 2 * 86_400
    assert set(told.moved_by) == {
        "event contact_unsubscribed",
        "event message_received",
        "timer",
        "transition answered",
        "transition timeout",
    }


async def test_a_paused_run_waits_for_its_resume_and_an_ended_one_for_nothing(client: AsyncClient) -> None:
    await publish(client)
    name = await enrolled(client)
    await client.enrollments.Pause(EnrollmentServicePauseRequest(enrollment_id=name), timeout=10)
    paused = await run(client, name)
    await client.enrollments.Cancel(CancelRequest(enrollment_id=name), timeout=10)
    ended = await run(client, name)
    assert (list(paused.moved_by), list(ended.moved_by), ended.waiting_for) == (["resume"], [], "")
