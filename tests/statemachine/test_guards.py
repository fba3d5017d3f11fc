"""try, fallback and error_handler: where errors go, and that `finally` is done once whatever happens."""

from __future__ import annotations

import json
from typing import Any

import pytest

from statemachine.conversion import convert
from statemachine.definition import load_workflow
from statemachine.frame import Guard
from statemachine.snapshot import Status
from tests.statemachine.checked_world import Simulation, compiled

Data = dict[str, Any]
CALL = {"id": "call", "type": "task", "retry": {"max_attempts": 1}}
REST = {"id": "rest", "type": "wait", "config": {"for": "1d"}}


def mark(name: str, **keys: Any) -> Data:
    """A step that writes its id at the end of `seen`."""
    value = f"{{{{variables.seen}}}} {name}"
    return {"id": name, "type": "set_variable", "config": {"path": "seen", "value": value}, **keys}


def said(value: str, name: str = "n") -> Data:
    """A step that makes `seen` this."""
    return mark(name, config={"path": "seen", "value": value})


def bad(name: str = "bad", **keys: Any) -> Data:
    """A step that fails with `not_a_list`."""
    return {"id": name, "type": "for_each", "config": {"items": "x", "body": [mark(f"{name}_body")]}, **keys} | {
        "config": {"items": "trigger.data.text"}, "body": [mark(f"{name}_body")],
    }  # fmt: skip


def attempt(*steps: Data, name: Any = "t", **bodies: Any) -> Data:
    return {"id": name, "type": "try", "steps": list(steps), **bodies}


def jump(to: str, name: str = "jump", **keys: Any) -> Data:
    return {"id": name, "type": "goto", "config": {"to": to}, **keys}


def started(*steps: Data, **document: Any) -> Simulation:
    simulation = Simulation(compiled(*steps, **{"variables": {"seen": ""}, **document}))
    simulation.trigger("go", data={"text": "no list", "list": ["a", "b"]})
    simulation.audit()
    return simulation


def seen(simulation: Simulation) -> str:
    return str(simulation.run.variables["seen"]).strip()


def problems(*steps: Data, **document: Any) -> list[tuple[str, str]]:
    whole = {"key": "k", "variables": {"seen": ""}, **document, "steps": list(steps)}
    return [(problem.code, problem.path) for problem in load_workflow(json.dumps(whole)).problems]


