"""Bulk control: one operation for all that a filter chooses, each at most once, also when it is cut short."""

from __future__ import annotations

from typing import Any

import pytest

from service.engine.bulk import CONCERNED, Bulk, carry_on, rehearse, survey
from service.engine.commands import DEFAULT_TENANT
from service.engine.rounds import Pace, Progress
from service.storage.enrollment_queries import EnrollmentFilter
from statemachine.cause import Operation
from tests.service.engine.house import House

TWO_STEPS = """
    key: w
    trigger: {type: go}
    steps:
      - {id: hold, type: wait, config: {on: [answered], timeout: 1h}, branches: {timeout: later}}
      - {id: later, type: wait, config: {for: 1h}}
"""
WORKER = """
    key: w
    trigger: {type: go}
    steps: [{id: work, type: task, config: {queue: work}}]
"""


def _unhurried(at_once: int = 200) -> Pace:
    async def pass_by(_: float) -> None:
        pass

    return Pace(at_once * 5, now=lambda: 0.0, pause=pass_by)


def _bulk(operation: Operation, name: str = "b1", *, step: str = "", workflow: str = "w", **data: Any) -> Bulk:
    statuses = tuple(status.value for status in CONCERNED[operation])
    return Bulk(name, EnrollmentFilter(DEFAULT_TENANT, workflow, statuses=statuses, step=step), operation, data)


async def _do(house: House, bulk: Bulk) -> Progress:
    reach = await house.engine.read(lambda transaction: survey(transaction, bulk))
    return [one async for one in carry_on(house.engine, bulk, reach, _unhurried())][-1]


async def _started(house: House, source: str = TWO_STEPS, count: int = 4) -> None:
    await house.publish(source)
    for number in range(count):
        await house.trigger("go", contact=f"c{number}", id=f"e{number}")


@pytest.mark.parametrize(
    ("operation", "data", "status", "reason"),
    [
        ("cancel", {"reason": "enough"}, "cancelled", "enough"),
        ("exit", {"reason": "sold out"}, "exited", "sold out"),
        ("pause", {"timers": "remaining"}, "paused", None),
    ],
)
async def test_all_that_the_filter_chooses_are_changed(
    house: House, operation: Operation, data: dict[str, Any], status: str, reason: str | None
) -> None:
    await _started(house)
    await _do(house, _bulk("advance", "some", transition="timeout", data={}))
    await house.trigger("go", contact="new", id="new")
    progress = await _do(house, _bulk(operation, step="later", **data))
    assert (progress.changed, progress.left.total(), progress.done) == (4, 0, True)
    found = {run.contact_id: (run.status, run.exit_reason) for run in house.runs()}
    assert found.pop("new") == ("waiting", None)
    assert set(found.values()) == {(status, reason)}
    house.audit()


async def test_paused_ones_resume_and_failed_ones_are_retried_in_bulk(house: House) -> None:
    await _started(house)
    await _do(house, _bulk("pause", "p"))
    assert (await _do(house, _bulk("resume", "r"))).changed == 4
    assert {run.status for run in house.runs()} == {"waiting"}
    house.audit()


async def test_each_is_changed_once_however_often_the_batch_is_repeated(house: House) -> None:
    await _started(house)
    bulk = _bulk("pause")
    await _do(house, bulk)
    await _do(house, _bulk("resume", "other"))
    again = await _do(house, bulk)
    assert (again.changed, {run.status for run in house.runs()}) == (4, {"waiting"})
    pauses = house.rows("select count(*) from history where cause_id = 'op:pause/batch/b1'")
    assert pauses[0][0] == 4


async def test_what_was_cut_short_goes_on_with_those_that_are_left(house: House) -> None:
    await _started(house, count=7)
    bulk = _bulk("cancel", reason="enough")
    reach = await house.engine.read(lambda transaction: survey(transaction, bulk))
    going = carry_on(house.engine, bulk, reach, _unhurried(3))
    assert (await anext(going)).changed == 3
    other = await house.replica("other")
    reach = await other.read(lambda transaction: survey(transaction, bulk))
    assert (reach.done, reach.total) == (3, 7)
    last = [one async for one in carry_on(other, bulk, reach, _unhurried(3))][-1]
    assert (last.changed, last.done) == (7, True)
    assert {run.status for run in house.runs()} == {"cancelled"}
    house.audit()


async def test_going_on_leaves_those_alone_that_were_changed_and_changed_back(house: House) -> None:
    await _started(house, count=5)
    bulk = _bulk("pause")
    reach = await house.engine.read(lambda transaction: survey(transaction, bulk))
    going = carry_on(house.engine, bulk, reach, _unhurried(2))
    assert (await anext(going)).changed == 2
    await _do(house, _bulk("resume", "back"))
    assert (await _do(house, bulk)).changed == 5
    assert sorted(run.status for run in house.runs()) == ["paused"] * 3 + ["waiting"] * 2
    house.audit()


async def test_those_that_enter_while_it_runs_are_left_alone(house: House) -> None:
    await _started(house, count=2)
    bulk = _bulk("cancel")
    reach = await house.engine.read(lambda transaction: survey(transaction, bulk))
    await house.trigger("go", contact="late", id="late")
    progress = [one async for one in carry_on(house.engine, bulk, reach, _unhurried())][-1]
    assert (progress.changed, house.run(contact="late").status) == (2, "waiting")


async def test_those_that_refuse_stay_and_are_told_by_step_and_reason(house: House) -> None:
    await _started(house, count=3)
    await _do(house, _bulk("advance", "a", transition="timeout", data={}))
    await house.trigger("go", contact="new", id="new")
    bulk = _bulk("advance", "b", transition="timeout", data={})
    foreseen = await rehearse(house.engine, bulk, await house.engine.read(lambda t: survey(t, bulk)))
    progress = await _do(house, bulk)
    assert (progress.changed, dict(progress.left)) == (1, {("later", "TRANSITION_REFUSED"): 3})
    assert (foreseen.changed, foreseen.left) == (progress.changed, progress.left)
    assert "allowed: done" in progress.examples["later", "TRANSITION_REFUSED"][1]


async def test_nothing_advances_in_a_paused_workflow_and_a_rehearsal_says_so(house: House) -> None:
    await _started(house, count=2)
    await house.engine.pause_workflow("default", "w")
    bulk = _bulk("advance", transition="done", data={})
    foreseen = await rehearse(house.engine, bulk, await house.engine.read(lambda t: survey(t, bulk)))
    progress = await _do(house, bulk)
    assert foreseen.left.total() == progress.left.total() == 2
    assert {code for _, code in foreseen.left} == {code for _, code in progress.left} == {"WORKFLOW_PAUSED"}


async def test_another_workflow_is_not_touched(house: House) -> None:
    await _started(house, count=1)
    progress = await _do(house, _bulk("cancel", workflow="another"))
    assert (progress.changed, progress.done, house.run().status) == (0, True, "waiting")
