"""What one event does, in order: patch, exits, waits, entries; and what contact writes raise."""

from __future__ import annotations

from typing import Any

import pytest

from service.engine import firing
from service.engine.commands import ChangeContact, ContactAnswer
from service.storage import enrollments
from statemachine.errors import InvalidInput, NotFound, StaleRevision
from tests.service.engine.house import House, event

PATCHED = """
    key: patched
    trigger: {type: order, conditions: [{field: plan, operator: equals, value: pro}]}
    steps: [{id: tag, type: add_tag, config: {tag: "{{contact.plan}}"}}]
"""
LEAVER = """
    key: leaver
    trigger: {type: order}
    exit: [{on: order, reason: reordered}]
    steps: [{id: hold, type: wait, config: {on: [{event: order}], timeout: 1d}}]
"""


async def test_the_patch_of_an_event_is_seen_by_its_own_triggers(house: House) -> None:
    await house.publish(PATCHED)
    answer = await house.trigger("order", contact_patch={"plan": "pro"})
    assert [verdict.kind for verdict in answer.verdicts] == ["ENROLLED"]
    assert house.contact().tags == ("pro",)


async def test_a_trigger_that_does_not_match_says_why(house: House) -> None:
    await house.publish(PATCHED)
    answer = await house.trigger("order", contact_patch={"plan": "free"})
    ((verdict),) = answer.verdicts
    assert verdict.kind == "NOT_MATCHED"
    assert verdict.rule


async def test_an_exit_frees_entry_for_the_same_event_and_the_new_run_does_not_take_that_event(house: House) -> None:
    await house.publish(LEAVER)
    await house.trigger("order", id="1")
    house.clock.move(1)
    answer = await house.trigger("order", id="2")
    assert [verdict.kind for verdict in answer.verdicts] == ["EXITED", "ENROLLED"]
    first, second = house.runs()
    assert (first.status, first.exit_reason) == ("exited", "reordered")
    assert (second.status, second.step) == ("waiting", "hold")


async def test_exits_come_before_waits(house: House) -> None:
    await house.publish(LEAVER)
    await house.publish(
        """
        key: waiter
        trigger: {type: begin}
        steps:
          - {id: hold, type: wait, config: {on: [order]}}
          - {id: tag, type: add_tag, config: {tag: moved}}
        """
    )
    await house.trigger("order", id="1")
    house.clock.move(1)
    await house.trigger("begin")
    house.clock.move(1)
    answer = await house.trigger("order", id="2")
    assert [(verdict.workflow, verdict.kind) for verdict in answer.verdicts] == [
        ("leaver", "EXITED"),
        ("waiter", "ADVANCED"),
        ("leaver", "ENROLLED"),
    ]


async def test_the_enrolling_event_does_not_end_a_wait_of_its_own_run(house: House) -> None:
    await house.publish(LEAVER.replace("exit: [{on: order, reason: reordered}]", ""))
    await house.trigger("order")
    assert house.run().status == "waiting"


async def test_workflows_of_higher_priority_come_first_and_the_others_see_what_they_did(house: House) -> None:
    await house.publish(
        """
        key: a_second
        trigger: {type: order, conditions: [{type: tag, tag: first}]}
        steps: [{id: tag, type: add_tag, config: {tag: second}}]
        """
    )
    await house.publish(
        """
        key: b_first
        entry: {priority: 5}
        trigger: {type: order}
        steps: [{id: tag, type: add_tag, config: {tag: first}}]
        """
    )
    answer = await house.trigger("order")
    assert [(verdict.workflow, verdict.kind) for verdict in answer.verdicts] == [
        ("b_first", "ENROLLED"),
        ("a_second", "ENROLLED"),
    ]
    assert house.contact().tags == ("first", "second")


