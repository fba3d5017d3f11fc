"""Runs the connectors of one queue inside this process, within bounds.

Tasks come two ways: the engine hands over what it has just committed, already leased, and the pool itself leases what
was left: by dead processes, by full pools, by retries, as they fall due. All it holds it keeps leased, started or not,
however long it takes: leases are short, so that others soon have the work of a dead process, and renewed three times
before they end. A lease that is lost or revoked stops its attempt.

Only so many attempts run at once, and only a few of them to any one destination, so that a slow one delays itself.
What waits behind a crowded destination beyond a small line goes back to the table for a while and lets others pass
(promise P9).
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections import defaultdict, deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Final

from service.connectors.connector import Connector, TaskError
from service.connectors.lines import Lines
from service.connectors.rest import LOOK_EVERY_S, Rest
from service.engine.commands import DEFAULT_TENANT, FinishTask
from service.engine.results import OUTCOME_UNKNOWN
from service.storage.tasks import LeasedTask
from service.tasks.leases import DEFAULT_LEASE, TaskQueue
from service.tasks.port import TaskEngine
from statemachine.cause import TaskFailure
from statemachine.errors import InvalidInput, LimitExceeded, NotFound, Saturated, StaleLease, Unavailable, WorkflowError

_PUT_OFF: Final = timedelta(seconds=10)
_LEASE_AT_ONCE: Final = 100
_MAX_PAUSE_S: Final = 2.0

_log = logging.getLogger(__name__)


@dataclass(slots=True, eq=False)
class Held:
    """A task this pool answers for. `lost_at` (monotonic) is when its lease ends unless it is renewed; `told` says that
    its result is on its way to the engine, which judges the lease itself."""

    task: LeasedTask
    destination: str
    lost_at: float
    runner: asyncio.Task[None] | None = None
    told: bool = False

    @property
    def key(self) -> tuple[str, str, int]:
        return self.task.tenant_id, self.task.id, self.task.lease_token


class LocalPool:
    """The connectors of one queue, by task type. Made and used on the event loop; `free` and `offer` from any thread.

    `running` attempts at once, `per_destination` of them to one destination; `capacity` tasks held, started or not.
    `lease` is how long a task is held without being renewed, those that the engine hands over too.
    """

    def __init__(
        self,
        engine: TaskEngine,
        tasks: TaskQueue,
        queue: str,
        connectors: Mapping[str, Connector],
        *,
        worker_id: str,
        tenant: str = DEFAULT_TENANT,
        running: int = 64,
        per_destination: int = 8,
        capacity: int = 256,
        lease: timedelta = DEFAULT_LEASE,
        look_every_s: float = LOOK_EVERY_S,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.queue = queue
        self.lease = lease
        self._engine = engine
        self._tasks = tasks
        self._connectors = connectors
        self._worker_id = worker_id
        self._tenant = tenant
        self._capacity = capacity
        self._monotonic = monotonic
        self._loop = asyncio.get_running_loop()
        self._lock = threading.Lock()
        self._inbox: deque[LeasedTask] = deque()
        self._called = False
        self._closed = False
        self._draining = False
        self._held: dict[tuple[str, str, int], Held] = {}
        self._lines: Lines[Held] = Lines(running=running, per_destination=per_destination, length=capacity // 2)
        self._was_full = False
        self._rest = Rest(look_every_s)
        self._idle = asyncio.Event()
        self._idle.set()
        self._loops: list[asyncio.Task[None]] = []
        self._returns: set[asyncio.Task[None]] = set()

    @property
    def free(self) -> int:
        """How many tasks it takes now; none while it drains."""
        room = 0 if self._draining else self._capacity - len(self._held) - len(self._inbox)
        if room <= 0:
            self._was_full = True
        return max(room, 0)

    def offer(self, task: LeasedTask) -> bool:
        """Take a task that is leased to this replica. A few more than `free` are taken too, rather than left to their
        lease; False once the pool is closed."""
        with self._lock:
            if self._closed:
                return False
            self._inbox.append(task)
            if not self._called:
                self._called = True
                self._loop.call_soon_threadsafe(self._empty_inbox)
        return True

    def start(self) -> None:
        """Begin to lease what was left, and to renew what is held."""
        self._loops = [asyncio.create_task(self._lease_always()), asyncio.create_task(self._renew_always())]

    async def drain(self, timeout_s: float) -> None:
        """Stop: lease nothing more, give back what was not started, wait for what runs, at most `timeout_s`.

        What still runs then is stopped, and its lease left to run out: nobody knows what its effect was.
        """
        self._draining = True
        self._rest.end()
        if self._loops:
            await asyncio.wait(self._loops[:1], timeout=timeout_s)
        await self._give_back()
        try:
            async with asyncio.timeout(timeout_s):
                await self._idle.wait()
        except TimeoutError:
            _log.warning("queue %s: %d attempts are stopped by the drain", self.queue, self._lines.active)
        with self._lock:
            self._closed = True
        await self._give_back()
        await self._stop()

    def _empty_inbox(self) -> None:
        with self._lock:
            offered = list(self._inbox)
            self._inbox.clear()
            self._called = False
        self._admit(offered)

    def _admit(self, tasks: Sequence[LeasedTask]) -> None:
        """Hold tasks and start what may start; what has no connector here or no place in its line goes back."""
        returned: defaultdict[timedelta | None, list[Held]] = defaultdict(list)
        for task in tasks:
            connector = self._connectors.get(task.type)
            held = Held(task, connector.destination(task) if connector else "", self._ends_at())
            self._held[held.key] = held
            self._idle.clear()
            if self._draining:
                returned[None].append(held)
            elif connector is None:
                returned[_PUT_OFF].append(held)
            elif (delay := self._lines.join(held.destination, held)) is not None:
                returned[delay].append(held)
        for delay, leases in returned.items():
            self._return(leases, delay)
        self._start_waiting()

    def _start_waiting(self) -> None:
        while not self._draining and (held := self._lines.start()) is not None:
            held.runner = asyncio.create_task(self._run(held))
            held.runner.add_done_callback(partial(self._ended, held))

    def _ended(self, held: Held, runner: asyncio.Task[None]) -> None:
        if not runner.cancelled() and (error := runner.exception()) is not None:
            _log.error("task %s: its result could not be told", held.task.id, exc_info=error)
        self._lines.end(held.destination)
        self._forget(held)
        self._start_waiting()

    def _forget(self, held: Held) -> None:
        self._held.pop(held.key, None)
        if not self._held:
            self._idle.set()
        if self._was_full and len(self._held) <= self._capacity // 2:
            self._rest.end()

    def _ends_at(self) -> float:
        return self._monotonic() + self.lease.total_seconds()

    async def _run(self, held: Held) -> None:
        result = await self._attempt(held.task)
        held.told = True
        await self._deliver(held, result)
        if result.failure is not None:
            self._rest.end_soon()

    async def _attempt(self, task: LeasedTask) -> FinishTask:
        try:
            async with asyncio.timeout(task.timeout_s):
                finished = await self._connectors[task.type].execute(task)
        except TimeoutError:
            return _failed(task, "timeout", f"the attempt took longer than {task.timeout_s:g} s", retryable=True)
        except TaskError as error:
            return _failed(task, error.code, error.message, error.retryable, error.retry_after_s)
        except (Unavailable, Saturated) as error:
            return _failed(task, "unavailable", error.message, retryable=True)
        except Exception:
            _log.exception("task %s: the connector for %s has a defect", task.id, task.type)
            code = OUTCOME_UNKNOWN if task.at_most_once else "connector_defect"
            return _failed(task, code, "the connector failed unexpectedly; the server's log says more", retryable=True)
        return FinishTask(
            task.tenant_id,
            task.id,
            task.lease_token,
            outcome=finished.outcome,
            output=finished.output,
            variables=finished.variables,
        )

    async def _deliver(self, held: Held, result: FinishTask) -> None:
        """Tell the engine, again and again while it cannot take it and the lease is ours."""
        while True:
            try:
                await self._engine.ask(result)
                return
            except (Saturated, Unavailable) as busy:
                if self._monotonic() >= held.lost_at:
                    _log.warning("task %s: its lease ended before the result could be told: %s", held.task.id, busy)
                    return
                await asyncio.sleep(min(busy.retry_after.total_seconds(), _MAX_PAUSE_S))
            except (StaleLease, NotFound) as stale:
                _log.info("task %s: the result came too late: %s", held.task.id, stale)
                return
            except InvalidInput as refused:
                if result.failure is not None:
                    raise
                code = "output_too_large" if isinstance(refused, LimitExceeded) else "bad_output"
                result = _failed(held.task, code, refused.message, retryable=False)

    async def _lease_always(self) -> None:
        """Lease what was left, while there is room; look again when more falls due, or when a full pool has emptied."""
        while not self._draining:
            looked_at = self._monotonic()
            due_in_s = None
            try:
                if await self._lease_some():
                    continue
                due_in_s = await self._due_in_s()
            except WorkflowError as error:
                _log.warning("queue %s: no tasks could be leased: %s", self.queue, error)
            except Exception:
                _log.exception("queue %s: leasing has a defect", self.queue)
            await self._rest.take(self._rest.span(self._monotonic() - looked_at, due_in_s))

    async def _lease_some(self) -> bool:
        """Whether there may be more to lease at once."""
        wanted = min(self.free, _LEASE_AT_ONCE)
        if not wanted:
            return False
        self._was_full = False
        leased = await self._tasks.lease(
            self._tenant, [self.queue], self._worker_id, wanted, self.lease, wait=timedelta(0)
        )
        self._admit(leased)
        self._was_full |= len(leased) == wanted
        return len(leased) == wanted and self.free > 0

    async def _due_in_s(self) -> float | None:
        """When the next task falls due; not asked by a full pool, which could not take it."""
        return await self._tasks.due_in_s(self._tenant, [self.queue]) if self.free else None

    async def _renew_always(self) -> None:
        while True:
            await asyncio.sleep(self.lease.total_seconds() / 3)
            try:
                await self.renew()
            except WorkflowError as error:
                _log.warning("queue %s: leases could not be renewed: %s", self.queue, error)
            except Exception:
                _log.exception("queue %s: renewing has a defect", self.queue)
            self._drop_lost()

    async def renew(self) -> None:
        """Renew every lease that is held; stop the attempts whose lease was lost or revoked."""
        held = list(self._held.values())
        if not held:
            return
        asked_at, ends_at = self._monotonic(), self._ends_at()
        kept = await self._tasks.extend_all([one.task for one in held], self.lease)
        for one in held:
            one.lost_at = ends_at if one.key in kept else asked_at
        self._drop_lost()

    def _drop_lost(self) -> None:
        now = self._monotonic()
        for held in [held for held in self._held.values() if held.lost_at <= now and not held.told]:
            _log.info("task %s: its lease is gone; the attempt stops", held.task.id)
            if held.runner is not None:
                held.runner.cancel()
            else:
                self._lines.remove(held.destination, held)
                self._forget(held)

    def _return(self, held: list[Held], delay: timedelta | None) -> None:
        released = asyncio.create_task(self._release(held, delay))
        self._returns.add(released)
        released.add_done_callback(self._returns.discard)

    async def _release(self, held: list[Held], delay: timedelta | None) -> None:
        try:
            await self._tasks.release_all([one.task for one in held], delay)
        except WorkflowError as error:
            _log.warning("queue %s: %d leases are left to run out: %s", self.queue, len(held), error)
        finally:
            for one in held:
                self._forget(one)

    async def _give_back(self) -> None:
        """Release everything that was not started."""
        self._empty_inbox()
        if waiting := self._lines.clear():
            await self._release(waiting, None)
        await asyncio.gather(*self._returns)

    async def _stop(self) -> None:
        runners = [held.runner for held in self._held.values() if held.runner is not None]
        for task in (*self._loops, *runners):
            task.cancel()
        await asyncio.gather(*self._loops, *runners, return_exceptions=True)


def _failed(
    task: LeasedTask, code: str, message: str, retryable: bool, retry_after_s: float | None = None
) -> FinishTask:
    failure = TaskFailure(code, message, retryable, retry_after_s)
    return FinishTask(task.tenant_id, task.id, task.lease_token, failure=failure)
