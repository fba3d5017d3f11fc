"""Human tasks over gRPC: who is given them, who decides, and what comes of it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import grpc
from statewright.client import AsyncClient
from statewright.v1 import (
    AdvanceRequest,
    Agent,
    AgentAvailability,
    AgentServiceDeleteRequest,
    AgentServicePutRequest,
    AgentServiceWatchRequest,
    CancelRequest,
    ClaimRequest,
    DecideRequest,
    Enrollment,
    EnrollmentServiceGetRequest,
    EnrollmentServicePauseRequest,
    EnrollmentServiceResumeRequest,
    EnrollmentServiceWatchRequest,
    EnrollmentView,
    EnrollRequest,
    ListAssignmentsRequest,
    ListNotificationsRequest,
    NotificationKind,
    PollRequest,
    ReassignRequest,
    ReleaseRequest,
    SetAvailabilityRequest,
    Task,
    TaskKind,
    TaskServiceGetRequest,
    TaskServiceListRequest,
    TaskStatus,
)

from tests.e2e.api.calls import assert_decided_again, get, publish, refusal

REFUND = """
key: refund
trigger: {type: manual}
steps:
  - id: ask
    type: approval
    config:
      queue: refunds
      assign: {group: sales}
      title: "Refund for {{contact.id}}"
      form:
        amount: {type: number, required: [approved], min: 0, max: 100}
        reason: {type: text, required: [rejected]}
    branches: {approved: pay, rejected: end}
  - {id: pay, type: set_variable, config: {path: paid, value: "{{steps.ask.output.amount}}"}}
