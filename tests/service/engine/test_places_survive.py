"""A process that dies between any two transactions leaves no place behind, gives none twice, and nobody waits on."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from itertools import count
from typing import Any

import pytest

from service.engine.commands import EnrollContact, Operate
from service.engine.engine import Engine
from statemachine.errors import Unavailable
from tests.audit import assert_places_kept
from tests.chaos.faulty import FaultyDatabase
from tests.service.engine.house import House, event

FLOW = """
    key: {key}
    trigger: {{type: go_{key}}}
    limits: {{max_concurrent: 1}}
    exit: [{{on: left_{key}, reason: left}}]
    steps: [{{id: hold, type: wait, config: {{on: [{{event: answered_{key}}}], timeout: 1h}}}}]
"""
FEWEST_DEATHS = 12
"""On each side of the commit; on PostgreSQL, where a play costs more, it dies at every other transaction."""
Act = Callable[[Engine], Awaitable[Any]]


def story(house: House, key: str) -> list[Act]:
    """Places are taken by an event and by a call, and given back by an event, an exit, a cancellation and a timer."""

    def happens(kind: str, contact: str) -> Act:
        command = event(f"{kind}_{key}", f"{contact}{key}", id=f"{kind}-{contact}-{key}")
        return lambda engine: engine.ask(command)

    def enrolled(contact: str) -> Act:
        command = EnrollContact("default", key, f"{contact}{key}", request_id=f"enroll-{contact}-{key}", body_hash="b")
        return lambda engine: engine.ask(command)

    async def cancelled(engine: Engine) -> None:
        run = house.run(key, f"c{key}")
        await engine.ask(Operate("default", run.id, "cancel", f"cancel-{key}", "b"))

    def ticks(engine: Engine) -> Awaitable[Any]:
        return engine.fire_due()

    async def an_hour_passes(engine: Engine) -> None:
        if house.run(key, f"d{key}").live:
            house.clock.move(3600)
        await engine.fire_due()

    return [
        happens("go", "a"), happens("go", "b"), enrolled("c"), happens("go", "d"),
        happens("answered", "a"), ticks,
        happens("left", "b"), ticks,
        cancelled, ticks,
        an_hour_passes, ticks,
    ]  # fmt: skip


async def play(house: House, key: str, fuse: int, *, committed: bool) -> bool:
    """Whether the process that began the story died in it; another one then tells it to its end."""
    database = FaultyDatabase(house.database.url, fuse=fuse, committed=committed)
    mortal = Engine(database, house.clock, replica_id=f"r-{key}", lanes=1)
    await mortal.start()
    engine = mortal
    for act in story(house, key):
        try:
            await act(engine)
        except Unavailable:
            engine = house.engine
            await act(engine)
        with house.database.reading() as transaction:
            assert_places_kept(transaction)
        assert house.rows("select count(*) from places where ended_at is null")[0][0] <= 1
    await mortal.stop()
    database.close()
    runs = {run.contact_id: (run.status.value, run.exit_reason) for run in house.runs(key)}
    ends = [("completed", None), ("exited", "left"), ("cancelled", None), ("completed", None)]
    assert runs == {f"{contact}{key}": end for contact, end in zip("abcd", ends, strict=True)}
    assert (house.rows("select count(*) from places where ended_at is null")[0][0], house.count("pending_runs")) == (
        0,
        0,
    )
    return database.dead


@pytest.mark.parametrize("committed", [False, True], ids=["before commit", "after commit"])
async def test_a_process_that_dies_between_any_two_transactions_leaks_no_place(house: House, committed: bool) -> None:
    stride = 1 if house.database.kind == "sqlite" else 2
    deaths = 0
    for fuse in count(1 + (stride - 1) * committed, stride):
        key = f"w{fuse}"
        await house.publish(FLOW.format(key=key))
        if not await play(house, key, fuse, committed=committed):
            break
        deaths += 1
    assert deaths * stride >= FEWEST_DEATHS
