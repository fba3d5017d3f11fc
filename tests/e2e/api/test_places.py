"""Limits of a workflow over gRPC: who waits is seen in verdict, list, explanation and the server's account."""

from __future__ import annotations

from typing import Any

from statewright.client import AsyncClient
from statewright.v1 import (
    CancelRequest,
    EnrollmentServiceListRequest,
    EnrollmentServiceWatchRequest,
    EnrollmentStatus,
    EntryQuestion,
    ExplainRequest,
    GetServerInfoRequest,
    PublishRequest,
    TriggerRequest,
    VerdictKind,
    WatchEventKind,
)

from tests.e2e.api.calls import event, get

PENDING, WAITING = EnrollmentStatus.ENROLLMENT_STATUS_PENDING, EnrollmentStatus.ENROLLMENT_STATUS_WAITING
FLOW = """
key: w
trigger: {type: go}
limits: {max_concurrent: 1}
steps:
  - {id: hold, type: wait, config: {for: 1h}}
"""


async def _go(client: AsyncClient, contact: str) -> Any:
    answer = await client.enrollments.Trigger(TriggerRequest(event=event("go", contact)), timeout=10)
    return answer.verdicts[0]


async def test_a_run_beyond_the_limit_is_pending_for_all_to_see_and_begins_when_a_place_is_free(
    client: AsyncClient,
) -> None:
    await client.workflows.Publish(PublishRequest(source=FLOW), timeout=10)
    first = await _go(client, "ann")
    question = ExplainRequest(entry=EntryQuestion(event=event("go", "bob")))
    (entry,) = (await client.enrollments.Explain(question, timeout=10)).entries
    assert (entry.verdict, entry.rule) == (VerdictKind.VERDICT_KIND_ENROLLED, "max_concurrent")
    assert {rule.name: rule.detail for rule in entry.rules}["max_concurrent"].startswith("1 live enrollment, at most 1")
    second = await _go(client, "bob")
    assert (second.kind, second.rule) == (VerdictKind.VERDICT_KIND_ENROLLED, "max_concurrent")
    listed = await client.enrollments.List(EnrollmentServiceListRequest(status=[PENDING]), timeout=10)
    assert [one.id for one in listed.enrollments] == [second.enrollment_id]
    run = (await client.enrollments.Explain(ExplainRequest(enrollment_id=second.enrollment_id), timeout=10)).run
    assert "limits.max_concurrent" in run.reason
    assert run.reason.endswith("It is the next one.")
    info = (await client.admin.GetServerInfo(GetServerInfoRequest(), timeout=10)).server_info
    assert [(one.rule, one.count) for one in info.pending] == [("max_concurrent", 1)]
    await client.enrollments.Cancel(CancelRequest(enrollment_id=first.enrollment_id), timeout=10)
    watch = EnrollmentServiceWatchRequest(enrollment_id=second.enrollment_id)
    async for told in client.enrollments.Watch(watch, timeout=20):
        if told.event.kind == WatchEventKind.WATCH_EVENT_KIND_WAITING:
            break
    assert (await get(client, second.enrollment_id)).status == WAITING


async def test_a_conflict_is_told_by_verdict_and_explanation(client: AsyncClient) -> None:
    talk = 'steps: [{id: hold, type: wait, config: {for: 1h}}, {id: say, type: send_sms, config: {body: Hi, to: "1"}}]'
    skip = "key: second\ntrigger: {type: second}\nentry: {conflict: {policy: skip, channels: [sms]}}\n"
    for source in (f"key: first\ntrigger: {{type: go}}\n{talk}", f"{skip}{talk}"):
        await client.workflows.Publish(PublishRequest(source=source), timeout=10)
    first = await _go(client, "ann")
    question = ExplainRequest(entry=EntryQuestion(event=event("second", "ann")))
    (entry,) = (await client.enrollments.Explain(question, timeout=10)).entries
    detail = {rule.name: rule.detail for rule in entry.rules}["conflict"]
    assert detail == f"skip: {first.enrollment_id} of 'first' on its channels"
    answer = await client.enrollments.Trigger(TriggerRequest(event=event("second", "ann")), timeout=10)
    assert [(one.kind, one.rule) for one in answer.verdicts] == [(VerdictKind.VERDICT_KIND_BLOCKED, "conflict")]


async def test_an_event_in_its_grace_is_told_by_verdict_and_explanation(client: AsyncClient) -> None:
    source = (
        "key: w\ntrigger: {type: go, conditions: [{field: plan, operator: equals, value: pro}]}\n"
        "entry: {grace: 30m}\nsteps: [{id: hold, type: wait, config: {for: 1h}}]"
    )
    await client.workflows.Publish(PublishRequest(source=source), timeout=10)
    question = ExplainRequest(entry=EntryQuestion(event=event("go", "ann")))
    (entry,) = (await client.enrollments.Explain(question, timeout=10)).entries
    assert (entry.verdict, entry.rule) == (VerdictKind.VERDICT_KIND_BUFFERED, "grace")
    verdict = await _go(client, "ann")
    assert (verdict.kind, verdict.rule) == (VerdictKind.VERDICT_KIND_BUFFERED, "grace")
    assert "tested again" in verdict.reason
    change = TriggerRequest(event=event("seen", "ann", patch={"plan": "pro"}))
    (let_in,) = (await client.enrollments.Trigger(change, timeout=10)).verdicts
    assert (let_in.kind, let_in.rule) == (VerdictKind.VERDICT_KIND_ENROLLED, "grace")


async def test_the_server_s_account_counts_what_was_kept_from_enrolling(client: AsyncClient) -> None:
    source = "key: w\ntrigger: {type: tag_added}\nsteps: [{id: a, type: add_tag, config: {tag: b}}]"
    await client.workflows.Publish(PublishRequest(source=source), timeout=10)
    change = event("seen", "ann", patch={"tags": ["a"]})
    answer = await client.enrollments.Trigger(TriggerRequest(event=change), timeout=10)
    assert not answer.verdicts
    counted: list[tuple[str, int]] = []
    while not counted:
        info = (await client.admin.GetServerInfo(GetServerInfoRequest(), timeout=10)).server_info
        counted = [(one.rule, one.count) for one in info.blocked]
    assert counted == [("causation_own", 1)]
