"""Reading and controlling enrollments over gRPC."""

from __future__ import annotations

from typing import Any

import grpc
import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from statewright.client import AsyncClient
from statewright.v1 import (
    AdvanceRequest,
    CancelRequest,
    CountRequest,
    EnrollBatchRequest,
    EnrollmentOrder,
    EnrollmentServiceGetRequest,
    EnrollmentServiceListRequest,
    EnrollmentServicePauseRequest,
    EnrollmentServiceResumeRequest,
    EnrollmentStatus,
    EnrollmentView,
    EnrollRequest,
    GetHistoryRequest,
    ListTransitionsRequest,
    LogLevel,
    VerdictKind,
)

from tests.e2e.api.calls import enrolled, get, publish, refusal

WAITING = EnrollmentStatus.ENROLLMENT_STATUS_WAITING


@pytest.fixture
async def run(client: AsyncClient) -> str:
    """An enrollment that rests in `reply`."""
    await publish(client)
    return await enrolled(client)


async def test_get_tells_where_a_run_is_and_how_it_came_there(client: AsyncClient, run: str) -> None:
    enrollment = await get(client, run)
    assert (enrollment.workflow, enrollment.version, enrollment.contact_id) == ("welcome", 1, "ann")
    assert (enrollment.status, enrollment.step, list(enrollment.path)) == (WAITING, "reply", ["greet", "reply"])
    assert enrollment.variables["greeting"] == "Hello Ann"
    assert enrollment.waiting_for == ["contact_unsubscribed", "message_received"]
    assert enrollment.due_time.seconds - enrollment.start_time.seconds == 2 * 86_400
    assert (enrollment.trigger.id, enrollment.trigger.type) == ("trigger_1", "contact_created")


async def test_the_basic_view_leaves_out_variables_and_path(client: AsyncClient, run: str) -> None:
    request = EnrollmentServiceGetRequest(enrollment_id=run, view=EnrollmentView.ENROLLMENT_VIEW_BASIC)
    enrollment = (await client.enrollments.Get(request, timeout=10)).enrollment
    assert (enrollment.step, len(enrollment.path), enrollment.HasField("variables")) == ("reply", 0, False)


async def test_an_unknown_enrollment_is_not_found(client: AsyncClient) -> None:
    refused = await refusal(client.enrollments.Get(EnrollmentServiceGetRequest(enrollment_id="no"), timeout=10))
    assert (refused.code, refused.info.reason) == (grpc.StatusCode.NOT_FOUND, "ENROLLMENT_NOT_FOUND")
    assert refused.info.metadata["enrollment_id"] == "no"


async def test_pages_list_everything_once_newest_first(client: AsyncClient) -> None:
    await publish(client)
    made = [await enrolled(client, f"c{number}") for number in range(7)]
    listed: list[str] = []
    request = EnrollmentServiceListRequest(workflow="welcome", page_size=3)
    while True:
        page = await client.enrollments.List(request, timeout=10)
        listed += [one.id for one in page.enrollments]
        if not page.next_page_token:
            break
        request.page_token = page.next_page_token
    assert listed == made[::-1]


async def test_a_page_token_of_other_filters_is_refused(client: AsyncClient) -> None:
    await publish(client)
    for number in range(2):
        await enrolled(client, f"c{number}")
    page = await client.enrollments.List(EnrollmentServiceListRequest(page_size=1), timeout=10)
    other = EnrollmentServiceListRequest(page_size=1, contact_id="c1", page_token=page.next_page_token)
    assert (await refusal(client.enrollments.List(other, timeout=10))).places == ["page_token"]


async def test_a_list_filters_by_what_it_is_asked(client: AsyncClient, run: str) -> None:
    other = await enrolled(client, "bob")
    await client.enrollments.Cancel(CancelRequest(enrollment_id=other), timeout=10)
    started = (await get(client, run)).start_time

    async def ids(**filters: Any) -> list[str]:
        request = EnrollmentServiceListRequest(order=EnrollmentOrder.ENROLLMENT_ORDER_OLDEST_FIRST, **filters)
        return [one.id for one in (await client.enrollments.List(request, timeout=10)).enrollments]

    assert await ids() == [run, other]
    assert await ids(contact_id="bob") == [other]
    assert await ids(status=[WAITING]) == [run]
    assert await ids(step="reply") == [run]
    assert await ids(workflow="welcome", version=2) == []
    assert await ids(start_time_from=started) == [run, other]
    assert await ids(start_time_before=started) == []
    assert await ids(start_time_from=Timestamp(seconds=started.seconds + 60)) == []


async def test_an_ended_run_still_names_its_last_step(client: AsyncClient, run: str) -> None:
    await client.enrollments.Cancel(CancelRequest(enrollment_id=run), timeout=10)
    listed = await client.enrollments.List(EnrollmentServiceListRequest(), timeout=10)
    assert (listed.enrollments[0].step, (await get(client, run)).step) == ("reply", "reply")


async def test_counts_are_by_status_and_by_step(client: AsyncClient, run: str) -> None:
    other = await enrolled(client, "bob")
    await client.enrollments.Cancel(CancelRequest(enrollment_id=other), timeout=10)
    counts = (await client.enrollments.Count(CountRequest(workflow="welcome"), timeout=10)).counts
    assert counts.total == 2
    assert [(one.status, one.count) for one in counts.statuses] == [
        (WAITING, 1),
        (EnrollmentStatus.ENROLLMENT_STATUS_CANCELLED, 1),
    ]
    assert [(one.step, one.count) for one in counts.steps] == [("reply", 1)]


