"""A server in this process and a client of it, once per store."""

from collections.abc import AsyncIterator

import pytest
from statewright.client import AsyncClient

from tests.conftest import FreshDatabase
from tests.databases import Kind, migrated
from tests.e2e.api.calls import api


@pytest.fixture
def url(database_kind: Kind, fresh_database: FreshDatabase) -> str:
    """The address of a migrated database; the test runs once per store."""
    return fresh_database(database_kind, migrated)


@pytest.fixture
async def client(url: str) -> AsyncIterator[AsyncClient]:
    async with api(url) as connected:
        yield connected
