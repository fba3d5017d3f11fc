"""The way into the engine that the load takes: gRPC to a server, as any client would.

Messages are made before the clock starts. A door refuses to go on when the other side refuses anything: a figure is
only worth something when all the work was done.
"""

from __future__ import annotations

import asyncio
import urllib.request
from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final, Protocol

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

SOURCE: Final = "bench"
LEASE: Final = timedelta(seconds=30)
WAIT: Final = timedelta(seconds=1)


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
        poll.wait.CopyFrom(_duration(WAIT))
        poll.lease.CopyFrom(_duration(LEASE))
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
