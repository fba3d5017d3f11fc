"""Pausing runs and workflows: nothing moves meanwhile, and nothing that happened meanwhile is lost."""

from __future__ import annotations

import pytest

from statemachine.cause import TaskFailure
from statemachine.errors import StaleRevision, TransitionRefused
from tests.service.engine.house import House, event

WAITER = """
    key: w
    trigger: {type: go}
    exit: [{on: left, reason: gone}]
    steps:
      - {id: hold, type: wait, config: {on: [answered], timeout: 1h}, branches: {timeout: cold}}
      - {id: hot, type: add_tag, config: {tag: hot}, next: end}
      - {id: cold, type: add_tag, config: {tag: cold}}
"""
WORKER = """
    key: w
    trigger: {type: go}
    steps:
      - {id: work, type: task, config: {queue: work}, retry: {max_attempts: 3, backoff: 1s, jitter: none}}
      - {id: tag, type: add_tag, config: {tag: done}}
"""


async def test_a_paused_workflow_holds_its_timers_and_fires_them_when_it_goes_on(house: House) -> None:
    await house.publish(WAITER)
    await house.trigger("go")
    await house.engine.pause_workflow("default", "w")
    report = await house.fire(7200)
    assert (report.fired, report.next_in_s) == (0, None)
    assert house.run().status == "waiting"
    await house.engine.resume_workflow("default", "w")
    await house.fire()
    assert house.run().status == "completed"
    assert house.contact().tags == ("cold",)


async def test_a_paused_workflow_takes_nobody_in(house: House) -> None:
    await house.publish(WAITER)
    await house.engine.pause_workflow("default", "w")
    answer = await house.trigger("go")
    assert [(verdict.kind, verdict.rule) for verdict in answer.verdicts] == [("BLOCKED", "workflow_paused")]
    await house.engine.resume_workflow("default", "w")
    assert (await house.trigger("go", id="again")).verdicts[0].kind == "ENROLLED"


async def test_an_event_for_a_run_of_a_paused_workflow_is_buffered_and_taken_when_it_goes_on(house: House) -> None:
    await house.publish(WAITER)
    await house.trigger("go")
    house.clock.move(1)
    await house.engine.pause_workflow("default", "w")
    answer = await house.trigger("answered")
    assert [(verdict.kind, verdict.step) for verdict in answer.verdicts] == [("BUFFERED", "hold")]
    house.clock.move(7200)
    await house.engine.resume_workflow("default", "w")
    await house.fire()
    assert house.contact().tags == ("hot",)


async def test_other_workflows_go_on_while_one_is_paused(house: House) -> None:
    await house.publish(WAITER)
    await house.publish(WAITER.replace("key: w", "key: other"))
    await house.trigger("go")
    await house.engine.pause_workflow("default", "w")
    assert (await house.fire(3600)).fired == 1
    assert [(run.workflow, run.status.value) for run in house.runs()] == [("other", "completed"), ("w", "waiting")]
    await house.engine.resume_workflow("default", "w")
    await house.fire()


async def test_resuming_wakes_runs_that_have_nothing_to_do_and_leaves_their_timers(house: House) -> None:
    await house.publish(WAITER)
    await house.trigger("go")
    due_at = house.run().due_at
    await house.engine.pause_workflow("default", "w")
    await house.engine.resume_workflow("default", "w")
    await house.fire(1)
    assert (house.run().status, house.run().due_at) == ("waiting", due_at)
    assert house.rows("select count(*) from enrollments where due_at is null") == [(0,)]
    assert (await house.fire(3599)).fired == 1


async def test_a_result_for_a_run_of_a_paused_workflow_is_applied_when_it_goes_on(house: House) -> None:
    await house.publish(WORKER)
    await house.trigger("go")
    task = await house.take()
    await house.engine.pause_workflow("default", "w")
    assert (await house.finish(task)).applied
    assert house.run().status == "waiting"
    await house.engine.resume_workflow("default", "w")
    await house.fire()
    assert house.run().status == "completed"


