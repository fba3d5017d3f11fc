"""Contacts, conversations and shared variables on the command line."""

from __future__ import annotations

from tests.e2e.cli.conftest import Cli, answer


def test_contacts_are_written_and_read(cli: Cli) -> None:
    created = answer(
        cli("contacts", "upsert", "bob", "--field", "email=bob@example.com", "--field", "seats:=3", "--json")
    )
    assert (created["id"], created["created"], created["custom_fields"]) == ("bob", True, {"seats": 3})
    assert answer(cli("contacts", "tag", "bob", "--add", "vip", "--json"))["tags"] == ["vip"]
    assert answer(cli("contacts", "get", "bob", "--json"))["tags"] == ["vip"]
    answer(cli("contacts", "upsert", "plain", "--json"))
    assert answer(cli("contacts", "get", "plain", "--json"))["custom_fields"] == {}
    assert [each["id"] for each in answer(cli("contacts", "list", "--tag", "vip", "--json"))["contacts"]] == ["bob"]
    said = answer(cli("contacts", "consent", "bob", "--deny", "sms", "--source", "call", "--do-not-contact", "--json"))
    assert (said["consents"][0]["channel"], said["consents"][0]["status"], said["changed"]) == ("sms", "denied", True)
    assert "do not contact, sms denied" in cli("contacts", "get", "bob").stdout
    assert cli("contacts", "consent", "bob").exit_code == 2
    cleared = answer(cli("contacts", "upsert", "bob", "--field", "email:=null", "--json"))
    assert (cleared["email"], cleared["custom_fields"]) == ("", {"seats": 3})


def test_what_happened_to_a_contact_is_listed_and_counted(cli: Cli, enrolled: str) -> None:
    listed = answer(cli("contacts", "events", "ann", "--type", "contact_created", "--json"))["events"]
    assert [(one["event"]["id"], one["event"]["type"]) for one in listed] == [("e1", "contact_created")]
    assert "contact_created" in cli("contacts", "events", "ann", "--limit", "2").stdout
    counted = answer(cli("contacts", "events", "ann", "--count", "--json"))
    assert counted["total"] == sum(one["count"] for one in counted["types"]) > 0
    assert " events" in cli("contacts", "events", "ann", "--count").stdout
    assert cli("contacts", "events", "nobody").exit_code == 1


def test_conversations_and_shared_variables_are_read_and_changed(cli: Cli) -> None:
    answer(
        cli(
            "trigger",
            "message_received",
            "--contact",
            "ann",
            "--conversation",
            "k1",
            "--data",
            "channel=chat",
            "--json",
        )
    )
    assert answer(cli("variables", "set", "topic=bill", "--conversation", "k1", "--json"))["value"] == "bill"
    assert answer(cli("variables", "set", "limit:=5", "--json"))["scope"] == "global"
    assert "limit" in cli("variables", "list").stdout
    shown = answer(cli("conversations", "get", "k1", "--json"))
    assert (shown["contact_id"], shown["status"], shown["variables"]) == ("ann", "open", {"topic": "bill"})
    assert answer(cli("conversations", "close", "k1", "--json"))["changed"] is True
    listed = answer(cli("conversations", "list", "--status", "resolved", "--contact", "ann", "--json"))
    assert [one["id"] for one in listed["conversations"]] == ["k1"]
    assert answer(cli("variables", "delete", "limit", "--json"))["value"] == 5
    gone = cli("variables", "get", "limit")
    assert (gone.exit_code, "limit" in gone.stderr) == (1, True)
