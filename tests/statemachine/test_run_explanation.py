"""What a run waits for, explained: since when, until when, and everything that would move it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from statemachine.run_explanation import RunAccount, explain_run
from tests.statemachine.checked_world import START, Simulation, compiled

ASK = {"id": "ask", "type": "wait", "config": {"on": [{"event": "answer_given", "when": "contact.plan == 'pro'",
       "branch": "answered"}], "timeout": "1d"}, "branches": {"answered": "tag", "timeout": "end"}}  # fmt: skip
TAG = {"id": "tag", "type": "add_tag", "config": {"tag": "x"}}
WORK = {"id": "work", "type": "task", "config": {"queue": "q"}, "next": "tag",
        "branches": {"no": "end"}}  # fmt: skip


def started(*steps: Any, **document: Any) -> Simulation:
    simulation = Simulation(compiled(*steps, **document))
    simulation.trigger("go")
    return simulation


def account(simulation: Simulation, **given: Any) -> RunAccount:
    record = simulation.records[simulation.last]
    return explain_run(record.workflow, record.snapshot, simulation.world.surroundings(simulation.last), **given)


def moves(told: RunAccount) -> list[tuple[str, str, str, str]]:
    return [(move.kind, move.name, move.outcome, move.target) for move in told.moves]


def test_a_wait_is_moved_by_its_events_its_exits_its_timers_and_an_operator() -> None:
    simulation = started(ASK, TAG, exit=[{"on": "bye", "reason": "left"}], limits={"max_duration": "30d"})
    told = account(simulation)
    assert moves(told) == [
        ("event", "answer_given", "answered", "tag"),
        ("exit", "bye", "left", "$exited"),
        ("timer", "wait", "timeout", "$completed"),
        ("timer", "run", "max_duration_exceeded", "$failed"),
        ("transition", "answered", "answered", "tag"),
        ("transition", "timeout", "timeout", "$completed"),
    ]
    assert (told.since_at, told.until_at) == (START, START + timedelta(days=1))


def test_the_condition_of_a_case_is_evaluated_now() -> None:
    simulation = started(ASK, TAG)
    simulation.change(plan="free")
    condition = account(simulation).moves[0].condition
    assert condition is not None
    assert (condition.result, condition.reads) == (False, (("contact.plan", "free"),))


def test_an_exit_on_mismatch_shows_the_entry_filter_turned_round() -> None:
    filtered = [{"type": "go", "conditions": {"field": "plan", "operator": "not_exists"}}]
    simulation = started(ASK, TAG, exit=[{"on_mismatch": True}], triggers=filtered)
    condition = next(move for move in account(simulation).moves if move.kind == "exit").condition
    assert condition is not None
    assert (condition.operator, condition.result) == ("not", False)


def test_a_task_is_moved_by_each_of_its_outcomes_and_by_failing_for_good() -> None:
    told = account(started(WORK, TAG), queue="q")
    assert "queue 'q'" in told.waiting_for
    assert [move for move in moves(told) if move[0] == "task"] == [
        ("task", "done", "done", "tag"),
        ("task", "no", "no", "$completed"),
        ("task", "error", "error", "$failed"),
    ]


@pytest.mark.parametrize(
    ("operation", "moved_by"), [("pause", ("resume",)), ("cancel", ())], ids=["paused", "cancelled"]
)
def test_an_operator_decides_what_can_move_it_next(operation: str, moved_by: tuple[str, ...]) -> None:
    simulation = started(ASK, TAG)
    simulation.operate(operation)
    assert account(simulation).moved_by == moved_by


def test_a_failed_run_is_moved_by_retry_back_into_its_step() -> None:
    simulation = started(WORK, TAG)
    simulation.fail("broken", retryable=False)
    assert moves(account(simulation)) == [("operation", "retry", "", "work")]


def test_a_run_of_a_paused_workflow_keeps_what_comes_and_waits_for_the_workflow() -> None:
    simulation = started(ASK, TAG)
    simulation.pause_workflow()
    simulation.trigger("answer_given")
    told = account(simulation)
    assert (told.moved_by, told.held) == (("workflow resume",), ("event answer_given",))


def test_a_timer_that_was_given_up_is_named_and_no_longer_awaited() -> None:
    told = account(started(ASK, TAG), quarantined_at=START)
    assert "given up since 2026-01-01 09:00:00 UTC" in told.reason
    assert told.until_at is None
