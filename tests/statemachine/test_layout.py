"""The ways of a condition, listed as ids or as steps in place, and what follows them."""

import json
from typing import Any

import pytest

from statemachine.definition import Loaded, load_workflow


def step(name: str, **keys: Any) -> dict[str, Any]:
    return {"id": name, "type": "add_tag", "config": {"tag": name}, **keys}


def check(true: Any = None, false: Any = None, name: str = "c", **keys: Any) -> dict[str, Any]:
    ways = {key: way for key, way in (("trueSteps", true), ("falseSteps", false)) if way is not None}
    return {"id": name, "type": "conditional", "condition": "contact.score > 1", **ways, **keys}


def loaded(*steps: dict[str, Any]) -> Loaded:
    return load_workflow(json.dumps({"key": "k", "steps": steps}))


def ways(*steps: dict[str, Any]) -> dict[str, str]:
    """What follows each step; for a condition `true/false`."""
    found = loaded(*steps)
    assert found.workflow is not None, [str(problem) for problem in found.problems]
    return {each.id: "/".join(each.targets.values()) for each in found.workflow.steps.values()}


A, B, D, E = (step(name) for name in "abde")


@pytest.mark.parametrize(
    ("steps", "expected"),
    [
        ([check(["a"], ["b"]), A, B, D], {"c": "a/b", "a": "d", "b": "d", "d": "end"}),
        ([check(["a", "b"]), A, B, D], {"c": "a/d", "a": "b", "b": "d", "d": "end"}),
        ([check(["b", "a"]), A, B, D], {"c": "b/d", "a": "d", "b": "a", "d": "end"}),
        ([check("a", "b"), A, B, D], {"c": "a/b", "a": "d", "b": "d", "d": "end"}),
        ([check(["a", "d"], ["b", "d"]), A, B, D, E], {"c": "a/b", "a": "d", "b": "d", "d": "e", "e": "end"}),
        ([check(["a"], [step("x"), step("y")]), A, D], {"c": "a/x", "x": "y", "y": "d", "a": "d", "d": "end"}),
        ([check(["a"], ["d"]), A, B, D], {"c": "a/d", "a": "b", "b": "d", "d": "end"}),
        ([check(["a"], ["b"], next="e"), A, B, D, E], {"c": "a/b", "a": "e", "b": "e", "d": "e", "e": "end"}),
        ([check(["a"], ["b"]), step("a", next="end"), B, D], {"c": "a/b", "a": "end", "b": "d", "d": "end"}),
        ([check(["n"], ["b"]), check(["a"], [], "n"), A, B, D],
         {"c": "n/b", "n": "a/d", "a": "d", "b": "d", "d": "end"}),
        ([check([], ["b"]), A, B], {"c": "a/b", "a": "b", "b": "end"}),
    ],
)  # fmt: skip
def test_the_steps_of_a_way_follow_one_another_and_go_on_behind(
    steps: list[dict[str, Any]], expected: dict[str, str]
) -> None:  # fmt: skip
    assert ways(*steps) == expected


def test_a_step_above_the_condition_is_only_a_target() -> None:
    wait = {"id": "w", "type": "wait", "config": {"for": "1d"}}
    assert ways(wait, check(["a"], ["w"]), A) == {"w": "c", "c": "a/w", "a": "end"}


@pytest.mark.parametrize(
    ("steps", "problem"),
    [
        ([A, check(["a", "b"]), B], ("bad_value", "steps[1].trueSteps[0]")),
        ([check(["a", "nothing"]), A], ("unknown_step", "steps[0].trueSteps[1]")),
        ([check(["a", "b"], ["b", "a"]), A, B, D], ("conflicting_keys", "steps[0].falseSteps[0]")),
        ([check(["a", step("x")]), A], ("not_an_object", "steps[0].trueSteps[0]")),
        ([check(["a"], config={"condition": "true"}), A], ("conflicting_keys", "steps[0].condition")),
        ([check(["a"], config={"trueSteps": ["a"]}), A], ("conflicting_keys", "steps[0].trueSteps")),
    ],
)
def test_a_way_that_cannot_be_followed_is_refused(steps: list[dict[str, Any]], problem: tuple[str, str]) -> None:
    found = loaded(*steps)
    assert problem in [(one.code, one.path) for one in found.problems]
    assert found.workflow is None


def test_the_condition_beside_the_ways_is_pointed_at_where_it_stands() -> None:
    (problem,) = loaded(check(["a"]) | {"condition": "contact.score >"}, A).errors
    assert (problem.code, problem.path) == ("bad_expression", "steps[0].condition")
