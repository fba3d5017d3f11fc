"""Connections: how a store is opened, what every session is told, and what errors of a driver mean.

PostgreSQL sessions give up on locks after 2 s and on silent networks after 10 s; without that a partition hung a client
for 45 s while its ghost kept row locks. Plans are made once and kept: planning anew cost more than executing a small
batch, and a plan made while a table was small must not scan it when it has grown, so lookups go by index and nested
loop from the start. SQLite runs with WAL and synchronous=FULL, so an answered commit survives power loss.
"""

from __future__ import annotations

import sqlite3
from typing import Any, Final

import psycopg
from psycopg.types.string import TextLoader
from sqlalchemy import Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import NullPool

from service.storage.dialect import Kind
from statemachine.errors import InvalidInput, Unavailable

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
_NO_KEYS: Final = (psycopg.errors.ForeignKeyViolation, psycopg.errors.CheckViolation, psycopg.errors.NotNullViolation)
_TOO_MUCH: Final = frozenset({"57014", "54000", "54001"})
MIN_SQLITE: Final = (3, 38)


class Conflict(Exception):  # noqa: N818 - a race lost is no error of anyone's
    """The transaction lost a race (deadlock, lock time-out, unique key, …): nothing happened, run it again."""


class KeyConflict(Conflict):
    """A constraint was broken: mostly somebody else wrote the same key first. `unique` False: it is about no key."""

    def __init__(self, message: str, *, unique: bool = True) -> None:
        super().__init__(message)
        self.unique = unique


class BrokenKey(KeyConflict):
    """A key conflict that was the same when the transaction ran again: no race, but wrong."""


def come_again(conflict: Conflict, before: Conflict | None) -> Conflict:
    """What a conflict is that came after another: who loses a race once more meets the key that was written since."""
    if not isinstance(conflict, KeyConflict) or not isinstance(before, KeyConflict):
        return conflict
    return BrokenKey(str(conflict)) if not conflict.unique or str(conflict) == str(before) else conflict


class TooMuch(Unavailable):
    """The store gave a statement up: it took too long, or was too large. Fewer rows at once may do."""


def connected(engine: Engine) -> Connection:
    try:
        return engine.connect()
    except DBAPIError as error:
        raise translated(error) from error


def kind_of(url: str) -> Kind:
    scheme = url.split(":", 1)[0].split("+", 1)[0]
    if scheme in ("postgresql", "postgres"):
        return "postgresql"
    if scheme == "sqlite":
        return "sqlite"
    raise InvalidInput(f"database URL {scheme!r} is not supported; use postgresql://… or sqlite:///path")


def open_engine(url: str, kind: Kind, statement_timeout_s: float, *, plain: bool = False) -> Engine:
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
        "cache_size=-32768",
    ):
        connection.execute(f"pragma {pragma}")


def _prepare_postgresql(connection: psycopg.Connection[Any], _record: object) -> None:
    """JSON columns come as they are written, and are decoded by the code that needs them, once, and not before."""
    connection.adapters.register_loader("json", TextLoader)


def translated(error: Exception) -> Exception:
    """What an error of a driver, bare or wrapped by the connection pool, means to us."""
    original = error.orig if isinstance(error, DBAPIError) else error
    if isinstance(original, psycopg.Error):
        if original.sqlstate in _RETRYABLE:
            return Conflict(str(original))
        if original.sqlstate in _TOO_MUCH:
            return TooMuch(f"the database gave up: {original}")
        if isinstance(original, psycopg.OperationalError | psycopg.InterfaceError):
            return Unavailable(f"the database cannot be reached: {original}")
    if isinstance(original, psycopg.IntegrityError | sqlite3.IntegrityError):
        return KeyConflict(str(original), unique=not isinstance(original, _NO_KEYS))
    if isinstance(original, sqlite3.OperationalError) and str(original) == "interrupted":
        return TooMuch("the database gave up: it took too long")
    if isinstance(original, sqlite3.OperationalError):
        if "locked" in str(original) or "busy" in str(original):
            return Conflict(str(original))
        hint = "; is its folder there, and may this user write in it?" if "unable to open" in str(original) else ""
        return Unavailable(f"the database cannot be used: {original}{hint}")
    return error
