"""Messages that the gate holds, over gRPC: history, Get, Explain, Forecast, Simulate."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from google.protobuf.json_format import MessageToDict
from statewright.client import AsyncClient
from statewright.v1 import (
    ConsentStatus,
    ContactServiceGetRequest,
    EnrollmentStatus,
    ExplainRequest,
    ForecastRequest,
    GetHistoryRequest,
    ListEventsRequest,
    TriggerRequest,
)

from tests.e2e.api.calls import event, get, publish


def closed_now() -> str:
    """A workflow whose messages may not go out for the next two hours or so."""
    now = datetime.now(UTC)
    start, end = (f"{now + timedelta(minutes=span):%H:%M}" for span in (-90, 120))
    return f"""
        key: news
        trigger: {{type: go}}
        sending: {{quiet_hours: {{from: "{start}", to: "{end}"}}}}
        steps: [{{id: text, type: send_sms, config: {{to: "+491", body: Hi}}}}]
    """


async def test_a_held_message_says_until_when_and_why_everywhere(client: AsyncClient) -> None:
    await publish(client, closed_now())
    answer = await client.enrollments.Trigger(TriggerRequest(event=event("go")), timeout=10)
    run = await get(client, answer.verdicts[0].enrollment_id)
    assert (run.step, run.HasField("due_time")) == ("text", True)

    history = await client.enrollments.GetHistory(GetHistoryRequest(enrollment_id=run.id), timeout=10)
    told = MessageToDict(history.entries[-1].metadata)
    assert (told["verdict"], told["rule"], told["channel"]) == ("held", "quiet_hours", "sms")

    explained = await client.enrollments.Explain(ExplainRequest(enrollment_id=run.id), timeout=10)
    assert "its message to go out: it is held until" in str(explained)
    assert "quiet hours" in str(explained)

    foreseen = await client.enrollments.Forecast(ForecastRequest(enrollment_id=run.id), timeout=10)
    assert "ENROLLMENT_STATUS_COMPLETED" in str(foreseen)


LIMITED = """
key: {key}
trigger: {{type: {key}}}
entry: {{reentry: always}}
sending: {rules}
steps: [{{id: text, type: send_sms, config: {{to: "+491", body: Hi}}}}]
"""


async def trigger(client: AsyncClient, kind: str, contact: str) -> str:
    answer = await client.enrollments.Trigger(TriggerRequest(event=event(kind, contact)), timeout=10)
    return answer.verdicts[0].enrollment_id


async def test_a_message_over_a_cap_or_over_what_a_provider_takes_says_so_everywhere(client: AsyncClient) -> None:
    await publish(client, LIMITED.format(key="plain", rules="{}"))
    await publish(client, LIMITED.format(key="capped", rules="{caps: {count: 1, per: 1d, channel: sms}}"))
    await publish(client, LIMITED.format(key="rated", rules="{rates: {count: 2, per: 1h, channel: sms}}"))
    await trigger(client, "plain", "ann")
    capped = await trigger(client, "capped", "ann")
    await trigger(client, "plain", "bob")
    rated = [await trigger(client, "rated", contact) for contact in ("cat", "dan")]
    expected = {
        capped: ("cap", "the contact has got 1 sms message within 1d", timedelta(days=1)),
        rated[0]: ("provider_rate", "the provider takes 2 sms messages within 1h", timedelta(hours=1)),
        rated[1]: ("provider_rate", "the provider takes 2 sms messages within 1h", timedelta(hours=1.5)),
    }
    for run_id, (rule, reason, held_for) in expected.items():
        run = await get(client, run_id)
        due = run.due_time.ToDatetime(UTC)
        assert abs(due - run.start_time.ToDatetime(UTC) - held_for) < timedelta(minutes=1)
        history = await client.enrollments.GetHistory(GetHistoryRequest(enrollment_id=run_id), timeout=10)
        told = MessageToDict(history.entries[-1].metadata)
        assert (told["verdict"], told["rule"], told["reason"]) == ("held", rule, reason)
        explained = await client.enrollments.Explain(ExplainRequest(enrollment_id=run_id), timeout=10)
        assert explained.run.reason.endswith(f": {reason}.")
        foreseen = await client.enrollments.Forecast(ForecastRequest(enrollment_id=run_id), timeout=10)
        assert foreseen.stays[-1].leave_time.ToDatetime(UTC) == due
        assert any("provider's rate" in one for one in foreseen.assumptions) is (rule == "provider_rate")


async def test_a_contact_who_answers_stop_is_told_nothing_more_by_that_channel(client: AsyncClient) -> None:
    await publish(client, "key: rules\nstop_words: sms\nsteps: [{id: none, type: pass}]")
    await publish(client, LIMITED.format(key="plain", rules="{}"))
    stop = event("sms_received", content="Stop!")
    await client.enrollments.Trigger(TriggerRequest(event=stop), timeout=10)
    contact = (await client.contacts.Get(ContactServiceGetRequest(contact_id="ann"), timeout=10)).contact
    assert [(one.channel, one.status) for one in contact.consents] == [("sms", ConsentStatus.CONSENT_STATUS_DENIED)]
    told = await client.contacts.ListEvents(
        ListEventsRequest(contact_id="ann", types=["contact_unsubscribed"]), timeout=10
    )
    assert [dict(one.event.data) for one in told.events] == [{"channel": "sms", "word": "stop"}]
    run = await get(client, await trigger(client, "plain", "ann"))
    assert run.status == EnrollmentStatus.ENROLLMENT_STATUS_COMPLETED
    history = await client.enrollments.GetHistory(GetHistoryRequest(enrollment_id=run.id, step="text"), timeout=10)
    assert MessageToDict(history.entries[-1].metadata)["rule"] == "consent"
