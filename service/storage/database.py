"""Transactions on a store: what is asked and written in them, and how they begin and end.

SQLite writes with BEGIN IMMEDIATE, and its writers take turns; PostgreSQL has as many as there are sessions.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext, suppress
from typing import Any, Final, TypeVar

import psycopg
from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from service.storage.connections import Conflict, connected, kind_of, open_engine, translated
from service.storage.dialect import Kind, dump_rows, render
from service.storage.session import PostgresSession, Session, SqliteSession
from statemachine.errors import Unavailable

T = TypeVar("T")
Row = Sequence[Any]


class Answer:
    """What the store says to one statement. On PostgreSQL it may still be on its way; reading it waits."""

    __slots__ = ("_cursor", "_session")

    def __init__(self, session: Session, cursor: Any) -> None:
        self._session = session
        self._cursor = cursor

    def rows(self) -> Sequence[Row]:
        return self._cursor.fetchall()  # type: ignore[no-any-return]

    def row(self) -> Row | None:
        return self._cursor.fetchone()  # type: ignore[no-any-return]

    def count(self) -> int:
        """How many rows a write touched."""
        self._session.settle()
        return self._cursor.rowcount  # type: ignore[no-any-return]


class Transaction:
    """One transaction: reads answer rows, writes take sets of rows as one JSON parameter.

    On PostgreSQL its statements travel in a pipeline: what is asked before an answer is read goes in one round trip,
    `begin` included. Answers are read in the order in which they were asked for, so that the first error is the cause.
    """

    __slots__ = ("_session", "kind", "statements")

    def __init__(self, kind: Kind, session: Session) -> None:
        self.kind = kind
        self.statements = 0
        self._session = session

    def ask(self, sql: str, **parameters: Any) -> Answer:
        """Send a query. A parameter that is a list of mappings is a set of rows."""
        self.statements += 1
        plain = {name: dump_rows(value) if isinstance(value, list) else value for name, value in parameters.items()}
        return Answer(self._session, self._session.execute(render(self.kind, sql), plain))

    def rows(self, sql: str, **parameters: Any) -> Sequence[Row]:
        """All rows of a query."""
        return self.ask(sql, **parameters).rows()

    def row(self, sql: str, **parameters: Any) -> Row | None:
        return self.ask(sql, **parameters).row()

    def write(self, sql: str, **parameters: Any) -> int:
        """Execute; answers how many rows it touched."""
        return self.ask(sql, **parameters).count()

    def interrupt(self) -> None:
        """Break off the statement under way, from another thread: it fails with TooMuch. Without one, do nothing."""
        self._session.interrupt()

    def write_all(self, writes: Sequence[tuple[str, list[Mapping[str, Any]]]]) -> list[int]:
        """Several set-based writes, each `(sql with {rows:rows; …}, rows)`; answers the rows each touched.

        On PostgreSQL they travel as one statement of data-modifying CTEs: one round trip, whatever their number.
        """
        if self.kind == "sqlite" or len(writes) < 2:
            return [self.write(sql, rows=rows) for sql, rows in writes]
        parts = [
            f"w{index} as ({sql.replace('{rows:rows;', f'{{rows:rows{index};')} returning 1)"
            for index, (sql, _) in enumerate(writes)
        ]
        counts = ", ".join(f"(select count(*) from w{index})" for index in range(len(writes)))
        parameters = {f"rows{index}": rows for index, (_, rows) in enumerate(writes)}
        row = self.row(f"with {', '.join(parts)} select {counts}", **parameters)
        assert row is not None
        return list(row)


_MANY_ROWS: Final = (
    ("enable_seqscan", "on"),
    ("enable_hashjoin", "on"),
    ("enable_mergejoin", "on"),
    ("enable_material", "on"),
    ("enable_bitmapscan", "on"),
    ("plan_cache_mode", "force_custom_plan"),
    ("work_mem", "64MB"),
    ("statement_timeout", "60s"),
)
"""All other transactions look up few rows, by plans made once (see `connections.py`)."""


def plan_for_many_rows(transaction: Transaction) -> None:
    """Until the end of the transaction. SQLite plans as it likes."""
    if transaction.kind == "postgresql":
        settings = ", ".join(f"set_config('{name}', '{value}', true)" for name, value in _MANY_ROWS)
        transaction.row(f"select {settings}")


class Database:
    """One store. Thread-safe: each thread that works on it keeps a connection of its own.

    Writers of an SQLite file take turns in this process before they ask the file, whose own waiting is by polling.
    """

    def __init__(self, url: str, *, statement_timeout_s: float = 15.0) -> None:
        self.url = url
        self.kind: Kind = kind_of(url)
        self._engine = open_engine(url, self.kind, statement_timeout_s)
        self._local = threading.local()
        self._writer = threading.Lock() if self.kind == "sqlite" else nullcontext()
        self._sessions: list[Session] = []
        self._outages = 0
        self._lock = threading.Lock()

    @contextmanager
    def plain_connection(self) -> Iterator[Connection]:
        """A connection of its own with nothing of ours on it, for migrations and schema tests."""
        engine = open_engine(self.url, self.kind, 600.0, plain=True)
        try:
            with connected(engine) as connection:
                yield connection
        finally:
            engine.dispose()

    @contextmanager
    def transaction(self) -> Iterator[Transaction]:
        """A write transaction on this thread's connection: commits at the end, rolls back on any error.

        Raises Conflict when it should simply be run again, Unavailable when the store cannot be reached.
        """
        with self._writer, self._begin(writing=True) as transaction:
            yield transaction

    @contextmanager
    def reading(self) -> Iterator[Transaction]:
        """A read-only transaction without locks; on PostgreSQL each statement sees what is committed when it begins."""
        with self._begin(writing=False) as transaction:
            yield transaction

    @contextmanager
    def analysing(self) -> Iterator[Transaction]:
        """A read-only transaction that counts many rows: one snapshot, and plans for many rows."""
        with self._begin(writing=False, snapshot=True) as transaction:
            plan_for_many_rows(transaction)
            yield transaction

    def run(self, work: Callable[[Transaction], T], *, tries: int = 5) -> T:
        """Run `work` in a write transaction, again after a conflict."""
        for remaining in range(tries - 1, -1, -1):
            try:
                with self.transaction() as transaction:
                    return work(transaction)
            except Conflict as conflict:
                if not remaining:
                    raise Unavailable(f"the database kept refusing the transaction: {conflict}") from conflict
        raise AssertionError("unreachable")

    def ping(self) -> None:
        """Raises Unavailable when the store cannot be reached."""
        with self.reading() as transaction:
            transaction.row("select 1")

    def close(self) -> None:
        with self._lock:
            for session in self._sessions:
                session.close()
            self._sessions.clear()
        self._engine.dispose()

    @contextmanager
    def _begin(self, *, writing: bool, snapshot: bool = False) -> Iterator[Transaction]:
        session: Session | None = None
        try:
            session = self._session()
            session.begin(writing=writing, snapshot=snapshot)
            yield Transaction(self.kind, session)
            session.commit()
        except BaseException as error:
            if session is not None:
                session.roll_back()
                self._drop_if_broken(session)
            if isinstance(error, DBAPIError | psycopg.Error | sqlite3.Error):
                raise translated(error) from error
            raise

    def _session(self) -> Session:
        """This thread's session: a new one for a new thread, and after an outage, which no session survives."""
        session: Session | None = getattr(self._local, "session", None)
        if session is not None and self._local.outages != self._outages:
            self._drop(session)
            session = None
        if session is None:
            outages = self._outages
            session = SqliteSession(self._engine) if self.kind == "sqlite" else PostgresSession(self._engine)
            self._local.session, self._local.outages = session, outages
            with self._lock:
                self._sessions.append(session)
        return session

    def _drop_if_broken(self, session: Session) -> None:
        """What broke one mostly broke all: the others are opened anew when they are needed, not after failing."""
        if session.broken:
            self._outages += 1
            self._drop(session)

    def _drop(self, session: Session) -> None:
        self._local.session = None
        with self._lock, suppress(ValueError):
            self._sessions.remove(session)
        session.close()
