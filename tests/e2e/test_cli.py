"""The command line against a real server: what the issue fixes, for machines, and bad input of every kind."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.conftest import Serve
from tests.e2e.servers import PROGRAM, Server

Cli = Callable[..., subprocess.CompletedProcess[str]]

REPOSITORY = Path(__file__).parents[2]
WELCOME = str(REPOSITORY / "examples" / "welcome.yaml")
LEAD = ("--contact-field", "source=facebook_ad", "--contact-field", "first_name=Ann", "--contact-field", "phone=+491")


@pytest.fixture
def server(serve: Serve, database_url: str) -> Server:
    """A development server where an hour takes a second."""
    return serve(database_url, dev=True, clock_rate=3600)


@pytest.fixture
def cli(server: Server, tmp_path: Path) -> Cli:
    """Runs `statewright …` in a process of its own; fails the test on a traceback."""
    return partial(_run, server.address, tmp_path)


@pytest.fixture(scope="module")
def empty_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server for questions that change nothing."""
    folder = tmp_path_factory.mktemp("empty")
    with Server(f"sqlite:///{folder}/empty.db", folder, dev=True) as server:
        yield server


def _run(address: str, folder: Path, *args: str) -> subprocess.CompletedProcess[str]:
    plain = {key: value for key, value in os.environ.items() if not key.startswith("STATEWRIGHT_")}
    result = subprocess.run(
        [PROGRAM, *args],
        env=plain | {"STATEWRIGHT_ADDRESS": address},
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert "Traceback" not in result.stdout + result.stderr
    return result


def answer(result: subprocess.CompletedProcess[str]) -> Any:
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout)


@pytest.fixture
def enrolled(cli: Cli) -> str:
    """The id of an enrollment of the welcome workflow."""
    answer(cli("publish", WELCOME, "--key", "welcome", "--json"))
    verdicts = answer(cli("trigger", "contact_created", "--contact", "ann", *LEAD, "--id", "e1", "--json"))["verdicts"]
    enrollment: str = verdicts[0]["enrollment_id"]
    return enrollment


def test_a_workflow_goes_from_file_to_its_end(cli: Cli) -> None:
    assert answer(cli("publish", WELCOME, "--key", "welcome", "--json"))["version"] == 1

    event = ("trigger", "contact_created", "--contact", "ann", *LEAD, "--id", "e1", "--json")
    first = answer(cli(*event))
    [verdict] = first["verdicts"]
    assert (first["event_id"], first["duplicate"], verdict["verdict"]) == ("e1", False, "ENROLLED")

    again = answer(cli(*event))
    assert (again["duplicate"], again["verdicts"]) == (True, first["verdicts"])

    watched = cli("watch", verdict["enrollment_id"], "--json", "--limit", "3").stdout.splitlines()
    assert json.loads(watched[0])["kind"] == "started"
    of_family = cli("watch", verdict["enrollment_id"], "--children", "--json", "--limit", "3").stdout.splitlines()
    assert [json.loads(line)["kind"] for line in of_family] == [json.loads(line)["kind"] for line in watched]

    enrollment = answer(cli("get", verdict["enrollment_id"], "--json"))
    assert (enrollment["workflow"], enrollment["version"], enrollment["contact_id"]) == ("welcome", 1, "ann")
    answer(cli("advance", enrollment["id"], "done", "--json"))

    shown = answer(cli("list", "--contact", "ann", "--json"))
    assert [each["id"] for each in shown["enrollments"]] == [enrollment["id"]]
    assert shown["next_page_token"] == ""

    lines = [json.loads(line) for line in cli("history", enrollment["id"], "--json").stdout.splitlines()]
    assert [line["sequence"] for line in lines] == list(range(1, len(lines) + 1))
    assert {"time", "kind", "step", "outcome", "attempt", "duration_ms", "error"} <= set(lines[0])

    messages = answer(cli("outbox", "--contact", "ann", "--json"))["messages"]
    assert "welcome_sms" in [message["template"] for message in messages]


