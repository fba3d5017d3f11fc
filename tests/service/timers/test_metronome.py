"""The metronome: when loops beat, without waiting for it. Jobs are driven by hand; the clock is a number."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from typing import cast

import pytest

from service.storage.database import Database
from service.timers.loops import LEASES, PENDING, TIMERS, build_metronome
from service.timers.metronome import Beater, Loop, Metronome


class Beats:
    """A loop that counts its beats, answers what a test says and can be held in the middle."""

    def __init__(self) -> None:
        self.now = 0.0
        self.count = 0
        self.next_s: float | None = None
        self.error: Exception | None = None
        self.pulled: list[float] = []
        self.during: Callable[[], None] = lambda: None
        self.beater = Beater(Loop("timers", 1.0, self.beat), self.pulled.append, lambda: self.now)

    async def beat(self) -> float | None:
        self.count += 1
        during, self.during = self.during, lambda: None
        during()
        if self.error is not None:
            raise self.error
        return self.next_s


@pytest.fixture
def beats() -> Beats:
    return Beats()


async def test_a_beat_pulls_the_next_one_to_the_next_due_time(beats: Beats) -> None:
    beats.next_s = 0.25
    await beats.beater.run()
    assert beats.pulled == [0.25]


@pytest.mark.parametrize("next_s", [None, 1.0, 30.0])
async def test_a_due_time_beyond_the_next_turn_pulls_nothing(beats: Beats, next_s: float | None) -> None:
    beats.next_s = next_s
    await beats.beater.run()
    assert beats.pulled == []


async def test_what_is_due_already_cannot_make_the_loop_spin(beats: Beats) -> None:
    beats.next_s = 0.0
    await beats.beater.run()
    assert beats.pulled == [0.01]


async def test_a_wake_pulls_the_next_beat_forward(beats: Beats) -> None:
    beats.beater.wake(0.4)
    assert (beats.pulled, beats.count) == ([0.4], 0)


async def test_a_wake_during_a_beat_repeats_it(beats: Beats) -> None:
    beats.during = lambda: beats.beater.wake(0.0)
    await beats.beater.run()
    assert beats.count == 2


async def test_a_wake_for_later_during_a_beat_is_kept_until_its_end(beats: Beats) -> None:
    beats.during = lambda: beats.beater.wake(0.5)
    await beats.beater.run()
    assert (beats.count, beats.pulled) == (1, [0.5])


async def test_the_earliest_of_several_wakes_during_a_beat_counts(beats: Beats) -> None:
    def several() -> None:
        beats.beater.wake(0.3)
        beats.beater.wake(0.7)
        beats.now = 0.1

    beats.during = several
    await beats.beater.run()
    assert beats.pulled == [pytest.approx(0.2)]


async def test_a_beat_is_never_run_twice_at_once(beats: Beats) -> None:
    inner: list[asyncio.Task[None]] = []
    beats.during = lambda: inner.append(asyncio.ensure_future(beats.beater.run()))
    await beats.beater.run()
    beats.during = lambda: None
    await inner[0]
    running = asyncio.Event()
    beater = Beater(Loop("held", 1.0, lambda: _hold(running)), lambda _: None, lambda: 0.0)
    first = asyncio.create_task(beater.run())
    await asyncio.wait([first], timeout=0)
    await beater.run()
    assert beater.beating
    running.set()
    await first
    assert not beater.beating


async def _hold(event: asyncio.Event) -> None:
    await event.wait()


async def test_an_error_is_logged_and_does_not_end_the_loop(beats: Beats, caplog: pytest.LogCaptureFixture) -> None:
    beats.error = RuntimeError("the store is gone")
    with caplog.at_level(logging.ERROR):
        await beats.beater.run()
    beats.error = None
    await beats.beater.run()
    assert beats.count == 2
    assert "the store is gone" in caplog.text


async def test_a_beat_that_fails_after_a_wake_is_repeated(beats: Beats) -> None:
    beats.during = lambda: beats.beater.wake(0.0)
    beats.error = RuntimeError("once")
    await beats.beater.run()
    assert beats.count == 2


async def test_the_age_is_since_the_end_of_the_last_beat(beats: Beats) -> None:
    beats.now = 40.0
    assert beats.beater.age_s == 40.0
    await beats.beater.run()
    assert beats.beater.age_s == 0.0


@dataclass
class Report:
    next_in_s: float | None


class FakeEngine:
    """An engine whose loops note that they ran."""

    def __init__(self) -> None:
        self.database = cast(Database, None)
        self.ran: list[str] = []
        self.all_ran = asyncio.Event()
        self.ticked = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self.next_in_s: float | None = None
        self.due_earlier: Callable[[float], None] = lambda _: None

    def note(self, loop: str) -> None:
        """Also called from a thread."""
        self.ran.append(loop)
        if len(self.ran) == 5:
            self._loop.call_soon_threadsafe(self.all_ran.set)

    async def fire_due(self) -> Report:
        self.note("timers")
        self.ticked.set()
        return Report(self.next_in_s)

    async def pick_up_pending(self) -> int:
        self.note("pending")
        return 0

    async def reclaim_expired(self) -> int:
        self.note("leases")
        return 0

    async def audit(self) -> None:
        self.note("audit")

    def on_due_earlier(self, callback: Callable[[float], None]) -> None:
        self.due_earlier = callback


@pytest.fixture
async def engine() -> FakeEngine:
    return FakeEngine()


@pytest.fixture
async def metronome(engine: FakeEngine, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Metronome]:
    monkeypatch.setattr("service.timers.loops.ensure_partitions", lambda database: engine.note("partitions"))
    built = build_metronome(engine, engine, audit=engine.audit)
    yield built
    await built.stop()


async def test_every_loop_beats_once_at_the_start(engine: FakeEngine, metronome: Metronome) -> None:
    metronome.start()
    await engine.all_ran.wait()
    assert sorted(engine.ran) == ["audit", "leases", "partitions", "pending", "timers"]


async def test_the_timers_wake_at_the_next_due_time(engine: FakeEngine, metronome: Metronome) -> None:
    metronome.start()
    await engine.ticked.wait()
    engine.next_in_s = 0.2
    before = datetime.now(UTC)
    await metronome.tick(TIMERS)
    next_at = metronome.next_beat_at(TIMERS)
    assert next_at is not None
    assert before + timedelta(seconds=0.2) <= next_at <= datetime.now(UTC) + timedelta(seconds=0.2)


async def test_an_earlier_timer_that_was_committed_pulls_the_timers_alone(
    engine: FakeEngine, metronome: Metronome
) -> None:
    metronome.start()
    await engine.ticked.wait()
    others = [metronome.next_beat_at(LEASES), metronome.next_beat_at(PENDING)]
    engine.due_earlier(0.3)
    next_at = metronome.next_beat_at(TIMERS)
    assert next_at is not None
    assert next_at <= datetime.now(UTC) + timedelta(seconds=0.3)
    assert [metronome.next_beat_at(LEASES), metronome.next_beat_at(PENDING)] == others


async def test_a_timer_that_is_not_earlier_changes_nothing(engine: FakeEngine, metronome: Metronome) -> None:
    metronome.start()
    await engine.ticked.wait()
    engine.due_earlier(0.1)
    before = metronome.next_beat_at(TIMERS)
    engine.due_earlier(0.5)
    assert metronome.next_beat_at(TIMERS) == before


async def test_a_loop_that_missed_its_beats_is_started_again() -> None:
    now = [0.0]
    beaten = asyncio.Event()

    async def beat() -> None:
        beaten.set()

    metronome = Metronome([Loop("timers", 1.0, beat)], monotonic=lambda: now[0])
    metronome.start()
    await beaten.wait()
    before = metronome.next_beat_at("timers")
    metronome.watch()
    assert metronome.next_beat_at("timers") == before
    now[0] = 10.0
    metronome.watch()
    after = metronome.next_beat_at("timers")
    assert before is not None
    assert after is not None
    assert after < before
    await metronome.stop()


@pytest.mark.parametrize("jump", [timedelta(hours=-1), timedelta(days=3650)])
async def test_loops_beat_on_in_step_when_the_clock_is_set(jump: timedelta, monkeypatch: pytest.MonkeyPatch) -> None:
    beats: asyncio.Queue[None] = asyncio.Queue()
    moved = timedelta()

    class Clock(datetime):
        """The wall clock of the scheduler."""

        @classmethod
        def now(cls, tz: tzinfo | None = None) -> datetime:  # type: ignore[override]
            return datetime.now(tz) + moved

    async def beat() -> None:
        beats.put_nowait(None)

    monkeypatch.setattr("apscheduler.schedulers.base.datetime", Clock)
    started_at = datetime.now(UTC)
    metronome = Metronome([Loop("timers", 0.02, beat)], monotonic=lambda: 0.0, wall=lambda: started_at + moved)
    metronome.start()
    async with asyncio.timeout(20):
        await beats.get()
        moved = jump
        await beats.get()
        await beats.get()
    await metronome.stop()


async def test_a_clock_that_is_set_moves_every_next_beat_by_as_much_and_one_that_is_corrected_none() -> None:
    wall = [datetime.now(UTC)]
    beaten = asyncio.Event()

    async def beat() -> None:
        beaten.set()

    metronome = Metronome([Loop("timers", 1.0, beat)], monotonic=lambda: 0.0, wall=lambda: wall[0])
    metronome.start()
    await beaten.wait()
    before = metronome.next_beat_at("timers")
    assert before is not None
    wall[0] += timedelta(seconds=0.05)
    metronome.keep_step()
    assert metronome.next_beat_at("timers") == before
    wall[0] += timedelta(hours=1)
    metronome.wake("timers", 0.5)
    assert metronome.next_beat_at("timers") == wall[0] + timedelta(seconds=0.5)
    await metronome.stop()


async def test_the_stop_waits_for_the_beat_that_is_under_way() -> None:
    started, finish = asyncio.Event(), asyncio.Event()
    ended: list[bool] = []

    async def beat() -> None:
        started.set()
        await finish.wait()
        ended.append(True)

    metronome = Metronome([Loop("timers", 1.0, beat)])
    metronome.start()
    await started.wait()
    stopping = asyncio.create_task(metronome.stop())
    finish.set()
    await stopping
    assert ended == [True]
