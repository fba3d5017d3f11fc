"""The JSON shapes that scripts rely on."""

from __future__ import annotations

import json
from typing import Any

import pytest
from google.protobuf.duration_pb2 import Duration
from google.protobuf.struct_pb2 import Struct
from google.protobuf.timestamp_pb2 import Timestamp
from statewright.v1 import (
    Contact,
    CountResponse,
    Enrollment,
    EnrollmentServiceGetResponse,
    EnrollmentServiceListResponse,
    EnrollmentServiceWatchResponse,
    EnrollmentStatus,
    EnrollResponse,
    GetHistoryResponse,
    HistoryEntry,
    OutboxMessage,
    OutboxServiceListResponse,
    PollResponse,
    Problem,
    ProblemSeverity,
    PublishResponse,
    StepError,
    Task,
    TriggerResponse,
    UpsertResponse,
    Verdict,
    VerdictKind,
    WatchEvent,
    WatchEventKind,
    WorkflowVersion,
)

from service.cli.shapes import plain
from tests.service.cli.conftest import Run, parsed
from tests.service.cli.fake_server import FakeServer

WAITING = EnrollmentStatus.ENROLLMENT_STATUS_WAITING


def _struct(**values: Any) -> Struct:
    struct = Struct()
    struct.update(values)
    return struct


def _enrollment() -> Enrollment:
    return Enrollment(
        id="e1",
        workflow="welcome",
        version=2,
        contact_id="ann",
        status=WAITING,
        step="wait_1_day",
        path=["send_welcome_sms", "wait_1_day"],
        due_time=Timestamp(seconds=86400),
        variables=_struct(offer="spring", total=5.0, rate=0.5, nested={"list": [1, None, True]}),
        duration=Duration(seconds=1, nanos=500_000_000),
    )


def test_publish_answers_workflow_and_version(run: Run, server: FakeServer) -> None:
    warning = Problem(code="unreachable_step", severity=ProblemSeverity.PROBLEM_SEVERITY_WARNING, line=3, column=1)
    server.answers["Workflow.Publish"] = PublishResponse(
        version=WorkflowVersion(workflow="welcome", number=2, active=True), problems=[warning], created=True
    )
    shape = parsed(run("publish", "examples/welcome.yaml", "--key", "welcome", "--json"))
    assert (shape["workflow"], shape["version"]) == ("welcome", 2)
    assert shape["warnings"][0]["code"] == "unreachable_step"


def test_publish_sends_what_it_was_given(run: Run, server: FakeServer) -> None:
    server.answers["Workflow.Publish"] = PublishResponse()
    run("publish", "-", "--key", "k", "--name", "n", "--lenient", "--no-activate", "--dry-run", input="name: x")
    asked = server.asked[-1]
    assert (asked.source, asked.key, asked.name, asked.lenient) == ("name: x", "k", "n", True)
    assert (asked.HasField("activate"), asked.activate, asked.validate_only) == (True, False, True)
    assert not asked.HasField("expected_revision")


def test_trigger_answers_verdicts(run: Run, server: FakeServer) -> None:
    verdict = Verdict(workflow="welcome", version=2, kind=VerdictKind.VERDICT_KIND_ENROLLED, enrollment_id="e1")
    server.answers["Enrollment.Trigger"] = TriggerResponse(event_id="ev", duplicate=True, verdicts=[verdict])
    shape = parsed(run("trigger", "contact_created", "--contact", "ann", "--json"))
    assert (shape["event_id"], shape["duplicate"]) == ("ev", True)
    [answered] = shape["verdicts"]
    assert (answered["workflow"], answered["verdict"], answered["enrollment_id"]) == ("welcome", "ENROLLED", "e1")


def test_trigger_sends_the_whole_event(run: Run, server: FakeServer) -> None:
    server.answers["Enrollment.Trigger"] = TriggerResponse()
    arguments = "trigger order --contact ann --id i --source s --key k --priority -5 --occurred 2026-01-31T09:00Z"
    run(*arguments.split(), "--contact-field", "first_name=Ann", "--data", "total:=5", "--not-matched")
    event = server.asked[-1].event
    assert (event.type, event.contact_id, event.id, event.source, event.key) == ("order", "ann", "i", "s", "k")
    assert (event.priority, event.occurred_time.ToJsonString()) == (-5, "2026-01-31T09:00:00Z")
    assert (event.contact_patch["first_name"], event.data["total"]) == ("Ann", 5)
    assert server.asked[-1].include_not_matched


