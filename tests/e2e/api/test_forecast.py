"""Forecast: a live run carried forward from how it is stored; nothing stored changes."""

from __future__ import annotations

from typing import Any

import grpc
import pytest
from google.protobuf.struct_pb2 import Value
from statewright.client import AsyncClient
from statewright.v1 import (
    CancelRequest,
    Contact,
    EnrollmentServicePauseRequest,
    EnrollmentStatus,
    EnrollRequest,
    ForecastRequest,
    ForecastResponse,
    ScriptedEvent,
    SimulationEnd,
    TriggerRequest,
    UpsertRequest,
    VariableScope,
    VariableServiceSetRequest,
    WorkflowServicePauseRequest,
)

from tests.e2e.api.calls import enrolled, event, everything_stored, publish, refusal

NURTURE = """
key: nurture
name: Nurture
triggers: [{type: signed_up}]
steps:
  - {id: hello, type: send_sms, config: {to: "+491", body: "Hi {{contact.first_name}}"}}
  - {id: rest, type: wait, config: {for: 1d}}
  - {id: offer, type: send_email, when: "contact.plan != 'free'", config: {to: a@b.de, subject: Offer, body: Now}}
  - id: ask
    type: wait
    config: {on: [{event: order_placed, branch: bought}]}
    branches: {bought: end}
"""
DAY = 86_400


async def forecast(client: AsyncClient, enrollment_id: str, **given: Any) -> ForecastResponse:
    request = ForecastRequest(enrollment_id=enrollment_id, **given)
    return await client.enrollments.Forecast(request, timeout=20)


async def nurtured(client: AsyncClient, **fields: Any) -> str:
    await publish(client, NURTURE)
    message = event("signed_up", patch={"first_name": "Ann", "plan": "pro", **fields})
    answer = await client.enrollments.Trigger(TriggerRequest(event=message), timeout=10)
    return str(answer.verdicts[0].enrollment_id)


async def test_the_timeline_to_the_end_has_steps_and_times(client: AsyncClient) -> None:
    await publish(client)
    told = await forecast(client, await enrolled(client))
    assert [(stay.step, stay.outcome) for stay in told.stays] == [("reply", "timeout"), ("give_up", "done")]
    assert told.stays[0].leave_time.seconds - told.stays[0].enter_time.seconds == 2 * DAY
    assert (told.enrollment.status, told.end) == (
        EnrollmentStatus.ENROLLMENT_STATUS_COMPLETED,
        SimulationEnd.SIMULATION_END_SETTLED,
    )
    assert not told.HasField("waits")
    assert told.end_time == told.stays[-1].leave_time


async def test_messages_that_would_go_out_begin_with_the_open_task(client: AsyncClient) -> None:
    told = await forecast(client, await nurtured(client))
    assert [(one.step, one.type) for one in told.attempts] == [("hello", "send_sms"), ("offer", "send_email")]
    assert told.attempts[0].input["body"] == "Hi Ann"
    assert told.attempts[1].time.seconds - told.attempts[0].time.seconds == DAY


async def test_where_it_would_wait_without_a_deadline_is_told(client: AsyncClient) -> None:
    told = await forecast(client, await nurtured(client))
    assert (told.stays[-1].step, told.stays[-1].HasField("leave_time")) == ("ask", False)
    assert (told.waits.HasField("until_time"), "order_placed" in told.waits.waiting_for) == (False, True)
    assert list(told.waits.moved_by) == ["event order_placed", "transition bought"]


async def test_the_contact_is_read_as_it_is_now(client: AsyncClient) -> None:
    name = await nurtured(client)
    change = UpsertRequest(contact=Contact(id="ann"))
    change.contact.custom_fields.update({"plan": "free"})
    await client.contacts.Upsert(change, timeout=10)
    told = await forecast(client, name)
    assert [one.step for one in told.attempts] == ["hello"]
    assert ("offer", "skipped") in [(stay.step, stay.outcome) for stay in told.stays]


async def test_events_and_results_can_be_assumed(client: AsyncClient) -> None:
    name = await nurtured(client)
    bought = ScriptedEvent(type="order_placed")
    bought.after.FromSeconds(3 * DAY)
    request = ForecastRequest(enrollment_id=name, events=[bought])
    request.results.update({"offer": {"error": "mailbox_full", "retryable": True, "times": 1}})
    told = await client.enrollments.Forecast(request, timeout=20)
    assert [one.delivered for one in told.attempts] == [True, False, True]
    assert told.enrollment.status == EnrollmentStatus.ENROLLMENT_STATUS_COMPLETED
    assert "no further events come but those that are scripted" in told.assumptions


