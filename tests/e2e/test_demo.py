"""`statewright demo`: what it shows, that it is quick, and that it leaves nothing behind."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.e2e.servers import PROGRAM


def _start(folder: Path, *args: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [PROGRAM, "demo", *args],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=folder,
        env=os.environ | {"TMPDIR": str(folder)},
    )


@pytest.fixture(scope="module")
def summary(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The summary of one demo, run once for all claims."""
    folder = tmp_path_factory.mktemp("demo")
    stdout, stderr = _start(folder, "--json").communicate(timeout=90)
    assert list(folder.iterdir()) == [], "the demo left something behind"
    summary: dict[str, Any] = json.loads(stdout)
    assert summary["ok"], stdout + stderr
    return summary


def _of(summary: dict[str, Any], contact: str) -> dict[str, Any]:
    [enrollment] = [each for each in summary["enrollments"] if each["contact_id"] == contact]
    found: dict[str, Any] = enrollment
    return found


def test_it_is_over_in_well_under_a_minute(summary: dict[str, Any]) -> None:
    assert summary["duration_s"] < 45


def test_every_enrollment_has_ended(summary: dict[str, Any]) -> None:
    assert {each["status"] for each in summary["enrollments"]} == {"completed", "exited"}
    assert {each["contact_id"] for each in summary["enrollments"]} == set(summary["contacts"])


def test_who_does_not_reply_goes_cold_after_three_days(summary: dict[str, Any]) -> None:
    ann = _of(summary, "ann")
    assert ann["path"] == [
        "send_welcome_sms",
        "wait_1_day",
        "check_reply",
        "send_reminder_sms",
        "wait_2_days",
        "add_cold_tag",
    ]
    assert 3 * 86_400_000 <= ann["duration_ms"] < 4 * 86_400_000


def test_who_replies_gets_the_follow_up(summary: dict[str, Any]) -> None:
    assert _of(summary, "ben")["path"][-1] == "send_followup_email"


def test_a_refused_message_is_sent_at_the_second_try_and_once(summary: dict[str, Any]) -> None:
    assert summary["retried"] >= 1
    assert _of(summary, "cleo")["retried_steps"] >= 1
    assert "retrying" in [entry["kind"] for entry in summary["history"]]
    sent = [each["step"] for each in summary["messages"] if each["contact_id"] == "cleo"]
    assert sent == ["send_welcome_sms", "send_reminder_sms"]


def test_an_order_ends_the_cart_with_its_goal(summary: dict[str, Any]) -> None:
    dora = _of(summary, "dora")
    assert (dora["status"], dora["goal"]) == ("exited", "purchase")


def test_a_worker_of_another_service_takes_part(summary: dict[str, Any]) -> None:
    assert "tell_team" in _of(summary, "fay")["path"]


def test_people_see_it_happen(tmp_path: Path) -> None:
    process = _start(tmp_path, "--clock-rate", "200000")
    stdout, stderr = process.communicate(timeout=90)
    assert process.returncode == 0, stdout + stderr
    for told in ("published welcome.yaml", "Ben replies by SMS", "retrying", "welcome_sms", "add_cold_tag", "Done in"):
        assert told in stdout


def test_ctrl_c_ends_it_and_its_server_cleanly(tmp_path: Path) -> None:
    process = _start(tmp_path)
    assert process.stdout is not None
    while "published" not in process.stdout.readline():
        assert process.poll() is None
    [server] = psutil.Process(process.pid).children()
    process.send_signal(signal.SIGINT)
    _, stderr = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Traceback" not in stderr
    assert not server.is_running()
    assert list(tmp_path.iterdir()) == []