def test_get_answers_the_enrollment(run: Run, server: FakeServer) -> None:
    server.answers["Enrollment.Get"] = EnrollmentServiceGetResponse(enrollment=_enrollment())
    shape = parsed(run("get", "e1", "--json"))
    assert {key: shape[key] for key in ("id", "workflow", "version", "contact_id", "status", "step", "path")} == {
        "id": "e1",
        "workflow": "welcome",
        "version": 2,
        "contact_id": "ann",
        "status": "waiting",
        "step": "wait_1_day",
        "path": ["send_welcome_sms", "wait_1_day"],
    }
    assert shape["due_time"] == "1970-01-02T00:00:00Z"
    assert shape["variables"] == {"offer": "spring", "total": 5, "rate": 0.5, "nested": {"list": [1, None, True]}}
    assert isinstance(shape["variables"]["total"], int)
    assert (shape["end_time"], shape["last_error"], shape["duration_ms"]) == (None, None, 1500)


def test_list_answers_enrollments_and_a_token(run: Run, server: FakeServer) -> None:
    server.answers["Enrollment.List"] = EnrollmentServiceListResponse(
        enrollments=[_enrollment()], next_page_token="more"
    )
    shape = parsed(run("list", "--status", "waiting", "--status", "failed", "--json"))
    assert [each["id"] for each in shape["enrollments"]] == ["e1"]
    assert shape["next_page_token"] == "more"
    assert list(server.asked[-1].status) == [WAITING, EnrollmentStatus.ENROLLMENT_STATUS_FAILED]


def test_the_table_shows_no_error_beside_a_run_that_got_over_it(run: Run, server: FakeServer) -> None:
    error = StepError(step="charge", code="http_404")
    failed = Enrollment(id="e1", status=EnrollmentStatus.ENROLLMENT_STATUS_FAILED, last_error=error)
    caught = Enrollment(id="e2", status=EnrollmentStatus.ENROLLMENT_STATUS_COMPLETED, last_error=error)
    server.answers["Enrollment.List"] = EnrollmentServiceListResponse(enrollments=[failed, caught])
    lines = run("list").stdout.splitlines()
    assert ["http_404" in line for line in lines] == [False, True, False]


def test_active_means_pending_running_and_waiting(run: Run, server: FakeServer) -> None:
    server.answers["Enrollment.List"] = EnrollmentServiceListResponse()
    assert run("list", "--status", "active", "--status", "waiting", "--status", "failed").exit_code == 0
    words = [EnrollmentStatus.Name(each).rpartition("_")[2] for each in server.asked[-1].status]
    assert words == ["PENDING", "RUNNING", "WAITING", "FAILED"]


def test_list_all_follows_the_pages(run: Run, server: FakeServer) -> None:
    server.answers["Enrollment.List"] = lambda request: EnrollmentServiceListResponse(
        enrollments=[_enrollment()], next_page_token="" if request.page_token else "more"
    )
    shape = parsed(run("list", "--all", "--json"))
    assert (len(shape["enrollments"]), shape["next_page_token"]) == (2, "")


def test_history_is_one_object_per_line(run: Run, server: FakeServer) -> None:
    entries = [
        HistoryEntry(sequence=1, kind="started", time=Timestamp(seconds=1)),
        HistoryEntry(
            sequence=2,
            kind="step_failed",
            step="send",
            outcome="error",
            attempt=4,
            duration=Duration(nanos=20_000_000),
            error=StepError(code="timeout", message="late", step="send"),
        ),
    ]
    server.answers["Enrollment.GetHistory"] = GetHistoryResponse(entries=entries)
    lines = [json.loads(line) for line in run("history", "e1", "--json").stdout.splitlines()]
    assert [line["sequence"] for line in lines] == [1, 2]
    assert list(lines[1])[:8] == ["sequence", "time", "kind", "step", "outcome", "attempt", "duration_ms", "error"]
    assert (lines[1]["duration_ms"], lines[1]["error"]["code"], lines[0]["error"]) == (20, "timeout", None)


def test_history_reads_every_page(run: Run, server: FakeServer) -> None:
    def page(request: object) -> GetHistoryResponse:
        first = not getattr(request, "page_token")  # noqa: B009 - any message
        return GetHistoryResponse(
            entries=[HistoryEntry(sequence=1 if first else 2)], next_page_token="2" if first else ""
        )

    server.answers["Enrollment.GetHistory"] = page
    assert len(run("history", "e1", "--json").stdout.splitlines()) == 2


def test_count_answers_words(run: Run, server: FakeServer) -> None:
    server.answers["Enrollment.Count"] = CountResponse(
        counts={"total": 3, "statuses": [{"status": WAITING, "count": 3}], "steps": [{"step": "wait", "count": 3}]}
    )
    assert parsed(run("count", "--json")) == {"total": 3, "statuses": {"waiting": 3}, "steps": {"wait": 3}, "exits": []}


