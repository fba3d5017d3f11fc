"""Children over gRPC: branches are enrollments that are listed, read, explained and taken along."""

from __future__ import annotations

from statewright.client import AsyncClient
from statewright.v1 import (
    CancelRequest,
    CompleteRequest,
    EnrollmentServiceListRequest,
    EnrollmentStatus,
    EnrollRequest,
    ExplainRequest,
    GetHistoryRequest,
    PollRequest,
    PublishRequest,
    RenderFormat,
    RenderRequest,
    ValidateRequest,
)

from tests.e2e.api.calls import get, publish, refusal

FLOW = """
key: calls
steps:
  - id: both
    type: parallel
    config:
      branches:
        ask: [{id: ask, type: task, config: {queue: asks}, output: answer}]
        inner: [{id: sub, type: sub_workflow, config: {workflow: inner, input: {n: "{{input.n}}"}}, output: left}]
  - {id: keep, type: set_variable, config: {path: got, value: "{{steps.both.output}}"}}
"""
INNER = """
key: inner
steps:
  - {id: work, type: task, config: {queue: works}}
  - {id: keep, type: set_variable, config: {path: n, value: "{{input.n}}"}}
"""


async def answer(client: AsyncClient, queue: str) -> None:
    poll = PollRequest(queues=[queue], worker_id="w", max_tasks=1)
    poll.wait.FromSeconds(5)
    (task,) = (await client.tasks.Poll(poll, timeout=20)).tasks
    done = CompleteRequest(task_id=task.id, lease_token=task.lease_token)
    done.output.update({"from": queue})
    await client.tasks.Complete(done, timeout=10)


async def children(client: AsyncClient, parent: str) -> list[str]:
    listed = await client.enrollments.List(EnrollmentServiceListRequest(parent_id=parent), timeout=10)
    return [one.id for one in listed.enrollments]


async def test_a_family_is_listed_explained_and_goes_on_with_what_its_children_left(client: AsyncClient) -> None:
    await publish(client, INNER)
    await publish(client, FLOW)
    run = (await client.enrollments.Enroll(EnrollRequest(workflow="calls", input={"n": 7}), timeout=10)).enrollment.id
    branches = await children(client, run)
    assert {(await get(client, one)).parent_id for one in branches} == {run}
    told = await client.enrollments.Explain(ExplainRequest(enrollment_id=run), timeout=10)
    assert told.run.waiting_for == "2 of 2 children: ask, inner"
    await answer(client, "asks")
    await answer(client, "works")
    parent = await get(client, run)
    assert parent.status == EnrollmentStatus.ENROLLMENT_STATUS_COMPLETED
    assert parent.variables["got"] == {"ask": {"answer": {"from": "asks"}}, "inner": {"left": {"n": 7}}}
    entries = (await client.enrollments.GetHistory(GetHistoryRequest(enrollment_id=run), timeout=10)).entries
    assert [entry.kind for entry in entries].count("child_ended") == 2
    assert {entry.cause for entry in entries if entry.kind == "child_ended"} == {f"child:{one}" for one in branches}


async def test_a_drawing_counts_children_by_status_and_names_inner_workflows(client: AsyncClient) -> None:
    await publish(client, INNER)
    await publish(client, FLOW)
    run = (await client.enrollments.Enroll(EnrollRequest(workflow="calls", input={"n": 7}), timeout=10)).enrollment.id
    await client.enrollments.Enroll(EnrollRequest(workflow="calls", input={"n": 8}), timeout=10)
    await answer(client, "asks")
    of_all = await client.workflows.Render(RenderRequest(key="calls", with_counts=True), timeout=10)
    assert "both<br/>parallel<br/>4 children: 3 waiting, 1 completed<br/>2 here" in of_all.text
    assert "sub<br/>sub_workflow → inner<br/>2 children: 2 waiting<br/>2 here" in of_all.text
    of_one = await client.workflows.Render(RenderRequest(key="calls", enrollment_id=run), timeout=10)
    assert "both<br/>parallel<br/>2 children: 1 waiting, 1 completed" in of_one.text
    assert [(one.step, one.workflow, one.version) for one in of_one.inner] == [("sub", "inner", 0)]
    svg = await client.workflows.Render(RenderRequest(key="calls", format=RenderFormat.RENDER_FORMAT_SVG), timeout=10)
    assert 'data-workflow="inner"' in svg.text


async def test_a_cancelled_family_is_cancelled_to_any_depth(client: AsyncClient) -> None:
    await publish(client, INNER)
    await publish(client, FLOW)
    run = (await client.enrollments.Enroll(EnrollRequest(workflow="calls", input={"n": 7}), timeout=10)).enrollment.id
    below = [inner for one in await children(client, run) for inner in (one, *await children(client, one))]
    assert len(below) == 3
    await client.enrollments.Cancel(CancelRequest(enrollment_id=run), timeout=10)
    assert {(await get(client, one)).status for one in below} == {EnrollmentStatus.ENROLLMENT_STATUS_CANCELLED}


async def test_validate_tells_of_inner_workflows_that_are_missing_or_lead_back(client: AsyncClient) -> None:
    told = await client.workflows.Validate(ValidateRequest(source=FLOW), timeout=10)
    assert (told.valid, "unknown_workflow" in [problem.code for problem in told.problems]) == (True, True)
    await publish(client, FLOW)
    back = INNER.replace("type: task, config: {queue: works}", "type: sub_workflow, config: {workflow: calls}")
    told = await client.workflows.Validate(ValidateRequest(source=back), timeout=10)
    assert (told.valid, "recursive_workflow" in [problem.code for problem in told.problems]) == (False, True)
    refused = await refusal(client.workflows.Publish(PublishRequest(source=back), timeout=10))
    assert refused.info.reason == "INVALID_DEFINITION"
