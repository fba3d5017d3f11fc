"""Event waits in a whole house: bursts, silences and races, over restarts and on both stores."""

from __future__ import annotations

import pytest

from service.engine.engine import Engine
from statemachine.snapshot import Snapshot, Status
from tests.service.engine.house import House, event

CHAT = """
key: chat
trigger: {type: opened}
steps:
  - id: listen
    type: wait
    config: {on: [{event: said, branch: more}], debounce: 5s, max_hold: 30s, timeout: 1h}
    branches: {more: hush, timeout: end}
  - {id: hush, type: wait, config: {quiet: 2d, of: said}}
"""


async def restarted(house: House, name: str) -> Engine:
    """The engine is gone, with everything it held in memory; another one goes on."""
    await house.engine.stop()
    house.engine = await house.replica(name)
    house.engines.remove(house.engine)
    return house.engine


def kinds(answer: object) -> list[str]:
    return [verdict.kind for verdict in getattr(answer, "verdicts", ())]


async def test_a_burst_goes_on_over_a_restart_and_is_one_wake_up(house: House) -> None:
    await house.publish(CHAT)
    await house.trigger("opened")
    assert kinds(await house.trigger("said", id="s1", data={"n": 1})) == ["DEBOUNCED"]
    await restarted(house, "second")
    house.clock.move(4)
    assert kinds(await house.trigger("said", id="s2", data={"n": 2})) == ["DEBOUNCED"]
    assert kinds(await house.trigger("said", id="s2", data={"n": 2})) == ["DEBOUNCED"]
    await house.fire(4)
    assert house.run().step == "listen"
    await restarted(house, "third")
    await house.fire(1)
    run = house.run()
    assert (run.step, run.outputs["listen"]) == ("hush", {"events": [{"n": 1}, {"n": 2}], "count": 2})
    assert (run.gathered, list(run.deadlines)) == ({}, ["quiet"])
    assert house.kinds(run).count("step_completed listen") == 1


async def test_many_events_of_a_burst_in_one_batch_are_gathered_in_their_order(house: House) -> None:
    await house.publish(CHAT)
    await house.trigger("opened")
    await house.ask_all([event("said", id=f"s{number}", data={"n": number}) for number in range(20)])
    await house.fire(5)
    assert [payload["n"] for payload in house.run().outputs["listen"]["events"]] == list(range(20))


async def test_a_silence_begins_anew_with_each_event_and_ends_when_none_came_for_so_long(house: House) -> None:
    await house.publish(CHAT)
    await house.trigger("opened")
    await house.trigger("said", id="s1")
    await house.fire(5)
    await house.fire(86_400)
    assert kinds(await house.trigger("said", id="s2")) == ["DEBOUNCED"]
    await house.fire(86_400)
    assert house.run().step == "hush"
    await house.fire(86_400)
    assert _end(house.run()) == (Status.COMPLETED, 2 * 86_400)


def _end(run: Snapshot) -> tuple[Status, float]:
    """How it ended, and the seconds since the last break of its silence."""
    assert run.ended_at is not None
    assert run.started_at is not None
    return run.status, (run.ended_at - run.started_at).total_seconds() - 86_400 - 5


SUPPORT = """
key: support
trigger: {type: begin}
entry: {priority: 5}
steps:
  - {id: ask, type: task, config: {queue: work}}
  - {id: answer, type: wait, config: {on: reply, consume: one, timeout: 1d}}
"""
NURTURE = """
key: nurture
trigger: {type: begin}
steps:
  - {id: rest, type: wait, config: {for: 1h}}
  - {id: answer, type: wait, config: {on: reply, since: enrollment, timeout: 1d}}
"""


@pytest.mark.parametrize("early", [True, False])
async def test_an_event_that_one_run_consumes_is_gone_for_the_others_also_later(house: House, early: bool) -> None:
    await house.publish(SUPPORT)
    await house.publish(NURTURE)
    await house.trigger("begin")
    task = await house.take()
    if not early:
        await house.finish(task)
    await house.trigger("email_replied", id="r1")
    if early:
        await house.finish(task)
    assert house.run("support").status is Status.COMPLETED
    await house.fire(3600)
    assert house.run("nurture").step == "answer"
    (taken,) = house.rows("select event_id, taken_by from events where type = 'email_replied'")
    assert tuple(taken) == ("r1", house.run("support").id)
    await house.trigger("email_replied", id="r2")
    assert house.run("nurture").status is Status.COMPLETED


RACE = """
key: race
trigger: {type: begin}
steps:
  - {id: ask, type: task, config: {queue: work}}
  - id: answer
    type: wait
    config:
      on:
        - {event: bought, when: "event.data.total > 10", branch: big}
        - {event: bought, branch: small}
        - {event: reply, branch: replied}
      timeout: 1h
    branches: {big: big, small: small, replied: replied, timeout: late}
  - {id: big, type: add_tag, config: {tag: big}, next: rest}
  - {id: small, type: add_tag, config: {tag: small}, next: rest}
  - {id: replied, type: add_tag, config: {tag: replied}, next: rest}
  - {id: late, type: add_tag, config: {tag: late}, next: rest}
  - {id: rest, type: wait, config: {for: 9d}}
"""


@pytest.mark.parametrize(
    ("order", "tag"),
    [
        (("big", "reply", "timer"), "big"),
        (("small", "big", "timer"), "small"),
        (("reply", "big", "timer"), "replied"),
        (("timer", "reply", "big"), "late"),
    ],
)
async def test_of_three_cases_and_a_timer_the_first_wins_and_takes_the_others_with_it(
    house: House, order: tuple[str, ...], tag: str
) -> None:
    await house.publish(RACE)
    await house.trigger("begin")
    await house.finish(await house.take())
    for name in order:
        if name == "timer":
            await house.fire(3600)
        elif name == "reply":
            await house.trigger("email_replied")
        else:
            await house.trigger("bought", id=name, data={"total": 20 if name == "big" else 1})
        assert house.contact().tags == (tag,)
        run = house.run()
        assert (run.step, list(run.deadlines)) == ("rest", ["wait"])
    assert house.kinds(run).count("step_completed answer") == 1


async def test_a_reply_that_comes_before_its_wait_is_not_lost(house: House) -> None:
    await house.publish(RACE)
    await house.trigger("begin")
    task = await house.take()
    told = await house.trigger("email_replied")
    assert [(verdict.kind, verdict.rule) for verdict in told.verdicts] == [("BUFFERED", "early")]
    await restarted(house, "second")
    await house.finish(task)
    assert house.contact().tags == ("replied",)
