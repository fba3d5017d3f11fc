"""What a pause does to events: buffer, deliver, drop; of one run and of a whole workflow."""

from __future__ import annotations

import pytest

from statemachine.errors import InvalidInput
from statemachine.snapshot import Snapshot
from tests.service.engine.house import House

WAITER = """
    key: w
    trigger: {type: go}
    exit: [{on: left, goal: gone}]
    steps:
      - {id: hold, type: wait, config: {on: [answered], timeout: 1h}, branches: {timeout: cold}}
      - {id: ask, type: task, config: {queue: work}, next: end}
      - {id: cold, type: add_tag, config: {tag: cold}}
"""
SCOPES = ("run", "workflow")


async def _paused(house: House, scope: str, events: str | None, source: str = WAITER) -> Snapshot:
    await house.publish(source)
    await house.trigger("go")
    if scope == "run":
        await house.operate(house.run(), "pause", data={"events": events} if events else {})
    else:
        await house.engine.pause_workflow("default", "w", events=events)
    return house.run()


async def _resume(house: House, scope: str) -> None:
    if scope == "run":
        await house.operate(house.run(), "resume")
    else:
        await house.engine.resume_workflow("default", "w")
    await house.fire()


@pytest.mark.parametrize("scope", SCOPES)
async def test_delivered_events_end_the_wait_and_the_run_stands_before_the_next_step_until_the_resume(
    house: House, scope: str
) -> None:
    await _paused(house, scope, "deliver")
    answer = await house.trigger("answered")
    assert [(verdict.kind, verdict.step) for verdict in answer.verdicts] == [("ADVANCED", "hold")]
    await house.fire(2 * 3600)
    assert (house.run().step, house.count("tasks")) == ("ask", 0)
    await _resume(house, scope)
    assert house.count("tasks") == 1
    assert house.kinds(house.run())[-1] == "step_started ask"


@pytest.mark.parametrize("scope", SCOPES)
async def test_a_delivered_event_of_an_exit_rule_ends_the_run_at_once(house: House, scope: str) -> None:
    await _paused(house, scope, "deliver")
    answer = await house.trigger("left")
    assert [(verdict.kind, verdict.rule) for verdict in answer.verdicts] == [("EXITED", "goal:gone")]
    assert house.run().status == "exited"


@pytest.mark.parametrize("scope", SCOPES)
async def test_a_dropped_event_is_in_verdict_and_history_and_moves_nothing_at_the_resume(
    house: House, scope: str
) -> None:
    await _paused(house, scope, "drop")
    for kind in ("answered", "left"):
        answer = await house.trigger(kind)
        assert [(verdict.kind, verdict.rule) for verdict in answer.verdicts] == [("BLOCKED", "dropped")]
    assert house.kinds(house.run())[-2:] == ["dropped hold", "dropped hold"]
    await _resume(house, scope)
    assert house.run().step == "hold"
    await house.trigger("answered", id="again")
    assert house.run().step == "ask"


async def test_no_later_wait_takes_an_event_that_was_dropped(house: House) -> None:
    source = """
        key: w
        trigger: {type: go}
        steps:
          - {id: rest, type: wait, config: {for: 1h}}
          - {id: hold, type: wait, config: {on: [answered], since: enrollment, timeout: 1h}}
    """
    await _paused(house, "run", "drop", source)
    await house.trigger("answered")
    await _resume(house, "run")
    await house.fire(3600)
    assert (house.run().status, house.run().step) == ("waiting", "hold")


@pytest.mark.parametrize("scope", SCOPES)
async def test_the_policy_of_the_definition_holds_for_a_pause_that_names_none(house: House, scope: str) -> None:
    await _paused(house, scope, None, WAITER.replace("steps:", "pause: {events: drop}\n    steps:"))
    assert (await house.trigger("answered")).verdicts[0].rule == "dropped"


async def test_a_run_goes_by_its_own_pause_and_not_by_that_of_its_workflow(house: House) -> None:
    await _paused(house, "run", "deliver")
    await house.engine.pause_workflow("default", "w", events="drop")
    assert (await house.trigger("left")).verdicts[0].kind == "EXITED"


async def test_a_wait_that_ends_the_run_completes_it_although_it_is_paused(house: House) -> None:
    source = """
        key: w
        trigger: {type: go}
        steps:
          - {id: hold, type: wait, config: {on: [answered]}}
    """
    await _paused(house, "run", "deliver", source)
    await house.trigger("answered")
    assert house.run().status == "completed"


async def test_a_contact_that_stops_matching_during_a_pause_leaves_at_the_resume_if_it_still_does_not_match(
    house: House,
) -> None:
    source = """
        key: w
        trigger: {type: go, conditions: [{field: plan, operator: equals, value: pro}]}
        exit: [{on_mismatch: true}]
        steps:
          - {id: hold, type: wait, config: {for: 1h}}
    """
    await house.publish(source)
    for contact in ("ann", "bob"):
        await house.trigger("go", contact, contact_patch={"plan": "pro"})
        await house.operate(house.run(contact=contact), "pause")
        await house.change(contact, patch={"plan": "free"})
    await house.change("bob", patch={"plan": "pro"})
    for contact in ("ann", "bob"):
        assert house.run(contact=contact).status == "paused"
        await house.operate(house.run(contact=contact), "resume")
    assert (house.run(contact="ann").exit_reason, house.run(contact="bob").status) == ("filter_mismatch", "waiting")


async def test_an_unknown_policy_is_refused_and_named(house: House) -> None:
    await house.publish(WAITER)
    await house.trigger("go")
    with pytest.raises(InvalidInput, match="there is no event policy 'lose'"):
        await house.operate(house.run(), "pause", data={"events": "lose"})
