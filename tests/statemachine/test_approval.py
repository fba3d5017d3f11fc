"""A run that waits for a person: deciding, reminding, escalating, giving up; all of it decided again from history."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from statemachine.errors import InvalidInput, TransitionRefused
from statemachine.run_explanation import explain_run
from statemachine.simulation.trace import Answer
from statemachine.snapshot import Snapshot
from tests.statemachine.checked_world import START, Simulation, compiled

HOUR = timedelta(hours=1)
TAG = {"id": "tag", "type": "add_tag", "config": {"tag": "{{steps.ask.output.decision}}"}, "next": "end"}
LATE = {"id": "late", "type": "add_tag", "config": {"tag": "late"}}


def ask(**config: Any) -> dict[str, Any]:
    branches = {"timeout": "late"} if "timeout" in config else {}
    return {"id": "ask", "type": "approval", "config": config, "branches": branches}


def started(*steps: Any, **document: Any) -> Simulation:
    simulation = Simulation(compiled(*steps, **document))
    simulation.trigger("go")
    return simulation


def decide(simulation: Simulation, decision: str, **output: Any) -> bool:
    run = simulation.last
    visit = simulation.records[run].snapshot.visit
    answer = Answer(decision, {**output, "decision": decision, "by": "ann", "at": "now"})
    return simulation.world.finish(run, "ask", visit, 1, answer)


def at_rest(simulation: Simulation) -> Snapshot:
    return simulation.records[simulation.last].snapshot


def changes(simulation: Simulation) -> list[str]:
    return [event.type for event in simulation.world.events.get("c1", ()) if event.type.startswith("approval")]


def test_a_decision_is_the_outcome_and_leaves_who_and_what_as_output() -> None:
    simulation = started(ask(title="For {{contact.id}}", assign={"agent": "{{contact.owner}}"}), TAG)
    (order,) = simulation.records[simulation.last].orders
    assert order.human is not None
    assert (order.human.title, order.human.wanted.automatic, order.outcomes) == (
        "For c1",
        False,
        ("approved", "rejected"),
    )
    assert decide(simulation, "rejected", reason="no")
    assert at_rest(simulation).outputs["ask"]["by"] == "ann"
    assert "rejected" in simulation.world.contacts["c1"].tags
    assert not decide(simulation, "approved")
    assert changes(simulation) == ["approval_requested", "approval_decided"]
    simulation.audit()


@pytest.mark.parametrize("hold", ["run", "workflow"])
def test_a_decision_about_a_run_that_is_held_is_told_once(hold: str) -> None:
    simulation = started(ask(), TAG)
    simulation.operate("pause") if hold == "run" else simulation.pause_workflow()
    assert decide(simulation, "approved")
    simulation.operate("resume") if hold == "run" else simulation.resume_workflow()
    simulation.wait(seconds=1)
    assert simulation.contact.tags == ("approved",)
    assert changes(simulation) == ["approval_requested", "approval_decided"]
    simulation.audit()


def test_reminders_repeat_and_end_and_the_time_out_takes_its_branch() -> None:
    simulation = started(ask(timeout="10h", reminder={"after": "1h", "every": "2h", "max": 3}), TAG, LATE)
    fired = []
    while (timer := simulation.world.next_timer()) is not None:
        simulation.world.now = timer[0]
        simulation.world.fire(timer[1])
        fired.append((timer[0] - START) / HOUR)
    assert fired == [1, 3, 5, 10]
    assert simulation.records[simulation.last].path == ("ask", "late")
    assert changes(simulation) == ["approval_requested", *["approval_reminder"] * 3, "approval_timeout"]
    simulation.audit()


def test_an_escalation_says_who_is_next_and_goes_with_the_decision() -> None:
    simulation = started(ask(escalation={"after": "1h", "to": {"group": "leads"}}, reminder={"after": "5h"}), TAG)
    simulation.world.now += HOUR
    decision = simulation.world.fire(simulation.last)
    assert decision is not None
    (change,) = decision.human
    assert (change.kind, change.wanted.group, change.wanted.automatic) == ("escalated", "leads", True)
    assert decide(simulation, "approved")
    assert not at_rest(simulation).deadlines
    simulation.audit()


@pytest.mark.parametrize(
    ("document", "act"),
    [
        ({}, lambda simulation: simulation.world.operate(simulation.last, "cancel", {})),
        ({"exit": [{"on": "bye"}]}, lambda simulation: simulation.trigger("bye")),
    ],
)
def test_the_task_goes_with_the_run(document: Any, act: Any) -> None:
    simulation = started(ask(timeout="1h"), TAG, LATE, **document)
    act(simulation)
    assert (at_rest(simulation).live, at_rest(simulation).deadlines, at_rest(simulation).task) == (False, {}, None)
    simulation.audit()


def test_a_decision_about_a_paused_run_is_kept_until_it_goes_on() -> None:
    simulation = started(ask(), TAG)
    simulation.world.operate(simulation.last, "pause", {})
    assert decide(simulation, "approved")
    assert at_rest(simulation).live
    assert not decide(simulation, "rejected")
    simulation.world.operate(simulation.last, "resume", {})
    assert "approved" in simulation.world.contacts["c1"].tags
    simulation.audit()


def test_an_operator_decides_by_advance_as_the_form_wants_it() -> None:
    simulation = started(ask(form={"n": {"type": "number", "required": True}}, timeout="1h"), TAG, LATE)
    run = simulation.last
    with pytest.raises(InvalidInput, match=r"data\.n"):
        simulation.world.operate(run, "advance", {"transition": "approved", "data": {"n": "x"}})
    with pytest.raises(TransitionRefused):
        simulation.world.operate(run, "advance", {"transition": "maybe"})
    decision = simulation.world.operate(run, "advance", {"transition": "approved", "data": {"n": 1}})
    assert decision is not None
    assert (decision.human[0].decision, decision.human[0].by, decision.revoked) == ("approved", None, ())
    assert at_rest(simulation).outputs["ask"]["n"] == 1
    simulation.audit()


def test_an_operator_may_take_the_time_out_without_answers() -> None:
    simulation = started(ask(form={"n": {"type": "number", "required": True}}, timeout="1h"), TAG, LATE)
    decision = simulation.world.operate(simulation.last, "advance", {"transition": "timeout"})
    assert decision is not None
    assert (decision.human[0].ending, len(decision.revoked)) == ("cancelled", 1)
    simulation.audit()


def test_what_it_waits_for_is_told_with_whom_and_until_when() -> None:
    simulation = started(ask(timeout="3h", reminder={"after": "1h"}), TAG, LATE)
    record = simulation.records[simulation.last]
    around = simulation.world.surroundings(simulation.last)
    told = explain_run(record.workflow, record.snapshot, around, "people", holder="agent 'ann'")
    assert "a decision (approved, rejected) on queue 'people' by agent 'ann'" in told.waiting_for
    assert told.until_at == START + 3 * HOUR
    assert [(move.kind, move.name, move.target) for move in told.moves][:4] == [
        ("timer", "reminder", ""),
        ("timer", "wait", "late"),
        ("task", "approved", "tag"),
        ("task", "rejected", "tag"),
    ]


def test_a_time_out_that_renders_to_no_duration_fails_the_step() -> None:
    simulation = started(ask(timeout="{{contact.patience}}"), TAG, LATE)
    assert (at_rest(simulation).status, at_rest(simulation).last_error.code) == ("failed", "bad_duration")  # type: ignore[union-attr]
    simulation.audit()


ASSIGN = {
    "id": "own",
    "type": "assign_agent",
    "config": {"group": "{{trigger.data.team}}"},
    "branches": {"nobody": "end"},
}


@pytest.mark.parametrize(
    ("answer", "agent", "raised"),
    [
        (Answer("done", {"agent": "ann", "name": "Ann"}), "ann", ["field_changed"]),
        (Answer("nobody", {"agent": None, "name": None}), None, []),
    ],
)
def test_a_contact_gets_the_agent_that_the_task_names(answer: Answer, agent: str | None, raised: list[str]) -> None:
    simulation = Simulation(compiled(ASSIGN))
    simulation.trigger("go", data={"team": "sales"})
    (order,) = simulation.records[simulation.last].orders
    assert (order.queue, order.input["wanted"]) == ("agents", {"group": "sales"})
    assert simulation.world.finish(simulation.last, "own", at_rest(simulation).visit, 1, answer)
    assert simulation.world.contacts["c1"].get("agent") == agent
    assert [event.type for event in simulation.world.events["c1"] if event.type == "field_changed"] == raised
    simulation.audit()