async def test_a_paused_run_stays_unless_it_is_assumed_to_go_on(client: AsyncClient) -> None:
    await publish(client)
    name = await enrolled(client)
    await client.enrollments.Pause(EnrollmentServicePauseRequest(enrollment_id=name), timeout=10)
    assert list((await forecast(client, name)).waits.moved_by) == ["resume"]
    assert not (await forecast(client, name, assume_resumed=True)).HasField("waits")


async def test_a_run_of_a_paused_workflow_waits_for_the_workflow(client: AsyncClient) -> None:
    await publish(client)
    name = await enrolled(client)
    await client.workflows.Pause(WorkflowServicePauseRequest(key="welcome"), timeout=10)
    assert list((await forecast(client, name)).waits.moved_by) == ["workflow resume"]
    assert not (await forecast(client, name, assume_resumed=True)).HasField("waits")


async def test_nothing_stored_changes_by_looking_ahead(client: AsyncClient, url: str) -> None:
    name = await nurtured(client)
    before = everything_stored(url)
    await forecast(client, name)
    await forecast(client, name, assume_resumed=True)
    assert everything_stored(url) == before


async def test_an_ended_run_and_an_unknown_one_are_refused(client: AsyncClient) -> None:
    await publish(client)
    name = await enrolled(client)
    await client.enrollments.Cancel(CancelRequest(enrollment_id=name), timeout=10)
    ended = await refusal(forecast(client, name))
    unknown = await refusal(forecast(client, "0190b0a0-0000-7000-8000-000000000000"))
    assert (ended.code, "cancelled" in ended.message) == (grpc.StatusCode.FAILED_PRECONDITION, True)
    assert unknown.info.reason == "ENROLLMENT_NOT_FOUND"


@pytest.mark.parametrize(
    ("given", "place"),
    [
        ({"max_transitions": -1}, "max_transitions"),
        ({"max_transitions": 20_001}, "max_transitions"),
        ({"events": [ScriptedEvent()]}, "events[0]"),
        ({"results": {"nowhere": {}}}, "results.nowhere"),
    ],
)
async def test_an_assumption_that_cannot_be_read_names_its_place(
    client: AsyncClient, given: dict[str, Any], place: str
) -> None:
    await publish(client)
    name = await enrolled(client)
    request = ForecastRequest(enrollment_id=name, **{key: value for key, value in given.items() if key != "results"})
    request.results.update(given.get("results", {}))
    refused = await refusal(client.enrollments.Forecast(request, timeout=20))
    assert (refused.code, refused.places[0]) == (grpc.StatusCode.INVALID_ARGUMENT, place)


OUTER = """
key: outer
steps:
  - id: both
    type: parallel
    config:
      branches:
        ask: [{id: call, type: task, config: {queue: calls}}]
        sub: [{id: inner, type: sub_workflow, config: {workflow: nested}}]
  - {id: later, type: wait, config: {for: 1d}}
  - {id: other, type: sub_workflow, config: {workflow: innermost}}
  - {id: after, type: add_tag, config: {tag: both}}
"""
NESTED = """
key: nested
steps:
  - {id: rest, type: wait, config: {for: 2d}}
  - {id: hello, type: send_sms, config: {to: "+491", body: "Hi {{contact.first_name}} from {{global.shop}}"}}
"""
INNERMOST = "{key: innermost, steps: [{id: bye, type: send_sms, config: {to: '+491', body: '{{conversation.tags}}'}}]}"


async def test_children_come_along_and_workflows_that_are_not_started_yet_are_seen_through(
    client: AsyncClient, url: str
) -> None:
    for source in (INNERMOST, NESTED, OUTER):
        await publish(client, source)
    shop = VariableServiceSetRequest(
        scope=VariableScope.VARIABLE_SCOPE_GLOBAL, name="shop", value=Value(string_value="Foo")
    )
    await client.variables.Set(shop, timeout=10)
    await client.contacts.Upsert(UpsertRequest(contact=Contact(id="ann", first_name="Ann")), timeout=10)
    enroll = EnrollRequest(workflow="outer", contact_id="ann", conversation_id="talk")
    run = (await client.enrollments.Enroll(enroll, timeout=10)).enrollment
    before = everything_stored(url)
    told = await forecast(client, run.id)
    assert everything_stored(url) == before
    assert [stay.step for stay in told.stays] == ["both", "later", "other", "after"]
    spans = [stay.leave_time.seconds - stay.enter_time.seconds for stay in told.stays]
    assert spans == [2 * DAY, DAY, 0, 0]
    assert [(one.workflow, one.step) for one in told.attempts] == [
        ("outer", "call"),
        ("nested", "hello"),
        ("innermost", "bye"),
    ]
    assert told.attempts[1].input["body"] == "Hi Ann from Foo"
    assert told.enrollment.status == EnrollmentStatus.ENROLLMENT_STATUS_COMPLETED
