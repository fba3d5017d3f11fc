"""Global variables that steps set: what later steps and other runs see of them, and how large they may be."""

from __future__ import annotations

from typing import Any

import pytest

from statemachine.limits import MAX_GLOBAL_BYTES, MAX_GLOBALS_BYTES
from statemachine.snapshot import Status
from tests.statemachine.checked_world import Simulation, compiled


def setting(values: dict[str, Any], known: dict[str, Any] | None = None, *steps: dict[str, Any]) -> Simulation:
    step = {"id": "set", "type": "set_variable", "config": {"values": values}}
    simulation = Simulation(compiled(step, *steps))
    simulation.world.globals = known or {}
    simulation.trigger("go", contact_patch={"first_name": "Ann"})
    return simulation


@pytest.mark.parametrize(
    ("values", "known", "expected"),
    [
        ({"global.a": 1}, {}, {"a": 1}),
        ({"variables.global.a": None}, {"a": 1, "b": 2}, {"a": None, "b": 2}),
        ({"global.who": "{{contact.first_name}}"}, {}, {"who": "Ann"}),
        ({"global.shop.open": True}, {"shop": {"name": "Bolt"}}, {"shop": {"name": "Bolt", "open": True}}),
        ({"global.shop.open": True, "global.shop.since": 9}, {"shop": 1}, {"shop": {"open": True, "since": 9}}),
        ({"global.sold": "{{global.sold | plus: 1}}"}, {"sold": 3}, {"sold": "4"}),
    ],
)
def test_a_step_sets_a_global_variable_or_a_part_of_one(
    values: dict[str, Any], known: dict[str, Any], expected: dict[str, Any]
) -> None:
    simulation = setting(values, known)
    assert {name: simulation.world.globals.get(name) for name in expected} == expected
    assert simulation.world.globals.keys() == known.keys() | expected.keys()
    assert simulation.run.variables == {}
    simulation.audit()


def test_the_steps_after_it_and_other_runs_read_the_new_value() -> None:
    copy = {"id": "copy", "type": "set_variable", "config": {"path": "mine", "value": "{{global.turn}}"}}
    simulation = setting({"global.turn": "{{ global.turn | default: 0 | plus: 1 }}"}, {}, copy)
    simulation.trigger("go")
    assert [record.snapshot.variables for record in simulation.records.values()] == [{"mine": "1"}, {"mine": "2"}]
    simulation.audit()


def test_only_a_variable_that_is_set_in_part_is_read_for_it() -> None:
    simulation = setting({"global.a": 1, "global.b.c": 2}, {"a": "old", "b": {"d": 3}, "e": 4})
    record = simulation.history[0].cause
    assert record is not None
    assert record["reads"]["globals"] == {"b": {"d": 3}}
    assert record["reads"]["globals_left"] > 0


@pytest.mark.parametrize(
    ("values", "known", "wanted"),
    [
        ({"global.a": "x" * MAX_GLOBAL_BYTES}, {}, "'a' would be over 64 KiB"),
        ({"global.a": "x" * 1000}, {"b": "x" * (MAX_GLOBALS_BYTES - 500)}, "together would be over 1024 KiB"),
    ],
)
def test_values_that_are_too_large_fail_the_step_and_set_nothing(
    values: dict[str, Any], known: dict[str, Any], wanted: str
) -> None:
    simulation = setting(values, known)
    assert simulation.run.status is Status.FAILED
    assert simulation.run.last_error is not None
    assert simulation.run.last_error.code == "variables_too_large"
    assert wanted in simulation.run.last_error.message
    assert simulation.world.globals == known
    simulation.audit()


def test_a_value_may_replace_one_as_large_when_there_is_no_more_room() -> None:
    known = {"a": "x" * 1000, "b": "x" * (MAX_GLOBALS_BYTES - 1100)}
    assert setting({"global.a": "y" * 1000}, known).world.globals["a"] == "y" * 1000
