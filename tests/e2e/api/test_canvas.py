"""Workflows drawn in an editor: published as they are, run node by node, written out in either spelling."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import grpc
import yaml
from google.protobuf.json_format import MessageToDict
from statewright.client import AsyncClient
from statewright.v1 import (
    CompleteRequest,
    DefinitionFormat,
    EnrollmentStatus,
    EnrollRequest,
    Event,
    GetHistoryRequest,
    PollRequest,
    ProblemSeverity,
    PublishRequest,
    PublishResponse,
    TriggerRequest,
    ValidateRequest,
    WorkflowServiceExportRequest,
    WorkflowServiceGetRequest,
)

from tests.e2e.api.calls import event, get, refusal

DRAWN = Path(__file__).parents[2] / "workflows"
LINEAR = (DRAWN / "canvas" / "linear.json").read_text()
CONDITIONAL = (DRAWN / "canvas" / "conditional.json").read_text()
CANVAS = DefinitionFormat.DEFINITION_FORMAT_CANVAS
YAML = DefinitionFormat.DEFINITION_FORMAT_YAML
JSON = DefinitionFormat.DEFINITION_FORMAT_JSON


async def publish_drawn(client: AsyncClient, source: str, key: str, **more: Any) -> PublishResponse:
    """Publish a canvas that has no name of its own."""
    request = PublishRequest(source=source, key=key, name=key.title(), **more)
    return await client.workflows.Publish(request, timeout=10)


async def started(client: AsyncClient, message: Event) -> str:
    answer = await client.enrollments.Trigger(TriggerRequest(event=message), timeout=10)
    return str(answer.verdicts[0].enrollment_id)


async def answer_message(client: AsyncClient) -> str:
    """Send the one message that waits; its text."""
    request = PollRequest(queues=["messages"], worker_id="w1", max_tasks=1)
    request.wait.FromSeconds(5)
    (task,) = (await client.tasks.Poll(request, timeout=20)).tasks
    await client.tasks.Complete(CompleteRequest(task_id=task.id, lease_token=task.lease_token), timeout=10)
    return str(task.input["body"])


async def definition(client: AsyncClient, version: int) -> dict[str, Any]:
    request = WorkflowServiceGetRequest(key="conditional", version=version)
    found = (await client.workflows.Get(request, timeout=10)).version.definition
    whole: dict[str, Any] = MessageToDict(found)
    return whole


async def export(client: AsyncClient, key: str, form: Any = None) -> str:
    request = WorkflowServiceExportRequest(key=key, format=form)
    return (await client.workflows.Export(request, timeout=10)).source


async def test_a_linear_canvas_runs_all_of_its_nodes_the_trigger_included(client: AsyncClient) -> None:
    published = await publish_drawn(client, LINEAR, "linear")
    assert published.created
    assert {problem.code for problem in published.problems} <= {"no_worker"}

    run = await started(client, event("Test", patch={"phone": "+491"}))
    assert await answer_message(client) == "Done!"

    enrollment = await get(client, run)
    assert enrollment.status == EnrollmentStatus.ENROLLMENT_STATUS_COMPLETED
    assert list(enrollment.path) == ["n1", "n2", "n3"]
    assert enrollment.executed_steps == 3
    assert enrollment.variables["result"] == "success"


async def test_the_trigger_node_opens_the_history_of_steps(client: AsyncClient) -> None:
    await publish_drawn(client, LINEAR, "linear")
    run = await started(client, event("Test", patch={"phone": "+491"}))
    history = await client.enrollments.GetHistory(GetHistoryRequest(enrollment_id=run), timeout=10)
    first = next(entry for entry in history.entries if entry.step)
    assert (first.step, first.step_type, first.outcome) == ("n1", "trigger", "done")


async def test_a_conditional_canvas_takes_the_branch_that_holds(client: AsyncClient) -> None:
    published = await publish_drawn(client, CONDITIONAL, "conditional")
    warned = [(problem.code, problem.path) for problem in published.problems]
    assert warned == [("unknown_action", "nodes[2].label"), ("unknown_action", "nodes[3].label")]
    labels = {step["id"]: step["name"] for step in (await definition(client, 1))["steps"]}

    for contact, age, wanted in (("ann", 25, "Adult Path"), ("bob", 17, "Minor Path"), ("cid", None, "Minor Path")):
        patch = {"custom_fields": {"age": age}} if age else None
        enrollment = await get(client, await started(client, event("Test", contact, patch=patch)))
        assert enrollment.status == EnrollmentStatus.ENROLLMENT_STATUS_COMPLETED
        assert [labels.get(step) for step in enrollment.path] == [None, "Check Age", wanted]
        assert enrollment.executed_steps == 3


async def test_a_run_by_api_goes_through_the_trigger_node_too(client: AsyncClient) -> None:
    await publish_drawn(client, CONDITIONAL, "conditional")
    answer = await client.enrollments.Enroll(EnrollRequest(workflow="conditional", contact_id="eve"), timeout=10)
    assert list((await get(client, answer.enrollment.id)).path) == ["n1", "n2", "n4"]


async def test_a_canvas_is_exported_byte_for_byte_and_listed_and_drawn_without_loss(client: AsyncClient) -> None:
    published = await publish_drawn(client, CONDITIONAL, "conditional")
    assert published.version.format == CANVAS
    assert await export(client, "conditional") == CONDITIONAL
    assert await export(client, "conditional", CANVAS) == CONDITIONAL

    listed = yaml.safe_load(await export(client, "conditional", YAML))
    assert (listed["key"], [step["id"] for step in listed["steps"]]) == ("conditional", ["n2", "n3", "n4"])
    assert json.loads(await export(client, "conditional", JSON))["steps"] == listed["steps"]

    await client.workflows.Publish(PublishRequest(source=json.dumps(listed)), timeout=10)
    drawn = json.loads(await export(client, "conditional", CANVAS))
    places = [node.pop("position") for node in drawn["nodes"]]
    assert {name: drawn[name] for name in ("nodes", "edges")} == {
        name: json.loads(CONDITIONAL)[name] for name in ("nodes", "edges")
    }
    assert len({(place["x"], place["y"]) for place in places}) == 4


async def test_both_spellings_of_a_workflow_have_the_same_definition(client: AsyncClient) -> None:
    await publish_drawn(client, CONDITIONAL, "conditional")
    await client.workflows.Publish(PublishRequest(source=await export(client, "conditional", YAML)), timeout=10)
    assert await definition(client, 1) == await definition(client, 2)


async def test_a_steps_workflow_exports_as_a_canvas_that_publishes(client: AsyncClient) -> None:
    text = "key: k\ntrigger: {type: go}\nsteps: [{id: a, type: add_tag, config: {tag: x}}]\n"
    await client.workflows.Publish(PublishRequest(source=text), timeout=10)
    drawn = await export(client, "k", CANVAS)
    again = await client.workflows.Publish(PublishRequest(source=drawn, format=CANVAS), timeout=10)
    assert (again.version.number, again.version.format) == (2, CANVAS)
    assert list((await get(client, await started(client, event("go")))).path) == ["a"]


async def test_what_a_canvas_cannot_run_is_refused_at_its_place(client: AsyncClient) -> None:
    for name in ("not_supported_yet.knowledge_base", "not_supported_yet.integration"):
        request = PublishRequest(source=(DRAWN / "bad" / f"{name}.json").read_text(), key="x")
        refused = await refusal(client.workflows.Publish(request, timeout=10))
        assert (refused.code, refused.info.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "INVALID_DEFINITION")
        assert refused.places[0].startswith(("nodes[1]", "edges[1]"))


async def test_steps_called_a_canvas_are_refused(client: AsyncClient) -> None:
    request = ValidateRequest(source="key: k\nsteps: [{id: a, type: pass}]\n", format=CANVAS)
    answer = await client.workflows.Validate(request, timeout=10)
    errors = {p.code for p in answer.problems if p.severity == ProblemSeverity.PROBLEM_SEVERITY_ERROR}
    assert not answer.valid
    assert errors == {"conflicting_keys", "missing_key"}
