"""Timers moved by an operator: of which waits, to when, and what happens at that instant."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from statemachine.errors import InvalidInput, TransitionRefused, WorkflowPaused
from tests.statemachine.checked_world import START, Simulation, compiled

REST = {"id": "r", "type": "wait", "config": {"for": "10h"}}
LISTEN = {"id": "w", "type": "wait", "config": {"on": [{"event": "click"}], "timeout": "10h"}}
ENDLESS = {"id": "w", "type": "wait", "config": {"on": [{"event": "click"}]}}
TASK = {"id": "t", "type": "task"}


def started(*steps: dict[str, Any], **document: Any) -> Simulation:
    simulation = Simulation(compiled(*steps or (REST,), **document))
    simulation.trigger("go")
    return simulation


def at(hours: float) -> str:
    return (START + timedelta(hours=hours)).isoformat()


@pytest.mark.parametrize(
    ("data", "hours"),
    [
        ({"by_s": 3600.0}, 11),
        ({"by_s": -3600.0}, 9),
        ({"until": at(3)}, 3),
        ({"until": at(300)}, 300),
    ],
)
@pytest.mark.parametrize("step", [REST, LISTEN])
def test_the_wait_ends_at_the_new_instant_and_not_before(
    step: dict[str, Any], data: dict[str, Any], hours: float
) -> None:
    simulation = started(step)
    simulation.operate("reschedule", **data)
    assert simulation.run.due_at == START + timedelta(hours=hours)
    simulation.wait(hours=hours - 0.01)
    assert simulation.run.status == "waiting"
    simulation.wait(hours=0.01)
    assert simulation.run.status == "completed"
    simulation.audit()


@pytest.mark.parametrize("data", [{"by_s": -36_000.0 * 5}, {"until": at(-1)}, {"until": "0001-01-01T00:00:00+00:00"}])
def test_an_instant_that_has_passed_means_now_and_the_timer_fires_as_always(data: dict[str, Any]) -> None:
    simulation = started()
    simulation.wait(hours=2)
    simulation.operate("reschedule", **data)
    assert (simulation.run.status, simulation.run.due_at) == ("waiting", START + timedelta(hours=2))
    simulation.wait(seconds=0)
    assert simulation.run.status == "completed"
    simulation.audit()


def test_an_event_still_ends_the_wait() -> None:
    simulation = started(LISTEN)
    simulation.operate("reschedule", by_s=1e6)
    simulation.trigger("click")
    assert simulation.run.status == "completed"


def test_the_longest_duration_of_the_run_stays() -> None:
    simulation = started(limits={"max_duration": "12h"})
    simulation.operate("reschedule", by_s=86_400.0)
    simulation.wait(hours=12)
    assert simulation.run.last_error is not None
    assert simulation.run.last_error.code == "max_duration_exceeded"


def test_history_keeps_the_cause_and_both_instants() -> None:
    simulation = started()
    simulation.operate("reschedule", by_s=3600.0)
    entry = simulation.history[-1]
    assert (entry.kind, entry.step, entry.step_type) == ("rescheduled", "r", "wait")
    assert entry.metadata == {"from": at(10), "until": at(11)}


@pytest.mark.parametrize("steps", [(ENDLESS,), (TASK,)])
def test_a_run_that_waits_for_no_time_is_refused_and_told_why(steps: tuple[dict[str, Any], ...]) -> None:
    simulation = started(*steps)
    before = simulation.run
    with pytest.raises(TransitionRefused, match="nothing waits by time") as refused:
        simulation.operate("reschedule", by_s=1.0)
    assert "reschedule" not in refused.value.allowed
    assert simulation.run == before


def test_a_refusal_of_something_else_names_it_where_it_is_possible() -> None:
    with pytest.raises(TransitionRefused) as refused:
        started().operate("resume")
    assert refused.value.allowed == ("advance", "pause", "set_variables", "reschedule", "cancel")


@pytest.mark.parametrize("state", ["paused", "cancelled", "completed"])
def test_only_a_waiting_run_can_be_rescheduled(state: str) -> None:
    simulation = started()
    if state == "completed":
        simulation.wait(hours=10)
    else:
        simulation.operate({"paused": "pause", "cancelled": "cancel"}[state])
    with pytest.raises(TransitionRefused) as refused:
        simulation.operate("reschedule", by_s=1.0)
    assert refused.value.metadata["status"] == state


def test_nothing_is_moved_while_the_workflow_is_paused() -> None:
    simulation = started()
    simulation.pause_workflow()
    with pytest.raises(WorkflowPaused):
        simulation.operate("reschedule", by_s=1.0)


def test_what_was_moved_keeps_its_remainder_over_a_pause() -> None:
    simulation = started()
    simulation.operate("reschedule", until=at(4))
    simulation.operate("pause", timers="remaining")
    simulation.wait(hours=5)
    simulation.operate("resume")
    assert simulation.run.due_at == START + timedelta(hours=9)
    simulation.audit()


def test_a_span_beyond_the_calendar_is_refused() -> None:
    with pytest.raises(InvalidInput, match="9999"):
        started().operate("reschedule", by_s=1e12)
