"""Held messages and caps through the engine, on both stores."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from service.metrics import Metrics
from statemachine.cause import TaskFailure
from tests.service.engine.house import START, House, event

EVENING = datetime(2026, 3, 2, 21, tzinfo=UTC)
MORNING = datetime(2026, 3, 3, 8, tzinfo=UTC)


def texts(key: str, sending: str = "{}", *, priority: int = 0) -> str:
    return f"""
    key: {key}
    trigger: {{type: {key}}}
    entry: {{reentry: always, priority: {priority}}}
    sending: {sending}
    exit: [{{on: stop}}]
    steps:
      - {{id: text, type: send_sms, config: {{to: "+491", body: Hi}}}}
    """


NIGHT = '{quiet_hours: {from: "21:00", to: "08:00"}}'


async def test_a_message_in_the_night_rests_without_a_task_until_the_morning(house: House) -> None:
    await house.publish(texts("news", NIGHT))
    house.clock.now = EVENING
    await house.trigger("news")
    run = house.run()
    assert (run.status, run.step, run.due_at, house.count("tasks")) == ("waiting", "text", MORNING, 0)
    assert (await house.fire(MORNING - EVENING - timedelta(seconds=1))).fired == 0
    assert (await house.fire(1)).fired == 1
    task = await house.take("messages")
    assert task.idempotency_key == f"default/{run.id}/text/1"
    await house.finish(task, {"message_id": "m"})
    assert house.kinds(run) == ["started", "waiting text", "step_started text", "step_completed text", "completed"]


async def test_held_messages_are_taken_back_by_exits_cancelled_and_skipped(house: House) -> None:
    await house.publish(texts("news", NIGHT))
    house.clock.now = EVENING
    for name in ("ann", "bob", "cat"):
        await house.trigger("news", name)
    await house.trigger("stop", "ann")
    await house.operate(house.run(contact="bob"), "cancel")
    await house.change("cat", consent={"sms": "denied"})
    await house.fire(MORNING - EVENING)
    assert [run.status for run in house.runs()] == ["exited", "cancelled", "completed"]
    assert house.count("tasks") == 0


async def test_an_urgent_message_passes_windows_and_caps_and_counts_and_never_passes_consent(house: House) -> None:
    rules = '{quiet_hours: {from: "21:00", to: "08:00"}, caps: {count: 1, per: 1d}}'
    await house.publish(texts("code", rules).replace("type: send_sms", "type: send_sms, urgent: true"))
    await house.publish(texts("news", "{caps: {count: 2, per: 1d}}"))
    house.clock.now = EVENING
    await house.trigger("code", id="1")
    await house.trigger("code", id="2")
    assert len(await house.lease("messages", 9)) == 2
    await house.trigger("news")
    assert house.run("news").due_at == EVENING + timedelta(days=1)
    await house.change(consent={"sms": "denied"})
    await house.trigger("code", id="3")
    assert house.runs("code")[-1].status == "completed"
    assert (await house.lease("messages", 9), len(house.contact().sends["sms"])) == ([], 2)


async def test_a_cap_counts_across_workflows_and_frees_a_slot_exactly_in_time(house: House) -> None:
    await house.publish(texts("plain"))
    await house.publish(texts("careful", "{caps: {count: 1, per: 1d}}"))
    await house.trigger("plain")
    revision = house.contact().revision
    await house.trigger("careful")
    assert house.run("careful").due_at == START + timedelta(days=1)
    assert (house.contact().revision, len(house.contact().sends["sms"])) == (revision, 1)
    assert (await house.fire(timedelta(days=1, microseconds=-1))).fired == 0
    assert (await house.fire(timedelta(microseconds=1))).fired == 1
    assert house.run("careful").task is not None


async def test_two_runs_that_wait_for_one_slot_take_turns_by_priority(house: House) -> None:
    cap = "{caps: {count: 1, per: 1d}}"
    await house.publish(texts("low", cap))
    await house.publish(texts("high", cap, priority=5))
    await house.trigger("low", id="1")
    await house.trigger("low", id="2")
    await house.trigger("high")
    await house.fire(timedelta(days=1))
    assert house.run("high").task is not None
    assert sum(run.task is not None for run in house.runs("low")) == 1
    await house.fire(timedelta(days=1))
    assert all(run.task is not None for run in house.runs())


async def test_a_failed_message_gives_its_slot_back(house: House) -> None:
    await house.publish(texts("careful", "{caps: {count: 1, per: 1d}}"))
    await house.trigger("careful", id="1")
    task = await house.take("messages")
    await house.finish(task, failure=TaskFailure("bad_number", "no such number", retryable=False))
    assert house.contact().sends == {}
    await house.trigger("careful", id="2")
    assert len(house.contact().sends["sms"]) == 1


async def test_many_messages_to_one_contact_at_once_never_get_past_its_cap(house: House) -> None:
    await house.publish(texts("careful", "{caps: {count: 3, per: 1h}}"))
    await house.ask_all([event("careful", id=str(number)) for number in range(10)])
    counts = []
    for _ in range(5):
        counts.append(sum(run.task is not None for run in house.runs()))
        await house.fire(3600)
    assert counts == [3, 6, 9, 10, 10]


async def test_where_nobody_counts_nothing_is_written_to_the_contact(house: House) -> None:
    await house.publish(texts("plain"))
    await house.change("ann")
    before = house.contact()
    await house.trigger("plain")
    assert house.contact() == before


async def test_verdicts_are_counted(house: House) -> None:
    metrics = Metrics()
    replica = await house.replica("r2", metrics=metrics)
    await house.publish(texts("news", NIGHT), of=replica)
    house.clock.now = EVENING
    await house.ask(event("news"), of=replica)
    assert b'statewright_messages_total{channel="sms",rule="quiet_hours",verdict="held"} 1.0' in metrics.render()


async def test_branches_at_once_share_the_caps_of_their_contact(house: House) -> None:
    await house.publish("""
        key: both
        trigger: {type: both}
        sending: {caps: {count: 1, per: 1d}}
        steps:
          - id: at_once
            type: parallel
            config:
              branches:
                one: [{id: first, type: send_sms, config: {to: "+491", body: Hi}}]
                two:
                  - {id: later, type: wait, config: {for: 1h}}
                  - {id: second, type: send_sms, config: {to: "+491", body: Hi}}
                three: [{id: third, type: send_sms, config: {to: "+491", body: Hi}}]
    """)
    await house.trigger("both")
    for after, sent in ((0, 1), (3600, 1), (23 * 3600, 2), (24 * 3600, 3)):
        await house.fire(after)
        assert house.count("tasks") == sent
    assert len(house.contact().sends["sms"]) == 1