class TestTry:
    @pytest.mark.parametrize(
        ("step", "expected"),
        [
            (attempt(mark("a"), catch=[mark("c")]), "a after"),
            (attempt(mark("a"), **{"finally": [mark("f")]}), "a f after"),
            (attempt(mark("a"), catch=[mark("c")], **{"finally": [mark("f")]}), "a f after"),
            (attempt(mark("a"), bad(), mark("b"), catch=[mark("c")]), "a c after"),
            (attempt(bad(), catch=[mark("c")], **{"finally": [mark("f")]}), "c f after"),
            (attempt(bad(on_error="b"), mark("b"), catch=[mark("c")]), "b after"),
            (attempt(attempt(bad(), **{"finally": [mark("f")]}), name="o", catch=[mark("c")]), "f c after"),
            (attempt(attempt(bad(), catch=[bad("b2")], **{"finally": [mark("f")]}), name="o", catch=[mark("c")]),
             "f c after"),
            (attempt(attempt(bad(), catch=[mark("i")]), name="o", catch=[mark("c")]), "i after"),
            (attempt(bad(), on_error="sorry", **{"finally": [mark("f")]}), "f sorry"),
            (attempt({"id": "l", "type": "count", "config": {"count": 3}, "body": [mark("a"), bad()]},
                     catch=[mark("c")]), "a c after"),
            ({"id": "l", "type": "count", "config": {"count": 2}, "body": [attempt(bad(), catch=[mark("c")])]},
             "c c after"),
        ],
    )  # fmt: skip
    def test_errors_go_to_catch_and_finally_is_done_once(self, step: Data, expected: str) -> None:
        simulation = started(step, mark("after"), {"id": "stop", "type": "end"}, mark("sorry"))
        assert (simulation.run.status, seen(simulation), simulation.run.frames) == (Status.COMPLETED, expected, ())

    @pytest.mark.parametrize(
        ("leave", "expected", "status"),
        [
            (jump("far"), "f far", Status.COMPLETED),
            (mark("a", next="far"), "a f far", Status.COMPLETED),
            (mark("a", next="end"), "a f", Status.COMPLETED),
            ({"id": "x", "type": "exit", "config": {"reason": "why"}}, "f", Status.EXITED),
            ({"id": "x", "type": "end"}, "f", Status.COMPLETED),
            (bad(on_error="far"), "f far", Status.COMPLETED),
            (mark("a", when="1 > 2", next="far"), "f far", Status.COMPLETED),
        ],
    )
    def test_a_way_out_passes_finally_once(self, leave: Data, expected: str, status: Status) -> None:
        step = attempt(leave, **{"finally": [mark("f")]})
        simulation = started(step, mark("after"), {"id": "stop", "type": "end"}, mark("far"))
        assert (simulation.run.status, seen(simulation)) == (status, expected)
        assert simulation.run.exit_reason == ("why" if status is Status.EXITED else None)

    @pytest.mark.parametrize("leave", [jump("far"), {"id": "x", "type": "exit", "config": {"reason": "why"}}])
    def test_a_way_out_of_several_passes_each_finally_from_the_inside_out(self, leave: Data) -> None:
        inner = attempt(leave, name="inner", **{"finally": [mark("f1")]})
        middle = attempt(inner, name="middle", catch=[mark("c")])
        simulation = started(attempt(middle, **{"finally": [mark("f2")]}), {"id": "stop", "type": "end"}, mark("far"))
        assert seen(simulation) == ("f1 f2 far" if leave["type"] == "goto" else "f1 f2")

    @pytest.mark.parametrize(("kind", "expected"), [("break", "a f after"), ("continue", "a f a f after")])
    def test_break_and_continue_pass_finally(self, kind: str, expected: str) -> None:
        step = attempt(mark("a"), {"id": "j", "type": kind}, mark("never"), **{"finally": [mark("f")]})
        loop = {"id": "l", "type": "count", "config": {"count": 2}, "body": [step, mark("end_of_round")]}
        simulation = started(loop, mark("after"))
        assert (seen(simulation), simulation.run.outputs["l"]["broken"]) == (expected, kind == "break")

    def test_an_error_of_finally_takes_the_place_of_the_one_before(self) -> None:
        step = attempt(
            bad(), **{"finally": [mark("f"), {"id": "worse", "type": "transform", "config": {"expression": "1 / 0"}}]}
        )
        run = started(step).run
        assert run.last_error is not None
        assert (run.status, run.last_error.step, run.variables["seen"]) == (Status.FAILED, "worse", " f")

    def test_a_body_may_wait_and_order_tasks(self) -> None:
        step = attempt(REST, CALL, catch=[said("{{error.step}} {{error.code}}", "c")])
        simulation = started(step, mark("after"))
        simulation.wait(days=1)
        assert [frame.step for frame in simulation.run.frames] == ["t"]
        simulation.fail("down")
        assert (simulation.run.status, seen(simulation)) == (Status.COMPLETED, "call down after")
        simulation.audit()

    def test_the_error_can_be_read_in_catch_and_after(self) -> None:
        parts = ("step", "code", "message", "transient", "attempt")
        text = "/".join(f"{{{{error.{part}}}}}" for part in parts)
        note = said(text)
        late = mark("late", config={"path": "late", "value": "{{last_error.code}}"})
        simulation = started(attempt({**CALL, "retry": {"max_attempts": 2, "jitter": "none"}}, catch=[note]), late)
        simulation.fail("down")
        simulation.fail("down")
        assert simulation.run.variables == {"seen": "call/down/it said down/true/2", "late": "down"}

    def test_a_retry_inside_catch_does_not_hide_what_was_caught(self) -> None:
        again = {"id": "again", "type": "task", "retry": {"max_attempts": 2}}
        note = said("{{error.step}}")
        simulation = started(attempt(CALL, catch=[again, note]))
        simulation.fail("down", retryable=False)
        simulation.fail("busy")
        simulation.complete({})
        assert seen(simulation) == "call"
        simulation.audit()

    @pytest.mark.parametrize(("retryable", "transient"), [(True, True), (False, False)])
    def test_an_error_is_transient_when_another_attempt_might_have_done_better(
        self, retryable: bool, transient: bool
    ) -> None:
        simulation = started(CALL)
        simulation.fail("down", retryable=retryable)
        assert simulation.run.last_error is not None
        assert simulation.run.last_error.transient is transient

    def test_exit_rules_cancels_and_limits_leave_at_once(self) -> None:
        simulation = started(attempt(REST, **{"finally": [mark("f")]}), exit=[{"on": "stop"}])
        simulation.trigger("stop")
        assert (simulation.run.status, seen(simulation), simulation.run.frames) == (Status.EXITED, "", ())

    def test_the_guard_stands_in_history_with_what_it_let_out(self) -> None:
        history = started(attempt(bad(), **{"finally": [mark("f")]})).history
        lines = [(line.kind, line.outcome, dict(line.metadata)) for line in history if line.step == "t"]
        assert lines == [
            ("step_completed", "steps", {}),
            ("step_completed", "finally", {}),
            ("step_failed", "error", {"of": "bad"}),
        ]


