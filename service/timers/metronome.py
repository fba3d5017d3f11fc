"""The metronome: APScheduler beats once a second for everything that must happen without anybody asking.

Each loop is one interval job. After a beat, and whenever the engine commits a timer that is due sooner, the next beat
is pulled forward with `modify(next_run_time=…)`; a wake that comes during a beat is kept and the beat repeats. The job
itself never ends: a `date` job that schedules its successor is gone when one run fails.

APScheduler reckons in wall time: a clock that is set back would silence it for as long, one that is set forward lets
it go through every beat between. So before it looks at its jobs they are moved along with the clock, by as much as that
has come away from the monotonic one. A watchdog on the event loop pulls forward every loop that has missed beats all
the same.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from apscheduler.job import Job
from apscheduler.schedulers.asyncio import AsyncIOScheduler

from statemachine.errors import Unavailable

_SHORTEST_S: Final = 0.01
_WATCH_EVERY_S: Final = 2.0
_SLEWED_S: Final = 0.1
"""A clock that is corrected this gently is followed; beyond it was set."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Loop:
    """Something to do every `every_s` seconds. `beat` answers in how many seconds it wants the next one, or None."""

    name: str
    every_s: float
    beat: Callable[[], Awaitable[float | None]]


class Beater:
    """One loop at run time. `pull` moves its next beat to so many seconds from now, when that is earlier."""

    def __init__(self, loop: Loop, pull: Callable[[float], None], monotonic: Callable[[], float]) -> None:
        self.loop = loop
        self._pull = pull
        self._monotonic = monotonic
        self._resting = asyncio.Event()
        self._resting.set()
        self._wanted_at: float | None = None
        self._last_at = monotonic()

    @property
    def age_s(self) -> float:
        """Seconds since the last beat ended."""
        return self._monotonic() - self._last_at

    @property
    def beating(self) -> bool:
        return not self._resting.is_set()

    async def rest(self) -> None:
        """Wait for the end of the beat that is under way, if one is."""
        await self._resting.wait()

    def wake(self, in_s: float) -> None:
        """Ask for a beat in so many seconds; during a beat this is kept until its end."""
        if self.beating:
            wanted_at = self._monotonic() + in_s
            self._wanted_at = wanted_at if self._wanted_at is None else min(self._wanted_at, wanted_at)
        elif in_s < self.loop.every_s:
            self._pull(max(in_s, _SHORTEST_S))

    async def run(self) -> None:
        """Beat, again at once while somebody woke it for a time that has come. An error is logged; the loop goes on."""
        if self.beating:
            return
        self._resting.clear()
        try:
            next_s = await self._beat()
            while self._wanted_at is not None and self._wanted_at <= self._monotonic():
                next_s = await self._beat()
        finally:
            self._resting.set()
        self._pull_forward(next_s)

    async def _beat(self) -> float | None:
        self._wanted_at = None
        try:
            return await self.loop.beat()
        except Unavailable as error:
            _log.warning("the %s loop waits for the database: %s", self.loop.name, error)
            return None
        except Exception:
            _log.exception("the %s loop failed; it goes on", self.loop.name)
            return None
        finally:
            self._last_at = self._monotonic()

    def _pull_forward(self, next_s: float | None) -> None:
        wanted_s = None if self._wanted_at is None else self._wanted_at - self._monotonic()
        self._wanted_at = None
        for seconds in (next_s, wanted_s):
            if seconds is not None:
                self.wake(seconds)


class SteadyScheduler(AsyncIOScheduler):  # type: ignore[misc]  # the library has no types
    """Calls `before` each time before it looks at its jobs."""

    def __init__(self, before: Callable[[], None]) -> None:
        super().__init__(timezone=UTC)
        self._before = before

    def wakeup(self) -> None:
        self._before()
        super().wakeup()


def _utc_now() -> datetime:
    return datetime.now(UTC)


class Metronome:
    """All loops of this replica. `start` and `stop` on the event loop; `wake` there too."""

    def __init__(
        self,
        loops: Sequence[Loop],
        *,
        monotonic: Callable[[], float] = time.monotonic,
        wall: Callable[[], datetime] = _utc_now,
    ) -> None:
        self._scheduler = SteadyScheduler(self.keep_step)
        self._monotonic = monotonic
        self._wall = wall
        self._lead_s = self._lead()
        self._beaters = {loop.name: Beater(loop, self._puller(loop.name), monotonic) for loop in loops}
        self._jobs: dict[str, Job] = {}
        self._watch: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """Every loop beats at once, then in its time."""
        logging.getLogger("apscheduler").setLevel(logging.WARNING)
        now = self._wall()
        for name, beater in self._beaters.items():
            self._jobs[name] = self._scheduler.add_job(
                beater.run,
                "interval",
                seconds=beater.loop.every_s,
                id=name,
                name=name,
                next_run_time=now,
                coalesce=True,
                max_instances=1,
                misfire_grace_time=None,
            )
        self._scheduler.start()
        self._watch_later()

    async def stop(self, timeout_s: float = 5.0) -> None:
        """Beat no more; wait for beats that are under way, at most `timeout_s`."""
        if self._watch is not None:
            self._watch.cancel()
        self._jobs.clear()
        self._scheduler.pause()
        try:
            async with asyncio.timeout(timeout_s):
                await asyncio.gather(*(beater.rest() for beater in self._beaters.values()))
        except TimeoutError:
            _log.warning("the stop does not wait any longer for: %s", ", ".join(self._beating()))
        self._scheduler.shutdown(wait=False)

    def wake(self, name: str, in_s: float = 0.0) -> None:
        """Ask a loop for a beat in so many seconds, if that is before its next one."""
        self._beaters[name].wake(in_s)

    async def tick(self, name: str) -> None:
        """Beat one loop now, as its job does."""
        await self._beaters[name].run()

    def watch(self) -> None:
        """Pull every loop forward that has missed beats."""
        for beater in self._beaters.values():
            if not beater.beating and beater.age_s > 2 * beater.loop.every_s + 1:
                _log.warning("the %s loop has not run for %.1f s; it is started", beater.loop.name, beater.age_s)
                beater.wake(0)

    def keep_step(self) -> None:
        """Move every next beat along with a wall clock that was set."""
        lead_s = self._lead()
        moved_s = lead_s - self._lead_s
        if abs(moved_s) < _SLEWED_S:
            return
        self._lead_s = lead_s
        _log.warning("the clock was set %s by %.1f s", "forward" if moved_s > 0 else "back", abs(moved_s))
        for job in self._jobs.values():
            job.modify(next_run_time=job.next_run_time + timedelta(seconds=moved_s))

    def next_beat_at(self, name: str) -> datetime | None:
        """When the loop's job runs next; None before the start."""
        job = self._jobs.get(name)
        return job.next_run_time if job is not None else None

    def _puller(self, name: str) -> Callable[[float], None]:
        def pull(in_s: float) -> None:
            self.keep_step()
            job = self._jobs.get(name)
            at = self._wall() + timedelta(seconds=in_s)
            if job is not None and at < job.next_run_time:
                job.modify(next_run_time=at)

        return pull

    def _lead(self) -> float:
        """By how many seconds the wall clock is ahead of the monotonic one."""
        return self._wall().timestamp() - self._monotonic()

    def _beating(self) -> list[str]:
        return [name for name, beater in self._beaters.items() if beater.beating]

    def _watch_later(self) -> None:
        self._watch = asyncio.get_running_loop().call_later(_WATCH_EVERY_S, self._watch_and_go_on)

    def _watch_and_go_on(self) -> None:
        self.watch()
        self._watch_later()
