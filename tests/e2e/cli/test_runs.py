"""Enrollments taken in hand from the command line: one, many, and those of a whole workflow."""

from __future__ import annotations

import json
from pathlib import Path

from tests.e2e.cli.conftest import Cli, answer


def test_an_enrollment_is_taken_in_hand(cli: Cli, enrolled: str) -> None:
    assert answer(cli("pause", enrolled, "--events", "deliver", "--json"))["status"] == "paused"
    assert answer(cli("resume", enrolled, "--json"))["status"] != "paused"
    cancelled = answer(cli("cancel", enrolled, "--reason", "test", "--json"))
    assert (cancelled["status"], cancelled["exit_reason"]) == ("cancelled", "test")
    assert answer(cli("count", "--exit-reason", "test", "--json"))["total"] == 1
    refused = cli("resume", enrolled)
    assert refused.exit_code == 1
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
        assert (refused.exit_code, wanted in refused.stderr) == (1, True), refused.stderr
    assert answer(cli("retry", run, "--json"))["status"] == "failed"
    retried = answer(cli("retry", run, "--input", "a:=2", "--json"))
    assert (retried["status"], retried["step"], retried["variables"]["b"]) == ("waiting", "rest", 3)
    assert cli("retry", run).exit_code == 1


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
    assert (refused.exit_code, "variables[contact.plan]" in refused.stderr) == (1, True)


def test_a_wait_is_moved(cli: Cli, enrolled: str) -> None:
    moved = answer(cli("reschedule", enrolled, "--to", "2100-01-01T00:00Z", "--request-id", "m1", "--json"))
    assert moved["due_time"] == "2100-01-01T00:00:00Z"
    assert answer(cli("reschedule", enrolled, "--by=-1d", "--json"))["due_time"] == "2099-12-31T00:00:00Z"
    assert answer(cli("reschedule", enrolled, "--by", "2h", "--json"))["due_time"] == "2099-12-31T02:00:00Z"
    lines = [json.loads(line) for line in cli("history", enrolled, "--json").stdout.splitlines()]
    causes = [line["cause"] for line in lines if line["kind"] == "rescheduled"]
    assert (causes[0], len(causes)) == ("op:reschedule/m1", 3)
    assert cli("reschedule", enrolled).exit_code == 2
    answer(cli("pause", enrolled, "--json"))
    assert cli("reschedule", enrolled, "--by", "1h").exit_code == 1


def test_many_enrollments_are_taken_in_hand(cli: Cli, enrolled: str) -> None:
    chosen = ("--workflow", "welcome")
    assert "1 of 1 would be changed" in cli("batch", "pause", *chosen, "--dry-run").stdout
    paused = answer(cli("batch", "pause", *chosen, "--events", "drop", "--request-id", "b1", "--rate", "500", "--json"))
    assert (paused["request_id"], paused["changed"], paused["done"]) == ("b1", 1, True)
    assert answer(cli("get", enrolled, "--json"))["status"] == "paused"
    lines = [json.loads(line) for line in cli("history", enrolled, "--json").stdout.splitlines()]
    assert [line["metadata"]["events"] for line in lines if line["kind"] == "paused"] == ["drop"]
    assert cli("batch", "pause", *chosen, "--events", "lose").exit_code == 2
    assert "1 of 1 are changed, 0 refuse" in cli("batch", "exit", *chosen, "--reason", "sold out").stdout
    assert answer(cli("get", enrolled, "--json"))["exit_reason"] == "sold out"


def test_a_whole_workflow_is_taken_in_hand(cli: Cli, enrolled: str) -> None:
    paused = answer(cli("pause", "--workflow", "welcome", "--timers", "remaining", "--events", "deliver", "--json"))
    assert (paused["key"], paused["status"], paused["pause_timers"]) == ("welcome", "paused", "remaining")
    assert paused["pause_events"] == "deliver"
    assert "welcome is active" in cli("resume", "--workflow", "welcome").stdout
    assert cli("pause", enrolled, "--workflow", "welcome").exit_code == 2
    assert cli("resume").exit_code == 2
