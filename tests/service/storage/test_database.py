"""Sessions, transactions and what their errors mean."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from service.storage.connections import Conflict, KeyConflict
from service.storage.database import Database, Transaction
from statemachine.errors import InvalidInput, Unavailable
from tests.conftest import FreshDatabase
from tests.databases import PostgresCluster, migrated

INSERT = (
    "insert into contacts (tenant_id, id, profile, revision, created_at, updated_at) "
    "select 't', id, '{}', 1, '2026-01-01T00:00:00+00:00', '2026-01-01T00:00:00+00:00' "
    "from {rows:rows; id text} where true"
)
BUMP = "update contacts as c set revision = c.revision + 1 from {rows:rows; id text} where c.id = r.id"


@pytest.fixture
def second(store: Database) -> Iterator[Database]:
    """Another process on the same store."""
    database = Database(store.url)
    yield database
    database.close()


@pytest.fixture
def postgresql(fresh_database: FreshDatabase) -> Iterator[Database]:
    database = Database(fresh_database("postgresql", migrated))
    yield database
    database.close()


def _put(database: Database, *ids: str) -> None:
    database.run(lambda transaction: transaction.write(INSERT, rows=[{"id": name} for name in ids]))


def _ids(database: Database) -> list[str]:
    with database.reading() as transaction:
        return [row[0] for row in transaction.rows("select id from contacts order by id")]


def test_write_all_tells_how_many_rows_each_part_touched(store: Database) -> None:
    _put(store, "a", "b")
    with store.transaction() as transaction:
        counts = transaction.write_all(
            [(INSERT, [{"id": "c"}, {"id": "d"}, {"id": "e"}]), (BUMP, [{"id": "a"}, {"id": "nobody"}])]
        )
    assert counts == [3, 1]
    assert _ids(store) == ["a", "b", "c", "d", "e"]


def test_write_all_of_one_part_and_of_none(store: Database) -> None:
    with store.transaction() as transaction:
        assert transaction.write_all([(INSERT, [{"id": "a"}])]) == [1]
        assert transaction.write_all([]) == []


def test_write_all_is_one_statement_on_postgresql_whatever_its_parts(store: Database) -> None:
    with store.transaction() as transaction:
        transaction.write_all([(INSERT, [{"id": str(part)}]) for part in range(5)])
        assert transaction.statements == (1 if store.kind == "postgresql" else 5)
    assert _ids(store) == ["0", "1", "2", "3", "4"]


def test_an_error_inside_takes_everything_back(store: Database) -> None:
    def fail(transaction: Transaction) -> None:
        transaction.write(INSERT, rows=[{"id": "a"}])
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        store.run(fail)
    assert _ids(store) == []
    _put(store, "b")
    assert _ids(store) == ["b"]


def test_a_unique_key_taken_by_another_is_a_conflict(store: Database) -> None:
    _put(store, "a")
    with pytest.raises(Conflict), store.transaction() as transaction:
        transaction.write(INSERT, rows=[{"id": "b"}, {"id": "a"}])
    assert _ids(store) == ["a"]


def test_work_that_lost_a_race_runs_again(store: Database) -> None:
    tries = 0

    def work(transaction: Transaction) -> int:
        nonlocal tries
        tries += 1
        transaction.write(INSERT, rows=[{"id": "a"}])
        if tries < 3:
            raise Conflict("lost")
        return tries

    assert store.run(work) == 3
    assert _ids(store) == ["a"]


def test_work_that_always_loses_gives_up(store: Database) -> None:
    def work(transaction: Transaction) -> None:
        raise Conflict("lost")

    with pytest.raises(Unavailable, match="lost"):
        store.run(work, tries=2)


def test_a_reader_sees_one_moment_and_not_what_is_not_committed(store: Database, second: Database) -> None:
    _put(store, "a")
    with store.transaction() as transaction:
        transaction.write(INSERT, rows=[{"id": "b"}])
        assert _ids(second) == ["a"]
    assert _ids(second) == ["a", "b"]


def test_each_thread_works_on_a_connection_of_its_own(store: Database) -> None:
    inside = threading.Barrier(2, timeout=10)
    seen: list[list[str]] = []

    def read() -> None:
        with store.reading() as transaction:
            inside.wait()
            seen.append([row[0] for row in transaction.rows("select id from contacts")])

    threads = [threading.Thread(target=read) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert seen == [[], []]


def test_an_unknown_kind_of_database_is_refused() -> None:
    with pytest.raises(InvalidInput, match="mysql"):
        Database("mysql://x/y")


def test_a_missing_folder_is_unavailable() -> None:
    with pytest.raises(Unavailable):
        Database("sqlite:////nowhere/at/all.db").ping()


# --- PostgreSQL ---


def _locked_by_another(first: Database, then: Callable[[], None]) -> None:
    with first.transaction() as transaction:
        transaction.write("update contacts set revision = 2 where id = 'a'")
        then()


def test_a_lock_that_does_not_come_is_a_conflict(postgresql: Database) -> None:
    _put(postgresql, "a")
    other = Database(postgresql.url)

    def write() -> None:
        with other.transaction() as transaction:
            transaction.write("set local lock_timeout = '20ms'")
            transaction.write("update contacts set revision = 3 where id = 'a'")

    def wait() -> None:
        with pytest.raises(Conflict, match="lock timeout"):
            write()

    _locked_by_another(postgresql, wait)
    other.close()


def test_a_deadlock_is_a_conflict_for_one_and_a_success_for_the_other(postgresql: Database) -> None:
    _put(postgresql, "a", "b")
    both_hold = threading.Barrier(2, timeout=10)
    results: list[str] = []

    def work(mine: str, theirs: str) -> None:
        try:
            with postgresql.transaction() as transaction:
                transaction.write("set local deadlock_timeout = '10ms'")
                transaction.write("update contacts set revision = 2 where id = :id", id=mine)
                both_hold.wait()
                transaction.write("update contacts set revision = 2 where id = :id", id=theirs)
            results.append("done")
        except Conflict as conflict:
            results.append(str(conflict).split()[0])

    threads = [threading.Thread(target=work, args=pair) for pair in (("a", "b"), ("b", "a"))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert sorted(results) == ["deadlock", "done"]


def test_a_statement_that_fails_for_another_reason_is_no_conflict(store: Database) -> None:
    with pytest.raises(Exception, match="no_such_table") as raised, store.transaction() as transaction:
        transaction.write("update no_such_table set a = 1")
    assert not isinstance(raised.value, Conflict)


def test_sessions_give_up_on_locks_idleness_and_silent_networks(postgresql: Database) -> None:
    wanted = {
        "lock_timeout": "2s",
        "statement_timeout": "15s",
        "idle_in_transaction_session_timeout": "10s",
        "synchronous_commit": "on",
        "TimeZone": "UTC",
        "tcp_keepalives_idle": "5",
        "tcp_keepalives_interval": "2",
        "tcp_keepalives_count": "3",
        "tcp_user_timeout": "10000",
    }
    with postgresql.reading() as transaction:
        for name, value in wanted.items():
            assert transaction.row(f"show {name}") == (value,), name


def test_a_session_that_the_server_ended_is_replaced(postgresql: Database) -> None:
    other = Database(postgresql.url)
    with postgresql.reading() as transaction:
        (process,) = transaction.row("select pg_backend_pid()") or (0,)
    other.run(lambda transaction: transaction.row("select pg_terminate_backend(:process)", process=process))
    other.close()
    with pytest.raises(Unavailable):
        postgresql.ping()
    postgresql.ping()


def test_a_server_that_was_restarted_is_found_again(postgres_cluster: PostgresCluster) -> None:
    database = Database(postgres_cluster.url())
    database.ping()
    postgres_cluster.stop("immediate")
    for _ in range(2):
        with pytest.raises(Unavailable):
            database.ping()
    postgres_cluster.start()
    database.ping()
    database.close()


# --- SQLite ---


def test_sqlite_keeps_a_journal_that_survives_power_loss(fresh_database: FreshDatabase) -> None:
    database = Database(fresh_database("sqlite", migrated))
    with database.reading() as transaction:
        assert transaction.row("pragma journal_mode") == ("wal",)
        assert transaction.row("pragma synchronous") == (2,)
        assert transaction.row("pragma foreign_keys") == (1,)
    database.close()


def test_a_second_writer_waits_its_turn_on_sqlite(fresh_database: FreshDatabase) -> None:
    database = Database(fresh_database("sqlite", migrated))
    other = Database(database.url)
    done = threading.Event()

    def write() -> None:
        _put(other, "b")
        done.set()

    with database.transaction() as transaction:
        transaction.write(INSERT, rows=[{"id": "a"}])
        writer = threading.Thread(target=write)
        writer.start()
        assert not done.is_set()
    writer.join(10)
    assert done.is_set()
    assert _ids(database) == ["a", "b"]
    database.close()
    other.close()


def test_what_is_asked_together_is_answered_each_with_its_own(store: Database) -> None:
    with store.transaction() as transaction:
        first = transaction.ask("select 1")
        second = transaction.ask("select a from {rows:p; a text}", p=[{"a": "x"}, {"a": "y"}])
        third = transaction.ask("select 3")
        assert first.row() == (1,)
        assert second.rows() == [("x",), ("y",)]
        assert third.row() == (3,)


def test_an_error_among_what_is_asked_together_undoes_all_and_spares_the_session(store: Database) -> None:
    _put(store, "a")

    def twice(transaction: Transaction) -> None:
        transaction.ask(INSERT, rows=[{"id": "b"}])
        transaction.ask(INSERT, rows=[{"id": "a"}])
        transaction.row("select 1")

    with pytest.raises(KeyConflict), store.transaction() as transaction:
        twice(transaction)
    assert _ids(store) == ["a"]
    _put(store, "c")
    assert _ids(store) == ["a", "c"]


def test_a_write_that_nobody_counts_is_committed(store: Database) -> None:
    with store.transaction() as transaction:
        transaction.ask(INSERT, rows=[{"id": "a"}])
    assert _ids(store) == ["a"]


def test_after_one_connection_broke_the_others_are_opened_anew_before_they_fail(postgresql: Database) -> None:
    with ThreadPoolExecutor(1) as one, ThreadPoolExecutor(1) as other:
        one.submit(postgresql.ping).result()
        other.submit(postgresql.ping).result()
        with postgresql.plain_connection() as connection:
            connection.exec_driver_sql(
                "select pg_terminate_backend(pid) from pg_stat_activity "
                "where datname = current_database() and pid <> pg_backend_pid()"
            )
        with pytest.raises(Unavailable):
            one.submit(postgresql.ping).result()
        other.submit(postgresql.ping).result()
        one.submit(postgresql.ping).result()
