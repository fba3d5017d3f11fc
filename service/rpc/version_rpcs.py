"""WorkflowService about several versions at once: differences and migrations; and deleting them all."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from statewright.v1 import (
    ApplyMigrationRequest,
    ApplyMigrationResponse,
    DiffRequest,
    DiffResponse,
    PlanMigrationRequest,
    PlanMigrationResponse,
    WorkflowServiceDeleteRequest,
    WorkflowServiceDeleteResponse,
)

from service.engine.catalog import load_stored
from service.engine.commands import DEFAULT_TENANT
from service.engine.deleting import cancel_live
from service.engine.migrating import (
    Group,
    Migration,
    begin,
    carry_on,
    groups_left,
    movable,
    plan,
)
from service.engine.publishing import delete
from service.engine.rounds import DEFAULT_RATE, MAX_RATE, Pace, Progress
from service.rpc.fields import Violations, check_names, chosen, required_id
from service.rpc.repeats import once, request_key
from service.rpc.rooms import Rooms
from service.rpc.version_message import TIMERS, write_difference, write_group
from service.rpc.workflow_message import write_workflow
from service.storage.database import Transaction
from service.storage.workflow_queries import find_version, find_workflow
from service.storage.workflows import StoredVersion, StoredWorkflow, get_workflow
from statemachine.definition import Loaded
from statemachine.diff import diff, renames, steps_by_id
from statemachine.errors import InvalidInput, Unavailable
from statemachine.limits import MAX_STEPS
from statemachine.migration import Fit, Route, place


class VersionRpcs:
    def __init__(self, rooms: Rooms) -> None:
        self._engine = rooms.engine
        self._leaving = rooms.leaving

    async def diff(self, request: DiffRequest) -> DiffResponse:
        key = required_id("key", request.key)
        given = [getattr(request, name) if request.HasField(name) else None for name in ("from_version", "to_version")]

        def work(transaction: Transaction) -> tuple[int, int]:
            latest = find_workflow(transaction, DEFAULT_TENANT, key).latest_version
            newer = latest if given[1] is None else given[1]
            return (max(1, newer - 1) if given[0] is None else given[0]), newer

        older, newer = await self._engine.read(work)
        before, after = await self._load(key, older, newer)
        response = DiffResponse(from_version=older, to_version=newer)
        for change in await asyncio.to_thread(diff, before, after):
            write_difference(change, response.differences.add())
        return response

    async def plan_migration(self, request: PlanMigrationRequest) -> PlanMigrationResponse:
        route = await self._route(request, Violations())
        groups = await self._engine.read(
            lambda transaction: plan(transaction, DEFAULT_TENANT, route, failed=request.include_failed)
        )
        response = PlanMigrationResponse(from_version=route.source.version, to_version=route.target.version)
        await self._write_groups(groups, route, response.groups)
        counts = {fit: sum(group.count for group in groups if group.placement.fit is fit) for fit in Fit}
        for fit, count in counts.items():
            setattr(response, fit.value, count)
        response.total = sum(counts.values())
        places = {step: place(route, step) for step in route.source.steps}
        response.mapping.update({step: found.step for step, found in places.items() if not found.reason})
        return response

    async def apply_migration(self, request: ApplyMigrationRequest) -> AsyncIterator[ApplyMigrationResponse]:
        rate = request.rate if request.HasField("rate") else DEFAULT_RATE
        violations = Violations()
        violations.number("rate", rate, 1, MAX_RATE)
        violations.name("request_id", request.request_id)
        route = await self._route(request, violations)
        _require_known(route)
        if request.dry_run:
            yield await self._rehearse(request, route)
            return
        migration = await self._begin(request, route)
        yield _message(migration, Progress(migration.moved))
        async for progress in carry_on(self._engine, migration, Pace(rate)):
            response = _message(migration, progress)
            if progress.done:
                await self._write_groups(groups_left(migration, progress), route, response.groups)
            yield response
            if self._leaving.is_set() and not progress.done:
                raise Unavailable(f"the server is draining; repeat with request_id {migration.id!r} elsewhere")

    async def delete(self, request: WorkflowServiceDeleteRequest) -> WorkflowServiceDeleteResponse:
        check_names({"key": request.key, "request_id": request.request_id}, required=("key",))
        key = request.key
        clock = self._engine.clock
        expected = request.expected_revision if request.HasField("expected_revision") else None

        def work(transaction: Transaction) -> WorkflowServiceDeleteResponse:
            stored, live = delete(
                transaction, clock, DEFAULT_TENANT, key, force=request.force, expected_revision=expected
            )
            response = WorkflowServiceDeleteResponse(cancelled=live)
            write_workflow(stored, None, response.workflow)
            return response

        def whole(transaction: Transaction) -> tuple[WorkflowServiceDeleteResponse, StoredWorkflow | None]:
            answer = once(
                transaction, clock, "delete_workflow", request, lambda: work(transaction), WorkflowServiceDeleteResponse
            )
            return answer, get_workflow(transaction, DEFAULT_TENANT, key, deleted=True)

        response, stored = await self._engine.write(whole)
        if response.cancelled and stored is not None and stored.gone:
            await cancel_live(self._engine, stored)
        return response

    async def _route(self, request: PlanMigrationRequest | ApplyMigrationRequest, violations: Violations) -> Route:
        """Both versions compiled, once nothing is wrong with any part of the request.

        Raises NotFound, or InvalidInput for a mapping of steps that there are not.
        """
        key = violations.required_id("key", request.key)
        timers = violations.read(chosen, "timers", request.timers, TIMERS)
        if request.from_version < 1:
            violations.add("from_version", "a published version, from 1")
        if len(request.mapping) > MAX_STEPS:
            violations.add("mapping", f"at most {MAX_STEPS} steps")
        violations.check()
        wanted = request.to_version if request.HasField("to_version") else await self._active(key)
        if request.from_version == wanted:
            violations.add("to_version", f"another version than from_version ({wanted})")
        violations.check()
        await self._engine.read(lambda transaction: find_workflow(transaction, DEFAULT_TENANT, key))
        source = await self._engine.version(DEFAULT_TENANT, key, request.from_version)
        target = await self._engine.version(DEFAULT_TENANT, key, wanted)
        for step in sorted(request.mapping.keys() - source.steps.keys()):
            violations.add(f"mapping[{step[:100]}]", f"a step of version {source.version}, which has none of this id")
        violations.check()
        return Route(source, target, dict(request.mapping), timers)

    async def _active(self, key: str) -> int:
        stored = await self._engine.read(lambda transaction: find_workflow(transaction, DEFAULT_TENANT, key))
        if stored.active_version is None:
            wish = "required: no version is active"
            raise InvalidInput(f"to_version is {wish}", [("to_version", wish)])
        return stored.active_version

    async def _begin(self, request: ApplyMigrationRequest, route: Route) -> Migration:
        """Remember under the request's id which version it goes to; a repeat goes there too, whatever is active now."""
        migration_id = request_key(request.request_id)
        clock = self._engine.clock
        named = ApplyMigrationResponse(request_id=migration_id, to_version=route.target.version)
        first = await self._engine.write(
            lambda transaction: once(
                transaction, clock, "apply_migration", request, lambda: named, ApplyMigrationResponse
            )
        )
        target = await self._engine.version(DEFAULT_TENANT, route.source.key, first.to_version)
        known = replace(route, target=target)
        return await self._engine.read(
            lambda transaction: begin(transaction, DEFAULT_TENANT, migration_id, known, failed=request.include_failed)
        )

    async def _rehearse(self, request: ApplyMigrationRequest, route: Route) -> ApplyMigrationResponse:
        groups = await self._engine.read(
            lambda transaction: plan(transaction, DEFAULT_TENANT, route, failed=request.include_failed)
        )
        total = sum(group.count for group in groups)
        response = ApplyMigrationResponse(
            request_id=request_key(request.request_id),
            from_version=route.source.version,
            to_version=route.target.version,
            total=total,
            migrated=movable(groups),
            left=total - movable(groups),
            done=True,
        )
        await self._write_groups(groups, route, response.groups)
        return response

    async def _write_groups(self, groups: Sequence[Group], route: Route, target: Any) -> None:
        """With a suggestion where a step may only have been renamed."""
        suggestions: Mapping[str, str] = {}
        if any(group.placement.fit is Fit.NEEDS_MAPPING for group in groups):
            older, newer = await self._load(route.source.key, route.source.version, route.target.version)
            suggestions = renames(steps_by_id(older.canonical), steps_by_id(newer.canonical))
        for group in groups:
            write_group(group, target.add(), suggestions)

    async def _load(self, key: str, *versions: int) -> list[Loaded]:
        """Versions with their canonical forms, read and loaded beside the loop. Raises NotFound."""

        def read(transaction: Transaction) -> list[StoredVersion]:
            return [find_version(transaction, DEFAULT_TENANT, key, number)[1] for number in versions]

        stored = await self._engine.read(read)
        return await asyncio.to_thread(lambda: [load_stored(one) for one in stored])


def _message(migration: Migration, progress: Progress) -> ApplyMigrationResponse:
    return ApplyMigrationResponse(
        request_id=migration.id,
        from_version=migration.route.source.version,
        to_version=migration.route.target.version,
        total=migration.total,
        migrated=progress.changed,
        left=progress.left.total(),
        done=progress.done,
    )


def _require_known(route: Route) -> None:
    """Raises InvalidInput for new ids that are no steps of the target."""
    violations = Violations()
    for old, new in sorted(route.mapping.items()):
        if new not in route.target.steps:
            violations.add(f"mapping[{old}]", f"a step of version {route.target.version}, which has no {new[:100]!r}")
    violations.check()
