"""What operators may do: advance, pause, resume, cancel, retry. A refusal names what is allowed and changes nothing."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from statemachine.errors import InvalidInput, LimitExceeded, TransitionRefused, WorkflowPaused
from tests.statemachine.checked_world import START, Simulation, compiled

Step = dict[str, Any]


def rest(step_id: str = "r", span: str = "1h") -> Step:
    return {"id": step_id, "type": "wait", "config": {"for": span}}


def listen(step_id: str = "w", **config: Any) -> Step:
    return {"id": step_id, "type": "wait", "config": {"on": [{"event": "click"}], **config}}


def task(step_id: str = "t", **keys: Any) -> Step:
    return {"id": step_id, "type": "task", **keys}


def started(*steps: Step, **document: Any) -> Simulation:
    simulation = Simulation(compiled(*steps, **document))
    simulation.trigger("go")
    return simulation


def failed(*steps: Step, **document: Any) -> Simulation:
    simulation = started(*steps, **document)
    simulation.fail(retryable=False)
    return simulation


class TestAdvance:
    def test_a_wait_can_be_skipped(self) -> None:
        simulation = started(rest(), task())
        simulation.operate("advance", transition="done")
        assert (simulation.run.step, simulation.run.due_at) == ("t", None)

    def test_a_branch_can_be_chosen_and_given_data(self) -> None:
        simulation = started(task(branches={"sold": "b"}), {"id": "x", "type": "end"}, rest("b"))
        decision = simulation.operate("advance", transition="sold", data={"by": "Ann"})
        assert (simulation.run.step, simulation.run.outputs) == ("b", {"t": {"by": "Ann"}})
        assert decision.revoked == (("t", 1),)

    def test_the_error_transition_fails_the_step_as_an_error_would(self) -> None:
        simulation = started(task(on_error="h"), {"id": "x", "type": "end"}, rest("h"))
        simulation.operate("advance", transition="error")
        assert (simulation.run.step, simulation.run.failed_steps) == ("h", 1)

    def test_a_step_without_on_error_has_no_error_transition(self) -> None:
        with pytest.raises(TransitionRefused) as refused:
            started(task()).operate("advance", transition="error")
        assert refused.value.allowed == ("done",)

    def test_what_the_step_cannot_do_is_refused_with_what_it_can(self) -> None:
        simulation = started(listen(timeout="1d"))
        before = simulation.run
        with pytest.raises(TransitionRefused, match="allowed: done, timeout"):
            simulation.operate("advance", transition="sold")
        assert simulation.run == before

    def test_data_over_the_limit_is_refused_and_the_run_goes_on_waiting(self) -> None:
        simulation = started(listen())
        with pytest.raises(LimitExceeded):
            simulation.operate("advance", transition="done", data={"x": "y" * 70_000})
        assert simulation.run.status == "waiting"

    def test_a_result_after_advance_comes_too_late(self) -> None:
        simulation = started(task(), rest())
        simulation.operate("advance", transition="done")
        assert simulation.complete() is False

    @pytest.mark.parametrize("operation", ["advance", "retry"])
    def test_nothing_moves_while_the_workflow_is_paused(self, operation: str) -> None:
        simulation = failed(task()) if operation == "retry" else started(rest())
        simulation.pause_workflow()
        with pytest.raises(WorkflowPaused, match="its workflow is paused"):
            simulation.operate(operation, transition="done")


class TestExit:
    @pytest.mark.parametrize("paused", [False, True])
    def test_a_live_run_ends_as_by_an_exit_rule(self, paused: bool) -> None:
        simulation = started(task())
        if paused:
            simulation.operate("pause")
        decision = simulation.operate("exit", reason="sold out")
        assert (simulation.run.status, simulation.run.exit_reason) == ("exited", "sold out")
        assert decision.revoked == (("t", 1),)
        simulation.audit()


class TestRefusals:
    @pytest.mark.parametrize(
        ("state", "operation", "allowed"),
        [
            ("waiting", "resume", ("advance", "pause", "set_variables", "cancel")),
            ("waiting", "retry", ("advance", "pause", "set_variables", "cancel")),
            ("paused", "pause", ("resume", "set_variables", "cancel")),
            ("paused", "retry", ("resume", "set_variables", "cancel")),
            ("waiting", "reschedule", ("advance", "pause", "set_variables", "cancel")),
            ("paused", "reschedule", ("resume", "set_variables", "cancel")),
            ("failed", "reschedule", ("retry",)),
            ("cancelled", "reschedule", ()),
            ("failed", "exit", ("retry",)),
            ("cancelled", "exit", ()),
            ("failed", "set_variables", ("retry",)),
            ("cancelled", "set_variables", ()),
            ("failed", "pause", ("retry",)),
            ("failed", "resume", ("retry",)),
            ("failed", "cancel", ("retry",)),
            ("cancelled", "cancel", ()),
            ("cancelled", "retry", ()),
            ("cancelled", "resume", ()),
            ("paused", "advance", ()),
            ("cancelled", "advance", ()),
        ],
    )
    def test_a_refusal_names_what_is_allowed_and_changes_nothing(
        self, state: str, operation: str, allowed: tuple[str, ...]
    ) -> None:
        simulation = started(task())
        if state == "failed":
            simulation.fail(retryable=False)
        elif state != "waiting":
            simulation.operate({"paused": "pause", "cancelled": "cancel"}[state])
        before, lines = simulation.run, len(simulation.history)
        with pytest.raises(TransitionRefused) as refused:
            simulation.operate(operation, transition="done")
        assert refused.value.allowed == allowed
        assert (simulation.run, len(simulation.history)) == (before, lines)

    def test_an_unknown_timer_policy_is_refused(self) -> None:
        with pytest.raises(InvalidInput, match="no timer policy 'freeze'"):
            started(rest()).operate("pause", timers="freeze")


class TestPausing:
    def test_keep_leaves_the_deadline_where_it_was(self) -> None:
        simulation = started(rest("r", "3h"))
        simulation.operate("pause")
        simulation.wait(hours=1)
        simulation.operate("resume")
        assert simulation.run.due_at == START + timedelta(hours=3)

    def test_keep_fires_soon_after_resume_when_the_deadline_has_passed(self) -> None:
        simulation = started(rest(), task())
        simulation.operate("pause")
        simulation.wait(hours=5)
        simulation.operate("resume")
        assert simulation.run.due_at == START + timedelta(hours=1)
        simulation.wait(seconds=0)
        assert simulation.run.step == "t"

    def test_remaining_lets_what_was_left_run_on(self) -> None:
        simulation = started(rest(), task(), limits={"max_duration": "2h"})
        simulation.wait(minutes=20)
        simulation.operate("pause", timers="remaining")
        simulation.wait(hours=10)
        simulation.operate("resume")
        assert simulation.run.deadlines == {
            "wait": simulation.now + timedelta(minutes=40),
            "run": simulation.now + timedelta(minutes=100),
        }

    def test_catch_up_fires_at_resume_what_fell_due_meanwhile(self) -> None:
        simulation = started(rest(), task())
        simulation.operate("pause", timers="catch_up")
        simulation.wait(hours=5)
        simulation.operate("resume")
        assert simulation.run.step == "t"

    @pytest.mark.parametrize(("minutes", "outcome"), [(30, "done"), (90, "timeout")])
    def test_catch_up_takes_timer_and_event_in_the_order_they_fell(self, minutes: int, outcome: str) -> None:
        simulation = started(listen(timeout="1h"), rest())
        simulation.operate("pause", timers="catch_up")
        simulation.wait(minutes=minutes)
        simulation.trigger("click")
        simulation.wait(hours=5)
        simulation.operate("resume")
        assert [entry.outcome for entry in simulation.history if entry.kind == "step_completed"] == [outcome]

    def test_a_kept_deadline_yields_to_an_event_that_came_while_paused(self) -> None:
        simulation = started(listen(timeout="1h"), rest())
        simulation.operate("pause")
        simulation.wait(minutes=90)
        simulation.trigger("click")
        simulation.operate("resume")
        assert [entry.outcome for entry in simulation.history if entry.kind == "step_completed"] == ["done"]

    def test_a_run_resumed_in_a_paused_workflow_goes_on_with_the_workflow(self) -> None:
        simulation = started(listen(), rest())
        simulation.operate("pause")
        simulation.trigger("click")
        simulation.pause_workflow()
        simulation.operate("resume")
        assert (simulation.run.status, simulation.run.step) == ("waiting", "w")
        simulation.resume_workflow()
        assert simulation.run.step == "r"

    def test_pause_and_resume_can_be_decided_again(self) -> None:
        simulation = started(listen(timeout="1h"), rest())
        simulation.operate("pause", timers="remaining")
        simulation.trigger("click")
        simulation.operate("resume")
        simulation.audit()


class TestCancel:
    @pytest.mark.parametrize("paused", [False, True])
    def test_a_live_run_can_be_cancelled_with_a_reason(self, paused: bool) -> None:
        simulation = started(task())
        if paused:
            simulation.operate("pause")
        simulation.operate("cancel", reason="mistake")
        assert (simulation.run.status, simulation.run.exit_reason, simulation.run.step) == (
            "cancelled",
            "mistake",
            None,
        )

    def test_a_cancelled_run_takes_no_more_events(self) -> None:
        simulation = started(listen(), exit=[{"on": "stop"}])
        simulation.operate("cancel")
        simulation.trigger("click")
        simulation.trigger("stop")
        assert simulation.run.status == "cancelled"


class TestRetry:
    def test_a_failed_run_goes_back_into_the_step_that_failed_as_a_new_visit(self) -> None:
        simulation = failed(task())
        simulation.operate("retry")
        assert [(order.step, order.visit) for order in simulation.orders] == [("t", 1), ("t", 2)]
        assert (simulation.run.status, simulation.run.ended_at) == ("waiting", None)

    def test_edited_input_goes_over_the_input_of_the_task_key_by_key(self) -> None:
        simulation = failed(task(config={"input": {"a": 1, "b": {"c": 2}}}))
        simulation.operate("retry", input={"b": 3, "d": 4})
        assert simulation.orders[-1].input == {"a": 1, "b": 3, "d": 4}
        assert simulation.run.variables == {}

    def test_edited_input_is_for_that_visit_alone(self) -> None:
        simulation = failed(task(config={"input": {"a": 1}}), task("u", config={"input": {"a": 1}}, next="t"))
        simulation.operate("retry", input={"a": 2})
        simulation.complete()
        simulation.complete()
        assert [order.input for order in simulation.orders] == [{"a": 1}, {"a": 2}, {"a": 1}, {"a": 1}]

    def test_edited_input_of_a_pure_step_goes_into_the_variables(self) -> None:
        step = {"id": "a", "type": "transform", "config": {"expression": "variables.x + 1"}, "output": "y"}
        simulation = started(step)
        assert simulation.run.status == "failed"
        simulation.operate("retry", input={"x": 1})
        assert (simulation.run.status, simulation.run.variables) == ("completed", {"x": 1, "y": 2})

    def test_max_duration_starts_anew(self) -> None:
        simulation = failed(task(), limits={"max_duration": "1d"})
        simulation.wait(days=3)
        simulation.operate("retry")
        assert simulation.run.due_at == START + timedelta(days=4)

    def test_input_that_is_no_object_is_refused(self) -> None:
        with pytest.raises(InvalidInput):
            failed(task()).operate("retry", input=[1])

    def test_input_over_the_limit_is_refused_and_the_run_stays_failed(self) -> None:
        simulation = started({"id": "a", "type": "transform", "config": {"expression": "nowhere.x"}})
        with pytest.raises(LimitExceeded):
            simulation.operate("retry", input={"x": "y" * 300_000})
        assert simulation.run.status == "failed"

    def test_retries_can_be_decided_again(self) -> None:
        simulation = failed(task(config={"input": {"a": 1}}), rest())
        simulation.operate("retry", input={"a": 2})
        simulation.complete({"x": 1})
        simulation.audit()
