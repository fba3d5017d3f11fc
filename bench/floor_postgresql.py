"""The floor on PostgreSQL: psycopg, a set of rows as one JSON parameter, a batch and its commit in one round trip."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any, Final, cast

import orjson
import psycopg

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
drop schema if exists floor cascade;
create schema floor;
create table floor.contacts (id text primary key, profile json not null, revision bigint not null);
create table floor.keys (id text primary key, accepted_at timestamptz not null);
create table floor.enrollments (
    id text primary key, contact_id text not null, status text not null, step text, due_at timestamptz,
    variables json not null, revision bigint not null) with (fillfactor = 80);
create index on floor.enrollments (due_at) where due_at is not null;
create index on floor.enrollments (contact_id) where status = 'waiting';
create table floor.history (
    enrollment_id text not null, sequence int not null, at timestamptz not null, kind text not null, step text,
    entry json not null, primary key (enrollment_id, sequence));
"""

_CONTACTS: Final = """
insert into floor.contacts select id, profile, 1 from json_to_recordset(%s::json) as r(id text, profile json)"""
_KEYS: Final = """
insert into floor.keys select id, clock_timestamp() from json_to_recordset(%s::json) as r(id text)"""
_ENROLLMENTS: Final = """
insert into floor.enrollments select id, contact_id, status, step, due_at, variables, 1
from json_to_recordset(%s::json) as r(id text, contact_id text, status text, step text, due_at timestamptz,
    variables json)"""
_HISTORY: Final = """
insert into floor.history select enrollment_id, sequence, clock_timestamp(), 'step_completed', step, entry
from json_to_recordset(%s::json) as r(enrollment_id text, sequence int, step text, entry json)"""
_CLAIM: Final = f"""
select id, step, revision, variables from floor.enrollments where due_at <= clock_timestamp()
order by due_at limit {BATCH} for update skip locked"""
_CLAIM_TUNED: Final = _CLAIM.replace(", variables", "")
_ADVANCE: Final = """
update floor.enrollments as e set status = r.status, step = r.step, due_at = r.due_at, variables = r.variables,
    revision = e.revision + 1
from json_to_recordset(%s::json) as r(id text, status text, step text, due_at timestamptz, variables json)
where e.id = r.id"""
_ADVANCE_TUNED: Final = """
update floor.enrollments as e set status = r.status, step = r.step, due_at = r.due_at, revision = e.revision + 1
from json_to_recordset(%s::json) as r(id text, status text, step text, due_at timestamptz) where e.id = r.id"""
_WAKE: Final = f"""
with moved as (
    update floor.enrollments as e set status = 'completed', step = null, revision = e.revision + 1
    from json_to_recordset(%s::json) as r(contact_id text)
    where e.contact_id = r.contact_id and e.status = 'waiting' returning e.id, e.revision)
insert into floor.history select id, revision, clock_timestamp(), 'step_completed', '{HOLD}', '{ENTRY}' from moved"""


