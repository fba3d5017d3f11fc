"""Provider rates through the engine, on both stores: one line for all contacts, workflows and replicas."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from itertools import pairwise

import pytest

from service.engine.batch import Batch
from service.engine.catalog import Catalog
from service.engine.commands import Command
from service.engine.provider_lines import ProviderLines
from service.engine.room import Room
from service.metrics import Metrics
from service.storage.database import Database, Transaction
from service.storage.dialect import instant, load
from statemachine.cause import TaskFailure
from tests.service.engine.house import START, House, event

SECOND = timedelta(seconds=1)


def texts(key: str, sending: str = "{rates: {count: 5, per: 1s, channel: sms}}", type: str = "send_sms") -> str:  # noqa: A002
    return f"""
    key: {key}
    trigger: {{type: {key}}}
    entry: {{reentry: always}}
    sending: {sending}
    exit: [{{on: stop}}]
    steps:
      - {{id: text, type: {type}, config: {{to: "+491", body: Hi}}}}
    """


def left(house: House) -> list[datetime]:
    """When each message left, in order."""
    found = (instant(row[0]) for row in house.rows("select available_at from tasks order by available_at"))
    return [at for at in found if at is not None]


def most_within(left: list[datetime], span: timedelta) -> int:
    return max(sum(one <= other < one + span for other in left) for one in left)


async def test_a_batch_of_500_messages_leaves_as_fast_as_its_provider_takes_them(house: House) -> None:
    await house.publish(texts("news", "{rates: {count: 100, per: 1s, channel: sms}}"))
    await house.ask_all([event("news", f"c{number}") for number in range(500)])
    assert left(house) == [START] * 100
    slots = sorted(run.due_at for run in house.runs() if run.due_at is not None)
    assert len(slots) == 400
    assert slots[0] == START + timedelta(seconds=1.05)
    assert {after - before for before, after in pairwise(slots)} == {timedelta(microseconds=10_500)}
    state = house.rows("select state from provider_rates")
    assert len(state) == 1
    assert len(str(state[0][0])) < 5_000
    await house.fire(slots[199] - START)
    assert 100 < len(left(house)) <= 200
    while len(left(house)) < 500:
        due = min(run.due_at for run in house.runs() if run.due_at is not None)
        await house.fire(max(due, house.clock.now + timedelta(milliseconds=300)) - house.clock.now)
    assert most_within(left(house), SECOND) <= 100


async def test_two_replicas_and_two_workflows_together_never_exceed_the_rate(house: House) -> None:
    other = await house.replica("r2")
    await house.publish(texts("one"))
    await house.publish(texts("two"))
    for turn in range(3):
        commands = [event(("one", "two")[number % 2], f"c{number}", id=f"{turn}-{number}") for number in range(14)]
        await asyncio.gather(house.ask_all(commands[:7]), house.ask_all(commands[7:], of=other))
        house.clock.move(0.4)
    while len(left(house)) < 42:
        due = min(run.due_at for run in house.runs() if run.due_at is not None)
        house.clock.move(max(due - house.clock.now, timedelta(milliseconds=70)))
        await asyncio.gather(house.engine.fire_due(), other.fire_due())
        await house.settle()
    assert most_within(left(house), SECOND) == 5
    assert house.count("provider_rates") == 1


def amid_saving(house: House, monkeypatch: pytest.MonkeyPatch, what: Command) -> None:
    """When the next batch has decided and is about to save, another replica carries out a command."""
    settle, other = ProviderLines.settle, Database(house.database.url)

    def meanwhile(lines: ProviderLines, transaction: Transaction) -> None:
        monkeypatch.setattr(ProviderLines, "settle", settle)
        if transaction.kind == "postgresql":
            room = Room(Catalog(), house.clock, "other")
            with other.transaction() as theirs:
                Batch(room, [what]).run(theirs)
            other.close()
        settle(lines, transaction)

    monkeypatch.setattr(ProviderLines, "settle", meanwhile)


@pytest.mark.parametrize(
    ("count", "sent", "held"),
    [(5, 4, 0), (2, 2, 2)],
    ids=["there is room for both", "there is not, and the batch is decided again"],
)
async def test_what_two_batches_send_without_seeing_each_other_counts_together(
    house: House, monkeypatch: pytest.MonkeyPatch, count: int, sent: int, held: int
) -> None:
    await house.publish(texts("news", f"{{rates: {{count: {count}, per: 1s, channel: sms}}}}"))
    await house.trigger("news", "first")
    one_lane = await house.replica("one lane", lanes=1)
    amid_saving(house, monkeypatch, event("news", "amid"))
    await house.ask_all([event("news", "one"), event("news", "two")], of=one_lane)
    if house.database.kind == "sqlite":  # one writer: nobody is amid anything
        await house.trigger("news", "amid")
    runs = house.runs()
    assert (sum(run.task is not None for run in runs), sum(run.due_at is not None for run in runs)) == (sent, held)
    ((state,),) = house.rows("select state from provider_rates")
    line = load(state) if isinstance(state, str) else state
    assert (len(line["left"]), len(line["waiting"])) == (sent, held)


async def test_a_message_that_fires_while_another_replica_sends_counts_with_it(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    await house.publish(
        texts("news", "{rates: {count: 1, per: 1s, channel: sms}, quiet_hours: {from: '8:00', to: '11:00'}}")
    )
    await house.publish(texts("urgent", "{rates: {count: 1, per: 1s, channel: sms}}"))
    await house.trigger("news", "ann")
    amid_saving(house, monkeypatch, event("urgent", "amid"))
    await house.fire(7200)
    if house.database.kind == "sqlite":
        await house.trigger("urgent", "amid")
    assert sorted(run.task is not None for run in house.runs()) == [False, True]
    assert sum(run.due_at is not None for run in house.runs()) == 1


async def test_a_batch_that_sends_nothing_leaves_the_line_alone(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    await house.publish(texts("news"))
    await house.publish("""
        key: later
        trigger: {type: later}
        sending: {rates: {count: 5, per: 1s, channel: sms}}
        steps: [{id: nap, type: wait, config: {for: 1d}}, {id: text, type: send_sms, config: {to: "1", body: Hi}}]
    """)
    locked: list[object] = []
    monkeypatch.setattr("service.engine.provider_lines.lock_lines", lambda _, names: locked.append(names))
    await house.trigger("later")
    assert locked == []
    await house.trigger("news", "bob")
    assert locked == ([] if house.database.kind == "sqlite" else [[("default", "sms")]])


async def test_messages_of_a_workflow_without_a_rate_take_slots_of_those_with_one(house: House) -> None:
    await house.publish(texts("plain", "{}"))
    await house.trigger("plain", "before")
    assert house.count("provider_rates") == 0
    await house.publish(texts("careful", "{rates: {count: 1, per: 1m, channel: sms}}"))
    await house.publish(texts("mail", "{}", type="send_email"))
    await house.trigger("mail", "mia")
    assert house.count("provider_rates") == 0
    await house.trigger("plain", "ann")
    await house.trigger("careful", "bob")
    assert house.run("careful").due_at == START + timedelta(minutes=1, milliseconds=50)
    await house.trigger("plain", "cat")
    await house.trigger("stop", "bob")
    await house.trigger("careful", "dan")
    assert house.run(contact="dan").due_at == START + timedelta(minutes=1, milliseconds=50)
    assert (await house.fire(timedelta(minutes=1, milliseconds=50))).fired == 1
    assert house.run(contact="dan").task is not None


async def test_branches_inner_workflows_and_runs_without_a_contact_stand_in_the_same_line(house: House) -> None:
    rate = "{rates: {count: 1, per: 1s, channel: sms}}"
    await house.publish(texts("inner", rate))
    await house.publish("""
        key: outer
        trigger: {type: outer}
        steps:
          - id: at_once
            type: parallel
            config:
              branches:
                one: [{id: first, type: sub_workflow, config: {workflow: inner}}]
                two: [{id: second, type: sub_workflow, config: {workflow: inner}}]
    """)
    await house.trigger("outer")
    await house.enroll("inner", None)
    for seconds, sent in ((0, 1), (1.05, 2), (1.05, 3)):
        await house.fire(seconds)
        assert house.count("tasks") == sent


async def test_a_pinned_version_keeps_its_rate_when_the_active_one_has_none(house: House) -> None:
    rate = "{rates: {count: 1, per: 1s, channel: sms}}"
    await house.publish(texts("news", rate))
    await house.publish(texts("news", "{}"))
    replica = await house.replica("fresh")
    for contact in ("ann", "bob"):
        await house.enroll("news", contact, version=1)
    assert [run.task is not None for run in house.runs()] == [True, False]
    assert (await replica.fire_due()).fired == 0
    await house.fire(1.05)
    assert all(run.task is not None for run in house.runs())


async def test_the_edited_input_of_a_retry_is_kept_until_its_slot(house: House) -> None:
    await house.publish(texts("news", "{rates: {count: 1, per: 1s, channel: sms}}"))
    await house.trigger("news")
    failure = TaskFailure("bad_number", "no such number", retryable=False)
    await house.finish(await house.take("messages"), failure=failure)
    retried = await house.operate(house.run(), "retry", data={"input": {"to": "+492"}})
    assert (retried.task, retried.due_at) == (None, START + timedelta(seconds=1.05))
    await house.fire(1.05)
    assert (await house.take("messages")).input["to"] == "+492"
    assert house.run().gathered == {}


async def test_the_verdict_is_counted(house: House) -> None:
    metrics = Metrics()
    replica = await house.replica("r2", metrics=metrics)
    await house.publish(texts("news", "{rates: {count: 1, per: 1s, channel: sms}}"), of=replica)
    for contact in ("ann", "bob"):
        await house.ask(event("news", contact), of=replica)
    assert b'statewright_messages_total{channel="sms",rule="provider_rate",verdict="held"} 1.0' in metrics.render()
