"""What people and scripts are told when something is refused."""

from __future__ import annotations

import json
from pathlib import Path

import grpc
from statewright.v1 import ValidateResponse

from service.rpc.workflow_message import write_problems
from statemachine.definition import load_workflow
from tests.service.cli.conftest import Run
from tests.service.cli.fake_server import FakeServer, Refusal


def test_an_unreachable_server_is_exit_code_3_and_says_what_to_do(run_alone: Run) -> None:
    result = run_alone("list", "--address", "127.0.0.1:1")
    assert result.exit_code == 3
    assert "no server can be reached at 127.0.0.1:1" in result.stderr
    assert "statewright serve" in result.stderr


def test_an_unknown_id_is_exit_code_1_and_says_where_to_look(run: Run, server: FakeServer) -> None:
    server.answers["Enrollment.Get"] = Refusal(
        grpc.StatusCode.NOT_FOUND, "enrollment 'x' does not exist", "ENROLLMENT_NOT_FOUND"
    )
    result = run("get", "x")
    assert (result.exit_code, result.stdout) == (1, "")
    assert "enrollment 'x' does not exist" in result.stderr
    assert "Next: see `statewright list`" in result.stderr


def test_a_refused_transition_names_those_that_are_allowed(run: Run, server: FakeServer) -> None:
    server.answers["Enrollment.Advance"] = Refusal(
        grpc.StatusCode.FAILED_PRECONDITION, "no", "TRANSITION_REFUSED", {"allowed": "done,timeout"}
    )
    assert "allowed now: done, timeout" in run("advance", "x", "fly").stderr


def test_every_violation_is_shown_with_its_path(run: Run, server: FakeServer) -> None:
    server.answers["Enrollment.Trigger"] = Refusal(
        grpc.StatusCode.INVALID_ARGUMENT,
        "the event cannot be right",
        "INVALID_ARGUMENT",
        violations=(("event.type", "", "is empty"), ("event.data.x", "", "NaN is no JSON number")),
    )
    stderr = run("trigger", "x").stderr
    assert "event.type: is empty" in stderr
    assert "event.data.x: NaN is no JSON number" in stderr


def test_what_the_message_says_already_is_not_said_twice(run: Run, server: FakeServer) -> None:
    server.answers["Enrollment.Trigger"] = Refusal(
        grpc.StatusCode.INVALID_ARGUMENT,
        "event.type: is empty",
        "INVALID_ARGUMENT",
        violations=(("event.type", "", "is empty"),),
    )
    assert run("trigger", "x").stderr.count("event.type: is empty") == 1


def test_with_json_the_error_is_a_document(run: Run, server: FakeServer) -> None:
    server.answers["Enrollment.Get"] = Refusal(
        grpc.StatusCode.INVALID_ARGUMENT,
        "no",
        "INVALID_ARGUMENT",
        violations=(("enrollment_id", "BAD_ID", "is no id (line 3, column 7)"),),
    )
    result = run("get", "x", "--json")
    error = json.loads(result.stderr)["error"]
    assert (error["code"], error["reason"], result.exit_code) == ("INVALID_ARGUMENT", "INVALID_ARGUMENT", 1)
    assert error["violations"] == [
        {
            "path": "enrollment_id",
            "code": "bad_id",
            "description": "is no id (line 3, column 7)",
            "line": 3,
            "column": 7,
        }
    ]


def test_every_violation_has_its_own_line(run: Run, server: FakeServer) -> None:
    server.answers["Enrollment.Get"] = Refusal(
        grpc.StatusCode.INVALID_ARGUMENT,
        "enrollment_id: required (and 1 more)",
        "INVALID_ARGUMENT",
        violations=(("enrollment_id", "INVALID_ARGUMENT", "required"), ("view", "INVALID_ARGUMENT", "one of FULL")),
    )
    lines = run("get", "x").stderr.splitlines()
    assert lines == ["Error: enrollment_id: required (and 1 more)", "  enrollment_id: required", "  view: one of FULL"]


def test_a_refused_publication_shows_every_problem_as_validate_does(
    run: Run, server: FakeServer, tmp_path: Path
) -> None:
    file = tmp_path / "bad.yaml"
    file.write_text("key: bad\nsteps:\n  - {id: a, typ: pass}\n  - {id: b, type: weight}\n")
    server.answers["Workflow.Publish"] = Refusal(
        grpc.StatusCode.INVALID_ARGUMENT, "the definition has 3 errors: …", "INVALID_DEFINITION"
    )
    server.answers["Workflow.Validate"] = ValidateResponse()
    write_problems(load_workflow(file.read_bytes()).problems, server.answers["Workflow.Validate"].problems)
    published, validated = run("publish", str(file)), run("validate", str(file))
    assert (published.exit_code, validated.exit_code) == (1, 1)
    assert f"{published.stdout}{file}: not valid: 3 errors\n" == validated.stdout
    assert published.stderr.startswith(f"Error: {file}: not valid: 3 errors\n")
    lines = published.stdout.splitlines()
    assert lines[0] == f"{file}:3:5: error: the key 'type' is missing [missing_key]"
    assert lines[1].index("{id: a") == lines[2].index("^")
    told = json.loads(run("publish", str(file), "--json").stderr)["error"]["violations"]
    assert told == json.loads(run("validate", str(file), "--json").stdout)["problems"]


def test_a_file_that_no_server_would_take_is_refused_before_it_is_sent(
    run: Run, server: FakeServer, tmp_path: Path
) -> None:
    file = tmp_path / "huge.yaml"
    file.write_text("a: 1\n" * 2_000_000)
    result = run("publish", str(file))
    assert (result.exit_code, server.asked) == (1, [])
    assert "has 10,000,000 bytes; a definition has at most 1,048,576 (1 MiB) [too_large]" in result.stderr
    [violation] = json.loads(run("publish", str(file), "--json").stderr)["error"]["violations"]
    assert violation["code"] == "too_large"


def test_a_deadline_is_unreachable_too(run: Run, server: FakeServer) -> None:
    server.answers["Enrollment.Get"] = Refusal(grpc.StatusCode.DEADLINE_EXCEEDED, "late")
    result = run("get", "x")
    assert result.exit_code == 3
    assert "did not answer in time" in result.stderr


def test_a_draining_server_is_unreachable_but_there(run: Run, server: FakeServer) -> None:
    server.answers["Enrollment.Get"] = Refusal(grpc.StatusCode.UNAVAILABLE, "the server is draining", "UNAVAILABLE")
    result = run("get", "x")
    assert result.exit_code == 3
    assert "the server is draining" in result.stderr
    assert "try again in a moment" in result.stderr


def test_a_missing_file_is_a_usage_error(run: Run) -> None:
    result = run("publish", "nowhere.yaml")
    assert result.exit_code == 2
    assert "nowhere.yaml" in result.stderr


def test_a_file_that_is_no_text_is_refused_without_a_traceback(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "picture.yaml"
    file.write_bytes(b"name: \xff\xfe")
    result = run("publish", str(file))
    assert result.exit_code == 1
    assert "is not UTF-8" in result.stderr
