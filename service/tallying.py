"""Tallying: a part of housekeeping that counts enrollments from where it stopped, so that reports are quick.

A round counts some pages and no more, a few while there is other work: it must not be felt. A store that grows faster
has a longer tail for a while, which reports count from history.
"""

from __future__ import annotations

import logging
from contextlib import suppress
from datetime import timedelta
from functools import partial
from typing import Any, Final

from service.engine.engine import Engine
from service.storage.database import Transaction
from service.storage.partitions import first_id_at
from service.storage.tallies import (
    FIRST,
    Mark,
    Overtaken,
    all_marks,
    changed_since,
    count_next,
    find_mark,
    forget_tallies,
    is_exact,
    keep_tallies,
    untallied,
)

SETTLED_AFTER: Final = timedelta(minutes=2)
"""Ids are minted before they are committed: younger ones may still come in between."""
PAGE: Final = 500
PAGES_IDLE: Final = 60
PAGES_BUSY: Final = 4
"""In a round, while nothing waits for the engine and while something does."""
_VERIFIED_EVERY: Final = 60
"""Rounds, after which every workflow's tallies are held against the number of its enrollments."""

_log = logging.getLogger(__name__)


class Tallying:
    """Every replica does it; when two count the same, one of them gives way."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._rounds = 0
        self._place = FIRST

    async def round(self) -> None:
        """Count what is new, then look again at what was not over, some pages of each. Raises Unavailable."""
        if self._rounds % _VERIFIED_EVERY == 0:
            await self.verify()
        self._rounds += 1
        pages = PAGES_BUSY if self._engine.pending else PAGES_IDLE
        await self.tally(await self._engine.read(self._settled), pages)

    async def tally(self, until: str, pages: int = PAGES_IDLE) -> int:
        """Count enrollments with ids up to one, and anew what has changed; answers how many."""
        return await self.count_new(until, pages) + await self.count_changed(pages)

    async def count_new(self, until: str, pages: int = PAGES_IDLE) -> int:
        """Count enrollments with ids up to one; answers how many."""
        counted = 0
        while pages > 0:
            names = await self._engine.read(partial(untallied, until=until))
            if not names:
                break
            for tenant, workflow in names[:pages]:
                counted += await self._count_page(tenant, workflow, until)
            pages -= len(names)
        return counted

    async def count_changed(self, pages: int = PAGES_IDLE) -> int:
        """Count anew what has changed since it was counted, walking on through it; answers how many."""
        counted = 0
        for _ in range(pages):
            counted += await self._count_changes()
            if self._place == FIRST:
                break
        return counted

    async def verify(self) -> None:
        """Forget tallies of workflows that have other enrollments than were counted, so that they are made anew."""
        for tenant, workflow, mark in await self._engine.read(all_marks):
            if not await self._engine.read(partial(is_exact, tenant=tenant, workflow=workflow, mark=mark)):
                _log.warning(
                    "the tallies of a workflow miss some enrollments and are made anew", extra={"workflow": workflow}
                )
                with suppress(Overtaken):
                    await self._engine.write(partial(forget_tallies, tenant=tenant, workflow=workflow, mark=mark))

    async def _count_page(self, tenant: str, workflow: str, until: str) -> int:
        mark = await self._engine.read(partial(find_mark, tenant=tenant, workflow=workflow))
        new = await self._engine.analyse(
            partial(count_next, tenant=tenant, workflow=workflow, after=mark.up_to, until=until, limit=PAGE)
        )
        return await self._keep(tenant, workflow, mark, new=new)

    async def _count_changes(self) -> int:
        """The mark is read before what changed, so that who was faster is noticed."""
        marks = {(tenant, workflow): mark for tenant, workflow, mark in await self._engine.read(all_marks)}
        changes, further = await self._engine.analyse(partial(changed_since, after=self._place, limit=PAGE))
        self._place = further or FIRST
        counted = 0
        for name, changed in changes.items():
            if name in marks:  # else another server has just counted it
                counted += await self._keep(*name, marks[name], changed=changed)
        return counted

    async def _keep(self, tenant: str, workflow: str, mark: Mark, **counted: Any) -> int:
        try:
            await self._engine.write(partial(keep_tallies, tenant=tenant, workflow=workflow, mark=mark, **counted))
        except Overtaken:
            return 0
        return sum(map(len, counted.values()))

    def _settled(self, transaction: Transaction) -> str:
        """The id before which all that is to be committed has been, but by servers whose clocks are minutes behind."""
        return first_id_at(self._engine.clock.read(transaction).wall - SETTLED_AFTER)
