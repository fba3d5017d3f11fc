"""compensate: finished steps that say how are undone in reverse order, each once; and on_failure."""

from __future__ import annotations

import json
from typing import Any

import pytest

from statemachine.conversion import convert
from statemachine.definition import load_workflow
from statemachine.errors import WorkflowError
from statemachine.limits import MAX_UNDOS
from statemachine.run_explanation import explain_run
from statemachine.snapshot import Status
from tests.statemachine.checked_world import Simulation, compiled
from tests.statemachine.test_guards import CALL, HANDLER, REST, attempt, bad, mark, problems, said, seen, started

Data = dict[str, Any]
BACK = {"id": "back", "type": "compensate"}


def task(name: str, **keys: Any) -> Data:
    return {"id": name, "type": "task", "retry": {"max_attempts": 1}, **keys}


def undoing(name: str, *undo: Data) -> Data:
    """A step that marks itself, and says how that is undone."""
    return mark(name, compensate=list(undo) or [mark(f"un{name}")])


class TestUndoing:
    @pytest.mark.parametrize(
        ("steps", "expected"),
        [
            ([undoing("a"), mark("b"), undoing("c"), BACK, mark("d")], "a b c unc una d"),
            ([BACK, undoing("a")], "a"),
            ([undoing("a"), BACK, {**BACK, "id": "again"}], "a una"),
            ([undoing("a"), BACK, undoing("b"), {**BACK, "id": "again"}], "a una b unb"),
            ([mark("a", when="1 > 2", compensate=[mark("una")]), BACK], ""),
            ([bad("x", on_error="back"), BACK], ""),
            ([attempt(undoing("a"), bad(), undoing("b"), catch=[BACK, mark("c")]), mark("d")], "a una c d"),
            ([attempt(undoing("a"), **{"finally": [BACK]}), mark("d")], "a una d"),
            ([{"id": "l", "type": "count", "config": {"count": 2},
               "body": [mark("a", compensate=[said("{{variables.seen}} u{{steps.x.output}}")]),
                        {"id": "x", "type": "transform", "config": {"expression": "loop.index"}}]}, BACK],
             "a a u1 u1"),
            ([undoing("a", mark("u1"), attempt(bad(), catch=[mark("u2")], **{"finally": [mark("u3")]}), mark("u4")),
              BACK], "a u1 u2 u3 u4"),
            ([undoing("a", {"id": "l", "type": "count", "config": {"count": 2}, "body": [mark("u")]}), BACK], "a u u"),
            ([undoing("a", bad(), HANDLER, mark("u")), BACK], "a u"),
            ([{"id": "l", "type": "count", "config": {"count": 2}, "body": [undoing("a"), BACK, mark("b")]}],
             "a una b a una b"),
        ],
    )  # fmt: skip
    def test_finished_steps_are_undone_in_reverse_order_each_once(self, steps: list[Data], expected: str) -> None:
        simulation = started(*steps)
        assert (simulation.run.status, seen(simulation), simulation.run.undos) == (Status.COMPLETED, expected, ())

    def test_an_undo_sees_the_input_and_output_of_the_very_visit(self) -> None:
        value = "{{variables.seen}} {{undo.step}}:{{undo.input.item}}:{{undo.output.id}}:{{steps.book.output.id}}"
        book = task("book", config={"input": {"item": "{{loop.item}}"}}, compensate=[said(value)])
        loop = {"id": "l", "type": "for_each", "config": {"items": "trigger.data.list"}, "body": [book]}
        simulation = started(loop, BACK, said("{{variables.seen}} {{steps.book.output.id}} {{undo.step}}", "after"))
        simulation.complete({"id": 1})
        simulation.complete({"id": 2})
        assert seen(simulation) == "book:b:2:2 book:a:1:1 2 {{undo.step}}"
        assert simulation.run.outputs["back"] == {"undone": 2}
        simulation.audit()

    def test_a_step_that_failed_or_is_under_way_is_not_undone(self) -> None:
        steps = attempt(undoing("a"), task("b", compensate=[mark("unb")]), catch=[BACK])
        simulation = started(steps)
        simulation.fail("down")
        assert (simulation.run.status, seen(simulation)) == (Status.COMPLETED, "a una")

    def test_an_undo_may_wait_and_order_tasks_and_survives_in_between(self) -> None:
        simulation = started(undoing("a", REST, task("refund"), mark("una")), undoing("b"), BACK)
        assert ([frame.step for frame in simulation.run.frames], simulation.run.step) == (["back"], "rest")
        simulation.wait(days=1)
        simulation.complete({})
        assert (simulation.run.status, seen(simulation)) == (Status.COMPLETED, "a b unb una")
        simulation.audit()

    def test_a_failing_undo_fails_the_step_and_the_rest_goes_on_at_a_retry(self) -> None:
        simulation = started(undoing("a"), undoing("b", mark("unb"), task("refund")), undoing("c"), BACK, mark("d"))
        for _ in range(2):
            simulation.fail("down")
            assert (simulation.run.status, simulation.run.step) == (Status.FAILED, "refund")
            assert [undo.step for undo in simulation.run.undos] == ["a", "b"]
            simulation.operate("retry")
            simulation.audit()
        simulation.complete({})
        assert (simulation.run.status, seen(simulation)) == (Status.COMPLETED, "a b c unc unb una d")
        simulation.audit()

    def test_the_step_may_say_where_a_failing_undo_leads_and_another_step_goes_on(self) -> None:
        steps = [undoing("a"), undoing("b", task("refund")), {**BACK, "on_error": "more"}, mark("d"),
                 {**BACK, "id": "more"}]  # fmt: skip
        simulation = started(*steps)
        simulation.fail("down")
        simulation.complete({})
        assert (simulation.run.status, seen(simulation)) == (Status.COMPLETED, "a b una")
        simulation.audit()

    def test_what_would_have_to_be_undone_is_bounded(self) -> None:
        step = mark("a", config={"path": "x", "value": 1}, compensate=[mark("una")])
        simulation = started({"id": "l", "type": "count", "config": {"count": MAX_UNDOS, "max_iterations": 2000},
                              "body": [step]}, {**step, "id": "z", "compensate": [mark("unz")]})  # fmt: skip
        error = simulation.run.last_error
        assert error is not None
        assert (error.step, error.code, len(simulation.run.undos)) == ("z", "too_many_undos", MAX_UNDOS)


