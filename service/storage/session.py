"""A thread's session with its store: the driver itself, told when to begin and when to commit.

On PostgreSQL a session is a pipeline: statements are sent when an answer is read, so that what does not depend on an
answer shares a round trip with what comes before it, `begin` included, and `commit` is one more. An error leaves the
pipeline dead until the next synchronisation, and the transaction to be rolled back.
"""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Mapping
from contextlib import ExitStack, suppress
from typing import Any, Final, Protocol, cast

import psycopg
from sqlalchemy import Engine

logging.getLogger("psycopg").setLevel(logging.ERROR)
"""It warns of pipelines that end with their connection; whoever used it was told by an error."""

Parameters = Mapping[str, Any]
_CANCELLED_WITHIN_S: Final = 2.0
"""How long the server may take to hear that a statement is not wanted any more."""


class Session(Protocol):
    """Used by one thread, for one transaction after another. Raises the driver's errors."""

    @property
    def broken(self) -> bool:
        """Whether it cannot be used any more."""

    def begin(self, *, writing: bool, snapshot: bool = False) -> None:
        """`snapshot`: every statement sees what the first one sees; only for reading."""

    def execute(self, sql: str, parameters: Parameters) -> Any:
        """A cursor; on PostgreSQL its rows may still be on their way."""

    def settle(self) -> None:
        """Wait until everything that was sent is done."""

    def commit(self) -> None: ...

    def roll_back(self) -> None:
        """Forget the transaction, if there is one. Raises nothing: a connection that cannot even do this is broken."""

    def interrupt(self) -> None:
        """Break off the statement under way, from another thread. Raises nothing."""

    def close(self) -> None: ...


class SqliteSession:
    """See `Session`. Who will write says so at once: a reader cannot become a writer while others write."""

    def __init__(self, engine: Engine) -> None:
        self._pooled = engine.raw_connection()
        self._driver = cast(sqlite3.Connection, self._pooled.driver_connection)

    @property
    def broken(self) -> bool:
        return False

    def begin(self, *, writing: bool, snapshot: bool = False) -> None:
        self._driver.execute("begin immediate" if writing else "begin")

    def execute(self, sql: str, parameters: Parameters) -> sqlite3.Cursor:
        return self._driver.execute(sql, parameters)

    def settle(self) -> None:
        """It is: SQLite works while it is called."""

    def commit(self) -> None:
        self._driver.execute("commit")

    def roll_back(self) -> None:
        with suppress(sqlite3.Error):
            if self._driver.in_transaction:
                self._driver.execute("rollback")

    def interrupt(self) -> None:
        self._driver.interrupt()

    def close(self) -> None:
        self._pooled.invalidate()


class PostgresSession:
    """See `Session` and the module."""

    def __init__(self, engine: Engine) -> None:
        self._pooled = engine.raw_connection()
        self._driver = cast("psycopg.Connection[Any]", self._pooled.driver_connection)
        self._driver.autocommit = True
        self._open = ExitStack()
        self._pipeline = self._open.enter_context(self._driver.pipeline())

    @property
    def broken(self) -> bool:
        return self._driver.closed or self._driver.broken

    def begin(self, *, writing: bool, snapshot: bool = False) -> None:
        self._driver.execute("begin isolation level repeatable read, read only" if snapshot else "begin")

    def execute(self, sql: str, parameters: Parameters) -> psycopg.Cursor[Any]:
        return self._driver.execute(cast(Any, sql), parameters)

    def settle(self) -> None:
        self._pipeline.sync()

    def commit(self) -> None:
        self._driver.execute("commit")
        self._pipeline.sync()

    def roll_back(self) -> None:
        with suppress(psycopg.Error):
            self._synchronise()
            self._driver.execute("rollback")
            self._synchronise()

    def _synchronise(self) -> None:
        """Wait for everything that was sent; what failed has been told before, or is of no interest any more."""
        with suppress(psycopg.Error):
            self._pipeline.sync()

    def interrupt(self) -> None:
        with suppress(psycopg.Error):
            self._driver.cancel_safe(timeout=_CANCELLED_WITHIN_S)

    def close(self) -> None:
        with suppress(psycopg.Error):
            self._open.close()
        with suppress(psycopg.Error):
            self._driver.close()
        self._pooled.invalidate()
