"""What a server does for itself once a minute: it audits liveness, finishes deletions, forgets what has
passed and tallies what happened."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta
from functools import partial
from typing import Final

from service.engine.deleting import finish_deletions
from service.engine.engine import Engine
from service.storage.agents import forget_notifications
from service.storage.audit import Liveness, audit_liveness
from service.storage.database import Transaction
from service.storage.orphans import BELONGINGS, FIRST, Belongings, Name, delete_orphans, find_orphans
from service.storage.retention import EVENT_KEYS, PAGE, REQUESTS, START, KeyTable, Place, delete_keys, old_keys
from service.tallying import Tallying

REQUEST_WINDOW: Final = timedelta(hours=24)
NOTIFICATION_WINDOW: Final = timedelta(days=90)
_PAGES_A_ROUND: Final = 20

_log = logging.getLogger(__name__)


class Housekeeping:
    """Every replica does it; that two do it at once costs little and harms nothing."""

    def __init__(self, engine: Engine, dedup_window: timedelta) -> None:
        self._engine = engine
        self._windows = {EVENT_KEYS: dedup_window, REQUESTS: REQUEST_WINDOW}
        self._places: dict[KeyTable, Place] = {}
        self._looked_at: dict[Belongings, Name] = {}
        self._tallying = Tallying(engine)

    async def round(self) -> None:
        """One round; long tables are walked over many rounds. Raises Unavailable."""
        liveness = await self.audit()
        if not liveness.sound:
            counts = {"stuck": liveness.stuck, "overdue": liveness.overdue, "expired_leases": liveness.expired}
            _log.error("the liveness audit found work that does not move", extra=counts)
        await finish_deletions(self._engine)
        for table in self._windows:
            await self.prune(table)
        await self.forget_notifications()
        for kind in BELONGINGS:
            await self.forget_orphans(kind)
        await self._tallying.round()

    async def audit(self) -> Liveness:
        """The liveness audit (promise P5), on the database's clock."""
        clock = self._engine.clock

        def work(transaction: Transaction) -> Liveness:
            now = clock.read(transaction)
            return audit_liveness(transaction, workflow_now=now.workflow, wall_now=now.wall, rate=clock.rate)

        return await self._engine.read(work)

    async def prune(self, table: KeyTable) -> int:
        """Walk on through a table of keys, some pages, and delete what its window has passed; answers how many."""
        deleted = 0
        for _ in range(_PAGES_A_ROUND):
            deleted += await self._prune_page(table)
            if table not in self._places:
                break
        return deleted

    async def _prune_page(self, table: KeyTable) -> int:
        before = await self._engine.read(self._now) - self._windows[table]
        after = self._places.pop(table, START)
        old, further = await self._engine.read(lambda transaction: old_keys(transaction, table, after, before))
        if further is not None:
            self._places[table] = further
        if not old:
            return 0
        return await self._engine.write(lambda transaction: delete_keys(transaction, table, old, before))

    async def forget_orphans(self, kind: Belongings) -> int:
        """Walk on through what belongs to somebody, some pages, and delete what is over and whose owner is gone."""
        deleted = 0
        for _ in range(_PAGES_A_ROUND):
            after = self._looked_at.pop(kind, FIRST)
            names, further = await self._engine.read(partial(find_orphans, kind=kind, after=after))
            if names:
                deleted += await self._engine.write(partial(delete_orphans, kind=kind, names=names))
            if further is None:
                break
            self._looked_at[kind] = further
        return deleted

    async def forget_notifications(self) -> int:
        """Delete what agents were told long ago, some pages; answers how many."""
        deleted = 0
        for _ in range(_PAGES_A_ROUND):
            page = await self._engine.write(self._forget_page)
            deleted += page
            if page < PAGE:
                break
        return deleted

    def _forget_page(self, transaction: Transaction) -> int:
        before = self._engine.clock.read(transaction).workflow - NOTIFICATION_WINDOW
        return forget_notifications(transaction, before, PAGE)

    def _now(self, transaction: Transaction) -> datetime:
        return self._engine.clock.read(transaction).wall
