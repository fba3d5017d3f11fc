"""One event and several runs of a contact: who takes it, in which order, and what is left for the others."""

from __future__ import annotations

from typing import Any

import pytest

from statemachine.seeing import MAX_CONSUMED
from tests.statemachine.checked_world import Simulation, compiled


def waiter(key: str, consume: str, *, priority: int = 0, work: bool = False, trigger: str = "go") -> Any:
    steps: list[dict[str, Any]] = [{"id": "work", "type": "task", "config": {"queue": "q"}}] if work else []
    config = {"on": "reply", "timeout": "1d", "consume": consume, "since": "enrollment"}
    steps.append({"id": "rest", "type": "wait", "config": config, "branches": {"timeout": "late"}, "next": "end"})
    steps.append({"id": "late", "type": "add_tag", "config": {"tag": f"late_{key}"}})
    return compiled(*steps, key=key, entry={"priority": priority, "reentry": "always"}, triggers=[{"type": trigger}])


def woken(simulation: Simulation) -> list[str]:
    """The workflows whose wait the event ended."""
    done = [record for record in simulation.records.values() if record.snapshot.outputs.get("rest") is not None]
    return [record.workflow.key for record in done]


@pytest.mark.parametrize(
    ("flows", "expected"),
    [
        ([("a", "all", 0), ("b", "all", 0)], ["a", "b"]),
        ([("a", "one", 0), ("b", "all", 0)], ["a"]),
        ([("a", "one", 0), ("b", "one", 0)], ["a"]),
        ([("a", "one", 0), ("b", "one", 5)], ["b"]),
        ([("a", "one", 0), ("b", "all", 5)], ["a", "b"]),
    ],
)
def test_a_wait_that_consumes_for_itself_leaves_nothing_to_those_after_it(
    flows: list[tuple[str, str, int]], expected: list[str]
) -> None:
    simulation = Simulation(*(waiter(key, consume, priority=priority) for key, consume, priority in flows))
    simulation.trigger("go")
    told = simulation.trigger("email_replied", data={"n": 1})
    assert sorted(verdict.workflow for verdict in told.verdicts) == sorted(expected)
    assert sorted(woken(simulation)) == expected
    simulation.audit()


def test_of_equal_priority_the_oldest_run_is_first_whatever_its_workflow_is_called() -> None:
    simulation = Simulation(waiter("zeta", "one"), waiter("alpha", "one", trigger="later"))
    simulation.trigger("go")
    simulation.wait(hours=1)
    simulation.trigger("later")
    for expected in (["zeta"], ["zeta", "alpha"]):
        simulation.trigger("email_replied")
        assert woken(simulation) == expected
    simulation.audit()


def test_what_was_taken_for_one_is_gone_for_a_wait_that_begins_later() -> None:
    simulation = Simulation(waiter("a", "one"), waiter("b", "all", work=True))
    simulation.trigger("go")
    simulation.trigger("email_replied")
    simulation.complete(run_id=list(simulation.records)[1])
    assert woken(simulation) == ["a"]
    simulation.trigger("email_replied")
    assert woken(simulation) == ["a", "b"]
    simulation.audit()


def test_a_wait_that_begins_later_takes_an_early_event_for_itself_alone() -> None:
    simulation = Simulation(waiter("a", "one", work=True), waiter("b", "all", work=True))
    simulation.trigger("go")
    simulation.trigger("email_replied")
    for run in list(simulation.records):
        simulation.complete(run_id=run)
    assert woken(simulation) == ["a"]
    entry = next(one for one in simulation.records[next(iter(simulation.records))].history if one.outcome == "done"
                 and one.step == "rest")  # fmt: skip
    assert entry.metadata["consumed"] == "one"
    simulation.audit()


def test_it_still_enrols_and_still_ends_runs() -> None:
    entered = compiled({"id": "rest", "type": "wait", "config": {"for": "1d"}}, key="entered",
                       triggers=[{"type": "email_replied"}])  # fmt: skip
    simulation = Simulation(waiter("a", "one"), entered)
    simulation.trigger("go")
    told = simulation.trigger("email_replied")
    assert [(one.workflow, one.kind) for one in told.verdicts] == [("a", "ADVANCED"), ("entered", "ENROLLED")]
    simulation.audit()


def test_an_event_moves_a_run_once_however_many_came_since() -> None:
    body = [
        {"id": "w", "type": "wait", "config": {"on": "click", "since": "enrollment"}},
        {
            "id": "n",
            "type": "update_field",
            "config": {"field": "n", "operation": "append", "value": "{{event.data.n}}"},
        },
    ]
    simulation = Simulation(compiled({"id": "all", "type": "while", "config": {"condition": "true"}, "body": body}))
    simulation.trigger("go")
    for number in range(MAX_CONSUMED + 5):
        simulation.trigger("click", data={"n": number})
    simulation.audit()
    assert simulation.contact.custom_fields["n"] == list(range(MAX_CONSUMED + 5))
