"""Loops in the store: a run goes on in its round after every commit, and a round is done once."""

from __future__ import annotations

from datetime import timedelta

import pytest

from statemachine.frame import Frame
from tests.service.engine.house import House

ORDERS = """
    key: orders
    trigger: {type: go}
    steps:
      - id: each
        type: for_each
        config: {items: trigger.data.orders, item: order}
        body:
          - {id: work, type: task, config: {queue: work, input: {order: "{{order}}", round: "{{loop.index}}"}}}
          - {id: twice, type: count, config: {count: 2}, body: [{id: hour, type: wait, config: {for: 1h}}]}
      - {id: note, type: update_field, config: {field: rounds, value: "{{steps.each.output.rounds}}"}}
"""
COUNTED = """
    key: counted
    trigger: {type: go}
    steps:
      - id: each
        type: count
        config: {count: 900}
        body:
          - {id: bump, type: update_field, config: {field: n, value: 1, operation: increment}}
          - {id: nothing, type: pass}
"""


async def test_a_loop_with_tasks_and_waits_goes_on_in_its_round_after_each_commit(house: House) -> None:
    await house.publish(ORDERS)
    await house.trigger("go", data={"orders": ["a", "b"]})
    done = []
    for _ in range(2):
        task = await house.take()
        done.append((task.input["order"], task.input["round"]))
        await house.finish(task)
        await house.fire(timedelta(hours=1))
        assert [frame.step for frame in house.run().frames] == ["each", "twice"]
        await house.fire(timedelta(hours=1))
    assert done == [("a", 0), ("b", 1)]
    assert (house.run().status, house.run().frames, house.contact().get("rounds")) == ("completed", (), 2)


async def test_the_place_in_every_loop_is_stored(house: House) -> None:
    await house.publish(ORDERS)
    await house.trigger("go", data={"orders": ["a", "b"]})
    await house.finish(await house.take())
    await house.fire(timedelta(hours=1))
    assert house.run().frames == (Frame("each", 0, ("a", "b")), Frame("twice", 1, rounds=2))


async def test_a_failed_round_is_retried_in_its_place(house: House) -> None:
    await house.publish(ORDERS)
    await house.trigger("go", data={"orders": ["a", "b"]})
    await house.finish(await house.take(), outcome="error")
    run = house.run()
    assert (run.status, run.frames) == ("failed", (Frame("each", 0, ("a", "b")),))
    await house.operate(run, "retry")
    task = await house.take()
    assert (task.input["order"], task.visit > run.visit) == ("a", True)


async def test_many_rounds_commit_in_between(house: House) -> None:
    await house.publish(COUNTED)
    await house.trigger("go")
    run = house.run()
    assert (run.status, run.outputs["each"]["rounds"], house.contact().get("n")) == ("completed", 900, 900)
    assert run.continues == 2


async def test_many_rounds_survive_the_death_of_their_process_in_between(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    await house.publish(COUNTED)
    monkeypatch.setattr(house.engine, "_follow_up", lambda *_: None)
    await house.trigger("go")
    assert (house.run().status, house.run().continues) == ("running", 1)
    monkeypatch.undo()
    await house.fire()
    assert (house.run().status, house.contact().get("n")) == ("completed", 900)
