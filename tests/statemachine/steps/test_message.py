"""Messages become tasks whose input is complete."""

from __future__ import annotations

from typing import Any

import pytest

from statemachine.contact import Contact
from statemachine.decision import TaskOrder
from tests.statemachine.steps.fakes import Stay, build, failure, order, problems

ANN = Contact(
    "c1", {"first_name": "Ann", "phone": "+491", "email": "ann@example.org"}, {"plan": "gold"}, ("vip",), (), 5
)


def sent(step_type: str, stay: Stay | None = None, **config: Any) -> dict[str, Any]:
    return dict(order(build(step_type, **config), stay or Stay(ANN)).input)


def test_a_message_is_a_task_of_this_visit_on_the_queue_messages() -> None:
    made = order(build("sms", body="Hi {{first_name}}"), Stay(ANN))
    body = {"channel": "sms", "to": "+491", "body": "Hi Ann"}
    assert made == TaskOrder("here", 3, "send_sms", "messages", body)


def test_a_template_is_kept_by_name_with_what_it_may_need() -> None:
    assert sent("send_sms", Stay(ANN, variables={"offer": "spring"}), template="welcome") == {
        "channel": "sms",
        "to": "+491",
        "template": "welcome",
        "variables": {
            "contact": {
                "id": "c1", "first_name": "Ann", "phone": "+491", "email": "ann@example.org", "name": "Ann",
                "plan": "gold", "tags": ["vip"], "score": 5,
            },
            "variables": {"offer": "spring"},
        },
    }  # fmt: skip


def test_an_email_carries_all_its_parts() -> None:
    assert sent(
        "email",
        to=["{{contact.email}}", "  ", "bob@example.org"],
        cc="boss@example.org",
        bcc=[],
        subject="Your {{plan}} plan",
        body="<p>{{variables.missing}}</p>",
        attachments=[{"filename": "{{plan}}.pdf", "url": "https://example.org/{{plan}}"}],
    ) == {
        "channel": "email",
        "to": ["ann@example.org", "bob@example.org"],
        "cc": ["boss@example.org"],
        "subject": "Your gold plan",
        "body": "<p>{{variables.missing}}</p>",
        "attachments": [{"filename": "gold.pdf", "url": "https://example.org/gold"}],
    }


def test_template_id_is_a_template() -> None:
    assert sent("send_email", template_id="t-1")["template"] == "t-1"


@pytest.mark.parametrize("to", ["{{contact.fax}}", "{{variables.none}}", " ", []])
def test_without_a_recipient_the_step_fails(to: Any) -> None:
    step = build("send_sms", to=to, body="x")
    assert failure(step, Stay(ANN, variables={"none": None})) == "no_recipient"


def test_a_contact_without_address_is_left_to_whoever_sends() -> None:
    assert sent("send_sms", Stay(Contact("c1")), body="x") == {"channel": "sms", "body": "x"}
    assert sent("send_email", Stay(Contact("c1")), body="x") == {"channel": "email", "body": "x"}
    assert sent("send_reply", Stay(Contact("c1")), body="x") == {"channel": "email", "body": "x"}


def test_a_run_without_contact_has_no_address_of_its_own() -> None:
    assert failure(build("send_sms", body="x"), Stay(None)) == "no_contact"


def test_a_run_without_contact_may_write_to_somebody_named() -> None:
    assert sent("send_sms", Stay(None), to="+492", template="t")["variables"] == {"contact": {}, "variables": {}}


PHONELESS = Contact("c1", {"email": "ann@example.org"})


