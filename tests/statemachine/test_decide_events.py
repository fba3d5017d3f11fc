"""Events and timers: which wait takes which event, when exits win, and what a held run keeps."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from statemachine.limits import MAX_HELD
from statemachine.verdict import ADVANCED, BLOCKED, BUFFERED, EXITED
from tests.statemachine.checked_world import START, Simulation, compiled

Step = dict[str, Any]


def listen(step_id: str = "w", *events: Any, **config: Any) -> Step:
    cases = [event if isinstance(event, dict) else {"event": event} for event in events or ("click",)]
    keys = config.pop("keys", {})
    return {"id": step_id, "type": "wait", "config": {"on": cases, **config}, **keys}


def rest(step_id: str = "r", span: str = "1h") -> Step:
    return {"id": step_id, "type": "wait", "config": {"for": span}}


def task(step_id: str = "t", **keys: Any) -> Step:
    return {"id": step_id, "type": "task", **keys}


def started(*steps: Step, **document: Any) -> Simulation:
    simulation = Simulation(compiled(*steps, **document))
    simulation.trigger("go", contact_patch={"stage": "lead"})
    return simulation


def verdicts(simulation: Simulation, kind: str, **event: Any) -> list[tuple[str, str]]:
    return [(one.kind, one.rule) for one in simulation.trigger(kind, **event).verdicts]


class TestCases:
    def test_a_matching_event_ends_the_wait_and_is_its_output(self) -> None:
        simulation = started(listen(), task())
        assert verdicts(simulation, "click", data={"url": "x"}) == [(ADVANCED, "")]
        assert (simulation.run.step, simulation.run.outputs) == ("t", {"w": {"url": "x"}})

    def test_an_event_of_another_type_leaves_it_resting(self) -> None:
        simulation = started(listen())
        assert verdicts(simulation, "open") == []
        assert simulation.run.step == "w"

    def test_a_case_whose_when_does_not_hold_does_not_take_it(self) -> None:
        simulation = started(listen("w", {"event": "click", "when": {"expression": "event.data.n > 3"}}))
        simulation.trigger("click", data={"n": 2})
        assert simulation.run.step == "w"

    def test_the_first_case_that_matches_wins(self) -> None:
        cases = [
            {"event": "click", "when": {"expression": "event.data.n > 3"}, "branch": "big"},
            {"event": "click", "branch": "any"},
            {"event": "click", "branch": "late"},
        ]
        simulation = started(listen("w", *cases), task())
        simulation.trigger("click", data={"n": 2})
        assert next(entry.outcome for entry in simulation.history if entry.kind == "step_completed") == "any"

    def test_the_timer_and_the_other_cases_go_with_it(self) -> None:
        simulation = started(listen("w", "click", "open", timeout="1d"), task())
        simulation.trigger("click")
        assert (simulation.run.due_at, simulation.run.anchor_at) == (None, None)

    def test_the_event_that_enrols_never_satisfies_its_own_waits(self) -> None:
        assert started(listen("w", "go", since="enrollment")).run.step == "w"

    def test_an_event_moves_a_run_once_and_the_next_wait_not_at_all(self) -> None:
        simulation = started(listen("a"), listen("b", since="enrollment"), listen("c", since="enrollment"))
        simulation.trigger("click")
        assert simulation.run.step == "b"

    def test_two_events_end_two_waits(self) -> None:
        simulation = started(listen("a"), listen("b", since="enrollment"))
        simulation.trigger("click")
        simulation.trigger("click")
        assert simulation.run.status == "completed"


class TestAnchors:
    def test_an_event_since_the_step_before_counts(self) -> None:
        simulation = started(task(), listen())
        simulation.wait(minutes=1)
        simulation.trigger("click")
        simulation.complete()
        assert simulation.run.status == "completed"

    def test_an_event_before_the_step_before_does_not_count(self) -> None:
        simulation = started(rest(), task(), listen())
        simulation.trigger("click")
        simulation.wait(hours=1)
        simulation.wait(minutes=1)
        simulation.complete()
        assert simulation.run.step == "w"

    @pytest.mark.parametrize(
        ("since", "counts"), [("enrollment", True), ("r", True), ("t", False), ("wait", False), (None, False)]
    )
    def test_since_says_from_when_events_count(self, since: str | None, counts: bool) -> None:
        simulation = started(rest(), task(), listen("w", "click", **({"since": since} if since else {})))
        simulation.wait(minutes=30)
        simulation.trigger("click")
        simulation.wait(hours=1)
        simulation.complete()
        assert (simulation.run.status == "completed") is counts

    def test_the_earliest_of_several_events_is_taken(self) -> None:
        simulation = started(task(), listen())
        for number in (1, 2):
            simulation.wait(minutes=1)
            simulation.trigger("click", data={"n": number})
        simulation.complete()
        assert simulation.run.outputs["w"] == {"n": 1}


class TestTimers:
    def test_a_wait_ends_when_its_time_has_come_and_not_before(self) -> None:
        simulation = started(rest(), task())
        simulation.wait(minutes=59)
        assert simulation.run.step == "r"
        simulation.wait(minutes=1)
        assert simulation.run.step == "t"

    @pytest.mark.parametrize("zone", ["Mars/Phobos", ["UTC"], 7, "", None, "x" * 999])
    def test_a_contact_zone_that_is_none_is_passed_over(self, zone: Any) -> None:
        until = {"id": "r", "type": "wait", "config": {"until": "2026-01-02T09:00"}}
        simulation = Simulation(compiled(until, timezone="America/New_York"))
        simulation.trigger("go", contact_patch={"timezone": zone})
        assert simulation.run.due_at == START + timedelta(hours=24 + 5)

    def test_a_timer_with_nothing_due_does_nothing(self) -> None:
        assert started(rest()).fire() is None

    def test_a_timer_of_an_ended_run_does_nothing(self) -> None:
        simulation = started(rest())
        simulation.operate("cancel")
        assert simulation.fire() is None

    def test_an_event_wait_times_out_by_its_own_outcome(self) -> None:
        simulation = started(listen("w", "click", timeout="1d", keys={"branches": {"timeout": "t"}}), rest(), task())
        simulation.wait(days=1)
        assert (simulation.run.step, simulation.history[-2].outcome) == ("t", "timeout")

    def test_of_two_deadlines_the_earlier_fires(self) -> None:
        simulation = started(rest("r", "1d"), rest("q", "5d"), limits={"max_duration": "2d"})
        simulation.wait(days=9)
        assert [entry.at - START for entry in simulation.history[2:]] == [timedelta(days=1)] * 2 + [timedelta(days=2)]

    def test_every_firing_has_an_id_of_its_own(self) -> None:
        simulation = started(rest("a"), rest("b"), rest("c"))
        simulation.wait(days=1)
        causes = [entry.cause["cause"] for entry in simulation.history if entry.cause is not None]
        assert [(c["visit"], c["number"]) for c in causes[1:]] == [(1, 0), (2, 1), (3, 2)]


class TestExits:
    def test_an_exit_rule_ends_the_run_with_timers_and_tasks(self) -> None:
        simulation = started(task(), exit=[{"on": "stop", "reason": "asked"}])
        assert verdicts(simulation, "stop") == [(EXITED, "asked")]
        assert (simulation.run.status, simulation.run.exit_reason, simulation.run.task) == ("exited", "asked", None)

    def test_a_goal_is_the_reason_unless_one_is_given(self) -> None:
        rule = {"on": "order", "goal": "purchase", "when": "event.data.total > 0"}
        simulation = started(rest(), exit=[rule])
        simulation.trigger("order", data={"total": 0})
        assert simulation.run.live
        simulation.trigger("order", data={"total": 5})
        assert (simulation.run.exit_reason, simulation.run.goal) == ("goal:purchase", "purchase")

    def test_the_first_rule_that_matches_wins(self) -> None:
        simulation = started(rest(), exit=[{"on": "stop", "reason": "one"}, {"on": "stop", "reason": "two"}])
        simulation.trigger("stop")
        assert simulation.run.exit_reason == "one"

    def test_an_exit_goes_before_a_wait_for_the_same_event(self) -> None:
        simulation = started(listen("w", "stop"), exit=[{"on": "stop"}])
        assert verdicts(simulation, "stop") == [(EXITED, "stop")]

    def test_on_mismatch_leaves_when_the_entry_filter_stops_matching(self) -> None:
        triggers = [{"type": "go", "conditions": [{"field": "stage", "operator": "equals", "value": "lead"}]}]
        simulation = started(rest(), triggers=triggers, exit=[{"on_mismatch": True}])
        simulation.trigger("anything")
        assert simulation.run.live
        simulation.trigger("anything", contact_patch={"stage": "customer"})
        assert (simulation.run.status, simulation.run.exit_reason) == ("exited", "filter_mismatch")

    def test_on_mismatch_leaves_only_when_its_condition_holds_too(self) -> None:
        triggers = [{"type": "go", "conditions": [{"field": "stage", "operator": "equals", "value": "lead"}]}]
        rule = {"on_mismatch": True, "when": {"field": "stage", "operator": "equals", "value": "lost"}}
        simulation = started(rest(), triggers=triggers, exit=[rule])
        simulation.trigger("anything", contact_patch={"stage": "customer"})
        assert simulation.run.live
        simulation.trigger("anything", contact_patch={"stage": "lost"})
        assert simulation.run.status == "exited"

    def test_an_exit_rule_that_errs_does_not_exit(self) -> None:
        simulation = started(rest(), exit=[{"on": "stop", "when": "nowhere.x > 1"}])
        simulation.trigger("stop")
        assert simulation.run.live


def _pause_run(simulation: Simulation) -> None:
    simulation.operate("pause")


def _resume_run(simulation: Simulation) -> None:
    simulation.operate("resume")


HOLDS = [(_pause_run, _resume_run), (Simulation.pause_workflow, Simulation.resume_workflow)]


@pytest.mark.parametrize(("hold", "let_go"), HOLDS, ids=["run", "workflow"])
class TestHeldRuns:
    def test_an_event_waits_until_the_run_goes_on(self, hold: Any, let_go: Any) -> None:
        simulation = started(listen(), task())
        hold(simulation)
        assert verdicts(simulation, "click") == [(BUFFERED, "paused")]
        assert simulation.run.step == "w"
        let_go(simulation)
        assert simulation.run.step == "t"

    def test_an_exit_goes_first_whatever_came_before_it(self, hold: Any, let_go: Any) -> None:
        simulation = started(listen(), task(), exit=[{"on": "stop"}])
        hold(simulation)
        simulation.trigger("click")
        assert verdicts(simulation, "stop") == [(BUFFERED, "paused")]
        let_go(simulation)
        assert (simulation.run.status, simulation.orders) == ("exited", [])

    def test_an_exit_goes_before_a_timer_that_fell_due_meanwhile(self, hold: Any, let_go: Any) -> None:
        simulation = started(rest(), task(), exit=[{"on": "stop"}])
        hold(simulation)
        simulation.wait(hours=2)
        simulation.trigger("stop")
        let_go(simulation)
        assert (simulation.run.status, simulation.orders) == ("exited", [])

    def test_events_and_results_take_effect_in_order_of_arrival(self, hold: Any, let_go: Any) -> None:
        simulation = started(task(), listen("w", "click"), task("u"))
        hold(simulation)
        simulation.complete({"first": 1})
        simulation.wait(minutes=1)
        simulation.trigger("click")
        let_go(simulation)
        assert simulation.run.step == "u"

    def test_no_timer_fires(self, hold: Any, let_go: Any) -> None:
        simulation = started(rest(), task())
        hold(simulation)
        simulation.wait(hours=2)
        assert simulation.run.step == "r"
        let_go(simulation)
        simulation.wait(seconds=0)
        assert simulation.run.step == "t"

    def test_an_event_that_concerns_nobody_is_not_kept(self, hold: Any, let_go: Any) -> None:
        simulation = started(listen(), task())
        hold(simulation)
        assert verdicts(simulation, "open") == []
        assert simulation.run.held == ()

    def test_a_contact_that_stopped_matching_leaves_when_the_run_goes_on(self, hold: Any, let_go: Any) -> None:
        triggers = [{"type": "go", "conditions": [{"field": "stage", "operator": "equals", "value": "lead"}]}]
        simulation = started(listen(), task(), triggers=triggers, exit=[{"on_mismatch": True}])
        hold(simulation)
        simulation.trigger("click", contact_patch={"stage": "lost"})
        let_go(simulation)
        assert simulation.run.exit_reason == "filter_mismatch"

    def test_what_does_not_fit_any_more_is_told_and_not_dropped_silently(self, hold: Any, let_go: Any) -> None:
        simulation = started(listen())
        hold(simulation)
        for _ in range(MAX_HELD):
            simulation.trigger("click")
        assert verdicts(simulation, "click") == [(BLOCKED, "buffer_full")]

    def test_all_of_it_can_be_decided_again(self, hold: Any, let_go: Any) -> None:
        simulation = started(listen("a"), listen("b", "open"), task(), exit=[{"on": "stop", "when": "1 > 2"}])
        hold(simulation)
        for kind in ("stop", "click", "open", "click"):
            simulation.trigger(kind)
        let_go(simulation)
        simulation.audit()
