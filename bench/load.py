"""The load of a run, in a process of its own: `python -m bench.load --address HOST:PORT` or `--database URL`.

It reads lines of JSON, each `{"do": …}`, and answers each by a line. `prepare` makes the messages, `go` sends them.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import sys
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from bench.doors import Door, GrpcDoor, Signal, statistics
from bench.figures import spread_of

Answer = dict[str, Any]

_POLLS: Final = 2
_POLLED: Final = 500


class Load:
    """What is prepared waits in `_ready` for `go`."""

    def __init__(self, door: Door) -> None:
        self._door = door
        self._ready: Callable[[], Awaitable[Answer]]

    async def answer(self, question: dict[str, Any]) -> Answer:
        match question.pop("do"):
            case "publish":
                await self._door.publish(question["source"])
                return {}
            case "prepare":
                return self._prepare(**question)
            case "go":
                return await self._go()
            case "statistics":
                return dict(statistics(await self._door.metrics()))
            case other:
                raise ValueError(f"nobody taught the load to do {other!r}")

    def _prepare(
        self,
        way: str,
        run: str,
        event: str,
        items: int,
        size: int = 1,
        in_flight: int = 1,
        rate: float = 0.0,
        contacts: str = "",
        data: dict[str, Any] | None = None,
        due: Sequence[float] = (),
        queue: str = "",
        tasks: int = 0,
        address: str = "",
    ) -> Answer:
        """`run` makes event ids unique, `contacts` names the contacts (default: new ones of this run).

        `due` is (first due time, seconds from one to the next), as seconds since 1970, and becomes `data.due`.
        """
        signals = [
            Signal(f"{run}-{number}", event, f"{contacts or run}-{number}", _data(data, due, number))
            for number in range(items)
        ]
        groups = [signals[first : first + size] for first in range(0, items, size)]
        door = GrpcDoor(address) if address else self._door
        match way:
            case "unary":
                self._ready = _closed_loop(door.send_unary, [door.unary(signal) for signal in signals], in_flight)
            case "batch":
                self._ready = _closed_loop(door.send_batch, [door.batch(group) for group in groups], in_flight)
            case "stream":
                self._ready = _streamed(door, [door.message(*numbered) for numbered in enumerate(groups)])
            case "open":
                self._ready = _open_loop(door.send_unary, [door.unary(signal) for signal in signals], rate)
            case "tasks":
                sending = _closed_loop(door.send_batch, [door.batch(group) for group in groups], in_flight)
                self._ready = _with_worker(door, sending, queue, tasks)
            case other:
                raise ValueError(f"there is no way {other!r}")
        return {}

    async def _go(self) -> Answer:
        gc.collect()
        gc.freeze()
        started = time.perf_counter()
        answer = await self._ready()
        answer["seconds"] = time.perf_counter() - started
        gc.unfreeze()
        return answer


def _data(data: dict[str, Any] | None, due: Sequence[float], number: int) -> dict[str, Any]:
    if not due:
        return data or {}
    at = datetime.fromtimestamp(due[0] + due[1] * number, UTC)
    return {**(data or {}), "due": at.isoformat()}


def _closed_loop(
    send: Callable[[Any], Awaitable[None]], requests: Iterable[Any], in_flight: int
) -> Callable[[], Awaitable[Answer]]:
    """So many callers, each sends its next request when it has its answer."""

    async def go() -> Answer:
        waits: list[float] = []
        left = iter(requests)

        async def caller() -> None:
            for request in left:
                started = time.perf_counter()
                await send(request)
                waits.append(time.perf_counter() - started)

        await asyncio.gather(*(caller() for _ in range(in_flight)))
        return _spread(waits)

    return go


def _open_loop(
    send: Callable[[Any], Awaitable[None]], requests: Sequence[Any], rate: float
) -> Callable[[], Awaitable[Answer]]:
    """A request every 1 / rate seconds, whatever became of those before; waits count from when it should have gone."""

    async def go() -> Answer:
        waits: list[float] = []
        first = time.perf_counter()

        async def one(number: int, request: Any) -> None:
            at = first + number / rate
            await asyncio.sleep(at - time.perf_counter())
            await send(request)
            waits.append(time.perf_counter() - at)

        await asyncio.gather(*(one(number, request) for number, request in enumerate(requests)))
        return _spread(waits)

    return go


def _streamed(door: Door, messages: Sequence[Any]) -> Callable[[], Awaitable[Answer]]:
    async def go() -> Answer:
        answered = [sequence async for sequence in door.stream(messages)]
        if len(answered) != len(messages):
            raise RuntimeError(f"{len(answered)} of {len(messages)} messages were answered")
        return {}

    return go


def _with_worker(
    door: Door, sending: Callable[[], Awaitable[Answer]], queue: str, tasks: int
) -> Callable[[], Awaitable[Answer]]:
    """A worker beside the callers, with two polls under way, until all tasks are done."""

    async def go() -> Answer:
        left = tasks
        finished = asyncio.Event()

        async def work() -> None:
            nonlocal left
            while left > 0:
                done = await door.work(queue, _POLLED)
                left -= done
            finished.set()

        workers = [asyncio.create_task(work()) for _ in range(_POLLS)]
        ends = asyncio.create_task(finished.wait())
        await asyncio.gather(sending(), asyncio.wait([ends, *workers], return_when=asyncio.FIRST_COMPLETED))
        for task in (ends, *workers):
            task.cancel()
        _refuse_failures(await asyncio.gather(*workers, return_exceptions=True))
        return {}

    return go


def _refuse_failures(results: Iterable[BaseException | None]) -> None:
    for result in results:
        if isinstance(result, Exception):
            raise result


def _spread(waits: list[float]) -> Answer:
    spread = spread_of(waits)
    return {"p50_ms": spread.p50_ms, "p99_ms": spread.p99_ms} if spread else {}


async def _serve(door: Door) -> None:
    load = Load(door)
    while line := await asyncio.to_thread(sys.stdin.readline):
        try:
            answer = await load.answer(json.loads(line))
        except Exception as error:  # told to the other side, which ends the run
            answer = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps(answer), flush=True)
    await door.close()


async def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--address")
    parser.add_argument("--metrics", type=int)
    parser.add_argument("--database", default="")
    given = parser.parse_args()
    if given.address:
        await _serve(GrpcDoor(given.address, given.metrics))
        return
    from bench.engine_door import EngineDoor  # a load on the network knows nothing of the engine

    await _serve(await EngineDoor(given.database).start())


if __name__ == "__main__":
    asyncio.run(main())
