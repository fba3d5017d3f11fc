"""A play: random workflows and causes on two replicas that keep dying; then all is driven to its end and audited.

What was sent must be there once in the end, whatever died on the way.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from random import Random
from typing import Final

from service.engine import ids, staffing
from service.engine.commands import DecideTask, Operate
from service.engine.deleting import finish_deletions
from service.engine.engine import Engine
from service.storage.agents import Agent
from tests.chaos import callers, publishers, workers
from tests.chaos.faulty import Connections
from tests.chaos.stage import Stage
from tests.chaos.tally import Tally
from tests.chaos.turns import no_chance
from tests.chaos.verdict import judge
from tests.chaos.words import AGENTS, ASSIGNING, HTTP, LEAF, QUEUES

ROUNDS: Final = 30
WORKFLOWS: Final = 3
_MOST_ENDINGS: Final = 400
_IDLE: Final = 2
"""It is over when so many rounds, a minute apart, find nothing to do: places are counted by the minute."""
_LAST_LOGGED: Final = 200
_FAR: Final = 0x7000_0000_0000
"""Milliseconds since 1970 at which the identifiers of a play begin: later than any clock says, so that none is read."""

Act = Callable[[Stage], Awaitable[object]]


async def play(url: str, seed: int, connections: Connections, *, alone: bool) -> Tally:
    """One play on an empty, migrated store. Raises AssertionError when a promise is broken."""
    stage = Stage(url, seed, connections, alone=alone)
    with _seeded_ids(seed), _no_defects(), no_chance(stage.clock):
        try:
            await _open(stage)
            for _ in range(ROUNDS):
                act = stage.random.choices(ACTS, _WEIGHTS)[0]
                stage.tally.acts[act.__name__] += 1
                await act(stage)
            await _finish(stage)
        finally:
            await stage.close()
        judge(stage)
    return stage.tally


async def _open(stage: Stage) -> None:
    await stage.cast.enter()
    await publishers.first(stage, LEAF)
    for number in range(WORKFLOWS):
        await publishers.first(stage, f"flow{number}")
    for name in AGENTS:
        if stage.chance(0.7):
            await _hire(stage, name)


async def _hire(stage: Stage, name: str) -> None:
    agent = Agent("default", name, groups=AGENTS[name])
    now = stage.clock.now
    await stage.write(lambda transaction: staffing.put(transaction, now, agent, "available", None))


# --- between the acts ---


async def _pass_time(stage: Stage) -> None:
    stage.clock.move(stage.pick(1, 15, 31, 600, 3600, 3 * 3600, 26 * 3600))
    await stage.do(lambda engine: engine.fire_due())


async def _pick_up(stage: Stage) -> None:
    stage.clock.move(6)
    await stage.do(lambda engine: engine.pick_up_pending())


# --- the end ---


async def _finish(stage: Stage) -> None:
    """Nobody dies any more; what is held goes on, and what is open is done, until nothing is left to do."""
    stage.cast.mortal = False
    await stage.cast.renew()
    for key in stage.definitions:
        await stage.do(partial(_resume, key))
    for run in stage.runs():
        if run.status.value == "paused":
            await stage.ask(Operate("default", run.id, "resume", stage.id(), "h"))
    for name in AGENTS:
        await _hire(stage, name)
    idle = 0
    for _ in range(_MOST_ENDINGS):
        idle = 0 if await _once_more(stage) else idle + 1
        if idle == _IDLE:
            return
        stage.clock.move(61 if idle else 0)
    raise AssertionError("it does not come to rest")


async def _resume(key: str, engine: Engine) -> None:
    await engine.resume_workflow("default", key)


async def _once_more(stage: Stage) -> bool:
    """Do what is left to do now; whether there was anything."""
    before = _left(stage)
    stage.clock.move(6)
    if before.events:
        await stage.do(lambda engine: engine.pick_up_pending())
    if before.deleting:
        await stage.do(finish_deletions)
    if before.tasks:
        await workers.reclaim(stage)
    report = await stage.cast.surely(lambda engine: engine.fire_due())
    await stage.cast.settle()
    worked = [await _work(stage), await _decide_all(stage)]
    after = _left(stage)
    if report.fired or any(worked) or (before.pending, before.deleting) != (after.pending, after.deleting):
        return True
    if after.tasks:
        stage.clock.move(600)
    elif report.next_in_s is not None:
        stage.clock.move(report.next_in_s + 0.001)
    return bool(after.tasks or after.events or report.next_in_s is not None)


@dataclass(frozen=True, slots=True)
class _Left:
    """How many of each are left."""

    tasks: int
    events: int
    pending: int
    deleting: int


def _left(stage: Stage) -> _Left:
    counts = (
        "select (select count(*) from tasks where status in ('ready', 'leased')), "
        "(select count(*) from events where pending), (select count(*) from pending_runs), "
        "(select count(*) from workflows where status = 'deleting')"
    )
    return _Left(*stage.rows(counts)[0])


async def _work(stage: Stage) -> bool:
    """All that workers and connectors can do now; whether there was anything."""
    hands = [hand for replica in stage.cast.replicas for hand in replica.hands.values()]
    handed = [task for hand in hands for task in workers.taken(hand)]
    tasks = [*handed, *await workers.lease(stage, (*QUEUES, HTTP, ASSIGNING), 100)]
    for task in tasks:
        await (workers.assign(stage, task) if task.queue == ASSIGNING else workers.answer(stage, task, "done"))
    return bool(tasks)


async def _decide_all(stage: Stage) -> bool:
    found = stage.rows("select task_id, enrollment_id, agent_id from human_tasks where closed_at is null order by 1")
    for task, run, agent in found:
        if agent:
            await stage.ask(DecideTask("default", task, agent, "approved", {"n": 4}, stage.id(), "h"))
        else:
            data = {"transition": "approved", "data": {"n": 4}}
            await stage.ask(Operate("default", run, "advance", stage.id(), "h", data))
    return bool(found)


# --- around a play ---


@contextmanager
def _seeded_ids(seed: int) -> Iterator[None]:
    """The same identifiers each time, and with them the same random numbers of runs."""
    noise, ids._noise = ids._noise, Random(seed).randbytes
    ids._tails.clear()
    ids._last_ms, ids._counter, ids._head = _FAR, 0, ids._head_of(_FAR)
    try:
        yield
    finally:
        ids._noise = noise
        ids._tails.clear()
        ids._last_ms, ids._counter = 0, 0


class _Defects(logging.Handler):
    """Keeps what the service logs, and what it calls an error: it goes on after defects, a play does not."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.logged: deque[str] = deque(maxlen=_LAST_LOGGED)
        self.found: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.logged.append(self.format(record))
        if record.levelno >= logging.ERROR:
            self.found.append(self.logged[-1])


