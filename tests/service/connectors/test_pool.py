"""The local pool: what it runs, tells, renews and gives back."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from typing import Any

import pytest

from service.connectors.connector import Finished, TaskError
from service.connectors.pool import LocalPool
from service.engine.commands import FinishTask
from service.storage.database import Database
from service.storage.tasks import LeasedTask
from service.tasks.leases import TaskQueue
from statemachine.errors import LimitExceeded, NotFound, Saturated, StaleLease, Unavailable
from tests.service.tasks.stores import START, HandClock, RecordingEngine, leased_row, put, task, task_row


class Worker:
    """A connector whose attempts end as a test says, when it says."""

    def __init__(self) -> None:
        self.started: asyncio.Queue[LeasedTask] = asyncio.Queue()
        self.gate = asyncio.Event()
        self.gate.set()
        self.error: Exception | None = None
        self.finished = Finished({"ok": True}, variables={"seen": 1})

    def destination(self, task: LeasedTask) -> str:
        return str(task.input.get("host", ""))

    async def execute(self, task: LeasedTask) -> Finished:
        self.started.put_nowait(task)
        await self.gate.wait()
        if self.error is not None:
            raise self.error
        return self.finished


class Instants:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def worker() -> Worker:
    return Worker()


@pytest.fixture
def instants() -> Instants:
    return Instants()


Make = Callable[..., LocalPool]


@pytest.fixture
async def make(engine: RecordingEngine, worker: Worker, instants: Instants) -> AsyncIterator[Make]:
    """Makes pools and drains them after the test."""
    made: list[LocalPool] = []

    def pool(**given: Any) -> LocalPool:
        tasks = TaskQueue(engine)
        made.append(LocalPool(engine, tasks, "work", {"task": worker}, worker_id="r1", monotonic=instants, **given))
        return made[-1]

    yield pool
    worker.gate.set()
    for one in made:
        await one.drain(5)


def held(database: Database, id: str = "t1", **given: Any) -> LeasedTask:  # noqa: A002 - the column's name
    put(database, leased_row(id, worker_id="r1", **given))
    return task(database, id)


async def told(engine: RecordingEngine) -> FinishTask:
    await engine.heard.wait()
    engine.heard.clear()
    command = engine.asked[-1]
    assert isinstance(command, FinishTask)
    return command


async def failure_told(engine: RecordingEngine) -> tuple[str, bool, float | None]:
    failure = (await told(engine)).failure
    assert failure is not None
    return failure.code, failure.retryable, failure.retry_after_s


async def test_an_offered_task_is_run_and_its_result_told(
    database: Database, engine: RecordingEngine, make: Make
) -> None:
    assert make().offer(held(database))
    result = await told(engine)
    assert (result.task_id, result.token, result.outcome, result.failure) == ("t1", 1, "done", None)
    assert (result.output, result.variables) == ({"ok": True}, {"seen": 1})


async def test_tasks_are_offered_from_other_threads(database: Database, engine: RecordingEngine, make: Make) -> None:
    pool, offered = make(), held(database)
    thread = threading.Thread(target=pool.offer, args=(offered,))
    thread.start()
    assert (await told(engine)).task_id == "t1"
    thread.join()


@pytest.mark.parametrize(
    ("error", "reported"),
    [
        (TaskError("http_503", "down", retryable=True, retry_after_s=7.0), ("http_503", True, 7.0)),
        (TaskError("http_404", "none"), ("http_404", False, None)),
        (TimeoutError(), ("timeout", True, None)),
        (Unavailable("no store"), ("unavailable", True, None)),
        (ZeroDivisionError(), ("connector_defect", True, None)),
    ],
)
async def test_a_failed_attempt_is_told_with_its_reason(
    database: Database,
    engine: RecordingEngine,
    make: Make,
    worker: Worker,
    error: Exception,
    reported: tuple[str, bool, float | None],
) -> None:
    worker.error = error
    make().offer(held(database))
    assert await failure_told(engine) == reported


async def test_a_defect_leaves_the_outcome_of_an_at_most_once_step_unknown(
    database: Database, engine: RecordingEngine, make: Make, worker: Worker
) -> None:
    worker.error = ZeroDivisionError()
    make().offer(held(database, at_most_once=True))
    assert (await failure_told(engine))[0] == "outcome_unknown"


async def test_an_attempt_that_takes_too_long_is_stopped(
    database: Database, engine: RecordingEngine, make: Make, worker: Worker
) -> None:
    worker.gate.clear()
    make().offer(held(database, timeout_s=0.01))
    assert await failure_told(engine) == ("timeout", True, None)


@pytest.mark.parametrize("busy", [Saturated("full", timedelta(0)), Unavailable("away", timedelta(0))])
async def test_a_result_the_engine_cannot_take_now_is_told_again(
    database: Database, engine: RecordingEngine, make: Make, worker: Worker, busy: Saturated | Unavailable
) -> None:
    engine.answers = [busy, busy]
    pool = make()
    pool.offer(held(database))
    await worker.started.get()
    await pool.drain(5)
    assert [type(command) for command in engine.asked] == [FinishTask] * 3


async def test_a_result_is_told_no_more_once_the_lease_has_ended(
    database: Database, engine: RecordingEngine, make: Make, instants: Instants, worker: Worker
) -> None:
    worker.gate.clear()
    engine.answers = [Saturated("full", timedelta(0))] * 9
    pool = make(lease=timedelta(seconds=30))
    pool.offer(held(database))
    await worker.started.get()
    instants.now = 30.0
    worker.gate.set()
    await pool.drain(5)
    assert len(engine.asked) == 1


@pytest.mark.parametrize("stale", [StaleLease("taken over"), NotFound("task", "t1")])
async def test_a_result_that_comes_too_late_is_dropped(
    database: Database, engine: RecordingEngine, make: Make, worker: Worker, stale: StaleLease | NotFound
) -> None:
    engine.answers = [stale]
    pool = make()
    pool.offer(held(database))
    await worker.started.get()
    await pool.drain(5)
    assert len(engine.asked) == 1


async def test_an_output_the_engine_refuses_fails_the_step(
    database: Database, engine: RecordingEngine, make: Make, worker: Worker
) -> None:
    engine.answers = [LimitExceeded("an output is at most 64 KiB")]
    pool = make()
    pool.offer(held(database))
    await worker.started.get()
    await pool.drain(5)
    assert await failure_told(engine) == ("output_too_large", False, None)


async def test_only_so_many_run_at_once(database: Database, make: Make, worker: Worker) -> None:
    worker.gate.clear()
    pool = make(running=2, capacity=10)
    for n in range(3):
        pool.offer(held(database, f"t{n}"))
    assert [(await worker.started.get()).id for _ in range(2)] == ["t0", "t1"]
    assert (worker.started.empty(), pool.free) == (True, 7)
    worker.gate.set()
    assert (await worker.started.get()).id == "t2"


async def test_a_slow_destination_lets_others_pass(database: Database, make: Make, worker: Worker) -> None:
    worker.gate.clear()
    pool = make(per_destination=1)
    for n, host in enumerate(["slow", "slow", "quick"]):
        pool.offer(held(database, f"t{n}", input={"host": host}))
    assert [(await worker.started.get()).id for _ in range(2)] == ["t0", "t2"]


async def test_what_a_crowded_destination_cannot_take_is_put_off(
    database: Database, make: Make, worker: Worker
) -> None:
    worker.gate.clear()
    pool = make(per_destination=1, capacity=2)
    for n in range(3):
        pool.offer(held(database, f"t{n}", input={"host": "slow"}))
    await worker.started.get()
    await asyncio.gather(*pool._returns)
    found = [task(database, f"t{n}") for n in range(3)]
    assert [one.status for one in found] == ["leased", "ready", "ready"]
    assert START < found[1].available_at < found[2].available_at


async def test_a_type_nobody_here_knows_is_left_to_others(database: Database, make: Make, worker: Worker) -> None:
    pool = make()
    pool.offer(held(database, type="telegram"))
    pool.offer(held(database, "known"))
    await worker.started.get()
    await asyncio.gather(*pool._returns)
    found = task(database)
    assert (found.status, found.available_at, worker.started.empty()) == ("ready", START + timedelta(seconds=10), True)


async def test_what_was_left_ready_is_leased_and_run(
    database: Database, engine: RecordingEngine, make: Make, worker: Worker
) -> None:
    put(database, task_row(), task_row("later", available_at=START + timedelta(hours=1)))
    make().start()
    result = await told(engine)
    assert (result.task_id, result.token, task(database).worker_id) == ("t1", 1, "r1")
    assert task(database, "later").status == "ready"


async def test_a_task_is_leased_at_the_instant_it_falls_due(
    database: Database, engine: RecordingEngine, make: Make, clock: HandClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The time of its look says when the next one is; the clock jumps there as soon as it was asked for."""
    put(database, task_row(available_at=START + timedelta(milliseconds=60)))
    ask = TaskQueue.due_in_s
    answers: list[float | None] = []

    async def due_in_s(tasks: TaskQueue, tenant: str, queues: list[str]) -> float | None:
        answers.append(await ask(tasks, tenant, queues))
        clock.move(0.06)
        return answers[-1]

    monkeypatch.setattr(TaskQueue, "due_in_s", due_in_s)
    make(look_every_s=3600).start()
    assert (await told(engine)).task_id == "t1"
    assert answers[0] == pytest.approx(0.06)


