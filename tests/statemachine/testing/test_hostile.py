"""Whatever stands in `tests`, reading it tells problems, and running what was read ends with an answer."""

# ruff: noqa: E501 - a case reads best on one line

from __future__ import annotations

import copy
import json
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from statemachine.definition import load_workflow
from statemachine.testing.trial import run_tests

BASE: dict[str, Any] = {
    "key": "flow",
    "triggers": [{"type": "go"}],
    "steps": [
        {"id": "ask", "type": "task", "branches": {"yes": "tag"}},
        {"id": "sms", "type": "send_sms", "config": {"to": "1", "body": "x"}},
        {"id": "pause", "type": "wait", "config": {"on": [{"event": "x"}], "timeout": "1d"}},
        {"id": "tag", "type": "add_tag", "config": {"tag": "hot"}},
    ],
    "tests": [
        {
            "name": "one",
            "at": "2026-01-01T09:00Z",
            "until": "9d",
            "contact": {"id": "ann", "first_name": "Ann", "tags": ["a"], "score": 1, "custom_fields": {"x": 1}},
            "contacts": {"bob": {"plan": "pro"}},
            "events": [
                {"type": "go", "data": {"a": 1}, "key": "k", "patch": {"stage": "s"}},
                {"after": "1h", "op": "pause", "timers": "keep"},
                {"after": "2h", "op": "advance", "transition": "done", "data": {}},
                {"after": "3h", "upsert": {"tags": ["b"]}, "contact": "bob"},
                {"after": "4h", "op": "enroll", "workflow": "flow"},
            ],
            "results": {"ask": [{"error": "x", "times": 1, "then": {"a": 1}}, {"never": True}], "sms": {"outcome": "done"}},
            "expect": {
                "status": "completed", "path": ["ask"], "error": {"code": "x"}, "tags": ["a"], "no_tags": ["b"],
                "variables": {"a": 1}, "fields": {"x": 1}, "messages": [{"step": "sms"}], "verdicts": ["ENROLLED", None],
                "ended_after": "1d", "at": [{"after": "1h", "status": "waiting"}], "enrollments": [{"goal": None}],
            },
        }
    ],
}  # fmt: skip

values = st.one_of(
    st.none(), st.booleans(), st.integers(-3, 2**53), st.floats(allow_nan=False, allow_infinity=False),
    st.sampled_from(("", " ", "x", "ask", "bob", "1d", "-1d", "9999-12-31", "1e9d", "ENROLLED", "{{x", "\u202e", "a" * 300)),
    st.lists(st.integers(), max_size=2), st.dictionaries(st.sampled_from(("id", "type", "error", "x", "")), st.integers()),
)  # fmt: skip


def _places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(place for key, item in items for place in _places(item, (*path, key)))]


PLACES = [place for place in _places(BASE["tests"]) if place]


@settings(max_examples=400, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(st.tuples(st.sampled_from(PLACES), values), min_size=1, max_size=3))
def test_nothing_in_a_test_brings_reading_or_running_down(changes: list[tuple[tuple[Any, ...], Any]]) -> None:
    document = copy.deepcopy(BASE)
    for path, value in changes:
        place = document["tests"]
        for key in path[:-1]:
            place = place[key] if _has(place, key) else None
        if _has(place, path[-1]):
            place[path[-1]] = value
    loaded = load_workflow(json.dumps(document))
    if loaded.workflow is not None:
        for trial in run_tests(loaded.workflow, loaded.tests).trials:
            json.dumps([(one.expected, one.actual, one.text) for one in trial.differences])


def _has(place: Any, key: Any) -> bool:
    if isinstance(place, dict):
        return key in place
    return isinstance(place, list) and isinstance(key, int) and key < len(place)
