"""Loops: rounds over items, while a condition holds, or counted; and where a run stands in them."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from statemachine.conversion import convert
from statemachine.definition import load_workflow
from statemachine.errors import MigrationRefused
from statemachine.frame import Frame
from statemachine.limits import MAX_VARIABLES_BYTES
from statemachine.snapshot import Status
from tests.statemachine.checked_world import Simulation, compiled

Data = dict[str, Any]
REST = {"id": "rest", "type": "wait", "config": {"for": "1d"}}
STOP = {"id": "stop", "type": "break"}
SKIP = {"id": "skip", "type": "continue"}


def loop(*body: Data, name: str = "each", kind: str = "for_each", **config: Any) -> Data:
    return {"id": name, "type": kind, "config": config, "body": list(body)}


def note(path: str = "seen", value: str = "{{variables.seen}}{{loop.item}}", name: str = "note") -> Data:
    return {"id": name, "type": "set_variable", "config": {"path": path, "value": value}}


def tag(name: str, **keys: Any) -> Data:
    return {"id": name, "type": "add_tag", "config": {"tag": name}, **keys}


def when(text: str, name: str = "ask", **branches: str) -> Data:
    return {"id": name, "type": "condition", "config": {"expression": text}, "branches": branches}


def started(*steps: Data, data: Data | None = None, **document: Any) -> Simulation:
    simulation = Simulation(compiled(*steps, **{"variables": {"seen": ""}, **document}))
    simulation.trigger("go", data=data or {"list": ["a", "b", "c"]})
    simulation.audit()
    return simulation


def problems(*steps: Data, **document: Any) -> list[tuple[str, str]]:
    loaded = load_workflow(json.dumps({"key": "k", **document, "steps": list(steps)}))
    return [(problem.code, problem.path) for problem in loaded.problems]


class TestRounds:
    @pytest.mark.parametrize(
        ("items", "seen"),
        [
            ("trigger.data.list", "abc"),
            ("{{trigger.data.list}}", "abc"),
            ("{{ input.list }}", "abc"),
            (["x", "{{trigger.data.list[1]}}"], "xb"),
            ([], ""),
            ("trigger.data.nothing", ""),
            ("trigger.data.empty", ""),
        ],
    )
    def test_a_for_each_loop_goes_through_the_items(self, items: Any, seen: str) -> None:
        data = {"list": ["a", "b", "c"], "nothing": None, "empty": ""}
        run = started(loop(note(), items=items), data=data).run
        assert (run.status, run.variables["seen"], run.frames) == (Status.COMPLETED, seen, ())

    def test_the_spelling_of_editors_means_the_same(self) -> None:
        step = {
            "id": "each",
            "type": "loop",
            "config": {
                "type": "forEach",
                "arrayPath": "trigger.data.list",
                "itemVariable": "letter",
                "maxIterations": 3,
                "body": [note(value="{{variables.seen}}{{letter}}{{loop.letter}}")],
            },
        }
        assert started(step).run.variables["seen"] == "aabbcc"

    @pytest.mark.parametrize(("count", "rounds"), [(0, 0), (3, 3), ("2", 2), ("{{trigger.data.n}}", 4)])
    def test_a_count_loop_makes_that_many_rounds(self, count: Any, rounds: int) -> None:
        simulation = started(loop(note(value="{{loop.index}}"), kind="count", count=count), data={"n": 4})
        assert simulation.run.outputs["each"] == {"rounds": rounds, "broken": False}
        assert simulation.path() == [*["each", "note"] * rounds, "each"]

    def test_a_while_loop_asks_before_each_round(self) -> None:
        less = {"id": "less", "type": "transform", "config": {"expression": "variables.left - 1"}, "output": "left"}
        step = loop(less, kind="while", condition="variables.left > 0")
        simulation = started(step, variables={"left": 2})
        assert simulation.path() == ["each", "less", "each", "less", "each"]
        assert simulation.run.variables["left"] == 0

    def test_its_condition_may_ask_for_the_coming_round(self) -> None:
        simulation = started(loop(note(value="{{loop.index}}"), kind="while", condition="loop.index < 2"))
        assert (simulation.run.variables["seen"], simulation.path().count("note")) == (1, 2)

    def test_each_round_stands_in_history(self) -> None:
        history = started(loop(note(), items=["a", "b"])).history
        assert [(line.outcome, line.metadata) for line in history if line.step == "each"] == [
            ("body", {"index": 0}),
            ("body", {"index": 1}),
            ("done", {}),
        ]

    def test_items_are_those_of_the_beginning(self) -> None:
        change = {"id": "change", "type": "set_variable", "config": {"path": "items", "value": ["z"]}}
        simulation = started(loop(note(), change, items="variables.items"), variables={"items": ["a", "b"], "seen": ""})
        assert simulation.run.variables["seen"] == "ab"

    def test_loops_stand_in_loops_and_know_the_one_around(self) -> None:
        inner = loop(
            note(value="{{variables.seen}} {{order.id}}{{line}}{{loop.parent.index}}{{loop.index}}"),
            name="lines",
            items="loop.item.lines",
            item="line",
        )
        orders = [{"id": "A", "lines": ["x", "y"]}, {"id": "B", "lines": []}, {"id": "C", "lines": ["z"]}]
        simulation = started(loop(inner, items="trigger.data.list", item="order"), data={"list": orders})
        assert simulation.run.variables["seen"] == " Ax00 Ay01 Cz20"

    def test_a_second_visit_begins_anew(self) -> None:
        again = when("vars.seen.size() < 5", true="each", false="end")
        assert started(loop(note(), items="trigger.data.list"), REST, again).path()[-2:] == ["note", "each"]
        simulation = started(loop(note(), items="trigger.data.list"), REST, again)
        simulation.wait(days=3)
        assert (simulation.run.status, simulation.run.variables["seen"]) == (Status.COMPLETED, "abcabc")

    def test_when_is_asked_once_and_not_before_each_round(self) -> None:
        step = {**loop(note(), items="trigger.data.list"), "when": {"field": "variables.seen", "operator": "is_empty"}}
        simulation = started(step)
        assert simulation.run.variables["seen"] == "abc"
        assert started({**step, "when": "1 > 2"}).kinds() == ["started", "step_skipped", "completed"]

    def test_nothing_is_read_of_a_loop_that_is_over(self) -> None:
        late = note("late", "{{ loop.item | default: 'gone' }}", name="late")
        assert started(loop(note(), items="trigger.data.list"), late).run.variables["late"] == "gone"


class TestBreakAndContinue:
    def test_break_ends_the_loop(self) -> None:
        ask = when("loop.item == 'b'", true="stop", false="note")
        simulation = started(loop(ask, STOP, note(), items="trigger.data.list"), tag("after"))
        assert simulation.run.variables["seen"] == "a"
        assert simulation.run.outputs["each"] == {"rounds": 2, "broken": True}
        assert simulation.path() == ["each", "ask", "note", "each", "ask", "stop", "each", "after"]

    def test_continue_ends_the_round(self) -> None:
        ask = when("loop.item == 'b'", true="skip", false="note")
        assert started(loop(ask, SKIP, note(), items="trigger.data.list")).run.variables["seen"] == "ac"

    def test_they_are_about_the_innermost_loop(self) -> None:
        inner = loop(STOP, name="inner", kind="count", count=5)
        simulation = started(loop(inner, note(), items="trigger.data.list"))
        assert (simulation.run.variables["seen"], simulation.path().count("stop")) == ("abc", 3)

    def test_a_goto_leaves_all_loops_at_once(self) -> None:
        leave = {"id": "leave", "type": "goto", "config": {"to": "rest"}}
        simulation = started(loop(loop(leave, name="inner", kind="count", count=5), items="trigger.data.list"), REST)
        assert (simulation.run.step, simulation.run.frames) == ("rest", ())

    def test_a_goto_to_the_loop_is_a_continue(self) -> None:
        back = {"id": "back", "type": "goto", "config": {"to": "each"}}
        assert started(loop(note(), back, tag("never"), items="trigger.data.list")).run.variables["seen"] == "abc"

    @pytest.mark.parametrize("ending", [{"id": "x", "type": "exit"}, {"id": "x", "type": "end"}])
    def test_a_run_may_end_in_a_body(self, ending: Data) -> None:
        run = started(loop(ending, items="trigger.data.list")).run
        assert (run.live, run.frames) == (False, ())


class TestRests:
    def test_waits_and_tasks_in_a_body_go_on_in_their_round(self) -> None:
        work = {"id": "work", "type": "task", "config": {"input": {"n": "{{loop.item}}"}}}
        simulation = started(loop(work, REST, note(), items="trigger.data.list"))
        for _ in range(3):
            simulation.complete({"x": 1})
            simulation.wait(days=1)
        assert [order.input["n"] for order in simulation.orders] == ["a", "b", "c"]
        assert len({order.visit for order in simulation.orders}) == 3
        assert (simulation.run.status, simulation.run.variables["seen"]) == (Status.COMPLETED, "abc")
        simulation.audit()

    def test_the_snapshot_keeps_every_loop_around_the_step(self) -> None:
        simulation = started(loop(loop(REST, name="inner", kind="count", count=2), items="trigger.data.list"))
        simulation.wait(days=3)
        assert simulation.run.frames == (Frame("each", 1, ("a", "b", "c")), Frame("inner", 1, rounds=2))

    def test_an_exit_rule_takes_the_loops_with_it(self) -> None:
        simulation = started(loop(REST, items="trigger.data.list"), exit=[{"on": "bought"}])
        simulation.trigger("bought")
        assert (simulation.run.status, simulation.run.frames) == (Status.EXITED, ())

    def test_a_failed_round_is_retried_as_that_round(self) -> None:
        work = {"id": "work", "type": "task", "config": {"input": {"n": "{{loop.item}}"}}, "retry": {"max_attempts": 1}}
        simulation = started(loop(work, note(), items="trigger.data.list"))
        simulation.complete()
        simulation.fail()
        assert simulation.run.status is Status.FAILED
        simulation.operate("retry")
        for _ in range(2):
            simulation.complete()
        assert [order.input["n"] for order in simulation.orders] == ["a", "b", "b", "c"]
        assert simulation.run.variables["seen"] == "abc"
        simulation.audit()

    def test_an_error_may_lead_out_of_the_loop_or_on_within_it(self) -> None:
        work = {"id": "work", "type": "task", "retry": {"max_attempts": 1}}
        out = started(loop({**work, "on_error": "late"}, items="trigger.data.list"), REST, tag("late"))
        out.fail()
        assert (out.path()[-1], out.run.frames, out.run.status) == ("late", (), Status.COMPLETED)
        on = started(loop({**work, "on_error": "note"}, tag("fine"), note(), items="trigger.data.list"))
        for _ in range(3):
            on.fail()
        assert on.run.variables["seen"] == "abc"

    def test_many_rounds_commit_in_between_and_are_no_error(self) -> None:
        body = [note(value="{{loop.index}}"), when("true", name="ask2", true="each")]
        simulation = started(loop(*body, kind="count", count=900))
        assert (simulation.run.status, simulation.run.continues) == (Status.COMPLETED, 2)
        assert simulation.run.variables["seen"] == 899


class TestLimits:
    @pytest.mark.parametrize(
        ("config", "code"),
        [
            ({"items": "trigger.data.list", "max_iterations": 2}, "max_iterations"),
            ({"items": "trigger.data.many"}, "max_iterations"),
            ({"count": 1001}, "max_iterations"),
            ({"count": "{{trigger.data.list}}"}, "bad_count"),
            ({"count": "{{trigger.data.minus}}"}, "bad_count"),
            ({"items": "trigger.data.text"}, "not_a_list"),
            ({"items": "trigger.data.missing"}, "not_a_list"),
            ({"items": "trigger.data.large"}, "items_too_large"),
        ],
    )
    def test_what_cannot_be_gone_through_fails_before_the_first_round(self, config: Data, code: str) -> None:
        large = ["x" * 1000] * (MAX_VARIABLES_BYTES // 1000)
        data = {"list": ["a", "b", "c"], "many": [0] * 1001, "text": "a, b", "minus": -1, "large": large}
        simulation = started(loop(note(), kind="loop", **config), data=data)
        assert simulation.run.last_error is not None
        assert (simulation.run.last_error.code, simulation.path(), simulation.run.frames) == (code, ["each"], ())

    def test_a_while_loop_fails_when_it_would_go_on_beyond(self) -> None:
        step = loop(note(value="{{loop.index}}"), kind="while", condition="1 > 0", max_iterations=3)
        simulation = started({**step, "on_error": "sorry"}, REST, note("why", "{{error.message}}", name="sorry"))
        assert simulation.run.variables["seen"] == 2
        message = "the loop may make 3 rounds (`max_iterations`), and its condition still holds"
        assert simulation.run.variables["why"] == message
        assert simulation.run.frames == ()


class TestMistakes:
    @pytest.mark.parametrize(
        ("steps", "expected"),
        [
            ([{"id": "l", "type": "loop", "body": [REST]}], ("missing_key", "steps[0].config")),
            ([loop(REST, kind="loop", type="while")], ("missing_key", "steps[0].config.condition")),
            ([loop(REST, kind="while", type="count", condition="1 > 0")], ("conflicting_keys", "steps[0].config.type")),
            ([loop(REST, kind="while", condition="1 > 0", count=2)], ("conflicting_keys", "steps[0].config.count")),
            ([loop(REST, items=[1], arrayPath="a")], ("conflicting_keys", "steps[0].config.arrayPath")),
            ([loop(REST, items=[1], item="index")], ("bad_value", "steps[0].config.item")),
            ([loop(REST, items="a b c")], ("bad_template", "steps[0].config.items")),
            ([loop(REST, kind="count", count=-1)], ("bad_value", "steps[0].config.count")),
            ([loop(REST, kind="count", count=2.5)], ("bad_value", "steps[0].config.count")),
            ([loop(REST, items=[1], max_iterations=0)], ("bad_value", "steps[0].config.max_iterations")),
            ([loop(REST, items=[1], concurrency=2)], ("conflicting_keys", "steps[0].config.concurrency")),
            ([loop(REST, items=[1], on_branch_error="fail")], ("conflicting_keys", "steps[0].config.on_branch_error")),
            ([loop(REST, items=[1], parallel=True, concurrency=0)], ("bad_value", "steps[0].config.concurrency")),
            ([loop(REST, items=[1], parallel=True, concurrency=101)], ("bad_value", "steps[0].config.concurrency")),
            ([loop(REST, kind="while", condition="true", parallel=True)],
             ("conflicting_keys", "steps[0].config.parallel")),
            ([loop(items=[1])], ("missing_key", "steps[0].body")),
            ([{**REST, "body": [STOP]}], ("not_applicable", "steps[0].body")),
            ([REST, SKIP], ("outside_loop", "steps[1].type")),
            ([loop(loop(REST, name="each", items=[1]), items=[1])], ("duplicate_id", "steps[0].body[0].id")),
            ([loop(tag("t", next="nowhere"), items=[1])], ("unknown_step", "steps[0].body[0].next")),
            ([loop(REST, items=[1]), tag("t", next="rest")], ("into_loop", "steps[1]")),
            ([loop(REST, items=[1]), {**SKIP, "branches": {"continue": "end"}}], ("outside_loop", "steps[1].type")),
            ([loop({**SKIP, "branches": {"continue": "end"}}, items=[1])],
             ("conflicting_keys", "steps[0].body[0].branches.continue")),
        ],
    )  # fmt: skip
    def test_a_mistake_is_pointed_at(self, steps: list[Data], expected: tuple[str, str]) -> None:
        assert expected in problems(*steps)

    def test_a_trigger_cannot_begin_in_a_body(self) -> None:
        found = problems(loop(REST, items=[1]), triggers=[{"type": "go", "next": "rest"}])
        assert ("into_loop", "triggers[0]") in found

    def test_a_loop_is_no_ring(self) -> None:
        assert problems(loop(note(), items=[1]), variables={"seen": ""}, trigger={"type": "go"}) == []

    def test_a_ring_that_leaves_a_loop_and_enters_it_again_is_one(self) -> None:
        away = {"id": "away", "type": "goto", "config": {"to": "t"}}
        found = problems(loop(away, items=[1]), tag("t"), {"id": "again", "type": "goto", "config": {"to": "each"}})
        assert "pure_ring" in [code for code, _ in found]

    @pytest.mark.parametrize(
        ("body", "config"),
        [
            (note(value="{{loop.item}}"), {"kind": "count", "count": 2}),
            (note(value="{{loop.parent.item}}"), {"items": [1]}),
            (note(value="{{loop.ordr}}"), {"items": [1], "item": "order"}),
        ],
    )
    def test_a_name_that_the_loop_does_not_have_is_told(self, body: Data, config: Data) -> None:
        found = problems(loop(body, **config), variables={"seen": ""})
        assert [code for code, _ in found] == ["unknown_name"]

    def test_a_loop_is_read_outside_of_any(self) -> None:
        assert problems(note(), variables={"seen": ""}) == [("unknown_name", "steps[0].config.value")]


class TestMigration:
    @pytest.mark.parametrize(
        ("target", "mapping", "reason"),
        [
            (loop(REST, items=["z"]), {}, ""),
            (loop(REST, name="all", items=["z"]), {"each": "all"}, ""),
            (loop(REST, name="all", items=["z"]), {}, "loops_differ"),
            (loop(REST, kind="count", count=5), {}, "loops_differ"),
            (REST, {}, "loops_differ"),
        ],
    )
    def test_a_run_moves_with_its_place_in_the_same_loops(self, target: Data, mapping: Data, reason: str) -> None:
        first = compiled(loop(REST, note(), items="trigger.data.list"), variables={"seen": ""})
        second = load_workflow(json.dumps({"key": "flow", "steps": [target]}), version=2).workflow
        assert second is not None
        simulation = Simulation(first, versions=[second])
        simulation.trigger("go", data={"list": ["a", "b"]})
        simulation.wait(days=1)
        if reason:
            with pytest.raises(MigrationRefused) as refused:
                simulation.migrate(mapping)
            assert refused.value.code == reason
            return
        simulation.migrate(mapping)
        simulation.wait(days=1)
        assert (simulation.run.status, simulation.run.outputs[target["id"]]["rounds"]) == (Status.COMPLETED, 2)
        simulation.audit()


class TestCanvas:
    NODES = (
        {"id": "t", "type": "trigger", "label": "go"},
        {"id": "each", "type": "loop", "config": {"items": "trigger.data.list"}},
        {"id": "n", "type": "set_variable", "config": {"path": "seen", "value": "{{variables.seen}}{{loop.item}}"}},
        {"id": "ask", "type": "condition", "config": {"expression": "loop.item == 'b'"}},
        {"id": "stop", "type": "break"},
        {"id": "after", "type": "add_tag", "config": {"tag": "after"}},
    )
    EDGES = (("t", "each"), ("each", "n", "body"), ("n", "ask"), ("ask", "stop", "yes"), ("ask", "each", "no"),
             ("each", "after", "done"))  # fmt: skip

    def drawn(self, *more: Any, without: tuple[str, ...] = ()) -> str:
        edges = [
            {"source": edge[0], "target": edge[1], **({"label": edge[2]} if len(edge) > 2 else {})}
            for edge in (*self.EDGES, *more)
            if edge != without
        ]
        return json.dumps({"key": "flow", "variables": {"seen": ""}, "nodes": self.NODES, "edges": edges})

    def test_a_loop_is_drawn_with_edges_body_and_done(self) -> None:
        workflow = load_workflow(self.drawn(), version=1).workflow
        assert workflow is not None
        assert {step.id: step.within for step in workflow.steps.values() if step.within} == dict.fromkeys(
            ("n", "ask", "stop"), ("each",)
        )
        simulation = Simulation(workflow)
        simulation.trigger("go", data={"list": ["a", "b", "c"]})
        assert (simulation.run.variables["seen"], simulation.contact.tags) == ("ab", ("after",))

    def test_a_loop_without_an_edge_body_is_refused(self) -> None:
        loaded = load_workflow(self.drawn(without=("each", "n", "body")))
        assert ("missing_key", "nodes[1]") in [(problem.code, problem.path) for problem in loaded.problems]

    def test_a_way_from_behind_the_loop_into_its_body_is_refused(self) -> None:
        codes = [problem.code for problem in load_workflow(self.drawn(("after", "ask"))).problems]
        assert "pure_ring" in codes

    @pytest.mark.parametrize("form", ["yaml", "canvas"])
    def test_it_is_written_in_other_formats_without_loss(self, form: Any) -> None:
        inner = loop(STOP, name="inner", kind="while", condition="loop.index < 2")
        first = compiled(loop(note(), inner, items="trigger.data.list"), tag("after"), variables={"seen": ""})
        source = json.dumps({"key": "flow", "variables": {"seen": ""}, "triggers": [{"type": "go"}],
                             "steps": [loop(note(), inner, items="trigger.data.list"), tag("after")]})  # fmt: skip
        text = convert(load_workflow(source), "canvas")
        again = load_workflow(text if form == "canvas" else convert(load_workflow(text), "yaml"))
        assert again.workflow is not None, [str(problem) for problem in again.problems]
        assert {step.id: (dict(step.targets), step.within) for step in again.workflow.steps.values()} == {
            step.id: (dict(step.targets), step.within) for step in first.steps.values()
        }


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_the_frames_of_a_run_are_those_of_the_loops_around_its_step(data: st.DataObject) -> None:
    def body(depth: int) -> list[Data]:
        steps: list[Data] = []
        for number in range(data.draw(st.integers(1, 3))):
            name = f"s{depth}_{number}_{len(made)}"
            made.append(name)
            kind = data.draw(st.sampled_from(("loop", "wait", "note", "skip", "stop") if depth else ("loop", "wait")))
            if kind == "loop" and depth < 3:
                steps.append(loop(*body(depth + 1), name=name, kind="count", count=data.draw(st.integers(0, 3))))
            elif kind in ("skip", "stop"):
                rule = f"loop.index == {data.draw(st.integers(0, 2))}"
                step = {**(SKIP if kind == "skip" else STOP), "id": name, "when": rule}
                steps.append(step)
            else:
                steps.append({**REST, "id": name} if kind == "wait" else {"id": name, "type": "pass"})
        return steps

    made: list[str] = []
    workflow = compiled(*body(0))
    simulation = Simulation(workflow)
    simulation.trigger("go")
    for _ in range(200):
        run = simulation.run
        if not run.live:
            break
        assert tuple(frame.step for frame in run.frames) == workflow.steps[str(run.step)].within
        simulation.now += timedelta(days=1)
        simulation.fire()
    simulation.audit()