def test_an_enrollment_is_taken_in_hand(cli: Cli, enrolled: str) -> None:
    assert answer(cli("pause", enrolled, "--events", "deliver", "--json"))["status"] == "paused"
    assert answer(cli("resume", enrolled, "--json"))["status"] != "paused"
    cancelled = answer(cli("cancel", enrolled, "--reason", "test", "--json"))
    assert (cancelled["status"], cancelled["exit_reason"]) == ("cancelled", "test")
    assert answer(cli("count", "--exit-reason", "test", "--json"))["total"] == 1
    refused = cli("resume", enrolled)
    assert refused.returncode == 1
    assert "Next:" in refused.stderr


SUM = """
key: sum
trigger: {type: go}
steps:
  - id: add_up
    type: try
    steps: [{id: add, type: transform, config: {expression: "variables.a + 1"}, output: b}]
    finally: [{id: seen, type: add_tag, config: {tag: seen}}]
  - {id: rest, type: wait, config: {for: 1d}}
on_failure: [{id: alert, type: add_tag, config: {tag: "{{error.code}}"}}]
"""


def test_a_run_that_failed_inside_is_retried_with_other_input(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "sum.yaml").write_text(SUM)
    answer(cli("publish", "sum.yaml", "--json"))
    [verdict] = answer(cli("trigger", "go", "--contact", "ann", "--json"))["verdicts"]
    run = verdict["enrollment_id"]
    failed = answer(cli("get", run, "--json"))
    assert (failed["status"], failed["step"], failed["last_error"]["transient"]) == ("failed", "add", False)
    assert failed["path"] == ["add_up", "add", "add_up", "seen", "add_up", "alert"]
    for given, wanted in (("contact=x", "input[contact]"), ("steps:=1", "input[steps]")):
        refused = cli("retry", run, "--input", given)
        assert (refused.returncode, wanted in refused.stderr) == (1, True), refused.stderr
    assert answer(cli("retry", run, "--json"))["status"] == "failed"
    retried = answer(cli("retry", run, "--input", "a:=2", "--json"))
    assert (retried["status"], retried["step"], retried["variables"]["b"]) == ("waiting", "rest", 3)
    assert cli("retry", run).returncode == 1


def test_conversations_and_shared_variables_are_read_and_changed(cli: Cli) -> None:
    answer(
        cli(
            "trigger",
            "message_received",
            "--contact",
            "ann",
            "--conversation",
            "k1",
            "--data",
            "channel=chat",
            "--json",
        )
    )
    assert answer(cli("variables", "set", "topic=bill", "--conversation", "k1", "--json"))["value"] == "bill"
    assert answer(cli("variables", "set", "limit:=5", "--json"))["scope"] == "global"
    assert "limit" in cli("variables", "list").stdout
    shown = answer(cli("conversations", "get", "k1", "--json"))
    assert (shown["contact_id"], shown["status"], shown["variables"]) == ("ann", "open", {"topic": "bill"})
    assert answer(cli("conversations", "close", "k1", "--json"))["changed"] is True
    listed = answer(cli("conversations", "list", "--status", "resolved", "--contact", "ann", "--json"))
    assert [one["id"] for one in listed["conversations"]] == ["k1"]
    assert answer(cli("variables", "delete", "limit", "--json"))["value"] == 5
    gone = cli("variables", "get", "limit")
    assert (gone.returncode, "limit" in gone.stderr) == (1, True)


def test_variables_of_a_run_are_set_and_removed(cli: Cli, enrolled: str) -> None:
    answer(cli("pause", enrolled, "--json"))
    setting = ("set-variables", enrolled, "offer=spring", 'order:={"total": 5, "vip": true}')
    assert answer(cli(*setting, "--request-id", "s1", "--json"))["variables"]["order"] == {"total": 5, "vip": True}
    variables = answer(cli("set-variables", enrolled, "order.total:=7", "offer:=null", "--json"))["variables"]
    assert (variables["order"], "offer" in variables) == ({"total": 7, "vip": True}, False)
    lines = [json.loads(line) for line in cli("history", enrolled, "--json").stdout.splitlines()]
    assert [(line["kind"], line["status"]) for line in lines[-2:]] == [("variables_set", "paused")] * 2
    assert lines[-2]["cause"] == "op:set_variables/s1"
    refused = cli("set-variables", enrolled, "contact.plan=pro")
    assert (refused.returncode, "variables[contact.plan]" in refused.stderr) == (1, True)


