"""Templates: types kept, missing names by mode, Liquid within limits."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Any

import pytest

from statemachine.contact import Contact
from statemachine.errors import StepFailed
from statemachine.scope import Scope
from statemachine.template import compile_value
from statemachine.template_error import TemplateError

NOW = datetime(2026, 1, 1, 9, tzinfo=UTC)


def scope(on_missing: str = "keep") -> Scope:
    return Scope(
        contact=Contact("c1", {"first_name": "Ann"}, {"plan": "pro", "nothing": None}),
        trigger={"data": {"orderId": "o1", "items": [{"name": "a"}]}},
        variables={
            "count": 3,
            "rate": 2.0,
            "flag": True,
            "items": [1, 2],
            "order": {"total": 5},
            "raw": "{{count}} {% if %}",
        },
        now=NOW,
        zone="Europe/Berlin",
        on_missing=on_missing,
    )


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ("plain", "plain"),
        ("100 % {sure}", "100 % {sure}"),
        (7, 7),
        (None, None),
        ("{{count}}", 3),
        ("{{ count }}", 3),
        ("{{flag}}", True),
        ("{{items}}", [1, 2]),
        ("{{order}}", {"total": 5}),
        ("{{now}}", NOW),
        ("{{nothing}}", None),
        ("{{contact.email}}", ""),
        ("{{ trigger.items[0].name }}", "a"),
        ("{{items.size}}", 2),
        (" {{count}}", " 3"),
        ("Hi {{first_name}}, no. {{trigger.orderId}}!", "Hi Ann, no. o1!"),
        ("[{{nothing}}|{{email}}]", "[|]"),
        ("{{rate}}/{{flag}}/{{items}}/{{order}}", '2/true/[1,2]/{"total":5}'),
        ("at {{now}}", "at 2026-01-01T09:00:00Z"),
        ({"a": ["{{count}}", {"b": "x{{count}}"}], "c": 1}, {"a": [3, {"b": "x3"}], "c": 1}),
        ("{{ first_name | upcase }}", "ANN"),
        ('{{ email | default: "there" }}', "there"),
        ('{{ zip | default: "there" }}', "there"),
        ("{{ nothing | default: 'x' }}", "x"),
        ("{{ now | date: '%H:%M' }}", "10:00"),
        ("{{ 'now' | date: '%Y' }}", "2026"),
        ("{{ '2026-03-01T12:00:00Z' | date: '%H' }}", "13"),
        ("{% if count > 2 %}many{% else %}few{% endif %}", "many"),
        ("{% if zip %}a{% else %}b{% endif %}", "b"),
        ("{% for item in items %}{{item}}{{forloop.index}} {% endfor %}", "11 22 "),
        ("{% assign x = count | plus: 1 %}{{ x }}", "4"),
        ("{% raw %}{{count}}{% endraw %}", "{{count}}"),
        ("{{- first_name -}} !", "Ann!"),
    ],
)
def test_a_value_resolves(raw: Any, expected: Any) -> None:
    found = compile_value(raw).resolve(scope())
    assert (found, type(found)) == (expected, type(expected))


@pytest.mark.parametrize("raw", ["{{raw}}", "x {{raw}}", "{{ raw | append: '' }}"])
def test_rendered_text_is_never_rendered_again(raw: str) -> None:
    assert compile_value(raw).resolve(scope()).endswith("{{count}} {% if %}")


@pytest.mark.parametrize(
    "raw",
    ["{{customer.missing}}", "a {{ customer.missing }} b", "{{ zip | upcase }} x", "{% if 1 %}{{zip}}{% endif %}"],
)
def test_a_missing_name_follows_the_mode(raw: str) -> None:
    value = compile_value(raw)
    kept = value.resolve(scope("keep"))
    assert "{{" in kept
    assert kept in raw
    assert value.resolve(scope("empty")).strip() in ("", "a  b", "x")
    with pytest.raises(StepFailed, match="has no value") as failure:
        value.resolve(scope("fail"))
    assert failure.value.code == "missing_value"


@pytest.mark.parametrize("raw", ["{{email}}", "{{nothing}}", "{{ zip | default: 'x' }}"])
def test_an_empty_standard_field_a_null_and_a_default_are_not_missing(raw: str) -> None:
    assert compile_value(raw).resolve(scope("fail")) in ("", None, "x")


@pytest.mark.parametrize(
    ("raw", "paths"),
    [
        ("plain", set()),
        ("{{a.b[0]}}", {("a", "b", 0)}),
        ({"x": "{{a}} {{b.c}}", "y": ["{{d}}"]}, {("a",), ("b", "c"), ("d",)}),
        ("{{ a.b | default: c.d }}", {("a", "b"), ("c", "d")}),
        ("{% for i in items %}{{ i.x }}{{ forloop.index }}{% endfor %}", {("items",)}),
        ("{{ steps['x-y'].output.z | upcase }}", {("steps", "x-y", "output", "z")}),
    ],
)
def test_the_names_a_value_reads_are_known_without_running_it(raw: Any, paths: set[tuple[str | int, ...]]) -> None:
    value = compile_value(raw)
    assert value.paths == paths
    assert value.constant is (not paths)


def test_a_value_knows_the_contact_fields_it_reads() -> None:
    assert compile_value("{{contact.source}} {{plan}}").reads.contact == {"source", "plan"}


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        ("Hi {{ name", "has no '}}'"),
        ("{% if x %}", "'if'|expected|endif"),
        ("{% if x", "has no '%}'"),
        ("{{ a | upcas }}", "did you mean 'upcase'"),
        ("{{ a b }}", "expected"),
        ("{{ }}", "expected"),
        ("{% include 'x' %}", "include"),
        ("{% render 'x' %}", "render"),
        ("{% nope %}", "nope"),
        ({"a": ["{{ x"]}, "has no"),
    ],
)
def test_a_broken_template_is_refused_with_a_reason(raw: Any, message: str) -> None:
    with pytest.raises(TemplateError, match=message):
        compile_value(raw)


def test_a_broken_template_names_its_column() -> None:
    with pytest.raises(TemplateError) as failure:
        compile_value("Hi {{ name")
    assert failure.value.column == 4


LOOP_100 = "{% for i in (1..100) %}"
HOSTILE = [
    "{{" * 100_000,
    "{%" * 100_000,
    "{{ a" * 40_000 + "}}",
    "{{" * 90_000 + "{%",
    "{{ a }}" * 28_000,
    "{{" + " " * 190_000 + "}}",
    "{{ a" + " " * 1_900 + "| upcase }}",
    "{{ '" + "a" * 100_000 + "' | x }}",
    "{{ a" + "[a" * 900 + "]" * 900 + " | upcase }}",
    "{% if a %}" * 60 + "{% endif %}" * 60,
    "{% if " + "a or " * 300 + "a %}x{% endif %}",
    "{{ (1..1000000000) | join: ',' }}",
    "{{ (1..1000000000) | size }}",
    "{% assign big = (1..99999999) | reverse %}",
    "{% for i in (1..1000000000) %}x{% endfor %}",
    LOOP_100 * 3 + "x" + "{% endfor %}" * 3,
    "{% assign a = 'aaaaaaaaaa' %}" + LOOP_100 + "{% assign a = a | append: a %}{% endfor %}",
    "{% assign a = 9 %}" + LOOP_100 + "{% assign a = a | times: a %}{% endfor %}",
    "{{ 'aaaaaaaaaaaa' | replace: 'a', 'aaaaaaaaaaaa'" + " | replace: 'a', 'aaaaaaaaaaaaa'" * 50 + "}}",
    LOOP_100 * 2 + "{{ '" + "&" * 500 + "' | escape | escape | escape }}{% endfor %}{% endfor %}",
    "{{ now | date: '%999999999Y' }}",
]


@pytest.mark.parametrize("raw", HOSTILE, ids=lambda raw: f"{raw[:24]}…{len(raw)}")
def test_a_hostile_template_ends_quickly(raw: str) -> None:
    started = time.process_time()
    try:
        found = compile_value(raw).resolve(scope())
    except (TemplateError, StepFailed) as error:
        found = error.message
    assert len(str(found)) <= 1_000_000
    assert time.process_time() - started < 5


def test_values_nested_beyond_reason_are_refused() -> None:
    deep: Any = "{{x}}"
    for _ in range(5000):
        deep = [deep]
    with pytest.raises(TemplateError, match="nested"):
        compile_value(deep)


def test_a_filter_that_fails_fails_the_step() -> None:
    with pytest.raises(StepFailed, match="divide") as failure:
        compile_value("{{ 1 | divided_by: 0 }}").resolve(scope())
    assert failure.value.code == "template_failed"
