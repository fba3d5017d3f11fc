"""What is done because its time has come, without anybody asking.

Timers fire; pending runs begin for which there is a place by now; events are looked at for the last time whose grace is
over; stored events are dispatched that a process which died left behind. Any number of replicas may do so.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from service.engine.appointments import Appointments
from service.engine.batch import Result
from service.engine.commands import DispatchEvent, LookAgain, StartPending
from service.engine.counting import EngineMetrics
from service.engine.firing import NOTHING_FIRED
from service.engine.tickets import MAX_BATCH
from service.engine.turns import whose_turn
from service.storage.connections import BrokenKey, TooMuch
from service.storage.database import Transaction
from service.storage.enrollments import next_due
from service.storage.looks import DueLook, due_looks
from service.storage.parking import any_parked, unpark
from service.storage.pending_events import MAX_FAILURES, PendingEvent, left_pending, put_off
from service.storage.places import PendingRun, any_places, forget_places, put_off_pending
from statemachine.errors import Saturated, Unavailable

if TYPE_CHECKING:
    from service.engine.engine import Engine

log = logging.getLogger(__name__)

_HELD_ELSEWHERE_S: Final = 0.02
"""When to look again at timers that are due but held by another replica."""
_FORGET_EVERY_S: Final = 10.0
"""How often the places of ended runs are cleared away."""
_TRY_LATER: Final = timedelta(seconds=30)
"""How long a pending run that could not be decided lets others go first."""
_LEFT_BEHIND: Final = timedelta(seconds=5)
"""How long a stored event may stay pending before any replica picks it up."""


@dataclass(frozen=True, slots=True)
class DueReport:
    """`next_in_s` is in wall seconds; None when no timer waits."""

    fired: int
    lag_s: float
    next_in_s: float | None


class Due:
    """See the module."""

    def __init__(self, engine: Engine, metrics: EngineMetrics | None) -> None:
        self._engine = engine
        self._metrics = metrics
        self._clock = engine.clock
        self._forget_at_s = 0.0
        self._appointments = Appointments(engine)

    async def fire(self) -> DueReport:
        """Fire due timers, batch by batch, until none is due, and let in who waits; says when the next timer is due."""
        engine = self._engine
        fired = NOTHING_FIRED
        unparking = not engine.draining and await engine.read(any_parked)
        while not engine.draining:
            unparking = unparking and bool(await engine.write(unpark))
            fired = fired.plus(await engine.fire_lanes())
            if not unparking:
                break
        if not engine.draining:
            await self._let_in()
        if self._metrics is not None:
            self._metrics.fired(fired.fired, fired.lag_s)
        next_in_s = await engine.read(self._next_in)
        if not fired.fired and next_in_s is not None:
            next_in_s = max(next_in_s, _HELD_ELSEWHERE_S)
        return DueReport(fired.fired, fired.lag_s, next_in_s)

    async def pick_up(self) -> int:
        """Dispatch stored events that a process which died left behind, or whose first dispatch failed."""
        engine = self._engine
        if engine.draining:
            return 0
        left = (await engine.read(self.left_pending))[: engine.room]
        results = await engine.ask_all([DispatchEvent(one.tenant, one.row_id, one.event) for one in left])
        failed = [one for one, result in zip(left, results, strict=True) if _is_failure(result)]
        if failed:
            await engine.write(lambda transaction: self._put_off(transaction, failed))
        return len(left)

    def left_pending(self, transaction: Transaction) -> list[PendingEvent]:
        """Stored events whose dispatch is overdue, a batch of them."""
        now = self._clock.read(transaction).workflow
        return left_pending(transaction, now - _LEFT_BEHIND * self._clock.rate, now, MAX_BATCH)

    def _next_in(self, transaction: Transaction) -> float | None:
        due_at = next_due(transaction)
        if due_at is None:
            return None
        return self._clock.wall_delay(due_at - self._clock.read(transaction).workflow).total_seconds()

    async def _let_in(self) -> None:
        engine = self._engine
        kept, waiting, looking = await engine.read(any_places)
        if looking:
            await self._look_again()
        await self._appointments.keep()
        if kept and time.monotonic() >= self._forget_at_s:
            self._forget_at_s = time.monotonic() + _FORGET_EVERY_S
            await engine.write(lambda transaction: forget_places(transaction, self._clock.read(transaction).workflow))
        while waiting and not engine.draining:
            waiting = await self._begin_pending()

    async def _begin_pending(self) -> bool:
        """Let a batch of pending runs begin, in their order; whether there may be more."""
        found = await self._engine.read(self._whose_turn)
        commands = [StartPending(one.tenant, one.enrollment_id, one.contact_id, one.workflow) for one in found]
        try:
            results = await self._engine.ask_all(commands)
        except (Saturated, Unavailable):
            return False
        failed = [one for one, result in zip(found, results, strict=True) if isinstance(result, Exception)]
        if failed:
            await self._engine.write(lambda transaction: self._put_off_pending(transaction, failed))
        return len(found) >= MAX_BATCH and not failed

    async def _look_again(self) -> None:
        due = await self._engine.read(self._due_looks)
        with suppress(Saturated, Unavailable):
            await self._engine.ask_all([LookAgain(one.tenant, one.contact_id) for one in due])

    def _due_looks(self, transaction: Transaction) -> Sequence[DueLook]:
        return due_looks(transaction, self._clock.read(transaction).workflow, MAX_BATCH)

    def _whose_turn(self, transaction: Transaction) -> list[PendingRun]:
        return whose_turn(transaction, self._engine.catalog, self._clock.read(transaction).workflow, MAX_BATCH)

    def _put_off_pending(self, transaction: Transaction, failed: Sequence[PendingRun]) -> None:
        put_off_pending(transaction, failed, self._clock.read(transaction).workflow + _TRY_LATER * self._clock.rate)

    def _put_off(self, transaction: Transaction, failed: Sequence[PendingEvent]) -> None:
        now = self._clock.read(transaction)
        put_off(transaction, failed, now=now.workflow, wall=now.wall, rate=self._clock.rate)
        for one in failed:
            if one.failures + 1 >= MAX_FAILURES:
                log.error("a stored event is quarantined", extra={"event": one.event.id, "type": one.event.type})


def _is_failure(result: Result) -> bool:
    """Whether a dispatch failed by its own fault; a lost race or a database that is away is nobody's."""
    if isinstance(result, Unavailable | Saturated) and not isinstance(result, TooMuch):
        return isinstance(result.__cause__, BrokenKey)
    return isinstance(result, Exception)
