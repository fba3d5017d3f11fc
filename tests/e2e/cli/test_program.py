"""The command line as a process of its own: its exit codes, what it prints for machines, bad input of every kind."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.cli.conftest import LEAD, WELCOME
from tests.e2e.servers import PROGRAM, Server

Program = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def program(server: Server, tmp_path: Path) -> Program:
    """Runs `statewright …` in a process of its own; fails the test on a traceback."""
    return partial(_run, server.address, tmp_path)


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


@pytest.fixture(scope="module")
def empty_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server for questions that change nothing."""
    folder = tmp_path_factory.mktemp("empty")
    with Server(f"sqlite:///{folder}/empty.db", folder, dev=True) as server:
        yield server


def test_a_workflow_goes_from_file_to_its_end(program: Program) -> None:
    assert answer(program("publish", WELCOME, "--key", "welcome", "--json"))["version"] == 1

    event = ("trigger", "contact_created", "--contact", "ann", *LEAD, "--id", "e1", "--json")
    first = answer(program(*event))
    [verdict] = first["verdicts"]
    assert (first["event_id"], first["duplicate"], verdict["verdict"]) == ("e1", False, "ENROLLED")

    again = answer(program(*event))
    assert (again["duplicate"], again["verdicts"]) == (True, first["verdicts"])

    watched = program("watch", verdict["enrollment_id"], "--json", "--limit", "3").stdout.splitlines()
    assert json.loads(watched[0])["kind"] == "started"
    of_family = program("watch", verdict["enrollment_id"], "--children", "--json", "--limit", "3").stdout.splitlines()
    assert [json.loads(line)["kind"] for line in of_family] == [json.loads(line)["kind"] for line in watched]

    enrollment = answer(program("get", verdict["enrollment_id"], "--json"))
    assert (enrollment["workflow"], enrollment["version"], enrollment["contact_id"]) == ("welcome", 1, "ann")
    answer(program("advance", enrollment["id"], "done", "--json"))

    shown = answer(program("list", "--contact", "ann", "--json"))
    assert [each["id"] for each in shown["enrollments"]] == [enrollment["id"]]
    assert shown["next_page_token"] == ""

    lines = [json.loads(line) for line in program("history", enrollment["id"], "--json").stdout.splitlines()]
    assert [line["sequence"] for line in lines] == list(range(1, len(lines) + 1))
    assert {"time", "kind", "step", "outcome", "attempt", "duration_ms", "error"} <= set(lines[0])

    messages = answer(program("outbox", "--contact", "ann", "--json"))["messages"]
    assert "welcome_sms" in [message["template"] for message in messages]


def test_the_doctor_finds_a_healthy_server_well(program: Program, server: Server) -> None:
    assert answer(program("doctor", "--json"))["ok"] is True
    assert program("doctor", "--health").stdout == "SERVING\n"
    server.stop()
    assert program("doctor", "--health").returncode == 3
    assert program("doctor").returncode == 3


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