class TestRetry:
    def test_a_retry_goes_back_into_the_step_that_failed_inside_its_bodies(self) -> None:
        work = {
            "id": "work",
            "type": "task",
            "config": {"input": {"item": "{{loop.item}}"}},
            "retry": {"max_attempts": 1},
        }
        loop = {"id": "l", "type": "for_each", "config": {"items": "trigger.data.list"}, "body": [work]}
        simulation = started(attempt(mark("a"), loop, **{"finally": [mark("f")]}), mark("after"))
        simulation.complete({})
        simulation.fail("down")
        assert (simulation.run.status, simulation.run.step, seen(simulation)) == (Status.FAILED, "work", "a f")
        simulation.audit()
        simulation.operate("retry", input={"item": "edited"})
        assert simulation.orders[-1].input == {"item": "edited"}
        simulation.complete({})
        assert (simulation.run.status, seen(simulation)) == (Status.COMPLETED, "a f f after")
        simulation.audit()

    def test_a_run_that_failed_in_catch_goes_on_in_catch_and_may_fail_there_again(self) -> None:
        note = said("{{error.step}}")
        second = {"id": "second", "type": "task", "retry": {"max_attempts": 1}}
        simulation = started(attempt(CALL, catch=[second, note], **{"finally": [mark("f")]}))
        simulation.fail("down")
        for _ in range(2):
            simulation.fail("down too")
            assert (simulation.run.status, simulation.run.step) == (Status.FAILED, "second")
            simulation.operate("retry")
            simulation.audit()
        simulation.complete({})
        assert (simulation.run.status, seen(simulation)) == (Status.COMPLETED, "call f")
        simulation.audit()

    def test_a_retry_in_finally_lets_the_error_before_it_go_on(self) -> None:
        release = {"id": "release", "type": "task", "retry": {"max_attempts": 1}}
        simulation = started(attempt(bad(), **{"finally": [release]}))
        simulation.fail("stuck")
        assert (simulation.run.status, simulation.run.step) == (Status.FAILED, "release")
        simulation.operate("retry")
        simulation.complete({})
        assert (simulation.run.status, simulation.run.step) == (Status.FAILED, "bad")
        simulation.audit()


def either(*steps: Any, **keys: Any) -> Data:
    return {"id": "either", "type": "fallback", "steps": list(steps), **keys}


class TestFallback:
    @pytest.mark.parametrize(
        ("alternatives", "expected", "output"),
        [
            ([mark("a"), mark("b")], "a after", {"alternative": 1, "failed": 0}),
            ([bad(), mark("b"), mark("c")], "b after", {"alternative": 2, "failed": 1}),
            ([[mark("a"), bad()], [mark("b"), mark("c")]], "a b c after", {"alternative": 2, "failed": 1}),
            ([bad("x"), bad("y"), mark("c")], "c after", {"alternative": 3, "failed": 2}),
            ([attempt(bad(), **{"finally": [mark("f")]}), mark("b")], "f b after", {"alternative": 2, "failed": 1}),
        ],
    )
    def test_alternatives_are_tried_until_one_succeeds(self, alternatives: Any, expected: str, output: Data) -> None:
        simulation = started(either(*alternatives), mark("after"))
        assert (seen(simulation), simulation.run.outputs["either"]) == (expected, output)

    def test_the_error_of_the_one_before_can_be_read(self) -> None:
        simulation = started(either(bad(), mark("b", config={"path": "seen", "value": "{{error.code}}"})))
        assert seen(simulation) == "not_a_list"

    @pytest.mark.parametrize(
        ("steps", "expected"),
        [
            ([either(bad("x"), bad("y"), on_error="sorry"), mark("a"), mark("sorry")], "sorry"),
            ([attempt(either(bad("x"), bad("y")), catch=[mark("c")])], "c"),
            ([either(bad("x"), bad("y")), mark("a"), {"id": "h", "type": "error_handler"}, mark("b")], "b"),
        ],
    )
    def test_when_all_fail_it_fails_as_the_last_did(self, steps: list[Data], expected: str) -> None:
        simulation = started(*steps)
        assert simulation.run.last_error is not None
        assert (seen(simulation), simulation.run.last_error.step) == (expected, "y")

    def test_a_retry_goes_on_with_the_last_alternative(self) -> None:
        simulation = started(either(bad(), CALL), mark("after"))
        simulation.fail("down")
        assert (simulation.run.status, simulation.run.frames) == (
            Status.FAILED, (Guard("either", "2", caught=simulation.run.frames[0].caught),),  # type: ignore[union-attr]
        )  # fmt: skip
        simulation.operate("retry")
        simulation.complete({})
        assert (simulation.run.status, seen(simulation)) == (Status.COMPLETED, "after")


