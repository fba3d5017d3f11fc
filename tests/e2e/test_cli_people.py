"""Agents and human tasks from the command line, against a real server."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from service.cli.main import cli as program
from service.cli.session import Session
from tests.e2e.servers import Server

Cli = Callable[..., Result]
EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.fixture
def cli(server: Server) -> Cli:
    """Runs `statewright …` in this process."""

    def run(*args: str) -> Result:
        result = CliRunner().invoke(program, ["--address", server.address, *args], obj=Session())
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
        return result

    return run


def answer(result: Result) -> Any:
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def test_people_decide_from_the_command_line(cli: Cli) -> None:
    example = str(EXAMPLES / "refund_approval.yaml")
    answer(cli("publish", example, "--json"))
    put = answer(cli("agents", "put", "ann", "--group", "sales", "--max-open", "3", "--json"))
    assert (put["created"], put["availability"], put["groups"]) == (True, "available", ["sales"])
    asked = (
        "trigger",
        "refund_requested",
        "--contact",
        "cid",
        "--data",
        "total:=80",
        "--data",
        "order_id=o1",
        "--json",
    )
    run = answer(cli(*asked))["verdicts"][0]["enrollment_id"]
    [task] = answer(cli("tasks", "list", "--kind", "human", "--agent", "ann", "--json"))["tasks"]
    assert (task["status"], task["human"]["agent_id"], task["human"]["decisions"]) == (
        "open",
        "ann",
        ["approved", "rejected"],
    )
    assert "agent 'ann'" in cli("explain", run).stdout
    assert "people refunds" in cli("doctor").stdout

    released = answer(cli("tasks", "release", task["id"], "--agent", "ann", "--json"))
    assert released["human"]["agent_id"] == ""
    assert "nobody has it yet" in cli("explain", run).stdout
    assert answer(cli("tasks", "claim", task["id"], "--agent", "ann", "--json"))["human"]["agent_id"] == "ann"
    wrong = cli("tasks", "decide", task["id"], "approved", "--agent", "ann", "--data", "amount=much")
    assert (wrong.exit_code, "data.amount" in wrong.stderr) == (1, True)
    answer(cli("agents", "put", "bob", "--json"))
    assert cli("tasks", "reassign", task["id"]).exit_code == 2
    moved = answer(cli("tasks", "reassign", task["id"], "--agent", "bob", "--json"))
    assert moved["human"]["agent_id"] == "bob"
    decided = answer(cli("tasks", "decide", task["id"], "approved", "--agent", "bob", "--data", "amount:=70", "--json"))
    assert (decided["status"], decided["human"]["decided_by"]) == ("completed", "bob")
    late = cli("tasks", "decide", task["id"], "rejected", "--agent", "ann")
    assert (late.exit_code, "bob" in late.stderr) == (1, True)

    had = answer(cli("agents", "assignments", "--task", task["id"], "--json"))["assignments"]
    assert [(one["agent_id"], one["ending"]) for one in had][:2] == [("bob", "decided"), ("ann", "reassigned")]
    told = answer(cli("agents", "notifications", "ann", "--json"))["notifications"]
    assert [one["kind"] for one in told] == ["assigned", "unassigned"]
    watched = cli("agents", "watch", "ann", "--after", "0", "--limit", "1", "--json").stdout
    assert json.loads(watched) == told[0]
    assert answer(cli("agents", "availability", "ann", "away", "--json"))["availability"] == "away"
    assert [one["id"] for one in answer(cli("agents", "list", "--availability", "away", "--json"))["agents"]] == ["ann"]
    assert answer(cli("agents", "delete", "ann", "--json"))["returned"] == 0
    assert cli("agents", "get", "ann").exit_code == 1
