"""What is fuzzed: the three entry points for what strangers write, and what each of them promises."""

from __future__ import annotations

import json
import operator
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from typing import Any

from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from statemachine.contact import Contact
from statemachine.definition import load_workflow
from statemachine.errors import StepFailed
from statemachine.event import Event
from statemachine.expression import ExpressionError, compile_expression
from statemachine.liquid_text import MAX_RENDERED_LENGTH
from statemachine.problem import MAX_PROBLEMS
from statemachine.schema import definition_schema
from statemachine.scope import Scope
from statemachine.source_writer import write_source
from statemachine.template import compile_value
from statemachine.template_error import TemplateError
from tests.fuzz.mutation import corpus, nearly_right, texts_of
from tests.fuzz.words import WORDS

# A second on an ordinary machine; a busy or slow one takes up to three times as long.
MAX_SECONDS = 3.0
"""The most work of the processor that one input may cause."""

Judge = Callable[[Any], str]
"""Runs one input. Answers how it ended, in a word; raises when a promise is broken."""


@dataclass(frozen=True, slots=True)
class Target:
    name: str
    inputs: st.SearchStrategy[Any]
    judge: Judge


def load(text: str | bytes) -> str:
    """Any bytes end in a workflow, or in problems that can be read."""
    loaded = load_workflow(text)
    assert (loaded.workflow is None) == bool(loaded.errors)
    assert len(loaded.problems) <= 2 * MAX_PROBLEMS + 4
    for problem in loaded.problems:
        assert problem.message
        assert problem.line is None or problem.line >= 1
        json.dumps([problem.path, problem.message, problem.suggestion]).encode()
    return "accepted" if loaded.workflow else "refused"


def define(data: Any) -> str:
    """A definition means the same in YAML and JSON, and the schema refuses nothing that is accepted."""
    text = json.dumps(data)
    ended = load(text)
    loaded = load_workflow(text)
    if loaded.workflow is None:
        return ended
    assert [error.message for error in _schema().iter_errors(data)] == []
    again = load_workflow(write_source(loaded.canonical, "yaml"))
    assert [str(problem) for problem in again.errors] == []
    assert again.canonical == loaded.canonical
    return ended


def express(text: str) -> str:
    """Any text is refused with a reason, fails with a reason, or gives plain data."""
    try:
        result = compile_expression(text).evaluate(SCOPE)
    except ExpressionError as error:
        return _refused(error.message)
    json.dumps(result, allow_nan=False)
    return "accepted"


def render(text: str) -> str:
    """Any template is refused with a reason, fails with a reason, or gives a value of bounded size."""
    try:
        result = compile_value(text).resolve(SCOPE)
    except (TemplateError, StepFailed) as error:
        return _refused(error.message)
    assert not isinstance(result, str) or len(result) <= max(MAX_RENDERED_LENGTH, len(text))
    return "accepted"


def _refused(message: str) -> str:
    assert message
    return "refused"


@cache
def _schema() -> Draft202012Validator:
    return Draft202012Validator(definition_schema())


SCOPE = Scope(
    contact=Contact(
        "c1", {"first_name": "Ann", "email": "a@example.com"}, {"plan": "pro", "nothing": None, "n": 1e308}
    ),
    trigger={"type": "order", "data": {"total": 10.5, "items": [{"name": "a", "price": 1}] * 50, "text": "x" * 5_000}},
    event=Event("e1", "order", data={"total": 10.5, "text": "é\U0001f600" * 100}),
    variables={
        "count": 3,
        "items": list(range(1_000)),
        "deep": {"a": [{"b": {"c": [None, True]}}]},
        "text": "a-b " * 500,
    },
    now=datetime(2026, 1, 1, 9, tzinfo=UTC),
    zone="Europe/Berlin",
)


_JUNK = ["&a ", "*a", "!!x ", "<<: ", "\0", "\ufeff", "\t", "[" * 40, "{", "---\n"]


def _spoil(text: str, at: int, junk: str) -> str:
    place = at % (len(text) + 1)
    return text[:place] + junk + text[place + len(junk) :]


_WRITTEN = [json.dumps(data) for data in corpus()] + [write_source(data, "yaml") for data in corpus()]
_SPOILED = st.builds(
    _spoil, st.sampled_from(_WRITTEN), st.integers(0, 10_000), st.text(min_size=1, max_size=6) | st.sampled_from(_JUNK)
)
_BYTES = st.binary(max_size=400) | st.text(max_size=400) | _SPOILED | _SPOILED.map(lambda text: text.encode("utf-16"))
_WORDS = st.lists(st.sampled_from(WORDS) | st.text(max_size=3), min_size=1, max_size=14).map("".join)


_FRAMES = {
    "expression": [
        "({0}) && ({1})", "{0} ? {1} : {0}", "NOT {0} == {1}", "items.map(i, {0}).filter(i, {1})", "[{0}, {1}].size()",
    ],
    "template": [
        "{{{{ {0} }}}}", "{{{{ {0} | {1} }}}}", "{{% if {0} %}}{1}{{% endif %}}",
        "{{% for i in {0} %}}{1}{{% endfor %}}", "{{% assign a = {0} %}}{{{{ a{1} }}}}",
    ],
}  # fmt: skip


def _words(kind: str) -> st.SearchStrategy[str]:
    """Words in any order, behind a text of the corpus, or in a frame that gives them a chance."""
    known = st.sampled_from(texts_of(kind))
    piece = known | st.sampled_from(WORDS) | st.lists(st.sampled_from(WORDS), max_size=3).map("".join)
    framed = st.builds(str.format, st.sampled_from(_FRAMES[kind]), piece, piece)
    return _WORDS | st.builds(operator.add, known, _WORDS) | framed | framed


TARGETS = {
    target.name: target
    for target in (
        Target("bytes", _BYTES, load),
        Target("definition", nearly_right(), define),
        Target("expression", _words("expression"), express),
        Target("template", _words("template"), render),
    )
}
