"""What the metronome beats for."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final, Protocol

from service.storage.database import Database
from service.storage.partitions import ensure_partitions
from service.timers.metronome import Loop, Metronome

TIMERS: Final = "timers"
LEASES: Final = "leases"
PENDING: Final = "pending events"
AUDIT: Final = "audit"
GARBAGE: Final = "garbage"
PARTITIONS: Final = "partitions"
ASSIGNMENTS: Final = "assignments"

_SECOND: Final = 1.0
_AUDIT_EVERY_S: Final = 60.0
_DAY_S: Final = 86_400.0


class DueReport(Protocol):
    """`next_in_s` is in how many seconds on the wall the next timer is due; None when there is none."""

    @property
    def next_in_s(self) -> float | None: ...


class TimedEngine(Protocol):
    """The engine as the metronome sees it."""

    @property
    def database(self) -> Database: ...

    async def fire_due(self) -> DueReport: ...

    async def pick_up_pending(self) -> int: ...

    def on_due_earlier(self, callback: Callable[[float], None], /) -> None: ...


class Reclaiming(Protocol):
    async def reclaim_expired(self) -> int: ...


def build_metronome(
    engine: TimedEngine,
    tasks: Reclaiming,
    *,
    audit: Callable[[], Awaitable[object]] | None = None,
    collect: Callable[[], Awaitable[object]] | None = None,
    assign: Callable[[], Awaitable[object]] | None = None,
) -> Metronome:
    """The loops of a replica: due timers, expired leases, pending events, `collect` and `assign` every second, `audit`
    every minute, the coming partitions every day. A commit that sets an earlier timer pulls the timers forward."""

    async def fire_due() -> float | None:
        return (await engine.fire_due()).next_in_s

    async def ensure() -> None:
        await asyncio.to_thread(ensure_partitions, engine.database)

    loops = [
        Loop(TIMERS, _SECOND, fire_due),
        Loop(LEASES, _SECOND, _without_wish(tasks.reclaim_expired)),
        Loop(PENDING, _SECOND, _without_wish(engine.pick_up_pending)),
        Loop(PARTITIONS, _DAY_S, ensure),
    ]
    if audit is not None:
        loops.append(Loop(AUDIT, _AUDIT_EVERY_S, _without_wish(audit)))
    if collect is not None:
        loops.append(Loop(GARBAGE, _SECOND, _without_wish(collect)))
    if assign is not None:
        loops.append(Loop(ASSIGNMENTS, _SECOND, _without_wish(assign)))
    metronome = Metronome(loops)
    engine.on_due_earlier(lambda in_s: metronome.wake(TIMERS, in_s))
    return metronome


def _without_wish(work: Callable[[], Awaitable[object]]) -> Callable[[], Awaitable[float | None]]:
    """A beat that is content with its turn, whatever the work answers."""

    async def beat() -> None:
        await work()

    return beat