async def test_an_event_for_a_new_contact_creates_it_and_says_so_to_workflows(house: House) -> None:
    await house.publish(
        """
        key: greet
        trigger: {type: contact_created}
        steps: [{id: tag, type: add_tag, config: {tag: greeted}}]
        """
    )
    await house.trigger("visit", contact_patch={"first_name": "Ann"})
    assert house.contact().tags == ("greeted",)
    assert house.run("greet").trigger["type"] == "contact_created"
    assert sorted(kind for kind, _, _ in house.events()) == ["contact_created", "tag_added", "visit"]


async def test_contact_created_itself_is_not_raised_a_second_time(house: House) -> None:
    await house.trigger("contact_created")
    assert [kind for kind, _, _ in house.events()] == ["contact_created"]


async def test_a_patch_raises_one_event_for_each_field_that_really_changed(house: House) -> None:
    await house.trigger("visit", id="1", contact_patch={"plan": "free", "city": "Rome"})
    await house.trigger("visit", id="2", contact_patch={"plan": "pro", "city": "Rome"})
    changes = [data for kind, data, _ in house.events() if kind == "field_changed"]
    assert changes == [{"field": "plan", "old_value": "free", "new_value": "pro"}]


async def test_a_patch_of_the_wrong_shape_is_refused_and_its_event_may_be_sent_again(house: House) -> None:
    with pytest.raises(InvalidInput):
        await house.trigger("visit", contact_patch={"score": "high"})
    assert (house.count("contacts"), house.count("events"), house.count("event_keys")) == (0, 0, 0)
    answer = await house.trigger("visit", contact_patch={"score": 5})
    assert not answer.duplicate


async def test_raised_events_carry_the_chain_of_workflows_that_led_to_them(house: House) -> None:
    for key, on, adds in (("one", "start", "a"), ("two", "tag_added", "b")):
        await house.publish(
            f"""
            key: {key}
            trigger: {{type: {on}}}
            steps: [{{id: tag, type: add_tag, config: {{tag: {adds}}}}}]
            """
        )
    await house.trigger("start")
    chains = [(data.get("tag"), chain) for kind, data, chain in house.events() if kind == "tag_added"]
    assert chains == [("a", ("one",)), ("b", ("one", "two"))]
    assert [run.workflow for run in house.runs()] == ["one", "two"]


async def test_a_workflow_is_not_entered_by_what_it_caused_itself(house: House) -> None:
    await house.publish(
        """
        key: echo
        entry: {reentry: always}
        triggers: [{type: start}, {type: field_changed}]
        steps: [{id: bump, type: update_field, config: {field: n, value: 1, operation: increment}}]
        """
    )
    await house.trigger("start")
    assert len(house.runs()) == 1
    assert house.contact().get("n") == 1


async def test_a_chain_of_workflows_ends_at_ten(house: House) -> None:
    for number in range(12):
        await house.publish(
            f"""
            key: link_{number:02}
            trigger: {{type: tag_added, config: {{tag: t{number}}}}}
            steps: [{{id: tag, type: add_tag, config: {{tag: t{number + 1}}}}}]
            """
        )
    await house.change(patch={"first_name": "Ann"})
    await house.change(add_tags=("t0",))
    assert house.contact().tags == tuple(f"t{number}" for number in range(11))
    assert len(house.runs()) == 10


async def test_a_contact_write_is_dispatched_to_workflows_that_listen(house: House) -> None:
    await house.publish(
        """
        key: vip
        trigger: {type: tag_added, config: {tag: vip}}
        steps: [{id: note, type: set_variable, config: {path: tag, value: "{{trigger.data.tag}}"}}]
        """
    )
    answer = await house.change(add_tags=("vip", "other"))
    assert (answer.created, answer.changed) == (True, True)
    assert house.run("vip").variables == {"tag": "vip"}
    await house.change(remove_tags=("vip",))
    await house.change(add_tags=("vip",))
    assert len(house.runs("vip")) == 2
    assert house.rows("select count(*) from events where pending") == [(0,)]


async def test_a_contact_write_without_emit_raises_nothing(house: House) -> None:
    await house.change(patch={"plan": "pro"}, add_tags=("a",), emit=False)
    await house.change(patch={"plan": "free"}, remove_tags=("a",), emit=False)
    assert house.events() == []
    assert house.contact().get("plan") == "free"


