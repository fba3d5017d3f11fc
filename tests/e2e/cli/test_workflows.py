"""Workflows on the command line: read, drawn, written out, compared, and their versions changed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.e2e.cli.conftest import REPOSITORY, WELCOME, Cli, answer
from tests.e2e.servers import Server


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
    assert (refused.exit_code, f"mapping[{step}]" in refused.stderr) == (1, True)


def test_a_workflow_is_deleted_when_its_enrollments_may_go(cli: Cli, enrolled: str) -> None:
    refused = cli("delete", "welcome")
    assert (refused.exit_code, refused.stdout) == (1, "")
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
    assert cli("render", WELCOME, "-o", str(drawing)).exit_code == 0
    assert drawing.read_text().startswith("<svg")
    bad = tmp_path / "bad.yaml"
    bad.write_text("key: bad\nsteps: [{id: a, type: weight}]")
    refused = cli("render", str(bad), "--json")
    assert (refused.exit_code, json.loads(refused.stderr)["error"]["violations"][0]["code"]) == (1, "unknown_type")


def test_a_canvas_is_published_run_and_exported_in_every_spelling(cli: Cli, tmp_path: Path) -> None:
    drawn = REPOSITORY / "tests" / "workflows" / "canvas" / "linear.json"
    assert answer(cli("publish", str(drawn), "--key", "linear", "--name", "Linear", "--json"))["version"] == 1
    event = ("trigger", "Test", "--contact", "ann", "--contact-field", "phone=+491", "--json")
    run = answer(cli(*event))["verdicts"][0]["enrollment_id"]
    assert answer(cli("get", run, "--json"))["path"] == ["n1", "n2", "n3"]

    assert cli("export", "linear").stdout == drawn.read_text()
    assert cli("export", "linear", "--format", "canvas").stdout == drawn.read_text()
    steps = tmp_path / "linear.yaml"
    assert cli("export", "linear", "--format", "yaml", "--output", str(steps)).exit_code == 0
    assert answer(cli("publish", str(steps), "--json"))["version"] == 2
    assert json.loads(cli("export", "linear", "--format", "canvas").stdout)["nodes"][2]["label"] == "Send Reply"
    assert cli("diff", "linear", "1", "2").stdout.splitlines()[1:] == ["  no difference"]


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
    assert (cli("set-weights", "w", "a=1").exit_code, cli("set-weights", "w", "a").exit_code) == (1, 2)
    assert "there twice" in cli("set-weights", "w", "a=1", "a=2").stderr
