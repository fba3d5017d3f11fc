"""Conversations and shared variables over gRPC."""

from __future__ import annotations

from typing import Any

import grpc
import pytest
from google.protobuf.struct_pb2 import Value
from statewright.client import AsyncClient
from statewright.v1 import (
    CloseConversationRequest,
    Conversation,
    ConversationStatus,
    EnrollRequest,
    Event,
    GetConversationRequest,
    ListConversationsRequest,
    PublishRequest,
    ScriptedEvent,
    SimulateRequest,
    TriggerRequest,
    VariableScope,
    VariableServiceDeleteRequest,
    VariableServiceGetRequest,
    VariableServiceListRequest,
    VariableServiceSetRequest,
)

from tests.e2e.api.calls import refusal

GLOBAL, OF = VariableScope.VARIABLE_SCOPE_GLOBAL, VariableScope.VARIABLE_SCOPE_CONVERSATION
FLOW = """
key: chat
trigger: {type: message_received}
entry: {reentry: always}
steps:
  - {id: topic, type: set_variable, config: {path: conversation.topic, value: "{{trigger.data.content}}"}}
  - {id: tag, type: add_tag, config: {tag: "{{ global.mark | default: 'plain' }}", target: conversation}}
"""


async def said(
    client: AsyncClient, contact: str, conversation: str, content: str = "Hi", channel: str = "chat"
) -> None:
    event = Event(type="message_received", contact_id=contact, conversation_id=conversation)
    event.data.update({"content": content, "channel": channel})
    await client.enrollments.Trigger(TriggerRequest(event=event), timeout=10)


async def read(client: AsyncClient, name: str = "k1") -> Conversation:
    request = GetConversationRequest(conversation_id=name)
    return (await client.contacts.GetConversation(request, timeout=10)).conversation


async def listed(client: AsyncClient, **filters: Any) -> list[str]:
    found, token = [], ""
    while True:
        request = ListConversationsRequest(page_size=2, page_token=token, **filters)
        page = await client.contacts.ListConversations(request, timeout=10)
        found += [one.id for one in page.conversations]
        token = page.next_page_token
        if not token:
            return found


async def put(client: AsyncClient, name: str, value: Any, **given: Any) -> Any:
    request = VariableServiceSetRequest(name=name, value=as_value(value), **{"scope": GLOBAL, **given})
    return (await client.variables.Set(request, timeout=10)).variable


def as_value(value: Any) -> Value:
    return Value(number_value=value) if isinstance(value, int) else Value(string_value=value)


async def test_conversations_are_read_listed_and_closed(client: AsyncClient) -> None:
    await client.workflows.Publish(PublishRequest(source=FLOW), timeout=10)
    await said(client, "ann", "k1", "my bill")
    await said(client, "ann", "k2", channel="sms")
    await said(client, "bob", "k3")
    first = await read(client)
    assert (first.contact_id, first.channel, list(first.tags)) == ("ann", "chat", ["plain"])
    assert (first.variables["topic"], first.status) == ("my bill", ConversationStatus.CONVERSATION_STATUS_OPEN)
    assert first.HasField("last_message_time")
    closing = CloseConversationRequest(conversation_id="k1", request_id="c1", expected_revision=first.revision)
    closed = [await client.contacts.CloseConversation(closing, timeout=10) for _ in range(2)]
    assert closed[0] == closed[1]
    assert closed[0].changed
    assert await listed(client) == ["k1", "k2", "k3"]
    assert await listed(client, contact_id="ann", channel="sms") == ["k2"]
    assert await listed(client, status=ConversationStatus.CONVERSATION_STATUS_RESOLVED) == ["k1"]
    assert await listed(client, tag="plain", contact_id="bob") == ["k3"]
    assert await listed(client, tag="none") == []


async def test_an_enrolment_names_its_conversation_and_its_contact(client: AsyncClient) -> None:
    await client.workflows.Publish(PublishRequest(source=FLOW), timeout=10)
    request = EnrollRequest(workflow="chat", contact_id="ann", conversation_id="k1")
    answer = await client.enrollments.Enroll(request, timeout=10)
    assert answer.enrollment.conversation_id == "k1"
    assert (await read(client)).contact_id == "ann"
    alone = EnrollRequest(workflow="chat", conversation_id="k1")
    assert (await refusal(client.enrollments.Enroll(alone))).places == ["contact_id"]


async def test_what_cannot_be_done_to_a_conversation_is_told(client: AsyncClient) -> None:
    absent = await refusal(client.contacts.GetConversation(GetConversationRequest(conversation_id="no")))
    assert (absent.code, absent.info.reason, dict(absent.info.metadata)) == (
        grpc.StatusCode.NOT_FOUND, "CONVERSATION_NOT_FOUND", {"conversation_id": "no"},
    )  # fmt: skip
    await said(client, "ann", "k1")
    stale = CloseConversationRequest(conversation_id="k1", expected_revision=9)
    assert (await refusal(client.contacts.CloseConversation(stale))).info.reason == "STALE_REVISION"
    event = Event(type="message_received", contact_id="bob", conversation_id="k1")
    assert (await refusal(client.enrollments.Trigger(TriggerRequest(event=event)))).info.reason == "INVALID_ARGUMENT"
    assert (
        await refusal(client.contacts.CloseConversation(CloseConversationRequest()))
    ).info.reason == "INVALID_ARGUMENT"


