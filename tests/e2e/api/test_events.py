"""Events over gRPC: what Trigger, TriggerBatch and TriggerStream answer."""

from __future__ import annotations

from collections.abc import AsyncIterator

import grpc
from statewright.client import AsyncClient
from statewright.v1 import (
    Event,
    EventResult,
    TriggerBatchRequest,
    TriggerRequest,
    TriggerResponse,
    TriggerStreamRequest,
    VerdictKind,
)

from tests.e2e.api.calls import enrolled, event, get, publish, refusal


async def send(client: AsyncClient, message: Event, **options: bool) -> TriggerResponse:
    return await client.enrollments.Trigger(TriggerRequest(event=message, **options), timeout=10)


async def send_all(client: AsyncClient, *messages: Event) -> list[EventResult]:
    answer = await client.enrollments.TriggerBatch(TriggerBatchRequest(events=messages), timeout=10)
    return list(answer.results)


def new_pro(contact: str, event_id: str = "") -> Event:
    return event("contact_created", contact, event_id=event_id, patch={"plan": "pro"})


async def test_an_event_that_matches_a_trigger_enrols(client: AsyncClient) -> None:
    await publish(client)
    answer = await send(client, new_pro("ann"))
    assert [(one.workflow, one.version, one.kind) for one in answer.verdicts] == [
        ("welcome", 1, VerdictKind.VERDICT_KIND_ENROLLED)
    ]


async def test_a_repeat_is_told_the_first_verdicts_and_does_nothing(client: AsyncClient) -> None:
    await publish(client)
    first = await send(client, new_pro("ann", "e1"))
    again = await send(client, new_pro("ann", "e1"))
    assert (first.duplicate, again.duplicate) == (False, True)
    assert again.verdicts == first.verdicts


async def test_an_id_with_another_body_is_refused(client: AsyncClient) -> None:
    await send(client, new_pro("ann", "e1"))
    refused = await refusal(send(client, new_pro("bob", "e1")))
    assert (refused.code, refused.info.reason) == (grpc.StatusCode.ALREADY_EXISTS, "EVENT_ID_REUSED")


async def test_an_event_without_an_id_gets_one(client: AsyncClient) -> None:
    first, second = await send(client, new_pro("ann")), await send(client, new_pro("ann"))
    assert first.event_id != second.event_id != ""
    assert not second.duplicate


async def test_what_did_not_match_is_told_on_request(client: AsyncClient) -> None:
    await publish(client)
    quiet = await send(client, event("contact_created", "ann"))
    full = await send(client, event("contact_created", "bob"), include_not_matched=True)
    assert [one.kind for one in quiet.verdicts] == []
    assert [one.kind for one in full.verdicts] == [VerdictKind.VERDICT_KIND_NOT_MATCHED]


async def test_an_alias_moves_a_run_that_waits_for_the_canonical_event(client: AsyncClient) -> None:
    await publish(client)
    enrollment_id = await enrolled(client)
    answer = await send(client, event("sms_received", content="hi"))
    assert [one.kind for one in answer.verdicts] == [VerdictKind.VERDICT_KIND_ADVANCED]
    assert (await get(client, enrollment_id)).path == ["greet", "reply", "thank"]


async def test_every_event_of_a_batch_has_its_own_answer_in_order(client: AsyncClient) -> None:
    await publish(client)
    bad = event("contact_created", "bad", event_id="e2")
    bad.data["x"] = float("nan")
    results = await send_all(client, new_pro("ann", "e1"), bad, new_pro("carl", "e3"))
    assert [result.event_id for result in results] == ["e1", "e2", "e3"]
    assert [result.WhichOneof("result") for result in results] == ["accepted", "error", "accepted"]
    assert results[1].error.code == grpc.StatusCode.INVALID_ARGUMENT.value[0]


async def test_events_of_one_contact_apply_in_the_order_of_the_batch(client: AsyncClient) -> None:
    await publish(client)
    results = await send_all(client, new_pro("ann"), event("message_received"), event("message_received"))
    kinds = [[one.kind for one in result.accepted.verdicts] for result in results]
    assert kinds == [[VerdictKind.VERDICT_KIND_ENROLLED], [VerdictKind.VERDICT_KIND_ADVANCED], []]


async def test_a_batch_has_1_to_1000_events(client: AsyncClient) -> None:
    for messages in ([], [event("x")] * 1001):
        refused = await refusal(send_all(client, *messages))
        assert (refused.code, refused.places) == (grpc.StatusCode.INVALID_ARGUMENT, ["events"])


async def test_a_stream_answers_message_by_message_in_order(client: AsyncClient) -> None:
    await publish(client)

    async def messages() -> AsyncIterator[TriggerStreamRequest]:
        for number in range(40):
            yield TriggerStreamRequest(sequence=number, events=[new_pro(f"c{number}-{i}") for i in range(5)])

    answers = [answer async for answer in client.enrollments.TriggerStream(messages(), timeout=30)]
    assert [answer.sequence for answer in answers] == list(range(40))
    assert all(result.accepted.verdicts for answer in answers for result in answer.results)


async def test_events_of_one_contact_apply_in_the_order_of_the_stream(client: AsyncClient) -> None:
    await publish(client)

    async def messages() -> AsyncIterator[TriggerStreamRequest]:
        yield TriggerStreamRequest(events=[new_pro("ann")])
        yield TriggerStreamRequest(events=[event("message_received")])

    answers = [answer async for answer in client.enrollments.TriggerStream(messages(), timeout=10)]
    kinds = [answer.results[0].accepted.verdicts[0].kind for answer in answers]
    assert kinds == [VerdictKind.VERDICT_KIND_ENROLLED, VerdictKind.VERDICT_KIND_ADVANCED]


async def test_a_bad_message_ends_a_stream_with_its_refusal(client: AsyncClient) -> None:
    async def messages() -> AsyncIterator[TriggerStreamRequest]:
        yield TriggerStreamRequest(sequence=1)

    async def read() -> None:
        async for _ in client.enrollments.TriggerStream(messages(), timeout=10):
            pass

    refused = await refusal(read())
    assert (refused.code, refused.places) == (grpc.StatusCode.INVALID_ARGUMENT, ["events"])
