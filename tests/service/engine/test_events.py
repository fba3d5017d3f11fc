"""Events: applied once, in order, never lost, never doubled (promises P1 to P4)."""

from __future__ import annotations

import pytest

from service.engine.commands import EventAnswer
from statemachine.errors import EventIdReused
from tests.service.engine.house import House, all_of, event

SIGNUP = """
    key: signup
    name: Signup
    trigger: {type: signup}
    steps:
      - {id: hold, type: wait, config: {on: [{event: answered, branch: replied}]}, branches: {replied: yes}}
      - {id: yes, type: add_tag, config: {tag: hot}}
"""


async def test_an_event_that_comes_again_in_the_same_batch_is_answered_as_a_duplicate(house: House) -> None:
    await house.publish(SIGNUP)
    first, again = await house.ask_all([event("signup"), event("signup")])
    assert isinstance(first, EventAnswer)
    assert isinstance(again, EventAnswer)
    assert (first.duplicate, again.duplicate) == (False, True)
    assert again.verdicts == first.verdicts
    assert [verdict.kind for verdict in first.verdicts] == ["ENROLLED"]
    assert len(house.runs()) == 1


async def test_an_event_that_comes_again_later_is_told_its_first_verdicts_and_when_it_was_accepted(
    house: House,
) -> None:
    await house.publish(SIGNUP)
    first = await house.trigger("signup")
    house.clock.move(3600)
    again = await house.trigger("signup")
    assert again.duplicate
    assert (again.verdicts, again.accepted_at) == (first.verdicts, first.accepted_at)
    assert len(house.runs()) == 1


async def test_a_replica_that_never_saw_an_event_knows_it_from_the_store(house: House) -> None:
    await house.publish(SIGNUP)
    first = await house.trigger("signup")
    other = await house.replica("r2")
    again = await other.ask(event("signup"))
    assert isinstance(again, EventAnswer)
    assert again.duplicate
    assert again.verdicts == first.verdicts


async def test_an_event_id_with_another_body_is_refused_and_changes_nothing(house: House) -> None:
    await house.publish(SIGNUP)
    await house.trigger("signup")
    before = house.contact(), house.count("events"), house.count("history")
    with pytest.raises(EventIdReused, match="another body"):
        await house.trigger("signup", body="other", contact_patch={"first_name": "Eve"})
    assert (house.contact(), house.count("events"), house.count("history")) == before


async def test_within_a_batch_an_event_id_with_another_body_is_refused_alone(house: House) -> None:
    results = await house.engine.ask_all([event("a", id="x"), event("a", id="x", body="other"), event("a", id="y")])
    assert [type(result) for result in results] == [EventAnswer, EventIdReused, EventAnswer]


async def test_one_id_from_two_sources_is_two_events(house: House) -> None:
    await house.publish(SIGNUP.replace("{type: signup}", "{type: signup}\n    entry: {reentry: always}"))
    command = event("signup", id="1")
    _, from_crm = await house.ask_all(
        [command, type(command)("default", type(command.event)("1", "signup", "crm", "ann"), "h")]
    )
    assert isinstance(from_crm, EventAnswer)
    assert not from_crm.duplicate
    assert len(house.runs()) == 2


async def test_one_id_sent_at_once_to_two_replicas_for_one_contact_is_applied_once(house: House) -> None:
    await house.publish(SIGNUP)
    other = await house.replica("r2")
    for number in range(20):
        command = event("signup", f"c{number}")
        answers = await all_of(house.engine.ask(command), other.ask(command))
        assert sorted(answer.duplicate for answer in answers) == [False, True]
        assert answers[0].verdicts == answers[1].verdicts
    assert len(house.runs()) == 20


async def test_one_id_sent_at_once_for_two_contacts_is_taken_once_and_refused_once(house: House) -> None:
    other = await house.replica("r2")
    for number in range(10):
        one, two = event("a", "ann", id=f"x{number}"), event("a", "bob", id=f"x{number}", body="other")
        results = await all_of(house.engine.ask_all([one]), other.ask_all([two]))
        assert sorted(type(result).__name__ for (result,) in results) == ["EventAnswer", "EventIdReused"]


