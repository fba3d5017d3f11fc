"""Undoing in the store: each finished step once, across commits, the death of a process, and a retry."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.service.engine.house import House

TRIP = """
    key: trip
    trigger: {type: go}
    steps:
      - id: each
        type: for_each
        config: {items: trigger.data.orders}
        body:
          - id: book
            type: task
            config: {queue: work, input: {order: "{{loop.item}}"}}
            retry: {max_attempts: 1}
            compensate:
              - id: cancel
                type: task
                retry: {max_attempts: 1}
                config: {queue: work, input: {cancel: "{{undo.output.id}}"}}
              - {id: hour, type: wait, config: {for: 1h}}
              - {id: note, type: update_field, config: {field: undone, value: 1, operation: increment}}
      - {id: pay, type: task, config: {queue: work}, retry: {max_attempts: 1}, on_error: back}
      - {id: done, type: end}
      - {id: back, type: compensate}
"""
COUNTED = """
    key: counted
    trigger: {type: go}
    steps:
      - id: each
        type: count
        config: {count: 300}
        body: [{id: bump, type: update_field, config: {field: n, value: 1, operation: increment},
                compensate: [{id: drop, type: update_field, config: {field: n, value: -1, operation: increment}},
                             {id: count, type: update_field, config: {field: undone, value: 1, operation: increment}}]}]
      - {id: back, type: compensate}
"""
TOLD = """
    key: told
    trigger: {type: go}
    steps: [{id: work, type: task, config: {queue: work}, retry: {max_attempts: 1}}]
    on_failure:
      - {id: tell, type: task, config: {queue: work, input: {why: "{{error.code}}"}}}
      - {id: note, type: update_field, config: {field: told, value: 1, operation: increment}}
"""


async def _book(house: House, *orders: str) -> None:
    await house.trigger("go", data={"orders": list(orders)})
    for order in orders:
        await house.finish(await house.take(), output={"id": f"booked {order}"})
    await house.finish(await house.take(), outcome="error")


SLOW = """
    key: slow
    trigger: {type: go}
    limits: {max_execution: 1h}
    steps:
      - {id: one, type: task, config: {queue: work}}
      - {id: day, type: wait, config: {for: 1d}}
      - {id: two, type: task, config: {queue: work}}
"""


async def test_the_time_of_its_tasks_in_all_is_kept_and_fails_a_run(house: House) -> None:
    await house.publish(SLOW)
    await house.trigger("go")
    house.clock.move(timedelta(minutes=40))
    await house.finish(await house.take())
    assert house.run().active_s == 2400
    await house.fire(timedelta(days=1))
    await house.fire(timedelta(minutes=19))
    assert house.run().status == "waiting"
    await house.fire(timedelta(minutes=1))
    run = house.run()
    assert run.last_error is not None
    assert (run.status, run.last_error.code) == ("failed", "execution_timeout")


async def test_finished_steps_are_undone_across_commits(house: House) -> None:
    await house.publish(TRIP)
    await _book(house, "a", "b")
    done = []
    for _ in range(2):
        task = await house.take()
        done.append(task.input["cancel"])
        await house.finish(task)
        await house.fire(timedelta(hours=1))
    assert (done, house.run().status, house.contact().get("undone")) == (["booked b", "booked a"], "completed", 2)


async def test_a_failing_undo_is_retried_and_the_rest_goes_on(house: House) -> None:
    await house.publish(TRIP)
    await _book(house, "a", "b")
    for _ in range(2):
        await house.finish(await house.take(), outcome="error")
        run = house.run()
        assert (run.status, run.step, [undo.step for undo in run.undos]) == ("failed", "cancel", ["book", "book"])
        await house.operate(run, "retry", data={"input": {"cancel": "by hand"}})
    for wanted in ("by hand", "booked a"):
        task = await house.take()
        assert task.input["cancel"] == wanted
        await house.finish(task)
        await house.fire(timedelta(hours=1))
    assert (house.run().status, house.run().undos, house.contact().get("undone")) == ("completed", (), 2)


async def test_undoing_survives_the_death_of_its_process_in_between(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    await house.publish(COUNTED)
    monkeypatch.setattr(house.engine, "_follow_up", lambda *_: None)
    await house.trigger("go")
    assert (house.run().status, house.run().continues) == ("running", 1)
    assert 0 < len(house.run().undos) < 300
    monkeypatch.undo()
    await house.fire()
    run, contact = house.run(), house.contact()
    assert (run.status, contact.get("n"), contact.get("undone")) == ("completed", 0, 300)


async def test_on_failure_is_done_once_before_the_run_ends_as_failed(house: House) -> None:
    await house.publish(TOLD)
    await house.trigger("go")
    await house.finish(await house.take(), outcome="error")
    assert (house.run().status, house.run().step) == ("waiting", "tell")
    task = await house.take()
    assert task.input["why"] == "task_error"
    await house.finish(task)
    run = house.run()
    assert (run.status, run.step, house.contact().get("told")) == ("failed", "work", 1)
    await house.operate(run, "retry")
    await house.finish(await house.take())
    assert (house.run().status, house.contact().get("told")) == ("completed", 1)
