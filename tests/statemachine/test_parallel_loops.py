"""Parallel loops: rounds that go on side by side, each a child of the run."""

from __future__ import annotations

from typing import Any

import pytest

from statemachine.snapshot import Status
from tests.statemachine.checked_world import Simulation
from tests.statemachine.test_parallel import Data, child, keep, path_of, problems, rest, root, started, tag, work


def loop(*body: Data, **config: Any) -> Data:
    keys: Data = {key: config.pop(key) for key in ("on_error", "output") if key in config}
    return {"id": "each", "type": "for_each", "config": {"parallel": True, **config}, "body": list(body), **keys}


def names(simulation: Simulation) -> list[str]:
    """The rounds that are under way."""
    brood = root(simulation).brood
    return list(brood.open) if brood else []


class TestRounds:
    def test_so_many_rounds_are_under_way_at_once(self) -> None:
        simulation = started(loop(work("one"), items=list("abcde"), concurrency=2), tag("after"))
        assert names(simulation) == ["0", "1"]
        simulation.complete(run_id=child(simulation, "1").id)
        assert names(simulation) == ["0", "2"]
        for name in ("0", "2", "3", "4"):
            simulation.complete(run_id=child(simulation, name).id)
        simulation.audit()
        assert path_of(simulation) == ("each", "after")

    def test_fewer_rounds_are_under_way_where_each_begins_with_much(self) -> None:
        blob = keep("blob", "{{trigger.data.blob}}")
        simulation = started(
            blob, loop(work("one"), items=list(range(60)), concurrency=60), data={"blob": "x" * 200_000}
        )
        before = root(simulation).open_children
        assert 10 < before < 30
        simulation.complete({"big": "x" * 60_000}, run_id=child(simulation, "0").id)
        assert before - 1 <= root(simulation).open_children <= before

    def test_results_are_in_the_order_of_the_items_whatever_ends_first(self) -> None:
        body = [work("one"), keep("was", "{{letter}}{{loop.index}}{{steps.one.output.n}}")]
        simulation = started(loop(*body, items=list("abc"), item="letter"))
        for name in ("2", "0", "1"):
            simulation.complete({"n": name}, run_id=child(simulation, name).id)
        simulation.audit()
        assert root(simulation).outputs["each"] == {
            "rounds": 3, "broken": False, "results": [{"was": "a00"}, {"was": "b11"}, {"was": "c22"}],
        }  # fmt: skip

    @pytest.mark.parametrize("count", [0, 3])
    def test_a_count_loop_goes_side_by_side_too(self, count: int) -> None:
        step = {**loop(keep("n", "{{loop.index}}")), "type": "count"}
        step["config"] = {"parallel": True, "count": count}
        simulation = started(step)
        assert root(simulation).outputs["each"]["results"] == [{"n": number} for number in range(count)]

    def test_a_break_begins_no_further_round_and_lets_the_others_finish(self) -> None:
        stop = {"id": "stop", "type": "break", "when": "loop.index == 1"}
        simulation = started(loop(work("one"), stop, keep("n", 1), items=list("abcde"), concurrency=3))
        simulation.complete(run_id=child(simulation, "1").id)
        assert names(simulation) == ["0", "2"]
        for name in ("0", "2"):
            simulation.complete(run_id=child(simulation, name).id)
        simulation.audit()
        assert root(simulation).outputs["each"] == {"rounds": 3, "broken": True, "results": [{"n": 1}, {}, {"n": 1}]}

    def test_a_continue_ends_its_round(self) -> None:
        skip = {"id": "skip", "type": "continue", "when": "loop.index == 0"}
        simulation = started(loop(skip, keep("n", "{{loop.item}}"), items=["a", "b"]))
        assert root(simulation).outputs["each"]["results"] == [{}, {"n": "b"}]

    def test_loops_stand_in_rounds_and_know_the_one_around(self) -> None:
        inner = {"id": "in", "type": "count", "config": {"count": 2},
                 "body": [keep("n", "{{variables.n}}{{loop.parent.item}}{{loop.index}}")]}  # fmt: skip
        simulation = started(loop(inner, items=["a", "b"]), variables={"n": ""})
        assert root(simulation).outputs["each"]["results"] == [{"n": "a0a1"}, {"n": "b0b1"}]

    def test_parallel_loops_stand_in_loops(self) -> None:
        inner = {**loop(keep("n", "{{loop.parent.item}}{{loop.item}}"), items=[1, 2]), "id": "in"}
        outer = {"id": "out", "type": "for_each", "config": {"items": ["a", "b"]},
                 "body": [inner, keep("all", "{{variables.all}}{{steps.in.output.results[1].n}}")]}  # fmt: skip
        simulation = started(outer, variables={"all": ""})
        assert root(simulation).variables["all"] == "a2b2"

    def test_a_thousand_rounds_are_many_transactions(self) -> None:
        simulation = started(loop(keep("n", "{{loop.index}}"), items=list(range(1_000))))
        assert root(simulation).status is Status.COMPLETED
        assert [one["n"] for one in root(simulation).outputs["each"]["results"]] == list(range(1_000))
        simulation.audit()
        assert sum(one.snapshot.continues for one in simulation.records.values()) >= 2

    def test_too_many_items_are_refused_before_the_first_round(self) -> None:
        simulation = started(loop(work("one"), items=[1, 2, 3], max_iterations=2))
        error = root(simulation).last_error
        assert error is not None
        assert (error.code, len(simulation.records)) == ("max_iterations", 1)


class TestFailures:
    def test_a_failing_round_fails_the_loop_and_cancels_the_others(self) -> None:
        simulation = started(loop(work("one"), items=[1, 2, 3], on_error="rescue"), tag("x", next="end"), tag("rescue"))
        simulation.fail(retryable=False, run_id=child(simulation, "1").id)
        simulation.audit()
        assert simulation.contact.tags == ("rescue",)
        assert child(simulation, "2").status is Status.CANCELLED

    def test_with_continue_its_error_stands_among_the_results(self) -> None:
        simulation = started(loop(work("one"), items=[1, 2], on_branch_error="continue"))
        simulation.fail("boom", retryable=False, run_id=child(simulation, "0").id)
        simulation.complete(run_id=child(simulation, "1").id)
        simulation.audit()
        results = root(simulation).outputs["each"]["results"]
        assert (results[0]["error"]["code"], results[1]) == ("boom", {})


class TestDefinitions:
    @pytest.mark.parametrize(
        ("step", "code"),
        [
            (loop(tag("x", next="after"), items=[1]), "across_branches"),
            (loop(tag("x", on_error="after"), items=[1]), "across_branches"),
            (loop(items=[1]), "missing_key"),
        ],
    )
    def test_a_mistake_is_told(self, step: Data, code: str) -> None:
        assert code in [found for found, _ in problems(step, tag("after"))]

    def test_what_a_round_leaves_is_read_from_the_results(self) -> None:
        steps = [loop(work("one"), items=[1]), keep("n", "{{steps.one.output.n}}{{steps.each.output.results}}")]
        assert [code for code, _ in problems(*steps)] == ["output_may_be_missing"]

    def test_rounds_rest_by_themselves(self) -> None:
        simulation = started(loop(rest(), items=[1, 2]), tag("after"))
        simulation.wait(days=1)
        simulation.audit()
        assert root(simulation).status is Status.COMPLETED
