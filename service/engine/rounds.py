"""Doing the same to many enrollments: page by page, at a rate, and again for those that were busy.

Nothing is kept of it but what it leaves in the histories: whoever asks for the next page leaves out the enrollments
whose history already has the cause. So work cut short goes on, after a crash or on another replica, with those left.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

from service.engine.commands import Operate
from service.engine.engine import Engine
from service.storage.database import Transaction
from statemachine.errors import InvalidInput, MigrationRefused, NotFound, PreconditionFailed, Saturated, Unavailable

MAX_RATE: Final = 10_000
DEFAULT_RATE: Final = 200
_MOST_AT_ONCE: Final = 200
_BATCHES_A_SECOND: Final = 5
_ROUNDS: Final = 4
"""How often those that another replica held, or that found the server full, are tried."""


@dataclass(slots=True)
class Progress:
    """`changed` counts those done, by calls before too; `left` those that stay, by (step, code); `examples` has one
    and the reason of each."""

    changed: int = 0
    left: Counter[tuple[str, str]] = field(default_factory=Counter)
    examples: dict[tuple[str, str], tuple[str, str]] = field(default_factory=dict)
    done: bool = False


class Pace:
    """Lets so many pass per second; tests give it a clock and a pause of their own."""

    def __init__(
        self,
        rate: float,
        *,
        now: Callable[[], float] = time.monotonic,
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self.at_once = max(1, min(_MOST_AT_ONCE, int(rate / _BATCHES_A_SECOND)))
        self._rate = rate
        self._now = now
        self._pause = pause
        self._next_at = now()

    async def passed(self, count: int) -> None:
        """Return when as many more may pass."""
        self._next_at = max(self._next_at, self._now()) + count / self._rate
        wait_s = self._next_at - self._now()
        if wait_s > 0:
            await self._pause(wait_s)


@dataclass(frozen=True, slots=True)
class Work:
    """What is done to whom: `page(transaction, after, limit)` are the next ids, `command` what each is told. `busy` is
    said when some stay busy to the end."""

    page: Callable[[Transaction, str, int], list[str]]
    command: Callable[[str], Operate]
    busy: str


async def in_rounds(engine: Engine, work: Work, progress: Progress, pace: Pace) -> AsyncIterator[Progress]:
    """Do it, and tell after every page; the last word has `done`. Raises Unavailable."""
    for _ in range(_ROUNDS):
        after, put_off = "", False
        while True:
            ids = await engine.read(_reading(work, after, pace.at_once))
            if not ids:
                break
            after = ids[-1]
            put_off |= await _do(engine, work, ids, progress)
            yield progress
            await pace.passed(len(ids))
        if not put_off:
            progress.done = True
            yield progress
            return
        progress.left.clear()
    raise Unavailable(work.busy)


def _reading(work: Work, after: str, limit: int) -> Callable[[Transaction], list[str]]:
    return lambda transaction: work.page(transaction, after, limit)


async def _do(engine: Engine, work: Work, ids: Sequence[str], progress: Progress) -> bool:
    """Ask for each; answers whether some must be asked again."""
    await engine.capacity()
    try:
        results = await engine.ask_all([work.command(one) for one in ids])
    except Saturated:
        return True
    put_off = False
    for enrollment_id, result in zip(ids, results, strict=True):
        if isinstance(result, PreconditionFailed | InvalidInput):
            code = result.code if isinstance(result, MigrationRefused) else result.reason
            name = (result.metadata.get("step", ""), code)
            progress.left[name] += 1
            progress.examples.setdefault(name, (enrollment_id, result.message))
        elif isinstance(result, Unavailable | Saturated):
            put_off = True
        elif isinstance(result, NotFound):
            continue
        elif isinstance(result, Exception):
            raise result
        else:
            progress.changed += 1
    return put_off