def test_a_wait_is_moved(cli: Cli, enrolled: str) -> None:
    moved = answer(cli("reschedule", enrolled, "--to", "2100-01-01T00:00Z", "--request-id", "m1", "--json"))
    assert moved["due_time"] == "2100-01-01T00:00:00Z"
    assert answer(cli("reschedule", enrolled, "--by=-1d", "--json"))["due_time"] == "2099-12-31T00:00:00Z"
    assert answer(cli("reschedule", enrolled, "--by", "2h", "--json"))["due_time"] == "2099-12-31T02:00:00Z"
    lines = [json.loads(line) for line in cli("history", enrolled, "--json").stdout.splitlines()]
    causes = [line["cause"] for line in lines if line["kind"] == "rescheduled"]
    assert (causes[0], len(causes)) == ("op:reschedule/m1", 3)
    assert cli("reschedule", enrolled).returncode == 2
    answer(cli("pause", enrolled, "--json"))
    assert cli("reschedule", enrolled, "--by", "1h").returncode == 1


def test_many_enrollments_are_taken_in_hand(cli: Cli, enrolled: str) -> None:
    chosen = ("--workflow", "welcome")
    assert "1 of 1 would be changed" in cli("batch", "pause", *chosen, "--dry-run").stdout
    paused = answer(cli("batch", "pause", *chosen, "--events", "drop", "--request-id", "b1", "--rate", "500", "--json"))
    assert (paused["request_id"], paused["changed"], paused["done"]) == ("b1", 1, True)
    assert answer(cli("get", enrolled, "--json"))["status"] == "paused"
    lines = [json.loads(line) for line in cli("history", enrolled, "--json").stdout.splitlines()]
    assert [line["metadata"]["events"] for line in lines if line["kind"] == "paused"] == ["drop"]
    assert cli("batch", "pause", *chosen, "--events", "lose").returncode == 2
    assert "1 of 1 are changed, 0 refuse" in cli("batch", "exit", *chosen, "--reason", "sold out").stdout
    assert answer(cli("get", enrolled, "--json"))["exit_reason"] == "sold out"


def test_a_whole_workflow_is_taken_in_hand(cli: Cli, enrolled: str) -> None:
    paused = answer(cli("pause", "--workflow", "welcome", "--timers", "remaining", "--events", "deliver", "--json"))
    assert (paused["key"], paused["status"], paused["pause_timers"]) == ("welcome", "paused", "remaining")
    assert paused["pause_events"] == "deliver"
    assert "welcome is active" in cli("resume", "--workflow", "welcome").stdout
    assert cli("pause", enrolled, "--workflow", "welcome").returncode == 2
    assert cli("resume").returncode == 2


def test_workflows_are_listed_read_drawn_and_written_out(cli: Cli, enrolled: str) -> None:
    [workflow] = answer(cli("workflows", "list", "--json"))["workflows"]
    assert (workflow["key"], workflow["active_version"]) == ("welcome", 1)
    assert answer(cli("workflows", "get", "welcome", "--json"))["version"]["number"] == 1
    assert [each["number"] for each in answer(cli("workflows", "versions", "welcome", "--json"))["versions"]] == [1]
    assert answer(cli("workflows", "pause", "welcome", "--json"))["status"] == "paused"
    assert answer(cli("workflows", "resume", "welcome", "--json"))["status"] == "active"
    assert "send_welcome_sms" in answer(cli("render", "welcome", "--counts", "--json"))["text"]
    assert cli("render", WELCOME).stdout.startswith(("flowchart", "graph", "---"))
    assert "start ==>" in cli("render", "welcome", "--enrollment", enrolled).stdout
    assert answer(cli("export", "welcome", "--json"))["source"] == Path(WELCOME).read_text()


@pytest.fixture
def second(tmp_path: Path) -> str:
    """The welcome workflow with a step renamed and another tag."""
    text = Path(WELCOME).read_text()
    file = tmp_path / "second.yaml"
    file.write_text(text.replace("wait_1_day", "rest_a_day").replace("cold_lead", "cold"))
    return str(file)


