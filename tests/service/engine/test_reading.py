"""Queries that nobody waits for any more, or that take too long, are broken off and free their thread."""

from __future__ import annotations

import asyncio
import threading
from typing import Final

import pytest

from service.engine import engine as engines
from service.engine.reading import Reading
from service.storage.connections import TooMuch
from service.storage.database import Transaction
from tests.service.engine.house import House

_FOR_EVER: Final = (
    "with recursive numbers (n) as (select 1 union all select n + 1 from numbers where n < 2000000000) "
    "select count(*) from numbers"
)


class Endless:
    """A query without end, that says when it begins and what becomes of it."""

    def __init__(self) -> None:
        self.begun = threading.Event()
        self.over = threading.Event()
        self.error: Exception | None = None

    def __call__(self, transaction: Transaction) -> None:
        self.begun.set()
        try:
            transaction.rows(_FOR_EVER)
        except Exception as error:
            self.error = error
            raise
        finally:
            self.over.set()


@pytest.mark.parametrize("kind", ["read", "analyse"])
async def test_a_query_ends_with_its_caller(house: House, kind: str) -> None:
    query = Endless()
    call = asyncio.create_task(getattr(house.engine, kind)(query))
    await asyncio.to_thread(query.begun.wait)
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    assert await asyncio.to_thread(query.over.wait, 30)
    assert query.error is not None
    assert await house.engine.read(lambda transaction: transaction.row("select 1")) is not None


async def test_a_query_that_takes_too_long_is_broken_off_and_says_so(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engines, "_READ_WITHIN_S", 0.01)
    with pytest.raises(TooMuch):
        await house.engine.read(Endless())


def test_a_query_that_was_given_up_before_it_began_does_not_ask(house: House) -> None:
    reading = Reading(house.database.reading, Endless())
    reading.give_up()
    with pytest.raises(TooMuch):
        reading.run()
