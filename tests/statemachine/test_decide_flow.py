"""How a run goes through its steps: starting, skipping, branching, failing, ending, and the limits on the way."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest

from statemachine.cause import ContinueCause
from statemachine.decide import allowed_transitions
from statemachine.definition import load_workflow
from statemachine.errors import TransitionRefused
from statemachine.limits import MAX_HISTORY, MAX_TRANSITIONS_PER_CAUSE
from tests.statemachine.checked_world import START, Simulation, compiled

Step = dict[str, Any]
NEVER = {"expression": "1 > 2"}
ERRING = {"expression": "nowhere.at.all > 1"}


def tag(step_id: str, **keys: Any) -> Step:
    return {"id": step_id, "type": "add_tag", "config": {"tag": step_id}, **keys}


def wait(step_id: str, span: str = "1h", **keys: Any) -> Step:
    return {"id": step_id, "type": "wait", "config": {"for": span}, **keys}


def task(step_id: str, **keys: Any) -> Step:
    return {"id": step_id, "type": "task", **keys}


def started(*steps: Step, **document: Any) -> Simulation:
    simulation = Simulation(compiled(*steps, **document))
    simulation.trigger("go", data={"n": 2})
    return simulation


class TestStarting:
    def test_pure_steps_run_through_to_the_end_in_one_decision(self) -> None:
        simulation = started(tag("a"), tag("b"))
        assert simulation.kinds() == ["started", "step_completed", "step_completed", "completed"]
        assert {entry.at for entry in simulation.history} == {START}

    def test_a_run_stops_where_it_has_to_wait(self) -> None:
        run = started(tag("a"), wait("w"), tag("b")).run
        assert (run.status, run.step, run.due_at) == ("waiting", "w", START + timedelta(hours=1))

    def test_initial_variables_are_resolved_once_and_plain(self) -> None:
        run = started(wait("w"), variables={"n": "{{trigger.data.n}}", "at": "{{now}}"}).run
        assert run.variables == {"n": 2, "at": "2026-01-01T09:00:00Z"}

    def test_initial_variables_that_are_too_large_fail_the_run_before_its_first_step(self) -> None:
        simulation = Simulation(compiled(wait("w"), variables={"a": "{{trigger.data.big}}"}))
        simulation.trigger("go", data={"big": "x" * 300_000})
        assert (simulation.run.status, simulation.run.step) == ("failed", None)

    def test_such_a_run_cannot_be_retried_because_there_is_no_step_to_retry(self) -> None:
        simulation = Simulation(compiled(wait("w"), variables={"a": "{{trigger.data.big}}"}))
        simulation.trigger("go", data={"big": "x" * 300_000})
        with pytest.raises(TransitionRefused) as refused:
            simulation.operate("retry")
        assert refused.value.allowed == ()


class TestSkipping:
    @pytest.mark.parametrize(
        "step",
        [
            tag("a"),
            wait("a"),
            task("a"),
            {"id": "a", "type": "exit"},
            {"id": "a", "type": "end"},
            {"id": "a", "type": "goto", "config": {"to": "last"}},
            {"id": "a", "type": "split", "config": {"variants": {"x": 1, "y": 1}}, "branches": {"x": "last"}},
            {"id": "a", "type": "condition", "config": {"expression": "1 < 2"}, "branches": {"true": "last"}},
        ],
        ids=lambda step: step["type"],
    )  # fmt: skip
    def test_a_skipped_step_goes_to_what_follows_it(self, step: Step) -> None:
        simulation = started({**step, "when": NEVER}, tag("b"), tag("last"))
        assert simulation.kinds()[1] == "step_skipped"
        assert simulation.path() == ["b", "last"]

    def test_a_skipped_step_follows_its_next(self) -> None:
        assert started(tag("a", when=NEVER, next="c"), tag("b"), tag("c")).path() == ["c"]

    def test_a_skipped_last_step_completes_the_run(self) -> None:
        assert started(tag("a", when=NEVER)).run.status == "completed"

    def test_a_step_whose_when_holds_is_done(self) -> None:
        assert started(tag("a", when={"expression": "trigger.n == 2"})).path() == ["a"]

    def test_a_when_that_errs_skips_and_history_says_why(self) -> None:
        skipped = started(tag("a", when=ERRING)).history[1]
        assert (skipped.kind, skipped.metadata["reason"]) == (
            "step_skipped",
            "nowhere.at.all > 1: nowhere.at.all has no value",
        )

    def test_a_skipped_step_is_not_the_step_just_before(self) -> None:
        listening = {"id": "w", "type": "wait", "config": {"on": [{"event": "email_open"}]}}
        simulation = started(task("send"), tag("a", when=NEVER), listening)
        simulation.wait(seconds=5)
        simulation.trigger("email_open")
        simulation.wait(seconds=5)
        simulation.complete()
        assert simulation.path() == ["send", "w"]

    def test_the_skip_is_no_transition_that_advance_may_take(self) -> None:
        simulation = started(wait("w", when={"expression": "1 < 2"}))
        assert allowed_transitions(simulation.records[simulation.last].workflow, simulation.run) == ("done",)
        with pytest.raises(TransitionRefused):
            simulation.operate("advance", transition="$skip")

    def test_what_follows_a_conditional_exit_is_reachable(self) -> None:
        leave = '{"id": "a", "type": "exit", "when": "contact.score > 2"}'
        document = f'{{"key": "x", "steps": [{leave}, {{"id": "b", "type": "pass"}}]}}'
        assert load_workflow(document).problems == ()


class TestConditions:
    def test_a_condition_that_errs_is_false_and_history_says_why(self) -> None:
        step = {"id": "a", "type": "condition", "config": ERRING, "branches": {"true": "end", "false": "b"}}
        simulation = started(step, tag("b"))
        decided = simulation.history[1]
        assert (decided.outcome, decided.metadata["reason"]) == (
            "false",
            "nowhere.at.all > 1: nowhere.at.all has no value",
        )

    def test_a_condition_that_is_simply_false_gives_no_reason(self) -> None:
        step = {"id": "a", "type": "condition", "config": NEVER, "branches": {"true": "end", "false": "end"}}
        assert started(step).history[1].metadata == {}

    def test_a_case_that_errs_is_told_although_a_later_one_holds(self) -> None:
        cases = [{"id": "x", "when": ERRING, "next": "b"}, {"id": "y", "when": {"expression": "1 < 2"}, "next": "b"}]
        decided = started({"id": "a", "type": "condition", "config": {"cases": cases}}, tag("b")).history[1]
        assert (decided.outcome, "nowhere" in decided.metadata["reason"]) == ("y", True)

    def test_a_result_that_is_neither_true_nor_false_is_false_and_told(self) -> None:
        config = {"expression": "trigger.n + 1"}
        step = {"id": "a", "type": "condition", "config": config, "branches": {"true": "end", "false": "end"}}
        assert "neither true nor false" in started(step).history[1].metadata["reason"]

    def test_a_long_reason_is_cut(self) -> None:
        config = {"any": [{"expression": f"nowhere.number_{n} > 1"} for n in range(60)]}
        step = {"id": "a", "type": "condition", "config": config, "branches": {"true": "end", "false": "end"}}
        assert len(started(step).history[1].metadata["reason"]) == 500


class TestFailing:
    def test_a_step_that_fails_without_on_error_fails_the_run_where_it_stands(self) -> None:
        simulation = started({"id": "a", "type": "transform", "config": {"expression": "nowhere.x"}}, tag("b"))
        assert (simulation.run.status, simulation.run.step) == ("failed", "a")
        assert simulation.kinds()[-2:] == ["step_failed", "failed"]

    def test_on_error_leads_on_and_the_handler_reads_the_error(self) -> None:
        simulation = started(
            {"id": "a", "type": "transform", "config": {"expression": "nowhere.x"}, "on_error": "h"},
            {"id": "end1", "type": "end"},
            {"id": "h", "type": "set_variable", "config": {"path": "why", "value": "{{error.step}}: {{error.code}}"}},
        )
        assert (simulation.run.status, simulation.run.variables) == ("completed", {"why": "a: expression_error"})

    def test_a_contact_step_without_a_contact_fails_with_no_contact(self) -> None:
        simulation = Simulation(compiled(tag("a")))
        simulation.enroll(contact_id=None)
        assert simulation.run.last_error is not None
        assert simulation.run.last_error.code == "no_contact"

    @pytest.mark.parametrize(
        ("size", "code"), [(65_000, None), (66_000, "output_too_large"), (300_000, "output_too_large")]
    )
    def test_an_output_over_64_kib_fails_the_step(self, size: int, code: str | None) -> None:
        simulation = started(task("a"))
        simulation.complete("x" * size)
        error = simulation.run.last_error
        assert (error.code if error else None) == code

    def test_variables_over_256_kib_fail_the_step_that_made_them_so(self) -> None:
        grow = {"id": "a", "type": "task", "output": "v"}
        simulation = started(*[{**grow, "id": f"t{n}", "output": f"v{n}"} for n in range(5)])
        for _ in range(5):
            simulation.complete("x" * 60_000)
        assert simulation.run.last_error is not None
        assert (simulation.run.last_error.step, simulation.run.last_error.code) == ("t4", "variables_too_large")

    def test_setting_the_same_large_variable_again_and_again_is_not_too_large(self) -> None:
        steps = [
            {"id": f"s{n}", "type": "set_variable", "config": {"path": "v", "value": "{{trigger.data.big}}"}}
            for n in range(9)
        ]
        simulation = Simulation(compiled(*steps))
        simulation.trigger("go", data={"big": "x" * 100_000})
        assert simulation.run.status == "completed"

    def test_an_output_that_does_not_fit_its_variable_is_not_kept_at_all(self) -> None:
        steps = [task(f"t{n}", output=f"v{n}") for n in range(5)]
        simulation = started(*steps)
        for _ in range(5):
            simulation.complete("x" * 60_000)
        assert "t4" not in simulation.run.outputs


class TestEnding:
    def test_the_last_step_completes_the_run(self) -> None:
        run = started(tag("a")).run
        assert (run.status, run.step, run.ended_at) == ("completed", None, START)

    def test_an_exit_step_gives_its_reason(self) -> None:
        simulation = started({"id": "a", "type": "exit", "config": {"reason": "no {{trigger.data.n}}"}}, tag("b"))
        assert (simulation.run.status, simulation.run.exit_reason) == ("exited", "no 2")

    def test_an_end_step_completes_in_the_middle(self) -> None:
        assert started({"id": "a", "type": "end"}, tag("b")).run.status == "completed"

    def test_an_end_takes_timers_and_open_tasks_with_it(self) -> None:
        simulation = started(task("a"), limits={"max_duration": "2d"})
        decision = simulation.operate("cancel", reason="by hand")
        assert decision.revoked == (("a", 1),)
        assert (simulation.run.due_at, simulation.run.task, simulation.run.exit_reason) == (None, None, "by hand")


class TestLimits:
    def test_max_duration_fails_the_run_and_counts_waiting(self) -> None:
        simulation = started(wait("w", "5d"), limits={"max_duration": "2d"})
        simulation.wait(days=3)
        assert simulation.run.last_error is not None
        assert (simulation.run.status, simulation.run.last_error.code) == ("failed", "max_duration_exceeded")
        assert simulation.run.ended_at == START + timedelta(days=2)

    def test_max_transitions_fails_the_run_before_the_step_it_would_enter(self) -> None:
        simulation = started(tag("a"), task("b"), tag("c"), tag("d"), limits={"max_transitions": 2})
        simulation.complete()
        assert simulation.run.last_error is not None
        assert (simulation.run.last_error.code, simulation.run.step) == ("max_transitions", "c")

    def test_a_retry_after_max_transitions_does_not_repeat_the_last_effect(self) -> None:
        simulation = started(tag("a"), task("b"), tag("c"), tag("d"), limits={"max_transitions": 2})
        simulation.complete()
        simulation.operate("retry")
        assert [order.step for order in simulation.orders] == ["b"]

    def test_exactly_the_maximum_is_allowed(self) -> None:
        assert started(tag("a"), tag("b"), limits={"max_transitions": 2}).run.status == "completed"

    def test_a_thousand_transitions_are_committed_and_the_run_goes_on(self) -> None:
        workflow = compiled(
            *[tag(f"t{n}") for n in range(499)],
            wait("w", "0s", next="t0"),
            limits={"max_transitions": 2600},
        )
        simulation = Simulation(workflow)
        simulation.trigger("go")
        continued = [entry for entry in simulation.history if entry.kind == "continued"]
        assert [entry.position for entry in continued] == [0, 0]
        assert simulation.run.last_error is not None
        assert (simulation.run.continues, simulation.run.last_error.code) == (2, "max_transitions")
        simulation.audit()

    def test_one_cause_never_makes_more_than_a_thousand_transitions(self) -> None:
        simulation = Simulation(compiled(*[tag(f"t{n}") for n in range(499)], wait("w", "0s", next="t0"), **LONG))
        simulation.trigger("go")
        causes = [entry.sequence for entry in simulation.history if entry.cause is not None]
        spans = [after - before for before, after in pairwise(causes)]
        assert max(spans) <= MAX_TRANSITIONS_PER_CAUSE + 1

    def test_a_continue_that_was_already_done_does_nothing(self) -> None:
        simulation = started(wait("w"))
        assert simulation.cause(ContinueCause(0), simulation.last) is None

    def test_a_full_history_fails_the_run(self) -> None:
        simulation = Simulation(compiled(*[tag(f"t{n}") for n in range(499)], wait("w", "0s", next="t0")))
        simulation.trigger("go")
        assert simulation.run.last_error is not None
        assert (simulation.run.status, simulation.run.last_error.code) == ("failed", "history_limit")
        assert len(simulation.history) <= MAX_HISTORY + 2

    def test_a_run_with_a_full_history_can_still_be_cancelled_and_only_that(self) -> None:
        simulation = started(wait("w"))
        record = simulation.records[simulation.last]
        record.snapshot = replace(record.snapshot, sequence=MAX_HISTORY)
        with pytest.raises(TransitionRefused) as refused:
            simulation.operate("pause")
        assert refused.value.allowed == ("cancel",)
        simulation.operate("cancel")
        assert simulation.run.status == "cancelled"


LONG = {"limits": {"max_transitions": 2600}}
