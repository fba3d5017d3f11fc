"""Workflows inside workflows: children that go through another definition."""

from __future__ import annotations

from typing import Any

import pytest

from statemachine.kin import MAX_WORKFLOWS_DEEP, child_id
from statemachine.run_explanation import explain_run
from statemachine.snapshot import Snapshot, Status
from tests.statemachine.checked_world import Simulation, compiled
from tests.statemachine.test_parallel import Data, keep, problems, root, tag, work


def sub(workflow: str = "inner", **config: Any) -> Data:
    keys = {key: config.pop(key) for key in ("on_error",) if key in config}
    return {"id": "sub", "type": "sub_workflow", "config": {"workflow": workflow, **config}, **keys}


def played(outer: list[Data], *inner: Data, data: Data | None = None, **document: Any) -> Simulation:
    within = compiled(*inner, **{"key": "inner", "triggers": [], **document})
    simulation = Simulation(compiled(*outer, key="outer"), within)
    simulation.trigger("go", data=data or {})
    simulation.audit()
    return simulation


def inside(simulation: Simulation) -> Snapshot:
    return simulation.run


class TestInAndOut:
    def test_the_run_goes_on_when_the_other_workflow_has_ended(self) -> None:
        simulation = played([sub(), tag("after")], work("one"), tag("within"))
        assert (root(simulation).step, inside(simulation).workflow) == ("sub", "inner")
        simulation.complete()
        simulation.audit()
        assert simulation.contact.tags == ("within", "after")

    def test_explain_names_the_workflow_for_which_the_run_waits(self) -> None:
        simulation = played([sub(), tag("after")], work("one"))
        record = simulation.records[root(simulation).id]
        told = explain_run(record.workflow, record.snapshot, simulation.world.surroundings(record.snapshot.id))
        assert told.waiting_for == "the end of workflow 'inner'"

    def test_it_reads_what_it_is_given_as_input(self) -> None:
        step = sub(input={"order": "{{trigger.data.id}}", "n": 2})
        simulation = played([step], keep("got", "{{input.order}}/{{trigger.n}}"), data={"id": 7})
        assert root(simulation).outputs["sub"] == {"got": "7/2"}

    def test_it_knows_nothing_of_the_variables_of_its_parent(self) -> None:
        simulation = played([keep("x", 1), sub()], keep("y", "{{variables.x | default: 'none'}}"))
        assert root(simulation).outputs["sub"] == {"y": "none"}
        assert root(simulation).variables == {"x": 1}

    def test_its_own_first_values_count(self) -> None:
        simulation = played([sub()], keep("y", "{{variables.offer}}"), variables={"offer": "spring"})
        assert root(simulation).outputs["sub"] == {"offer": "spring", "y": "spring"}

    def test_output_takes_parts_of_what_it_left(self) -> None:
        step = sub(output={"total": "order.total", "none": "nothing.there"})
        simulation = played([step], keep("order", {"total": 3, "tax": 1}))
        assert root(simulation).outputs["sub"] == {"total": 3, "none": None}

    def test_its_exit_is_its_own(self) -> None:
        simulation = played([sub(), tag("after")], {"id": "out", "type": "exit", "config": {"reason": "enough"}})
        assert (inside(simulation).status, root(simulation).status) == (Status.EXITED, Status.COMPLETED)

    def test_its_exit_rules_are_its_own(self) -> None:
        simulation = played([sub(), tag("after")], work("one"), exit=[{"on": "bought"}])
        simulation.trigger("bought")
        simulation.audit()
        assert (inside(simulation).exit_reason, root(simulation).status) == ("bought", Status.COMPLETED)

    def test_without_waiting_it_goes_its_own_way(self) -> None:
        simulation = played([sub(wait=False), tag("after")], work("one"))
        assert root(simulation).status is Status.COMPLETED
        assert root(simulation).outputs["sub"] == {"enrollment_id": inside(simulation).id}
        assert (inside(simulation).status, inside(simulation).parent_id) == (Status.WAITING, root(simulation).id)
        simulation.complete()
        simulation.audit()
        assert inside(simulation).status is Status.COMPLETED

    def test_it_runs_in_branches_and_rounds(self) -> None:
        each = {"id": "each", "type": "for_each", "config": {"items": [1, 2], "parallel": True},
                "body": [sub(input={"n": "{{loop.item}}"}), keep("m", "{{steps.sub.output.m}}", "note")]}  # fmt: skip
        simulation = played([each], keep("m", "{{input.n}}"))
        assert root(simulation).outputs["each"]["results"] == [{"m": 1}, {"m": 2}]


