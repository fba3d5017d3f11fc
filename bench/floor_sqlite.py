"""The floor on SQLite: `executemany` inside BEGIN IMMEDIATE, write-ahead log, every commit forced to disk."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Final

import orjson

from bench.floor import (
    BATCH,
    ENTRY,
    EVENTS_AT_ONCE,
    HOLD,
    PROFILE,
    STEPS,
    VARIABLES,
    Parked,
    batches,
    contact_id,
    enrollment_id,
)

_TABLES: Final = """
drop table if exists contacts;
drop table if exists keys;
drop table if exists enrollments;
drop table if exists history;
create table contacts (id text primary key, profile text not null, revision integer not null) without rowid;
create table keys (id text primary key, accepted_at text not null) without rowid;
create table enrollments (
    id text primary key, contact_id text not null, status text not null, step text, due_at text,
    variables text not null, revision integer not null);
create index enrollments_due on enrollments (due_at) where due_at is not null;
create index enrollments_waiting on enrollments (contact_id) where status = 'waiting';
create table history (
    enrollment_id text not null, sequence integer not null, at text not null, kind text not null, step text,
    entry text not null, primary key (enrollment_id, sequence)) without rowid;
"""

_CONTACTS: Final = "insert into contacts values (?, ?, 1)"
_KEYS: Final = "insert into keys values (?, ?)"
_ENROLLMENTS: Final = "insert into enrollments values (?, ?, ?, ?, ?, ?, 1)"
_HISTORY: Final = "insert into history values (?, ?, ?, 'step_completed', ?, ?)"
_CLAIM: Final = f"""
select id, step, revision, variables from enrollments where due_at <= ? order by due_at limit {BATCH}"""
_CLAIM_TUNED: Final = _CLAIM.replace(", variables", "")
_ADVANCE: Final = """
update enrollments set status = ?, step = ?, due_at = ?, variables = ?, revision = revision + 1 where id = ?"""
_ADVANCE_TUNED: Final = "update enrollments set status = ?, step = ?, due_at = ?, revision = revision + 1 where id = ?"
_WAKE: Final = """
update enrollments set status = 'completed', step = null, revision = revision + 1
where contact_id = ? and status = 'waiting' returning id, revision"""


class SqliteFloor:
    """See `bench.floor.Floor`."""

    def __init__(self, path: Path) -> None:
        self._connection = sqlite3.connect(path, isolation_level=None)
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "cache_size=-65536"):
            self._connection.execute(f"pragma {pragma}")

    def begin(self) -> None:
        self._connection.executescript(_TABLES)

    def close(self) -> None:
        self._connection.close()

    def fused(self, items: int) -> float:
        started = time.perf_counter()
        for numbers in batches(items):
            now = datetime.now(UTC).isoformat()
            with self._transaction():
                self._arrive(numbers, "completed", None, None, now)
                self._keep_history(
                    [(enrollment_id(number), place, now, step, ENTRY) for number in numbers for place, step in _PLACES]
                )
        return time.perf_counter() - started

    def stepwise(self, items: int) -> float:
        started = time.perf_counter()
        for numbers in batches(items):
            now = datetime.now(UTC).isoformat()
            with self._transaction():
                self._arrive(numbers, "running", STEPS[0], now, now)
        while self._fire_batch():
            pass
        return time.perf_counter() - started

    def park(self, items: int, due_at: datetime | None) -> Parked:
        started = time.perf_counter()
        due = due_at.isoformat() if due_at else None
        for numbers in batches(items):
            with self._transaction():
                self._arrive(numbers, "waiting", HOLD, due, datetime.now(UTC).isoformat())
        return Parked(time.perf_counter() - started, items)

    def drain(self, *, tuned: bool) -> list[float]:
        fire = self._fire_batch_tuned if tuned else self._fire_batch
        started = time.perf_counter()
        waits: list[float] = []
        while count := fire():
            waits += [time.perf_counter() - started] * count
        return waits

    def wake(self, items: int) -> list[float]:
        waits: list[float] = []
        for numbers in batches(items, EVENTS_AT_ONCE):
            started = time.perf_counter()
            now = datetime.now(UTC).isoformat()
            with self._transaction():
                self._connection.executemany(_KEYS, [(f"signal-{number:09d}", now) for number in numbers])
                moved = [self._connection.execute(_WAKE, (contact_id(number),)).fetchone() for number in numbers]
                self._keep_history([(name, place, now, HOLD, ENTRY) for name, place in moved])
            waits += [time.perf_counter() - started] * len(numbers)
        return waits

    def one(self, number: int) -> None:
        now = datetime.now(UTC).isoformat()
        name = enrollment_id(number)
        with self._transaction():
            self._arrive(range(number, number + 1), "running", STEPS[0], None, now)
        with self._transaction():
            self._connection.execute(_ADVANCE_TUNED, ("completed", None, None, name))
            self._connection.execute(_HISTORY, (name, 1, now, STEPS[0], ENTRY))

    def _arrive(self, numbers: range, status: str, step: str | None, due_at: str | None, now: str) -> None:
        self._connection.executemany(_CONTACTS, [(contact_id(number), PROFILE) for number in numbers])
        self._connection.executemany(_KEYS, [(f"event-{number:09d}", now) for number in numbers])
        self._connection.executemany(
            _ENROLLMENTS,
            [(enrollment_id(number), contact_id(number), status, step, due_at, VARIABLES) for number in numbers],
        )

    def _fire_batch(self) -> int:
        """Claim what is due, move it one step, keep history, commit; answers how many."""
        now = datetime.now(UTC).isoformat()
        with self._transaction():
            claimed = self._connection.execute(_CLAIM, (now,)).fetchall()
            moves = [
                (*_next(step, now), orjson.dumps(orjson.loads(variables)).decode(), name)
                for name, step, _, variables in claimed
            ]
            self._connection.executemany(_ADVANCE, moves)
            self._keep_history([(name, revision, now, step, ENTRY) for name, step, revision, _ in claimed])
        return len(claimed)

    def _fire_batch_tuned(self) -> int:
        now = datetime.now(UTC).isoformat()
        with self._transaction():
            claimed = self._connection.execute(_CLAIM_TUNED, (now,)).fetchall()
            self._connection.executemany(_ADVANCE_TUNED, [(*_next(step, now), name) for name, step, _ in claimed])
            self._keep_history([(name, revision, now, step, ENTRY) for name, step, revision in claimed])
        return len(claimed)

    def _keep_history(self, rows: list[tuple[str, int, str, str, str]]) -> None:
        self._connection.executemany(_HISTORY, rows)

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._connection.execute("begin immediate")
        try:
            yield
        except BaseException:
            self._connection.execute("rollback")
            raise
        self._connection.execute("commit")


_PLACES: Final = tuple(enumerate(STEPS, 1))
_FOLLOWING: Final = dict(pairwise(STEPS))


def _next(step: str, now: str) -> tuple[str, str | None, str | None]:
    following = _FOLLOWING.get(step)
    return ("running", following, now) if following else ("completed", None, None)
