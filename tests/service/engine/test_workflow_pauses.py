"""Pausing a workflow: what becomes of the timers of its runs, and that their number does not matter."""

from __future__ import annotations

from datetime import timedelta

import pytest

from service.engine.engine import Engine
from statemachine.errors import StaleRevision
from statemachine.snapshot import Snapshot
from tests.service.engine.house import START, House, all_of, event

HOUR = 3600
WAITER = """
    key: w
    trigger: {type: go}
    steps:
      - {id: hold, type: wait, config: {on: [answered], timeout: 1h}, branches: {timeout: cold}}
      - {id: hot, type: add_tag, config: {tag: hot}, next: end}
      - {id: cold, type: add_tag, config: {tag: cold}}
"""


async def _begin(house: House, source: str = WAITER) -> Snapshot:
    """One run that waits for an hour, ten minutes of which have passed."""
    await house.publish(source)
    await house.trigger("go")
    house.clock.move(600)
    return house.run()


async def _pause(house: House, timers: str | None = None) -> None:
    await house.engine.pause_workflow("default", "w", timers=timers)


async def _resume(house: House, engine: Engine | None = None) -> None:
    await (engine or house.engine).resume_workflow("default", "w")
    await house.fire()


async def test_remaining_lets_what_was_left_run_on_after_the_resume(house: House) -> None:
    await _begin(house)
    await _pause(house, "remaining")
    house.clock.move(24 * HOUR)
    await _resume(house)
    assert (await house.fire(3000 - 1)).fired == 0
    assert house.contact().tags == ()
    assert (await house.fire(1)).fired == 1
    assert house.contact().tags == ("cold",)


async def test_remaining_moves_the_deadline_of_the_whole_run_too(house: House) -> None:
    await _begin(house, WAITER.replace("steps:", "limits: {max_duration: 30m}\n    steps:"))
    await _pause(house, "remaining")
    house.clock.move(24 * HOUR)
    await _resume(house)
    await house.fire(1200 - 1)
    assert house.run().status == "waiting"
    await house.fire(1)
    assert house.run().last_error is not None
    assert house.run().last_error.code == "max_duration_exceeded"  # type: ignore[union-attr]


async def test_keep_leaves_the_deadline_and_fires_at_resume_what_is_past(house: House) -> None:
    await _begin(house)
    await _pause(house, "keep")
    house.clock.move(24 * HOUR)
    await _resume(house)
    assert house.contact().tags == ("cold",)


@pytest.mark.parametrize(("timers", "tag"), [("catch_up", "cold"), ("keep", "hot"), ("remaining", "hot")])
async def test_a_deadline_that_passed_before_the_event_came_goes_first_only_with_catch_up(
    house: House, timers: str, tag: str
) -> None:
    await _begin(house)
    await _pause(house, timers)
    house.clock.move(2 * HOUR)
    assert (await house.trigger("answered")).verdicts[0].kind == "BUFFERED"
    house.clock.move(HOUR)
    await _resume(house)
    assert house.contact().tags == (tag,)


async def test_an_event_that_came_before_the_deadline_goes_first_with_catch_up_too(house: House) -> None:
    await _begin(house)
    await _pause(house, "catch_up")
    await house.trigger("answered")
    house.clock.move(2 * HOUR)
    await _resume(house)
    assert house.contact().tags == ("hot",)


async def test_a_pause_that_names_no_policy_takes_the_one_of_the_definition(house: House) -> None:
    await _begin(house, WAITER.replace("steps:", "pause: {timers: remaining}\n    steps:"))
    await _pause(house)
    house.clock.move(24 * HOUR)
    await _resume(house)
    assert house.run().status == "waiting"
    await house.fire(3000)
    assert house.contact().tags == ("cold",)


async def test_an_operator_who_pauses_one_run_gets_the_policy_of_the_definition_too(house: House) -> None:
    run = await _begin(house, WAITER.replace("steps:", "pause: {timers: remaining}\n    steps:"))
    assert (await house.operate(run, "pause")).pause_timers == "remaining"
    await house.operate(house.run(), "resume")


async def test_pauses_add_up(house: House) -> None:
    await _begin(house)
    for _ in range(2):
        await _pause(house, "remaining")
        house.clock.move(24 * HOUR)
        await _resume(house)
        await house.fire(60)
    assert (await house.fire(3000 - 120 - 1)).fired == 0
    await house.fire(1)
    assert house.contact().tags == ("cold",)


async def test_naming_another_policy_while_paused_changes_the_policy(house: House) -> None:
    await _begin(house)
    await _pause(house, "keep")
    await _pause(house, "remaining")
    house.clock.move(24 * HOUR)
    await _pause(house)
    await _resume(house)
    assert house.run().status == "waiting"
    await house.fire(3000)


