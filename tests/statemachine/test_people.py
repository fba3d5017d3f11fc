"""Whose turn it is, and what a form takes for an answer."""

from __future__ import annotations

from typing import Any

import pytest

from statemachine.definition import load_workflow
from statemachine.errors import InvalidInput
from statemachine.people import NOBODY, Colleague, Wanted, choose, wanted_from_data, wanted_to_data
from statemachine.steps.approval import Approval
from tests.statemachine.checked_world import START, compiled

SALES, DE = frozenset({"sales"}), frozenset({"de"})
ANN = Colleague("ann", SALES, DE, turn=2)
BOB = Colleague("bob", SALES, turn=1)
CAT = Colleague("cat", frozenset({"it"}), DE, turn=0)


@pytest.mark.parametrize(
    ("people", "wanted", "chosen"),
    [
        ([ANN, BOB, CAT], Wanted(group="sales"), "bob"),
        ([BOB, ANN, CAT], Wanted(), "cat"),
        ([ANN, BOB, CAT], Wanted(group="sales", skills=("de",)), "ann"),
        ([ANN, BOB, CAT], Wanted(skills=("de", "fr")), None),
        ([ANN, BOB], Wanted(group="it"), None),
        ([], Wanted(), None),
        ([ANN, BOB], NOBODY, None),
        ([Colleague("b", turn=3), Colleague("a", turn=3)], Wanted(), "a"),
        ([Colleague("a", availability="busy"), Colleague("b", turn=9)], Wanted(), "b"),
        ([Colleague("a", availability="away")], Wanted(), None),
        ([Colleague("a", max_open=2, open=2), Colleague("b", turn=9)], Wanted(), "b"),
        ([Colleague("a", max_open=2, open=1)], Wanted(), "a"),
        ([Colleague("a", availability="away", max_open=1, open=1)], Wanted(agent="a"), "a"),
        ([ANN], Wanted(agent="bob"), None),
    ],
)
def test_the_one_whose_turn_is_longest_ago_among_those_who_may(
    people: list[Colleague], wanted: Wanted, chosen: str | None
) -> None:
    found = choose(people, wanted)
    assert (found.id if found else None) == chosen


@pytest.mark.parametrize(
    "wanted", [NOBODY, Wanted(), Wanted("ann"), Wanted(group="g", strategy="skill", skills=("a",))]
)
def test_who_is_wanted_reads_back_equal(wanted: Wanted) -> None:
    assert wanted_from_data(wanted_to_data(wanted)) == wanted


FORM = {
    "amount": {"type": "number", "required": ["approved"], "min": 0, "max": 10},
    "count": {"type": "integer"},
    "sure": "boolean",
    "day": "date",
    "level": {"choices": ["gold", "silver"]},
    "tags": {"type": "list", "choices": ["a", "b"]},
    "note": {"type": "string", "maxLength": 5, "required": ["rejected"]},
}


def _step(form: Any) -> Approval:
    runner = compiled({"id": "ask", "type": "approval", "config": {"form": form}}).steps["ask"].runner
    assert isinstance(runner, Approval)
    return runner


@pytest.mark.parametrize(
    ("decision", "data", "places"),
    [
        ("approved", {"amount": 1.5, "count": 2, "sure": False, "day": "2026-02-28", "level": "gold", "tags": []}, []),
        ("rejected", {"note": "no"}, []),
        ("approved", {}, ["data.amount"]),
        ("rejected", {"note": "  "}, ["data.note"]),
        ("approved", {"amount": True}, ["data.amount"]),
        ("approved", {"amount": 11}, ["data.amount"]),
        ("approved", {"amount": -1, "count": 1.5}, ["data.amount", "data.count"]),
        ("approved", {"amount": 1, "sure": "yes"}, ["data.sure"]),
        ("approved", {"amount": 1, "day": "2026-02-30"}, ["data.day"]),
        ("approved", {"amount": 1, "level": "bronze"}, ["data.level"]),
        ("approved", {"amount": 1, "tags": ["a", "c"]}, ["data.tags"]),
        ("approved", {"amount": 1, "tags": "a"}, ["data.tags"]),
        ("approved", {"amount": 1, "note": "longer"}, ["data.note"]),
        ("approved", {"amount": 1, "extra": 1, "by": "me"}, ["data.by", "data.extra"]),
        ("timeout", {}, ["decision"]),
    ],
)
def test_an_answer_is_held_against_the_form_and_every_fault_is_told(
    decision: str, data: dict[str, Any], places: list[str]
) -> None:
    if not places:
        assert _step(FORM).answer(decision, data, "ann", START)["by"] == "ann"
        return
    with pytest.raises(InvalidInput) as refused:
        _step(FORM).answer(decision, data, "ann", START)
    assert [place for place, _ in refused.value.violations] == places


def test_without_a_form_anything_may_be_answered_but_what_a_decision_has_of_its_own() -> None:
    output = _step(None).answer("approved", {"x": [1]}, None, START)
    assert output == {"x": [1], "decision": "approved", "by": None, "at": START.isoformat()}
    with pytest.raises(InvalidInput):
        _step(None).answer("approved", {"at": "now"}, None, START)


@pytest.mark.parametrize(
    "form", ["text", {}, {"a": {}, "decision": {}}, {"a": 1}, {f"f{n}": "text" for n in range(101)}]
)
def test_what_is_no_form_is_refused(form: Any) -> None:
    steps = [{"id": "ask", "type": "approval", "config": {"form": form}}]
    import json

    loaded = load_workflow(json.dumps({"key": "k", "steps": steps}))
    assert loaded.workflow is None
