"""The other way in: an engine in the process of the load, which tells what the network and the messages cost."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Sequence
from typing import Any, cast

from bench.doors import LEASE, SOURCE, WAIT, Signal
from service.engine.clock import open_clock
from service.engine.commands import DEFAULT_TENANT, FinishTask, TriggerEvent
from service.engine.engine import Engine
from service.engine.publishing import Publication
from service.metrics import Metrics
from service.storage.database import Database
from service.storage.schema import migrate
from service.tasks.leases import TaskQueue
from statemachine.event import Event


class EngineDoor:
    """See `bench.doors.Door`; it has no streams. Fires its timers itself."""

    def __init__(self, database_url: str) -> None:
        self._database = Database(database_url)
        self._metrics = Metrics()
        self._due = asyncio.Event()

    async def start(self) -> EngineDoor:
        await asyncio.to_thread(migrate, self._database)
        clock = await asyncio.to_thread(open_clock, self._database, 1.0)
        self._engine = Engine(self._database, clock, replica_id=SOURCE, metrics=self._metrics)
        self._tasks = TaskQueue(cast(Any, self._engine))
        await self._engine.start()
        self._engine.on_due_earlier(self._wake_in)
        self._ticker = asyncio.create_task(self._tick())
        return self

    async def publish(self, source: str) -> None:
        await self._engine.publish(Publication(DEFAULT_TENANT, source))

    def unary(self, signal: Signal) -> TriggerEvent:
        event = Event(signal.id, signal.type, SOURCE, signal.contact_id, data=signal.data)
        return TriggerEvent(DEFAULT_TENANT, event, "")

    def batch(self, signals: Sequence[Signal]) -> list[TriggerEvent]:
        return [self.unary(signal) for signal in signals]

    def message(self, sequence: int, signals: Sequence[Signal]) -> Any:
        raise NotImplementedError("streams are of the network")

    async def send_unary(self, request: TriggerEvent) -> None:
        await self._engine.ask(request)

    async def send_batch(self, request: list[TriggerEvent]) -> None:
        for answer in await self._engine.ask_all(request):
            if isinstance(answer, Exception):
                raise answer

    def stream(self, messages: Iterable[Any]) -> AsyncIterator[int]:
        raise NotImplementedError("streams are of the network")

    async def work(self, queue: str, most: int) -> int:
        tasks = await self._tasks.lease(DEFAULT_TENANT, [queue], SOURCE, most, LEASE, WAIT)
        done = [FinishTask(task.tenant_id, task.id, task.lease_token) for task in tasks]
        for answer in await self._engine.ask_all(done):
            if isinstance(answer, Exception):
                raise answer
        return len(done)

    async def metrics(self) -> str:
        return self._metrics.render().decode()

    async def close(self) -> None:
        self._ticker.cancel()
        await asyncio.wait([self._ticker])
        await self._engine.drain(5.0)
        await self._engine.stop()
        self._database.close()

    async def _tick(self) -> None:
        """Fire what is due once a second, and when a commit sets an earlier time."""
        while True:
            self._due.clear()
            report = await self._engine.fire_due()
            delay = 1.0 if report.next_in_s is None else min(1.0, max(0.0, report.next_in_s))
            try:
                async with asyncio.timeout(delay):
                    await self._due.wait()
            except TimeoutError:
                continue

    def _wake_in(self, seconds: float) -> None:
        asyncio.get_running_loop().call_later(min(seconds, 1.0), self._due.set)
