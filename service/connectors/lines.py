"""Who may start next: one line per destination, served in turn, a few at once each. No I/O, no clock.

A destination that answers slowly fills its own line. What no longer fits is put off, the longer the more there is of
it, so that the pool is free for others; a line that moves takes what comes next at once.
"""

from __future__ import annotations

from collections import Counter, OrderedDict, deque
from datetime import timedelta
from typing import Final, Generic, TypeVar

T = TypeVar("T")

MAX_PUT_OFF_S: Final = 60


class Lines(Generic[T]):
    """`running` items at once in all, `per_destination` to one; at most `length` waiting for one. The destination ""
    is nobody's: only `running` bounds it."""

    def __init__(self, *, running: int, per_destination: int, length: int) -> None:
        self._running = running
        self._per_destination = per_destination
        self._length = length
        self._lines: OrderedDict[str, deque[T]] = OrderedDict()
        self._active: Counter[str] = Counter()
        self._put_off: Counter[str] = Counter()

    @property
    def active(self) -> int:
        """How many run."""
        return sum(self._active.values())

    def join(self, destination: str, item: T) -> timedelta | None:
        """Wait in the destination's line; or, when that is full, how long to be put off."""
        line = self._lines.get(destination, ())
        if destination and len(line) >= self._length:
            self._put_off[destination] += 1
            return timedelta(seconds=min(1 + self._put_off[destination] // self._length, MAX_PUT_OFF_S))
        self._lines.setdefault(destination, deque()).append(item)
        return None

    def start(self) -> T | None:
        """The next item to run, or None when nothing may start now. Each start is ended by `end`."""
        if self.active >= self._running:
            return None
        for destination, line in self._lines.items():
            if not destination or self._active[destination] < self._per_destination:
                return self._leave(destination, line)
        return None

    def end(self, destination: str) -> None:
        """An item that was started is over."""
        self._active[destination] -= 1
        if not self._active[destination]:
            del self._active[destination]

    def remove(self, destination: str, item: T) -> None:
        """Take an item out of its line, if it is in it."""
        line = self._lines.get(destination)
        if line is not None and item in line:
            line.remove(item)
            if not line:
                del self._lines[destination]

    def clear(self) -> list[T]:
        """Take everything out that waits."""
        waiting = [item for line in self._lines.values() for item in line]
        self._lines.clear()
        return waiting

    def _leave(self, destination: str, line: deque[T]) -> T:
        """The head of the line; the destination goes behind the others."""
        item = line.popleft()
        self._active[destination] += 1
        if len(line) <= self._length // 2:
            self._put_off.pop(destination, None)
        if line:
            self._lines.move_to_end(destination)
        else:
            del self._lines[destination]
        return item
