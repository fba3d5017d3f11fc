"""Long runs: after 1,000 transitions of one cause they commit and go on, and nobody waits for them."""

from __future__ import annotations

import pytest

from service.engine.commands import DispatchEvent
from service.engine.due import Due
from tests.service.engine.house import House, event

LONG = """
    key: long
    trigger: {type: go}
    steps:
      - {id: bump, type: update_field, config: {field: n, value: 1, operation: increment}}
      - {id: again, type: wait, config: {until: "2020-01-01T00:00:00Z"}}
      - id: enough
        type: condition
        config: {field: n, operator: ">=", value: 800}
        branches: {true: end, false: bump}
"""


async def test_a_run_of_more_than_a_thousand_transitions_goes_on_by_itself(house: House) -> None:
    await house.publish(LONG)
    await house.trigger("go")
    run = house.run()
    assert run.status == "completed"
    assert run.transitions > 2000
    assert run.continues >= 2
    assert house.contact().get("n") == 800
    causes = house.rows("select cause_id, count(*) from history group by cause_id order by min(sequence)")
    assert [cause for cause, _ in causes] == ["event:shop/go-ann#entry", "continue:1", "continue:2"]
    assert max(count for _, count in causes) <= 1002


async def test_a_long_run_whose_process_died_goes_on_by_its_timer(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    await house.publish(LONG)
    other = await house.replica("r2")
    monkeypatch.setattr(other, "_follow_up", lambda *_: None)
    await house.ask(event("go"), of=other)
    assert (house.run().status, house.run().continues) == ("running", 1)
    await house.fire()
    assert house.run().status == "completed"
    assert house.contact().get("n") == 800


async def test_a_transition_limit_ends_a_long_run(house: House) -> None:
    await house.publish(LONG + "\n    limits: {max_transitions: 1500}\n")
    await house.trigger("go")
    run = house.run()
    assert run.last_error is not None
    assert (run.status, run.last_error.code) == ("failed", "max_transitions")


async def test_a_long_run_can_be_cancelled_between_its_parts(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    await house.publish(LONG)
    other = await house.replica("r2")
    monkeypatch.setattr(other, "_follow_up", lambda *_: None)
    await house.ask(event("go"), of=other)
    cancelled = await house.operate(house.run(), "cancel")
    assert cancelled.status == "cancelled"
    assert (await house.fire()).fired == 0


# --- what a dead process left between commit and dispatch ---

LISTENER = """
    key: listener
    trigger: {type: contact_created}
    steps: [{id: tag, type: add_tag, config: {tag: greeted}}]
"""


async def test_raised_events_that_a_dead_process_left_are_picked_up_by_another(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    await house.publish(LISTENER)
    dead = await house.replica("dead")
    monkeypatch.setattr(dead, "_follow_up", lambda *_: None)
    await house.ask_all([event("visit", f"c{number}") for number in range(20)], of=dead)
    assert house.runs() == []
    assert house.rows("select count(*) from events where pending") == [(20,)]
    assert await house.engine.pick_up_pending() == 0
    house.clock.move(5)
    assert await house.engine.pick_up_pending() == 20
    await house.settle()
    assert len(house.runs("listener")) == 20
    assert house.rows("select count(*) from events where pending") == [(0,)]
    assert await house.engine.pick_up_pending() == 0


async def test_what_several_replicas_pick_up_at_once_is_applied_once(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    await house.publish(LISTENER.replace("trigger:", "entry: {reentry: always}\n    trigger:"))
    dead, other = await house.replica("dead"), await house.replica("r2")
    monkeypatch.setattr(dead, "_follow_up", lambda *_: None)
    await house.ask_all([event("visit", f"c{number}") for number in range(50)], of=dead)
    house.clock.move(5)
    await house.engine.pick_up_pending()
    await other.pick_up_pending()
    await house.settle()
    assert len(house.runs("listener")) == 50


async def test_an_event_dispatched_twice_in_a_batch_is_applied_once(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    await house.publish(LISTENER.replace("trigger:", "entry: {reentry: always}\n    trigger:"))
    dead = await house.replica("dead")
    monkeypatch.setattr(dead, "_follow_up", lambda *_: None)
    await house.ask(event("visit"), of=dead)
    stored = Due(house.engine, None)
    assert await house.engine.read(stored.left_pending) == []
    house.clock.move(5)
    (one,) = await house.engine.read(stored.left_pending)
    await house.engine.ask_all([DispatchEvent(one.tenant, one.row_id, one.event)] * 2)
    await house.settle()
    assert len(house.runs("listener")) == 1