@pytest.mark.parametrize(
    ("person", "data", "channel", "to"),
    [
        (ANN, {"channel": "sms"}, "sms", "+491"),
        (ANN, {"channel": "Email"}, "email", "ann@example.org"),
        (ANN, {"channel": "whatsapp"}, "whatsapp", "+491"),
        (ANN, {"channel": "chat", "conversation_id": "k7"}, "chat", "k7"),
        (ANN, {"channel": "chat"}, "chat", "c1"),
        (ANN, {"channel": "social", "from": "@ann"}, "social", "@ann"),
        (PHONELESS, {"channel": "sms", "from": "+499"}, "sms", "+499"),
        (ANN, {}, "sms", "+491"),
        (PHONELESS, {}, "email", "ann@example.org"),
    ],
)
def test_a_reply_goes_back_the_way_the_trigger_came(person: Contact, data: Any, channel: str, to: str) -> None:
    made = sent("send_reply", Stay(person, {"type": "message_received", "data": data}), message="ok")
    assert (made["channel"], made["to"], made["body"]) == (channel, to, "ok")


def test_a_reply_names_the_conversation() -> None:
    trigger = {"conversation_id": "k7", "data": {"channel": "chat"}}
    assert sent("send_reply", Stay(ANN, trigger), body="ok") == {
        "channel": "chat", "to": "k7", "conversation_id": "k7", "body": "ok",
    }  # fmt: skip


@pytest.mark.parametrize(("data", "code"), [({}, "no_recipient"), ({"channel": "sms"}, "no_recipient")])
def test_a_reply_to_nobody_fails(data: Any, code: str) -> None:
    assert failure(build("send_reply", body="x"), Stay(None, {"data": data})) == code


@pytest.mark.parametrize(
    ("step_type", "config", "expected"),
    [
        ("notify", {}, {"channel": "internal"}),
        ("slack", {"to": "#sales"}, {"channel": "slack", "to": "#sales"}),
        ("teams", {}, {"channel": "teams"}),
        ("slack", {"channel": "teams"}, {"channel": "teams"}),
        (
            "send_notification",
            {"channel": "email", "to": "a@b.c", "subject": "S"},
            {"channel": "email", "to": "a@b.c", "subject": "S"},
        ),
    ],
)
def test_a_notification_goes_to_its_channel(step_type: str, config: dict[str, Any], expected: dict[str, Any]) -> None:
    made = order(build(step_type, message="{{first_name}} waits", **config), Stay(ANN))
    assert (made.type, dict(made.input)) == ("send_notification", {**expected, "body": "Ann waits"})


@pytest.mark.parametrize(
    ("step_type", "config", "reads"),
    [
        ("send_sms", {"body": "Hi {{first_name}}"}, {"phone", "first_name"}),
        ("send_sms", {"to": "+1", "body": "x"}, set()),
        ("send_email", {"body": "x", "cc": "{{contact.boss}}"}, {"email", "boss"}),
        ("send_email", {"template": "t"}, {"*", "email"}),
        ("send_reply", {"body": "x"}, {"email", "phone"}),
    ],
)
def test_a_message_declares_what_it_reads(step_type: str, config: dict[str, Any], reads: set[str]) -> None:
    found = build(step_type, **config).reads.contact
    assert found == reads | {"consent", "sends"}


@pytest.mark.parametrize(
    ("step_type", "config", "expected"),
    [
        ("send_sms", {}, [("missing_key", ())]),
        ("send_sms", {"body": "x", "template": "t"}, [("conflicting_keys", ("template",))]),
        ("send_reply", {"body": "x", "message": "y"}, [("conflicting_keys", ("message",))]),
        ("send_email", {"body": "x", "personalize": {"prompt": "p"}}, [("not_supported_yet", ("personalize",))]),
        ("send_sms", {"body": "x", "connection": "twilio"}, [("not_supported_yet", ("connection",))]),
        ("send_notification", {"message": "x", "channel": "email"}, [("missing_key", ())]),
        ("send_email", {"body": "x", "subject": "{{"}, [("bad_template", ("subject",))]),
    ],
)
def test_what_is_wrong_with_a_message_is_said(step_type: str, config: dict[str, Any], expected: list[Any]) -> None:
    assert problems(step_type, **config) == expected