class TestFailures:
    def test_its_failure_is_that_of_the_step(self) -> None:
        simulation = played([sub(on_error="rescue"), tag("x", next="end"), tag("rescue")], work("one"))
        simulation.fail("boom", retryable=False)
        simulation.audit()
        assert (inside(simulation).status, simulation.contact.tags) == (Status.FAILED, ("rescue",))

    def test_a_workflow_that_does_not_exist_fails_the_step(self) -> None:
        simulation = played([sub("nowhere")], tag("x"))
        error = root(simulation).last_error
        assert error is not None
        assert (error.code, error.step) == ("unknown_workflow", "sub")

    def test_without_waiting_it_is_noted(self) -> None:
        simulation = played([sub("nowhere", wait=False), work("one")], tag("x"))
        history = next(iter(simulation.records.values())).history
        assert [line.error_code for line in history if line.kind == "child_ended"] == ["unknown_workflow"]

    def test_a_ring_of_workflows_ends_with_an_error(self) -> None:
        simulation = played([sub()], {**sub("outer"), "id": "back"})
        error = root(simulation).last_error
        assert error is not None
        assert (error.code, len(simulation.records)) == ("recursive_workflow", 2)

    def test_workflows_stand_in_each_other_so_deep_and_no_deeper(self) -> None:
        flows = [compiled(sub(f"w{number + 1}"), key=f"w{number}", triggers=[]) for number in range(12)]
        simulation = Simulation(compiled(sub("w0"), key="outer"), *flows)
        simulation.trigger("go")
        simulation.audit()
        assert len(simulation.records) == MAX_WORKFLOWS_DEEP
        assert {one.snapshot.last_error.code for one in simulation.records.values() if one.snapshot.last_error} == {
            "too_deep"
        }

    def test_cancelling_and_pausing_reach_it(self) -> None:
        simulation = played([sub()], work("one"))
        simulation.operate("pause", root(simulation).id)
        assert inside(simulation).status is Status.PAUSED
        simulation.operate("cancel", root(simulation).id)
        simulation.audit()
        assert inside(simulation).status is Status.CANCELLED


class TestDefinitions:
    @pytest.mark.parametrize(
        ("config", "problem"),
        [
            ({}, ("missing_key", "steps[0].config.workflow")),
            ({"workflow": "k"}, ("recursive_workflow", "steps[0].config.workflow")),
            ({"workflow": "w", "version": 0}, ("bad_value", "steps[0].config.version")),
            ({"workflow": "w", "input": [1]}, ("not_an_object", "steps[0].config.input")),
            ({"workflow": "w", "output": {"a": "{{b}}"}}, ("bad_value", "steps[0].config.output.a")),
            ({"workflow": "w", "waits": True}, ("unknown_key", "steps[0].config.waits")),
        ],
    )
    def test_a_mistake_is_told_at_its_place(self, config: Data, problem: tuple[str, str]) -> None:
        assert problem in problems({"id": "sub", "type": "execute_workflow", "config": config})


def test_the_id_of_a_child_is_a_uuid_of_the_time_of_its_parent() -> None:
    parent = "0198b3c0-1234-7abc-8def-0123456789ab"
    ids = {child_id(parent, visit, name) for visit in (1, 2) for name in ("a", "b")}
    assert len(ids) == 4
    assert {name[:13] for name in ids} == {parent[:13]}
    assert {(name[14], name[19] in "89ab") for name in ids} == {("7", True)}
    assert child_id(parent, 1, "a") == child_id(parent, 1, "a")
