"""The local outbox on both stores."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from service.connectors.connector import TaskError
from service.connectors.outbox import Outbox
from service.storage.database import Database
from service.storage.dialect import load
from service.storage.tasks import LeasedTask
from statemachine.errors import Unavailable
from tests.service.tasks.stores import RecordingEngine, leased_row, put, task


def sms(database: Database, id: str = "t1", **message: Any) -> LeasedTask:  # noqa: A002 - the column's name
    content = {"channel": "sms", "to": "+15550100", "body": "Hi Ada", **message}
    put(database, leased_row(id, type="send_sms", queue="messages", input=content))
    return task(database, id)


def stored(database: Database) -> list[tuple[str, dict[str, Any]]]:
    rows = database.run(lambda transaction: transaction.rows("select id, message from messages order by id"))
    return [(row[0], load(row[1])) for row in rows]


async def test_a_message_is_kept_as_it_was_sent(database: Database, engine: RecordingEngine) -> None:
    finished = await Outbox(engine).execute(sms(database))
    ((message_id, message),) = stored(database)
    assert message == {"channel": "sms", "to": "+15550100", "body": "Hi Ada"}
    assert finished.output == {"message_id": message_id, "channel": "sms"}


async def test_a_repeated_attempt_answers_the_message_of_the_first(database: Database, engine: RecordingEngine) -> None:
    held = sms(database)
    first, second = await Outbox(engine).execute(held), await Outbox(engine).execute(held)
    assert first == second
    assert len(stored(database)) == 1


async def test_a_named_template_keeps_its_variables(database: Database, engine: RecordingEngine) -> None:
    held = sms(database, body=None, template="welcome", variables={"contact": {"name": "Ada"}})
    await Outbox(engine).execute(held)
    ((_, message),) = stored(database)
    assert (message["template"], message["variables"]) == ("welcome", {"contact": {"name": "Ada"}})


async def test_messages_that_wait_together_are_kept_together(database: Database, engine: RecordingEngine) -> None:
    outbox = Outbox(engine)
    held = [sms(database, f"t{n}") for n in range(5)]
    answers = await asyncio.gather(*(outbox.execute(one) for one in held))
    assert len({answer.output["message_id"] for answer in answers}) == 5
    assert engine.writes == 1


async def test_a_store_that_fails_fails_every_sender_and_the_next_one_is_tried(
    database: Database, engine: RecordingEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    outbox = Outbox(engine)
    held = [sms(database, f"t{n}") for n in range(2)]

    async def broken(work: object) -> object:
        raise Unavailable("no store")

    with monkeypatch.context() as patch:
        patch.setattr(engine, "write", broken)
        answers = await asyncio.gather(*(outbox.execute(one) for one in held), return_exceptions=True)
    assert [type(answer) for answer in answers] == [Unavailable, Unavailable]
    assert (await outbox.execute(held[0])).outcome == "done"


@pytest.mark.parametrize("to", ["ada@flaky.invalid", "Ada@FLAKY.invalid", "+000123", ["ok@example.org", "+0001"]])
async def test_the_first_attempt_to_a_reserved_recipient_fails_and_the_second_does_not(
    database: Database, engine: RecordingEngine, to: Any
) -> None:
    held = sms(database, to=to)
    with pytest.raises(TaskError) as refused:
        await Outbox(engine).execute(held)
    assert (refused.value.code, refused.value.retryable, stored(database)) == ("flaky_recipient", True, [])
    put(database, leased_row("t2", attempt=2, input=held.input))
    assert (await Outbox(engine).execute(task(database, "t2"))).outcome == "done"


async def test_reserved_recipients_are_ordinary_when_that_is_off(database: Database, engine: RecordingEngine) -> None:
    outbox = Outbox(engine, refuse_flaky=False)
    assert (await outbox.execute(sms(database, to="+000123"))).outcome == "done"
