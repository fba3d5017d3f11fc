"""The databases that every other test stands on."""

from pathlib import Path

import psycopg
import pytest
from sqlalchemy import create_engine, text

from tests.conftest import FreshDatabase
from tests.databases import Kind, PostgresCluster, driver_dsn, sqlalchemy_url


def execute(url: str, *statements: str) -> list[int]:
    """Runs statements in one transaction; the first column of the last one's rows, if any."""
    engine = create_engine(url)
    try:
        with engine.begin() as connection:
            results = [connection.execute(text(statement)) for statement in statements]
            return [row[0] for row in results[-1]] if results[-1].returns_rows else []
    finally:
        engine.dispose()


def with_two_notes(url: str) -> None:
    execute(url, "create table note (id integer)", "insert into note values (1), (2)")


def test_a_fresh_database_is_empty_each_time(database_kind: Kind, fresh_database: FreshDatabase) -> None:
    first, second = fresh_database(database_kind), fresh_database(database_kind)
    execute(first, "create table note (id integer)")
    execute(second, "create table note (id integer)")
    assert first != second


def test_a_prepared_database_is_a_copy_nobody_else_sees(database_kind: Kind, fresh_database: FreshDatabase) -> None:
    first, second = (fresh_database(database_kind, prepare=with_two_notes) for _ in range(2))
    execute(first, "delete from note")
    assert execute(second, "select id from note order by id") == [1, 2]


def test_what_was_committed_survives_an_immediate_stop(postgres_cluster: PostgresCluster) -> None:
    with_two_notes(postgres_cluster.url())
    port = postgres_cluster.port
    postgres_cluster.stop("immediate")
    assert not postgres_cluster.running
    postgres_cluster.start()
    assert execute(postgres_cluster.url(), "select id from note order by id") == [1, 2]
    assert postgres_cluster.port == port


def test_a_stopped_server_refuses_connections(postgres_cluster: PostgresCluster) -> None:
    postgres_cluster.stop("immediate")
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(driver_dsn(postgres_cluster.url()), connect_timeout=2)


@pytest.mark.parametrize(
    "dsn", ["postgresql://ann:s%40w@db.example:5433/first?sslmode=require", "host=db.example port=5433 user=ann"]
)
def test_a_given_dsn_becomes_an_address_of_another_database(dsn: str) -> None:
    url = sqlalchemy_url(dsn, "second")
    assert url.startswith("postgresql+psycopg://ann")
    assert "db.example:5433/second" in url


def test_sqlite_databases_live_in_the_folder_of_the_test(fresh_database: FreshDatabase, tmp_path: Path) -> None:
    assert str(tmp_path) in fresh_database("sqlite")
