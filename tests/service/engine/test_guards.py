"""try and fallback in the store: what a run remembers of an error outlives every commit, and a retry goes on inside."""

from __future__ import annotations

from datetime import timedelta

from tests.service.engine.house import House

PAYMENTS = """
    key: payments
    trigger: {type: go}
    steps:
      - id: pay
        type: try
        steps:
          - id: each
            type: for_each
            config: {items: trigger.data.orders, item: order}
            body:
              - {id: charge, type: task, config: {queue: work, input: {order: "{{order}}"}}, retry: {max_attempts: 1}}
        catch:
          - {id: refund, type: task, config: {queue: work, input: {why: "{{error.code}}"}}, retry: {max_attempts: 1}}
        finally:
          - {id: hour, type: wait, config: {for: 1h}}
          - {id: free, type: update_field, config: {field: freed, value: 1, operation: increment}}
      - {id: paid, type: update_field, config: {field: paid, value: "{{last_error.step}}"}}
"""


async def test_an_error_is_caught_and_finally_done_across_commits(house: House) -> None:
    await house.publish(PAYMENTS)
    await house.trigger("go", data={"orders": ["a", "b"]})
    await house.finish(await house.take())
    await house.finish(await house.take(), outcome="error")
    task = await house.take()
    assert task.input["why"] == "task_error"
    await house.finish(task)
    assert [frame.step for frame in house.run().frames] == ["pay"]
    await house.fire(timedelta(hours=1))
    run, contact = house.run(), house.contact()
    assert (run.status, run.frames, contact.get("freed"), contact.get("paid")) == ("completed", (), 1, "charge")


async def test_a_run_that_failed_in_catch_is_retried_there_twice(house: House) -> None:
    await house.publish(PAYMENTS)
    await house.trigger("go", data={"orders": ["a"]})
    await house.finish(await house.take(), outcome="error")
    for count in (1, 2):
        await house.finish(await house.take(), outcome="error")
        await house.fire(timedelta(hours=1))
        run = house.run()
        assert (run.status, run.step, house.contact().get("freed")) == ("failed", "refund", count)
        assert run.last_error is not None
        assert run.last_error.step == "refund"
        await house.operate(run, "retry")
    await house.finish(await house.take())
    await house.fire(timedelta(hours=1))
    assert (house.run().status, house.contact().get("freed"), house.contact().get("paid")) == ("completed", 3, "charge")
