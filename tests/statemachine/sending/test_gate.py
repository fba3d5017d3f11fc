"""Messages that the gate holds or skips: in runs, explained, and decided again from history alone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from statemachine.errors import TransitionRefused
from statemachine.replay import replay
from statemachine.run_explanation import explain_run
from statemachine.simulation.forecast import Foreseen, forecast
from tests.statemachine.checked_world import Simulation, assert_alive, compiled

EVENING = datetime(2026, 3, 2, 21, 30, tzinfo=UTC)
MORNING = datetime(2026, 3, 3, 8, tzinfo=UTC)
NIGHT = {"quiet_hours": {"from": "21:00", "to": "08:00"}}
TEXT = {"id": "text", "type": "send_sms", "config": {"body": "Hi {{first_name}}", "to": "+491"}}
AFTER = {"id": "after", "type": "add_tag", "config": {"tag": "later"}}


def evening(rules: dict[str, Any] | None = None, *, at: datetime = EVENING, **step: Any) -> Simulation:
    """A run that came to its message in the evening."""
    document = {"exit": [{"on": "stop"}], "sending": NIGHT if rules is None else rules}
    simulation = Simulation(compiled({**TEXT, **step}, AFTER, **document))
    simulation.now = at
    simulation.trigger("go")
    return simulation


def verdicts(simulation: Simulation) -> list[tuple[str, str | None]]:
    told = [entry.metadata for entry in simulation.history]
    return [(one["verdict"], one.get("rule")) for one in told if "verdict" in one]


def replayed(simulation: Simulation) -> bool:
    record = simulation.records[simulation.last]
    again = replay(record.workflow, [entry.cause for entry in record.history if entry.cause is not None])
    return again.snapshot == record.snapshot and list(again.history) == record.history


def test_a_message_in_the_night_is_held_until_the_morning_and_then_sent() -> None:
    simulation = evening()
    assert (simulation.run.status, simulation.run.step, simulation.run.task) == ("waiting", "text", None)
    assert simulation.run.due_at == MORNING
    assert_alive(simulation.records[simulation.last])
    simulation.wait(hours=12)
    assert verdicts(simulation) == [("held", "quiet_hours"), ("sent", None)]
    assert simulation.run.task is not None
    assert simulation.run.step_starts["text"] == MORNING
    simulation.complete({})
    assert simulation.run.status == "completed"
    assert replayed(simulation)


def test_history_says_why_and_until_when() -> None:
    note = evening().history[-1]
    assert (note.kind, note.step, note.metadata) == (
        "waiting",
        "text",
        {
            "verdict": "held",
            "rule": "quiet_hours",
            "channel": "sms",
            "reason": "quiet hours 21:00-08:00 UTC",
            "until": MORNING.isoformat(),
        },
    )


def test_the_message_is_put_together_when_it_goes_out() -> None:
    simulation = evening()
    simulation.change(first_name="Ann")
    simulation.wait(hours=12)
    assert simulation.records[simulation.last].orders[0].input["body"] == "Hi Ann"
    assert replayed(simulation)


@pytest.mark.parametrize(
    ("step", "found"),
    [
        ({}, [("held", "quiet_hours")]),
        ({"urgent": True}, [("sent", None)]),
        ({"sending": {"quiet_hours": None}}, []),
        ({"sending": {"on_blocked": "skip"}}, [("skipped", "quiet_hours")]),
        ({"sending": {"days": "weekend"}}, [("held", "send_days")]),
        ({"sending": {"consent": "required"}}, [("skipped", "consent")]),
        ({"sending": {"consent": "required"}, "urgent": True}, [("skipped", "consent")]),
    ],
)
def test_what_a_step_says_goes_before_what_its_workflow_says(
    step: dict[str, Any], found: list[tuple[str, str | None]]
) -> None:
    simulation = evening(**step)
    assert verdicts(simulation) == found
    assert replayed(simulation)


def test_consent_taken_back_while_it_is_held_counts() -> None:
    simulation = evening()
    simulation.world.set_consent("c1", {"all": "denied"})
    simulation.wait(hours=12)
    assert verdicts(simulation) == [("held", "quiet_hours"), ("skipped", "do_not_contact")]
    assert simulation.run.status == "completed"
    assert simulation.world.contacts["c1"].tags == ("later",)
    assert replayed(simulation)


def test_an_exit_ends_what_is_held() -> None:
    simulation = evening()
    simulation.trigger("stop")
    assert (simulation.run.status, simulation.run.due_at) == ("exited", None)
    assert replayed(simulation)


@pytest.mark.parametrize(("timers", "sent_after"), [("keep", 2), ("remaining", 4), ("catch_up", 2)])
def test_what_is_held_while_it_is_paused_goes_out_when_both_are_over(timers: str, sent_after: int) -> None:
    simulation = evening(at=MORNING - timedelta(hours=1))
    simulation.operate("pause", timers=timers)
    simulation.wait(hours=3 if timers == "remaining" else 2)
    assert simulation.run.task is None
    simulation.operate("resume")
    simulation.wait(hours=1)
    assert simulation.run.task is not None
    assert simulation.history[-1].at == MORNING + timedelta(hours=sent_after - 1)
    assert replayed(simulation)


def test_an_operator_may_send_it_on_its_way_ask_again_or_cancel() -> None:
    simulation = evening()
    simulation.operate("reschedule", until=(EVENING + timedelta(hours=1)).isoformat())
    simulation.wait(hours=2)
    assert verdicts(simulation) == [("held", "quiet_hours")] * 2
    simulation.operate("advance", transition="done")
    assert (simulation.run.status, simulation.records[simulation.last].orders) == ("completed", [])
    other = evening()
    other.operate("cancel")
    assert other.run.status == "cancelled"
    with pytest.raises(TransitionRefused):
        other.operate("advance", transition="done")


def test_releases_are_spread_over_the_opening_each_run_in_its_place() -> None:
    simulation = Simulation(compiled(TEXT, sending={**NIGHT, "spread": "15m"}))
    simulation.now = EVENING
    for number in range(40):
        simulation.trigger("go", contact_id=f"c{number}")
    dues = [record.snapshot.due_at for record in simulation.records.values()]
    offsets = [(due - MORNING) / timedelta(minutes=1) for due in dues if due is not None]
    assert len(set(offsets)) == 40
    assert 0 <= min(offsets) < 3
    assert 12 < max(offsets) < 15
    simulation.wait(hours=11)
    assert all(record.snapshot.task is not None for record in simulation.records.values())


def test_a_cap_and_a_window_are_waited_for_together() -> None:
    simulation = evening({**NIGHT, "caps": {"count": 1, "per": "10h"}}, at=EVENING - timedelta(hours=3))
    simulation.complete({})
    simulation.trigger("go")
    note = simulation.history[-1].metadata
    assert (note["rule"], note["until"]) == ("cap", MORNING.isoformat())
    assert note["reason"] == "the contact has got 1 message within 10h; then quiet hours 21:00-08:00 UTC"


def test_holidays_that_were_found_are_kept_for_deciding_again(monkeypatch: pytest.MonkeyPatch) -> None:
    simulation = evening({"holidays": ["de"]}, at=datetime(2026, 4, 6, 9, tzinfo=UTC))
    cause = simulation.history[0].cause
    assert cause is not None
    assert cause["reads"]["holidays"] == {"2026-04-06": "Easter Monday (de)"}
    simulation.wait(days=1)
    monkeypatch.setattr("statemachine.sending.windows.holidays_of", lambda calendar, year: {})
    assert replayed(simulation)


def test_a_run_without_a_contact_waits_for_the_window_alone() -> None:
    sending = {**NIGHT, "caps": {"count": 1, "per": "1d"}, "consent": "required"}
    simulation = Simulation(compiled(TEXT, sending=sending))
    simulation.now = EVENING
    simulation.enroll(contact_id=None)
    assert verdicts(simulation) == [("held", "quiet_hours")]
    simulation.wait(hours=12)
    assert verdicts(simulation)[-1] == ("sent", None)


def test_an_explanation_says_until_when_and_why() -> None:
    simulation = evening()
    record = simulation.records[simulation.last]
    account = explain_run(record.workflow, record.snapshot, simulation.world.surroundings(simulation.last))
    assert account.until_at == MORNING
    assert "held until 2026-03-03 08:00:00 UTC: quiet hours 21:00-08:00 UTC" in account.reason
    assert [move.label for move in account.moves if move.kind == "timer"] == ["timer"]


def test_a_forecast_sees_the_hold_and_the_message() -> None:
    simulation = evening()
    record = simulation.records[simulation.last]
    seen = forecast(
        Foreseen(record.workflow, record.snapshot, surroundings=simulation.world.surroundings(simulation.last))
    )
    assert [attempt.at for attempt in seen.simulated.attempts] == [MORNING]
    assert seen.snapshot.status == "completed"


def test_a_message_whose_recipient_is_gone_when_it_goes_out_fails_as_ever() -> None:
    simulation = evening(config={"body": "Hi", "to": "{{contact.other}}"})
    simulation.wait(hours=12)
    assert (simulation.run.status, simulation.run.last_error and simulation.run.last_error.code) == (
        "failed",
        "no_recipient",
    )


def test_an_edited_input_is_kept_while_a_retried_message_is_held() -> None:
    simulation = evening(at=EVENING - timedelta(hours=3))
    simulation.fail("boom", retryable=False)
    simulation.now = EVENING
    simulation.operate("retry", input={"to": "+492"})
    assert simulation.run.task is None
    simulation.wait(hours=12)
    assert simulation.records[simulation.last].orders[-1].input["to"] == "+492"
    assert simulation.run.gathered == {}
    assert replayed(simulation)


@pytest.mark.parametrize("consent", ["granted", "denied", None])
def test_the_consent_that_was_asked_for_decides_again_where_nothing_else_reads_the_contact(consent: str | None) -> None:
    text = {"id": "text", "type": "send_sms", "config": {"body": "Hi", "to": "+491"}}
    rest = {"id": "rest", "type": "wait", "config": {"for": "1h"}}
    simulation = Simulation(compiled(text, rest, sending={"consent": "required"}))
    if consent is not None:
        simulation.world.set_consent("c1", {"sms": consent})
    simulation.trigger("go")
    assert verdicts(simulation) == [("sent", None) if consent == "granted" else ("skipped", "consent")]
    assert replayed(simulation)
