"""Explain: why somebody would (not) enter, what a run waits for; and that asking changes nothing."""

from __future__ import annotations

from typing import Any

import grpc
import pytest
from statewright.client import AsyncClient
from statewright.v1 import (
    CancelRequest,
    EnrollmentServiceListRequest,
    EnrollmentServicePauseRequest,
    EnrollRequest,
    EntryExplanation,
    EntryQuestion,
    ExplainRequest,
    ExplainResponse,
    MessageVerdict,
    MoveKind,
    PublishRequest,
    RunExplanation,
    TriggerRequest,
    VerdictKind,
)

from tests.e2e.api.calls import WELCOME, enrolled, event, everything_stored, publish, refusal

RESTARTING = """
key: again
entry: {reentry: restart}
trigger: {type: go}
steps: [{id: rest, type: wait, config: {for: 1d}}]
"""


async def entry(client: AsyncClient, contact: str, plan: str = "", workflow: str = "") -> EntryExplanation:
    message = event("contact_added", contact, patch={"plan": plan} if plan else None)
    question = ExplainRequest(entry=EntryQuestion(event=message, workflow=workflow))
    (only,) = (await client.enrollments.Explain(question, timeout=10)).entries
    return only


async def effect_of(client: AsyncClient, kind: str, contact: str = "ann", **data: Any) -> ExplainResponse:
    question = EntryQuestion(event=event(kind, contact, **data))
    return await client.enrollments.Explain(ExplainRequest(entry=question), timeout=10)


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


async def enrolment(client: AsyncClient, contact: str = "ann", workflow: str = "welcome") -> ExplainResponse:
    question = EntryQuestion(workflow=workflow, contact_id=contact)
    return await client.enrollments.Explain(ExplainRequest(entry=question), timeout=10)


async def test_an_enrolment_by_hand_is_explained_whatever_the_triggers(client: AsyncClient, url: str) -> None:
    await publish(client)
    before = everything_stored(url)
    (told,) = (await enrolment(client, "zoe")).entries
    assert (told.would_enroll, told.verdict, told.reason) == (
        True,
        VerdictKind.VERDICT_KIND_ENROLLED,
        "no rule keeps the contact out",
    )
    assert everything_stored(url) == before
    assert (
        await client.enrollments.Enroll(EnrollRequest(workflow="welcome", contact_id="zoe"), timeout=10)
    ).enrollment.id


async def test_an_enrolment_by_hand_that_would_be_refused_names_the_rule_as_the_refusal_does(
    client: AsyncClient,
) -> None:
    await publish(client)
    standing = await enrolled(client)
    (told,) = (await enrolment(client)).entries
    refused = await client.enrollments.Enroll(EnrollRequest(workflow="welcome", contact_id="ann"), timeout=10)
    assert (told.would_enroll, told.verdict, told.rule) == (False, refused.verdict.kind, refused.verdict.rule)
    assert (told.blocking_enrollment_id, [rule.name for rule in told.rules if rule.blocks]) == (standing, ["reentry"])


async def test_an_enrolment_by_hand_shows_the_run_that_it_would_restart(client: AsyncClient) -> None:
    await client.workflows.Publish(PublishRequest(source=RESTARTING), timeout=10)
    enrolment_request = EnrollRequest(workflow="again", contact_id="ann")
    standing = (await client.enrollments.Enroll(enrolment_request, timeout=10)).enrollment.id
    told = await enrolment(client, workflow="again")
    assert ([one.would_enroll for one in told.entries], [one.enrollment_id for one in told.effects]) == (
        [True],
        [standing],
    )


async def test_an_enrolment_into_no_workflow_is_not_found(client: AsyncClient) -> None:
    refused = await refusal(enrolment(client, workflow="nope"))
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


async def test_nothing_stored_changes_by_asking(client: AsyncClient, url: str) -> None:
    await publish(client)
    name = await enrolled(client)
    before = everything_stored(url)
    await entry(client, "zoe", "pro")
    await effect_of(client, "message_received")
    await effect_of(client, "contact_unsubscribed", "nobody")
    await run(client, name)
    assert everything_stored(url) == before


async def test_an_entry_shows_its_triggers_and_every_entry_rule(client: AsyncClient) -> None:
    await publish(client, WELCOME.replace("reentry: after_exit", "reentry: after_exit, cooldown: 7d, max_entries: 3"))
    await enrolled(client)
    told = await entry(client, "ann")
    assert [(trigger.id, trigger.matches) for trigger in told.triggers] == [("trigger_1", True)]
    assert [(rule.name, rule.blocks) for rule in told.rules] == [
        ("workflow_paused", False),
        ("max_entries", False),
        ("reentry", True),
        ("cooldown", False),
    ]
    (compare,) = told.triggers[0].checks[0].children
    assert (compare.subject, compare.operator, compare.expected.string_value) == ("contact.plan", "equals", "pro")


async def test_an_event_that_enrols_nobody_shows_the_exits_and_waits_it_touches(client: AsyncClient) -> None:
    await publish(client)
    name = await enrolled(client)
    (answered,) = (await effect_of(client, "message_received")).effects
    (left,) = (await effect_of(client, "contact_unsubscribed")).effects
    assert (answered.enrollment_id, answered.step) == (name, "reply")
    assert [(case.name, case.applies) for case in answered.cases] == [("answered", True)]
    assert (left.verdict.kind, left.exits[0].name) == (VerdictKind.VERDICT_KIND_EXITED, "unsubscribed")


