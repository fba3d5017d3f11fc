"""Waits that look again when their contact changes: whoever changes it, in the same transaction, on both stores."""

from __future__ import annotations

import pytest

from service.engine.commands import ChangeContact
from service.storage.dialect import load
from statemachine.snapshot import Snapshot, Status
from tests.service.engine.house import START, House, event

WATCHER = """
key: watcher
trigger: {type: begin}
steps:
  - {id: look, type: wait, config: {until_true: {field: tags, operator: contains, value: hot}, timeout: 9d}}
  - {id: note, type: add_tag, config: {tag: seen}}
  - {id: rest, type: wait, config: {for: 1d}}
"""
HEATER = """
key: heater
trigger: {type: heat}
steps:
  - {id: hold, type: wait, config: {for: 1h}}
  - {id: work, type: task, config: {queue: work}}
  - {id: warm, type: add_tag, config: {tag: hot}}
  - {id: rest, type: wait, config: {for: 1h}}
"""
RENEWAL = """
key: renewal
trigger: {type: begin}
steps:
  - {id: soon, type: wait, config: {until: "{{contact.renewal}}", offset: -1h}}
  - {id: remind, type: add_tag, config: {tag: reminded}}
"""


def watcher(house: House) -> Snapshot:
    return house.run("watcher")


async def begin(house: House, *sources: str) -> None:
    for source in (WATCHER, *sources):
        await house.publish(source)
    await house.trigger("begin")
    assert watcher(house).step == "look"
    assert load(house.rows("select waiting_for from enrollments")[0][0]) == ["contact_changed"]


async def test_a_call_that_changes_the_contact_wakes_the_wait_also_when_it_raises_no_events(house: House) -> None:
    await begin(house)
    before = house.count("history")
    await house.change(patch={"city": "Rome"}, emit=False)
    assert house.count("history") == before
    await house.change(add_tags=("hot",), emit=False)
    assert watcher(house).step == "rest"
    assert set(house.contact().tags) == {"hot", "seen"}


async def test_an_event_that_patches_the_contact_wakes_the_wait_and_says_so(house: House) -> None:
    await begin(house)
    told = (await house.trigger("seen_shop", contact_patch={"tags": ["hot"]})).verdicts
    assert [(verdict.kind, verdict.rule, verdict.step) for verdict in told] == [("ADVANCED", "contact_changed", "look")]
    assert watcher(house).step == "rest"


async def test_another_run_wakes_the_wait_by_the_result_of_its_task(house: House) -> None:
    await begin(house, HEATER)
    await house.trigger("heat")
    await house.fire(3600)
    await house.finish(await house.take())
    assert (watcher(house).step, house.run("heater").step) == ("rest", "rest")


async def test_another_run_wakes_the_wait_by_its_timer(house: House) -> None:
    await begin(house, HEATER.replace("  - {id: work, type: task, config: {queue: work}}\n", ""))
    await house.trigger("heat")
    await house.fire(3600)
    assert (watcher(house).step, house.run("heater").step) == ("rest", "rest")
    assert set(house.contact().tags) == {"hot", "seen"}


async def test_a_replica_that_never_heard_of_the_version_wakes_its_wait(house: House) -> None:
    other = await house.replica("other")
    await house.ask(event("hello"), of=other)
    await begin(house)
    command = ChangeContact("default", "ann", {}, ("hot",), request_id="r", body_hash="h")
    await house.ask(command, of=other)
    assert watcher(house).step == "rest"


async def test_only_the_contact_that_changed_is_looked_at(house: House) -> None:
    await begin(house)
    await house.trigger("begin", "ben")
    await house.change("ben", add_tags=("hot",))
    steps = {run.contact_id: run.step for run in house.runs("watcher")}
    assert steps == {"ann": "look", "ben": "rest"}


async def test_a_run_of_a_paused_workflow_looks_again_when_it_goes_on(house: House) -> None:
    await begin(house)
    await house.engine.pause_workflow("default", "watcher")
    await house.change(add_tags=("hot",))
    await house.fire(60)
    assert watcher(house).step == "look"
    await house.engine.resume_workflow("default", "watcher")
    await house.fire(1)
    assert watcher(house).step == "rest"


@pytest.mark.parametrize("emit", [True, False])
async def test_a_timer_moves_with_its_date_in_the_transaction_of_the_change(house: House, emit: bool) -> None:
    await house.publish(RENEWAL)
    await house.change(patch={"renewal": "2026-03-02T12:00Z"})
    await house.trigger("begin")
    await house.change(patch={"renewal": "2026-03-02T15:00Z"}, emit=emit)
    assert (house.run().due_at or START).hour == 14
    await house.fire(4 * 3600)
    assert house.run().step == "soon"
    await house.fire(3600)
    assert house.run().status is Status.COMPLETED


@pytest.mark.parametrize("first", ["change", "timer"])
async def test_a_date_that_moves_while_its_timer_is_due_fires_once_or_not_at_all(house: House, first: str) -> None:
    await house.publish(RENEWAL)
    await house.change(patch={"renewal": "2026-03-02T12:00Z"})
    await house.trigger("begin")
    house.clock.move(2 * 3600)
    later = {"renewal": "2026-03-03T12:00Z"}
    if first == "timer":
        await house.fire()
    await house.change(patch=later)
    await house.fire()
    run = house.run()
    assert run.status is (Status.COMPLETED if first == "timer" else Status.WAITING)
    await house.fire(86_400)
    assert house.kinds(house.run()).count("step_completed soon") == 1


async def test_a_branch_that_looks_again_at_a_replica_that_has_just_heard_of_its_version_tells_its_run(
    house: House,
) -> None:
    other = await house.replica("r2")
    look = "{id: look, type: wait, config: {until_true: contact.score > 5}}"
    await house.publish(f"""
        key: both
        trigger: {{type: go}}
        steps:
          - {{id: par, type: parallel, config: {{branches: {{a: [{look}], b: [{{id: b, type: pass}}]}}}}}}
    """)
    await house.trigger("go")
    await house.ask(ChangeContact("default", "ann", patch={"score": 9}), of=other)
    assert not any(run.live for run in house.runs())
