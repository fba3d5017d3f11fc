"""Whatever ends a run, history says how each visit of a step was left: funnels count on it."""

from __future__ import annotations

from tests.statemachine.checked_world import Simulation, compiled

_LEFT = ("step_completed", "step_failed", "exited", "failed", "cancelled", "completed")


def open_visits(simulation: Simulation, run: str) -> list[str | None]:
    """Steps in which the run would still rest, by its history."""
    history = simulation.records[run].history
    left = {entry.visit for entry in history if entry.kind in _LEFT}
    return [entry.step for entry in history if entry.kind in ("waiting", "step_started") and entry.visit not in left]


def test_a_run_that_fails_by_a_limit_has_left_the_step_in_which_it_rested() -> None:
    simulation = Simulation(
        compiled(
            {"id": "rest", "type": "wait", "config": {"for": "2d"}},
            limits={"max_duration": "1d"},
            on_failure=[{"id": "tell", "type": "add_tag", "config": {"tag": "failed"}}],
        )
    )
    simulation.trigger("go")
    simulation.wait(days=1)
    assert (simulation.run.status.value, simulation.contact.tags) == ("failed", ("failed",))
    assert open_visits(simulation, simulation.last) == []
    simulation.audit()


def test_a_run_that_a_branch_ends_through_a_finally_has_left_the_step_of_the_branches() -> None:
    branches = {
        "out": [{"id": "leave", "type": "exit", "config": {"reason": "enough"}}],
        "on": [{"id": "rest", "type": "wait", "config": {"for": "1d"}}],
    }
    fork = {"id": "fork", "type": "parallel", "config": {"branches": branches}}
    last = [{"id": "free", "type": "add_tag", "config": {"tag": "freed"}}]
    simulation = Simulation(compiled({"id": "safe", "type": "try", "steps": [fork], "finally": last}))
    simulation.trigger("go")
    parent = next(iter(simulation.records))
    assert simulation.records[parent].snapshot.exit_reason == "enough"
    assert simulation.contact.tags == ("freed",)
    assert open_visits(simulation, parent) == []
