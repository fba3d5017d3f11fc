"""A migrated store and a house with a started engine, once per kind of database; the auditor runs after every test."""

from collections.abc import AsyncIterator, Iterator

import pytest

from service.engine.engine import Engine
from service.storage.database import Database
from tests.conftest import FreshDatabase
from tests.databases import Kind, migrated
from tests.service.engine.house import FakeClock, House


@pytest.fixture
def store(database_kind: Kind, fresh_database: FreshDatabase) -> Iterator[Database]:
    """A migrated database, opened."""
    database = Database(fresh_database(database_kind, migrated))
    yield database
    database.close()


@pytest.fixture
async def house(store: Database) -> AsyncIterator[House]:
    """An engine with two lanes (one on SQLite) on a clock that only the test moves."""
    clock = FakeClock()
    engine = Engine(store, clock, replica_id="r1", lanes=2)
    await engine.start()
    opened = House(store, clock, engine)
    yield opened
    await opened.settle()
    try:
        if opened.audited:
            opened.audit()
    finally:
        await opened.close()