def test_enrollments_are_moved_to_a_version_that_was_compared_first(cli: Cli, enrolled: str, second: str) -> None:
    answer(cli("pause", enrolled, "--json"))
    step = answer(cli("get", enrolled, "--json"))["step"]
    answer(cli("publish", second, "--key", "welcome", "--json"))
    compared = answer(cli("diff", "welcome", "--json"))
    assert (compared["from_version"], compared["to_version"]) == (1, 2)
    told = cli("diff", "welcome", "1", "2").stdout
    assert all(difference["text"] in told for difference in compared["differences"])
    assert cli("diff", "welcome", "2", "2").stdout.splitlines()[1:] == ["  no difference"]

    moving = ("migrate-runs", "welcome", "--from", "1", "--to", "2", "--map", "wait_1_day=rest_a_day")
    plan = answer(cli(*moving, "--dry-run", "--json"))
    assert [(group["step"], group["count"]) for group in plan["groups"]] == [(step, 1)]
    assert "1 would go" in cli(*moving, "--dry-run").stdout
    assert answer(cli("get", enrolled, "--json"))["version"] == 1

    moved = answer(cli(*moving, "--rate", "500", "--request-id", "m1", "--json"))
    assert (moved["request_id"], moved["migrated"], moved["left"], moved["done"]) == ("m1", 1, 0, True)
    assert answer(cli("get", enrolled, "--json"))["version"] == 2
    assert "1 of 1 moved to version 2" in cli(*moving, "--rate", "500", "--request-id", "m1").stdout
    last = [json.loads(line) for line in cli("history", enrolled, "--json").stdout.splitlines()][-1]
    assert (last["kind"], last["cause"]) == ("migrated", "op:migrate/m1")


def test_enrollments_that_do_not_fit_stay_and_are_explained(cli: Cli, enrolled: str, tmp_path: Path) -> None:
    answer(cli("pause", enrolled, "--json"))
    step = answer(cli("get", enrolled, "--json"))["step"]
    file = tmp_path / "other.yaml"
    file.write_text("key: welcome\nname: Other\nsteps: [{id: only, type: wait, config: {for: 1d}}]")
    answer(cli("publish", str(file), "--json"))
    told = cli("migrate-runs", "welcome", "--from", "1").stdout
    assert "0 of 1 moved to version 2, 1 stay" in told
    assert f"step '{step}' is not in version 2" in told
    refused = cli("migrate-runs", "welcome", "--from", "1", "--map", f"{step}=onyl")
    assert (refused.returncode, f"mapping[{step}]" in refused.stderr) == (1, True)


def test_a_workflow_is_deleted_when_its_enrollments_may_go(cli: Cli, enrolled: str) -> None:
    refused = cli("delete", "welcome")
    assert (refused.returncode, refused.stdout) == (1, "")
    assert "1 live enrollment" in refused.stderr
    assert "--force" in refused.stderr
    assert answer(cli("delete", "welcome", "--force", "--request-id", "d1", "--json"))["cancelled"] == 1
    assert (
        cli("delete", "welcome", "--force", "--request-id", "d1").stdout
        == "welcome is deleted, 1 enrollment cancelled\n"
    )
    assert answer(cli("get", enrolled, "--json"))["exit_reason"] == "workflow_deleted"
    assert answer(cli("workflows", "list", "--json"))["workflows"] == []
    back = "nothing to store: welcome version 1 (active again)\n"
    assert back not in cli("publish", WELCOME, "--key", "welcome", "--dry-run").stdout
    assert cli("publish", WELCOME, "--key", "welcome").stdout.endswith(back)
    repeated = answer(cli("publish", WELCOME, "--key", "welcome", "--json"))
    assert (repeated["version"], repeated["created"], repeated["activated"]) == (1, False, False)


def test_a_file_is_drawn_without_a_server(cli: Cli, server: Server, tmp_path: Path) -> None:
    server.stop()
    drawing = tmp_path / "welcome.svg"
    assert cli("render", WELCOME, "-o", str(drawing)).returncode == 0
    assert drawing.read_text().startswith("<svg")
    bad = tmp_path / "bad.yaml"
    bad.write_text("key: bad\nsteps: [{id: a, type: weight}]")
    refused = cli("render", str(bad), "--json")
    assert (refused.returncode, json.loads(refused.stderr)["error"]["violations"][0]["code"]) == (1, "unknown_type")


