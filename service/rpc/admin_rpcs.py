"""AdminService: the server's account of itself."""

from __future__ import annotations

from datetime import datetime, timedelta

from statewright.v1 import DatabaseKind, GetServerInfoRequest, GetServerInfoResponse, QueueInfo, ServerInfo

from service.engine.commands import DEFAULT_TENANT
from service.engine.staffing import unserved
from service.rpc.moment import write_instant, write_span
from service.rpc.rooms import Rooms
from service.storage.audit import audit_liveness
from service.storage.database import Transaction
from service.storage.events import count_blocked
from service.storage.human_tasks import waiting_by_queue
from service.storage.looks import open_looks
from service.storage.places import PlaceAccount, account_of_places, count_pending
from service.storage.server_queries import (
    QueueStatus,
    database_version,
    queue_statuses,
    read_health,
    schema_revision,
)
from statemachine.workflow import Limits

_KINDS = {"sqlite": DatabaseKind.DATABASE_KIND_SQLITE, "postgresql": DatabaseKind.DATABASE_KIND_POSTGRESQL}


class AdminRpcs:
    def __init__(self, rooms: Rooms) -> None:
        self._rooms = rooms

    async def get_server_info(self, request: GetServerInfoRequest) -> GetServerInfoResponse:
        return await self._rooms.engine.read(self._account)

    def _account(self, transaction: Transaction) -> GetServerInfoResponse:
        engine, facts = self._rooms.engine, self._rooms.facts
        times = engine.clock.read(transaction)
        health = read_health(transaction, times.workflow)
        liveness = audit_liveness(transaction, workflow_now=times.workflow, wall_now=times.wall, rate=engine.clock.rate)
        response = GetServerInfoResponse()
        info: ServerInfo = response.server_info
        info.version = facts.version
        info.dev = facts.dev
        info.replica_id = engine.replica_id
        info.database = _KINDS[transaction.kind]
        info.database_version = database_version(transaction)
        info.schema_revision = schema_revision(transaction)
        info.clock_rate = engine.clock.rate
        write_instant(times.workflow, info.workflow_time)
        write_instant(times.wall, info.wall_time)
        info.live_enrollments = health.live
        info.stuck_enrollments = liveness.stuck
        info.quarantined_enrollments = liveness.quarantined
        info.quarantined_events = liveness.quarantined_events
        for rule, count in count_pending(transaction).items():
            info.pending.add(rule=rule, count=count)
        hour_ago = times.workflow - timedelta(hours=1)
        for rule, count in count_blocked(transaction, DEFAULT_TENANT, hour_ago).items():
            info.blocked.add(rule=rule, count=count)
        if health.oldest_due_at is not None:
            write_span(times.workflow - health.oldest_due_at, info.oldest_due_lag)
        self._write_queues(transaction, times.workflow, info)
        self._write_places(transaction, times.workflow, info)
        for looks in open_looks(transaction, DEFAULT_TENANT):
            write_instant(
                looks.last_until_at, info.looks.add(workflow=looks.workflow, count=looks.count).last_until_time
            )
        return response

    def _write_queues(self, transaction: Transaction, now: datetime, info: ServerInfo) -> None:
        """Those of workers, and those of people."""
        for status in queue_statuses(transaction, DEFAULT_TENANT, now):
            queue = info.queues.add()
            _write_queue(status, queue)
            queue.waiting_workers = self._rooms.waiting_workers[status.name]
            if status.oldest_at is not None:
                write_span(now - status.oldest_at, queue.oldest_ready_age)
        for waiting in waiting_by_queue(transaction):
            if waiting.tenant_id == DEFAULT_TENANT:
                people = info.human_queues.add(name=waiting.queue, open_tasks=waiting.open)
                people.unassigned_tasks = waiting.unassigned
                if waiting.oldest_at is not None:
                    write_span(now - waiting.oldest_at, people.oldest_unassigned_age)
                    people.unserved_tasks = unserved(transaction, DEFAULT_TENANT, waiting.queue)

    def _write_places(self, transaction: Transaction, now: datetime, info: ServerInfo) -> None:
        """Of workflows of which something is kept, and of those that have limits."""
        kept = {one.workflow: one for one in account_of_places(transaction, DEFAULT_TENANT, now)}
        limited = self._limits(transaction)
        for key in sorted(kept.keys() | {key for key, limits in limited.items() if limits.counted}):
            found, limits = kept.get(key, PlaceAccount(key)), limited.get(key, Limits())
            info.places.add(
                workflow=key,
                taken=found.taken,
                max_concurrent=limits.max_concurrent or 0,
                begun=found.begun,
                per_minute=limits.per_minute or 0,
                pending=found.pending,
                leaked=found.leaked,
            )

    def _limits(self, transaction: Transaction) -> dict[str, Limits]:
        """Those of the active versions, by workflow."""
        catalog = self._rooms.engine.catalog
        return {
            row.key: catalog.version(transaction, row.tenant, row.key, row.active_version).limits
            for row in catalog.refresh(transaction).workflows.values()
            if row.tenant == DEFAULT_TENANT and row.active_version is not None
        }


def _write_queue(status: QueueStatus, queue: QueueInfo) -> None:
    queue.name = status.name
    queue.ready_tasks = status.ready
    queue.delayed_tasks = status.delayed
    queue.leased_tasks = status.leased
    write_instant(status.polled_at, queue.last_poll_time)
