"""Publishing, reading, exporting and drawing workflows over gRPC."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any
from xml.etree import ElementTree

import grpc
import pytest
from statewright.client import AsyncClient
from statewright.v1 import (
    ActivateRequest,
    DefinitionFormat,
    EnrollmentServiceGetRequest,
    ListVersionsRequest,
    PauseTimers,
    ProblemSeverity,
    PublishRequest,
    RenderFormat,
    RenderRequest,
    TriggerRequest,
    ValidateRequest,
    WorkflowServiceExportRequest,
    WorkflowServiceGetRequest,
    WorkflowServiceListRequest,
    WorkflowServicePauseRequest,
    WorkflowServiceResumeRequest,
)

from tests.e2e.api.calls import WELCOME, enrolled, event, publish, refusal

BAD = "name: Bad\nsteps:\n  - id: a\n    type: wiat\n    config: {for: 1d}\n  - id: a\n    type: exit\n"
SECOND = WELCOME.replace("timeout: 2d", "timeout: 3d")
JSON = DefinitionFormat.DEFINITION_FORMAT_JSON


async def test_validate_answers_every_problem_with_its_place(client: AsyncClient) -> None:
    answer = await client.workflows.Validate(ValidateRequest(source=BAD), timeout=10)
    assert not answer.valid
    found = {problem.code: problem for problem in answer.problems}
    assert {"unknown_type", "duplicate_id"} <= set(found)
    assert (found["unknown_type"].path, found["unknown_type"].line) == ("steps[0].type", 4)
    assert found["unknown_type"].severity == ProblemSeverity.PROBLEM_SEVERITY_ERROR
    assert "wait" in found["unknown_type"].suggestion


async def test_publishing_a_bad_definition_is_refused_with_every_problem(client: AsyncClient) -> None:
    refused = await refusal(client.workflows.Publish(PublishRequest(source=BAD), timeout=10))
    assert (refused.code, refused.info.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "INVALID_DEFINITION")
    assert "steps[0].type" in refused.places
    listed = await client.workflows.List(WorkflowServiceListRequest(), timeout=10)
    assert not listed.workflows


async def test_versions_are_numbered_and_the_same_text_is_the_same_version(client: AsyncClient) -> None:
    answers = [
        await client.workflows.Publish(PublishRequest(source=source), timeout=10)
        for source in (WELCOME, SECOND, SECOND)
    ]
    assert [(one.version.number, one.created) for one in answers] == [(1, True), (2, True), (2, False)]


async def test_a_rehearsal_answers_as_publish_would_and_stores_nothing(client: AsyncClient) -> None:
    request = PublishRequest(source=WELCOME, validate_only=True)
    answer = await client.workflows.Publish(request, timeout=10)
    assert (answer.workflow.key, answer.version.number, answer.created) == ("welcome", 1, False)
    refused = await refusal(client.workflows.Get(WorkflowServiceGetRequest(key="welcome"), timeout=10))
    assert refused.info.reason == "WORKFLOW_NOT_FOUND"


async def test_a_repeated_request_id_gets_the_first_answer(client: AsyncClient) -> None:
    request = PublishRequest(source=WELCOME, request_id="r1", expected_revision=0)
    first = await client.workflows.Publish(request, timeout=10)
    again = await client.workflows.Publish(request, timeout=10)
    assert again == first
    request.source = SECOND
    assert (await refusal(client.workflows.Publish(request, timeout=10))).info.reason == "REQUEST_ID_REUSED"


async def test_get_answers_the_text_as_published_and_in_canonical_form(client: AsyncClient) -> None:
    await publish(client)
    await enrolled(client)
    answer = await client.workflows.Get(WorkflowServiceGetRequest(key="welcome"), timeout=10)
    assert (answer.version.source, answer.version.number, answer.version.active) == (WELCOME, 1, True)
    definition: Any = answer.version.definition
    assert definition["steps"][0]["id"] == "greet"
    assert [(one.step, one.count) for one in answer.workflow.counts.steps] == [("reply", 1)]


async def test_a_missing_version_is_not_found_by_name(client: AsyncClient) -> None:
    await publish(client)
    refused = await refusal(client.workflows.Get(WorkflowServiceGetRequest(key="welcome", version=9), timeout=10))
    assert (refused.code, refused.info.reason) == (grpc.StatusCode.NOT_FOUND, "VERSION_NOT_FOUND")
    assert dict(refused.info.metadata) == {"workflow": "welcome", "version": "9"}


async def test_workflows_are_listed_by_key_in_pages_and_by_what_triggers_them(client: AsyncClient) -> None:
    for name in ("b", "a", "c"):
        await publish(client, WELCOME.replace("key: welcome", f"key: {name}"))
    await publish(client, "key: d\nname: D\nsteps: [{id: x, type: exit}]\n")
    first = await client.workflows.List(WorkflowServiceListRequest(page_size=2), timeout=10)
    request = WorkflowServiceListRequest(page_size=2, page_token=first.next_page_token)
    second = await client.workflows.List(request, timeout=10)
    assert [one.key for one in (*first.workflows, *second.workflows)] == ["a", "b", "c", "d"]
    listening = await client.workflows.List(WorkflowServiceListRequest(trigger_type="contact_added"), timeout=10)
    assert [one.key for one in listening.workflows] == ["a", "b", "c"]


async def test_versions_are_listed_latest_first_and_any_can_be_made_active(client: AsyncClient) -> None:
    for source in (WELCOME, SECOND):
        await publish(client, source)
    activated = await client.workflows.Activate(ActivateRequest(key="welcome", version=1), timeout=10)
    listed = await client.workflows.ListVersions(ListVersionsRequest(key="welcome"), timeout=10)
    assert activated.workflow.active_version == 1
    assert [(one.number, one.active) for one in listed.versions] == [(2, False), (1, True)]


async def test_a_paused_workflow_blocks_entries_until_it_is_resumed(client: AsyncClient) -> None:
    await publish(client)

    async def rule(contact: str) -> str:
        message = event("contact_created", contact, patch={"plan": "pro"})
        answer = await client.enrollments.Trigger(TriggerRequest(event=message), timeout=10)
        return str(answer.verdicts[0].rule)

    await client.workflows.Pause(WorkflowServicePauseRequest(key="welcome"), timeout=10)
    assert await rule("ann") == "workflow_paused"
    await client.workflows.Resume(WorkflowServiceResumeRequest(key="welcome"), timeout=10)
    assert await rule("ann") == ""


async def test_a_pause_that_keeps_what_remains_makes_every_run_later_by_its_length(client: AsyncClient) -> None:
    await publish(client)
    run = await enrolled(client)
    before = await due_time(client, run)
    request = WorkflowServicePauseRequest(key="welcome", timers=PauseTimers.PAUSE_TIMERS_REMAINING)
    paused = (await client.workflows.Pause(request, timeout=10)).workflow
    assert paused.pause_timers == PauseTimers.PAUSE_TIMERS_REMAINING
    resumed = (await client.workflows.Resume(WorkflowServiceResumeRequest(key="welcome"), timeout=10)).workflow
    assert not resumed.HasField("pause_time")
    stood = await due_time(client, run) - before
    assert timedelta(0) < stood < datetime.now(UTC) - paused.pause_time.ToDatetime(UTC)


@pytest.mark.parametrize("timers", [PauseTimers.PAUSE_TIMERS_KEEP, PauseTimers.PAUSE_TIMERS_CATCH_UP])
async def test_a_pause_under_another_policy_leaves_every_due_time(client: AsyncClient, timers: Any) -> None:
    await publish(client)
    run = await enrolled(client)
    before = await due_time(client, run)
    await client.workflows.Pause(WorkflowServicePauseRequest(key="welcome", timers=timers), timeout=10)
    await client.workflows.Resume(WorkflowServiceResumeRequest(key="welcome"), timeout=10)
    assert await due_time(client, run) == before


async def test_a_policy_that_there_is_not_is_refused(client: AsyncClient) -> None:
    await publish(client)
    request = WorkflowServicePauseRequest(key="welcome", timers=9)  # type: ignore[arg-type]
    refused = await refusal(client.workflows.Pause(request, timeout=10))
    assert refused.code is grpc.StatusCode.INVALID_ARGUMENT


async def due_time(client: AsyncClient, run: str) -> datetime:
    answer = await client.enrollments.Get(EnrollmentServiceGetRequest(enrollment_id=run), timeout=10)
    return answer.enrollment.due_time.ToDatetime(UTC)


async def test_a_stale_revision_is_aborted(client: AsyncClient) -> None:
    await publish(client)
    request = WorkflowServicePauseRequest(key="welcome", expected_revision=9)
    assert (await refusal(client.workflows.Pause(request, timeout=10))).code is grpc.StatusCode.ABORTED


async def test_an_export_is_the_text_as_published(client: AsyncClient) -> None:
    await publish(client)
    answer = await client.workflows.Export(WorkflowServiceExportRequest(key="welcome"), timeout=10)
    assert (answer.source, answer.version) == (WELCOME, 1)


async def test_an_export_in_the_other_format_publishes_as_an_equal_definition(client: AsyncClient) -> None:
    await publish(client)
    exported = await client.workflows.Export(WorkflowServiceExportRequest(key="welcome", format=JSON), timeout=10)
    assert json.loads(exported.source)["steps"][0]["id"] == "greet"
    await publish(client, exported.source)
    definitions = [
        (await client.workflows.Get(WorkflowServiceGetRequest(key="welcome", version=number), timeout=10)).version
        for number in (1, 2)
    ]
    assert definitions[0].definition == definitions[1].definition


async def test_a_drawing_shows_edges_counts_and_the_way_of_one_run(client: AsyncClient) -> None:
    await publish(client)
    run = await enrolled(client)
    request = RenderRequest(key="welcome", with_counts=True, enrollment_id=run)
    text = (await client.workflows.Render(request, timeout=10)).text
    assert text.startswith("flowchart TD")
    assert '-->|"timeout"|' in text
    assert "1 here" in text
    assert "class s2 here" in text


async def test_a_text_can_be_drawn_before_it_is_published(client: AsyncClient) -> None:
    text = (await client.workflows.Render(RenderRequest(source=WELCOME), timeout=10)).text
    assert "give_up" in text
    refused = await refusal(client.workflows.Render(RenderRequest(source=BAD), timeout=10))
    assert refused.info.reason == "INVALID_DEFINITION"


async def test_a_drawing_marks_the_outcomes_by_which_a_run_left_its_steps(client: AsyncClient) -> None:
    await publish(client)
    run = await enrolled(client)
    await client.enrollments.Trigger(TriggerRequest(event=event("message_received")), timeout=10)
    text = (await client.workflows.Render(RenderRequest(key="welcome", enrollment_id=run), timeout=10)).text
    assert 's2 ==>|"answered"| s3' in text
    assert 's2 -->|"timeout"| s4' in text
    assert "class completed visited" in text


async def test_a_run_that_left_by_a_rule_is_drawn_to_the_exit(client: AsyncClient) -> None:
    await publish(client)
    run = await enrolled(client)
    await client.enrollments.Trigger(TriggerRequest(event=event("contact_unsubscribed")), timeout=10)
    text = (await client.workflows.Render(RenderRequest(key="welcome", enrollment_id=run), timeout=10)).text
    assert 'anywhere ==>|"unsubscribed"| exited' in text


async def test_svg_is_drawn_with_counts_and_the_way_of_one_run(client: AsyncClient) -> None:
    await publish(client)
    run = await enrolled(client)
    request = RenderRequest(key="welcome", format=RenderFormat.RENDER_FORMAT_SVG, with_counts=True, enrollment_id=run)
    drawn = await client.workflows.Render(request, timeout=10)
    texts = [one.text for one in ElementTree.fromstring(drawn.text).iter("{http://www.w3.org/2000/svg}text")]
    assert {"greet", "reply", "1 here", "answered"} <= set(texts)
    assert 'class="wait here"' in drawn.text


async def test_the_way_of_a_run_of_another_workflow_is_refused(client: AsyncClient) -> None:
    await publish(client)
    await publish(client, WELCOME.replace("key: welcome", "key: other"))
    run = await enrolled(client)
    refused = await refusal(client.workflows.Render(RenderRequest(key="welcome", enrollment_id=run), timeout=10))
    assert (refused.code, refused.places) == (grpc.StatusCode.INVALID_ARGUMENT, ["enrollment_id"])