def test_a_canvas_is_published_run_and_exported_in_every_spelling(cli: Cli, tmp_path: Path) -> None:
    drawn = REPOSITORY / "tests" / "workflows" / "canvas" / "linear.json"
    assert answer(cli("publish", str(drawn), "--key", "linear", "--name", "Linear", "--json"))["version"] == 1
    event = ("trigger", "Test", "--contact", "ann", "--contact-field", "phone=+491", "--json")
    run = answer(cli(*event))["verdicts"][0]["enrollment_id"]
    assert answer(cli("get", run, "--json"))["path"] == ["n1", "n2", "n3"]

    assert cli("export", "linear").stdout == drawn.read_text()
    assert cli("export", "linear", "--format", "canvas").stdout == drawn.read_text()
    steps = tmp_path / "linear.yaml"
    assert cli("export", "linear", "--format", "yaml", "--output", str(steps)).returncode == 0
    assert answer(cli("publish", str(steps), "--json"))["version"] == 2
    assert json.loads(cli("export", "linear", "--format", "canvas").stdout)["nodes"][2]["label"] == "Send Reply"
    assert cli("diff", "linear", "1", "2").stdout.splitlines()[1:] == ["  no difference"]


def test_contacts_are_written_and_read(cli: Cli) -> None:
    created = answer(
        cli("contacts", "upsert", "bob", "--field", "email=bob@example.com", "--field", "seats:=3", "--json")
    )
    assert (created["id"], created["created"], created["custom_fields"]) == ("bob", True, {"seats": 3})
    assert answer(cli("contacts", "tag", "bob", "--add", "vip", "--json"))["tags"] == ["vip"]
    assert answer(cli("contacts", "get", "bob", "--json"))["tags"] == ["vip"]
    answer(cli("contacts", "upsert", "plain", "--json"))
    assert answer(cli("contacts", "get", "plain", "--json"))["custom_fields"] == {}
    assert [each["id"] for each in answer(cli("contacts", "list", "--tag", "vip", "--json"))["contacts"]] == ["bob"]
    said = answer(cli("contacts", "consent", "bob", "--deny", "sms", "--source", "call", "--do-not-contact", "--json"))
    assert (said["consents"][0]["channel"], said["consents"][0]["status"], said["changed"]) == ("sms", "denied", True)
    assert "do not contact, sms denied" in cli("contacts", "get", "bob").stdout
    assert cli("contacts", "consent", "bob").returncode == 2
    cleared = answer(cli("contacts", "upsert", "bob", "--field", "email:=null", "--json"))
    assert (cleared["email"], cleared["custom_fields"]) == ("", {"seats": 3})


def test_a_task_is_taken_and_answered_by_hand(cli: Cli) -> None:
    answer(cli("publish", str(REPOSITORY / "examples" / "support_reply.yaml"), "--json"))
    event = ("--data", "channel=chat", "--data", "content=it is broken")
    answer(cli("trigger", "message_received", "--contact", "fay", *event, "--json"))
    [task] = answer(cli("tasks", "poll", "--queue", "triage", "--wait", "5s", "--json"))["tasks"]
    assert task["input"]["message"] == "it is broken"
    assert answer(cli("tasks", "list", "--status", "leased", "--json"))["tasks"][0]["id"] == task["id"]
    lease = (task["id"], "--lease-token", task["lease_token"])
    assert answer(cli("tasks", "extend", *lease, "--lease", "1m", "--json"))["cancelled"] is False
    done = answer(cli("tasks", "complete", *lease, "--outcome", "escalate", "--output", "level:=2", "--json"))
    assert (done["status"], done["applied"]) == ("completed", True)
    path = answer(cli("get", task["enrollment_id"], "--json"))["path"]
    assert path[:4] == ["raise_score", "how_urgent", "triage", "tell_team"]


PARCEL = """
key: parcel
trigger: {type: parcel_ready}
steps: [{id: pack, type: task, config: {queue: boxes}, retry: {backoff: 0s}, branches: {sold_out: end}}]
"""


