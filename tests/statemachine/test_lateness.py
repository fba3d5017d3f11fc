"""Timers that come too late: what an outage made worthless is left, and a standstill is no outage."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from statemachine.snapshot import Status
from tests.statemachine.checked_world import START, Simulation, compiled

LATE = {"skip_if_older_than": "2d"}
AFTER = {"id": "after", "type": "set_variable", "config": {"path": "end", "value": "after"}, "next": "end"}
MISSED = {"id": "missed", "type": "set_variable", "config": {"path": "end", "value": "missed"}}


def resting(config: dict[str, Any], *, branch: bool = True, **document: Any) -> Simulation:
    step: dict[str, Any] = {"id": "rest", "type": "wait", "config": {"late": LATE, **config}}
    if branch:
        step["branches"] = {"late": "missed"}
    simulation = Simulation(compiled(step, AFTER, *([MISSED] if branch else []), **document))
    simulation.trigger("go")
    return simulation


def outage(simulation: Simulation, **span: float) -> None:
    """Nobody fires timers for so long; then the due one fires."""
    simulation.now += timedelta(**span)
    simulation.fire()


def end(simulation: Simulation) -> tuple[Any, ...]:
    simulation.audit()
    return simulation.run.status, simulation.run.exit_reason, simulation.run.variables.get("end")


@pytest.mark.parametrize(("hours", "led"), [(24, "after"), (72, "after"), (72.01, "missed"), (900, "missed")])
@pytest.mark.parametrize("timer", [{"for": "1d"}, {"quiet": "1d", "of": "reply"}, {"on": "reply", "timeout": "1d"}])
def test_a_timer_that_is_later_than_may_be_takes_the_branch_late(timer: dict[str, Any], hours: float, led: str) -> None:
    simulation = resting(timer)
    outage(simulation, hours=hours)
    assert end(simulation) == (Status.COMPLETED, None, led)


def test_without_a_branch_the_run_ends_too_late() -> None:
    simulation = resting({"for": "1d"}, branch=False)
    outage(simulation, days=4)
    assert end(simulation) == (Status.EXITED, "too_late", None)


@pytest.mark.parametrize("late", ["fire", None])
def test_fire_is_what_happens_unless_said_otherwise(late: Any) -> None:
    simulation = resting({"for": "1d", "late": late}, branch=False)
    outage(simulation, days=400)
    assert end(simulation) == (Status.COMPLETED, None, "after")


@pytest.mark.parametrize(("days", "led"), [(1, "after"), (3, "missed")])
def test_a_time_that_was_past_when_the_wait_began_counts_too(days: int, led: str) -> None:
    simulation = resting({"until": (START - timedelta(days=days)).isoformat()})
    assert end(simulation) == (Status.COMPLETED, None, led)


@pytest.mark.parametrize(("day", "led"), [("2026-01-08", "after"), ("2026-01-02", "missed")])
def test_a_date_that_moves_into_the_past_counts_too(day: str, led: str) -> None:
    simulation = Simulation(
        compiled(
            {"id": "rest", "type": "wait", "config": {"until": "{{contact.renewal}}", "late": LATE},
             "branches": {"late": "missed"}}, AFTER, MISSED,
        )
    )  # fmt: skip
    simulation.trigger("go", contact_patch={"renewal": "2026-03-01"})
    simulation.wait(days=8)
    simulation.world.change_contact("c1", {"renewal": day})
    assert end(simulation) == (Status.COMPLETED, None, led)


@pytest.mark.parametrize("timers", ["keep", "remaining", "catch_up"])
@pytest.mark.parametrize("hold", ["run", "workflow"])
def test_what_fell_due_during_a_pause_is_not_late(hold: str, timers: str) -> None:
    simulation = resting({"for": "1d"})
    if hold == "run":
        simulation.operate("pause", timers=timers)
    else:
        simulation.pause_workflow(timers=timers)
    simulation.wait(days=30)
    if hold == "run":
        simulation.operate("resume")
    else:
        simulation.resume_workflow()
    simulation.wait(days=1)
    assert end(simulation) == (Status.COMPLETED, None, "after")


@pytest.mark.parametrize("hold", ["run", "workflow"])
def test_an_outage_after_a_pause_makes_late_again(hold: str) -> None:
    simulation = resting({"for": "1d"})
    if hold == "run":
        simulation.operate("pause")
        simulation.wait(days=30)
        simulation.operate("resume")
    else:
        simulation.pause_workflow()
        simulation.now += timedelta(days=30)
        simulation.world.paused.clear()
        simulation.world.standstills["flow"] = simulation.world.standstills["flow"].__class__(ended_at=simulation.now)
    outage(simulation, days=3)
    assert end(simulation) == (Status.COMPLETED, None, "missed")


def test_a_branch_late_without_a_limit_is_refused() -> None:
    with pytest.raises(AssertionError, match="unknown_outcome"):
        compiled({"id": "rest", "type": "wait", "config": {"for": "1d"}, "branches": {"late": "missed"}}, AFTER, MISSED)
