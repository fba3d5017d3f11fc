"""Leases as workers see them: ask for work, keep it, give it back; and what becomes of work whose holder is gone.

A worker that asks with nothing ready waits: it is woken by this replica's commits, and looks by itself once a second
for what other replicas commit or what falls due. Any replica takes over expired leases (promise P5): the holder is
fenced off first, then the engine is told that the attempt failed, and decides what is next.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from service.engine.commands import FinishTask
from service.engine.results import LEASE_EXPIRED
from service.storage.database import Transaction
from service.storage.tasks import (
    LeasedTask,
    extend_lease,
    extend_leases,
    has_ready,
    lease_tasks,
    next_due_at,
    record_polls,
    release_lease,
    release_leases,
    take_over_expired,
)
from service.tasks.port import TaskEngine
from statemachine.cause import TaskFailure
from statemachine.errors import InvalidInput, Saturated, StaleLease, Unavailable

DEFAULT_LEASE: Final = timedelta(seconds=30)
MIN_LEASE: Final = timedelta(seconds=1)
MAX_LEASE: Final = timedelta(hours=1)
DEFAULT_WAIT: Final = timedelta(seconds=30)
MAX_WAIT: Final = timedelta(seconds=60)
MAX_TASKS: Final = 500
MAX_QUEUES: Final = 100

_LOOK_EVERY_S: Final = 1.0
_LOOKS_PER_S: Final = 50.0
_RECORD_EVERY_S: Final = 5.0
_KNOWN_POLLS: Final = 10_000
_PAGE: Final = 200
_TAKEOVER: Final = timedelta(seconds=5)

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Extension:
    """The task after an Extend. `cancelled`: it was revoked, stop working on it; the lease was not moved."""

    task: LeasedTask
    cancelled: bool


class TaskQueue:
    """Every lease of this replica. `monotonic` measures how long a caller waits."""

    def __init__(self, engine: TaskEngine, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._engine = engine
        self._monotonic = monotonic
        self._recorded: dict[tuple[str, str], float] = {}
        self._closed = False
        self._waiting = 0

    async def lease(
        self,
        tenant: str,
        queues: Sequence[str],
        worker_id: str,
        max_tasks: int = 1,
        lease: timedelta = DEFAULT_LEASE,
        wait: timedelta = DEFAULT_WAIT,
    ) -> list[LeasedTask]:
        """Lease up to `max_tasks` ready tasks, by priority and then by how long they are ready.

        Waits up to `wait` for the first one; none in time is an empty list, at once when the server drains. Raises
        InvalidInput for bounds: 1 to 100 queues, 1 to 500 tasks, a lease of 1 s to 1 h, a wait of 0 to 60 s.
        """
        _check_poll(queues, max_tasks, lease, wait)
        ends = self._monotonic() + wait.total_seconds()
        await self._record(tenant, queues, worker_id)
        async with self._engine.feed.subscribe() as news:
            tasks = await self._take(tenant, queues, worker_id, max_tasks, lease)
            while not (tasks or self.closed) and (left := ends - self._monotonic()) > 0:
                await news.wait(min(_LOOK_EVERY_S, left))
                if await self._any_ready(tenant, queues):
                    tasks = await self._take(tenant, queues, worker_id, max_tasks, lease)
                else:
                    await self._rest(left)
        return tasks

    async def due_in_s(self, tenant: str, queues: Sequence[str]) -> float | None:
        """In how many seconds on the wall the next task of these queues may be leased that may not be leased yet; None
        when there is none."""
        clock = self._engine.clock

        def work(transaction: Transaction) -> float | None:
            now = clock.read(transaction).workflow
            due_at = next_due_at(transaction, tenant, queues, now)
            return None if due_at is None else clock.wall_delay(due_at - now).total_seconds()

        return await self._engine.read(work)

    async def extend(self, tenant: str, task_id: str, token: int, lease: timedelta = DEFAULT_LEASE) -> Extension:
        """Move the end of a lease to `lease` from now (1 s to 1 h), or learn that the task was revoked.

        Raises NotFound, and StaleLease when `token` is not the current one.
        """
        _check_lease(lease)
        clock = self._engine.clock

        def work(transaction: Transaction) -> Extension:
            until = clock.read(transaction).wall + lease
            return Extension(*extend_lease(transaction, tenant, task_id, token, until))

        return await self._engine.write(work)

    async def extend_all(self, tasks: Sequence[LeasedTask], lease: timedelta) -> set[tuple[str, str, int]]:
        """Move the end of several leases; answers the (tenant, id, token) of those that are still held."""
        clock = self._engine.clock
        return await self._engine.write(
            lambda transaction: extend_leases(transaction, tasks, clock.read(transaction).wall + lease)
        )

    async def release(self, tenant: str, task_id: str, token: int) -> LeasedTask:
        """Give back a task that was not started. Raises NotFound and StaleLease."""
        return await self._engine.write(lambda transaction: release_lease(transaction, tenant, task_id, token))

    async def release_all(self, tasks: Sequence[LeasedTask], delay: timedelta | None = None) -> int:
        """Give back tasks that were not started, to be taken again after `delay` (wall time). Answers how many."""
        clock = self._engine.clock

        def work(transaction: Transaction) -> int:
            if delay is None:
                return release_leases(transaction, tasks)
            available_at = clock.read(transaction).workflow + delay * clock.rate
            return release_leases(transaction, tasks, available_at=available_at)

        return await self._engine.write(work)

    async def reclaim_expired(self) -> int:
        """Take over the work whose leases ran out; answers how many attempts the engine was told to give up.

        What the engine refuses is logged and comes again in a few seconds; the others go on.
        """
        reclaimed = 0
        while tasks := await self._engine.write(self._take_over):
            try:
                reclaimed += await self._give_up(tasks)
            except (Saturated, Unavailable) as busy:
                _log.warning("%d expired leases cannot be taken over now: %s", len(tasks), busy)
                break
            if len(tasks) < _PAGE:
                break
        return reclaimed

    @property
    def closed(self) -> bool:
        return self._closed

    def close(self) -> None:
        """Answer every waiting poll with what it has, and lease nothing more: the server drains."""
        self._closed = True

    async def _take(
        self, tenant: str, queues: Sequence[str], worker_id: str, max_tasks: int, lease: timedelta
    ) -> list[LeasedTask]:
        if self._closed:
            return []
        clock = self._engine.clock

        def work(transaction: Transaction) -> list[LeasedTask]:
            times = clock.read(transaction)
            until = times.wall + lease
            return lease_tasks(
                transaction, tenant, queues, worker_id=worker_id, limit=max_tasks, now=times.workflow, until=until
            )

        return await self._engine.write(work)

    async def _any_ready(self, tenant: str, queues: Sequence[str]) -> bool:
        clock = self._engine.clock
        return await self._engine.read(
            lambda transaction: has_ready(transaction, tenant, queues, clock.read(transaction).workflow)
        )

    async def _rest(self, left_s: float) -> None:
        """Every commit wakes every poll; those that wait share so many looks a second."""
        self._waiting += 1
        try:
            await asyncio.sleep(min(self._waiting / _LOOKS_PER_S, _LOOK_EVERY_S, left_s))
        finally:
            self._waiting -= 1

    async def _record(self, tenant: str, queues: Sequence[str], worker_id: str) -> None:
        """Note the poll, for people who ask why nothing happens; not more often than they can tell."""
        now = self._monotonic()
        due = [queue for queue in set(queues) if now - self._recorded.get((tenant, queue), -1e9) >= _RECORD_EVERY_S]
        if not due:
            return
        if len(self._recorded) > _KNOWN_POLLS:
            self._recorded.clear()
        self._recorded.update({(tenant, queue): now for queue in due})
        clock = self._engine.clock
        await self._engine.write(
            lambda transaction: record_polls(transaction, tenant, due, worker_id, clock.read(transaction).wall)
        )

    def _take_over(self, transaction: Transaction) -> list[LeasedTask]:
        now = self._engine.clock.read(transaction).wall
        return take_over_expired(transaction, now=now, beyond=now + 2 * MAX_LEASE, until=now + _TAKEOVER, limit=_PAGE)

    async def _give_up(self, tasks: Sequence[LeasedTask]) -> int:
        answers = await self._engine.ask_all([_expired(task) for task in tasks])
        for task, answer in zip(tasks, answers, strict=True):
            if isinstance(answer, Exception) and not isinstance(answer, StaleLease):
                _log.warning("task %s: its expired lease could not be taken over: %s", task.id, answer)
        return sum(not isinstance(answer, Exception) for answer in answers)


def _expired(task: LeasedTask) -> FinishTask:
    holder = f"worker {task.worker_id!r}" if task.worker_id else "the worker"
    failure = TaskFailure(LEASE_EXPIRED, f"{holder} let the lease of attempt {task.attempt} run out", retryable=True)
    return FinishTask(task.tenant_id, task.id, task.lease_token, failure=failure)


def _check_poll(queues: Sequence[str], max_tasks: int, lease: timedelta, wait: timedelta) -> None:
    if not 1 <= len(queues) <= MAX_QUEUES:
        raise InvalidInput(f"queues: name 1 to {MAX_QUEUES}", [("queues", f"1 to {MAX_QUEUES} names")])
    if not 1 <= max_tasks <= MAX_TASKS:
        raise InvalidInput(f"max_tasks: 1 to {MAX_TASKS}", [("max_tasks", f"1 to {MAX_TASKS}")])
    if not timedelta(0) <= wait <= MAX_WAIT:
        raise InvalidInput("wait: 0 to 60 s", [("wait", "0 to 60 s")])
    _check_lease(lease)


def _check_lease(lease: timedelta) -> None:
    if not MIN_LEASE <= lease <= MAX_LEASE:
        raise InvalidInput("lease: 1 s to 1 h", [("lease", "1 s to 1 h")])