"""
AVAILABLE = AgentAvailability.AGENT_AVAILABILITY_AVAILABLE
OPEN, DONE = TaskStatus.TASK_STATUS_OPEN, TaskStatus.TASK_STATUS_COMPLETED


async def put(client: AsyncClient, agent_id: str, **fields: Any) -> None:
    await client.agents.Put(AgentServicePutRequest(agent=Agent(id=agent_id, **fields)), timeout=10)


async def ask(client: AsyncClient, contact: str = "cid", workflow: str = "refund") -> tuple[str, Task]:
    """A new run and the human task in which it rests."""
    answer = await client.enrollments.Enroll(EnrollRequest(workflow=workflow, contact_id=contact), timeout=10)
    run = answer.enrollment.id
    (task,) = (await client.tasks.List(TaskServiceListRequest(enrollment_id=run), timeout=10)).tasks
    return run, task


async def read(client: AsyncClient, task: Task) -> Task:
    return (await client.tasks.Get(TaskServiceGetRequest(task_id=task.id), timeout=10)).task


async def decide(
    client: AsyncClient, task: Task, agent: str, decision: str, data: Mapping[str, Any] | None = None, **given: Any
) -> Task:
    request = DecideRequest(task_id=task.id, agent_id=agent, decision=decision, **given)
    request.data.update(data or {})
    return (await client.tasks.Decide(request, timeout=10)).task


async def test_work_goes_round_among_those_available_and_is_decided_once(client: AsyncClient, url: str) -> None:
    await publish(client, REFUND)
    for name in ("ann", "bob"):
        await put(client, name, groups=["sales"])
    await put(client, "cat", groups=["it"])
    runs = [await ask(client, f"c{number}") for number in range(4)]
    assert [task.human.agent_id for _, task in runs] == ["ann", "bob", "ann", "bob"]
    run, task = runs[0]
    assert (task.status, task.queue, task.human.title) == (OPEN, "refunds", "Refund for c0")
    assert list(task.human.decisions) == ["approved", "rejected"]
    poll = PollRequest(queues=["refunds"], worker_id="w")
    poll.wait.FromSeconds(0)
    assert not (await client.tasks.Poll(poll, timeout=10)).tasks

    refused = await refusal(decide(client, task, "bob", "approved", {"amount": 5}))
    assert (refused.info.reason, refused.info.metadata["agent_id"]) == ("TASK_HELD", "ann")
    wrong = await refusal(decide(client, task, "ann", "approved", {"amount": 500, "why": "x"}))
    assert wrong.places == ["data.why", "data.amount"]
    assert (await refusal(decide(client, task, "ann", "maybe"))).places == ["decision"]
    assert (await refusal(decide(client, task, "ann", "rejected"))).places == ["data.reason"]

    done = await decide(client, task, "ann", "approved", {"amount": 5}, request_id="r1")
    assert (done.status, done.human.decision, done.human.decided_by) == (DONE, "approved", "ann")
    assert await decide(client, task, "ann", "approved", {"amount": 5}, request_id="r1") == done
    assert (await get(client, run)).variables["paid"] == 5
    twice = await refusal(decide(client, task, "ann", "rejected", {"reason": "no"}))
    assert (twice.code, twice.info.reason) == (grpc.StatusCode.FAILED_PRECONDITION, "TASK_DECIDED")
    assert (twice.info.metadata["agent_id"], twice.info.metadata["decision"]) == ("ann", "approved")
    assert_decided_again(url)


async def test_what_nobody_may_have_waits_for_whoever_becomes_available_or_claims_it(client: AsyncClient) -> None:
    await publish(client, REFUND)
    run, task = await ask(client)
    assert task.human.agent_id == ""
    unassigned = TaskServiceListRequest(kind=TaskKind.TASK_KIND_HUMAN, unassigned=True)
    assert [one.id for one in (await client.tasks.List(unassigned, timeout=10)).tasks] == [task.id]
    await put(client, "ann", groups=["sales"], availability=3)
    await put(client, "eve", groups=["it"])
    assert (await read(client, task)).human.agent_id == ""
    stranger = await refusal(client.tasks.Claim(ClaimRequest(task_id=task.id, agent_id="eve"), timeout=10))
    assert stranger.info.reason == "FAILED_PRECONDITION"
    there = await client.agents.SetAvailability(
        SetAvailabilityRequest(agent_id="ann", availability=AVAILABLE), timeout=10
    )
    assert (there.assigned, there.agent.open) == (1, 1)

    await client.tasks.Release(ReleaseRequest(task_id=task.id, agent_id="ann"), timeout=10)
    assert (await read(client, task)).human.agent_id == ""
    await put(client, "bob", groups=["sales"])
    assert (await read(client, task)).human.agent_id == "bob"
    taken = await refusal(client.tasks.Claim(ClaimRequest(task_id=task.id, agent_id="ann"), timeout=10))
    assert (taken.info.reason, taken.info.metadata["agent_id"]) == ("TASK_HELD", "bob")
    await client.tasks.Reassign(ReassignRequest(task_id=task.id, agent_id="eve"), timeout=10)
    await decide(client, task, "eve", "rejected", {"reason": "late"})
    assert (await get(client, run)).end_time.seconds
    told = await client.agents.ListNotifications(ListNotificationsRequest(agent_id="bob"), timeout=10)
    assert [NotificationKind.Name(one.kind)[18:] for one in told.notifications] == ["ASSIGNED", "UNASSIGNED"]
    had = await client.agents.ListAssignments(ListAssignmentsRequest(task_id=task.id), timeout=10)
    assert [one.agent_id for one in had.assignments] == ["eve", "bob", "ann"]


async def test_an_operator_decides_by_advance_and_the_form_holds_for_them_too(client: AsyncClient) -> None:
    await publish(client, REFUND)
    await put(client, "ann", groups=["sales"])
    run, task = await ask(client)
    advance = AdvanceRequest(enrollment_id=run, transition="approved")
    assert (await refusal(client.enrollments.Advance(advance, timeout=10))).places == ["data.amount"]
    advance.data.update({"amount": 7})
    await client.enrollments.Advance(advance, timeout=10)
    assert (await get(client, run)).variables["paid"] == 7
    assert (await read(client, task)).status == DONE
    late = await refusal(decide(client, task, "ann", "approved", {"amount": 1}))
    assert (late.info.reason, late.info.metadata["agent_id"]) == ("TASK_DECIDED", "")


async def test_a_decision_about_a_paused_run_takes_effect_when_it_is_resumed(client: AsyncClient, url: str) -> None:
    await publish(client, REFUND)
    await put(client, "ann", groups=["sales"])
    run, task = await ask(client)
    await client.enrollments.Pause(EnrollmentServicePauseRequest(enrollment_id=run), timeout=10)
    await decide(client, task, "ann", "approved", {"amount": 3})
    assert (await refusal(decide(client, task, "ann", "approved", {"amount": 3}))).info.reason == "TASK_DECIDED"
    assert "paid" not in (await get(client, run)).variables
    await client.enrollments.Resume(EnrollmentServiceResumeRequest(enrollment_id=run), timeout=10)
    assert (await get(client, run)).variables["paid"] == 3
    assert_decided_again(url)


async def test_a_cancelled_run_takes_its_task_along_and_makes_room_for_what_waits(client: AsyncClient) -> None:
    await publish(client, REFUND)
    await put(client, "ann", groups=["sales"], max_open=1)
    run, first = await ask(client)
    _, second = await ask(client, "dan")
    assert (first.human.agent_id, second.human.agent_id) == ("ann", "")
    watch = client.agents.Watch(AgentServiceWatchRequest(agent_id="ann", after_sequence=1), timeout=20)
    await client.enrollments.Cancel(CancelRequest(enrollment_id=run), timeout=10)
    assert (await read(client, first)).status == TaskStatus.TASK_STATUS_CANCELLED
    gone = await refusal(decide(client, first, "ann", "approved", {"amount": 1}))
    assert gone.info.reason == "FAILED_PRECONDITION"
    told = [response.notification async for response in _first(watch, 3)]
    assert [(one.sequence, one.task_id) for one in told[1:]] == [(2, first.id), (3, second.id)]
    deleted = await client.agents.Delete(AgentServiceDeleteRequest(agent_id="ann"), timeout=10)
    assert (deleted.returned, deleted.reassigned) == (1, 0)
    assert (await read(client, second)).human.agent_id == ""


async def test_of_two_who_claim_at_once_one_gets_it(client: AsyncClient) -> None:
    await publish(client, REFUND.replace("assign: {group: sales}", "title: x").replace('title: "Refund', "#"))
    for name in ("ann", "bob"):
        await put(client, name)
    _, task = await ask(client)
    claims = [client.tasks.Claim(ClaimRequest(task_id=task.id, agent_id=name), timeout=10) for name in ("ann", "bob")]
    results = await asyncio.gather(*claims, return_exceptions=True)
    assert sum(isinstance(result, Exception) for result in results) == 1


WORK = """
key: work
trigger: {type: manual}
steps:
  - {id: work, type: task, config: {queue: refunds}}
