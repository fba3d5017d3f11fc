"""Migrating live runs: who goes, how fast, once each, and on with the rest after a loss."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from service.engine import staffing
from service.engine.commands import DecideTask, Operate
from service.engine.migrating import Group, Migration, begin, carry_on, groups_left, plan
from service.engine.rounds import Pace
from service.storage import enrollments
from service.storage.agents import Agent
from service.storage.dialect import load
from statemachine.cause import Surroundings, TaskFailure
from statemachine.errors import Unavailable
from statemachine.migration import Route, migration_data
from statemachine.run_explanation import explain_run
from tests.service.engine.house import House, all_of, event

OLD = """
    key: w
    trigger: {type: go}
    entry: {reentry: always}
    steps:
      - {id: rest, type: wait, config: {on: [{event: heard}], timeout: 2d}}
      - {id: work, type: task, config: {queue: work}}
      - {id: tag, type: add_tag, config: {tag: old}}
"""
NEW = OLD.replace("timeout: 2d", "timeout: 5d").replace("id: work", "id: job").replace("tag: old", "tag: new")


async def _route(house: House, old: str = OLD, new: str = NEW, **options: Any) -> Route:
    """Both versions published; runs begin on the first."""
    await house.publish(old)
    await house.publish(new, activate=False)
    source, target = [await house.engine.version("default", "w", number) for number in (1, 2)]
    return Route(source, target, **options)


async def _enter(house: House, count: int, prefix: str = "c") -> None:
    await house.ask_all([event("go", f"{prefix}{number}") for number in range(count)])


async def _begin(house: House, route: Route, migration_id: str = "m1", *, failed: bool = False) -> Migration:
    return await house.engine.read(
        lambda transaction: begin(transaction, "default", migration_id, route, failed=failed)
    )


def _unhurried(at_once: int = 200) -> Pace:
    """No pause at all."""

    async def pass_by(_seconds: float) -> None:
        return

    return Pace(at_once * 5, now=lambda: 0.0, pause=pass_by)


async def _migrate(
    house: House, route: Route, migration_id: str = "m1", *, of: Any = None, at_once: int = 200, failed: bool = False
) -> Any:
    migration = await _begin(house, route, migration_id, failed=failed)
    progress = [one async for one in carry_on(of or house.engine, migration, _unhurried(at_once))][-1]
    await house.settle()
    return progress


def _facts(groups: list[Group]) -> list[tuple[str, str, str, int]]:
    return [(one.step, one.placement.fit.value, one.placement.reason, one.count) for one in groups]


async def test_a_plan_counts_live_runs_by_step_and_says_why_some_cannot_go(house: House) -> None:
    route = await _route(house)
    await _enter(house, 3)
    await house.trigger("heard", "c0")
    (ended,) = house.runs(contact="c1")
    await house.operate(ended, "cancel")
    groups = await house.engine.read(lambda transaction: plan(transaction, "default", route))
    assert _facts(groups) == [("rest", "unchanged", "", 1), ("work", "needs_mapping", "step_removed", 1)]
    assert [group.example for group in groups] == [run.id for name in ("c2", "c0") for run in house.runs(contact=name)]


async def test_a_migration_moves_those_that_fit_and_tells_which_stay(house: House) -> None:
    route = await _route(house)
    await _enter(house, 5)
    await house.trigger("heard", "c0")
    migration = await _begin(house, route)
    assert (migration.total, migration.moved) == (5, 0)
    progress = [one async for one in carry_on(house.engine, migration, _unhurried())][-1]
    assert (progress.changed, progress.left.total(), progress.done) == (4, 1, True)
    assert _facts(groups_left(migration, progress)) == [("work", "needs_mapping", "step_removed", 1)]
    assert {run.contact_id: run.version for run in house.runs()} == {"c0": 1, "c1": 2, "c2": 2, "c3": 2, "c4": 2}
    await house.fire(timedelta(days=2))
    kinds = house.kinds(house.runs(contact="c1")[0])
    assert kinds == ["started", "waiting rest", "migrated rest", "step_completed rest", "step_started job"]


async def test_a_mapping_takes_an_open_task_along_and_its_result_counts_on_the_new_version(house: House) -> None:
    route = await _route(house, mapping={"work": "job"})
    await _enter(house, 1)
    await house.trigger("heard", "c0")
    task = await house.take()
    progress = await _migrate(house, route)
    assert (progress.changed, progress.left.total()) == (1, 0)
    run = house.run()
    assert (run.version, run.step) == (2, "job")
    assert (await house.finish(task, {"n": 1})).applied
    run = house.run()
    assert (run.status, run.outputs["job"], house.contact("c0").tags) == ("completed", {"n": 1}, ("new",))


async def test_who_was_asked_in_a_step_that_is_called_otherwise_now_still_decides(house: House) -> None:
    old = """
        key: w
        trigger: {type: go}
        steps:
          - {id: ask, type: approval, config: {title: Well?, assign: {agent: ann}}}
    """
    ann = Agent("default", "ann")
    await house.engine.write(lambda transaction: staffing.put(transaction, house.clock.now, ann, None, None))
    route = await _route(house, old, old.replace("id: ask", "id: confirm"), mapping={"ask": "confirm"})
    await _enter(house, 1)
    await _migrate(house, route)
    ((task,),) = house.rows("select task_id from human_tasks")
    workflow = await house.engine.version("default", "w", 2)
    account = explain_run(workflow, house.run(), Surroundings(house.clock.now))
    assert account.waiting_for
    await house.ask(DecideTask("default", task, "ann", "approved", {}, "r1", "h"))
    assert (house.run().status, house.run().outputs["confirm"]["by"]) == ("completed", "ann")


async def test_deadlines_reckoned_anew_fire_when_the_new_version_says(house: House) -> None:
    route = await _route(house, timers="recompute")
    await _enter(house, 1)
    await _migrate(house, route)
    await house.fire(timedelta(days=4))
    assert house.run().step == "rest"
    await house.fire(timedelta(days=1))
    assert house.run().step == "job"


async def test_a_deadline_that_has_passed_by_the_new_version_fires_at_once(house: House) -> None:
    route = await _route(house, new=OLD.replace("timeout: 2d", "timeout: 1h"), timers="recompute")
    await _enter(house, 1)
    house.clock.move(timedelta(days=1))
    await _migrate(house, route)
    assert house.run().step == "rest"
    await house.fire()
    assert house.run().step == "work"


async def test_runs_without_a_contact_and_paused_ones_go_too(house: House) -> None:
    route = await _route(house)
    await house.enroll("w", None)
    await _enter(house, 1)
    (paused,) = house.runs(contact="c0")
    await house.operate(paused, "pause")
    assert (await _migrate(house, route)).changed == 2
    assert sorted((run.version, run.status.value) for run in house.runs()) == [(2, "paused"), (2, "waiting")]


async def test_a_run_that_is_moved_amid_a_batch_is_stored_by_the_rules_of_its_new_version(house: House) -> None:
    route = await _route(house, new=OLD.replace("event: heard", "event: called"))
    await _enter(house, 1)
    run, one_lane = house.run(), await house.replica("r2", lanes=1)
    await one_lane.version("default", "w", 2)
    move = Operate("default", run.id, "migrate", "m1", data=migration_data(route))
    await house.ask_all([Operate("default", run.id, "pause", "p1"), move], of=one_lane)
    assert [load(row[0]) for row in house.rows("select waiting_for from enrollments")] == [["called"]]


async def test_runs_of_a_paused_workflow_change_their_version_and_do_not_move(house: House) -> None:
    route = await _route(house)
    await _enter(house, 1)
    await house.engine.pause_workflow("default", "w")
    assert (await _migrate(house, route)).changed == 1
    assert (house.run().version, house.run().step) == (2, "rest")


async def test_failed_runs_go_only_where_they_are_asked_for_and_are_retried_on_the_new_version(house: House) -> None:
    route = await _route(house, mapping={"work": "job"})
    await _enter(house, 2)
    await house.trigger("heard", "c0")
    await house.finish(await house.take(), failure=TaskFailure("no", "no", False))
    (failed,) = house.runs(contact="c0")
    assert (await _migrate(house, route, "live")).changed == 1
    groups = await house.engine.read(lambda transaction: plan(transaction, "default", route, failed=True))
    assert _facts(groups) == [("work", "mapped", "", 1)]
    assert (await _migrate(house, route, "all", failed=True)).changed == 1
    (run,) = house.runs(contact="c0")
    assert (run.status, run.version, run.step) == ("failed", 2, "job")
    await house.operate(run, "retry")
    await house.finish(await house.take())
    assert (house.contact("c0").tags, failed.id) == (("new",), run.id)


async def test_a_quarantined_run_gets_another_chance_on_the_new_version(house: House) -> None:
    route = await _route(house)
    await _enter(house, 1)
    await house.engine.write(
        lambda transaction: transaction.write(
            "update enrollments set failures = 5, due_at = null, quarantined_at = started_at"
        )
    )
    assert (await _migrate(house, route)).changed == 1
    await house.fire(timedelta(days=2))
    assert house.run().step == "job"


async def test_a_migration_cut_short_goes_on_with_what_is_left_on_any_replica(house: House) -> None:
    route = await _route(house)
    await _enter(house, 20)
    migration = await _begin(house, route)
    going = carry_on(house.engine, migration, _unhurried(at_once=5))
    assert [(await anext(going)).changed for _ in range(2)] == [5, 10]
    await house.settle()
    other = await house.replica("r2")
    for number in (1, 2):
        await other.version("default", "w", number)
    migration = await _begin(house, route)
    assert (migration.moved, migration.total) == (10, 20)
    progress = [one async for one in carry_on(other, migration, _unhurried())][-1]
    assert (progress.changed, progress.done) == (20, True)
    moves = house.rows("select enrollment_id from history where kind = 'migrated'")
    assert len(moves) == len(set(moves)) == 20


async def test_two_who_carry_on_one_migration_at_once_move_each_run_once(house: House) -> None:
    route = await _route(house)
    await _enter(house, 30)
    other = await house.replica("r2")
    for number in (1, 2):
        await other.version("default", "w", number)
    results = await all_of(_migrate(house, route, at_once=4), _migrate(house, route, of=other, at_once=3))
    assert all(one.done for one in results)
    assert len(house.rows("select 1 from history where kind = 'migrated'")) == 30
    assert {run.version for run in house.runs()} == {2}


async def test_a_run_that_was_brought_back_is_not_moved_again_by_the_same_migration(house: House) -> None:
    route = await _route(house)
    await _enter(house, 1)
    await _migrate(house, route, "there")
    await _migrate(house, Route(route.target, route.source), "back")
    assert (await _migrate(house, route, "there")).changed == 0
    assert house.run().version == 1
    assert (await _migrate(house, route, "again")).changed == 1


async def test_runs_that_begin_later_stay_where_they_began(house: House) -> None:
    route = await _route(house)
    await _enter(house, 3)
    migration = await _begin(house, route)
    await _enter(house, 2, prefix="late")
    assert [one async for one in carry_on(house.engine, migration, _unhurried())][-1].changed == 3
    await house.settle()
    assert sorted(run.version for run in house.runs()) == [1, 1, 2, 2, 2]


async def test_a_busy_contact_is_tried_again_and_at_last_told(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    route = await _route(house)
    await _enter(house, 2)
    asked = house.engine.ask_all
    refusals = 3

    async def busy(commands: Any) -> Any:
        nonlocal refusals
        refusals -= 1
        return [Unavailable("busy")] * len(commands) if refusals >= 0 else await asked(commands)

    monkeypatch.setattr(house.engine, "ask_all", busy)
    assert (await _migrate(house, route)).changed == 2
    refusals = 9
    route = Route(route.target, route.source)
    with pytest.raises(Unavailable, match="repeat with request_id 'back'"):
        await _migrate(house, route, "back")


async def test_a_crash_inside_a_batch_moves_none_of_it(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    route = await _route(house)
    await _enter(house, 4)
    monkeypatch.setattr(enrollments, "UPDATE", "update nowhere set x = 1 from {rows:rows; tenant_id text}")
    with pytest.raises(Exception, match=r"nowhere|busy"):
        await _migrate(house, route)
    monkeypatch.undo()
    assert {run.version for run in house.runs()} == {1}
    assert (await _migrate(house, route)).changed == 4


class TestPace:
    async def test_so_many_pass_per_second_and_no_more(self) -> None:
        at, pauses = 100.0, []

        async def pause(seconds: float) -> None:
            nonlocal at
            pauses.append(seconds)
            at += seconds

        pace = Pace(50, now=lambda: at, pause=pause)
        assert pace.at_once == 10
        for _ in range(10):
            await pace.passed(pace.at_once)
        assert at == pytest.approx(102)
        assert pauses == pytest.approx([0.2] * 10)

    async def test_time_that_a_batch_took_is_not_waited_for_again(self) -> None:
        at, pauses = 0.0, []

        async def pause(seconds: float) -> None:
            pauses.append(seconds)

        pace = Pace(10, now=lambda: at, pause=pause)
        at = 1.0
        await pace.passed(2)
        assert pauses == pytest.approx([0.2])

    @pytest.mark.parametrize(("rate", "at_once"), [(1, 1), (4, 1), (200, 40), (10_000, 200)])
    def test_a_slow_migration_goes_one_by_one_and_a_fast_one_in_batches(self, rate: int, at_once: int) -> None:
        assert Pace(rate).at_once == at_once
