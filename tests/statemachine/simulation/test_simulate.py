"""Simulating: a script plays in a world of its own, in order of time, the same way every time."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from statemachine.cause import TaskFailure
from statemachine.contact import Contact
from statemachine.simulation.kept import Record
from statemachine.simulation.memory import START
from statemachine.simulation.script import USUAL, Act, Result, Script
from statemachine.simulation.simulate import Simulated, simulate
from statemachine.simulation.trace import Answer
from statemachine.snapshot import Status
from statemachine.workflow import Workflow
from tests.statemachine.checked_world import compiled

Data = dict[str, Any]

SMS: Data = {"id": "sms", "type": "send_sms", "config": {"to": "+49", "body": "Hi"}}
TAG: Data = {"id": "tag", "type": "add_tag", "config": {"tag": "hot"}}
TIMEOUT = Answer(failure=TaskFailure("timeout", "too slow", True))


def wait(step_id: str, span: str) -> Data:
    return {"id": step_id, "type": "wait", "config": {"for": span}}


def listen(step_id: str, event: str, timeout: str) -> Data:
    return {"id": step_id, "type": "wait", "config": {"on": [{"event": event}], "timeout": timeout}}


def at(hours: float, kind: str = "go", **words: Any) -> Act:
    return Act(timedelta(hours=hours), "event", "ann", "flow", kind, **words)


def operate(hours: float, kind: Any, **data: Any) -> Act:
    return Act(timedelta(hours=hours), kind, "ann", "flow", data=data)


def play(*workflows: Workflow, acts: tuple[Act, ...] = (at(0),), **script: Any) -> Simulated:
    return simulate(Script(workflows, acts, **script))


def only(simulated: Simulated) -> Record:
    [record] = simulated.world.records.values()
    return record


def hours(simulated: Simulated) -> list[float]:
    """When each event and each line of history came, in hours since the beginning."""
    return [(moment.at - START) / timedelta(hours=1) for moment in simulated.trace]


class TestTime:
    def test_ninety_days_pass_without_waiting(self) -> None:
        simulated = play(compiled(wait("w", "90d"), TAG))
        assert (simulated.stopped, simulated.ended_at - START) == ("settled", timedelta(days=90))
        assert only(simulated).snapshot.status is Status.COMPLETED

    def test_timers_of_several_runs_fire_in_due_order(self) -> None:
        flows = [
            compiled(wait("w", span), key=key, entry={"priority": rank})
            for key, span, rank in (("late", "3h", 9), ("early", "1h", 5), ("mid", "2h", 1))
        ]
        ended = [m.workflow for m in play(*flows).trace if m.entry is not None and m.entry.kind == "completed"]
        assert ended == ["early", "mid", "late"]

    def test_at_one_instant_a_timer_goes_before_the_next_event_of_the_script(self) -> None:
        simulated = play(compiled(listen("w", "click", "2h")), acts=(at(0), at(2, "click")))
        assert [entry.outcome for entry in only(simulated).history if entry.outcome] == ["timeout"]

    def test_acts_are_played_in_order_of_time_and_then_as_written(self) -> None:
        flow = compiled(listen("w", "never", "9d"))
        simulated = play(flow, acts=(at(3, "c"), at(1, "a"), at(1, "b"), at(0)))
        assert [m.event.type for m in simulated.trace if m.event is not None][1:] == ["contact_created", "a", "b", "c"]

    def test_what_falls_due_in_an_outage_comes_at_its_end_in_due_order(self) -> None:
        flow = compiled(wait("w", "2h"), listen("v", "click", "9h"), TAG)
        outages = (
            Act(timedelta(hours=1), "outage", lasts=timedelta(hours=4)),
            Act(timedelta(hours=3), "outage", lasts=timedelta(hours=3)),
        )
        simulated = play(flow, acts=(at(0), *outages, at(4, "click")))
        entries = [entry for entry in only(simulated).history if entry.outcome]
        assert [(entry.step, entry.outcome, entry.at - START) for entry in entries] == [
            ("w", "done", timedelta(hours=5)), ("v", "done", timedelta(hours=6)), ("tag", "done", timedelta(hours=6)),
        ]  # fmt: skip

    def test_the_trace_never_goes_back_in_time(self) -> None:
        simulated = play(compiled(SMS, wait("w", "1d"), TAG), acts=(at(0), at(5, "x"), at(30, "y")))
        assert hours(simulated) == sorted(hours(simulated))

    def test_the_same_script_gives_the_same_trace(self) -> None:
        retry = {"max_attempts": 9, "backoff": "1m"}
        split = {"id": "s", "type": "split", "config": {"variants": {"a": 1, "b": 1}, "mode": "random"}}
        flow = compiled(split, SMS, TAG, retry=retry)
        results = {("flow", "sms"): (Result(TIMEOUT, 5),)}
        one, other = (play(flow, results=results) for _ in range(2))
        assert repr(one.trace) == repr(other.trace)
        assert len(one.attempts) == 6


class TestTheOutside:
    def test_a_message_is_delivered_at_once_with_the_output_that_connectors_give(self) -> None:
        simulated = play(compiled(SMS))
        [attempt] = simulated.attempts
        assert (attempt.order.input["body"], attempt.delivered, attempt.at) == ("Hi", True, START)
        assert only(simulated).snapshot.outputs == {"sms": {"message_id": "message-0001", "channel": "sms"}}

    def test_a_scripted_output_is_completed_not_replaced(self) -> None:
        call = {"id": "call", "type": "http_request", "config": {"url": "https://example.org"}}
        results = {("flow", "call"): (Result(Answer(output={"data": {"x": 1}})),)}
        outputs = only(play(compiled(call), results=results)).snapshot.outputs
        assert outputs["call"] == {"status": 200, "headers": {}, "data": {"x": 1}}

    def test_transient_errors_are_tried_again_after_the_workflow_s_own_backoff(self) -> None:
        flow = compiled(
            SMS, retry={"max_attempts": 4, "backoff": "1h", "factor": 2, "jitter": "none", "max_backoff": "9h"}
        )
        simulated = play(flow, results={("flow", "sms"): (Result(TIMEOUT, 2),)})
        assert [(one.at - START) / timedelta(hours=1) for one in simulated.attempts] == [0, 1, 3]
        assert only(simulated).snapshot.status is Status.COMPLETED

    def test_retries_end_where_the_policy_ends(self) -> None:
        simulated = play(compiled(SMS, retry={"max_attempts": 3}), results={("flow", "sms"): (Result(TIMEOUT),)})
        assert (len(simulated.attempts), only(simulated).snapshot.status) == (3, Status.FAILED)

    def test_a_permanent_error_goes_where_on_error_says(self) -> None:
        refused = Answer(failure=TaskFailure("http_404", "gone", False))
        flow = compiled({**SMS, "on_error": "tag", "next": "end"}, TAG)
        simulated = play(flow, results={("flow", "sms"): (Result(refused),)})
        assert (only(simulated).path, len(simulated.attempts)) == (("sms", "tag"), 1)

    def test_a_task_that_is_never_answered_stays_open(self) -> None:
        simulated = play(compiled(SMS), results={("flow", "sms"): (Result(Answer(never=True)),)})
        assert (simulated.stopped, only(simulated).snapshot.step, simulated.attempts) == ("settled", "sms", ())

    def test_an_answer_may_take_its_time(self) -> None:
        slow = Answer(after=timedelta(hours=2))
        flow = compiled({"id": "t", "type": "task"}, exit={"on": "stop"})
        results = {("flow", "t"): (Result(slow),)}
        assert only(play(flow, results=results)).snapshot.ended_at == START + timedelta(hours=2)
        assert only(play(flow, acts=(at(0), at(1, "stop")), results=results)).snapshot.status is Status.EXITED

    def test_each_visit_of_a_step_has_its_own_result_and_the_last_one_holds(self) -> None:
        ask = {"id": "ask", "type": "task", "branches": {"again": "pause"}, "next": "end"}
        flow = compiled(ask, {**wait("pause", "1h"), "next": "ask"})
        again = Result(Answer("again"))
        assert only(play(flow, results={("flow", "ask"): (again, again, Result(USUAL))})).path == (
            "ask", "pause", "ask", "pause", "ask",
        )  # fmt: skip

    def test_an_answer_while_the_run_is_paused_counts_when_it_is_resumed(self) -> None:
        slow = {("flow", "t"): (Result(Answer("done", {"x": 1}, after=timedelta(hours=2))),)}
        acts = (at(0), operate(1, "pause"), operate(5, "resume"))
        snapshot = only(play(compiled({"id": "t", "type": "task"}), acts=acts, results=slow)).snapshot
        assert (snapshot.status, snapshot.ended_at) == (Status.COMPLETED, START + timedelta(hours=5))


class TestRaisedEvents:
    def test_a_tag_that_a_step_adds_enrols_into_another_workflow(self) -> None:
        hot = compiled(wait("w", "1h"), key="hot", triggers=[{"type": "tag_added", "config": {"tag": "hot"}}])
        simulated = play(compiled(TAG), hot)
        assert [record.workflow.key for record in simulated.world.records.values()] == ["flow", "hot"]
        raised = [(m.event.type, m.event.chain) for m in simulated.trace if m.kind == "raised" and m.event]
        assert ("tag_added", ("flow",)) in raised

    def test_a_workflow_is_not_entered_by_its_own_events(self) -> None:
        flow = compiled(TAG, triggers=[{"type": "go"}, {"type": "tag_added"}])
        assert len(play(flow).world.records) == 1

    def test_an_event_about_a_contact_that_is_new_creates_it(self) -> None:
        simulated = play(compiled(TAG), acts=(at(0, contact_patch={"first_name": "Ann"}),))
        assert simulated.world.contacts["ann"].attributes == {"first_name": "Ann"}
        assert [m.event.type for m in simulated.trace if m.kind == "raised" and m.event][-1] == "contact_created"

    def test_a_contact_that_exists_is_not_created_again(self) -> None:
        simulated = play(compiled(SMS), contacts=(Contact("ann", revision=1),))
        assert [m for m in simulated.trace if m.kind == "raised"] == []

    def test_an_upsert_raises_what_it_changes(self) -> None:
        flow = compiled(SMS, triggers=[{"type": "field_changed", "config": {"field": "stage", "to": "lead"}}])
        upsert = Act(timedelta(0), "upsert", "ann", data={"stage": "lead"})
        assert len(play(flow, acts=(upsert,)).world.records) == 0
        assert len(play(flow, acts=(upsert,), contacts=(Contact("ann", revision=1),)).world.records) == 1


class TestOperators:
    def test_a_run_is_paused_and_resumed_and_keeps_its_deadline(self) -> None:
        acts = (at(0), operate(1, "pause"), operate(2, "resume"))
        assert play(compiled(wait("w", "5h")), acts=acts).ended_at == START + timedelta(hours=5)

    def test_a_failed_run_is_retried(self) -> None:
        flow = compiled(SMS, retry={"max_attempts": 1})
        simulated = play(
            flow, acts=(at(0), operate(1, "retry")), results={("flow", "sms"): (Result(TIMEOUT), Result(USUAL))}
        )
        assert only(simulated).snapshot.status is Status.COMPLETED

    def test_an_enrolment_by_api_needs_no_trigger(self) -> None:
        act = Act(timedelta(0), "enroll", "ann", "flow", data={"n": 1}, key="k")
        snapshot = only(play(compiled(TAG, triggers=[]), acts=(act,))).snapshot
        assert (snapshot.entry_key, snapshot.trigger["data"]) == ("k", {"n": 1})

    @pytest.mark.parametrize(
        ("act", "said"),
        [
            (operate(1, "pause"), "allowed"),
            (operate(0, "cancel"), "no enrollment of contact 'ann' in 'flow'"),
            (at(1, contact_patch={"tags": "hot"}), "tags must be a list"),
        ],
    )
    def test_what_is_refused_is_told_and_changes_nothing(self, act: Act, said: str) -> None:
        acts = (act,) if act.kind == "cancel" else (at(0), act)
        simulated = play(compiled(TAG), acts=acts)
        [refused] = [moment.refusal for moment in simulated.trace if moment.refusal]
        assert said in refused


class TestLimits:
    RING = ({"id": "a", "type": "wait", "config": {"for": "1h"}}, {"id": "b", "type": "goto", "config": {"to": "a"}})

    def test_a_journey_without_end_is_stopped_by_its_time(self) -> None:
        simulated = play(compiled(*self.RING), lasts=timedelta(days=1))
        assert (simulated.stopped, simulated.ended_at) == ("time", START + timedelta(days=1))
        assert only(simulated).snapshot.status is Status.WAITING

    def test_a_journey_without_end_is_stopped_by_its_transitions(self) -> None:
        simulated = play(compiled(*self.RING), max_transitions=500)
        assert (simulated.stopped, 500 <= simulated.world.transitions < 510) == ("transitions", True)

    def test_a_trace_without_end_is_stopped_by_its_size(self) -> None:
        assert play(compiled(*self.RING), max_bytes=10_000).stopped == "size"

    def test_runs_that_move_each_other_for_ever_are_stopped(self) -> None:
        """Adding a tag wakes one run, removing it the other, all at one instant."""

        def steps(first: str, then: str, wake: str) -> list[Data]:
            first_step = {"id": "one", "type": first, "config": {"tag": "x"}}
            return [first_step, listen("w", wake, "1d"), {"id": "g", "type": "goto", "config": {"to": "one"}}]

        adder = compiled(*steps("add_tag", "", "tag_removed"))
        remover = compiled(*steps("remove_tag", "", "tag_added"), key="z")
        simulated = play(adder, remover, max_transitions=1_000)
        assert (simulated.stopped, simulated.ended_at) == ("transitions", START)