"""


async def test_bad_human_calls_are_refused_and_say_why(client: AsyncClient) -> None:
    await publish(client, REFUND)
    await publish(client, WORK)
    await put(client, "ann", groups=["sales"])
    _, task = await ask(client)
    _, work = await ask(client, workflow="work")

    def claim(**given: Any) -> Any:
        return client.tasks.Claim(ClaimRequest(**given), timeout=10)

    def reassign(**given: Any) -> Any:
        return client.tasks.Reassign(ReassignRequest(**given), timeout=10)

    reasons: list[tuple[Any, str]] = [
        (claim(task_id="none", agent_id="ann"), "TASK_NOT_FOUND"),
        (claim(task_id=task.id, agent_id="none"), "AGENT_NOT_FOUND"),
        (claim(task_id=work.id, agent_id="ann"), "FAILED_PRECONDITION"),
        (decide(client, work, "ann", "done"), "FAILED_PRECONDITION"),
        (decide(client, task, "none", "approved", {"amount": 1}), "AGENT_NOT_FOUND"),
        (decide(client, task, "ann", "approved", {"amount": 1, "x": "y" * 70_000}), "LIMIT_EXCEEDED"),
        (reassign(task_id=task.id, agent_id="none"), "AGENT_NOT_FOUND"),
        (client.tasks.Release(ReleaseRequest(task_id=work.id, agent_id="ann"), timeout=10), "FAILED_PRECONDITION"),
    ]
    assert [(await refusal(call)).info.reason for call, _ in reasons] == [reason for _, reason in reasons]
    places: list[tuple[Any, list[str]]] = [
        (claim(), ["task_id", "agent_id"]),
        (decide(client, task, "", ""), ["agent_id", "decision"]),
        (reassign(task_id=task.id), ["to"]),
        (reassign(task_id=task.id, agent_id="ann", skills=["de"]), ["skills"]),
        (reassign(task_id=task.id, group=""), ["group"]),
        (
            client.tasks.List(TaskServiceListRequest(unassigned=True, agent_id="ann"), timeout=10),
            ["unassigned"],
        ),
    ]
    assert [(await refusal(call)).places for call, _ in places] == [place for _, place in places]
    assert (await read(client, task)).human.agent_id == "ann"


OWNER = """
key: owner
trigger: {type: manual}
steps:
  - {id: owner, type: assign_agent, config: {group: sales}, branches: {nobody: end}}
  - {id: note, type: set_variable, config: {path: who, value: "{{contact.agent}}"}}
"""


async def test_contacts_are_given_to_agents_by_turns(client: AsyncClient, url: str) -> None:
    await publish(client, OWNER)
    runs = [await enroll(client, "c0", "owner")]
    for name in ("ann", "bob"):
        await put(client, name, groups=["sales"])
    runs += [await enroll(client, f"c{number}", "owner") for number in range(1, 4)]
    ended = [await until_ended(client, run) for run in runs]
    assert [run.path[-1] for run in ended] == ["owner", "note", "note", "note"]
    assert [run.variables["who"] for run in ended[1:]] == ["ann", "bob", "ann"]
    again = await until_ended(client, await enroll(client, "c1", "owner"))
    assert again.variables["who"] == "bob"
    had = await client.agents.ListAssignments(ListAssignmentsRequest(contact_id="c1"), timeout=10)
    assert [(one.agent_id, one.HasField("end_time")) for one in had.assignments] == [("bob", False), ("ann", True)]
    told = await client.agents.ListNotifications(ListNotificationsRequest(agent_id="bob"), timeout=10)
    assert [(one.contact_id, one.task_id) for one in told.notifications] == [("c2", ""), ("c1", "")]
    assert_decided_again(url)


async def enroll(client: AsyncClient, contact: str, workflow: str) -> str:
    answer = await client.enrollments.Enroll(EnrollRequest(workflow=workflow, contact_id=contact), timeout=10)
    await until_ended(client, answer.enrollment.id)
    return answer.enrollment.id


async def until_ended(client: AsyncClient, run: str) -> Enrollment:
    """The server does the task itself: watch until the run has ended."""
    request = EnrollmentServiceWatchRequest(enrollment_id=run, after_sequence=0)
    async for _ in client.enrollments.Watch(request, timeout=20):
        pass
    asked = EnrollmentServiceGetRequest(enrollment_id=run, view=EnrollmentView.ENROLLMENT_VIEW_FULL)
    return (await client.enrollments.Get(asked, timeout=10)).enrollment


async def _first(stream: Any, count: int) -> Any:
    async for response in stream:
        yield response
        count -= 1
        if not count:
            stream.cancel()
            return