HANDLER = {"id": "h", "type": "error_handler"}


class TestErrorHandler:
    @pytest.mark.parametrize(
        ("steps", "expected"),
        [
            ([mark("a"), HANDLER, mark("b")], "a b"),
            ([mark("a"), bad(), mark("c"), HANDLER, mark("b")], "a b"),
            ([bad(), {**HANDLER, "steps": [mark("s")]}, mark("b")], "s b"),
            ([mark("a"), {**HANDLER, "steps": [mark("s")]}, mark("b")], "a b"),
            ([bad(), {**HANDLER, "next": "z"}, mark("b"), mark("z")], "z"),
            ([bad(on_error="b"), HANDLER, mark("c"), mark("b")], "b"),
            ([bad(), {**HANDLER, "steps": [bad("x")]}, mark("b"), {**HANDLER, "id": "h2"}, mark("z")], "z"),
            ([{"id": "l", "type": "count", "config": {"count": 2}, "body": [mark("a"), bad()]}, HANDLER,
              mark("b")], "a b"),
            ([{"id": "l", "type": "count", "config": {"count": 2},
               "body": [bad(), {**HANDLER, "steps": [mark("s")]}, mark("e")]}, mark("b")], "s e s e b"),
            ([attempt(bad(), HANDLER, mark("e"), catch=[mark("c")]), mark("b")], "e b"),
            ([attempt(bad(), catch=[mark("c")]), HANDLER, mark("b")], "c b"),
            ([attempt(bad(), **{"finally": [mark("f")]}), mark("c"), HANDLER, mark("b")], "f b"),
        ],
    )  # fmt: skip
    def test_it_takes_the_errors_of_the_steps_above_it_in_its_list(self, steps: list[Data], expected: str) -> None:
        assert seen(started(*steps)) == expected

    def test_one_that_is_only_named_takes_no_other_error(self) -> None:
        named = {**HANDLER, "config": {"scope": "named"}}
        simulation = started(bad(), mark("a"), named)
        assert simulation.run.status is Status.FAILED
        assert seen(started(bad(on_error="h"), mark("a"), named, mark("b"))) == "b"


class TestMistakes:
    @pytest.mark.parametrize(
        ("steps", "expected"),
        [
            ([{"id": "t", "type": "try"}], ("missing_key", "steps[0].steps")),
            ([{"id": "t", "type": "try", "catch": [mark("a")]}], ("missing_key", "steps[0].steps")),
            ([attempt(mark("a"))], ("missing_key", "steps[0].config.catch")),
            ([attempt(mark("a"), catch=[])], ("bad_value", "steps[0].catch")),
            ([either()], ("missing_key", "steps[0].steps")),
            ([either([], mark("a"))], ("bad_value", "steps[0].steps[0]")),
            ([{**mark("a"), "catch": [mark("b")]}], ("not_applicable", "steps[0].catch")),
            ([{**mark("a"), "finally": [mark("b")]}], ("not_applicable", "steps[0].finally")),
            ([{**mark("a"), "steps": [mark("b")]}], ("not_applicable", "steps[0].steps")),
            ([attempt(mark("a"), catch=[mark("c")]), jump("c")], ("into_body", "steps[1]")),
            ([attempt(jump("c"), catch=[mark("c")])], ("into_body", "steps[0].steps[0]")),
            ([attempt(mark("a"), **{"finally": [jump("far")]}), mark("far")],
             ("leaves_body", "steps[0].finally[0]")),
            ([attempt(mark("a"), **{"finally": [{"id": "x", "type": "exit"}]})],
             ("leaves_body", "steps[0].finally[0]")),
            ([attempt(mark("a"), **{"finally": [mark("f", next="end")]})], ("leaves_body", "steps[0].finally[0]")),
            ([attempt({"id": "p", "type": "pass"}, catch=[mark("c")])], ("unreachable_step", "steps[0].catch[0]")),
            ([attempt(bad(on_error="a"), catch=[mark("a")])], ("into_body", "steps[0].steps[0]")),
            ([HANDLER, mark("a")], ("unreachable_step", "steps[0]")),
            ([{"id": "p", "type": "pass"}, HANDLER], ("unreachable_step", "steps[1]")),
            ([attempt(mark("a"), catch=[mark("c")], steps=1)], ("unknown_step", "steps[0].steps")),
            ([{**HANDLER, "config": {"scope": "all"}}], ("bad_value", "steps[0].config.scope")),
            ([said("{{error.kode}}")], ("unknown_name", "steps[0].config.value")),
        ],
    )  # fmt: skip
    def test_a_mistake_is_pointed_at(self, steps: list[Data], expected: tuple[str, str]) -> None:
        assert expected in problems(*steps)

    @pytest.mark.parametrize(
        "steps",
        [
            [attempt(CALL, catch=[mark("c")]), jump("t", name="again", when="1 < 2")],
            [attempt(CALL, catch=[jump("t", name="again")])],
            [attempt(CALL, catch=[REST, jump("before", name="again")]), {"id": "z", "type": "end"},
             {"id": "before", "type": "pass", "next": "t"}],
            [attempt(CALL, **{"finally": [mark("f")]}), said("{{steps.call.output}}")],
            [attempt(CALL, catch=[said("{{error.code}}", "c")])],
            [either(CALL, mark("b")), said("{{steps.either.output.failed}}")],
        ],
    )  # fmt: skip
    def test_what_is_right_is_not_complained_of(self, steps: list[Data]) -> None:
        assert [code for code, _ in problems(*steps) if code != "ring_without_wait"] == []


