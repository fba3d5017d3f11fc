"""Funnels: the sums hold at every moment, whatever happens, and say what history says."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import timedelta
from itertools import zip_longest
from random import Random
from typing import Any

from hypothesis import HealthCheck, Phase, given, seed, settings

from service.engine.commands import Command, EnrollContact, FinishTask, Operate
from service.engine.engine import Engine
from service.storage.database import Transaction
from service.storage.funnel_queries import Cohort, RunCounts, StepCounts, count_runs, count_steps
from service.tallying import Tallying
from statemachine.cause import TaskFailure
from statemachine.definition import load_workflow
from statemachine.errors import WorkflowError
from statemachine.migration import Route, migration_data
from tests.funnel import assert_funnels_hold, assert_sums
from tests.service.engine.house import START, House, event
from tests.statemachine.drawn.courses import actions
from tests.statemachine.drawn.documents import documents

Play = tuple[dict[str, Any], list[tuple[str, tuple[Any, ...], dict[str, Any]]]]


def _plays(count: int, number: int) -> list[Play]:
    """Workflows that compile and rest, no two of one shape, with what happens to their runs.

    The generators are those of the rules' own tests.
    """
    found: dict[str, Play] = {}

    @seed(number)
    @settings(
        max_examples=16 * count,
        phases=[Phase.generate],
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(documents(), actions)
    def draw(document: dict[str, Any], course: Any) -> None:
        types = [step["type"] for step in document["steps"]]
        if {"wait", "task"} & set(types) and load_workflow(json.dumps(document), version=1).workflow is not None:
            found.setdefault(" ".join(sorted(types)), (document, course))

    draw()
    return Random(number).sample(list(found.values()), count)


class Load:
    """Plays several workflows at once on several replicas, and looks at their funnels while it does."""

    def __init__(self, house: House, random: Random) -> None:
        self.house = house
        self.random = random
        self.number = 0

    async def play(self, engines: Sequence[Engine], plays: Sequence[Play], keys: Sequence[str]) -> None:
        for moment in zip_longest(*(course for _, course in plays)):
            commands = [await self._command(key, act) for key, act in zip(keys, moment, strict=True) if act is not None]
            for engine, part in zip(engines, (commands[::2], commands[1::2]), strict=True):
                results = await engine.ask_all([command for command in part if command is not None])
                assert not [one for one in results if isinstance(one, Exception) and not isinstance(one, WorkflowError)]
            await engines[0].fire_due()
            if self.random.random() < 0.4:
                await Tallying(self.random.choice(engines)).tally("~")
            await engines[1].analyse(lambda transaction: _look(transaction, keys))

    async def _command(self, key: str, act: tuple[str, tuple[Any, ...], dict[str, Any]]) -> Command | None:
        name, words, given = act
        self.number += 1
        contact = f"c{self.random.randrange(4)}"
        request = f"q{self.number}"
        if name == "trigger":
            return event(words[0], contact, id=request, **{key: value for key, value in given.items() if value})
        if name == "enroll":
            return EnrollContact("default", key, contact, request, "h")
        if name == "wait":
            self.house.clock.move(timedelta(**given))
        elif name in ("complete", "fail"):
            return await self._answer(name, words, given)
        elif name == "operate":
            return self._operate(key, words[0], given, request)
        elif name == "pause_workflow":
            await self.house.engine.pause_workflow("default", key, timers=given["timers"])
        elif name == "resume_workflow":
            await self.house.engine.resume_workflow("default", key)
        return None

    async def _answer(self, name: str, words: tuple[Any, ...], given: dict[str, Any]) -> Command | None:
        tasks = await self.house.lease("default") or await self.house.lease("messages")
        if not tasks:
            return None
        (task,) = tasks
        if name == "fail":
            failure = TaskFailure(words[0], "it said so", given["retryable"], given["retry_after_s"])
            return FinishTask("default", task.id, task.lease_token, failure=failure)
        return FinishTask("default", task.id, task.lease_token, output=words[0], variables=given.get("variables", {}))

    def _operate(self, key: str, operation: Any, data: dict[str, Any], request: str) -> Command | None:
        runs = self.house.runs(key)
        return Operate("default", self.random.choice(runs).id, operation, request, "h", data) if runs else None

    async def intervene(self, key: str, engine: Engine) -> None:
        """Half of the live runs go to another version of the same steps; then one is cancelled and one exits."""
        source, target = [await engine.version("default", key, number) for number in (1, 2)]
        data = migration_data(Route(source, target))
        runs = [run.id for run in self.house.runs(key) if run.live]
        await engine.ask_all([Operate("default", run, "migrate", f"m/{run}", data=data) for run in runs[::2]])
        await engine.ask_all([Operate("default", run, "cancel", f"c/{run}") for run in runs[:1]])
        await engine.ask_all([Operate("default", run, "exit", f"e/{run}") for run in runs[1:2]])


def _look(transaction: Transaction, keys: Sequence[str]) -> None:
    for key in keys:
        counted = count_steps(transaction, Cohort("default", key))
        assert_sums(counted)
        assert count_runs(transaction, Cohort("default", key)).unrecorded == 0


async def test_the_sums_hold_at_every_moment_of_a_random_load_with_replicas_restarts_and_migrations(
    house: House,
) -> None:
    plays = _plays(5, 1)
    keys = [f"flow{number}" for number in range(len(plays))]
    for key, (document, _) in zip(keys, plays, strict=True):
        await house.publish(json.dumps({**document, "key": key}))
        await house.publish(json.dumps({**document, "key": key, "description": "again"}), activate=False)
    load = Load(house, Random(7))
    for contact in range(4):
        await house.engine.ask(event("go", f"c{contact}", contact_patch={"stage": "lead", "phone": "+49"}))
    half = [(document, course[:9]) for document, course in plays]
    rest = [(document, course[9:18]) for document, course in plays]
    await load.play([house.engine, await house.replica("r2")], half, keys)
    for key in keys:
        await load.intervene(key, house.engines[0])
    await house.settle()
    with house.database.reading() as transaction:
        assert assert_funnels_hold(transaction).total() > 50
    await house.engines[0].stop()
    await load.play([house.engine, await house.replica("r3")], rest, keys)
    await house.settle()
    with house.database.reading() as transaction:
        assert assert_funnels_hold(transaction).keys() >= {"passed", "exited", "failed", "cancelled"}


FLOW = """
key: flow
trigger: {type: go}
entry: {reentry: always}
exit: [{on: bought, goal: purchase}, {on: stop, reason: asked}]
steps:
  - {id: greet, type: task, config: {queue: work}, on_error: sorry}
  - {id: rest, type: wait, config: {on: [heard], timeout: 2d}, branches: {timeout: leave}}
  - {id: skipped, type: pass, when: {expression: "false"}}
  - {id: thank, type: add_tag, config: {tag: thanked}, next: end}
  - {id: sorry, type: pass, next: end}
  - {id: leave, type: exit, config: {reason: silent}}
