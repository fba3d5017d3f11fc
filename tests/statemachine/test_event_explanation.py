"""What an event would do, explained: it is what it does, with the values that decide, and nothing changes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from statemachine.event import Event
from statemachine.event_explanation import EventAccount, explain_event
from statemachine.roster import Roster
from tests.statemachine.checked_world import Simulation, canonical, compiled

Data = dict[str, Any]
REST = {"id": "r", "type": "wait", "config": {"for": "1h"}}
ASK = {"id": "ask", "type": "wait", "config": {"on": [
    {"event": "answer_given", "when": "event.data.mood == 'good'", "branch": "glad"},
    {"event": "answer_given", "branch": "other"},
], "timeout": "1d"}, "branches": {"glad": "end", "other": "end", "timeout": "end"}}  # fmt: skip


def explained(simulation: Simulation, kind: str = "go", contact: str = "c1", **event: Any) -> EventAccount:
    whole = Event("", kind, "test", contact, **event)
    return explain_event(whole, roster_of(simulation, kind, contact), simulation.now)


def roster_of(simulation: Simulation, kind: str, contact: str = "c1") -> Roster:
    workflows = simulation.world.workflows.values()
    listening = [one for one in workflows if any(trigger.type == kind for trigger in one.triggers)]
    return simulation.world._roster(contact, listening, simulation.world.events.get(contact, ()))


def entered(**document: Any) -> Simulation:
    simulation = Simulation(compiled(REST, **document))
    simulation.trigger("go")
    return simulation


def ended(**document: Any) -> Simulation:
    simulation = entered(**document)
    simulation.operate("cancel")
    return simulation


def held(**document: Any) -> Simulation:
    simulation = entered(**document)
    simulation.pause_workflow()
    return simulation


SCENES: dict[str, Callable[[], Simulation]] = {
    "enrols": lambda: Simulation(compiled(REST)),
    "conditions": lambda: Simulation(compiled(REST, triggers=[{"type": "go", "conditions": "contact.plan == 'pro'"}])),
    "config": lambda: Simulation(compiled(REST, triggers=[{"type": "go", "config": {"tag": "vip"}}])),
    "disabled": lambda: Simulation(compiled(REST, triggers=[{"type": "go", "enabled": False}])),
    "reentry": entered,
    "reentry after the end": ended,
    "never": lambda: ended(entry={"reentry": "never"}),
    "cooldown": lambda: ended(entry={"cooldown": "7d"}),
    "cooldown from the start": lambda: entered(entry={"reentry": "always", "cooldown": "7d"}),
    "max_entries": lambda: ended(entry={"max_entries": 1}),
    "another key": lambda: entered(entry={"key": "{{trigger.data.order}}"}),
    "restart": lambda: entered(entry={"reentry": "restart"}),
    "workflow paused": held,
    "exit": lambda: entered(exit=[{"on": "go"}]),
    "exit on mismatch": lambda: entered(exit=[{"on_mismatch": True}], triggers=[
        {"type": "go", "conditions": "!has(contact.plan)"}]),
    "paused run": lambda: _paused(entered(exit=[{"on": "go"}])),
}  # fmt: skip


def _paused(simulation: Simulation) -> Simulation:
    simulation.operate("pause")
    return simulation


@pytest.mark.parametrize("scene", SCENES)
@pytest.mark.parametrize("patch", [{}, {"plan": "pro"}])
def test_what_is_explained_is_what_then_happens(scene: str, patch: Data) -> None:
    simulation = SCENES[scene]()
    account = explained(simulation, data={"order": "o2"}, contact_patch=patch)
    verdicts = simulation.trigger("go", data={"order": "o2"}, contact_patch=patch).verdicts
    told = [entry.verdict for entry in account.entries] + [each.verdict for each in account.touched if each.verdict]
    assert sorted((one.kind, one.rule) for one in told) == sorted((one.kind, one.rule) for one in verdicts)


@pytest.mark.parametrize("scene", SCENES)
def test_the_first_rule_that_blocks_is_the_verdict(scene: str) -> None:
    (entry,) = explained(SCENES[scene]()).entries
    blocking = [rule.name for rule in entry.rules if rule.blocks]
    assert blocking[:1] == ([entry.verdict.rule] if entry.verdict.kind == "BLOCKED" else [])


@pytest.mark.parametrize("scene", SCENES)
def test_explaining_leaves_everything_as_it_was(scene: str) -> None:
    simulation = SCENES[scene]()

    def state() -> str:
        runs = [record.snapshot for record in simulation.records.values()]
        return canonical([repr(runs), repr(simulation.world.contacts), repr(simulation.world.past)])

    before = state()
    explained(simulation, contact_patch={"plan": "pro"})
    assert state() == before


def test_every_leaf_says_what_was_read_its_value_the_operator_and_what_was_wanted() -> None:
    conditions = [
        {"field": "plan", "operator": "equals", "value": "{{trigger.data.wanted}}"},
        {"any": ["contact.seats > 5", {"event": "order_placed", "operator": "exists", "within": "30d"}]},
    ]
    simulation = Simulation(compiled(REST, triggers=[{"type": "go", "conditions": conditions}]))
    simulation.change(plan="pro")
    (entry,) = explained(simulation, data={"wanted": "max"}).entries
    plan, either = entry.triggers[0].checks[0].children
    seats, orders = either.children
    assert (plan.subject, plan.actual, plan.operator, plan.expected) == ("contact.plan", "pro", "equals", "max")
    assert plan.reads == (("trigger.data.wanted", "max"),)
    assert (either.operator, seats.reads, seats.error) == (
        "any",
        (("contact.seats", None),),
        "contact.seats has no value",
    )
    assert (orders.subject, orders.actual, orders.expected) == ("count of order_placed", 0, 1)


def test_a_condition_is_shown_as_it_reads_at_its_turn() -> None:
    marks = {"id": "m", "type": "update_field", "config": {"field": "stage", "value": "won"}}
    first = compiled(marks, key="first", entry={"priority": 1})
    second = compiled(REST, key="second", triggers=[{"type": "go", "conditions": "contact.stage == 'won'"}])
    late = compiled(
        marks, key="late", entry={"priority": -1}, triggers=[{"type": "go", "conditions": "!has(contact.stage)"}]
    )
    by_key = {entry.workflow.key: entry for entry in explained(Simulation(first, second, late)).entries}
    assert by_key["second"].verdict.kind == "ENROLLED"
    assert by_key["late"].triggers[0].checks[0].reads == (("contact.stage", "won"),)


def test_a_config_that_does_not_match_shows_the_events_value() -> None:
    simulation = Simulation(compiled(REST, triggers=[{"type": "go", "config": {"tag": "vip"}}]))
    (check,) = explained(simulation, data={"tag": "new"}).entries[0].triggers[0].checks
    assert (check.result, check.actual, check.expected) == (False, "new", "vip")


def test_a_cooldown_says_until_when() -> None:
    simulation = ended(entry={"cooldown": "7d"})
    (rule,) = [rule for rule in explained(simulation).entries[0].rules if rule.name == "cooldown"]
    assert rule.until_at is not None
    assert (rule.blocks, (rule.until_at - simulation.now).days) == (True, 7)


def test_a_wait_shows_each_case_that_listens_and_which_applies() -> None:
    simulation = Simulation(compiled(ASK))
    simulation.trigger("go")
    (touched,) = explained(simulation, "answer_given", data={"mood": "bad"}).touched
    assert touched.verdict is not None
    assert (touched.verdict.kind, [(case.name, case.applies) for case in touched.cases]) == (
        "ADVANCED",
        [("glad", False), ("other", True)],
    )
    (touched,) = explained(simulation, "answer_given", data={"mood": "good"}).touched
    assert [(case.name, case.applies, bool(case.detail)) for case in touched.cases] == [
        ("glad", True, False),
        ("other", False, True),
    ]


def test_an_exit_whose_condition_is_false_is_shown_though_nothing_comes_of_it() -> None:
    simulation = entered(exit=[{"on": "order_placed", "when": "event.data.total > 100"}])
    (touched,) = explained(simulation, "order_placed", data={"total": 5}).touched
    assert touched.verdict is None
    assert touched.exits[0].condition is not None
    assert touched.exits[0].condition.reads == (("event.data.total", 5),)


def test_a_run_that_does_not_listen_is_left_out() -> None:
    assert explained(entered(), "something_else").touched == ()


def test_a_workflow_without_a_trigger_for_the_event_says_so() -> None:
    workflow = compiled(REST)
    simulation = Simulation(workflow)
    whole = Event("", "other", contact_id="c1")
    roster = roster_of(simulation, "go")
    (entry,) = explain_event(whole, roster, simulation.now).entries
    assert entry.verdict.rule == "no trigger listens for other"
