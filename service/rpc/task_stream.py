"""TaskService.Stream: tasks pushed to a worker as it grants credit, its answers acknowledged in order."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any, Final, cast

from statewright.v1 import ExtendRequest, StreamRequest, StreamResponse, StreamSubscription, TaskAck

from service.engine.commands import DEFAULT_TENANT, FinishAnswer
from service.rpc.errors import status_of
from service.rpc.fields import Violations
from service.rpc.moment import write_instant
from service.rpc.rooms import Rooms
from service.rpc.task_message import read_complete, read_extend, read_fail, read_lease, read_throw, write_task
from service.rpc.task_rpcs import check_queues
from service.storage.tasks import get_task
from service.tasks.leases import DEFAULT_LEASE
from statemachine.errors import InvalidInput, Unavailable, WorkflowError

_MAX_CREDIT: Final = 1_000
_MOST_AT_ONCE: Final = 100
_LOOK: Final = timedelta(seconds=10)
_UNSENT: Final = 64
"""Messages that wait for the worker to read them; nothing is leased or answered beyond that."""


class TaskStreamRpcs:
    def __init__(self, rooms: Rooms) -> None:
        self._rooms = rooms

    async def stream(self, requests: AsyncIterator[StreamRequest]) -> AsyncIterator[StreamResponse]:
        first = await anext(requests, None)
        if first is None or first.WhichOneof("message") != "subscribe":
            wanted = "the first message of a stream"
            raise InvalidInput(f"subscribe must be {wanted}", [("subscribe", wanted)])
        session = _Session(self._rooms, first.subscribe)
        async for response in session.run(requests):
            yield response


class _Session:
    """One worker's stream. Two tasks feed `_out`: one leases while there is credit, one answers the worker."""

    def __init__(self, rooms: Rooms, subscription: StreamSubscription) -> None:
        violations = Violations()
        check_queues(violations, "subscribe.", subscription.queues, subscription.worker_id)
        lease = violations.read(read_lease, subscription, "subscribe.lease", DEFAULT_LEASE)
        violations.read(_check_credit, "subscribe.credit", subscription.credit, 0)
        violations.check()
        self._rooms = rooms
        self._engine = rooms.engine
        self._task_queue = rooms.task_queue
        self._queues = list(subscription.queues)
        self._worker_id = subscription.worker_id
        self._lease = lease
        self._credit = 0
        self._granted = asyncio.Event()
        self._out: asyncio.Queue[StreamResponse] = asyncio.Queue(_UNSENT)
        self._grant(subscription.credit)

    async def run(self, requests: AsyncIterator[StreamRequest]) -> AsyncIterator[StreamResponse]:
        """Until the worker closes its side, the server drains, or something fails."""
        reading = asyncio.create_task(self._read(requests))
        workers = [reading, asyncio.create_task(self._push()), asyncio.create_task(self._leave())]
        try:
            while True:
                next_out = asyncio.create_task(self._out.get())
                done, _ = await asyncio.wait([next_out, *workers], return_when=asyncio.FIRST_COMPLETED)
                if next_out in done:
                    yield next_out.result()
                    continue
                next_out.cancel()
                for worker in done:
                    worker.result()
                break
            while not self._out.empty():
                yield self._out.get_nowait()
        finally:
            for worker in workers:
                worker.cancel()
            await asyncio.wait(workers)

    async def _leave(self) -> None:
        await self._rooms.leaving.wait()
        raise Unavailable("the server is draining; subscribe at another one")

    async def _push(self) -> None:
        while True:
            await self._granted.wait()
            most = min(self._credit, _MOST_AT_ONCE)
            with self._rooms.waiting_for(self._queues):
                tasks = await self._task_queue.lease(
                    DEFAULT_TENANT, self._queues, self._worker_id, most, self._lease, _LOOK
                )
            self._credit -= len(tasks)
            if self._credit <= 0:
                self._granted.clear()
            for task in tasks:
                response = StreamResponse()
                write_task(task, response.task, for_holder=True)
                await self._out.put(response)
            if not tasks and self._rooms.leaving.is_set():
                return

    async def _read(self, requests: AsyncIterator[StreamRequest]) -> None:
        async for request in requests:
            kind = request.WhichOneof("message")
            if kind == "credit":
                _check_credit("credit.tasks", request.credit.tasks, 1)
                self._grant(request.credit.tasks)
            elif kind in _ANSWERS:
                message = getattr(request, kind)
                await self._out.put(StreamResponse(ack=await self._acknowledge(kind, message)))
            else:
                raise InvalidInput(
                    "a later message is credit, complete, fail, throw or extend", [("message", "one of them")]
                )

    def _grant(self, tasks: int) -> None:
        self._credit = min(self._credit + tasks, _MAX_CREDIT)
        if self._credit:
            self._granted.set()

    async def _acknowledge(self, kind: str, message: Any) -> TaskAck:
        """What became of one answer; a refusal concerns that answer alone."""
        ack = TaskAck(task_id=message.task_id)
        try:
            if kind == "extend":
                await self._extend(message, ack)
            else:
                await self._finish(kind, message, ack)
        except WorkflowError as error:
            ack.error.CopyFrom(status_of(error))
        return ack

    async def _extend(self, message: ExtendRequest, ack: TaskAck) -> None:
        extension = await self._task_queue.extend(DEFAULT_TENANT, *read_extend(message, "extend.", self._lease))
        ack.cancelled = extension.cancelled
        ack.applied = not extension.cancelled
        if not extension.cancelled:
            write_instant(extension.task.lease_until, ack.lease_expire_time)

    async def _finish(self, kind: str, message: Any, ack: TaskAck) -> None:
        answer = cast(FinishAnswer, await self._engine.ask(_ANSWERS[kind](message)))
        ack.applied = answer.applied
        if not answer.applied:
            task = await self._engine.read(lambda transaction: get_task(transaction, DEFAULT_TENANT, message.task_id))
            ack.cancelled = task.status == "cancelled"


def _check_credit(place: str, tasks: int, least: int) -> None:
    if not least <= tasks <= _MAX_CREDIT:
        raise InvalidInput(f"{place} must be {least} to 1,000", [(place, f"{least} to 1,000")])


_ANSWERS: Final[dict[str, Any]] = {
    "complete": read_complete,
    "fail": read_fail,
    "throw": read_throw,
    "extend": None,
}
