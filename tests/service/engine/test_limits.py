"""`limits.max_concurrent` and `per_minute`: places are never given twice, never lost, and go in order."""

from __future__ import annotations

import pytest

from service.engine.clock import Times
from service.engine.commands import EnrollContact, StartPending
from service.engine.engine import Engine
from service.engine.queue_ledger import QueueLedger
from service.storage.places import KEEP_PENDING
from tests.service.engine.house import START, House, all_of, event

FLOW = """
    key: w
    trigger: {type: go}
    entry: {reentry: after_exit}
    limits: {max_concurrent: 2}
    exit: [{on: left, reason: left}]
    steps:
      - {id: hold, type: wait, config: {on: [answered], timeout: 1h}}
"""
PACED = FLOW.replace("max_concurrent: 2", "per_minute: 2")


async def _go(house: House, *contacts: str) -> list[tuple[str, str]]:
    verdicts = [(await house.trigger("go", contact)).verdicts[0] for contact in contacts]
    return [(one.kind, one.rule) for one in verdicts]


def _statuses(house: House) -> dict[str | None, str]:
    return {run.contact_id: run.status.value for run in house.runs("w")}


async def test_those_beyond_the_limit_are_pending_and_begin_in_order_when_a_place_is_free(house: House) -> None:
    await house.publish(FLOW)
    queued = ("ENROLLED", "max_concurrent")
    assert await _go(house, "a", "b", "c", "d") == [("ENROLLED", ""), ("ENROLLED", ""), queued, queued]
    assert house.kinds(house.run(contact="c")) == ["queued"]
    await house.trigger("answered", "a")
    await house.fire()
    assert _statuses(house) == {"a": "completed", "b": "waiting", "c": "waiting", "d": "pending"}
    assert house.kinds(house.run(contact="c")) == ["queued", "started", "waiting hold"]
    await house.fire(3600)
    assert _statuses(house) == {"a": "completed", "b": "completed", "c": "completed", "d": "waiting"}


async def test_a_higher_priority_begins_first(house: House) -> None:
    await house.publish(FLOW)
    await _go(house, "a", "b", "c")
    await house.ask(event("go", "d", priority=50))
    await house.trigger("answered", "a")
    await house.fire()
    assert (_statuses(house)["c"], _statuses(house)["d"]) == ("pending", "waiting")


async def test_nobody_goes_before_those_who_wait(house: House) -> None:
    await house.publish(FLOW)
    await _go(house, "a", "b", "c")
    await house.ask_all([event("answered", "a"), event("go", "d")])
    assert house.kinds(house.run(contact="d")) == ["queued"]


async def test_refuse_blocks_those_beyond_and_leaves_nothing_behind(house: House) -> None:
    await house.publish(FLOW.replace("max_concurrent: 2", "max_concurrent: 2, over_limit: refuse"))
    assert (await _go(house, "a", "b", "c"))[-1] == ("BLOCKED", "max_concurrent")
    assert (len(house.runs()), house.count("pending_runs")) == (2, 0)
    await house.trigger("answered", "a")
    assert (await house.trigger("go", "c", id="again")).verdicts[0].kind == "ENROLLED"


async def test_so_many_begin_per_minute_and_the_others_when_it_has_passed(house: House) -> None:
    await house.publish(PACED)
    assert (await _go(house, "a", "b", "c", "d", "e"))[2:] == [("ENROLLED", "per_minute")] * 3
    await house.fire(59)
    assert list(_statuses(house).values()).count("pending") == 3
    await house.fire(1)
    assert list(_statuses(house).values()).count("pending") == 1
    await house.fire(60)
    assert list(_statuses(house).values()).count("pending") == 0


async def test_exit_rules_and_cancel_end_those_who_wait(house: House) -> None:
    await house.publish(FLOW)
    await _go(house, "a", "b", "c", "d")
    await house.trigger("left", "c")
    await house.operate(house.run(contact="d"), "cancel")
    assert (_statuses(house)["c"], _statuses(house)["d"], house.count("pending_runs")) == ("exited", "cancelled", 0)


async def test_a_run_without_a_contact_waits_for_a_place_too(house: House) -> None:
    await house.publish(FLOW)
    for number in range(3):
        await house.enroll("w", None, request_id=str(number), key=str(number))
    pending = [run for run in house.runs() if run.status == "pending"]
    assert len(pending) == 1
    running = next(run for run in house.runs() if run.status == "waiting")
    await house.operate(running, "cancel")
    await house.fire()
    assert [run.status for run in house.runs() if run.id == pending[0].id] == ["waiting"]


async def test_replicas_that_race_for_the_last_places_give_each_once(house: House) -> None:
    await house.publish(FLOW.replace("max_concurrent: 2", "max_concurrent: 7"))
    replicas = [house.engine, await house.replica("r2"), await house.replica("r3")]

    async def rush(number: int, engine: Engine) -> None:
        names = [f"{number}-{one}" for one in range(10)]
        await house.ask_all([event("go", name) for name in names[:5]], of=engine)
        commands = [EnrollContact("default", "w", name, f"e-{name}") for name in names[5:]]
        await house.ask_all(commands, of=engine)

    await all_of(*(rush(number, engine) for number, engine in enumerate(replicas)))
    assert sorted(_statuses(house).values()) == ["pending"] * 23 + ["waiting"] * 7
    for run in house.runs()[:7]:
        if run.status == "waiting":
            await house.operate(run, "cancel")
    await all_of(*(engine.fire_due() for engine in replicas))
    await house.settle()
    assert list(_statuses(house).values()).count("waiting") == 7


