"""What strangers may send: whatever it is, the answer is a clear error, soon, and in little memory."""

from __future__ import annotations

import json
import time
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from statemachine.definition import Loaded, load_workflow
from statemachine.meter import MAX_WORK, TooComplex, metered, spend
from statemachine.pattern import compile_pattern
from statemachine.problem import MAX_PROBLEMS
from statemachine.source import read_source

# A second on an ordinary machine; a busy or slow one takes up to three times as long.
MAX_SECONDS = 3.0
MAX_MEMORY = 64 * 2**20
"""What loading may hold at once, whatever the text. CEL keeps its programs outside of what is counted here."""


def workflow(**step: Any) -> str:
    return json.dumps({"key": "k", "steps": [{"id": "a", "type": "pass"} | step]})


def conditions(*written: Any) -> str:
    return workflow(when=list(written))


def variables(values: dict[str, Any]) -> str:
    return json.dumps({"key": "k", "variables": values, "steps": [{"id": "a", "type": "pass"}]})


def typical_step(number: int) -> dict[str, Any]:
    """A step as people write them: a condition, a templated subject and body."""
    return {
        "id": f"s{number}",
        "type": "send_email",
        "when": "contact.score > 10 && contact.plan == 'pro'",
        "config": {
            "subject": "{{ first_name | default: 'there' }}, news for you",
            "body": "Hello {{ first_name | default: 'you' }}, {% if contact.plan == 'pro' %}thanks{% endif %} "
            + "word " * 40,
        },
    }


def canvas(nodes: list[Any], edges: list[Any]) -> str:
    return json.dumps({"key": "k", "nodes": nodes, "edges": edges})


def ways_by_id(count: int) -> str:
    """Conditions that each name the next one on both ways."""
    steps = [
        {"id": f"c{n}", "type": "if", "condition": "true", "trueSteps": [f"c{n + 1}"], "falseSteps": [f"c{n + 1}"]}
        for n in range(count)
    ]
    return json.dumps({"key": "k", "steps": steps})


VARIANTS = {"id": "a", "type": "split", "config": {"variants": {f"v{n}": 1 for n in range(5000)}}}
BOMB = "a: &a [x,x]\nb: &b [*a,*a]\nc: &c [*b,*b]\n" + "".join(f"d{n}: [*c,*c]\n" for n in range(1000))
PROPERTY = "\\p{L}{1,900}"

