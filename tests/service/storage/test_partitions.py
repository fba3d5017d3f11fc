"""Partitions of PostgreSQL: made ahead, any number of times, and every row has a place."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

from service.engine.ids import new_id
from service.storage.database import Database
from service.storage.partitions import ensure_partitions

_LATER = datetime(2040, 1, 5, 12, tzinfo=UTC)
"""A day of which nothing is there yet, the same however long the tests take and whatever midnight they meet."""

_INSERT = """
insert into events (tenant_id, accepted_at, id, source, event_id, type, data, priority, pending)
select 't', accepted_at, id, 's', id, 'x', data, 0, false
from {rows:rows; id text, accepted_at timestamptz, data json} where true"""


def _partitions(database: Database) -> set[str]:
    if database.kind == "sqlite":
        return set()
    with database.reading() as transaction:
        return {
            row[0]
            for row in transaction.rows("select inhrelid::regclass::text from pg_inherits")
            if "_pk" not in row[0]
        }


def test_making_partitions_again_changes_nothing(store: Database) -> None:
    ensure_partitions(store, _LATER)
    before = _partitions(store)
    ensure_partitions(store, _LATER)
    assert _partitions(store) == before


def test_several_replicas_may_make_them_at_once(store: Database) -> None:
    others = [Database(store.url) for _ in range(3)]
    ensure_partitions(store, _LATER)
    before = _partitions(store)
    if store.kind == "postgresql":
        store.run(lambda transaction: transaction.write("drop table history_default, events_default, events_20400107"))
    with ThreadPoolExecutor(3) as threads:
        list(threads.map(lambda database: ensure_partitions(database, _LATER), others))
    for database in others:
        database.close()
    assert _partitions(store) == before


def test_two_weeks_ahead_have_their_own_and_everything_else_the_default(store: Database) -> None:
    if store.kind == "sqlite":
        assert _partitions(store) == set()
        return
    names = _partitions(store)
    assert {"events_default", "history_default"} <= names
    soon = datetime.now(UTC) + timedelta(days=10)
    assert f"events_{soon:%Y%m%d}" in names


def test_a_row_of_any_time_is_accepted_and_found(store: Database) -> None:
    instants = [datetime.now(UTC) + timedelta(days=days) for days in (-400, 0, 3, 4000)]
    rows = [{"id": new_id(), "accepted_at": at, "data": {}} for at in instants]
    with store.transaction() as transaction:
        transaction.write(_INSERT, rows=rows)
        found = transaction.rows("select id from events order by accepted_at")
    assert [row[0] for row in found] == [row["id"] for row in rows]