FAILURE = {"on_failure": [said("{{variables.seen}} {{error.step}}:{{error.code}}", "told")]}


class TestOnFailure:
    @pytest.mark.parametrize(
        ("steps", "expected"),
        [
            ([mark("a"), bad(), mark("b")], "a bad:not_a_list"),
            ([attempt(bad(), **{"finally": [mark("f")]})], "f bad:not_a_list"),
            ([{"id": "l", "type": "count", "config": {"count": 2}, "body": [bad()]}], "bad:not_a_list"),
        ],
    )
    def test_it_is_done_once_and_the_run_ends_with_its_own_error(self, steps: list[Data], expected: str) -> None:
        simulation = started(*steps, **FAILURE)
        run = simulation.run
        assert run.last_error is not None
        assert (run.status, run.step, run.last_error.code, seen(simulation)) == (
            Status.FAILED, "bad", "not_a_list", expected
        )  # fmt: skip
        step = simulation.records[simulation.last].workflow.steps["bad"]
        assert tuple(frame.step for frame in run.frames) == step.within
        assert simulation.kinds().count("failed") == 1

    def test_it_is_not_done_when_nothing_fails_or_the_error_is_taken(self) -> None:
        assert seen(started(mark("a"), **FAILURE)) == "a"
        assert seen(started(attempt(bad(), catch=[mark("c")]), **FAILURE)) == "c"

    def test_the_run_lives_until_its_tasks_are_done(self) -> None:
        simulation = started(bad(), on_failure=[task("tell"), REST, mark("told")], exit=[{"on": "stop"}])
        assert (simulation.run.status, simulation.run.step) == (Status.WAITING, "tell")
        simulation.trigger("stop")
        simulation.complete({})
        assert simulation.run.step == "rest"
        simulation.wait(days=1)
        assert (simulation.run.status, simulation.run.step, seen(simulation)) == (Status.FAILED, "bad", "told")
        simulation.audit()

    @pytest.mark.parametrize("last", [bad("worse"), {"id": "x", "type": "exit"}, {"id": "x", "type": "end"}])
    def test_whatever_ends_it_the_run_has_failed_with_its_own_error(self, last: Data) -> None:
        run = started(bad(), on_failure=[mark("a"), last, mark("never")]).run
        assert run.last_error is not None
        assert (run.status, run.last_error.step, run.exit_reason, run.step) == (Status.FAILED, "bad", None, "bad")

    def test_it_can_be_cancelled(self) -> None:
        simulation = started(bad(), on_failure=[REST])
        simulation.operate("cancel")
        assert (simulation.run.status, simulation.run.frames) == (Status.CANCELLED, ())
        simulation.audit()

    def test_it_is_done_again_when_a_retry_fails_again(self) -> None:
        simulation = started(CALL, **FAILURE)
        simulation.fail("one")
        simulation.operate("retry")
        simulation.fail("two")
        assert (simulation.run.status, seen(simulation)) == (Status.FAILED, "call:one call:two")
        simulation.operate("retry")
        simulation.complete({})
        assert simulation.run.status is Status.COMPLETED
        simulation.audit()

    @pytest.mark.parametrize(
        ("document", "code"),
        [
            ({"limits": {"max_transitions": 2}}, "max_transitions"),
            ({"limits": {"max_duration": "1h"}}, "max_duration_exceeded"),
            ({"variables": {"seen": "", "x": "{{ nowhere.x }}"}, "on_missing": "fail"}, "missing_value"),
        ],
    )
    def test_a_run_that_fails_as_a_whole_does_it_too(self, document: Data, code: str) -> None:
        steps: list[Data] = [
            {"id": "p", "type": "pass"},
            REST,
            {"id": "q", "type": "pass"},
            {"id": "r", "type": "pass"},
        ]
        told = {"id": "told", "type": "add_tag", "config": {"tag": "told"}}
        simulation = started(*steps, on_failure=[told], **document)
        simulation.wait(days=2)
        assert simulation.run.last_error is not None
        assert (simulation.run.status, simulation.run.last_error.code) == (Status.FAILED, code)
        assert simulation.contact.tags == ("told",)
        simulation.audit()

    def test_it_may_undo_what_was_finished(self) -> None:
        simulation = started(undoing("a"), CALL, on_failure=[BACK])
        simulation.fail("down")
        assert (simulation.run.status, seen(simulation), simulation.run.undos) == (Status.FAILED, "a una", ())
        simulation.audit()

    def test_a_failing_undo_in_it_is_retried_by_nobody(self) -> None:
        simulation = started(undoing("a", task("refund")), CALL, on_failure=[BACK])
        simulation.fail("down")
        simulation.fail("down too")
        assert (simulation.run.status, simulation.run.step) == (Status.FAILED, "call")
        assert [undo.step for undo in simulation.run.undos] == ["a"]
        simulation.audit()

    def test_what_ends_a_run_for_good_has_nothing_to_retry(self) -> None:
        simulation = started(bad(), on_failure=[REST])
        with pytest.raises(WorkflowError):
            simulation.operate("retry")


