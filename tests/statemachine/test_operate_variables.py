"""Variables set by an operator: which names there are, what becomes of the run, and what history keeps."""

from __future__ import annotations

from typing import Any

import pytest

from statemachine.errors import InvalidInput, LimitExceeded, TransitionRefused
from statemachine.limits import MAX_DEPTH
from tests.statemachine.checked_world import Simulation, compiled

HELD = {"id": "r", "type": "wait", "config": {"for": "1h"}}
LISTENING = {
    "id": "w",
    "type": "wait",
    "config": {"on": [{"event": "click", "when": "variables.wanted == event.data.n"}], "timeout": "1d"},
}
BEGUN: dict[str, Any] = {"offer": "spring", "order": {"total": 5, "items": [1]}}


BEGUN_WANTED = {**BEGUN, "wanted": 0}


def started(*steps: dict[str, Any], **document: Any) -> Simulation:
    simulation = Simulation(compiled(*steps or (HELD,), **{"variables": BEGUN, **document}))
    simulation.trigger("go")
    return simulation


@pytest.mark.parametrize(
    ("patch", "left"),
    [
        ({"offer": "autumn"}, {**BEGUN, "offer": "autumn"}),
        ({"new": [1, {"a": None}]}, {**BEGUN, "new": [1, {"a": None}]}),
        ({"offer": None}, {"order": BEGUN["order"]}),
        ({"order": {"total": 7}}, {"offer": "spring", "order": {"total": 7}}),
        ({"order.total": 7}, {"offer": "spring", "order": {"total": 7, "items": [1]}}),
        ({"order.total": None}, {"offer": "spring", "order": {"items": [1]}}),
        ({"offer.total": 7}, {"offer": {"total": 7}, "order": BEGUN["order"]}),
        ({"variables.a": 1, "vars.b": 2, "workflow.c": 3}, {**BEGUN, "a": 1, "b": 2, "c": 3}),
        ({"gone": None, "gone_too.x": None, "offer.x": None}, BEGUN),
    ],
)
def test_a_patch_sets_replaces_and_removes(patch: dict[str, Any], left: dict[str, Any]) -> None:
    simulation = started()
    simulation.operate("set_variables", variables=patch)
    assert simulation.run.variables == left
    simulation.audit()


def test_nothing_moves_and_the_timer_stays() -> None:
    simulation = started()
    before = simulation.run
    simulation.operate("set_variables", variables={"offer": "autumn"})
    after = simulation.run
    assert (after.step, after.visit, after.deadlines, after.status) == (
        before.step,
        before.visit,
        before.deadlines,
        before.status,
    )
    assert after.revision == before.revision + 1


def test_a_condition_tested_later_reads_the_new_value() -> None:
    simulation = started(LISTENING, variables=BEGUN_WANTED)
    simulation.trigger("click", data={"n": 3})
    assert simulation.run.step == "w"
    simulation.operate("set_variables", variables={"wanted": 4})
    assert simulation.run.step == "w"
    simulation.trigger("click", data={"n": 4})
    assert simulation.run.status == "completed"
    simulation.audit()


def test_history_keeps_cause_names_and_the_status() -> None:
    simulation = started()
    simulation.operate("pause")
    simulation.operate("set_variables", variables={"order.total": 1, "b": None})
    entry = simulation.history[-1]
    assert (entry.kind, entry.step) == ("variables_set", "r")
    assert entry.metadata == {"names": ["b", "order.total"], "status": "paused"}
    assert entry.cause is not None
    assert entry.cause["cause"]["data"] == {"variables": {"order.total": 1, "b": None}}
    assert simulation.run.status == "paused"


def test_of_many_names_history_lists_the_first_fifty() -> None:
    simulation = started()
    simulation.operate("set_variables", variables={f"v{number:03}": number for number in range(60)})
    metadata = simulation.history[-1].metadata
    assert (len(metadata["names"]), metadata["names"][-1], metadata["more"]) == (50, "v049", 10)


def test_variables_may_be_set_while_the_workflow_is_paused() -> None:
    simulation = started()
    simulation.pause_workflow()
    simulation.operate("set_variables", variables={"offer": "autumn"})
    assert simulation.run.variables["offer"] == "autumn"


@pytest.mark.parametrize(
    ("patch", "place", "wanted"),
    [
        ({}, "variables", "at least one variable"),
        ({"a b": 1}, "variables[a b]", "names no variable"),
        ({"": 1}, "variables[]", "names no variable"),
        ({"a..b": 1}, "variables[a..b]", "names no variable"),
        ({"7a": 1}, "variables[7a]", "names no variable"),
        ({"workflow": 1}, "variables[workflow]", "names no variable"),
        ({"contact.plan": 1}, "variables[contact.plan]", "is no variable"),
        ({"steps.a.output": 1}, "variables[steps.a.output]", "is no variable"),
        ({"global.x": 1}, "variables[global.x]", "VariableService.Set does"),
        ({"conversation.x": 1}, "variables[conversation.x]", "VariableService sets them"),
        ({"a": 1, "vars.a": 2}, "variables[vars.a]", "named twice"),
        ({"a": None, "a.b": 2}, "variables[a.b]", "not both"),
        ({".".join("a" * (MAX_DEPTH + 1)): 1}, f"variables[{'.'.join('a' * (MAX_DEPTH + 1))}]", "more than 32 objects"),
    ],
)
def test_a_name_that_is_no_variable_is_refused_and_changes_nothing(
    patch: dict[str, Any], place: str, wanted: str
) -> None:
    simulation = started()
    before = simulation.run
    with pytest.raises(InvalidInput) as refused:
        simulation.operate("set_variables", variables=patch)
    [(found, text)] = refused.value.violations
    assert (found, wanted in text) == (place, True)
    assert simulation.run == before


def test_all_bad_names_are_told_at_once() -> None:
    with pytest.raises(InvalidInput, match="and 1 more") as refused:
        started().operate("set_variables", variables={"a b": 1, "ok": 2, "now": 3})
    assert len(refused.value.violations) == 2


def test_variables_over_the_limit_in_all_are_refused() -> None:
    simulation = started()
    simulation.operate("set_variables", variables={"a": "x" * 200_000})
    before = simulation.run
    with pytest.raises(LimitExceeded, match="256 KiB") as refused:
        simulation.operate("set_variables", variables={"b": "x" * 100_000})
    assert refused.value.metadata["limit"] == "variables"
    assert simulation.run == before


def test_what_is_removed_makes_room_for_what_is_set() -> None:
    simulation = started()
    simulation.operate("set_variables", variables={"z": "x" * 200_000})
    simulation.operate("set_variables", variables={"a": "x" * 200_000, "z": None})
    assert set(simulation.run.variables) == {"offer", "order", "a"}


def test_an_ended_run_is_refused() -> None:
    simulation = started()
    simulation.wait(hours=1)
    with pytest.raises(TransitionRefused) as refused:
        simulation.operate("set_variables", variables={"a": 1})
    assert refused.value.metadata["status"] == "completed"