def test_a_task_that_failed_by_hand_is_tried_again_and_a_business_error_is_an_outcome(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "parcel.yaml").write_text(PARCEL)
    answer(cli("publish", str(tmp_path / "parcel.yaml"), "--json"))
    run = answer(cli("enroll", "parcel", "--contact", "pam", "--json"))["enrollment"]["id"]

    def lease() -> tuple[str, ...]:
        [task] = answer(cli("tasks", "poll", "--queue", "boxes", "--wait", "5s", "--json"))["tasks"]
        return task["id"], "--lease-token", task["lease_token"]

    first = lease()
    assert cli("tasks", "fail", *first).returncode == 2
    assert answer(cli("tasks", "fail", *first, "--code", "no_tape", "--backoff", "0s", "--json"))["status"] == "ready"
    assert cli("tasks", "throw", *first, "--code", "sold_out").returncode == 1
    thrown = answer(cli("tasks", "throw", *lease(), "--code", "sold_out", "--outcome", "sold_out", "--json"))
    assert thrown["applied"] is True
    assert answer(cli("get", run, "--json"))["status"] == "completed"


def test_explain_and_count_answer(cli: Cli, enrolled: str) -> None:
    assert answer(cli("explain", enrolled, "--json"))["reason"]
    question = ("--event", "contact_created", "--contact", "zoe", "--workflow", "welcome")
    [entry] = answer(cli("explain", *question, "--json"))["entries"]
    assert (entry["would_enroll"], entry["workflow"]) == (False, "welcome")
    counts = answer(cli("count", "--workflow", "welcome", "--json"))
    assert counts["total"] == sum(counts["statuses"].values()) == 1


def test_explain_tells_whether_enroll_would_be_accepted(cli: Cli, enrolled: str) -> None:
    question = ("explain", "--workflow", "welcome", "--contact")
    [entry] = answer(cli(*question, "zoe", "--json"))["entries"]
    assert (entry["would_enroll"], entry["triggers"]) == (True, [])
    assert "no rule keeps the contact out" in cli(*question, "zoe").stdout
    assert "in the way" in cli(*question, "ann").stdout


def test_explain_shows_conditions_rules_and_moves_as_a_tree(cli: Cli, enrolled: str) -> None:
    question = ("explain", "--event", "contact_created", "--contact")
    assert '✗ contact.source equals "facebook_ad", is "google"' in cli(*question, "zoe", "--contact-field",
                                                                       "source=google").stdout  # fmt: skip
    assert f"✗ reentry: after_exit: enrollment {enrolled} is live" in cli(*question, "ann").stdout
    assert "what would move it" in cli("explain", enrolled).stdout


def test_a_forecast_shows_what_is_to_come_and_what_it_takes_for_granted(cli: Cli, enrolled: str) -> None:
    answer(cli("pause", enrolled, "--json"))
    shown = cli("forecast", enrolled, "--resumed").stdout
    assert "welcome: " not in shown
    assert "reminder_sms" in shown
    assert "then: it would be completed" in shown
    assert "assumed: no further events come" in shown
    assert "when it is resumed" in cli("forecast", enrolled).stdout
    told = answer(cli("forecast", enrolled, "--resumed", "--for", "1h", "--json"))
    assert (told["end"], told["stays"][-1]["leave_time"]) == ("time", None)
    assert cli("forecast", enrolled, "--event", "@2d").returncode == 2


def test_what_happened_to_a_contact_is_listed_and_counted(cli: Cli, enrolled: str) -> None:
    listed = answer(cli("contacts", "events", "ann", "--type", "contact_created", "--json"))["events"]
    assert [(one["event"]["id"], one["event"]["type"]) for one in listed] == [("e1", "contact_created")]
    assert "contact_created" in cli("contacts", "events", "ann", "--limit", "2").stdout
    counted = answer(cli("contacts", "events", "ann", "--count", "--json"))
    assert counted["total"] == sum(one["count"] for one in counted["types"]) > 0
    assert " events" in cli("contacts", "events", "ann", "--count").stdout
    assert cli("contacts", "events", "nobody").returncode == 1


LATER = """
key: later
triggers:
  - {type: go, conditions: [{field: plan, operator: equals, value: pro}]}
  - {id: due, type: date, config: {field: due, offset: -3d}}
timezone: UTC
entry: {grace: 900d}
limits: {max_concurrent: 1}
steps: [{id: hold, type: wait, config: {for: 900d}}]
"""