class TestMistakes:
    @pytest.mark.parametrize(
        ("steps", "document", "expected"),
        [
            ([{**REST, "compensate": [mark("u")]}], {}, ("not_applicable", "steps[0].compensate")),
            ([attempt(mark("a"), catch=[mark("c")], compensate=[mark("u")])], {},
             ("not_applicable", "steps[0].compensate")),
            ([mark("a", compensate=["b"]), mark("b")], {}, ("bad_value", "steps[0].compensate")),
            ([mark("a", compensate=[])], {}, ("bad_value", "steps[0].compensate")),
            ([mark("a"), BACK], {}, ("nothing_to_undo", "steps[1]")),
            ([undoing("a")], {}, ("unreachable_step", "steps[0].compensate[0]")),
            ([undoing("a", BACK), {**BACK, "id": "b2"}], {}, ("not_applicable", "steps[0].compensate[0].type")),
            ([undoing("a", mark("u", next="b")), BACK, mark("b")], {}, ("leaves_body", "steps[0].compensate[0]")),
            ([undoing("a", {"id": "x", "type": "exit"}), BACK], {}, ("leaves_body", "steps[0].compensate[0]")),
            ([undoing("a", mark("u", next="end")), BACK], {}, ("leaves_body", "steps[0].compensate[0]")),
            ([undoing("a"), BACK, mark("b", next="una")], {}, ("into_body", "steps[2]")),
            ([undoing("a"), BACK, said("{{undo.output}}")], {}, ("unknown_name", "steps[2].config.value")),
            ([undoing("a", said("{{undo.outputs}}")), BACK], {},
             ("unknown_name", "steps[0].compensate[0].config.value")),
            ([bad()], {"on_failure": []}, ("bad_value", "on_failure")),
            ([bad()], {"on_failure": ["bad"]}, ("bad_value", "on_failure")),
            ([bad()], {"on_failure": [mark("f", next="bad")]}, ("leaves_body", "on_failure[0]")),
            ([bad(on_error="f")], {"on_failure": [mark("f")]}, ("into_body", "steps[0]")),
            ([{"id": "p", "type": "pass"}], {"on_failure": [mark("f")]}, ("unreachable_step", "on_failure[0]")),
            ([mark("f")], {"on_failure": [mark("f")]}, ("duplicate_id", "on_failure[0].id")),
        ],
    )  # fmt: skip
    def test_a_mistake_is_pointed_at(self, steps: list[Data], document: Data, expected: tuple[str, str]) -> None:
        assert expected in problems(*steps, **document)

    @pytest.mark.parametrize(
        "steps",
        [
            [task("a", compensate=[said("{{undo.output.id}} {{steps.a.output.id}} {{undo.input.x}}")]), BACK],
            [undoing("a"), BACK, {"id": "l", "type": "wait", "config": {"for": "1d"}}, mark("x", next="end")],
        ],
    )
    def test_what_is_right_is_not_complained_of(self, steps: list[Data]) -> None:
        assert problems(*steps, on_failure=[said("{{error.message}}", "told")]) == []


