"""Keeping appointments: contacts whose date has come are looked at, those that were there before a version are planned.

A tick of the metronome does both; any number of replicas may tick. A contact that is looked at twice is enrolled once:
its slot is settled in the transaction that enrols it.
"""

from __future__ import annotations

from contextlib import suppress
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from service.engine.commands import DateArrived, PlanDates
from service.engine.tickets import MAX_BATCH
from service.storage.contact_dates import contacts_after, due_contacts, keep_seed, put_off_dates, seeds
from service.storage.contacts import ContactKey
from service.storage.database import Transaction
from statemachine.dates import DATE
from statemachine.errors import Saturated, Unavailable

if TYPE_CHECKING:
    from service.engine.engine import Engine

_PAGES: Final = 20
"""How many pages of contacts a tick plans for a version."""
_TRY_LATER: Final = timedelta(seconds=30)


class Appointments:
    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def keep(self) -> None:
        """Look at everything that is due, and plan a share of what is new.

        Nothing where no version has dates, as of the timers that were fired just before.
        """
        if not self._engine.catalog.directory.dated:
            return
        unplanned, due = await self._engine.read(self._look)
        with suppress(Saturated, Unavailable):
            for tenant, workflow, version, after in unplanned:
                await self._plan(tenant, workflow, version, after)
            while due and not self._engine.draining:
                due = await self._arrive(due)

    def _look(self, transaction: Transaction) -> tuple[list[tuple[str, str, int, str]], list[ContactKey]]:
        """The versions with date triggers whose contacts are not all planned, and the contacts that are due."""
        directory = self._engine.catalog.directory
        known = seeds(transaction)
        unplanned: list[tuple[str, str, int, str]] = []
        for (tenant, kind), workflows in directory.by_trigger.items():
            for workflow in workflows if kind == DATE else ():
                version, after = known.get((tenant, workflow.key), (0, ""))
                if version != workflow.version:
                    unplanned.append((tenant, workflow.key, workflow.version, ""))
                elif after is not None:
                    unplanned.append((tenant, workflow.key, workflow.version, after))
        return unplanned, self._due(transaction)

    def _due(self, transaction: Transaction) -> list[ContactKey]:
        return due_contacts(transaction, self._engine.clock.read(transaction).workflow, MAX_BATCH)

    async def _plan(self, tenant: str, workflow: str, version: int, after: str) -> None:
        at: str | None = after
        for _ in range(_PAGES):
            if at is not None and not self._engine.draining:
                at = await self._plan_page(tenant, workflow, version, at)

    async def _plan_page(self, tenant: str, workflow: str, version: int, after: str) -> str | None:
        """Plan the contacts after one; answers the last of them, None when there are no more or some are busy."""
        engine = self._engine
        page = await engine.read(lambda transaction: contacts_after(transaction, tenant, after, MAX_BATCH))
        results = await engine.ask_all([PlanDates(tenant, contact) for contact in page])
        if any(isinstance(result, Exception) for result in results):
            return None
        last = page[-1] if len(page) == MAX_BATCH else None
        await engine.write(lambda transaction: keep_seed(transaction, tenant, workflow, version, last))
        return last

    async def _arrive(self, due: list[ContactKey]) -> list[ContactKey]:
        """Look at contacts that are due; answers those that are due next, where there may be more."""
        engine = self._engine
        results = await engine.ask_all([DateArrived(tenant, contact) for tenant, contact in due])
        failed = [key for key, result in zip(due, results, strict=True) if isinstance(result, Exception)]
        if failed:
            await engine.write(lambda transaction: self._put_off(transaction, failed))
        return await engine.read(self._due) if len(due) == MAX_BATCH and not failed else []

    def _put_off(self, transaction: Transaction, failed: list[ContactKey]) -> None:
        now = self._engine.clock.read(transaction).workflow
        put_off_dates(transaction, failed, now, now + _TRY_LATER * self._engine.clock.rate)