@contextmanager
def _no_defects() -> Iterator[None]:
    log, defects = logging.getLogger("service"), _Defects()
    before = log.propagate
    log.addHandler(defects)
    log.propagate = False
    try:
        yield
    except BaseException as error:
        error.add_note("\n".join(["the service logged:", *defects.logged]))
        raise
    finally:
        log.removeHandler(defects)
        log.propagate = before
    assert not defects.found, f"a defect was logged: {defects.found[0]}"


_WEIGHTED: Final[tuple[tuple[Act, float], ...]] = (
    (callers.trigger, 8), (callers.burst, 3), (callers.reuse, 0.3), (callers.crowd, 1), (callers.enroll, 2),
    (callers.many_of_nobody, 0.7), (callers.change, 5), (callers.consent, 0.5), (callers.talk, 0.5),
    (callers.operate, 4), (callers.bulk, 0.5), (callers.set_global, 0.3),
    (_pass_time, 6), (_pick_up, 1), (workers.work, 6), (workers.reclaim, 1), (workers.connect, 3),
    (workers.staff, 0.7), (workers.decide, 2.5),
    (publishers.pause, 1.5), (publishers.resume, 1.5), (publishers.again, 0.7), (publishers.migrate, 0.7),
    (publishers.activate, 0.2), (publishers.weigh, 0.5), (publishers.remove, 0.4),
)  # fmt: skip
ACTS: Final = [act for act, _ in _WEIGHTED]
_WEIGHTS: Final = [weight for _, weight in _WEIGHTED]
