"""Tasks: what is ordered, what a result does, and how failures are tried again."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from tests.statemachine.checked_world import START, Simulation, compiled

Step = dict[str, Any]
EXACT = {"jitter": "none"}


def task(step_id: str = "t", **keys: Any) -> Step:
    return {"id": step_id, "type": "task", **keys}


def started(*steps: Step, **document: Any) -> Simulation:
    simulation = Simulation(compiled(*steps, **document))
    simulation.trigger("go", contact_patch={"first_name": "Ann"})
    return simulation


def why(simulation: Simulation) -> str:
    assert simulation.run.last_error is not None
    return simulation.run.last_error.code


class TestOrders:
    def test_an_order_is_complete_and_names_its_visit(self) -> None:
        step = task(
            config={"queue": "crm", "input": {"hi": "Hi {{first_name}}"}}, timeout="5s", crash_policy="at_most_once",
            retry={"max_attempts": 2}, branches={"sold": "end"},
        )  # fmt: skip
        order = started(step).orders[0]
        assert (order.step, order.visit, order.type, order.queue) == ("t", 1, "task", "crm")
        assert (order.input, order.outcomes) == ({"hi": "Hi Ann"}, ("done", "sold"))
        assert (order.timeout_s, order.max_attempts, order.at_most_once) == (5.0, 2, True)

    def test_the_run_waits_for_its_task_without_a_timer(self) -> None:
        run = started(task()).run
        assert (run.status, run.due_at, run.task and run.task.attempt) == ("waiting", None, 1)

    def test_an_order_that_cannot_be_put_together_fails_the_step_and_orders_nothing(self) -> None:
        simulation = started({"id": "s", "type": "http_request", "config": {"url": "{{trigger.data.nowhere}}"}})
        assert (why(simulation), simulation.orders) == ("bad_url", [])


class TestResults:
    def test_a_result_takes_its_outcome_and_keeps_its_output(self) -> None:
        simulation = started(task(branches={"sold": "b"}, output="deal"), {"id": "b", "type": "pass"})
        simulation.complete({"id": 7}, outcome="sold")
        assert (simulation.path(), simulation.run.outputs, simulation.run.variables) == (
            ["t", "b"], {"t": {"id": 7}}, {"deal": {"id": 7}},
        )  # fmt: skip

    def test_a_result_may_set_variables(self) -> None:
        simulation = started(task())
        simulation.complete(variables={"a": 1, "b": [2]})
        assert simulation.run.variables == {"a": 1, "b": [2]}

    def test_a_null_in_a_result_removes_the_variable(self) -> None:
        simulation = started(task(), variables={"a": 1, "b": 2})
        simulation.complete(variables={"a": None})
        assert simulation.run.variables == {"b": 2}

    def test_variables_of_a_result_are_kept_all_or_none(self) -> None:
        simulation = started(task())
        simulation.complete(variables={"a": 1, "b": "x" * 300_000})
        assert (why(simulation), simulation.run.variables) == ("variables_too_large", {})

    def test_an_outcome_that_the_step_does_not_have_fails_it_for_good(self) -> None:
        simulation = started(task(branches={"sold": "end"}))
        simulation.complete(outcome="gone")
        assert why(simulation) == "unknown_outcome"
        assert "allowed: done, sold" in str(simulation.history[-2].error)

    def test_the_outcome_error_is_a_failure_that_the_worker_means(self) -> None:
        simulation = started(task(on_error="h"), {"id": "x", "type": "end"}, {"id": "h", "type": "pass"})
        simulation.complete(outcome="error")
        assert (simulation.path(), why(simulation)) == (["t", "h"], "task_error")

    @pytest.mark.parametrize("late", ["twice", "cancelled", "earlier attempt"])
    def test_a_result_that_comes_too_late_changes_nothing(self, late: str) -> None:
        simulation = started(task("t"), task("u"))
        if late == "twice":
            simulation.complete()
            simulation.records[simulation.last].work = None
            simulation.orders.pop()
        elif late == "cancelled":
            simulation.operate("cancel")
        else:
            simulation.fail()
        before = simulation.run
        assert simulation.complete({"late": 1}, attempt=1) is False
        assert simulation.run == before


class TestRetries:
    def test_without_jitter_attempts_come_after_exactly_one_two_and_four_seconds(self) -> None:
        simulation = started(task(retry=EXACT))
        gaps = []
        for _ in range(3):
            simulation.fail()
            opened = simulation.run.task
            assert opened is not None
            assert opened.retry_at is not None
            gaps.append((opened.retry_at - simulation.now).total_seconds())
            simulation.now = opened.retry_at
        assert gaps == [1.0, 2.0, 4.0]

    def test_the_fourth_failure_is_final(self) -> None:
        simulation = started(task(retry=EXACT))
        for _ in range(4):
            simulation.fail()
        assert simulation.kinds() == ["started", "step_started", *["retrying"] * 3, "step_failed", "failed"]
        assert (simulation.run.retried_steps, simulation.run.failed_steps) == (3, 1)

    def test_exhausted_retries_follow_on_error(self) -> None:
        simulation = started(task(retry={"max_attempts": 1}, on_error="h"), task("x"), {"id": "h", "type": "pass"})
        simulation.fail()
        assert simulation.path() == ["t", "h"]

    def test_a_permanent_failure_is_final_at_once(self) -> None:
        simulation = started(task())
        simulation.fail("bad_request", retryable=False)
        assert (simulation.run.status, why(simulation)) == ("failed", "bad_request")

    def test_retry_after_is_a_floor(self) -> None:
        simulation = started(task(retry=EXACT))
        simulation.fail(retry_after_s=90)
        assert simulation.run.task is not None
        assert simulation.run.task.retry_at == START + timedelta(seconds=90)

    def test_jitter_is_the_same_whenever_the_cause_is_decided_again(self) -> None:
        simulation = started(task())
        simulation.fail()
        assert simulation.run.task is not None
        assert simulation.run.task.retry_at != START + timedelta(seconds=1)
        simulation.audit()

    @pytest.mark.parametrize("code", ["timeout", "connection_lost", "lease_expired", "outcome_unknown"])
    def test_at_most_once_is_never_repeated_when_nobody_knows_what_happened(self, code: str) -> None:
        simulation = started(task(crash_policy="at_most_once"))
        simulation.fail(code)
        assert (simulation.run.status, simulation.kinds().count("retrying")) == ("failed", 0)

    def test_at_least_once_is_repeated_after_a_time_out(self) -> None:
        simulation = started(task())
        simulation.fail("timeout")
        assert simulation.kinds()[-1] == "retrying"

    def test_success_after_a_retry_goes_on(self) -> None:
        simulation = started(task(), {"id": "b", "type": "pass"})
        simulation.fail()
        simulation.complete()
        assert (simulation.run.status, simulation.path()) == ("completed", ["t", "b"])


class TestHolding:
    def test_a_result_that_comes_while_paused_is_applied_at_resume(self) -> None:
        simulation = started(task(), {"id": "w", "type": "wait", "config": {"for": "1h"}})
        simulation.operate("pause")
        assert simulation.complete({"a": 1}) is True
        assert simulation.run.step == "t"
        simulation.operate("resume")
        assert (simulation.run.step, simulation.run.outputs) == ("w", {"t": {"a": 1}})

    def test_a_result_that_comes_while_the_workflow_is_paused_is_applied_when_it_goes_on(self) -> None:
        simulation = started(task(), {"id": "w", "type": "wait", "config": {"for": "1h"}})
        simulation.pause_workflow()
        simulation.complete({"a": 1})
        simulation.resume_workflow()
        assert (simulation.run.step, simulation.run.held) == ("w", ())

    def test_a_failure_that_comes_while_paused_is_tried_again_after_resume(self) -> None:
        simulation = started(task(retry=EXACT))
        simulation.operate("pause")
        simulation.fail()
        simulation.wait(hours=1)
        simulation.operate("resume")
        assert simulation.run.task is not None
        assert simulation.run.task.retry_at == simulation.now + timedelta(seconds=1)

    def test_the_same_result_is_held_once(self) -> None:
        simulation = started(task())
        simulation.operate("pause")
        simulation.complete()
        assert simulation.complete() is False

    def test_an_exit_that_came_while_paused_goes_before_a_result_that_came_before_it(self) -> None:
        simulation = started(task("t"), task("u"), exit=[{"on": "stop"}])
        simulation.operate("pause")
        simulation.complete()
        simulation.trigger("stop")
        simulation.operate("resume")
        assert (simulation.run.status, [order.step for order in simulation.orders]) == ("exited", ["t"])