def test_who_is_looked_at_again_and_who_has_a_place_is_told(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "later.yaml").write_text(LATER)
    answer(cli("publish", "later.yaml", "--json"))
    due = ("--contact-field", "due=2126-05-01")
    for contact, fields in (
        ("ann", due),
        ("bob", ("--contact-field", "plan=pro")),
        ("eve", ("--contact-field", "plan=pro")),
    ):
        answer(cli("trigger", "go", "--contact", contact, *fields, "--id", f"of-{contact}", "--json"))
    question = ("explain", "--workflow", "later", "--contact", "ann")
    [look] = answer(cli(*question, "--json"))["looks"]
    assert (look["workflow"], look["event_id"], look["event_type"], look["held"]) == ("later", "of-ann", "go", False)
    assert look["until_time"] > look["accept_time"]
    [dated] = answer(cli(*question, "--json"))["dates"]
    assert (dated["trigger"], dated["date"], dated["due_time"][:10]) == ("due", "2126-05-01", "2126-04-28")
    assert "later: trigger due enrols by the date 2126-05-01" in " ".join(cli(*question).stdout.split())
    assert "later: go of-ann of " in cli(*question).stdout
    findings = {one["check"]: one for one in answer(cli("doctor", "--json"))["findings"]}
    assert findings["places later"]["text"].startswith("1 of 1 taken, ")
    assert findings["places later"]["text"].endswith(", 1 wait")
    assert findings["grace later"]["text"].startswith("1 events may still enrol (entry.grace), the last until ")


def test_the_doctor_finds_a_healthy_server_well(cli: Cli, server: Server) -> None:
    assert answer(cli("doctor", "--json"))["ok"] is True
    assert cli("doctor", "--health").stdout == "SERVING\n"
    server.stop()
    assert cli("doctor", "--health").returncode == 3
    assert cli("doctor").returncode == 3


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (("get", "nobody"), 1, "Error:"),
        (("get", "0190b0a0-0000-7000-8000-000000000000"), 1, "statewright list"),
        (("history", "0190b0a0-0000-7000-8000-000000000000"), 1, "Error:"),
        (("watch", "0190b0a0-0000-7000-8000-000000000000"), 1, "Error:"),
        (("watch", "--contact", "ann", "--children"), 2, "--children goes with an ID"),
        (("cancel", "0190b0a0-0000-7000-8000-000000000000"), 1, "Error:"),
        (("set-variables", "0190b0a0-0000-7000-8000-000000000000", "a=1"), 1, "Error:"),
        (("reschedule", "0190b0a0-0000-7000-8000-000000000000", "--by", "1h"), 1, "Error:"),
        (("reschedule", "nobody", "--by", "soon"), 2, "soon"),
        (("reschedule", "nobody", "--to", "soon"), 2, "soon"),
        (("batch", "exit", "--workflow", "w"), 2, "--reason"),
        (("batch", "cancel", "--workflow", "w", "--transition", "x"), 2, "--transition"),
        (("batch", "cancel"), 1, "filter"),
        (("set-variables", "nobody"), 2, "K=V"),
        (("set-variables", "nobody", "a"), 2, "k:=json"),
        (("explain", "0190b0a0-0000-7000-8000-000000000000"), 1, "Error:"),
        (("render", "nothing"), 1, "workflows list"),
        (("export", "nothing"), 1, "workflows list"),
        (("workflows", "activate", "nothing", "1"), 1, "workflows list"),
        (("diff", "nothing"), 1, "workflows list"),
        (("diff", "nothing", "0"), 2, "FROM"),
        (("migrate-runs", "nothing", "--from", "1", "--to", "2"), 1, "workflows list"),
        (("migrate-runs", "nothing"), 2, "--from"),
        (("migrate-runs", "nothing", "--from", "1", "--map", "a"), 2, "OLD=NEW"),
        (("delete", "nothing"), 1, "workflows list"),
        (("contacts", "get", "nobody"), 1, "contacts list"),
        (("tasks", "get", "0190b0a0-0000-7000-8000-000000000000"), 1, "tasks list"),
        (("enroll", "nothing", "--contact", "ann"), 1, "workflows list"),
        (("list", "--page-token", "forged"), 1, "page_token"),
        (("trigger", ""), 1, "type"),
        (("trigger", "x", "--data", "a:={"), 2, "k:=json"),
        (("trigger", "x", "--data", "a:=1e999"), 1, "Error:"),
        (("publish", "nowhere.yaml"), 2, "nowhere.yaml"),
        (("render", "nowhere.yaml"), 2, "nowhere.yaml"),
        (("list", "--status", "asleep"), 2, "asleep"),
        (("serve", "--clock-rate", "9"), 2, "--dev"),
        (("get", "x", "--address", "127.0.0.1:1"), 3, "no server can be reached"),
    ],
)
def test_bad_input_has_its_exit_code_and_a_message(
    empty_server: Server, tmp_path: Path, arguments: tuple[str, ...], code: int, told: str
) -> None:
    result = _run(empty_server.address, tmp_path, *arguments)
    assert (result.returncode, result.stdout) == (code, "")
    assert told in result.stderr


