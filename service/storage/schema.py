"""Bringing a database to the schema of this version, and telling when it is not there.

The number of a schema is that of its newest migration, and the files of the migrations are named after theirs. Alembic
writes the number of a database into `alembic_version`.

One process migrates at a time: PostgreSQL takes an advisory lock, SQLite its write lock. Migrations only expand, so
that version N runs on the schema of N+1 (promise P12).
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from sqlalchemy import Connection, inspect

from service.storage.database import Database
from service.storage.partitions import ensure_partitions
from statemachine.errors import Unavailable

_MIGRATIONS: Final = Path(__file__).parent / "migrations"
_KNOWN: Final = sorted(path.name.partition("_")[0] for path in _MIGRATIONS.glob("versions/[0-9]*.py"))
_LOCK: Final = 0x57A7E


def migrate(database: Database) -> tuple[str | None, str]:
    """Apply every outstanding migration; answers (revision before, revision now).

    A database of a newer version is left as it is.
    """
    before = current_revision(database)
    now = before
    if _is_behind(before):
        before, now = _upgrade(database)
    ensure_partitions(database)
    assert now is not None
    return before, now


def head_revision() -> str:
    """The schema that this version of the code wants."""
    return _KNOWN[-1]


def current_revision(database: Database) -> str | None:
    """The schema the database has; None when it has none."""
    with database.plain_connection() as connection:
        return _revision(connection)


def require_schema(database: Database) -> None:
    """Raises Unavailable, saying what to run, when the schema is older than this version wants."""
    revision = current_revision(database)
    if _is_behind(revision):
        raise Unavailable(
            f"the database is at schema {revision or 'none'}, this version wants {head_revision()}; "
            "run `statewright migrate` or serve with --auto-migrate"
        )


def _revision(connection: Connection) -> str | None:
    if not inspect(connection).has_table("alembic_version"):
        return None
    revision: str | None = connection.exec_driver_sql("select version_num from alembic_version").scalar()
    return revision


def _is_behind(revision: str | None) -> bool:
    """A revision this code does not know was made by a newer version, which keeps us running (promise P12)."""
    return revision is None or (revision in _KNOWN and revision != head_revision())


def _upgrade(database: Database) -> tuple[str | None, str | None]:
    """Runs Alembic under the lock, unless another process has been faster."""
    # here, because Alembic and its template language are a tenth of a start, and most starts find their schema
    from alembic import command
    from alembic.config import Config

    with database.plain_connection() as connection:
        if database.kind == "postgresql":
            connection.exec_driver_sql(f"select pg_advisory_lock({_LOCK})")
            connection.exec_driver_sql("set lock_timeout = '30s'")
            connection.commit()
        else:
            connection.exec_driver_sql("begin immediate")
        before = _revision(connection)
        if _is_behind(before):
            config = Config(attributes={"connection": connection})
            config.set_main_option("script_location", str(_MIGRATIONS))
            command.upgrade(config, "head")
        now = _revision(connection)
        connection.commit()
        if database.kind == "postgresql":
            connection.exec_driver_sql(f"select pg_advisory_unlock({_LOCK})")
            connection.commit()
    return before, now
