"""`exit: on_mismatch`: whoever makes the entry filter fail, the run leaves in the transaction of the change."""

from __future__ import annotations

from typing import Any

import pytest

from statemachine.snapshot import Snapshot, Status
from tests.service.engine.house import House

LEAVER = """
key: leaver
trigger:
  type: begin
  conditions: [{field: stage, operator: equals, value: lead}, {field: tags, operator: not_contains, value: hot}]
exit: [{on_mismatch: true}]
steps:
  - {id: ask, type: task, config: {queue: calls}}
"""
HEATER = """
key: heater
trigger: {type: heat}
steps:
  - {id: hold, type: wait, config: {for: 1h}}
  - {id: warm, type: add_tag, config: {tag: hot}}
"""
LEAD = {"stage": "lead"}


async def begin_leaver(house: House, source: str = LEAVER) -> Snapshot:
    await house.publish(source)
    await house.trigger("begin", contact_patch=LEAD)
    return house.run("leaver")


@pytest.mark.parametrize("change", [{"patch": {"stage": "customer"}}, {"add_tags": ("hot",)}], ids=["upsert", "tags"])
async def test_a_call_after_which_the_entry_filter_fails_ends_the_run_with_its_own_commit(
    house: House, change: dict[str, Any]
) -> None:
    run = await begin_leaver(house)
    await house.change(patch={"city": "Rome"}, emit=False)
    assert house.run("leaver").revision == run.revision
    answer = await house.change(emit=False, **change)
    left = house.run("leaver")
    assert (left.status, left.exit_reason, left.ended_at) == (Status.EXITED, "filter_mismatch", answer.updated_at)
    assert house.rows("select status from tasks") == [("cancelled",)]
    causes = {row[0] for row in house.rows("select cause_id from history where kind = 'exited'")}
    assert causes == {f"contact:{answer.contact.revision}/0"}


async def test_a_step_of_another_run_after_which_the_filter_fails_ends_it_in_its_tick(house: House) -> None:
    await begin_leaver(house)
    await house.publish(HEATER)
    await house.trigger("heat")
    await house.fire(3600)
    assert house.run("leaver").exit_reason == "filter_mismatch"
    exited = house.rows("select cause_id from history where kind = 'exited'")
    assert [row[0].split(":")[0] for row in exited] == ["contact"]


async def test_the_filter_is_asked_again_about_the_event_that_enrolled(house: House) -> None:
    by_event = LEAVER.replace("field: stage,", "field: event.data.stage,")
    await house.publish(by_event)
    await house.trigger("begin", data=LEAD)
    await house.trigger("other", data={"stage": "customer"})
    await house.change(patch={"city": "Rome"})
    assert house.run("leaver").status is Status.WAITING
    await house.change(add_tags=("hot",))
    assert house.run("leaver").exit_reason == "filter_mismatch"


async def test_an_event_whose_patch_makes_the_filter_fail_says_who_left(house: House) -> None:
    await begin_leaver(house)
    told = (await house.trigger("moved", contact_patch={"stage": "customer"})).verdicts
    assert [(one.workflow, one.kind, one.rule) for one in told] == [("leaver", "EXITED", "filter_mismatch")]


@pytest.mark.parametrize("events", ["buffer", "deliver", "drop"])
async def test_a_change_during_a_pause_ends_the_run_at_once_or_at_the_resume_as_the_pause_says(
    house: House, events: str
) -> None:
    await begin_leaver(house)
    await house.engine.pause_workflow("default", "leaver", events=events)
    await house.change(patch={"stage": "customer"}, emit=False)
    assert house.run("leaver").live == (events != "deliver")
    await house.engine.resume_workflow("default", "leaver")
    await house.fire(1)
    assert house.run("leaver").exit_reason == "filter_mismatch"


async def test_a_pending_run_that_stops_matching_leaves_before_it_begins(house: House) -> None:
    source = LEAVER.replace("exit:", "limits: {max_concurrent: 1}\nexit:")
    await begin_leaver(house, source)
    await house.trigger("begin", "ben", contact_patch=LEAD)
    assert house.run("leaver", "ben").status is Status.PENDING
    await house.change("ben", add_tags=("hot",), emit=False)
    assert (house.run("leaver", "ben").exit_reason, house.count("pending_runs")) == ("filter_mismatch", 0)
