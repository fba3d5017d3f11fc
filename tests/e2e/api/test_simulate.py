"""Simulate and RunTests: what would happen, told by a server on which nothing happens."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import grpc
import pytest
from google.protobuf.struct_pb2 import Struct
from google.protobuf.timestamp_pb2 import Timestamp
from statewright.client import AsyncClient
from statewright.v1 import (
    Contact,
    EnrollmentServiceListRequest,
    EnrollmentStatus,
    RunTestsRequest,
    RunTestsResponse,
    ScriptedEvent,
    ScriptedOperation,
    SimulatedMomentKind,
    SimulateRequest,
    SimulateResponse,
    SimulationEnd,
    UpsertRequest,
    ValidateRequest,
    VerdictKind,
    WorkflowServiceGetRequest,
)

from tests.e2e.api.calls import WELCOME, publish, refusal

LEAD = """
key: lead
triggers: [{type: go}]
retry: {max_attempts: 3, backoff: 1h, jitter: none, factor: 1, max_backoff: 1h}
steps:
  - {id: hello, type: send_sms, config: {body: "Hi {{first_name}}"}}
  - {id: pause, type: wait, config: {for: 2d}}
  - {id: mark, type: add_tag, config: {tag: greeted}}
"""
TESTS = """
tests:
  - name: everybody is greeted
    contact: {first_name: Ann}
    events: [{type: go}]
    expect: {path: [hello, pause, mark], messages: [{body: Hi Ann}], ended_after: 2d}
  - name: nobody is
    events: [{type: go}]
    expect: {status: failed}
