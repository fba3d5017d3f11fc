"""The event log of a contact over gRPC: what was sent, what steps and writes raised, by filters and in pages."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import grpc
import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from statewright.client import AsyncClient
from statewright.v1 import CountEventsRequest, ListEventsRequest, PublishRequest, TriggerRequest

from tests.e2e.api.calls import event, refusal

FLOW = """
key: w
trigger: {type: go}
entry: {reentry: always}
steps: [{id: tag, type: add_tag, config: {tag: seen}}]
"""


async def happen(client: AsyncClient) -> None:
    """go (which raises contact_created, and tag_added by its step), a message, and somebody else's go."""
    await client.workflows.Publish(PublishRequest(source=FLOW), timeout=10)
    for kind, contact, name in (("go", "ann", "e1"), ("message_received", "ann", "e2"), ("go", "ben", "e3")):
        sent = event(kind, contact, event_id=name, n=name)
        sent.source = "shop"
        await client.enrollments.Trigger(TriggerRequest(event=sent), timeout=10)


async def listed(client: AsyncClient, **filters: Any) -> list[str]:
    request = ListEventsRequest(contact_id="ann", **filters)
    return [one.event.type for one in (await client.contacts.ListEvents(request, timeout=10)).events]


async def test_events_are_listed_the_latest_first_with_what_raised_them(client: AsyncClient) -> None:
    await happen(client)
    found = (await client.contacts.ListEvents(ListEventsRequest(contact_id="ann"), timeout=10)).events
    assert found[0].event.type == "message_received"
    assert {one.event.type for one in found} == {"message_received", "go", "tag_added", "contact_created"}
    by_type = {one.event.type: one for one in found}
    sent, raised = by_type["go"], by_type["tag_added"]
    assert (sent.event.id, sent.event.source, dict(sent.event.data), list(sent.chain)) == (
        "e1",
        "shop",
        {"n": "e1"},
        [],
    )
    assert (raised.event.source, dict(raised.event.data)["tag"], list(raised.chain)) == ("statewright", "seen", ["w"])
    times = [one.accept_time.ToNanoseconds() for one in found]
    assert times == sorted(times, reverse=True)


async def test_filters_choose_by_type_source_and_time(client: AsyncClient) -> None:
    await happen(client)
    assert await listed(client, types=["contact_replied", "go"]) == ["message_received", "go"]
    assert await listed(client, types=["reply"]) == ["message_received"]
    assert set(await listed(client, source="statewright")) == {"tag_added", "contact_created"}
    later = Timestamp()
    later.FromDatetime(datetime.now(UTC) + timedelta(hours=1))
    assert await listed(client, accept_time_from=later) == []
    assert len(await listed(client, accept_time_before=later)) == 4
    assert await listed(client, conversation_id="none") == []


async def test_pages_lead_through_all_of_them_once(client: AsyncClient) -> None:
    await happen(client)
    whole, request = await listed(client), ListEventsRequest(contact_id="ann", page_size=1)
    found: list[str] = []
    while True:
        page = await client.contacts.ListEvents(request, timeout=10)
        found += [one.event.type for one in page.events]
        if not page.next_page_token:
            break
        request.page_token = page.next_page_token
    assert found == whole


async def test_they_are_counted_by_type(client: AsyncClient) -> None:
    await happen(client)
    counted = await client.contacts.CountEvents(CountEventsRequest(contact_id="ann"), timeout=10)
    assert {one.type: one.count for one in counted.types} == dict.fromkeys(
        ("contact_created", "go", "message_received", "tag_added"), 1
    )
    assert counted.total == 4
    few = await client.contacts.CountEvents(CountEventsRequest(contact_id="ann", types=["go"]), timeout=10)
    assert few.total == 1


@pytest.mark.parametrize(
    ("request_", "field"),
    [
        (ListEventsRequest(), "contact_id"),
        (ListEventsRequest(contact_id="ann", page_size=501), "page_size"),
        (ListEventsRequest(contact_id="ann", types=[""]), "types[0]"),
        (ListEventsRequest(contact_id="ann", types=["x"] * 101), "types"),
        (ListEventsRequest(contact_id="ann", page_token="forged"), "page_token"),
    ],
)
async def test_bad_input_is_told_by_field(client: AsyncClient, request_: ListEventsRequest, field: str) -> None:
    refused = await refusal(client.contacts.ListEvents(request_))
    assert refused.code is grpc.StatusCode.INVALID_ARGUMENT
    assert refused.places == [field]


async def test_an_unknown_contact_has_no_log(client: AsyncClient) -> None:
    listing = await refusal(client.contacts.ListEvents(ListEventsRequest(contact_id="zoe")))
    counting = await refusal(client.contacts.CountEvents(CountEventsRequest(contact_id="zoe")))
    assert (listing.info.reason, counting.info.reason) == ("CONTACT_NOT_FOUND", "CONTACT_NOT_FOUND")
