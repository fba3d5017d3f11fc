"""Conditions: every form means what its seed says, every mistake is reported, and testing never raises."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

import pytest

from statemachine.condition import Condition, Trace, parse_condition
from statemachine.contact import Contact
from statemachine.event import Event
from statemachine.scope import Scope
from statemachine.values import OPERATORS

NOW = datetime(2026, 1, 1, 9, tzinfo=UTC)  # a Thursday; 10:00 in Berlin
Names = Literal["contact", "trigger", "operand"]


def scope(**changes: Any) -> Scope:
    return Scope(
        **{
            "contact": Contact(
                "c1", {"first_name": "Ann", "source": "google"}, {"plan": "pro", "age": 25}, tags=("vip",), score=7
            ),
            "event": Event("e9", "order_placed", source="crm", data={"total": 10.5, "source": "no"}, accepted_at=NOW),
            "trigger": {"id": "e0", "data": {"orderId": "o1"}},
            "variables": {"status": "active", "balance": 101, "limit": 20, "plan": "mine"},
            "enrollment": {"started_at": (NOW - timedelta(days=3)).isoformat()},
            "events": (
                Event("1", "email_opened", accepted_at=NOW - timedelta(days=5)),
                Event("2", "email_opened", accepted_at=NOW - timedelta(days=2)),
                Event("3", "email_opened", accepted_at=NOW - timedelta(hours=1)),
                Event("4", "message_received", data={"channel": "sms"}, accepted_at=NOW - timedelta(hours=2)),
            ),
            "step_starts": {"ask": NOW - timedelta(hours=3)},
            "now": NOW,
            "zone": "Europe/Berlin",
            **changes,
        }
    )


def parse(raw: Any, names: Names = "contact") -> Condition:
    problems: list[tuple[Any, ...]] = []
    condition = parse_condition(raw, lambda *problem, within=None: problems.append(problem), names=names)
    assert problems == []
    assert condition is not None
    return condition


def problems_of(raw: Any) -> list[tuple[Any, ...]]:
    problems: list[tuple[Any, ...]] = []
    assert parse_condition(raw, lambda *problem, within=None: problems.append(problem)) is None
    assert problems
    return problems


def field(name: str, operator: str, value: Any = None) -> dict[str, Any]:
    return {"field": name, "operator": operator, "value": value}


TRUE: list[Any] = [
    # fields
    field("source", "equals", "google"),
    field("plan", "==", "pro"),
    field("total", ">", "10"),
    field("orderId", "==", "o1"),
    field("event.source", "==", "crm"),
    field("trigger.data.orderId", "==", "o1"),
    field("contact.plan", "in", ["pro", "max"]),
    field("custom_fields.plan", "matches", "^p"),
    field("tags", "contains", "vip"),
    field("score", ">", 5),
    field("first_name", "starts_with", "A"),
    field("age", ">", "{{limit}}"),
    field("plan", "!=", "{{plan}}"),
    field("plan", "!=", "{{variables.nothing}}"),
    field("first_name", "==", "{{ 'ann' | capitalize }}"),
    {"field": "last_sms_reply", "operator": "not_exists"},
    {"field": "email", "operator": "is_empty"},
    {"type": "field", "field": "plan", "operator": "equals", "value": "pro"},
    {"condition_type": "field", "field": "plan", "operator": "equals", "value": "pro"},
    {"conditionType": "field", "field": "plan", "operator": "equals", "value": "pro"},
    field("Favourite colour", "not_equals", "red"),
    # an order against what is missing asks 0
    field("visits", "<", 1),
    field("visits", ">=", 0),
    field("visits", ">", -1),
    # score and tags
    {"type": "score", "operator": ">=", "value": 7},
    {"type": "tag", "tag": "vip"},
    {"type": "tag", "tags": ["x", "vip"], "operator": "exists"},
    {"type": "tag", "tags": ["x", "y"], "operator": "not_exists"},
    {"type": "tag", "tag": "x", "operator": "not_exists"},
    # combinations
    [],
    [field("plan", "==", "pro"), field("source", "==", "google")],
    {"all": []},
    {"any": [field("plan", "==", "x"), field("plan", "==", "pro")]},
    {"not": field("plan", "==", "x")},
    {"not": [field("plan", "==", "pro"), field("plan", "==", "x")]},
    {"type": "composite", "operator": "AND", "conditions": [True, field("plan", "==", "pro")]},
    {"type": "composite", "operator": "or", "conditions": [False, field("plan", "==", "pro")]},
    {"type": "composite", "operator": "NOT", "conditions": [field("plan", "==", "x")]},
    {"operator": "OR", "conditions": [False, True]},
    {"condition": field("plan", "==", "pro")},
    True,
    # chains
    {"left": "customer.age", "operator": ">", "right": "18"},
    {"left": "$customer.age", "operator": "==", "right": "25.0"},
    {"left": "$status", "op": "==", "right": "active"},
    {"left": "{{customer.age}}", "operator": "<", "right": "$limit", "logicalOp": "OR",
     "next": {"left": "true", "operator": "==", "right": True}},
    {"left": "contact.email", "operator": "is_empty"},
    {"left": "now", "operator": ">", "right": "2025-12-31T00:00:00Z"},
    # expressions
    "status == 'active' AND balance > 100",
    {"expression": "contact.age > 18"},
    {"type": "expression", "expression": "event.data.total > 10"},
    # events
    {"type": "event", "event": "email_open", "count": 2},
    {"type": "event", "event": "email_opened", "within": "7d", "count": 3},
    {"type": "event", "event": "email_opened", "within": "1d", "count": 2, "operator": "not_exists"},
    {"type": "event", "event": "email_opened", "within": "2d", "count": 2, "operator": "=="},
    {"type": "event", "event": "email_opened", "since": "ask", "count": 1, "operator": "equals"},
    {"type": "event", "event": "email_opened", "since": "2025-12-01T00:00:00Z", "count": 3},
    {"type": "event", "event": "sms_received"},
    {"type": "event", "event": "reply"},
    {"type": "event", "event": "order_placed"},
    {"event": "sms_replied", "operator": "not_exists"},
    # time
    {"type": "time", "after": "10:00", "before": "10:01"},
    {"type": "time", "after": "09:00", "timezone": "UTC"},
    {"type": "time", "between": ["22:00", "11:00"]},
    {"type": "time", "between": {"from": "09:00", "to": "17:00"}, "days": ["thu", "fri"]},
    {"type": "time", "between": "09:00-17:00"},
    {"type": "time", "between": ["09:00", "24:00"]},
    {"type": "time", "between": ["24:00", "11:00"]},
    {"type": "time", "before": "24:00"},
    {"type": "time", "after": "2026-01-01"},
    {"type": "time", "before": "2026-01-01T10:00:01"},
    {"type": "time", "operator": "after", "value": "10:00"},
    {"type": "time", "before": "{{trigger.ends}}", "after": "{{trigger.begins}}"},
]  # fmt: skip
FALSE: list[Any] = [
    field("source", "equals", "facebook_ad"),
    {"field": "last_sms_reply", "operator": "exists"},
    field("age", ">", "abc"),
    field("visits", ">", 0),
    field("plan", "==", "{{variables.nothing}}"),
    {"type": "tag", "tag": "x"},
    {"type": "tag", "tags": ["x", "vip"], "operator": "not_exists"},
    {"any": []},
    [field("plan", "==", "pro"), field("source", "==", "x")],
    {"left": "customer.visits", "operator": "<", "right": "18"},
    {"left": "customer.visits", "operator": ">=", "right": "0"},
    {"left": "age", "operator": "==", "right": "25"},
    "nothing > 1",
    "status",
    "'a' > 1",
    False,
    {"type": "event", "event": "email_opened", "count": 3},
    {"type": "event", "event": "email_opened", "within": "{{trigger.nothing}}"},
    {"type": "event", "event": "never_seen"},
    {"type": "time", "before": "10:00"},
    {"type": "time", "days": "weekend"},
    {"type": "time", "between": ["10:01", "09:59"]},
    {"type": "time", "between": ["11:00", "24:00"]},
    {"type": "time", "after": "{{trigger.nothing}}"},
]


@pytest.mark.parametrize("raw", TRUE, ids=str)
def test_this_holds(raw: Any) -> None:
    data = {"orderId": "o1", "ends": "2026-02-01", "begins": "09:30"}
    assert parse(raw).test(scope(trigger={"id": "e0", "data": data}))


@pytest.mark.parametrize("raw", FALSE, ids=str)
def test_this_does_not_hold(raw: Any) -> None:
    assert not parse(raw).test(scope())


@pytest.mark.parametrize("raw", [*TRUE, *FALSE], ids=str)
def test_explain_agrees_with_test_whatever_is_there(raw: Any) -> None:
    condition = parse(raw)
    for names in (scope(), Scope(), scope(on_missing="fail", contact=None)):
        assert condition.explain(names).result is condition.test(names)


@pytest.mark.parametrize("raw", [*TRUE, *FALSE], ids=str)
def test_not_is_exactly_the_negation(raw: Any) -> None:
    assert parse({"not": [raw]}).test(scope()) is not parse(raw).test(scope())


@pytest.mark.parametrize("first", ["AND", "OR"])
@pytest.mark.parametrize("second", ["AND", "OR"])
@pytest.mark.parametrize("truths", [(a, b, c) for a in (0, 1) for b in (0, 1) for c in (0, 1)])
def test_a_chain_nests_to_the_right(first: str, second: str, truths: tuple[int, int, int]) -> None:
    a, b, c = ({"left": "1", "operator": "==", "right": str(truth)} for truth in truths)
    chain = {**a, "logicalOp": first, "next": {**b, "logicalOp": second, "next": c}}
    left, middle, right = map(bool, truths)
    inner = middle and right if second == "AND" else middle or right
    assert parse(chain).test(Scope()) is (left and inner if first == "AND" else left or inner)


@pytest.mark.parametrize("operator", OPERATORS)
@pytest.mark.parametrize("name", ["plan", "age", "email", "tags", "nothing", "score"])
def test_every_operator_answers_for_every_field_and_never_raises(operator: str, name: str) -> None:
    condition = parse(field(name, operator, "{{variables.value}}"))
    values: tuple[Any, ...] = ("pro", 25, "25", None, ["pro"], True, {}, "(a")
    for value in values:
        names = scope(variables={"value": value})
        assert condition.explain(names).result is condition.test(names)


def test_bare_names_depend_on_where_the_condition_stands() -> None:
    assert parse(field("plan", "==", "pro")).test(scope())
    assert parse(field("plan", "==", "mine"), "operand").test(scope())
    assert parse("plan == 'mine'").test(scope())
    assert parse("plan == 'pro' && total > 10", "trigger").test(scope())


def test_explain_says_what_was_found() -> None:
    assert parse(field("source", "equals", "facebook_ad")).explain(scope()) == Trace(
        'contact.source equals "facebook_ad"',
        False,
        "google",
        subject="contact.source",
        operator="equals",
        expected="facebook_ad",
    )
    both = parse([field("source", "equals", "google"), "nothing > 1"]).explain(scope())
    assert [(child.text, child.result, child.error) for child in both.children] == [
        ('contact.source equals "google"', True, ""),
        ("nothing > 1", False, "nothing has no value"),
    ]


@pytest.mark.parametrize(
    ("raw", "contact", "events"),
    [
        (field("source", "==", "x"), {"source"}, {}),
        ({"type": "score", "operator": ">", "value": 1}, {"score"}, {}),
        ({"type": "tag", "tag": "x"}, {"tags"}, {}),
        (field("event.data.x", "==", "{{contact.plan}}"), {"plan"}, {}),
        ([field("a", "exists"), "contact.b > 1"], {"a", "b"}, {}),
        ({"event": "email_open", "within": "3d"}, set(), {"email_opened": timedelta(days=3)}),
        ({"event": "email_open"}, set(), {"email_opened": None}),
        ({"event": "reply", "within": 60}, set(), dict.fromkeys(
            ("message_received", "email_replied", "sms_replied"), timedelta(minutes=1))),
        ({"type": "time", "after": "09:00", "timezone": "UTC"}, set(), {}),
        ({"type": "time", "after": "09:00"}, {"timezone"}, {}),
    ],
)  # fmt: skip
def test_what_a_condition_reads_is_known_without_testing_it(
    raw: Any, contact: set[str], events: dict[str, timedelta | None]
) -> None:
    reads = parse(raw).reads
    assert (set(reads.contact), dict(reads.events)) == (contact, events)


def test_a_step_named_in_since_is_among_the_paths() -> None:
    assert ("steps", "ask") in parse({"event": "email_open", "since": "ask"}).paths


@pytest.mark.parametrize(
    ("raw", "code", "path"),
    [
        (field("a", "equalz", 1), "unknown_operator", ("operator",)),
        ({"field": "a", "operator": "=="}, "missing_key", ()),
        ({"field": "a"}, "missing_key", ()),
        ({"operator": "==", "field": "", "value": 1}, "missing_key", ()),
        ({**field("a", "==", 1), "valu": 2}, "unknown_key", ("valu",)),
        ({"feld": "a"}, "bad_condition", ()),
        ({"type": "fild"}, "bad_condition", ("type",)),
        ({"type": ["field"]}, "bad_condition", ("type",)),
        (3, "bad_condition", ()),
        (None, "bad_condition", ()),
        (field("a", "matches", "(a"), "bad_regex", ("value",)),
        (field("a", "matches", 1), "bad_regex", ("value",)),
        (field("a", "matches", "(?=x)"), "bad_regex", ("value",)),
        (field("a", "in", 1), "bad_value", ("value",)),
        (field("a", "==", "{{ x"), "bad_template", ("value",)),
        (field("{{ x", "==", 1), "bad_template", ("field",)),
        ("1 +", "bad_expression", ()),
        ({"expression": 1}, "bad_value", ()),
        ({"not": "1 +"}, "bad_expression", ("not",)),
        ({"all": [True, {"any": [field("a", "zz", 1)]}]}, "unknown_operator", ("all", 1, "any", 0, "operator")),
        ({"left": "1", "operator": "==", "right": "1", "next": True}, "bad_condition", ("logical_op",)),
        ({"left": "1", "operator": "==", "right": "1", "logicalOp": "AND", "next": 1}, "bad_condition", ("next",)),
        ({"operator": "==", "right": "1", "left": "{{ x"}, "bad_template", ("left",)),
        ({"type": "tag"}, "missing_key", ()),
        ({"type": "tag", "tag": "x", "operator": ">"}, "unknown_operator", ("operator",)),
        ({"type": "composite", "operator": "XOR", "conditions": []}, "unknown_operator", ("operator",)),
        ({"type": "composite", "operator": "AND"}, "missing_key", ()),
        ({"type": "event"}, "missing_key", ()),
        ({"event": "x", "count": "many"}, "bad_value", ("count",)),
        ({"event": "x", "within": "soon"}, "bad_duration", ("within",)),
        ({"event": "x", "within": "1d", "since": "ask"}, "conflicting_keys", ()),
        ({"event": "x", "operator": "contains"}, "unknown_operator", ("operator",)),
        ({"type": "time"}, "missing_key", ()),
        ({"type": "time", "after": "25:99"}, "bad_time", ("after",)),
        ({"type": "time", "between": ["09:00"]}, "bad_time", ("between",)),
        ({"type": "time", "between": ["09:00", "09:00"]}, "bad_time", ("between",)),
        ({"type": "time", "days": ["someday"]}, "bad_weekday", ("days",)),
        ({"type": "time", "days": []}, "bad_weekday", ("days",)),
        ({"type": "time", "after": "09:00", "timezone": "Mars/Base"}, "bad_timezone", ("timezone",)),
    ],
)  # fmt: skip
def test_a_mistake_is_reported_at_its_place(raw: Any, code: str, path: tuple[str | int, ...]) -> None:
    assert (code, path) in [problem[:2] for problem in problems_of(raw)]


def test_all_mistakes_are_reported_at_once() -> None:
    raw = [field("a", "zz", 1), field("a", "matches", "("), "1 +", {"type": "time", "days": "x", "timezone": "y"}]
    assert [problem[0] for problem in problems_of(raw)] == [
        "unknown_operator", "bad_regex", "bad_expression", "bad_weekday", "bad_timezone",
    ]  # fmt: skip


def test_a_misspelt_operator_gets_a_suggestion() -> None:
    assert problems_of(field("a", "greater_then", 1))[0][3] == "did you mean 'greater_than'?"


@pytest.mark.parametrize("key", ["not", "all", "condition"])
def test_a_condition_nested_beyond_reason_is_refused(key: str) -> None:
    raw: Any = True
    for _ in range(5000):
        raw = {key: raw}
    assert problems_of(raw)[0][0] == "too_deep"


def test_a_pattern_takes_linear_time() -> None:
    condition = parse(field("text", "matches", "^(a+)+$"))
    names = Scope(contact=Contact("c", custom_fields={"text": "a" * 100_000 + "b"}))
    started = time.process_time()
    assert not condition.test(names)
    assert time.process_time() - started < 1