"""


def _steps(house: House, **given: Any) -> dict[str, StepCounts]:
    with house.database.analysing() as transaction:
        return {one.step: one for one in count_steps(transaction, Cohort("default", "flow", **given))}


def _runs(house: House, **given: Any) -> RunCounts:
    with house.database.reading() as transaction:
        return count_runs(transaction, Cohort("default", "flow", **given))


async def _seven(house: House) -> None:
    """One run for each way to end, named after it, and one that waits."""
    await house.publish(FLOW)
    names = ("thanked", "silent", "bought", "stopped", "cancelled", "failed", "waits")
    await house.ask_all([event("go", name) for name in names])
    for task in await house.lease(limit=10):
        failure = TaskFailure("no", "no", False) if task.contact_id == "failed" else None
        if task.contact_id != "cancelled":
            await house.finish(task, failure=failure)
    await house.trigger("heard", "thanked")
    await house.trigger("bought", "bought")
    await house.trigger("stop", "stopped")
    await house.operate(house.run(contact="cancelled"), "cancel")
    house.clock.move(timedelta(days=1))
    await house.operate(house.run(contact="waits"), "reschedule", data={"by_s": 864_000.0})
    await house.fire(timedelta(days=2))


async def test_every_way_out_of_a_step_has_its_column(house: House) -> None:
    await _seven(house)
    steps = _steps(house)
    assert steps["greet"] == StepCounts("greet", 7, 0, 5, 1, 1, 1, 7, 1)
    assert steps["rest"] == StepCounts("rest", 5, 1, 2, 2, 0, 0, 5, 1)
    assert steps["leave"] == StepCounts("leave", 1, 0, 0, 1, 0, 0, 1, 0)
    assert steps["sorry"] == StepCounts("sorry", 1, 0, 1, 0, 0, 0, 1, 0)
    assert "skipped" not in steps
    runs = _runs(house)
    assert runs.by_status == {"cancelled": 1, "completed": 2, "exited": 3, "waiting": 1}
    assert (runs.converted, runs.children, runs.unrecorded) == (1, 0, 0)


async def test_the_period_is_that_of_the_starts_and_half_open(house: House) -> None:
    await house.publish(FLOW)
    for _ in range(3):
        await house.trigger("go", "ann", id=f"go{house.clock.now}")
        house.clock.move(timedelta(hours=1))
    hour = timedelta(hours=1)
    assert _steps(house, started_from=START + hour)["greet"].entered == 2
    assert _steps(house, started_before=START + hour)["greet"].entered == 1
    assert _steps(house, started_from=START + hour, started_before=START + 2 * hour)["greet"].entered == 1
    assert _steps(house, started_from=START + 9 * hour) == {}


async def test_a_migrated_run_counts_on_the_version_where_it_is_and_once(house: House) -> None:
    await house.publish(FLOW)
    await house.publish(FLOW.replace("id: rest", "id: pause"), activate=False)
    await house.trigger("go")
    await house.finish(await house.take())
    source, target = [await house.engine.version("default", "flow", number) for number in (1, 2)]
    run = house.run()
    await house.operate(run, "migrate", data=migration_data(Route(source, target, {"rest": "pause"})))
    older, newer = _steps(house, version=1), _steps(house, version=2)
    assert ({name: one.entered for name, one in older.items()}, older["greet"].passed) == ({"greet": 1}, 1)
    assert ({name: one.entered for name, one in newer.items()}, newer["pause"].waiting) == ({"pause": 1}, 1)
    assert {name: one.entered for name, one in _steps(house).items()} == {"greet": 1, "pause": 1}
    assert (_runs(house, version=1).by_status, _runs(house, version=2).by_status) == ({}, {"waiting": 1})


async def test_a_run_without_history_is_told_and_not_counted(house: House) -> None:
    house.audited = False
    await _seven(house)
    run = house.run(contact="waits")
    house.database.run(
        lambda transaction: transaction.write("delete from history where enrollment_id = :id", id=run.id)
    )
    assert _steps(house)["rest"].entered == 4
    assert _runs(house).unrecorded == 1
