"""A theatre: one store on which play follows play, with what plays have in common made once.

Definitions are compiled once for all who need them, connections stay open, and tables are emptied between two plays.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import closing, contextmanager
from functools import lru_cache
from typing import Any, Final

import uvloop

from service.engine import catalog, publishing
from service.storage.database import Database
from service.storage.tables import metadata
from statemachine.definition import load_workflow
from tests.chaos.faulty import Connections
from tests.chaos.play import play
from tests.chaos.tally import Tally

HANG_S: Final = 120.0
"""How long a play may take: less than a second on an idle machine."""
_KEPT: Final = frozenset({"alembic_version"})
_MEMORY: Final = 512


class Theatre:
    """See the module. `url` is that of its store, which has to be migrated. `alone`: one actor at a time, in an order
    that the seed draws, so that a play is the same each time; otherwise as they come, on threads."""

    def __init__(self, url: str, *, alone: bool = True) -> None:
        self.url = url
        self.alone = alone
        self._connections = Connections()
        _never_vacuumed(url)
        self._runner = asyncio.Runner(loop_factory=uvloop.new_event_loop)

    def play(self, seed: int) -> Tally:
        """Raises AssertionError when a promise is broken."""
        wipe(self.url)
        with _compiled_once():
            return self._runner.run(self._bounded(seed))

    async def _bounded(self, seed: int) -> Tally:
        async with asyncio.timeout(HANG_S):
            return await play(self.url, seed, self._connections, alone=self.alone)

    def close(self) -> None:
        self._runner.close()
        self._connections.close()


def wipe(url: str) -> None:
    """Empty every table, on PostgreSQL to the ground, so that its rows lie in the order in which a play writes them."""
    names = [table.name for table in metadata.sorted_tables if table.name not in _KEPT]
    with closing(Database(url)) as database, database.transaction() as transaction:
        full = transaction.rows(
            " union all ".join(f"select '{name}' where exists (select 1 from {name})" for name in names)
        )
        if database.kind == "postgresql" and full:
            transaction.write(f"truncate {', '.join(name for (name,) in full)}")
            return
        for (name,) in full:
            transaction.write(f"delete from {name}")


def _never_vacuumed(url: str) -> None:
    """Else PostgreSQL would move rows, and plan anew, at moments of its own."""
    with closing(Database(url)) as database, database.transaction() as transaction:
        if database.kind == "postgresql":
            listed = (
                "select oid::regclass::text from pg_class where relkind = 'r' and relnamespace = 'public'::regnamespace"
            )
            for (name,) in transaction.rows(listed):
                transaction.write(f"alter table {name} set (autovacuum_enabled = false)")


@lru_cache(_MEMORY)
def _load(*given: Any, **named: Any) -> Any:
    return load_workflow(*given, **named)


@contextmanager
def _compiled_once() -> Iterator[None]:
    """Versions are immutable: whoever compiles a source that was compiled before gets that one."""
    publishing.load_workflow = catalog.load_workflow = _load  # type: ignore[attr-defined]
    try:
        yield
    finally:
        publishing.load_workflow = catalog.load_workflow = load_workflow  # type: ignore[attr-defined]