class TestOtherFormats:
    STEPS = (
        attempt(
            CALL, jump("far", name="leap", when="1 > 2"), catch=[mark("c"), bad(), {**HANDLER, "id": "hc"}, mark("c2")],
            **{"finally": [mark("f")]},
        ),
        either(bad("x"), [mark("b"), mark("b2")]),
        HANDLER,
        mark("far"),
    )  # fmt: skip

    @pytest.mark.parametrize("form", ["yaml", "canvas"])
    def test_it_is_written_in_other_formats_without_loss(self, form: Any) -> None:
        first = compiled(*self.STEPS, variables={"seen": ""})
        document = {"key": "flow", "variables": {"seen": ""}, "triggers": [{"type": "go"}], "steps": list(self.STEPS)}
        text = convert(load_workflow(json.dumps(document)), "canvas")
        again = load_workflow(text if form == "canvas" else convert(load_workflow(text), "yaml"))
        assert again.workflow is not None, [str(problem) for problem in again.problems]
        assert {step.id: _meaning(step) for step in again.workflow.steps.values()} == {
            step.id: _meaning(step) for step in first.steps.values()
        }


def test_a_drawing_says_by_edges_what_takes_errors() -> None:
    nodes = [
        {"id": "start", "type": "trigger", "label": "go"},
        {"id": "t", "type": "logic", "label": "Try"},
        {"id": "c", "type": "action", "label": "Set Variable", "config": {"path": "seen", "value": "{{error.step}}"}},
        {"id": "x", "type": "loop", "config": {"items": "trigger.data.text"}},
        {"id": "y", "type": "loop", "config": {"items": "trigger.data.text"}},
        {"id": "h", "type": "logic", "label": "Error Handler"},
        *({"id": name, "type": "note"} for name in ("in_x", "in_y", "after")),
    ]
    edges = [("start", "t"), ("t", "x", "steps"), ("t", "c", "catch"), ("t", "y", "done"), ("x", "in_x", "body"),
             ("in_x", "x"), ("x", "t"), ("c", "t"), ("y", "in_y", "body"), ("in_y", "y"), ("y", "h", "error"),
             ("y", "after"), ("h", "after")]  # fmt: skip
    drawn = [{"source": e[0], "target": e[1], **({"label": e[2]} if len(e) > 2 else {})} for e in edges]
    document = {"key": "flow", "variables": {"seen": ""}, "nodes": nodes, "edges": drawn}
    loaded = load_workflow(json.dumps(document), version=1)
    assert loaded.workflow is not None, [str(problem) for problem in loaded.problems]
    simulation = Simulation(loaded.workflow)
    simulation.trigger("go", data={"text": "no list"})
    assert (simulation.run.status, seen(simulation)) == (Status.COMPLETED, "x")
    assert simulation.path() == ["start", "t", "x", "t", "c", "t", "y", "h", "after"]


def _meaning(step: Any) -> tuple[Any, ...]:
    places = tuple(zip(step.within, step.bodies, strict=True))
    return dict(step.targets), places, step.on_error or step.caught_by, dict(step.via), dict(step.ways_out)
