"""Messages that the gate holds, over gRPC: history, Get, Explain, Forecast, Simulate."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from google.protobuf.json_format import MessageToDict
from statewright.client import AsyncClient
from statewright.v1 import (
    ExplainRequest,
    ForecastRequest,
    GetHistoryRequest,
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
