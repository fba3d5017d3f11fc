"""Contacts over gRPC."""

from __future__ import annotations

from typing import Any

import grpc
import pytest
from google.protobuf.field_mask_pb2 import FieldMask
from statewright.client import AsyncClient
from statewright.v1 import (
    ChangeTagsRequest,
    ChannelConsent,
    ConsentStatus,
    Contact,
    ContactServiceGetRequest,
    ContactServiceListRequest,
    SetConsentRequest,
    UpsertBatchRequest,
    UpsertRequest,
    UpsertResponse,
)

from tests.e2e.api.calls import refusal


def contact(contact_id: str = "ann", custom: dict[str, Any] | None = None, **fields: Any) -> Contact:
    message = Contact(id=contact_id, **fields)
    if custom:
        message.custom_fields.update(custom)
    return message


async def upsert(client: AsyncClient, message: Contact, **options: Any) -> UpsertResponse:
    return await client.contacts.Upsert(UpsertRequest(contact=message, **options), timeout=10)


async def test_an_upsert_creates_then_changes_then_leaves_alone(client: AsyncClient) -> None:
    message = contact(email="a@b.c", tags=["b", "a"], custom={"age": 3})
    answers = [await upsert(client, message) for _ in range(2)]
    assert [(one.created, one.changed) for one in answers] == [(True, True), (False, False)]
    stored = answers[0].contact
    assert (stored.email, list(stored.tags), stored.custom_fields["age"], stored.revision) == (
        "a@b.c",
        ["a", "b"],
        3,
        1,
    )


async def test_without_a_mask_only_what_is_set_is_written(client: AsyncClient) -> None:
    await upsert(client, contact(email="a@b.c", custom={"plan": "pro", "age": 3}))
    changed = await upsert(client, contact(phone="+1555", custom={"age": None}))
    assert (changed.contact.email, changed.contact.phone) == ("a@b.c", "+1555")
    assert dict(changed.contact.custom_fields) == {"plan": "pro"}


async def test_a_mask_clears_what_it_names_and_the_message_leaves_unset(client: AsyncClient) -> None:
    await upsert(client, contact(email="a@b.c", phone="+1555", tags=["x"], custom={"plan": "pro", "age": 3}))
    mask = FieldMask(paths=["email", "tags", "custom_fields.plan"])
    changed = (await upsert(client, contact(phone="ignored"), update_mask=mask)).contact
    assert (changed.email, changed.phone, list(changed.tags)) == ("", "+1555", [])
    assert dict(changed.custom_fields) == {"age": 3}


async def test_a_mask_that_names_no_field_is_refused(client: AsyncClient) -> None:
    refused = await refusal(upsert(client, contact(), update_mask=FieldMask(paths=["revision"])))
    assert refused.places == ["update_mask"]


async def test_an_expected_revision_of_0_means_it_must_be_new(client: AsyncClient) -> None:
    await upsert(client, contact(), expected_revision=0)
    refused = await refusal(upsert(client, contact(email="x@y.z"), expected_revision=0))
    assert (refused.code, refused.info.reason) == (grpc.StatusCode.ABORTED, "STALE_REVISION")


async def test_tags_are_added_and_removed_and_only_real_changes_count(client: AsyncClient) -> None:
    await upsert(client, contact(tags=["a"]))
    request = ChangeTagsRequest(contact_id="ann", add=["b"], remove=["a", "none"])
    first = await client.contacts.ChangeTags(request, timeout=10)
    again = await client.contacts.ChangeTags(request, timeout=10)
    assert (list(first.contact.tags), first.changed, again.changed) == (["b"], True, False)


async def test_a_tag_cannot_come_and_go_at_once(client: AsyncClient) -> None:
    request = ChangeTagsRequest(contact_id="ann", add=["a"], remove=["a"])
    assert (await refusal(client.contacts.ChangeTags(request, timeout=10))).places == ["remove"]


