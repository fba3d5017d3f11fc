"""Timers: never early, once, on any number of replicas (promise P6)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from tests.service.engine.house import START, House, all_of, event

WAITER = """
    key: waiter
    trigger: {type: go}
    steps:
      - {id: hold, type: wait, config: {for: 1h}}
      - {id: tag, type: add_tag, config: {tag: late}}
"""
HOUR = timedelta(hours=1)
INSTANT = timedelta(microseconds=1)


async def test_a_timer_does_not_fire_a_microsecond_early_and_fires_when_due(house: House) -> None:
    await house.publish(WAITER)
    await house.trigger("go")
    assert (await house.fire(HOUR - INSTANT)).fired == 0
    assert house.run().status == "waiting"
    assert (await house.fire(INSTANT)).fired == 1
    assert house.run().status == "completed"


async def test_a_timer_fires_once(house: House) -> None:
    await house.publish(WAITER)
    await house.trigger("go")
    assert (await house.fire(HOUR)).fired == 1
    assert (await house.fire()).fired == 0
    assert (await house.fire(HOUR)).fired == 0
    assert house.kinds(house.run()).count("step_completed hold") == 1


async def test_the_report_says_how_late_it_was_and_when_the_next_one_is_due(house: House) -> None:
    await house.publish(WAITER)
    assert (await house.fire()).next_in_s is None
    await house.trigger("go", "ann")
    house.clock.move(60)
    await house.trigger("go", "bob")
    assert (await house.fire()).next_in_s == 3540
    report = await house.fire(3550)
    assert (report.fired, report.lag_s, report.next_in_s) == (1, 10, 50)


async def test_after_an_outage_everything_overdue_fires_batch_by_batch(house: House) -> None:
    await house.publish(WAITER)
    contacts = [f"c{number}" for number in range(1200)]
    await house.ask_all([event("go", contact) for contact in contacts])
    report = await house.fire(100 * HOUR)
    assert (report.fired, report.next_in_s) == (1200, None)
    assert house.rows("select count(*) from enrollments where status <> 'completed'") == [(0,)]


async def test_two_replicas_fire_each_timer_once(house: House) -> None:
    await house.publish(WAITER)
    other = await house.replica("r2")
    await house.ask_all([event("go", f"c{number}") for number in range(300)])
    house.clock.move(HOUR)
    reports = await all_of(house.engine.fire_due(), other.fire_due(), house.engine.fire_due(), other.fire_due())
    await house.fire()
    fired = house.rows("select count(*) from history where cause_id like 'timer:%' and position = 0")
    assert fired == [(300,)]
    assert sum(report.fired for report in reports) == 300
    assert house.rows("select count(*) from enrollments where status <> 'completed'") == [(0,)]


RACE = """
key: race
trigger: {type: go}
steps:
  - {id: hold, type: wait, config: {on: [answered], timeout: 1h}, branches: {timeout: cold}}
  - {id: hot, type: add_tag, config: {tag: hot}, next: end}
  - {id: cold, type: add_tag, config: {tag: cold}}
