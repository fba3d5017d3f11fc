"""Bringing a database to the schema of this version, and telling when it is not there.

One process migrates at a time: PostgreSQL takes an advisory lock, SQLite its write lock. Migrations only expand, so
that version N runs on the schema of N+1 (promise P12).
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

from service.storage.database import Database
from service.storage.partitions import ensure_partitions
from statemachine.errors import Unavailable

_MIGRATIONS: Final = Path(__file__).parent / "migrations"
_LOCK: Final = 0x57A7E


def migrate(database: Database) -> tuple[str | None, str]:
    """Apply every outstanding migration; answers (revision before, revision now).

    A database of a newer version is left as it is.
    """
    with database.plain_connection() as connection:
        if database.kind == "postgresql":
            connection.exec_driver_sql(f"select pg_advisory_lock({_LOCK})")
            connection.exec_driver_sql("set lock_timeout = '30s'")
            connection.commit()
        else:
            connection.exec_driver_sql("begin immediate")
        before = MigrationContext.configure(connection).get_current_revision()
        if not _is_newer(before):
            config = _config()
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
        now = MigrationContext.configure(connection).get_current_revision()
        connection.commit()
        if database.kind == "postgresql":
            connection.exec_driver_sql(f"select pg_advisory_unlock({_LOCK})")
            connection.commit()
    ensure_partitions(database)
    assert now is not None
    return before, now


def head_revision() -> str:
    """The schema that this version of the code wants."""
    head = ScriptDirectory.from_config(_config()).get_current_head()
    assert head is not None
    return head


def current_revision(database: Database) -> str | None:
    """The schema the database has; None when it has none."""
    with database.plain_connection() as connection:
        return MigrationContext.configure(connection).get_current_revision()


def require_schema(database: Database) -> None:
    """Raises Unavailable, saying what to run, when the schema is older than this version wants."""
    revision = current_revision(database)
    if revision != head_revision() and not _is_newer(revision):
        raise Unavailable(
            f"the database is at schema {revision or 'none'}, this version wants {head_revision()}; "
            "run `statewright migrate` or serve with --auto-migrate"
        )


def _is_newer(revision: str | None) -> bool:
    """A revision this code does not know was made by a newer version, which keeps us running (promise P12)."""
    known = {script.revision for script in ScriptDirectory.from_config(_config()).walk_revisions()}
    return revision is not None and revision not in known


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS))
    return config