def test_a_blocked_enrolment_is_exit_code_1_with_its_verdict(run: Run, server: FakeServer) -> None:
    blocked = Verdict(workflow="welcome", kind=VerdictKind.VERDICT_KIND_BLOCKED, rule="cooldown")
    server.answers["Enrollment.Enroll"] = EnrollResponse(verdict=blocked)
    result = run("enroll", "welcome", "--contact", "ann", "--json")
    assert result.exit_code == 1
    shape = json.loads(result.stdout)
    assert (shape["verdict"], shape["rule"], shape["enrollment"]) == ("BLOCKED", "cooldown", None)


def test_watch_writes_a_line_per_event_and_ends_with_the_enrollment(run: Run, server: FakeServer) -> None:
    event = WatchEvent(
        kind=WatchEventKind.WATCH_EVENT_KIND_STEP_COMPLETED, enrollment_id="e1", step="send", outcome="done"
    )
    server.answers["Enrollment.Watch"] = [
        EnrollmentServiceWatchResponse(),
        EnrollmentServiceWatchResponse(event=event),
    ]
    result = run("watch", "e1", "--json")
    [line] = result.stdout.splitlines()
    assert (json.loads(line)["kind"], json.loads(line)["outcome"], result.exit_code) == ("step_completed", "done", 0)
    assert server.asked[-1].after_sequence == 0


def test_watch_wants_exactly_one_target(run: Run) -> None:
    assert run("watch").exit_code == 2
    assert run("watch", "e1", "--workflow", "welcome").exit_code == 2


def test_outbox_answers_messages(run: Run, server: FakeServer) -> None:
    message = OutboxMessage(id="m1", channel="sms", to="+49", body="Hi", contact_id="ann")
    server.answers["Outbox.List"] = OutboxServiceListResponse(messages=[message])
    [shape] = parsed(run("outbox", "--json"))["messages"]
    assert (shape["channel"], shape["to"], shape["body"]) == ("sms", "+49", "Hi")


def test_poll_answers_tasks_with_their_lease(run: Run, server: FakeServer) -> None:
    server.answers["Task.Poll"] = PollResponse(tasks=[Task(id="t1", lease_token="7", input=_struct(a=1))])
    [shape] = parsed(run("tasks", "poll", "--queue", "q", "--wait", "2s", "--lease", "1m", "--json"))["tasks"]
    assert (shape["id"], shape["lease_token"], shape["input"]) == ("t1", "7", {"a": 1})
    assert (server.asked[-1].wait.seconds, server.asked[-1].lease.seconds) == (2, 60)


def test_upsert_tells_standard_fields_from_custom_ones(run: Run, server: FakeServer) -> None:
    server.answers["Contact.Upsert"] = UpsertResponse(contact=Contact(id="ann"), created=True, changed=True)
    arguments = ("email=a@b.c", "plan=pro", "seats:=3", "score:=7", "custom_fields.color=red")
    shape = parsed(run("contacts", "upsert", "ann", *(t for a in arguments for t in ("--field", a)), "--json"))
    assert (shape["id"], shape["created"]) == ("ann", True)
    contact = server.asked[-1].contact
    assert (contact.email, contact.score) == ("a@b.c", 7)
    assert plain(contact)["custom_fields"] == {"plan": "pro", "seats": 3, "color": "red"}
    assert not server.asked[-1].HasField("update_mask")


def test_upsert_clears_a_standard_field_by_naming_it(run: Run, server: FakeServer) -> None:
    server.answers["Contact.Upsert"] = UpsertResponse(contact=Contact(id="ann"))
    run("contacts", "upsert", "ann", "--field", "email:=null", "--field", "phone=1", "--field", "plan=pro")
    assert sorted(server.asked[-1].update_mask.paths) == ["custom_fields.plan", "email", "phone"]


@pytest.mark.parametrize("command", [("get", "e1"), ("list",), ("history", "e1")])
def test_people_get_tables_without_a_terminal_too(run: Run, server: FakeServer, command: tuple[str, ...]) -> None:
    entry = HistoryEntry(sequence=1, kind="started", step="wait_1_day")
    server.answers["Enrollment.Get"] = EnrollmentServiceGetResponse(enrollment=_enrollment())
    server.answers["Enrollment.List"] = EnrollmentServiceListResponse(enrollments=[_enrollment()])
    server.answers["Enrollment.GetHistory"] = GetHistoryResponse(entries=[entry])
    result = run(*command)
    assert result.exit_code == 0
    assert "wait_1_day" in result.stdout
    assert "\x1b" not in result.stdout


def test_people_see_the_verdicts_of_an_event(run: Run, server: FakeServer) -> None:
    verdict = Verdict(workflow="welcome", version=2, kind=VerdictKind.VERDICT_KIND_ENROLLED, enrollment_id="e1")
    server.answers["Enrollment.Trigger"] = TriggerResponse(event_id="ev", verdicts=[verdict])
    shown = run("trigger", "contact_created", "--contact", "ann").stdout
    assert "event ev accepted" in shown
    assert "ENROLLED" in shown
