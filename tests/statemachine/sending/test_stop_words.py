"""Stop words: what is one, what it does to consent, and how authors write them."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from statemachine.contact import Contact
from statemachine.definition import load_workflow
from statemachine.event import Event
from statemachine.problem import Problems
from statemachine.sending.consent import set_consent
from statemachine.sending.stop_words import obey, read_stop_words, together

NOW = datetime(2026, 1, 1, 9, tzinfo=UTC)
USUAL = together(rule for rule in [read_stop_words("sms", (), Problems())] if rule)


def message(text: Any, channel: str = "sms", kind: str = "message_received") -> Event:
    data = {"content": text} | ({"channel": channel} if channel else {})
    return Event("e1", kind, "twilio", "ann", data=data, accepted_at=NOW)


def status_after(event: Event, before: str = "unknown") -> str:
    contact = set_consent(Contact("ann"), {"sms": before}, "", NOW - timedelta(days=1))[0]
    return str(obey(contact, event, USUAL)[0].consent.get("sms", {}).get("status", "unknown"))


@pytest.mark.parametrize(
    "text",
    [
        "STOP",
        "stop",
        " Stop ",
        "Stop!",
        '"stop".',
        "STOPALL",
        "stop all",
        "Unsubscribe",
        "cancel",
        "END\n",
        "Quit",
    ],
)
def test_such_a_message_denies_the_channel(text: str) -> None:
    assert status_after(message(text)) == "denied"


@pytest.mark.parametrize("text", ["please stop", "stop it", "nonstop", "", "  ", "!", None, 7, ["stop"], "stop " * 200])
def test_any_other_message_says_nothing_about_consent(text: Any) -> None:
    assert status_after(message(text), "granted") == "granted"


@pytest.mark.parametrize("text", ["START", "unstop", "Start."])
def test_a_word_that_starts_grants_the_channel(text: str) -> None:
    assert status_after(message(text), "denied") == "granted"


@pytest.mark.parametrize(
    ("event", "status"),
    [
        (message("STOP", "SMS"), "denied"),
        (message("STOP", "", "sms_replied"), "denied"),
        (message("STOP", "chat"), "unknown"),
        (message("STOP", ""), "unknown"),
        (message("STOP", "sms", "intent_detected"), "unknown"),
        (replace(message("STOP"), data={"channel": "sms", "body": "STOP"}), "denied"),
    ],
)
def test_words_count_in_messages_by_their_channel_alone(event: Event, status: str) -> None:
    assert status_after(event) == status


def test_a_real_change_tells_of_itself_and_a_repeat_of_nothing() -> None:
    contact, raised = obey(Contact("ann"), message("Stop."), USUAL)
    assert [(one.type, dict(one.data)) for one in raised] == [
        ("contact_unsubscribed", {"channel": "sms", "word": "stop"}),
        ("consent_changed", {"channel": "sms", "old_status": "unknown", "new_status": "denied", "source": "twilio"}),
    ]
    assert contact.consent["sms"] == {"status": "denied", "at": NOW.isoformat(), "source": "twilio"}
    assert obey(contact, message("STOP"), USUAL) == (contact, ())


def test_a_late_word_does_not_undo_what_the_contact_said_after_it() -> None:
    granted = set_consent(Contact("ann"), {"sms": "granted"}, "", NOW - timedelta(hours=1))[0]
    late = replace(message("STOP"), occurred_at=NOW - timedelta(hours=2))
    assert obey(granted, late, USUAL) == (granted, ())


def test_a_word_that_stops_in_one_workflow_and_starts_in_another_stops() -> None:
    rules = [{"channels": "sms", "stop": "genug"}, {"channels": ["sms", "chat"], "stop": "halt", "start": ["genug"]}]
    words = together(rule for raw in rules if (rule := read_stop_words(raw, (), Problems())))
    assert obey(Contact("ann"), message("Genug!"), words)[0].consent["sms"]["status"] == "denied"
    assert obey(Contact("ann"), message("halt", "chat"), words)[0].consent["chat"]["status"] == "denied"
    assert obey(Contact("ann"), message("STOP"), words)[1] == ()


@pytest.mark.parametrize(
    ("raw", "code", "path"),
    [
        (7, "not_an_object", "stop_words"),
        ("text message", "bad_value", "stop_words"),
        ("all", "bad_value", "stop_words"),
        ("smss", "misspelt_name", "stop_words"),
        ([], "bad_value", "stop_words"),
        (["sms", 7], "bad_value", "stop_words[1]"),
        ({"stop": "STOP"}, "missing_key", "stop_words.channels"),
        ({"channels": "sms", "words": []}, "unknown_key", "stop_words.words"),
        ({"channels": "sms", "stop": []}, "bad_value", "stop_words.stop"),
        ({"channels": "sms", "stop": ["STOP", "!"]}, "bad_value", "stop_words.stop[1]"),
        ({"channels": "sms", "stop": [True]}, "bad_value", "stop_words.stop[0]"),
        ({"channels": "sms", "stop": "x" * 51}, "bad_value", "stop_words.stop"),
        ({"channels": "sms", "stop": ["a"] * 51}, "bad_value", "stop_words.stop"),
        ({"channels": "sms", "start": ["go", "Quit"]}, "bad_value", "stop_words.start"),
    ],
)
def test_what_is_wrong_is_said_with_its_place(raw: Any, code: str, path: str) -> None:
    document = {"key": "k", "stop_words": raw, "steps": [{"id": "a", "type": "pass"}]}
    problems = [(one.code, one.path) for one in load_workflow(json.dumps(document)).problems]
    assert (code, path) in problems


def test_stop_words_belong_to_the_document_and_not_to_a_step() -> None:
    step = {"id": "a", "type": "send_sms", "config": {"body": "x"}, "sending": {"stop_words": "sms"}}
    problems = load_workflow(json.dumps({"key": "k", "steps": [step]})).problems
    assert [(one.code, one.path) for one in problems] == [("unknown_key", "steps[0].sending.stop_words")]


def test_a_version_is_written_out_with_them() -> None:
    loaded = load_workflow(json.dumps({"key": "k", "stopWords": ["sms"], "steps": [{"id": "a", "type": "pass"}]}))
    assert loaded.canonical["stop_words"] == ["sms"]