"""


def struct(**fields: Any) -> Struct:
    made = Struct()
    made.update(fields)
    return made


def event(kind: str = "", hours: float = 0, **words: Any) -> ScriptedEvent:
    made = ScriptedEvent(**words)
    if kind:
        made.type = kind
    made.after.FromTimedelta(timedelta(hours=hours))
    return made


async def simulate(client: AsyncClient, **request: Any) -> SimulateResponse:
    return await client.workflows.Simulate(SimulateRequest(**request), timeout=10)


async def run_tests(client: AsyncClient, **request: Any) -> RunTestsResponse:
    return await client.workflows.RunTests(RunTestsRequest(**request), timeout=10)


class TestSimulate:
    async def test_a_text_is_played_to_its_end_in_virtual_time(self, client: AsyncClient) -> None:
        answer = await simulate(
            client, source=LEAD, contact=struct(first_name="Ann", phone="+49"), events=[event("go")]
        )
        [enrollment] = answer.enrollments
        assert enrollment.status == EnrollmentStatus.ENROLLMENT_STATUS_COMPLETED
        assert list(enrollment.path) == ["hello", "pause", "mark"]
        assert (answer.end, answer.end_time.ToDatetime(tzinfo=UTC)) == (
            SimulationEnd.SIMULATION_END_SETTLED, datetime(2026, 1, 3, 9, tzinfo=UTC),
        )  # fmt: skip
        [attempt] = answer.attempts
        assert (attempt.step, attempt.type, attempt.delivered, attempt.input["body"], attempt.input["to"]) == (
            "hello", "send_sms", True, "Hi Ann", "+49",
        )  # fmt: skip
        [contact] = answer.contacts
        assert (contact.first_name, list(contact.tags)) == ("Ann", ["greeted"])

    async def test_the_timeline_tells_everything_in_order(self, client: AsyncClient) -> None:
        answer = await simulate(client, source=LEAD, contact=struct(id="ann"), events=[event("go", 1)])
        kinds = [SimulatedMomentKind.Name(one.kind).removeprefix("SIMULATED_MOMENT_KIND_") for one in answer.timeline]
        assert kinds == [
            "EVENT", "HISTORY", "HISTORY", "ATTEMPT", "HISTORY", "HISTORY", "HISTORY", "HISTORY", "HISTORY", "RAISED",
        ]  # fmt: skip
        first, *rest = answer.timeline
        assert (first.event.type, first.contact_id, first.verdicts[0].kind) == (
            "go", "ann", VerdictKind.VERDICT_KIND_ENROLLED,
        )  # fmt: skip
        entries = [one.entry for one in rest if one.HasField("entry")]
        assert [entry.sequence for entry in entries] == list(range(1, 8))
        assert entries[0].cause == "event:/event-0001#entry"
        assert entries[-1].cause == "timer:2/0"
        times = [one.time.ToNanoseconds() for one in answer.timeline]
        assert times == sorted(times)

    async def test_the_same_request_gives_the_same_answer(self, client: AsyncClient) -> None:
        request: dict[str, Any] = {"source": LEAD, "results": struct(hello={"error": "timeout", "times": 2})}
        answers = [await simulate(client, **request, events=[event("go")]) for _ in range(2)]
        assert answers[0] == answers[1]
        assert [one.attempt for one in answers[0].attempts] == [1, 2, 3]

    async def test_results_are_scripted_and_retries_wait(self, client: AsyncClient) -> None:
        results = struct(hello={"error": "timeout", "message": "too slow"})
        answer = await simulate(client, source=LEAD, events=[event("go")], results=results)
        [enrollment] = answer.enrollments
        assert (enrollment.status, enrollment.last_error.code) == (EnrollmentStatus.ENROLLMENT_STATUS_FAILED, "timeout")
        assert [(one.error.code, one.error.message) for one in answer.attempts] == [("timeout", "too slow")] * 3
        assert answer.end_time.ToDatetime(tzinfo=UTC) == datetime(2026, 1, 1, 11, tzinfo=UTC)

    async def test_operations_and_upserts_happen_at_their_time(self, client: AsyncClient) -> None:
        events = [
            event(upsert=struct(first_name="Eve")),
            event(operation=ScriptedOperation.SCRIPTED_OPERATION_ENROLL, data=struct(n=1), key="k"),
            event(hours=1, operation=ScriptedOperation.SCRIPTED_OPERATION_PAUSE),
            event(hours=72, operation=ScriptedOperation.SCRIPTED_OPERATION_RESUME),
            event(hours=73, operation=ScriptedOperation.SCRIPTED_OPERATION_CANCEL),
        ]
        answer = await simulate(client, source=LEAD, events=events)
        [enrollment] = answer.enrollments
        assert (enrollment.key, enrollment.end_time.ToDatetime(tzinfo=UTC)) == (
            "k",
            datetime(2026, 1, 4, 9, tzinfo=UTC),
        )
        assert answer.attempts[0].input["body"] == "Hi Eve"
        [refused] = [one for one in answer.timeline if one.refusal]
        assert (refused.text, "not allowed while completed" in refused.refusal) == ("cancel", True)

    async def test_a_published_workflow_and_a_stored_contact_are_played_and_stay_as_they_are(
        self, client: AsyncClient
    ) -> None:
        stored = Contact(id="ann", first_name="Ann")
        stored.custom_fields.update({"plan": "pro"})
        await client.contacts.Upsert(UpsertRequest(contact=stored), timeout=10)
        await publish(client)
        events = [event("contact_created"), event("message_received", 3)]
        answer = await simulate(client, key="welcome", contact_id="ann", events=events)
        [enrollment] = answer.enrollments
        assert (enrollment.version, list(enrollment.path)) == (1, ["greet", "reply", "thank"])
        assert enrollment.variables["greeting"] == "Hello Ann"
        listed = await client.enrollments.List(EnrollmentServiceListRequest(), timeout=10)
        assert list(listed.enrollments) == []
        workflow = await client.workflows.Get(WorkflowServiceGetRequest(key="welcome"), timeout=10)
        assert workflow.workflow.counts.total == 0

    async def test_other_workflows_hear_what_the_first_raises(self, client: AsyncClient) -> None:
        await publish(client, "key: hot\ntriggers: [{type: tag_added}]\nsteps: [{id: a, type: pass}]")
        text = "key: note\ntriggers: [{type: tag_added}]\nsteps: [{id: b, type: pass}]"
        answer = await simulate(client, source=LEAD, with_keys=["hot"], with_sources=[text], events=[event("go")])
        assert [one.workflow for one in answer.enrollments] == ["lead", "hot", "note"]

    async def test_a_journey_without_end_is_stopped(self, client: AsyncClient) -> None:
        ring = "key: r\nsteps: [{id: a, type: wait, config: {for: 1h}}, {id: b, type: goto, config: {to: a}}]"
        enroll = event(operation=ScriptedOperation.SCRIPTED_OPERATION_ENROLL)
        by_moves = await simulate(client, source=ring, events=[enroll], max_transitions=50)
        assert (by_moves.end, 50 <= by_moves.transitions < 55) == (SimulationEnd.SIMULATION_END_TRANSITIONS, True)
        request = SimulateRequest(source=ring, events=[enroll])
        request.max_duration.FromTimedelta(timedelta(hours=5))
        by_time = await client.workflows.Simulate(request, timeout=10)
        assert by_time.end == SimulationEnd.SIMULATION_END_TIME

    @pytest.mark.parametrize(
        ("request_", "place"),
        [
            (SimulateRequest(), "target"),
            (SimulateRequest(source=LEAD, version=1), "version"),
            (SimulateRequest(source=LEAD, max_transitions=20_001), "max_transitions"),
            (SimulateRequest(source=LEAD, max_transitions=-1), "max_transitions"),
            (SimulateRequest(source=LEAD, start_time=Timestamp(seconds=8 * 10**9)), "start_time"),
            (SimulateRequest(source=LEAD, events=[event()]), "events[0]"),
            (SimulateRequest(source=LEAD, events=[event("go", -1)]), "events[0].after"),
            (SimulateRequest(source=LEAD, events=[event("go", transition="x")]), "events[0].transition"),
            (SimulateRequest(source=LEAD, events=[event(operation=ScriptedOperation.SCRIPTED_OPERATION_ADVANCE)]),
             "events[0].transition"),
            (SimulateRequest(source=LEAD, events=[event(operation=99)]), "events[0].operation"),
            (SimulateRequest(source=LEAD, events=[event("go")] * 1001), "events"),
            (SimulateRequest(source=LEAD, contact=struct(tags="x")), "contact.tags"),
            (SimulateRequest(source=LEAD, contacts=struct(ann=1)), "contacts.ann"),
            (SimulateRequest(source=LEAD, results=struct(hallo={})), "results.hallo"),
            (SimulateRequest(source=LEAD, results=struct(hello={"outcome": "x"})), "results.hello.outcome"),
            (SimulateRequest(source=LEAD, with_sources=[LEAD]), "with_keys"),
            (SimulateRequest(source=LEAD, with_keys=["x"] * 21), "with_keys"),
        ],
    )  # fmt: skip
    async def test_bad_input_is_told_by_field(self, client: AsyncClient, request_: SimulateRequest, place: str) -> None:
        refused = await refusal(client.workflows.Simulate(request_, timeout=10))
        assert refused.code == grpc.StatusCode.INVALID_ARGUMENT
        assert refused.places[0] == place

    @pytest.mark.parametrize(
        ("request_", "code", "reason"),
        [
            (SimulateRequest(key="none"), "NOT_FOUND", "WORKFLOW_NOT_FOUND"),
            (SimulateRequest(key="welcome", version=9), "NOT_FOUND", "VERSION_NOT_FOUND"),
            (SimulateRequest(key="welcome", contact_id="none"), "NOT_FOUND", "CONTACT_NOT_FOUND"),
            (SimulateRequest(key="welcome", with_keys=["none"]), "NOT_FOUND", "WORKFLOW_NOT_FOUND"),
            (SimulateRequest(source="steps: []"), "INVALID_ARGUMENT", "INVALID_DEFINITION"),
            (SimulateRequest(source=LEAD, with_sources=["steps: ["]), "INVALID_ARGUMENT", "INVALID_DEFINITION"),
        ],
    )
    async def test_what_is_not_there_is_refused(
        self, client: AsyncClient, request_: SimulateRequest, code: str, reason: str
    ) -> None:
        await publish(client)
        refused = await refusal(client.workflows.Simulate(request_, timeout=10))
        assert (refused.code.name, refused.info.reason) == (code, reason)


class TestRunTests:
    async def test_the_tests_of_a_text_are_run_and_told_one_by_one(self, client: AsyncClient) -> None:
        answer = await run_tests(client, source=LEAD + TESTS)
        assert [(one.name, one.passed, one.line) for one in answer.results] == [
            ("everybody is greeted", True, 11), ("nobody is", False, 15),
        ]  # fmt: skip
        [difference] = answer.results[1].differences
        assert (difference.path, difference.line, difference.expected.string_value) == (
            "tests[1].expect.status", 17, "failed",
        )  # fmt: skip
        assert difference.text == "status: expected failed, was completed"
        assert answer.results[0].virtual_duration.ToTimedelta() == timedelta(days=2)
        assert (answer.passed, answer.coverage.steps, answer.coverage.step_percent) == (False, 3, 100.0)

    async def test_published_tests_are_kept_with_the_version_and_run_on_demand(self, client: AsyncClient) -> None:
        await publish(client, LEAD + TESTS)
        answer = await run_tests(client, key="lead", name="EVERYBODY")
        assert (answer.passed, [one.name for one in answer.results]) == (True, ["everybody is greeted"])

    async def test_a_wrong_test_keeps_a_workflow_from_being_published(self, client: AsyncClient) -> None:
        text = LEAD + "tests: [{name: a, expect: {path: [helo]}}]"
        refused = await refusal(publish(client, text))
        assert (refused.info.reason, refused.places) == ("INVALID_DEFINITION", ["tests[0].expect.path[0]"])
        checked = await client.workflows.Validate(ValidateRequest(source=text), timeout=10)
        assert [(one.code, one.line) for one in checked.problems] == [("unknown_step", 9)]

    async def test_another_test_file_is_run_instead(self, client: AsyncClient) -> None:
        await publish(client, LEAD + TESTS)
        text = "tests: [{name: own, events: [{type: go}], expect: {fields: {source: null}}}]"
        answer = await run_tests(client, key="lead", tests=text)
        assert (answer.passed, [one.name for one in answer.results]) == (True, ["own"])

    async def test_coverage_tells_what_no_test_reached(self, client: AsyncClient) -> None:
        text = "tests: [{name: a, contact: {plan: pro}, events: [{type: contact_created}], expect: {tags: [silent]}}]"
        answer = await run_tests(client, source=WELCOME, tests=text)
        assert list(answer.coverage.missing_steps) == ["thank"]
        assert [(one.step, one.outcome) for one in answer.coverage.missing_branches] == [("reply", "answered")]

    async def test_other_workflows_are_given_or_published(self, client: AsyncClient) -> None:
        other = "key: {}\ntriggers: [{{type: tag_added}}]\nsteps: [{{id: b, type: update_score, config: {{value: 1}}}}]"
        await publish(client, other.format("stored"))
        text = "tests: [{name: a, workflows: [stored, given.yaml], events: [{type: go}], expect: {fields: {score: 2}}}]"
        answer = await run_tests(client, source=LEAD, tests=text, workflows={"given.yaml": other.format("given")})
        assert answer.passed, [one.text for one in answer.results[0].differences]
        missing = await run_tests(client, source=LEAD, tests=text)
        assert "'given.yaml' is not there" in missing.results[0].differences[0].text

    async def test_without_a_test_nothing_has_passed(self, client: AsyncClient) -> None:
        answer = await run_tests(client, source=LEAD)
        assert (answer.passed, list(answer.results)) == (False, [])

    async def test_tests_that_take_too_much_are_refused(self, client: AsyncClient) -> None:
        ring = (
            "key: r\nlimits: {max_transitions: 9000}\n"
            "steps: [{id: a, type: wait, config: {for: 1m}}, {id: b, type: goto, config: {to: a}}]\n"
        )
        tests = "".join(
            f"- {{name: t{number}, events: [{{op: enroll}}], expect: {{status: failed}}}}\n" for number in range(9)
        )
        refused = await refusal(client.workflows.RunTests(RunTestsRequest(source=f"{ring}tests:\n{tests}"), timeout=30))
        assert (refused.code.name, refused.info.reason) == ("INVALID_ARGUMENT", "LIMIT_EXCEEDED")

    @pytest.mark.parametrize(
        ("request_", "reason"),
        [
            (RunTestsRequest(), "INVALID_ARGUMENT"),
            (RunTestsRequest(key="none"), "WORKFLOW_NOT_FOUND"),
            (RunTestsRequest(source=LEAD, version=1), "INVALID_ARGUMENT"),
            (RunTestsRequest(source="steps: []"), "INVALID_DEFINITION"),
            (RunTestsRequest(source=LEAD, tests="tests: [{name: a}]"), "INVALID_DEFINITION"),
            (RunTestsRequest(source=LEAD, workflows={str(n): "" for n in range(21)}), "INVALID_ARGUMENT"),
        ],
    )
    async def test_bad_input_is_refused(self, client: AsyncClient, request_: RunTestsRequest, reason: str) -> None:
        assert (await refusal(client.workflows.RunTests(request_, timeout=10))).info.reason == reason
