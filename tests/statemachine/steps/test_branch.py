"""Conditions: which way they take, in every spelling."""

from __future__ import annotations

from typing import Any

import pytest

from statemachine.contact import Contact
from statemachine.step_result import Outcome
from tests.statemachine.steps.fakes import Stay, build, problems, run

VIP = Stay(Contact("c1", {"source": "ad"}, {"plan": "gold", "age": 41}, tags=("vip",), score=60))


@pytest.mark.parametrize(
    "config",
    [
        {"field": "plan", "operator": "equals", "value": "gold"},
        {"conditions": [
            {"field": "plan", "operator": "equals", "value": "gold"},
            {"field": "age", "operator": ">", "value": 40},
        ]},
        {"operator": "OR", "type": "composite", "conditions": [
            {"type": "field", "field": "plan", "operator": "==", "value": "silver"},
            {"type": "tag", "tag": "vip", "operator": "exists"},
        ]},
        {"expression": "contact.plan == 'gold' && contact.score >= 50"},
        {"condition": "contact.plan == 'gold'"},
        {"condition": {"field": "plan", "operator": "equals", "value": "gold"}},
        {"left": "$contact.plan", "operator": "===", "right": "gold"},
        {"type": "score", "operator": ">=", "value": 50},
    ],
)  # fmt: skip
def test_a_condition_in_any_form_is_true_or_false(config: dict[str, Any]) -> None:
    step = build("condition", **config)
    assert step.outcomes() == ("true", "false")
    assert run(step, VIP) == Outcome("true")
    assert run(step, Stay(Contact("c2"))) == Outcome("false")


def test_a_condition_never_raises() -> None:
    assert run(build("if", expression="contact.missing.deeper > 3"), Stay(None)) == Outcome("false")


PLAN = {"field": "plan", "operator": "equals"}


@pytest.mark.parametrize(
    ("plan", "outcome"), [("gold", "gold"), ("silver", "case_2"), ("tin", "default"), (None, "default")]
)
def test_the_first_case_that_holds_wins(plan: str | None, outcome: str) -> None:
    step = build(
        "switch",
        cases=[
            {"id": "gold", "when": {**PLAN, "value": "gold"}, "next": "thank"},
            {"when": {**PLAN, "value": "silver"}, "next": "ask"},
            {"id": "late", "when": {**PLAN, "value": "gold"}},
        ],
        default="leave",
    )
    assert run(step, Stay(Contact("c1", custom_fields={"plan": plan}))) == Outcome(outcome)
    assert step.outcomes() == ("default", "gold", "case_2", "late")
    assert step.targets() == {"gold": "thank", "case_2": "ask", "default": "leave"}


def test_branches_of_a_canvas_have_an_else_of_their_own() -> None:
    step = build(
        "condition",
        branches=[
            {"id": "b1", "name": "Gold", "conditions": [{"type": "field", **PLAN, "value": "gold"}]},
            {"id": "b2", "name": "Else", "conditions": [], "default": True},
        ],
    )
    assert step.outcomes() == ("b2", "b1")
    assert run(step, VIP) == Outcome("b1")
    assert run(step, Stay()) == Outcome("b2")


def test_a_condition_declares_what_it_reads() -> None:
    assert build("condition", field="plan", operator="exists").reads.contact == {"plan"}


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ({}, [("no_condition", ())]),
        ({"conditions": []}, [("no_condition", ())]),
        ({"cases": []}, [("no_condition", ("cases",))]),
        ({"branches": [{"id": "a"}]}, [("no_condition", ("branches", 0))]),
        ({"cases": [{"id": "a", "when": "true"}, {"id": "a", "when": "true"}]}, [("duplicate_id", ("cases", 1, "id"))]),
        ({"cases": [{"id": "error", "when": "true"}]}, [("reserved_id", ("cases", 0, "id"))]),
        ({"cases": [{"when": "true"}], "field": "x"}, [("conflicting_keys", ("field",))]),
        ({"expression": "true", "default": "x"}, [("conflicting_keys", ("default",))]),
    ],
)
def test_what_is_wrong_with_a_condition_is_said(config: dict[str, Any], expected: list[Any]) -> None:
    assert problems("condition", **config) == expected


def test_a_problem_inside_a_case_is_reported_at_its_place() -> None:
    found = problems("condition", cases=[{"when": {"field": "a", "operator": "resembles", "value": 1}}])
    assert found == [("unknown_operator", ("cases", 0, "when", "operator"))]
