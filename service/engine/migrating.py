"""Migrations: which enrollments of a version fit into another, and moving them there, batch by batch.

A migration keeps no state but what it leaves in the histories: cause `op:migrate/<id>` says that an enrollment has been
moved by it, so that whoever carries it on, after a crash or on another replica, begins with those that are left.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from functools import partial

from service.engine.commands import Operate
from service.engine.engine import Engine
from service.engine.rounds import Pace, Progress, Work, in_rounds
from service.storage.database import Transaction
from service.storage.live_runs import count_with, ids_without, last_live_id, live_places
from statemachine.cause import OperatorCause
from statemachine.migration import MOVABLE, Fit, Placement, Route, migration_data, place


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


def carry_on(engine: Engine, migration: Migration, pace: Pace) -> AsyncIterator[Progress]:
    """Move what is left, and tell after every batch; the last word has `done`. Raises Unavailable.

    The versions of the route have to be in the engine's catalog.
    """
    data = migration_data(migration.route)
    key = migration.route.source.key
    work = Work(
        partial(_page, migration),
        lambda one: Operate(migration.tenant, one, "migrate", migration.id, data=data),
        f"some enrollments of {key!r} are busy; repeat with request_id {migration.id!r} to go on",
    )
    return in_rounds(engine, work, Progress(migration.moved), pace)


def _page(migration: Migration, transaction: Transaction, after: str, limit: int) -> list[str]:
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