async def test_events_of_one_contact_apply_in_the_order_of_the_call(house: House) -> None:
    await house.ask_all([event("seen", "ann", id=f"n{number}", contact_patch={"last": number}) for number in range(50)])
    changes = [data["new_value"] for kind, data, _ in house.events() if kind == "field_changed"]
    assert changes == list(range(1, 50))
    assert house.contact().get("last") == 49


async def test_an_event_early_in_a_batch_enrols_and_a_later_one_moves_that_run(house: House) -> None:
    await house.publish(SIGNUP)
    enrolled, moved = await house.ask_all([event("signup"), event("answered")])
    assert isinstance(enrolled, EventAnswer)
    assert isinstance(moved, EventAnswer)
    assert [(verdict.kind, verdict.step) for verdict in moved.verdicts] == [("ADVANCED", "hold")]
    assert house.run().status == "completed"
    assert house.contact().tags == ("hot",)


async def test_an_event_that_nothing_wants_is_accepted_and_logged(house: House) -> None:
    answer = await house.trigger("nobody_listens", data={"a": [1, None, "ä"]})
    assert (answer.duplicate, answer.verdicts) == (False, ())
    assert ("nobody_listens", {"a": [1, None, "ä"]}, ()) in house.events()


async def test_an_event_without_a_contact_starts_a_run_without_one(house: House) -> None:
    await house.publish(
        """
        key: nightly
        trigger: {type: nightly}
        steps:
          - {id: note, type: set_variable, config: {path: day, value: "{{trigger.data.day}}"}}
          - {id: hold, type: wait, config: {for: 1h}}
        """
    )
    await house.ask_all([event("nightly", None, id=f"n{day}", data={"day": day}) for day in range(3)])
    assert [run.contact_id for run in house.runs()] == [None, None, None]
    report = await house.fire(3600)
    assert report.fired == 3
    assert [(run.status.value, run.variables) for run in house.runs()] == [
        ("completed", {"day": day}) for day in range(3)
    ]


async def test_a_contact_step_of_a_run_without_a_contact_fails_that_run(house: House) -> None:
    await house.publish(
        """
        key: nightly
        trigger: {type: nightly}
        steps:
          - {id: tag, type: add_tag, config: {tag: a}}
        """
    )
    await house.trigger("nightly", None)
    run = house.run()
    assert run.status == "failed"
    assert run.last_error is not None
    assert run.last_error.code == "no_contact"


async def test_an_early_event_is_found_by_a_wait_that_is_anchored_before_it(house: House) -> None:
    await house.publish(
        """
        key: lookback
        trigger: {type: signup}
        steps:
          - {id: pause, type: wait, config: {for: 1h}}
          - {id: hold, type: wait, config: {on: [answered], since: enrollment, timeout: 1d}, branches: {timeout: end}}
          - {id: tag, type: add_tag, config: {tag: replied}}
        """
    )
    await house.trigger("signup")
    house.clock.move(60)
    await house.trigger("answered")
    await house.fire(3600)
    assert house.run().status == "completed"
    assert house.contact().tags == ("replied",)


async def test_an_event_before_the_anchor_of_a_wait_does_not_end_it(house: House) -> None:
    await house.publish(
        """
        key: lookback
        trigger: {type: signup}
        steps:
          - {id: pause, type: wait, config: {for: 1h}}
          - {id: hold, type: wait, config: {on: [answered], since: wait, timeout: 1d}, branches: {timeout: end}}
        """
    )
    await house.trigger("signup")
    house.clock.move(60)
    await house.trigger("answered")
    await house.fire(3600)
    assert house.run().step == "hold"
    await house.trigger("answered", id="again")
    assert house.run().status == "completed"