def test_a_published_workflow_is_simulated_with_a_stored_contact_and_nothing_happens(cli: Cli) -> None:
    answer(cli("contacts", "upsert", "ann", "--field", "source=facebook_ad", "--field", "first_name=Ann", "--json"))
    answer(cli("publish", WELCOME, "--key", "welcome", "--json"))
    shape = answer(cli("simulate", "welcome", "--contact", "ann", "--event", "contact_created", "--json"))
    [enrollment] = shape["enrollments"]
    assert (enrollment["status"], enrollment["path"][-1]) == ("completed", "add_cold_tag")
    assert [attempt["step"] for attempt in shape["attempts"]] == ["send_welcome_sms", "send_reminder_sms"]
    assert answer(cli("list", "--json"))["enrollments"] == []
    assert cli("simulate", "nowhere").returncode == 1


def test_a_funnel_and_totals_are_counted(cli: Cli, enrolled: str) -> None:
    answer(cli("cancel", enrolled, "--reason", "test", "--json"))
    steps = {step["step"]: step for step in answer(cli("funnel", "welcome", "--json"))["steps"]}
    assert steps["wait_1_day"]["entered"] == steps["wait_1_day"]["exited"] == steps["wait_1_day"]["cancelled"] == 1
    shown = cli("funnel", "welcome", "--version", "1", "--since", "30d")
    assert "1 enrollment, 1 cancelled" in shown.stdout
    assert "····" in next(line for line in shown.stdout.splitlines() if line.startswith("wait_1_day"))
    assert "wait_1_day" in cli("summary", enrolled).stdout
    assert answer(cli("summary", enrolled, "--json"))["steps"][-1]["visits"] == 1
    totals = answer(cli("stats", "welcome", "--json"))["workflows"]
    assert [(one["total"], one["exit_reasons"]) for one in totals] == [(1, [{"name": "test", "count": 1}])]
    assert "1 test" in cli("stats").stdout
    assert cli("funnel", "nowhere").returncode == 1
    assert "start_time_before" in cli("funnel", "welcome", "--since", "1d", "--until", "2d").stderr


def test_the_weights_of_a_split_are_set_live(cli: Cli, tmp_path: Path) -> None:
    split = tmp_path / "split.yaml"
    split.write_text(
        "key: w\ntrigger: {type: go}\nsteps: [{id: ab, type: split, config: {variants: {a: 50, b: 50}}}]\n"
    )
    answer(cli("publish", str(split), "--json"))
    assert answer(cli("set-weights", "w", "a=1", "b=3", "--json"))["shares"] == {"a": 2500, "b": 7500}
    assert "ab of w version 1: a 0 %, b 100 %" in cli("set-weights", "w", "b=1", "a=0", "--step", "ab").stdout
    variants = answer(cli("experiment", "w", "--step", "ab", "--json"))["variants"]
    assert [(one["variant"], one["share"], one["control"]) for one in variants] == [
        ("a", 0, True),
        ("b", 10_000, False),
    ]
    assert "the workflow has no goal" in cli("experiment", "w", "--confidence", "0.9").stdout
    assert "unheard" in cli("experiment", "w", "--goal-event", "unheard", "--within", "7d").stderr
    assert (cli("set-weights", "w", "a=1").returncode, cli("set-weights", "w", "a").returncode) == (1, 2)
    assert "there twice" in cli("set-weights", "w", "a=1", "a=2").stderr