NEWS = """
key: news
trigger: {type: news}
sending: {rates: [{count: 1, per: 1h, channel: sms}]}
steps:
  - {id: hear, type: wait, config: {on: [{event: more}], timeout: 5d}}
  - {id: text, type: send_sms, config: {to: "+491", body: Hi}}
"""
HELLO = """
key: hello
triggers: [{type: news}, {type: more}]
steps: [{id: mail, type: send_email, config: {to: a@example.com, subject: Hi, body: Hi}}]
"""


async def test_messages_that_would_be_sent_are_told_with_the_rate_that_holds_them(client: AsyncClient) -> None:
    for source in (NEWS, HELLO):
        await client.workflows.Publish(PublishRequest(source=source), timeout=10)
    for contact in ("ann", "bob"):
        await client.enrollments.Trigger(TriggerRequest(event=event("news", contact)), timeout=10)
    (free,) = [one for one in (await effect_of(client, "more")).messages if one.channel == "sms"]
    assert (free.verdict, free.step, free.rule) == (MessageVerdict.MESSAGE_VERDICT_SENT, "text", "")
    await client.enrollments.Trigger(TriggerRequest(event=event("more", "ann")), timeout=10)
    told = await effect_of(client, "more", "bob")
    assert [(one.workflow, one.channel, one.rule, one.enrollment_id != "") for one in told.messages] == [
        ("news", "sms", "provider_rate", True),
    ]
    (held,) = told.messages
    assert (held.verdict, held.reason) == (
        MessageVerdict.MESSAGE_VERDICT_HELD,
        "the provider takes 1 sms message within 1h",
    )
    assert held.until_time.seconds > 0
    (fresh,) = (await effect_of(client, "more", "zoe")).messages
    assert (fresh.workflow, fresh.enrollment_id, fresh.verdict) == (
        "hello",
        "",
        MessageVerdict.MESSAGE_VERDICT_SENT,
    )


async def test_effects_can_be_asked_for_one_workflow_only(client: AsyncClient) -> None:
    await publish(client)
    await publish(client, WELCOME.replace("key: welcome", "key: other"))
    await enrolled(client)
    question = EntryQuestion(event=event("message_received"), workflow="other")
    told = await client.enrollments.Explain(ExplainRequest(entry=question), timeout=10)
    assert [effect.workflow for effect in told.effects] == ["other"]
    assert [one.rule for one in told.entries] == ["conditions"]


async def test_an_entry_sees_what_workflows_before_it_do_even_when_only_one_is_asked_about(client: AsyncClient) -> None:
    first = WELCOME.replace("key: welcome", "key: first").replace("reentry: after_exit", "priority: 5")
    marks = """    type: update_field
    config: {field: plan, value: free}
"""
    start = first.index("    type: set_variable")
    first = first[:start] + marks + first[first.index("  - id: reply") :]
    await publish(client)
    await publish(client, first)
    told = await entry(client, "zoe", "pro", workflow="welcome")
    assert told.verdict == VerdictKind.VERDICT_KIND_NOT_MATCHED
    assert told.reason == 'contact.plan equals "pro" does not hold: it is "free"'


async def test_a_workflow_without_an_active_version_is_said_to_have_none(client: AsyncClient) -> None:
    await client.workflows.Publish(PublishRequest(source=WELCOME, activate=False), timeout=10)
    assert (await entry(client, "zoe", "pro", workflow="welcome")).rule == "no_active_version"


async def test_a_large_value_is_told_by_its_beginning(client: AsyncClient) -> None:
    await publish(client)
    told = await entry(client, "zoe", "x" * 5000)
    actual = told.conditions[0].children[0].actual.string_value
    assert (len(actual), actual[-1]) == (501, "…")


async def test_each_move_says_where_it_leads(client: AsyncClient) -> None:
    await publish(client)
    told = await run(client, await enrolled(client))
    moves = {(MoveKind.Name(move.kind).removeprefix("MOVE_KIND_"), move.name): move for move in told.moves}
    assert {name: move.target for name, move in moves.items()} == {
        ("EVENT", "message_received"): "thank",
        ("EXIT", "contact_unsubscribed"): "",
        ("TIMER", "wait"): "give_up",
        ("TRANSITION", "answered"): "thank",
        ("TRANSITION", "timeout"): "give_up",
    }
    assert moves["TIMER", "wait"].time == told.until_time


@pytest.mark.parametrize(
    ("request_", "place"),
    [
        (ExplainRequest(), "subject"),
        (ExplainRequest(enrollment_id=""), "enrollment_id"),
        (ExplainRequest(entry=EntryQuestion()), "entry.event"),
        (ExplainRequest(entry=EntryQuestion(event=event(""))), "entry.event.type"),
    ],
)
async def test_a_question_that_cannot_be_read_names_the_place(
    client: AsyncClient, request_: ExplainRequest, place: str
) -> None:
    refused = await refusal(client.enrollments.Explain(request_, timeout=10))
    assert (refused.code, refused.places) == (grpc.StatusCode.INVALID_ARGUMENT, [place])
