"""The ways into the engine that the load takes: gRPC to a server, as any client would, or an engine of its own.

Messages are made before the clock starts. A door refuses to go on when the other side refuses anything: a figure is
only worth something when all the work was done.
"""

from __future__ import annotations

import asyncio
import urllib.request
from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final, Protocol, cast

from google.protobuf.duration_pb2 import Duration
from google.protobuf.json_format import ParseDict
from google.protobuf.struct_pb2 import Struct
from prometheus_client.parser import text_string_to_metric_families
from statewright.client import connect_async
from statewright.v1 import (
    CompleteBatchRequest,
    CompleteRequest,
    Event,
    PollRequest,
    PublishRequest,
    TriggerBatchRequest,
    TriggerRequest,
    TriggerStreamRequest,
)

from service.engine.clock import open_clock
from service.engine.commands import DEFAULT_TENANT, FinishTask, TriggerEvent
from service.engine.engine import Engine
from service.engine.publishing import Publication
from service.metrics import Metrics
from service.storage.database import Database
from service.storage.schema import migrate
from service.tasks.leases import TaskQueue
from statemachine import event as engine_event

SOURCE: Final = "bench"
_LEASE: Final = timedelta(seconds=30)
_WAIT: Final = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class Signal:
    """An event to send."""

    id: str
    type: str
    contact_id: str
    data: dict[str, Any]


class Door(Protocol):
    """`unary`, `batch` and `message` make what `send_…` and `stream` take."""

    async def publish(self, source: str) -> None: ...

    def unary(self, signal: Signal) -> Any: ...

    def batch(self, signals: Sequence[Signal]) -> Any: ...

    def message(self, sequence: int, signals: Sequence[Signal]) -> Any: ...

    async def send_unary(self, request: Any) -> None: ...

    async def send_batch(self, request: Any) -> None: ...

    def stream(self, messages: Iterable[Any]) -> AsyncIterator[int]:
        """The sequence of each message as its answer comes."""

    async def work(self, queue: str, most: int) -> int:
        """Lease tasks and complete them; answers how many."""

    async def metrics(self) -> str:
        """The server's metrics in the text format of Prometheus."""

    async def close(self) -> None: ...


class GrpcDoor:
    """The generated client."""

    def __init__(self, address: str, metrics_port: int | None = None) -> None:
        self._client = connect_async(address)
        self._metrics_port = metrics_port

    async def publish(self, source: str) -> None:
        await self._client.workflows.Publish(PublishRequest(source=source))

    def unary(self, signal: Signal) -> TriggerRequest:
        return TriggerRequest(event=_message(signal))

    def batch(self, signals: Sequence[Signal]) -> TriggerBatchRequest:
        return TriggerBatchRequest(events=[_message(signal) for signal in signals])

    def message(self, sequence: int, signals: Sequence[Signal]) -> TriggerStreamRequest:
        return TriggerStreamRequest(sequence=sequence, events=[_message(signal) for signal in signals])

    async def send_unary(self, request: TriggerRequest) -> None:
        await self._client.enrollments.Trigger(request)

    async def send_batch(self, request: TriggerBatchRequest) -> None:
        _refuse_refusals((await self._client.enrollments.TriggerBatch(request)).results)

    async def stream(self, messages: Iterable[Any]) -> AsyncIterator[int]:
        async for response in self._client.enrollments.TriggerStream(iter(messages)):
            _refuse_refusals(response.results)
            yield response.sequence

    async def work(self, queue: str, most: int) -> int:
        poll = PollRequest(queues=[queue], worker_id=SOURCE, max_tasks=most)
        poll.wait.CopyFrom(_duration(_WAIT))
        poll.lease.CopyFrom(_duration(_LEASE))
        tasks = (await self._client.tasks.Poll(poll)).tasks
        if not tasks:
            return 0
        done = [CompleteRequest(task_id=task.id, lease_token=task.lease_token) for task in tasks]
        results = (await self._client.tasks.CompleteBatch(CompleteBatchRequest(requests=done))).results
        _refuse_refusals(results)
        return len(results)

    async def metrics(self) -> str:
        return await asyncio.to_thread(self._scrape)

    def _scrape(self) -> str:
        with urllib.request.urlopen(f"http://127.0.0.1:{self._metrics_port}/metrics", timeout=10) as answer:
            return str(answer.read().decode())

    async def close(self) -> None:
        await self._client.close()


class EngineDoor:
    """An engine in this process: no network, no messages. Fires its timers itself."""

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
        event = engine_event.Event(signal.id, signal.type, SOURCE, signal.contact_id, data=signal.data)
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
        tasks = await self._tasks.lease(DEFAULT_TENANT, [queue], SOURCE, most, _LEASE, _WAIT)
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


def statistics(text: str) -> dict[str, float]:
    """Batches, items and statements so far, from the text of the metrics."""
    samples = {
        sample.name: sample.value for family in text_string_to_metric_families(text) for sample in family.samples
    }
    return {
        "batches": samples.get("statewright_batch_items_count", 0.0),
        "items": samples.get("statewright_batch_items_sum", 0.0),
        "statements": samples.get("statewright_batch_statements_sum", 0.0),
    }


def _message(signal: Signal) -> Event:
    data = ParseDict(signal.data, Struct())
    return Event(id=signal.id, type=signal.type, source=SOURCE, contact_id=signal.contact_id, data=data)


def _duration(span: timedelta) -> Duration:
    message = Duration()
    message.FromTimedelta(span)
    return message


def _refuse_refusals(results: Iterable[Any]) -> None:
    for result in results:
        if result.HasField("error"):
            raise RuntimeError(f"the server refused an item: {result.error.message}")
