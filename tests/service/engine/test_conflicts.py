"""`entry.conflict`: what becomes of a newcomer whose contact other runs write to already."""

from __future__ import annotations

import pytest

from service.engine.commands import Operate
from service.engine.turns import whose_turn
from service.storage import places
from tests.service.engine.house import House, all_of, event

TALK = """
    key: talk
    trigger: {type: talk}
    entry: {priority: 5}
    steps:
      - {id: hold, type: wait, config: {on: [heard], timeout: 1h}}
      - {id: say, type: send_sms, config: {body: Hi, to: "+49151"}}
"""
QUIET = """
    key: quiet
    trigger: {type: quiet}
    steps:
      - {id: hold, type: wait, config: {for: 1h}}
      - {id: say, type: send_email, config: {subject: Hi, body: Hi, to: a@example.com}}
"""


def _newcomer(policy: str, more: str = "", key: str = "new") -> str:
    return f"""
    key: {key}
    trigger: {{type: {key}}}
    entry: {{conflict: {{policy: {policy}}}{more}}}
    steps:
      - {{id: hold, type: wait, config: {{on: [done], timeout: 1h}}}}
      - {{id: say, type: send_sms, config: {{body: Hello, to: "+49151"}}}}
"""


async def _meet(house: House, policy: str, more: str = "") -> list[tuple[str, str]]:
    """Somebody who is in `talk` and `quiet` comes to `new`."""
    for source in (TALK, QUIET, _newcomer(policy, more)):
        await house.publish(source)
    for kind in ("talk", "quiet"):
        await house.trigger(kind)
    return [(one.kind, one.rule) for one in (await house.trigger("new")).verdicts]


def _statuses(house: House) -> dict[str, str]:
    return {run.workflow: run.status.value for run in house.runs()}


async def test_queue_waits_until_the_others_have_ended_and_then_begins_at_once(house: House) -> None:
    assert await _meet(house, "queue") == [("ENROLLED", "conflict")]
    await house.trigger("hidden")
    await house.fire()
    assert _statuses(house) == {"talk": "waiting", "quiet": "waiting", "new": "pending"}
    await house.operate(house.run("talk"), "cancel")
    await house.fire()
    assert _statuses(house) == {"talk": "cancelled", "quiet": "waiting", "new": "waiting"}
    assert house.kinds(house.run("new")) == ["queued", "started", "waiting hold"]


async def test_queue_goes_on_when_the_other_ends_by_its_task(house: House) -> None:
    await _meet(house, "queue")
    await house.trigger("heard")
    await house.fire()
    assert _statuses(house)["new"] == "pending"
    (task,) = await house.lease("messages")
    await house.finish(task, {"message_id": "m1"})
    await house.fire()
    assert _statuses(house)["new"] == "waiting"


async def test_those_who_wait_begin_one_after_the_other(house: House) -> None:
    await _meet(house, "queue")
    await house.publish(_newcomer("queue", key="late"))
    assert (await house.trigger("late")).verdicts[0].rule == "conflict"
    await house.operate(house.run("talk"), "cancel")
    await house.fire()
    assert (_statuses(house)["new"], _statuses(house)["late"]) == ("waiting", "pending")
    await house.operate(house.run("new"), "cancel")
    await house.fire()
    assert _statuses(house)["late"] == "waiting"


async def test_skip_keeps_the_newcomer_out(house: House) -> None:
    assert await _meet(house, "skip") == [("BLOCKED", "conflict")]
    assert "new" not in _statuses(house)


async def test_interrupt_ends_the_others_with_their_timers_and_tasks(house: House) -> None:
    await house.publish(TALK)
    await house.trigger("talk")
    await house.trigger("heard")
    task = (await house.lease("messages"))[0]
    assert await _meet(house, "interrupt", ", priority: 5") == [("EXITED", "interrupted"), ("ENROLLED", "")]
    assert (house.runs("talk")[0].exit_reason, _statuses(house)["quiet"]) == ("interrupted", "waiting")
    assert (await house.task(task.id)).status == "cancelled"
    assert not (await house.finish(task, {"message_id": "m1"})).applied


async def test_interrupt_ends_nobody_when_one_of_them_has_a_higher_priority(house: House) -> None:
    assert await _meet(house, "interrupt", ", priority: 4") == [("BLOCKED", "conflict")]
    assert _statuses(house) == {"talk": "waiting", "quiet": "waiting"}


async def test_allow_begins_beside_them(house: House) -> None:
    assert await _meet(house, "allow") == [("ENROLLED", "")]


@pytest.mark.parametrize(("channels", "kind"), [("[email]", "BLOCKED"), ("[voice]", "ENROLLED"), ("[SMS]", "BLOCKED")])
async def test_only_the_channels_that_are_named_count(house: House, channels: str, kind: str) -> None:
    assert (await _meet(house, f"skip, channels: {channels}"))[0][0] == kind