async def test_an_unknown_contact_is_not_found(client: AsyncClient) -> None:
    for call in (
        client.contacts.Get(ContactServiceGetRequest(contact_id="no"), timeout=10),
        client.contacts.ChangeTags(ChangeTagsRequest(contact_id="no", add=["a"]), timeout=10),
    ):
        assert (await refusal(call)).info.reason == "CONTACT_NOT_FOUND"


@pytest.mark.parametrize(
    ("filters", "found"),
    [
        ({"tag": "vip"}, ["ann"]),
        ({"list": "news"}, ["bob"]),
        ({"email": "ANN@x.y"}, ["ann"]),
        ({"phone": "+1"}, ["bob"]),
        ({"tag": "vip", "phone": "+1"}, []),
        ({}, ["ann", "bob"]),
    ],
)
async def test_contacts_are_listed_by_filter(client: AsyncClient, filters: dict[str, Any], found: list[str]) -> None:
    await upsert(client, contact("ann", email="Ann@x.y", tags=["vip"]))
    await upsert(client, contact("bob", phone="+1", lists=["news"]))
    answer = await client.contacts.List(ContactServiceListRequest(**filters), timeout=10)
    assert [one.id for one in answer.contacts] == found


async def test_each_contact_of_a_batch_has_its_own_answer(client: AsyncClient) -> None:
    requests = [UpsertRequest(contact=contact("a")), UpsertRequest(), UpsertRequest(contact=contact("b"))]
    answer = await client.contacts.UpsertBatch(UpsertBatchRequest(requests=requests), timeout=10)
    assert [result.WhichOneof("result") for result in answer.results] == ["upserted", "error", "upserted"]


DENIED = ConsentStatus.CONSENT_STATUS_DENIED
GRANTED = ConsentStatus.CONSENT_STATUS_GRANTED


async def test_consent_is_set_by_channel_and_above_all_channels(client: AsyncClient) -> None:
    await upsert(client, contact())
    consents = [ChannelConsent(channel="sms", status=DENIED), ChannelConsent(channel="email", status=GRANTED)]
    request = SetConsentRequest(contact_id="ann", consents=consents, source="form", do_not_contact=True)
    answer = await client.contacts.SetConsent(request, timeout=10)
    said = [(one.channel, one.status, one.source) for one in answer.contact.consents]
    assert (answer.changed, said) == (True, [("email", GRANTED, "form"), ("sms", DENIED, "form")])
    assert answer.contact.do_not_contact.source == "form"
    assert answer.contact.do_not_contact.said_time.seconds > 0

    again = await client.contacts.SetConsent(SetConsentRequest(contact_id="ann", do_not_contact=False), timeout=10)
    read = (await client.contacts.Get(ContactServiceGetRequest(contact_id="ann"), timeout=10)).contact
    assert (again.changed, read.HasField("do_not_contact"), len(read.consents)) == (True, False, 2)
    assert read == again.contact


@pytest.mark.parametrize(
    ("request_", "field"),
    [
        (SetConsentRequest(contact_id="ann"), "consents"),
        (SetConsentRequest(do_not_contact=True), "contact_id"),
        (SetConsentRequest(contact_id="ann", consents=[ChannelConsent(channel="all", status=DENIED)]),
         "consents[0].channel"),
        (SetConsentRequest(contact_id="ann", consents=[ChannelConsent(channel="sms")]), "consents[0].status"),
        (SetConsentRequest(contact_id="ann", consents=[ChannelConsent(channel="sms", status=DENIED)] * 2),
         "consents[1].channel"),
    ],
)  # fmt: skip
async def test_consent_of_the_wrong_shape_is_refused(
    client: AsyncClient, request_: SetConsentRequest, field: str
) -> None:
    refused = await refusal(client.contacts.SetConsent(request_, timeout=10))
    assert refused.code is grpc.StatusCode.INVALID_ARGUMENT
    assert field in refused.places


async def test_consent_of_nobody_is_not_found(client: AsyncClient) -> None:
    refused = await refusal(
        client.contacts.SetConsent(SetConsentRequest(contact_id="nobody", do_not_contact=True), timeout=10)
    )
    assert refused.code is grpc.StatusCode.NOT_FOUND