"""


async def test_a_run_that_was_moved_before_its_timer_is_left_alone_by_it(house: House) -> None:
    await house.publish(RACE)
    await house.trigger("go")
    house.clock.move(HOUR)
    await house.trigger("answered")
    assert (await house.fire()).fired == 0
    assert house.contact().tags == ("hot",)


async def test_the_timeout_of_an_event_wait_takes_its_branch(house: House) -> None:
    await house.publish(RACE)
    await house.trigger("go")
    await house.fire(HOUR)
    answer = await house.trigger("answered")
    assert answer.verdicts == ()
    assert house.contact().tags == ("cold",)


async def test_an_event_and_the_timer_at_the_same_moment_on_two_replicas_move_a_run_once(house: House) -> None:
    await house.publish(RACE)
    other = await house.replica("r2")
    contacts = [f"c{number}" for number in range(100)]
    await house.ask_all([event("go", contact) for contact in contacts])
    house.clock.move(HOUR)
    await all_of(house.ask_all([event("answered", contact) for contact in contacts]), other.fire_due())
    await house.fire()
    for contact in contacts:
        assert house.contact(contact).tags in (("hot",), ("cold",))


async def test_several_runs_of_one_contact_fire_in_one_batch_and_see_each_other(house: House) -> None:
    for number in range(5):
        await house.publish(
            f"""
            key: w{number}
            trigger: {{type: go}}
            steps:
              - {{id: hold, type: wait, config: {{for: 1h}}}}
              - {{id: bump, type: update_field, config: {{field: n, value: 1, operation: increment}}}}
            """
        )
    await house.trigger("go")
    before = house.contact().revision
    assert (await house.fire(HOUR)).fired == 5
    assert house.contact().get("n") == 5
    assert house.contact().revision == before + 5


@pytest.mark.parametrize("zone", ["America/Los_Angeles", "Asia/Kolkata", "UTC"])
async def test_a_local_deadline_is_due_at_its_instant_on_both_stores(house: House, zone: str) -> None:
    """Deadlines are reckoned in local zones; the store must still compare them as instants."""
    await house.publish(
        f"""
        key: local
        timezone: {zone}
        trigger: {{type: go}}
        steps: [{{id: hold, type: wait, config: {{until: "2026-03-03T08:00:00"}}}}]
        """
    )
    await house.trigger("go")
    due_at = house.run().due_at
    assert due_at is not None
    assert due_at.utcoffset() == timedelta(0)
    assert (await house.fire()).next_in_s == (due_at - START).total_seconds()
    assert (await house.fire(due_at - START - INSTANT)).fired == 0
    assert (await house.fire(INSTANT)).fired == 1


async def test_the_longest_of_deadlines_is_the_end_of_the_run(house: House) -> None:
    await house.publish(
        """
        key: bounded
        trigger: {type: go}
        limits: {max_duration: 2h}
        steps: [{id: hold, type: wait, config: {for: 3h}}]
        """
    )
    await house.trigger("go")
    assert (await house.fire(2 * HOUR)).fired == 1
    run = house.run()
    assert run.status == "failed"
    assert run.last_error is not None
    assert run.last_error.code == "max_duration_exceeded"
    assert (await house.fire(2 * HOUR)).fired == 0


async def test_a_commit_tells_the_metronome_of_a_nearer_timer(house: House) -> None:
    await house.publish(WAITER)
    told: list[float] = []
    house.engine.on_due_earlier(told.append)
    await house.trigger("go")
    assert told
    assert min(told) == 3600


async def test_what_a_timer_raises_is_dispatched(house: House) -> None:
    await house.publish(WAITER)
    await house.publish(
        """
        key: next
        trigger: {type: tag_added, config: {tag: late}}
        steps: [{id: tag, type: add_tag, config: {tag: after}}]
        """
    )
    await house.trigger("go")
    await house.fire(HOUR)
    assert house.contact().tags == ("late", "after")
    assert house.run("next").status == "completed"


async def test_a_timer_far_away_is_kept(house: House) -> None:
    await house.publish(WAITER.replace("for: 1h", 'until: "2030-01-01T00:00:00Z"'))
    await house.trigger("go")
    assert house.run().due_at == datetime(2030, 1, 1, tzinfo=UTC)
    assert (await house.fire(HOUR)).fired == 0


BIRTHDAY = """
key: birthday
trigger: {type: begin}
steps:
  - {id: day, type: wait, config: {for: 1d, late: {skip_if_older_than: 2d}}, branches: {late: missed}}
  - {id: wish, type: add_tag, config: {tag: wished}, next: end}
  - {id: missed, type: add_tag, config: {tag: missed}}
"""


@pytest.mark.parametrize(("held", "tag"), [(False, "missed"), (True, "wished")])
async def test_a_timer_that_is_too_late_after_an_outage_is_skipped_but_not_after_a_pause(
    house: House, held: bool, tag: str
) -> None:
    await house.publish(BIRTHDAY)
    await house.trigger("begin")
    if held:
        await house.engine.pause_workflow("default", "birthday")
    house.clock.move(timedelta(days=9))
    if held:
        await house.engine.resume_workflow("default", "birthday")
    await house.fire(1)
    assert house.contact().tags == (tag,)