class PostgresFloor:
    """See `bench.floor.Floor`."""

    def __init__(self, dsn: str) -> None:
        self._connection = psycopg.connect(dsn, autocommit=True, prepare_threshold=0)

    def begin(self) -> None:
        self._connection.execute(cast(Any, _TABLES), prepare=False)

    def close(self) -> None:
        self._connection.close()

    def fused(self, items: int) -> float:
        started = time.perf_counter()
        for numbers in batches(items):
            done = [_enrollment(number, "completed", None, None) for number in numbers]
            history = [_entry(enrollment_id(number), place, step) for number in numbers for place, step in _PLACES]
            self._commit((*_arrivals(numbers), (_ENROLLMENTS, done), (_HISTORY, history)))
        return time.perf_counter() - started

    def stepwise(self, items: int) -> float:
        started = time.perf_counter()
        now = datetime.now(UTC).isoformat()
        for numbers in batches(items):
            rows = [_enrollment(number, "running", STEPS[0], now) for number in numbers]
            self._commit((*_arrivals(numbers), (_ENROLLMENTS, rows)))
        while self._fire_batch():
            pass
        return time.perf_counter() - started

    def park(self, items: int, due_at: datetime | None) -> Parked:
        started = time.perf_counter()
        due = due_at.isoformat() if due_at else None
        for numbers in batches(items):
            rows = [_enrollment(number, "waiting", HOLD, due) for number in numbers]
            self._commit((*_arrivals(numbers), (_ENROLLMENTS, rows)))
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
            keys = [{"id": f"signal-{number:09d}"} for number in numbers]
            contacts = [{"contact_id": contact_id(number)} for number in numbers]
            self._commit(((_KEYS, keys), (_WAKE, contacts)))
            waits += [time.perf_counter() - started] * len(numbers)
        return waits

    def one(self, number: int) -> None:
        name = enrollment_id(number)
        numbers = range(number, number + 1)
        self._commit((*_arrivals(numbers), (_ENROLLMENTS, [_enrollment(number, "running", STEPS[0], None)])))
        self._commit((
            (_ADVANCE_TUNED, [{"id": name, "status": "completed"}]),
            (_HISTORY, [_entry(name, 1, STEPS[0])]),
        ))  # fmt: skip

    def _commit(self, writes: Sequence[tuple[str, list[dict[str, Any]]]]) -> None:
        """One transaction, sent and answered as a whole."""
        with self._connection.pipeline(), self._connection.transaction():
            for sql, rows in writes:
                self._connection.execute(cast(Any, sql), (orjson.dumps(rows).decode(),))

    def _fire_batch(self) -> int:
        """Claim what is due, move it one step, keep history, commit; answers how many."""
        with self._connection.transaction():
            claimed = self._connection.execute(cast(Any, _CLAIM)).fetchall()
            if claimed:
                now = datetime.now(UTC).isoformat()
                moves = [_move(name, step, now) | {"variables": variables} for name, step, _, variables in claimed]
                self._connection.execute(cast(Any, _ADVANCE), (orjson.dumps(moves).decode(),))
                history = [_entry(name, revision, step) for name, step, revision, _ in claimed]
                self._connection.execute(cast(Any, _HISTORY), (orjson.dumps(history).decode(),))
        return len(claimed)

    def _fire_batch_tuned(self) -> int:
        with self._connection.pipeline() as pipeline, self._connection.transaction():
            claim = self._connection.execute(cast(Any, _CLAIM_TUNED))
            pipeline.sync()
            claimed = claim.fetchall()
            if claimed:
                now = datetime.now(UTC).isoformat()
                moves = [_move(name, step, now) for name, step, _ in claimed]
                self._connection.execute(cast(Any, _ADVANCE_TUNED), (orjson.dumps(moves).decode(),))
                history = [_entry(name, revision, step) for name, step, revision in claimed]
                self._connection.execute(cast(Any, _HISTORY), (orjson.dumps(history).decode(),))
        return len(claimed)


_PLACES: Final = tuple(enumerate(STEPS, 1))
_FOLLOWING: Final = dict(pairwise(STEPS))


def _arrivals(numbers: range) -> tuple[tuple[str, list[dict[str, Any]]], tuple[str, list[dict[str, Any]]]]:
    contacts = [{"id": contact_id(number), "profile": orjson.Fragment(PROFILE)} for number in numbers]
    keys = [{"id": f"event-{number:09d}"} for number in numbers]
    return (_CONTACTS, contacts), (_KEYS, keys)


def _enrollment(number: int, status: str, step: str | None, due_at: str | None) -> dict[str, Any]:
    return {
        "id": enrollment_id(number),
        "contact_id": contact_id(number),
        "status": status,
        "step": step,
        "due_at": due_at,
        "variables": orjson.Fragment(VARIABLES),
    }


def _entry(name: str, sequence: int, step: str) -> dict[str, Any]:
    return {"enrollment_id": name, "sequence": sequence, "step": step, "entry": orjson.Fragment(ENTRY)}


def _move(name: str, step: str, now: str) -> dict[str, Any]:
    following = _FOLLOWING.get(step)
    if following is None:
        return {"id": name, "status": "completed"}
    return {"id": name, "status": "running", "step": following, "due_at": now}