async def test_replicas_that_race_for_one_contact_enrol_it_as_often_as_its_rules_say(house: House) -> None:
    await house.publish(FLOW.replace("reentry: after_exit", "reentry: always, max_entries: 2, key: '{{event.data.k}}'"))
    other = await house.replica("r2")
    commands = [event("go", id=f"go-{number}", data={"k": "one"}) for number in range(8)]
    await all_of(house.ask_all(commands[:4]), house.ask_all(commands[4:], of=other))
    assert len(house.runs()) == 2


async def test_a_paused_workflow_lets_nobody_begin_until_it_goes_on(house: House) -> None:
    await house.publish(FLOW)
    await _go(house, "a", "b", "c")
    await house.engine.pause_workflow("default", "w")
    await house.operate(house.run(contact="a"), "cancel")
    await house.fire()
    assert _statuses(house)["c"] == "pending"
    await house.engine.resume_workflow("default", "w")
    await house.fire()
    assert _statuses(house)["c"] == "waiting"


async def test_an_exit_event_during_a_pause_ends_a_pending_run_when_the_workflow_goes_on(house: House) -> None:
    await house.publish(FLOW)
    await _go(house, "a", "b", "c")
    await house.engine.pause_workflow("default", "w")
    assert (await house.trigger("left", "c")).verdicts[0].kind == "BUFFERED"
    await house.engine.resume_workflow("default", "w")
    await house.fire()
    assert _statuses(house)["c"] == "exited"


async def test_a_new_version_with_a_higher_limit_lets_those_who_wait_begin(house: House) -> None:
    await house.publish(FLOW)
    await _go(house, "a", "b", "c", "d")
    await house.publish(FLOW.replace("max_concurrent: 2", "max_concurrent: 3"))
    await house.fire()
    assert list(_statuses(house).values()).count("waiting") == 3


async def test_restart_gives_the_place_of_the_old_run_to_the_new_one(house: House) -> None:
    await house.publish(FLOW.replace("after_exit", "restart"))
    await _go(house, "a", "b")
    assert [one.kind for one in (await house.trigger("go", "a", id="again")).verdicts] == ["EXITED", "ENROLLED"]
    assert [run.status.value for run in house.runs(contact="a")] == ["exited", "waiting"]


async def test_an_event_that_came_while_a_run_was_pending_is_found_by_its_waits(house: House) -> None:
    await house.publish(FLOW.replace("timeout: 1h", "since: enrollment, timeout: 1h"))
    await _go(house, "a", "b", "c")
    await house.trigger("answered", "c")
    await house.trigger("answered", "a")
    await house.fire()
    assert _statuses(house)["c"] == "completed"


@pytest.mark.parametrize("limit", ["max_concurrent: 1", "per_minute: 1"])
async def test_a_run_that_ends_at_once_leaves_no_place_behind(house: House, limit: str) -> None:
    await house.publish(f"""
        key: w
        trigger: {{type: go}}
        limits: {{{limit}}}
        steps:
          - {{id: tag, type: add_tag, config: {{tag: x}}}}
    """)
    await _go(house, "a")
    await house.fire(61)
    assert (await _go(house, "b")) == [("ENROLLED", "")]
    await house.fire(61)
    assert house.rows("select count(*) from places where ended_at is null")[0][0] == 0


async def test_children_live_on_the_place_of_their_parent(house: House) -> None:
    await house.publish("""
        key: w
        trigger: {type: go}
        limits: {max_concurrent: 2}
        steps:
          - id: both
            type: parallel
            config:
              branches:
                left: [{id: a, type: wait, config: {for: 1h}}]
                right: [{id: b, type: wait, config: {for: 1h}}]
    """)
    await _go(house, "ann", "bob")
    assert house.rows("select count(*) from places where ended_at is null")[0][0] == 2
    assert all(run.status == "waiting" for run in house.runs("w"))


async def test_who_is_looked_at_and_leaves_in_one_batch_waits_no_more(house: House) -> None:
    await house.publish(FLOW)
    await _go(house, "a", "b", "c")
    look = StartPending("default", house.run(contact="c").id, "c", "w")
    await house.ask_all([look, event("left", "c")])
    assert (_statuses(house)["c"], house.count("pending_runs")) == ("exited", 0)


async def test_a_place_in_the_queue_that_nobody_holds_any_more_is_in_nobodys_way(house: House) -> None:
    await house.publish(FLOW)
    await _go(house, "a", "b", "c", "d")
    for contact in ("a", "b"):
        row = QueueLedger(Times(START, START))._pending_row("default", house.run(contact=contact))
        ghost = {**row, "rule": "max_concurrent", "turn": -9}
        house.database.run(lambda transaction, ghost=ghost: transaction.write(KEEP_PENDING, rows=[ghost]))  # type: ignore[misc]
    await house.trigger("answered", "b")
    for _ in range(3):
        await house.fire()
    assert (_statuses(house)["c"], house.count("pending_runs")) == ("waiting", 1)