async def test_runs_that_enter_after_a_pause_wait_no_longer_for_it(house: House) -> None:
    await _begin(house)
    await _pause(house, "remaining")
    house.clock.move(24 * HOUR)
    await _resume(house)
    await house.trigger("go", "bob")
    await house.fire(HOUR)
    assert house.run(contact="bob").status == "completed"
    assert house.run(contact="bob").ended_at == house.clock.now


@pytest.mark.parametrize(
    "order",
    [
        ("pause run", "pause workflow", "resume workflow", "resume run"),
        ("pause workflow", "pause run", "resume run", "resume workflow"),
        ("pause run", "pause workflow", "resume run", "resume workflow"),
        ("pause workflow", "pause run", "resume workflow", "resume run"),
    ],
)
async def test_time_in_which_both_the_run_and_its_workflow_were_paused_counts_once(
    house: House, order: tuple[str, ...]
) -> None:
    await _begin(house)
    for act in order:
        if act.endswith("workflow"):
            await (_pause(house, "remaining") if act.startswith("pause") else _resume(house))
        else:
            await house.operate(house.run(), act.split()[0], data={"timers": "remaining"})
        house.clock.move(HOUR if act != order[-1] else 0)
    await house.fire(3000 - 1)
    assert house.run().status == "waiting"
    await house.fire(1)
    assert house.run().ended_at == START + timedelta(hours=1) + timedelta(hours=3)


async def test_a_paused_workflow_parks_what_falls_due_and_looks_at_it_once(house: House) -> None:
    await house.publish(WAITER)
    people = [f"p{number:04}" for number in range(1100)]
    await house.ask_all([event("go", person) for person in people])
    before = house.rows("select id, revision, state from enrollments order by id")
    await _pause(house)
    report = await house.fire(2 * HOUR)
    assert (report.fired, report.next_in_s) == (0, None)
    assert house.rows("select count(*) from enrollments where parked_at is not null and due_at is null") == [(1100,)]
    assert house.rows("select id, revision, state from enrollments order by id") == before


async def test_every_parked_run_fires_once_after_the_resume_on_whichever_replica(house: House) -> None:
    await house.publish(WAITER)
    people = [f"p{number:04}" for number in range(1100)]
    await house.ask_all([event("go", person) for person in people])
    await _pause(house)
    await house.fire(2 * HOUR)
    other = await house.replica("r2")
    await other.resume_workflow("default", "w")
    await all_of(house.engine.fire_due(), other.fire_due())
    await house.settle()
    await house.fire()
    assert {run.status.value for run in house.runs()} == {"completed"}
    assert house.rows("select count(*) from history where kind = 'step_completed' and step = 'cold'") == [(1100,)]
    assert house.rows("select count(*) from enrollments where parked_at is not null") == [(0,)]


async def test_parked_runs_fire_in_the_order_in_which_they_were_due(house: House) -> None:
    await house.publish(WAITER)
    for person in ("zoe", "ann", "mia"):
        await house.trigger("go", person)
        house.clock.move(60)
    await _pause(house, "catch_up")
    await house.fire(2 * HOUR)
    await _resume(house)
    rows = house.rows("select e.contact_id from events e where e.type = 'tag_added' order by e.accepted_at, e.id")
    assert [row[0] for row in rows] == ["zoe", "ann", "mia"]


async def test_a_parked_run_that_is_cancelled_stays_cancelled(house: House) -> None:
    await _begin(house)
    await _pause(house)
    await house.fire(2 * HOUR)
    await house.operate(house.run(), "cancel", data={"reason": "enough"})
    await _resume(house)
    assert (house.run().status, house.run().exit_reason) == ("cancelled", "enough")
    assert house.rows("select due_at, parked_at from enrollments") == [(None, None)]


async def test_a_parked_run_that_an_operator_paused_stays_paused(house: House) -> None:
    await _begin(house)
    await _pause(house)
    await house.fire(2 * HOUR)
    await house.operate(house.run(), "pause")
    await _resume(house)
    assert house.run().status == "paused"
    await house.operate(house.run(), "resume")
    await house.fire()
    assert house.contact().tags == ("cold",)


async def test_what_a_parked_run_kept_takes_effect_after_the_resume(house: House) -> None:
    await _begin(house)
    await _pause(house)
    await house.fire(2 * HOUR)
    await house.trigger("answered")
    await house.fire(HOUR)
    await _resume(house)
    assert house.contact().tags == ("hot",)


async def test_pausing_needs_the_present_revision(house: House) -> None:
    await _begin(house)
    with pytest.raises(StaleRevision):
        await house.engine.pause_workflow("default", "w", 99, timers="remaining")
    await house.fire(HOUR)