async def test_a_contact_write_that_changes_nothing_says_so(house: House) -> None:
    first = await house.change(patch={"plan": "pro"}, add_tags=("a",))
    again = await house.change(patch={"plan": "pro"}, add_tags=("a",))
    assert (again.created, again.changed) == (False, False)
    assert again.contact == first.contact
    assert (again.created_at, again.updated_at) == (first.created_at, first.updated_at)


async def test_a_contact_that_must_exist_is_not_created(house: House) -> None:
    with pytest.raises(NotFound):
        await house.change(add_tags=("a",), must_exist=True)
    assert house.count("contacts") == 0


async def test_a_contact_write_for_another_revision_is_refused(house: House) -> None:
    first = await house.change(patch={"plan": "pro"})
    await house.change(patch={"plan": "free"}, expected_revision=first.contact.revision)
    with pytest.raises(StaleRevision):
        await house.change(patch={"plan": "max"}, expected_revision=first.contact.revision)
    assert house.contact().get("plan") == "free"


async def test_two_writes_in_one_batch_leave_two_revisions(house: House) -> None:
    """Else whoever read the first could overwrite the second without noticing."""
    changes = [ChangeContact("default", "ann", {"n": number}) for number in range(3)]
    answers = await house.ask_all(changes)
    revisions = [answer.contact.revision for answer in answers if isinstance(answer, ContactAnswer)]
    assert revisions == [1, 2, 3]
    with pytest.raises(StaleRevision):
        await house.change(patch={"n": 9}, expected_revision=1)
    again = await house.ask_all(changes)
    assert [answer.contact.revision for answer in again if isinstance(answer, ContactAnswer)] == [4, 5, 6]
    assert house.contact().revision == 6


async def test_a_run_leaves_when_a_contact_write_makes_its_entry_filter_fail(house: House) -> None:
    await house.publish(
        """
        key: pros
        trigger: {type: signup, conditions: [{field: plan, operator: equals, value: pro}]}
        exit: [{on_mismatch: true}]
        steps: [{id: hold, type: wait, config: {for: 30d}}]
        """
    )
    await house.trigger("signup", contact_patch={"plan": "pro"})
    await house.change(patch={"city": "Rome"})
    assert house.run().status == "waiting"
    await house.change(patch={"plan": "free"})
    assert (house.run().status, house.run().exit_reason) == ("exited", "filter_mismatch")


async def test_a_message_is_remembered_on_its_contact(house: House) -> None:
    await house.trigger("message_received", data={"channel": "sms", "content": "Yes"})
    assert house.contact().get("last_sms_reply") == "Yes"


async def test_commands_of_many_contacts_keep_their_places_in_the_answer(house: House) -> None:
    contacts = [f"c{number % 7}" for number in range(100)]
    answers = await house.engine.ask_all([event("e", contact, id=f"e{n}") for n, contact in enumerate(contacts)])
    assert [getattr(answer, "event_id", None) for answer in answers] == [f"e{number}" for number in range(100)]


async def test_of_timers_due_at_one_instant_that_of_the_oldest_run_fires_first(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In whichever order the store claims them."""

    def claimed_backwards(*given: Any, **named: Any) -> Any:
        return claim(*given, **named)[::-1]

    claim = enrollments.claim_due
    monkeypatch.setattr(firing, "claim_due", claimed_backwards)
    await house.publish(
        """
        key: nap
        trigger: {type: tired}
        entry: {reentry: always}
        steps:
          - {id: nap, type: wait, config: {for: 1h}}
          - {id: awake, type: update_field, config: {field: woken, operation: append, value: "{{trigger.data.n}}"}}
        """
    )
    for number in range(4):
        await house.trigger("tired", id=f"tired-{number}", data={"n": number})
    await house.fire(3600)
    assert house.contact().custom_fields["woken"] == [0, 1, 2, 3]
