"""Conversations in the store: opened, shared, changed and closed under the lock of their contact, on both stores."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from functools import partial
from typing import Any

import pytest

from service.engine.commands import ChangeConversation, ConversationAnswer, EventAnswer
from service.engine.publishing import Publication
from service.storage.conversations import Key, find_conversation, load_conversations
from service.storage.database import Transaction
from service.storage.variables import delete_variable, set_variable
from statemachine.conversation import Conversation
from statemachine.errors import InvalidInput, LimitExceeded, NotFound, StaleRevision
from statemachine.snapshot import Status
from tests.service.engine.house import House, all_of, event

CHAT = """
    key: chat
    trigger: {type: message_received}
    entry: {reentry: always}
    steps:
      - id: count
        type: set_variable
        config: {path: conversation.said, value: "{{ conversation.said | default: '' }}+"}
      - {id: tag, type: add_tag, config: {tag: seen, target: conversation}}
      - {id: rest, type: wait, config: {for: 1h}}
      - {id: bye, type: end_chat, config: {message: "Bye {{conversation.said}}"}}
"""
CLOSED = """
    key: survey
    trigger: {type: conversation_closed}
    steps: [{id: ask, type: add_tag, config: {tag: asked}}]
"""


def message(contact: str = "ann", conversation: str = "k1", **given: Any) -> Any:
    data = {"channel": "chat", "content": "Hi"}
    return event("message_received", contact, conversation_id=conversation, data=data, **given)


async def talk(house: House, name: str = "k1") -> Conversation:
    return await house.engine.read(lambda transaction: find_conversation(transaction, "default", name))


async def test_a_chat_lives_from_its_first_message_to_its_goodbye(house: House) -> None:
    await house.publish(CHAT)
    await house.publish(CLOSED)
    await house.ask_all([message(id="m1"), message(id="m2"), message(id="m3", conversation="k2")])
    shared, other = await talk(house), await talk(house, "k2")
    assert (shared.contact_id, shared.channel, shared.status, shared.tags) == ("ann", "chat", "open", ("seen",))
    assert (shared.variables, other.variables) == ({"said": "++"}, {"said": "+"})
    assert shared.last_message_at == house.clock.now
    await house.fire(after=3600)
    tasks = await house.lease("messages", 3)
    assert [task.input["body"] for task in tasks] == ["Bye ++", "Bye ++", "Bye +"]
    for task in tasks:
        await house.finish(task)
    assert [(await talk(house, name)).status for name in ("k1", "k2")] == ["resolved", "resolved"]
    kinds = [kind for kind, _, _ in house.events() if kind.startswith("conversation_")]
    assert kinds.count("conversation_closed") == kinds.count("conversation_opened") == 2
    assert house.contact().tags == ("asked",)
    await house.ask(message(id="m4"))
    assert (await talk(house)).status == "open"


async def test_what_belongs_to_somebody_else_is_refused_and_leaves_nothing_behind(house: House) -> None:
    await house.publish(CHAT)
    await house.ask(message())
    with pytest.raises(InvalidInput, match="another contact's"):
        await house.ask(message("bob"))
    assert (house.count("enrollments"), house.count("contacts"), house.count("event_keys")) == (1, 1, 1)
    results = await house.engine.ask_all([message("bob", "k5"), message("cyd", "k5")])
    assert {type(result).__name__ for result in results} == {"EventAnswer", "InvalidInput"}
    house.answers += [result for result in results if isinstance(result, EventAnswer)]
    await house.settle()


async def test_two_contacts_that_begin_one_conversation_at_once_get_one_winner(house: House) -> None:
    await house.publish(CHAT)
    other = await house.replica("b")
    asked = [
        (other if index % 2 else house.engine).ask_all([message(f"c{index}", "k9", id=f"e{index}")])
        for index in range(6)
    ]
    results = [result for (result,) in await all_of(*asked)]
    won = [result for result in results if isinstance(result, EventAnswer)]
    assert (len(won), house.count("enrollments"), house.count("conversations")) == (1, 1, 1)
    assert {type(result).__name__ for result in results} == {"EventAnswer", "InvalidInput"}
    house.answers += won


async def test_its_variables_are_set_and_it_is_closed_by_command(house: House) -> None:
    await house.publish(CHAT)
    await house.publish(CLOSED)
    await house.ask(message())
    before = await talk(house)
    change = ChangeConversation("default", "k1", {"topic": {"no": 7}}, request_id="r1", body_hash="h1")
    answers = [await house.ask(change) for _ in range(2)]
    assert answers[0] == answers[1]
    assert isinstance(answers[0], ConversationAnswer)
    assert answers[0].conversation.variables == {"said": "+", "topic": {"no": 7}}
    assert answers[0].conversation.revision == before.revision + 1
    with pytest.raises(StaleRevision):
        await house.ask(ChangeConversation("default", "k1", close=True, expected_revision=before.revision))
    with pytest.raises(LimitExceeded):
        await house.ask(ChangeConversation("default", "k1", {"all": "x" * 64 * 1024}))
    with pytest.raises(NotFound):
        await house.ask(ChangeConversation("default", "k1", remove=("none",)))
    with pytest.raises(NotFound):
        await house.ask(ChangeConversation("default", "k0", close=True))
    gone = await house.ask(ChangeConversation("default", "k1", remove=("topic",), close=True))
    assert isinstance(gone, ConversationAnswer)
    assert (gone.removed, gone.conversation.status) == ({"topic": {"no": 7}}, "resolved")
    again = await house.ask(ChangeConversation("default", "k1", close=True))
    assert isinstance(again, ConversationAnswer)
    assert (again.changed, again.conversation.revision) == (False, gone.conversation.revision)
    assert house.contact().tags == ("asked",)


async def test_a_global_variable_is_used_by_every_replica_with_its_next_batch(house: House) -> None:
    other = await house.replica("b")
    source = """
        key: greet
        trigger: {type: go}
        entry: {reentry: always}
        steps: [{id: s, type: set_variable, config: {path: text, value: "{{ global.hours | default: 'none' }}"}}]
    """
    await other.publish(Publication("default", source))
    await house.ask(event("go", id="first"), of=other)
    for value in ("9 to 5", "8 to 4"):
        await house.engine.write(partial(_set, value, house.clock.now))
        await house.ask(event("go", id=value), of=other)
    await house.engine.write(lambda transaction: delete_variable(transaction, "default", "hours"))
    await house.ask(event("go", id="last"), of=other)
    assert [run.variables["text"] for run in house.runs()] == ["none", "9 to 5", "8 to 4", "none"]


def _set(value: str, now: datetime, transaction: Transaction) -> None:
    set_variable(transaction, "default", "hours", value, now)


async def test_an_enrolment_by_api_may_name_a_conversation(house: House) -> None:
    await house.publish(CHAT)
    await house.enroll("chat", conversation_id="k1", dry_run=True)
    assert house.count("conversations") == 0
    await house.enroll("chat", conversation_id="k1", request_id="e2")
    assert (await talk(house)).tags == ("seen",)
    assert house.run().conversation_id == "k1"


async def test_a_run_without_a_conversation_fails_where_it_needs_one(house: House) -> None:
    await house.publish(CHAT)
    await house.trigger("message_received")
    run = house.run()
    assert run.status is Status.FAILED
    assert run.last_error is not None
    assert run.last_error.code == "no_conversation"
    assert house.count("conversations") == 0


async def test_batches_without_conversations_ask_for_none(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    await house.publish(CHAT)
    asked: list[int] = []

    def counted(transaction: Transaction, keys: Collection[Key]) -> dict[Key, Conversation]:
        asked.append(len(keys))
        return load_conversations(transaction, keys)

    monkeypatch.setattr("service.engine.talks.load_conversations", counted)
    await house.ask_all([event("nothing", id="n1"), event("nothing", "bob", id="n2")])
    assert asked == []
    await house.ask(message())
    assert asked[0] == 1


INNER = """
    key: inner
    trigger: {type: never}
    steps: [{id: keep, type: set_variable, config: {path: conversation.said, value: hello}}]
"""


@pytest.mark.parametrize("before", ["{type: task, config: {queue: work}}", "{type: wait, config: {for: 1h}}"])
async def test_a_workflow_inside_another_has_the_conversation_whatever_leads_to_it(house: House, before: str) -> None:
    await house.publish(INNER)
    sub = "{id: sub, type: sub_workflow, config: {workflow: inner}}"
    await house.publish(f"key: outer\ntrigger: {{type: go}}\nsteps: [{before.replace('{', '{id: before, ', 1)}, {sub}]")
    await house.trigger("go", conversation_id="k1")
    for task in await house.lease():
        await house.finish(task)
    await house.fire(3600)
    assert (house.run("outer").status, (await talk(house)).variables) == (Status.COMPLETED, {"said": "hello"})
