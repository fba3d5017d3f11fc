"""Keys of events, and how old an event may be that came before its wait."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from statemachine.snapshot import Status
from tests.statemachine.checked_world import Simulation, compiled

ORDER = {"variables": {"order_id": "{{trigger.data.order_id}}"}}


def waiting(config: dict[str, Any], **data: Any) -> Simulation:
    step = {"id": "pay", "type": "wait", "config": {"timeout": "1d", **config}}
    simulation = Simulation(compiled(step, **ORDER))
    simulation.trigger("go", data=data)
    return simulation


@pytest.mark.parametrize(
    ("config", "event", "taken"),
    [
        ({}, {"key": "o1"}, True),
        ({}, {"key": "o2"}, False),
        ({}, {"data": {"order_id": "o1"}}, False),
        ({"key_path": "order.id"}, {"data": {"order": {"id": "o1"}}}, True),
        ({"key_path": "order.id"}, {"data": {"order": {"id": ["o1"]}}}, False),
        ({"key_path": "order.id"}, {"key": "o1"}, False),
    ],
)
@pytest.mark.parametrize("place", ["wait", "case"])
def test_only_an_event_with_the_key_of_the_run_ends_the_wait(
    place: str, config: dict[str, Any], event: dict[str, Any], taken: bool
) -> None:
    asked = {"key": "{{variables.order_id}}", **config}
    on = {"on": "paid", **asked} if place == "wait" else {"on": [{"event": "paid", **asked}]}
    simulation = waiting(on, order_id="o1")
    simulation.trigger("paid", **event)
    assert (simulation.run.status is Status.COMPLETED) is taken
    simulation.audit()


def test_numbers_are_compared_as_text_and_nothing_matches_nothing() -> None:
    simulation = waiting({"on": "paid", "key": "{{variables.order_id}}"}, order_id=4711)
    simulation.trigger("paid", key="4711")
    assert simulation.run.status is Status.COMPLETED
    simulation = waiting({"on": "paid", "key": "{{variables.order_id}}"}, order_id="")
    for key in ("", None):
        simulation.trigger("paid", key=key)
    assert simulation.run.status is Status.WAITING


def test_a_case_with_a_key_of_its_own_does_not_mind_that_of_the_wait() -> None:
    on = [{"event": "paid", "branch": "own"}, {"event": "paid", "branch": "other", "key": "all"}]
    simulation = waiting({"on": on, "key": "{{variables.order_id}}"}, order_id="o1")
    simulation.trigger("paid", key="all")
    (ended,) = [entry.outcome for entry in simulation.history if entry.kind == "step_completed"]
    assert ended == "other"


def test_two_runs_of_one_contact_are_told_apart_by_their_keys() -> None:
    config = {"on": "paid", "timeout": "1d", "key": "{{variables.order_id}}"}
    step = {"id": "pay", "type": "wait", "config": config}
    simulation = Simulation(compiled(step, entry={"reentry": "always"}, **ORDER))
    for order in ("o1", "o2"):
        simulation.trigger("go", data={"order_id": order})
    simulation.trigger("paid", key="o1")
    first, second = (record.snapshot.status for record in simulation.records.values())
    assert (first, second) == (Status.COMPLETED, Status.WAITING)


@pytest.mark.parametrize(("ttl", "counts"), [(None, True), ("2h", True), ("59m", False)])
def test_an_event_that_is_older_than_ttl_when_the_wait_begins_does_not_count(ttl: str | None, counts: bool) -> None:
    work = {"id": "work", "type": "task", "config": {"queue": "q"}}
    config = {"on": "paid", "timeout": "1d", **({"ttl": ttl} if ttl else {})}
    simulation = Simulation(compiled(work, {"id": "pay", "type": "wait", "config": config}))
    simulation.trigger("go")
    simulation.trigger("paid")
    simulation.wait(hours=1)
    simulation.complete()
    assert (simulation.run.status is Status.COMPLETED) is counts
    simulation.wait(seconds=timedelta(hours=2).total_seconds())
    simulation.audit()
