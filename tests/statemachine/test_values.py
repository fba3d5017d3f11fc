"""Every operator against every kind of value."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from statemachine.pattern import PatternError
from statemachine.scope import MISSING
from statemachine.values import OPERATORS, equal, find_operator, number, order, suggest_operator, text

KINDS: dict[str, Any] = {
    "text": "pro",
    "number": 10,
    "numeric text": "10",
    "missing": MISSING,
    "null": None,
    "list": ["pro", 10],
    "true": True,
    "false": False,
    "empty text": "",
    "zero": 0,
    "empty list": [],
    "object": {"pro": 1},
}
PRESENT = set(KINDS) - {"missing", "null"}
EMPTY = {"missing", "null", "false", "empty text", "zero", "empty list"}

HOLDS_FOR: list[tuple[str, Any, set[str]]] = [
    ("equals", "pro", {"text"}),
    ("equals", 10, {"number", "numeric text"}),
    ("equals", "10.0", {"number", "numeric text"}),
    ("equals", True, {"true"}),
    ("equals", "true", {"true"}),
    ("equals", "false", {"false"}),
    ("equals", None, {"missing", "null"}),
    ("equals", MISSING, {"missing", "null"}),
    ("equals", ["pro", "10"], {"list"}),
    ("equals", {"pro": 1.0}, {"object"}),
    ("equals", "", {"empty text"}),
    ("equals", 0, {"zero"}),
    ("equals", 1, set()),
    ("greater_than", 9, {"number", "numeric text"}),
    ("greater_than", "9", {"number", "numeric text", "text"}),
    ("greater_than", "a", {"text"}),
    ("greater_than", True, set()),
    ("greater_than", None, set()),
    ("less_than", 11, {"number", "numeric text", "zero"}),
    ("less_than", "z", {"text", "numeric text", "empty text"}),
    ("greater_than_or_equal", 10, {"number", "numeric text"}),
    ("greater_than_or_equal", 10.5, set()),
    ("less_than_or_equal", 10, {"number", "numeric text", "zero"}),
    ("contains", "pro", {"text", "list", "object"}),
    ("contains", "r", {"text"}),
    ("contains", 1, {"number", "numeric text"}),
    ("contains", "10", {"number", "numeric text", "list"}),
    ("contains", None, set()),
    ("starts_with", "p", {"text"}),
    ("starts_with", 1, {"number", "numeric text"}),
    ("ends_with", "o", {"text"}),
    ("ends_with", "0", {"number", "numeric text", "zero"}),
    ("in", ["pro", 10], {"text", "number", "numeric text", "list"}),
    ("in", "pro, 10", {"text", "number", "numeric text", "list"}),
    ("in", [None], {"missing", "null"}),
    ("in", [True], {"true"}),
    ("in", [], set()),
    ("in", 10, set()),
    ("in", {"pro": 1}, {"text"}),
    ("exists", None, PRESENT),
    ("is_empty", None, EMPTY),
    ("matches", "^p.o$", {"text"}),
    ("matches", "1", {"number", "numeric text"}),
]
NEGATIONS = {
    "equals": "not_equals",
    "contains": "not_contains",
    "in": "not_in",
    "exists": "not_exists",
    "is_empty": "is_not_empty",
}


@pytest.mark.parametrize(("name", "value", "kinds"), HOLDS_FOR)
def test_an_operator_holds_for_exactly_these_kinds(name: str, value: Any, kinds: set[str]) -> None:
    assert {kind for kind, actual in KINDS.items() if OPERATORS[name].test(actual, value)} == kinds


@pytest.mark.parametrize(("name", "value", "kinds"), [case for case in HOLDS_FOR if case[0] in NEGATIONS])
def test_a_negative_operator_holds_for_exactly_the_others(name: str, value: Any, kinds: set[str]) -> None:
    negative = OPERATORS[NEGATIONS[name]]
    assert {kind for kind, actual in KINDS.items() if negative.test(actual, value)} == set(KINDS) - kinds


def test_every_operator_is_in_the_table() -> None:
    assert {case[0] for case in HOLDS_FOR} | set(NEGATIONS.values()) == set(OPERATORS)


@pytest.mark.parametrize("name", [name for name in OPERATORS if name != "matches"])
@pytest.mark.parametrize("left", list(KINDS.values()), ids=list(KINDS))
def test_no_operator_raises(name: str, left: Any) -> None:
    assert all(OPERATORS[name].test(left, right) in (True, False) for right in KINDS.values())


@pytest.mark.parametrize(
    ("left", "right"),
    [("007", "7"), ("007", 7), ("+4912", "4912"), ("1e3", 1000), (True, 1), ("true", "True"), (" 10", 10), ("ⅷ", 8),
     ("12345678901234567890", "12345678901234567891"), ([1], [1, 2]), ([True], [1]), ({"a": 1}, {"b": 1}), ("", None)],
)  # fmt: skip
def test_these_are_not_equal(left: Any, right: Any) -> None:
    assert not equal(left, right)
    assert not equal(right, left)


@pytest.mark.parametrize(
    ("left", "right"),
    [("10", "10.0"), ("-3.50", -3.5), (1, 1.0), ("2026-01-01T10:00+01:00", datetime(2026, 1, 1, 9, tzinfo=UTC))],
)
def test_these_are_equal(left: Any, right: Any) -> None:
    assert equal(left, right)
    assert equal(right, left)


@pytest.mark.parametrize(
    ("left", "right", "expected"),
    [("9", "10", -1), ("b", "a", 1), (1, 1.0, 0), ("a", 1, None), (True, False, None), (float("nan"), 1, None),
     (datetime(2026, 1, 2, tzinfo=UTC), "2026-01-01", 1), ([1], [2], None)],
)  # fmt: skip
def test_order(left: Any, right: Any, expected: int | None) -> None:
    assert order(left, right) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [(None, ""), (True, "true"), (10.0, "10"), (10.5, "10.5"), (1e300, "1e+300"), ([1, "ä"], '[1,"ä"]'), ({}, "{}"),
     (datetime(2026, 1, 1, 9, tzinfo=UTC), "2026-01-01T09:00:00Z"), ({"at": datetime(2026, 1, 1, tzinfo=UTC)},
      '{"at":"2026-01-01T00:00:00Z"}'), (("a",), '["a"]')],
)  # fmt: skip
def test_a_value_inside_text(value: Any, expected: str) -> None:
    assert text(value) == expected


@pytest.mark.parametrize(
    ("written", "canonical"),
    [("==", "equals"), ("!=", "not_equals"), (">", "greater_than"), ("<", "less_than"), (">=", "greater_than_or_equal"),
     ("<=", "less_than_or_equal"), ("notEquals", "not_equals"), ("GREATER_THAN", "greater_than"),
     ("is empty", "is_empty"), ("===", "equals")],
)  # fmt: skip
def test_an_operator_is_found_by_every_spelling(written: str, canonical: str) -> None:
    operator = find_operator(written)
    assert operator is not None
    assert operator.name == canonical


def test_a_misspelt_operator_gets_a_suggestion() -> None:
    assert suggest_operator("equalz") == "equals"
    assert suggest_operator("qqqq") == ""


def test_numbers_are_only_plain_decimals() -> None:
    assert [number(value) for value in ("1", "1.5", "-2", "1e3", "0x1", "01", "", "9" * 40, True)] == [
        1, 1.5, -2, None, None, None, None, None, None,
    ]  # fmt: skip


def test_data_nested_beyond_reason_is_unequal_and_not_an_error() -> None:
    deep: Any = []
    for _ in range(5000):
        deep = [deep]
    assert not equal(deep, [deep])
    assert text(deep).startswith("[[[")


def test_a_pattern_that_is_none_is_named() -> None:
    with pytest.raises(PatternError, match="missing"):
        OPERATORS["matches"].test("x", "(a")
