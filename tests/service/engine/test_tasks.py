"""Tasks: ordered with their transition, moved only by the holder of the lease, under one key (promises P7 and P8)."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from service.engine.commands import FinishAnswer, FinishTask, Operate, TriggerEvent
from service.engine.local import LocalQueue
from service.storage.tasks import LeasedTask, get_task
from statemachine.cause import TaskFailure
from statemachine.errors import InvalidInput, NotFound, StaleLease
from tests.service.engine.house import House, event

WORKER = """
    key: w
    trigger: {type: go}
    exit: [{on: left, reason: gone}]
    steps:
      - id: work
        type: task
        config: {queue: work, input: {who: "{{contact.first_name}}"}}
        retry: {max_attempts: 3, backoff: 10s, factor: 2, jitter: none}
        branches: {refused: sorry}
        output: answer
      - {id: tag, type: add_tag, config: {tag: done}, next: end}
      - {id: sorry, type: add_tag, config: {tag: sorry}}
"""
ONCE = WORKER.replace("type: task\n", "type: task\n        crash_policy: at_most_once\n")
BOOM = TaskFailure("boom", "it broke", retryable=True)
LOST = TaskFailure("lease_expired", "the worker was lost", retryable=True)


async def test_a_task_is_stored_with_the_transition_that_orders_it(house: House) -> None:
    await house.publish(WORKER)
    await house.trigger("go", contact_patch={"first_name": "Ann"})
    run = house.run()
    assert (run.status, run.step) == ("waiting", "work")
    task = await house.take()
    assert (task.enrollment_id, task.step, task.input, task.attempt) == (run.id, "work", {"who": "Ann"}, 1)
    assert task.idempotency_key == f"default/{run.id}/work/{run.visit}"
    assert set(task.outcomes) == {"done", "refused"}
    await house.finish(task)


async def test_a_result_moves_the_run_and_keeps_the_output(house: House) -> None:
    await house.publish(WORKER)
    await house.trigger("go")
    task = await house.take()
    answer = await house.finish(task, {"n": 1}, variables={"seen": True})
    assert answer == FinishAnswer(task.id, True)
    run = house.run()
    assert run.status == "completed"
    assert run.variables == {"seen": True, "answer": {"n": 1}}
    stored = await house.task(task.id)
    assert (stored.status, stored.output) == ("completed", {"n": 1})


@pytest.mark.parametrize("output", ["text", 5, True, ["a"], 0, ""])
async def test_an_output_may_be_any_json_value(house: House, output: object) -> None:
    await house.publish(WORKER)
    await house.trigger("go")
    task = await house.take()
    await house.finish(task, output)
    assert (await house.task(task.id)).output == output
    assert house.run().variables == {"answer": output}


async def test_the_outcome_of_a_worker_chooses_the_way(house: House) -> None:
    await house.publish(WORKER)
    await house.trigger("go")
    await house.finish(await house.take(), outcome="refused")
    assert house.contact().tags == ("sorry",)


async def test_an_outcome_that_was_not_offered_is_refused_and_the_holder_may_answer_again(house: House) -> None:
    await house.publish(WORKER)
    await house.trigger("go")
    task = await house.take()
    before = house.run()
    with pytest.raises(InvalidInput, match="no outcome 'maybe'; it has done, refused, error"):
        await house.finish(task, outcome="maybe")
    assert (house.run(), (await house.task(task.id)).status) == (before, "leased")
    await house.finish(task, outcome="refused")
    assert house.contact().tags == ("sorry",)


async def test_an_unknown_outcome_is_refused_while_the_run_is_held_too(house: House) -> None:
    await house.publish(WORKER)
    await house.trigger("go")
    task = await house.take()
    await house.operate(house.run(), "pause")
    with pytest.raises(InvalidInput):
        await house.finish(task, outcome="maybe")
    await house.finish(task)
    await house.operate(house.run(), "resume")


async def test_a_stale_token_is_refused_and_changes_nothing(house: House) -> None:
    await house.publish(WORKER)
    await house.trigger("go")
    task = await house.take()
    with pytest.raises(StaleLease):
        await house.finish(replace(task, lease_token=task.lease_token - 1))
    with pytest.raises(StaleLease):
        await house.finish(replace(task, lease_token=task.lease_token + 1))
    assert house.run().status == "waiting"
    assert (await house.task(task.id)).status == "leased"
    await house.finish(task)


async def test_a_result_told_twice_is_applied_once_and_answered_alike(house: House) -> None:
    await house.publish(WORKER)
    await house.trigger("go")
    task = await house.take()
    told = FinishTask("default", task.id, task.lease_token)
    assert await house.engine.ask_all([told, told]) == [FinishAnswer(task.id, True)] * 2
    revision = house.run().revision
    assert await house.engine.ask(told) == FinishAnswer(task.id, True)
    assert house.run().revision == revision


async def test_another_result_under_the_same_lease_is_refused(house: House) -> None:
    await house.publish(WORKER)
    await house.trigger("go")
    task = await house.take()
    await house.finish(task)
    failure = TaskFailure("late", "changed my mind", retryable=False)
    with pytest.raises(StaleLease):
        await house.ask(FinishTask("default", task.id, task.lease_token, failure=failure))


async def test_an_unknown_task_is_not_found(house: House) -> None:
    with pytest.raises(NotFound):
        await house.ask(FinishTask("default", "nope", 1))


async def test_a_retryable_failure_waits_its_backoff_and_keeps_its_key(house: House) -> None:
    await house.publish(WORKER)
    await house.trigger("go")
    first = await house.take()
    await house.finish(first, failure=BOOM)
    for attempt, wait in ((2, 10), (3, 20)):
        house.clock.move(wait - 0.001)
        assert await house.lease() == []
        house.clock.move(0.001)
        task = await house.take()
        assert (task.id, task.attempt, task.idempotency_key) == (first.id, attempt, first.idempotency_key)
        assert task.lease_token > first.lease_token
        assert task.last_error == {"code": "boom", "message": "it broke"}
        await house.finish(task, failure=BOOM)
    run = house.run()
    assert (run.status, run.retried_steps) == ("failed", 2)
    assert (await house.task(first.id)).status == "failed"
    assert [kind for kind in house.kinds(run) if "retrying" in kind] == ["retrying work"] * 2


@pytest.mark.parametrize(
    ("retry", "of_workflow", "attempts"),
    [
        ("{max_attempts: 3}", "{}", 3),
        ("{max_retries: 3}", "{}", 4),
        ("{max_retries: 0}", "{max_attempts: 5}", 1),
        ("{backoff: 1s}", "{max_attempts: 2}", 2),
        ("{}", "{}", 4),
    ],
)
async def test_a_task_is_tried_as_often_as_its_step_says_else_its_workflow(
    house: House, retry: str, of_workflow: str, attempts: int
) -> None:
    await house.publish(f"""
        key: w
        trigger: {{type: go}}
        retry: {of_workflow}
        steps: [{{id: work, type: task, config: {{queue: work}}, retry: {retry}}}]
    """)
    await house.trigger("go")
    tried = []
    while house.run().live:
        task = await house.take()
        tried.append(task.attempt)
        assert (task.max_attempts, house.run().status) == (attempts, "waiting")
        await house.finish(task, failure=BOOM)
        house.clock.move(600)
    assert tried == list(range(1, attempts + 1))
    error = house.run().last_error
    assert (house.run().status, error and error.code) == ("failed", "boom")
    assert await house.lease() == []


async def test_what_the_other_side_asks_for_is_the_least_wait(house: House) -> None:
    await house.publish(WORKER)
    await house.trigger("go")
    await house.finish(await house.take(), failure=TaskFailure("busy", "later", True, retry_after_s=60))
    house.clock.move(59)
    assert await house.lease() == []
    house.clock.move(1)
    await house.finish(await house.take())


async def test_a_permanent_failure_ends_the_run_at_once(house: House) -> None:
    await house.publish(WORKER)
    await house.trigger("go")
    await house.finish(await house.take(), failure=replace(BOOM, retryable=False))
    assert house.run().status == "failed"
    assert await house.lease() == []


async def test_a_retry_by_an_operator_is_a_new_visit_with_a_new_key(house: House) -> None:
    await house.publish(WORKER)
    await house.trigger("go")
    first = await house.take()
    await house.finish(first, failure=replace(BOOM, retryable=False))
    await house.operate(house.run(), "retry", data={"input": {"fixed": True}})
    second = await house.take()
    assert second.id != first.id
    assert second.idempotency_key != first.idempotency_key
    assert (second.attempt, second.visit) == (1, first.visit + 1)
    await house.finish(second)
    assert house.run().status == "completed"


async def test_an_exit_revokes_the_task_and_a_late_result_is_recorded_but_not_applied(house: House) -> None:
    await house.publish(WORKER)
    await house.trigger("go")
    task = await house.take()
    await house.trigger("left")
    assert (await house.task(task.id)).status == "cancelled"
    before = house.run()
    answer = await house.finish(task, {"n": 1})
    assert answer == FinishAnswer(task.id, False)
    assert house.run() == before
    stored = await house.task(task.id)
    assert (stored.status, stored.output) == ("cancelled", {"n": 1})


async def test_an_exit_revokes_a_task_that_nobody_took(house: House) -> None:
    await house.publish(WORKER)
    await house.trigger("go")
    await house.trigger("left")
    assert await house.lease() == []
    assert house.rows("select status from tasks") == [("cancelled",)]


async def test_an_order_and_its_exit_in_one_batch_leave_nothing_to_do(house: House) -> None:
    await house.publish(WORKER)
    await house.ask_all([event("go"), event("left")])
    assert house.rows("select status from tasks") == [("cancelled",)]
    assert house.run().status == "exited"


async def test_a_result_behind_an_exit_in_one_batch_is_not_applied(house: House) -> None:
    await house.publish(WORKER)
    await house.trigger("go")
    task = await house.take()
    one_lane = await house.replica("r2", lanes=1)
    finish = FinishTask("default", task.id, task.lease_token, output={"n": 1})
    answers = await house.ask_all([event("left"), finish], of=one_lane)
    assert answers[1] == FinishAnswer(task.id, False)
    stored = await house.task(task.id)
    assert (stored.status, stored.output) == ("cancelled", {"n": 1})


async def test_a_failure_and_then_an_exit_in_one_batch_leave_no_open_task(house: House) -> None:
    await house.publish(WORKER)
    await house.trigger("go")
    task = await house.take()
    one_lane = await house.replica("r2", lanes=1)
    await house.ask_all([FinishTask("default", task.id, task.lease_token, failure=BOOM), event("left")], of=one_lane)
    house.clock.move(3600)
    assert await house.lease() == []
    assert (await house.task(task.id)).status == "cancelled"


async def test_a_result_and_the_exit_behind_it_in_one_batch_count_both(house: House) -> None:
    await house.publish(
        WORKER.replace("tag: done}, next: end", "tag: done}")
        .replace("id: tag", "id: again")
        .replace("type: add_tag, config: {tag: done}", "type: task, config: {queue: work}")
    )
    await house.trigger("go")
    task = await house.take()
    one_lane = await house.replica("r2", lanes=1)
    answers = await house.ask_all([FinishTask("default", task.id, task.lease_token), event("left")], of=one_lane)
    assert answers[0] == FinishAnswer(task.id, True)
    assert sorted(row[0] for row in house.rows("select status from tasks")) == ["cancelled", "completed"]


async def test_a_lost_worker_of_an_at_most_once_step_leaves_an_unknown_outcome(house: House) -> None:
    await house.publish(ONCE)
    await house.trigger("go")
    task = await house.take()
    assert task.at_most_once
    await house.finish(task, failure=LOST)
    error = house.run().last_error
    assert error is not None
    assert (house.run().status, error.code) == ("failed", "outcome_unknown")
    assert (await house.task(task.id)).status == "unknown_outcome"
    house.clock.move(10**6)
    assert await house.lease() == []


async def test_a_lost_worker_of_an_ordinary_step_is_replaced(house: House) -> None:
    await house.publish(WORKER)
    await house.trigger("go")
    task = await house.take()
    await house.finish(task, failure=LOST)
    house.clock.move(10)
    again = await house.take()
    assert (again.attempt, again.idempotency_key) == (2, task.idempotency_key)
    with pytest.raises(StaleLease):
        await house.finish(task)
    await house.finish(again)


async def test_advancing_past_a_task_revokes_it(house: House) -> None:
    await house.publish(WORKER)
    await house.trigger("go")
    task = await house.take()
    await house.ask(Operate("default", house.run().id, "advance", "a1", "h", {"transition": "refused"}))
    assert house.contact().tags == ("sorry",)
    assert (await house.task(task.id)).status == "cancelled"
    assert (await house.finish(task)).applied is False


async def test_results_of_a_run_without_a_contact_are_applied(house: House) -> None:
    await house.publish(WORKER.replace("add_tag, config: {tag: done}", "set_variable, config: {path: x, value: 1}"))
    for number in range(3):
        await house.trigger("go", None, id=f"go{number}")
    tasks = await house.lease(limit=3)
    await house.ask_all([FinishTask("default", task.id, task.lease_token) for task in tasks])
    assert {(run.contact_id, run.status.value) for run in house.runs()} == {(None, "completed")}


class Connectors:
    """A local queue that notes what is offered, and whether it was committed by then."""

    lease = timedelta(seconds=7)

    def __init__(self, house: House, free: int) -> None:
        self.house = house
        self.free = free
        self.offered: list[tuple[LeasedTask, str]] = []

    def offer(self, task: LeasedTask) -> bool:
        with self.house.database.reading() as transaction:
            self.offered.append((task, get_task(transaction, "default", task.id).status))
        return True


async def test_a_local_queue_gets_its_tasks_leased_and_after_the_commit_up_to_what_it_takes(house: House) -> None:
    await house.publish(WORKER)
    local = Connectors(house, free=2)
    queue: LocalQueue = local
    other = await house.replica("r2", lanes=1, local_queues={"work": queue})
    commands: list[TriggerEvent] = [event("go", f"c{number}") for number in range(3)]
    await house.ask_all(commands, of=other)
    assert {task.lease_until for task, _ in local.offered} == {house.clock.now + local.lease}
    assert [status for _, status in local.offered] == ["leased", "leased"]
    assert all(task.worker_id == "r2" and task.lease_token == 1 for task, _ in local.offered)
    await house.finish(await house.take())
    await house.ask_all([FinishTask("default", task.id, task.lease_token) for task, _ in local.offered], of=other)
    assert {run.status.value for run in house.runs()} == {"completed"}


async def test_a_local_queue_never_sees_a_task_whose_transition_was_taken_back(house: House) -> None:
    await house.publish(WORKER)
    local = Connectors(house, free=10)
    other = await house.replica("r2", lanes=1, local_queues={"work": local})
    await house.ask_all([event("go"), event("left")], of=other)
    assert local.offered == []


async def test_a_failure_that_a_retry_made_good_is_no_longer_the_last_error_and_stays_in_history(house: House) -> None:
    await house.publish(WORKER)
    await house.trigger("go")
    await house.finish(await house.take(), failure=TaskFailure("boom", "no", retryable=True))
    assert house.run().last_error is not None
    house.clock.move(3600)
    await house.finish(await house.take())
    assert house.run().last_error is None
    assert "retrying work" in house.kinds(house.run())
