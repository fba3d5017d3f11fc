"""PostgreSQL partitions: history by the time in its enrollment's id, events by day.

A partition that is old enough and whose runs are over is dropped whole, which costs nothing; rows outside every range
land in a default partition, so nothing is ever refused.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

from service.storage.database import Database, Transaction

_HISTORY_SPAN: Final = timedelta(days=7)
_EVENTS_SPAN: Final = timedelta(days=1)
_AHEAD: Final = 14


def ensure_partitions(database: Database, now: datetime | None = None) -> None:
    """Make the default partitions and those of the two weeks from `now`, the database's time unless given; does nothing
    on SQLite."""
    if database.kind == "sqlite":
        return
    database.run(lambda transaction: _create_missing(transaction, now))


def _create_missing(transaction: Transaction, now: datetime | None) -> None:
    transaction.write("select pg_advisory_xact_lock(358270)")
    known = {row[0] for row in transaction.rows("select relname from pg_class where relkind in ('r', 'p')")}
    if now is None:
        row = transaction.row("select clock_timestamp()")
        assert row is not None
        now = row[0]
    for table in ("history", "events"):
        if f"{table}_default" not in known:
            transaction.write(f"create table {table}_default partition of {table} default")
    for table, span in (("history", _HISTORY_SPAN), ("events", _EVENTS_SPAN)):
        _create_ahead(transaction, table, span, now, known)


def _create_ahead(transaction: Transaction, table: str, span: timedelta, now: datetime, known: set[str]) -> None:
    start = _floor(now, span) + span
    while start < now + timedelta(days=_AHEAD):
        name = f"{table}_{start:%Y%m%d}"
        if name not in known:
            low, high = _bound(table, start), _bound(table, start + span)
            transaction.write(f"create table {name} partition of {table} for values from ('{low}') to ('{high}')")
        start += span


def _floor(instant: datetime, span: timedelta) -> datetime:
    epoch = datetime(2024, 1, 1, tzinfo=UTC)
    return epoch + (instant - epoch) // span * span


def _bound(table: str, instant: datetime) -> str:
    """Events are ranged by instant; history by the first id of that instant."""
    return instant.isoformat() if table == "events" else first_id_at(instant)


def first_id_at(instant: datetime) -> str:
    """The smallest UUIDv7 of an instant."""
    milliseconds = f"{int(instant.timestamp() * 1000):012x}"
    return f"{milliseconds[:8]}-{milliseconds[8:]}-7000-8000-000000000000"
