"""Whether a store keeps its word: an answered commit must survive the end of its machine (promise P1)."""

from __future__ import annotations

from service.storage.database import Database, Transaction


def unsafe_parameters(database: Database) -> tuple[str, ...]:
    """The server parameters of PostgreSQL that are off and would lose acknowledged commits; none on SQLite."""
    if database.kind == "sqlite":
        return ()
    return database.run(_switched_off)


def _switched_off(transaction: Transaction) -> tuple[str, ...]:
    rows = transaction.rows(
        "select name from pg_settings where name in ('fsync', 'full_page_writes') and setting = 'off' order by name"
    )
    return tuple(str(row[0]) for row in rows)
