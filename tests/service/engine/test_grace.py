"""`entry.grace`: an event whose trigger's conditions failed is looked at again while the contact changes."""

from __future__ import annotations

import pytest

from tests.service.engine.house import House

FLOW = """
    key: w
    trigger: {type: go, conditions: [{field: plan, operator: equals, value: pro}]}
    entry: {grace: 30m}
    steps:
      - {id: hold, type: wait, config: {for: 1h}}
"""


async def _gone(house: House, source: str = FLOW) -> None:
    await house.publish(source)
    verdict = (await house.trigger("go", data={"n": 1})).verdicts[0]
    assert (verdict.kind, verdict.rule) == ("BUFFERED", "grace")


async def test_a_contact_that_comes_to_match_in_time_enters_by_the_earlier_event(house: House) -> None:
    await _gone(house)
    house.clock.move(600)
    await house.change(patch={"name": "Ann"})
    assert house.runs() == []
    await house.change(patch={"plan": "pro"})
    run = house.run()
    assert (run.trigger["data"], run.started_at, house.count("second_looks")) == ({"n": 1}, house.clock.now, 0)


async def test_a_patch_that_comes_with_another_event_counts_too_and_its_verdict_says_so(house: House) -> None:
    await _gone(house)
    verdicts = (await house.trigger("seen", contact_patch={"plan": "pro"})).verdicts
    assert [(one.workflow, one.kind, one.rule) for one in verdicts] == [("w", "ENROLLED", "grace")]


async def test_when_the_time_is_over_it_is_tested_once_more_and_forgotten(house: House) -> None:
    await _gone(house)
    await house.fire(1799)
    assert house.count("second_looks") == 1
    await house.fire(1)
    assert (house.runs(), house.count("second_looks")) == ([], 0)
    await house.change(patch={"plan": "pro"})
    assert house.runs() == []


async def test_a_change_that_raised_no_event_is_seen_at_the_end(house: House) -> None:
    await _gone(house)
    await house.change(patch={"plan": "pro"}, emit=False)
    assert house.runs() == []
    await house.fire(1800)
    assert house.run().status == "waiting"


async def test_the_entry_rules_of_that_moment_hold(house: House) -> None:
    await _gone(house, FLOW.replace("grace: 30m", "grace: 30m, max_entries: 1"))
    await house.trigger("go", id="second")
    verdicts = (await house.trigger("seen", contact_patch={"plan": "pro"})).verdicts
    assert [(one.kind, one.rule) for one in verdicts] == [("ENROLLED", "grace"), ("BLOCKED", "max_entries")]
    assert house.count("second_looks") == 0


async def test_the_live_run_is_restarted_by_the_earlier_event_and_the_later_one_is_told(house: House) -> None:
    await _gone(house, FLOW.replace("grace: 30m", "grace: 30m, reentry: restart"))
    await house.enroll("w")
    verdicts = (await house.trigger("seen", contact_patch={"plan": "pro"})).verdicts
    assert [(one.kind, one.rule) for one in verdicts] == [("EXITED", "restarted"), ("ENROLLED", "grace")]
    left, begun = house.runs()
    assert (left.exit_reason, begun.trigger["data"]) == ("restarted", {"n": 1})


async def test_other_runs_are_interrupted_by_the_earlier_event_and_the_later_one_is_told(house: House) -> None:
    conflict = "grace: 30m, conflict: {policy: interrupt, channels: [sms]}"
    await _gone(house, FLOW.replace("grace: 30m", conflict))
    await house.publish("{key: other, steps: [{id: text, type: send_sms, config: {body: Hi}}]}")
    await house.enroll("other")
    verdicts = (await house.trigger("seen", contact_patch={"plan": "pro"})).verdicts
    assert [(one.workflow, one.kind, one.rule) for one in verdicts] == [
        ("other", "EXITED", "interrupted"),
        ("w", "ENROLLED", "grace"),
    ]
    assert house.run("other").exit_reason == "interrupted"


async def test_only_conditions_are_given_time(house: House) -> None:
    await house.publish(FLOW.replace("type: go,", "type: go, config: {n: 2},"))
    assert (await house.trigger("go", data={"n": 1})).verdicts[0].kind == "NOT_MATCHED"
    assert house.count("second_looks") == 0


