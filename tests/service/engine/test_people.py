"""Human tasks in the engine: reminders, escalation and time-outs reach people, on both stores and with any replicas."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from typing import Any

import pytest

from service.engine import claims, deciding, staffing
from service.engine.commands import DecideTask, EnrollContact, Operate
from service.engine.people import Office
from service.housekeeping import Housekeeping
from service.storage.agents import Agent, list_notifications
from service.storage.database import Database, Transaction
from service.storage.human_tasks import AssignmentFilter, human_tasks_by_id, list_assignments, unassigned
from service.storage.orphans import BELONGINGS
from statemachine.errors import TaskDecided, TaskHeld, TransitionRefused
from tests.service.engine.house import House, all_of, event

HOUR = timedelta(hours=1)
ASK = """
    key: ask
    trigger: {type: go}
    steps:
      - id: ask
        type: approval
        config:
          assign: {group: sales}
          reminder: {after: 1h}
          escalation: {after: 2h, to: {group: leads}}
          timeout: 3h
"""


async def put(house: House, name: str, *groups: str, **given: Any) -> None:
    agent = Agent("default", name, groups=groups, **given)
    await house.engine.write(lambda transaction: staffing.put(transaction, house.clock.now, agent, None, None))


async def told(house: House, name: str) -> list[str]:
    found = await house.engine.read(
        lambda transaction: list_notifications(transaction, "default", name, after=0, limit=99)
    )
    assert [one.sequence for one in found] == list(range(1, len(found) + 1))
    return [one.kind for one in found]


def holders(house: House) -> list[str | None]:
    return [row[0] for row in house.rows("select agent_id from human_tasks order by task_id")]


async def test_whoever_has_it_is_reminded_then_relieved_and_at_last_it_is_given_up(house: House) -> None:
    await put(house, "ann", "sales")
    await put(house, "eve", "leads")
    await house.publish(ASK)
    await house.trigger("go")
    assert holders(house) == ["ann"]
    for expected in (["assigned", "reminder"], ["assigned", "reminder", "unassigned"]):
        await house.fire(HOUR)
        assert await told(house, "ann") == expected
    assert (holders(house), await told(house, "eve")) == (["eve"], ["escalated"])
    await house.fire(HOUR)
    assert (house.run().status, await told(house, "eve")) == ("completed", ["escalated", "closed"])
    had = await house.engine.read(
        lambda transaction: list_assignments(transaction, "default", AssignmentFilter(), before=None, limit=9)
    )
    assert [(one.agent_id, one.reason, one.ending) for one in had] == [
        ("eve", "escalated", "timeout"),
        ("ann", "round_robin", "escalated"),
    ]


async def test_reminders_end_at_their_most_however_often_the_run_was_put_away(house: House) -> None:
    await put(house, "ann", "sales")
    await house.publish(ASK.replace("{after: 1h}", "{after: 10m, every: 10m, max: 3}"))
    await house.trigger("go")
    for _ in range(6):
        await house.fire(timedelta(minutes=10))
    assert await told(house, "ann") == ["assigned", *["reminder"] * 3]


async def test_turns_are_fair_and_limits_hold_across_replicas(house: House) -> None:
    for name in ("ann", "bob", "cid"):
        await put(house, name, "sales", max_open=4 if name == "cid" else None)
    await house.publish(ASK)
    other = await house.replica("other")
    commands = [EnrollContact("default", "ask", f"c{number}", f"r{number}") for number in range(24)]
    await all_of(house.ask_all(commands[:12]), house.ask_all(commands[12:], of=other))
    counts = {name: holders(house).count(name) for name in ("ann", "bob", "cid")}
    assert (counts["cid"], counts["ann"] + counts["bob"]) == (4, 20)
    assert abs(counts["ann"] - counts["bob"]) <= 1


async def test_a_limit_that_makes_room_is_noticed_by_whichever_replica_looks(house: House) -> None:
    await put(house, "ann", "sales", max_open=1)
    await house.publish(ASK)
    await house.trigger("go", "c1")
    await house.trigger("go", "c2")
    assert holders(house) == ["ann", None]
    assert await staffing.give_out_all(house.engine) == 0
    await house.operate(house.run("ask", "c1"), "cancel")
    assert await staffing.give_out_all(house.engine) == 1
    assert holders(house) == ["ann", "ann"]


async def test_what_waits_to_be_claimed_is_given_to_nobody(house: House) -> None:
    await house.publish(ASK.replace("assign: {group: sales}", "queue: q"))
    await house.trigger("go")
    await put(house, "ann", "sales")
    assert await staffing.give_out_all(house.engine) == 0
    assert holders(house) == [None]
    pages = [
        await house.engine.read(partial(unassigned, tenant="default", after="", limit=9, automatic=automatic))
        for automatic in (True, False)
    ]
    assert [len(page) for page in pages] == [0, 1]


async def test_a_claim_between_reading_and_deciding_makes_the_decision_look_again(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    if house.database.kind == "sqlite":
        return  # writers take turns: nothing can come between
    for name in ("ann", "bob"):
        await put(house, name)
    await house.publish(ASK.replace("assign: {group: sales}", "queue: q"))
    await house.trigger("go")
    (task_id,) = house.rows("select task_id from human_tasks")[0]
    elsewhere, load = Database(house.database.url), human_tasks_by_id

    def load_and_be_late(transaction: Transaction, keys: Any) -> Any:
        found = load(transaction, keys)
        monkeypatch.setattr(deciding, "human_tasks_by_id", load)
        elsewhere.run(lambda other: claims.claim(other, house.clock.now, "default", task_id, "bob"))
        return found

    monkeypatch.setattr(deciding, "human_tasks_by_id", load_and_be_late)
    with pytest.raises(TaskHeld):
        await house.ask(DecideTask("default", task_id, "ann", "approved", {}, "d1", "h"))
    elsewhere.close()
    assert (house.run().live, holders(house)) == (True, ["bob"])


async def test_what_agents_were_told_long_ago_is_forgotten(house: House) -> None:
    await put(house, "ann", "sales")
    await house.publish(ASK[: ASK.index("reminder")])
    await house.trigger("go")
    housekeeping = Housekeeping(house.engine, timedelta(days=7))
    house.clock.move(timedelta(days=90))
    assert await housekeeping.forget_notifications() == 0
    house.clock.move(1)
    assert await housekeeping.forget_notifications() == 1
    assert await told(house, "ann") == []


async def test_a_task_that_is_decided_in_the_batch_that_ordered_it_is_over(house: House) -> None:
    await house.publish(ASK.replace("steps:", "steps:\n      - {id: wait, type: wait, config: {on: click}}"))
    await house.trigger("go")
    approve = Operate("default", house.run().id, "advance", "r1", data={"transition": "approved"})
    await house.ask_all([event("click"), approve])
    assert (house.run().status, house.rows("select status from tasks")) == ("completed", [("completed",)])


async def test_of_an_operator_and_an_agent_who_decide_in_one_batch_the_second_is_told_of_the_first(
    house: House,
) -> None:
    await put(house, "ann", "sales")
    await house.publish(ASK)
    engine = await house.replica("one lane", lanes=1)
    for first in ("operator", "agent"):
        await house.trigger("go", id=first)
        run = next(one for one in house.runs() if one.live)
        (task_id,) = house.rows("select task_id from human_tasks where closed_at is null")[0]
        advance = Operate("default", run.id, "advance", f"r-{first}", data={"transition": "rejected"})
        decide = DecideTask("default", task_id, "ann", "approved", {}, f"d-{first}", "h")
        both = await engine.ask_all([advance, decide] if first == "operator" else [decide, advance])
        refused = both[1]
        if first == "operator":
            assert isinstance(refused, TaskDecided)
            assert "rejected by an operator" in str(refused)
        else:
            assert isinstance(refused, TransitionRefused)
    assert house.rows("select decision, decided_by from human_tasks order by decision") == [
        ("approved", "ann"),
        ("rejected", None),
    ]


async def test_closed_tasks_and_ended_assignments_go_with_their_enrollments_and_conversations_with_their_contacts(
    house: House,
) -> None:
    await put(house, "ann", "sales")
    await house.publish(ASK)
    for contact in ("eve", "bob"):
        await house.trigger("go", contact, conversation_id=f"talk-{contact}")
        await house.operate(house.run(contact=contact), "cancel")
    await house.trigger("go", "cat", conversation_id="talk-cat")
    housekeeping = Housekeeping(house.engine, timedelta(days=7))
    left = [await housekeeping.forget_orphans(kind) for kind in BELONGINGS]
    assert left == [0, 0, 0]
    gone = [house.run(contact=contact).id for contact in ("bob", "cat")]
    house.audited = False
    for table, names in (("enrollments", gone), ("contacts", ["bob", "cat"])):
        listed = ", ".join(f"'{name}'" for name in names)
        house.database.run(partial(Transaction.write, sql=f"delete from {table} where id in ({listed})"))
    house.database.run(lambda t: t.write("update conversations set status = 'resolved' where id <> 'talk-cat'"))
    assert [await housekeeping.forget_orphans(kind) for kind in BELONGINGS] == [1, 1, 1]
    assert len(house.rows("select 1 from human_tasks")) == 2
    assert {row[0] for row in house.rows("select id from conversations")} == {"talk-eve", "talk-cat"}


async def test_what_an_agent_is_given_until_they_are_deleted_is_taken_back_too(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    await house.publish(ASK.replace("assign: {group: sales}", "queue: q"))
    await house.trigger("go")
    (task_id,) = house.rows("select task_id from human_tasks")[0]
    await put(house, "ann")
    lock = Office.lock

    def lock_late(office: Office, transaction: Transaction, keys: Any) -> None:
        monkeypatch.setattr(Office, "lock", lock)
        claims.claim(transaction, house.clock.now, "default", task_id, "ann")
        lock(office, transaction, keys)

    monkeypatch.setattr(Office, "lock", lock_late)
    await house.engine.write(lambda transaction: staffing.delete(transaction, house.clock.now, "default", "ann"))
    assert holders(house) == [None]
