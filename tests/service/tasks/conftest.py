"""A migrated database per test and store, and an engine that records."""

from collections.abc import Iterator

import pytest

from service.storage.database import Database
from tests.conftest import FreshDatabase
from tests.databases import Kind, migrated
from tests.service.tasks.stores import HandClock, RecordingEngine


@pytest.fixture
def database(database_kind: Kind, fresh_database: FreshDatabase) -> Iterator[Database]:
    opened = Database(fresh_database(database_kind, migrated))
    yield opened
    opened.close()


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
def engine(database: Database, clock: HandClock) -> RecordingEngine:
    return RecordingEngine(database, clock)
