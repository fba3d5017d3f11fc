"""Families without a contact have no lock in common: replicas that decide about one at the same time, or die, lose
nothing, and let no run go on twice."""

from __future__ import annotations

from contextlib import suppress
from datetime import timedelta
from itertools import cycle, product
from typing import Any

import pytest

from service.engine.commands import EnrollContact, FinishTask, Operate
from service.engine.engine import Engine
from statemachine.errors import TransitionRefused, Unavailable
from tests.chaos.faulty import Connections, FaultyDatabase
from tests.service.engine.house import House, all_of

BRANCHES = 6
RUNS = 4
ROUNDS = """
    key: rounds
    steps:
      - id: each
        type: loop
        config: {type: for_each, items: "{{input.items}}", parallel: true, body: [STEPS]}
      - {id: after, type: set_variable, config: {path: left, value: "{{steps.each.output}}"}}
"""
TASK = "{id: call, type: task, config: {queue: work, input: {n: '{{loop.item}}'}}, output: got}"
NAP = "{id: nap, type: wait, config: {for: 1h}}"
SUB = "{id: sub, type: sub_workflow, config: {workflow: inner}}"
INNER = "{key: inner, steps: [{id: call, type: task, config: {queue: work}}]}"
RACE = """
    key: rounds
    steps:
      - id: each
        type: parallel
        config: {join: any, branches: {BRANCHES}}
      - {id: after, type: set_variable, config: {path: left, value: "{{steps.each.output}}"}}
"""


async def surely(engine: Engine, command: Any) -> Any:
    """As a caller should: again, when the server says so."""
    while True:
        try:
            return await engine.ask(command)
        except Unavailable:
            continue
        except TransitionRefused as refusal:
            return refusal


async def begun(house: House, source: str, steps: str = "") -> list[Engine]:
    """Runs of the workflow on a store with two replicas of two lanes each."""
    await house.publish(INNER)
    await house.publish(source.replace("STEPS", steps))
    engines = [house.engine, await house.replica("r2")]
    for number in range(RUNS):
        given = {"items": list(range(BRANCHES))}
        await house.ask(EnrollContact("default", "rounds", None, input=given, request_id=f"run-{number}"))
    return engines


async def finish_all(house: House, engines: list[Engine], *others: Any) -> None:
    """Every open task is finished, each by another replica than the one before it, all at once."""
    tasks = await house.lease(limit=100)
    finishes = [FinishTask("default", task.id, task.lease_token, output=task.input) for task in tasks]
    await all_of(*(surely(engine, one) for engine, one in zip(cycle(engines), finishes, strict=False)), *others)
    await house.settle()


def parents(house: House) -> list[Any]:
    return [run for run in house.runs("rounds") if run.origin is None]


def assert_each_heard_once(house: House, status: str = "completed") -> None:
    for run in parents(house):
        kinds = house.kinds(run)
        assert (run.status, run.open_children, kinds.count("step_completed each")) == (status, 0, 1)
        assert kinds.count("child_ended each") == BRANCHES
    assert {run.status for run in house.runs()} == {"completed"}


@pytest.mark.parametrize("steps", [f"{SUB}, {NAP}", f"{NAP}, {TASK}"])
async def test_children_that_end_at_the_same_time_on_two_replicas_are_each_heard_once(house: House, steps: str) -> None:
    engines = await begun(house, ROUNDS, steps)
    for _ in range(2):
        await finish_all(house, engines)
        house.clock.move(timedelta(hours=1))
        await all_of(*(engine.fire_due() for engine in engines * 2))
        await house.settle()
    assert_each_heard_once(house)


async def test_of_branches_that_race_on_two_replicas_one_wins_and_the_others_are_cancelled(house: House) -> None:
    branches = ", ".join(f"b{n}: [{{id: call{n}, type: task, config: {{queue: work}}}}]" for n in range(BRANCHES))
    engines = await begun(house, RACE.replace("BRANCHES", branches))
    await finish_all(house, engines)
    for run in parents(house):
        kinds = house.kinds(run)
        assert (run.status, kinds.count("child_ended each"), kinds.count("step_completed after")) == ("completed", 1, 1)
    ended = [str(run.status) for run in house.runs() if run.origin]
    assert (ended.count("completed"), ended.count("cancelled")) == (RUNS, RUNS * (BRANCHES - 1))


@pytest.mark.parametrize("operation", ["cancel", "pause"])
async def test_a_word_of_the_parent_and_the_ends_of_its_children_cross(house: House, operation: Any) -> None:
    engines = await begun(house, ROUNDS, TASK)
    words = [
        surely(engine, Operate("default", run.id, operation, f"{operation}-{run.id}"))
        for engine, run in zip(cycle(engines), parents(house), strict=False)
    ]
    await finish_all(house, engines, *words)
    if operation == "pause":
        resumes = [Operate("default", run.id, "resume", f"resume-{run.id}") for run in parents(house)]
        await all_of(*(surely(engine, one) for engine, one in zip(cycle(engines), resumes, strict=False)))
        await house.settle()
        assert_each_heard_once(house)
    assert {run.status for run in house.runs()} <= {"completed", "cancelled"}
    assert [one.open_children for one in parents(house)] == [0] * RUNS


DEEP = ROUNDS.replace("after,", "done,").replace("STEPS", f"{NAP}, {TASK}, {SUB}")


async def test_wherever_a_process_dies_another_one_carries_the_family_to_its_end(house: House) -> None:
    await house.publish(INNER)
    await house.publish(DEEP)
    connections, deaths = Connections(), 0
    for fuse, committed in product(range(1, 8), (False, True)):
        database = FaultyDatabase(house.database.url, connections, fuse=fuse, committed=committed)
        mortal = Engine(database, house.clock, replica_id=f"mortal-{fuse}-{committed}", lanes=1)
        await mortal.start()
        await lived_through(house, mortal, f"{fuse}-{committed}")
        await mortal.stop()
        database.close()
        deaths += database.dead
    connections.close()
    assert deaths == 14
    for run in parents(house):
        kinds = house.kinds(run)
        assert (run.status, kinds.count("child_ended each"), kinds.count("step_completed done")) == ("completed", 2, 1)
    assert {run.status for run in house.runs()} == {"completed"}
    assert house.rows("select count(*) from tasks where status <> 'completed'")[0][0] == 0


async def lived_through(house: House, mortal: Engine, name: str) -> None:
    """One run from its beginning to its end: each cause is tried with the mortal replica, then with the other."""

    async def ask(command: Any) -> None:
        try:
            await mortal.ask(command)
        except Unavailable:
            await house.engine.ask(command)

    await ask(EnrollContact("default", "rounds", None, input={"items": [1, 2]}, request_id=name, body_hash=name))
    house.clock.move(timedelta(hours=1))
    for engine in (mortal, house.engine):
        with suppress(Unavailable):
            await engine.fire_due()
    for _ in range(2):
        for task in await house.lease(limit=10):
            await ask(FinishTask("default", task.id, task.lease_token, output={}))
