"""`sending` as authors write it: what is wrong, and where."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from statemachine.definition import load_workflow
from statemachine.problem import Problems
from statemachine.sending.reading import read_sending
from statemachine.sending.rules import Cap, Rate

SECOND = timedelta(seconds=1)


def found(raw: Any) -> list[tuple[str, str]]:
    problems = Problems()
    read_sending(raw, ("sending",), problems)
    return [(problem.code, problem.path) for problem in problems.sorted()]


@pytest.mark.parametrize(
    ("raw", "code", "path"),
    [
        ("evening", "not_an_object", "sending"),
        ({"quite_hours": {}}, "unknown_key", "sending.quite_hours"),
        ({"quiet_hours": "21-08"}, "not_an_object", "sending.quiet_hours"),
        ({"quiet_hours": {"from": "21:00"}}, "missing_key", "sending.quiet_hours.to"),
        ({"quiet_hours": {"from": "25:00", "to": "08:00"}}, "bad_time", "sending.quiet_hours.from"),
        ({"quiet_hours": {"from": "8:00", "to": "08:00"}}, "bad_time", "sending.quiet_hours"),
        ({"quiet_hours": {"from": "00:00", "to": "24:00"}}, "bad_time", "sending.quiet_hours"),
        ({"days": ["funday"]}, "bad_weekday", "sending.days"),
        ({"days": []}, "bad_weekday", "sending.days"),
        ({"holidays": ["xx"]}, "unknown_calendar", "sending.holidays[0]"),
        ({"holidays": "de-bx"}, "unknown_calendar", "sending.holidays"),
        ({"holidays": ["2026-02-30"]}, "bad_time", "sending.holidays[0]"),
        ({"holidays": [24]}, "bad_value", "sending.holidays[0]"),
        ({"caps": [{"count": 0, "per": "1d"}]}, "bad_value", "sending.caps[0].count"),
        ({"caps": [{"count": 251, "per": "1d"}]}, "bad_value", "sending.caps[0].count"),
        ({"caps": {"count": 1}}, "missing_key", "sending.caps.per"),
        ({"caps": {"count": 1, "per": 0}}, "bad_duration", "sending.caps.per"),
        ({"caps": {"count": 1, "per": "2y"}}, "bad_duration", "sending.caps.per"),
        ({"caps": {"count": 1, "per": "daily"}}, "bad_duration", "sending.caps.per"),
        ({"caps": {"count": 1, "per": "3d", "window": "calendar"}}, "bad_value", "sending.caps.per"),
        ({"caps": {"count": 1, "per": "day", "window": "rolling"}}, "bad_value", "sending.caps.per"),
        ({"caps": {"count": 1, "per": "1d", "channel": "text message"}}, "bad_value", "sending.caps.channel"),
        ({"caps": {"count": 1, "per": "1d", "channel": "emial"}}, "misspelt_name", "sending.caps.channel"),
        ({"caps": {"count": 9, "per": "59s"}}, "cap_like_rate", "sending.caps"),
        ({"rates": "10/s"}, "not_an_object", "sending.rates"),
        ({"rates": {"count": 0, "per": "1s", "channel": "sms"}}, "bad_value", "sending.rates.count"),
        ({"rates": [{"count": 1001, "per": "1s", "channel": "sms"}]}, "bad_value", "sending.rates[0].count"),
        ({"rates": {"count": 1, "channel": "sms"}}, "missing_key", "sending.rates.per"),
        ({"rates": {"count": 1, "per": 0, "channel": "sms"}}, "bad_duration", "sending.rates.per"),
        ({"rates": {"count": 1, "per": "500ms", "channel": "sms"}}, "bad_duration", "sending.rates.per"),
        ({"rates": {"count": 1, "per": "25h", "channel": "sms"}}, "bad_duration", "sending.rates.per"),
        ({"rates": {"count": 1, "per": "Day", "channel": "sms"}}, "bad_duration", "sending.rates.per"),
        ({"rates": {"count": 1, "per": "1s"}}, "missing_key", "sending.rates.channel"),
        ({"rates": {"count": 1, "per": "1s", "channel": "all"}}, "bad_value", "sending.rates.channel"),
        ({"rates": {"count": 1, "per": "1s", "channel": "emial"}}, "misspelt_name", "sending.rates.channel"),
        ({"rates": {"count": 1, "per": "1s", "channel": "sms", "window": "rolling"}}, "unknown_key",
         "sending.rates.window"),
        ({"rates": [{"count": 1, "per": "1s", "channel": "sms"}] * 21}, "bad_value", "sending.rates"),
        ({"spread": "2d"}, "bad_duration", "sending.spread"),
        ({"on_blocked": "drop"}, "bad_value", "sending.on_blocked"),
        ({"consent": "yes"}, "bad_value", "sending.consent"),
    ],
)  # fmt: skip
def test_a_mistake_is_told_at_its_place(raw: Any, code: str, path: str) -> None:
    assert found(raw) == [(code, path)]


def test_a_calendar_that_does_not_exist_is_nearly_one_that_does() -> None:
    problems = Problems()
    read_sending({"holidays": ["us-caa"]}, ("sending",), problems)
    assert problems.sorted()[0].suggestion == "did you mean 'us-ca'?"


@pytest.mark.parametrize(
    ("raw", "cap"),
    [
        ({"count": 3, "per": "day"}, Cap(3, unit="day", text="3 messages this day")),
        ({"count": 1, "per": "7d", "window": "calendar", "channel": "SMS"},
         Cap(1, "sms", unit="week", text="1 sms message this week")),
    ],
)  # fmt: skip
def test_a_cap_may_follow_the_calendar(raw: dict[str, Any], cap: Cap) -> None:
    assert read_sending({"caps": raw}, ("sending",), Problems()) == {"caps": (cap,)}


@pytest.mark.parametrize(
    ("raw", "rate"),
    [
        ({"count": 10, "per": "1s", "channel": "SMS"}, Rate(10, SECOND, "sms", "10 sms messages within 1s")),
        ({"count": 1, "per": 1.5, "channel": "fax"}, Rate(1, 1.5 * SECOND, "fax", "1 fax message within 1.5s")),
    ],
)  # fmt: skip
def test_a_rate_says_in_words_what_it_is(raw: dict[str, Any], rate: Rate) -> None:
    assert read_sending({"rates": raw}, ("sending",), Problems()) == {"rates": (rate,)}


@pytest.mark.parametrize("key", ["sending: {spread: 1m}", "urgent: true"])
def test_only_messages_have_rules(key: str) -> None:
    loaded = load_workflow(f"key: x\nsteps: [{{id: a, type: add_tag, config: {{tag: b}}, {key}}}]")
    assert [problem.code for problem in loaded.problems] == ["not_applicable"]