async def test_a_retry_that_its_own_failure_ordered_is_found_without_waiting_for_the_next_look(
    database: Database, engine: RecordingEngine, make: Make, worker: Worker
) -> None:
    worker.gate.clear()
    worker.error = TaskError("http_503", "down", retryable=True)
    pool = make(look_every_s=3600)
    pool.start()
    await engine.was_read.wait()
    pool.offer(held(database))
    await worker.started.get()
    put(database, task_row("retry"))
    worker.gate.set()
    assert [(await told(engine)).task_id for _ in range(2)] == ["t1", "retry"]


async def test_a_full_pool_leases_the_rest_when_it_has_emptied(
    database: Database, engine: RecordingEngine, make: Make
) -> None:
    put(database, *(task_row(f"t{n}") for n in range(7)))
    make(running=1, capacity=2).start()
    while len(engine.asked) < 7:
        await told(engine)
    assert {command.task_id for command in engine.asked if isinstance(command, FinishTask)} == {
        f"t{n}" for n in range(7)
    }


async def test_leases_of_what_runs_and_waits_are_renewed(
    database: Database, make: Make, worker: Worker, clock: HandClock
) -> None:
    worker.gate.clear()
    pool = make(running=1)
    for n in range(2):
        pool.offer(held(database, f"t{n}"))
    await worker.started.get()
    clock.move(10)
    await pool.renew()
    assert [task(database, f"t{n}").lease_until for n in range(2)] == [START + timedelta(seconds=40)] * 2


