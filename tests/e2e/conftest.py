"""Fixtures of the end-to-end tests: real servers, gone after the test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol

import pytest
from statewright.client import Client

from tests.conftest import FreshDatabase
from tests.databases import Kind, migrated
from tests.e2e.servers import Server


class Serve(Protocol):
    """Starts a server of its own on a database: `serve(url, dev=True, clock_rate=60)`."""

    def __call__(self, database_url: str, *, start: bool = True, **settings: Any) -> Server: ...


@pytest.fixture
def database_url(database_kind: Kind, fresh_database: FreshDatabase) -> str:
    """The address of a migrated database; the test runs once per store."""
    return fresh_database(database_kind, migrated)


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Serve]:
    """A maker of running servers (`start=False`: made, not started); all are killed at the end."""
    made: list[Server] = []

    def make(database_url: str, *, start: bool = True, **settings: Any) -> Server:
        server = Server(database_url, tmp_path, **settings)
        made.append(server)
        return server.start() if start else server

    yield make
    for server in made:
        server.kill()


@pytest.fixture
def server(serve: Serve, database_url: str) -> Server:
    """A development server on a database without a row; the test runs once per store."""
    return serve(database_url, dev=True)


@pytest.fixture
def client(server: Server) -> Iterator[Client]:
    """The generated client, connected to `server`."""
    with server.client() as connected:
        yield connected
