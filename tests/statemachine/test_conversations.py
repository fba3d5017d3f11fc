"""Conversations: how they begin, are read, changed, resolved and re-opened, and that history knows what was read."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from statemachine.conversation import Conversation, conversation_from_data, conversation_to_data
from statemachine.errors import InvalidInput
from tests.statemachine.checked_world import START, Simulation, compiled

CHAT = [{"type": "message_received"}]
FULL = Conversation("k1", "c1", "chat", "resolved", ("vip",), {"a": {"b": 1}}, "bob", START, START, START, 7)


def simulated(*steps: dict[str, Any], **document: Any) -> Simulation:
    return Simulation(compiled(*steps, **{"triggers": CHAT, **document}))


def said(simulation: Simulation, content: str = "Hi", conversation: str | None = "k1", **given: Any) -> Any:
    data = {"content": content, "channel": "Chat"}
    return simulation.trigger("message_received", data=data, conversation_id=conversation, **given)


def talk(simulation: Simulation, name: str = "k1") -> Conversation:
    return simulation.world.conversations[name]


def raised(simulation: Simulation) -> list[tuple[str, str | None]]:
    """(type, conversation) of the events about conversations, in order."""
    log = simulation.world.events["c1"]
    return [(one.type, one.conversation_id) for one in log if one.type.startswith(("conversation_", "tag_"))]


@pytest.mark.parametrize("conversation", [FULL, Conversation("k1", "c1")])
def test_its_recorded_form_reads_back_equal(conversation: Conversation) -> None:
    assert conversation_from_data(conversation_to_data(conversation)) == conversation


def test_the_first_event_that_names_it_opens_it() -> None:
    simulation = simulated({"id": "p", "type": "pass"})
    said(simulation)
    assert (talk(simulation).channel, talk(simulation).status, talk(simulation).last_message_at) == (
        "chat", "open", START,
    )  # fmt: skip
    assert raised(simulation) == [("conversation_opened", "k1")]


def test_an_event_that_is_no_message_opens_it_without_one() -> None:
    simulation = simulated({"id": "p", "type": "pass"})
    simulation.trigger("intent_detected", conversation_id="k1")
    assert (talk(simulation).channel, talk(simulation).last_message_at) == ("", None)
    said(simulation)
    assert (talk(simulation).channel, talk(simulation).last_message_at) == ("chat", START)


@pytest.mark.parametrize("event", [{"contact_id": None}, {"conversation": None}])
def test_without_a_contact_or_a_name_there_is_none(event: dict[str, Any]) -> None:
    simulation = simulated({"id": "p", "type": "pass"})
    said(simulation, **event)
    assert not simulation.world.conversations


def test_a_conversation_of_somebody_else_is_refused_and_nothing_changes() -> None:
    simulation = simulated({"id": "p", "type": "pass"})
    said(simulation)
    with pytest.raises(InvalidInput, match="another contact's"):
        said(simulation, contact_id="c2")
    assert (talk(simulation).contact_id, len(simulation.records)) == ("c1", 1)


def test_its_parts_and_variables_can_be_read_and_are_recorded() -> None:
    simulation = simulated(
        {"id": "ask", "type": "set_variable", "config": {"path": "variables.conversation.topic.name", "value": "bill"}},
        {"id": "read", "type": "set_variable", "config": {"values": {
            "all": "{{conversation.id}} {{conversation.channel}} {{conversation.topic.name}} "
                   "{{variables.conversation.topic.name}} {{ conversation.none | default: 'no' }}"}}},
        {"id": "cel", "type": "condition", "config": {"expression":
            "conversation.status == 'open' && 'x' in conversation.tags"}, "branches": {"true": "end", "false": "end"}},
    )  # fmt: skip
    said(simulation)
    assert simulation.run.variables == {"all": "k1 chat bill bill no"}
    assert simulation.history[-2].outcome == "false"
    record = simulation.history[0].cause
    assert record is not None
    assert record["reads"]["conversation"]["channel"] == "chat"
    simulation.audit()


def test_a_trigger_can_ask_what_the_conversation_is_like_after_the_event() -> None:
    condition = {"expression": "conversation.status == 'open' && conversation.plan == 'gold'"}
    simulation = simulated({"id": "p", "type": "pass"}, triggers=[{**CHAT[0], "conditions": condition}])
    said(simulation)
    assert not simulation.records
    simulation.world.conversations["k1"] = Conversation("k1", "c1", status="resolved", variables={"plan": "gold"})
    said(simulation)
    assert len(simulation.records) == 1


def test_runs_of_a_conversation_share_its_variables_and_no_others_do() -> None:
    count = {"id": "n", "type": "set_variable", "config": {
        "path": "conversation.said", "value": "{{ conversation.said | default: 0 | plus: 1 }}"}}  # fmt: skip
    simulation = simulated(count, {"id": "w", "type": "wait", "config": {"for": "1h"}}, entry={"reentry": "always"})
    said(simulation)
    said(simulation)
    said(simulation, conversation="k2")
    said(simulation, conversation=None)
    assert [int(talk(simulation, name).variables["said"]) for name in ("k1", "k2")] == [2, 1]
    assert simulation.run.last_error is not None
    assert simulation.run.last_error.code == "no_conversation"
    simulation.wait(hours=2)
    simulation.audit()


def test_its_variables_have_a_limit_of_their_own() -> None:
    step = {"id": "s", "type": "set_variable", "config": {"path": "conversation.all", "value": "{{trigger.data.text}}"}}
    simulation = simulated(step)
    simulation.trigger("message_received", conversation_id="k1", data={"text": "x" * 64 * 1024})
    assert simulation.run.last_error is not None
    assert simulation.run.last_error.code == "variables_too_large"
    assert talk(simulation).variables == {}
    simulation.audit()


def test_a_tag_of_the_conversation_is_not_one_of_the_contact() -> None:
    simulation = simulated(
        {"id": "a", "type": "add_tag", "config": {"tags": ["billing", "urgent"], "target": "conversation"}},
        {"id": "b", "type": "add_tag", "config": {"tag": "urgent", "target": "conversation"}},
        {"id": "c", "type": "remove_tag", "config": {"tag": "billing", "target": "conversation"}},
    )
    said(simulation)
    assert (talk(simulation).tags, simulation.contact.tags) == (("urgent",), ())
    log = [(one.type, dict(one.data)) for one in simulation.world.events["c1"] if one.type.startswith("tag_")]
    assert log == [
        ("tag_added", {"tag": "billing", "target": "conversation"}),
        ("tag_added", {"tag": "urgent", "target": "conversation"}),
        ("tag_removed", {"tag": "billing", "target": "conversation"}),
    ]
    simulation.audit()


@pytest.mark.parametrize(
    ("config", "data", "enrolled"),
    [
        ({"tag": "vip"}, {"tag": "vip"}, True),
        ({"tag": "vip"}, {"tag": "vip", "target": "conversation"}, False),
        ({"tag": "vip", "target": "conversation"}, {"tag": "vip", "target": "conversation"}, True),
        ({"tag": "vip", "target": "conversation"}, {"tag": "vip"}, False),
        ({"tag": "vip", "target": "contact"}, {"tag": "vip"}, True),
    ],
)
def test_a_trigger_is_about_tags_of_the_contact_unless_it_says_otherwise(
    config: dict[str, Any], data: dict[str, Any], enrolled: bool
) -> None:
    simulation = simulated({"id": "p", "type": "pass"}, triggers=[{"type": "tag_added", "config": config}])
    simulation.trigger("tag_added", data=data)
    assert bool(simulation.records) == enrolled


def test_end_chat_resolves_once_and_says_so_once() -> None:
    simulation = simulated({"id": "e", "type": "end_chat"}, {"id": "again", "type": "close_conversation"})
    said(simulation)
    assert (talk(simulation).status, simulation.run.status.value, simulation.orders) == ("resolved", "completed", [])
    assert sorted(raised(simulation)) == [("conversation_closed", "k1"), ("conversation_opened", "k1")]
    simulation.audit()


def test_a_goodbye_goes_out_on_the_conversations_channel_before_it_is_resolved() -> None:
    simulation = simulated(
        {"id": "bye", "type": "end_chat", "config": {"message": "Bye {{conversation.id}}"}},
        triggers=[{"type": "intent_detected"}],
    )
    said(simulation)
    simulation.trigger("intent_detected", conversation_id="k1")
    (order,) = simulation.orders
    assert order.input == {"channel": "chat", "to": "k1", "conversation_id": "k1", "body": "Bye k1"}
    assert talk(simulation).status == "open"
    simulation.complete({"message_id": "m1"})
    assert (talk(simulation).status, simulation.run.outputs) == ("resolved", {"bye": {"message_id": "m1"}})
    simulation.audit()


def test_a_goodbye_that_cannot_be_sent_leaves_it_open() -> None:
    simulation = simulated({"id": "bye", "type": "end_chat", "config": {"message": "Bye"}, "on_error": "end"})
    said(simulation)
    simulation.fail(retryable=False)
    assert (talk(simulation).status, simulation.run.status.value) == ("open", "completed")


@pytest.mark.parametrize("config", [{}, {"message": "Bye"}])
def test_without_a_conversation_there_is_nothing_to_end(config: dict[str, Any]) -> None:
    simulation = simulated({"id": "bye", "type": "end_chat", "config": config})
    said(simulation, conversation=None)
    assert simulation.run.last_error is not None
    assert (simulation.run.last_error.code, simulation.orders) == ("no_conversation", [])


def test_a_message_from_the_contact_reopens_it_and_runs_can_begin_with_that() -> None:
    back = compiled({"id": "p", "type": "pass"}, key="back", triggers=[{"type": "conversation_reopened"}])
    simulation = Simulation(compiled({"id": "e", "type": "end_chat"}, triggers=CHAT, entry={"reentry": "never"}), back)
    said(simulation)
    simulation.trigger("sms_sent", conversation_id="k1")
    assert talk(simulation).status == "resolved"
    said(simulation)
    assert talk(simulation).status == "open"
    assert raised(simulation)[-1] == ("conversation_reopened", "k1")
    assert (simulation.run.workflow, simulation.run.conversation_id) == ("back", "k1")


def test_a_reply_says_when_the_last_message_went() -> None:
    simulation = simulated(
        {"id": "w", "type": "wait", "config": {"for": "1h"}},
        {"id": "r", "type": "send_reply", "config": {"message": "Hello"}},
    )
    said(simulation)
    simulation.wait(hours=1)
    assert talk(simulation).last_message_at == START + timedelta(hours=1)
    simulation.complete()
    simulation.audit()


def test_branches_of_a_run_share_its_conversation() -> None:
    branches = {
        "mark": [{"id": "tag", "type": "add_tag", "config": {"tag": "seen", "target": "conversation"}}],
        "note": [
            {"id": "say", "type": "set_variable", "config": {"path": "conversation.who", "value": "{{contact.id}}"}}
        ],
    }
    simulation = simulated({"id": "both", "type": "parallel", "config": {"branches": branches}})
    said(simulation)
    assert (talk(simulation).tags, talk(simulation).variables) == (("seen",), {"who": "c1"})
    simulation.audit()


def test_a_version_that_reads_no_conversation_records_none() -> None:
    simulation = simulated({"id": "t", "type": "add_tag", "config": {"tag": "x"}})
    said(simulation)
    assert not simulation.records[simulation.last].workflow.reads.conversation
    record = simulation.history[0].cause
    assert record is not None
    assert "conversation" not in record.get("reads", {})


@pytest.mark.parametrize(
    ("text", "expected", "recorded"),
    [
        ("{{global.hours}}", "9 to 5", {"hours": "9 to 5"}),
        ("{{hours}}", "9 to 5", {"hours": "9 to 5"}),
        ("{{variables.global.shop.name}}", "Bolt", {"shop": {"name": "Bolt"}}),
        ("{{ global.none | default: '-' }}", "-", None),
        ("{{first_name}}", "", None),
    ],
)
def test_a_run_reads_the_global_variables_that_it_names_and_no_others(text: str, expected: str, recorded: Any) -> None:
    simulation = simulated({"id": "s", "type": "set_variable", "config": {"path": "a", "value": text}})
    simulation.world.globals = {"hours": "9 to 5", "shop": {"name": "Bolt"}, "secret": 1}
    said(simulation)
    assert simulation.run.variables == {"a": expected}
    record = simulation.history[0].cause
    assert record is not None
    assert record.get("reads", {}).get("globals") == recorded
    simulation.audit()