HOSTILE: dict[str, tuple[Callable[[], str | bytes], str]] = {
    "an alias bomb": (lambda: BOMB, "alias_refused"),
    "brackets 100,000 deep": (lambda: "steps: " + "[" * 100_000, "too_deep"),
    "objects 100,000 deep": (lambda: '{"a":' * 100_000 + "1" + "}" * 100_000, "too_deep"),
    "blocks 100,000 deep": (lambda: "- " * 100_000, "too_deep"),
    "keys 100,000 deep": (lambda: "? " * 100_000, "bad_key"),
    "nodes that are nothing": (lambda: canvas([{"id": n} for n in range(6000)], []), "missing_key"),
    "nodes of no type": (
        lambda: canvas(
            [{"id": n, "type": "action", "label": "Send Replay", "config": {"a": 1}} for n in range(1500)], []
        ),
        "unknown_type",
    ),
    "edges to nowhere": (
        lambda: canvas([{"id": "a", "type": "pass"}], [{"source": "a", "target": f"b{n}"} for n in range(3900)]),
        "unknown_step",
    ),
    "edges of one outcome among thousands": (
        lambda: canvas([VARIANTS], [{"source": "a", "target": "a", "label": "v1"} for _ in range(1200)]),
        "conflicting_keys",
    ),
    "ways by id in a chain": (lambda: ways_by_id(1500), "too_many_steps"),
    "ten megabytes": (lambda: b"a: 1\n" * 2_000_000, "too_large"),
    "NULs": (lambda: "key: a\0b", "not_text"),
    "a thousand NULs": (lambda: "\0" * 1000, "not_text"),
    "a lone surrogate": (lambda: '{"key": "\\ud800"}', "not_text"),
    "a lone surrogate in YAML": (lambda: 'key: "\\ud800"', "bad_syntax"),
    "a surrogate in bytes": (lambda: b"key: \xed\xa0\x80", "not_text"),
    "UTF-16": (lambda: workflow().encode("utf-16"), "not_text"),
    "UTF-32": (lambda: workflow().encode("utf-32"), "not_text"),
    "half a character": (lambda: workflow().encode() + b"\xc3", "not_text"),
    "control characters": (lambda: "key: a\x01\x07\x1b[31m", "bad_syntax"),
    "control characters in JSON": (lambda: '{"key": "a\x01"}', "bad_syntax"),
    "a number of a million digits": (lambda: f"steps: {'9' * 1_000_000}", "bad_number"),
    "a number with a huge exponent": (lambda: '{"steps": 1e999999999}', "bad_number"),
    "a duration of many digits": (lambda: workflow(type="wait", config={"for": "9" * 900_000}), "bad_duration"),
    "a duration of many parts": (lambda: workflow(type="wait", config={"for": "1d " * 300_000}), "bad_duration"),
    "a zone that is a path": (lambda: '{"key": "k", "timezone": "../../../etc/passwd", "steps": []}', "bad_timezone"),
    "a zone of a megabyte": (lambda: json.dumps({"key": "k", "timezone": "A/" * 400_000, "steps": []}), "bad_timezone"),
    "a key of a megabyte": (lambda: json.dumps({"k" * 1_000_000: 1}), "unknown_key"),
    "a path of a megabyte, often": (lambda: variables({"x" * 500_000: ["{{"] * 300}), "bad_template"),
    "a regex of huge repeats": (
        lambda: conditions({"field": "a", "operator": "matches", "value": "((a{1,900}){1,900}){1,900}"}), "bad_regex",
    ),
    "hundreds of large patterns": (
        lambda: conditions(*({"field": "a", "operator": "matches", "value": f"{PROPERTY}{n}"} for n in range(2000))),
        "too_complex",
    ),
    "an expression of 100,000 brackets": (lambda: conditions("(" * 100_000), "bad_expression"),
    "an expression of a megabyte": (lambda: conditions("x > 1 && " * 100_000), "bad_expression"),
    "deep expressions": (lambda: conditions(*["(" * 9_000 + "1" + ")" * 9_000] * 40), "bad_expression"),
    "thousands of expressions": (lambda: conditions(*(f"x{n} > 1" for n in range(15_000))), "too_complex"),
    "large expressions": (lambda: conditions(*["&&".join(["x>1"] * 2800)] * 60), "too_complex"),
    "conditions nested in conditions": (lambda: workflow(when=_nested(31)), "too_deep"),
    "nested loops": (
        lambda: workflow(type="send_sms", config={"body": "{% for i in (1..9) %}" * 100 + "{% endfor %}" * 100}),
        "bad_template",
    ),
    "a template of openings": (lambda: workflow(type="send_sms", config={"body": "{{" * 90_000}), "bad_template"),
    "thousands of templates": (lambda: variables({f"v{n}": "{{ a | upcase }}" for n in range(9_500)}), "too_complex"),
    "thousands of wrong templates": (lambda: variables({f"v{n}": "{{ a | x }}" for n in range(9_500)}), "bad_template"),
    "thousands of unknown keys": (lambda: json.dumps({f"kye{n}": 1 for n in range(9_000)}), "unknown_key"),
    "thousands of cases": (
        lambda: workflow(type="if", config={"cases": [{"when": True, "next": f"s{n}"} for n in range(3_000)]}),
        "unknown_step",
    ),
    "thousands of outcomes": (lambda: workflow(branches={f"b{n}": "end" for n in range(9_000)}), "unknown_outcome"),
    "hundreds of unknown steps": (
        lambda: json.dumps({"key": "k", "steps": [
            {"id": f"s{n}" * 15, "type": "pass", "next": f"s{n}x" * 20} for n in range(500)
        ]}),
        "unknown_step",
    ),
    "an id of half a megabyte": (lambda: workflow(id="a" * 500_000, branches={"b": "end", "c": "end"}), "bad_name"),
}  # fmt: skip


def _nested(depth: int) -> Any:
    condition: Any = "x"
    for _ in range(depth):
        condition = {"not": condition}
    return condition


@contextmanager
def within(seconds: float) -> Iterator[None]:
    """Work of this process, not time on a clock: a busy machine is no slow program."""
    started = time.process_time()
    yield
    assert time.process_time() - started < seconds


@pytest.fixture(scope="module", autouse=True)
def _warm() -> None:
    """What is loaded at first use belongs to nobody's time."""
    load_workflow(json.dumps({"key": "k", "timezone": "UTC", "steps": [typical_step(1)]}))


