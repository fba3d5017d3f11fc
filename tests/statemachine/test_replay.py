"""Replay: history alone is enough to decide every cause again, byte for byte, for workflows and causes at random."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from statemachine.definition import load_workflow
from statemachine.replay import ReplayDiverged, replay
from statemachine.snapshot import Status, snapshot_from_data, snapshot_to_data
from statemachine.workflow import Workflow
from tests.statemachine.checked_world import Simulation, canonical, compiled
from tests.statemachine.drawn.courses import Course, actions, play
from tests.statemachine.drawn.documents import documents
from tests.statemachine.drawn.steps import Data


def _workflow_of(document: Data) -> Workflow | None:
    return load_workflow(json.dumps(document), version=1).workflow


@settings(
    max_examples=200,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large],
)
@given(documents(), st.sampled_from((None, "Europe/Paris")), actions)
def test_every_cause_decides_again_from_history_alone_to_equal_bytes(
    document: Data, zone: str | None, course: Course
) -> None:
    workflow = _workflow_of(document)
    assume(workflow is not None)
    assert workflow is not None
    simulation = Simulation(workflow, zone=zone)
    simulation.trigger(
        "go", data={"n": 2}, contact_patch={"first_name": "Ann", "stage": "lead", "phone": "+49", "email": "a@x.de"}
    )
    play(simulation, course)
    simulation.audit()


def _started(*steps: Data, **document: Any) -> Simulation:
    simulation = Simulation(compiled(*steps, **document))
    simulation.trigger("go", contact_patch={"first_name": "Ann", "stage": "lead"})
    return simulation


def _reads(simulation: Simulation) -> Data:
    cause = simulation.history[0].cause
    assert cause is not None
    reads: Data = dict(cause.get("reads", {}))
    return reads


class TestWhatHistoryKeeps:
    def test_the_fields_that_the_version_reads_and_no_others(self) -> None:
        greeting = {"id": "a", "type": "set_variable", "config": {"path": "hi", "value": "Hi {{first_name}}"}}
        assert _reads(_started(greeting)) == {"contact": {"id": "c1", "attributes": {"first_name": "Ann"}}}

    def test_no_contact_when_the_decision_did_not_look_at_it(self) -> None:
        tag = {"id": "b", "type": "add_tag", "config": {"tag": "x"}}
        assert _reads(_started({"id": "a", "type": "wait", "config": {"for": "1d"}}, tag)) == {}

    def test_the_events_that_a_wait_looked_at_and_no_others(self) -> None:
        listening = {"id": "a", "type": "wait", "config": {"on": [{"event": "click"}], "since": "enrollment"}}
        simulation = _started({"id": "first", "type": "wait", "config": {"for": "1h"}}, listening)
        simulation.trigger("click", id="e1", data={"n": 1})
        simulation.trigger("reply", id="e2")
        simulation.wait(hours=1)
        cause = simulation.history[2].cause
        assert cause is not None
        assert [event["id"] for event in cause["reads"]["events"]] == ["e1"]

    def test_the_first_cause_says_which_enrollment_it_began(self) -> None:
        cause = _started({"id": "a", "type": "pass"}).history[0].cause
        assert cause is not None
        assert {name: cause["enrollment"][name] for name in ("id", "workflow", "version", "contact_id")} == {
            "id": "enrollment-0001",
            "workflow": "flow",
            "version": 1,
            "contact_id": "c1",
        }


class TestDivergence:
    def test_a_history_without_a_cause_is_no_history(self) -> None:
        with pytest.raises(ReplayDiverged, match="records no cause"):
            replay(compiled({"id": "a", "type": "pass"}), [])

    def test_rules_that_no_longer_fit_the_history_are_found_out(self) -> None:
        simulation = _started({"id": "a", "type": "wait", "config": {"on": [{"event": "click"}]}})
        simulation.trigger("click")
        causes = [entry.cause for entry in simulation.history if entry.cause is not None]
        other = compiled({"id": "a", "type": "wait", "config": {"on": [{"event": "reply"}]}})
        with pytest.raises(ReplayDiverged, match="does not move"):
            replay(other, causes)

    def test_an_unread_value_that_was_read_after_all_would_show(self) -> None:
        simulation = _started({"id": "a", "type": "set_variable", "config": {"path": "hi", "value": "{{first_name}}"}})
        cause = json.loads(json.dumps(simulation.history[0].cause))
        del cause["reads"]
        again = replay(simulation.records[simulation.last].workflow, [cause])
        assert canonical(snapshot_to_data(again.snapshot)) != canonical(snapshot_to_data(simulation.run))


@pytest.mark.parametrize("restarted", [True, False])
def test_a_restart_is_replayed_as_a_restart_even_when_an_exit_rule_would_now_match(restarted: bool) -> None:
    change = {"key": "early", "triggers": [{"type": "go"}], "entry": {"priority": 9, "reentry": "always"}}
    first = compiled({"id": "a", "type": "update_field", "config": {"field": "stage", "value": "won"}}, **change)
    rule = {"on": "go", "when": {"field": "stage", "operator": "equals", "value": "won"}}
    policy = "restart" if restarted else "after_exit"
    second = compiled({"id": "w", "type": "wait", "config": {"for": "1d"}}, entry={"reentry": policy}, exit=[rule])
    simulation = Simulation(first, second)
    simulation.trigger("go")
    simulation.change(stage="new")
    simulation.trigger("go")
    run = next(record for record in simulation.records.values() if record.workflow.key == "flow")
    assert run.snapshot.exit_reason == ("restarted" if restarted else None)
    simulation.audit()


def _long_wait(simulation: Simulation) -> None:
    simulation.wait(days=1)


@pytest.mark.parametrize("act", [_long_wait, lambda s: s.operate("pause"), lambda s: s.operate("cancel", reason="x")])
def test_snapshots_read_back_equal_from_their_data(act: Callable[[Simulation], None]) -> None:
    simulation = _started({"id": "a", "type": "wait", "config": {"for": "2d"}})
    act(simulation)
    simulation.now += timedelta(seconds=1)
    assert snapshot_from_data(snapshot_to_data(simulation.run)) == simulation.run


def test_the_end_of_a_child_under_a_paused_workflow_is_kept_until_the_workflow_goes_on() -> None:
    """The parent counts the child as open, though it has ended, for as long as its workflow rests."""
    rest = {"id": "x", "type": "wait", "config": {"for": "1h"}}
    rounds = {"items": [1, 2], "parallel": True, "concurrency": 1, "on_branch_error": "fail"}
    simulation = _started({"id": "rounds", "type": "loop", "config": rounds, "body": [rest]})
    simulation.pause_workflow(timers="keep")
    simulation.operate("cancel")
    simulation.audit()
    simulation.resume_workflow()
    simulation.audit()
    assert simulation.records["enrollment-0001"].snapshot.status == Status.FAILED
