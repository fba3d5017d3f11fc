"""Names: event aliases, key spelling, slugs and guesses."""

import pytest

from statemachine.names import canonical_event, did_you_mean, event_group, slug, snake_case

EVENTS = {
    "contact_created": "contact_created",
    "contact_added": "contact_created",
    "Contact Added": "contact_created",
    "contactCreated": "contact_created",
    "tag_applied": "tag_added",
    "field_updated": "field_changed",
    "custom_field_changed": "field_changed",
    "contact_replied": "message_received",
    "Incoming Message": "message_received",
    "Incoming Call": "call_received",
    "Intent Detected": "intent_detected",
    "Sentiment Negative": "sentiment_negative",
    "SLA Breached": "sla_breached",
    "New Order": "order_created",
    "email_open": "email_opened",
    "email_click": "email_clicked",
    "order_placed": "order_placed",
    "Our Own Event": "Our Own Event",
}


@pytest.mark.parametrize(("name", "canonical"), EVENTS.items())
def test_an_event_name_has_one_canonical_type(name: str, canonical: str) -> None:
    assert canonical_event(name).type == canonical
    assert dict(canonical_event(name).data_filter) == {}


def test_sms_received_is_a_message_on_the_sms_channel() -> None:
    event = canonical_event("sms_received")
    assert (event.type, dict(event.data_filter)) == ("message_received", {"channel": "sms"})


def test_a_reply_is_any_of_three_events() -> None:
    assert [event.type for event in event_group("reply")] == ["message_received", "email_replied", "sms_replied"]


def test_every_other_name_stands_for_one_event() -> None:
    assert [event.type for event in event_group("Incoming Message")] == ["message_received"]


@pytest.mark.parametrize(
    ("key", "snake"),
    [
        ("outputVariable", "output_variable"), ("trueSteps", "true_steps"), ("isActive", "is_active"),
        ("max_entries", "max_entries"), ("X-Api-Key", "X-Api-Key"), ("URL", "URL"), ("a.bC", "a.bC"), ("", ""),
    ],
)  # fmt: skip
def test_camel_case_keys_become_snake_case(key: str, snake: str) -> None:
    assert snake_case(key) == snake


@pytest.mark.parametrize(
    ("name", "key"), [("New Lead Welcome!", "new-lead-welcome"), ("  A  ", "a"), ("日本", ""), ("x" * 200, "x" * 100)]
)
def test_a_key_is_made_of_a_name(name: str, key: str) -> None:
    assert slug(name) == key


def test_a_near_word_is_suggested_and_a_far_one_is_not() -> None:
    assert did_you_mean("dellay", ["delay", "wait"]) == "did you mean 'delay'?"
    assert did_you_mean("zebra", ["delay", "wait"]) == ""
