"""What lanes are handed: commands with their callers, and calls to fire timers."""

from __future__ import annotations

import threading
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from service.engine.batch import Result
from service.engine.commands import Command, DispatchEvent, TriggerEvent
from service.engine.firing import NOTHING_FIRED, Fired

MAX_BATCH: Final = 500
"""Commands or timers that a lane takes together."""


class Group:
    """Commands that are answered together: complete when the last of them, on whichever lane, is answered."""

    __slots__ = ("_left", "_lock", "complete", "results")

    def __init__(self, size: int, complete: Callable[[list[Result | None]], None]) -> None:
        self.results: list[Result | None] = [None] * size
        self.complete = complete
        self._left = size
        self._lock = threading.Lock()

    def answer(self, index: int, result: Result) -> bool:
        """Note an answer; True with the last one. The caller then has `complete` run on the loop."""
        self.results[index] = result
        with self._lock:
            self._left -= 1
            return not self._left


@dataclass(slots=True)
class Ticket:
    """A command on its way, and its place in the group that waits for it."""

    command: Command
    group: Group
    index: int
    held_since: float | None = None


class FiringLane(Protocol):
    """A lane, as far as a call to fire timers knows it."""

    def fire(self, call: FireTimers, /) -> None: ...


class FireTimers:
    """A call to fire due timers, batch after batch until one is not full.

    One lane begins; as soon as it has claimed a full batch it calls the others to help. The last to finish answers.
    """

    def __init__(self, lanes: Sequence[FiringLane], answer: Callable[[Fired | Exception], None]) -> None:
        self._first, *self._helpers = lanes
        self._answer = answer
        self._lock = threading.Lock()
        self._at_work = 1
        self._called = False
        self._total = NOTHING_FIRED
        self._error: Exception | None = None

    def begin(self) -> None:
        self._first.fire(self)

    def claimed(self, count: int) -> None:
        """A lane has claimed so many rows."""
        if count < MAX_BATCH or self._called:
            return
        with self._lock:
            if self._called:
                return
            self._called = True
            self._at_work += len(self._helpers)
        for lane in self._helpers:
            lane.fire(self)

    def fired(self, fired: Fired) -> None:
        """A lane has fired a batch."""
        with self._lock:
            self._total = self._total.plus(fired)

    def finished(self, error: Exception | None = None) -> None:
        """A lane found nothing more to do, or failed."""
        with self._lock:
            self._at_work -= 1
            self._error = error or self._error
            last = not self._at_work
        if last:
            self._answer(self._error or self._total)


def lane_number(command: Command, lanes: int) -> int:
    """Which of so many lanes takes a command: for one contact always the same, so they keep their order."""
    contact_id: str | None = getattr(command, "contact_id", None)
    if isinstance(command, TriggerEvent | DispatchEvent):
        contact_id = command.event.contact_id
    name = contact_id or getattr(command, "enrollment_id", None) or getattr(command, "task_id", None) or ""
    return zlib.crc32(f"{command.tenant}/{name}".encode()) % lanes
