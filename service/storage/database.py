"""Connections: how a store is opened, and what every session is told.

PostgreSQL sessions give up on locks after 2 s and on silent networks after 10 s; without that a partition hung a client
for 45 s while its ghost kept row locks. Plans are made once and kept: planning anew cost more than executing a small
batch, and a plan made while a table was small must not scan it when it has grown, so lookups go by index and nested
loop from the start. SQLite writes with BEGIN IMMEDIATE, WAL and synchronous=FULL, so an answered
commit survives power loss.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext, suppress
from typing import Any, Final, TypeVar

import psycopg
from psycopg.types.json import set_json_loads
from sqlalchemy import Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import NullPool

from service.storage.dialect import Kind, dump_rows, render
from service.storage.session import PostgresSession, Session, SqliteSession
from statemachine.errors import InvalidInput, Unavailable

T = TypeVar("T")
Row = Sequence[Any]

_SESSION: Final = {
    "lock_timeout": "2s",
    "idle_in_transaction_session_timeout": "10s",
    "synchronous_commit": "on",
    "jit": "off",
    "plan_cache_mode": "force_generic_plan",
    "enable_seqscan": "off",
    "enable_hashjoin": "off",
    "enable_mergejoin": "off",
    "enable_material": "off",
    "enable_bitmapscan": "off",
    "timezone": "UTC",
    "tcp_keepalives_idle": "5",
    "tcp_keepalives_interval": "2",
    "tcp_keepalives_count": "3",
    "tcp_user_timeout": "10000",
}
_RETRYABLE: Final = frozenset({"40P01", "40001", "55P03"})
MIN_SQLITE: Final = (3, 38)


class Conflict(Exception):  # noqa: N818 - a race lost is no error of anyone's
    """The transaction lost a race (deadlock, lock time-out, unique key, …): nothing happened, run it again."""


class KeyConflict(Conflict):
    """A constraint was broken: mostly somebody else wrote the same key first. What stays so when run again is wrong."""


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


class Database:
    """One store. Thread-safe: each thread that works on it keeps a connection of its own.

    Writers of an SQLite file take turns in this process before they ask the file, whose own waiting is by polling.
    """

    def __init__(self, url: str, *, statement_timeout_s: float = 15.0) -> None:
        self.url = url
        self.kind: Kind = _kind_of(url)
        self._engine = _create_engine(url, self.kind, statement_timeout_s)
        self._local = threading.local()
        self._writer = threading.Lock() if self.kind == "sqlite" else nullcontext()
        self._sessions: list[Session] = []
        self._lock = threading.Lock()

    @contextmanager
    def plain_connection(self) -> Iterator[Connection]:
        """A connection of its own with nothing of ours on it, for migrations and schema tests."""
        engine = _create_engine(self.url, self.kind, 600.0, plain=True)
        try:
            with _connected(engine) as connection:
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
        """A read-only transaction: one snapshot, no locks."""
        with self._begin(writing=False) as transaction:
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
    def _begin(self, *, writing: bool) -> Iterator[Transaction]:
        session: Session | None = None
        try:
            session = self._session()
            session.begin(writing=writing)
            yield Transaction(self.kind, session)
            session.commit()
        except BaseException as error:
            if session is not None:
                session.roll_back()
                self._drop_if_broken(session)
            if isinstance(error, DBAPIError | psycopg.Error | sqlite3.Error):
                raise _translated(error) from error
            raise

    def _session(self) -> Session:
        session: Session | None = getattr(self._local, "session", None)
        if session is None:
            session = SqliteSession(self._engine) if self.kind == "sqlite" else PostgresSession(self._engine)
            self._local.session = session
            with self._lock:
                self._sessions.append(session)
        return session

    def _drop_if_broken(self, session: Session) -> None:
        if not session.broken:
            return
        self._local.session = None
        with self._lock, suppress(ValueError):
            self._sessions.remove(session)
        session.close()


def _connected(engine: Engine) -> Connection:
    try:
        return engine.connect()
    except DBAPIError as error:
        raise _translated(error) from error


def _kind_of(url: str) -> Kind:
    scheme = url.split(":", 1)[0].split("+", 1)[0]
    if scheme in ("postgresql", "postgres"):
        return "postgresql"
    if scheme == "sqlite":
        return "sqlite"
    raise InvalidInput(f"database URL {scheme!r} is not supported; use postgresql://… or sqlite:///path")


def _create_engine(url: str, kind: Kind, statement_timeout_s: float, *, plain: bool = False) -> Engine:
    if kind == "sqlite":
        if sqlite3.sqlite_version_info < MIN_SQLITE:
            raise Unavailable(f"SQLite {sqlite3.sqlite_version} is too old; 3.38 or newer is needed")
        engine = create_engine(url, poolclass=NullPool, connect_args={"timeout": 10.0, "check_same_thread": False})
        event.listen(engine, "connect", _prepare_sqlite)
        return engine
    target = make_url(url.replace("postgres://", "postgresql://", 1)).set(drivername="postgresql+psycopg")
    options = {**_SESSION, "statement_timeout": f"{int(statement_timeout_s * 1000)}"}
    engine = create_engine(
        target,
        poolclass=NullPool,
        connect_args={
            "connect_timeout": 3,
            "keepalives_idle": 5,
            "keepalives_interval": 2,
            "keepalives_count": 3,
            "tcp_user_timeout": 10_000,
            "prepare_threshold": 1,
            "application_name": "statewright",
            "options": " ".join(f"-c {name}={value}" for name, value in options.items()),
        },
    )
    if not plain:
        event.listen(engine, "connect", _prepare_postgresql)
    return engine


def _prepare_sqlite(connection: sqlite3.Connection, _record: object) -> None:
    connection.isolation_level = None
    for pragma in (
        "journal_mode=WAL",
        "synchronous=FULL",
        "busy_timeout=10000",
        "foreign_keys=ON",
        "cache_size=-65536",
    ):
        connection.execute(f"pragma {pragma}")


def _prepare_postgresql(connection: psycopg.Connection[Any], _record: object) -> None:
    set_json_loads(_as_written, connection)


def _as_written(data: str | bytes) -> str | bytes:
    """JSON columns are decoded by the code that needs them, once, and not before."""
    return data


def _translated(error: Exception) -> Exception:
    """What an error of a driver, bare or wrapped by the connection pool, means to us."""
    original = error.orig if isinstance(error, DBAPIError) else error
    if isinstance(original, psycopg.Error):
        if original.sqlstate in _RETRYABLE:
            return Conflict(str(original))
        if isinstance(original, psycopg.OperationalError | psycopg.InterfaceError):
            return Unavailable(f"the database cannot be reached: {original}")
    if isinstance(original, psycopg.IntegrityError | sqlite3.IntegrityError):
        return KeyConflict(str(original))
    if isinstance(original, sqlite3.OperationalError):
        if "locked" in str(original) or "busy" in str(original):
            return Conflict(str(original))
        return Unavailable(f"the database cannot be used: {original}")
    return error
