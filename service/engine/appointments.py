"""Keeping appointments: contacts whose date has come are looked at, those that were there before a version are planned.

A tick of the metronome does both; any number of replicas may tick. A contact that is looked at twice is enrolled once:
its slot is settled in the transaction that enrols it.
"""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from service.engine.commands import DateArrived, PlanDates
from service.engine.tickets import MAX_BATCH
from service.storage.contact_dates import due_contacts, put_off_dates
from service.storage.contacts import ContactKey
from service.storage.database import Transaction
from service.storage.date_seeds import Seed, begin_seed, contacts_after, move_seed, running, seeds
from statemachine.dates import DATE, rules_of
from statemachine.errors import Saturated, Unavailable

if TYPE_CHECKING:
    from service.engine.engine import Engine

_PAGES: Final = 20
"""How many pages of contacts a tick plans for a version."""
_TRY_LATER: Final = timedelta(seconds=30)


class Appointments:
    """`_awaited` are, by version, the transactions that were under way when it was seen to be active."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._awaited: dict[tuple[str, str, int, datetime], frozenset[str]] = {}

    async def keep(self) -> None:
        """Look at everything that is due, and plan a share of what is new.

        Nothing where no version has dates, as of the timers that were fired just before.
        """
        if not self._engine.catalog.directory.dated:
            return
        unseen, unplanned, due = await self._engine.read(self._look)
        if unseen:
            await self._engine.write(lambda transaction: _begin(transaction, unseen))
            unplanned = (await self._engine.read(self._look))[1]
        with suppress(Saturated, Unavailable):
            for seed in unplanned:
                await self._plan(seed)
            while due and not self._engine.draining:
                due = await self._arrive(due)

    def _look(self, transaction: Transaction) -> tuple[list[Seed], list[Seed], list[ContactKey]]:
        """The versions with date triggers that are new, those whose contacts are not all planned, and who is due."""
        now = self._engine.clock.read(transaction).workflow
        known = seeds(transaction)
        unseen: list[Seed] = []
        unplanned: list[Seed] = []
        for (tenant, kind), workflows in self._engine.catalog.directory.by_trigger.items():
            for workflow in filter(rules_of, workflows) if kind == DATE else ():
                seed = known.get((tenant, workflow.key))
                if seed is None or seed.version != workflow.version:
                    unseen.append(Seed(tenant, workflow.key, workflow.version, now))
                elif seed.after is not None:
                    unplanned.append(seed)
        return unseen, self._settled(transaction, unplanned), self._due(transaction)

    def _settled(self, transaction: Transaction, unplanned: list[Seed]) -> list[Seed]:
        """Those versions that everybody knows whose transaction is under way.

        A transaction that began before a version was active does not plan by it, and a contact that it makes is not
        seen by others until it ends. So its end is awaited before contacts are paged through.
        """
        names = {seed: (seed.tenant, seed.workflow, seed.version, seed.since) for seed in unplanned}
        fresh = {name: self._awaited.get(name) for seed, name in names.items() if seed.after == ""}
        self._awaited = {}
        if fresh:
            others = running(transaction)
            self._awaited = {name: others if known is None else known & others for name, known in fresh.items()}
        return [seed for seed, name in names.items() if not self._awaited.get(name)]

    def _due(self, transaction: Transaction) -> list[ContactKey]:
        return due_contacts(transaction, self._engine.clock.read(transaction).workflow, MAX_BATCH)

    async def _plan(self, seed: Seed) -> None:
        at = seed.after
        for _ in range(_PAGES):
            if at is not None and not self._engine.draining:
                at = await self._plan_page(seed, at)

    async def _plan_page(self, seed: Seed, after: str) -> str | None:
        """Plan the contacts after one; answers the last of them, None when there are no more or some are busy."""
        engine = self._engine
        page = await engine.read(lambda transaction: contacts_after(transaction, seed.tenant, after, MAX_BATCH))
        commands = [PlanDates(seed.tenant, contact, seed.workflow, seed.since) for contact in page]
        results = await engine.ask_all(commands)
        if any(isinstance(result, Exception) for result in results):
            return None
        last = page[-1] if len(page) == MAX_BATCH else None
        await engine.write(lambda transaction: move_seed(transaction, seed, last))
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


def _begin(transaction: Transaction, unseen: list[Seed]) -> None:
    for seed in sorted(unseen, key=lambda one: (one.tenant, one.workflow)):
        begin_seed(transaction, seed)