async def test_a_run_that_waited_for_a_place_asks_again_and_leaves_where_it_must_not_begin(house: House) -> None:
    await house.publish(_newcomer("skip").replace("    steps", "    limits: {max_concurrent: 1}\n    steps"))
    await house.publish(TALK)
    await house.trigger("new", "bob")
    await house.trigger("new", "ann")
    await house.trigger("talk", "ann")
    await house.operate(house.run("new", "bob"), "cancel")
    await house.fire()
    assert (house.run("new", "ann").status, house.run("new", "ann").exit_reason) == ("exited", "conflict")


async def test_a_run_that_waited_for_a_place_interrupts_when_it_begins(house: House) -> None:
    source = _newcomer("interrupt", ", priority: 9").replace("    steps", "    limits: {max_concurrent: 1}\n    steps")
    await house.publish(source)
    await house.publish(TALK)
    await house.trigger("new", "bob")
    await house.trigger("new", "ann")
    await house.trigger("talk", "ann")
    await house.operate(house.run("new", "bob"), "cancel")
    await house.fire()
    assert (house.run("talk", "ann").exit_reason, house.run("new", "ann").status) == ("interrupted", "waiting")


async def test_replicas_that_race_let_one_newcomer_begin(house: House) -> None:
    for key in ("one", "two", "three"):
        await house.publish(_newcomer("queue", key=key))
    other = await house.replica("r2")
    await all_of(house.ask_all([event("one"), event("two")]), house.ask_all([event("three")], of=other))
    assert sorted(_statuses(house).values()) == ["pending", "pending", "waiting"]


async def test_interrupt_ends_the_children_of_the_others_too(house: House) -> None:
    await house.publish("""
        key: talk
        trigger: {type: talk}
        steps:
          - id: both
            type: parallel
            config:
              branches:
                left: [{id: a, type: wait, config: {for: 1h}}, {id: say, type: send_sms, config: {body: x, to: "1"}}]
                right: [{id: b, type: wait, config: {for: 1h}}]
    """)
    await house.publish(_newcomer("interrupt"))
    await house.trigger("talk")
    assert (await house.trigger("new")).verdicts[-1].kind == "ENROLLED"
    parents = [run for run in house.runs("talk") if run.parent_id is None]
    assert [run.exit_reason for run in parents] == ["interrupted"]
    assert not any(run.live for run in house.runs("talk"))
    assert house.run("new").status == "waiting"


async def test_queue_goes_on_when_the_other_ends_in_the_batch_in_which_the_newcomer_came(house: House) -> None:
    await house.publish(TALK)
    await house.publish(_newcomer("queue"))
    await house.trigger("talk")
    await house.ask_all([event("new"), Operate("default", house.run("talk").id, "cancel", "r1")])
    await house.fire()
    assert _statuses(house)["new"] == "waiting"


async def test_queue_goes_on_when_the_newcomers_own_event_ends_the_other(house: House) -> None:
    await house.publish("""
        key: talk
        trigger: {type: talk}
        steps:
          - {id: hold, type: wait, config: {until_true: contact.score > 5}, next: end}
          - {id: say, type: send_sms, config: {body: Hi, to: "+49151"}}
    """)
    await house.publish(_newcomer("queue"))
    await house.trigger("talk")
    await house.trigger("new", contact_patch={"score": 9})
    assert _statuses(house) == {"talk": "completed", "new": "pending"}
    await house.fire()
    assert _statuses(house)["new"] == "waiting"


async def test_those_who_wait_before_a_paused_workflow_are_in_nobodys_way(house: House) -> None:
    for source in (TALK, _newcomer("queue"), _newcomer("queue", key="late")):
        await house.publish(source)
    for contact, kind in (("ann", "new"), ("bob", "late")):
        await house.trigger("talk", contact)
        await house.trigger(kind, contact)
    await house.engine.pause_workflow("default", "new")
    for run in house.runs("talk"):
        await house.operate(run, "cancel")
    with house.database.reading() as transaction:
        (first,) = whose_turn(transaction, house.engine.catalog, house.clock.now, 1)
    assert first.workflow == "late"


async def test_those_who_wait_are_looked_at_again_also_when_the_end_of_the_other_woke_nobody(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    await _meet(house, "queue")
    monkeypatch.setattr(places, "WAKE_PENDING", f"{places.WAKE_PENDING} and p.rule <> p.rule")
    await house.operate(house.run("talk"), "cancel")
    await house.fire(599)
    assert _statuses(house)["new"] == "pending"
    await house.fire(1)
    assert _statuses(house)["new"] == "waiting"
