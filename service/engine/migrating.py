"""Migrations: which enrollments of a version fit into another, and moving them there, batch by batch.

A migration keeps no state but what it leaves in the histories: cause `op:migrate/<id>` says that an enrollment has been
moved by it, so that whoever carries it on, after a crash or on another replica, begins with those that are left.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Final

from service.engine.commands import Operate
from service.engine.engine import Engine
from service.storage.database import Transaction
from service.storage.live_runs import count_with, ids_without, last_live_id, live_places
from statemachine.cause import OperatorCause
from statemachine.errors import MigrationRefused, NotFound, Saturated, Unavailable
from statemachine.migration import MOVABLE, Fit, Placement, Route, migration_data, place

MAX_RATE: Final = 10_000
DEFAULT_RATE: Final = 200
_MOST_AT_ONCE: Final = 200
_BATCHES_A_SECOND: Final = 5
_ROUNDS: Final = 4
"""How often those that another replica held, or that found the server full, are tried."""


@dataclass(frozen=True, slots=True)
class Group:
    """Live enrollments in one step that fare alike; `example` is one of them."""

    step: str
    placement: Placement
    count: int
    example: str


@dataclass(frozen=True, slots=True)
class Migration:
    """`id` names it for ever. When this call of it began, `moved` enrollments had been moved by calls before, and of
    `total` with those the last one to look at was `until`. `failed` ones are moved too, or only the live."""

    tenant: str
    id: str
    route: Route
    moved: int
    total: int
    until: str
    failed: bool = False


def _cause_id(migration_id: str) -> str:
    return OperatorCause("migrate", migration_id).id


@dataclass(slots=True)
class Progress:
    """`left` counts the enrollments that stay, by (step, code); `examples` has one and the reason of each."""

    migrated: int = 0
    left: Counter[tuple[str, str]] = field(default_factory=Counter)
    examples: dict[tuple[str, str], tuple[str, str]] = field(default_factory=dict)
    done: bool = False


class Pace:
    """Lets so many pass per second; tests give it a clock and a pause of their own."""

    def __init__(
        self,
        rate: float,
        *,
        now: Callable[[], float] = time.monotonic,
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self.at_once = max(1, min(_MOST_AT_ONCE, int(rate / _BATCHES_A_SECOND)))
        self._rate = rate
        self._now = now
        self._pause = pause
        self._next_at = now()

    async def passed(self, count: int) -> None:
        """Return when as many more may pass."""
        self._next_at = max(self._next_at, self._now()) + count / self._rate
        wait_s = self._next_at - self._now()
        if wait_s > 0:
            await self._pause(wait_s)


def plan(transaction: Transaction, tenant: str, route: Route, *, failed: bool = False) -> list[Group]:
    """How the live (and the failed) enrollments of the source fare, by step in the order of its definition."""
    key, version = route.source.key, route.source.version
    order = {step: number for number, step in enumerate(route.source.steps)}
    groups = [
        Group(found.step, place(route, found.step, entering=found.entering), found.count, found.example)
        for found in live_places(transaction, tenant, key, version, failed=failed)
    ]
    return sorted(groups, key=lambda group: order[group.step])


def begin(transaction: Transaction, tenant: str, migration_id: str, route: Route, *, failed: bool = False) -> Migration:
    """What a migration has to do that begins, or goes on, now."""
    key = route.source.key
    moved = count_with(transaction, tenant, key, route.target.version, _cause_id(migration_id))
    left = sum(group.count for group in plan(transaction, tenant, route, failed=failed))
    until = last_live_id(transaction, tenant, key, route.source.version, failed=failed)
    return Migration(tenant, migration_id, route, moved, moved + left, until, failed)


async def carry_on(engine: Engine, migration: Migration, pace: Pace) -> AsyncIterator[Progress]:
    """Move what is left, and tell after every batch; the last word has `done`. Raises Unavailable.

    The versions of the route have to be in the engine's catalog.
    """
    route = migration.route
    progress = Progress(migration.moved)
    for _ in range(_ROUNDS):
        after, put_off = "", False
        while True:
            ids = await engine.read(partial(_page, migration=migration, after=after, limit=pace.at_once))
            if not ids:
                break
            after = ids[-1]
            put_off |= await _move(engine, migration, ids, progress)
            yield progress
            await pace.passed(len(ids))
        if not put_off:
            progress.done = True
            yield progress
            return
        progress.left.clear()
    raise Unavailable(
        f"some enrollments of {route.source.key!r} are busy; repeat with request_id {migration.id!r} to go on"
    )


def _page(transaction: Transaction, migration: Migration, after: str, limit: int) -> list[str]:
    source = migration.route.source
    return ids_without(
        transaction,
        migration.tenant,
        source.key,
        source.version,
        _cause_id(migration.id),
        after=after,
        until=migration.until,
        limit=limit,
        failed=migration.failed,
    )


async def _move(engine: Engine, migration: Migration, ids: Sequence[str], progress: Progress) -> bool:
    """Ask for each; answers whether some must be asked again."""
    data = migration_data(migration.route)
    commands = [Operate(migration.tenant, one, "migrate", migration.id, data=data) for one in ids]
    await engine.capacity()
    try:
        results = await engine.ask_all(commands)
    except Saturated:
        return True
    put_off = False
    for enrollment_id, result in zip(ids, results, strict=True):
        if isinstance(result, MigrationRefused):
            name = (result.metadata["step"], result.code)
            progress.left[name] += 1
            progress.examples.setdefault(name, (enrollment_id, result.message))
        elif isinstance(result, Unavailable | Saturated):
            put_off = True
        elif isinstance(result, NotFound):
            continue
        elif isinstance(result, Exception):
            raise result
        else:
            progress.migrated += 1
    return put_off


def groups_left(migration: Migration, progress: Progress) -> list[Group]:
    """Those that stayed, as groups."""
    groups = []
    for (step, code), count in sorted(progress.left.items()):
        example, message = progress.examples[step, code]
        fit = Fit.NEEDS_MAPPING if code == "step_removed" else Fit.IMPOSSIBLE
        to_step = migration.route.mapping.get(step, step if step in migration.route.target.steps else "")
        groups.append(Group(step, Placement(fit, to_step, code, message), count, example))
    return groups


def movable(groups: Sequence[Group]) -> int:
    """How many of them go."""
    return sum(group.count for group in groups if group.placement.fit in MOVABLE)
