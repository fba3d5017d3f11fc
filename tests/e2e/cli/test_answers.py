"""What the command line says of runs: why, what would be, and how many."""

from __future__ import annotations

from pathlib import Path

from tests.e2e.cli.conftest import WELCOME, Cli, answer


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
    assert cli("forecast", enrolled, "--event", "@2d").exit_code == 2


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


def test_a_published_workflow_is_simulated_with_a_stored_contact_and_nothing_happens(cli: Cli) -> None:
    answer(cli("contacts", "upsert", "ann", "--field", "source=facebook_ad", "--field", "first_name=Ann", "--json"))
    answer(cli("publish", WELCOME, "--key", "welcome", "--json"))
    shape = answer(cli("simulate", "welcome", "--contact", "ann", "--event", "contact_created", "--json"))
    [enrollment] = shape["enrollments"]
    assert (enrollment["status"], enrollment["path"][-1]) == ("completed", "add_cold_tag")
    assert [attempt["step"] for attempt in shape["attempts"]] == ["send_welcome_sms", "send_reminder_sms"]
    assert answer(cli("list", "--json"))["enrollments"] == []
    assert cli("simulate", "nowhere").exit_code == 1


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
    assert cli("funnel", "nowhere").exit_code == 1
    assert "start_time_before" in cli("funnel", "welcome", "--since", "1d", "--until", "2d").stderr
