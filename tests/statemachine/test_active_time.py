"""limits.max_execution: the time in which tasks are open counts, and no other."""

from __future__ import annotations

import json
from typing import Any

import pytest

from statemachine.active_time import EXECUTION
from statemachine.definition import load_workflow
from statemachine.run_explanation import explain_run
from statemachine.snapshot import Status
from tests.statemachine.checked_world import Simulation, compiled
from tests.statemachine.test_guards import CALL, REST, mark, problems, seen

LIMITS = {"max_execution": "1h"}
AGAIN = {**CALL, "id": "again"}


def begun(*steps: dict[str, Any], **document: Any) -> Simulation:
    simulation = Simulation(compiled(*steps, **{"limits": LIMITS, "variables": {"seen": ""}, **document}))
    simulation.trigger("go")
    return simulation


def test_a_task_that_takes_longer_fails_the_run() -> None:
    simulation = begun(CALL, mark("a"))
    simulation.wait(minutes=59)
    assert simulation.run.status is Status.WAITING
    simulation.wait(minutes=1)
    assert simulation.run.last_error is not None
    assert (simulation.run.status, simulation.run.last_error.code) == (Status.FAILED, "execution_timeout")
    assert simulation.run.step == "call"
    simulation.audit()


def test_what_all_tasks_take_is_added_up_and_waits_do_not_count() -> None:
    simulation = begun(CALL, REST, AGAIN, mark("a"))
    simulation.wait(minutes=40)
    simulation.complete({})
    assert (simulation.run.active_s, EXECUTION in simulation.run.deadlines) == (2400, False)
    simulation.wait(days=1)
    simulation.wait(minutes=19)
    assert simulation.run.live
    simulation.wait(minutes=1)
    assert simulation.run.status is Status.FAILED
    simulation.audit()


def test_attempts_and_the_pauses_between_them_count() -> None:
    simulation = begun({**CALL, "retry": {"max_attempts": 3, "backoff": "50m", "jitter": "none", "max_backoff": "1h"}})
    simulation.wait(minutes=15)
    simulation.fail("down")
    simulation.wait(minutes=45)
    assert simulation.run.status is Status.FAILED
    simulation.audit()


def test_a_retry_begins_anew() -> None:
    simulation = begun(CALL, mark("a"))
    simulation.wait(hours=1)
    simulation.operate("retry")
    simulation.wait(minutes=59)
    simulation.complete({})
    assert (simulation.run.status, seen(simulation)) == (Status.COMPLETED, "a")
    simulation.audit()


@pytest.mark.parametrize(("timers", "status"), [("keep", Status.FAILED), ("remaining", Status.WAITING)])
def test_a_pause_treats_it_as_it_treats_other_deadlines(timers: str, status: Status) -> None:
    simulation = begun(CALL)
    simulation.wait(minutes=30)
    simulation.operate("pause", timers=timers)
    simulation.wait(hours=2)
    simulation.operate("resume")
    simulation.fire()
    assert simulation.run.status is status
    simulation.audit()


def test_no_on_error_and_no_catch_take_it_and_on_failure_is_done() -> None:
    step = {"id": "t", "type": "try", "steps": [CALL], "catch": [mark("c")], "finally": [mark("f")]}
    simulation = begun(step, on_failure=[{"id": "told", "type": "task"}, mark("n")])
    simulation.wait(hours=1)
    assert (simulation.run.step, dict(simulation.run.deadlines)) == ("told", {})
    simulation.wait(hours=5)
    simulation.complete({})
    assert (simulation.run.status, simulation.run.step, seen(simulation)) == (Status.FAILED, "call", "n")
    simulation.audit()


def test_explain_tells_when_it_ends_the_run() -> None:
    simulation = begun(CALL)
    record = simulation.records[simulation.last]
    account = explain_run(record.workflow, record.snapshot, simulation.world.surroundings(simulation.last))
    assert ("timer", EXECUTION, "execution_timeout") in [(move.kind, move.name, move.outcome) for move in account.moves]


def test_a_run_without_the_limit_keeps_nothing() -> None:
    simulation = begun(CALL, limits={})
    simulation.wait(hours=3)
    simulation.complete({})
    assert (simulation.run.active_s, simulation.run.status) == (0.0, Status.COMPLETED)


@pytest.mark.parametrize(("before", "after", "left_m"), [("1h", "2h", 90), ("1h", "20m", 0), ("1h", None, None)])
def test_a_migrated_run_has_what_the_other_version_leaves_it(
    before: str, after: str | None, left_m: int | None
) -> None:
    first = compiled(CALL, limits={"max_execution": before})
    limits = {"max_execution": after} if after else {}
    second = load_workflow(compiled_text(limits), version=2).workflow
    assert second is not None
    simulation = Simulation(first, versions=[second])
    simulation.trigger("go")
    simulation.wait(minutes=30)
    simulation.migrate(timers="recompute")
    until = simulation.run.deadlines.get(EXECUTION)
    assert (None if until is None else (until - simulation.now).total_seconds() / 60) == left_m
    simulation.audit()


def compiled_text(limits: dict[str, str]) -> str:
    return json.dumps({"key": "flow", "triggers": [{"type": "go"}], "steps": [CALL], "limits": limits})


@pytest.mark.parametrize("value", ["soon", -1, "6y"])
def test_a_limit_that_is_no_duration_is_refused(value: Any) -> None:
    assert ("bad_duration", "limits.max_execution") in problems(CALL, limits={"max_execution": value})


def test_waiting_for_people_does_not_count() -> None:
    simulation = begun({"id": "ok", "type": "approval", "config": {"queue": "desk", "timeout": "5h"}}, AGAIN)
    simulation.wait(hours=2)
    assert (simulation.run.status, EXECUTION in simulation.run.deadlines) == (Status.WAITING, False)
