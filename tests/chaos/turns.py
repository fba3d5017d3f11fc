"""One at a time: an engine whose lanes and readers take turns on the event loop, in an order that a seed draws.

Without threads nothing depends on who is faster, so that a play is the same each time, on every store; replicas still
come between each other's transactions, as the seed says. `WithTurns` is otherwise the engine itself.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, Future
from contextlib import contextmanager
from random import Random
from types import SimpleNamespace
from typing import Any, Final, ParamSpec, TypeVar
from unittest.mock import patch

from service.engine import due, firing
from service.engine.engine import Engine
from service.engine.lanes import Lane
from service.engine.tickets import FireTimers, Ticket
from service.storage import enrollments
from tests.service.engine.house import FakeClock

P = ParamSpec("P")
T = TypeVar("T")
_LONGEST: Final = 4
"""How many others may at most go first each time."""


class WithTurns(Engine):
    """See the module. One lane, as on SQLite."""

    def __init__(self, turns: Random, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named, lanes=1)
        self._lanes = self._taking = self._firing = [_Lane(turns, "lane", self.database, self._room, self)]
        self._threads.shutdown()
        self._threads = _AtOnce()  # type: ignore[assignment]

    async def stop(self) -> None:
        self.draining = True


class _Lane(Lane):
    """Takes its turns on the loop."""

    def __init__(self, turns: Random, *given: Any) -> None:
        super().__init__(*given)
        self._turns = turns
        self._called = False
        self._loop: asyncio.AbstractEventLoop

    def start(self) -> None:
        self._loop = asyncio.get_running_loop()

    def put(self, tickets: Sequence[Ticket]) -> None:
        self._waiting.extend(tickets)
        self._call()

    def fire(self, request: FireTimers) -> None:
        self._firings.append(request)
        self._call()

    def _call(self) -> None:
        if not self._called:
            self._called = True
            self._loop.call_soon(self._turn, self._turns.randrange(_LONGEST))

    def _turn(self, others: int) -> None:
        if others:
            self._loop.call_soon(self._turn, others - 1)
            return
        self._called = False
        if self._waiting:
            self._run_commands(self._take())
        elif self._firings:
            self._fire_once(self._firings[0])
        if self._waiting or self._firings:
            self._call()


class _AtOnce(Executor):
    """Does what it is given before it answers."""

    def submit(self, work: Callable[P, T], /, *given: P.args, **named: P.kwargs) -> Future[T]:
        done: Future[T] = Future()
        try:
            done.set_result(work(*given, **named))
        except Exception as error:
            done.set_exception(error)
        return done


@contextmanager
def no_chance(clock: FakeClock) -> Iterator[None]:
    """What an engine does every few seconds it does by the clock of the play, and of timers that are due at one instant
    the run that began first comes first: stores claim them in any order."""
    by_play = SimpleNamespace(monotonic=lambda: clock.now.timestamp())
    with patch.object(due, "time", by_play), patch.object(firing, "claim_due", _claim_in_order):
        yield


def _claim_in_order(*given: Any, **named: Any) -> Any:
    claimed = enrollments.claim_due(*given, **named)
    return sorted(claimed, key=lambda row: (row[0].due_at, row[0].snapshot.id))