async def test_a_contact_has_at_most_twenty_events_to_look_at_again(house: House) -> None:
    await house.publish(FLOW)
    for number in range(20):
        await house.trigger("go", id=str(number))
    assert (await house.trigger("go", id="one more")).verdicts[0].kind == "NOT_MATCHED"
    assert house.count("second_looks") == 20


async def test_the_active_version_looks_again_and_none_looks_when_there_is_none(house: House) -> None:
    await _gone(house)
    await house.publish(FLOW.replace("value: pro", "value: gold"))
    await house.change(patch={"plan": "pro"})
    assert house.runs() == []
    await house.change(patch={"plan": "gold"})
    assert house.run().version == 2


async def test_a_run_that_is_let_in_late_may_have_to_wait_for_a_place(house: House) -> None:
    await _gone(house, FLOW.replace("    steps", "    limits: {max_concurrent: 1}\n    steps"))
    await house.trigger("go", "bob", contact_patch={"plan": "pro"})
    await house.change(patch={"plan": "pro"})
    assert house.run(contact="ann").status == "pending"


@pytest.mark.parametrize("emit", [True, False])
async def test_a_run_that_is_let_in_late_has_the_conversation_of_its_event(house: House, emit: bool) -> None:
    await house.publish(f"""{FLOW}      - {{id: say, type: end_chat, config: {{}}}}""")
    await house.trigger("go", conversation_id="k1")
    await house.change(patch={"plan": "pro"}, emit=emit)
    await house.fire(1800)
    await house.fire(3600)
    assert house.run().status == "completed"


async def test_another_event_that_lets_it_in_brings_the_conversation_along_too(house: House) -> None:
    await house.publish(FLOW.replace("{id: hold, type: wait, config: {for: 1h}}", "{id: bye, type: end_chat}"))
    await house.trigger("go", conversation_id="k1")
    await house.trigger("seen", contact_patch={"plan": "pro"}, conversation_id="k2")
    assert house.run().status == "completed"
    assert house.rows("select id, status from conversations order by id") == [("k1", "resolved"), ("k2", "open")]


@pytest.mark.parametrize("matches", [True, False])
async def test_a_look_whose_time_ended_during_a_pause_is_taken_when_the_workflow_goes_on(
    house: House, matches: bool
) -> None:
    await _gone(house)
    await house.engine.pause_workflow("default", "w")
    await house.change(patch={"plan": "pro" if matches else "free"})
    for _ in range(2):
        await house.fire(3600)
    assert (house.runs(), house.count("second_looks")) == ([], 1)
    await house.engine.resume_workflow("default", "w")
    await house.fire(1)
    assert ([run.status for run in house.runs()], house.count("second_looks")) == (["waiting"] if matches else [], 0)


async def test_the_pause_of_one_workflow_holds_up_no_look_of_another(house: House) -> None:
    await house.publish(FLOW.replace("key: w", "key: v"))
    await _gone(house)
    await house.engine.pause_workflow("default", "v")
    await house.change(patch={"plan": "pro"}, emit=False)
    await house.fire(1800)
    assert ([run.workflow for run in house.runs()], house.count("second_looks")) == (["w"], 1)


async def test_a_look_of_a_deleted_workflow_is_forgotten_at_its_end(house: House) -> None:
    await _gone(house)
    await house.engine.pause_workflow("default", "w")
    await house.engine.write(
        lambda transaction: transaction.write("update workflows set status = 'deleted', revision = revision + 1")
    )
    await house.fire(1800)
    assert house.count("second_looks") == 0


async def test_a_contact_that_comes_to_match_waits_for_a_place_and_the_verdict_says_so(house: House) -> None:
    await _gone(house, FLOW.replace("entry:", "limits: {max_concurrent: 1}\n    entry:"))
    await house.enroll("w", "bob")
    verdicts = (await house.trigger("seen", contact_patch={"plan": "pro"})).verdicts
    assert [(one.workflow, one.kind, one.rule) for one in verdicts] == [("w", "ENROLLED", "max_concurrent")]
    assert house.run("w", "ann").status == "pending"
