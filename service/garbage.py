"""The garbage collector, on the beat instead of by count.

A batch makes tens of thousands of rows that live until its commit, and no cycles. Counting allocations, the collector
would walk all of them again and again, for a quarter of the CPU. So by count it looks at the newest alone, and the
metronome asks for the rest: the young every second, everything every few minutes.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

YOUNG: Final = 1
EVERYTHING_EVERY_S: Final = 300.0
_THRESHOLDS: Final = (200_000, 50, 100)
"""More than batches hold, so that theirs are looked at on the beat alone (a look in every batch took an eighth of its
time), but not so much that what a flood of refused calls leaves in rings could grow large within a beat."""


@contextmanager
def nothing_collected() -> Iterator[None]:
    """For loading modules: what they make lives until the end; looking through it again and again is a tenth of it."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


class Garbage:
    """Make one when start-up is over: what lives by then lives until the end and is never looked at again."""

    def __init__(self) -> None:
        gc.collect()
        gc.freeze()
        gc.set_threshold(*_THRESHOLDS)
        self._everything_at = time.monotonic() + EVERYTHING_EVERY_S

    async def collect(self) -> None:
        """One beat: a few milliseconds, but every few minutes, when it may take a tenth of a second."""
        if time.monotonic() < self._everything_at:
            gc.collect(YOUNG)
            return
        gc.collect()
        self._everything_at = time.monotonic() + EVERYTHING_EVERY_S
