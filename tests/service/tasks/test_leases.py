"""Leases as workers see them, on both stores."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from service.engine.commands import FinishTask
from service.storage.database import Database
from service.storage.tasks import queue_depths
from service.tasks.leases import TaskQueue
from statemachine.errors import InvalidInput, Saturated, StaleLease
from tests.service.tasks.stores import START, HandClock, RecordingEngine, leased_row, put, task, task_row

NOW = timedelta(0)


@pytest.fixture
def queue(engine: RecordingEngine) -> TaskQueue:
    return TaskQueue(engine)


async def test_a_poll_with_work_there_answers_at_once(database: Database, queue: TaskQueue) -> None:
    put(database, task_row("a"), task_row("b"))
    leased = await queue.lease("default", ["work"], "w1", 5, timedelta(seconds=10))
    assert [task.id for task in leased] == ["a", "b"]
    assert {task.lease_until for task in leased} == {START + timedelta(seconds=10)}


async def test_a_poll_that_will_not_wait_answers_without_tasks(queue: TaskQueue) -> None:
    assert await queue.lease("default", ["work"], "w1", wait=NOW) == []


async def test_a_waiting_poll_gets_what_a_commit_brings(
    database: Database, queue: TaskQueue, engine: RecordingEngine
) -> None:
    poll = asyncio.create_task(queue.lease("default", ["work"], "w1"))
    await engine.feed.waiting.wait()
    put(database, task_row())
    engine.feed.news.set()
    assert [task.id for task in await poll] == ["t1"]
    assert engine.feed.waits == [1.0]


async def test_news_that_bring_no_task_write_nothing(
    database: Database, queue: TaskQueue, engine: RecordingEngine
) -> None:
    poll = asyncio.create_task(queue.lease("default", ["work"], "w1"))
    await engine.feed.waiting.wait()
    writes = engine.writes
    engine.feed.waiting.clear()
    engine.feed.news.set()
    await engine.feed.waiting.wait()
    assert engine.writes == writes
    poll.cancel()


async def test_a_waiting_poll_ends_when_the_server_drains(queue: TaskQueue, engine: RecordingEngine) -> None:
    poll = asyncio.create_task(queue.lease("default", ["work"], "w1"))
    await engine.feed.waiting.wait()
    queue.close()
    engine.feed.news.set()
    assert await poll == []


async def test_a_draining_server_leases_nothing(database: Database, queue: TaskQueue) -> None:
    put(database, task_row())
    queue.close()
    assert await queue.lease("default", ["work"], "w1") == []
    assert task(database).status == "ready"


async def test_a_poll_waits_no_longer_than_asked(engine: RecordingEngine) -> None:
    instants = iter([0.0, 0.0, 29.5, 30.0])
    queue = TaskQueue(engine, monotonic=lambda: next(instants))
    engine.feed.news.set()
    poll = asyncio.create_task(queue.lease("default", ["work"], "w1"))
    assert await poll == []
    assert engine.feed.waits == [0.5]


async def test_polls_are_noted_but_not_every_time(
    database: Database, queue: TaskQueue, engine: RecordingEngine, clock: HandClock
) -> None:
    await queue.lease("default", ["work"], "w1", wait=NOW)
    clock.move(1)
    await queue.lease("default", ["work"], "w2", wait=NOW)
    (depth,) = database.run(queue_depths)
    assert (depth.worker_id, depth.polled_at) == ("w1", START)


@pytest.mark.parametrize(
    "wrong",
    [
        {"queues": []},
        {"queues": ["q"] * 101},
        {"max_tasks": 0},
        {"max_tasks": 501},
        {"lease": timedelta(milliseconds=999)},
        {"lease": timedelta(seconds=3601)},
        {"wait": timedelta(seconds=-1)},
        {"wait": timedelta(seconds=61)},
    ],
)
async def test_a_poll_out_of_bounds_is_refused(queue: TaskQueue, wrong: dict[str, object]) -> None:
    with pytest.raises(InvalidInput):
        await queue.lease(**{"tenant": "default", "queues": ["work"], "worker_id": "w1", **wrong})  # type: ignore[arg-type]


async def test_a_heartbeat_moves_the_end_of_the_lease(database: Database, queue: TaskQueue, clock: HandClock) -> None:
    put(database, leased_row())
    clock.move(20)
    extension = await queue.extend("default", "t1", 1)
    assert (extension.task.lease_until, extension.cancelled) == (START + timedelta(seconds=50), False)


async def test_a_heartbeat_tells_that_the_task_was_revoked(database: Database, queue: TaskQueue) -> None:
    put(database, leased_row(status="cancelled"))
    assert (await queue.extend("default", "t1", 1)).cancelled


async def test_a_heartbeat_cannot_ask_for_more_than_an_hour(database: Database, queue: TaskQueue) -> None:
    put(database, leased_row())
    with pytest.raises(InvalidInput):
        await queue.extend("default", "t1", 1, timedelta(hours=2))


async def test_a_task_put_off_is_delayed_in_wall_time(database: Database, queue: TaskQueue, clock: HandClock) -> None:
    put(database, leased_row())
    clock.rate = 60.0
    assert await queue.release_all([task(database)], timedelta(seconds=10)) == 1
    assert task(database).available_at == START + timedelta(minutes=10)


async def test_an_expired_lease_ends_its_attempt(
    database: Database, queue: TaskQueue, engine: RecordingEngine, clock: HandClock
) -> None:
    put(database, leased_row("gone"), leased_row("held", lease_until=START + timedelta(minutes=9)))
    clock.move(31)
    assert await queue.reclaim_expired() == 1
    (command,) = engine.asked
    assert isinstance(command, FinishTask)
    assert command.failure is not None
    assert (command.task_id, command.token, command.failure.code) == ("gone", 2, "lease_expired")
    assert command.failure.retryable


async def test_the_holder_of_an_expired_lease_can_do_nothing_any_more(
    database: Database, queue: TaskQueue, clock: HandClock
) -> None:
    put(database, leased_row())
    clock.move(31)
    await queue.reclaim_expired()
    with pytest.raises(StaleLease):
        await queue.extend("default", "t1", 1)


async def test_an_expired_lease_that_the_engine_refuses_comes_again_and_the_others_go_on(
    database: Database, queue: TaskQueue, engine: RecordingEngine, clock: HandClock
) -> None:
    put(database, leased_row("a"), leased_row("b"))
    engine.answers = [Saturated("full")]
    clock.move(31)
    assert await queue.reclaim_expired() == 1
    clock.move(1)
    assert await queue.reclaim_expired() == 0
    clock.move(5)
    assert await queue.reclaim_expired() == 2
    assert [command.task_id for command in engine.asked if isinstance(command, FinishTask)] == ["a", "b", "a", "b"]


async def test_a_saturated_engine_is_asked_again_later(
    database: Database,
    queue: TaskQueue,
    engine: RecordingEngine,
    clock: HandClock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def full(commands: object) -> object:
        raise Saturated("full")

    put(database, leased_row())
    clock.move(31)
    with monkeypatch.context() as patch:
        patch.setattr(engine, "ask_all", full)
        assert await queue.reclaim_expired() == 0
    clock.move(6)
    assert await queue.reclaim_expired() == 1
