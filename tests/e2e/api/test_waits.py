"""Waits over the wire: until when, in whose zone, and by what they end."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import grpc
from statewright.client import AsyncClient
from statewright.v1 import ExplainRequest, RunExplanation, TriggerRequest

from tests.e2e.api.calls import event, publish, refusal

MORNING = """
key: morning
triggers: [{type: contact_created}]
steps:
  - {id: morning, type: wait, config: {at: {time: "09:00", days: [sat, sun]}}}
  - {id: mark, type: add_tag, config: {tag: awake}}
"""


async def told(client: AsyncClient, enrollment_id: str) -> RunExplanation:
    return (await client.enrollments.Explain(ExplainRequest(enrollment_id=enrollment_id), timeout=10)).run


async def test_a_wait_for_a_time_of_day_ends_at_that_time_where_the_contact_is(client: AsyncClient) -> None:
    await publish(client, MORNING)
    before = datetime.now(UTC)
    entered = TriggerRequest(event=event("contact_created", "kim", patch={"timezone": "Asia/Kathmandu"}))
    answer = await client.enrollments.Trigger(entered, timeout=10)
    until = (await told(client, answer.verdicts[0].enrollment_id)).until_time.ToDatetime(UTC)
    local = until.astimezone(ZoneInfo("Asia/Kathmandu"))
    assert (local.time(), local.weekday() in (5, 6)) == (time(9), True)
    assert before <= until <= before + timedelta(days=7)


async def test_a_time_of_day_that_is_none_is_refused_with_its_place(client: AsyncClient) -> None:
    refused = await refusal(publish(client, MORNING.replace("09:00", "9 am")))
    assert refused.code == grpc.StatusCode.INVALID_ARGUMENT
    assert refused.places == ["steps[0].config.at.time"]