@pytest.mark.parametrize("form", ["yaml", "canvas"])
def test_it_is_written_in_other_formats_without_loss(form: Any) -> None:
    steps = [undoing("a", bad(), {**HANDLER, "id": "hu"}, mark("u")), attempt(undoing("b"), catch=[BACK]), mark("z")]
    document = {"key": "flow", "variables": {"seen": ""}, "triggers": [{"type": "go"}], "steps": steps,
                "on_failure": [bad("f1"), {**HANDLER, "id": "hf"}, mark("f2")]}  # fmt: skip
    first = compiled(*steps, variables={"seen": ""}, on_failure=document["on_failure"])
    text = convert(load_workflow(json.dumps(document)), "canvas")
    again = load_workflow(text if form == "canvas" else convert(load_workflow(text), "yaml"))
    assert again.workflow is not None, [str(problem) for problem in again.problems]
    assert again.workflow.on_failure == first.on_failure == "f1"
    assert {step.id: _meaning(step) for step in again.workflow.steps.values()} == {
        step.id: _meaning(step) for step in first.steps.values()
    }


def _meaning(step: Any) -> tuple[Any, ...]:
    return dict(step.targets), step.within, step.bodies, step.on_error or step.caught_by, step.undo


def test_a_workflow_written_out_flat_says_how_its_steps_are_undone() -> None:
    loaded = load_workflow(json.dumps({"key": "k", "variables": {"seen": ""}, "steps": [undoing("a"), BACK],
                                       "on_failure": [mark("told")]}))  # fmt: skip
    again = load_workflow(json.dumps(loaded.canonical))
    assert again.workflow is not None
    assert (again.workflow.steps["a"].undo, again.workflow.on_failure) == ("una", "told")


def test_the_simulation_leaves_no_trace_of_undos_in_a_run_that_has_ended() -> None:
    simulation = Simulation(compiled(undoing("a"), REST, exit=[{"on": "stop"}], variables={"seen": ""}))
    simulation.trigger("go")
    assert [undo.step for undo in simulation.run.undos] == ["a"]
    simulation.trigger("stop")
    assert simulation.run.undos == ()


def test_explain_says_what_it_failed_with_and_what_it_undoes() -> None:
    simulation = started(undoing("a", REST), bad(), on_failure=[BACK], exit=[{"on": "stop"}])
    record = simulation.records[simulation.last]
    account = explain_run(record.workflow, record.snapshot, simulation.world.surroundings(simulation.last))
    assert account.reason.endswith(
        " It undoes step 'a'. It failed at step 'bad': `items` has to be a list, not text (no list) (not_a_list), "
        "and ends so after `on_failure`."
    )
    assert "exit" not in [move.kind for move in account.moves]


def test_branches_in_on_failure_come_to_their_end_and_one_that_fails_leaves_it_to_the_run() -> None:
    both = {"id": "both", "type": "parallel", "branches": {"x": [mark("a")], "y": [REST, mark("b")]}}
    simulation = Simulation(compiled(bad(), on_failure=[both, said("told", "n")], variables={"seen": ""}))
    simulation.trigger("go", data={"text": "no list"})
    simulation.wait(days=1)
    parent, *children = [record.snapshot for record in simulation.records.values()]
    assert [child.status for child in children] == [Status.COMPLETED, Status.COMPLETED]
    assert (parent.status, parent.step, parent.variables["seen"]) == (Status.FAILED, "bad", "told")
    fork = {"id": "both", "type": "parallel", "branches": {"x": [mark("a"), bad()], "y": [mark("b")]}}
    simulation = Simulation(compiled(fork, on_failure=[mark("told")], variables={"seen": ""}))
    simulation.trigger("go", data={"text": "no list"})
    told = [line for record in simulation.records.values() for line in record.history if line.step == "told"]
    assert len(told) == 1
    simulation.audit()


def test_a_message_that_the_contact_does_not_want_is_not_undone() -> None:
    send = {"id": "send", "type": "send_sms", "config": {"body": "Hi"}, "compensate": [mark("unsent")]}
    simulation = Simulation(compiled(send, BACK, variables={"seen": ""}))
    simulation.trigger("contact_unsubscribed", contact_patch={"phone": "+49"})
    simulation.trigger("go")
    assert (simulation.run.status, seen(simulation), simulation.run.undos) == (Status.COMPLETED, "", ())
