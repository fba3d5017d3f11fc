"""A loop over gRPC: published, gone through by a worker, and seen round by round."""

from __future__ import annotations

import pytest
from statewright.client import AsyncClient
from statewright.v1 import CompleteRequest, EnrollmentStatus, EnrollRequest, GetHistoryRequest, PollRequest

from tests.e2e.api.calls import get, publish

FLOW = """
key: calls
steps:
  - id: each
    type: for_each
    config: {items: input.names, item: who}
    body:
      - {id: call, type: task, config: {queue: calls, input: {who: "{{who}}", round: "{{loop.index}}"}}, output: answer}
      - {id: enough, type: break, when: {expression: "variables.answer.agreed == true"}}
  - {id: rounds, type: set_variable, config: {path: calls, value: "{{steps.each.output.rounds}}"}}
"""


@pytest.mark.parametrize(("agreeing", "rounds"), [("ben", 2), ("nobody", 3)])
async def test_a_worker_is_asked_round_by_round_until_the_loop_is_broken(
    client: AsyncClient, agreeing: str, rounds: int
) -> None:
    await publish(client, FLOW)
    request = EnrollRequest(workflow="calls", input={"names": ["ann", "ben", "cid"]})
    run = (await client.enrollments.Enroll(request, timeout=10)).enrollment.id
    asked = []
    for _ in range(rounds):
        poll = PollRequest(queues=["calls"], worker_id="w", max_tasks=1)
        poll.wait.FromSeconds(5)
        (task,) = (await client.tasks.Poll(poll, timeout=20)).tasks
        asked.append((task.input["who"], task.input["round"]))
        answer = CompleteRequest(task_id=task.id, lease_token=task.lease_token)
        answer.output.update({"agreed": task.input["who"] == agreeing})
        await client.tasks.Complete(answer, timeout=10)
    assert asked == [("ann", 0), ("ben", 1), ("cid", 2)][:rounds]
    enrollment = await get(client, run)
    assert enrollment.status == EnrollmentStatus.ENROLLMENT_STATUS_COMPLETED
    assert (enrollment.variables["calls"], list(enrollment.path).count("call")) == (rounds, rounds)
    entries = (await client.enrollments.GetHistory(GetHistoryRequest(enrollment_id=run), timeout=10)).entries
    assert [entry.outcome for entry in entries if entry.step == "each"] == [*["body"] * rounds, "done"]
