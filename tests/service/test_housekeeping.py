"""Housekeeping: keys are forgotten once their window has passed, and not before."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar, cast

import pytest

from service.engine.clock import Times
from service.engine.engine import Engine
from service.housekeeping import Housekeeping
from service.storage import retention
from service.storage.database import Database, Transaction
from service.storage.retention import EVENT_KEYS, REQUESTS
from service.storage.schema import migrate

NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)
WEEK = timedelta(days=7)
T = TypeVar("T")


class Clock:
    rate = 1.0

    def read(self, _transaction: Transaction) -> Times:
        return Times(NOW, NOW)


class Rooms:
    """The engine as far as housekeeping uses it, with a clock that stands still."""

    pending = 0

    def __init__(self, database: Database) -> None:
        self.database = database
        self.clock = Clock()

    async def read(self, work: Callable[[Transaction], T]) -> T:
        with self.database.reading() as transaction:
            return work(transaction)

    async def analyse(self, work: Callable[[Transaction], T]) -> T:
        return await self.read(work)

    async def write(self, work: Callable[[Transaction], T]) -> T:
        return self.database.run(work)


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    database = Database(database_url)
    migrate(database)
    yield database
    database.close()


@pytest.fixture
def housekeeping(database: Database) -> Housekeeping:
    return Housekeeping(cast(Engine, Rooms(database)), WEEK)


def remember_event(database: Database, *ages: tuple[str, timedelta]) -> None:
    rows: list[Any] = [{"event_id": name, "at": NOW - age, "verdicts": []} for name, age in ages]
    sql = (
        "insert into event_keys (tenant_id, source, event_id, body_hash, verdicts, accepted_at) "
        "select 'default', 'crm', event_id, 'h', verdicts, at "
        f"from {{rows:rows; event_id text, verdicts json, at {_instant(database)}}} where true"
    )
    database.run(lambda transaction: transaction.write(sql, rows=rows))


def _instant(database: Database) -> str:
    return "timestamptz" if database.kind == "postgresql" else "text"


def remembered(database: Database) -> set[str]:
    with database.reading() as transaction:
        return {row[0] for row in transaction.rows("select event_id from event_keys")}


async def test_an_event_id_is_forgotten_after_the_window(database: Database, housekeeping: Housekeeping) -> None:
    remember_event(database, ("old", WEEK + timedelta(seconds=1)))
    assert await housekeeping.prune(EVENT_KEYS) == 1
    assert remembered(database) == set()


async def test_an_event_id_is_remembered_within_the_window(database: Database, housekeeping: Housekeeping) -> None:
    remember_event(database, ("young", WEEK - timedelta(seconds=1)), ("old", WEEK * 2))
    assert await housekeeping.prune(EVENT_KEYS) == 1
    assert remembered(database) == {"young"}


async def test_a_table_of_many_pages_is_walked_to_its_end(
    database: Database, housekeeping: Housekeeping, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "PAGE", 3)
    remember_event(database, *((f"e{number:02}", WEEK * (number % 2 * 2)) for number in range(20)))
    assert await housekeeping.prune(EVENT_KEYS) == 10
    assert remembered(database) == {f"e{number:02}" for number in range(0, 20, 2)}


async def test_a_longer_table_is_walked_on_in_the_next_round(
    database: Database, housekeeping: Housekeeping, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "PAGE", 1)
    remember_event(database, *((f"e{number:02}", WEEK * 2) for number in range(30)))
    assert await housekeeping.prune(EVENT_KEYS) == 20
    assert await housekeeping.prune(EVENT_KEYS) == 10


async def test_repeated_requests_are_forgotten_after_a_day(database: Database, housekeeping: Housekeeping) -> None:
    rows: list[Any] = [
        {"request_id": name, "at": NOW - timedelta(hours=hours), "answer": {}} for name, hours in (("a", 25), ("b", 23))
    ]
    sql = (
        "insert into requests (tenant_id, method, request_id, body_hash, answer, created_at) "
        "select 'default', 'Enroll', request_id, 'h', answer, at "
        f"from {{rows:rows; request_id text, answer json, at {_instant(database)}}} where true"
    )
    database.run(lambda transaction: transaction.write(sql, rows=rows))
    assert await housekeeping.prune(REQUESTS) == 1


async def test_an_empty_store_is_sound(housekeeping: Housekeeping) -> None:
    assert (await housekeeping.audit()).sound
    await housekeeping.round()