@pytest.mark.parametrize("renewed", [True, False])
async def test_an_attempt_of_five_minutes_is_not_taken_over_while_its_process_lives(
    database: Database, engine: RecordingEngine, make: Make, worker: Worker, clock: HandClock, renewed: bool
) -> None:
    """Its lease stays 30 s, so that others have the work of a dead process soon, and is renewed as long as it runs."""
    worker.gate.clear()
    pool, others = make(), TaskQueue(engine)
    pool.offer(held(database, timeout_s=300.0))
    await worker.started.get()
    taken = 0
    for _ in range(31):
        clock.move(10)
        if renewed:
            await pool.renew()
        taken += await others.reclaim_expired()
    assert (taken == 0, task(database).lease_token == 1) == (renewed, renewed)


async def test_leases_are_renewed_without_anybody_asking(
    database: Database, engine: RecordingEngine, make: Make, worker: Worker, clock: HandClock
) -> None:
    worker.gate.clear()
    pool = make(lease=timedelta(seconds=1))
    pool.start()
    pool.offer(held(database))
    await worker.started.get()
    clock.move(10)
    while task(database).lease_until != START + timedelta(seconds=11):
        await engine.written.wait()
        engine.written.clear()


async def test_an_attempt_whose_task_was_revoked_is_stopped(
    database: Database, engine: RecordingEngine, make: Make, worker: Worker
) -> None:
    worker.gate.clear()
    pool = make()
    pool.offer(held(database))
    await worker.started.get()
    database.run(lambda transaction: transaction.write("update tasks set status = 'cancelled'"))
    await pool.renew()
    await pool.drain(5)
    assert engine.asked == []


async def test_a_task_that_was_taken_over_while_it_waited_is_not_started(
    database: Database, engine: RecordingEngine, make: Make, worker: Worker
) -> None:
    worker.gate.clear()
    pool = make(running=1)
    for n in range(2):
        pool.offer(held(database, f"t{n}"))
    await worker.started.get()
    database.run(lambda transaction: transaction.write("update tasks set lease_token = 9 where id = 't1'"))
    await pool.renew()
    worker.gate.set()
    await pool.drain(5)
    assert (worker.started.empty(), len(engine.asked)) == (True, 1)


async def test_a_drain_waits_for_what_runs_and_gives_back_what_was_not_started(
    database: Database, engine: RecordingEngine, make: Make, worker: Worker
) -> None:
    worker.gate.clear()
    pool = make(running=1)
    pool.start()
    for n in range(2):
        pool.offer(held(database, f"t{n}"))
    await worker.started.get()
    draining = asyncio.create_task(pool.drain(5))
    await asyncio.wait([draining], timeout=0)
    assert pool.free == 0
    worker.gate.set()
    await draining
    assert [command.task_id for command in engine.asked if isinstance(command, FinishTask)] == ["t0"]
    assert (task(database, "t1").status, task(database, "t1").lease_token) == ("ready", 2)


async def test_a_drain_stops_what_will_not_end_and_leaves_its_lease(
    database: Database, engine: RecordingEngine, make: Make, worker: Worker
) -> None:
    worker.gate.clear()
    pool = make()
    pool.offer(held(database))
    await worker.started.get()
    await pool.drain(0.01)
    assert (engine.asked, task(database).status) == ([], "leased")


async def test_what_is_offered_during_a_drain_is_given_back_and_after_it_refused(
    database: Database, make: Make, worker: Worker
) -> None:
    worker.gate.clear()
    pool = make()
    pool.offer(held(database, "running"))
    await worker.started.get()
    draining = asyncio.create_task(pool.drain(5))
    await asyncio.wait([draining], timeout=0)
    assert pool.offer(held(database, "late"))
    worker.gate.set()
    await draining
    assert task(database, "late").status == "ready"
    assert not pool.offer(held(database, "too late"))
