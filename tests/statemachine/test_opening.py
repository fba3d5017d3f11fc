"""Triggers that say where their runs begin open the path."""

import json
from typing import Any

import pytest

from statemachine.definition import load_workflow
from statemachine.workflow import Workflow
from tests.statemachine.checked_world import Simulation, compiled

STEPS: list[dict[str, Any]] = [
    {"id": "a", "type": "add_tag", "config": {"tag": "a"}},
    {"id": "w", "type": "wait", "config": {"for": "1d"}},
    {"id": "b", "type": "add_tag", "config": {"tag": "b"}},
]


def opened(*triggers: dict[str, Any]) -> Workflow:
    return compiled(*STEPS, triggers=list(triggers))


def test_it_is_the_first_entry_of_path_and_history_and_counts_as_executed() -> None:
    world = Simulation(opened({"id": "t", "type": "go", "next": "w"}))
    world.trigger("go")
    assert (world.run.step, world.run.executed_steps) == ("w", 1)
    world.wait(days=1)
    assert world.path() == ["t", "w", "b"]
    first = next(entry for entry in world.history if entry.step)
    assert (first.step, first.step_type, first.kind, first.outcome) == ("t", "trigger", "step_completed", "done")
    assert world.run.executed_steps == 3
    world.audit()


def test_a_trigger_without_next_begins_with_the_first_step_and_is_no_part_of_the_path() -> None:
    world = Simulation(opened({"id": "t", "type": "go", "next": "b"}, {"id": "u", "type": "come"}))
    world.trigger("come")
    assert world.path() == ["a"]
    world.trigger("go", "c2")
    assert world.path() == ["t", "b"]
    world.audit()


@pytest.mark.parametrize(
    ("triggers", "path"),
    [
        ([{"id": "t", "type": "go", "next": "b"}], ["t", "b"]),
        ([{"id": "u", "type": "come"}, {"id": "t", "type": "go", "next": "b"}], ["a"]),
        ([{"id": "t", "type": "go", "next": "w"}, {"id": "m", "type": "manual", "next": "b"}], ["m", "b"]),
        ([{"id": "t", "type": "go", "next": "w"}, {"id": "m", "type": "api", "next": "end"}], ["m"]),
    ],
)
def test_a_run_by_api_begins_like_the_manual_trigger_else_like_the_first(
    triggers: list[dict[str, Any]], path: list[str]
) -> None:
    world = Simulation(opened(*triggers))
    world.enroll()
    assert world.path() == path
    world.audit()


@pytest.mark.parametrize(
    ("trigger", "problem"),
    [
        ({"id": "a", "type": "go", "next": "b"}, ("duplicate_id", "triggers[0].id")),
        ({"id": "end", "type": "go", "next": "b"}, ("duplicate_id", "triggers[0].id")),
        ({"id": "t", "type": "go", "next": "bb"}, ("unknown_step", "triggers[0].next")),
    ],
)
def test_what_cannot_open_a_path_is_refused(trigger: dict[str, Any], problem: tuple[str, str]) -> None:
    loaded = load_workflow(json.dumps({"key": "k", "triggers": [trigger], "steps": STEPS}))
    assert problem in [(one.code, one.path) for one in loaded.problems]
    assert loaded.workflow is None


def test_a_lenient_target_that_does_not_exist_completes_the_run() -> None:
    text = "key: flow\ntrigger: {id: t, type: go, next: nowhere}\nsteps: [{id: a, type: pass}]"
    workflow = load_workflow(text, lenient=True, version=1).workflow
    assert workflow is not None
    world = Simulation(workflow)
    world.trigger("go")
    assert (world.path(), world.run.status.value) == (["t"], "completed")
