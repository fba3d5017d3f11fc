"""The ways in for events: Trigger, TriggerBatch and TriggerStream."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any, Final, cast

from statewright.v1 import (
    TriggerBatchRequest,
    TriggerBatchResponse,
    TriggerRequest,
    TriggerResponse,
    TriggerStreamRequest,
    TriggerStreamResponse,
)

from service.engine.commands import EventAnswer
from service.rpc.event_message import read_trigger, read_triggers, write_event_result, write_trigger_answer
from service.rpc.fields import check_batch
from service.rpc.rooms import Rooms
from statemachine.errors import InvalidInput, Unavailable, WorkflowError

_IN_FLIGHT: Final = 16
"""Messages of one stream that wait for their answers; the stream is not read beyond that."""


class TriggerRpcs:
    def __init__(self, rooms: Rooms) -> None:
        self._engine = rooms.engine
        self._leaving = rooms.leaving

    async def trigger(self, request: TriggerRequest) -> TriggerResponse:
        if not request.HasField("event"):
            raise InvalidInput("event is required", [("event", "required")])
        answer = cast(EventAnswer, await self._engine.ask(read_trigger(request.event, "event")))
        response = TriggerResponse()
        write_trigger_answer(answer, response, include_not_matched=request.include_not_matched)
        return response

    async def trigger_batch(self, request: TriggerBatchRequest) -> TriggerBatchResponse:
        response = TriggerBatchResponse()
        await self._apply(request, response.results)
        return response

    async def trigger_stream(
        self, requests: AsyncIterator[TriggerStreamRequest]
    ) -> AsyncIterator[TriggerStreamResponse]:
        """Reads ahead of the answers, as far as the engine has room; answers in the order of the messages."""
        flow = _Flow()
        reader = asyncio.create_task(self._read_ahead(requests, flow))
        farewell = asyncio.create_task(self._stop_reading(reader))
        try:
            while (answer := await flow.answers.get()) is not None:
                yield await answer
                flow.room.release()
            if self._leaving.is_set():
                raise Unavailable("the server is draining; go on at another one")
            await reader
        finally:
            await _cancelled([farewell, reader, *flow.left()])

    async def _read_ahead(self, requests: AsyncIterator[TriggerStreamRequest], flow: _Flow) -> None:
        try:
            await self._engine.capacity()
            async for request in requests:
                flow.answers.put_nowait(asyncio.create_task(self._answer(request)))
                await flow.room.acquire()
                await self._engine.capacity()
        finally:
            flow.answers.put_nowait(None)

    async def _stop_reading(self, reader: asyncio.Task[None]) -> None:
        await self._leaving.wait()
        reader.cancel()

    async def _answer(self, request: TriggerStreamRequest) -> TriggerStreamResponse:
        response = TriggerStreamResponse(sequence=request.sequence)
        await self._apply(request, response.results)
        return response

    async def _apply(self, request: TriggerBatchRequest | TriggerStreamRequest, results: Any) -> None:
        """The commands reach the engine before this first waits, so events of a stream keep their order."""
        check_batch("events", request.events)
        commands = read_triggers(request.events, "events")
        good = [command for command in commands if not isinstance(command, WorkflowError)]
        answers = iter(await self._engine.ask_all(good) if good else ())
        ids = [message.id for message in request.events]
        for event_id, command in zip(ids, commands, strict=True):
            answer = command if isinstance(command, WorkflowError) else cast(EventAnswer | Exception, next(answers))
            write_event_result(event_id, answer, results.add(), include_not_matched=request.include_not_matched)


class _Flow:
    """The answers of one stream in order, None at their end, and room for more of them."""

    def __init__(self) -> None:
        self.answers: asyncio.Queue[asyncio.Task[TriggerStreamResponse] | None] = asyncio.Queue()
        self.room = asyncio.Semaphore(_IN_FLIGHT)

    def left(self) -> list[asyncio.Task[Any]]:
        """The answers that nobody waits for any more."""
        queued = [self.answers.get_nowait() for _ in range(self.answers.qsize())]
        return [answer for answer in queued if answer is not None]


async def _cancelled(tasks: list[asyncio.Task[Any]]) -> None:
    """Stop tasks and wait for their ends, whatever these are."""
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)
