"""Workers over gRPC: Poll and Stream, answers and who may give them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import grpc
import pytest
from google.protobuf.duration_pb2 import Duration
from statewright.client import AsyncClient
from statewright.v1 import (
    CancelRequest,
    CompleteBatchRequest,
    CompleteRequest,
    EnrollmentStatus,
    EnrollRequest,
    ExplainRequest,
    ExtendRequest,
    FailRequest,
    GetServerInfoRequest,
    PollRequest,
    StreamCredit,
    StreamRequest,
    StreamResponse,
    StreamSubscription,
    Task,
    TaskServiceGetRequest,
    TaskServiceListRequest,
    TaskStatus,
    ThrowRequest,
)

from tests.e2e.api.calls import get, publish, refusal

JOB = """
key: job
name: Job
retry: {max_attempts: 2, backoff: 0s}
steps:
  - id: work
    type: task
    config: {queue: q, input: {n: 7}}
    branches: {sold_out: sorry}
    next: end
  - id: sorry
    type: set_variable
    config: {path: sorry, value: true}
    next: end
"""


async def ordered(client: AsyncClient, count: int = 1) -> list[str]:
    """The ids of enrollments that each wait for a task."""
    await publish(client, JOB)
    answers = [await client.enrollments.Enroll(EnrollRequest(workflow="job"), timeout=10) for _ in range(count)]
    return [answer.enrollment.id for answer in answers]


async def poll(client: AsyncClient, most: int = 1, wait: float = 5) -> list[Task]:
    request = PollRequest(queues=["q"], worker_id="w1", max_tasks=most)
    request.wait.FromMilliseconds(int(wait * 1000))
    return list((await client.tasks.Poll(request, timeout=20)).tasks)


async def test_a_polled_task_says_what_to_do_under_a_key_that_stays(client: AsyncClient) -> None:
    (run,) = await ordered(client)
    (task,) = await poll(client)
    assert (task.queue, task.type, task.step, task.enrollment_id) == ("q", "task", "work", run)
    assert (task.input["n"], task.attempt, task.max_attempts) == (7, 1, 2)
    assert task.idempotency_key == f"default/{run}/work/1"
    assert task.status == TaskStatus.TASK_STATUS_LEASED


async def test_a_completed_task_moves_its_run_on_with_output_and_variables(client: AsyncClient) -> None:
    (run,) = await ordered(client)
    (task,) = await poll(client)
    request = CompleteRequest(task_id=task.id, lease_token=task.lease_token)
    request.variables.update({"paid": True})
    answer = await client.tasks.Complete(request, timeout=10)
    enrollment = await get(client, run)
    assert (answer.applied, answer.task.status) == (True, TaskStatus.TASK_STATUS_COMPLETED)
    assert enrollment.status == EnrollmentStatus.ENROLLMENT_STATUS_COMPLETED
    assert enrollment.variables["paid"] is True


async def test_a_business_error_is_an_outcome_and_takes_its_branch(client: AsyncClient) -> None:
    (run,) = await ordered(client)
    (task,) = await poll(client)
    request = ThrowRequest(task_id=task.id, lease_token=task.lease_token, code="none_left", outcome="sold_out")
    await client.tasks.Throw(request, timeout=10)
    assert (await get(client, run)).path == ["work", "sorry"]


async def test_an_outcome_that_the_step_does_not_have_is_refused_with_those_it_has(client: AsyncClient) -> None:
    await ordered(client)
    (task,) = await poll(client)
    for call in (
        client.tasks.Complete(
            CompleteRequest(task_id=task.id, lease_token=task.lease_token, outcome="maybe"), timeout=10
        ),
        client.tasks.Throw(
            ThrowRequest(task_id=task.id, lease_token=task.lease_token, code="x", outcome="maybe"), timeout=10
        ),
    ):
        refused = await refusal(call)
        assert refused.code is grpc.StatusCode.INVALID_ARGUMENT
        assert (refused.places, "done" in refused.message) == (["outcome"], True)
    done = await client.tasks.Complete(CompleteRequest(task_id=task.id, lease_token=task.lease_token), timeout=10)
    assert done.applied


async def test_a_business_error_without_an_outcome_fails_the_step_with_its_code(client: AsyncClient) -> None:
    (run,) = await ordered(client)
    (task,) = await poll(client)
    request = ThrowRequest(task_id=task.id, lease_token=task.lease_token, code="card_declined", message="no funds")
    answer = await client.tasks.Throw(request, timeout=10)
    error = (await get(client, run)).last_error
    assert (answer.task.status, error.code, error.message) == (
        TaskStatus.TASK_STATUS_FAILED, "card_declined", "no funds",
    )  # fmt: skip


async def test_a_failed_attempt_is_repeated_and_then_the_run_fails(client: AsyncClient) -> None:
    (run,) = await ordered(client)
    for attempt in (1, 2):
        (task,) = await poll(client)
        assert task.attempt == attempt
        request = FailRequest(task_id=task.id, lease_token=task.lease_token, code="boom", backoff=Duration())
        await client.tasks.Fail(request, timeout=10)
    enrollment = await get(client, run)
    assert (enrollment.status, enrollment.last_error.code) == (EnrollmentStatus.ENROLLMENT_STATUS_FAILED, "boom")


async def test_p8_a_stale_token_changes_nothing(client: AsyncClient) -> None:
    await ordered(client)
    (task,) = await poll(client)
    request = FailRequest(task_id=task.id, lease_token=task.lease_token, code="boom", backoff=Duration())
    await client.tasks.Fail(request, timeout=10)
    late = CompleteRequest(task_id=task.id, lease_token=task.lease_token)
    refused = await refusal(client.tasks.Complete(late, timeout=10))
    assert (refused.code, refused.info.reason) == (grpc.StatusCode.FAILED_PRECONDITION, "STALE_LEASE")
    assert len(await poll(client)) == 1


async def test_the_holder_learns_at_extend_that_its_task_was_revoked(client: AsyncClient) -> None:
    (run,) = await ordered(client)
    (task,) = await poll(client)
    extend = ExtendRequest(task_id=task.id, lease_token=task.lease_token)
    before = await client.tasks.Extend(extend, timeout=10)
    await client.enrollments.Cancel(CancelRequest(enrollment_id=run), timeout=10)
    after = await client.tasks.Extend(extend, timeout=10)
    complete = CompleteRequest(task_id=task.id, lease_token=task.lease_token)
    late = await client.tasks.Complete(complete, timeout=10)
    assert (before.cancelled, after.cancelled, late.applied) == (False, True, False)


@pytest.mark.parametrize("token", ["", "x", "-1", "9" * 30])
async def test_what_is_no_token_is_an_invalid_argument(client: AsyncClient, token: str) -> None:
    refused = await refusal(client.tasks.Complete(CompleteRequest(task_id="t", lease_token=token), timeout=10))
    assert refused.places == ["lease_token"]


async def test_each_answer_of_a_batch_is_its_own(client: AsyncClient) -> None:
    await ordered(client, 2)
    one, two = await poll(client, 2)
    requests = [
        CompleteRequest(task_id=one.id, lease_token=one.lease_token),
        CompleteRequest(task_id="nobody", lease_token="1"),
        CompleteRequest(task_id=two.id, lease_token=two.lease_token),
    ]
    answer = await client.tasks.CompleteBatch(CompleteBatchRequest(requests=requests), timeout=10)
    assert [result.error.code for result in answer.results] == [0, 5, 0]
    assert [result.completed.applied for result in answer.results] == [True, False, True]


async def test_nobody_but_the_holder_sees_a_token(client: AsyncClient) -> None:
    await ordered(client)
    (task,) = await poll(client)
    read = await client.tasks.Get(TaskServiceGetRequest(task_id=task.id), timeout=10)
    listed = await client.tasks.List(TaskServiceListRequest(queue="q"), timeout=10)
    assert (task.lease_token != "", read.task.lease_token, listed.tasks[0].lease_token) == (True, "", "")


async def test_the_server_and_explain_name_the_queue_and_who_asked_for_it(client: AsyncClient) -> None:
    (run,) = await ordered(client)
    before = (await client.enrollments.Explain(ExplainRequest(enrollment_id=run), timeout=10)).run
    await poll(client)
    after = (await client.enrollments.Explain(ExplainRequest(enrollment_id=run), timeout=10)).run
    info = (await client.admin.GetServerInfo(GetServerInfoRequest(), timeout=10)).server_info
    assert (before.queue.name, before.queue.HasField("last_poll_time")) == ("q", False)
    assert "No worker has ever asked" in before.reason
    assert after.queue.HasField("last_poll_time")
    assert [(queue.name, queue.leased_tasks) for queue in info.queues if queue.name == "q"] == [("q", 1)]


class Worker:
    """A streaming worker whose side a test writes message by message."""

    def __init__(self, client: AsyncClient) -> None:
        self._out: asyncio.Queue[StreamRequest | None] = asyncio.Queue()
        self._call = client.tasks.Stream(self._requests(), timeout=30)

    async def _requests(self) -> AsyncIterator[StreamRequest]:
        while (message := await self._out.get()) is not None:
            yield message

    def say(self, **message: Any) -> None:
        self._out.put_nowait(StreamRequest(**message))

    def close(self) -> None:
        self._out.put_nowait(None)

    async def hear(self) -> StreamResponse:
        response = await self._call.read()
        assert isinstance(response, StreamResponse)
        return response

    async def ended(self) -> bool:
        return await self._call.read() is grpc.aio.EOF


def subscription(credit: int) -> StreamSubscription:
    return StreamSubscription(queues=["q"], worker_id="w2", credit=credit)


async def test_a_stream_pushes_one_task_per_credit_and_acknowledges_answers(client: AsyncClient) -> None:
    runs = await ordered(client, 2)
    worker = Worker(client)
    worker.say(subscribe=subscription(1))
    first = (await worker.hear()).task
    worker.say(complete=CompleteRequest(task_id=first.id, lease_token=first.lease_token))
    acknowledged = await worker.hear()
    worker.say(credit=StreamCredit(tasks=1))
    second = (await worker.hear()).task
    assert (acknowledged.ack.task_id, acknowledged.ack.applied) == (first.id, True)
    assert {first.enrollment_id, second.enrollment_id} == set(runs)
    worker.close()
    assert await worker.ended()


async def test_a_refused_answer_concerns_that_answer_alone(client: AsyncClient) -> None:
    await ordered(client)
    worker = Worker(client)
    worker.say(subscribe=subscription(1))
    task = (await worker.hear()).task
    worker.say(complete=CompleteRequest(task_id=task.id, lease_token="99"))
    worker.say(extend=ExtendRequest(task_id=task.id, lease_token=task.lease_token))
    refused, extended = await worker.hear(), await worker.hear()
    assert refused.ack.error.code == grpc.StatusCode.FAILED_PRECONDITION.value[0]
    assert (extended.ack.applied, extended.ack.HasField("lease_expire_time")) == (True, True)
    worker.close()


async def test_a_stream_begins_with_its_subscription(client: AsyncClient) -> None:
    worker = Worker(client)
    worker.say(credit=StreamCredit(tasks=1))
    assert (await refusal(worker.hear())).places == ["subscribe"]