async def test_global_variables_are_set_read_listed_used_and_deleted(client: AsyncClient) -> None:
    await client.workflows.Publish(PublishRequest(source=FLOW), timeout=10)
    assert (await put(client, "mark", "gold", request_id="s1")).value.string_value == "gold"
    await put(client, "limit", 5)
    assert (await put(client, "mark", "gold", request_id="s1")).value.string_value == "gold"
    await said(client, "ann", "k1")
    assert list((await read(client)).tags) == ["gold"]
    page = await client.variables.List(VariableServiceListRequest(scope=GLOBAL, page_size=1), timeout=10)
    again = VariableServiceListRequest(scope=GLOBAL, page_size=1, page_token=page.next_page_token)
    rest = await client.variables.List(again, timeout=10)
    assert [one.name for one in (*page.variables, *rest.variables)] == ["limit", "mark"]
    script = [ScriptedEvent(type="message_received", conversation_id="s1")]
    await client.workflows.Simulate(SimulateRequest(key="chat", events=script), timeout=10)
    gone = VariableServiceDeleteRequest(scope=GLOBAL, name="mark")
    assert (await client.variables.Delete(gone, timeout=10)).variable.value.string_value == "gold"
    absent = await refusal(client.variables.Get(VariableServiceGetRequest(scope=GLOBAL, name="mark")))
    assert (absent.info.reason, dict(absent.info.metadata)) == ("VARIABLE_NOT_FOUND", {"variable": "mark"})


async def test_what_a_step_sets_for_all_is_read_by_call_and_by_the_next_run(client: AsyncClient) -> None:
    count = "{path: global.mark.of, value: '{{trigger.data.content}}'}"
    source = FLOW.replace("{path: conversation.topic", "{path: topic").replace("global.mark |", "global.mark.of |")
    source += f"  - {{id: mark, type: set_variable, config: {count}}}\n"
    await client.workflows.Publish(PublishRequest(source=source), timeout=10)
    await said(client, "ann", "k1", "gold")
    found = await client.variables.Get(VariableServiceGetRequest(scope=GLOBAL, name="mark"), timeout=10)
    assert dict(found.variable.value.struct_value) == {"of": "gold"}
    await said(client, "ben", "k2")
    assert list((await read(client, "k2")).tags) == ["gold"]


async def test_variables_of_a_conversation_are_set_read_listed_and_deleted(client: AsyncClient) -> None:
    await said(client, "ann", "k1")
    here: dict[str, Any] = {"scope": OF, "conversation_id": "k1"}
    assert (await put(client, "topic", "bill", **here)).conversation_id == "k1"
    found = await client.variables.Get(VariableServiceGetRequest(name="topic", **here), timeout=10)
    assert found.variable.value.string_value == "bill"
    page = await client.variables.List(VariableServiceListRequest(**here), timeout=10)
    assert [one.name for one in page.variables] == ["topic"]
    gone = await client.variables.Delete(VariableServiceDeleteRequest(name="topic", **here), timeout=10)
    assert gone.variable.value.string_value == "bill"
    assert not (await read(client)).variables.fields


@pytest.mark.parametrize(
    ("request_", "field"),
    [
        (VariableServiceSetRequest(name="a", value=as_value(1)), "scope"),
        (VariableServiceSetRequest(scope=GLOBAL, value=as_value(1)), "name"),
        (VariableServiceSetRequest(scope=GLOBAL, name="a"), "value"),
        (VariableServiceSetRequest(scope=GLOBAL, name="a.b", value=as_value(1)), "name"),
        (VariableServiceSetRequest(scope=GLOBAL, name="1a", value=as_value(1)), "name"),
        (VariableServiceSetRequest(scope=GLOBAL, conversation_id="k", name="a", value=as_value(1)), "conversation_id"),
        (VariableServiceSetRequest(scope=OF, name="a", value=as_value(1)), "conversation_id"),
        (VariableServiceSetRequest(scope=OF, conversation_id="k", name="status", value=as_value(1)), "name"),
        (VariableServiceSetRequest(scope=GLOBAL, name="a", value=as_value("x" * 65 * 1024)), "value"),
    ],
)
async def test_a_variable_that_cannot_be_is_refused(
    client: AsyncClient, request_: VariableServiceSetRequest, field: str
) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await client.variables.Set(request_, timeout=10)
    assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert field in (refused.value.details() or "")
