"""Migrated databases, rows put there directly, and an engine that only records what it is asked."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from service.engine.clock import Times
from service.engine.commands import Answer, Command, FinishAnswer, FinishTask
from service.storage.database import Database, Transaction
from service.storage.tasks import TASK_COLUMNS, LeasedTask, task_of

T = TypeVar("T")

START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)

_COLUMNS = (
    "tenant_id text, id text, enrollment_id text, contact_id text, workflow text, version int, step text, visit int, "
    "type text, queue text, status text, priority int, input json, outcomes json, idempotency_key text, attempt int, "
    "max_attempts int, timeout_s float, at_most_once boolean, available_at timestamptz, lease_token bigint, "
    "lease_until timestamptz, worker_id text, created_at timestamptz"
)
_NAMES = ", ".join(column.split()[0] for column in _COLUMNS.split(", "))
_INSERT = f"insert into tasks ({_NAMES}) select {_NAMES} from {{rows:rows; {_COLUMNS}}} where true"


def task_row(id: str = "t1", **given: Any) -> dict[str, Any]:  # noqa: A002 - the column's name
    """A ready task of queue `work`."""
    row = {
        "tenant_id": "default",
        "id": id,
        "enrollment_id": f"e-{id}",
        "contact_id": "ada",
        "workflow": "welcome",
        "version": 1,
        "step": "send",
        "visit": 1,
        "type": "task",
        "queue": "work",
        "status": "ready",
        "priority": 0,
        "input": {"n": 1},
        "outcomes": ["done", "refused"],
        "idempotency_key": f"default/e-{id}/send/1",
        "attempt": 1,
        "max_attempts": 4,
        "timeout_s": 30.0,
        "at_most_once": False,
        "available_at": START,
        "lease_token": 0,
        "lease_until": None,
        "worker_id": None,
        "created_at": START,
    }
    return {**row, **given}


def leased_row(id: str = "t1", **given: Any) -> dict[str, Any]:  # noqa: A002 - the column's name
    """A task that worker `w1` holds for another 30 s."""
    lease = {"status": "leased", "lease_token": 1, "lease_until": START + timedelta(seconds=30), "worker_id": "w1"}
    return task_row(id, **{**lease, **given})


def put(database: Database, *rows: Mapping[str, Any]) -> None:
    database.run(lambda transaction: transaction.write(_INSERT, rows=list(rows)))


def task(database: Database, id: str = "t1") -> LeasedTask:  # noqa: A002 - the column's name
    sql = f"select {TASK_COLUMNS} from tasks where id = :id"
    row = database.run(lambda transaction: transaction.row(sql, id=id))
    assert row is not None
    return task_of(row)


class HandClock:
    """Both times, moved by hand."""

    rate = 1.0

    def __init__(self, now: datetime = START) -> None:
        self.workflow = now
        self.wall = now

    def read(self, transaction: Transaction) -> Times:
        return Times(self.workflow, self.wall)

    def ask(self, transaction: Transaction) -> Callable[[], Times]:
        return lambda: self.read(transaction)

    def wall_delay(self, span: timedelta) -> timedelta:
        return span / self.rate

    def move(self, seconds: float) -> None:
        self.wall += timedelta(seconds=seconds)
        self.workflow += timedelta(seconds=seconds)


class HandFeed:
    """News that a test tells. `waiting` is set while somebody waits; `waits` lists for how long they would."""

    def __init__(self) -> None:
        self.news = asyncio.Event()
        self.waiting = asyncio.Event()
        self.waits: list[float] = []

    @asynccontextmanager
    async def subscribe(self) -> AsyncIterator[HandFeed]:
        yield self

    async def wait(self, timeout_s: float) -> None:
        self.waits.append(timeout_s)
        self.waiting.set()
        await self.news.wait()
        self.news.clear()
        self.waiting.clear()


class RecordingEngine:
    """Runs reads and writes at once; notes commands and answers them from `answers`, or as applied."""

    def __init__(self, database: Database, clock: HandClock) -> None:
        self.database = database
        self.clock = clock
        self.feed = HandFeed()
        self.asked: list[Command] = []
        self.answers: list[Answer | Exception] = []
        self.heard = asyncio.Event()
        self.was_read = asyncio.Event()
        self.written = asyncio.Event()
        self.writes = 0

    async def read(self, work: Callable[[Transaction], T]) -> T:
        with self.database.reading() as transaction:
            answer = work(transaction)
        self.was_read.set()
        return answer

    async def write(self, work: Callable[[Transaction], T]) -> T:
        self.writes += 1
        answer = self.database.run(work)
        self.written.set()
        return answer

    async def ask_all(self, commands: Sequence[Command]) -> list[Answer | Exception]:
        return [self._answer(command) for command in commands]

    async def ask(self, command: Command) -> Answer:
        answer = self._answer(command)
        if isinstance(answer, Exception):
            raise answer
        return answer

    def _answer(self, command: Command) -> Answer | Exception:
        assert isinstance(command, FinishTask)
        self.asked.append(command)
        self.heard.set()
        return self.answers.pop(0) if self.answers else FinishAnswer(command.task_id, True)