async def test_pausing_and_resuming_twice_is_no_change(house: House) -> None:
    await house.publish(WAITER)
    first = await house.engine.pause_workflow("default", "w")
    assert await house.engine.pause_workflow("default", "w") == first
    resumed = await house.engine.resume_workflow("default", "w")
    assert await house.engine.resume_workflow("default", "w") == resumed
    with pytest.raises(StaleRevision):
        await house.engine.pause_workflow("default", "w", expected_revision=first.revision)


async def test_another_replica_learns_of_a_pause_with_its_next_batch(house: House) -> None:
    await house.publish(WAITER)
    other = await house.replica("r2")
    await house.ask(event("go", "ann"), of=other)
    await house.engine.pause_workflow("default", "w")
    house.clock.move(3600)
    assert (await other.fire_due()).fired == 0
    answer = await house.ask(event("go", "bob"), of=other)
    assert answer.verdicts[0].rule == "workflow_paused"  # type: ignore[union-attr]
    await other.resume_workflow("default", "w")
    await house.fire()


async def test_a_paused_run_holds_a_result_and_applies_it_when_it_goes_on(house: House) -> None:
    await house.publish(WORKER)
    await house.trigger("go")
    task = await house.take()
    await house.operate(house.run(), "pause")
    assert (await house.finish(task, {"n": 1})).applied
    assert (house.run().status, len(house.run().held)) == ("paused", 1)
    resumed = await house.operate(house.run(), "resume")
    assert resumed.status == "completed"
    assert resumed.outputs == {"work": {"n": 1}}


async def test_a_failure_held_while_paused_is_tried_again_when_the_run_goes_on(house: House) -> None:
    await house.publish(WORKER)
    await house.trigger("go")
    task = await house.take()
    await house.operate(house.run(), "pause")
    await house.finish(task, failure=TaskFailure("boom", "no", retryable=True))
    assert await house.lease() == []
    await house.operate(house.run(), "resume")
    house.clock.move(1)
    again = await house.take()
    assert (again.id, again.attempt, again.idempotency_key) == (task.id, 2, task.idempotency_key)
    await house.finish(again)
    assert house.run().status == "completed"


async def test_a_failure_held_by_a_paused_workflow_is_tried_again_when_it_goes_on(house: House) -> None:
    await house.publish(WORKER)
    await house.trigger("go")
    task = await house.take()
    await house.engine.pause_workflow("default", "w")
    await house.finish(task, failure=TaskFailure("boom", "no", retryable=True))
    await house.engine.resume_workflow("default", "w")
    await house.fire()
    house.clock.move(1)
    await house.finish(await house.take())
    assert house.run().status == "completed"


async def test_a_paused_run_has_no_timer_and_keeps_its_deadline(house: House) -> None:
    await house.publish(WAITER)
    await house.trigger("go")
    await house.operate(house.run(), "pause")
    assert (await house.fire(7200)).fired == 0
    await house.operate(house.run(), "resume")
    await house.fire()
    assert house.contact().tags == ("cold",)


async def test_a_paused_run_may_keep_what_was_left_of_its_wait(house: House) -> None:
    await house.publish(WAITER)
    await house.trigger("go")
    house.clock.move(600)
    await house.operate(house.run(), "pause", data={"timers": "remaining"})
    house.clock.move(100_000)
    await house.operate(house.run(), "resume")
    assert (await house.fire(2999)).fired == 0
    assert (await house.fire(1)).fired == 1


async def test_events_that_came_while_paused_are_looked_at_exits_first(house: House) -> None:
    await house.publish(WAITER)
    await house.trigger("go")
    await house.operate(house.run(), "pause")
    house.clock.move(1)
    answer = await house.trigger("answered")
    assert answer.verdicts[0].kind == "BUFFERED"
    resumed = await house.operate(house.run(), "resume")
    assert resumed.status == "completed"
    assert house.contact().tags == ("hot",)


async def test_a_paused_run_can_be_cancelled_and_nothing_else_but_resumed(house: House) -> None:
    await house.publish(WORKER)
    await house.trigger("go")
    await house.operate(house.run(), "pause")
    with pytest.raises(TransitionRefused):
        await house.operate(house.run(), "pause", request_id="again")
    cancelled = await house.operate(house.run(), "cancel", data={"reason": "enough"})
    assert (cancelled.status, cancelled.exit_reason) == ("cancelled", "enough")
    assert await house.lease() == []