@pytest.mark.parametrize(("make", "code"), HOSTILE.values(), ids=HOSTILE.keys())
def test_a_hostile_document_ends_in_a_clear_error_within_a_second(make: Callable[[], str | bytes], code: str) -> None:
    text = make()
    with within(MAX_SECONDS):
        loaded = load_workflow(text)
    assert loaded.workflow is None
    assert code in {problem.code for problem in loaded.problems}
    assert len(loaded.problems) <= 2 * MAX_PROBLEMS + 2
    assert (
        max(len(problem.path) + len(problem.message) + len(problem.suggestion) for problem in loaded.problems) < 6_000
    )


LARGE: dict[str, Callable[[], str]] = {
    "cases": lambda: workflow(type="if", config={"cases": [{"when": True, "next": "end"} for _ in range(3_000)]}),
    "variants": lambda: workflow(
        type="split",
        config={"variants": {f"v{n}": 1 for n in range(4_000)}},
        branches={f"V{n}": "a" for n in range(4_000)},
    ),
    "waits": lambda: workflow(
        type="wait", config={"on": [{"event": "reply", "branch": f"b{n}", "when": "x"} for n in range(2_000)]}
    ),
    "triggers": lambda: json.dumps({"key": "k", "triggers": [{"type": "t", "config": {"a": n}} for n in range(3_000)],
                                    "steps": [{"id": "a", "type": "pass"}]}),
    "exits": lambda: json.dumps({"key": "k", "exit": [{"on": "t", "when": f"x > {n}"} for n in range(2_000)],
                                 "steps": [{"id": "a", "type": "wait", "config": {"for": "1d"}}]}),
    "paths": lambda: variables({f"v{n}": f"{{{{ contact.c{n} }}}} {{{{ name{n} }}}}" for n in range(9_500)}),
    "outputs": lambda: json.dumps({"key": "k", "steps": [
        {"id": f"s{n}", "type": "send_sms",
         "config": {"body": " ".join(f"{{{{steps.s{(7 * n + m) % 500}.output.x}}}}" for m in range(20))}}
        for n in range(500)
    ]}),
    "ways": lambda: json.dumps({"key": "k", "steps": [
        {"id": f"s{n}", "type": "task", "branches": {f"b{m}": f"s{(n * m + m) % 500}" for m in range(12)}}
        for n in range(500)
    ]}),
}  # fmt: skip


@pytest.mark.parametrize("make", LARGE.values(), ids=LARGE.keys())
def test_a_document_with_thousands_of_something_is_judged_within_a_second(make: Callable[[], str]) -> None:
    text = make()
    with within(MAX_SECONDS):
        load_workflow(text)


HUNGRY = (
    "an alias bomb", "brackets 100,000 deep", "ten megabytes", "a number of a million digits", "a key of a megabyte",
    "a path of a megabyte, often", "large expressions", "thousands of templates", "thousands of cases",
)  # fmt: skip


@pytest.mark.parametrize("name", HUNGRY)
def test_a_hostile_document_takes_little_memory(name: str) -> None:
    text = HOSTILE[name][0]()
    _, peak = peak_of(lambda: load_workflow(text))
    assert peak < MAX_MEMORY


def peak_of(work: Callable[[], Any]) -> tuple[Any, int]:
    """What the work answers, and the most bytes it held at once."""
    tracemalloc.start()
    try:
        return work(), tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_a_pattern_that_explodes_elsewhere_is_linear_here() -> None:
    pattern = compile_pattern("((a+)+)+$")
    with within(MAX_SECONDS):
        assert pattern.search("a" * 100_000 + "b") is None


def test_one_byte_order_mark_is_part_of_no_text() -> None:
    assert read_source(b"\xef\xbb\xbfkey: a").data == {"key": "a"}


def test_five_hundred_steps_load_in_a_few_megabytes() -> None:
    text = json.dumps({"key": "k", "steps": [typical_step(number) for number in range(500)]})
    loaded, peak = peak_of(lambda: load_workflow(text))
    assert isinstance(loaded, Loaded)
    assert loaded.workflow is not None
    assert len(loaded.workflow.steps) == 500
    assert peak < 24 * 2**20


def test_five_hundred_steps_load_within_a_second() -> None:
    text = json.dumps({"key": "k", "steps": [typical_step(number) for number in range(500)]})
    with within(MAX_SECONDS):
        assert load_workflow(text).workflow is not None


def test_the_purse_belongs_to_one_definition() -> None:
    with metered():
        spend(MAX_WORK)
        with metered():
            spend(MAX_WORK)
        with pytest.raises(TooComplex):
            spend(1)
    spend(MAX_WORK * 10)
