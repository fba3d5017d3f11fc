"""Entry by a date of the contact, over gRPC: it is told before it happens, and happens by itself."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from statewright.client import AsyncClient
from statewright.v1 import (
    EnrollmentServiceWatchRequest,
    EntryQuestion,
    ExplainRequest,
    PublishRequest,
    TriggerRequest,
    WatchEventKind,
)

from tests.e2e.api.calls import event, get

FLOW = """
key: renewal
trigger: {id: soon, type: date, config: {field: renewal, offset: -1h}}
steps: [{id: hold, type: wait, config: {for: 1h}}]
"""


async def test_a_contact_enters_by_its_date_and_is_told_before(client: AsyncClient) -> None:
    await client.workflows.Publish(PublishRequest(source=FLOW), timeout=10)
    renewal = await _renews(client, timedelta(days=30))
    question = ExplainRequest(entry=EntryQuestion(workflow="renewal", contact_id="ann"))
    (coming,) = (await client.enrollments.Explain(question, timeout=10)).dates
    assert (coming.workflow, coming.trigger, coming.date) == ("renewal", "soon", renewal.isoformat())
    assert coming.due_time.ToDatetime(tzinfo=UTC) == renewal - timedelta(hours=1)
    watch = EnrollmentServiceWatchRequest(workflow="renewal")
    async for told in client.enrollments.Watch(watch, timeout=20):
        if not told.HasField("event"):  # the watch stands
            renewal = await _renews(client, timedelta(hours=1, seconds=2))
        if told.event.kind == WatchEventKind.WATCH_EVENT_KIND_STARTED:
            run = await get(client, told.event.enrollment_id)
            break
    assert (run.contact_id, run.trigger.type) == ("ann", "date")
    assert run.start_time.ToDatetime(tzinfo=UTC) >= renewal - timedelta(hours=1)
    assert not (await client.enrollments.Explain(question, timeout=10)).dates


async def _renews(client: AsyncClient, span: timedelta) -> datetime:
    """Give ann the date that is so far ahead."""
    renewal = (datetime.now(UTC) + span).replace(microsecond=0)
    patch = {"renewal": renewal.isoformat()}
    await client.enrollments.Trigger(TriggerRequest(event=event("seen", "ann", patch=patch)), timeout=10)
    return renewal
