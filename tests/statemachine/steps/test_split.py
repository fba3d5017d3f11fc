"""Splits: proportions, stickiness, and what is refused."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from statemachine.contact import Contact
from statemachine.step_result import End, Outcome
from statemachine.steps.split import sticky_point
from tests.statemachine.steps.fakes import Stay, build, problems, run, warnings


def chosen(step: Any, stay: Stay) -> str:
    result = run(step, stay)
    return result.name if isinstance(result, Outcome) else "ended"


@pytest.mark.parametrize(
    ("config", "labels"),
    [
        ({"variants": {"a": 50, "b": 50}}, ("a", "b")),
        ({"variants": [{"id": "x", "name": "X", "percentage": 30}, {"id": "y", "percentage": 70}]}, ("x", "y")),
        ({"variants": [{"id": "x", "weight": 1}, {"id": "y", "weight": 2}]}, ("x", "y")),
        ({"paths": ["left", "right"], "weights": [1, 3]}, ("left", "right")),
        ({"paths": ["left", "right"]}, ("left", "right")),
    ],
)
def test_outcomes_are_the_labels(config: dict[str, Any], labels: tuple[str, ...]) -> None:
    assert build("split", **config).outcomes() == labels


def test_weights_are_proportions() -> None:
    step = build("split", variants={"a": 1, "b": 2, "c": 7})
    counts = Counter(chosen(step, Stay(Contact(f"contact-{number}"))) for number in range(20_000))
    assert {label: round(count / 2000) for label, count in counts.items()} == {"a": 1, "b": 2, "c": 7}


def test_two_splits_are_independent() -> None:
    first = [sticky_point("w", "one", f"c{n}") < 0.5 for n in range(4000)]
    second = [sticky_point("w", "two", f"c{n}") < 0.5 for n in range(4000)]
    same = sum(a == b for a, b in zip(first, second, strict=True))
    assert 1850 < same < 2150


def test_the_formula_is_a_promise() -> None:
    assert sticky_point("welcome", "here", "c1") == 0.6083656104435098


def test_a_contact_gets_the_same_variant_on_every_entry() -> None:
    step = build("split", variants={"a": 50, "b": 50})
    for number in range(50):
        person = Contact(f"c{number}")
        assert chosen(step, Stay(person, enrollment_id="e1")) == chosen(
            step, Stay(person, enrollment_id="e2", now=Stay().now)
        )


def test_without_a_contact_the_entry_key_decides_then_the_enrollment() -> None:
    step = build("split", variants={"a": 50, "b": 50})
    by_key = {chosen(step, Stay(None, entry_key="order-7", enrollment_id=f"e{n}")) for n in range(30)}
    by_run = {chosen(step, Stay(None, enrollment_id=f"e{n}")) for n in range(30)}
    assert (len(by_key), len(by_run)) == (1, 2)


def test_an_assigned_variant_stays_when_the_weights_change() -> None:
    stay = Stay(variants={"here": "b"})
    assert chosen(build("split", variants={"a": 999, "b": 1}), stay) == "b"
    assert chosen(build("split", variants={"c": 1, "d": 1}), stay) in ("c", "d")


def test_random_draws_on_each_visit() -> None:
    step = build("split", variants={"a": 50, "b": 50}, mode="random")
    stay = Stay(numbers=[0.1, 0.9, 0.4999, 0.5])
    assert [chosen(step, stay) for _ in range(4)] == ["a", "b", "a", "b"]
    assert stay.variants == {"here": "b"}


def test_the_variant_is_remembered_and_is_the_output() -> None:
    stay = Stay(numbers=[0.0])
    result = run(build("split", variants={"a": 1, "b": 1}, mode="random"), stay)
    assert result == Outcome("a", {"variant": "a"})
    assert stay.variants == {"here": "a"}


HELD_OUT: dict[str, Any] = {"variants": {"a": 1, "holdout": 1}, "mode": "random"}


def test_holdout_ends_the_run() -> None:
    step = build("split", **HELD_OUT)
    assert step.outcomes() == ("a",)
    assert run(step, Stay(numbers=[0.9])) == End("exited", "holdout")


def test_holdout_with_a_branch_goes_there() -> None:
    step = build("split", ("holdout",), **HELD_OUT)
    assert step.outcomes() == ("a", "holdout")
    assert run(step, Stay(numbers=[0.9])) == Outcome("holdout", {"variant": "holdout"})


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ({}, [("single_variant", ())]),
        ({"variants": {"a": 1}}, [("single_variant", ("variants",))]),
        ({"variants": {"a": 1, "b": 0}}, [("bad_weight", ("variants", "b"))]),
        ({"variants": {"a": 1, "b": -3}}, [("bad_weight", ("variants", "b"))]),
        ({"variants": {"a": 1, "b": True}}, [("bad_weight", ("variants", "b"))]),
        ({"variants": {"a": 1, "b": "half"}}, [("bad_weight", ("variants", "b"))]),
        ({"variants": {"a": 1, "b": float("inf")}}, [("bad_weight", ("variants", "b"))]),
        ({"variants": [{"id": "a", "weight": 1}, {"id": "b"}]}, [("bad_weight", ("variants", 1))]),
        (
            {"variants": [{"id": "a", "weight": 1}, {"id": "a", "weight": 1}]},
            [("duplicate_id", ("variants", 1, "weight"))],
        ),
        ({"variants": {"a": 100_000, "b": 1}}, [("bad_weight", ("variants", "b"))]),
        ({"variants": {"a": 1, "error": 1}}, [("reserved_id", ("variants", "error"))]),
        ({"paths": ["a", "b"], "weights": [1]}, [("bad_weight", ("weights",))]),
        ({"paths": ["a", "b"], "variants": {"a": 1, "b": 1}}, [("conflicting_keys", ("paths",))]),
    ],
)
def test_what_is_wrong_with_a_split_is_said(config: dict[str, Any], expected: list[Any]) -> None:
    assert problems("split", **config) == expected


@pytest.mark.parametrize(
    ("weights", "warned"),
    [
        ({"a": 50, "b": 49}, True),
        ({"a": 50, "b": 50}, False),
        ({"a": 1, "b": 2}, False),
        ({"a": 33.3, "b": 33.3, "c": 33.4}, False),
    ],
)
def test_weights_that_look_like_percentages_should_make_100(weights: dict[str, float], warned: bool) -> None:
    assert (warnings("split", variants=weights) == ["weights_not_100"]) is warned
