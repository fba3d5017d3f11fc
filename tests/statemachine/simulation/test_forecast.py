"""A forecast is what then happens, when what it assumes comes true; and it changes nothing."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from statemachine.errors import PreconditionFailed
from statemachine.simulation.forecast import Assumptions, Forecast, Foreseen, Kin, Member, forecast
from statemachine.simulation.script import Act, Result, Script
from statemachine.simulation.simulate import carry_on
from statemachine.simulation.trace import Answer
from tests.statemachine.checked_world import START, Simulation, canonical, compiled

DAY = timedelta(days=1)
STEPS: tuple[dict[str, Any], ...] = (
    {"id": "hello", "type": "send_sms", "config": {"to": "+491", "body": "Hi {{contact.first_name}}"}},
    {"id": "ask", "type": "wait", "config": {"on": [{"event": "answer_given", "branch": "answered"}], "timeout": "2d"},
     "branches": {"answered": "choose", "timeout": "remind"}},
    {"id": "remind", "type": "send_sms", "config": {"to": "+491", "body": "Still there?"}},
    {"id": "rest", "type": "wait", "config": {"for": "1d"}},
    {"id": "choose", "type": "split", "config": {"variants": {"a": 50, "b": 50}},
     "branches": {"a": "mark", "b": "mark"}},
    {"id": "mark", "type": "add_tag", "config": {"tag": "asked"},
     "when": {"field": "plan", "operator": "not_equals", "value": "free"}},
    {"id": "done", "type": "exit", "config": {"reason": "over"}},
)  # fmt: skip


def started(*steps: dict[str, Any], **document: Any) -> Simulation:
    simulation = Simulation(compiled(*(steps or STEPS), **document))
    simulation.trigger("go", contact_patch={"first_name": "Ann", "phone": "+491"})
    return simulation


def foreseen(simulation: Simulation, **given: Any) -> Foreseen:
    record = simulation.records[simulation.last]
    work = record.work
    around = simulation.world.surroundings(simulation.last)
    return Foreseen(
        record.workflow,
        record.snapshot,
        surroundings=around,
        order=work.order if work else None,
        available_at=work.available_at if work else None,
        **given,
    )


def foretold(simulation: Simulation, **given: Any) -> Forecast:
    return forecast(foreseen(simulation), Assumptions(**given))


def lines(entries: Any) -> str:
    return canonical([(one.at, one.kind, one.step, one.outcome, one.visit, one.output, one.error) for one in entries])


def moments(told: Forecast) -> str:
    return lines([one.entry for one in told.simulated.trace if one.entry is not None])


@pytest.mark.parametrize("waited", [0, 1, 50, 75])
@pytest.mark.parametrize("answered", [True, False])
def test_what_is_forecast_is_what_then_happens(waited: int, answered: bool) -> None:
    simulation = started()
    if waited:
        simulation.complete({"message_id": "m1", "channel": "sms"})
        simulation.wait(hours=min(waited, 49))
    if waited > 49:
        simulation.complete({"message_id": "m2", "channel": "sms"})
        simulation.wait(hours=1)
    acts = (Act(timedelta(hours=5), "event", "c1", "flow", "answer_given"),) if answered else ()
    told = foretold(simulation, acts=acts)
    before = len(simulation.history)
    carry_on(Script((), acts=acts, starts_at=simulation.now), simulation.world)
    assert moments(told) == lines(simulation.history[before:])
    assert (told.snapshot.status, told.snapshot.exit_reason) == (simulation.run.status, "over")


def test_a_forecast_changes_nothing_of_what_it_was_given() -> None:
    simulation = started()
    before = canonical([repr(simulation.run), repr(simulation.world.contacts), lines(simulation.history)])
    foretold(simulation)
    assert canonical([repr(simulation.run), repr(simulation.world.contacts), lines(simulation.history)]) == before


def test_each_visit_is_told_with_its_times_and_how_it_is_left() -> None:
    told = foretold(started())
    assert [(stay.step, stay.entered_at - START, stay.left_at and stay.left_at - START, stay.outcome)
            for stay in told.stays] == [
        ("hello", timedelta(), timedelta(), "done"),
        ("ask", timedelta(), 2 * DAY, "timeout"),
        ("remind", 2 * DAY, 2 * DAY, "done"),
        ("rest", 2 * DAY, 3 * DAY, "done"),
        ("choose", 3 * DAY, 3 * DAY, told.stays[4].outcome),
        ("mark", 3 * DAY, 3 * DAY, "done"),
        ("done", 3 * DAY, 3 * DAY, "exited"),
    ]  # fmt: skip


def test_messages_that_would_go_out_are_told_the_open_one_first() -> None:
    sent = foretold(started()).simulated.attempts
    assert [(one.order.step, one.at - START, one.order.input["body"]) for one in sent] == [
        ("hello", timedelta(), "Hi Ann"),
        ("remind", 2 * DAY, "Still there?"),
    ]


def test_the_contact_is_read_as_it_is_now() -> None:
    simulation = started()
    simulation.change(plan="free")
    assert ("mark", "skipped") in [(stay.step, stay.outcome) for stay in foretold(simulation).stays]


def test_a_wait_without_a_deadline_is_where_it_stays() -> None:
    told = foretold(started({"id": "ask", "type": "wait", "config": {"on": [{"event": "answer_given"}]}}))
    assert told.account is not None
    assert (told.account.until_at, told.stays[-1].left_at) == (None, None)
    assert "answer_given" in told.account.waiting_for


def test_an_event_that_came_in_time_before_ends_a_later_wait_as_it_will() -> None:
    later = {"id": "later", "type": "wait", "config": {"on": [{"event": "answer_given"}], "timeout": "9d",
             "since": "enrollment"}}  # fmt: skip
    simulation = started({"id": "r", "type": "wait", "config": {"for": "1d"}}, later)
    simulation.trigger("answer_given")
    assert [(stay.step, stay.outcome) for stay in foretold(simulation).stays] == [("r", "done"), ("later", "done")]


def test_results_can_be_assumed_from_the_open_task_on() -> None:
    refused = Result(Answer(failure=None, outcome="done", never=True))
    told = foretold(started(), results={("flow", "hello"): (refused,)})
    assert [stay.step for stay in told.stays] == ["hello"]
    assert told.account is not None
    assert "the result of its task" in told.account.waiting_for


@pytest.mark.parametrize("hold", ["run", "workflow"])
def test_a_run_that_is_held_stays_unless_it_is_assumed_to_go_on(hold: str) -> None:
    simulation = started({"id": "r", "type": "wait", "config": {"for": "1d"}})
    if hold == "run":
        simulation.operate("pause")
    else:
        simulation.pause_workflow()
    stays, goes = foretold(simulation), foretold(simulation, resumed=True)
    assert stays.account is not None
    assert stays.account.moved_by == (("resume",) if hold == "run" else ("workflow resume",))
    assert (goes.account, goes.snapshot.status.value) == (None, "completed")
    assert "what holds it now ends at once" in goes.assumed


def test_a_timer_that_was_given_up_is_not_foreseen_to_fire() -> None:
    simulation = started({"id": "r", "type": "wait", "config": {"for": "1d"}})
    stuck = forecast(foreseen(simulation, quarantined=True))
    freed = forecast(foreseen(simulation, quarantined=True), Assumptions(resumed=True))
    assert stuck.simulated.trace == ()
    assert freed.snapshot.status.value == "completed"


def test_nobody_is_enrolled_by_what_the_run_raises() -> None:
    tagged = compiled({"id": "t", "type": "add_tag", "config": {"tag": "x"}}, {"id": "w", "type": "wait", "config": {
        "for": "1d"}}, {"id": "u", "type": "add_tag", "config": {"tag": "y"}},
        triggers=[{"type": "go"}, {"type": "tag_added"}], entry={"reentry": "always"})  # fmt: skip
    simulation = Simulation(tagged)
    simulation.trigger("go")
    assert len(foretold(simulation).simulated.world.records) == 1


def test_a_run_without_end_is_stopped_by_its_limit() -> None:
    ring = (
        {"id": "w", "type": "wait", "config": {"for": "1h"}},
        {"id": "back", "type": "goto", "config": {"to": "w"}},
    )
    told = foretold(started(*ring), max_transitions=50)
    assert (told.simulated.stopped, told.account is not None) == ("transitions", True)


def test_an_ended_run_has_no_future() -> None:
    simulation = started()
    simulation.operate("cancel")
    with pytest.raises(PreconditionFailed, match="cancelled"):
        foretold(simulation)


INNER: tuple[dict[str, Any], ...] = (
    {"id": "rest", "type": "wait", "config": {"for": "3h"}},
    {"id": "deeper", "type": "sub_workflow", "config": {"workflow": "innermost"}},
)
INNERMOST: tuple[dict[str, Any], ...] = ({"id": "text", "type": "send_sms", "config": {"to": "+491", "body": "Now"}},)
FAMILY: tuple[dict[str, Any], ...] = (
    {"id": "before", "type": "wait", "config": {"for": "1h"}},
    {"id": "both", "type": "parallel", "config": {"branches": {
        "ask": [{"id": "call", "type": "task", "config": {"queue": "calls"}},
                {"id": "note", "type": "wait", "config": {"for": "5h"}}],
        "sub": [{"id": "inner", "type": "sub_workflow", "config": {"workflow": "inner"}}]}}},
    {"id": "after", "type": "add_tag", "config": {"tag": "both"}},
)  # fmt: skip


def family_of(simulation: Simulation) -> Foreseen:
    """The oldest run of the simulation with its family, as the service reads them."""
    root, *others = simulation.records.values()
    members = [
        Member(one.workflow, one.snapshot, one.work.order if one.work else None) for one in others if one.snapshot.live
    ]
    flows = {(key, number): flow for key, flow in simulation.world.workflows.items() for number in (0, flow.version)}
    around = simulation.world.surroundings(root.snapshot.id)
    kin = Kin(tuple(members), {name: flow for name, flow in flows.items() if name[0] != "flow"})
    return Foreseen(root.workflow, root.snapshot, surroundings=around, kin=kin)


@pytest.mark.parametrize("waited", [0, 1, 3, 5])
@pytest.mark.parametrize("called", [True, False])
def test_what_is_forecast_of_a_family_is_what_then_happens(waited: int, called: bool) -> None:
    flows = (compiled(*FAMILY), compiled(*INNER, key="inner"), compiled(*INNERMOST, key="innermost"))
    simulation = Simulation(*flows)
    simulation.enroll()
    simulation.wait(hours=waited)
    calls = [name for name, one in simulation.records.items() if one.work is not None and one.work.order.step == "call"]
    if called and calls:
        simulation.complete(run_id=calls[0])
    told = forecast(family_of(simulation))
    before = len(simulation.world.trace)
    carry_on(Script((), starts_at=simulation.now), simulation.world)
    happened = [one.entry for one in simulation.world.trace[before:] if one.entry is not None]
    assert moments(told) == lines(happened)
    assert [one.order.step for one in told.simulated.attempts][-1:] == ["text"]
    assert (told.snapshot.status, told.stays[-1].step) == ("completed", "after")


def test_an_inner_workflow_that_does_not_exist_is_foreseen_to_fail() -> None:
    simulation = Simulation(compiled(*INNER))
    simulation.enroll()
    told = forecast(family_of(simulation))
    assert told.snapshot.last_error is not None
    assert (told.snapshot.status, told.snapshot.last_error.code) == ("failed", "unknown_workflow")


def test_a_child_whose_timer_is_given_up_stays_where_it_is_unless_it_is_let_go() -> None:
    simulation = Simulation(compiled(*FAMILY[1:]), compiled(*INNER, key="inner"), compiled(*INNERMOST, key="innermost"))
    simulation.enroll()
    stands = family_of(simulation)
    members = tuple(replace(one, quarantined=one.workflow.key == "inner") for one in stands.kin.members)
    stuck = replace(stands, kin=replace(stands.kin, members=members))
    assert forecast(stuck).snapshot.step == "both"
    assert forecast(stuck, Assumptions(resumed=True)).snapshot.status == "completed"
