"""How long a pool rests between two looks at the table: until a retry falls due, at most a second.

A look costs the database more the more retries wait, and then many fall due one after the other: a pool spends at most
a tenth of its time on looking, and rests at least a twentieth of a second.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import Final

LOOK_EVERY_S: Final = 1.0
SHORTEST_S: Final = 0.05
_RESTS_PER_LOOK: Final = 9.0


class Rest:
    """The rest of one pool, on the event loop. `longest_s` is how long it is when nothing is known to come."""

    def __init__(self, longest_s: float = LOOK_EVERY_S) -> None:
        self._longest_s = longest_s
        self._shortest_s = SHORTEST_S
        self._over = asyncio.Event()
        self._soon: asyncio.TimerHandle | None = None

    def span(self, took_s: float, due_in_s: float | None) -> float:
        """Seconds to rest after a look that took `took_s`, when the next task is due in `due_in_s` (None: unknown)."""
        self._shortest_s = min(max(SHORTEST_S, _RESTS_PER_LOOK * took_s), self._longest_s)
        wanted_s = self._longest_s if due_in_s is None else due_in_s
        return min(max(wanted_s, self._shortest_s), self._longest_s)

    def end(self) -> None:
        """Look now: there is room again, or an end."""
        self._over.set()

    def end_soon(self) -> None:
        """Look after the shortest rest, once for all who ask until then: a retry was ordered, nobody knows for when."""
        if self._soon is None:
            self._soon = asyncio.get_running_loop().call_later(self._shortest_s, self._end_now)

    async def take(self, seconds: float) -> None:
        """Rest so many seconds, or until somebody ends it."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._over.wait()
        self._over.clear()

    def _end_now(self) -> None:
        self._soon = None
        self._over.set()
