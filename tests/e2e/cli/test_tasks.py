"""Tasks on the command line, for workers and for people."""

from __future__ import annotations

import json
from pathlib import Path

from tests.e2e.cli.conftest import EXAMPLES, Cli, answer


def test_a_task_is_taken_and_answered_by_hand(cli: Cli) -> None:
    answer(cli("publish", str(EXAMPLES / "support_reply.yaml"), "--json"))
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
    assert cli("tasks", "fail", *first).exit_code == 2
    assert answer(cli("tasks", "fail", *first, "--code", "no_tape", "--backoff", "0s", "--json"))["status"] == "ready"
    assert cli("tasks", "throw", *first, "--code", "sold_out").exit_code == 1
    thrown = answer(cli("tasks", "throw", *lease(), "--code", "sold_out", "--outcome", "sold_out", "--json"))
    assert thrown["applied"] is True
    assert answer(cli("get", run, "--json"))["status"] == "completed"


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