async def test_history_is_dense_from_1_and_filters(client: AsyncClient, run: str) -> None:
    async def history(**filters: Any) -> list[tuple[int, str, str]]:
        request = GetHistoryRequest(enrollment_id=run, **filters)
        answer = await client.enrollments.GetHistory(request, timeout=10)
        return [(entry.sequence, entry.kind, entry.step) for entry in answer.entries]

    assert await history() == [(1, "started", ""), (2, "step_completed", "greet"), (3, "waiting", "reply")]
    assert await history(step="reply") == [(3, "waiting", "reply")]
    assert await history(min_level=LogLevel.LOG_LEVEL_ERROR) == []


async def test_history_comes_in_pages(client: AsyncClient, run: str) -> None:
    request = GetHistoryRequest(enrollment_id=run, page_size=2)
    first = await client.enrollments.GetHistory(request, timeout=10)
    request.page_token = first.next_page_token
    second = await client.enrollments.GetHistory(request, timeout=10)
    assert [entry.sequence for entry in (*first.entries, *second.entries)] == [1, 2, 3]
    assert second.next_page_token == ""


async def test_the_transitions_listed_are_those_that_advance_takes(client: AsyncClient, run: str) -> None:
    listed = await client.enrollments.ListTransitions(ListTransitionsRequest(enrollment_id=run), timeout=10)
    assert [(one.name, one.target) for one in listed.transitions] == [("answered", "thank"), ("timeout", "give_up")]
    request = AdvanceRequest(enrollment_id=run, transition="timeout", expected_revision=listed.revision)
    advanced = await client.enrollments.Advance(request, timeout=10)
    assert advanced.enrollment.path == ["greet", "reply", "give_up"]


async def test_a_refused_transition_names_the_step_and_the_allowed_ones(client: AsyncClient, run: str) -> None:
    refused = await refusal(
        client.enrollments.Advance(AdvanceRequest(enrollment_id=run, transition="sideways"), timeout=10)
    )
    assert (refused.code, refused.info.reason) == (grpc.StatusCode.FAILED_PRECONDITION, "TRANSITION_REFUSED")
    assert (refused.info.metadata["step"], refused.info.metadata["allowed"]) == ("reply", "answered,timeout")
    assert refused.precondition.violations[0].type == "TRANSITION"
    assert (await get(client, run)).revision == 1


async def test_a_stale_revision_is_aborted_and_changes_nothing(client: AsyncClient, run: str) -> None:
    request = CancelRequest(enrollment_id=run, expected_revision=7)
    refused = await refusal(client.enrollments.Cancel(request, timeout=10))
    assert (refused.code, refused.info.reason) == (grpc.StatusCode.ABORTED, "STALE_REVISION")
    assert (await get(client, run)).status == WAITING


async def test_a_paused_run_goes_on_when_it_is_resumed(client: AsyncClient, run: str) -> None:
    paused = await client.enrollments.Pause(EnrollmentServicePauseRequest(enrollment_id=run), timeout=10)
    assert paused.enrollment.status == EnrollmentStatus.ENROLLMENT_STATUS_PAUSED
    assert not paused.enrollment.HasField("due_time")
    resumed = await client.enrollments.Resume(EnrollmentServiceResumeRequest(enrollment_id=run), timeout=10)
    assert (resumed.enrollment.status, resumed.enrollment.HasField("due_time")) == (WAITING, True)


async def test_the_same_request_twice_is_one_change_with_one_answer(client: AsyncClient, run: str) -> None:
    request = CancelRequest(enrollment_id=run, reason="enough", request_id="r1")
    first = await client.enrollments.Cancel(request, timeout=10)
    again = await client.enrollments.Cancel(request, timeout=10)
    assert (again.enrollment.revision, again.enrollment.exit_reason) == (first.enrollment.revision, "enough")


async def test_a_request_id_with_another_body_is_refused(client: AsyncClient, run: str) -> None:
    await client.enrollments.Cancel(CancelRequest(enrollment_id=run, request_id="r1"), timeout=10)
    other = CancelRequest(enrollment_id=run, reason="other", request_id="r1")
    refused = await refusal(client.enrollments.Cancel(other, timeout=10))
    assert (refused.code, refused.info.reason) == (grpc.StatusCode.ALREADY_EXISTS, "REQUEST_ID_REUSED")


async def test_enrolling_by_api_needs_no_trigger(client: AsyncClient) -> None:
    await publish(client)
    answer = await client.enrollments.Enroll(EnrollRequest(workflow="welcome", contact_id="zoe"), timeout=10)
    assert answer.verdict.kind == VerdictKind.VERDICT_KIND_ENROLLED
    assert (answer.enrollment.step, answer.enrollment.trigger.type) == ("reply", "api")


async def test_a_dry_run_tells_the_verdict_and_stores_nothing(client: AsyncClient) -> None:
    await publish(client)
    request = EnrollRequest(workflow="welcome", contact_id="zoe", dry_run=True)
    answer = await client.enrollments.Enroll(request, timeout=10)
    listed = await client.enrollments.List(EnrollmentServiceListRequest(), timeout=10)
    assert (answer.verdict.kind, answer.verdict.enrollment_id) == (VerdictKind.VERDICT_KIND_ENROLLED, "")
    assert (answer.HasField("enrollment"), len(listed.enrollments)) == (False, 0)


async def test_each_enrolment_of_a_batch_has_its_own_answer(client: AsyncClient) -> None:
    await publish(client)
    asked = [EnrollRequest(workflow=name, contact_id="zoe") for name in ("welcome", "nowhere", "", "welcome")]
    answer = await client.enrollments.EnrollBatch(EnrollBatchRequest(requests=asked), timeout=10)
    assert [result.error.code for result in answer.results] == [0, 5, 3, 0]
    assert [result.enrolled.verdict.rule for result in answer.results] == ["", "", "", "reentry"]
