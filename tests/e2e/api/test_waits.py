"""Waits over the wire: until when, in whose zone, and by what they end."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import grpc
from statewright.client import AsyncClient
from statewright.v1 import (
    AdvanceRequest,
    Contact,
    ExplainRequest,
    MoveKind,
    RunExplanation,
    TriggerRequest,
    UpsertRequest,
    VerdictKind,
)

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


TALK = """
key: talk
triggers: [{type: contact_created}]
steps:
  - id: listen
    type: wait
    config: {on: [{event: said, branch: more}], debounce: 1h, max_hold: 2h, timeout: 1d}
    branches: {more: hush, timeout: end}
  - {id: hush, type: wait, config: {quiet: 2d, of: reply}}
"""


async def test_events_of_a_burst_are_answered_debounced_and_the_wait_says_what_it_gathers(client: AsyncClient) -> None:
    await publish(client, TALK)
    entered = await client.enrollments.Trigger(TriggerRequest(event=event("contact_created", "lou")), timeout=10)
    run = entered.verdicts[0].enrollment_id
    for number in range(3):
        said = event("said", "lou", data={"n": number})
        verdicts = (await client.enrollments.Trigger(TriggerRequest(event=said), timeout=10)).verdicts
        assert [(one.kind, one.step) for one in verdicts] == [(VerdictKind.VERDICT_KIND_DEBOUNCED, "listen")]
    account = await told(client, run)
    assert "a burst of said (3 so far)" in account.waiting_for
    assert {move.name for move in account.moves} >= {"debounce", "max_hold"}

    await client.enrollments.Advance(AdvanceRequest(enrollment_id=run, transition="more"), timeout=10)
    account = await told(client, run)
    assert account.waiting_for.startswith("silence until")


async def test_a_burst_without_events_is_refused_with_its_place(client: AsyncClient) -> None:
    refused = await refusal(publish(client, MORNING.replace("{at:", "{debounce: 5s, at:")))
    assert refused.code == grpc.StatusCode.INVALID_ARGUMENT
    assert refused.places == ["steps[0].config.debounce"]


RIPE = """
key: ripe
triggers: [{type: contact_created}]
steps:
  - {id: ripen, type: wait, config: {until_true: "contact.score >= 10", timeout: 30d}}
  - {id: soon, type: wait, config: {until: "{{contact.renewal}}", offset: -3d}}
"""


async def test_a_wait_for_a_condition_and_one_for_a_date_follow_the_contact(client: AsyncClient) -> None:
    await publish(client, RIPE)
    entered = await client.enrollments.Trigger(TriggerRequest(event=event("contact_created", "mia")), timeout=10)
    run = entered.verdicts[0].enrollment_id
    account = await told(client, run)
    assert "asked again when the contact changes" in account.waiting_for
    (change,) = [move for move in account.moves if move.kind == MoveKind.MOVE_KIND_CHANGE]
    assert (change.name, change.outcome, change.target) == ("contact_changed", "done", "soon")

    mia = Contact(id="mia", score=10)
    mia.custom_fields.update({"renewal": "2126-02-04"})
    await client.contacts.Upsert(UpsertRequest(contact=mia), timeout=10)
    account = await told(client, run)
    assert account.until_time.ToDatetime(UTC) == datetime(2126, 2, 1, tzinfo=UTC)
    assert "moves when the contact changes" in account.waiting_for
    mia.custom_fields.update({"renewal": "2126-03-04"})
    await client.contacts.Upsert(UpsertRequest(contact=mia), timeout=10)
    assert (await told(client, run)).until_time.ToDatetime(UTC) == datetime(2126, 3, 1, tzinfo=UTC)
