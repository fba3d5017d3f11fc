"""Fixtures of every test: databases on both stores. Property tests are the same in each run (`tests/properties.py`)."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol, cast

import pytest

from tests.databases import (
    Databases,
    Kind,
    PostgresCluster,
    PostgresServer,
    Prepare,
    database_name,
    postgres_for_session,
    running_postgres,
)
from tests.faults import pytest_terminal_summary as pytest_terminal_summary  # a hook, found here by its name
from tests.properties import forget_constants, settle_properties
from tests.scratch import prefer_memory

prefer_memory()
os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "0")  # its handlers crash children forked while calls are under way

settle_properties()


def pytest_collection_finish() -> None:
    """Here the profile is known that `--hypothesis-profile` names."""
    forget_constants()


class FreshDatabase(Protocol):
    """Makes an empty database, or a copy of what ``prepare(url)`` built once; answers its SQLAlchemy address."""

    def __call__(self, kind: Kind, prepare: Prepare | None = None) -> str: ...


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """The PostgreSQL server that the tests of this process share."""
    with postgres_for_session() as server:
        yield server


@pytest.fixture
def postgres_cluster() -> Iterator[PostgresCluster]:
    """A durable PostgreSQL server of this test alone, to be stopped, crashed and started again."""
    with running_postgres(durable=True) as cluster:
        yield cluster


@pytest.fixture(scope="session")
def databases(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Databases:
    """The maker of databases; PostgreSQL starts with the first test that asks for it."""
    return Databases(
        folder=tmp_path_factory.mktemp("templates"),
        postgres=lambda: cast(PostgresServer, request.getfixturevalue("postgres_server")),
    )


@pytest.fixture
def fresh_database(databases: Databases, tmp_path: Path) -> Iterator[FreshDatabase]:
    """A function (kind, prepare=None) -> address of a new database, gone after the test."""
    made: list[str] = []

    def create(kind: Kind, prepare: Prepare | None = None) -> str:
        url = databases.create(kind, tmp_path, prepare)
        if kind == "postgresql":
            made.append(url)
        return url

    yield create
    for url in made:
        databases.postgres().drop_database(database_name(url))


@pytest.fixture(params=["sqlite", "postgresql"])
def database_kind(request: pytest.FixtureRequest) -> Kind:
    """Runs a test once per store."""
    return cast(Kind, request.param)


@pytest.fixture
def database_url(database_kind: Kind, fresh_database: FreshDatabase) -> str:
    """The address of an empty database; the test runs once per store."""
    return fresh_database(database_kind)
