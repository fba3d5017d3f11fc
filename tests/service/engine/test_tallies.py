"""Tallies: what was counted once is exact at every moment, whoever counts, and whatever happens in between."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest

from service.storage import tallies
from service.storage.database import Transaction
from service.storage.funnel_queries import Cohort, RunCounts, Sources, StepCounts, count_runs, count_steps, survey
from service.storage.tallies import Mark, Overtaken, count_next, find_mark, keep_tallies
from service.tallying import Tallying
from statemachine.cause import TaskFailure
from tests.service.engine.house import START, House, event

FLOW = """
key: flow
trigger: {type: go}
entry: {reentry: always}
exit: [{on: bought, goal: purchase}]
steps:
  - {id: greet, type: task, config: {queue: work}}
  - {id: rest, type: wait, config: {on: [heard], timeout: 9d}}
"""
_LATEST = "~"
_UNTALLIED = ("e.tenant_id = :tenant and e.workflow = :workflow",)


async def _enter(house: House, names: Sequence[str]) -> None:
    await house.ask_all([event("go", name, id=f"{name}-{house.clock.now}") for name in names])


async def _answer(house: House, *, failed: Sequence[str] = ()) -> None:
    for task in await house.lease(limit=100):
        failure = TaskFailure("no", "no", False) if task.contact_id in failed else None
        await house.finish(task, failure=failure)


def _steps(house: House, **given: Any) -> dict[str, StepCounts]:
    with house.database.analysing() as transaction:
        return {one.step: one for one in count_steps(transaction, Cohort("default", "flow", **given))}


def _from_history(transaction: Transaction, cohort: Cohort) -> tuple[list[StepCounts], RunCounts]:
    """Everything counted from history, as if nothing had been tallied."""
    raw = Sources(_UNTALLIED, {"tenant": cohort.tenant, "workflow": cohort.workflow})
    found = sorted(count_steps(transaction, cohort, raw), key=lambda one: one.step)
    return found, count_runs(transaction, cohort, raw)


def _assert_exact(house: House) -> None:
    with house.database.analysing() as transaction:
        for version in (None, 1, 2):
            cohort = Cohort("default", "flow", version)
            assert survey(transaction, cohort).tallied is not None
            steps = sorted(count_steps(transaction, cohort), key=lambda one: one.step)
            assert (steps, count_runs(transaction, cohort)) == _from_history(transaction, cohort)


async def test_what_changes_after_it_was_counted_is_counted_anew(house: House) -> None:
    tallying = Tallying(house.engine)
    await house.publish(FLOW)
    await _enter(house, ["ann", "ben", "cleo", "dan"])
    await _answer(house, failed=["dan"])
    assert await tallying.tally(_LATEST) == 4
    _assert_exact(house)
    await house.trigger("bought", "ann")
    await house.operate(house.run(contact="dan"), "retry")
    await _enter(house, ["eve"])
    _assert_exact(house)
    assert _steps(house)["rest"] == StepCounts("rest", 3, 2, 0, 1, 0, 0, 3, 1)
    assert await tallying.tally(_LATEST) == 3
    assert await tallying.tally(_LATEST) == 0
    _assert_exact(house)
    still_open = {row[0] for row in house.rows("select enrollment_id from open_tallies")}
    assert still_open == {run.id for run in house.runs() if run.contact_id != "ann"}


async def test_only_what_is_new_or_changed_is_counted_from_history(house: House) -> None:
    await house.publish(FLOW)
    await _enter(house, ["ann", "ben"])
    await Tallying(house.engine).tally(_LATEST)
    house.audited = False
    house.database.run(lambda transaction: transaction.write("delete from history"))
    assert _steps(house)["greet"].entered == 2


@pytest.mark.parametrize("minutes", [0, 20, 59])
async def test_a_period_counts_whole_hours_from_tallies_and_the_rest_from_history(house: House, minutes: int) -> None:
    await house.publish(FLOW)
    for _ in range(12):
        await _enter(house, [f"c{house.clock.now}"])
        house.clock.move(timedelta(minutes=20))
    await Tallying(house.engine).tally(_LATEST)
    since, before = (START + timedelta(hours=hours, minutes=minutes) for hours in (1, 3))
    starts = [run.started_at for run in house.runs() if run.started_at is not None]
    with house.database.analysing() as transaction:
        assert survey(transaction, Cohort("default", "flow", None, since, before)).tallied is not None
    assert _steps(house, started_from=since)["greet"].entered == sum(at >= since for at in starts)
    assert _steps(house, started_before=before)["greet"].entered == sum(at < before for at in starts)
    assert _steps(house, started_from=since, started_before=before)["greet"].entered == 6


async def test_an_enrollment_that_was_committed_behind_the_mark_is_counted_and_the_tallies_are_made_anew(
    house: House,
) -> None:
    tallying = Tallying(house.engine)
    await house.publish(FLOW)
    await _enter(house, ["ann", "ben"])
    await tallying.tally(_LATEST)
    await _enter(house, ["cleo"])
    late = house.run(contact="cleo").id
    house.database.run(lambda transaction: transaction.write("update tally_marks set up_to = :late", late=late))
    assert _steps(house)["greet"].entered == 3
    await tallying.verify()
    assert house.count("step_tallies") == 0
    assert await tallying.tally(_LATEST) == 3
    _assert_exact(house)


async def test_of_two_servers_that_count_the_same_one_gives_way(house: House) -> None:
    await house.publish(FLOW)
    await _enter(house, ["ann", "ben"])

    def count(transaction: Transaction) -> tuple[Mark, list[tallies.RunTally]]:
        mark = find_mark(transaction, "default", "flow")
        return mark, count_next(transaction, "default", "flow", mark.up_to, _LATEST, 10)

    mark, counted = await house.engine.read(count)
    assert await Tallying(house.engine).tally(_LATEST) == 2
    with pytest.raises(Overtaken):
        house.database.run(
            lambda transaction: keep_tallies(transaction, "default", "flow", mark, new=counted),
        )
    _assert_exact(house)


async def test_ids_that_are_not_settled_yet_are_left_to_history(house: House) -> None:
    await house.publish(FLOW)
    await _enter(house, ["ann"])
    await Tallying(house.engine).round()
    assert house.count("tally_marks") == 0
    assert _steps(house)["greet"].entered == 1
