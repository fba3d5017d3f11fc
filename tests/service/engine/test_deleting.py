"""Deleting a workflow: not over the heads of its runs, completely when forced, and a new life under the old key."""

from __future__ import annotations

from datetime import timedelta

import pytest

from service.engine import deleting
from service.engine.deleting import cancel_live, finish_deletions
from service.engine.publishing import delete
from service.housekeeping import Housekeeping
from service.storage.workflow_queries import find_workflow, list_workflows
from service.storage.workflows import StoredWorkflow
from statemachine.errors import LiveEnrollments, NotFound, StaleRevision
from tests.service.engine.house import House, event

SOURCE = """
    key: w
    trigger: {type: go}
    entry: {reentry: always}
    steps:
      - {id: rest, type: wait, config: {for: 2d}}
      - {id: tag, type: add_tag, config: {tag: done}}
"""
WORKER = SOURCE.replace("type: wait, config: {for: 2d}", "type: task, config: {queue: work}")


async def _delete(house: House, *, force: bool = False, expected_revision: int | None = None) -> StoredWorkflow:
    """The deletion alone, without what follows it."""
    stored, _ = await house.engine.write(
        lambda transaction: delete(
            transaction, house.clock, "default", "w", force=force, expected_revision=expected_revision
        )
    )
    return stored


async def test_a_workflow_without_live_runs_is_gone_for_everybody(house: House) -> None:
    other = await house.replica("r2")
    await house.publish(SOURCE)
    await _delete(house)
    assert (await house.ask(event("go"), of=other)).verdicts == ()  # type: ignore[union-attr]
    for version in (None, 1):
        with pytest.raises(NotFound):
            await house.enroll("w", version=version)
    with pytest.raises(NotFound):
        await house.engine.read(lambda transaction: find_workflow(transaction, "default", "w"))
    with pytest.raises(NotFound):
        await house.engine.activate("default", "w", 1)
    with pytest.raises(NotFound):
        await _delete(house)
    assert await house.engine.read(lambda transaction: list_workflows(transaction, "default", limit=9)) == []


async def test_live_runs_keep_their_workflow(house: House) -> None:
    await house.publish(SOURCE)
    await house.ask_all([event("go", "a"), event("go", "b")])
    with pytest.raises(LiveEnrollments, match="2 live enrollments") as refused:
        await _delete(house)
    assert refused.value.metadata == {"workflow": "w", "count": "2"}
    await house.fire(timedelta(days=2))
    assert [run.status for run in house.runs()] == ["completed", "completed"]
    await _delete(house)


async def test_a_deletion_for_another_revision_is_refused(house: House) -> None:
    await house.publish(SOURCE)
    with pytest.raises(StaleRevision):
        await _delete(house, expected_revision=7)
    assert (await _delete(house, expected_revision=1)).revision == 2


async def test_a_forced_deletion_cancels_every_run_in_batches_and_each_says_why(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deleting, "_AT_ONCE", 3)
    await house.publish(WORKER)
    await house.ask_all([event("go", f"c{number}") for number in range(10)])
    await cancel_live(house.engine, await _delete(house, force=True))
    await house.settle()
    assert {(run.status.value, run.exit_reason) for run in house.runs()} == {("cancelled", "workflow_deleted")}
    assert await house.lease() == []
    assert [kind for (kind,) in house.rows("select kind from history where cause_id like 'op:cancel/%'")] == [
        "cancelled"
    ] * 10


async def test_what_a_lost_server_left_is_cancelled_by_another(house: House) -> None:
    await house.publish(SOURCE)
    await house.ask_all([event("go", f"c{number}") for number in range(3)])
    await _delete(house, force=True)
    other = await house.replica("r2")
    assert await finish_deletions(other) == 0
    await house.settle()
    assert {run.status.value for run in house.runs()} == {"cancelled"}
    house.clock.move(60)
    assert await finish_deletions(other) == 1
    assert await finish_deletions(other) == 0
    assert house.rows("select status from workflows") == [("deleted",)]


async def test_housekeeping_goes_on_with_deletions(house: House) -> None:
    await house.publish(SOURCE)
    await house.trigger("go")
    await _delete(house, force=True)
    await Housekeeping(house.engine, timedelta(days=7)).round()
    await house.settle()
    assert house.run().exit_reason == "workflow_deleted"


async def test_a_deleted_workflow_is_not_published_again_while_its_runs_live(house: House) -> None:
    await house.publish(SOURCE)
    await house.trigger("go")
    gone = await _delete(house, force=True)
    with pytest.raises(LiveEnrollments, match="being cancelled"):
        await house.publish(SOURCE)
    await cancel_live(house.engine, gone)
    await house.settle()
    assert (await house.publish(SOURCE)).workflow.active_version == 1


async def test_a_key_that_is_published_again_is_a_new_workflow_that_goes_on_counting(house: House) -> None:
    await house.publish(SOURCE)
    await house.engine.pause_workflow("default", "w")
    gone = await _delete(house)
    house.clock.move(3600)
    again = await house.publish(WORKER, expected_revision=0)
    assert (again.created, again.version.version, again.workflow.active_version) == (True, 2, 2)
    assert (again.workflow.status, again.workflow.created_at) == ("active", house.clock.now)
    assert again.workflow.revision > gone.revision
    assert await finish_deletions(house.engine) == 0
    assert (await house.trigger("go")).verdicts[0].version == 2


async def test_another_replica_sees_a_workflow_that_went_and_came_between_two_looks(house: House) -> None:
    other = await house.replica("r2")
    await house.publish(SOURCE)
    assert len((await house.ask(event("go", id="e1"), of=other)).verdicts) == 1  # type: ignore[union-attr]
    (run,) = house.runs()
    await house.operate(run, "cancel")
    await _delete(house)
    await house.publish(SOURCE.replace("type: go", "type: begin"))
    assert (await house.ask(event("go", id="e2"), of=other)).verdicts == ()  # type: ignore[union-attr]


async def test_history_of_a_deleted_workflow_stays_and_decides_again(house: House) -> None:
    await house.publish(SOURCE)
    await house.trigger("go")
    await cancel_live(house.engine, await _delete(house, force=True))
    await house.settle()
    (run,) = house.runs()
    assert house.kinds(run) == ["started", "waiting rest", "cancelled"]
    assert (await house.engine.version("default", "w", 1)).steps.keys() == {"rest", "tag"}
