"""What a node is: by its type, its label or its config."""

from typing import Any

import pytest

from statemachine.canvas.labels import meaning_of, same_type

CASES: list[tuple[str, str, dict[str, Any], str | None]] = [
    ("trigger", "Incoming Message", {}, "trigger"),
    ("triggerNode", "", {}, "trigger"),
    ("email", "Welcome", {}, "email"),
    ("sendEmail", "Welcome", {}, "send_email"),
    ("sms", "", {}, "sms"),
    ("wait", "Wait 2 days", {}, "wait"),
    ("condition", "Check Age", {}, "condition"),
    ("condition", "Wait/Delay", {"duration": 1}, "wait"),
    ("condition", "Loop", {"type": "forEach"}, "condition"),
    ("condition", "Loop", {"arrayPath": "items"}, "loop"),
    ("logic", "A/B Split", {}, "split"),
    ("logic", "Try", {}, "try"),
    ("logic", "Error Handler", {}, "error_handler"),
    ("fallback", "Any way", {}, "fallback"),
    ("exit", "", {}, "exit"),
    ("action", "Send Reply", {}, "send_reply"),
    ("action", "send_email", {}, "send_email"),
    ("action", "Add Tag", {}, "add_tag"),
    ("action", "Set Variable", {}, "set_variable"),
    ("action", "Assign Agent", {}, "assign_agent"),
    ("action", "AI Generate", {}, "ai_generate"),
    ("action", "End Chat", {}, "end_chat"),
    ("action", "Human Handoff", {}, "human_handoff"),
    ("action", "Execute Workflow", {}, "execute_workflow"),
    ("action", "Wait/Delay", {}, "wait"),
    ("action", "Adult Path", {}, None),
    ("action", "", {"actionType": "tag", "operation": "add", "tag": "a"}, "add_tag"),
    ("action", "", {"actionType": "tag", "operation": "remove"}, "remove_tag"),
    ("action", "", {"action_type": "segment", "operation": "add"}, "add_to_list"),
    ("action", "", {"actionType": "score", "value": 5}, "score"),
    ("action", "", {"actionType": "field_update", "operation": "append"}, "field_update"),
    ("action", "", {"actionType": "webhook"}, "webhook"),
    ("action", "", {"actionType": "notification", "channel": "slack"}, "send_notification"),
    ("integration", "Shopify", {"action": "getOrder"}, "shopify.get_order"),
    ("integration", "Shopify Get Order", {}, "shopify.get_order"),
    ("action", "Stripe Create Refund", {}, "stripe.create_refund"),
    ("integration", "Slack", {"message": "Hi"}, "slack"),
    ("integration", "Acme Ship It", {}, "acme.ship_it"),
    ("integration", "Postgres", {}, "integration"),
    ("configuration", "Knowledge Base", {}, "resource"),
    ("action", "AI Configuration", {}, "resource"),
    ("custom", "Send SMS", {}, "send_sms"),
    ("acme.ship", "", {}, "acme.ship"),
    ("teleport", "Send Reply", {}, None),
]


@pytest.mark.parametrize(("kind", "label", "config", "expected"), CASES)
def test_a_node_means_a_step_type(kind: str, label: str, config: dict[str, Any], expected: str | None) -> None:
    assert meaning_of(kind, label, config).type == expected


def test_keys_that_only_name_the_type_are_spent() -> None:
    config = {"actionType": "tag", "operation": "add", "tag": "a"}
    assert meaning_of("action", "", config).spent == ("actionType", "operation")
    assert meaning_of("action", "", {"actionType": "field_update", "operation": "set"}).spent == ("actionType",)
    assert meaning_of("send_sms", "", config).spent == ()


def test_an_alias_is_the_same_type() -> None:
    assert same_type("email", "send_email")
    assert not same_type("email", "sms")
    assert not same_type(None, None)
